package proptest_test

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/zksim/zksim/proptest"
	"github.com/zksim/zksim/proptest/internal/brief"
	"github.com/zksim/zksim/proptest/transcript"
	"github.com/zksim/zksim/realserver"
)

const transcripts = "testdata/transcripts"

var (
	update   = flag.Bool("update", false, "rewrite the transcripts with what the real ZooKeeper servers print")
	updateBy = flag.String("update-by", "real", "the backend to believe with -update: real, or wire for transcripts that no real server survives")
)

// TestTranscripts runs every transcript on the simulator and on the real
// servers whose output the transcripts hold. The real server is the oracle:
//
//	go test ./proptest -run Transcripts/real -update
func TestTranscripts(t *testing.T) {
	proptest.Concurrent(t)
	files := os.DirFS(transcripts)
	n, blocks, err := transcript.Count(files)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d transcripts, %d steps", n, blocks)
	for i, run := range []struct {
		name string
		b    *proptest.Backend
	}{
		{"direct/3.9", proptest.Direct("3.9")},
		{"direct/3.8", proptest.Direct("3.8")},
		{"wire/3.8/pipe", proptest.Wire("3.8")},
		{"wire/3.9/tcp", proptest.WireTCP("3.9")},
		{"wire/3.9/pipe", proptest.Wire("3.9")},
		{"real/3.9", proptest.Real("3.9")},
		// The profile 3.8 is Debian's package: 3.8.0 with some fixes of 3.8.4 in it.
		{"real/3.8", proptest.Real("3.8.0")},
	} {
		t.Run(run.name, func(t *testing.T) {
			if !*update { // several would write into the same files
				t.Parallel()
			}
			if i < 4 && !brief.Takes(i, 4) {
				t.Skip("it is the turn of another one; make test")
			}
			if strings.HasPrefix(run.name, "real") && proptest.Brief() && !*update {
				runTranscripts(t, ofOneServer(t, files), run.b)
				return
			}
			runTranscripts(t, files, run.b)
		})
	}
}

// ofOneServer is the transcripts that need no server of their own: a real one takes half a second of
// the processor to start.
func ofOneServer(t *testing.T, files fs.FS) fs.FS {
	t.Helper()
	some := make(fstest.MapFS)
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, path)
		if !bytes.Contains(text, []byte("\nserver ")) && !bytes.HasPrefix(text, []byte("server ")) {
			some[path] = &fstest.MapFile{Data: text}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return some
}

func runTranscripts(t *testing.T, files fs.FS, b *proptest.Backend) {
	t.Helper()
	if realserver.MaySkip(b.Missing) {
		t.Skipf("%v", b.Missing)
	}
	start := time.Now()
	defer func() { t.Logf("%s %s: %.1fs", b.Name, b.Profile, time.Since(start).Seconds()) }()
	if *update && strings.HasPrefix(b.Name, *updateBy) {
		transcript.Update(t, transcripts, b)
		return
	}
	transcript.Run(t, files, b)
}
