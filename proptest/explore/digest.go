package explore

import (
	"encoding/binary"
	"math/bits"
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
