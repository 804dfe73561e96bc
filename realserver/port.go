package realserver

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// port is a TCP port on 127.0.0.1 that belongs to one server for as long as that lives, also while its
// process is down.
//
// It lies below the range from which systems take the ports of outgoing connections, so that neither
// these nor listeners on "any port" take it in the meantime. Whoever else uses this package is kept off
// by a lock that ends with the process: the UDP port of the same number.
type port struct {
	number int
	lock   net.PacketConn
}

const firstPort, endPort = 10000, 32768

// reservePort finds a port that nobody uses.
func reservePort() (*port, error) {
	const tries = 1000
	var last error
	for range tries {
		p := &port{number: firstPort + rand.IntN(endPort-firstPort)}
		if last = p.reserve(); last == nil {
			return p, nil
		}
	}
	return nil, fmt.Errorf("no free port from %d to %d: %w", firstPort, endPort-1, last)
}

func (p *port) reserve() (err error) {
	if p.lock, err = net.ListenPacket("udp", p.addr()); err != nil {
		return err
	}
	l, err := net.Listen("tcp", p.addr())
	if err != nil {
		return errors.Join(err, p.release())
	}
	return l.Close()
}

func (p *port) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.number)) }

// release may be called again, and for no port at all.
func (p *port) release() error {
	if p == nil {
		return nil
	}
	if err := p.lock.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
