package recipes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/zksim/zksim/zkapi"
)

// LeaderLatch takes part in an election from Start to Close, and leads whenever
// it is first. It is Curator's LeaderLatch, on the same nodes; there is one
// layout. Nothing is called back: whoever wants to know waits with Await or
// reads Changes.
type LeaderLatch struct {
	q *queue

	shift   shift
	mu      sync.Mutex
	closing bool
	err     error // why it has ended
	leads   bool
	turned  turn // anything of this has changed
	changes audience[bool]
	hold    *Hold
	node    string // its own
	last    string // by which it leads, or has led last
}

// NewLeaderLatch makes a participant of the election at a node, which is made
// when it is needed.
func NewLeaderLatch(c zkapi.Client, path string, opts ...func(*Options)) *LeaderLatch {
	o := newOptions(opts)
	o.Layout, o.NoRejoin = Curator, false
	l := &LeaderLatch{turned: newTurn()}
	l.q = &queue{c: c, dir: path, o: o, data: []byte(o.Identifier), joined: l.joined,
		tag: "-latch-", tags: append([]string{"-latch-"}, o.ExtraTags...)}
	return l
}

// Start takes part, as soon as there is a connection. It can be called once.
func (l *LeaderLatch) Start() error {
	if err := zkapi.ValidatePath(l.q.dir); err != nil {
		return l.fail(err)
	}
	return l.fail(l.shift.start(l.run))
}

func (l *LeaderLatch) fail(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("latch %s: %w", l.q.dir, err)
}

// run takes part, with one node after the other, until the context ends.
func (l *LeaderLatch) run(ctx context.Context) {
	pauses := patience.Start()
	for {
		p, err := l.q.take(ctx, false)
		if err == nil {
			pauses = patience.Start()
			h := p.hold(func(h *Hold) { h.changed = func(held bool) { l.set(h, held) } })
			select {
			case <-h.lost:
			case <-ctx.Done():
			}
			err = h.Release(ctx)
			l.set(nil, false)
		}
		if ctx.Err() != nil || Classify(err) == Closed || errors.Is(err, zkapi.ErrAuthFailed) {
			l.finish(err)
			return
		}
		pause, _ := pauses(nil, 0)
		_ = sleep(ctx, pause)
	}
}

// set notes who leads, and tells everybody.
func (l *LeaderLatch) set(h *Hold, leads bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hold = h; h != nil {
		l.last = h.path
	}
	if l.leads == leads || leads && l.closing {
		return
	}
	l.leads = leads
	l.changes.tell(leads)
	l.turned.over()
}

func (l *LeaderLatch) joined(path string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.node = path
}

func (l *LeaderLatch) finish(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err = err; l.closing {
		l.err = ErrCancelled
	}
	l.changes.end()
	l.turned.over()
}

// Close takes part no more and waits until the node is deleted, or the context
// ends; the node is deleted in any case. That it does not lead any more is told
// before. Close is idempotent.
func (l *LeaderLatch) Close(ctx context.Context) error {
	l.mu.Lock()
	l.closing = true
	l.mu.Unlock()
	l.set(nil, false)
	l.shift.end(func() { l.finish(ErrCancelled) })
	<-l.shift.over()
	return l.fail(Flush(ctx, l.q.c))
}

// HasLeadership tells whether it leads now, as far as the client can know.
func (l *LeaderLatch) HasLeadership() bool {
	l.mu.Lock()
	leads, h := l.leads, l.hold
	l.mu.Unlock()
	return leads && h.Held()
}

// Hold is what it leads by, nil if it does not: for its Token, Multi and Context.
func (l *LeaderLatch) Hold() *Hold {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.leads {
		return nil
	}
	return l.hold
}

// Await waits until it leads. It fails with ErrCancelled once it is closed, with
// zkapi.ErrClosed once the client is.
func (l *LeaderLatch) Await(ctx context.Context) error {
	var end error
	err := l.turned.await(ctx, &l.mu, func() bool {
		end = l.err
		return l.leads || end != nil
	})
	return l.fail(cmp.Or(err, end))
}

// Changes tells each beginning (true) and each end (false) of leadership from
// now on, in turns and none left out; if it leads already that comes first. The
// stream ends with the latch, or when it is closed.
func (l *LeaderLatch) Changes() *zkapi.Stream[bool] {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.leads {
		return l.changes.join(&l.mu, true)
	}
	return l.changes.join(&l.mu)
}

// Node is the path of its node, the latest if it has none now; "" before the first.
func (l *LeaderLatch) Node() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.node
}

// LastNode is the path of the node by which it leads or has led last, "" if it never has.
func (l *LeaderLatch) LastNode() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// Participants are all that take part, the leader first.
func (l *LeaderLatch) Participants(ctx context.Context) ([]Participant, error) {
	list, err := l.q.participants(ctx)
	return list, l.fail(err)
}

// Leader is who leads, or would if he had noticed; false if nobody takes part.
func (l *LeaderLatch) Leader(ctx context.Context) (Participant, bool, error) {
	list, err := l.Participants(ctx)
	if len(list) == 0 {
		return Participant{}, false, err
	}
	return list[0], true, nil
}
