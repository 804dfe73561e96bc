package frames_test

import (
	"context"
	"errors"
	"net"
	"strconv"
	"time"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/proptest/frames"
	"github.com/zksim/zksim/realserver"
)

// sim is a simulator that listens.
type sim struct{ *memserver.Server }

func startSim(version string, settings map[string]string) (frames.Server, error) {
	var set error
	srv, err := memserver.New(func(c *memserver.Config) {
		c.Profile = memserver.Profile(version)
		for key, value := range settings {
			set = errors.Join(set, c.Set(key, value))
		}
	})
	if err = errors.Join(err, set); err != nil {
		return nil, err
	}
	return &sim{srv}, srv.Listen("127.0.0.1:0")
}

func (s *sim) Dial() (net.Conn, error) { return net.Dial("tcp", s.Addr()) }

func (s *sim) Close() error { return errors.Join(s.Server.Close(), s.Check()) }

// realServer is a real one.
type realServer struct{ *realserver.Server }

func startReal(in realserver.Install, settings map[string]string) (frames.Server, error) {
	srv, err := realserver.Start(context.Background(), in, func(o *realserver.Options) {
		for key, value := range settings {
			if ms, err := strconv.Atoi(value); key == "tickTime" && err == nil {
				o.TickTime = time.Duration(ms) * time.Millisecond
			} else {
				o.Config[key] = value
			}
		}
		if *jit {
			o.JVM = []string{"-Xmx1g", "-XX:+UseSerialGC"}
		}
	})
	if err != nil {
		return nil, err
	}
	return &realServer{srv}, nil
}

func (s *realServer) Dial() (net.Conn, error) { return net.Dial("tcp", s.Addr()) }
