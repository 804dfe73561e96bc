package recipes

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// DistributedQueue is Curator's family of queues, on the same nodes:
// DistributedQueue, DistributedPriorityQueue, DistributedDelayQueue and
// DistributedIdQueue. Items are put in one by one or several in one node, and
// given to one of those who Consume.
type DistributedQueue struct {
	q    *store
	kind QueueKind
	o    DistributedQueueOptions
	k    *custody // nil: items are taken before they are worked on
}

// QueueKind says in which order the items of a DistributedQueue are given out.
type QueueKind int

// The kinds of queues.
const (
	PlainQueue    QueueKind = iota // in the order of their coming
	PriorityQueue                  // by Item.Priority, the lowest first
	DelayQueue                     // by Item.At, and none before
	IDQueue                        // in the order of their coming; by Item.ID they are found again
)

// DistributedQueueOptions say how a DistributedQueue behaves. The zero value is a default.
type DistributedQueueOptions struct {
	QueueOptions
	// LockPath is a directory for the locks of items that are worked on. With it an
	// item stays until it was worked on, and is worked on again by somebody else if
	// its consumer crashes: at least once. Without it the item is deleted before: at
	// most once.
	LockPath string
	// Drop has items deleted whose consumer fails; otherwise they go to the end of
	// the queue, and keep their priority, time and id.
	Drop bool
	// MaxItems has Put wait while there are so many nodes; 0 is no limit.
	MaxItems int
	// MinItemsBeforeRefresh is how many items Consume takes from one list before it looks
	// whether others have come that are to be taken before, with PriorityQueue and
	// DelayQueue; 1 by default. More take fewer lists, which counts if there are many items.
	MinItemsBeforeRefresh int
	// Failed is told of items for which there was an error: the consumer's, or
	// ErrOutcomeUnknown for an item that may have been taken by nobody but us and was
	// not worked on. nil: nobody is told. It is called by Consume.
	Failed func(Item, error)
}

// Item is what is in one node of a DistributedQueue.
type Item struct {
	Data     [][]byte
	Priority int32     // with PriorityQueue
	At       time.Time // with DelayQueue; to the millisecond, not before 1970
	ID       string    // with IDQueue: "/" and "|" in it become "_"

	Hold *Hold // with LockPath: of the lock, while it is worked on
	name string
}

// NewDistributedQueue makes a queue of the children of a node, which is made when it is needed.
func NewDistributedQueue(c zkapi.Client, path string, kind QueueKind, opts ...func(*DistributedQueueOptions)) *DistributedQueue {
	d := &DistributedQueue{kind: kind}
	for _, opt := range opts {
		opt(&d.o)
	}
	d.q = newStore(c, path, []func(*QueueOptions){func(o *QueueOptions) { *o = d.o.QueueOptions }}, kind.split)
	if d.o.LockPath != "" {
		d.k = &custody{d.q, d.o.LockPath}
	}
	return d
}

const queuePrefix = "queue-"

// prefix is how the node of an item is named, up to the counter.
func (k QueueKind) prefix(x Item) (string, error) {
	switch k {
	case PriorityQueue:
		sign := 1
		if x.Priority < 0 {
			sign = 0
		}
		return fmt.Sprintf("%s%d%08X", queuePrefix, sign, uint32(x.Priority)), nil
	case DelayQueue:
		if x.At.UnixMilli() < 0 {
			return "", fmt.Errorf("an item for %v: %w", x.At, zkapi.ErrBadArguments)
		}
		return fmt.Sprintf("%s|%08X|", queuePrefix, x.At.UnixMilli()), nil
	case IDQueue:
		return queuePrefix + "|" + cleanID(x.ID) + "|", nil
	}
	return queuePrefix, nil
}

func cleanID(id string) string { return strings.NewReplacer("/", "_", "|", "_").Replace(id) }

// split is prefix backwards.
func (k QueueKind) split(name string) (rank int64, tag string, ok bool) {
	x, tag, ok := k.parse(name)
	switch k {
	case PriorityQueue:
		rank = int64(x.Priority)
	case DelayQueue:
		rank = x.At.UnixMilli()
	}
	return rank, tag, ok
}

func (k QueueKind) parse(name string) (x Item, tag string, ok bool) {
	rest, ok := strings.CutPrefix(name, queuePrefix)
	if !ok {
		return x, "", false
	}
	switch k {
	case PriorityQueue:
		if len(rest) < 9 {
			return x, "", false
		}
		v, err := strconv.ParseUint(rest[1:9], 16, 32)
		x.Priority = int32(uint32(v))
		return x, name[:len(queuePrefix)+9], err == nil && (rest[0] == '0' || rest[0] == '1')
	case DelayQueue, IDQueue:
		end := strings.LastIndexByte(rest, '|')
		if end < 1 || rest[0] != '|' {
			return x, "", false
		}
		tag = name[:len(queuePrefix)+end+1]
		if k == IDQueue {
			x.ID = rest[1:end]
			return x, tag, true
		}
		ms, err := strconv.ParseInt(rest[1:end], 16, 64)
		x.At = time.UnixMilli(ms)
		return x, tag, err == nil
	}
	return x, queuePrefix, true
}

// The form of the data of a node: a version, then each item with its length, and an end.
var itemsHead = []byte{0, 1, 0, 1}

const (
	itemNext = 1
	itemsEnd = 2
)

func encodeItems(items [][]byte) []byte {
	data := append([]byte(nil), itemsHead...)
	for _, x := range items {
		data = append(data, itemNext)
		data = binary.BigEndian.AppendUint32(data, uint32(len(x)))
		data = append(data, x...)
	}
	return append(data, itemsEnd)
}

func decodeItems(data []byte) (items [][]byte, err error) {
	rest, ok := strings.CutPrefix(string(data), string(itemsHead))
	for ok && rest != "" && rest[0] == itemNext && len(rest) >= 5 {
		n := binary.BigEndian.Uint32([]byte(rest[1:5]))
		if uint64(n) > uint64(len(rest)-5) {
			break
		}
		items = append(items, []byte(rest[5:5+n]))
		rest = rest[5+n:]
	}
	if !ok || rest != string(rune(itemsEnd)) {
		return nil, fmt.Errorf("%w: no items, after %d bytes", ErrCorrupt, len(data)-len(rest))
	}
	return items, nil
}

// Put puts an item into the queue. It fails with ErrOutcomeUnknown if the reply is
// lost, but with ExactlyOnce.
func (d *DistributedQueue) Put(ctx context.Context, x Item) error {
	prefix, err := d.kind.prefix(x)
	if err == nil && d.o.MaxItems > 0 {
		err = d.q.watch(ctx, func(_ *lookout, items []item, _ <-chan struct{}) (bool, <-chan struct{}, error) {
			return len(items) < d.o.MaxItems, nil, nil
		})
	}
	if err == nil {
		err = d.q.put(ctx, prefix, encodeItems(x.Data))
	}
	return d.q.fail(err)
}

// Remove deletes the items that have an id, and tells how many nodes there were,
// with IDQueue. Those that are worked on are among them.
func (d *DistributedQueue) Remove(ctx context.Context, id string) (n int, err error) {
	for again := true; again && err == nil; { // what has gone meanwhile may be back under another name
		var items []item
		items, err = d.q.list(ctx, true)
		again = false
		for _, it := range items {
			if x, _, _ := d.kind.parse(it.name); err == nil && d.kind == IDQueue && x.ID == cleanID(id) {
				var taken bool
				if _, taken, err = d.q.take(ctx, it.name); taken {
					n++
				} else {
					again = true
				}
			}
		}
	}
	return n, d.q.fail(err)
}

// Len is the number of nodes with items.
func (d *DistributedQueue) Len(ctx context.Context) (int, error) { return d.q.len(ctx) }

// Consume calls work with one item after the other, until the context ends or the
// client is closed; that is the error. It may be called by many, here and elsewhere.
// The context that work gets ends with ctx, and with LockPath when the lock may be lost.
func (d *DistributedQueue) Consume(ctx context.Context, work func(context.Context, Item) error) error {
	err := d.q.watch(ctx, func(l *lookout, items []item, changed <-chan struct{}) (bool, <-chan struct{}, error) {
		var freed <-chan struct{}
		if d.k != nil && len(items) > 0 {
			var err error
			if _, freed, err = d.k.taken(ctx, l); err != nil {
				return false, nil, err
			}
		}
		for n, it := range items {
			if n >= d.batch() && isClosed(changed) {
				break
			}
			x, _, _ := d.kind.parse(it.name)
			if d.kind == DelayQueue && time.Until(x.At) > 0 {
				l.alarm = x.At
				break
			}
			x.name = it.name
			if err := d.consume(ctx, x, work); err != nil {
				return false, nil, err
			}
		}
		return false, freed, nil
	})
	return d.q.fail(err)
}

// batch is how many items of a list are worked on in any case.
func (d *DistributedQueue) batch() int {
	if d.kind == PriorityQueue || d.kind == DelayQueue {
		return max(d.o.MinItemsBeforeRefresh, 1)
	}
	return math.MaxInt // those that come later have to wait anyway
}

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

func (d *DistributedQueue) failed(x Item, err error) {
	if d.o.Failed != nil && err != nil {
		d.o.Failed(x, err)
	}
}

// consume has one item worked on, if nobody else does.
func (d *DistributedQueue) consume(ctx context.Context, x Item, work func(context.Context, Item) error) error {
	if d.k != nil {
		return d.guarded(ctx, x, work)
	}
	data, taken, err := d.q.take(ctx, x.name)
	if !taken {
		return err
	}
	items, corrupt := decodeItems(data)
	if x.Data = items; err != nil || corrupt != nil {
		d.failed(x, and(err, corrupt))
		return context.Cause(ctx)
	}
	if err = work(ctx, x); err != nil && !d.o.Drop {
		prefix, _ := d.kind.prefix(x)
		ctx, cancel := d.calm(ctx)
		defer cancel()
		err = and(err, d.q.put(ctx, prefix, data))
	}
	d.failed(x, err)
	return context.Cause(ctx)
}

// guarded is consume with a lock on the item.
func (d *DistributedQueue) guarded(ctx context.Context, x Item, work func(context.Context, Item) error) error {
	h, ok, err := d.k.take(ctx, x.name)
	if !ok || err != nil {
		return err
	}
	data, _, there, err := d.q.read(ctx, x.name)
	if err == nil && there { // it may have been lost meanwhile
		if err = h.confirm(ctx); errors.Is(err, ErrNotHeld) {
			err = errGone
		}
	}
	if err != nil || !there {
		_ = h.Release(ctx)
		return err
	}
	x.Hold = h
	var more []zkapi.Op
	if x.Data, err = decodeItems(data); err == nil {
		inner, cancel := context.WithCancelCause(ctx)
		stop := context.AfterFunc(h.ctx, func() { cancel(context.Cause(h.ctx)) })
		err = work(inner, x)
		stop()
		cancel(nil)
		if err != nil && !d.o.Drop {
			prefix, _ := d.kind.prefix(x)
			more = append(more, zkapi.CreateOp(zkapi.Join(d.q.dir, prefix), data, d.q.o.ACL, zkapi.PersistentSequential))
		}
	}
	calm, cancel := d.calm(ctx)
	defer cancel()
	d.failed(x, and(err, d.k.finish(calm, h, x.name, more...)))
	return context.Cause(ctx)
}

// calm is a context for what comes after the work, also if there is to be no
// more work. It is not longer than the server waits for us.
func (d *DistributedQueue) calm(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(context.WithoutCancel(ctx), max(d.q.c.SessionTimeout(), time.Second), ErrSuspended)
}
