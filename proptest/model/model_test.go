package model_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/proptest/model"
	"github.com/zksim/zksim/zkapi"
)

// TestModel compares the servers that there are with the model.
func TestModel(t *testing.T) {
	t.Run("direct/3.9", func(t *testing.T) { testDirect(t, memserver.V39) })
	t.Run("direct/3.8", func(t *testing.T) { testDirect(t, memserver.V38) })
}

func testDirect(t *testing.T, profile memserver.Profile) {
	synctest.Test(t, func(t *testing.T) {
		d := &direct{profile: profile}
		defer d.close()
		model.Check(t, d.server(), func(c *model.Config) { c.Profile = string(profile) })
	})
}

// direct is memserver without the wire.
type direct struct {
	profile memserver.Profile
	srv     *memserver.Server
}

func (d *direct) close() error {
	if d.srv == nil {
		return nil
	}
	err := d.srv.Close()
	if check := d.srv.Check(); check != nil {
		err = check
	}
	return err
}

func (d *direct) reset() (err error) {
	if err := d.close(); err != nil {
		return err
	}
	d.srv, err = memserver.New(func(c *memserver.Config) { c.Profile, c.ExtendedTypes = d.profile, true })
	return err
}

func (d *direct) server() model.Server {
	if err := d.reset(); err != nil {
		panic(err)
	}
	return model.Server{
		Connect: func(_ context.Context, timeout time.Duration) (zkapi.Client, error) {
			return d.srv.Client(func(c *memserver.ClientConfig) { c.SessionTimeout = timeout })
		},
		Reset:  d.reset,
		Expire: func(id int64) error { d.srv.Expire(id); return nil },
		Disconnect: func(c zkapi.Client) error {
			d.srv.Disconnect(c.SessionID())
			return nil
		},
		Reconnect: func(c zkapi.Client) error { c.(*memserver.Client).Reconnect(); return nil },
		Restart:   func() error { d.srv.Restart(); return nil },
		Now:       func() time.Time { return d.srv.Now() },
		Advance:   func(t time.Duration) { d.srv.Advance(t) },
		Prompt:    true,
	}
}
