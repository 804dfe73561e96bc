package realserver

import (
	"context"
	"errors"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// restoration is what has to be done on a new connection before anybody may use it.
//
// Trap 5: go-zookeeper arms watches again while other requests are already
// answered, with the zxid of whichever answer came last; a change that was
// missed before that zxid is never told. It only logs a failure. Here CONNECTED
// waits until all watches are armed from the last zxid of the old connection,
// and a failure is a reason to begin anew.
//
// Trap 8: go-zookeeper forgets its last zxid with the session, so that the next
// one may begin on a server that is behind what the old one has seen. Here the
// new session begins with a sync.
//
// Identities come first: a server looks at them when it decides who is told of
// an event.
type restoration struct {
	link    *tap
	auths   []wire.AuthPacket
	watches []wire.SetWatches
	sync    bool
	gone    []*watcher // armed by watches, but given up since
}

// restoration collects what there is to do. c.mu is held.
func (c *Client) restoration(t *tap) *restoration {
	r := &restoration{link: t, auths: c.auths[:len(c.auths):len(c.auths)]}
	if c.session == t.hello.SessionID {
		r.watches = c.watches.rearm(c.lastZxid, min(rearmBytes, c.cfg.MaxRequest-4))
	} else {
		r.sync = c.had
	}
	return r
}

func (r *restoration) needed() bool { return len(r.auths) > 0 || len(r.watches) > 0 || r.sync }

// run does it. If the connection is lost meanwhile the next one has its own.
func (r *restoration) run(c *Client) {
	for i := range r.auths {
		k := &call{op: zkapi.OpAuth, link: r.link, after: func(code zkapi.Code) {
			if code != 0 {
				c.authFailed()
			}
		}}
		if _, err := c.do(context.Background(), k, wire.Request{Auth: r.auths[i]}); err != nil {
			return
		}
	}
	for i := range r.watches {
		q := &r.watches[i]
		k := &call{op: zkapi.OpSetWatches, link: r.link}
		if len(q.Persistent)+len(q.PersistentRecursive) > 0 {
			k.op = zkapi.OpSetWatches2 // which servers before 3.6 do not have
		}
		if _, err := c.do(context.Background(), k, wire.Request{SetWatches: *q}); err != nil {
			logf(c.cfg.Logf).Printf("watches could not be armed again: %v", err)
			r.link.Close()
			return
		}
	}
	if r.sync {
		k := &call{op: zkapi.OpSync, path: "/", link: r.link}
		if _, err := c.do(context.Background(), k, wire.Request{Path: wire.PathRequest{Path: "/"}}); errors.Is(err, zkapi.ErrConnectionLoss) {
			return
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link != r.link {
		return
	}
	c.restoring = nil
	c.live(r.link)
	for _, w := range r.gone {
		c.forget(w)
	}
}
