package recipes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/zksim/zksim/zkapi"
)

// Lease is held for a time, whatever becomes of the holder's session: kazoo's
// NonBlockingLease, and with NewMultiLease its MultiNonBlockingLease, on the same
// nodes. It ends by the clocks of those who take part, so it is as good as these agree.
type Lease struct {
	c        zkapi.Client
	path     string
	duration time.Duration
	id       string
	o        LeaseOptions
	slots    []*slot
}

// LeaseOptions say how a lease behaves. The zero value is a default.
type LeaseOptions struct {
	Options
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// slot is one lease that can be had.
type slot struct {
	path string
	lock *Lock
}

const (
	leaseHolder  = "lease_holder"
	leaseVersion = 1
	leaseTime    = "2006-01-02T15:04:05"
)

// leaseData is what the node of a lease has.
type leaseData struct {
	Version int    `json:"version"`
	Holder  string `json:"holder"`
	End     string `json:"end"` // in UTC
}

// NewLease makes a participant in a lease at a node, which is made when it is
// needed. id is that of the holder: those who have the same one hold it together.
func NewLease(c zkapi.Client, path string, duration time.Duration, id string, opts ...func(*LeaseOptions)) *Lease {
	l := newLease(c, path, duration, id, opts)
	l.add(path)
	return l
}

// NewMultiLease is NewLease where so many can hold one at the same time.
func NewMultiLease(c zkapi.Client, path string, count int, duration time.Duration, id string, opts ...func(*LeaseOptions)) *Lease {
	l := newLease(c, path, duration, id, opts)
	for i := range count {
		l.add(zkapi.Join(path, fmt.Sprint(i)))
	}
	return l
}

func newLease(c zkapi.Client, path string, duration time.Duration, id string, opts []func(*LeaseOptions)) *Lease {
	l := &Lease{c: c, path: path, duration: duration, id: id, o: LeaseOptions{Now: time.Now}}
	for _, opt := range opts {
		opt(&l.o)
	}
	l.o.Identifier = id
	return l
}

func (l *Lease) add(path string) {
	l.slots = append(l.slots, &slot{path, NewLock(l.c, path, func(o *Options) { *o = l.o.Options })})
}

func (l *Lease) fail(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("lease %s: %w", l.path, err)
}

// Obtain takes the lease, or renews it, from now on for the duration, and tells
// whether it is held then. It waits only for those who are doing the same at the
// moment. What another version of the recipe has written is left alone.
func (l *Lease) Obtain(ctx context.Context) (bool, error) {
	slots, err := l.inOrder(ctx)
	for _, s := range slots {
		var ok bool
		if ok, err = l.change(ctx, s, true); ok || err != nil {
			return ok, l.fail(err)
		}
	}
	return false, l.fail(err)
}

// inOrder are the slots, those of this holder first, so that he never has two.
func (l *Lease) inOrder(ctx context.Context) (slots []*slot, err error) {
	var others []*slot
	for _, s := range l.slots {
		data, _, _, err := l.read(ctx, s)
		if err != nil {
			return nil, err
		}
		if data.Holder == l.id {
			slots = append(slots, s)
		} else {
			others = append(others, s)
		}
	}
	return append(slots, others...), nil
}

// read reads who has a slot. Of a slot that nobody has had the version is 0, of
// one that is not to be understood -1.
func (l *Lease) read(ctx context.Context, s *slot) (data leaseData, stat zkapi.Stat, there bool, err error) {
	var text []byte
	err = inSession(ctx, l.c, func(x *session) error {
		return x.do(ctx, func() (err error) {
			text, stat, err = l.c.Get(ctx, zkapi.Join(s.path, leaseHolder))
			return err
		})
	})
	if errors.Is(err, zkapi.ErrNoNode) {
		return data, stat, false, nil
	}
	if err == nil && json.Unmarshal(text, &data) != nil {
		data = leaseData{Version: -1}
	}
	return data, stat, err == nil, err
}

// change takes the lease or gives it back, under its lock, and only if the lock
// is still held at that moment.
func (l *Lease) change(ctx context.Context, s *slot, obtain bool) (done bool, err error) {
	for unknown := false; ; {
		tried := false
		failed := s.lock.Do(ctx, func(_ context.Context, h *Hold) error {
			tried = true
			done, err = l.write(ctx, s, h, obtain)
			return nil
		})
		switch {
		case !tried:
			return false, failed
		case err == nil:
			return done || unknown && !obtain, nil
		case ctx.Err() != nil || !errors.Is(err, ErrNotHeld) && !errors.Is(err, ErrOutcomeUnknown) && Classify(err) != Logical:
			return false, err
		}
		unknown = unknown || errors.Is(err, ErrOutcomeUnknown) // doing it again does no harm
	}
}

func (l *Lease) write(ctx context.Context, s *slot, h *Hold, obtain bool) (bool, error) {
	node := zkapi.Join(s.path, leaseHolder)
	data, stat, there, err := l.read(ctx, s)
	if err != nil {
		return false, err
	}
	end, bad := time.Parse(leaseTime, data.End)
	now := l.o.Now().UTC()
	mine := there && data.Version == leaseVersion && data.Holder == l.id
	var op zkapi.Op
	switch {
	case !obtain && !mine:
		return false, nil
	case !obtain:
		op = zkapi.DeleteOp(node, stat.Version)
	case !there:
		op = zkapi.CreateOp(node, l.text(now), l.o.ACL, zkapi.Persistent)
	case data.Version != leaseVersion || bad != nil, !mine && now.Before(end):
		return false, nil
	default:
		op = zkapi.SetOp(node, l.text(now), stat.Version)
	}
	_, err = h.Multi(ctx, op)
	return err == nil, err
}

// text is what kazoo writes, byte for byte.
func (l *Lease) text(now time.Time) []byte {
	return fmt.Appendf(nil, `{"version": %d, "holder": %s, "end": "%s"}`, leaseVersion, pythonJSON(l.id), now.Add(l.duration).Format(leaseTime))
}

// pythonJSON is a string as Python's json writes it, in ASCII.
func pythonJSON(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\b':
			b.WriteString(`\b`)
		case r == '\f':
			b.WriteString(`\f`)
		case r >= ' ' && r < 0x7f:
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// Expires is when the lease ends that this holder has, to the second, and false
// if he has none.
func (l *Lease) Expires(ctx context.Context) (time.Time, bool, error) {
	for _, s := range l.slots {
		data, _, _, err := l.read(ctx, s)
		if err != nil {
			return time.Time{}, false, l.fail(err)
		}
		if end, bad := time.Parse(leaseTime, data.End); data.Holder == l.id && bad == nil && l.o.Now().Before(end) {
			return end, true, nil
		}
	}
	return time.Time{}, false, nil
}

// Release gives the lease back before its end, and tells whether it was held.
func (l *Lease) Release(ctx context.Context) (was bool, err error) {
	for _, s := range l.slots {
		done, err := l.change(ctx, s, false)
		if err != nil {
			return was, l.fail(err)
		}
		was = was || done
	}
	return was, nil
}
