package state

import (
	"cmp"
	"fmt"
	"slices"
)

// The order in which members list the servers. It is that of a table of Java's:
// the leader changes a copy of its own for a reconfig, and writes that down for
// all. Its own table keeps that order, while the others read the text into new
// ones, and so does the leader if it is started again.

// hashOrder is how a HashMap of that size lists ids that were put into it in this order.
func hashOrder(ids []int64, tableCap uint32) []int64 {
	bucket := func(id int64) uint32 { return bucketOf(uint32(id)^uint32(id>>32), tableCap) }
	list := slices.Clone(ids)
	slices.SortStableFunc(list, func(a, b int64) int { return cmp.Compare(bucket(a), bucket(b)) })
	return list
}

// readOrder is how who has read a configuration lists its servers. It finds
// their names in the order of another table, which has the version in it, too.
func readOrder(ids []int64) []int64 {
	names := 16
	for 4*(len(ids)+1) >= 3*names {
		names *= 2
	}
	bucket := func(id int64) uint32 { return bucketOf(javaHash(fmt.Sprintf("server.%d", id)), uint32(names)) }
	list := slices.Clone(ids)
	slices.SortStableFunc(list, func(a, b int64) int { return cmp.Compare(bucket(a), bucket(b)) })
	return hashOrder(list, tableCap(16, len(ids)))
}

// copyCap is the size of a HashMap that was made as a copy of one with n elements.
func copyCap(n int) int {
	c := 1
	for c < 4*n/3+1 {
		c *= 2
	}
	return c
}

// read is the order for all but the member that has made the membership.
func (m *membership) read() []int64 {
	ids := make([]int64, len(m.servers))
	for i := range m.servers {
		ids[i] = m.servers[i].id
	}
	return readOrder(ids)
}

// listedBy is the order for a member.
func (s *State) listedBy(m *Member) []int64 {
	if m.changed {
		return s.membership.order
	}
	return s.membership.read()
}

// shownConfig is what a member has in the configuration's node: what the leader
// has written, until the member meets a leader again and writes what it knows itself.
func (s *State) shownConfig(m *Member, n *node) []byte {
	if m.applied || m.changed || n.data != s.membership.text(s.membership.order) {
		return n.view()
	}
	return []byte(s.membership.text(s.membership.read()))
}

// spread notes who lists the servers of a new membership how: one has changed
// its table, the others have applied the change.
func (s *State) spread(by *Member) {
	for _, m := range s.members {
		m.changed, m.applied = m == by, !m.down
	}
}
