package frames

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/json"
	"io"
	"strconv"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// History is what clients do to a server, one step after the other. It is a
// value: it says nothing about answers, and everything that depends on the
// server that it runs on - zxids, session ids, passwords - is relative.
type History []Step

// Links is the number of connections that a history uses.
const Links = 3

// Step is what one client does. Where the connection is not open, it is opened
// first, with a new session.
type Step struct {
	Link    int       `json:"link"`
	Connect *Connect  `json:"connect,omitzero"` // on a new connection, in place of the one that is open
	Drop    bool      `json:"drop,omitzero"`    // close the connection, not the session
	Send    []Request `json:"send,omitzero"`    // in one write
	Raw     []byte    `json:"raw,omitzero"`     // bytes that are no frame
	Word    string    `json:"word,omitzero"`    // a four-letter word, on a connection of its own
}

// Connect is a ConnectRequest.
type Connect struct {
	Session  int    `json:"session"` // 0 is a new one, n the n-th of the history, -n one that was never there
	Passwd   Passwd `json:"passwd,omitzero"`
	Timeout  int32  `json:"timeout"`
	Seen     Zxid   `json:"seen,omitzero"`
	Tail     Tail   `json:"tail,omitzero"`
	Protocol int32  `json:"protocol,omitzero"`
	Cut      int    `json:"cut,omitzero"` // bytes that are missing at the end
}

// Passwd says what a client sends as its password.
type Passwd string

// The right password is the zero value.
const (
	PasswdRight Passwd = ""
	PasswdWrong Passwd = "wrong"
	PasswdNull  Passwd = "null"
	PasswdEmpty Passwd = "empty"
	PasswdShort Passwd = "short"
	PasswdLong  Passwd = "long"
)

// Tail says how a ConnectRequest ends.
type Tail string

// The zero value is a client that does not take a read-only server.
const (
	TailFalse Tail = ""
	TailTrue  Tail = "true"
	TailNone  Tail = "none"
	TailJunk  Tail = "junk" // more bytes behind it
)

// Zxid is a transaction: N of them after the history began, unless Abs.
type Zxid struct {
	N   int64 `json:"n"`
	Abs bool  `json:"abs,omitzero"`
}

// Request is any request. Which fields are used follows from Op; nil slices
// and [Null] are sent as null.
type Request struct {
	Op      zkapi.OpCode `json:"op"`
	Xid     *int32       `json:"xid,omitzero"` // nil is the next number
	Path    Text         `json:"path,omitzero"`
	Data    []byte       `json:"data,omitzero"`
	ACL     []ACL        `json:"acl,omitzero"`
	Flags   int32        `json:"flags,omitzero"`
	TTL     int64        `json:"ttl,omitzero"`
	Version int32        `json:"version,omitzero"`
	Watch   bool         `json:"watch,omitzero"`
	Type    int32        `json:"type,omitzero"`
	Scheme  Text         `json:"scheme,omitzero"` // of auth
	Zxid    Zxid         `json:"zxid,omitzero"`   // of setWatches; reconfig's current configuration
	Lists   [][]Text     `json:"lists,omitzero"`  // of setWatches
	Parts   []Request    `json:"parts,omitzero"`  // of multi and multiRead
	Mangle  *Mangle      `json:"mangle,omitzero"`
}

// ACL is one entry of an ACL.
type ACL struct {
	Perms  int32 `json:"perms"`
	Scheme Text  `json:"scheme"`
	ID     Text  `json:"id"`
}

// Mangle spoils the body of a request.
type Mangle struct {
	Kind Mangling `json:"kind"`
	At   int      `json:"at,omitzero"`   // modulo the length of the body
	With int32    `json:"with,omitzero"` // the four bytes of a poke
}

// Mangling is a way to spoil a body.
type Mangling string

// The ways: end the body at At, put four other bytes there, add At bytes to the
// end, put At bytes that depend on With in place of the body.
const (
	MangleCut   Mangling = "cut"
	ManglePoke  Mangling = "poke"
	MangleJunk  Mangling = "junk"
	MangleNoise Mangling = "noise"
)

// Text is a string that need not be UTF-8.
type Text string

// Null is the null string.
const Null = Text(wire.NullString)

// MarshalText implements encoding.TextMarshaler.
func (t Text) MarshalText() ([]byte, error) {
	q := strconv.QuoteToASCII(string(t))
	return []byte(q[1 : len(q)-1]), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *Text) UnmarshalText(b []byte) error {
	s, err := strconv.Unquote(`"` + string(b) + `"`)
	*t = Text(s)
	return err
}

// Token is the history in one word, for a command line.
func (h History) Token() string {
	text, err := json.Marshal(h)
	if err != nil {
		panic(err) // there is nothing in a History that JSON cannot say
	}
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression)
	_, _ = w.Write(text) // into memory
	w.Close()
	return base64.RawURLEncoding.EncodeToString(b.Bytes())
}

// ParseHistory reads a Token, or JSON.
func ParseHistory(s string) (History, error) {
	text := []byte(s)
	if len(s) == 0 || s[0] != '[' {
		packed, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			return nil, err
		}
		if text, err = io.ReadAll(flate.NewReader(bytes.NewReader(packed))); err != nil {
			return nil, err
		}
	}
	var h History
	err := json.Unmarshal(text, &h)
	return h, err
}

// Requests counts what a history sends, connects included.
func (h History) Requests() int {
	n := 0
	for _, s := range h {
		n += len(s.Send)
		if s.Connect != nil || s.Raw != nil || s.Word != "" {
			n++
		}
	}
	return n
}
