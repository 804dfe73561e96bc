package proptest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

var valueDrills = []drill{
	{"barrier", false, []string{"/barrier"}, playBarrier(waitAt)},
	{"double barrier", false, []string{"/meeting"}, playDoubleBarrier(meet(recipes.Kazoo))},
	{"double barrier of Curator", true, []string{"/meeting"}, playDoubleBarrier(meet(recipes.Curator))},
	{"counter", false, []string{"/counter"}, playCounter(addTo, false)},
	{"counter, exactly once", false, []string{"/counter", "/counter-ops"}, playCounter(addTo, true)},
	{"shared value", false, []string{"/shared", "/shared-ops"}, playShared},
}

// playBarrier: whoever waits returns when the barrier is removed, and not before.
func playBarrier(pass func(context.Context, zkapi.Client, string) error) func(*scene) {
	return func(s *scene) { checkBarrier(s, pass) }
}

func waitAt(ctx context.Context, c zkapi.Client, path string) error {
	return recipes.NewBarrier(c, path).Wait(ctx)
}

func checkBarrier(s *scene, pass func(context.Context, zkapi.Client, string) error) {
	path := s.root + "/barrier"
	for _, own := range []bool{true, false} { // a sets it, or waits
		var removed atomic.Bool
		set := recipes.NewBarrier(s.b, path)
		ctx, who := s.ctx, "b"
		if own {
			set, ctx, who = recipes.NewBarrier(s.a, path), s.actx, "a"
		}
		if err := set.Create(ctx); err != nil {
			s.require(who, err)
			removed.Store(true) // perhaps it never was
		}
		wait := func(ctx context.Context, c zkapi.Client, who string) error {
			err := pass(ctx, c, path)
			if err == nil && !removed.Load() {
				s.t.Errorf("%s has passed, and nobody has removed the barrier", who)
			}
			return err
		}
		if own {
			s.go3(nil, wait, wait)
		} else {
			s.go3(wait, nil, wait)
		}
		time.Sleep(s.moment)
		_, _ = s.truth.Set(s.ctx, path, []byte("wakes them, and says nothing"), zkapi.AnyVersion)
		time.Sleep(s.moment)
		removed.Store(true)
		was, err := set.Remove(ctx)
		if err != nil {
			s.require(who, err)
		} else if !was && !s.cancelled() {
			s.t.Errorf("%s has removed nothing", who)
		}
		if err := zkapi.DeleteRecursive(s.ctx, s.truth, path); err != nil { // a may have been cancelled
			s.t.Errorf("%v", err)
		}
		s.all.Wait()
	}
}

const quorum = 3

// meet has somebody enter, note that he is in, and leave.
func meet(layout recipes.Layout) func(context.Context, *scene, zkapi.Client) error {
	return func(ctx context.Context, s *scene, c zkapi.Client) error {
		m := recipes.NewDoubleBarrier(c, s.root+"/meeting", quorum, func(o *recipes.Options) { o.Layout = layout })
		if err := m.Enter(ctx); err != nil {
			return err
		}
		return errors.Join(s.note(ctx, m.Hold()), m.Leave(ctx))
	}
}

// playDoubleBarrier: nobody is in before so many were there together. A
// generation that has crashed has left its ready node.
func playDoubleBarrier(meet func(context.Context, *scene, zkapi.Client) error) func(*scene) {
	return func(s *scene) {
		enter := func(ctx context.Context, c zkapi.Client) error { return meet(ctx, s, c) }
		if _, err := zkapi.CreateRecursive(s.ctx, s.truth, s.root+"/meeting/ready", nil, nil, zkapi.Persistent); err != nil {
			s.t.Errorf("%v", err)
		}
		done, finish := context.WithCancel(s.ctx)
		var some sync.Once
		first := make(chan struct{})
		twice := func(ctx context.Context, c zkapi.Client, _ string) error {
			defer some.Do(func() { close(first) })
			for range 2 {
				if err := enter(ctx, c); err != nil {
					return err
				}
			}
			return nil
		}
		s.go3(twice, twice, twice)
		var helpers sync.WaitGroup
		for range 2 { // who come when somebody may be left alone
			h := s.client("")
			helpers.Go(func() {
				<-first
				for done.Err() == nil {
					if err := enter(done, h); err != nil && done.Err() == nil {
						s.t.Errorf("a helper: %v", err)
					}
				}
			})
		}
		s.all.Wait()
		finish()
		helpers.Wait()
		requireMeetings(s.recipeEnv)
		// Who gives up leaving, as helpers do, may leave the ready node for the next generation.
		if err := s.truth.Delete(s.ctx, s.root+"/meeting/ready", zkapi.AnyVersion); err != nil && !errors.Is(err, zkapi.ErrNoNode) {
			s.t.Errorf("%v", err)
		}
	}
}

// requireMeetings: the barrier opens when so many are there, and in are those who
// are there then, and who come while one of them is still there.
func requireMeetings(e *recipeEnv) {
	in, before := make(map[string]bool), []string{"ready"}
	for i, m := range e.history("/meeting") {
		members := slices.DeleteFunc(slices.Clone(m.present), func(name string) bool { return name == "ready" })
		isOpen, wasOpen := len(members) < len(m.present), slices.Contains(before, "ready")
		switch {
		case isOpen && !wasOpen:
			if len(members) < quorum {
				e.t.Errorf("in moment %d the barrier is opened for %v", i, members)
				return
			}
			for _, name := range members {
				in[name] = true
			}
		case isOpen && slices.ContainsFunc(members, func(name string) bool { return in[name] }):
			for _, name := range members {
				in[name] = true
			}
		}
		if m.by != "" && !in[m.by] {
			e.t.Errorf("in moment %d %s must not be in: there are %v", i, m.by, m.present)
			return
		}
		before = m.present
	}
}

// addOnce adds one to the counter at a path, and tells what it is then.
type addOnce func(ctx context.Context, c zkapi.Client, path string, once bool) (int64, error)

func addTo(ctx context.Context, c zkapi.Client, path string, once bool) (int64, error) {
	ch, err := recipes.NewCounter(c, path, func(o *recipes.CellOptions) { o.ExactlyOnce = once }).Add(ctx, 1)
	return ch.Post, err
}

// addition is one that was confirmed, with its place in the order of all beginnings and ends.
type addition struct{ begin, end, post int64 }

// playCounter: what was added is there once, and what may have been at most once.
// Who begins when another one is done counts on from there.
func playCounter(add addOnce, once bool) func(*scene) {
	return func(s *scene) {
		var mu sync.Mutex
		var clock atomic.Int64
		var done []addition
		unknown := int64(0)
		s.each(func(ctx context.Context, c zkapi.Client, who string) error {
			for range 3 {
				x := addition{begin: clock.Add(1)}
				var err error
				x.post, err = add(ctx, c, s.root+"/counter", once)
				x.end = clock.Add(1)
				mu.Lock()
				switch {
				case err == nil:
					done = append(done, x)
				case errors.Is(err, recipes.ErrOutcomeUnknown) && (!once || s.cancelled()):
					unknown++
					err = nil
				}
				mu.Unlock()
				if err != nil {
					return err
				}
			}
			return nil
		})
		sum, err := recipes.NewCounter(s.truth, s.root+"/counter").Value(s.ctx)
		if ok := int64(len(done)); err != nil || sum < ok || sum > ok+unknown {
			s.t.Errorf("%d additions were confirmed and %d are unknown, the sum is %d, %v", ok, unknown, sum, err)
		}
		for _, x := range done {
			for _, y := range done {
				if x != y && (x.post == y.post || x.end < y.begin && x.post > y.post) {
					s.t.Errorf("two additions have led to %d and then to %d", x.post, y.post)
				}
			}
		}
	}
}

// playShared: every change that was confirmed has been made, and all copies come
// to what the node is, in the order of its changes.
func playShared(s *scene) {
	const final = 1000
	var made, unknown atomic.Int64
	var working, checking sync.WaitGroup
	working.Add(3)
	checking.Add(3)
	s.each(func(ctx context.Context, c zkapi.Client, who string) error {
		v := recipes.NewShared(c, s.root+"/shared", recipes.Text(), 0, func(o *recipes.CellOptions) { o.ExactlyOnce = true })
		defer v.Close()
		changes := v.Changes()
		err := v.Start(ctx)
		for n := 0; n < 2 && err == nil; {
			var ok bool
			seen := v.Versioned()
			ok, err = v.TrySet(ctx, seen, seen.Value+1)
			if ok && err == nil {
				n++
				made.Add(1)
			}
		}
		if errors.Is(err, recipes.ErrOutcomeUnknown) {
			unknown.Add(1)
		}
		working.Done()
		working.Wait()
		sum, bad := recipes.NewCounter(s.truth, s.root+"/shared").Value(s.ctx)
		if bad != nil || sum < made.Load() || sum > made.Load()+unknown.Load() {
			s.t.Errorf("%d changes were confirmed and %d are unknown, the sum is %d, %v", made.Load(), unknown.Load(), sum, bad)
		}
		checking.Done()
		if err != nil {
			return err
		}
		if checking.Wait(); who == "b" {
			s.require(who, v.Set(ctx, final))
		}
		for last := int64(0); ; {
			now, err := changes.Next(ctx)
			switch {
			case err != nil:
				return err
			case now.Stat.Mzxid <= last:
				s.t.Errorf("%s is told of %d after %d", who, now.Stat.Mzxid, last)
			case now.Value == final:
				return nil
			}
			last = now.Stat.Mzxid
		}
	})
}
