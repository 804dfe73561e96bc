package explore

import (
	"context"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

// run is one schedule. It belongs to the goroutine that explores; participants
// share only what mu guards, and only while they run.
type run struct {
	cfg        *Config
	source     Source
	recording  bool
	srv        *memserver.Server
	parts      []*Participant
	invariants []func() error
	finals     []func() error
	removed    map[int64][]removal // by session
	third      *memserver.Client   // deletes nodes
	born       time.Time
	quiet      *int // how many goroutines there are when none is left; 0 if that is not known
	left       bool // some never end

	mu      sync.Mutex
	over    bool
	failure *Failure
	history []Line
	wake    chan struct{}

	steps       []Step // the enabled ones
	idle        bool   // nobody can do anything before time passes
	choices     []int  // made so far
	names       []stepName
	trifles     []bool              // which of the steps were a matter of course
	first       *memserver.Snapshot // before the participants began
	acts        []act
	taken       int
	last        int // who moved last
	inARow      int
	faults      int    // left
	happened    Fault  // what has gone wrong
	preemptions int    // left; negative is no bound
	writes      ledger // that the server has done
	portrait    ledger // scratch of state, as ranks is
	aside       ledger
	after       func()        // what is to be done when a step has been taken, and judged
	touched     bool          // somebody has read what participants share
	counted     bool          // or has asked how many faults there were
	asked       bool          // or what is on its way to it
	wrote       bool          // invariants have written
	restarted   time.Duration // when the server was, last
	moving      bool          // a step is being taken, not judged
	ranks       []int64
	chance      *stream
	remembers   bool // the scenario has said by Remember what it has in mind
	memories    []func() string
	ids         []func() []int64
	claims      []*Claims
	dialled     bool // there are clients over the wire
	goroutines  int  // that there were before
	theirs      int  // goroutines of participants
	disturbed   bool // others have come or gone, so that theirs is not to be trusted
	blurred     bool // it is not known whose
	zxid        int64
	pruned      bool
	spares      int           // members that participants have come back to, see Lag
	ended       atomic.Uint64 // participants of whom somebody else has ended a context
	trial       bool          // it only counts participants
}

// unfair is how many steps in a row a participant may take while others could move.
const unfair = 100

// newRun furnishes a world.
func newRun(cfg *Config, scenario func(*World), source Source, chance *stream) *run {
	r := &run{cfg: cfg, source: source, chance: chance, last: nobody, faults: cfg.Faults, preemptions: cfg.Preemptions,
		wake: make(chan struct{}, 1), born: time.Now(), goroutines: running()}
	switch {
	case cfg.Preemptions == 0:
		r.preemptions = -1
	case cfg.Preemptions < 0:
		r.preemptions = 0
	}
	r.serve(r.members(scenario))
	scenario(&World{Server: r.srv, run: r})
	r.leaveBehind()
	return r
}

func (r *run) serve(members int) {
	srv, err := memserver.New(func(c *memserver.Config) { c.Seed, c.Members, c.ExtendedTypes = 1, members, true })
	if err != nil {
		panic(err)
	}
	r.srv = srv
}

func (r *run) addParticipant(name string, body func(*Participant) error) {
	if r.trial {
		r.parts = append(r.parts, nil)
		return
	}
	home := r.home(len(r.parts))
	inner, err := r.srv.Client(memserver.Held, func(c *memserver.ClientConfig) { c.SessionTimeout, c.Member = r.cfg.SessionTimeout, home })
	if err != nil {
		panic(err)
	}
	c := &client{run: r, inner: inner, link: direct{inner}, index: len(r.parts), member: home}
	r.parts = append(r.parts, &Participant{Name: name, Client: c, run: r, client: c, body: body})
}

func (r *run) addDialing(name string, body func(*Participant) error) {
	if r.trial {
		r.parts = append(r.parts, nil)
		return
	}
	c := &client{run: r, index: len(r.parts), member: r.home(len(r.parts))}
	r.dialled = true
	c.link = &wired{run: r, client: c}
	r.parts = append(r.parts, &Participant{Name: name, run: r, client: c, body: body})
}

// handshakes lets clients over the wire connect for the first time, which is not
// worth a choice.
func (r *run) handshakes() {
	for i, p := range r.parts {
		if o := p.client.pending; len(o) > 0 && o[0].verb == verbConnect {
			first := o[0]
			r.perform(i, first, p.client.link.perform)
			r.reply(i, first)
			r.settle()
			r.account(i)
		}
	}
}

func (r *run) wakeUp() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// failLocked keeps the first failure. r.mu is held.
func (r *run) failLocked(why Why, text string) {
	if r.failure == nil && !r.over {
		r.failure = &Failure{Why: why, Text: text}
	}
}

// panickedLocked is failLocked from where something has panicked. r.mu is held.
func (r *run) panickedLocked(why Why, text string) {
	if r.failure != nil || r.over {
		return
	}
	stack := make([]byte, 4096)
	r.failure = &Failure{Why: why, Text: text, Stack: string(stack[:runtime.Stack(stack, false)])}
}

func (r *run) fail(why Why, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failLocked(why, fmt.Sprintf(format, args...))
}

// do runs the schedule to its end.
func (r *run) do() {
	for i, p := range r.parts {
		p.ctx, p.cancel = context.WithCancel(context.Background())
		p.ctx = overseen{p.ctx, r, i}
		r.chance.turn(i)
		go p.live()
		synctest.Wait()
		r.account(i)
	}
	if r.recording {
		r.first = r.srv.Snapshot()
	}
	r.handshakes()
	r.zxid = r.srv.Zxid()
	for r.goOn() {
	}
	r.end()
	r.countGoroutines()
	r.disturbed = !r.left && runtime.NumGoroutine() != r.goroutines
}

// countGoroutines looks for some that have not ended. What only waits for time to
// pass may.
func (r *run) countGoroutines() {
	all := runtime.NumGoroutine()
	if all <= *r.quiet {
		*r.quiet = all
		return
	}
	time.Sleep(settling)
	synctest.Wait()
	n := strays()
	if r.left = n > 0; !r.left {
		*r.quiet = runtime.NumGoroutine()
	} else if r.failure == nil {
		r.failure = &Failure{Why: Leaked, Text: fmt.Sprintf("%d goroutines go on when all participants have returned and all clients are closed", n)}
	}
}

var bubbleName = regexp.MustCompile(`^goroutine \d+ .*(, synctest bubble \d+\])`)

// strays counts the goroutines of this bubble that package testing has not started. The number of
// all goroutines, which costs less, accuses nobody: the runtime starts some of its own.
func strays() (n int) {
	text := make([]byte, 1<<16)
	size := runtime.Stack(text, true)
	for size == len(text) && size < 1<<24 {
		text = make([]byte, 2*size)
		size = runtime.Stack(text, true)
	}
	stacks := strings.Split(string(text[:size]), "\n\n")
	ours := bubbleName.FindStringSubmatch(stacks[0])
	for _, stack := range stacks {
		head, _, _ := strings.Cut(stack, "\n")
		if ours != nil && strings.Contains(head, ours[1]) && !strings.Contains(stack, "\ncreated by testing") {
			n++
		}
	}
	return n
}

// goOn takes one step, and tells whether there may be another.
func (r *run) goOn() bool {
	before := r.srv.Zxid()
	if r.broken(r.invariants, Invariant) {
		return false
	}
	r.wrote = r.srv.Zxid() != before
	r.settle() // invariants may end something
	r.account(nobody)
	if r.after != nil {
		r.after()
		r.after = nil
	}
	r.enable()
	if len(r.steps) == 0 {
		return r.settleDown()
	}
	if r.taken++; r.taken > r.cfg.MaxSteps {
		r.fail(Livelock, "the schedule has not ended after %d steps", r.cfg.MaxSteps)
		return false
	}
	i := 0
	if len(r.steps) > 1 {
		if i = r.source.Choose(r); i < 0 {
			r.pruned = true
			return false
		}
	}
	if e, ok := r.source.(*exhaustive); ok && !e.begins(r, i) {
		r.pruned = true
		return false
	}
	trifle := r.ofCourse(&r.steps[i])
	r.choices, r.names, r.trifles = append(r.choices, i), append(r.names, r.steps[i].name()), append(r.trifles, trifle)
	r.setMoving(true)
	r.take(r.steps[i], trifle)
	r.setMoving(false)
	return r.failure == nil
}

// setMoving says whether a step is being taken. Whom a timer wakes may ask.
func (r *run) setMoving(yes bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.moving = yes
}

// failed is what the run has come to, nil if nothing failed.
func (r *run) failed() *Failure {
	if f := r.failure; f != nil {
		r.write(f)
	}
	return r.failure
}

// write writes down what has happened.
func (r *run) write(f *Failure) {
	f.Choices, f.History, f.steps, f.acts = r.choices, r.numbered(), r.names, r.acts
	f.names = nil
	for _, p := range r.parts {
		f.names = append(f.names, p.Name)
	}
	if f.first = furniture(r.first); r.first != nil {
		root, _ := r.first.Node("/")
		f.root = &root
	}
	if r.cfg.lags() {
		f.members, f.seats = len(r.srv.Members()), r.cfg.seats
	}
}

// furniture is the nodes that a scenario has made.
func furniture(s *memserver.Snapshot) (nodes []memserver.Node) {
	if s == nil {
		return nil
	}
	for n := range s.Nodes() {
		if n.Path != "/" && n.Path != "/zookeeper" && !strings.HasPrefix(n.Path, "/zookeeper/") {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

func (r *run) broken(rules []func() error, why Why) (broken bool) {
	defer func() {
		if v := recover(); v != nil {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.panickedLocked(why, fmt.Sprintf("what looks whether it does panicked: %v", v))
			broken = true
		}
	}()
	for _, holds := range rules {
		if err := holds(); err != nil {
			r.fail(why, "%v", err)
			return true
		}
	}
	return r.failure != nil
}

func (r *run) allEnded() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.allEndedLocked()
}

func (r *run) allEndedLocked() bool {
	for _, p := range r.parts {
		if !p.ended {
			return false
		}
	}
	return true
}

// halted tells whether waiting brings nothing more.
func (r *run) halted() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.allEndedLocked() || r.failure != nil
}

// stuck is how much time passes before those who wait count as waiting for ever.
const stuck = 10 * time.Minute

// passTime lets time pass until somebody has something to do.
func (r *run) passTime() {
	if r.sleep(stuck) {
		return
	}
	var waiting []string
	for _, p := range r.parts {
		if !p.ended {
			waiting = append(waiting, p.Name)
		}
	}
	r.fail(Deadlock, "%s: nothing is under way, nothing is broken any more, and %v later still waiting",
		strings.Join(waiting, ", "), stuck)
}

// sleep waits until a participant moves or something comes to one, at most for d.
func (r *run) sleep(d time.Duration) bool {
	began := time.Now()
	for part := d / 20; time.Since(began) < d; {
		select {
		case <-r.wake:
		default:
		}
		timer := time.NewTimer(part)
		select {
		case <-r.wake:
		case <-timer.C:
		}
		timer.Stop()
		synctest.Wait()
		if r.enable(); !r.idle || r.halted() {
			r.record(Line{Kind: TimePassed, Text: fmt.Sprintf("%v pass", time.Since(began))})
			return true
		}
	}
	return false
}

// settling is how long what goes on in the background has for putting things in order.
const settling = time.Minute

// settleDown is what happens when all participants have returned.
func (r *run) settleDown() bool {
	if r.broken(r.finals, Final) {
		first := r.failure
		r.failure = nil
		if r.sleepOn(settling) {
			return true
		}
		if !r.broken(r.finals, Final) {
			return false
		}
		r.failure.Text = first.Text
	}
	return false
}

// sleepOn is sleep for those who work on when the participants have returned.
func (r *run) sleepOn(d time.Duration) bool {
	for began := time.Now(); time.Since(began) < d; {
		time.Sleep(d / 20)
		synctest.Wait()
		if r.enable(); !r.idle {
			return true
		}
	}
	return false
}

// lingering is how long clients over the wire have for noticing the end.
const lingering = 5 * time.Second

// end has everybody stop, one after the other, because they may share memory.
func (r *run) end() {
	r.mu.Lock()
	r.over = true
	r.mu.Unlock()
	var ending sync.WaitGroup
	for _, p := range r.parts {
		p.cancel()
		r.drop(p.client, zkapi.ErrClosed)
		p.client.link.close()
		for _, f := range p.last {
			ending.Go(f)
		}
		synctest.Wait()
	}
	for began := time.Now(); ; time.Sleep(time.Second) {
		synctest.Wait()
		if r.allEnded() {
			break
		}
		for _, p := range r.parts {
			r.drop(p.client, zkapi.ErrClosed)
		}
		if time.Since(began) > time.Hour {
			r.over = false
			r.fail(Stuck, "a participant does not return, although its context has ended and its client is closed")
			break
		}
	}
	ending.Wait()
	if r.third != nil {
		r.third.Close()
	}
	r.srv.Close()
	if slices.ContainsFunc(r.parts, func(p *Participant) bool { return p.client.inner == nil }) {
		time.Sleep(lingering)
	}
}

// drop answers all that is under way with an error.
func (r *run) drop(c *client, err error) {
	r.mu.Lock()
	pending := c.pending
	c.pending = nil
	r.mu.Unlock()
	for _, o := range pending {
		if o.done != nil {
			o.fail(err)
			o.done <- struct{}{}
		}
	}
}
