package proptest_test

import (
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/proptest"
)

var catalogueRow = regexp.MustCompile(`(?m)^\| (\d+) \| (.+) \| (.+) \| (.+) \|$`)

// Each behaviour in the list of the transcripts' README has a transcript, or a reason.
func TestCatalogue(t *testing.T) {
	text, err := fs.ReadFile(proptest.Transcripts(), "README.md")
	require.NoError(t, err)
	rows := catalogueRow.FindAllStringSubmatch(string(text), -1)
	require.Len(t, rows, 103)
	for i, row := range rows {
		require.Equal(t, strconv.Itoa(i+1), row[1])
		if strings.HasPrefix(row[4], "none: ") {
			continue
		}
		for name := range strings.SplitSeq(row[4], ", ") {
			_, err := fs.Stat(proptest.Transcripts(), name+".txt")
			require.NoError(t, err, "row %d", i+1)
		}
	}
}

// Each difference in the README names its transcripts, or says why there is none.
func TestDifferences(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	_, table, _ := strings.Cut(string(text), "\n## Differences from ZooKeeper\n")
	table, _, _ = strings.Cut(table, "\n## ")
	rows := regexp.MustCompile(`(?m)^\| .* \| (.+) \|$`).FindAllStringSubmatch(table, -1)
	require.Greater(t, len(rows), 2)
	name := regexp.MustCompile(`[a-z]+/[a-z_0-9]+\b|[a-z]+/\*`)
	for _, row := range rows[2:] {
		if strings.HasPrefix(row[1], "none: ") {
			continue
		}
		names := name.FindAllString(row[1], -1)
		require.NotEmpty(t, names, "%s", row[0])
		for _, n := range names {
			found, err := fs.Glob(proptest.Transcripts(), n+".txt")
			require.NoError(t, err)
			require.NotEmpty(t, found, "%s in %s", n, row[0])
		}
	}
}
