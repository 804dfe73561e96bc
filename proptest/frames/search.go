package frames

import (
	"flag"
	"runtime"
	"strconv"
	"sync"
	"time"

	"pgregory.net/rapid"
)

// Options says how long to look for differences, and from where.
type Options struct {
	Seed   uint64        // not 0
	Ops    int           // requests to send, at least
	Shrink time.Duration // time to spend on making a history shorter
	// Known tells differences that are to be passed over.
	Known func(*Difference) bool
}

// Search runs drawn histories until Ops requests are sent or a difference is
// found, which it returns in its shortest form.
func (p *Pair) Search(o Options) (*Difference, error) {
	end := p.Requests + o.Ops
	for seed := o.Seed; p.Requests < end; seed += 1_000_003 {
		d, err := p.chunk(seed, end, o)
		if d != nil && err == nil {
			d, err = p.Shrink(d, o.Shrink)
		}
		if d != nil || err != nil {
			return d, err
		}
	}
	return nil, nil
}

// inChunk is how many histories are drawn from one seed.
const inChunk = 20

// chunk runs some histories with rapid, which shrinks the one that fails.
func (p *Pair) chunk(seed uint64, end int, o Options) (found *Difference, err error) {
	defer setFlags(map[string]string{
		"rapid.checks": strconv.Itoa(inChunk), "rapid.seed": strconv.FormatUint(seed, 10),
		"rapid.nofailfile": "true", "rapid.shrinktime": "0s",
	})()
	done := make(chan struct{})
	go func() { // which ends where rapid has it fail
		defer close(done)
		rapid.Check(&quietTB{}, func(t *rapid.T) {
			if err != nil || found == nil && p.Requests >= end {
				return
			}
			d, e := p.Run(histories.Draw(t, "history"))
			if err = e; err != nil {
				return
			}
			if d != nil && (o.Known == nil || !o.Known(d)) {
				if found == nil || found.History.size() >= d.History.size() {
					found = d
				}
				t.Fatalf("%s", d.Signature())
			}
		})
	}()
	<-done
	return found, err
}

func (h History) size() int { return 2*h.Requests() + len(h) }

var histories = Histories()

// flagsMu is held while rapid's flags, of which there is one set, are changed.
var flagsMu sync.Mutex

func setFlags(values map[string]string) (restore func()) {
	flagsMu.Lock()
	before := make(map[string]string)
	for name, value := range values {
		f := flag.Lookup(name)
		before[name] = f.Value.String()
		if err := f.Value.Set(value); err != nil {
			panic(err)
		}
	}
	return func() {
		for name, value := range before {
			_ = flag.Lookup(name).Value.Set(value)
		}
		flagsMu.Unlock()
	}
}

// quietTB lets rapid fail without anybody noticing.
type quietTB struct{ failed bool }

func (q *quietTB) Helper()                   {}
func (q *quietTB) Name() string              { return "frames" }
func (q *quietTB) Logf(string, ...any)       {}
func (q *quietTB) Log(...any)                {}
func (q *quietTB) Skipf(string, ...any)      {}
func (q *quietTB) Skip(...any)               {}
func (q *quietTB) SkipNow()                  {}
func (q *quietTB) Errorf(f string, a ...any) { q.failed = true }
func (q *quietTB) Error(...any)              { q.failed = true }
func (q *quietTB) Fatalf(string, ...any)     { q.FailNow() }
func (q *quietTB) Fatal(...any)              { q.FailNow() }
func (q *quietTB) Fail()                     { q.failed = true }
func (q *quietTB) Failed() bool              { return q.failed }
func (q *quietTB) FailNow() {
	q.failed = true
	runtime.Goexit()
}
