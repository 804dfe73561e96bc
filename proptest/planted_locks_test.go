package proptest_test

import (
	"context"
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
