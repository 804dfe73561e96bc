package proptest_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/proptest"
	"github.com/zksim/zksim/proptest/internal/brief"
	"github.com/zksim/zksim/proptest/transcript"
	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/zkapi"
)

// TestCounters plays transcripts on servers whose counters are about to
// overflow. The simulator writes the snapshot, and the real servers start from it:
//
//	go test ./proptest -run Counters/real/3.9 -update
func TestCounters(t *testing.T) {
	const dir = "testdata/counters"
	for _, profile := range []string{"3.9", "3.8"} {
		t.Run("direct/"+profile, func(t *testing.T) {
			transcript.Run(t, os.DirFS(dir), nearOverflow(profile, func(srv *memserver.Server, in *transcript.Instance) {
				in.Connect = func(_ context.Context, timeout time.Duration) (zkapi.Client, error) {
					return srv.Client(func(c *memserver.ClientConfig) { c.SessionTimeout = timeout })
				}
			}))
		})
		t.Run("wire/"+profile, func(t *testing.T) {
			transcript.Run(t, os.DirFS(dir), nearOverflow(profile, func(srv *memserver.Server, in *transcript.Instance) {
				in.Dial = func() (net.Conn, error) { return srv.Dial("", "", 0) }
			}))
		})
		t.Run("real/"+profile, func(t *testing.T) {
			brief.InTurn(t, 1, 3)
			b := realNearOverflow(t, map[string]string{"3.9": "3.9", "3.8": "3.8.0"}[profile], profile)
			if *update && profile == "3.9" {
				transcript.Update(t, dir, b)
				return
			}
			transcript.Run(t, os.DirFS(dir), b)
		})
	}
}

// oldServer is the state of a server that has seen a lot.
func oldServer() (*memserver.Snapshot, error) {
	srv, err := memserver.New()
	if err != nil {
		return nil, err
	}
	defer srv.Close()
	c, err := srv.Client()
	if err != nil {
		return nil, err
	}
	for _, node := range []struct {
		path     string
		counters memserver.Counters
	}{
		{"/data", memserver.Counters{Version: math.MaxInt32 - 1}},
		{"/negative", memserver.Counters{Version: -3, Aversion: -3}},
		{"/acl", memserver.Counters{Aversion: math.MaxInt32 - 1}},
		{"/parent", memserver.Counters{Creations: math.MaxInt32 - 2}},
		{"/minus", memserver.Counters{Creations: -5}},
		{"/half", memserver.Counters{Creations: 1<<30 - 1}},
	} {
		_, err := c.Create(context.Background(), node.path, nil, nil, zkapi.Persistent)
		if err = errors.Join(err, srv.SetCounters(node.path, node.counters)); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(c.Close(), srv.SetZxid(math.MaxUint32-6)); err != nil {
		return nil, err
	}
	return srv.Snapshot(), nil
}

func nearOverflow(profile string, enter func(*memserver.Server, *transcript.Instance)) *transcript.Backend {
	b := &transcript.Backend{Name: "simulator", Profile: profile}
	b.Start = func(map[string]string) (*transcript.Instance, error) {
		snap, err := oldServer()
		if err != nil {
			return nil, err
		}
		srv, err := memserver.New(memserver.From(snap), func(c *memserver.Config) { c.Profile = memserver.Profile(profile) })
		if err != nil {
			return nil, err
		}
		in := &transcript.Instance{Stop: func() error { return errors.Join(srv.Close(), srv.Check()) }, Zxid: srv.Zxid}
		enter(srv, in)
		return in, nil
	}
	return b
}

func realNearOverflow(t *testing.T, version, profile string) *transcript.Backend {
	install := realserver.FindT(t, version)
	b := &transcript.Backend{Name: "real", Profile: profile}
	b.Start = func(map[string]string) (*transcript.Instance, error) {
		dir := t.TempDir()
		snap, err := oldServer()
		if err == nil {
			err = proptest.WriteSnapshot(dir, snap)
		}
		if err != nil {
			return nil, err
		}
		srv, err := realserver.Start(context.Background(), install, func(o *realserver.Options) { o.Dir = dir })
		if err != nil {
			return nil, err
		}
		return &transcript.Instance{
			Dial: func() (net.Conn, error) { return net.Dial("tcp", srv.Addr()) },
			Stop: srv.Close,
		}, nil
	}
	return b
}

// The last zxid of an epoch is given to nobody.
var counterScenes = []scene{
	{name: "the end of an epoch", setup: setup{settings: map[string]string{"testingonly.initialZxid": "4294967288"}}, play: func(s *stage) {
		s.connect("a", 1)
		s.connect("b", 2)
		s.call("a", create("/e", zkapi.Ephemeral))
		for i := range 3 {
			s.call("b", create(fmt.Sprint("/", i), zkapi.Persistent))
		}
		s.catchUp("a")
		s.words(1, "srvr")
		s.call("a", create("/lost", zkapi.Persistent))
		s.closed("b")
		s.votes(1, 2, 3)
		s.words(1, "srvr")
		s.words(3, "srvr")
		s.reconnect("a", 1, "a")
		s.call("a", onPath(zkapi.OpGetData, "/e"))
		s.call("a", onPath(zkapi.OpExists, "/lost"))
		s.call("a", create("/next", zkapi.Persistent))
	}},
}

func TestACounterThatIsNotThere(t *testing.T) {
	srv := memserver.RunT(t)
	require.EqualError(t, srv.SetCounters("/x", memserver.Counters{}), "memserver: counters of /x: there is no such node")
	require.NoError(t, srv.SetZxid(7))
	require.EqualError(t, srv.SetZxid(6), "memserver: the zxid cannot go back from 0x7 to 0x6")
}
