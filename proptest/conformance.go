package proptest

import (
	"embed"
	"errors"
	"io/fs"
	"maps"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zksim/zksim/proptest/model"
	"github.com/zksim/zksim/proptest/transcript"
	"github.com/zksim/zksim/realserver"
)

//go:embed testdata/transcripts
var embedded embed.FS

// Transcripts are the recordings of real ZooKeepers that [Conformance] plays, in
// the format of package transcript.
func Transcripts() fs.FS {
	files, err := fs.Sub(embedded, "testdata/transcripts")
	if err != nil {
		panic(err) // the folder is part of this package
	}
	return files
}

// Conformance judges whether a backend does what ZooKeeper does. It runs, as
// subtests, everything that the backend can run:
//
//   - transcripts: recordings of real servers, every line of which has to come again;
//   - model: random histories of several clients, compared with a naive model;
//   - histories: concurrent clients under faults, whose writes have to be
//     linearizable and whose reads must not go back.
//
// What the backend cannot run is skipped, and the reasons are logged.
func Conformance(t *testing.T, b *Backend) {
	t.Helper()
	have(t, b)
	t.Run("transcripts", func(t *testing.T) { t.Logf("%v", transcript.Run(t, Transcripts(), b)) })
	t.Run("model", func(t *testing.T) { Model(t, b) })
}

// have skips a test whose backend is not on this machine, or fails it where
// real servers are required.
func have(t *testing.T, b *Backend) {
	t.Helper()
	switch {
	case b.Missing == nil:
	case errors.Is(b.Missing, realserver.ErrNotFound) && os.Getenv(realserver.RequireEnv) != "1":
		t.Skipf("%v", b.Missing)
	default:
		t.Fatalf("%v", b.Missing)
	}
}

// Model compares a backend with package model's ZooKeeper, over as many random
// histories as -rapid.checks says.
func Model(t *testing.T, b *Backend, opts ...func(*model.Config)) {
	t.Helper()
	have(t, b)
	check := func(t *testing.T) {
		h := &host{backend: b}
		defer func() {
			if err := h.stop(); err != nil {
				t.Errorf("%v", err)
			}
		}()
		srv, err := h.model()
		if err != nil {
			t.Fatalf("%v", err)
		}
		opts := append([]func(*model.Config){func(c *model.Config) { c.Profile, c.TickTime = b.Profile, time.Second }}, opts...)
		model.Check(t, srv, opts...)
	}
	if b.InMemory {
		synctest.Test(t, check)
	} else {
		check(t)
	}
}

// host has the server that random histories run on, and its clients.
type host struct {
	backend *Backend
	clients
}

// start starts a server in the place of the one there was.
func (h *host) start() error {
	if err := h.stop(); err != nil {
		return err
	}
	in, err := h.backend.Start(maps.Clone(transcript.DefaultSettings))
	if err != nil {
		return err
	}
	h.in, h.dialed = in, nil
	return nil
}

func (h *host) stop() error {
	if h.in == nil || h.in.Stop == nil {
		return nil
	}
	return h.in.Stop()
}

// model is the server as package model wants it. Where a start is cheap every
// history has a server of its own; where it is not, all share one.
func (h *host) model() (model.Server, error) {
	if err := h.start(); err != nil {
		return model.Server{}, err
	}
	srv := model.Server{Connect: h.connect, Disconnect: h.disconnect(), Reconnect: h.reconnect(), Expire: h.expire(), Prompt: h.in.Prompt}
	if h.in.Restart != nil && !h.backend.Shared {
		srv.Restart = func() error { return h.in.Restart() }
	}
	if !h.backend.Shared {
		srv.Reset = h.start
	}
	if h.backend.InMemory && h.in.Now != nil && h.in.Advance != nil {
		srv.Now = func() time.Time { return h.in.Now() }
		srv.Advance = func(d time.Duration) { h.in.Advance(d) }
	}
	return srv, nil
}
