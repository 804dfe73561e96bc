package watchers

import (
	"context"
	"errors"
	"iter"
	"sync"

	"github.com/zksim/zksim/zkapi"
)

// maxUnread is how many events wait for a loop over Persistent by default.
const maxUnread = 1 << 16

// Persistent yields the events of a persistent watch: of one node and the list of
// its children, or, with zkapi.WatchPersistentRecursive, of a node and everything
// below it, which then has no NodeChildrenChanged. The watch is armed again in each
// session.
//
//	for event, err := range watchers.Persistent(ctx, c, "/app", zkapi.WatchPersistentRecursive) {
//		switch {
//		case err != nil:
//			return err
//		case event.Type == zkapi.EventNone:
//			readEverything()
//		default:
//			read(event.Path)
//		}
//	}
//
// The loop gets every event, in the order of the server, but for those that
// nobody can give it: a server does not keep what happens while the client has no
// connection. Therefore an event of type zkapi.EventNone, without an Err, says that
// the watch is armed, and that events before it may be missing: it comes first, and after
// each reconnection. What is read after it is not older than what was read before, in
// whatever session. It also stands for all events that wait when there are more than
// Config.MaxUnread of them.
//
// The loop ends as with Data, and with zkapi.ErrUnimplemented if the server has
// no persistent watches, which came with 3.6; Data, Children and the caches work
// without. On 3.8 any other watch of the same client on the same path takes
// the place of this one: there, give it a client of its own. While the loop
// runs a goroutine takes the events from the client.
func Persistent(ctx context.Context, c zkapi.Client, path string, mode zkapi.WatchMode, opts ...func(*Config)) iter.Seq2[zkapi.Event, error] {
	return func(yield func(zkapi.Event, error) bool) {
		if err := zkapi.ValidatePath(path); err != nil {
			yield(zkapi.Event{}, err)
			return
		}
		p := &persistent{link: link{c: c, path: path}, cfg: configured(opts), mode: mode, wake: make(chan struct{}, 1)}
		ctx, cancel := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			p.end(p.run(ctx))
		}()
		defer func() {
			cancel()
			<-done
		}()
		for {
			events, err := p.take()
			for _, ev := range events {
				if !yield(ev, nil) {
					return
				}
			}
			if err != nil {
				yield(zkapi.Event{}, err)
				return
			}
			<-p.wake
		}
	}
}

// persistent is one persistent watch over many sessions.
type persistent struct {
	link
	cfg  Config
	mode zkapi.WatchMode
	away bool // there is no connection

	mu     sync.Mutex
	unread []zkapi.Event
	err    error
	wake   chan struct{} // holds a token while there is something to take
}

func (p *persistent) push(ev zkapi.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.unread) >= p.cfg.MaxUnread {
		p.unread, ev = nil, p.armed()
	}
	p.unread = append(p.unread, ev)
	p.wakeUp()
}

// armed is the event that says that there may be events missing before it.
func (p *persistent) armed() zkapi.Event {
	return zkapi.Event{Type: zkapi.EventNone, Path: p.path, Zxid: -1}
}

func (p *persistent) end(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
	p.wakeUp()
}

func (p *persistent) wakeUp() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *persistent) take() ([]zkapi.Event, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	events := p.unread
	p.unread = nil
	return events, p.err
}

// run has a watch armed until that is not possible any more.
func (p *persistent) run(ctx context.Context) error {
	states := p.c.States()
	defer states.Close()
	for {
		stream, err := p.c.AddWatch(ctx, p.path, p.mode)
		if err == nil {
			if err = p.sync(ctx); err == nil {
				p.fine()
				p.push(p.armed())
				err = p.pump(ctx, stream, states)
			}
			stream.Close()
		}
		if err != nil {
			if err = p.recover(ctx, err); err != nil {
				return err
			}
		}
	}
}

// pump passes on what comes until the watch ends. It returns nil if that is worth
// arming it anew.
func (p *persistent) pump(ctx context.Context, stream *zkapi.Stream[zkapi.Event], states *zkapi.Stream[zkapi.StateChange]) error {
	for {
		if again, err := p.pass(stream); again || err != nil {
			return err
		}
		p.follow(states)
		select {
		case <-stream.Ready():
		case <-states.Ready():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// pass passes on what there is, and tells whether the watch has ended, and for good.
func (p *persistent) pass(stream *zkapi.Stream[zkapi.Event]) (over bool, err error) {
	for {
		ev, ok, open := stream.TryNext()
		switch {
		case !open:
			return true, nil
		case !ok:
			return false, nil
		case ev.Type == zkapi.EventNone && p.cfg.EndOnLoss && errors.Is(ev.Err, zkapi.ErrSessionExpired):
			return true, lost
		case ev.Type == zkapi.EventNone:
			return true, ended(ev)
		case ev.Type == zkapi.EventPersistentWatchRemoved:
			return true, nil
		}
		p.push(ev)
	}
}

// follow says so when the connection was away.
func (p *persistent) follow(states *zkapi.Stream[zkapi.StateChange]) {
	for {
		change, ok, _ := states.TryNext()
		if !ok {
			return
		}
		if back := usable(change.State); back && p.away {
			p.push(p.armed())
		}
		p.away = !usable(change.State)
	}
}
