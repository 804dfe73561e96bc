package state

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/btree"

	"github.com/zksim/zksim/zkapi"
)

// Quotas: clients create <quotaRoot><path>/zookeeper_limits, which arms the
// path, and <quotaRoot><path>/zookeeper_stats, into which the server writes
// what is used. Neither writing changes a version or fires a watch.
const (
	quotaRoot   = "/zookeeper/quota"
	limitsName  = "zookeeper_limits"
	statsName   = "zookeeper_stats"
	countKey    = "count"
	bytesKey    = "bytes"
	countHard   = "countHardLimit"
	bytesHard   = "byteHardLimit"
	unsetNumber = -1
)

// quotaPath is the form under which a path is armed.
func quotaPath(path string) string {
	parts := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	parts = slices.DeleteFunc(parts, func(p string) bool { return strings.TrimSpace(p) == "" })
	return "/" + strings.Join(parts, "/")
}

// quotaFor finds the deepest armed path at or above a path; "" if there is none.
func (s *State) quotaFor(path string) string { return deepest(&s.quotas, path) }

func deepest(armed *btree.Set[string], path string) string {
	if armed.Len() == 0 {
		return ""
	}
	for p := path; len(p) > 1; p = p[:max(strings.LastIndexByte(p, '/'), 0)] {
		if armed.Contains(p) {
			if p == "/zookeeper" {
				return ""
			}
			return p
		}
	}
	return ""
}

// checkQuota refuses what would go over a hard limit, if quotas are enforced,
// and what would make the server write into statistics that it cannot read.
func (s *State) checkQuota(path string, bytes, count int64) zkapi.Code {
	if s.quotas.Len() == 0 && s.quotasBefore.Len() == 0 {
		return 0
	}
	if s.cfg.EnforceQuota {
		if code := s.checkLimits(bytes, count, path); code != 0 {
			return code
		}
	}
	if s.quotaPoisoned(path) {
		return zkapi.ErrBadArguments
	}
	return 0
}

// checkLimits compares with what was used before the transaction: the parts of
// a multi do not see each other here.
func (s *State) checkLimits(bytes, count int64, path string) zkapi.Code {
	tree, prefix := &s.tree, s.quotaFor(path)
	if s.inMulti {
		tree, prefix = &s.before, deepest(&s.quotasBefore, path)
	}
	if prefix == "" {
		return 0
	}
	node := tree.find(quotaRoot + prefix + "/" + limitsName)
	if node == nil {
		return 0
	}
	limits, ok := parseQuota(node)
	if !ok {
		return zkapi.ErrMarshalling
	}
	byCount := count != 0 && (limits.get(countKey) > unsetNumber || limits.get(countHard) > unsetNumber)
	byBytes := bytes != 0 && (limits.get(bytesKey) > unsetNumber || limits.get(bytesHard) > unsetNumber)
	if !byCount && !byBytes {
		return 0
	}
	if node = tree.find(quotaRoot + prefix + "/" + statsName); node == nil {
		return 0
	}
	used, ok := parseQuota(node)
	if !ok {
		return zkapi.ErrMarshalling
	}
	over := func(key, hard string, diff int64) bool {
		limit := limits.get(hard)
		return limit > unsetNumber && used.get(key)+diff > limit
	}
	if byCount && over(countKey, countHard, count) || byBytes && over(bytesKey, bytesHard, bytes) {
		return zkapi.ErrQuotaExceeded
	}
	return 0
}

// quotaPoisoned reports whether a change at path would end a real server: the
// statistics it has to update are null or no numbers.
func (s *State) quotaPoisoned(path string) bool {
	prefix := s.quotaFor(path)
	if prefix == "" {
		return false
	}
	stats := s.tree.find(quotaRoot + prefix + "/" + statsName)
	if stats == nil {
		return false
	}
	_, ok := parseQuota(stats)
	return !ok
}

// poisonedLimits reports whether the name of a limits node stands at a place
// from which a real server derives no path, and dies.
func poisonedLimits(parentPath, name string, rootLen int) bool {
	return name == limitsName && len(parentPath) <= rootLen
}

func (s *State) quotaCreated(parentPath, path, name string, n *node) {
	if strings.HasPrefix(parentPath, quotaRoot) {
		switch name {
		case limitsName:
			s.arm(quotaPath(parentPath[len(quotaRoot):]), true)
		case statsName:
			s.recount(parentPath[len(quotaRoot):])
		}
	}
	s.chargeQuota(path, int64(len(n.data)), 1)
}

func (s *State) quotaDeleted(parentPath, path, name string, n *node) {
	if strings.HasPrefix(parentPath, quotaRoot) && name == limitsName {
		s.arm(quotaPath(parentPath[len(quotaRoot):]), false)
	}
	s.chargeQuota(path, -int64(len(n.data)), -1)
}

func (s *State) arm(path string, on bool) {
	if was := s.quotas.Contains(path); was == on {
		return
	}
	flip := func(on bool) {
		if on {
			s.quotas.Insert(path)
		} else {
			s.quotas.Delete(path)
		}
	}
	flip(on)
	if s.inMulti {
		s.undo = append(s.undo, func() { flip(!on) })
	}
}

// recount writes the real use of a path into its statistics.
func (s *State) recount(path string) {
	var count, bytes int64
	if n := s.tree.find(path); n != nil {
		count, bytes = 1, int64(len(n.data))
		walk(n, path, func(_ string, n *node) bool {
			count, bytes = count+1, bytes+int64(len(n.data))
			return true
		})
	}
	s.writeStats(path, quota{{countKey, count}, {bytesKey, bytes}})
}

// chargeQuota updates the statistics of the deepest armed path.
func (s *State) chargeQuota(path string, bytes, count int64) {
	prefix := s.quotaFor(path)
	if prefix == "" {
		return
	}
	stats := s.tree.find(quotaRoot + prefix + "/" + statsName)
	if stats == nil {
		return
	}
	used, ok := parseQuota(stats)
	if !ok {
		return
	}
	used.set(countKey, used.get(countKey)+count)
	used.set(bytesKey, used.get(bytesKey)+bytes)
	s.writeStats(prefix, used)
}

func (s *State) writeStats(prefix string, q quota) {
	stats := s.tree.own(quotaRoot + prefix + "/" + statsName)
	if stats == nil {
		return
	}
	if s.inMulti {
		data, null, stray := stats.data, stats.null, s.tree.stray
		s.undo = append(s.undo, func() { stats.data, stats.null, s.tree.stray = data, null, stray })
	}
	s.tree.stray -= int64(len(stats.data))
	stats.data, stats.null = q.String(), false
	s.tree.stray += int64(len(stats.data))
}

// quota is the content of a limits or statistics node.
type quota []struct {
	key   string
	value int64
}

func parseQuota(n *node) (quota, bool) {
	if n.null {
		return nil, false
	}
	var q quota
	text := strings.TrimRight(n.data, ",;")
	if text == "" {
		return q, true
	}
	separated := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' })
	if text[0] == ',' || text[0] == ';' {
		return nil, false // Java's split gives an empty first part here
	}
	for _, pair := range separated {
		parts := strings.Split(pair, "=")
		for len(parts) > 0 && parts[len(parts)-1] == "" {
			parts = parts[:len(parts)-1]
		}
		if len(parts) < 2 {
			return nil, false
		}
		value := int64(unsetNumber)
		if parts[1] != "" {
			v, err := strconv.ParseInt(parts[1], 10, 64)
			if err != nil {
				return nil, false
			}
			value = v
		}
		q.set(parts[0], value)
	}
	return q, true
}

// QuotasReadable reports whether all limits and statistics can be read. A real
// server cannot tell its metrics otherwise.
func (s *State) QuotasReadable() bool { return quotasReadable(s.tree.find(quotaRoot)) }

func quotasReadable(n *node) bool {
	if n == nil || n.kids == nil {
		return true
	}
	readable := true
	n.kids.names.Scan(func(name string, child *node) bool {
		if (name == limitsName || name == statsName) && !child.null {
			_, readable = parseQuota(child)
		}
		readable = readable && quotasReadable(child)
		return readable
	})
	return readable
}

func (q quota) get(key string) int64 {
	for _, e := range q {
		if e.key == key {
			return e.value
		}
	}
	return unsetNumber
}

func (q *quota) set(key string, value int64) {
	for i := range *q {
		if (*q)[i].key == key {
			(*q)[i].value = value
			return
		}
	}
	*q = append(*q, quota{{key, value}}...)
}

// String is ZooKeeper's notation, with the "=" that misleads old parsers.
func (q quota) String() string {
	b := strconv.AppendInt([]byte("count="), q.get(countKey), 10)
	b = strconv.AppendInt(append(b, ",bytes="...), q.get(bytesKey), 10)
	rest := slices.Clone(q)
	slices.SortFunc(rest, func(x, y struct {
		key   string
		value int64
	}) int {
		return cmp.Compare(x.key, y.key)
	})
	first := true
	for _, e := range rest {
		if e.key == countKey || e.key == bytesKey {
			continue
		}
		if first {
			b, first = append(b, '='), false
		}
		b = append(append(append(b, ';'), e.key...), '=')
		b = strconv.AppendInt(b, e.value, 10)
	}
	return string(b)
}
