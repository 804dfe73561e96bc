package faults_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/faults"
	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// slowStep is a call and what it would be on a connection.
type slowStep struct {
	call  func(c zkapi.Client) error
	op    zkapi.OpCode
	asks  wire.Request
	tells wire.Reply
}

// TestSlowDirectClient: on a slow network a call of the direct client takes what
// its frames would take.
func TestSlowDirectClient(t *testing.T) {
	acl := []zkapi.ACL{{Perms: zkapi.PermRead, Scheme: "digest", ID: "a:b"}, {Perms: zkapi.PermAll, Scheme: "world", ID: "anyone"}}
	data, stat := []byte("some data"), zkapi.Stat{}
	parts := []zkapi.Op{{Type: zkapi.OpCreate, Path: "/m", Data: data, ACL: acl}, {Type: zkapi.OpSetData, Path: "/m", Data: data, Version: -1},
		{Type: zkapi.OpCheck, Path: "/m", Version: -1}, {Type: zkapi.OpCreate2, Path: "/m/2", ACL: acl}, {Type: zkapi.OpDelete, Path: "/m/2"}}
	reads := []zkapi.Op{{Type: zkapi.OpGetData, Path: "/a"}, {Type: zkapi.OpGetChildren, Path: "/"}, {Type: zkapi.OpGetData, Path: "/none"}}
	wireOps := func(ops []zkapi.Op) (out []wire.Op) {
		for _, o := range ops {
			out = append(out, wire.Op{Type: o.Type, Path: o.Path, Data: o.Data, ACL: o.ACL})
		}
		return out
	}
	path := func(p string) wire.PathRequest { return wire.PathRequest{Path: p} }
	steps := []slowStep{
		{func(c zkapi.Client) error { _, err := c.Create(ctx, "/a", data, acl, zkapi.Persistent); return err }, zkapi.OpCreate,
			wire.Request{Op: wire.Op{Path: "/a", Data: data, ACL: acl}}, wire.Reply{Path: "/a"}},
		{func(c zkapi.Client) error { _, _, err := c.Create2(ctx, "/b", nil, acl, zkapi.Ephemeral); return err }, zkapi.OpCreate2,
			wire.Request{Op: wire.Op{Path: "/b", ACL: acl}}, wire.Reply{Path: "/b"}},
		{func(c zkapi.Client) error {
			_, _, err := c.CreateTTL(ctx, "/t", data, acl, zkapi.PersistentTTL, time.Hour)
			return err
		}, zkapi.OpCreateTTL, wire.Request{Op: wire.Op{Path: "/t", Data: data, ACL: acl}}, wire.Reply{Path: "/t"}},
		{func(c zkapi.Client) error { _, _, err := c.Get(ctx, "/a"); return err }, zkapi.OpGetData,
			wire.Request{Op: wire.Op{Path: "/a"}}, wire.Reply{Data: data}},
		{func(c zkapi.Client) error { _, err := c.Set(ctx, "/a", data, -1); return err }, zkapi.OpSetData,
			wire.Request{Op: wire.Op{Path: "/a", Data: data}}, wire.Reply{Stat: stat}},
		{func(c zkapi.Client) error { _, _, err := c.Exists(ctx, "/a"); return err }, zkapi.OpExists,
			wire.Request{Op: wire.Op{Path: "/a"}}, wire.Reply{Stat: stat}},
		{func(c zkapi.Client) error { _, _, err := c.GetACL(ctx, "/a"); return err }, zkapi.OpGetACL,
			wire.Request{Path: path("/a")}, wire.Reply{ACL: acl}},
		{func(c zkapi.Client) error { _, err := c.SetACL(ctx, "/a", acl, -1); return err }, zkapi.OpSetACL,
			wire.Request{SetACL: wire.SetACLRequest{Path: "/a", ACL: acl}}, wire.Reply{Stat: stat}},
		{func(c zkapi.Client) error { _, _, err := c.Children(ctx, "/"); return err }, zkapi.OpGetChildren2,
			wire.Request{Op: wire.Op{Path: "/"}}, wire.Reply{Children: []string{"a", "b", "t", "zookeeper"}}},
		{func(c zkapi.Client) error { _, err := c.AllChildrenNumber(ctx, "/"); return err }, zkapi.OpGetAllChildrenNumber,
			wire.Request{Path: path("/")}, wire.Reply{}},
		{func(c zkapi.Client) error { _, err := c.Ephemerals(ctx, "/"); return err }, zkapi.OpGetEphemerals,
			wire.Request{Path: path("/")}, wire.Reply{Children: []string{"/b"}}},
		{func(c zkapi.Client) error { return c.Sync(ctx, "/a") }, zkapi.OpSync, wire.Request{Path: path("/a")}, wire.Reply{Path: "/a"}},
		{func(c zkapi.Client) error { return c.AddAuth(ctx, "digest", data) }, zkapi.OpAuth,
			wire.Request{Auth: wire.AuthPacket{Scheme: "digest", Auth: data}}, wire.Reply{}},
		{func(c zkapi.Client) error { _, err := c.Multi(ctx, parts...); return err }, zkapi.OpMulti,
			wire.Request{Ops: wireOps(parts)}, wire.Reply{Results: []wire.MultiResult{
				{Type: zkapi.OpCreate, Path: "/m"}, {Type: zkapi.OpSetData}, {Type: zkapi.OpCheck}, {Type: zkapi.OpCreate2, Path: "/m/2"}, {Type: zkapi.OpDelete}}}},
		{func(c zkapi.Client) error { _, err := c.MultiRead(ctx, reads...); return err }, zkapi.OpMultiRead,
			wire.Request{Ops: wireOps(reads)}, wire.Reply{Results: []wire.MultiResult{
				{Type: zkapi.OpGetData, Data: data}, {Type: zkapi.OpGetChildren, Children: []string{"a", "b", "m", "t", "zookeeper"}}, {Type: zkapi.OpErr, Err: zkapi.ErrNoNode}}}},
		{func(c zkapi.Client) error { return c.Delete(ctx, "/m", -1) }, zkapi.OpDelete, wire.Request{Op: wire.Op{Path: "/m"}}, wire.Reply{}},
		{func(c zkapi.Client) error { _, err := c.AddWatch(ctx, "/a", 0); return err }, zkapi.OpAddWatch,
			wire.Request{Watch: wire.WatchRequest{Path: "/a"}}, wire.Reply{}},
		{func(c zkapi.Client) error { return c.RemoveWatches(ctx, "/a", zkapi.WatchTypeAny) }, zkapi.OpRemoveWatches,
			wire.Request{Watch: wire.WatchRequest{Path: "/a"}}, wire.Reply{}},
	}
	for _, way := range []faults.Way{faults.ToServer, faults.FromServer} {
		synctest.Test(t, func(t *testing.T) {
			srv := memserver.RunT(t, func(c *memserver.Config) { c.ExtendedTypes = true })
			c := faults.ParseT(t, "slow 1000B/s "+string(way)).Client(srv.ClientT(t))
			for _, step := range steps {
				step.asks.Type = step.op
				want := 4 + len(step.asks.Append(nil))
				if way == faults.FromServer {
					want = len(replyFrame(1, step.tells.Append(nil, step.op)...))
				}
				start := time.Now()
				require.NoError(t, step.call(c), step.op)
				require.Equal(t, time.Duration(want)*time.Millisecond, time.Since(start), "%v %v", step.op, way)
			}
		})
	}
}

// TestSlowEvents: an event waits for what is before it.
func TestSlowEvents(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *memserver.Server) {
		other := srv.ClientT(t)
		c := faults.ParseT(t, "slow 1000B/s from-server").Client(srv.ClientT(t))
		_, _, made, err := c.ExistsW(ctx, "/a")
		require.NoError(t, err)
		start := time.Now()
		_, err = other.Create(ctx, "/a", nil, nil, zkapi.Persistent)
		require.NoError(t, err)
		<-made
		require.Equal(t, time.Duration(len(eventFrame("/a")))*time.Millisecond, time.Since(start))
	})
}

// TestPingsOfTheDirectClient: rules about pings find some, three in a session's
// timeout, and these have the same way to go as all else.
func TestPingsOfTheDirectClient(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *memserver.Server) {
		plan := faults.ParseT(t, "delay 1ms before-request ping from 30s to 60s")
		c := plan.Client(srv.ClientT(t))
		time.Sleep(time.Minute)
		require.InDelta(t, 9, plan.Fired(), 1)
		id := c.SessionID()
		require.NoError(t, plan.UnmarshalText([]byte("stall before-request ping #2")))
		start := time.Now()
		states := c.States()
		defer states.Close()
		state, err := states.Next(ctx)
		require.NoError(t, err)
		require.Equal(t, zkapi.StateSuspended, state.State, "nothing has been heard for two thirds of the timeout")
		require.InDelta(t, (2*10/3.+10*2/3.)*float64(time.Second), float64(time.Since(start)), float64(4*time.Second))
		synctest.Wait()
		require.Equal(t, id, c.SessionID())
		require.NoError(t, c.Sync(ctx, "/"))
	})
}
