package proptest

import (
	"errors"
	"net"
	"time"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/proptest/transcript"
)

// wireBackend starts simulators and talks to them over their in-memory pipe, or TCP.
type wireBackend struct {
	profile string
	tcp     bool
}

func (b *wireBackend) Name() string    { return "wire" }
func (b *wireBackend) Profile() string { return b.profile }
func (b *wireBackend) Shared() bool    { return false }

func (b *wireBackend) Start(settings map[string]string) (transcript.Instance, error) {
	var set error
	srv, err := memserver.New(func(c *memserver.Config) {
		c.Profile = memserver.Profile(b.profile)
		for key, value := range settings {
			if err := c.Set(key, value); err != nil {
				set = err
			}
		}
	})
	if err = errors.Join(err, set); err != nil {
		return nil, err
	}
	if b.tcp {
		err = srv.Listen("127.0.0.1:0")
	}
	return &wireInstance{srv, b.tcp}, err
}

type wireInstance struct {
	srv *memserver.Server
	tcp bool
}

func (i *wireInstance) Dial() (net.Conn, error) {
	if i.tcp {
		return net.Dial("tcp", i.srv.Addr())
	}
	return i.srv.Dial("tcp", i.srv.Addr(), 10*time.Second)
}
func (i *wireInstance) Advance(d time.Duration) { i.srv.Advance(d) }
func (i *wireInstance) Restart() error          { i.srv.Restart(); return nil }

func (i *wireInstance) Connected(session int64) bool {
	for _, s := range i.srv.Sessions() {
		if s.ID == session {
			return s.Connected
		}
	}
	return false
}

func (i *wireInstance) Stop() error {
	err := i.srv.Close()
	if check := i.srv.Check(); check != nil {
		err = check
	}
	return err
}
