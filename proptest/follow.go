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
		x := newChronicle(w, func(there map[string]watchers.Node) map[string]string {
			return map[string]string{watched: dataState(there[watched])}
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
		x := newChronicle(w, func(there map[string]watchers.Node) map[string]string {
			var names []string
			for path := range there {
				if path != watched && zkapi.Parent(path) == watched {
					names = append(names, zkapi.Base(path))
				}
			}
			root := there[watched]
			return map[string]string{watched: listState(watchers.Listing{Exists: root.Exists, Names: names, Stat: root.Stat})}
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
// It calls saw with all that is in the copy, when that has changed, until its
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
		x := newChronicle(w, func(there map[string]watchers.Node) map[string]string {
			states := map[string]string{}
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
					states := map[string]string{}
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

// absent is the state of a node that is not there.
const absent = "no node"

// dataState is a node in words, such that two that are not the same differ.
func dataState(n watchers.Node) string {
	if !n.Exists {
		return absent
	}
	return fmt.Sprintf("%q of zxid %#x, in the node of zxid %#x", n.Data, n.Stat.Mzxid, n.Stat.Czxid)
}

// listState is the children of a node in words.
func listState(l watchers.Listing) string {
	if !l.Exists {
		return absent
	}
	return fmt.Sprintf("%v in the node of zxid %#x", slices.Sorted(slices.Values(l.Names)), l.Stat.Czxid)
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
	states  func(there map[string]watchers.Node) map[string]string // what somebody should see
	log     map[string][]string                                    // by path: its states, in order
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
	stop context.CancelFunc
	done bool // it has been told to
}

// run does it. It may end by itself only if something has gone wrong.
func (r *errand) run(p *explore.Participant, do func(context.Context) error) error {
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
	r.stop()
	synctest.Wait() // as after a step
}

func newChronicle(w *explore.World, states func(map[string]watchers.Node) map[string]string) *chronicle {
	x := &chronicle{w: w, states: states, log: map[string][]string{}}
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
			r := &reader{name: p.Name, at: map[string]int{}, errand: errand{stop: func() {}}}
			x.readers = append(x.readers, r)
			err := r.run(p, func(ctx context.Context) error { return follow(ctx, p.Client, r) })
			if r.wrong != nil {
				return r.wrong
			}
			return err
		})
	}
	x.w.Remember(x.String)
	x.w.Finally(tidy(x.w))
}

func (x *chronicle) String() string {
	s := fmt.Sprint(x.log, x.written)
	for _, r := range x.readers {
		s += fmt.Sprint(r.name, r.at, r.done, r.wrong)
	}
	return s
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

func (x *chronicle) note(path, state string) {
	if log := x.log[path]; len(log) == 0 || log[len(log)-1] != state {
		x.log[path] = append(log, state)
	}
}

// sawOne judges what somebody has seen of a node, which must be news.
func (x *chronicle) sawOne(r *reader, state string) {
	x.look()
	if at, ok := r.at[watched]; ok && x.log[watched][at] == state && !slices.Contains(x.log[watched][at+1:], state) {
		r.fail("has seen %s twice in a row", state)
		return
	}
	x.saw(r, watched, state, 1)
}

// sawAll judges a copy.
func (x *chronicle) sawAll(r *reader, states map[string]string) {
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
func (x *chronicle) saw(r *reader, path, state string, after int) {
	from := 0
	if at, ok := r.at[path]; ok {
		from = at + after
	}
	if i := slices.Index(x.log[path][from:], state); i >= 0 {
		r.at[path] = from + i
		return
	}
	if slices.Contains(x.log[path], state) {
		r.fail("has seen %s: %s, after %s", path, state, x.log[path][r.at[path]])
	} else {
		r.fail("has seen %s: %s, which it never was", path, state)
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
