package main

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
)

// TestParsePropertiesIsJavas compares with what Java printed into testdata/properties.txt.
func TestParsePropertiesIsJavas(t *testing.T) {
	table, err := os.Open("testdata/properties.txt")
	require.NoError(t, err)
	defer table.Close()
	cases := 0
	var file string
	var want []string
	check := func() {
		if file != "" {
			require.Equal(t, want, describe(t, file), "file %s", file)
			cases++
		}
		file, want = "", nil
	}
	for lines := bufio.NewScanner(table); lines.Scan(); {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "file "):
			check()
			file = strings.TrimPrefix(line, "file ")
		case strings.HasPrefix(line, "\t"):
			want = append(want, strings.TrimSpace(line))
		}
	}
	check()
	require.Greater(t, cases, 80)
}

// describe reads a quoted file and prints it as the table does.
func describe(t *testing.T, quoted string) []string {
	t.Helper()
	text, err := strconv.Unquote(quoted)
	require.NoError(t, err, quoted)
	properties, err := parseProperties([]byte(text))
	if err != nil {
		return []string{"error"}
	}
	slices.SortFunc(properties, func(a, b property) int { return strings.Compare(a.key, b.key) })
	var all []string
	for _, p := range properties {
		all = append(all, quoteASCII(p.key)+" "+quoteASCII(p.value))
	}
	return all
}

func quoteASCII(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r >= ' ' && r < 127:
			b.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return `"` + b.String() + `"`
}

func TestParsePropertiesKeepsLineNumbers(t *testing.T) {
	properties, err := parseProperties([]byte("# one\n\na=1\\\n  2\r\nb=3\rc=4\na=5\n"))
	require.NoError(t, err)
	require.Equal(t, []property{{7, "a", "5"}, {5, "b", "3"}, {6, "c", "4"}}, properties)

	_, err = parseProperties([]byte("a=1\nb=\\\n\\u00\n"))
	require.EqualError(t, err, `2: want four hexadecimal digits after \u`)
}

// FuzzParseProperties checks that what was read, written in another way, reads the same.
func FuzzParseProperties(f *testing.F) {
	table, err := os.ReadFile("testdata/properties.txt")
	require.NoError(f, err)
	for line := range strings.Lines(string(table)) {
		if quoted, ok := strings.CutPrefix(strings.TrimSpace(line), "file "); ok {
			text, err := strconv.Unquote(quoted)
			require.NoError(f, err)
			f.Add([]byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		first, err := parseProperties(text)
		if err != nil {
			return
		}
		var b strings.Builder
		for _, p := range first {
			if p.line < 1 || p.line > len(text) {
				t.Fatalf("line %d of %d bytes", p.line, len(text))
			}
			b.WriteString(escapeAll(p.key) + "=" + escapeAll(p.value) + "\n")
		}
		second, err := parseProperties([]byte(b.String()))
		if err != nil || len(first) != len(second) {
			t.Fatalf("%q: %v, %d instead of %d", b.String(), err, len(second), len(first))
		}
		for i, p := range second {
			if p.key != first[i].key || p.value != first[i].value || p.line != i+1 {
				t.Fatalf("%+v has become %+v", first[i], p)
			}
		}
	})
}

func escapeAll(s string) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(s)) {
		fmt.Fprintf(&b, `\u%04X`, unit)
	}
	return b.String()
}
