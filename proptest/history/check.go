package history

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/zksim/zksim/zkapi"
)

// Violations returns what cannot be, given what ZooKeeper promises. single says
// that there was one server only, whose reads are as fresh as its writes.
func (h *History) Violations(single bool) []string {
	resolved := h.resolve()
	var all []string
	for _, check := range []func() []string{
		resolved.values, resolved.events, resolved.sequences, resolved.sessions,
		func() []string { return resolved.linear(single) },
	} {
		all = append(all, check()...)
	}
	return all
}

// sighting is a state of a node that somebody has seen: the value, and when it was written.
type sighting struct {
	path, value  string
	czxid, mzxid int64
	version      int32
}

func (o *Op) sighting() sighting {
	return sighting{o.Path, o.Value, o.Czxid, o.Mzxid, o.Version}
}

// resolve returns the history with those writes done that were unknown and whose
// value, or whose multi's, somebody has seen.
func (h *History) resolve() *History {
	seen := make(map[string]*Op) // by value: who saw it first
	for i := range h.Ops {
		o := &h.Ops[i]
		if first := seen[o.Value]; o.shows() && o.Value != "" && (first == nil || o.Return < first.Return) {
			seen[o.Value] = o
		}
	}
	r := &History{Ops: slices.Clone(h.Ops)}
	for i := range r.Ops {
		o := &r.Ops[i]
		by := seen[o.Value]
		if o.Outcome != Unknown || by == nil || o.Kind != Create && o.Kind != Set {
			continue
		}
		o.Outcome, o.Return, o.Mzxid = Done, by.Return, by.Mzxid
		if by.Path == o.Path {
			o.Version, o.Czxid = by.Version, by.Czxid
		} else {
			o.Version, o.Czxid = anyVersion, 0 // of the other part of its multi nothing else is known
		}
	}
	return r
}

// anyVersion is the version that a set has led to where nobody knows.
const anyVersion = -1

// values checks that what was read was written, once, and by nobody who was told otherwise.
func (h *History) values() (all []string) {
	written := make(map[string]*Op)
	for i := range h.Ops {
		if o := &h.Ops[i]; o.Kind == Create || o.Kind == Set {
			written[o.Value] = o
		}
	}
	zxid := make(map[string]*Op)  // by value
	state := make(map[int64]*Op)  // by path and mzxid
	owner := make(map[string]int) // paths have a number
	for i := range h.Ops {
		o := &h.Ops[i]
		if !o.shows() {
			continue
		}
		by := written[o.Value]
		switch {
		case by == nil:
			all = append(all, fmt.Sprintf("nobody has written what was read:%s", lines([]*Op{o})))
			continue
		case by.Outcome == Failed:
			all = append(all, fmt.Sprintf("a write that failed was done:%s", lines([]*Op{by, o})))
			continue
		}
		if other := zxid[o.Value]; other != nil && other.Mzxid != o.Mzxid {
			all = append(all, fmt.Sprintf("one write has two zxids:%s", lines([]*Op{by, other, o})))
			continue
		}
		zxid[o.Value] = o
		if o.Version == anyVersion && o.Kind == Set { // known by the other part of its multi
			continue
		}
		if _, ok := owner[o.Path]; !ok {
			owner[o.Path] = len(owner)
		}
		key := o.Mzxid<<8 | int64(owner[o.Path])
		if other := state[key]; other != nil && other.sighting() != o.sighting() {
			all = append(all, fmt.Sprintf("one transaction has left two states:%s", lines([]*Op{other, o})))
		}
		state[key] = o
	}
	return all
}

// events checks that watches tell before replies do.
func (h *History) events() (all []string) {
	for i := range h.Ops {
		if o := &h.Ops[i]; o.Missed {
			all = append(all, fmt.Sprintf("a reply shows a change before the client's watch tells of it:%s", lines([]*Op{o})))
		}
	}
	return all
}

// sequences checks that the numbers of sequential nodes go up with their zxids.
func (h *History) sequences() (all []string) {
	var made []*Op
	for i := range h.Ops {
		if o := &h.Ops[i]; o.Kind == Sequence && o.Outcome == Done {
			made = append(made, o)
		}
	}
	slices.SortFunc(made, func(x, y *Op) int { return cmp.Compare(x.Czxid, y.Czxid) })
	for i := 1; i < len(made); i++ {
		if made[i].Path <= made[i-1].Path || made[i].Czxid == made[i-1].Czxid {
			all = append(all, fmt.Sprintf("sequence numbers do not go up:%s", lines(made[i-1:i+1])))
		}
	}
	return all
}

// sessions checks that what a session sees never goes back.
func (h *History) sessions() (all []string) {
	nodes := h.timelines()
	sessions := make(map[int64][]*Op)
	for i := range h.Ops {
		if o := &h.Ops[i]; o.Session != 0 && !o.Final && (o.shows() || o.showsNone() || o.Kind == Delete && o.Outcome == Done) {
			sessions[o.Session] = append(sessions[o.Session], o)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(sessions)) {
		ops := sessions[id]
		slices.SortStableFunc(ops, func(x, y *Op) int { return cmp.Compare(x.Call, y.Call) })
		v := view{nodes: nodes, deleted: make(map[string]int64)}
		for i, o := range ops {
			if v.see(o) {
				continue
			}
			from := max(0, i-8)
			all = append(all, fmt.Sprintf("session %#x has been at zxid %#x or later, and now goes back:%s", id, v.zxid, lines(ops[from:i+1])))
			break
		}
	}
	return all
}

// timeline is all that is known of when a node was what, in the order of zxids.
type timeline struct {
	changes []change
	alive   bool // at the end
}

type change struct{ mzxid, czxid int64 }

// timelines puts together what all clients have seen.
func (h *History) timelines() map[string]*timeline {
	all := make(map[string]*timeline)
	for i := range h.Ops {
		o := &h.Ops[i]
		if all[o.Path] == nil {
			all[o.Path] = &timeline{}
		}
		t := all[o.Path]
		if o.shows() && o.Czxid != 0 {
			t.changes = append(t.changes, change{o.Mzxid, o.Czxid})
			if o.Czxid != o.Mzxid {
				t.changes = append(t.changes, change{o.Czxid, o.Czxid})
			}
		}
		if o.Final {
			t.alive = o.Outcome == Done
		}
	}
	for _, t := range all {
		slices.SortFunc(t.changes, func(x, y change) int {
			return cmp.Or(cmp.Compare(x.mzxid, y.mzxid), cmp.Compare(x.czxid, y.czxid))
		})
		t.changes = slices.Compact(t.changes)
	}
	return all
}

// view is how far a session has come: it has seen the state after the
// transaction zxid, or one after that.
type view struct {
	nodes   map[string]*timeline
	zxid    int64
	deleted map[string]int64 // by path: the czxid of the node that the session itself has deleted, at the latest
}

// see moves the view to the earliest state that an operation can have seen, and
// tells whether there is one.
func (v *view) see(o *Op) bool {
	t := v.nodes[o.Path]
	switch {
	case o.Kind == Delete && o.Outcome == Done:
		// Which node it was is only sure if the session knows of no later one.
		for _, c := range t.changes {
			if c.mzxid <= v.zxid {
				v.deleted[o.Path] = max(v.deleted[o.Path], c.czxid)
			}
		}
		return v.seeNone(t)
	case o.showsNone():
		return v.seeNone(t)
	case o.Czxid == 0:
		return true
	case o.Czxid <= v.deleted[o.Path]:
		return false
	case o.Kind != Get: // its own write, later than all that it has seen
		ok := o.Mzxid > v.zxid || o.Multi && o.Mzxid == v.zxid
		v.zxid = max(v.zxid, o.Mzxid)
		return ok
	}
	end := int64(Never)
	for _, c := range t.changes {
		if c.mzxid > o.Mzxid {
			end = c.mzxid
			break
		}
	}
	v.zxid = max(v.zxid, o.Mzxid)
	return v.zxid < end
}

// seeNone finds the earliest time at which there can have been no node: before
// the first change, or between the last of one node and the first of the next.
func (v *view) seeNone(t *timeline) bool {
	if len(t.changes) == 0 || v.zxid < t.changes[0].mzxid {
		return true
	}
	for i, c := range t.changes {
		last := i == len(t.changes)-1
		if last && t.alive {
			return false
		}
		if last || t.changes[i+1].czxid != c.czxid && v.zxid < t.changes[i+1].mzxid {
			v.zxid = max(v.zxid, c.mzxid+1)
			return last || v.zxid < t.changes[i+1].mzxid
		}
	}
	return true
}

// fits tells whether a node's version is the expected one.
func fits(expected, version int32) bool { return expected == zkapi.AnyVersion || expected == version }
