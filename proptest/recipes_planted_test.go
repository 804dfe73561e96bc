package proptest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/faults"
	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

// planted is a bug that a recipe of others has or had, and the drill that has to
// catch it.
type planted struct {
	bug   string // where it is known from
	drill drill  // with the bug in place of our recipe
	fault string // the plan, with the number of the request; "" cancels
	cases int    // so many requests, one after the other
}

var plantedBugs = slices.Concat(plantedValues, plantedQueues, plantedMembers)

// rounds is how often the requests may be gone through: who comes first in a bubble is a matter of luck.
const rounds = 8

// TestRecipesPlanted: the drills can fail. Each bug is caught, by the plan and
// with one of the requests that the table says.
func TestRecipesPlanted(t *testing.T) {
	for _, p := range plantedBugs {
		t.Run(p.bug, func(t *testing.T) {
			cases, why := 0, ""
			for why == "" && cases < rounds*p.cases {
				k := 1 + cases%p.cases
				cases++
				synctest.Test(t, func(t *testing.T) { why = p.play(t, k) })
			}
			require.NotEmpty(t, why, "it was not caught in %d cases", cases)
			t.Logf("caught after %d cases: %s", cases, why)
		})
	}
}

func (p *planted) play(t *testing.T, k int) (why string) {
	tb, plan := &blamed{TB: t}, ""
	if p.fault != "" && p.fault != expired {
		plan = fmt.Sprintf(p.fault, k)
	}
	runInMemory(tb, "direct", plan, func(e *recipeEnv) {
		a := e.client("a")
		if plan != "" {
			p.drill.run(e, a, nil)
			return
		}
		actx, cancel := context.WithCancel(context.Background())
		defer cancel()
		do := cancel
		if p.fault == expired {
			actx, do = nil, func() { e.expire(a.SessionID()) }
		}
		s := &steps{Client: a, at: k, after: true, do: do}
		e.clients = append(e.clients, s)
		p.drill.run(e, s, actx)
	})
	return tb.first
}

// blamed is a TB that only remembers that something was wrong.
type blamed struct {
	faults.TB
	mu    sync.Mutex
	first string
}

func (b *blamed) Errorf(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.first == "" {
		b.first = fmt.Sprintf(format, args...)
	}
}

func (b *blamed) Failed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.first != ""
}

func (b *blamed) Logf(string, ...any) {}

const lostReply = "cut after-reply client=a #%d"

var plantedValues = []planted{
	{"B37 a barrier is passed when the watch fires for whatever reason", drill{play: playBarrier(passUnchecked), dirs: []string{"/barrier"}}, lostReply, 40},
	{"B38 a ready node that was left behind lets a member pass", drill{play: playDoubleBarrier(meetStale), dirs: []string{"/meeting"}}, lostReply, 40},
	{"B40 who gives up entering still counts", drill{play: playDoubleBarrier(meetForgetful), dirs: []string{"/meeting"}}, "", 40},
	{"B42 an addition whose reply was lost is made again", drill{play: playCounter(addAgain, false), dirs: []string{"/counter"}}, lostReply, 40},
	{"B42 with a marker that nobody looks at", drill{play: playCounter(addMarked, true), dirs: []string{"/counter", "/counter-ops"}}, lostReply, 40},
}

// passUnchecked does not look again when it is woken.
func passUnchecked(ctx context.Context, c zkapi.Client, path string) error {
	for {
		_, there, changed, err := c.ExistsW(ctx, path)
		switch {
		case err != nil && ctx.Err() == nil:
			continue
		case err != nil || !there:
			return err
		}
		select {
		case <-changed:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// meetStale passes as soon as there is a ready node.
func meetStale(ctx context.Context, s *scene, c zkapi.Client) error {
	q := recipes.NewSemaphore(c, s.root+"/meeting", 100) // whose leases are nodes like a member's
	h, err := q.Acquire(ctx)
	if err != nil {
		return err
	}
	return errors.Join(s.note(ctx, h), h.Release(ctx))
}

// meetForgetful leaves its node behind when it gives up.
func meetForgetful(ctx context.Context, s *scene, c zkapi.Client) error {
	err := meet(recipes.Kazoo)(ctx, s, c)
	if ctx.Err() != nil && ctx != s.ctx {
		_, _ = c.Create(context.Background(), s.root+"/meeting/"+fmt.Sprintf("%032x", 1), nil, nil, zkapi.Ephemeral)
	}
	return err
}

// addAgain takes a lost reply for contention.
func addAgain(ctx context.Context, c zkapi.Client, path string, _ bool) (int64, error) {
	for {
		data, stat, err := c.Get(ctx, path)
		if errors.Is(err, zkapi.ErrNoNode) {
			_, _ = zkapi.CreateRecursive(ctx, c, path, []byte("0"), nil, zkapi.Persistent)
			continue
		}
		if err == nil {
			n, _ := strconv.ParseInt(string(data), 10, 64)
			if _, err = c.Set(ctx, path, strconv.AppendInt(nil, n+1, 10), stat.Version); err == nil {
				return n + 1, nil
			}
		}
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
	}
}

// addMarked looks at no marker, and so adds again.
func addMarked(ctx context.Context, c zkapi.Client, path string, _ bool) (int64, error) {
	for {
		ch, err := recipes.NewCounter(c, path).Add(ctx, 1)
		if !errors.Is(err, recipes.ErrOutcomeUnknown) {
			return ch.Post, err
		}
	}
}

var plantedQueues = []planted{
	{"B44 an item whose deletion had no reply is lost", drill{play: playQueue(dropping, false), dirs: []string{"/queue"}}, lostReply, 40},
	{"B44 the list of items is kept from one get to the next", drill{play: playQueue(caching, false), dirs: []string{"/queue"}}, lostReply, 40},
	{"B44 an item is put in again when the reply was lost", drill{play: playQueue(puttingAgain, true), dirs: []string{"/queue", "/queue-ops"}}, lostReply, 40},
	{"B45 an item is consumed that was lost meanwhile", drill{play: playForgetfulQueue, dirs: []string{"/queue/entries", "/queue/taken"}}, "cut after-reply client=a #%d; refuse client=a times 40", 80},
}

// dropping takes an item that is gone for one that somebody else has taken.
func dropping(c zkapi.Client, path string, once bool) polled {
	q := newQueue(c, path, once)
	return polled{q.put, func(ctx context.Context) ([]byte, bool, error) {
		for {
			data, ok, err := q.get(ctx)
			if !errors.Is(err, recipes.ErrMaybeConsumed) {
				return data, ok, err
			}
		}
	}}
}

// caching lists the items when it has none left in its list, as kazoo's Queue does.
func caching(c zkapi.Client, path string, once bool) polled {
	q := newQueue(c, path, once)
	var names []string
	return polled{q.put, func(ctx context.Context) (data []byte, ok bool, err error) {
		for {
			if len(names) == 0 {
				names, _, err = c.Children(ctx, path)
				slices.Sort(names)
			}
			if len(names) == 0 || err != nil {
				return nil, false, err
			}
			name := path + "/" + names[0]
			names = names[1:]
			data, stat, err := c.Get(ctx, name)
			if err == nil {
				_, err = c.Multi(ctx, zkapi.DeleteOp(name, stat.Version))
			}
			if !errors.Is(err, zkapi.ErrNoNode) {
				return data, err == nil, err
			}
		}
	}}
}

// puttingAgain repeats what had no reply.
func puttingAgain(c zkapi.Client, path string, once bool) polled {
	plain, q := newQueue(c, path, false), newQueue(c, path, once)
	return polled{func(ctx context.Context, data []byte) error {
		for {
			if err := plain.put(ctx, data); !errors.Is(err, recipes.ErrOutcomeUnknown) || ctx.Err() != nil {
				return err
			}
		}
	}, q.get}
}

// playForgetfulQueue is the drill of the locking queue, with a consumer that
// deletes the item whether it still holds it or not, as kazoo's does.
func playForgetfulQueue(s *scene) {
	playLocking(s, func(ctx context.Context, q *recipes.LockingQueue, c zkapi.Client, item string) error {
		node := ""
		entries, _, _ := c.Children(ctx, s.root+"/queue/entries")
		for _, name := range entries {
			if data, _, err := c.Get(ctx, s.root+"/queue/entries/"+name); err == nil && string(data) == item {
				node = name
			}
		}
		err := c.Delete(ctx, s.root+"/queue/entries/"+node, zkapi.AnyVersion)
		_ = q.Release(ctx)
		if recipes.Classify(err) == recipes.Ambiguous {
			return errors.Join(err, recipes.ErrOutcomeUnknown)
		}
		return nil
	})
}

const expired = "the server expires the session"

var plantedMembers = []planted{
	{"B48 who has lost his session does not join anew", drill{play: playParty(lonely), dirs: []string{"/party"}}, expired, 40},
	{"B50 a lease is taken without the lock", drill{play: playLease(1, snatch), dirs: []string{"/lease"}}, lostReply, 40},
}

// lonely joins once and for all.
func lonely(c zkapi.Client, path, who string) member {
	return partyMember(recipes.NewParty(c, path, func(o *recipes.Options) { o.Identifier, o.NoRejoin = who, true }))
}

// snatch deletes a lease and makes it anew, without a lock around it, and looks
// at the clock before: kazoo's way, if its lock is lost meanwhile.
func snatch(ctx context.Context, c zkapi.Client, path string, count int, who string, now func() time.Time) (bool, error) {
	if ok, err := recipes.NewLease(c, path, time.Hour, who, func(o *recipes.LeaseOptions) { o.Now = now }).Obtain(ctx); ok || err != nil || who[1] == '0' {
		return ok, err
	}
	node := path + "/lease_holder"
	_ = c.Delete(ctx, node, zkapi.AnyVersion)
	_, err := c.Create(ctx, node, fmt.Appendf(nil, `{"version": 1, "holder": %q, "end": "2033-01-01T00:00:00"}`, who), nil, zkapi.Persistent)
	return err == nil, nil
}
