package proptest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/watchers"
	"github.com/zksim/zksim/zkapi"
)

var memberDrills = []drill{
	{"party", false, []string{"/party"}, playParty(newParty)},
	{"shallow party", true, []string{"/party"}, playParty(newShallowParty)},
	{"group member", true, []string{"/group"}, playGroup},
	{"persistent node", false, []string{"/nodes"}, playNodes(zkapi.Ephemeral)},
	{"persistent node with a counter", false, []string{"/nodes"}, playNodes(zkapi.EphemeralSequential)},
	{"TTL node", false, []string{"/nodes"}, playTTL},
	{"lease", false, []string{"/lease"}, playLease(1, takeLease)},
	{"multi lease", true, []string{"/lease"}, playLease(2, takeLease)},
}

// until waits until the names of the children are so many, as the server tells.
func (s *scene) until(dir string, n int) {
	for list, err := range watchers.Children(s.ctx, s.truth, s.root+dir) {
		if err != nil {
			s.t.Errorf("there are never %d nodes in %s: %v", n, dir, err)
			return
		}
		if len(s.without(s.root+dir, list.Names)) == n {
			return
		}
	}
}

// member is somebody who joins and leaves.
type member struct {
	join  func(context.Context) error
	leave func(context.Context) error
	list  func(context.Context) ([]string, error)
}

func newParty(c zkapi.Client, path, who string) member {
	return partyMember(recipes.NewParty(c, path, func(o *recipes.Options) { o.Identifier = who }))
}

func newShallowParty(c zkapi.Client, path, who string) member {
	return partyMember(recipes.NewShallowParty(c, path, func(o *recipes.Options) { o.Identifier = who }))
}

func partyMember(p *recipes.Party) member {
	return member{p.Join, func(ctx context.Context) error { _, err := p.Leave(ctx); return err }, p.Members}
}

// playParty: who has joined and not left is a member, once, whatever becomes of
// his session.
func playParty(party func(c zkapi.Client, path, who string) member) func(*scene) {
	return func(s *scene) {
		var members sync.Map
		for range 2 {
			s.each(func(ctx context.Context, c zkapi.Client, who string) error {
				m := party(c, s.root+"/party", who)
				members.Store(who, m)
				return m.join(ctx)
			})
			want := []string{"a", "b", "c"}
			if s.cancelled() {
				m, _ := members.Load("a")
				_ = m.(member).leave(s.ctx)
				want = want[1:]
			}
			s.until("/party", len(want))
			m, _ := members.Load("b")
			if got, err := m.(member).list(s.ctx); err != nil || !slices.Equal(got, want) {
				s.t.Errorf("the members are %v, not %v: %v", got, want, err)
			}
			s.each(func(ctx context.Context, c zkapi.Client, who string) error {
				m, _ := members.Load(who)
				return m.(member).leave(ctx)
			})
		}
	}
}

// playGroup: everybody comes to know the data of all.
func playGroup(s *scene) {
	var known sync.WaitGroup // by b and c
	known.Add(2)
	s.each(func(ctx context.Context, c zkapi.Client, who string) error {
		g := recipes.NewGroupMember(c, s.root+"/group", who, []byte("old"))
		if err := g.SetData(ctx, []byte("data of "+who)); err != nil {
			return err
		}
		if err := g.Start(); err != nil {
			return err
		}
		err := g.WaitJoined(ctx)
		if err == nil && who != "a" {
			for _, err := range g.Changes(ctx) {
				members := g.Members()
				if err != nil || string(members["b"]) == "data of b" && string(members["c"]) == "data of c" {
					s.require(who, err)
					break
				}
			}
			known.Done()
		}
		known.Wait()
		return errors.Join(err, g.Close(context.WithoutCancel(ctx)))
	})
}

// playNodes: the node is there with its latest data, whoever deletes it, and gone
// after Close.
func playNodes(mode zkapi.CreateMode) func(*scene) {
	return func(s *scene) {
		s.each(func(ctx context.Context, c zkapi.Client, who string) error {
			alive, end := s.alive(ctx, c)
			defer end()
			n := recipes.NewPersistentNode(c, s.root+"/nodes/"+who, mode, []byte("0"))
			err := n.Start()
			for i := 0; i < 3 && err == nil; i++ {
				if err = n.SetData(ctx, []byte{byte('1' + i)}); err != nil {
					break
				}
				path := n.Path()
				if i == 1 {
					_ = s.truth.Delete(s.ctx, path, zkapi.AnyVersion)
				}
				s.see(alive, path, func(node watchers.Node) bool {
					return string(node.Data) == string(n.Data()) && (!mode.Ephemeral() || node.Stat.EphemeralOwner == c.SessionID())
				})
			}
			return errors.Join(err, n.Close(context.WithoutCancel(ctx)))
		})
		for _, m := range s.history("/nodes") { // the last letter of a name is whose node it is
			owners := make(map[byte]string)
			for _, name := range m.present {
				who := strings.TrimRight(name, "0123456789")
				if other := owners[who[len(who)-1]]; other != "" {
					s.t.Errorf("there are %s and %s at a time", other, name)
				}
				owners[who[len(who)-1]] = name
			}
		}
	}
}

// alive is a context that ends when the client is closed, too.
func (s *scene) alive(ctx context.Context, c zkapi.Client) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	states := c.States()
	s.all.Go(func() {
		defer states.Close()
		for change := range states.All(ctx) {
			if change.State == zkapi.StateClosed {
				break
			}
		}
		cancel() // the stream of a closed client ends, too
	})
	return ctx, cancel
}

// see waits until a node is there, as it has to be.
func (s *scene) see(ctx context.Context, path string, right func(watchers.Node) bool) {
	for node, err := range watchers.Data(ctx, s.truth, path) {
		if err != nil && ctx.Err() == nil {
			s.t.Errorf("%s is not there: %v", path, err)
		}
		if err != nil || node.Exists && right(node) {
			return
		}
	}
}

// playTTL: the node is there with its latest data, and the child that is touched; when
// nobody touches it any more both go, which takes its time.
func playTTL(s *scene) {
	const ttl = 20 * time.Second
	s.each(func(ctx context.Context, c zkapi.Client, who string) error {
		path := s.root + "/nodes/" + who
		n := recipes.NewTTLNode(c, path, ttl, []byte("old"))
		if err := n.Start(); err != nil {
			return err
		}
		defer n.Close()
		if err := n.WaitCreated(ctx); err != nil {
			return err
		}
		alive, end := s.alive(ctx, c)
		defer end()
		n.SetData([]byte("new"))
		s.see(alive, path, func(node watchers.Node) bool { return string(node.Data) == "new" })
		s.see(alive, path+"/touch", func(watchers.Node) bool { return true })
		return cmp.Or(ctx.Err(), n.Err())
	})
	if s.srv == nil {
		s.clear(s.ctx, s.root+"/nodes")
		return
	}
	const looking = time.Minute // how often the server looks for what is to go
	time.Sleep(2*ttl + 2*looking)
}

// takeLease obtains a lease.
type leaseTaker func(ctx context.Context, c zkapi.Client, path string, count int, who string, now func() time.Time) (bool, error)

func takeLease(ctx context.Context, c zkapi.Client, path string, count int, who string, now func() time.Time) (bool, error) {
	clock := func(o *recipes.LeaseOptions) { o.Now = now }
	if count == 1 {
		return recipes.NewLease(c, path, time.Hour, who, clock).Obtain(ctx)
	}
	return recipes.NewMultiLease(c, path, count, time.Hour, who, clock).Obtain(ctx)
}

// playLease: no more hold a lease than there are, and when they are over others get them.
func playLease(count int, take leaseTaker) func(*scene) {
	return func(s *scene) {
		var now atomic.Int64
		now.Store(1_700_000_000)
		clock := func() time.Time { return time.Unix(now.Load(), 0) }
		path := s.root + "/lease"
		for round := range 2 {
			var mu sync.Mutex
			holders := make(map[string]bool)
			s.each(func(ctx context.Context, c zkapi.Client, who string) error {
				who = fmt.Sprint(who, round)
				for range 2 { // the second time it is renewed
					ok, err := take(ctx, c, path, count, who, clock)
					if err != nil {
						return err
					}
					mu.Lock()
					if ok {
						holders[who] = true
					} else if holders[who] {
						s.t.Errorf("%s has lost his lease", who)
					}
					mu.Unlock()
				}
				return nil
			})
			if n := len(holders); n > count || n < count && !s.cancelled() {
				s.t.Errorf("%d leases are held, by %v", n, slices.Sorted(maps.Keys(holders)))
			}
			now.Add(3601)
		}
		for i := range count {
			for _, dir := range []string{path, fmt.Sprint(path, "/", i)} {
				_ = s.truth.Delete(s.ctx, dir+"/lease_holder", zkapi.AnyVersion)
			}
		}
		if count > 1 {
			for i := range count { // the directories of the locks have to be empty
				if err := s.truth.Delete(s.ctx, fmt.Sprint(path, "/", i), zkapi.AnyVersion); err != nil {
					s.flushAll()
					if err := s.truth.Delete(s.ctx, fmt.Sprint(path, "/", i), zkapi.AnyVersion); err != nil && !errors.Is(err, zkapi.ErrNoNode) {
						s.t.Errorf("%v", err)
					}
				}
			}
		}
	}
}

func (e *recipeEnv) flushAll() {
	for _, c := range e.clients {
		if err := recipes.Flush(context.Background(), c); err != nil {
			e.t.Errorf("%v", err)
		}
	}
}
