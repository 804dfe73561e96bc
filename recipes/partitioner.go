package recipes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// SetPartitioner divides a set of items among the members of a party, such that
// each item belongs to one of them: kazoo's SetPartitioner, on the same nodes. It
// has goroutines from Start to Finish.
//
// When members come or go, everybody gives his items back (Released) and gets
// others: a loop over Changes does what is to be done.
type SetPartitioner struct {
	c    zkapi.Client
	path string
	set  []string
	o    PartitionOptions

	shift    shift
	mu       sync.Mutex
	state    PartitionState
	items    []string
	err      error
	release  chan struct{} // closed by Release; made anew with each state
	released bool
	turned   turn // the state has changed
	changes  audience[PartitionState]
}

// PartitionState is what a member of a partitioned set is doing.
type PartitionState int

// The states, with kazoo's names. From Allocating it comes to Acquired, from
// there to Releasing when members come or go, from there with Release to
// Allocating again; from anywhere to Failed.
const (
	PartitionAllocating PartitionState = iota // waits for its items
	PartitionAcquired                         // has them
	PartitionReleasing                        // has to stop working on them, and call Release
	PartitionFailed                           // is over
)

func (s PartitionState) String() string {
	return [...]string{"ALLOCATING", "ACQUIRED", "RELEASE", "FAILURE"}[s]
}

// PartitionOptions say how a SetPartitioner behaves. The zero value is a default.
type PartitionOptions struct {
	// Identifier is the member's name, which nobody else may have; the host and the
	// process by default.
	Identifier string
	ACL        []zkapi.ACL
	// Partition chooses the items of a member: by default every n-th of the sorted
	// ones. It has to give the same result everywhere, and all have to have the same set.
	Partition func(identifier string, members, items []string) []string
	// Quiet is how long nobody has to come or go before items are allocated; 30 s by default.
	Quiet time.Duration
	// Rejoin goes on in the next session when the session is lost, by way of
	// PartitionReleasing; otherwise that is the end, as with kazoo.
	Rejoin bool
}

// NewSetPartitioner makes a member of those who divide a set at a node, which is
// made when it is needed. Items are names of nodes: not empty, and without "/".
func NewSetPartitioner(c zkapi.Client, path string, set []string, opts ...func(*PartitionOptions)) *SetPartitioner {
	host, _ := os.Hostname()
	p := &SetPartitioner{c: c, path: path, turned: newTurn(),
		o: PartitionOptions{Identifier: fmt.Sprintf("%s-%d", host, os.Getpid()), Partition: everyNth, Quiet: 30 * time.Second}}
	p.set = slices.Compact(slices.Sorted(slices.Values(set)))
	for _, opt := range opts {
		opt(&p.o)
	}
	return p
}

// everyNth is kazoo's way of dividing a set.
func everyNth(identifier string, members, items []string) (own []string) {
	at := slices.Index(members, identifier)
	for i := at; at >= 0 && i < len(items); i += len(members) {
		own = append(own, items[i])
	}
	return own
}

func (p *SetPartitioner) fail(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("partitioner %s: %w", p.path, err)
}

// Start takes part. It returns at once; it can be called once.
func (p *SetPartitioner) Start() error {
	for _, x := range p.set {
		if err := zkapi.ValidatePath(zkapi.Join(p.path, "locks") + "/" + x); err != nil || x == "" || zkapi.Base("/"+x) != x {
			return p.fail(fmt.Errorf("item %.40q is no name of a node: %w", x, zkapi.ErrBadArguments))
		}
	}
	return p.fail(p.shift.start(p.run))
}

func (p *SetPartitioner) run(ctx context.Context) {
	party := NewShallowParty(p.c, zkapi.Join(p.path, "party"), func(o *Options) { o.Identifier, o.ACL = p.o.Identifier, p.o.ACL })
	pauses := patience.Start()
	for {
		err := p.round(ctx, party)
		switch {
		case ctx.Err() != nil:
			err = ErrCancelled
		case err == nil:
			pauses = patience.Start()
			continue
		case errors.Is(err, ErrSessionLost) && p.o.Rejoin, retryable(err), Classify(err) == Logical:
			pause, _ := pauses(nil, 0)
			_ = sleep(ctx, pause)
			continue
		}
		leaving, cancel := context.WithTimeoutCause(context.Background(), p.c.SessionTimeout(), ErrSuspended)
		_, _ = party.Leave(leaving) // what it does not reach in time, it does in the background
		cancel()
		p.enter(PartitionFailed, nil, err)
		return
	}
}

// round is from the joining of the party to the next change of its members.
func (p *SetPartitioner) round(ctx context.Context, party *Party) error {
	s, err := begin(ctx, p.c)
	if err != nil {
		return err
	}
	defer s.close()
	if err := party.Join(ctx); err != nil {
		return err
	}
	members, changed, err := p.members(ctx, s)
	if err != nil {
		return err
	}
	watching, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	inRound, end := context.WithCancel(ctx)
	over := make(chan struct{}) // closed when the session is
	var watch sync.WaitGroup
	watch.Go(func() { p.watch(inRound, s, changed, stop, over) })
	held, err := p.acquire(watching, members)
	if err == nil {
		err = p.have(ctx, watching, s, over, held)
	}
	end()
	watch.Wait()
	p.giveBack(ctx, held)
	if over := s.look(); over != nil && ctx.Err() == nil {
		return over
	}
	if errors.Is(err, errMembers) {
		return nil
	}
	return err
}

// errMembers says that it is time to divide the set anew.
var errMembers = errors.New("members have come or gone, or may have")

// members waits until nobody comes or goes, and then lists who is there.
func (p *SetPartitioner) members(ctx context.Context, s *session) (ids []string, changed <-chan struct{}, err error) {
	dir := zkapi.Join(p.path, "party")
	for l := s.lookout(); ; {
		l.round()
		names, moved, err := l.children(ctx, dir)
		if err != nil {
			return nil, nil, err
		}
		again := 0
		ids = nil
		for _, name := range names {
			if id, ok := cutIdentifier(name); ok {
				ids = append(ids, id)
				if id == p.o.Identifier {
					again++
				}
			}
		}
		quiet := p.o.Quiet
		if again > 1 {
			quiet = max(quiet, p.c.SessionTimeout()) // perhaps it is of an earlier session, and goes
		}
		l.alarm = time.Now().Add(quiet)
		end := l.alarm
		if err := l.wait(ctx, moved, nil); err != nil {
			return nil, nil, err
		}
		select {
		case <-moved:
			continue
		default:
		}
		switch {
		case time.Now().Before(end):
			continue
		case again > 1:
			return nil, nil, fmt.Errorf("%d members are called %.40q: %w", again, p.o.Identifier, zkapi.ErrBadArguments)
		}
		slices.Sort(ids)
		return slices.Compact(ids), moved, nil
	}
}

// cutIdentifier finds the identifier in the name of a node of a ShallowParty.
func cutIdentifier(name string) (id string, ok bool) {
	if len(name) > 33 && name[32] == '-' {
		return name[33:], true
	}
	return "", false
}

// watch ends a context when members come or go, or the connection is lost, and
// tells when the session is over.
func (p *SetPartitioner) watch(ctx context.Context, s *session, changed <-chan struct{}, stop context.CancelCauseFunc, over chan<- struct{}) {
	turns := s.turns
	for {
		select {
		case <-changed:
			changed = nil
			stop(errMembers)
		case <-s.states.Ready():
			if err := s.look(); err != nil {
				stop(err)
				close(over)
				return
			}
			if s.turns != turns {
				stop(errMembers)
			}
		case <-ctx.Done():
			return
		}
	}
}

// acquire locks the items of this member, all of them.
func (p *SetPartitioner) acquire(ctx context.Context, members []string) (held []*Hold, err error) {
	if !slices.Contains(members, p.o.Identifier) {
		return nil, errMembers
	}
	for _, x := range p.o.Partition(p.o.Identifier, slices.Clone(members), slices.Clone(p.set)) {
		if !slices.Contains(p.set, x) {
			return held, fmt.Errorf("item %.40q is not in the set: %w", x, zkapi.ErrBadArguments)
		}
		lock := NewLock(p.c, zkapi.Join(p.path, "locks", x), func(o *Options) { o.Identifier, o.ACL, o.NoRejoin = p.o.Identifier, p.o.ACL, true })
		if err := lock.Acquire(ctx); err != nil {
			if ctx.Err() != nil {
				return held, context.Cause(ctx)
			}
			return held, err
		}
		held = append(held, lock.Hold())
	}
	return held, nil
}

// have is the time in which the items belong to this member, and that until it has let them go.
func (p *SetPartitioner) have(ctx, watching context.Context, s *session, over <-chan struct{}, held []*Hold) error {
	lost := make(chan struct{})
	var once sync.Once
	for _, h := range held {
		defer context.AfterFunc(h.ctx, func() { once.Do(func() { close(lost) }) })()
		if !h.Held() {
			return errMembers
		}
	}
	var items []string
	for _, h := range held {
		items = append(items, zkapi.Base(zkapi.Parent(h.path)))
	}
	p.enter(PartitionAcquired, items, nil)
	select {
	case <-watching.Done():
	case <-lost:
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for released := p.enter(PartitionReleasing, items, nil); ; {
		select {
		case <-released:
			p.enter(PartitionAllocating, nil, nil)
			return errMembers
		case <-over:
			if !p.o.Rejoin || Classify(s.over) == Closed {
				return s.over
			}
			over = nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// giveBack releases the locks.
func (p *SetPartitioner) giveBack(ctx context.Context, held []*Hold) {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), p.c.SessionTimeout(), ErrSuspended)
	defer cancel()
	_ = releaseAll(ctx, held)
}

// enter changes the state. What it returns is closed by Release.
func (p *SetPartitioner) enter(state PartitionState, items []string, err error) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state, p.items, p.err = state, items, err
	p.release, p.released = make(chan struct{}), false
	if p.changes.tell(state); state == PartitionFailed {
		p.changes.end()
	}
	p.turned.over()
	return p.release
}

// State is what this member is doing.
func (p *SetPartitioner) State() PartitionState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

// Items are those that belong to this member, in PartitionAcquired, or that it has
// still to give back, in PartitionReleasing.
func (p *SetPartitioner) Items() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.items)
}

// Err says why it has come to PartitionFailed: ErrCancelled after Finish,
// ErrSessionLost, zkapi.ErrClosed, zkapi.ErrBadArguments if somebody else has the
// same identifier or the function has chosen what is not in the set.
func (p *SetPartitioner) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fail(p.err)
}

// WaitAcquired waits until this member has its items, which may be none. It fails
// with Err in PartitionFailed.
func (p *SetPartitioner) WaitAcquired(ctx context.Context) ([]string, error) {
	var state PartitionState
	var items []string
	err := p.turned.await(ctx, &p.mu, func() bool {
		state, items = p.state, slices.Clone(p.items)
		return state == PartitionAcquired || state == PartitionFailed
	})
	switch {
	case err != nil:
		return nil, p.fail(err)
	case state == PartitionFailed:
		return nil, p.Err()
	}
	return items, nil
}

// Release says that nothing is done with the items any more, in
// PartitionReleasing; otherwise it does nothing. Others cannot get them before.
func (p *SetPartitioner) Release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == PartitionReleasing && !p.released {
		p.released = true
		close(p.release)
	}
}

// Changes tells the state now and whenever it changes, none left out. The stream
// ends with PartitionFailed, or when it is closed.
func (p *SetPartitioner) Changes() *zkapi.Stream[PartitionState] {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changes.join(&p.mu, p.state)
}

// Finish gives everything back and takes part no more. It returns when that is
// done or the context ends; it is done in any case, as soon as there is a connection.
func (p *SetPartitioner) Finish(ctx context.Context) error {
	p.shift.end(func() { p.enter(PartitionFailed, nil, ErrCancelled) })
	select {
	case <-p.shift.over():
		return p.fail(Flush(ctx, p.c))
	case <-ctx.Done():
		return p.fail(context.Cause(ctx))
	}
}
