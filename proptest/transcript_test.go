package proptest

import (
	"context"
	"errors"
	"flag"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zksim/zksim/proptest/transcript"
	"github.com/zksim/zksim/realserver"
)

const transcripts = "testdata/transcripts"

var profiles = []string{"3.9", "3.8"}

var (
	update   = flag.Bool("update", false, "rewrite the transcripts with what the real ZooKeeper servers print")
	updateBy = flag.String("update-by", "real", "the backend to believe with -update: real, or wire for transcripts that no real server survives")
)

// TestTranscripts runs every transcript on the simulator and on each line of
// real ZooKeeper versions that this machine has. The real server is the oracle:
//
//	go test ./proptest -run Transcripts/real -update
func TestTranscripts(t *testing.T) {
	files := os.DirFS(transcripts)
	var ran, left []string
	for _, profile := range profiles {
		t.Run("wire/"+profile, func(t *testing.T) {
			start := time.Now()
			runTranscripts(t, files, &wireBackend{profile})
			t.Logf("simulator: %.1fs", time.Since(start).Seconds())
			ran = append(ran, "wire/"+profile)
		})
	}
	for _, profile := range profiles {
		in, err := realserver.Find(profile)
		if err != nil {
			if !errors.Is(err, realserver.ErrNotFound) || os.Getenv(realserver.RequireEnv) == "1" {
				t.Errorf("real %s: %v", profile, err)
			}
			left = append(left, "real/"+profile+" ("+err.Error()+")")
			continue
		}
		t.Run("real/"+profile, func(t *testing.T) {
			start := time.Now()
			runTranscripts(t, files, &realBackend{in, profile})
			t.Logf("ZooKeeper %s (%s): %.1fs", in.Version, in.Source, time.Since(start).Seconds())
			ran = append(ran, "real/"+profile+" (ZooKeeper "+in.Version+", "+in.Source+")")
		})
	}
	n, blocks, err := transcript.Count(files)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d transcripts of %d blocks ran on: %s", n, blocks, strings.Join(ran, ", "))
	if len(left) > 0 {
		t.Logf("left out: %s", strings.Join(left, ", "))
	}
}

func runTranscripts(t *testing.T, files fs.FS, b transcript.Backend) {
	t.Helper()
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
