package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"unicode/utf8"
	"unsafe"

	"github.com/zksim/zksim/zkapi"
)

// NullString stands for the null ustring. It is not UTF-8, so no string that
// was ever received can equal it.
const NullString = "\xff"

// ErrMalformed is the error of a record that does not fit its bytes: truncated,
// or with a length that is negative or reaches beyond them.
var ErrMalformed = errors.New("wire: malformed record")

// Reader takes jute values off a byte slice. After the first value that is not
// there every further one is zero, so a whole record is read first and Err
// asked once.
type Reader struct {
	buf    []byte
	shared bool
	err    error
}

// NewReader reads from b and copies what it returns.
func NewReader(b []byte) Reader { return Reader{buf: b} }

// NewSharedReader reads from b without copying: the strings and buffers it
// returns share b's memory and are good only until b is written to again.
func NewSharedReader(b []byte) Reader { return Reader{buf: b, shared: true} }

// Err is ErrMalformed once a value was not there, nil before.
func (r *Reader) Err() error { return r.err }

// Len is the number of bytes left.
func (r *Reader) Len() int { return len(r.buf) }

// Rest returns the bytes left; they share memory with the input.
func (r *Reader) Rest() []byte { return r.buf }

func (r *Reader) fail() { r.err, r.buf = ErrMalformed, nil }

// Int reads a 32-bit integer.
func (r *Reader) Int() int32 {
	if len(r.buf) < 4 {
		r.fail()
		return 0
	}
	v := int32(binary.BigEndian.Uint32(r.buf))
	r.buf = r.buf[4:]
	return v
}

// Long reads a 64-bit integer.
func (r *Reader) Long() int64 {
	if len(r.buf) < 8 {
		r.fail()
		return 0
	}
	v := int64(binary.BigEndian.Uint64(r.buf))
	r.buf = r.buf[8:]
	return v
}

// Bool reads one byte; everything but 0 is true.
func (r *Reader) Bool() bool {
	if len(r.buf) < 1 {
		r.fail()
		return false
	}
	v := r.buf[0] != 0
	r.buf = r.buf[1:]
	return v
}

// Buffer reads a byte buffer; nil is the null buffer.
func (r *Reader) Buffer() []byte {
	b := r.bytes()
	if b == nil || r.shared {
		return b
	}
	return append(make([]byte, 0, len(b)), b...)
}

// bytes returns the next length-prefixed bytes in place; nil for length -1 and on error.
func (r *Reader) bytes() []byte {
	n := int(r.Int())
	if r.err != nil || n == -1 {
		return nil
	}
	if n < 0 || n > len(r.buf) {
		r.fail()
		return nil
	}
	b := r.buf[:n:n]
	r.buf = r.buf[n:]
	return b
}

// String reads a ustring; NullString is the null one. Bytes that are not UTF-8
// become U+FFFD in the places where Java puts it.
func (r *Reader) String() string {
	b := r.bytes()
	switch {
	case b == nil:
		if r.err != nil {
			return ""
		}
		return NullString
	case !utf8.Valid(b):
		return RepairUTF8(b)
	case r.shared:
		return unsafe.String(unsafe.SliceData(b), len(b))
	}
	return string(b)
}

// Strings reads a vector of ustrings into dst[:0]; nil is the null vector.
func (r *Reader) Strings(dst []string) []string {
	n := r.Int()
	if r.err != nil || n == -1 {
		return nil
	}
	if dst = dst[:0]; dst == nil {
		dst = []string{}
	}
	// The count is a claim: memory grows only with what is really there.
	for ; n > 0 && r.err == nil; n-- {
		dst = append(dst, r.String())
	}
	return dst
}

// openACLs is the vector that nearly every create carries.
var openACLs = AppendACLs(nil, zkapi.OpenACL())

// ACLs reads a vector of ACL entries into dst[:0]; nil is the null vector.
func (r *Reader) ACLs(dst []zkapi.ACL) []zkapi.ACL {
	if bytes.HasPrefix(r.buf, openACLs) {
		r.buf = r.buf[len(openACLs):]
		return append(dst[:0], zkapi.ACL{Perms: zkapi.PermAll, Scheme: "world", ID: "anyone"})
	}
	n := r.Int()
	if r.err != nil || n == -1 {
		return nil
	}
	if dst = dst[:0]; dst == nil {
		dst = []zkapi.ACL{}
	}
	for ; n > 0 && r.err == nil; n-- {
		dst = append(dst, zkapi.ACL{Perms: zkapi.Perm(r.Int()), Scheme: r.String(), ID: r.String()})
	}
	return dst
}

// Stat reads a node's Stat.
func (r *Reader) Stat() zkapi.Stat {
	return zkapi.Stat{
		Czxid: r.Long(), Mzxid: r.Long(), Ctime: r.Long(), Mtime: r.Long(),
		Version: r.Int(), Cversion: r.Int(), Aversion: r.Int(),
		EphemeralOwner: r.Long(), DataLength: r.Int(), NumChildren: r.Int(), Pzxid: r.Long(),
	}
}
