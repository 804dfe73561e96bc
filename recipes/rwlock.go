package recipes

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/zksim/zksim/zkapi"
)

// RWLock is a lock for reading, which many may have, and one for writing, which
// one may have while nobody reads. Everybody comes in turn: a writer waits for
// all before him, a reader for the writers before him. It is kazoo's ReadLock
// and WriteLock, and Curator's InterProcessReadWriteLock, on the same nodes.
//
// An RWLock is one participant: its two locks belong to the same holder. Who
// writes may acquire the read lock as well and release the write lock then; no
// writer comes between. The other way round there is only ErrUpgrade.
//
// In kazoo's layout a Lock on the same path takes no notice of readers, and must
// not be used together with an RWLock.
type RWLock struct {
	read, write *Lock
}

// rwTags are what comes before the counter, for reading and for writing.
var rwTags = map[Layout][2]string{
	Kazoo: {"__rlock__", "__lock__"}, Curator: {"-__READ__", "-__WRIT__"}, GoZK: {"-__READ__", "-__WRIT__"},
}

// NewRWLock makes the two locks on the children of a node, which is made when it
// is needed. ExtraTags are those of writers.
func NewRWLock(c zkapi.Client, path string, opts ...func(*Options)) *RWLock {
	o := newOptions(opts)
	if o.Layout == GoZK { // which has nothing of the kind
		o.Layout = Curator
	}
	reading, writing := rwTags[o.Layout][0], rwTags[o.Layout][1]
	tags := append([]string{reading, writing}, o.ExtraTags...)
	data := []byte(o.Identifier)
	l := &RWLock{
		read: newLock(&queue{c: c, dir: path, o: o, data: data, tag: reading, tags: tags,
			wait: func(tag string) bool { return tag != reading }}),
		write: newLock(&queue{c: c, dir: path, o: o, data: data, tag: writing, tags: tags}),
	}
	l.read.take, l.write.take = l.takeRead, l.takeWrite
	return l
}

// Read is the lock for reading.
func (l *RWLock) Read() *Lock { return l.read }

// Write is the lock for writing. While the lock for reading is held its Acquire
// fails with ErrUpgrade.
func (l *RWLock) Write() *Lock { return l.write }

func (l *RWLock) takeWrite(ctx context.Context, try bool) (*place, error) {
	if l.read.Hold().Err() == nil {
		return nil, ErrUpgrade
	}
	return l.write.q.take(ctx, try)
}

func (l *RWLock) takeRead(ctx context.Context, try bool) (*place, error) {
	if h := l.write.Hold(); h.Err() == nil {
		p, err := l.downgrade(ctx, h)
		if !errors.Is(err, errGone) && !errors.Is(err, ErrSessionLost) {
			return p, err
		}
	}
	return l.read.q.take(ctx, try)
}

// downgrade makes a reader's node with the counter of the writer's, so that
// nobody is between the two, provided that the writer's is still there.
func (l *RWLock) downgrade(ctx context.Context, h *Hold) (*place, error) {
	q := l.read.q
	s, err := begin(ctx, q.c)
	if err != nil {
		return nil, err
	}
	number := h.path[strings.LastIndex(h.path, l.write.q.tag)+len(l.write.q.tag):]
	if seq, ok := counter(h.path, l.write.q.tag); ok && numberless(seq) {
		number = fmt.Sprintf("%010d", math.MaxInt32-1) // which nobody has any more: those who wait have no number either
	}
	p := &place{q: q, s: s, prefix: q.o.Layout.named(newGUID(), q.tag) + number}
	mode := zkapi.Ephemeral
	if q.o.Persistent {
		mode = zkapi.Persistent
	}
	if err := claim(ctx, s, h.path, mode, []*place{p}); err != nil {
		_ = p.leave(ctx)
		return nil, err
	}
	if err := p.look(ctx); err != nil {
		_ = p.leave(ctx)
		return nil, err
	}
	return p, nil
}
