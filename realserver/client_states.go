package realserver

import (
	"slices"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/zksim/zksim/zkapi"
)

// What go-zookeeper tells by its callback, and what that means.

// event is go-zookeeper's callback.
//
// Trap 4: its event channel has six places and drops what does not fit. The
// callback is told everything, in order, and before any request of a new
// session can be answered. It runs on go-zookeeper's own goroutine and must not
// wait for anything; Stream never does.
func (c *Client) event(ev zk.Event) {
	if ev.Type != zk.EventSession {
		return // watch events come from the tap, with their zxid
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.meaning(ev.State) {
	case zkapi.StateConnected, zkapi.StateReadOnly:
		c.attached()
	case zkapi.StateSuspended:
		c.detached()
	case zkapi.StateLost:
		c.expired()
	case zkapi.StateAuthFailed:
		c.authFailed()
	}
}

// noChange is what the states without a meaning mean.
const noChange zkapi.State = -1

// meaning translates a state of go-zookeeper.
func (c *Client) meaning(s zk.State) zkapi.State {
	switch s {
	case zk.StateHasSession:
		if c.dialed != nil && c.dialed.hello.ReadOnly {
			return zkapi.StateReadOnly
		}
		return zkapi.StateConnected
	case zk.StateConnectedReadOnly: // never sent by v1.0.4, like AuthFailed
		return zkapi.StateReadOnly
	case zk.StateDisconnected, zk.StateConnecting:
		return zkapi.StateSuspended
	case zk.StateExpired:
		return zkapi.StateLost
	case zk.StateAuthFailed:
		return zkapi.StateAuthFailed
	}
	return noChange // StateConnected above all: that is TCP, before there is a session
}

// final tells whether the client will never be connected again.
func (c *Client) final() bool {
	return c.state == zkapi.StateClosed || c.state == zkapi.StateAuthFailed
}

func (c *Client) connected() bool {
	return c.state == zkapi.StateConnected || c.state == zkapi.StateReadOnly
}

// change goes to a state and tells everybody. c.mu is held.
func (c *Client) change(s zkapi.State) {
	if c.state == s || c.final() && s != zkapi.StateClosed {
		return
	}
	if c.state = s; c.final() {
		c.cancel()
	}
	for _, stream := range c.streams {
		stream.Send(zkapi.StateChange{State: s, SessionID: c.session})
	}
}

// attached says that the connection just made has a session.
//
// Trap 2: after an expiry go-zookeeper goes on with another session without a
// word to those who use it. Here the id is what counts: another one is never
// CONNECTED without LOST before it, and what was asked of the old one is not
// done in the new one (see outgoing).
func (c *Client) attached() {
	if c.final() || c.dialed == nil {
		return
	}
	t := c.dialed
	if c.session != 0 && c.session != t.hello.SessionID {
		c.expired()
	}
	c.link = t
	if r := c.restoration(t); r.needed() {
		c.restoring = r
		c.running.Add(1)
		go func() {
			defer c.running.Done()
			r.run(c)
		}()
		return
	}
	c.live(t)
}

// live says that a connection can be used.
func (c *Client) live(t *tap) {
	c.session, c.had = t.hello.SessionID, true
	c.timeout = time.Duration(t.hello.TimeOut) * time.Millisecond
	state := zkapi.StateConnected
	if t.hello.ReadOnly {
		state = zkapi.StateReadOnly
	}
	c.change(state)
}

// detached says that there is no connection.
func (c *Client) detached() {
	if c.link == nil {
		return
	}
	c.link, c.restoring = nil, nil
	c.lose() // and nothing of it will be done on the next connection
	if c.connected() {
		c.change(zkapi.StateSuspended)
	}
}

// expired says that there is no session.
func (c *Client) expired() {
	if c.final() {
		return
	}
	c.change(zkapi.StateLost)
	c.watches.end(zkapi.ErrSessionExpired)
	c.session, c.lastZxid = 0, 0
	c.hosts.Connected() // it has answered, if only that
}

// authFailed says that the server has refused an identity. It hangs up after
// that; go-zookeeper would come back and be refused for ever.
func (c *Client) authFailed() {
	if c.final() {
		return
	}
	c.change(zkapi.StateAuthFailed)
	c.watches.end(zkapi.ErrAuthFailed)
	go c.shutdown()
}

// SessionID implements zkapi.Client.
func (c *Client) SessionID() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session
}

// SessionTimeout implements zkapi.Client.
func (c *Client) SessionTimeout() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.timeout
}

// State implements zkapi.Client.
func (c *Client) State() zkapi.State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// States implements zkapi.Client.
func (c *Client) States() *zkapi.Stream[zkapi.StateChange] {
	c.mu.Lock()
	defer c.mu.Unlock()
	var s *zkapi.Stream[zkapi.StateChange]
	s = zkapi.NewStream[zkapi.StateChange](func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.streams = slices.DeleteFunc(c.streams, func(x *zkapi.Stream[zkapi.StateChange]) bool { return x == s })
	})
	if c.state == zkapi.StateClosed {
		s.End()
	}
	c.streams = append(c.streams, s)
	return s
}
