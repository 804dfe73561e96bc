package frames

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// Matrix counts what has been answered to what.
type Matrix struct{ cells map[cell]int }

type cell struct{ row, col string }

// NewMatrix returns an empty one.
func NewMatrix() *Matrix { return &Matrix{make(map[cell]int)} }

// count enters what the second side, which is the one to be believed, has answered.
func (p *Pair) count(e *round) {
	add := func(row, col string) { p.Matrix.cells[cell{row, col}]++ }
	if e.link == "admin" {
		return
	}
	if e.step > 0 {
		p.Requests += len(e.sent)
		if e.connect != nil || e.raw != nil {
			p.Requests++
		}
	}
	o := &e.got[1]
	answered := make(map[int]bool)
	for _, a := range o.answers {
		answered[a.index] = true
		switch a.kind {
		case isReply:
			row := e.sent[a.index].Op.String()
			if !p.Profile.served(a.op) && a.op != zkapi.OpCheck {
				row = "unknown"
			}
			code := codeOf(a)
			add(row, columnOf(code))
			if code == 0 && (a.op == zkapi.OpMulti || a.op == zkapi.OpMultiRead) {
				b := wire.NewReader(a.payload[16:])
				for i, r := range wire.ReadMultiResults(&b) {
					if i < len(e.sent[a.index].Parts) {
						add(row+"."+e.sent[a.index].Parts[i].Op.String(), columnOf(r.Err))
					}
				}
			}
		case isNotification:
			add("event", strings.TrimPrefix(zkapi.EventType(binary.BigEndian.Uint32(a.payload[16:])).String(), "Node"))
		case isConnected:
			col := "OK"
			if binary.BigEndian.Uint64(a.payload[8:]) == 0 {
				col = "refused"
			}
			row := "connect"
			if e.connect == nil {
				row = "createSession"
			}
			add(row, col)
		case isSilence:
			add(a.op.String(), "silence")
		case isStray:
			add("stray", "frame")
		}
	}
	if !o.closed || e.drop {
		return
	}
	switch {
	case e.connect != nil && !answered[-1]:
		add("connect", "closed")
	case e.raw != nil:
		add("raw", "closed")
	case len(e.sent) == 0:
		add("taken", "closed") // another connection has taken the session
	}
	for i := range e.sent {
		if !answered[i] {
			add(e.sent[i].Op.String(), "closed")
		}
	}
}

func columnOf(c zkapi.Code) string {
	if c == 0 {
		return "OK"
	}
	return fmt.Sprintf("%d", int(c))
}

// Add adds another matrix.
func (m *Matrix) Add(n *Matrix) {
	for c, k := range n.cells {
		m.cells[c] += k
	}
}

// String is the matrix as a table, opcodes down, results across.
func (m *Matrix) String() string {
	rows, cols := make(map[string]bool), make(map[string]bool)
	for c := range m.cells {
		rows[c.row], cols[c.col] = true, true
	}
	across := slices.Sorted(maps.Keys(cols))
	slices.SortStableFunc(across, func(a, b string) int { return m.total(b) - m.total(a) })
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 1, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\t%s\t\n", strings.Join(across, "\t"))
	for _, row := range slices.Sorted(maps.Keys(rows)) {
		fmt.Fprint(w, row)
		for _, col := range across {
			n := m.cells[cell{row, col}]
			if n == 0 {
				fmt.Fprint(w, "\t.")
			} else {
				fmt.Fprintf(w, "\t%d", n)
			}
		}
		fmt.Fprintln(w, "\t")
	}
	w.Flush()
	return b.String()
}

func (m *Matrix) total(col string) (n int) {
	for c, k := range m.cells {
		if c.col == col {
			n += k
		}
	}
	return n
}

// reachable is what each request can be answered with, by the knowledge of the
// real server's order of checks. Behind a slash are conditions: 38 and 39 for
// the version, acl where permissions are checked, quota where quotas are
// enforced, ttl and !ttl for extended types.
const reachable = `
create           OK -5 -8 -101 -102/acl -108 -110 -114 -125/quota -6/!ttl
create2          OK -5 -8 -101 -102/acl -108 -110 -114 -125/quota -6/!ttl
createContainer  OK -5 -8 -101 -102/acl -108 -110 -114 -125/quota -6/!ttl
createTTL        OK/ttl -5 -8 -101/ttl -102/acl,ttl -108/ttl -110/ttl -114/ttl -6/!ttl
delete           OK -5 -8 -101 -102/acl -103 -111
deleteContainer  OK/39 -5/39 -8 -101/39 -103/39 -111/39
exists           OK -5 -8 -101 -102/acl,39
getData          OK -5 -101 -102/acl
setData          OK -5 -8 -101 -102/acl -103 -125/quota
getACL           OK -5 -101 -102/acl
setACL           OK -5 -8 -101 -102/acl -103 -114
getChildren      OK -5 -101 -102/acl
getChildren2     OK -5 -101 -102/acl
getAllChildrenNumber  OK -5 -101 -102/acl
getEphemerals    OK -5
sync             OK -5
ping             OK
whoAmI           OK
check            silence/38 -5/38 -8/38 -101/38 -102/38,acl -103/38 -6/39
multi            OK -5
multi.create     OK -2 -8 -101 -102/acl -108 -110 -114 -125/quota
multi.create2    OK -2 -8 -101 -102/acl -108 -110 -114 -125/quota
multi.createContainer  OK -2 -8 -101 -102/acl -108 -110 -114 -125/quota
multi.createTTL  OK/ttl -2 -8 -101/ttl -102/acl,ttl -110/ttl -114/ttl -6/!ttl
multi.delete     OK -2 -8 -101 -102/acl -103 -111
multi.setData    OK -2 -8 -101 -102/acl -103 -125/quota
multi.check      OK -2 -8 -101 -102/acl -103
multiRead        OK -5
multiRead.getData      OK -101 -102/acl
multiRead.getChildren  OK -101 -102/acl
reconfig         -5 -123/ttl -6/!ttl
checkWatches     OK -5 -121
removeWatches    OK -5 -121
addWatch         OK -5
setWatches       OK -5
setWatches2      OK -5
auth             OK -115 closed
sasl             OK closed
createSession    OK -5
closeSession     OK
connect          OK refused closed
taken            closed
raw              closed
unknown          -6
event            Created Deleted DataChanged ChildrenChanged
`

// Empty names the cells of the matrix in which there could be something, and
// is nothing.
func (m *Matrix) Empty(p *Profile) []string {
	holds := map[string]bool{
		"38": p.V38, "39": !p.V38, "acl": p.Settings["skipACL"] != "yes", "quota": p.Settings["enforceQuota"] == "true",
		"ttl": p.Settings["extendedTypesEnabled"] != "false", "!ttl": p.Settings["extendedTypesEnabled"] == "false",
	}
	var empty []string
	for line := range strings.Lines(reachable) {
		words := strings.Fields(line)
		for _, word := range words[min(1, len(words)):] {
			col, conditions, _ := strings.Cut(word, "/")
			fulfilled := true
			for c := range strings.SplitSeq(conditions, ",") {
				fulfilled = fulfilled && (c == "" || holds[c])
			}
			if fulfilled && m.cells[cell{words[0], col}] == 0 {
				empty = append(empty, words[0]+" "+col)
			}
		}
	}
	return empty
}
