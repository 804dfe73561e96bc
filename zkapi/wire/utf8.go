package wire

import (
	"strings"
	"unicode/utf8"
)

// RepairUTF8 decodes b as Java's String(bytes, UTF_8) does. Both Go and Java
// put U+FFFD for what is malformed and agree on how much one U+FFFD covers,
// but for one case: three bytes that encode a surrogate are one U+FFFD in Java
// and three in Go.
func RepairUTF8(b []byte) string {
	var s strings.Builder
	s.Grow(len(b))
	for len(b) > 0 {
		c, n := utf8.DecodeRune(b)
		if c == utf8.RuneError && n == 1 {
			n = malformedLen(b)
		}
		s.WriteRune(c)
		b = b[n:]
	}
	return s.String()
}

// malformedLen is the number of bytes that one U+FFFD replaces at the start of
// b, which begins with a malformed sequence: the longest part of it that could
// have begun a character, and a whole encoded surrogate.
func malformedLen(b []byte) int {
	lead := b[0]
	switch {
	case lead >= 0xe0 && lead <= 0xef:
		if len(b) < 2 || !continues(b[1]) || lead == 0xe0 && b[1] < 0xa0 {
			return 1
		}
		if len(b) > 2 && continues(b[2]) {
			return 3 // only surrogates come here
		}
		return 2
	case lead >= 0xf0 && lead <= 0xf4:
		if len(b) < 2 || !continues(b[1]) || lead == 0xf0 && b[1] < 0x90 || lead == 0xf4 && b[1] > 0x8f {
			return 1
		}
		if len(b) < 3 || !continues(b[2]) {
			return 2
		}
		return 3
	}
	return 1
}

func continues(c byte) bool { return c&0xc0 == 0x80 }
