package memserver

import (
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// FuzzConnection sends arbitrary bytes to a server, before and after the
// handshake, in the pieces that the input says. The server must not panic, must
// close the connection or go on, must keep its books right, and must go on
// serving another session as if nothing had happened.
func FuzzConnection(f *testing.F) {
	connect := wire.ConnectRequest{TimeOut: 10_000, Passwd: make([]byte, 16)}
	for _, q := range fuzzSeeds() {
		f.Add(wire.EndFrame(q.Append(wire.BeginFrame(nil)), 0), uint8(7), true)
	}
	f.Add(wire.EndFrame(connect.Append(wire.BeginFrame(nil)), 0), uint8(200), false)
	f.Add([]byte("mntr"), uint8(1), false)
	f.Add([]byte("stmk\x00\x00\x00\x00\x00\x00\x00\x01"), uint8(50), false)
	f.Fuzz(func(t *testing.T, input []byte, piece uint8, session bool) {
		synctest.Test(t, func(t *testing.T) {
			s := RunT(t, func(c *Config) {
				c.ExtendedTypes, c.EnforceQuota = true, true
				c.FourLetterWords = []string{"*"}
			})
			other := dialRaw(t, s)
			other.open()
			bad := dialRaw(t, s)
			if session {
				bad.open()
			}
			read := make(chan struct{})
			go func() {
				defer close(read)
				io.Copy(io.Discard, bad)
			}()
			for rest := input; len(rest) > 0; {
				n := min(len(rest), int(piece)+1)
				if _, err := bad.Write(rest[:n]); err != nil {
					break
				}
				rest = rest[n:]
			}
			synctest.Wait()
			h, p := other.call(get("/zookeeper/config"))
			require.Zero(t, h.Err)
			require.NotNil(t, p.Data)
			require.NoError(t, s.Check())
			bad.Close()
			<-read
			time.Sleep(time.Minute)
			require.NoError(t, s.Check())
		})
	})
}

// fuzzSeeds has one request of each type.
func fuzzSeeds() []wire.Request {
	acl := zkapi.OpenACL()
	var seeds []wire.Request
	for op := zkapi.OpCode(-11); op <= 107; op++ {
		if !op.Known() {
			continue
		}
		q := wire.Request{RequestHeader: wire.RequestHeader{Xid: 1, Type: op}}
		q.Op = wire.Op{Path: "/a", Data: []byte("x"), ACL: acl, Flags: 2, TTL: 1000, Version: -1, Watch: true}
		q.Path.Path = "/zookeeper"
		q.SetACL = wire.SetACLRequest{Path: "/zookeeper", ACL: acl, Version: -1}
		q.Watch = wire.WatchRequest{Path: "/a", Type: 1}
		q.SetWatches = wire.SetWatches{Data: []string{"/a"}, Exist: []string{"/"}, Child: []string{"/"},
			Persistent: []string{"/"}, PersistentRecursive: []string{"/"}}
		q.Auth = wire.AuthPacket{Scheme: "digest", Auth: []byte("u:p")}
		q.SASL.Token = []byte("t")
		q.Ops = []wire.Op{
			{Type: zkapi.OpCreate, Path: "/m", ACL: acl}, {Type: zkapi.OpSetData, Path: "/m", Version: 0},
			{Type: zkapi.OpCreateTTL, Path: "/t", ACL: acl, Flags: 5, TTL: 10}, {Type: zkapi.OpCheck, Path: "/m", Version: 1},
			{Type: zkapi.OpDelete, Path: "/m", Version: -1},
		}
		if op == zkapi.OpMultiRead {
			q.Ops = []wire.Op{{Type: zkapi.OpGetData, Path: "/"}, {Type: zkapi.OpGetChildren, Path: "/x"}}
		}
		seeds = append(seeds, q)
	}
	return seeds
}
