package main

import (
	"context"
	"errors"
	"io"

	"github.com/zksim/zksim/cmd/zksim/interop/pairs"
)

// recipeProgram is our recipes together with those of a library. It is part of the runner; what is not
// in Go is a process next to it.
type recipeProgram struct {
	library pairs.Library
	peer    *command // nil for what is in Go
}

func (r recipeProgram) start(ctx context.Context, args []string, answers io.Reader) (io.Reader, func() error, error) {
	addr, root := args[1], args[2]
	lines, out := io.Pipe()
	ended := func() error { return nil }
	var peer *pairs.Peer
	if r.peer != nil {
		in, orders := io.Pipe()
		said, wait, err := r.peer.start(ctx, []string{addr}, in)
		if err != nil {
			return nil, nil, err
		}
		peer, ended = pairs.NewPeer(orders, said), wait
	}
	done := make(chan error, 1)
	go func() {
		err := pairs.Run(ctx, r.library, peer, addr, root, out)
		if peer != nil {
			err = errors.Join(err, peer.Close(), ended())
		}
		done <- err
		out.Close()
	}()
	return lines, func() error { lines.Close(); return <-done }, nil
}

// meets makes the program of a pair from that of its peer.
func meets(library pairs.Library, prepare func(context.Context, cache) (program, error)) func(context.Context, cache) (program, error) {
	return func(ctx context.Context, c cache) (program, error) {
		if prepare == nil {
			return recipeProgram{library: library}, nil
		}
		p, err := prepare(ctx, c)
		if err != nil {
			return nil, err
		}
		peer := p.(command)
		return recipeProgram{library, &peer}, nil
	}
}
