package recipes

import (
	"context"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// Layout says how nodes are named and so whose recipes ours meet on one path.
type Layout int

// The layouts. Where a recipe does not know one it takes the one whose nodes are the same.
const (
	Kazoo   Layout = iota // Python's kazoo
	Curator               // Apache Curator, for the JVM
	GoZK                  // github.com/go-zookeeper/zk, which Curator's recipes also respect
)

// LossPolicy says what a lost connection means to a holder.
type LossPolicy int

// The policies.
const (
	// Standard takes nothing for held while the connection is lost. It is held
	// again when the client comes back with the same session.
	Standard LossPolicy = iota
	// Session takes everything for held until the session is lost.
	Session
)

// Options say how a recipe behaves. The zero value is a default.
type Options struct {
	Layout     Layout
	Identifier string      // the data of the node; others see it as the contender's name
	ACL        []zkapi.ACL // of all nodes; nil means zkapi.OpenACL
	// ExtraTags are what comes before the counter in the names of other nodes that
	// count as contenders, such as "-lock-" where Curator's or go-zookeeper's locks
	// are on the path of a lock in kazoo's layout, or "-" where WriteLock or zkr_lock,
	// which come with ZooKeeper, are on that of one in go-zookeeper's.
	ExtraTags  []string
	Containers bool // missing parents become containers, as Curator makes them; otherwise persistent nodes
	// Persistent makes nodes that outlive their session, as kazoo's ephemeral=False
	// does: only Release ends what is held. After a crash somebody has to delete the
	// node: Lock.ContenderNodes lists them, Lock.ReleaseNode deletes one.
	Persistent bool
	LossPolicy LossPolicy
	// LossAfter is how long the connection may be away before what is held counts
	// as lost. The server counts a session's timeout from the last packet that it
	// has got, a third of the timeout before the client gives the connection up at
	// the latest. So the default is a third of the timeout with Session; with
	// Standard, where nothing is held meanwhile, it is all of it. Negative is never.
	LossAfter time.Duration
	// NoRejoin has whoever waits fail with ErrSessionLost when his session is
	// lost; otherwise he goes on at the end of the line.
	NoRejoin bool
}

func newOptions(opts []func(*Options)) *Options {
	o := new(Options)
	for _, opt := range opts {
		opt(o)
	}
	return o
}

// lossAfter is the time after which a hold is lost; negative is never.
func (o *Options) lossAfter(timeout time.Duration) time.Duration {
	switch {
	case o.LossAfter != 0:
		return o.LossAfter
	case o.LossPolicy == Session:
		return timeout / 3
	}
	return timeout
}

func (o *Options) mode() zkapi.CreateMode {
	if o.Persistent {
		return zkapi.PersistentSequential
	}
	return zkapi.EphemeralSequential
}

// ensure makes a directory.
func (o *Options) ensure(ctx context.Context, s *session, dir string) error {
	return s.do(ctx, func() error {
		if o.Containers {
			return zkapi.EnsureContainers(ctx, s.c, dir, o.ACL)
		}
		return zkapi.EnsurePath(ctx, s.c, dir, o.ACL)
	})
}
