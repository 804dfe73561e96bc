package proptest_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/zksim/zksim/zkapi"
)

// keyed is a line whose owners are told by contexts.
type keyed struct {
	*line
	room chan struct{} // for whoever acquires or holds

	mu      sync.Mutex
	owner   any
	count   int
	session int64
}

type keyOfOwner struct{}

func newKeyed(c zkapi.Client, bug string) *keyed {
	return &keyed{line: newLine(c, bug), room: make(chan struct{}, 1)}
}

func (l *keyed) WithOwner(ctx context.Context) context.Context {
	return context.WithValue(ctx, keyOfOwner{}, new(byte))
}

func (l *keyed) Acquire(ctx context.Context) error {
	me := ctx.Value(keyOfOwner{})
	if again, err := l.again(me); again {
		return err
	}
	select {
	case l.room <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	session := l.c.SessionID()
	if err := l.line.Acquire(ctx); err != nil {
		<-l.room
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.owner, l.count, l.session = me, 1, session
	return nil
}

// again counts those who own it.
func (l *keyed) again(me any) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.count == 0, l.has("whoever has it waits for himself"):
		return false, nil
	case l.owner != me && !l.has("everybody with the same client is its owner"):
		return false, nil
	case l.session != l.c.SessionID() && !l.has("whoever has lost it acquires it again"):
		return true, zkapi.ErrSessionExpired
	}
	l.count++
	return true, nil
}

func (l *keyed) Release(ctx context.Context) error {
	l.mu.Lock()
	last := l.count == 1 || l.has("the first release gives it back") && l.count > 0
	if l.count--; last {
		l.count = 0
	}
	l.mu.Unlock()
	if !last {
		return nil
	}
	err := l.line.Release(ctx)
	<-l.room
	return err
}

// recalled is a line whose holder is asked to give it back by the data of its node.
type recalled struct {
	*line
	asked bool
}

func (l *recalled) Revoke(ctx context.Context) error {
	if !l.has("who asks looks at a server that is behind") {
		if err := l.c.Sync(ctx, l.dir); err != nil {
			return err
		}
	}
	names, _, err := l.c.Children(ctx, l.dir)
	if err != nil || len(names) == 0 {
		return err
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(number(a), number(b)) })
	if l.has("whoever came last is asked") {
		slices.Reverse(names)
	}
	_, err = l.c.Set(ctx, zkapi.Join(l.dir, names[0]), []byte("revoked"), zkapi.AnyVersion)
	if errors.Is(err, zkapi.ErrNoNode) {
		return nil
	}
	return err
}

func (l *recalled) Revoked(ctx context.Context) error {
	if l.asked && l.has("who was asked once has been asked for ever") {
		return nil
	}
	for {
		data, _, changed, err := l.c.GetW(ctx, zkapi.Join(l.dir, l.node))
		if err == nil && l.has("the watch is set after the look") && len(data) == 0 {
			_, _, changed, err = l.c.GetW(ctx, zkapi.Join(l.dir, l.node))
		}
		switch {
		case errors.Is(err, zkapi.ErrConnectionLoss) && l.has("whoever loses the connection has been asked"):
			return nil
		case errors.Is(err, zkapi.ErrConnectionLoss):
			continue
		case err != nil:
			return err
		case string(data) == "revoked":
			l.asked = true
			return nil
		}
		if _ = await(ctx, changed); ctx.Err() != nil {
			return ctx.Err()
		}
	}
}
