package proptest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/zksim/zksim/faults"
	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/zkapi"
)

// swarmClient connects a client with a plan in between.
type swarmClient func(ctx context.Context, srv *memserver.Server, plan *faults.Party) (zkapi.Client, error)

var swarmClients = map[string]swarmClient{
	"direct": func(_ context.Context, srv *memserver.Server, plan *faults.Party) (zkapi.Client, error) {
		c, err := srv.Client()
		if err != nil {
			return nil, err
		}
		return plan.Client(c), nil
	},
	"wire": func(ctx context.Context, srv *memserver.Server, plan *faults.Party) (zkapi.Client, error) {
		return realserver.Connect(ctx, []string{srv.Addr()}, func(c *realserver.ClientConfig) { c.Dialer = plan.Dialer(srv.Dial) })
	},
}

// TestSwarm: whatever goes wrong, a node whose creation was confirmed is there,
// one whose creation was refused is not; and when all is well again every
// client works, and nobody is left. A failing plan shrinks.
func TestSwarm(t *testing.T) {
	for _, kind := range []string{"direct", "wire"} {
		t.Run(kind, func(t *testing.T) {
			fired, faulty := 0, 0
			rapid.Check(t, func(t *rapid.T) {
				text := FaultPlan().Draw(t, "plan")
				pauses := rapid.SliceOfN(rapid.IntRange(0, 6000), 10, 10).Draw(t, "pauses in ms")
				rapid.SyncTest(t, func(t *rapid.T) {
					plan := faults.MustParse(text)
					runSwarm(t, plan, swarmClients[kind], pauses)
					if fired += plan.Fired(); plan.Fired() > 0 {
						faulty++
					}
				})
			})
			t.Logf("%d faults in %d runs with any", fired, faulty)
			require.NotZero(t, fired)
		})
	}
}

// swarmTB is what runSwarm needs of a test.
type swarmTB interface {
	memserver.TB
	FailNow()
	Context() context.Context
}

func runSwarm(t swarmTB, plan *faults.Plan, connect swarmClient, pauses []int) (history string) {
	srv := memserver.RunT(t)
	defer plan.Close()
	const clients = 3
	lines := make([][]string, clients)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() { lines[i] = swarmMember(t, srv, plan.As(fmt.Sprint("c", i)), connect, i, pauses) })
	}
	wg.Wait()
	return fmt.Sprint(lines)
}

// swarmMember is the life of one client.
func swarmMember(t swarmTB, srv *memserver.Server, plan *faults.Party, connect swarmClient, i int, pauses []int) (history []string) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	start := time.Now()
	c, err := connect(ctx, srv, plan)
	if err != nil {
		t.Errorf("client %d cannot connect: %v", i, err)
		return nil
	}
	defer c.Close()
	for n, pause := range pauses {
		time.Sleep(time.Duration(pause) * time.Millisecond)
		path := fmt.Sprintf("/c%d-%d", i, n)
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		_, err := c.Create(ctx, path, []byte(path), nil, zkapi.Persistent)
		cancel()
		history = append(history, fmt.Sprint(time.Since(start), " ", err))
		_, is := srv.Node(path)
		if err == nil && !is || zkapi.NothingChanged(err) && is {
			t.Errorf("create %s: %v, and the node is there: %v", path, err, is)
		}
	}
	time.Sleep(max(0, time.Until(start.Add(2*time.Minute)))) // all is well again
	for range 3 {
		if _, err = c.Set(ctx, "/", nil, -1); err == nil {
			break
		}
		time.Sleep(5 * time.Second) // a client that was in the middle of something
	}
	if err != nil {
		t.Errorf("client %d is stuck: %v, in state %v", i, err, c.State())
	}
	return history
}

// TestSwarmTwice: the same seed and the same program have the same history, to
// the millisecond.
func TestSwarmTwice(t *testing.T) {
	run := func(seed uint64, kind string) (history string) {
		synctest.Test(t, func(t *testing.T) {
			plan := faults.Random(seed)
			srv := memserver.RunT(t)
			defer plan.Close()
			lines := swarmMember(t, srv, plan.As("me"), swarmClients[kind], 0, []int{0, 100, 3000, 10, 5000, 0, 0, 7000, 20, 9000, 1, 1, 1})
			for _, f := range plan.Log() {
				lines = append(lines, f.String())
			}
			history = strings.Join(lines, "\n")
		})
		return history
	}
	for seed := range uint64(20) {
		require.Equal(t, run(seed, "direct"), run(seed, "direct"), "seed %d", seed)
	}
}

// liar is a client that takes an unknown outcome for a success.
type liar struct{ zkapi.Client }

func (l liar) Create(ctx context.Context, path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode) (string, error) {
	made, err := l.Client.Create(ctx, path, data, acl, mode)
	if errors.Is(err, zkapi.ErrConnectionLoss) {
		return path, nil
	}
	return made, err
}

// recorder is a test whose failures are wanted.
type recorder struct {
	*testing.T
	mu       sync.Mutex
	failures []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

// TestSwarmCatches: a client that claims what it cannot know is caught, on
// either side of the protocol.
func TestSwarmCatches(t *testing.T) {
	for kind, honest := range swarmClients {
		lying := func(ctx context.Context, srv *memserver.Server, plan *faults.Party) (zkapi.Client, error) {
			c, err := honest(ctx, srv, plan)
			return liar{c}, err
		}
		caught := 0
		for seed := range uint64(30) {
			synctest.Test(t, func(t *testing.T) {
				r := &recorder{T: t}
				runSwarm(r, faults.Random(seed), lying, []int{0, 100, 3000, 10, 5000, 7000, 20, 9000, 1, 1})
				if len(r.failures) > 0 {
					caught++
				}
			})
		}
		require.NotZero(t, caught, kind)
	}
}

// TestFaultPlan: what is drawn parses, and shrinks to nothing.
func TestFaultPlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := FaultPlan().Draw(t, "plan")
		plan, err := faults.Parse(text)
		require.NoError(t, err)
		require.Equal(t, text, plan.String())
	})
}
