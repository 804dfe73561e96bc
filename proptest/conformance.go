package proptest

import (
	"embed"
	"io/fs"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zksim/zksim/proptest/history"
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
// If the backend has clients of its own and can be dialed as well, all of that
// runs twice, as "own" and as "dialed": both have to see the same.
//
// What the backend cannot run is skipped, and the reasons are logged.
func Conformance(t *testing.T, b *Backend) {
	t.Helper()
	have(t, b)
	own, dialed, err := kinds(b)
	switch {
	case err != nil:
		t.Fatalf("%v", err)
	case dialed == nil:
		judge(t, own)
	default:
		t.Run("own", func(t *testing.T) { judge(t, own) })
		t.Run("dialed", func(t *testing.T) { judge(t, dialed) })
	}
}

func judge(t *testing.T, b *Backend) {
	t.Helper()
	if b.Several {
		t.Log("transcripts and the model are left out: they are for one server, and this is an ensemble")
	} else {
		t.Run("transcripts", func(t *testing.T) { t.Logf("%v", transcript.Run(t, Transcripts(), b)) })
		t.Run("model", func(t *testing.T) { Model(t, b) })
	}
	t.Run("histories", func(t *testing.T) { Histories(t, b) })
}

// kinds makes two backends of one that has clients of both kinds. Of another one
// it makes itself and nil.
func kinds(b *Backend) (own, dialed *Backend, err error) {
	in, err := b.Start(maps.Clone(transcript.DefaultSettings))
	if err != nil {
		return nil, nil, err
	}
	if in.Stop != nil {
		err = in.Stop()
	}
	if err != nil || in.Connect == nil || in.Dial == nil {
		return b, nil, err
	}
	without := func(remove func(*Instance)) *Backend {
		kind := *b
		kind.Start = func(settings map[string]string) (*Instance, error) {
			in, err := b.Start(settings)
			if err == nil {
				remove(in)
			}
			return in, err
		}
		return &kind
	}
	own = without(func(in *Instance) { in.Dial = nil })
	dialed = without(func(in *Instance) { in.Connect, in.Disconnect, in.Reconnect, in.Prompt = nil, nil, nil, false })
	return own, dialed, nil
}

// have skips a test whose backend is not on this machine, or fails it where
// real servers are required.
func have(t *testing.T, b *Backend) {
	t.Helper()
	switch {
	case b.Missing == nil:
	case realserver.MaySkip(b.Missing):
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
	onHost(t, &host{backend: b, patient: !b.One}, func(t *testing.T, h *host) {
		model.Check(t, h.model(), append([]func(*model.Config){h.configure}, opts...)...)
	})
}

// Histories has concurrent clients use a backend while connections break,
// sessions expire and the server is restarted, and checks what they saw with
// package history: twenty times where time is virtual, twice elsewhere.
func Histories(t *testing.T, b *Backend, opts ...func(*history.Config)) {
	t.Helper()
	have(t, b)
	rounds := 2
	switch {
	case b.InMemory:
		rounds = 20
	case b.Several:
		rounds = 1
	}
	onHost(t, &host{backend: b}, func(t *testing.T, h *host) {
		opts := append([]func(*history.Config){func(c *history.Config) {
			c.Expiry, c.Single = b.InMemory, !b.Several
			if b.InMemory {
				c.Faults = 12
			} else { // faults take their time
				c.Pause = 20 * time.Millisecond
			}
		}}, opts...)
		for range rounds {
			history.Check(t, h.history(), opts...)
		}
	})
}

// onHost runs a test that has a server, in a bubble if the backend can be there.
func onHost(t *testing.T, h *host, test func(*testing.T, *host)) {
	t.Helper()
	run := func(t *testing.T) {
		defer func() {
			if err := h.stop(); err != nil {
				t.Errorf("%v", err)
			}
		}()
		if err := h.start(); err != nil {
			t.Fatalf("%v", err)
		}
		test(t, h)
	}
	if h.backend.InMemory {
		synctest.Test(t, run)
	} else {
		run(t)
	}
}

// host has the server that random histories run on, and its clients.
type host struct {
	backend *Backend
	patient bool // nothing ends by itself while the test's clock is not the server's
	clients
}

// start starts a server in the place of the one there was.
func (h *host) start() error {
	if err := h.stop(); err != nil {
		return err
	}
	settings := maps.Clone(transcript.DefaultSettings)
	if h.patient {
		settings["maxSessionTimeout"], settings["znode.container.checkIntervalMs"] = "3600000", "3600000"
	}
	in, err := h.backend.Start(settings)
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
func (h *host) model() model.Server {
	srv := model.Server{
		Connect: h.connect, Disconnect: h.disconnect(), Reconnect: h.reconnect(), Expire: h.expire(), Prompt: h.in.Prompt,
	}
	if !h.backend.Shared {
		srv.Reset, srv.Restart = h.start, h.restart()
	}
	if h.timed() {
		srv.Now = func() time.Time { return h.in.Now() }
		srv.Advance = func(d time.Duration) { h.in.Advance(d) }
	}
	return srv
}

// timed tells whether the server's clock stands still while the test does not
// move it. Clients that dial have timers of their own.
func (h *host) timed() bool {
	return h.backend.InMemory && h.in.Connect != nil && h.in.Now != nil && h.in.Advance != nil
}

// configure tells the model how the server was set up.
func (h *host) configure(c *model.Config) {
	c.Profile, c.TickTime = h.backend.Profile, time.Second
	if h.patient {
		c.MaxSessionTimeout, c.ContainerInterval = time.Hour, time.Hour
	}
	if h.patient && !h.timed() {
		c.SessionTimeout = time.Hour
	}
}

// history is the server as package history wants it.
func (h *host) history() history.Server {
	return history.Server{
		Connect: h.connect, Disconnect: h.disconnect(), Reconnect: h.reconnect(), Lose: h.lose(), Expire: h.expire(), Restart: h.restart(),
	}
}

// restart is a function that restarts the server, or nil.
func (h *host) restart() func() error {
	if h.in.Restart == nil {
		return nil
	}
	return func() error { return h.in.Restart() }
}
