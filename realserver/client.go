package realserver

import (
	"cmp"
	"context"
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

// ClientConfig says how a Client connects. Zero fields mean their default.
type ClientConfig struct {
	// SessionTimeout is asked for; the server grants what its limits allow. 10 s by default.
	SessionTimeout time.Duration
	// Dialer makes the connections; by default they are TCP connections. It has the
	// signature of net.DialTimeout, so memserver's Server.Dial fits. The timeout
	// that it is given is a second; Close does not wait for one that takes longer.
	Dialer func(network, address string, timeout time.Duration) (net.Conn, error)
	// Logf takes go-zookeeper's log; nil drops it.
	Logf func(format string, args ...any)
	// MaxRequest is the longest request in bytes, 1.5 MiB by default. It is the size
	// of a buffer that every client has.
	MaxRequest int
	// MaxReply is the longest reply in bytes; 0 is no limit. A longer one breaks the
	// connection.
	MaxReply int
}

// Client is a zkapi.Client over a *zk.Conn of github.com/go-zookeeper/zk, for
// real servers and for whatever else speaks the protocol. What it does about
// go-zookeeper's traps is written where it is done; each of them has a test.
//
// Every method returns as soon as its context ends. A request that was not sent
// by then is never sent; otherwise its outcome is unknown. A reply that comes
// later is dropped, and so is the watch that it arms. While there is no
// connection every method fails at once with zkapi.ErrConnectionLoss, and what
// was waiting to be sent is never sent.
//
// An error is at once zkapi's and go-zookeeper's: errors.Is finds
// zkapi.ErrNoNode as well as zk.ErrNoNode in it.
//
// All operations are there, also those that go-zookeeper has no methods for. It
// looks at paths before it sends them, so that reads of malformed ones fail with
// zkapi.ErrBadArguments where a server would have said zkapi.ErrNoNode.
type Client struct {
	cfg     ClientConfig
	hosts   *hosts
	gate    chan struct{}   // holds a token while a call is on its way to the tap
	ctx     context.Context // ends with the final states
	cancel  context.CancelFunc
	once    atomic.Bool     // shutdown has begun
	ended   chan struct{}   // closed when it is over
	running sync.WaitGroup  // calls and restorations
	events  <-chan zk.Event // closed when go-zookeeper has ended; of no use otherwise (trap 4)

	mu       sync.Mutex // guards everything below, and calls
	conn     *zk.Conn
	state    zkapi.State
	session  int64 // 0 while there is none
	had      bool  // there has been one
	timeout  time.Duration
	streams  []*zkapi.Stream[zkapi.StateChange]
	watches  watches
	auths    []wire.AuthPacket
	lastZxid int64
	dialed   *tap  // the latest connection
	link     *tap  // the same once it has a session, nil again when it is lost
	dialErr  error // of the latest attempt
	sending  *call // has the gate's token
	inFlight map[*call]struct{}
	drained  chan struct{} // closed by the last of them, if somebody waits for it
}

var _ zkapi.Client = (*Client)(nil)

// closeWait is how long Close waits for replies before it hangs up.
const closeWait = time.Second

// Connect connects to one of the servers, each "host:port", and returns when
// there is a session. If the context ends before that, its error says what the
// last attempt failed with. The context has no effect on the client afterwards.
func Connect(ctx context.Context, servers []string, opts ...func(*ClientConfig)) (*Client, error) {
	cfg := ClientConfig{SessionTimeout: 10 * time.Second, MaxRequest: 1536 << 10}
	for _, opt := range opts {
		opt(&cfg)
	}
	c := &Client{
		cfg: cfg, hosts: new(hosts), gate: make(chan struct{}, 1), ended: make(chan struct{}),
		watches: newWatches(), inFlight: make(map[*call]struct{}),
	}
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
		zk.WithMaxBufferSize(c.cfg.MaxReply),
		zk.WithMaxConnBufferSize(c.cfg.MaxRequest),
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
	link  *tap                                 // of a restoration: its connection; nil: whichever there is
	patch func(xid int32, frame []byte) []byte // what is sent in place of go-zookeeper's frame; nil: the same
	reply *wire.Reply                          // what of the reply go-zookeeper drops; nil: nothing
	watch *watcher                             // armed by the reply; nil: none
	// Both are called with Client.mu held; nil: not.
	unless func() bool      // before the request is sent: true ends the call with success instead
	after  func(zkapi.Code) // when the reply is there
	ends   chan error       // has room for the one that it gets

	// Guarded by Client.mu.
	sent    bool
	replied bool
	code    zkapi.Code
	garbled error // the reply's body could not be read
	set     bool  // the watch is set on the server
	armed   bool  // and here
	over    bool  // ends has it, or nobody waits for it
}

// end ends a call, unless it has ended. Client.mu is held.
func (k *call) end(err error) {
	if !k.over {
		k.over = true
		k.ends <- err
	}
}

// do runs a method of go-zookeeper. What run leaves in variables may be read
// only if there is no error.
func (c *Client) do(ctx context.Context, k *call, run func(*zk.Conn) error) error {
	conn, err := c.admit(ctx, k)
	if err != nil {
		return opError(k.op, k.path, err)
	}
	go func() {
		defer c.running.Done()
		c.returned(k, run(conn))
	}()
	select {
	case err = <-k.ends:
	case <-ctx.Done():
		err = c.abandon(k, ctx.Err())
	}
	return opError(k.op, k.path, err)
}

// admit waits for the gate. Calls go through it one at a time, in the order in
// which they came, so that the requests of one client are sent in that order
// and each frame is known to be whose.
func (c *Client) admit(ctx context.Context, k *call) (*zk.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c.mu.Lock()
	link, err := c.ready(k)
	c.mu.Unlock()
	if err != nil {
		return nil, err
	}
	select {
	case c.gate <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.ctx.Done():
		return nil, c.why()
	case <-link.off:
		return nil, c.why()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if now, err := c.ready(k); err != nil || now != link { // trap 2: not on another connection
		<-c.gate
		return nil, cmp.Or(err, pair(zkapi.ErrConnectionLoss, nil))
	}
	k.ends = make(chan error, 1)
	c.sending = k
	c.running.Add(1)
	return c.conn, nil
}

// ready tells whether a call may go out, and on which connection.
func (c *Client) ready(k *call) (*tap, error) {
	switch {
	case c.final():
		return nil, c.whyLocked()
	case k.link == nil && c.connected() || k.link != nil && k.link == c.link:
		return c.link, nil
	}
	return nil, c.whyLocked()
}

func (c *Client) why() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.whyLocked()
}

// whyLocked is the error of what cannot be sent.
func (c *Client) whyLocked() error {
	switch c.state {
	case zkapi.StateClosed: // trap 3
		return pair(zkapi.ErrClosed, nil)
	case zkapi.StateAuthFailed:
		return pair(zkapi.ErrAuthFailed, nil)
	}
	return pair(zkapi.ErrConnectionLoss, nil)
}

// sent opens the gate for the next call. c.mu is held.
func (c *Client) sent() {
	c.sending = nil
	<-c.gate
}

// returned takes what go-zookeeper's method has returned.
func (c *Client) returned(k *call, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sending == k { // it was never sent
		c.sent()
	}
	if _, ok := c.inFlight[k]; ok {
		if delete(c.inFlight, k); len(c.inFlight) == 0 && c.drained != nil {
			close(c.drained)
			c.drained = nil
		}
	}
	if err != nil && k.armed {
		c.disarm(k)
	}
	if k.set && !k.armed {
		c.running.Add(1)
		go func() {
			defer c.running.Done()
			c.unwatch(k.watch)
		}()
	}
	if err = k.ended(err); err != nil && !k.replied && c.state == zkapi.StateClosed {
		err = c.whyLocked()
	}
	k.end(err)
}

// abandon ends a call whose context has ended, unless it has ended before.
func (c *Client) abandon(k *call, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k.over {
		return <-k.ends
	}
	k.over = true
	if k.armed {
		c.disarm(k)
	}
	return err
}

func (c *Client) disarm(k *call) {
	k.armed = false
	c.watches.drop(k.watch)
}

// Close implements zkapi.Client. What was sent before still gets its answer, if
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
		if c.sending != nil {
			c.sending.end(c.whyLocked())
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
	c.drain()
	c.conn.Close() // waits for the reply to closeSession, for a second at most
	c.hangUp()
	for range c.events { // is closed last of all
	}
	c.running.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watches.end(zkapi.ErrClosed) // there are none left if the state was AUTH_FAILED
}

// drain waits for the replies that are under way, and hangs up if they do not
// come. go-zookeeper's Close would let go of the calls while their replies are
// still being decoded, a data race.
func (c *Client) drain() {
	c.mu.Lock()
	drained := make(chan struct{})
	if len(c.inFlight) == 0 {
		close(drained)
	} else {
		c.drained = drained
	}
	c.mu.Unlock()
	late := time.NewTimer(closeWait)
	defer late.Stop()
	select {
	case <-drained:
	case <-late.C:
		c.hangUp()
		<-drained
	}
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
