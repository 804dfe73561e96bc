package proptest_test

import (
	"io/fs"
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
