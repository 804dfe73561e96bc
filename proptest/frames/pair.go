package frames

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// Server is one of the two that are compared.
type Server interface {
	Dial() (net.Conn, error)
	Close() error
}

// Names are what reports call the two sides.
var Names = [2]string{"sim", "real"}

// Super is the super user that both servers must be set up with.
const Super = "super:secret"

// Settings are what both servers of every profile must be started with, under
// ZooKeeper's names: nothing may happen by itself while histories run.
var Settings = map[string]string{
	"tickTime":                                 "2000",
	"minSessionTimeout":                        "100000",
	"maxSessionTimeout":                        "1000000",
	"maxClientCnxns":                           "0",
	"znode.container.checkIntervalMs":          "2000000000",
	"extendedTypesEnabled":                     "true",
	"4lw.commands.whitelist":                   "*",
	"DigestAuthenticationProvider.superDigest": zkapi.DigestID(Super),
}

// Root is the node below which histories work. It is made before each.
const Root = "/h"

// Pair is two servers that are told the same. It is for one goroutine.
type Pair struct {
	Profile  *Profile
	Matrix   *Matrix
	Requests int // so far
	Restarts int
	Eager    bool // listen to all links after every exchange: slower, and easier to read
	start    [2]func() (Server, error)
	servers  [2]Server
	scales   [2]*scale
	admin    *link
	dirty    bool // the last history has left something behind
	broken   bool // a server must be started again
	recent   []History
}

// Open starts both servers: the simulator, then the real one.
func Open(p *Profile, sim, real func() (Server, error)) (*Pair, error) {
	pair := &Pair{Profile: p, Matrix: NewMatrix(), start: [2]func() (Server, error){sim, real}}
	if err := pair.open(); err != nil {
		return nil, errors.Join(err, pair.Close())
	}
	return pair, nil
}

func (p *Pair) open() error {
	p.broken, p.dirty, p.recent = false, false, nil
	for i, start := range p.start {
		// The clock's milliseconds are cut off, not rounded.
		p.scales[i] = &scale{started: time.Now().Add(-time.Millisecond), times: make(map[int64]int64)}
		srv, err := start()
		if err != nil {
			return err
		}
		p.servers[i] = srv
	}
	return p.openAdmin()
}

// Close stops both servers.
func (p *Pair) Close() (err error) {
	if p.admin != nil {
		p.admin.close()
		p.admin = nil
	}
	for i, srv := range p.servers {
		if srv != nil {
			err = errors.Join(err, srv.Close())
			p.servers[i] = nil
		}
	}
	return err
}

// Run runs a history on both servers. It returns nil if they behave alike. The
// error says that a server could not be started.
func (p *Pair) Run(h History) (*Difference, error) {
	if err := p.ready(); err != nil {
		return nil, err
	}
	p.recent = append(p.recent[max(0, len(p.recent)-kept+1):], h)
	x := &run{Pair: p}
	p.dirty = true
	err := x.run(h)
	if err == nil {
		p.dirty = false
		return nil, nil
	}
	x.restore()
	return &Difference{History: h, Profile: p.Profile.Name, log: x.log, err: err}, nil
}

// ready starts the servers again if they are not as they should be.
func (p *Pair) ready() error {
	if p.dirty && !p.broken {
		p.broken = p.resync() != nil
	}
	if !p.broken {
		return nil
	}
	p.Restarts++
	if err := p.Close(); err != nil {
		return err
	}
	return p.open()
}

// openAdmin opens the connection that prepares and cleans up. It is not
// compared: the numbers of the two sides are only known afterwards.
func (p *Pair) openAdmin() error {
	l := &link{name: "admin"}
	for i, srv := range p.servers {
		nc, err := srv.Dial()
		if err != nil {
			return fmt.Errorf("%s cannot be reached: %w", Names[i], err)
		}
		c := newConn(p.scales[i], nc)
		l.conns[i] = c
		c.pending = append(c.pending, asked{connect: true}, asked{op: zkapi.OpAuth, xid: 1})
		b := (&Connect{Timeout: 1_000_000}).frame(nil, 0, make([]byte, wire.PasswordLen), 0)
		auth := Request{Op: zkapi.OpAuth, Scheme: "digest", Data: []byte(Super)}
		c.write(auth.frame(b, 1, 0))
		if o := c.collect(); o.closed || o.session == 0 {
			return fmt.Errorf("%s does not take a connection: %s", Names[i], o.trouble)
		}
	}
	p.admin = l
	return p.begin()
}

// begin makes both sides count from here.
func (p *Pair) begin() error {
	for i, c := range p.admin.conns {
		if _, err := askOne(c, 0, nil); err != nil {
			p.broken = true
			return fmt.Errorf("%s: %w", Names[i], err)
		}
		p.scales[i].begin()
	}
	return nil
}

// resync makes sure, after a difference, that the nodes which are always there
// are alike again, and learns what numbers the servers have come to.
func (p *Pair) resync() error {
	p.admin.close()
	if err := p.openAdmin(); err != nil {
		return err
	}
	for i, path := range builtIn {
		var acls, stats [2][]byte
		for side, c := range p.admin.conns {
			p.scales[side].raw = true
			o, err := askOne(c, 0, []Request{{Op: zkapi.OpExists, Path: Text(path)}, {Op: zkapi.OpGetACL, Path: Text(path)}})
			p.scales[side].raw = false
			if err != nil {
				return err
			}
			if slices.ContainsFunc(o.answers[:2], func(a answer) bool { return a.kind != isReply || codeOf(a) != 0 }) {
				return fmt.Errorf("%s cannot be read", path)
			}
			stats[side] = o.answers[0].payload[16:]
			acl := wire.NewReader(o.answers[1].payload[16:])
			acls[side] = wire.AppendACLs(nil, acl.ACLs(nil))
			p.scales[side].alias(stats[side], i)
		}
		if !bytes.Equal(acls[0], acls[1]) || !bytes.Equal(stats[0], stats[1]) {
			return fmt.Errorf("%s differs", path)
		}
	}
	p.dirty = false
	return nil
}
