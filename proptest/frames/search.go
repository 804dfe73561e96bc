package frames

import "slices"

// Draw makes the history that belongs to a seed.
func Draw(seed uint64) History { return histories.Example(int(seed)) }

var histories = Histories()

// Options says what to look for, from where and for how long.
type Options struct {
	Seed uint64 // of the first history; the next one has the next
	Ops  int    // requests to send, at least
	// Found is told of each difference, with the seed of its history, and says
	// whether to go on. It may use the Pair.
	Found func(d *Difference, seed uint64) bool
	// Each, if not nil, is called after each history.
	Each func()
}

// Search runs drawn histories until Ops requests are sent or Found has enough.
// The error says that a server could not be started.
func (p *Pair) Search(o Options) error {
	for seed, sent := o.Seed, 0; sent < o.Ops; seed++ {
		before := p.Requests
		d, err := p.Run(Draw(seed))
		if err != nil {
			return err
		}
		sent += p.Requests - before
		if d != nil && !o.Found(d, seed) {
			return nil
		}
		if o.Each != nil {
			o.Each()
		}
	}
	return nil
}

// kept is how many histories a Pair remembers, for Confirm.
const kept = 40

// Confirm tells whether a difference is one: it runs the history again, on
// servers that have just started, three times, and if that does not show it,
// once more behind the histories that have run before it. A real server is not
// always the same, so what comes only once says nothing. It returns what it
// has seen, or nil.
func (p *Pair) Confirm(d *Difference) (*Difference, error) {
	before := slices.Clone(p.recent)
	for range 3 {
		p.broken = true
		if again, err := p.Run(d.History); again != nil || err != nil {
			return again, err
		}
	}
	p.broken = true
	for _, h := range before {
		if again, err := p.Run(h); again != nil || err != nil {
			return again, err
		}
	}
	return nil, nil
}
