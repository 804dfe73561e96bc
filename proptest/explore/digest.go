package explore

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// digest is a running hash of 128 bits: wide enough that ten million states have
// a common one with a probability of less than one in 10^23.
type digest struct{ a, b uint64 }

const (
	mixA = 0x9e3779b97f4a7c15
	mixB = 0xc2b2ae3d27d4eb4f
)

func (d *digest) word(x uint64) {
	hi, lo := bits.Mul64(d.a^x, mixA)
	d.a = hi ^ lo + bits.RotateLeft64(d.b, 23)
	hi, lo = bits.Mul64(d.b+x, mixB)
	d.b = hi ^ lo ^ bits.RotateLeft64(d.a, 41)
}

func (d *digest) add(other digest) { d.word(other.a); d.word(other.b) }

func (d *digest) int(n int) { d.word(uint64(n)) }

func (d *digest) flag(b bool) {
	if b {
		d.word(1)
	} else {
		d.word(2)
	}
}

func (d *digest) text(s string) {
	d.word(uint64(len(s)))
	var tail [8]byte
	for ; len(s) >= 8; s = s[8:] {
		d.word(uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56)
	}
	if s != "" {
		copy(tail[:], s)
		d.word(binary.LittleEndian.Uint64(tail[:]))
	}
}

func (d *digest) bytes(b []byte) {
	d.flag(b == nil)
	d.text(string(b))
}

// ledger is a digest with zxids and session ids in it, of which it is not decided
// yet whether they count as they are or only by their order.
type ledger struct {
	digest
	marks []int64
}

// mark adds a zxid or a session id. 0 is none, and -1 the zxid of events that were missed: such are told apart.
func (l *ledger) mark(id int64) {
	l.int(int(min(id, 1)))
	if id > 0 {
		l.marks = append(l.marks, id)
	}
}

// append adds what another ledger has.
func (l *ledger) append(other *ledger) {
	l.digest.add(other.digest)
	l.int(len(other.marks))
	l.marks = append(l.marks, other.marks...)
}

func (l *ledger) reset() { l.digest, l.marks = digest{}, l.marks[:0] }

// sum is the digest of all, in which marks count as they are.
func (l *ledger) sum() digest {
	d := l.digest
	for _, m := range l.marks {
		d.word(uint64(m))
	}
	return d
}

// ranked is sum, but of the marks only their order counts.
func (l *ledger) ranked(scratch *[]int64) digest {
	ranks := append((*scratch)[:0], l.marks...)
	slices.Sort(ranks)
	ranks = slices.Compact(ranks)
	*scratch = ranks
	d := l.digest
	for _, m := range l.marks {
		at, _ := slices.BinarySearch(ranks, m)
		d.int(at)
	}
	return d
}
