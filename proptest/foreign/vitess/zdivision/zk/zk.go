// Package zk is github.com/z-division/go-zookeeper, as Vitess imports it, but for the
// dialer: that one names net.DialTimeout, and here connections go where [Dial] says.
// The go.mod of the module above replaces the original by this, and has the original
// under the name of the client that it was forked from.
package zk

import (
	"net"
	"time"

	"github.com/samuel/go-zookeeper/zk"
)

type (
	ACL                   = zk.ACL
	Conn                  = zk.Conn
	Event                 = zk.Event
	SimpleDNSHostProvider = zk.SimpleDNSHostProvider
	Stat                  = zk.Stat
)

const (
	FlagEphemeral     = zk.FlagEphemeral
	FlagSequence      = zk.FlagSequence
	PermAdmin         = zk.PermAdmin
	PermAll           = zk.PermAll
	PermCreate        = zk.PermCreate
	PermDelete        = zk.PermDelete
	PermRead          = zk.PermRead
	PermWrite         = zk.PermWrite
	StateAuthFailed   = zk.StateAuthFailed
	StateConnected    = zk.StateConnected
	StateConnecting   = zk.StateConnecting
	StateDisconnected = zk.StateDisconnected
	StateExpired      = zk.StateExpired
)

var (
	ErrBadVersion       = zk.ErrBadVersion
	ErrConnectionClosed = zk.ErrConnectionClosed
	ErrNoNode           = zk.ErrNoNode
	ErrNodeExists       = zk.ErrNodeExists
	ErrNotEmpty         = zk.ErrNotEmpty
	ErrSessionExpired   = zk.ErrSessionExpired

	WorldACL         = zk.WorldACL
	WithDialer       = zk.WithDialer
	WithHostProvider = zk.WithHostProvider
)

// Dial is the dialer of all connections, whatever WithDialer has said.
var Dial func(network, address string, timeout time.Duration) (net.Conn, error)

type silent struct{}

func (silent) Printf(string, ...interface{}) {}

// Connect is the original's, with a smaller buffer, because there are many connections.
func Connect(servers []string, sessionTimeout time.Duration, options ...func(*Conn)) (*Conn, <-chan Event, error) {
	return zk.Connect(servers, sessionTimeout, func(c *Conn) {
		for _, option := range options {
			option(c)
		}
		zk.WithDialer(Dial)(c)
		zk.WithLogger(silent{})(c)
		zk.WithMaxConnBufferSize(1 << 12)(c)
	})
}
