package zkapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/zkapi"
)

func TestCodes(t *testing.T) {
	require.Equal(t, "NoNode", zkapi.ErrNoNode.Name())
	require.Equal(t, "OK", zkapi.Code(0).Name())
	require.Equal(t, "Code(-99)", zkapi.Code(-99).Name())
	require.Equal(t, "zookeeper: BadVersion", zkapi.ErrBadVersion.Error())
	require.NoError(t, zkapi.Code(0).Err())
	require.Equal(t, zkapi.ErrNoAuth, zkapi.ErrNoAuth.Err())

	wrapped := fmt.Errorf("deep: %w", &zkapi.OpError{Op: "create", Path: "/a", Err: zkapi.ErrNodeExists})
	require.EqualError(t, wrapped, "deep: create /a: zookeeper: NodeExists")
	require.ErrorIs(t, wrapped, zkapi.ErrNodeExists)
	require.NotErrorIs(t, wrapped, zkapi.ErrNoNode)
	require.EqualError(t, &zkapi.OpError{Op: "whoAmI", Err: zkapi.ErrClosed}, "whoAmI: zkapi: client is closed")

	require.Equal(t, zkapi.Code(0), zkapi.CodeOf(nil))
	require.Equal(t, zkapi.ErrNodeExists, zkapi.CodeOf(wrapped))
	require.Equal(t, zkapi.ErrSystem, zkapi.CodeOf(io.EOF))
	_, err := validateSomething()
	require.Equal(t, zkapi.ErrBadArguments, zkapi.CodeOf(err))
}

func validateSomething() (string, error) { return "", zkapi.ValidatePath("a") }

func TestNothingChanged(t *testing.T) {
	for code, want := range map[error]bool{
		zkapi.ErrNoNode: true, zkapi.ErrBadVersion: true, zkapi.ErrRuntimeInconsistency: true, zkapi.ErrNotReadOnly: true,
		zkapi.ErrConnectionLoss: false, zkapi.ErrOperationTimeout: false, zkapi.ErrSessionExpired: false,
		zkapi.ErrSessionMoved: false, context.Canceled: false, nil: false,
	} {
		require.Equal(t, want, zkapi.NothingChanged(code), "%v", code)
		require.Equal(t, want, zkapi.NothingChanged(&zkapi.OpError{Op: "set", Err: code}), "%v", code)
	}
}

// TestNumbersOfTheProtocol compares with ZooKeeper's own classes, number by number and name by name.
func TestNumbersOfTheProtocol(t *testing.T) {
	text, err := os.ReadFile("testdata/numbers-3.9.5.txt")
	require.NoError(t, err)
	watchTypes := map[int]string{int(zkapi.WatchTypeChildren): "Children", int(zkapi.WatchTypeData): "Data",
		int(zkapi.WatchTypeAny): "Any", int(zkapi.WatchTypePersistent): "Persistent",
		int(zkapi.WatchTypePersistentRecursive): "PersistentRecursive"}
	watchModes := map[int]string{int(zkapi.WatchPersistent): "PERSISTENT",
		int(zkapi.WatchPersistentRecursive): "PERSISTENT_RECURSIVE"}
	seen := map[string]int{}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		var class, name string
		var n int
		_, err := fmt.Sscan(line, &class, &name, &n)
		require.NoError(t, err, line)
		seen[class]++
		switch class {
		case "KeeperException.Code":
			require.Equal(t, name, strings.ToUpper(zkapi.Code(n).Name()))
		case "ZooDefs.OpCode":
			require.True(t, zkapi.OpCode(n).Known())
			require.Equal(t, name, zkapi.OpCode(n).String())
		case "Watcher.Event.EventType":
			require.Equal(t, name, zkapi.EventType(n).String())
		case "Watcher.WatcherType":
			require.Equal(t, name, watchTypes[n])
		case "AddWatchMode":
			require.Equal(t, name, watchModes[n])
		case "CreateMode":
			ours := strings.ReplaceAll(strings.ToUpper(zkapi.CreateMode(n).String()), "-", "_")
			require.Equal(t, strings.Replace(name, "_WITH", "", 1), ours)
		}
	}
	require.Equal(t, map[string]int{"KeeperException.Code": 32, "ZooDefs.OpCode": 33, "Watcher.Event.EventType": 8,
		"Watcher.WatcherType": 5, "AddWatchMode": 2, "CreateMode": 7}, seen)
}

func TestACLs(t *testing.T) {
	theirs := zk.DigestACL(zk.PermAll, "user", "password")[0]
	require.Equal(t, []zkapi.ACL{{Perms: zkapi.Perm(theirs.Perms), Scheme: theirs.Scheme, ID: theirs.ID}},
		zkapi.DigestACL(zkapi.PermAll, "user", "password"))
	require.Equal(t, "super:lK75jTNcA+U9vtVEw5vB51mj/w4=", zkapi.DigestID("super:secret"), "as ZooKeeper computes it")
	require.Equal(t, "x:EfatjsUqKYSrqv18O1FlA3hcIHI=", zkapi.DigestID("x"), "all of it is the user if there is no colon")
	require.Equal(t, []zkapi.ACL{{Perms: 31, Scheme: "world", ID: "anyone"}}, zkapi.OpenACL())
	require.Equal(t, []zkapi.ACL{{Perms: 1, Scheme: "world", ID: "anyone"}}, zkapi.ReadACL())
	require.Equal(t, []zkapi.ACL{{Perms: 31, Scheme: "auth", ID: ""}}, zkapi.CreatorAllACL())
	zkapi.OpenACL()[0].Perms = 0
	require.Equal(t, zkapi.PermAll, zkapi.OpenACL()[0].Perms, "every call returns its own")
}

func TestCreateModes(t *testing.T) {
	require.Equal(t, "ephemeral-sequential", zkapi.EphemeralSequential.String())
	require.Equal(t, "invalid", zkapi.CreateMode(7).String())
	require.Equal(t, "invalid", zkapi.CreateMode(-1).String())
	var ephemeral, sequential, ttl []zkapi.CreateMode
	for m := zkapi.CreateMode(-1); m <= 7; m++ {
		if m.Ephemeral() {
			ephemeral = append(ephemeral, m)
		}
		if m.Sequential() {
			sequential = append(sequential, m)
		}
		if m.TTL() {
			ttl = append(ttl, m)
		}
	}
	require.Equal(t, []zkapi.CreateMode{1, 3}, ephemeral)
	require.Equal(t, []zkapi.CreateMode{2, 3, 6}, sequential)
	require.Equal(t, []zkapi.CreateMode{5, 6}, ttl)
	require.Equal(t, int64(1<<40-1), zkapi.MaxTTL.Milliseconds())
}

func TestOpCodes(t *testing.T) {
	require.Equal(t, "getChildren2", zkapi.OpGetChildren2.String())
	require.Equal(t, "op(999)", zkapi.OpCode(999).String())
	require.True(t, zkapi.OpWhoAmI.Known())
	require.False(t, zkapi.OpCode(10).Known())
	require.Equal(t, zkapi.OpCreateContainer, zkapi.CreateOp("/c", nil, nil, zkapi.Container).Type)
	require.Equal(t, zkapi.Op{Type: zkapi.OpCreateTTL, Path: "/t", Mode: zkapi.PersistentTTL, TTL: time.Second},
		zkapi.CreateTTLOp("/t", nil, nil, zkapi.PersistentTTL, time.Second))
	require.Equal(t, zkapi.Op{Type: zkapi.OpGetData, Path: "/x"}, zkapi.GetOp("/x"))
	require.Equal(t, zkapi.Op{Type: zkapi.OpGetChildren, Path: "/x"}, zkapi.ChildrenOp("/x"))
}

func TestEventAndStateNames(t *testing.T) {
	require.Equal(t, "NodeChildrenChanged", zkapi.EventNodeChildrenChanged.String())
	require.Equal(t, "PersistentWatchRemoved", zkapi.EventPersistentWatchRemoved.String())
	require.Equal(t, "EventType(9)", zkapi.EventType(9).String())
	var names []string
	for s := zkapi.StateLost; s <= zkapi.StateClosed; s++ {
		names = append(names, s.String())
	}
	require.Equal(t, []string{"LOST", "CONNECTED", "CONNECTED_RO", "SUSPENDED", "AUTH_FAILED", "CLOSED"}, names)
	require.Equal(t, "State(9)", zkapi.State(9).String())
	require.Equal(t, "State(-1)", zkapi.State(-1).String())
	require.True(t, errors.Is(zkapi.ErrClosed, zkapi.ErrClosed))
}
