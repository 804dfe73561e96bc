package main

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"github.com/zksim/zksim/memserver"
)

// serve runs a server until ctx is done.
func serve(ctx context.Context, o *options, stdout, stderr io.Writer) int {
	if o.config.Seed == 0 {
		o.config.Seed = time.Now().UnixMilli() // where ZooKeeper's own session ids come from
	}
	srv, err := memserver.New(func(c *memserver.Config) { *c = o.config })
	if err != nil {
		return complain(stderr, statusUsage, plain(err))
	}
	defer srv.Close()
	if err := srv.Listen(o.listen); err != nil {
		return complain(stderr, statusFailed, err)
	}
	fmt.Fprintf(stderr, "zksim: seed %d\n", o.config.Seed)
	for _, text := range warnings(o, srv.Addr()) {
		fmt.Fprintf(stderr, "zksim: warning: %s\n", oneLine(text))
	}
	fmt.Fprintf(stdout, "zksim: ready clients=%s http=%s\n", srv.Addr(), o.http)
	<-ctx.Done()
	return statusOK
}

// warnings is what a user should know of a server that runs all the same.
func warnings(o *options, addr string) []string {
	var w []string
	if len(o.unknown) > 0 {
		w = append(w, "ZooKeeper has no such setting: "+strings.Join(o.unknown, ", ")+"; ignored")
	}
	if o.secure {
		w = append(w, "secureClientPort is not served: there is no TLS")
	}
	if at, err := netip.ParseAddrPort(addr); err == nil && !at.Addr().Unmap().IsLoopback() {
		w = append(w, "other machines can connect to "+addr+" too")
	}
	return w
}
