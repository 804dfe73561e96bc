package recipes

import (
	"context"
	"fmt"
	"strings"

	"github.com/zksim/zksim/zkapi"
)

// Queue is a queue with priorities: kazoo's Queue, on the same nodes. Each item
// goes to one who gets it. Every Get lists all of the items, to find the first.
type Queue struct{ q *store }

// NewQueue makes a queue of the children of a node, which is made when it is needed.
func NewQueue(c zkapi.Client, path string, opts ...func(*QueueOptions)) *Queue {
	return &Queue{newStore(c, path, opts, splitEntry)}
}

// splitEntry takes entry-100-0000000000 apart.
func splitEntry(name string) (rank int64, tag string, ok bool) {
	const length = len("entry-100-")
	if len(name) < length || !strings.HasPrefix(name, "entry-") || name[length-1] != '-' {
		return 0, "", false
	}
	for _, digit := range name[len("entry-") : length-1] {
		if digit < '0' || digit > '9' {
			return 0, "", false
		}
		rank = 10*rank + int64(digit-'0')
	}
	return rank, name[:length], true
}

func entryPrefix(priority int) (string, error) {
	if priority < 0 || priority > 999 {
		return "", fmt.Errorf("priority %d is not from 0 to 999: %w", priority, zkapi.ErrBadArguments)
	}
	return fmt.Sprintf("entry-%03d-", priority), nil
}

// DefaultPriority is that of items that have no other.
const DefaultPriority = 100

// Put puts an item into the queue, with DefaultPriority. It fails with
// ErrOutcomeUnknown if the reply is lost, but with ExactlyOnce.
func (q *Queue) Put(ctx context.Context, data []byte) error {
	return q.PutPriority(ctx, data, DefaultPriority)
}

// PutPriority puts an item into the queue with a priority from 0 to 999; the
// lowest comes first.
func (q *Queue) PutPriority(ctx context.Context, data []byte, priority int) error {
	prefix, err := entryPrefix(priority)
	if err == nil {
		err = q.q.put(ctx, prefix, data)
	}
	return q.q.fail(err)
}

// Get takes the first item; ok is false if there was none at some moment of the
// call. With an error that is ErrOutcomeUnknown, such as ErrMaybeConsumed, the item
// comes along: it has been taken, or may have been, by us or by somebody else.
// With ExactlyOnce that is so only if the context has ended.
func (q *Queue) Get(ctx context.Context) (data []byte, ok bool, err error) { return q.q.poll(ctx) }

// GetWait is Get that waits until there is an item. All who wait look when one comes.
func (q *Queue) GetWait(ctx context.Context) ([]byte, error) { return q.q.wait(ctx) }

// Len is the number of items.
func (q *Queue) Len(ctx context.Context) (int, error) { return q.q.len(ctx) }

func (q *store) len(ctx context.Context) (int, error) {
	items, err := q.list(ctx, true)
	return len(items), q.fail(err)
}

// SimpleQueue is a queue without priorities: Curator's SimpleDistributedQueue,
// and the DistributedQueue and zoo_queue that come with ZooKeeper, on the same nodes.
type SimpleQueue struct{ q *store }

const simpleTag = "qn-"

// NewSimpleQueue makes a queue of the children of a node, which is made when it is needed.
func NewSimpleQueue(c zkapi.Client, path string, opts ...func(*QueueOptions)) *SimpleQueue {
	return &SimpleQueue{newStore(c, path, opts, func(name string) (int64, string, bool) {
		return 0, simpleTag, strings.HasPrefix(name, simpleTag)
	})}
}

// Offer puts an item into the queue, as Queue.Put does.
func (q *SimpleQueue) Offer(ctx context.Context, data []byte) error {
	return q.q.fail(q.q.put(ctx, simpleTag, data))
}

// Peek is the first item, which stays; ok is false if there is none.
func (q *SimpleQueue) Peek(ctx context.Context) (data []byte, ok bool, err error) {
	ok, err = q.q.first(ctx, func(x item) (there bool, err error) {
		data, _, there, err = q.q.read(ctx, x.name)
		return there, err
	})
	return data, ok, q.q.fail(err)
}

// Poll takes the first item, as Queue.Get does.
func (q *SimpleQueue) Poll(ctx context.Context) (data []byte, ok bool, err error) {
	return q.q.poll(ctx)
}

// Take is Poll that waits until there is an item.
func (q *SimpleQueue) Take(ctx context.Context) ([]byte, error) { return q.q.wait(ctx) }

// Len is the number of items.
func (q *SimpleQueue) Len(ctx context.Context) (int, error) { return q.q.len(ctx) }
