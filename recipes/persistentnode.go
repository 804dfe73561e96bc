package recipes

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/zksim/zksim/zkapi"
)

// PersistentNode keeps a node in place from Start to Close, over lost connections
// and sessions, and makes it again when somebody deletes it. It is Curator's
// PersistentNode. It has a goroutine while it is started.
//
// An ephemeral node of another session is left alone until it goes, but for one
// that an earlier session of this PersistentNode has made, which is replaced at once.
type PersistentNode struct {
	c    zkapi.Client
	mode zkapi.CreateMode
	o    *Options
	dir  string
	name string // of the node; in the sequential modes the prefix of it until it is made

	shift   shift
	mu      sync.Mutex
	data    []byte
	made    bool          // the node is there, with this data, as far as is known
	named   bool          // the name is that of a node
	err     error         // why it has ended
	turned  turn          // it is made or has ended
	wake    chan struct{} // closed when there is other data to be set, and made anew
	created audience[string]

	owners []int64 // sessions that may have made the node; the goroutine's
	late   bool    // a request to make it was given up, and may be done in a session to come
	dirty  bool    // there may be more than one; the goroutine's
}

// NewPersistentNode makes a keeper of a node with data; the TTL modes are not for
// it. In the sequential modes the name begins with a GUID, as Curator's does with
// protection, and the counter that it gets first stays.
func NewPersistentNode(c zkapi.Client, path string, mode zkapi.CreateMode, data []byte, opts ...func(*Options)) *PersistentNode {
	n := &PersistentNode{c: c, mode: mode, o: newOptions(opts), dir: zkapi.Parent(path), name: zkapi.Base(path),
		data: content(bytes.Clone(data)), named: !mode.Sequential(), turned: newTurn(), wake: make(chan struct{})}
	n.o.Persistent = false
	if mode.Sequential() {
		n.name = Curator.named(newGUID(), "-"+n.name)
	}
	return n
}

func (n *PersistentNode) fail(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("node %s: %w", n.Path(), err)
}

// Start begins to keep the node. It can be called once.
func (n *PersistentNode) Start() error {
	err := zkapi.ValidateCreate(zkapi.Join(n.dir, n.name), n.mode)
	if err == nil && n.mode.TTL() {
		err = fmt.Errorf("mode %v is for TTLNode: %w", n.mode, zkapi.ErrBadArguments)
	}
	if err == nil {
		err = n.shift.start(n.run)
	}
	return n.fail(err)
}

// run keeps the node until the context ends, and deletes it then.
func (n *PersistentNode) run(ctx context.Context) {
	pauses := patience.Start()
	for ctx.Err() == nil {
		err := inSession(ctx, n.c, func(s *session) error {
			if !slices.Contains(n.owners, s.id) {
				n.owners = append(n.owners, s.id)
			}
			err := n.tend(ctx, s)
			n.locked(func() { n.made = false })
			if errors.Is(err, ErrSessionLost) && n.o.NoRejoin {
				n.finish(ErrSessionLost)
				return errOver
			}
			return err
		})
		if errors.Is(err, errOver) {
			return
		}
		if ctx.Err() == nil && (Classify(err) == Closed || Classify(err) == Terminal) {
			n.finish(err)
			return
		}
		pause, _ := pauses(nil, 0)
		_ = sleep(ctx, pause)
	}
	n.finish(ErrCancelled)
	n.depart()
}

// errOver says that a session is over and there is to be no other.
var errOver = errors.New("not again")

// tend makes the node and looks after it for one session.
func (n *PersistentNode) tend(ctx context.Context, s *session) error {
	if err := s.catchUp(ctx, n.dir); err != nil {
		return err
	}
	for l := s.lookout(); ; {
		l.round()
		want, wake := n.wanted()
		data, stat, changed, err := []byte(nil), zkapi.Stat{}, (<-chan struct{})(nil), error(zkapi.ErrNoNode)
		if n.named {
			data, stat, changed, err = l.data(ctx, n.path())
		}
		switch {
		case errors.Is(err, zkapi.ErrNoNode):
			n.locked(func() { n.made = false })
			if err := n.create(ctx, s, want); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		case n.mode.Ephemeral() && stat.EphemeralOwner != s.id:
			if !slices.Contains(n.owners, stat.EphemeralOwner) {
				n.locked(func() { n.made = false })
				break
			}
			if err := n.replace(ctx, s, want, stat.Version); err != nil {
				return err
			}
			continue
		case !bytes.Equal(data, want):
			err := s.do(ctx, func() error { _, err := n.c.Set(ctx, n.path(), want, zkapi.AnyVersion); return err })
			if err != nil && !errors.Is(err, zkapi.ErrNoNode) {
				return err
			}
			continue
		default:
			n.keep(want)
		}
		if err := l.wait(ctx, changed, wake); err != nil {
			return err
		}
	}
}

func (n *PersistentNode) path() string { return zkapi.Join(n.dir, n.name) }

func (n *PersistentNode) wanted() ([]byte, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.data, n.wake
}

// create makes the node, under the name that it had if it had one.
func (n *PersistentNode) create(ctx context.Context, s *session, data []byte) error {
	mode := n.mode
	if n.named && mode.Sequential() {
		mode = map[bool]zkapi.CreateMode{true: zkapi.Ephemeral, false: zkapi.Persistent}[mode.Ephemeral()]
	}
	if !n.named {
		p := &place{q: &queue{c: n.c, dir: n.dir, o: n.o, data: data}, s: s, prefix: n.name}
		if mode == zkapi.PersistentSequential {
			o := *n.o
			o.Persistent = true
			p.q.o = &o
		}
		found := false
		var err error
		if n.dirty {
			found, err = p.find(ctx)
		}
		if err == nil && !found {
			err = p.create(ctx)
		}
		n.dirty = n.dirty || p.dirty
		if err == nil {
			n.locked(func() { n.name, n.named = p.name, true })
		}
		return err
	}
	err := s.do(ctx, func() error {
		_, err := n.c.Create(ctx, n.path(), data, n.o.ACL, mode)
		return err
	})
	n.late = n.late || ctx.Err() != nil
	switch {
	case errors.Is(err, zkapi.ErrNodeExists):
		return nil
	case errors.Is(err, zkapi.ErrNoNode) && n.dir != "/":
		return n.o.ensure(ctx, s, n.dir)
	}
	return err
}

// replace puts a node of this session in the place of one of an earlier session.
func (n *PersistentNode) replace(ctx context.Context, s *session, data []byte, version int32) error {
	err := s.do(ctx, func() error {
		_, err := n.c.Multi(ctx, zkapi.DeleteOp(n.path(), version), zkapi.CreateOp(n.path(), data, n.o.ACL, zkapi.Ephemeral))
		return err
	})
	n.late = n.late || ctx.Err() != nil
	if Classify(err) == Logical {
		return nil // it is not what it was, so look again
	}
	return err
}

// keep says that the node is there with this data.
func (n *PersistentNode) keep(data []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.made || !bytes.Equal(data, n.data) {
		return
	}
	n.made = true
	n.created.tell(n.path())
	n.turned.over()
}

func (n *PersistentNode) locked(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
}

func (n *PersistentNode) finish(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.err, n.made = err, false
	n.created.end()
	n.turned.over()
}

// depart deletes the node, if it is one of ours, however long that takes.
func (n *PersistentNode) depart() {
	ctx := context.Background()
	_ = inSession(ctx, n.c, func(s *session) error {
		if err := s.catchUp(ctx, n.dir); err != nil || !n.named {
			return err
		}
		if n.late {
			n.owners = append(n.owners, s.id)
		}
		for {
			var stat zkapi.Stat
			var there bool
			err := s.do(ctx, func() (err error) {
				stat, there, err = n.c.Exists(ctx, n.path())
				return err
			})
			if err != nil || !there || n.mode.Ephemeral() && !slices.Contains(n.owners, stat.EphemeralOwner) {
				return err
			}
			err = s.do(ctx, func() error { return n.c.Delete(ctx, n.path(), stat.Version) })
			if !errors.Is(err, zkapi.ErrBadVersion) {
				return err
			}
		}
	})
	if n.mode.Sequential() {
		remove(n.c, n.dir, "", n.name[:len("_c_")+len(newGUID().dashed())])
	}
}

// WaitCreated waits until the node is there, with the data that it has to have. It
// fails with ErrCancelled once it is closed, and with what has ended it otherwise:
// zkapi.ErrNoAuth, zkapi.ErrClosed, with NoRejoin ErrSessionLost.
func (n *PersistentNode) WaitCreated(ctx context.Context) error {
	var end error
	err := n.turned.await(ctx, &n.mu, func() bool {
		end = n.err
		return n.made || end != nil
	})
	return n.fail(cmp.Or(err, end))
}

// SetData replaces the data, also before there is a node, and returns when the
// node has it. If the context ends before, it gets it later.
func (n *PersistentNode) SetData(ctx context.Context, data []byte) error {
	n.mu.Lock()
	if !bytes.Equal(n.data, data) {
		n.data, n.made = content(bytes.Clone(data)), false
		close(n.wake)
		n.wake = make(chan struct{})
	}
	n.mu.Unlock()
	if !n.shift.begun() {
		return nil
	}
	return n.WaitCreated(ctx)
}

// Data is what the node has or is to have.
func (n *PersistentNode) Data() []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	return bytes.Clone(n.data)
}

// Path is the path of the node; in the sequential modes without the counter until it is made.
func (n *PersistentNode) Path() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.path()
}

// Exists tells whether the node is there, as far as is known.
func (n *PersistentNode) Exists() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.made
}

// Created tells the path each time when the node is there again, or has new data.
// The stream ends with Close, or when it is closed.
func (n *PersistentNode) Created() *zkapi.Stream[string] {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.made {
		return n.created.join(&n.mu, n.path())
	}
	return n.created.join(&n.mu)
}

// Close stops, and returns when the node is deleted or the context ends; it is
// deleted in any case, as soon as that is possible. Close is idempotent.
func (n *PersistentNode) Close(ctx context.Context) error {
	n.shift.end(func() { n.finish(ErrCancelled) })
	select {
	case <-n.shift.over():
		return n.fail(Flush(ctx, n.c))
	case <-ctx.Done():
		return n.fail(context.Cause(ctx))
	}
}
