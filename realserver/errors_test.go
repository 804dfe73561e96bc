package realserver

import (
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/zkapi"
)

func TestErrorTableBothWays(t *testing.T) {
	for _, p := range errorPairs {
		err := opError(zkapi.OpGetData, "/n", pair(nil, p.theirs))
		require.ErrorIs(t, err, p.ours)
		require.ErrorIs(t, err, p.theirs)
		require.EqualError(t, err, "getData /n: "+p.ours.Error(), "the same text as with every client")
		if code, ok := p.ours.(zkapi.Code); ok {
			require.Equal(t, code, zkapi.CodeOf(err))
		}

		err = opError(zkapi.OpGetData, "/n", pair(p.ours, nil))
		require.ErrorIs(t, err, p.ours)
		require.ErrorIs(t, err, theirsOf(p.ours))
		require.Equal(t, p.ours, oursOf(theirsOf(p.ours)))
		for _, other := range errorPairs {
			require.Equal(t, other.ours == p.ours, errors.Is(err, other.ours), "%v and %v", err, other.ours)
		}
	}
	require.NoError(t, opError(zkapi.OpGetData, "/n", nil))
}

// Everything in go-zookeeper that is an error has its line.
func TestErrorTableIsComplete(t *testing.T) {
	for _, err := range []error{
		zk.ErrNoServer, zk.ErrInvalidPath, zk.ErrConnectionClosed, zk.ErrUnknown, zk.ErrAPIError, zk.ErrNoNode, zk.ErrNoAuth,
		zk.ErrBadVersion, zk.ErrNoChildrenForEphemerals, zk.ErrNodeExists, zk.ErrNotEmpty, zk.ErrSessionExpired, zk.ErrInvalidACL,
		zk.ErrInvalidFlags, zk.ErrAuthFailed, zk.ErrClosing, zk.ErrNothing, zk.ErrSessionMoved, zk.ErrReconfigDisabled,
		zk.ErrBadArguments, zk.ErrUnhandledFieldType, zk.ErrPtrExpected, zk.ErrShortBuffer,
	} {
		require.NotNil(t, oursOf(err), "%v", err)
		require.NotNil(t, oursOf(fmt.Errorf("more of it: %w", err)), "%v", err)
	}
}

func TestErrorsOfUnknownCodes(t *testing.T) {
	for code := zkapi.Code(-130); code < 0; code++ {
		// As go-zookeeper makes them for a code that it does not know.
		require.Equal(t, code, codeOf(fmt.Errorf("unknown error: %v", zk.ErrCode(code))))
		require.ErrorIs(t, pair(code, nil), code)
		require.Equal(t, code, zkapi.CodeOf(pair(code, nil)))
	}
	require.Zero(t, codeOf(nil))
	require.Equal(t, zkapi.ErrSystem, codeOf(io.EOF))
	require.ErrorIs(t, pair(nil, io.EOF), zkapi.ErrSystem)
	require.ErrorIs(t, pair(nil, io.EOF), io.EOF)
}

// What an error means depends on how far the request had come.
func TestErrorsByProgress(t *testing.T) {
	broken := &net.OpError{Op: "write", Err: errors.New("broken pipe")}
	refused := errors.New("invalid flag value: [9]")
	for _, c := range []struct {
		name string
		call call
		err  error
		want error
		text string
	}{
		{"success", call{sent: true, replied: true}, nil, nil, ""},
		{"refused", call{}, zk.ErrInvalidPath, zkapi.ErrBadArguments, "zookeeper: BadArguments"},
		{"refused in a way of its own", call{}, refused, zkapi.ErrBadArguments, "zookeeper: BadArguments (invalid flag value: [9])"},
		{"too long", call{}, zk.ErrShortBuffer, zkapi.ErrMarshalling, "zookeeper: MarshallingError"},
		{"never sent", call{}, zk.ErrNoServer, zkapi.ErrConnectionLoss, "zookeeper: ConnectionLoss"},
		{"answered", call{sent: true, replied: true, code: zkapi.ErrNoNode}, zk.ErrNoNode, zkapi.ErrNoNode, "zookeeper: NoNode"},
		{"answered, and go-zookeeper is closing", call{sent: true, replied: true, code: zkapi.ErrAuthFailed},
			zk.ErrConnectionClosed, zkapi.ErrAuthFailed, "zookeeper: AuthFailed"},
		{"answered, but unreadable", call{sent: true, replied: true}, zk.ErrShortBuffer, zkapi.ErrSystem, "zookeeper: SystemError"},
		{"link lost", call{sent: true}, zk.ErrConnectionClosed, zkapi.ErrConnectionLoss, "zookeeper: ConnectionLoss"},
		{"write failed", call{sent: true}, broken, zkapi.ErrConnectionLoss, "zookeeper: ConnectionLoss (write: broken pipe)"},
	} {
		got := c.call.ended(c.err)
		if c.want == nil {
			require.NoError(t, got, c.name)
			continue
		}
		require.ErrorIs(t, got, c.want, c.name)
		require.ErrorIs(t, got, c.err, c.name)
		require.EqualError(t, got, c.text, c.name)
	}
	require.ErrorIs(t, (&call{sent: true}).ended(broken), zk.ErrConnectionClosed, "whatever the socket said")
}
