package recipes

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// QueueSharder spreads what is too much for one queue over several, as many as are
// needed: Curator's QueueSharder, on the same nodes. Its shards are the children of
// a node, each a queue by itself, opened as a Q. When one of them is full, the one
// of all sharders who leads makes another one. A shard that is there stays.
//
//	shards := recipes.NewQueueSharder(c, "/queues", "/leader", func(path string) *recipes.SimpleQueue {
//		return recipes.NewSimpleQueue(c, path)
//	})
//	err := shards.Start(ctx)
//	err = shards.Queue().Offer(ctx, data)
type QueueSharder[Q any] struct {
	c     zkapi.Client
	path  string
	open  func(path string) Q
	o     SharderOptions
	latch *LeaderLatch

	shift  shift
	mu     sync.Mutex
	shards map[string]*shard[Q] // by path
	turned turn                 // there is another one, or it has ended
	err    error                // why it has ended
}

type shard[Q any] struct {
	queue Q
	full  bool
}

// SharderOptions say how a QueueSharder behaves. The zero value is a default.
type SharderOptions struct {
	ACL   []zkapi.ACL   // of all nodes; nil means zkapi.OpenACL
	Full  int           // a shard with so many items is full; 10,000 by default
	Every time.Duration // how often shards are looked at; 30 s by default
	Max   int           // there are never more shards; 10 by default
}

// shardTag is what names of shards begin with, before a GUID.
const shardTag = "queue-"

// NewQueueSharder makes a sharder of the children of a node, which is made when it is
// needed. Sharders of the same shards stand for election at the same leaderPath. open
// is called once for each shard, with its path.
func NewQueueSharder[Q any](c zkapi.Client, path, leaderPath string, open func(path string) Q, opts ...func(*SharderOptions)) *QueueSharder[Q] {
	s := &QueueSharder[Q]{c: c, path: path, open: open, shards: make(map[string]*shard[Q]), turned: newTurn(),
		o: SharderOptions{Full: 10_000, Every: 30 * time.Second, Max: 10}}
	for _, opt := range opts {
		opt(&s.o)
	}
	s.latch = NewLeaderLatch(c, leaderPath, func(o *Options) { o.ACL = s.o.ACL })
	return s
}

func (s *QueueSharder[Q]) fail(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("shards %s: %w", s.path, err)
}

// Start opens the shards that there are, makes one if there is none, and follows them
// from then on. If it fails it may be called again, otherwise once.
func (s *QueueSharder[Q]) Start(ctx context.Context) error {
	err := zkapi.ValidatePath(s.path)
	if err == nil {
		err = inSession(ctx, s.c, func(x *session) error { return s.grow(ctx, x, 1) })
	}
	if err == nil {
		err = s.latch.Start() // or its path is none, and nothing has begun
	}
	if err == nil {
		err = s.shift.start(s.run)
	}
	return s.fail(err)
}

func (s *QueueSharder[Q]) plain() *Options { return &Options{ACL: s.o.ACL} }

// grow makes another shard, unless there are so many already. Of several who do that
// at the same time one succeeds: each change of the shards is one of their parent, too.
func (s *QueueSharder[Q]) grow(ctx context.Context, x *session, most int) error {
	for t := x.tries(); ; {
		var data []byte
		var stat zkapi.Stat
		err := x.do(ctx, func() (err error) {
			data, stat, err = s.c.Get(ctx, s.path)
			return err
		})
		if errors.Is(err, zkapi.ErrNoNode) {
			if err := s.plain().ensure(ctx, x, s.path); err != nil {
				return err
			}
			continue
		}
		var names []string
		if err == nil {
			names, err = list(ctx, x, s.path)
		}
		if err != nil {
			return err
		}
		if s.take(names); len(s.Paths()) >= most {
			return nil
		}
		name := shardTag + newGUID().dashed()
		err = x.once(ctx, func() error {
			_, err := s.c.Multi(ctx, zkapi.SetOp(s.path, data, stat.Version), zkapi.CreateOp(zkapi.Join(s.path, name), content(nil), s.o.ACL, zkapi.Persistent))
			return err
		})
		if err == nil {
			s.take([]string{name})
			return nil
		}
		if Classify(err) != Logical && !retryable(err) {
			return err
		}
		if err := t.pause(ctx); err != nil { // and look again
			return err
		}
	}
}

// take opens those shards that are new.
func (s *QueueSharder[Q]) take(names []string) {
	for _, name := range names {
		id, ok := strings.CutPrefix(name, shardTag)
		path := zkapi.Join(s.path, name)
		if !ok || !isGUID(id) || slices.Contains(s.Paths(), path) {
			continue
		}
		queue := s.open(path)
		s.mu.Lock()
		s.shards[path] = &shard[Q]{queue: queue}
		s.turned.over()
		s.mu.Unlock()
	}
}

// run follows the shards until the context ends.
func (s *QueueSharder[Q]) run(ctx context.Context) {
	pauses := patience.Start()
	for {
		err := inSession(ctx, s.c, func(x *session) error { return s.follow(ctx, x) })
		switch {
		case ctx.Err() != nil:
			s.finish(ErrCancelled)
			return
		case Classify(err) == Closed || Classify(err) == Terminal:
			s.finish(err)
			return
		}
		pause, _ := pauses(nil, 0)
		_ = sleep(ctx, pause)
	}
}

func (s *QueueSharder[Q]) finish(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
	s.turned.over()
}

// follow opens new shards and looks how full they are, in one session.
func (s *QueueSharder[Q]) follow(ctx context.Context, x *session) error {
	for l := x.lookout(); ; {
		l.round()
		names, changed, err := l.children(ctx, s.path)
		if errors.Is(err, zkapi.ErrNoNode) {
			if err := s.plain().ensure(ctx, x, s.path); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		s.take(names)
		full, err := s.full(ctx, x)
		if err == nil && full && s.latch.HasLeadership() {
			err = s.grow(ctx, x, min(len(s.Paths())+1, s.o.Max))
		}
		if err != nil {
			return err
		}
		l.alarm = time.Now().Add(s.o.Every)
		if err := l.wait(ctx, changed, nil); err != nil {
			return err
		}
	}
}

// full finds out which shards are full, and tells whether all of them are.
func (s *QueueSharder[Q]) full(ctx context.Context, x *session) (all bool, err error) {
	all = true
	for _, path := range s.Paths() {
		var stat zkapi.Stat
		err := x.do(ctx, func() (err error) {
			stat, _, err = s.c.Exists(ctx, path)
			return err
		})
		if err != nil {
			return false, err
		}
		s.mu.Lock()
		s.shards[path].full = int(stat.NumChildren) >= s.o.Full
		all = all && s.shards[path].full
		s.mu.Unlock()
	}
	return all, nil
}

// Queue is a shard to put something into: any of those that are not full, or of all if
// they are. Before Start it is no queue.
func (s *QueueSharder[Q]) Queue() (q Q) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Collect(maps.Values(s.shards))
	free := slices.DeleteFunc(slices.Clone(all), func(x *shard[Q]) bool { return x.full })
	if len(free) > 0 {
		all = free
	}
	if len(all) == 0 {
		return q
	}
	return all[chance.IntN(len(all))].queue
}

// Paths are those of all shards, as far as they are known, sorted.
func (s *QueueSharder[Q]) Paths() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.shards))
}

// Each calls work for each shard, at the same time, and for those that come later when
// they come. The contexts that it gets end with ctx. Each returns when all have
// returned, after ctx has ended, one has failed, or the sharder has ended, and with
// that error.
func (s *QueueSharder[Q]) Each(ctx context.Context, work func(context.Context, Q) error) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var all sync.WaitGroup
	begun := make(map[string]bool)
	for {
		var fresh []Q
		var end error
		err := s.turned.await(ctx, &s.mu, func() bool {
			for _, path := range slices.Sorted(maps.Keys(s.shards)) {
				if !begun[path] {
					begun[path] = true
					fresh = append(fresh, s.shards[path].queue)
				}
			}
			end = s.err
			return len(fresh) > 0 || end != nil
		})
		for _, q := range fresh {
			all.Go(func() {
				if err := work(ctx, q); err != nil {
					fail(err)
				}
			})
		}
		if err == nil && end == nil {
			continue
		}
		fail(end)
		all.Wait()
		return s.fail(context.Cause(ctx))
	}
}

// Close ends it, and returns when it is no candidate any more, or the context ends.
// The shards stay, and what was opened is the caller's.
func (s *QueueSharder[Q]) Close(ctx context.Context) error {
	s.shift.end(func() { s.finish(ErrCancelled) })
	<-s.shift.over()
	return s.fail(s.latch.Close(ctx))
}
