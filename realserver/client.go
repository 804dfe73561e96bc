package realserver

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// ClientConfig says how a Client connects. Connect fills in the defaults before
// it calls the options.
type ClientConfig struct {
	// SessionTimeout is asked for; the server grants what its limits allow. 10 s by default.
	SessionTimeout time.Duration
	// Dialer makes the connections; by default they are TCP connections. It has the
	// signature of net.DialTimeout, so memserver's Server.Dial fits. The timeout
	// that it is given is a second; Close does not wait for one that takes longer.
	Dialer func(network, address string, timeout time.Duration) (net.Conn, error)
	// Logf takes go-zookeeper's log; nil drops it.
	Logf func(format string, args ...any)
	// MaxRequest is the longest request in bytes. A longer one fails with
	// zkapi.ErrMarshalling and is not sent: the server would hang up on it. The
	// default is that of servers, wire.DefaultMaxFrame.
	MaxRequest int
	// MaxReply is the longest reply in bytes; 0 is no limit. A longer one breaks the
	// connection.
	MaxReply int
}

// Client is a zkapi.Client over a *zk.Conn of github.com/go-zookeeper/zk, for
// real servers and for whatever else speaks the protocol. go-zookeeper connects,
// keeps the session and reconnects; the requests are of this package's making,
// and travel in place of one of go-zookeeper's. What is done about
// go-zookeeper's traps is written where it is done; each of them has a test.
//
// Every method returns as soon as its context ends. A request that was not sent
// by then is never sent; otherwise its outcome is unknown. A reply that comes
// later is dropped, and the watch that it arms is removed. While there is no
// connection every method fails at once with zkapi.ErrConnectionLoss, and what
// was waiting to be sent is never sent.
//
// An error is at once zkapi's and go-zookeeper's: errors.Is finds
// zkapi.ErrNoNode as well as zk.ErrNoNode in it.
//
// Strings travel as ZooKeeper's own clients send them: characters outside
// Unicode's basic plane in a form that servers do not understand. Nodes cannot
// be named with them anyway.
type Client struct {
	cfg     ClientConfig
	conn    *zk.Conn
	hosts   *hosts
	ctx     context.Context // ends with the final states
	cancel  context.CancelFunc
	once    atomic.Bool     // shutdown has begun
	ended   chan struct{}   // closed when it is over
	running sync.WaitGroup  // calls of go-zookeeper and restorations
	events  <-chan zk.Event // closed when go-zookeeper has ended; of no use otherwise (trap 4)

	mu       sync.Mutex // guards everything below, and calls
	state    zkapi.State
	session  int64 // 0 while there is none
	had      bool  // there has been one
	timeout  time.Duration
	streams  []*zkapi.Stream[zkapi.StateChange]
	watches  watches
	auths    []wire.AuthPacket
	lastZxid int64
	dialed   *tap            // the latest connection
	link     *tap            // the same once it has a session, nil again when it is lost
	dialErr  error           // of the latest attempt
	calls    map[int32]*call // that somebody waits for, by number
	number   int32           // of the latest call

	restoring *restoration // of link; nil before and after
}

var _ zkapi.Client = (*Client)(nil)

// Connect connects to one of the servers, each "host:port", and returns when
// there is a session. If the context ends before that, its error says what the
// last attempt failed with. The context has no effect on the client afterwards.
func Connect(ctx context.Context, servers []string, opts ...func(*ClientConfig)) (*Client, error) {
	cfg := ClientConfig{SessionTimeout: 10 * time.Second, MaxRequest: wire.DefaultMaxFrame}
	for _, opt := range opts {
		opt(&cfg)
	}
	c := &Client{cfg: cfg, hosts: new(hosts), ended: make(chan struct{}), watches: newWatches(), calls: make(map[int32]*call)}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	states := c.States()
	defer states.Close()
	if err := c.start(servers); err != nil {
		c.cancel()
		return nil, fmt.Errorf("realserver: %w", err)
	}
	for {
		change, err := states.Next(ctx)
		if err != nil {
			err = c.notConnected(servers, err)
			c.Close()
			return nil, err
		}
		if change.State == zkapi.StateConnected || change.State == zkapi.StateReadOnly {
			return c, nil
		}
	}
}

// start makes the go-zookeeper connection. c.mu is held until it is known, for
// its goroutine needs c.mu at once.
func (c *Client) start(servers []string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	timeout := min(max(c.cfg.SessionTimeout, time.Millisecond), math.MaxInt32*time.Millisecond)
	var err error
	c.conn, c.events, err = zk.Connect(servers, timeout,
		zk.WithDialer(c.dial),
		zk.WithHostProvider(c.hosts),
		zk.WithEventCallback(c.event),
		zk.WithLogger(logf(c.cfg.Logf)),
		zk.WithLogInfo(false),
		zk.WithMaxBufferSize(carrierSize), // the tap keeps the rest to itself
		zk.WithMaxConnBufferSize(carrierSize),
	)
	return err
}

func (c *Client) notConnected(servers []string, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err = fmt.Errorf("realserver: connecting to %s: %w", strings.Join(servers, ","), err)
	if c.dialErr != nil {
		err = fmt.Errorf("%w; last attempt: %w", err, c.dialErr)
	}
	return err
}

// logf is go-zookeeper's logger.
type logf func(format string, args ...any)

// Printf implements zk.Logger.
func (l logf) Printf(format string, args ...any) {
	if l != nil {
		l(format, args...)
	}
}

// dial is go-zookeeper's dialer.
func (c *Client) dial(network, address string, timeout time.Duration) (net.Conn, error) {
	c.hangUp() // go-zookeeper forgets to, after an expiry
	nc, err := c.dialUnder(network, address, timeout)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dialErr = err; err != nil {
		return nil, err
	}
	if c.final() {
		nc.Close()
		return nil, net.ErrClosed
	}
	c.dialed = newTap(c, nc)
	return c.dialed, nil
}

// dialUnder calls the dialer below. It does not outlive the client.
func (c *Client) dialUnder(network, address string, timeout time.Duration) (net.Conn, error) {
	if err := c.ctx.Err(); err != nil {
		return nil, err
	}
	if c.cfg.Dialer == nil {
		d := net.Dialer{Timeout: timeout}
		return d.DialContext(c.ctx, network, address)
	}
	type result struct {
		nc  net.Conn
		err error
	}
	made := make(chan result)
	go func() {
		nc, err := c.cfg.Dialer(network, address, timeout)
		select {
		case made <- result{nc, err}:
		case <-c.ctx.Done():
			if err == nil {
				nc.Close()
			}
		}
	}()
	select {
	case r := <-made:
		return r.nc, r.err
	case <-c.ctx.Done():
		return nil, c.ctx.Err()
	}
}

// call is one operation on its way through go-zookeeper.
//
// Trap 1: go-zookeeper's methods have no context, and wait for as long as there
// is no connection. Each runs in a goroutine of its own, which ends with the
// reply, with the connection, or with the client; the caller waits for
// whatever ends the call first.
type call struct {
	op    zkapi.OpCode
	path  string
	link  *tap     // the connection that it is for; nil: the one there is
	watch *watcher // armed by the reply; nil: none
	// Both are called with Client.mu held; nil: not.
	unless func() bool      // before the request is sent: true ends the call with success instead
	after  func(zkapi.Code) // when the reply is there

	number int32
	frame  []byte      // the request, but for its xid
	reply  *wire.Reply // complete when the call ends without an error
	ends   chan error  // has room for the one that it gets
	sent   bool
	over   bool // ends has it, or nobody waits for it
}

// carrierSize is more than what go-zookeeper sends and receives: of requests
// the carrier, of replies the header.
const carrierSize = 64

// do sends a request and waits for the reply.
func (c *Client) do(ctx context.Context, k *call, q wire.Request) (*wire.Reply, error) {
	q.Type = k.op
	k.frame = wire.EndFrame(q.Append(wire.BeginFrame(nil)), 0)
	err := c.send(ctx, k)
	if err == nil {
		select {
		case err = <-k.ends:
		case <-ctx.Done():
			err = c.abandon(k, ctx.Err())
		}
	}
	if err != nil {
		return nil, &zkapi.OpError{Op: k.op.String(), Path: k.path, Err: err}
	}
	return k.reply, nil
}

// send gives go-zookeeper a request that the tap knows by its number. It is the
// version of a Delete, whose reply has no body; nothing could be less harmful
// if it were sent as it is, for no server deletes its root.
func (c *Client) send(ctx context.Context, k *call) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if k.link == nil && c.connected() {
		k.link = c.link
	}
	switch {
	case c.final() || k.link == nil || k.link != c.link:
		return c.why()
	case len(k.frame)-4 > c.cfg.MaxRequest:
		return named(zkapi.ErrMarshalling)
	}
	k.reply, k.ends = new(wire.Reply), make(chan error, 1)
	c.number++
	k.number = c.number
	c.calls[k.number] = k
	c.running.Add(1)
	go func() {
		defer c.running.Done()
		_ = c.conn.Delete("/", k.number) // the tap has the reply, and detached the loss
	}()
	return nil
}

// outgoing is what is sent in place of the carrier with this number. c.mu is held.
func (c *Client) outgoing(t *tap, number, xid int32) []byte {
	k := c.calls[number]
	if k != nil && k.link == t && k.unless != nil && k.unless() {
		c.end(k, nil)
	}
	if k == nil || k.link != t || k.over { // traps 1 and 2
		return nothing(xid)
	}
	k.sent = true
	t.unanswered[xid] = k
	binary.BigEndian.PutUint32(k.frame[4:], uint32(xid))
	return k.frame
}

// nothing is a request that does nothing on any server, and is answered by an error:
// checkWatches with a type that does not exist.
func nothing(xid int32) []byte {
	q := wire.Request{RequestHeader: wire.RequestHeader{Xid: xid, Type: zkapi.OpCheckWatches}, Watch: wire.WatchRequest{Path: "/"}}
	return wire.EndFrame(q.Append(wire.BeginFrame(nil)), 0)
}

// answered takes a reply. c.mu is held.
func (c *Client) answered(k *call, code zkapi.Code, body *wire.Reader) {
	err := named(code)
	if code == 0 {
		if k.reply.Read(body, k.op); body.Err() != nil {
			err = fmt.Errorf("%w: the reply: %w", named(zkapi.ErrSystem), body.Err())
		}
	}
	if k.after != nil {
		k.after(code)
	}
	if w := k.watch; w != nil {
		missing := code == zkapi.ErrNoNode && k.op == zkapi.OpExists
		if missing {
			w.kind = watchExist
		}
		switch set := code == 0 || missing; {
		case set && (k.over || code == 0 && err != nil):
			c.forget(w)
		case set:
			c.watches.arm(w)
		}
	}
	c.end(k, err)
}

// end ends a call, unless it has ended. c.mu is held.
func (c *Client) end(k *call, err error) {
	if !k.over {
		delete(c.calls, k.number)
		k.over = true
		k.ends <- err
	}
}

// lose ends all calls: there are no replies any more. c.mu is held.
func (c *Client) lose() {
	for _, k := range c.calls {
		err := c.why()
		if k.sent && c.state != zkapi.StateClosed {
			err = named(zkapi.ErrConnectionLoss) // nobody knows whether it was done
		}
		c.end(k, err)
	}
}

// abandon ends a call whose context has ended, unless it has ended before.
func (c *Client) abandon(k *call, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k.over {
		return <-k.ends
	}
	delete(c.calls, k.number)
	k.over = true
	return err
}

// why is the error of what cannot be sent.
func (c *Client) why() error {
	switch c.state {
	case zkapi.StateClosed: // trap 3
		return named(zkapi.ErrClosed)
	case zkapi.StateAuthFailed:
		return named(zkapi.ErrAuthFailed)
	}
	return named(zkapi.ErrConnectionLoss)
}

// Close implements zkapi.Client. What was asked before still gets its answer, if
// that comes within a second. Close returns when all goroutines of the client
// have ended. A session whose connection is lost cannot be closed, and ends by
// its timeout.
func (c *Client) Close() error {
	c.mu.Lock()
	if c.state != zkapi.StateClosed {
		c.change(zkapi.StateClosed)
		for _, s := range c.streams {
			s.End()
		}
	}
	c.mu.Unlock()
	c.shutdown()
	return nil
}

// shutdown ends go-zookeeper's part. Whoever comes second waits for the first:
// on a channel, for a goroutine in a sync.Once stops the time of a bubble.
func (c *Client) shutdown() {
	if c.once.Swap(true) {
		<-c.ended
		return
	}
	defer close(c.ended)
	c.conn.Close() // waits for the reply to closeSession, which comes last, for a second at most
	c.hangUp()
	for range c.events { // is closed last of all
	}
	c.running.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watches.end(zkapi.ErrClosed) // there are none left if the state was AUTH_FAILED
}

// hangUp breaks the connection, if there is one.
func (c *Client) hangUp() {
	c.mu.Lock()
	t := c.dialed
	c.mu.Unlock()
	if t != nil {
		t.Close()
	}
}
