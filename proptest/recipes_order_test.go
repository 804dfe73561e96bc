package proptest

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/zksim/zksim/zkapi"
)

// orders checks in which order items leave a queue, by what the server has done:
// whoever takes one has listed the queue in the same call, and of what was there
// then and still is, it is the first (Q3, Q4, LQ5). Names of items are made so that
// their order as texts is that of the queue.
type orders struct {
	*recipeEnv
	items, taken string   // directories; taken is "" where whoever takes an item deletes it
	foreign      []string // names that are no items

	mu   sync.Mutex
	seen map[string]*seen // by item, what those have seen who tried to take it
}

// seen is up to which change of their children somebody has seen the directories;
// 0 is not at all.
type seen struct{ items, taken int64 }

func newOrders(s *scene, items, taken string) *orders {
	o := &orders{recipeEnv: s.recipeEnv, items: s.root + items, seen: make(map[string]*seen)}
	if taken != "" {
		o.taken = s.root + taken
	}
	return o
}

// orderly is a client that says what it has seen of a queue. It is for one goroutine,
// and its janitor.
type orderly struct {
	zkapi.Client
	*orders
	now    seen
	lookup bool // the next list is to find what a request without a reply has made
}

// of makes an orderly client of one that recipes then see as another one.
func (o *orders) of(c zkapi.Client) *orderly {
	w := &orderly{Client: c, orders: o}
	o.recipeEnv.mu.Lock()
	defer o.recipeEnv.mu.Unlock()
	o.clients = append(o.clients, w)
	return w
}

// begin begins a call.
func (w *orderly) begin() { w.now = seen{} }

// janitor tells whether he asks, of whom nobody hears what there is.
func janitor(ctx context.Context) bool { return ctx.Done() == nil }

func (w *orderly) note(ctx context.Context, path string, stat zkapi.Stat, err error) {
	switch {
	case janitor(ctx):
	case path == w.taken && w.lookup:
		w.lookup = false
	case err != nil:
	case path == w.items:
		w.now.items = stat.Pzxid
	case path == w.taken:
		w.now.taken = stat.Pzxid
	}
}

func (w *orderly) Sync(ctx context.Context, path string) error {
	if path == w.taken && !janitor(ctx) {
		w.lookup = true
	}
	return w.Client.Sync(ctx, path)
}

func (w *orderly) Children(ctx context.Context, path string) ([]string, zkapi.Stat, error) {
	names, stat, err := w.Client.Children(ctx, path)
	w.note(ctx, path, stat, err)
	return names, stat, err
}

func (w *orderly) ChildrenW(ctx context.Context, path string) ([]string, zkapi.Stat, <-chan zkapi.Event, error) {
	names, stat, changed, err := w.Client.ChildrenW(ctx, path)
	w.note(ctx, path, stat, err)
	return names, stat, changed, err
}

func (w *orderly) Multi(ctx context.Context, ops ...zkapi.Op) ([]zkapi.OpResult, error) {
	for _, op := range ops {
		if w.taking(op) {
			w.try(zkapi.Base(op.Path))
		}
	}
	return w.Client.Multi(ctx, ops...)
}

func (w *orderly) taking(op zkapi.Op) bool {
	if w.taken != "" {
		return op.Type == zkapi.OpCreate && zkapi.Parent(op.Path) == w.taken
	}
	return op.Type == zkapi.OpDelete && zkapi.Parent(op.Path) == w.items
}

// try notes that somebody tries to take an item. Of several who do, the one counts
// who has seen the least.
func (w *orderly) try(name string) {
	w.orders.mu.Lock()
	defer w.orders.mu.Unlock()
	if was := w.seen[name]; was != nil {
		was.items, was.taken = min(was.items, w.now.items), min(was.taken, w.now.taken)
	} else {
		now := w.now
		w.seen[name] = &now
	}
}

// check looks at all that has happened.
func (o *orders) check() {
	there, freed, held := make(map[string]int64), make(map[string]int64), make(map[string]bool)
	for _, ev := range o.happened() {
		name, dir := zkapi.Base(ev.Path), zkapi.Parent(ev.Path)
		if slices.Contains(o.foreign, name) || o.recipeEnv.foreign(ev.Path) {
			continue
		}
		made := ev.Type == zkapi.EventNodeCreated
		gone := ev.Type == zkapi.EventNodeDeleted
		if dir == o.items && gone && o.taken == "" || dir == o.taken && made && there[name] != 0 {
			o.judge(name, there, freed, held)
		}
		switch {
		case dir == o.items && made:
			there[name] = ev.Zxid
		case dir == o.items && gone:
			delete(there, name)
		case dir == o.taken && (made || gone):
			held[name], freed[name] = made, ev.Zxid
		}
	}
}

// judge is about an item that is just being taken.
func (o *orders) judge(name string, there, freed map[string]int64, held map[string]bool) {
	by := o.seen[name]
	if by == nil || by.items == 0 {
		o.t.Errorf("%s was taken by somebody who has not looked what there is", name)
		return
	}
	for other, since := range there {
		if o.before(other, name, there) && since <= by.items && !held[other] && freed[other] <= by.taken {
			o.t.Errorf("%s was taken, and %s was before it and there, in %s", name, other, strings.TrimPrefix(o.items, o.root))
		}
	}
}

// before tells whether an item comes before another one: those that have no number of their own
// come in the order of their creation.
func (o *orders) before(x, y string, there map[string]int64) bool {
	itemX, itemY := itemName.FindStringSubmatch(x), itemName.FindStringSubmatch(y)
	if itemX == nil || itemY == nil || itemX[1] != itemY[1] {
		return x < y
	}
	seqX, seqY := sequence(itemX[2]), sequence(itemY[2])
	if numberless(seqX) && numberless(seqY) {
		return there[x] < there[y]
	}
	return zkapi.CompareSequence(seqX, seqY) < 0
}

// itemName takes names apart, into what comes before the number, and that.
var itemName = regexp.MustCompile(`^(entry-\d{3}-|qn-|queue-[01][0-9A-F]{8})(-?\d{10})$`)
