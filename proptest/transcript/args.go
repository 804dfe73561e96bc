package transcript

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// word is one word of a command: as written, and what it means if it is quoted.
type word struct {
	text   string
	quoted bool
}

// isNull tells whether the word stands for a null string, buffer or vector.
func (w word) isNull() bool { return !w.quoted && w.text == "null" }

// str is the word as a wire string.
func (w word) str() string {
	if w.isNull() {
		return wire.NullString
	}
	return w.text
}

// words splits a line at spaces. A quoted part, anywhere in a word, is a Go string.
func words(line string) ([]word, error) {
	var ws []word
	for line = strings.TrimLeft(line, " "); line != ""; line = strings.TrimLeft(line, " ") {
		var w word
		for line != "" && line[0] != ' ' {
			if line[0] != '"' {
				end := strings.IndexAny(line, " \"")
				if end < 0 {
					end = len(line)
				}
				w.text, line = w.text+line[:end], line[end:]
				continue
			}
			quoted, err := strconv.QuotedPrefix(line)
			if err != nil {
				return nil, fmt.Errorf("bad quotes in %s", line)
			}
			text, err := strconv.Unquote(quoted)
			if err != nil {
				return nil, err
			}
			w.text, w.quoted, line = w.text+text, true, line[len(quoted):]
		}
		ws = append(ws, w)
	}
	return ws, nil
}

// args are the words after a verb: some by position, some as key=value. Every
// value that is asked for is taken out; what is left at the end is a mistake.
type args struct {
	x          *exec
	positional []word
	named      map[string]word
	err        error
}

func (x *exec) args(ws []word) *args {
	a := &args{x: x, named: map[string]word{}}
	for _, w := range ws {
		key, value, ok := strings.Cut(w.text, "=")
		if !ok || !isName(key) {
			a.positional = append(a.positional, w)
			continue
		}
		a.named[key] = word{value, w.quoted}
	}
	return a
}

func isName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

func (a *args) fail(format string, v ...any) {
	if a.err == nil {
		a.err = fmt.Errorf(format, v...)
	}
}

// next takes the next word by position.
func (a *args) next(what string) word {
	if len(a.positional) == 0 {
		a.fail("missing %s", what)
		return word{}
	}
	w := a.positional[0]
	a.positional = a.positional[1:]
	return w
}

// flag takes a bare word.
func (a *args) flag(name string) bool {
	for i, w := range a.positional {
		if w.text == name && !w.quoted {
			a.positional = append(a.positional[:i:i], a.positional[i+1:]...)
			return true
		}
	}
	return false
}

func (a *args) take(key, otherwise string) word {
	w, ok := a.named[key]
	if !ok {
		return word{text: otherwise}
	}
	delete(a.named, key)
	return w
}

func (a *args) has(key string) bool { _, ok := a.named[key]; return ok }

func (a *args) path() string { return a.next("path").str() }

func (a *args) int32(key string, otherwise int32) int32 {
	if !a.has(key) {
		return otherwise
	}
	v, err := strconv.ParseInt(a.take(key, "").text, 10, 32)
	if err != nil {
		a.fail("%s: %v", key, err)
	}
	return int32(v)
}

func (a *args) int64(key string, otherwise int64) int64 {
	if !a.has(key) {
		return otherwise
	}
	return a.number(a.take(key, "").text)
}

// number reads an integer, a mark or "now", with an offset: now+10.
func (a *args) number(text string) int64 {
	base := int64(0)
	if end := strings.LastIndexAny(text, "+-"); end > 0 {
		offset, err := strconv.ParseInt(text[end:], 10, 64)
		if err != nil {
			a.fail("%v", err)
		}
		base, text = offset, text[:end]
	}
	if v, ok := a.x.marks[text]; ok {
		return base + v
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		a.fail("%q is no number, and no mark", text)
	}
	return base + v
}

// data takes a buffer: "" when it is not given, null, or bytes(N) for N letters.
func (a *args) data() []byte {
	w := a.take("data", "")
	return a.buffer(w)
}

func (a *args) buffer(w word) []byte {
	if w.isNull() {
		return nil
	}
	if count, ok := strings.CutPrefix(w.text, "bytes("); ok && !w.quoted {
		n, err := strconv.Atoi(strings.TrimSuffix(count, ")"))
		if err != nil {
			a.fail("data: %v", err)
		}
		return []byte(strings.Repeat("x", n))
	}
	return []byte(w.text)
}

// acls reads entries scheme:id:perms, separated by commas: "empty", "null", or
// the open ACL when it is not given. The id hash(user:password) is a digest.
func (a *args) acls(text string) []zkapi.ACL {
	switch text {
	case "null":
		return nil
	case "empty":
		return []zkapi.ACL{}
	}
	var acls []zkapi.ACL
	for entry := range strings.SplitSeq(text, ",") {
		first, last := strings.Index(entry, ":"), strings.LastIndex(entry, ":")
		if first == last {
			a.fail("acl entry %q is not scheme:id:perms", entry)
			return nil
		}
		scheme, id := entry[:first], entry[first+1:last]
		if credentials, ok := strings.CutPrefix(id, "hash("); ok {
			id = zkapi.DigestID(strings.TrimSuffix(credentials, ")"))
		}
		acls = append(acls, zkapi.ACL{
			Perms: a.perms(entry[last+1:]), Scheme: word{text: scheme}.str(), ID: word{text: id}.str(),
		})
	}
	return acls
}

const permLetters = "rwcda"

func (a *args) perms(text string) zkapi.Perm {
	if n, err := strconv.ParseInt(text, 10, 32); err == nil {
		return zkapi.Perm(n)
	}
	var p zkapi.Perm
	for _, c := range text {
		at := strings.IndexRune(permLetters, c)
		if at < 0 {
			a.fail("no permission %q", c)
			return 0
		}
		p |= 1 << at
	}
	return p
}

// list takes a vector of strings, separated by commas.
func (a *args) list(key string) []string {
	w := a.take(key, "")
	if w.isNull() {
		return nil
	}
	if w.text == "" {
		return []string{}
	}
	list := strings.Split(w.text, ",")
	for i := range list {
		list[i] = word{text: list[i]}.str()
	}
	return list
}

// done reports the first mistake, or arguments that nobody asked for.
func (a *args) done() error {
	for _, w := range a.positional {
		a.fail("what is %q?", w.text)
	}
	for key := range a.named {
		a.fail("what is %s=?", key)
	}
	return a.err
}

// atoms encodes what is left of the words as the parts of a record: int:5
// long:-1 bool:1 str:/a buf:"x y" acl:world:anyone:31 strs:/a,/b zeros:100 hex:00ff.
func (a *args) atoms() []byte {
	var b []byte
	for _, w := range a.positional {
		kind, text, _ := strings.Cut(w.text, ":")
		w := word{text, w.quoted}
		switch kind {
		case "int":
			b = wire.AppendInt(b, int32(a.number(text)))
		case "long":
			b = wire.AppendLong(b, a.number(text))
		case "bool":
			b = append(b, byte(a.number(text)))
		case "str", "buf":
			b = wire.AppendBuffer(b, a.buffer(w))
		case "acl":
			b = wire.AppendACLs(b, a.acls(text))
		case "strs":
			b = wire.AppendStrings(b, (&args{named: map[string]word{"": w}}).list(""))
		case "zeros":
			b = append(b, make([]byte, a.number(text))...)
		case "hex":
			raw, err := hex.DecodeString(text)
			if err != nil {
				a.fail("%v", err)
			}
			b = append(b, raw...)
		case "text":
			b = append(b, text...)
		default:
			a.fail("no such atom: %q", w.text)
		}
	}
	a.positional = nil
	return b
}
