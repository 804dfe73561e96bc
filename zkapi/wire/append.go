package wire

import (
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/zksim/zksim/zkapi"
)

// AppendInt appends a 32-bit integer.
func AppendInt(b []byte, v int32) []byte { return binary.BigEndian.AppendUint32(b, uint32(v)) }

// AppendLong appends a 64-bit integer.
func AppendLong(b []byte, v int64) []byte { return binary.BigEndian.AppendUint64(b, uint64(v)) }

// AppendBool appends one byte.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// AppendBuffer appends a byte buffer; nil is the null buffer.
func AppendBuffer(b, v []byte) []byte {
	if v == nil {
		return AppendInt(b, -1)
	}
	return append(AppendInt(b, int32(len(v))), v...)
}

// AppendString appends a ustring; NullString is the null one. As ZooKeeper does
// it, a character outside the basic plane is written as two surrogates of three
// bytes each, which every reader, ours included, takes for two U+FFFD. Bytes
// that are not UTF-8 are written as they are.
func AppendString(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0xf0 {
			return appendUnusual(b, s)
		}
	}
	return append(AppendInt(b, int32(len(s))), s...)
}

func appendUnusual(b []byte, s string) []byte {
	if s == NullString {
		return AppendInt(b, -1)
	}
	at := len(b)
	b = AppendInt(b, 0)
	for len(s) > 0 {
		c, n := utf8.DecodeRuneInString(s)
		if c < 0x10000 {
			b = append(b, s[:n]...)
		} else {
			high, low := utf16.EncodeRune(c)
			b = appendSurrogate(appendSurrogate(b, high), low)
		}
		s = s[n:]
	}
	binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	return b
}

func appendSurrogate(b []byte, c rune) []byte {
	return append(b, 0xe0|byte(c>>12), 0x80|byte(c>>6)&0x3f, 0x80|byte(c)&0x3f)
}

// AppendStrings appends a vector of ustrings; nil is the null vector.
func AppendStrings(b []byte, v []string) []byte {
	if v == nil {
		return AppendInt(b, -1)
	}
	b = AppendInt(b, int32(len(v)))
	for _, s := range v {
		b = AppendString(b, s)
	}
	return b
}

// AppendACLs appends a vector of ACL entries; nil is the null vector.
func AppendACLs(b []byte, v []zkapi.ACL) []byte {
	if v == nil {
		return AppendInt(b, -1)
	}
	b = AppendInt(b, int32(len(v)))
	for _, a := range v {
		b = AppendString(AppendString(AppendInt(b, int32(a.Perms)), a.Scheme), a.ID)
	}
	return b
}

// AppendStat appends a node's Stat.
func AppendStat(b []byte, s *zkapi.Stat) []byte {
	b = AppendLong(b, s.Czxid)
	b = AppendLong(b, s.Mzxid)
	b = AppendLong(b, s.Ctime)
	b = AppendLong(b, s.Mtime)
	b = AppendInt(b, s.Version)
	b = AppendInt(b, s.Cversion)
	b = AppendInt(b, s.Aversion)
	b = AppendLong(b, s.EphemeralOwner)
	b = AppendInt(b, s.DataLength)
	b = AppendInt(b, s.NumChildren)
	return AppendLong(b, s.Pzxid)
}
