package realserver

import (
	"errors"
	"testing"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/zkapi"
)

func TestErrorTable(t *testing.T) {
	for _, n := range names {
		err := error(&zkapi.OpError{Op: "getData", Path: "/n", Err: named(n.ours)})
		require.ErrorIs(t, err, n.ours)
		require.ErrorIs(t, err, n.theirs)
		require.EqualError(t, err, "getData /n: "+n.ours.Error(), "the same text as with every client")
		if code, ok := n.ours.(zkapi.Code); ok {
			require.Equal(t, code, zkapi.CodeOf(err))
		}
		for _, other := range names {
			require.Equal(t, other.ours == n.ours, errors.Is(err, other.ours), "%v and %v", err, other.ours)
			require.Equal(t, other.ours == n.ours, errors.Is(err, other.theirs), "%v and %v", err, other.theirs)
		}
	}
	require.NoError(t, named(nil))
	require.NoError(t, named(zkapi.Code(0)))
}

// Every error of go-zookeeper that an operation may return has its line.
func TestErrorTableIsComplete(t *testing.T) {
	for _, err := range []error{
		zk.ErrNoServer, zk.ErrInvalidPath, zk.ErrConnectionClosed, zk.ErrAPIError, zk.ErrNoNode, zk.ErrNoAuth, zk.ErrBadVersion,
		zk.ErrNoChildrenForEphemerals, zk.ErrNodeExists, zk.ErrNotEmpty, zk.ErrSessionExpired, zk.ErrInvalidACL, zk.ErrInvalidFlags,
		zk.ErrAuthFailed, zk.ErrClosing, zk.ErrSessionMoved, zk.ErrReconfigDisabled, zk.ErrBadArguments, zk.ErrShortBuffer,
	} {
		found := false
		for _, n := range names {
			found = found || n.theirs == err
		}
		require.True(t, found, "%v", err)
	}
}

// Codes that only zkapi has a name for, or nobody.
func TestErrorsOfOtherCodes(t *testing.T) {
	for code := zkapi.Code(-130); code < 0; code++ {
		require.ErrorIs(t, named(code), code)
		require.Equal(t, code, zkapi.CodeOf(named(code)))
		require.EqualError(t, named(code), code.Error())
	}
}
