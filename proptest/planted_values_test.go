package proptest_test

import (
	"bytes"
	"context"
	"errors"
	"sync"

	"github.com/zksim/zksim/zkapi"
)

// roller gives out the numbers of blocks of two that it takes from a counter.
type roller struct {
	counter
	next, end int64
}

func (x *roller) Next(ctx context.Context) (int64, error) {
	if x.next == x.end {
		end, err := x.Add(ctx, 2)
		if errors.Is(err, zkapi.ErrConnectionLoss) && x.bug == "a value that is as expected counts as one's own" {
			if end, err = x.Value(ctx); end != x.end+2 {
				return x.Next(ctx)
			}
		}
		if err != nil {
			return 0, err
		}
		x.next, x.end = end-2, end
		if x.bug == "the last of a block is the first of the next one" {
			x.next--
		}
	}
	x.next++
	return x.next, nil
}

// note is a value in a node.
type note struct {
	c         zkapi.Client
	path, bug string
}

func (x note) Value(ctx context.Context) ([]byte, error) {
	data, _, err := x.c.Get(ctx, x.path)
	return data, err
}

func (x note) Update(ctx context.Context, f func([]byte) []byte) (pre, post []byte, err error) {
	for first := true; ; first = false {
		data, stat, err := x.c.Get(ctx, x.path)
		if err != nil {
			return nil, nil, err
		}
		if first || x.bug != "what was read first is used again" {
			pre = data
		}
		if x.bug == "the version is not checked" {
			stat.Version = zkapi.AnyVersion
		}
		post = f(pre)
		_, err = x.c.Set(ctx, x.path, post, stat.Version)
		switch {
		case errors.Is(err, zkapi.ErrBadVersion):
		case errors.Is(err, zkapi.ErrConnectionLoss) && x.bug == "what may have been written is written again":
		default:
			return pre, post, err
		}
	}
}

// board is a copy of a note.
type board struct {
	note
	mu   sync.Mutex
	data []byte
	stat zkapi.Stat
}

func (b *board) Start(ctx context.Context) error { return b.refresh(ctx) }
func (b *board) Close()                          {}

// take notes what is later than the copy, and tells whether it is.
func (b *board) take(data []byte, stat zkapi.Stat) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if stat.Mzxid <= b.stat.Mzxid {
		return false
	}
	b.data, b.stat = bytes.Clone(data), stat
	return true
}

func (b *board) refresh(ctx context.Context) error {
	data, stat, err := b.c.Get(ctx, b.path)
	if err == nil {
		b.take(data, stat)
	}
	return err
}

func (b *board) TrySet(ctx context.Context, f func([]byte) []byte) (bool, error) {
	b.mu.Lock()
	data, stat := b.data, b.stat
	b.mu.Unlock()
	if b.bug == "the version is not checked" {
		stat.Version = zkapi.AnyVersion
	}
	data = f(data)
	stat, err := b.c.Set(ctx, b.path, data, stat.Version)
	switch {
	case errors.Is(err, zkapi.ErrBadVersion):
		return b.bug == "a race that is lost counts as won", b.refresh(ctx)
	case err == nil:
		b.take(data, stat)
	}
	return err == nil, err
}

func (b *board) Follow(ctx context.Context, saw func([]byte)) error {
	for last := int64(0); ctx.Err() == nil; {
		data, stat, changed, err := b.c.GetW(ctx, b.path)
		if err == nil && b.bug == "the watch is set after the look" {
			_, _, changed, err = b.c.GetW(ctx, b.path)
		}
		if errors.Is(err, zkapi.ErrClosed) {
			return err
		}
		if err != nil {
			continue
		}
		if b.take(data, stat); stat.Mzxid > last {
			last = stat.Mzxid
			saw(data)
		}
		if await(ctx, changed) != nil && b.bug == "after a lost session nobody looks again" {
			<-ctx.Done()
		}
	}
	return ctx.Err()
}
