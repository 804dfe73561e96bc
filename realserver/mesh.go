package realserver

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// mesh is the network between the members of an ensemble: for each of them, a way of its own to each
// other one.
type mesh map[[2]int]*way

// way is how a member reaches another one: proxies before the two ports of that.
type way struct{ peers, election *Proxy }

func (w *way) each(do func(*Proxy) error) error {
	return errors.Join(do(w.peers), do(w.election))
}

// newMesh lays the ways between members that have their ports.
func newMesh(members []*Server) (mesh, error) {
	m := make(mesh)
	for _, from := range members {
		for _, to := range members {
			if from == to {
				continue
			}
			peers, err := NewProxy(to.quorum.peers.addr())
			if err != nil {
				return nil, errors.Join(err, m.close())
			}
			election, err := NewProxy(to.quorum.election.addr())
			if err != nil {
				return nil, errors.Join(err, peers.Close(), m.close())
			}
			m[[2]int{from.ID(), to.ID()}] = &way{peers, election}
		}
	}
	for pair, w := range m {
		w.election.beginAs(func(r io.Reader) io.Reader {
			return introduced(r, m[[2]int{pair[1], pair[0]}].election.Addr())
		})
	}
	return m, nil
}

func (m mesh) close() (err error) {
	for _, w := range m {
		err = errors.Join(err, w.each((*Proxy).Close))
	}
	clear(m)
	return err
}

// address is how a member knows another one.
func (m mesh) address(from, to *Server) string {
	w, ok := m[[2]int{from.ID(), to.ID()}]
	if !ok {
		return to.address()
	}
	return to.addressAt(w.peers.port, w.election.port)
}

// introduced has a member that knocks at another one's election port name an address of ours: the other
// calls it back there.
func introduced(r io.Reader, addr string) io.Reader {
	const fixed = 8 + 8 + 4 // version of the protocol, id, length of the address
	b := make([]byte, fixed)
	if n, err := io.ReadFull(r, b); err != nil || int64(binary.BigEndian.Uint64(b)) >= 0 {
		return io.MultiReader(strings.NewReader(string(b[:n])), r)
	}
	if _, err := io.CopyN(io.Discard, r, int64(binary.BigEndian.Uint32(b[16:]))); err != nil {
		return r
	}
	binary.BigEndian.PutUint32(b[16:], uint32(len(addr)))
	return io.MultiReader(strings.NewReader(string(b)+addr), r)
}

// Sever loses, from now on, what a member says to another one, while that can still be heard itself:
// a network that is broken in one direction. It takes [Options.Severable]. Mend ends it.
//
// As with every network, what is lost is sent again and again: it arrives after Mend if by then both
// still hold their connection, which they give up after syncLimit ticks.
func (e *Ensemble) Sever(from, to int) error {
	return e.way(from, to, func(p *Proxy, d Direction) error {
		p.Hold(d)
		return nil
	})
}

// Mend ends Sever.
func (e *Ensemble) Mend(from, to int) error {
	return e.way(from, to, func(p *Proxy, d Direction) error {
		p.release(d)
		return nil
	})
}

// way does something to what carries the words of one member to another: there are connections that the
// one has made, and such that the other has.
func (e *Ensemble) way(from, to int, do func(*Proxy, Direction) error) error {
	there, back := e.mesh[[2]int{from, to}], e.mesh[[2]int{to, from}]
	if there == nil {
		return fmt.Errorf("realserver: there is nothing to cut between member %d and member %d: see Options.Severable", from, to)
	}
	return errors.Join(
		there.each(func(p *Proxy) error { return do(p, ToServer) }),
		back.each(func(p *Proxy) error { return do(p, ToClient) }))
}
