package proptest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/zkapi"
)

// Sharder spreads items over several queues, its shards, as many as it takes.
type Sharder interface {
	// Start returns when there is a shard; from then on shards are followed, and made.
	// If it fails nothing has begun.
	Start(ctx context.Context) error
	// Put puts an item into a shard. After an error it may be in or not, but once at most.
	Put(ctx context.Context, item []byte) error
	// Shards are the paths of all, as far as they are known.
	Shards() []string
	Close(ctx context.Context) error
}

// QueueSharder explores what has another shard when all are full, that is have so many items,
// but never more than most: every participant starts, puts in as many items as make a shard full
// and waits until it knows all shards, Rounds times, and closes it. Nobody takes items. What must hold:
//
//   - There is one shard to begin with, whoever starts at the same time; another one is
//     made only when all others are full, and stays.
//   - There are never more than most, and in the end so many, or one that is not full.
//   - Everybody who waits knows all of them within five minutes in which nothing goes wrong.
//   - Each item that was put in is in one node below one shard, once.
//   - In the end no ephemeral nodes are left.
//
// Nodes are not deleted by others, because that takes shards and items away.
func QueueSharder(t *testing.T, full, most int, make func(c zkapi.Client) Sharder, opts ...func(*Exploration)) {
	t.Helper()
	ExploreQueueSharder(t, full, most, make, opts...).FailT(t)
}

// ExploreQueueSharder is QueueSharder for those who want to see the result.
func ExploreQueueSharder(t *testing.T, full, most int, sharder func(c zkapi.Client) Sharder, opts ...func(*Exploration)) *explore.Result {
	return search(t, func(w *explore.World, e *Exploration) {
		x := &depot{w: w, full: full, most: most, items: map[string]bool{}, shards: map[string]memserver.Node{}}
		for i := range e.Participants {
			w.Go(name(i), func(p *explore.Participant) error { return x.fill(p, sharder(p.Client), e.Rounds) })
		}
		w.Remember(x.String)
		w.Invariant(x.check)
		w.Finally(x.inventory)
		w.Finally(tidy(w))
	}, without(explore.Removal, opts))
}

// depot is shards and what is in them.
type depot struct {
	w          *explore.World
	full, most int
	items      map[string]bool           // and whether Put has worked
	shards     map[string]memserver.Node // that somebody knows
	open       []*keeper
}

// keeper is a participant that has started.
type keeper struct {
	Sharder
	name  string
	shift time.Duration // no two give up at the same time
	knows chan struct{} // that all shards are known; nil unless that is waited for
}

func (x *depot) String() string {
	s := fmt.Sprint(x.items, slices.Sorted(maps.Keys(x.shards)))
	for _, k := range x.open {
		s += fmt.Sprint(k.name, k.knows != nil)
	}
	return s
}

// fill is what a participant does.
func (x *depot) fill(p *explore.Participant, s Sharder, rounds int) error {
	started, err := attempt(p, "Start", s.Start)
	if !started {
		return err
	}
	k := &keeper{Sharder: s, name: p.Name, shift: time.Duration(len(x.open)) * 17 * time.Millisecond}
	x.open = append(x.open, k)
	for round := range rounds {
		if err == nil {
			err = x.put(p, k, round*x.full)
		}
		if err == nil {
			err = x.wait(p, k)
		}
	}
	_, failed := attempt(p, "Close", s.Close)
	return cmp.Or(err, failed)
}

// put puts in what makes a shard full.
func (x *depot) put(p *explore.Participant, k *keeper, from int) error {
	for i := range x.full {
		item := fmt.Sprintf("%s-item-%02d", k.name, from+i+1)
		x.items[item] = false
		ok, err := attempt(p, "Put", func(ctx context.Context) error { return k.Put(ctx, []byte(item)) })
		if err != nil {
			return err
		}
		x.items[item] = ok
	}
	return nil
}

// wait waits until all shards are known, and there are enough.
func (x *depot) wait(p *explore.Participant, k *keeper) error {
	knows := make(chan struct{})
	k.knows = knows
	p.Log("waits until it knows all shards")
	for {
		faults := p.Faults()
		timer := time.NewTimer(5*time.Minute + k.shift)
		select {
		case <-knows:
			timer.Stop()
			return nil
		case <-p.Context().Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		if p.Faults() == faults {
			return fmt.Errorf("%s knows %d shards, and there are %d, with %d items a full one", p.Name, len(k.Shards()), len(x.shards), x.full)
		}
	}
}

// check looks for shards, and tells those who know all of them.
func (x *depot) check() error {
	for _, k := range x.open {
		for _, path := range k.Shards() {
			if err := x.note(k, path); err != nil {
				return err
			}
		}
	}
	if len(x.shards) > x.most {
		return fmt.Errorf("there are %d shards, and %d may be", len(x.shards), x.most)
	}
	enough := len(x.shards) == x.most
	for path := range x.shards {
		if _, there := x.w.Server.Node(path); !there {
			return fmt.Errorf("%s was a shard, and is gone", path)
		}
		enough = enough || len(x.below(path, 0)) < x.full
	}
	for _, k := range x.open {
		if enough && k.knows != nil && len(k.Shards()) == len(x.shards) {
			close(k.knows)
			k.knows = nil
			synctest.Wait() // as after a step
		}
	}
	return nil
}

// note judges whether a shard that somebody knows had to be made.
func (x *depot) note(k *keeper, path string) error {
	if _, known := x.shards[path]; known {
		return nil
	}
	n, there := x.w.Server.Node(path)
	if !there {
		return fmt.Errorf("%s knows of %s, and there is no such node", k.name, path)
	}
	x.shards[path] = n
	for other, o := range x.shards {
		first, second := o, n
		if n.Stat.Czxid < o.Stat.Czxid {
			first, second = n, o
		}
		if in := x.below(first.Path, second.Stat.Czxid); other != path && len(in) < x.full {
			return fmt.Errorf("%s was made when %s was not full, but had %d items", second.Path, first.Path, len(in))
		}
	}
	return nil
}

// below are the items below a path that were put in before a transaction, or ever.
func (x *depot) below(path string, before int64) (items []string) {
	for n := range x.w.Server.Snapshot().Nodes() {
		if !strings.HasPrefix(n.Path, path+"/") || before > 0 && n.Stat.Czxid > before {
			continue
		}
		for item := range x.items {
			if strings.Contains(string(n.Data), item) {
				items = append(items, item)
			}
		}
	}
	return items
}

// inventory counts.
func (x *depot) inventory() error {
	count := map[string]int{}
	for path := range x.shards {
		for _, item := range x.below(path, 0) {
			count[item]++
		}
	}
	for _, item := range slices.Sorted(maps.Keys(x.items)) {
		switch n := count[item]; {
		case n > 1:
			return fmt.Errorf("%s is there %d times", item, n)
		case n == 0 && x.items[item]:
			return fmt.Errorf("%s was put in, and is in no shard", item)
		}
	}
	return nil
}
