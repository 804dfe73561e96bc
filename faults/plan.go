package faults

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// Plan is a list of rules together with the count of what they did. All
// methods may be called from any goroutine. Its time starts when it is first
// used: when the first connection is dialled or wrapped, or the first client.
type Plan struct {
	seed  uint64
	rules []Rule

	program atomic.Pointer[program] // what is in force; Heal puts an empty one

	mu      sync.Mutex // held for moments only
	states  []*state
	start   time.Time
	log     []Firing
	dropped int // firings that the log has no room for
	observe func(Firing)
	lives   map[live]struct{}
	closed  bool
}

// live is what has to be told when the rules change or the plan is closed.
type live interface {
	healed()
	shut()
}

// New makes a plan. It fails if one of the rules makes no sense, and says which.
func New(seed uint64, rules ...Rule) (*Plan, error) {
	p := new(Plan)
	return p, p.init(seed, rules)
}

// Parse reads the text form of a plan. Errors are *SyntaxError.
func Parse(text string) (*Plan, error) {
	p := new(Plan)
	return p, p.UnmarshalText([]byte(text))
}

// MustParse is Parse for texts that are part of a program; it panics on errors.
func MustParse(text string) *Plan {
	p, err := Parse(text)
	if err != nil {
		panic(err)
	}
	return p
}

func (p *Plan) init(seed uint64, rules []Rule) error {
	if err := checkAll(rules); err != nil {
		return err
	}
	p.mu.Lock()
	p.seed, p.rules = seed, nil
	for _, r := range rules {
		r.Operations = slices.Clone(r.Operations)
		p.rules = append(p.rules, r)
	}
	p.resetLocked()
	p.mu.Unlock()
	p.tellAll()
	return nil
}

func checkAll(rules []Rule) error {
	for i := range rules {
		if err := rules[i].Check(); err != nil {
			return fmt.Errorf("faults: rule %d: %w", i+1, err)
		}
	}
	return nil
}

// Add puts more rules into force, behind those that there are; what these have
// counted stays. The times of the new ones are since now. It fails if one of them
// makes no sense, says which, and adds none.
func (p *Plan) Add(rules ...Rule) error {
	if err := checkAll(rules); err != nil {
		return err
	}
	p.mu.Lock()
	born := time.Duration(0)
	if !p.start.IsZero() {
		born = time.Since(p.start)
	}
	for _, r := range rules {
		r.Operations = slices.Clone(r.Operations)
		p.rules = append(p.rules, r)
	}
	for _, s := range p.makeStates(len(p.states)) {
		s.born = born
		p.states = append(p.states, s)
	}
	p.program.Store(newProgram(p.states))
	p.mu.Unlock()
	p.tellAll()
	return nil
}

// Reset forgets everything that has happened: counts and the log are as in a
// new plan, healed or not, and the time starts again.
func (p *Plan) Reset() {
	p.mu.Lock()
	p.resetLocked()
	p.mu.Unlock()
	p.tellAll()
}

func (p *Plan) resetLocked() {
	p.endStates()
	p.states = p.makeStates(0)
	p.start, p.log, p.dropped, p.closed = time.Time{}, nil, 0, false
	p.program.Store(newProgram(p.states))
	if len(p.lives) > 0 {
		p.started() // it is in use
	}
}

// makeStates makes those of the rules from one on. p.mu is held.
func (p *Plan) makeStates(from int) []*state {
	var made []*state
	same := make(map[string]int) // two rules with the same text have different chances
	for i := range p.rules {
		key := fmt.Sprintf("%d %s", p.seed, p.rules[i])
		if i >= from {
			made = append(made, newState(i, p.rules[i], fmt.Sprint(key, same[key])))
		}
		same[key]++
	}
	return made
}

// endStates takes all rules out of force for good. p.mu is held.
func (p *Plan) endStates() {
	for _, s := range p.states {
		s.over = true
	}
}

// Heal takes all rules out of force. What was held back passes on; connections
// that a stall or an endless silence has robbed of something stay as they are
// until the client gives them up.
func (p *Plan) Heal() {
	p.mu.Lock()
	p.endStates()
	p.program.Store(newProgram(p.states))
	p.mu.Unlock()
	p.tellAll()
}

func (p *Plan) tellAll() {
	for _, l := range p.allLives() {
		l.healed()
	}
}

// Close heals, and ends what is left of connections that their clients have
// closed in the dark, where the server could not learn of it.
func (p *Plan) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.Heal()
	for _, l := range p.allLives() {
		l.shut()
	}
	return nil
}

func (p *Plan) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

func (p *Plan) allLives() []live {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]live, 0, len(p.lives))
	for l := range p.lives {
		all = append(all, l)
	}
	return all
}

func (p *Plan) enter(l live) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lives == nil {
		p.lives = make(map[live]struct{})
	}
	p.lives[l] = struct{}{}
	p.started()
}

func (p *Plan) leave(l live) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.lives, l)
}

// started returns the time since the plan was first used. p.mu is held.
func (p *Plan) started() time.Duration {
	if p.start.IsZero() {
		p.start = time.Now()
	}
	return time.Since(p.start)
}

// now is the time since the plan was first used.
func (p *Plan) now() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.started()
}

// Start lets the time of the plan start now, if it has not yet.
func (p *Plan) Start() { p.now() }

// Seed is what the chances are drawn from.
func (p *Plan) Seed() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seed
}

// Rules returns the rules.
func (p *Plan) Rules() []Rule {
	p.mu.Lock()
	defer p.mu.Unlock()
	rules := slices.Clone(p.rules)
	for i := range rules {
		rules[i].Operations = slices.Clone(rules[i].Operations)
	}
	return rules
}

// String is the plan in the text form that Parse reads, one rule a line.
func (p *Plan) String() string { return text(p.Seed(), p.Rules()) }

// MarshalText is String.
func (p *Plan) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText is Parse into an existing plan, which may be in use: from then
// on it has those rules, and its counts and its time start anew, as after Reset.
// On errors the plan stays as it is.
func (p *Plan) UnmarshalText(b []byte) error {
	seed, rules, err := parseText(string(b))
	if err != nil {
		return err
	}
	return p.init(seed, rules)
}

// MarshalJSON is an object with the seed and the rules; see doc.go.
func (p *Plan) MarshalJSON() ([]byte, error) { return json.Marshal(jsonPlan{p.Seed(), p.Rules()}) }

// UnmarshalJSON reads such an object, or a string with the text form, as UnmarshalText does.
func (p *Plan) UnmarshalJSON(b []byte) error {
	if text, ok, err := jsonText(b); ok {
		if err != nil {
			return err
		}
		return p.UnmarshalText([]byte(text))
	}
	var j jsonPlan
	if err := strict(b, &j); err != nil {
		return err
	}
	return p.init(j.Seed, j.Rules)
}

// state is a rule at work. The counts are guarded by Plan.mu.
type state struct {
	rule   Rule
	index  int
	born   time.Duration // its times are since then
	over   bool          // healed, or replaced
	types  set
	glob   glob
	any    bool // no path asked for
	key    uint64
	seen   int // matches
	fired  int
	draws  map[string]uint64 // by client
	lasted map[any]bool      // Silence and Slow: the connections that noticed
}

func newState(index int, r Rule, key string) *state {
	h := fnv.New64a()
	h.Write([]byte(key))
	return &state{rule: r, index: index, types: r.matches(), glob: newGlob(r.Path), any: r.Path == "", key: h.Sum64()}
}

// program is the rules in force, sorted by what triggers them.
type program struct {
	requests []*state // at before-request
	replies  []*state // at after-reply and after-delivery
	events   []*state // at after-notification
	refusals []*state
	lasting  []*state // Silence and Slow
	early    set      // the types of requests that requests are about
	late     set      // the types of requests that replies are about
}

func newProgram(states []*state) *program {
	g := new(program)
	for _, s := range states {
		if s.over {
			continue
		}
		switch s.rule.Point {
		case BeforeRequest:
			g.requests = append(g.requests, s)
			g.early.join(s.types)
		case AfterReply, AfterDelivery:
			g.replies = append(g.replies, s)
			g.late.join(s.types)
		case AfterNotification:
			g.events = append(g.events, s)
		default:
			if s.rule.Action == Refuse {
				g.refusals = append(g.refusals, s)
			} else {
				g.lasting = append(g.lasting, s)
			}
		}
	}
	for _, op := range []zkapi.OpCode{zkapi.OpMulti, zkapi.OpMultiRead} { // which contain others
		if len(g.requests) > 0 {
			g.early.add(op)
		}
		if len(g.replies) > 0 {
			g.late.add(op)
		}
	}
	return g
}

// idle tells whether there is no rule.
func (g *program) idle() bool {
	return len(g.requests)+len(g.replies)+len(g.events)+len(g.refusals)+len(g.lasting) == 0
}

// peer is who a rule has to deal with.
type peer struct {
	name    string // of the client
	session int64
	conn    any // its identity
}

// request is what a rule knows about a request or an event.
type request struct {
	op   zkapi.OpCode
	xid  int32
	path string
	ops  []part // of a multi or multiRead
	arms bool   // a watch, also if there is no such node
	size int    // of the body, from a client without a connection
}

type part struct {
	op   zkapi.OpCode
	path string
}

// match is a rule that a request fits.
type match struct {
	state *state
	path  string // that the rule was about; the same as the request's but for multi
	part  int    // of a multi, or -1
}

// find appends the rules that fit.
func find(dst []match, states []*state, who *peer, q *request) []match {
	for _, s := range states {
		if s.rule.Client != "" && s.rule.Client != who.name || s.rule.Session != 0 && s.rule.Session != who.session {
			continue
		}
		if s.types.has(q.op) && (s.any || q.path != "" && s.glob.match(q.path)) {
			dst = append(dst, match{s, q.path, -1})
			continue
		}
		for i, o := range q.ops {
			// A multi goes by the names of what is in it, and by its own with their paths.
			if (s.types.has(o.op) || s.types.has(q.op)) && (s.any || s.glob.match(o.path)) {
				dst = append(dst, match{s, o.path, i})
				break
			}
		}
	}
	return dst
}

// verdict is what happens to a packet.
type verdict struct {
	delay time.Duration
	act   *state // Cut, Stall, Error; nil for none
	part  int
}

func (v *verdict) does(a Action) bool { return v.act != nil && v.act.rule.Action == a }

// judge asks the rules that match a packet. Each counts it; all delays that are
// due add up, and of the others the first that is due acts.
func (p *Plan) judge(ms []match, who *peer, q *request) (v verdict) {
	var fired []Firing
	p.mu.Lock()
	now := p.started()
	for _, m := range ms {
		s := m.state
		if !s.due(now, who.name) || v.act != nil && s.rule.Action != Delay {
			continue
		}
		if s.rule.Action == Delay {
			v.delay += s.rule.Delay
		} else {
			v.act, v.part = s, m.part
		}
		fired = append(fired, p.fire(s, now, who, q, m.path))
	}
	observe := p.observe
	p.mu.Unlock()
	tell(observe, fired)
	return v
}

// within tells whether the rule is in force at a time.
func (s *state) within(now time.Duration) bool {
	now -= s.born
	return now >= s.rule.From && (s.rule.To == 0 || now < s.rule.To) && !s.over
}

// due counts a match and tells whether the rule is to fire.
func (s *state) due(now time.Duration, client string) bool {
	if !s.within(now) {
		return false
	}
	s.seen++
	r := &s.rule
	return (r.Nth == 0 || s.seen == r.Nth) && (r.Every == 0 || s.seen%r.Every == 0) &&
		s.chance(client) && (r.Times == 0 || s.fired < r.Times)
}

// chance draws. Each client has draws of its own, so that what happens to it
// follows from the seed and its own traffic.
func (s *state) chance(client string) bool {
	if s.rule.Percent == 0 {
		return true
	}
	if s.draws == nil {
		s.draws = make(map[string]uint64)
	}
	n := s.draws[client]
	s.draws[client]++
	h := fnv.New64a()
	h.Write([]byte(client))
	return rand.New(rand.NewPCG(s.key^h.Sum64(), n)).Float64()*100 < s.rule.Percent
}

// maxLog bounds the log of a plan.
const maxLog = 10_000

// fire counts and logs. p.mu is held.
func (p *Plan) fire(s *state, now time.Duration, who *peer, q *request, path string) Firing {
	s.fired++
	f := Firing{At: now, Index: s.index, Rule: s.rule, Client: who.name, Session: who.session, Path: path, Xid: q.xid}
	switch {
	case s.rule.Point == AfterNotification:
		f.Operation = zkapi.EventType(q.op).String()
	case s.rule.Point != "":
		f.Operation = opName(q.op)
	}
	if len(p.log) < maxLog {
		p.log = append(p.log, f)
	} else {
		p.dropped++
	}
	return f
}

func tell(observe func(Firing), fired []Firing) {
	if observe != nil {
		for _, f := range fired {
			observe(f)
		}
	}
}

// lasting is what Silence and Slow do to one direction of a connection now.
type lasting struct {
	silent bool
	until  time.Time // of a silence that ends; zero for one that does not
	rate   int       // bytes a second; 0 for any
}

// lasting asks the rules without a trigger. The first time that a rule has an
// effect on a connection it fires.
func (p *Plan) lasting(g *program, who *peer, way Way) (l lasting) {
	var fired []Firing
	p.mu.Lock()
	now := p.started()
	for _, s := range g.lasting {
		r := &s.rule
		if r.Way != way && r.Way != BothWays || !s.within(now) ||
			r.Client != "" && r.Client != who.name || r.Session != 0 && r.Session != who.session {
			continue
		}
		switch {
		case r.Action == Slow && (l.rate == 0 || r.Rate < l.rate):
			l.rate = r.Rate
		case r.Action == Silence:
			end := time.Time{}
			if r.To != 0 {
				end = p.start.Add(s.born + r.To)
			}
			if !l.silent || end.IsZero() || !l.until.IsZero() && end.After(l.until) {
				l.until = end
			}
			l.silent = true
		}
		if !s.lasted[who.conn] {
			if s.lasted == nil {
				s.lasted = make(map[any]bool)
			}
			s.lasted[who.conn] = true
			fired = append(fired, p.fire(s, now, who, &request{}, ""))
		}
	}
	observe := p.observe
	p.mu.Unlock()
	tell(observe, fired)
	return l
}

// forget is for connections that are no more.
func (p *Plan) forget(conn any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.states {
		delete(s.lasted, conn)
	}
}
