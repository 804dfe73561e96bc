package proptest

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zksim/zksim/faults"
	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/zkapi"
)

// TestRecipesEnsemble: on servers that are behind, and while their leader
// changes, recipes do what they do on one server.
func TestRecipesEnsemble(t *testing.T) {
	for _, kind := range []string{"direct", "wire"} {
		t.Run(kind, func(t *testing.T) {
			for n, s := range subjects {
				if s.variant {
					continue
				}
				t.Run(s.name, func(t *testing.T) {
					every := strideOf(kind, n, 0)
					t.Run("servers behind", func(t *testing.T) {
						sweep(t, every, "cut after-reply client=a #%d", onMembers(kind), func(e *recipeEnv) {
							for _, m := range e.srv.Members() {
								if m != e.srv.Leader() {
									m.SetLag(memserver.Lag{Time: time.Duration(m.ID()) * 70 * time.Millisecond})
								}
							}
							s.check(e, e.client("a"))
						})
					})
					t.Run("another leader", func(t *testing.T) {
						stepwise(t, every, onMembers(kind), func(e *recipeEnv, at func(zkapi.Client, func()) *steps) {
							c := e.client("a")
							s.check(e, at(c, func() { e.srv.Leader().Stop() }))
						})
					})
				})
			}
		})
	}
}

// onMembers runs cases on an ensemble in memory. Clients begin on different
// members, the one without faults on the leader.
func onMembers(kind string) runCase {
	return func(t *testing.T, plan string, body func(*recipeEnv)) {
		synctest.Test(t, func(t *testing.T) {
			e := &recipeEnv{t: t, root: "/case/root", plan: faults.MustParse(plan), moment: 100 * time.Millisecond,
				srv: memserver.RunT(t, func(c *memserver.Config) { c.Members = 3 })}
			next := 0
			e.connect = func(y *faults.Party) (zkapi.Client, error) {
				addrs := e.srv.Addrs()
				first := (next + e.srv.Leader().ID() - 1) % len(addrs)
				next++
				if kind == "direct" {
					c, err := e.srv.Client()
					if err != nil || y == nil {
						return c, err
					}
					return y.Client(c), nil
				}
				return realserver.Connect(context.Background(), append(addrs[first:], addrs[:first]...), func(c *realserver.ClientConfig) {
					if c.Dialer = e.srv.Dial; y != nil {
						c.Dialer = y.Dialer(e.srv.Dial)
					}
				})
			}
			e.run(body)
		})
	}
}
