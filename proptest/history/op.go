package history

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/zksim/zksim/zkapi"
)

// Kind is what an Op does.
type Kind string

// The kinds. A multi is one Set for each of its parts, with the same Call.
const (
	Create   Kind = "create"
	Set      Kind = "set"
	Delete   Kind = "delete"
	Get      Kind = "get"
	Sequence Kind = "sequence" // a create in a sequential mode
	End      Kind = "end"      // of a session: closed, or expired
)

// Outcome is what a client knows of an operation that it has tried.
type Outcome string

// The outcomes.
const (
	Done    Outcome = "done"
	Failed  Outcome = "failed"  // Op.Code says why; nothing has changed
	Unknown Outcome = "unknown" // it was done, or will be, or will not
)

// Never is the Return of an Op whose end nobody has seen.
const Never = math.MaxInt64

// Op is one operation as its client saw it.
type Op struct {
	Client  int
	Session int64 // of the client, if it had the same before and after; else 0
	Kind    Kind
	Path    string
	Value   string // that was written or read; every write has another one
	Expects int32  // the version that a set or delete asks for, -1 for any
	Multi   bool   // part of one
	Owner   int64  // the session of an ephemeral node that was created

	Call, Return int64 // places in the one order of all calls and returns; both count
	Outcome      Outcome
	Code         zkapi.Code // of Failed
	Version      int32      // after a set, or read
	Czxid, Mzxid int64      // after a write, or read
	Missed       bool       // it shows a change of which a watch of the client has not told
	Final        bool       // a read behind a sync, when all was over
}

// String is one line: what was asked, and what came of it, when.
func (o *Op) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%4d-", o.Call)
	if o.Return == Never {
		b.WriteString("...  ")
	} else {
		fmt.Fprintf(&b, "%-4d", o.Return)
	}
	fmt.Fprintf(&b, " c%d %s", o.Client, o.Kind)
	if o.Path != "" {
		fmt.Fprintf(&b, " %s", o.Path)
	}
	if o.Kind != Get && o.Value != "" {
		fmt.Fprintf(&b, " %s", o.Value)
	}
	if o.Kind == Set || o.Kind == Delete {
		fmt.Fprintf(&b, " version=%d", o.Expects)
	}
	if o.Owner != 0 {
		b.WriteString(" ephemeral")
	}
	if o.Multi {
		b.WriteString(" in a multi")
	}
	switch {
	case o.Outcome == Failed:
		fmt.Fprintf(&b, " -> %s", o.Code.Name())
	case o.Outcome == Unknown:
		b.WriteString(" -> ?")
	case o.Kind == Get:
		fmt.Fprintf(&b, " -> %s version=%d czxid=%#x mzxid=%#x", o.Value, o.Version, o.Czxid, o.Mzxid)
	case o.Kind == Set:
		fmt.Fprintf(&b, " -> version=%d mzxid=%#x", o.Version, o.Mzxid)
	case o.Kind == Create || o.Kind == Sequence:
		fmt.Fprintf(&b, " -> czxid=%#x", o.Czxid)
	default:
		b.WriteString(" -> OK")
	}
	fmt.Fprintf(&b, " (session %#x)", o.Session)
	return b.String()
}

// shows tells whether the client has seen the node with the op's value and zxids.
func (o *Op) shows() bool {
	return o.Outcome == Done && (o.Kind == Get || o.Kind == Set || o.Kind == Create)
}

// showsNone tells whether the client has seen that there is no node.
func (o *Op) showsNone() bool {
	return o.Outcome == Failed && o.Code == zkapi.ErrNoNode && o.Kind != Create && o.Kind != Sequence
}

// History is what clients have seen together.
type History struct{ Ops []Op }

// byPath sorts the operations by path, those on one path by their call. The
// ends of sessions are with every path.
func (h *History) byPath() map[string][]*Op {
	paths := make(map[string][]*Op)
	var ends []*Op
	for i := range h.Ops {
		switch o := &h.Ops[i]; o.Kind {
		case End:
			ends = append(ends, o)
		case Sequence:
		default:
			paths[o.Path] = append(paths[o.Path], o)
		}
	}
	for path, ops := range paths {
		for _, end := range ends {
			if slices.ContainsFunc(ops, func(o *Op) bool { return o.Owner == end.Session }) {
				paths[path] = append(paths[path], end)
			}
		}
		slices.SortStableFunc(paths[path], func(x, y *Op) int { return cmp.Compare(x.Call, y.Call) })
	}
	return paths
}

// lines prints operations.
func lines(ops []*Op) string {
	var b strings.Builder
	for _, o := range ops {
		fmt.Fprintf(&b, "\n  %v", o)
	}
	return b.String()
}
