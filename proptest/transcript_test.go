package proptest

import (
	"context"
	"errors"
	"flag"
	"io/fs"
	"net"
	"os"
	"strconv"
	"testing"
	"time"

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
	files := os.DirFS(transcripts)
	n, blocks, err := transcript.Count(files)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d transcripts, %d steps", n, blocks)
	t.Run("wire/3.9/pipe", func(t *testing.T) { runTranscripts(t, files, &wireBackend{profile: "3.9"}) })
	t.Run("wire/3.9/tcp", func(t *testing.T) { runTranscripts(t, files, &wireBackend{profile: "3.9", tcp: true}) })
	t.Run("wire/3.8/pipe", func(t *testing.T) { runTranscripts(t, files, &wireBackend{profile: "3.8"}) })
	real := func(version, profile string) func(t *testing.T) {
		return func(t *testing.T) {
			if !*update { // both would write into the same files
				t.Parallel()
			}
			runTranscripts(t, files, findReal(t, version, profile))
		}
	}
	t.Run("real/3.9", real("3.9", "3.9"))
	// The profile 3.8 is Debian's package: 3.8.0 with some fixes of 3.8.4 in it.
	t.Run("real/3.8", real("3.8.0", "3.8"))
}

// findReal finds a real server, or skips the test; it fails instead where
// ZKSIM_REQUIRE_REAL is 1.
func findReal(t *testing.T, version, profile string) transcript.Backend {
	t.Helper()
	in, err := realserver.Find(version)
	if errors.Is(err, realserver.ErrNotFound) && os.Getenv(realserver.RequireEnv) != "1" {
		t.Skipf("%v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Logf("ZooKeeper %s (%s)", in.Version, in.Source)
	return &realBackend{in, profile}
}

func runTranscripts(t *testing.T, files fs.FS, b transcript.Backend) {
	t.Helper()
	start := time.Now()
	defer func() { t.Logf("%s %s: %.1fs", b.Name(), b.Profile(), time.Since(start).Seconds()) }()
	if *update && *updateBy == b.Name() {
		transcript.Update(t, transcripts, b)
		return
	}
	transcript.Run(t, files, b)
}

// realBackend starts real ZooKeeper servers.
type realBackend struct {
	install realserver.Install
	profile string
}

func (b *realBackend) Name() string    { return "real" }
func (b *realBackend) Profile() string { return b.profile }
func (b *realBackend) Shared() bool    { return true }

func (b *realBackend) Start(settings map[string]string) (transcript.Instance, error) {
	opt := func(o *realserver.Options) {
		for _, key := range []string{"4lw.commands.whitelist", "extendedTypesEnabled", "maxClientCnxns"} {
			delete(o.Config, key) // the transcript decides
		}
		for key, value := range settings {
			if ms, err := strconv.Atoi(value); key == "tickTime" && err == nil {
				o.TickTime = time.Duration(ms) * time.Millisecond
				continue
			}
			o.Config[key] = value
		}
	}
	// On a busy machine a start may fail for no reason of the server's.
	var err error
	for range 3 {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		srv, startErr := realserver.Start(ctx, b.install, opt)
		cancel()
		if err = startErr; err == nil {
			return &realInstance{srv}, nil
		}
	}
	return nil, err
}

type realInstance struct{ srv *realserver.Server }

func (i *realInstance) Dial() (net.Conn, error) { return net.Dial("tcp", i.srv.Addr()) }
func (i *realInstance) Stop() error             { return i.srv.Close() }

func (i *realInstance) Restart() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return i.srv.Restart(ctx)
}
