package history

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// Server is a server, or an ensemble, and what can go wrong with it. Only
// Connect is required.
type Server struct {
	// Connect makes a client with a session of its own.
	Connect func(ctx context.Context, timeout time.Duration) (zkapi.Client, error)
	// Disconnect breaks a client's connection until Reconnect.
	Disconnect func(c zkapi.Client) error
	Reconnect  func(c zkapi.Client) error
	// Lose has a client's next request lost with its connection, or the reply to
	// it: then the server has done it, and the client does not know.
	Lose func(c zkapi.Client, reply bool) error
	// Expire ends a session on the server.
	Expire func(sessionID int64) error
	// Restart stops the server, or a part of it, and starts it again on its data.
	Restart func() error
}

// Config says how a history is made.
type Config struct {
	Seed    uint64        // of the operations and the faults; 0 takes another one each time
	Clients int           // 4 by default
	Steps   int           // operations of each client, 60 by default
	Paths   int           // nodes that they share, 3 by default
	Faults  int           // how often something goes wrong, 6 by default; of each kind in turn
	Pause   time.Duration // up to which a client thinks before it goes on; 2 ms by default
	// Single says that there is one server, so that reads are as fresh as writes. True by default.
	Single bool
	// SessionTimeout is what clients ask for, 4 s by default.
	SessionTimeout time.Duration
	// Expiry lets connections be broken for longer than the session timeout now
	// and then. For clocks that take no time.
	Expiry bool
}

// TB is what Check needs of a test.
type TB interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Check makes a history and reports what cannot be.
func Check(t TB, srv Server, opts ...func(*Config)) {
	t.Helper()
	cfg := Config{Clients: 4, Steps: 60, Paths: 3, Faults: 6, Pause: 2 * time.Millisecond, Single: true, SessionTimeout: 4 * time.Second}
	for _, opt := range opts {
		opt(&cfg)
	}
	if cfg.Seed == 0 {
		cfg.Seed = rand.Uint64()
	}
	h, err := Run(srv, cfg)
	if err != nil {
		t.Fatalf("history with seed %d: %v", cfg.Seed, err)
	}
	violations := h.Violations(cfg.Single)
	for _, v := range violations {
		t.Errorf("history with seed %d: %s", cfg.Seed, v)
	}
	if len(violations) == 0 {
		t.Logf("history with seed %d: %v", cfg.Seed, h.tally())
	}
}

// tally counts what has happened.
func (h *History) tally() string {
	outcomes, sessions := make(map[Outcome]int), make(map[int64]bool)
	for i := range h.Ops {
		outcomes[h.Ops[i].Outcome]++
		sessions[h.Ops[i].Session] = true
	}
	return fmt.Sprintf("%d operations done, %d failed, %d with an unknown outcome, %d sessions",
		outcomes[Done], outcomes[Failed], outcomes[Unknown], len(sessions))
}

// patience is how long anything may take.
const patience = time.Minute

// run is a history while it is made.
type run struct {
	srv  Server
	cfg  Config
	base string // everything is below this node
	ctx  context.Context

	clock atomic.Int64
	mu    sync.Mutex
	ops   []Op
}

// Run has clients use the server while things go wrong, and returns what they
// saw. It fails if a client cannot connect, gets an error that it should not, or
// waits for more than a minute.
func Run(srv Server, cfg Config) (*History, error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	r := &run{srv: srv, cfg: cfg, ctx: ctx, base: fmt.Sprintf("/history-%x", cfg.Seed)}
	if err := r.prepare(); err != nil {
		return nil, fmt.Errorf("preparing: %w", err)
	}
	workers := make([]*worker, cfg.Clients)
	for i := range workers {
		c, err := r.connect()
		if err != nil {
			return nil, fmt.Errorf("connecting: %w", err)
		}
		workers[i] = &worker{
			run: r, number: i + 1, client: c, states: c.States(), rng: rand.New(rand.NewPCG(cfg.Seed, uint64(i))),
			watches: make(map[string]watch), heard: make(map[int64]int64),
		}
	}
	var group sync.WaitGroup
	var steps sync.WaitGroup
	fail := func(err error) {
		if err != nil {
			cancel(err)
		}
	}
	over := make(chan struct{})
	for _, w := range workers {
		steps.Add(1)
		group.Go(func() {
			fail(w.work(steps.Done, over))
		})
	}
	group.Go(func() {
		defer close(over)
		fail(r.goWrong(workers, &steps))
	})
	group.Wait()
	if err := context.Cause(ctx); err != nil {
		for _, w := range workers {
			w.client.Close()
		}
		return nil, err
	}
	if err := r.lookAgain(); err != nil {
		return nil, fmt.Errorf("reading what there is at the end: %w", err)
	}
	return &History{Ops: r.ops}, nil
}

func (r *run) connect() (zkapi.Client, error) {
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	return r.srv.Connect(ctx, r.cfg.SessionTimeout)
}

func (r *run) note(o Op) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops = append(r.ops, o)
}

// prepare makes the node below which everything is.
func (r *run) prepare() error {
	c, err := r.connect()
	if err != nil {
		return err
	}
	_, err = c.Create(r.ctx, r.base, nil, nil, zkapi.Persistent)
	return errors.Join(err, c.Close())
}

// lookAgain reads everything when all is over, and removes it.
func (r *run) lookAgain() error {
	c, err := r.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	if err := c.Sync(ctx, r.base); err != nil {
		return err
	}
	for i := range r.cfg.Paths {
		o := Op{Kind: Get, Path: r.path(i), Final: true, Call: r.clock.Add(1), Outcome: Done}
		data, stat, err := c.Get(ctx, o.Path)
		o.Return, o.Value = r.clock.Add(1), string(data)
		o.saw(stat)
		if o.ended(err); o.Outcome == Unknown {
			return err
		}
		r.note(o)
	}
	return zkapi.DeleteRecursive(ctx, c, r.base)
}

func (r *run) path(i int) string { return fmt.Sprintf("%s/%c", r.base, 'a'+i) }

// ended puts the error of a call into an operation. The parts of a multi know
// better what each of them has failed with.
func (o *Op) ended(err error) {
	switch {
	case err == nil:
		o.Outcome = Done
		return
	case zkapi.NothingChanged(err):
		if o.Outcome = Failed; !o.Multi {
			o.Code = zkapi.CodeOf(err)
		}
	default:
		o.Outcome, o.Return = Unknown, Never
	}
	o.Version, o.Czxid, o.Mzxid = 0, 0, 0
}

// worker is one client.
type worker struct {
	*run
	number  int
	client  zkapi.Client
	states  *zkapi.Stream[zkapi.StateChange]
	rng     *rand.Rand
	values  int
	watches map[string]watch
	heard   map[int64]int64 // by session: the place of the last reply
}

// watch is a one-shot watch on a path.
type watch struct {
	events  <-chan zkapi.Event
	session int64
	mzxid   int64 // of what was there
}

// work does the client's steps, and closes it when nothing goes wrong any more.
func (w *worker) work(done func(), over <-chan struct{}) error {
	err := w.steps()
	done()
	<-over
	if err == nil {
		err = w.recover()
	}
	if err != nil {
		return fmt.Errorf("client %d: %w", w.number, err)
	}
	w.lost()
	session := w.client.SessionID()
	end := Op{Client: w.number, Session: session, Kind: End, Call: w.clock.Add(1), Outcome: Done}
	err = w.client.Close()
	if end.Return = w.clock.Add(1); err != nil {
		end.Outcome = Unknown
	}
	w.note(end)
	w.states.Close()
	return nil
}

func (w *worker) steps() error {
	for range w.cfg.Steps {
		if w.cfg.Pause > 0 {
			time.Sleep(time.Duration(w.rng.Int64N(int64(w.cfg.Pause))))
		}
		if context.Cause(w.ctx) != nil {
			return nil
		}
		err := w.step()
		w.lost()
		if err == nil || zkapi.NothingChanged(err) {
			continue
		}
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("no answer after %v: %w", patience, err)
		}
		if err := w.connected(); err != nil {
			return err
		}
	}
	return nil
}

// lost notes the ends of sessions that the client has told of.
func (w *worker) lost() {
	for {
		change, ok, _ := w.states.TryNext()
		if !ok {
			return
		}
		if change.State == zkapi.StateLost && change.SessionID != 0 {
			w.note(Op{Client: w.number, Session: change.SessionID, Kind: End, Call: w.heard[change.SessionID], Return: w.clock.Add(1), Outcome: Done})
		}
	}
}

// connected waits until the client has a connection.
func (w *worker) connected() error {
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	for w.client.State() != zkapi.StateConnected {
		select {
		case <-w.states.Ready():
			w.lost()
		case <-ctx.Done():
			return fmt.Errorf("%v, and not connected again after %v", w.client.State(), patience)
		}
	}
	return nil
}

// recover waits until the client gets answers again: a state may be that of a
// connection which is broken, and the client has not noticed yet.
func (w *worker) recover() error {
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	for {
		if err := w.connected(); err != nil {
			return err
		}
		if err := w.client.Sync(ctx, w.base); err == nil || ctx.Err() != nil {
			return err
		}
	}
}

func (w *worker) value() string {
	w.values++
	return fmt.Sprintf("v%d.%d", w.number, w.values)
}

// step does one operation.
func (w *worker) step() error {
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	path := w.path(w.rng.IntN(w.cfg.Paths))
	switch n := w.rng.IntN(20); {
	case n < 3:
		return w.create(ctx, path)
	case n < 8:
		return w.set(ctx, path)
	case n < 10:
		return w.remove(ctx, path)
	case n < 11:
		return w.multi(ctx, path)
	case n < 12:
		return w.sequence(ctx)
	case n < 15:
		return w.get(ctx, path, true)
	}
	return w.get(ctx, path, false)
}

// do notes what a call comes to, for each of the operations that it is for. The
// call fills in what it has seen.
func (w *worker) do(call func() error, ops ...*Op) error {
	at := w.clock.Add(1)
	before := w.client.SessionID()
	err := call()
	end := w.clock.Add(1)
	session := w.client.SessionID()
	if before != session {
		session = 0
	} else if err == nil {
		w.heard[session] = end
	}
	for _, o := range ops {
		o.Client, o.Session, o.Call, o.Return = w.number, session, at, end
		o.ended(err)
		o.Missed = w.missed(o)
		w.note(*o)
	}
	return err
}

// saw puts a Stat into an operation.
func (o *Op) saw(stat zkapi.Stat) {
	o.Version, o.Czxid, o.Mzxid = stat.Version, stat.Czxid, stat.Mzxid
}

func (w *worker) create(ctx context.Context, path string) error {
	o := Op{Kind: Create, Path: path, Value: w.value()}
	mode := zkapi.Persistent
	if w.rng.IntN(3) == 0 {
		mode, o.Owner = zkapi.Ephemeral, w.client.SessionID()
	}
	return w.do(func() error {
		_, stat, err := w.client.Create2(ctx, path, []byte(o.Value), nil, mode)
		if err == nil {
			o.Owner = stat.EphemeralOwner
		}
		o.saw(stat)
		return err
	}, &o)
}

// expects draws the version to ask for: any, or what may be the right one.
func (w *worker) expects() int32 {
	if w.rng.IntN(2) == 0 {
		return zkapi.AnyVersion
	}
	return w.rng.Int32N(3)
}

func (w *worker) set(ctx context.Context, path string) error {
	o := Op{Kind: Set, Path: path, Value: w.value(), Expects: w.expects()}
	return w.do(func() error {
		stat, err := w.client.Set(ctx, path, []byte(o.Value), o.Expects)
		o.saw(stat)
		return err
	}, &o)
}

func (w *worker) remove(ctx context.Context, path string) error {
	o := Op{Kind: Delete, Path: path, Expects: w.expects()}
	return w.do(func() error { return w.client.Delete(ctx, path, o.Expects) }, &o)
}

func (w *worker) get(ctx context.Context, path string, watching bool) error {
	o := Op{Kind: Get, Path: path}
	var events <-chan zkapi.Event
	err := w.do(func() (err error) {
		var data []byte
		var stat zkapi.Stat
		if watching {
			data, stat, events, err = w.client.GetW(ctx, path)
		} else {
			data, stat, err = w.client.Get(ctx, path)
		}
		o.Value = string(data)
		o.saw(stat)
		return err
	}, &o)
	if _, has := w.watches[path]; err == nil && watching && !has && o.Session != 0 {
		w.watches[path] = watch{events: events, session: o.Session, mzxid: o.Mzxid}
	}
	return err
}

func (w *worker) sequence(ctx context.Context) error {
	o := Op{Kind: Sequence, Path: w.base + "/s-"}
	return w.do(func() error {
		made, stat, err := w.client.Create2(ctx, o.Path, nil, nil, zkapi.PersistentSequential)
		if err == nil {
			o.Path = made
		}
		o.saw(stat)
		return err
	}, &o)
}

// multi sets two nodes at once.
func (w *worker) multi(ctx context.Context, path string) error {
	other := w.path(w.rng.IntN(w.cfg.Paths))
	if other == path {
		return w.set(ctx, path)
	}
	value := w.value()
	part := Op{Kind: Set, Path: path, Value: value, Expects: zkapi.AnyVersion, Multi: true, Code: zkapi.ErrRuntimeInconsistency}
	parts := []Op{part, part}
	parts[1].Path = other
	return w.do(func() error {
		results, err := w.client.Multi(ctx, zkapi.SetOp(path, []byte(value), -1), zkapi.SetOp(other, []byte(value), -1))
		for i, r := range results {
			if r.Err != nil {
				parts[i].Code = zkapi.CodeOf(r.Err)
			}
			parts[i].saw(r.Stat)
		}
		return err
	}, &parts[0], &parts[1])
}

// missed tells whether an operation shows a change of a node that the client
// watches, and the watch has not told.
func (w *worker) missed(o *Op) bool {
	watch, ok := w.watches[o.Path]
	if !ok {
		return false
	}
	if o.Session != watch.session {
		delete(w.watches, o.Path) // it has ended with its session
		return false
	}
	select {
	case <-watch.events:
		delete(w.watches, o.Path)
		return false
	default:
	}
	changed := o.shows() && o.Mzxid > watch.mzxid || o.showsNone() || o.Kind == Delete && o.Outcome == Done
	if changed {
		delete(w.watches, o.Path)
	}
	return changed
}
