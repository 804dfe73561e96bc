package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/zksim/zksim/cmd/zksim/interop/pairs"
	"github.com/zksim/zksim/cmd/zksim/interop/proxy"
)

// recipeProgram is our recipes together with those of others. It is part of the runner; what is not in
// Go is a process next to it.
type recipeProgram struct {
	library pairs.Library
	peers   map[pairs.Library]command
}

func (r recipeProgram) start(ctx context.Context, args []string, answers io.Reader) (io.Reader, func() error, error) {
	addr, root := args[1], args[2]
	lines, out := io.Pipe()
	peers, end, err := r.startPeers(ctx, addr)
	if err != nil {
		return nil, nil, errors.Join(err, end())
	}
	done := make(chan error, 1)
	go func() {
		err := pairs.Run(ctx, r.library, peers, addr, root, out)
		done <- errors.Join(err, end(), pairs.Clear(ctx, addr, root))
		out.Close()
	}()
	return lines, func() error { lines.Close(); return <-done }, nil
}

// startPeers starts the processes; end ends those that have begun.
func (r recipeProgram) startPeers(ctx context.Context, addr string) (peers pairs.Peers, end func() error, err error) {
	peers = make(pairs.Peers)
	var ends []func() error
	end = func() error {
		var failed []error
		for _, f := range ends {
			failed = append(failed, f())
		}
		return errors.Join(failed...)
	}
	for library, c := range r.peers {
		wire, err := proxy.New(addr)
		if err != nil {
			return nil, end, err
		}
		in, orders := io.Pipe()
		said, wait, err := c.start(ctx, []string{wire.Addr()}, in)
		if err != nil {
			wire.Close()
			return nil, end, err
		}
		peer := pairs.NewPeer(orders, said, wire)
		peers[library] = peer
		ends = append(ends, func() error {
			defer wire.Close()
			return errors.Join(peer.Close(), wait())
		})
	}
	return peers, end, nil
}

// meets makes the program of our recipes and a library's from that of its peers.
func meets(library pairs.Library) func(context.Context, cache) (program, error) {
	return func(ctx context.Context, c cache) (program, error) {
		r := recipeProgram{library, make(map[pairs.Library]command)}
		for _, lib := range library.Peers() {
			p, err := preparePeer(lib)(ctx, c)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", lib, err)
			}
			r.peers[lib] = p.(command)
		}
		return r, nil
	}
}
