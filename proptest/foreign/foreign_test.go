package foreign_test

import (
	"context"
	"errors"
	"flag"
	"io"
	"reflect"
	"slices"
	"testing"
	"time"
	"unsafe"

	gozk "github.com/go-zookeeper/zk"
	samuel "github.com/samuel/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/proptest"
	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/zkapi"
)

type (
	option   = func(*proptest.Exploration)
	property = func(t *testing.T, opts ...option) *explore.Result
)

// found is what the explorer has found in a library.
type found struct {
	library  string
	what     string
	property property
	kinds    explore.Fault // of which one is enough
	there    string        // what is there before
	replay   string        // the schedule, shrunk
	steps    int
	why      explore.Why
	text     string
}

func (f *found) explore(t *testing.T, o option) *explore.Result {
	return f.property(t, func(e *proptest.Exploration) {
		if e.Kinds = f.kinds; f.kinds != 0 {
			e.Faults = 1
		}
		e.Prepare = func(ctx context.Context, c zkapi.Client) error {
			if f.there == "" {
				return nil
			}
			return zkapi.EnsurePath(ctx, c, f.there, nil)
		}
		o(e)
	})
}

func each(t *testing.T, test func(t *testing.T, f *found)) {
	for _, f := range slices.Concat(inValkeyrie, inLibkv, inKazoo) {
		t.Run(f.library+"/"+f.what, func(t *testing.T) { test(t, &f) })
	}
}

var report = flag.Bool("report", false, "shrink what is found, and print it with the line that runs it again")

// The explorer finds each from a cold start.
func TestFound(t *testing.T) {
	each(t, func(t *testing.T, f *found) {
		res := f.explore(t, func(e *proptest.Exploration) {
			if e.Strategy, e.Time = explore.Random(1), time.Minute; !*report {
				e.KeepShrinking = -1
			}
		})
		require.NotNil(t, res.Failure)
		require.Equal(t, f.why, res.Failure.Why)
		require.Contains(t, res.Failure.Text, f.text)
		require.True(t, res.Same)
		t.Logf("%v after %d schedules", res.FoundIn, res.FoundAfter)
		if *report {
			t.Log(res.Report(t.Name()))
		}
	})
}

// What was found is the same a hundred times out of a hundred.
func TestReplays(t *testing.T) {
	each(t, func(t *testing.T, f *found) {
		first := f.again(t)
		require.Equal(t, f.steps, first.Steps(), first.Story())
		require.Contains(t, first.Text, f.text)
		for range 100 {
			again := f.again(t)
			require.Equal(t, first.Error(), again.Error())
			require.Equal(t, first.History, again.History)
		}
	})
}

func (f *found) again(t *testing.T) *explore.Failure {
	res := f.explore(t, func(e *proptest.Exploration) { e.Replay = f.replay })
	require.NotNil(t, res.Failure, "the schedules have changed: go test -run TestFound -v -report prints the new ones")
	require.Equal(t, f.why, res.Failure.Why)
	require.True(t, res.Same)
	return res.Failure
}

// A real server answers the same, reply for reply, so that it is no bug of the simulator.
func TestOnZooKeeper(t *testing.T) {
	t.Run("real/3.9", func(t *testing.T) {
		srv := realserver.RunT(t, "3.9")
		each(t, func(t *testing.T, f *found) {
			failure := f.again(t)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			connect := func(ctx context.Context) (zkapi.Client, error) {
				return realserver.Connect(ctx, []string{srv.Addr()})
			}
			wipe(t, connect)
			require.NoError(t, failure.Compare(ctx, explore.Elsewhere{Connect: connect, Expire: insist(srv.Expire), Disconnect: insist(srv.Disconnect)}))
		})
	})
}

// insist tries again when the session's own client has taken it back in the middle.
func insist(do func(context.Context, int64) error) func(context.Context, int64) error {
	return func(ctx context.Context, session int64) (err error) {
		for range 10 {
			if err = do(ctx, session); !errors.Is(err, io.EOF) {
				break
			}
		}
		if errors.Is(err, zkapi.ErrSessionExpired) {
			return nil
		}
		return err
	}
}

// wipe deletes what the last one has left.
func wipe(t *testing.T, connect func(context.Context) (zkapi.Client, error)) {
	c, err := connect(t.Context())
	require.NoError(t, err)
	defer c.Close()
	for _, path := range []string{"/lock", "/consumers"} {
		require.NoError(t, zkapi.DeleteRecursive(t.Context(), c, path))
	}
}

// put gives a value to a field that a package keeps to itself: the libraries connect
// without a dialer that could be given to them, so that they get a connection instead.
func put(in any, field string, value any) {
	f := reflect.ValueOf(in).Elem().FieldByName(field)
	reflect.NewAt(f.Type(), unsafe.Pointer(f.UnsafeAddr())).Elem().Set(reflect.ValueOf(value))
}

type silent struct{}

func (silent) Printf(string, ...any) {}

var servers = []string{"127.0.0.1:2181"}

// connect is a client of github.com/go-zookeeper/zk.
func connect(p *explore.Participant) *gozk.Conn {
	conn, _, err := gozk.Connect(servers, 10*time.Second, gozk.WithDialer(p.Dial), gozk.WithLogger(silent{}),
		gozk.WithMaxConnBufferSize(1<<12), gozk.WithEventCallback(func(gozk.Event) {}))
	require.NoError(p, err)
	p.AtEnd(conn.Close)
	return conn
}

// connectSamuels is one of github.com/samuel/go-zookeeper, its predecessor.
func connectSamuels(p *explore.Participant) *samuel.Conn {
	conn, _, err := samuel.Connect(servers, 10*time.Second, samuel.WithDialer(p.Dial), samuel.WithLogger(silent{}),
		samuel.WithMaxConnBufferSize(1<<12), samuel.WithEventCallback(func(samuel.Event) {}))
	require.NoError(p, err)
	p.AtEnd(conn.Close)
	return conn
}

// until ends a context when a channel is closed, as the libraries tell of a loss.
func until(ctx context.Context, lost <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-lost:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}
