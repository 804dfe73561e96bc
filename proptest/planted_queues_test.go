package proptest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// bag is a queue in the nodes below /bag.
type bag struct {
	c   zkapi.Client
	bug string
}

func (q bag) Put(ctx context.Context, item []byte) error {
	_, err := q.c.Create(ctx, "/bag/i-", item, nil, zkapi.PersistentSequential)
	if errors.Is(err, zkapi.ErrConnectionLoss) && q.bug == "what may have been put in is put in again" {
		return q.Put(ctx, item)
	}
	return err
}

func (q bag) Get(ctx context.Context) ([]byte, error) {
	for {
		names, _, changed, err := q.c.ChildrenW(ctx, "/bag")
		if err != nil {
			return nil, err
		}
		slices.Sort(names)
		if q.bug == "the youngest comes first" {
			slices.Reverse(names)
		}
		for _, name := range names {
			data, err := q.take(ctx, "/bag/"+name)
			if !errors.Is(err, zkapi.ErrNoNode) {
				return data, err
			}
		}
		if len(names) > 0 {
			continue
		}
		if q.bug == "the watch is set after the look" {
			if _, _, changed, err = q.c.ChildrenW(ctx, "/bag"); err != nil {
				return nil, err
			}
		}
		if err := await(ctx, changed); err != nil {
			return nil, err
		}
	}
}

func (q bag) take(ctx context.Context, node string) ([]byte, error) {
	data, _, err := q.c.Get(ctx, node)
	if err != nil {
		return nil, err
	}
	err = q.c.Delete(ctx, node, zkapi.AnyVersion)
	switch {
	case errors.Is(err, zkapi.ErrNoNode) && q.bug == "whoever has read it has it":
		return data, nil
	case errors.Is(err, zkapi.ErrConnectionLoss) && q.bug == "what may have been taken is passed over":
		return nil, zkapi.ErrNoNode
	}
	return data, err
}

// await waits for the event of a watch.
func await(ctx context.Context, changed <-chan zkapi.Event) error {
	select {
	case ev := <-changed:
		return ev.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// shelf is a queue of items that are held, in the nodes below /shelf.
type shelf struct {
	c       zkapi.Client
	bug     string
	item    string // the name of the one that is held
	own     string // a node that says so
	session int64  // whose node that is
	times   int    // that an item was held

	finishes bool // taking an item when its context has ended meanwhile
}

const (
	shelfItems = "/shelf/items/"
	shelfTaken = "/shelf/taken/"
)

func (q *shelf) Put(ctx context.Context, item []byte) error {
	_, err := q.c.Create(ctx, shelfItems+"i-", item, nil, zkapi.PersistentSequential)
	return err
}

func (q *shelf) Get(ctx context.Context) ([]byte, error) {
	for {
		names, _, more, err := q.c.ChildrenW(ctx, strings.TrimSuffix(shelfItems, "/"))
		if err != nil {
			return nil, err
		}
		taken, _, freed, err := q.c.ChildrenW(ctx, strings.TrimSuffix(shelfTaken, "/"))
		if err != nil {
			return nil, err
		}
		slices.Sort(names)
		for _, name := range names {
			if slices.Contains(taken, name) {
				continue
			}
			data, got, err := q.take(ctx, name)
			if got || err != nil {
				return data, err
			}
		}
		if q.bug == "nobody is told that an item was given back" {
			freed = nil
		}
		select {
		case ev := <-more:
			err = ev.Err
		case ev := <-freed:
			err = ev.Err
		case <-ctx.Done():
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
	}
}

func (q *shelf) take(ctx context.Context, name string) (data []byte, got bool, err error) {
	if q.finishes {
		ctx = context.WithoutCancel(ctx)
	}
	mode := zkapi.Ephemeral
	if q.bug == "the mark of an item outlives its session" {
		mode = zkapi.Persistent
	}
	q.times++
	q.item, q.session = name, q.c.SessionID()
	q.own = fmt.Sprintf("%sby-%x-%d", shelfTaken, q.session, q.times)
	_, err = q.c.Multi(ctx, zkapi.CreateOp(shelfTaken+name, nil, nil, mode), zkapi.CreateOp(q.own, nil, nil, zkapi.Ephemeral))
	if errors.Is(err, zkapi.ErrNodeExists) {
		return nil, false, nil
	}
	if err == nil {
		data, _, err = q.c.Get(ctx, shelfItems+name)
	}
	if err == nil && q.c.SessionID() == q.session {
		return data, true, nil
	}
	_ = q.Release(ctx)
	if errors.Is(err, zkapi.ErrNoNode) {
		return nil, false, nil
	}
	return nil, false, errors.Join(err, zkapi.ErrSessionExpired)
}

func (q *shelf) Consume(context.Context) error {
	return q.do(zkapi.DeleteOp(shelfItems+q.item, zkapi.AnyVersion), zkapi.DeleteOp(shelfTaken+q.item, zkapi.AnyVersion))
}

func (q *shelf) Release(context.Context) error {
	return q.do(zkapi.DeleteOp(shelfTaken+q.item, zkapi.AnyVersion))
}

// do does something if the item is still held: the own node is there, which no other session has.
func (q *shelf) do(ops ...zkapi.Op) error {
	own := zkapi.DeleteOp(q.own, zkapi.AnyVersion)
	if q.bug == "whoever has held an item consumes it" {
		defer func() { _ = q.c.Delete(context.Background(), q.own, zkapi.AnyVersion) }()
	} else {
		ops = append(ops, own)
	}
	for again := false; ; again = true {
		_, err := q.c.Multi(context.Background(), ops...)
		switch {
		case errors.Is(err, zkapi.ErrConnectionLoss):
			continue
		case again && errors.Is(err, zkapi.ErrNoNode) && q.c.SessionID() == q.session:
			return nil
		}
		return err
	}
}

// store is shards in /store, of one item each, and two at most. Whoever makes one changes
// /store as well, so that of several one succeeds.
type store struct {
	c     zkapi.Client
	bug   string
	close context.CancelFunc
	ended chan struct{}

	mu     sync.Mutex
	shards []string
}

func (s *store) Shards() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shards
}

func (s *store) Start(ctx context.Context) error {
	if err := s.look(ctx, "whoever starts makes the first one"); err != nil {
		return err
	}
	ctx, s.close = context.WithCancel(context.Background())
	s.ended = make(chan struct{})
	go func() {
		defer close(s.ended)
		for pause(ctx, 4*time.Minute); ctx.Err() == nil; pause(ctx, 4*time.Minute) {
			_ = s.look(ctx, "everybody makes another one")
		}
	}()
	return nil
}

func (s *store) Close(context.Context) error {
	s.close()
	<-s.ended
	return nil
}

// look makes another shard when the last one is full. With the bug it is not the only one that does.
func (s *store) look(ctx context.Context, eager string) error {
	for ctx.Err() == nil {
		names, stat, err := s.c.Children(ctx, "/store")
		full := true
		if n := len(names); n > 0 && err == nil {
			slices.Sort(names)
			var last zkapi.Stat
			last, _, err = s.c.Exists(ctx, "/store/"+names[n-1])
			full = last.NumChildren > 0
		}
		if err != nil {
			return err
		}
		s.know(names)
		if !full || len(names) == 2 && s.bug != "nobody counts how many there are" {
			return nil
		}
		if s.bug == eager {
			stat.Version = zkapi.AnyVersion
		}
		done, err := s.c.Multi(ctx, zkapi.SetOp("/store", nil, stat.Version), zkapi.CreateOp("/store/shard-", nil, nil, zkapi.PersistentSequential))
		if err == nil {
			s.know(append(names, zkapi.Base(done[1].Path)))
			return nil
		}
		if !errors.Is(err, zkapi.ErrBadVersion) {
			return err
		}
	}
	return ctx.Err()
}

func (s *store) know(names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.shards) > 0 && s.bug == "those that come later are not seen" {
		return
	}
	s.shards = nil
	for _, name := range names {
		s.shards = append(s.shards, "/store/"+name)
	}
}

func (s *store) Put(ctx context.Context, item []byte) error {
	shards := s.Shards()
	_, err := s.c.Create(ctx, shards[len(shards)-1]+"/item-", item, nil, zkapi.PersistentSequential)
	return err
}
