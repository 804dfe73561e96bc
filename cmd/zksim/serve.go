package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/zksim/zksim/cmd/zksim/control"
	"github.com/zksim/zksim/faults"
	"github.com/zksim/zksim/memserver"
)

// serve runs a server until ctx is done.
func serve(ctx context.Context, o *options, stdout, stderr io.Writer) int {
	if o.config.Seed == 0 {
		o.config.Seed = time.Now().UnixMilli() // where ZooKeeper's own session ids come from
	}
	if o.faults == nil && o.http != "off" {
		o.faults = faults.MustParse("") // until some come over HTTP
	}
	var where places
	if o.faults != nil {
		where.plan = o.faults
		o.config.Between = where.listener
	}
	o.config.ClientsElsewhere = true
	srv, err := memserver.New(func(c *memserver.Config) { *c = o.config })
	if err != nil {
		return complain(stderr, statusUsage, plain(err))
	}
	defer srv.Close()
	if o.faults != nil {
		observe(o.faults, srv, stderr)
	}
	addr, secure, err := listen(o, srv, &where)
	if err != nil {
		return complain(stderr, statusFailed, err)
	}
	httpAddr, stop, err := serveHTTP(o, srv)
	if err != nil {
		return complain(stderr, statusOf(err), err)
	}
	defer stop()
	fmt.Fprintf(stderr, "zksim: seed %d\n", o.config.Seed)
	for _, text := range warnings(o, addr, httpAddr) {
		fmt.Fprintf(stderr, "zksim: warning: %s\n", oneLine(text))
	}
	ready := fmt.Sprintf("zksim: ready clients=%s http=%s", addr, httpAddr)
	if secure != "" {
		ready += " tls=" + secure
	}
	fmt.Fprintln(stdout, ready)
	<-ctx.Done()
	if err := save(o.save, srv.Snapshot()); err != nil {
		return complain(stderr, statusFailed, fmt.Errorf("--save %s: %w", o.save, pathReason(err)))
	}
	return statusOK
}

// save writes a snapshot into a file, which is the old or the new one at any time.
func save(path string, snap *memserver.Snapshot) error {
	if path == "" {
		return nil
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".zksim-")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // unless it has another name by then
	_, err = snap.WriteTo(file)
	if err := errors.Join(err, file.Chmod(0o644), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// listen serves clients and tells the addresses, those with TLS after the others:
// the members of an ensemble have consecutive ports, or each one that is picked.
func listen(o *options, srv *memserver.Server, p *places) (addrs, secure string, err error) {
	addrs, err = listenAll(srv, p, "--listen", o.listen, (*memserver.Member).Listen, (*memserver.Member).Addr)
	if err == nil && o.tls.listen != "" {
		secure, err = listenAll(srv, p, "--tls-listen", o.tls.listen, (*memserver.Member).ListenTLS, (*memserver.Member).TLSAddr)
	}
	return addrs, secure, err
}

// places is where a plan of faults stands: before the addresses of each member.
// To the plan the connections to a member of an ensemble are those of a client
// named member1, member2 and so on.
type places struct {
	plan *faults.Plan

	mu   sync.Mutex
	next string            // whose the next address is
	name map[string]string // by address, which a member that is started again has again
}

func (p *places) listener(l net.Listener) net.Listener {
	p.mu.Lock()
	defer p.mu.Unlock()
	name, known := p.name[l.Addr().String()]
	if !known {
		if p.name == nil {
			p.name = make(map[string]string)
		}
		name = p.next
		p.name[l.Addr().String()] = name
	}
	return p.plan.As(name).Listener(l)
}

func (p *places) begin(m *memserver.Member, of int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if of > 1 {
		p.next = fmt.Sprintf("member%d", m.ID())
	}
}

func listenAll(srv *memserver.Server, p *places, flag, addr string, listen func(*memserver.Member, string) error, at func(*memserver.Member) string) (string, error) {
	var addrs []string
	for i, m := range srv.Members() {
		if i > 0 {
			next, err := nextPort(addr)
			if err != nil {
				return "", fmt.Errorf("%s %w", flag, err)
			}
			addr = next
		}
		p.begin(m, len(srv.Members()))
		if err := listen(m, addr); err != nil {
			return "", err
		}
		addrs = append(addrs, at(m))
	}
	return strings.Join(addrs, ","), nil
}

// nextPort is the address of the next member.
func nextPort(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || port == "0" {
		return addr, err
	}
	n, err := strconv.Atoi(port)
	if err != nil || n == 65535 {
		return "", fmt.Errorf("%s: there is no port behind it for the next member", addr)
	}
	return net.JoinHostPort(host, strconv.Itoa(n+1)), nil
}

// observe starts a plan of faults; it writes down what it does, and tells the
// server for its stream of events.
func observe(plan *faults.Plan, srv *memserver.Server, stderr io.Writer) {
	var mu sync.Mutex
	plan.Observe(func(f faults.Firing) {
		srv.Tell(f.Session, f)
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(stderr, "zksim: fault: %s\n", f)
	})
	plan.Start()
}

// serveHTTP starts the HTTP side, unless it is off, and tells its address.
func serveHTTP(o *options, srv *memserver.Server) (addr string, stop func(), err error) {
	if o.http == "off" {
		return "off", func() {}, nil
	}
	l, err := net.Listen("tcp", o.http)
	if err != nil && !o.httpAsked { // nobody who has not asked for the port should fail for it
		l, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return "", nil, err
	}
	if err := control.CheckBind(l.Addr(), o.httpToken); err != nil {
		l.Close()
		return "", nil, usageError{fmt.Errorf("--http %s: %w", o.http, err)}
	}
	side := control.New(srv, control.Options{Token: o.httpToken, Config: o.configText, Initial: o.config.From, Faults: o.faults})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = side.Serve(l) // it ends with Close
	}()
	return l.Addr().String(), func() { side.Close(); <-ended }, nil
}

// usageError is an error of whoever started zksim, not of the machine.
type usageError struct{ error }

func statusOf(err error) int {
	if _, ok := errors.AsType[usageError](err); ok {
		return statusUsage
	}
	return statusFailed
}

// warnings is what a user should know of a server that runs all the same.
func warnings(o *options, addr, httpAddr string) []string {
	var w []string
	if len(o.unknown) > 0 {
		w = append(w, "ZooKeeper has no such setting: "+strings.Join(o.unknown, ", ")+"; ignored")
	}
	if o.secure && o.tls.listen == "" {
		w = append(w, "secureClientPort is not served: --tls-listen is for that, with its files")
	}
	first, _, _ := strings.Cut(addr, ",")
	if at, err := netip.ParseAddrPort(first); err == nil && !at.Addr().Unmap().IsLoopback() {
		w = append(w, "other machines can connect to "+addr+" too")
	}
	if !o.httpAsked && o.http != httpAddr {
		w = append(w, o.http+" is in use, so the HTTP side is on "+httpAddr)
	}
	return w
}
