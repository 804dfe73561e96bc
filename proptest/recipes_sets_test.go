package proptest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

var setDrills = []drill{
	{"set partitioner", false, []string{"/set/party", "/set/locks/1", "/set/locks/2", "/set/locks/3", "/set/locks/4"}, playPartitioner},
	{"discovery", false, []string{"/services/x"}, playDiscovery(nil)},
	{"discovery of other types", true, []string{"/services/x"}, playDiscovery(map[string]recipes.ServiceType{"a": recipes.DynamicSequential, "b": recipes.Static})},
}

// board has who works on what.
type board struct {
	mu     sync.Mutex
	items  map[string][]string
	absent map[string]bool
	done   chan struct{}
	over   bool
	wrong  []string
}

func (b *board) set(who string, items []string, acquired bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if delete(b.items, who); acquired {
		b.items[who] = items
	}
	for _, x := range items { // a may not have learned yet that it has lost them
		if acquired && who != "a" && slices.Contains(b.items[map[string]string{"b": "c", "c": "b"}[who]], x) {
			b.wrong = append(b.wrong, fmt.Sprintf("%s is at work on %s, and so is the other", who, x))
		}
	}
	b.check()
}

func (b *board) leave(who string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.absent[who] = true
	delete(b.items, who)
	b.check()
}

// check: everybody has his items, and each item somebody, and nobody else.
func (b *board) check() {
	var all []string
	for _, items := range b.items {
		all = append(all, items...)
	}
	slices.Sort(all)
	if len(b.items) == 3-len(b.absent) && slices.Equal(all, []string{"1", "2", "3", "4"}) && !b.over {
		b.over = true
		close(b.done)
	}
}

// playPartitioner: when nobody comes and goes any more, the set is divided among
// all who are there.
func playPartitioner(s *scene) {
	b := &board{items: make(map[string][]string), absent: make(map[string]bool), done: make(chan struct{})}
	s.each(func(ctx context.Context, c zkapi.Client, who string) error {
		p := recipes.NewSetPartitioner(c, s.root+"/set", []string{"3", "1", "4", "2"}, func(o *recipes.PartitionOptions) {
			o.Identifier, o.Quiet, o.Rejoin = who, 20*time.Millisecond, true
		})
		if err := p.Start(); err != nil {
			return err
		}
		changes, stop := p.Changes(), make(chan struct{})
		var work sync.WaitGroup
		work.Go(func() {
			defer close(stop)
			for state := range changes.All(ctx) {
				b.set(who, p.Items(), state == recipes.PartitionAcquired)
				if state == recipes.PartitionReleasing {
					p.Release()
				}
			}
		})
		var err error
		select {
		case <-b.done:
		case <-ctx.Done():
			b.leave(who)
			err = ctx.Err()
		case <-stop:
			if err = p.Err(); s.cancelled() {
				b.leave(who)
			}
		}
		finish, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		err = errors.Join(err, p.Finish(finish))
		changes.Close()
		work.Wait()
		return err
	})
	for _, why := range b.wrong {
		s.t.Errorf("%s", why)
	}
}

// playDiscovery: everybody finds all who are registered, and their latest data.
func playDiscovery(types map[string]recipes.ServiceType) func(*scene) {
	return func(s *scene) { register(s, types) }
}

func register(s *scene, types map[string]recipes.ServiceType) {
	s.each(func(ctx context.Context, c zkapi.Client, who string) error {
		d := recipes.NewDiscovery(c, s.root+"/services")
		for _, address := range []string{"old", "new"} {
			x := recipes.ServiceInstance{Name: "x", ID: who, Address: address, Type: types[who]}
			if _, err := d.Register(ctx, x); err != nil {
				return errors.Join(err, d.Close(context.WithoutCancel(ctx)))
			}
		}
		p := d.Provider("x")
		defer p.Close()
		for _, err := range p.Changes(ctx) {
			if err != nil {
				return errors.Join(err, d.Close(context.WithoutCancel(ctx)))
			}
			if slices.ContainsFunc(p.All(), func(x recipes.ServiceInstance) bool { return x.ID == who && x.Address == "new" }) {
				break
			}
		}
		return d.Close(context.WithoutCancel(ctx))
	})
	s.until("/services/x", 0)
}
