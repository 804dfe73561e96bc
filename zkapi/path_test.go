package zkapi_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

func TestValidatePath(t *testing.T) {
	for _, c := range []struct{ path, want string }{
		{"/", ""},
		{"/a", ""},
		{"/a/b-0000000001", ""},
		{"/...", ""},
		{"/.a/a./..a/a..", ""},
		{"/ ", ""},
		{"/caf\u00e9/\u4e2d", ""},
		{"/\u00a0\uf900\uffef", ""},
		{"", `path "", column 1: empty path`},
		{"a", `path "a", column 1: no leading slash`},
		{"a/b", `path "a/b", column 1: no leading slash`},
		{"/a/", `path "/a/", column 3: trailing slash`},
		{"//", `path "//", column 2: empty name`},
		{"/a//b", `path "/a//b", column 4: empty name`},
		{"/.", `path "/.", column 2: relative path`},
		{"/..", `path "/..", column 2: relative path`},
		{"/a/./b", `path "/a/./b", column 4: relative path`},
		{"/\u4e2d/../b", `path "/中/../b", column 4: relative path`},
		{"/a\x00", `path "/a\x00", column 3: character U+0000 not allowed`},
		{"/\x1f", `path "/\x1f", column 2: character U+001F not allowed`},
		{"/\x7f", `path "/\x7f", column 2: character U+007F not allowed`},
		{"/\u009f", `path "/\u009f", column 2: character U+009F not allowed`},
		{"/\ue000", `path "/\ue000", column 2: character U+E000 not allowed`},
		{"/\uf8ff", `path "/\uf8ff", column 2: character U+F8FF not allowed`},
		{"/\ufff0", `path "/\ufff0", column 2: character U+FFF0 not allowed`},
		{"/\uffff", `path "/\uffff", column 2: character U+FFFF not allowed`},
		{"/\U0001f600", `path "/😀", column 2: character U+1F600 not allowed`},
		{"/a\xff", `path "/a\xff", column 3: character U+FFFD not allowed`},
		{"/\xed\xa0\x80", `path "/\xed\xa0\x80", column 2: character U+FFFD not allowed`},
	} {
		err := zkapi.ValidatePath(c.path)
		if c.want == "" {
			require.NoError(t, err)
			continue
		}
		require.EqualError(t, err, c.want)
		require.ErrorIs(t, err, zkapi.ErrBadArguments)
		var pathErr *zkapi.PathError
		require.ErrorAs(t, err, &pathErr)
		require.Equal(t, c.path, pathErr.Path)
	}
}

func TestValidateCreate(t *testing.T) {
	for _, path := range []string{"/", "/p/", "/.", "/..", "/a/..", "/a"} {
		require.NoError(t, zkapi.ValidateCreate(path, zkapi.EphemeralSequential), path)
		require.Equal(t, zkapi.ValidatePath(path), zkapi.ValidateCreate(path, zkapi.Ephemeral), path)
	}
	for _, path := range []string{"", "p", "//", "/./", "/\x01"} {
		require.ErrorIs(t, zkapi.ValidateCreate(path, zkapi.PersistentSequential), zkapi.ErrBadArguments, path)
	}
}

// genPath makes paths of which many are wrong in one way or the other.
var genPath = rapid.Custom(func(t *rapid.T) string {
	pieces := []string{"/", "/", "a", "b", ".", "..", "\x00", "\u009f", "\u00a0", "\ue000", "\ufff0", "\uffef", "\U0001f600", "\xff"}
	return rapid.SampledFrom([]string{"/", "/", "/", ""}).Draw(t, "first") +
		strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 8).Draw(t, "rest"), "")
})

// javaAccepts is the rule of Java's PathUtils in Java's terms: UTF-16 units, one after the other.
func javaAccepts(path string) bool {
	units := utf16.Encode([]rune(path))
	if len(units) == 0 || units[0] != '/' {
		return false
	}
	if len(units) == 1 {
		return true
	}
	if units[len(units)-1] == '/' {
		return false
	}
	for name := range strings.SplitSeq(path[1:], "/") {
		if name == "" || name == "." || name == ".." {
			return false
		}
	}
	return !slices.ContainsFunc(units, func(u uint16) bool {
		return u <= 0x1f || u >= 0x7f && u <= 0x9f || u >= 0xd800 && u <= 0xf8ff || u >= 0xfff0
	})
}

func TestValidatePathIsJavas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		path := genPath.Draw(t, "path")
		require.Equal(t, javaAccepts(path), zkapi.ValidatePath(path) == nil, "%q", path)
		require.Equal(t, javaAccepts(path+"0"), zkapi.ValidateCreate(path, zkapi.PersistentSequential) == nil, "%q", path)
	})
}

// TestValidatePathIsTheServers: what the client refuses is what the server refuses to write to.
func TestValidatePathIsTheServers(t *testing.T) {
	c := memserver.RunT(t).ClientT(t)
	rapid.Check(t, func(rt *rapid.T) {
		path := genPath.Draw(rt, "path")
		_, err := c.Set(t.Context(), path, nil, 12345)
		require.Equal(rt, zkapi.ValidatePath(path) != nil, errors.Is(err, zkapi.ErrBadArguments), "%q: %v", path, err)
	})
}

func TestParentBaseJoin(t *testing.T) {
	for _, c := range []struct{ path, parent, base string }{
		{"/", "/", ""}, {"/a", "/", "a"}, {"/a/b", "/a", "b"}, {"/a/b-", "/a", "b-"}, {"/a/", "/a", ""}, {"a", "/", "a"}, {"", "/", ""},
	} {
		require.Equal(t, c.parent, zkapi.Parent(c.path), c.path)
		require.Equal(t, c.base, zkapi.Base(c.path), c.path)
	}
	require.Equal(t, "/", zkapi.Join(""))
	require.Equal(t, "/", zkapi.Join("/", "", "/"))
	require.Equal(t, "/a/b/c", zkapi.Join("/a/", "/b/", "c"))
	require.Equal(t, "/a/b", zkapi.Join("a", "", "b"))
	require.Equal(t, "/a/../b", zkapi.Join("/a", "../b"))
	rapid.Check(t, func(t *rapid.T) {
		path := genPath.Filter(func(p string) bool { return zkapi.ValidatePath(p) == nil }).Draw(t, "path")
		require.Equal(t, path, zkapi.Join(zkapi.Parent(path), zkapi.Base(path)))
		require.Equal(t, path, zkapi.Join(path))
	})
}

func TestSplitSequence(t *testing.T) {
	for _, c := range []struct {
		name, prefix string
		seq          int32
	}{
		{"lock-0000000007", "lock-", 7},
		{"0000000000", "", 0},
		{"n2147483647", "n", math.MaxInt32},
		{"n12147483647", "n1", math.MaxInt32},
		{"n10000000005", "n1", 5},
		{"n-000000005", "n", -5},
		{"n--000000005", "n-", -5},
		{"-000000005", "", -5},
		{"n--2147483648", "n-", math.MinInt32},
		{"n-2147483648", "n", math.MinInt32},
		{"n-2147483647", "n-", math.MaxInt32}, // a prefix that ends in a minus is the common case
		{"n--2147483647", "n-", -math.MaxInt32},
		{"n--0000000005", "n--", 5}, // -0000000005 is no form of -5
		{"_c_0bf6d1e3-lock-0000000012", "_c_0bf6d1e3-lock-", 12},
	} {
		prefix, seq, ok := zkapi.SplitSequence(c.name)
		require.True(t, ok, c.name)
		require.Equal(t, c.prefix, prefix, c.name)
		require.Equal(t, c.seq, seq, c.name)
	}
	for _, name := range []string{"", "lock", "lock-", "lock-123456789012x", "n000000007", "n2147483648", "n--2147483649", "n-000000000", "-"} {
		prefix, seq, ok := zkapi.SplitSequence(name)
		require.False(t, ok, name)
		require.Equal(t, name, prefix)
		require.Zero(t, seq)
	}
}

// TestSplitSequenceUndoesTheServer: whatever counter is appended to a prefix
// that leaves no doubt comes off again. Java's %010d is Go's.
func TestSplitSequenceUndoesTheServer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.StringMatching(`([a-z_-]*[a-z_])?`).Draw(t, "prefix")
		n := rapid.OneOf(rapid.Just(int32(math.MinInt32)), rapid.Int32Min(-999_999_999)).Draw(t, "seq")
		prefix, seq, ok := zkapi.SplitSequence(fmt.Sprintf("%s%010d", want, n))
		require.True(t, ok)
		require.Equal(t, want, prefix)
		require.Equal(t, n, seq)
	})
	rapid.Check(t, func(t *rapid.T) { // a single minus at the end, the usual prefix
		want := rapid.StringMatching(`[a-z_]*-`).Draw(t, "prefix")
		n := rapid.Int32().Draw(t, "seq")
		prefix, seq, ok := zkapi.SplitSequence(fmt.Sprintf("%s%010d", want, n))
		require.True(t, ok)
		require.Equal(t, want, prefix)
		require.Equal(t, n, seq)
	})
}

func TestCompareSequence(t *testing.T) {
	require.Equal(t, -1, zkapi.CompareSequence(1, 2))
	require.Equal(t, 0, zkapi.CompareSequence(-7, -7))
	require.Equal(t, -1, zkapi.CompareSequence(math.MaxInt32, math.MinInt32), "the counter has wrapped around")
	require.Equal(t, 1, zkapi.CompareSequence(math.MinInt32+5, math.MaxInt32-5))
	require.Equal(t, -1, zkapi.CompareSequence(-1, 0))
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int32().Draw(t, "a"), rapid.Int32().Draw(t, "b")
		require.Equal(t, -zkapi.CompareSequence(b, a), zkapi.CompareSequence(a, b))
		step := rapid.Int32Range(1, math.MaxInt32).Draw(t, "step")
		require.Equal(t, -1, zkapi.CompareSequence(a, a+step), "a comes before what is given out after it")
	})
}

// TestCompareSequenceNames sorts names that were given out in a row, also across the wrap.
func TestCompareSequenceNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first, n := rapid.Int32().Draw(t, "first"), rapid.IntRange(0, 50).Draw(t, "n")
		var want []string
		for i := range n {
			prefix := rapid.SampledFrom([]string{"a-", "b-", "_c_1-a-"}).Draw(t, "prefix")
			want = append(want, fmt.Sprintf("%s%010d", prefix, first+int32(i)))
		}
		want = append(want, "other", "others")
		got := rapid.Permutation(want).Draw(t, "shuffled")
		slices.SortFunc(got, zkapi.CompareSequenceNames)
		require.Equal(t, want, got)
	})
}

func BenchmarkValidatePath(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if err := zkapi.ValidatePath("/app/locks/db/lock-0000000007"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSplitSequence(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, _, ok := zkapi.SplitSequence("_c_0bf6d1e3-lock-0000000012"); !ok {
			b.Fatal()
		}
	}
}

func BenchmarkJoin(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		zkapi.Join("/app/locks", "lock-0000000007")
	}
}
