package state

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/zksim/zksim/zkapi"
)

// What a client can see of Java: the order in which hash tables list their
// elements, and session passwords made by java.util.Random.

// javaHash is String.hashCode, which runs over UTF-16 units.
func javaHash(s string) uint32 {
	var h uint32
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return javaHashWide(s)
		}
		h = 31*h + uint32(s[i])
	}
	return h
}

func javaHashWide(s string) uint32 {
	var h uint32
	for _, c := range s {
		if c < 0x10000 {
			h = 31*h + uint32(c)
			continue
		}
		c -= 0x10000
		h = 31*h + uint32(0xd800+c>>10)
		h = 31*h + uint32(0xdc00+c&0x3ff)
	}
	return h
}

// tableCap is the size of a HashMap's table that started with first buckets and
// has held at most n elements: it doubles when more than three quarters full and
// never shrinks.
func tableCap(first, n int) uint32 {
	c := first
	for 4*n > 3*c {
		c *= 2
	}
	return uint32(c)
}

// hashed is an element of a Java hash table in the making.
type hashed struct {
	name   string
	bucket uint32
	ord    int64 // order of insertion, which is the order inside a bucket
}

func bucketOf(hash, tableCap uint32) uint32 { return (hash ^ hash>>16) & (tableCap - 1) }

func inTableOrder(items []hashed) {
	slices.SortFunc(items, func(a, b hashed) int {
		if a.bucket != b.bucket {
			return cmp.Compare(a.bucket, b.bucket)
		}
		return cmp.Compare(a.ord, b.ord)
	})
}

// inTableOrderLarge is inTableOrder in linear time for a table whose size is known.
func inTableOrderLarge(items []hashed, tableCap uint32) []hashed {
	start := make([]uint32, tableCap+1)
	for _, it := range items {
		start[it.bucket+1]++
	}
	for i := uint32(0); i < tableCap; i++ {
		start[i+1] += start[i]
	}
	sorted := make([]hashed, len(items))
	next := slices.Clone(start[:tableCap])
	for _, it := range items {
		sorted[next[it.bucket]] = it
		next[it.bucket]++
	}
	for i := uint32(0); i < tableCap; i++ {
		if from, to := start[i], start[i+1]; to-from > 1 {
			inTableOrder(sorted[from:to])
		}
	}
	return sorted
}

// inSetOrder sorts identities as the concurrent set of a connection lists them.
func inSetOrder(ids []zkapi.ID) []zkapi.ID {
	hash := func(id zkapi.ID) uint32 { return 37*(37*17+javaHash(id.Scheme)) + javaHash(id.User) }
	c := uint32(1) << bits.Len32(uint32(max(16, len(ids)*4/3+1)-1))
	sorted := slices.Clone(ids)
	slices.SortStableFunc(sorted, func(a, b zkapi.ID) int {
		return cmp.Compare(bucketOf(hash(a), c), bucketOf(hash(b), c))
	})
	return sorted
}

// Password is a session's password: sixteen bytes of java.util.Random seeded
// with the id, so that any server can tell it without remembering.
func Password(sessionID int64) [16]byte {
	const multiplier, mask = 0x5DEECE66D, 1<<48 - 1
	var p [16]byte
	seed := (uint64(sessionID^0xB3415C00) ^ multiplier) & mask
	for i := 0; i < len(p); i += 4 {
		seed = (seed*multiplier + 0xB) & mask
		word := uint32(seed >> 16)
		p[i], p[i+1], p[i+2], p[i+3] = byte(word), byte(word>>8), byte(word>>16), byte(word>>24)
	}
	return p
}
