package zkapi

import (
	"cmp"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// PathError says what is wrong with a path. It wraps ErrBadArguments, which is
// what a server answers to a write on such a path.
type PathError struct {
	Path   string
	Column int // of the first offence, in characters, counted from 1
	Reason string
}

// Error reads `path "/a//b", column 4: empty name`.
func (e *PathError) Error() string {
	return fmt.Sprintf("path %q, column %d: %s", e.Path, e.Column, e.Reason)
}

// Unwrap is ErrBadArguments.
func (e *PathError) Unwrap() error { return ErrBadArguments }

// ValidatePath checks a path as ZooKeeper's own clients do before they send a
// request: it begins with a slash, does not end with one (but for "/" itself),
// has no empty name, no "." or "..", and none of the characters U+0000-001F,
// U+007F-009F, U+D800-F8FF, U+FFF0-FFFF or beyond. Bytes that are not UTF-8
// count as U+FFFD. The error is a *PathError and wraps ErrBadArguments.
//
// A server applies the same rules to writes only; a read of such a path is
// answered with ErrNoNode.
func ValidatePath(path string) error { return validate(path, false) }

// ValidateCreate is ValidatePath for the path of a create: in the sequential
// modes the last name gets a suffix, so it may be empty, "." or "..".
func ValidateCreate(path string, mode CreateMode) error { return validate(path, mode.Sequential()) }

func validate(path string, suffixed bool) error {
	switch {
	case path == "":
		return pathError(path, 0, "empty path")
	case path[0] != '/':
		return pathError(path, 0, "no leading slash")
	case path == "/":
		return nil
	}
	name := 1 // where the current name begins
	for i, c := range path {
		switch {
		case i == 0:
		case c == '/':
			if reason := badName(path[name:i]); reason != "" {
				return pathError(path, name, reason)
			}
			name = i + 1
		case forbidden(c):
			return pathError(path, i, fmt.Sprintf("character %U not allowed", c))
		}
	}
	if suffixed {
		return nil
	}
	if name == len(path) {
		return pathError(path, name-1, "trailing slash")
	}
	if reason := badName(path[name:]); reason != "" {
		return pathError(path, name, reason)
	}
	return nil
}

func pathError(path string, offset int, reason string) error {
	return &PathError{path, utf8.RuneCountInString(path[:offset]) + 1, reason}
}

func badName(name string) string {
	switch name {
	case "":
		return "empty name"
	case ".", "..":
		return "relative path"
	}
	return ""
}

// forbidden includes everything beyond the basic plane because Java sees it as
// two surrogates, and what is not UTF-8 because both sides read it as U+FFFD.
func forbidden(c rune) bool {
	return c <= 0x1f || 0x7f <= c && c <= 0x9f || 0xd800 <= c && c <= 0xf8ff || c >= 0xfff0
}

// Parent is the path above: "/a" for "/a/b", "/" for "/a" and for "/". As the
// server does, it takes everything before the last slash, so "/a/" gives "/a".
func Parent(path string) string {
	i := strings.LastIndexByte(path, '/')
	if i <= 0 {
		return "/"
	}
	return path[:i]
}

// Base is the last name of a path: "b" for "/a/b", "" for "/".
func Base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// Join puts names under a path with one slash between any two. The result is
// always absolute. Nothing is resolved: a "." stays, for ValidatePath to find.
func Join(path string, names ...string) string {
	size := len(path) + 1
	for _, name := range names {
		size += len(name) + 1
	}
	b := appendName(make([]byte, 0, size), path)
	for _, name := range names {
		b = appendName(b, name)
	}
	if len(b) == 0 {
		return "/"
	}
	return string(b)
}

func appendName(b []byte, name string) []byte {
	if name = strings.Trim(name, "/"); name == "" {
		return b
	}
	return append(append(b, '/'), name...)
}

// SplitSequence cuts the counter that the server has appended off the name of a
// sequential node: "lock-", 7 and true for "lock-0000000007". For a name
// without a counter it returns the name, 0 and false.
//
// The counter has ten digits. One that has overflowed is negative: a minus and
// nine or ten digits, as in "lock--2147483648". After a prefix that ends in a
// minus of its own some names can be read in two ways; a single minus is then
// taken as part of the prefix, the second of two as the sign.
func SplitSequence(name string) (prefix string, seq int32, ok bool) {
	start := len(name)
	for start > 0 && '0' <= name[start-1] && name[start-1] <= '9' {
		start--
	}
	digits, v := len(name)-start, number(name[max(start, len(name)-10):])
	minus := start > 0 && name[start-1] == '-'
	minus2 := minus && start > 1 && name[start-2] == '-'
	switch {
	case digits == 9 && minus && v > 0,
		digits == 10 && minus && v > math.MaxInt32 && v <= -math.MinInt32,
		digits == 10 && minus2 && v >= 1e9 && v <= math.MaxInt32:
		return name[:start-1], int32(-v), true
	case digits >= 10 && v <= math.MaxInt32:
		return name[:len(name)-10], int32(v), true
	}
	return name, 0, false
}

// number reads decimal digits, at most ten.
func number(digits string) (v int64) {
	for i := range len(digits) {
		v = v*10 + int64(digits[i]-'0')
	}
	return v
}

// CompareSequence tells which of two counters the server has given out first:
// -1 if it was a. The counter wraps around from 2147483647 to -2147483648, so
// of any two the nearer is followed: -2147483648 comes after 2147483647.
func CompareSequence(a, b int32) int {
	if d := a - b; d != math.MinInt32 {
		return cmp.Compare(d, 0)
	}
	return cmp.Compare(a, b) // exactly half way round, neither is nearer
}

// CompareSequenceNames orders names of sequential nodes, whatever their
// prefixes, by CompareSequence, and names without a counter after all others.
// It is meant for slices.SortFunc and for names that live at the same time:
// over more than 2^31 counters no order is possible.
func CompareSequenceNames(a, b string) int {
	_, seqA, okA := SplitSequence(a)
	_, seqB, okB := SplitSequence(b)
	switch {
	case okA && okB && seqA != seqB:
		return CompareSequence(seqA, seqB)
	case okA != okB && okA:
		return -1
	case okA != okB:
		return 1
	}
	return strings.Compare(a, b)
}
