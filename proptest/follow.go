package proptest

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/watchers"
	"github.com/zksim/zksim/zkapi"
)

// Watcher explores what follows a node, such as a loop over [watchers.Data]: it
// calls saw with what the node is, at the beginning and after changes, until its
// context ends. Meanwhile the first participant makes the node, deletes it, makes it
// again and changes it, Rounds times. What must hold:
//
//   - What is seen is what the node was, by the server's log, and never goes back.
//   - Nothing is seen twice in a row. A node that was deleted and made again is not the same.
//   - The last state is seen, whatever was missed before. Whoever still waits for it
//     when nothing is under way any more waits for ever.
//   - It ends when it is told to, and before only if something has gone wrong.
func Watcher(t *testing.T, follow func(ctx context.Context, c zkapi.Client, path string, saw func(watchers.Node)) error, opts ...func(*Exploration)) {
	t.Helper()
	ExploreWatcher(t, follow, opts...).FailT(t)
}

// ExploreWatcher is Watcher for those who want to see the result.
func ExploreWatcher(t *testing.T, follow func(ctx context.Context, c zkapi.Client, path string, saw func(watchers.Node)) error, opts ...func(*Exploration)) *explore.Result {
	return search(t, func(w *explore.World, e *Exploration) {
		x := newChronicle(w, func(there map[string]watchers.Node) map[string]state {
			return map[string]state{watched: dataState(there[watched])}
		})
		x.told = true
		x.explore(e, []write{{create, ""}, {change, ""}, {remove, ""}, {create, ""}},
			func(ctx context.Context, c zkapi.Client, r *reader) error {
				return follow(ctx, c, watched, func(n watchers.Node) { x.sawOne(r, dataState(n)) })
			})
	}, opts)
}

// ChildrenWatcher explores what follows the children of a node, such as a loop over
// [watchers.Children], as [Watcher] does what follows a node. The same set is not
// seen twice in a row, unless the node was made again.
func ChildrenWatcher(t *testing.T, follow func(ctx context.Context, c zkapi.Client, path string, saw func(watchers.Listing)) error, opts ...func(*Exploration)) {
	t.Helper()
	ExploreChildrenWatcher(t, follow, opts...).FailT(t)
}

// ExploreChildrenWatcher is ChildrenWatcher for those who want to see the result.
func ExploreChildrenWatcher(t *testing.T, follow func(ctx context.Context, c zkapi.Client, path string, saw func(watchers.Listing)) error, opts ...func(*Exploration)) *explore.Result {
	return search(t, func(w *explore.World, e *Exploration) {
		x := newChronicle(w, func(there map[string]watchers.Node) map[string]state {
			var names []string
			for path := range there {
				if path != watched && zkapi.Parent(path) == watched {
					names = append(names, zkapi.Base(path))
				}
			}
			root := there[watched]
			return map[string]state{watched: listState(watchers.Listing{Exists: root.Exists, Names: names, Stat: root.Stat})}
		})
		x.told = true
		x.explore(e, []write{{create, ""}, {create, "/a"}, {remove, "/a"}, {remove, ""}, {create, ""}, {create, "/a"}, {create, "/b"}, {remove, "/a"}},
			func(ctx context.Context, c zkapi.Client, r *reader) error {
				return follow(ctx, c, watched, func(l watchers.Listing) { x.sawOne(r, listState(l)) })
			})
	}, opts)
}

// Cache explores what keeps a copy of a node and what is below it, to a depth: 0 is
// the node alone, 1 with its children, 2 with theirs; there is nothing below those.
// It calls saw with all that is in the copy, at the beginning and after changes, until its
// context ends. Meanwhile the first participant makes, changes and deletes
// nodes, Rounds times. What must hold:
//
//   - Each node of the copy is what it was on the server, by the server's log, never goes
//     back, and does not go away unless it was deleted.
//   - In the end the copy is what the server has. Whoever still waits for that when
//     nothing is under way any more waits for ever.
//   - It ends when it is told to, and before only if something has gone wrong.
func Cache(t *testing.T, depth int, follow func(ctx context.Context, c zkapi.Client, root string, saw func(iter.Seq[watchers.Node])) error, opts ...func(*Exploration)) {
	t.Helper()
	ExploreCache(t, depth, follow, opts...).FailT(t)
}

// ExploreCache is Cache for those who want to see the result.
func ExploreCache(t *testing.T, depth int, follow func(ctx context.Context, c zkapi.Client, root string, saw func(iter.Seq[watchers.Node])) error, opts ...func(*Exploration)) *explore.Result {
	return search(t, func(w *explore.World, e *Exploration) {
		x := newChronicle(w, func(there map[string]watchers.Node) map[string]state {
			states := map[string]state{}
			for path, n := range there {
				if strings.Count(path, "/")-1 <= depth {
					states[path] = dataState(n)
				}
			}
			return states
		})
		x.explore(e, []write{{create, ""}, {create, "/a"}, {create, "/a/b"}, {remove, "/a/b"}, {remove, "/a"}, {create, "/a"}, {create, "/c"}, {remove, "/a"}, {change, "/c"}},
			func(ctx context.Context, c zkapi.Client, r *reader) error {
				return follow(ctx, c, watched, func(nodes iter.Seq[watchers.Node]) {
					states := map[string]state{}
					for n := range nodes {
						states[n.Path] = dataState(n)
					}
					x.sawAll(r, states)
				})
			})
	}, opts)
}

// watched is what is followed.
const watched = "/watched"

// state is what a node is, or its list of children, in words, such that two that are not the same differ.
type state struct {
	words        string
	mzxid, czxid int64 // of the data and the node; 0 where they do not matter
}

// absent is the state of a node that is not there.
var absent = state{words: "no node"}

func (s state) String() string {
	if s.mzxid != 0 {
		s.words += fmt.Sprintf(" of zxid %#x,", s.mzxid)
	}
	if s.czxid != 0 {
		s.words += fmt.Sprintf(" in the node of zxid %#x", s.czxid)
	}
	return s.words
}

// dataState is the state of a node with its data.
func dataState(n watchers.Node) state {
	if !n.Exists {
		return absent
	}
	return state{fmt.Sprintf("%q", n.Data), n.Stat.Mzxid, n.Stat.Czxid}
}

// listState is that of a node with its children.
func listState(l watchers.Listing) state {
	if !l.Exists {
		return absent
	}
	return state{words: fmt.Sprint(slices.Sorted(slices.Values(l.Names))), czxid: l.Stat.Czxid}
}

// write is something that the first participant does.
type write struct {
	do  func(p *explore.Participant, path string) error
	sub string // of the path, below watched
}

func create(p *explore.Participant, path string) error {
	_, err := p.Client.Create(p.Context(), path, []byte("x"), nil, zkapi.Persistent)
	return err
}

func change(p *explore.Participant, path string) error {
	_, err := p.Client.Set(p.Context(), path, []byte("y"), zkapi.AnyVersion)
	return err
}

func remove(p *explore.Participant, path string) error {
	return p.Client.Delete(p.Context(), path, zkapi.AnyVersion)
}

// chronicle is what the server has had, and how far those who follow it have come.
type chronicle struct {
	w       *explore.World
	states  func(there map[string]watchers.Node) map[string]state // what somebody should see
	log     map[string][]state                                    // by path: its states, in order
	readers []*reader
	told    bool // that there is nothing has to be seen, too
	written bool // nothing more is coming
}

// reader is somebody who follows.
type reader struct {
	errand
	name  string
	at    map[string]int // by path: which state was seen last
	wrong error
}

// errand is something that goes on until it is told to stop.
type errand struct {
	p    *explore.Participant // whose it is
	stop context.CancelFunc
	done bool // it has been told to
}

// run does it. It may end by itself only if something has gone wrong.
func (r *errand) run(p *explore.Participant, do func(context.Context) error) error {
	r.p = p
	_, err := attempt(p, "it", func(ctx context.Context) error {
		ctx, r.stop = context.WithCancel(ctx)
		defer r.stop()
		err := do(ctx)
		if r.done || ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("it has ended by itself, with %v", err)
	})
	return err
}

// dismiss has it stop. It is for invariants.
func (r *errand) dismiss() {
	r.done = true
	if r.p != nil {
		r.p.Learn("it is told to stop")
	}
	r.stop()
	synctest.Wait() // as after a step
}

func newChronicle(w *explore.World, states func(map[string]watchers.Node) map[string]state) *chronicle {
	x := &chronicle{w: w, states: states, log: map[string][]state{}}
	w.Invariant(func() error {
		x.look()
		x.dismiss()
		return nil
	})
	return x
}

// explore adds the participants.
func (x *chronicle) explore(e *Exploration, writes []write, follow func(context.Context, zkapi.Client, *reader) error) {
	x.w.Go(name(0), func(p *explore.Participant) error {
		for range e.Rounds {
			for _, wr := range writes {
				_ = wr.do(p, watched+wr.sub) // what it leads to is seen on the server
			}
		}
		p.Log("has written everything")
		x.written = true
		return nil
	})
	for i := 1; i < e.Participants; i++ {
		x.w.Go(name(i), func(p *explore.Participant) error {
			r := &reader{name: p.Name, at: map[string]int{}, errand: errand{p: p, stop: func() {}}}
			x.readers = append(x.readers, r)
			err := r.run(p, func(ctx context.Context) error { return follow(ctx, p.Client, r) })
			if r.wrong != nil {
				return r.wrong
			}
			return err
		})
	}
	x.w.Remember(x.String)
	x.w.RememberIDs(x.ids)
	x.w.Finally(tidy(x.w))
}

// String is all of it but the zxids.
func (x *chronicle) String() string {
	var b strings.Builder
	fmt.Fprint(&b, x.written)
	for _, path := range slices.Sorted(maps.Keys(x.log)) {
		fmt.Fprintf(&b, " %s:", path)
		for _, s := range x.log[path] {
			fmt.Fprintf(&b, " %s,", s.words)
		}
	}
	for _, r := range x.readers {
		fmt.Fprint(&b, r.name, r.at, r.done, r.wrong)
	}
	return b.String()
}

func (x *chronicle) ids() (ids []int64) {
	for _, path := range slices.Sorted(maps.Keys(x.log)) {
		for _, s := range x.log[path] {
			ids = append(ids, s.mzxid, s.czxid)
		}
	}
	return ids
}

// look notes what the server has now.
func (x *chronicle) look() {
	there := map[string]watchers.Node{}
	for n := range x.w.Server.Snapshot().Nodes() {
		if n.Path == watched || strings.HasPrefix(n.Path, watched+"/") {
			there[n.Path] = watchers.Node{Path: n.Path, Exists: true, Data: n.Data, Stat: n.Stat}
		}
	}
	now := x.states(there)
	for path, state := range now {
		x.note(path, state)
	}
	for path := range x.log {
		if _, there := now[path]; !there {
			x.note(path, absent)
		}
	}
}

func (x *chronicle) note(path string, now state) {
	if log := x.log[path]; len(log) == 0 || log[len(log)-1] != now {
		x.log[path] = append(log, now)
	}
}

// sawOne judges what somebody has seen of a node, which must be news.
func (x *chronicle) sawOne(r *reader, now state) {
	x.look()
	if at, ok := r.at[watched]; ok && x.log[watched][at] == now {
		r.p.Learn("the same again") // what has been noted since decides
		if !slices.Contains(x.log[watched][at+1:], now) {
			r.fail("has seen %s twice in a row", now)
			return
		}
	}
	x.saw(r, watched, now, 1)
}

// sawAll judges a copy.
func (x *chronicle) sawAll(r *reader, states map[string]state) {
	x.look()
	for path := range r.at {
		if _, there := states[path]; !there {
			states[path] = absent
		}
	}
	for _, path := range slices.Sorted(maps.Keys(states)) {
		x.saw(r, path, states[path], 0)
	}
}

// saw finds what was seen among what there was, so many states after the last.
func (x *chronicle) saw(r *reader, path string, now state, after int) {
	from := 0
	if at, ok := r.at[path]; ok {
		from = at + after
	}
	if i := slices.Index(x.log[path][from:], now); i >= 0 {
		r.at[path] = from + i
		return
	}
	if slices.Contains(x.log[path], now) {
		r.fail("has seen %s: %s, after %s", path, now, x.log[path][r.at[path]])
	} else {
		r.fail("has seen %s: %s, which it never was", path, now)
	}
}

func (r *reader) fail(format string, args ...any) {
	if r.wrong == nil && !r.done {
		r.wrong = fmt.Errorf(r.name+" "+format, args...)
	}
	r.stop()
}

// dismiss stops those who have seen the last of everything.
func (x *chronicle) dismiss() {
	if !x.written {
		return
	}
	for _, r := range x.readers {
		if !r.done && x.seenAll(r) {
			r.dismiss()
		}
	}
}

func (x *chronicle) seenAll(r *reader) bool {
	for path, log := range x.log {
		at, ok := r.at[path]
		if last := log[len(log)-1]; ok && log[at] != last || !ok && (last != absent || x.told) {
			return false
		}
	}
	return true
}
