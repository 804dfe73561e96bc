package proptest_test

import (
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/realserver"
)

// A transcript that prints something else on 3.8, or runs on one of the two only.
var isDifferent = regexp.MustCompile(`(?m)^(---- 3\.8|skip 3\.[89]:)`)

// TestDifferencesOfReleases holds the transcripts and the list of differences together: whoever records one more
// names it.
func TestDifferencesOfReleases(t *testing.T) {
	shown := make(map[string]bool)
	for _, d := range realserver.Differences {
		require.NotEmpty(t, d.Shown, d.Name)
		for _, name := range d.Shown {
			shown[name] = true
		}
	}
	different := make(map[string]bool)
	files := os.DirFS(transcripts)
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".txt") {
			return err
		}
		text, err := fs.ReadFile(files, name)
		if isDifferent.Match(text) {
			different[strings.TrimSuffix(name, ".txt")] = true
		}
		return err
	})
	require.NoError(t, err)
	require.Equal(t, slices.Sorted(maps.Keys(different)), slices.Sorted(maps.Keys(shown)),
		"the transcripts that differ, and those that realserver.Differences names")
}
