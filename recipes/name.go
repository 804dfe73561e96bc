package recipes

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/zksim/zksim/zkapi"
)

// guid makes the name of a node one that nobody else ever gives.
type guid [16]byte

func newGUID() (g guid) {
	rand.Read(g[:])
	g[6], g[8] = g[6]&0x0f|0x40, g[8]&0x3f|0x80 // a UUID of version 4, as the others have
	return g
}

func (g guid) hex() string { return fmt.Sprintf("%x", g[:]) }
func (g guid) dashed() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", g[:4], g[4:6], g[6:8], g[8:10], g[10:])
}

// named is how nodes with a tag are named in a layout, up to the counter.
func (l Layout) named(g guid, tag string) string {
	switch l {
	case Curator:
		return "_c_" + g.dashed() + tag
	case GoZK:
		return "_c_" + g.hex() + tag
	}
	return g.hex() + tag
}

// contender is a node that stands in line.
type contender struct {
	name string
	tag  string
	seq  int32
}

// numberless tells whether a counter says nothing about the order, because its directory
// has come to the end of them: 2147483647 is then given to everybody, and to those who
// come at the same time those behind it.
func numberless(seq int32) bool { return seq == math.MaxInt32 || seq < math.MinInt32/2 }

// tied tells whether the order of two is that of their creation, and not to be seen in
// their names.
func (x contender) tied(y contender) bool {
	return x.seq == y.seq || numberless(x.seq) && numberless(y.seq)
}

// contenders finds those who have one of the tags, in their order. All other
// names are foreign, and of no interest.
func contenders(names, tags []string) (line []contender) {
	for _, name := range names {
		for _, tag := range tags {
			if seq, ok := counter(name, tag); ok {
				line = append(line, contender{name, tag, seq})
				break
			}
		}
	}
	slices.SortFunc(line, func(a, b contender) int {
		return cmp.Or(zkapi.CompareSequence(a.seq, b.seq), strings.Compare(a.name, b.name))
	})
	return line
}

// counter is what the server has put behind the last tag in a name: ten digits
// or, of a counter that has overflowed, a minus and nine or ten.
func counter(name, tag string) (seq int32, ok bool) {
	at := strings.LastIndex(name, tag)
	if at < 0 {
		return 0, false
	}
	text := name[at+len(tag):]
	digits := strings.TrimPrefix(text, "-")
	if len(text) < 10 || len(digits) > 10 || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	v, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, false
	}
	return int32(v), true
}
