package history

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/zksim/zksim/zkapi"
)

// node is the state of one path. Zxids that nobody has seen are 0.
type node struct {
	exists       bool
	value        string
	version      int32
	czxid, mzxid int64
	owner        int64
	zxid         int64 // of the latest change that is known
}

// linear checks that the writes on each path, and what counts as fresh of the
// reads, can have happened one after the other, each between its call and its return.
func (h *History) linear(single bool) (all []string) {
	paths := h.byPath()
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		var ops []porcupine.Operation
		var used []*Op
		for _, o := range paths[path] {
			if o.Kind == Get && !single && !o.Final || o.Kind == Get && o.Outcome == Unknown {
				continue
			}
			used = append(used, o)
			end := o.Return
			if o.Outcome == Unknown {
				end = Never
			}
			ops = append(ops, porcupine.Operation{ClientId: o.Client, Input: o, Call: o.Call, Return: end})
		}
		switch porcupine.CheckOperationsTimeout(nodes.ToModel(), ops, limit) {
		case porcupine.Illegal:
			all = append(all, fmt.Sprintf("no order of these operations explains what came of them:%s", lines(used)))
		case porcupine.Unknown:
			all = append(all, fmt.Sprintf("it took more than %v to look for an order of these operations:%s", limit, lines(used)))
		}
	}
	return all
}

// limit is how long the search for an order may take.
const limit = time.Minute

// nodes is the model of one path: what may come of an operation. Where the
// outcome is unknown there are two states after it.
var nodes = porcupine.NondeterministicModel{
	Init: func() []any { return []any{node{}} },
	Step: func(state, input, _ any) []any {
		n, o := state.(node), input.(*Op)
		var next []any
		for _, s := range n.after(o) {
			next = append(next, s)
		}
		return next
	},
}

// after returns the states that are possible after an operation: none if the
// node cannot have been in this state.
func (n node) after(o *Op) []node {
	changed, could := n.apply(o)
	switch {
	case o.Outcome == Unknown && could:
		return []node{n, changed}
	case o.Outcome == Unknown, o.Outcome == Failed && n.refuses(o):
		return []node{n}
	case o.Outcome == Done && could:
		return n.known(changed, o)
	}
	return nil
}

// apply returns the node after an operation, and whether it can be done.
func (n node) apply(o *Op) (node, bool) {
	switch o.Kind {
	case Create:
		return node{exists: true, value: o.Value, owner: o.Owner, zxid: n.zxid}, !n.exists
	case Set:
		after := n
		after.value, after.version, after.mzxid = o.Value, n.version+1, 0
		return after, n.exists && fits(o.Expects, n.version)
	case Delete:
		return node{zxid: n.zxid}, n.exists && fits(o.Expects, n.version)
	case End:
		if n.exists && n.owner != 0 && n.owner == o.Session {
			return node{zxid: n.zxid}, true
		}
		return n, true
	}
	return n, n.exists
}

// refuses tells whether an operation fails on this node as it did. Errors that
// say nothing about the node do not count.
func (n node) refuses(o *Op) bool {
	switch o.Code {
	case zkapi.ErrNodeExists:
		return n.exists
	case zkapi.ErrNoNode:
		return !n.exists
	case zkapi.ErrBadVersion:
		return n.exists && !fits(o.Expects, n.version)
	}
	return true
}

// known compares the node after an operation with what the client has seen of
// it, and takes over what was not known before.
func (n node) known(after node, o *Op) []node {
	if o.Kind == Delete || o.Kind == End {
		return []node{after}
	}
	if o.Kind == Get && after.value != o.Value || o.Version != anyVersion && after.version != o.Version {
		return nil
	}
	write := o.Kind != Get
	for _, z := range []struct {
		now  *int64
		told int64
	}{{&after.czxid, o.Czxid}, {&after.mzxid, o.Mzxid}} {
		if z.told == 0 {
			continue
		}
		if *z.now != 0 && *z.now != z.told {
			return nil
		}
		*z.now = z.told
	}
	if write && o.Mzxid <= n.zxid { // later in the order, and earlier by its zxid
		return nil
	}
	after.zxid = max(after.zxid, o.Mzxid)
	return []node{after}
}
