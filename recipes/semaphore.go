package recipes

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// Semaphore gives out so many leases at a time, to those who wait in the order
// in which they came. It is kazoo's Semaphore and Curator's
// InterProcessSemaphoreV2, on the same nodes.
//
// Whoever wants leases first waits in line for a lock; who has it waits until
// there are leases enough, and makes his own in a transaction that fails if he
// has lost the lock meanwhile. So there are never too many leases, and only one
// of those who wait watches them.
//
// A Semaphore may be acquired any number of times. All methods may be called
// from any goroutine.
type Semaphore struct {
	c      zkapi.Client
	path   string
	o      *Options
	line   *queue // of those who wait
	leases *queue
	counts func(name string) bool // whether a child of the leases' directory is a lease

	pending pending
	mu      sync.Mutex
	max     int
	resized turn
}

// NewSemaphore makes a semaphore of max leases at a node, which is made when it
// is needed. In kazoo's layout the node's data is the number of leases: whoever
// has another max fails with ErrLimit, and a max of 0 takes what the node says.
// Curator's layout does not keep the number, so max must be that of all others; where
// that is a SharedCount, give each of Shared.Changes to Resize.
func NewSemaphore(c zkapi.Client, path string, max int, opts ...func(*Options)) *Semaphore {
	o := newOptions(opts)
	data := []byte(o.Identifier)
	m := &Semaphore{c: c, path: path, o: o, max: max, resized: newTurn()}
	if o.Layout == Kazoo {
		m.line = &queue{c: c, dir: path + "-__lock__", o: o, data: data, tag: "__lock__", tags: []string{"__lock__"}}
		m.leases = &queue{c: c, dir: path, o: o, data: data}
		m.counts = func(name string) bool { return len(name) == 32 && strings.Trim(name, "0123456789abcdef") == "" }
		return m
	}
	m.line = &queue{c: c, dir: zkapi.Join(path, "locks"), o: o, data: data, tag: "-lock-", tags: []string{"-lock-"}}
	m.leases = &queue{c: c, dir: zkapi.Join(path, "leases"), o: o, data: data, tag: "-lease-"}
	m.counts = func(name string) bool { _, ok := counter(name, "-lease-"); return ok }
	return m
}

// Acquire waits for a lease; the caller releases the Hold. What Lock.Acquire
// says about connections, sessions and contexts holds here, too.
func (m *Semaphore) Acquire(ctx context.Context) (*Hold, error) {
	holds, err := m.acquire(ctx, 1, false)
	if err != nil {
		return nil, err
	}
	return holds[0], nil
}

// AcquireN waits for n leases, which come together: two who want several never
// wait for each other.
func (m *Semaphore) AcquireN(ctx context.Context, n int) ([]*Hold, error) {
	return m.acquire(ctx, n, false)
}

// TryAcquire takes a lease if there is one. It returns nil and no error if there
// is none, or if others are so busy with what there is that it takes more than a second.
func (m *Semaphore) TryAcquire(ctx context.Context) (*Hold, error) {
	holds, err := m.acquire(ctx, 1, true)
	if len(holds) == 0 {
		return nil, err
	}
	return holds[0], nil
}

// Cancel ends the calls that wait for leases; they fail with ErrCancelled.
func (m *Semaphore) Cancel() { m.pending.cancel() }

func (m *Semaphore) fail(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("semaphore %s: %w", m.path, err)
}

func (m *Semaphore) limit() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.max
}

func (m *Semaphore) acquire(ctx context.Context, n int, try bool) ([]*Hold, error) {
	if n < 1 {
		return nil, m.fail(fmt.Errorf("%d leases are asked for: %w", n, zkapi.ErrBadArguments))
	}
	ctx, done := m.pending.enter(ctx)
	defer done()
	for {
		holds, err := m.once(ctx, n, try)
		again := errors.Is(err, errGone) || errors.Is(err, ErrNodeDeleted) || errors.Is(err, ErrSessionLost) && !m.o.NoRejoin
		if !again || ctx.Err() != nil {
			return holds, m.fail(err)
		}
	}
}

// errBusy says that somebody who only tries has waited long enough.
var errBusy = errors.New("others are busy")

const tryPatience = time.Second

// once is one attempt, in one session.
func (m *Semaphore) once(ctx context.Context, n int, try bool) ([]*Hold, error) {
	waiting := ctx
	if try {
		if full, err := m.full(ctx); full || err != nil {
			return nil, err
		}
		limited, cancel := context.WithTimeoutCause(ctx, tryPatience, errBusy)
		defer cancel()
		waiting = limited
	}
	turn, err := m.line.take(waiting, false)
	switch {
	case errors.Is(err, errBusy):
		return nil, nil
	case err != nil:
		return nil, err
	}
	a := &admission{m: m, turn: turn, s: turn.s, n: n, turns: turn.s.turns}
	admitted, err := a.wait(ctx, try)
	var holds []*Hold
	if admitted {
		holds, err = a.take(ctx)
	}
	if left := turn.leave(ctx); err == nil && !admitted {
		err = left
	}
	for _, h := range holds {
		if lost := h.news(ctx); lost != nil { // while we left: others may have the lease by now
			_ = releaseAll(ctx, holds)
			return nil, lost
		}
	}
	return holds, err
}

// full looks whether there is no use in trying.
func (m *Semaphore) full(ctx context.Context) (full bool, err error) {
	err = inSession(ctx, m.c, func(s *session) error {
		var names []string
		err := s.do(ctx, func() (err error) {
			names, _, err = m.c.Children(ctx, m.leases.dir)
			return err
		})
		if errors.Is(err, zkapi.ErrNoNode) {
			return nil
		}
		if err != nil {
			return err
		}
		max, err := m.agreed(ctx, s)
		full = max > 0 && m.count(names) >= max
		return err
	})
	return full, err
}

func (m *Semaphore) count(names []string) (leases int) {
	for _, name := range names {
		if m.counts(name) {
			leases++
		}
	}
	return leases
}

// agreed is the number of leases as the node has it, 0 if it does not say.
func (m *Semaphore) agreed(ctx context.Context, s *session) (int, error) {
	if m.o.Layout != Kazoo {
		return m.limit(), nil
	}
	var data []byte
	err := s.do(ctx, func() (err error) {
		data, _, err = m.c.Get(ctx, m.path)
		return err
	})
	if errors.Is(err, zkapi.ErrNoNode) {
		return m.limit(), nil
	}
	if err != nil {
		return 0, err
	}
	return m.compare(data)
}

func (m *Semaphore) compare(data []byte) (int, error) {
	own := m.limit()
	theirs, err := strconv.Atoi(string(data))
	switch {
	case err != nil || theirs < 0: // nobody has said anything yet
		return own, nil
	case own != 0 && own != theirs:
		return 0, fmt.Errorf("%w: %d leases there, %d here", ErrLimit, theirs, own)
	}
	return theirs, nil
}

// admission is somebody whose turn it is.
type admission struct {
	m     *Semaphore
	turn  *place
	s     *session
	n     int
	armed bool // it watches, since it has to wait
	turns int  // of the session, when watches were armed last
}

// wait waits until there are leases enough; with try it only looks.
func (a *admission) wait(ctx context.Context, try bool) (admitted bool, err error) {
	for {
		max, changed, err := a.max(ctx)
		if err != nil {
			return false, err
		}
		leases, left, err := a.count(ctx)
		a.turns = a.s.turns
		switch {
		case err != nil:
			return false, err
		case a.n > max:
			return false, fmt.Errorf("%d leases are asked for, there are %d: %w", a.n, max, zkapi.ErrBadArguments)
		case leases+a.n <= max:
			return true, nil
		case try:
			return false, nil
		case !a.armed:
			a.armed = true
			continue
		}
		select {
		case <-changed:
		case <-left:
		case <-a.turn.own.fired:
		case <-a.s.states.Ready():
		case <-ctx.Done():
		}
		if err := a.turn.awake(ctx); err != nil {
			return false, err
		}
	}
}

// standing is standing, but for watches from before a reconnection.
func (a *admission) standing(on watched) *watch {
	if a.turns != a.s.turns {
		return nil
	}
	return standing(a.m.c, on)
}

// max is the number of leases, and a channel that tells when it may have
// changed. It writes the number down where nobody has.
func (a *admission) max(ctx context.Context) (int, <-chan struct{}, error) {
	m, s := a.m, a.s
	if m.o.Layout != Kazoo {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.max, m.resized.next, nil
	}
	for {
		w := a.standing(watched{path: m.path})
		var data []byte
		var stat zkapi.Stat
		err := s.do(ctx, func() (err error) {
			if w != nil || !a.armed {
				data, stat, err = m.c.Get(ctx, m.path)
			} else {
				w, data, stat, err = armData(ctx, m.c, m.path)
			}
			return err
		})
		if err == nil {
			max, err := m.compare(data)
			if err != nil || string(data) == strconv.Itoa(max) {
				return max, w.share(), err
			}
		} else if !errors.Is(err, zkapi.ErrNoNode) {
			return 0, nil, err
		}
		if err := a.write(ctx, err == nil, stat.Version); err != nil {
			return 0, nil, err
		}
	}
}

// write writes the number of leases into the node, or makes it.
func (a *admission) write(ctx context.Context, there bool, version int32) error {
	m, s := a.m, a.s
	own := m.limit()
	if own < 1 {
		return fmt.Errorf("%w: neither the node nor the caller has one", ErrLimit)
	}
	data := []byte(strconv.Itoa(own))
	err := s.do(ctx, func() (err error) {
		if there {
			_, err = m.c.Set(ctx, m.path, data, version)
		} else {
			_, err = m.c.Create(ctx, m.path, data, m.o.ACL, zkapi.Persistent)
		}
		return err
	})
	switch {
	case errors.Is(err, zkapi.ErrNoNode) && !there && zkapi.Parent(m.path) != "/":
		return m.o.ensure(ctx, s, zkapi.Parent(m.path))
	case errors.Is(err, zkapi.ErrNodeExists), errors.Is(err, zkapi.ErrBadVersion), errors.Is(err, zkapi.ErrNoNode) && there:
		return nil // somebody was faster
	}
	return err
}

// count is the number of leases that are out, and a channel that tells when it has changed.
func (a *admission) count(ctx context.Context) (int, <-chan struct{}, error) {
	m, dir := a.m, a.m.leases.dir
	w := a.standing(watched{dir, true})
	var names []string
	for {
		err := a.s.do(ctx, func() (err error) {
			if w != nil || !a.armed {
				names, _, err = m.c.Children(ctx, dir)
			} else {
				w, names, err = armChildren(ctx, m.c, dir)
			}
			return err
		})
		if errors.Is(err, zkapi.ErrNoNode) {
			w = nil
			if err := m.o.ensure(ctx, a.s, dir); err != nil {
				return 0, nil, err
			}
			continue
		}
		if err != nil {
			return 0, nil, err
		}
		return m.count(names), w.share(), nil
	}
}

// take makes the leases.
func (a *admission) take(ctx context.Context) ([]*Hold, error) {
	q, mode := a.m.leases, zkapi.Ephemeral
	if q.tag != "" {
		mode = zkapi.EphemeralSequential
	}
	if a.m.o.Persistent {
		mode = map[zkapi.CreateMode]zkapi.CreateMode{zkapi.Ephemeral: zkapi.Persistent, zkapi.EphemeralSequential: zkapi.PersistentSequential}[mode]
	}
	places := make([]*place, a.n)
	for i := range places {
		places[i] = &place{q: q, prefix: q.o.Layout.named(newGUID(), q.tag)}
	}
	err := claim(ctx, a.s, a.turn.path(), mode, places)
	for _, p := range places {
		if err == nil {
			err = p.follow(ctx, a.s.id)
		}
	}
	if err != nil {
		for _, p := range places {
			_ = p.leave(ctx)
		}
		return nil, err
	}
	holds := make([]*Hold, a.n)
	for i, p := range places {
		holds[i] = p.hold()
	}
	return holds, nil
}

// follow gives a place a session of its own to look at, which has to be the
// same, and looks at the node.
func (p *place) follow(ctx context.Context, id int64) error {
	s, err := begin(ctx, p.q.c)
	if err != nil {
		return err
	}
	if p.s = s; s.id != id {
		return ErrSessionLost
	}
	return p.look(ctx)
}

// LeaseHolders are the identifiers of those who have a lease, in no order.
func (m *Semaphore) LeaseHolders(ctx context.Context) ([]string, error) {
	identifiers, _, err := m.held(ctx)
	return identifiers, m.fail(err)
}

// LeaseNodes are the paths of their nodes, in the same order.
func (m *Semaphore) LeaseNodes(ctx context.Context) ([]string, error) {
	_, nodes, err := m.held(ctx)
	return nodes, m.fail(err)
}

func (m *Semaphore) held(ctx context.Context) (identifiers, nodes []string, err error) {
	err = inSession(ctx, m.c, func(s *session) error {
		identifiers, nodes, err = m.leases.contents(ctx, s, func(names []string) (leases []contender) {
			for _, name := range names {
				if m.counts(name) {
					leases = append(leases, contender{name: name})
				}
			}
			return leases
		})
		return err
	})
	return identifiers, nodes, err
}

// MaxLeases is the number of leases, as the node says in kazoo's layout.
func (m *Semaphore) MaxLeases(ctx context.Context) (max int, err error) {
	err = inSession(ctx, m.c, func(s *session) error {
		max, err = m.agreed(ctx, s)
		return err
	})
	return max, m.fail(err)
}

// Resize changes the number of leases, for this Semaphore and in kazoo's layout
// also in the node, which those follow who have made theirs with a max of 0.
// Others fail with ErrLimit from now on. If there are more leases now, whoever
// waits gets them at once; if there are fewer, nobody gets one before so many
// have been given back.
func (m *Semaphore) Resize(ctx context.Context, max int) error {
	if max < 1 {
		return m.fail(fmt.Errorf("%d leases: %w", max, zkapi.ErrBadArguments))
	}
	if m.o.Layout == Kazoo {
		if err := inSession(ctx, m.c, func(s *session) error { return m.write(ctx, s, max) }); err != nil {
			return m.fail(err)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.max != 0 {
		m.max = max
	}
	m.resized.over()
	return nil
}

// write writes a number into the node. Doing it twice does no harm.
func (m *Semaphore) write(ctx context.Context, s *session, max int) error {
	data := []byte(strconv.Itoa(max))
	for {
		err := s.do(ctx, func() error {
			_, err := m.c.Set(ctx, m.path, data, zkapi.AnyVersion)
			return err
		})
		if !errors.Is(err, zkapi.ErrNoNode) {
			return err
		}
		err = s.do(ctx, func() error {
			_, err := zkapi.CreateRecursive(ctx, m.c, m.path, data, m.o.ACL, zkapi.Persistent)
			return err
		})
		if !errors.Is(err, zkapi.ErrNodeExists) {
			return err
		}
	}
}
