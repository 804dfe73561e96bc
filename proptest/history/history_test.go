package history_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/proptest/history"
	"github.com/zksim/zksim/zkapi"
)

// direct is a simulator that is used without the protocol, by clients with something around them.
func direct(srv *memserver.Server, wrap func(*memserver.Client) zkapi.Client) history.Server {
	inner := make(map[zkapi.Client]*memserver.Client)
	return history.Server{
		Connect: func(_ context.Context, timeout time.Duration) (zkapi.Client, error) {
			c, err := srv.Client(func(c *memserver.ClientConfig) { c.SessionTimeout = timeout })
			if err != nil {
				return nil, err
			}
			wrapped := wrap(c)
			inner[wrapped] = c
			return wrapped, nil
		},
		Disconnect: func(c zkapi.Client) error { srv.Disconnect(c.SessionID()); return nil },
		Reconnect:  func(c zkapi.Client) error { inner[c].Reconnect(); return nil },
		Expire: func(id int64) error {
			if !srv.Expire(id) {
				return errors.New("no such session")
			}
			return nil
		},
		Restart: func() error { srv.Restart(); return nil },
	}
}

// config is that of Check, with the faults that a server in a bubble can have.
func config(seed uint64) history.Config {
	return history.Config{Seed: seed, Clients: 4, Steps: 60, Paths: 3, Faults: 6, Pause: 2 * time.Millisecond,
		SessionTimeout: 4 * time.Second, Expiry: true}
}

func TestCheck(t *testing.T) {
	t.Run("direct", func(t *testing.T) {
		for range 20 {
			synctest.Test(t, func(t *testing.T) {
				srv := direct(memserver.RunT(t), func(c *memserver.Client) zkapi.Client { return c })
				history.Check(t, srv, func(c *history.Config) { c.Expiry = true })
			})
		}
	})
}

// Histories made by hand, of which all but the first few cannot be.
func TestViolations(t *testing.T) {
	create := history.Op{Client: 1, Session: 1, Kind: history.Create, Path: "/a", Value: "c", Outcome: history.Done,
		Call: 1, Return: 2, Czxid: 10, Mzxid: 10}
	set := func(call int64, value string, version int32, mzxid int64) history.Op {
		return history.Op{Client: 1, Session: 1, Kind: history.Set, Path: "/a", Value: value, Expects: -1,
			Outcome: history.Done, Call: call, Return: call + 1, Version: version, Czxid: 10, Mzxid: mzxid}
	}
	get := func(call int64, value string, version int32, mzxid int64) history.Op {
		o := set(call, value, version, mzxid)
		o.Client, o.Session, o.Kind, o.Expects = 2, 2, history.Get, 0
		return o
	}
	none := func(call int64) history.Op {
		o := get(call, "", 0, 0)
		o.Outcome, o.Code, o.Czxid = history.Failed, zkapi.ErrNoNode, 0
		return o
	}
	unknown := func(o history.Op) history.Op {
		o.Outcome, o.Return, o.Version, o.Czxid, o.Mzxid = history.Unknown, history.Never, 0, 0, 0
		return o
	}
	remove := func(call int64) history.Op {
		return history.Op{Client: 1, Session: 1, Kind: history.Delete, Path: "/a", Expects: -1, Outcome: history.Done, Call: call, Return: call + 1}
	}
	by := func(session int64, o history.Op) history.Op { o.Session = session; return o }
	final := func(o history.Op) history.Op { o.Final, o.Session = true, 0; return o }
	for _, c := range []struct {
		name   string
		ops    []history.Op
		one    string // what is wrong if there is one server
		others string // and if there are others
	}{
		{"nothing", nil, "", ""},
		{"in order", []history.Op{create, set(3, "x", 1, 11), get(5, "x", 1, 11), remove(7), none(9)}, "", ""},
		{"an unknown set was done", []history.Op{create, unknown(set(3, "x", 0, 0)), get(5, "x", 1, 11)}, "", ""},
		{"an unknown set is done later", []history.Op{create, unknown(set(3, "x", 0, 0)), get(5, "c", 0, 10), get(7, "x", 1, 11)}, "", ""},
		{"an unknown set was not done", []history.Op{create, unknown(set(3, "x", 0, 0)), get(5, "c", 0, 10)}, "", ""},
		{"an unknown set was done and is gone", []history.Op{create, unknown(set(3, "x", 0, 0)), set(5, "y", 2, 12)}, "", ""},
		{"an unknown set cannot have been done twice", []history.Op{create, unknown(set(3, "x", 0, 0)), set(5, "y", 3, 12)}, "no order", "no order"},
		{"an unknown delete", []history.Op{create, unknown(remove(3)), none(5)}, "", ""},
		{"a read of old data", []history.Op{create, set(3, "x", 1, 11), get(5, "c", 0, 10)}, "no order", ""},
		{"a read goes back", []history.Op{create, set(3, "x", 1, 11), get(5, "x", 1, 11), get(7, "c", 0, 10)}, "goes back", "goes back"},
		{"a read goes back to before the node", []history.Op{create, get(3, "c", 0, 10), none(5), final(get(7, "c", 0, 10))}, "goes back", "goes back"},
		{"a read of what the session has deleted", []history.Op{create, remove(3), by(1, get(5, "c", 0, 10))}, "goes back", "goes back"},
		{"a write is lost", []history.Op{create, set(3, "x", 1, 11), set(5, "y", 1, 12)}, "no order", "no order"},
		{"a write is gone at the end", []history.Op{create, set(3, "x", 1, 11), final(get(5, "c", 0, 10))}, "no order", "no order"},
		{"a write is done twice", []history.Op{create, set(3, "x", 1, 11), get(5, "x", 2, 12)}, "two zxids", "two zxids"},
		{"zxids against the order", []history.Op{create, set(3, "x", 1, 15), by(3, set(5, "y", 2, 12))}, "no order", "no order"},
		{"a value out of nowhere", []history.Op{create, get(3, "?", 0, 10)}, "nobody has written", "nobody has written"},
		{"an ephemeral node stays", []history.Op{
			func() history.Op { o := create; o.Owner = 1; return o }(),
			{Client: 1, Session: 1, Kind: history.End, Outcome: history.Done, Call: 3, Return: 4},
			final(get(5, "c", 0, 10)),
		}, "no order", "no order"},
		{"a late event", []history.Op{create, func() history.Op { o := get(3, "c", 0, 10); o.Missed = true; return o }()}, "watch", "watch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := history.History{Ops: c.ops}
			for single, want := range map[bool]string{true: c.one, false: c.others} {
				got := h.Violations(single)
				if want == "" {
					require.Empty(t, got)
				} else {
					require.NotEmpty(t, got)
					require.Contains(t, got[0], want)
				}
			}
		})
	}
}
