package faults

import (
	"fmt"
	"maps"
	"slices"

	"github.com/zksim/zksim/zkapi"
)

// set is a set of request types, or of types of events.
type set [2]uint64

// opConnect and opClose stand for the handshake and for closeSession, whose
// numbers are negative.
const (
	opConnect zkapi.OpCode = 126
	opClose   zkapi.OpCode = 127
)

func (s *set) add(op zkapi.OpCode)      { s[op>>6] |= 1 << (op & 63) }
func (s *set) has(op zkapi.OpCode) bool { return op >= 0 && op < 128 && s[op>>6]>>(op&63)&1 != 0 }
func (s *set) join(t set)               { s[0], s[1] = s[0]|t[0], s[1]|t[1] }

func setOf(ops ...zkapi.OpCode) (s set) {
	for _, op := range ops {
		s.add(op)
	}
	return s
}

// The families: what has a newer form or a special one goes by one name, since
// client libraries differ in which form they use.
var families = map[string][]zkapi.OpCode{
	"create":      {zkapi.OpCreate, zkapi.OpCreate2, zkapi.OpCreateContainer, zkapi.OpCreateTTL},
	"getChildren": {zkapi.OpGetChildren, zkapi.OpGetChildren2},
	"setWatches":  {zkapi.OpSetWatches, zkapi.OpSetWatches2},
}

// The groups.
var (
	reads = []zkapi.OpCode{zkapi.OpExists, zkapi.OpGetData, zkapi.OpGetACL, zkapi.OpGetChildren, zkapi.OpGetChildren2,
		zkapi.OpGetAllChildrenNumber, zkapi.OpGetEphemerals, zkapi.OpMultiRead}
	writes = []zkapi.OpCode{zkapi.OpCreate, zkapi.OpCreate2, zkapi.OpCreateContainer, zkapi.OpCreateTTL,
		zkapi.OpDelete, zkapi.OpDeleteContainer, zkapi.OpSetData, zkapi.OpSetACL, zkapi.OpMulti, zkapi.OpReconfig}
	others = []zkapi.OpCode{zkapi.OpSync, zkapi.OpCheck, zkapi.OpWhoAmI, zkapi.OpAddWatch, zkapi.OpCheckWatches,
		zkapi.OpRemoveWatches}
	housekeeping = []zkapi.OpCode{opConnect, zkapi.OpPing, zkapi.OpAuth, zkapi.OpSasl, zkapi.OpSetWatches,
		zkapi.OpSetWatches2, opClose}
	byProgram = slices.Concat(reads, writes, others)
)

// operations is what a rule may name; events is what it may name at after-notification.
var operations, events = func() (map[string]set, map[string]set) {
	ops := map[string]set{"read": setOf(reads...), "write": setOf(writes...),
		"all": setOf(slices.Concat(byProgram, housekeeping)...)}
	for _, op := range slices.Concat(byProgram, housekeeping) {
		ops[opName(op)] = setOf(op)
	}
	for name, family := range families {
		ops[name] = setOf(family...)
	}
	evs := make(map[string]set)
	for t := zkapi.EventNodeCreated; t <= zkapi.EventNodeChildrenChanged; t++ {
		evs[t.String()] = setOf(zkapi.OpCode(t))
	}
	return ops, evs
}()

func opName(op zkapi.OpCode) string {
	switch op {
	case opConnect:
		return "connect"
	case opClose:
		return "closeSession"
	}
	return op.String()
}

func checkOperation(name string, event bool) error {
	known := operations
	if event {
		known = events
	}
	if _, ok := known[name]; ok {
		return nil
	}
	names := slices.Sorted(maps.Keys(known))
	switch hint := nearest(name, names); {
	case event:
		return fmt.Errorf("unknown event %q: want %s", name, list(names))
	case hint != "":
		return fmt.Errorf("unknown operation %q: do you mean %s?", name, hint)
	}
	return fmt.Errorf("unknown operation %q: want one of ZooKeeper's, such as create or getData, or read, write or all", name)
}

// matches returns the types of requests, or of events, that the rule is about.
func (r *Rule) matches() (s set) {
	switch {
	case r.Action == Refuse:
		return setOf(opConnect)
	case r.Point == AfterNotification && len(r.Operations) == 0:
		return setOf(1, 2, 3, 4)
	case len(r.Operations) == 0:
		return setOf(byProgram...)
	}
	for _, name := range r.Operations {
		if r.Point == AfterNotification {
			s.join(events[name])
		} else {
			s.join(operations[name])
		}
	}
	return s
}

// codes are the error codes by ZooKeeper's names.
var codes = func() map[string]zkapi.Code {
	byName := make(map[string]zkapi.Code)
	for c := zkapi.Code(-1); c > -200; c-- {
		if name := c.Name(); name[len(name)-1] != ')' {
			byName[name] = c
		}
	}
	return byName
}()

// nearest is the one of the words that word was probably meant to be, or "".
func nearest(word string, words []string) string {
	best, at := "", 3
	for _, w := range words {
		if d := distance(word, w); d < at && d < len(w)-1 {
			best, at = w, d
		}
	}
	return best
}

// distance counts the letters to insert, remove or replace between two words;
// the difference between capitals and small letters counts nothing.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i]|0x20 == b[j]|0x20 {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
