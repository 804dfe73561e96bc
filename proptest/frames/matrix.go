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
	if e.word != "" {
		add(e.word, "text")
		p.Requests++
		return
	}
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
				parts := e.sent[a.index].Parts
				for i, r := range wire.ReadMultiResults(&b) {
					if i == len(parts) || i > 0 && parts[i-1].Mangle != nil {
						break // a server may take what is behind for something else than it was meant to be
					}
					add(row+"."+parts[i].Op.String(), columnOf(r.Err))
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
			if a.op == zkapi.OpCreateSession {
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
	last := len(e.sent) - 1
	switch {
	case e.connect != nil: // what came behind it was not looked at
		if !answered[-1] {
			add("connect", "closed")
		}
	case e.raw != nil:
		add("raw", "closed")
	case last >= 0 && p.Profile.alone(e.sent[last].Op):
		if !answered[last] {
			add(e.sent[last].Op.String(), "closed")
		}
	case len(o.answers) == 0:
		add("taken", "closed") // another connection has taken the session
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
