package memserver

import (
	"maps"
	"slices"

	"github.com/zksim/zksim/memserver/internal/state"
	"github.com/zksim/zksim/zkapi"
)

// Arrival is something that has come to a held client without being asked for.
type Arrival struct {
	Event zkapi.Event // of a watch
	Lost  bool        // no event, but the end of the connection
}

// Held has a client learn nothing by itself. The events of its watches, and that
// its connection has ended, wait until somebody calls Deliver, which decides the
// order in which things happen to several clients:
//
//	c := srv.ClientT(t, memserver.Held)
//
// Until the end of its connection is delivered the client takes itself for
// connected, though its calls fail. It comes back only by Reconnect. What waits
// when Disconnect is called is lost on the way; the watches it is about fire again
// when the client has come back, as ZooKeeper has it.
//
// An event comes before any reply that shows the change. Calls do not wait for
// Deliver, so it is for the caller of both to keep that order: to deliver what
// waits before somebody sees what a call has returned.
func Held(c *ClientConfig) { c.held = true }

// Arrivals lists what waits for Deliver, in its order. Only a client that is Held has any.
func (c *Client) Arrivals() []Arrival {
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	return slices.Clone(c.arrivals)
}

// Waiting is the number of Arrivals.
func (c *Client) Waiting() int {
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	return len(c.arrivals)
}

// Deliver hands over what has waited longest, and tells whether there was anything.
func (c *Client) Deliver() bool {
	s := c.srv
	s.mu.Lock()
	defer s.release()
	if len(c.arrivals) == 0 {
		return false
	}
	a := c.arrivals[0]
	c.arrivals = slices.Delete(c.arrivals, 0, 1)
	if a.Lost {
		c.change(zkapi.StateSuspended)
	} else {
		c.watches.deliver(a.Event)
	}
	return true
}

// Missed lists what the client's one-shot watches would be told if it came back now: what
// has happened since the last reply that it has got.
func (c *Client) Missed() (missed []zkapi.Event) {
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	tell := func(kind zkapi.EventType, path string) {
		missed = append(missed, zkapi.Event{Type: kind, Path: path, Zxid: -1})
	}
	for _, path := range slices.Sorted(maps.Keys(c.watches[watchData])) {
		if n, there := c.srv.st.Node(path); !there {
			tell(zkapi.EventNodeDeleted, path)
		} else if n.Stat.Mzxid > c.lastZxid {
			tell(zkapi.EventNodeDataChanged, path)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(c.watches[watchExist])) {
		if _, there := c.srv.st.Node(path); there {
			tell(zkapi.EventNodeCreated, path)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(c.watches[watchChild])) {
		if n, there := c.srv.st.Node(path); !there {
			tell(zkapi.EventNodeDeleted, path)
		} else if n.Stat.Pzxid > c.lastZxid {
			tell(zkapi.EventNodeChildrenChanged, path)
		}
	}
	return missed
}

// Watching is how many one-shot watches the client has, those included whose events wait.
func (c *Client) Watching() (n int) {
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	for _, kind := range [...]watchKind{watchData, watchExist, watchChild} {
		n += len(c.watches[kind])
	}
	return n
}

// LastZxid is the latest that the client has heard of in its session.
func (c *Client) LastZxid() int64 {
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	return c.lastZxid
}

// Unheard takes back that the client has heard of what came after a zxid: the replies
// that said so are lost, for the caller of Deliver decides about those, too.
func (c *Client) Unheard(zxid int64) {
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	c.lastZxid = min(c.lastZxid, zxid)
}

// event implements peer.
func (c *Client) event(n state.Note) {
	e := zkapi.Event{Type: n.Type, Path: n.Path, Zxid: n.Zxid}
	if c.cfg.held {
		c.arrivals = append(c.arrivals, Arrival{Event: e})
		return
	}
	c.watches.deliver(e)
}

// kicked implements peer.
func (c *Client) kicked() {
	if c.state == zkapi.StateClosed {
		return
	}
	c.conn = nil
	c.answered(nil)
	if c.cfg.held {
		c.cut = true
		c.arrivals = append(c.arrivals, Arrival{Lost: true})
		return
	}
	c.change(zkapi.StateSuspended)
	c.comeBack()
}

// loseArrivals is what a held client's own end of a broken connection does: it
// knows at once, and gets nothing more.
func (c *Client) loseArrivals() {
	c.arrivals = nil
	if c.conn == nil {
		c.change(zkapi.StateSuspended)
	}
}
