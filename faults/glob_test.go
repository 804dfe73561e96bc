package faults

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestGlob(t *testing.T) {
	tests := []struct {
		glob    string
		yes, no string
	}{
		{"/lock", "/lock", "/ /lock/ /lock/a /locks /loc"},
		{"/lock/*", "/lock/a /lock/", "/lock /lock/a/b /locks/a"},
		{"/lock/**", "/lock/a /lock/a/b /lock/", "/lock /locks/a"},
		{"/**", "/ /a /a/b", ""},
		{"/*", "/ /a", "/a/b"},
		{"/a/**/z", "/a/z /a/b/z /a/b/c/z", "/a/bz /az /a/z/b"},
		{"/a/**z", "/a/z /a/bz /a/b/cz", "/az /a/zb"},
		{"/*/n-*", "/a/n- /b/n-0000000001", "/n-1 /a/b/n-1"},
		{"/**/n-*", "/n- /a/n-1 /a/b/n-1", "/a/b/m /an-1/x"},
		{`/a\*b`, "/a*b", "/ab /axb"},
		{`/a\\`, `/a\`, "/a"},
		{"/é*é", "/éé /éaé", "/é"},
		{"/a*b*c", "/abc /axbxc /abbc /abcc", "/ac /a/b/c"},
		{"/**/b/**/c", "/b/c /a/b/c /b/x/c /a/b/x/b/y/c", "/a/c /b/xc"},
		{"/**b*/c", "/b/c /a/b/c /ab/bx/c", "/b/x/c"},
	}
	for _, tt := range tests {
		g := newGlob(tt.glob)
		for path := range strings.FieldsSeq(tt.yes) {
			require.True(t, g.match(path), "%s and %s", tt.glob, path)
		}
		for path := range strings.FieldsSeq(tt.no) {
			require.False(t, g.match(path), "%s and %s", tt.glob, path)
		}
	}
}

// matchSlowly is what match has to be, by trying everything.
func matchSlowly(tokens []token, s string) bool {
	if len(tokens) == 0 {
		return s == ""
	}
	t, rest := tokens[0], tokens[1:]
	switch {
	case t.literal != "":
		after, ok := strings.CutPrefix(s, t.literal)
		return ok && matchSlowly(rest, after)
	case matchSlowly(rest, s):
		return true
	}
	for i := range len(s) {
		if t.star && s[i] == '/' {
			return false
		}
		if (!t.folders || s[i] == '/') && matchSlowly(rest, s[i+1:]) {
			return true
		}
	}
	return false
}

func TestGlobAgainstAllTries(t *testing.T) {
	pattern := rapid.StringOfN(rapid.SampledFrom([]rune("//ab**")), 0, 10, -1)
	path := rapid.StringOfN(rapid.SampledFrom([]rune("/ab")), 0, 10, -1)
	rapid.Check(t, func(t *rapid.T) {
		g := newGlob("/" + pattern.Draw(t, "glob"))
		s := "/" + path.Draw(t, "path")
		tokens := append([]token{{literal: g.prefix}}, g.rest...)
		require.Equal(t, matchSlowly(tokens, s), g.match(s), "%s", s)
	})
}
