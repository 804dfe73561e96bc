package proptest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/proptest/transcript"
	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/zkapi"
)

// Backend is what [Conformance] judges: something that servers can be started of.
// [Direct], [Wire], [WireTCP], [Real] and [At] make the usual ones; a fake of
// your own is one with a Start of your own.
type Backend = transcript.Backend

// Instance is one server that a [Backend] has started: what can be done with it.
// Only Dial or Connect must be there; what needs the others is skipped without them.
type Instance = transcript.Instance

// Direct is the simulator of this module, used by its direct client, without the
// protocol. The profile is "3.9" or "3.8", as everywhere.
func Direct(profile string) *Backend {
	b := simulator("direct", profile, func(srv *memserver.Server, in *Instance) error {
		in.Connect = func(_ context.Context, timeout time.Duration) (zkapi.Client, error) {
			return srv.Client(func(c *memserver.ClientConfig) { c.SessionTimeout = timeout })
		}
		in.Disconnect = func(c zkapi.Client) error {
			if !srv.Disconnect(c.SessionID()) {
				return errors.New("the client has no connection")
			}
			return nil
		}
		in.Reconnect = func(c zkapi.Client) error { c.(*memserver.Client).Reconnect(); return nil }
		in.Prompt = true
		return nil
	})
	b.InMemory = true
	return b
}

// Wire is the simulator of this module behind its in-memory pipe.
func Wire(profile string) *Backend {
	b := simulator("wire", profile, func(srv *memserver.Server, in *Instance) error {
		in.Dial = func() (net.Conn, error) { return srv.Dial("tcp", srv.Addr(), 10*time.Second) }
		return nil
	})
	b.InMemory = true
	return b
}

// WireTCP is the simulator of this module on a TCP port of 127.0.0.1.
func WireTCP(profile string) *Backend {
	return simulator("wire", profile, func(srv *memserver.Server, in *Instance) error {
		in.Dial = func() (net.Conn, error) { return net.Dial("tcp", srv.Addr()) }
		return srv.Listen("127.0.0.1:0")
	})
}

// simulator makes a backend of memserver; enter says how its servers are entered.
func simulator(name, profile string, enter func(*memserver.Server, *Instance) error) *Backend {
	start := func(settings map[string]string) (*Instance, error) {
		var set error
		srv, err := memserver.New(func(c *memserver.Config) {
			c.Profile = memserver.Profile(profile)
			for key, value := range settings {
				set = errors.Join(set, c.Set(key, value))
			}
		})
		if err = errors.Join(err, set); err != nil {
			return nil, err
		}
		in := &Instance{
			Stop:    func() error { return errors.Join(srv.Close(), srv.Check()) },
			Restart: func() error { srv.Restart(); return nil },
			Advance: srv.Advance,
			Connected: func(session int64) bool {
				return slices.ContainsFunc(srv.Sessions(), func(s memserver.Session) bool { return s.ID == session && s.Connected })
			},
			Expire: func(session int64) error {
				if !srv.Expire(session) {
					return fmt.Errorf("there is no session %#x", session)
				}
				return nil
			},
			Now:  srv.Now,
			Zxid: srv.Zxid,
		}
		return in, enter(srv, in)
	}
	return &Backend{Name: name, Profile: profile, Start: start}
}

// Real is a real ZooKeeper that is installed on this machine, as realserver.Find
// finds it: "" is the newest, "3.9" the newest of that line, "3.8.0" exactly that
// one. Where there is none, Conformance skips, or fails if ZKSIM_REQUIRE_REAL is 1.
func Real(version string) *Backend {
	install, missing := realserver.Find(version)
	b := &Backend{Name: "real", Profile: line(install.Version), Shared: true, Missing: missing}
	b.Start = func(settings map[string]string) (*Instance, error) {
		if missing != nil {
			return nil, missing
		}
		return startReal(install, settings)
	}
	return b
}

// line is the line of versions that a version belongs to: 3.9 for 3.9.5.
func line(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

// configured has a server started with the settings given, and none of those
// that realserver has for other tests.
func configured(settings map[string]string) func(*realserver.Options) {
	return func(o *realserver.Options) {
		for _, key := range []string{"4lw.commands.whitelist", "extendedTypesEnabled", "maxClientCnxns"} {
			delete(o.Config, key)
		}
		for key, value := range settings {
			if ms, err := strconv.Atoi(value); key == "tickTime" && err == nil {
				o.TickTime = time.Duration(ms) * time.Millisecond
				continue
			}
			o.Config[key] = value
		}
	}
}

func startReal(install realserver.Install, settings map[string]string) (*Instance, error) {
	srv, err := realserver.Start(context.Background(), install, configured(settings))
	if err != nil {
		return nil, err
	}
	return &Instance{
		Dial:    func() (net.Conn, error) { return net.Dial("tcp", srv.Addr()) },
		Stop:    srv.Close,
		Restart: func() error { return srv.Restart(context.Background()) },
	}, nil
}

// RealEnsemble is several real ZooKeepers as one service, for histories: clients
// dial the members in turn, and Restart kills one of them, the leader every other time.
func RealEnsemble(version string, members int) *Backend {
	install, missing := realserver.Find(version)
	b := &Backend{Name: "real", Profile: line(install.Version), Shared: true, Several: true, Missing: missing}
	b.Start = func(settings map[string]string) (*Instance, error) {
		if missing != nil {
			return nil, missing
		}
		e, err := realserver.StartEnsemble(context.Background(), install, members, configured(settings))
		if err != nil {
			return nil, err
		}
		var dialed, killed atomic.Int64
		return &Instance{
			Dial: func() (nc net.Conn, err error) {
				for range members {
					at := e.Addrs()[int(dialed.Add(1))%members]
					if nc, err = net.Dial("tcp", at); err == nil {
						break
					}
				}
				return nc, err
			},
			Stop:    e.Close,
			Restart: func() error { return killMember(e, killed.Add(1)%2 == 1) },
			Expire:  func(session int64) error { return e.Expire(context.Background(), session) },
		}, nil
	}
	return b
}

// killMember kills the leader or a follower, and starts it again when the others serve.
func killMember(e *realserver.Ensemble, leader bool) error {
	ctx := context.Background() // realserver has limits of its own
	victim, err := e.Leader(ctx)
	if err != nil {
		return err
	}
	if !leader {
		followers, err := e.Followers(ctx)
		if err != nil {
			return err
		}
		victim = followers[0]
	}
	if err := victim.Kill(); err != nil {
		return err
	}
	if _, err := e.Leader(ctx); err != nil {
		return err
	}
	return victim.Restart(ctx)
}

// At is a server that runs already, for whatever needs no server of its own. It
// has to be for this alone, and empty: Conformance deletes every node that it
// finds after a test, and refuses to begin with a server that has any. It should
// have been started with [transcript.DefaultSettings], and a tickTime of 1000.
//
//	proptest.Conformance(t, proptest.At("127.0.0.1:2181", "3.9"))
func At(addr, profile string) *Backend {
	start := func(settings map[string]string) (*Instance, error) {
		if !maps.Equal(settings, transcript.DefaultSettings) {
			return nil, fmt.Errorf("it needs a server of its own: %w", errors.ErrUnsupported)
		}
		return &Instance{
			Dial: func() (net.Conn, error) { return net.DialTimeout("tcp", addr, 10*time.Second) },
		}, nil
	}
	return &Backend{Name: "at", Profile: profile, Shared: true, One: true, Start: start}
}
