package watchers

import (
	"context"
	"errors"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/zksim/zksim/zkapi"
)

// ErrCacheClosed is what a cache ends with that was closed.
var ErrCacheClosed = errors.New("watchers: cache is closed")

// Watches says how a cache learns of changes.
type Watches int

// Automatic is what a cache does by itself: one persistent recursive watch where
// the server has those and keeps different watches of one path apart, which is from
// 3.9 on. On 3.8 any other watch of the same client on the cache's root would
// end it without a word, so there, as before 3.6, each node gets one-shot watches.
const (
	Automatic         Watches = iota
	OneShotWatches            // two on each node, one on those at the lowest depth
	PersistentWatches         // one for all; the cache ends with zkapi.ErrUnimplemented if the server has none
	NoWatches                 // the cache is what was there when it was made, or at the last Refresh
)

// CacheConfig says what a cache holds. The zero value holds everything.
type CacheConfig struct {
	// MaxDepth is the number of levels below the root; 0 is no limit.
	MaxDepth int
	// Accept tells which nodes are in the cache; nil takes all. Those below a node
	// that it refuses are looked at all the same.
	Accept func(path string) bool
	// Traverse tells of which nodes the children are looked at; nil takes all.
	// Both are called by the cache's goroutine, and must give the same answer each time.
	Traverse func(path string) bool
	// WithoutData leaves the data out.
	WithoutData bool
	// CreateRoot makes the root and its ancestors first, if they are missing.
	CreateRoot bool
	Watches    Watches
}

// Cache is a copy of a part of the tree that keeps itself up to date. It is
// eventually what is on the server: as soon as nothing changes any more, it is
// connected and Synced, it is equal. Before that, each node in it is what it was at
// some moment, never goes back, and is there only with all its ancestors, as far as
// they are accepted.
//
// A cache has a goroutine of its own, which ends with the context that the cache
// was made with, with Close, or with the client. Nobody who reads from the cache,
// or does not, holds it up.
//
// Nodes that the client may not read are left out, with all below them, and
// looked at again only when something changes about them, or after a reconnection.
type Cache struct {
	root   string
	cfg    CacheConfig
	depth  int
	cancel context.CancelCauseFunc
	done   chan struct{}
	dirt   *dirt

	mu      sync.Mutex
	nodes   map[string]*entry
	readers map[*reader]struct{}
	news    chan struct{} // closed at the next change of what is below, and made anew
	refresh int           // how often it was asked for
	synced  bool
	err     error // why it has ended
}

// entry is one node in a cache.
type entry struct {
	node   *Node // never changes
	kids   map[string]*entry
	denied bool // it may not be read, and stands here for that only
	// One-shot watches, nil if there are none. Of the engine.
	data, list *oneShot
}

// NewTreeCache makes a cache of a node and everything below it. It returns at
// once; WaitSynced waits until everything is in it.
func NewTreeCache(ctx context.Context, c zkapi.Client, root string, opts ...func(*CacheConfig)) *Cache {
	return newCache(ctx, c, root, math.MaxInt, opts)
}

// NewChildrenCache makes a cache of a node and its children.
func NewChildrenCache(ctx context.Context, c zkapi.Client, root string, opts ...func(*CacheConfig)) *Cache {
	return newCache(ctx, c, root, 1, opts)
}

// NewNodeCache makes a cache of a single node.
func NewNodeCache(ctx context.Context, c zkapi.Client, path string, opts ...func(*CacheConfig)) *Cache {
	return newCache(ctx, c, path, 0, opts)
}

func newCache(ctx context.Context, c zkapi.Client, root string, depth int, opts []func(*CacheConfig)) *Cache {
	x := &Cache{root: root, depth: depth, done: make(chan struct{}), dirt: newDirt(),
		nodes: make(map[string]*entry), readers: make(map[*reader]struct{}), news: make(chan struct{})}
	for _, opt := range opts {
		opt(&x.cfg)
	}
	if x.cfg.MaxDepth > 0 {
		x.depth = min(x.depth, x.cfg.MaxDepth)
	}
	ctx, x.cancel = context.WithCancelCause(ctx)
	e := newEngine(x, c)
	go func() {
		defer close(x.done)
		err := e.run(ctx)
		if errors.Is(context.Cause(ctx), ErrCacheClosed) {
			err = ErrCacheClosed
		}
		x.cancel(nil)
		x.end(err)
		e.close() // before done is closed, for Close waits for it
	}()
	return x
}

// Close ends the cache, takes its watches off the server, and returns when
// that is done or there is no connection to do it with. What is in the cache can
// still be read.
func (x *Cache) Close() {
	x.cancel(ErrCacheClosed)
	<-x.done
}

func (x *Cache) end(err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.err, x.synced = err, false
	x.tell()
}

// tell wakes everybody who waits for something. x.mu is held.
func (x *Cache) tell() {
	close(x.news)
	x.news = make(chan struct{})
	for r := range x.readers {
		r.wakeUp()
	}
}

// Err is why the cache has ended, or nil.
func (x *Cache) Err() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.err
}

// Synced tells whether everything that the cache was told of is in it, and it is
// connected.
func (x *Cache) Synced() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.synced
}

// WaitSynced waits until the cache is Synced. It fails with the context's error,
// and if the cache has ended.
func (x *Cache) WaitSynced(ctx context.Context) error {
	for {
		x.mu.Lock()
		synced, err, news := x.synced, x.err, x.news
		x.mu.Unlock()
		if synced || err != nil {
			return err
		}
		select {
		case <-news:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Refresh reads everything again, and waits until the cache is Synced. That is
// not necessary, but with NoWatches.
func (x *Cache) Refresh(ctx context.Context) error {
	x.mu.Lock()
	x.refresh++
	x.setSynced(false)
	x.mu.Unlock()
	x.dirt.add(x.root, workAll|workLoad)
	return x.WaitSynced(ctx)
}

func (x *Cache) setSynced(yes bool) {
	if x.synced != yes && x.err == nil {
		x.synced = yes
		for r := range x.readers {
			r.toldSynced = r.toldSynced && yes
		}
		x.tell()
	}
}

// Node finds a node. Its data is not to be changed.
func (x *Cache) Node(path string) (Node, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if e := x.nodes[path]; x.visible(e) {
		return *e.node, true
	}
	return Node{Path: path}, false
}

func (x *Cache) visible(e *entry) bool {
	return e != nil && !e.denied && x.accepts(e.node.Path)
}

func (x *Cache) accepts(path string) bool { return x.cfg.Accept == nil || x.cfg.Accept(path) }

// Children lists the names of a node's children that are in the cache, sorted.
func (x *Cache) Children(path string) []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.nodes[path]
	if e == nil {
		return nil
	}
	var names []string
	for name, kid := range e.kids {
		if x.visible(kid) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// All ranges over the nodes as they are now, in the order of their paths, so that
// parents come before their children.
func (x *Cache) All() iter.Seq[Node] {
	return func(yield func(Node) bool) {
		x.mu.Lock()
		all := make([]*Node, 0, len(x.nodes))
		for e := range maps.Values(x.nodes) {
			if x.visible(e) {
				all = append(all, e.node)
			}
		}
		x.mu.Unlock()
		slices.SortFunc(all, func(a, b *Node) int { return strings.Compare(a.Path, b.Path) })
		for _, n := range all {
			if !yield(*n) {
				return
			}
		}
	}
}

// Len is the number of nodes in the cache.
func (x *Cache) Len() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := 0
	for e := range maps.Values(x.nodes) {
		if x.visible(e) {
			n++
		}
	}
	return n
}

// level is how deep below the root a path is, -1 if it is not below it.
func (x *Cache) level(path string) int {
	rest, ok := strings.CutPrefix(path, x.root)
	switch {
	case !ok:
		return -1
	case rest == "":
		return 0
	case x.root == "/":
		return 1 + strings.Count(rest, "/")
	case rest[0] != '/':
		return -1
	}
	return strings.Count(rest, "/")
}

// lists tells whether the children of a node are looked at.
func (x *Cache) lists(path string) bool {
	return x.level(path) < x.depth && (x.cfg.Traverse == nil || x.cfg.Traverse(path))
}

// holds tells whether a path is one that the cache looks at.
func (x *Cache) holds(path string) bool {
	switch level := x.level(path); {
	case level < 0 || level > x.depth:
		return false
	case level == 0 || x.cfg.Traverse == nil:
		return true
	}
	for at := zkapi.Parent(path); ; at = zkapi.Parent(at) {
		if !x.cfg.Traverse(at) {
			return false
		}
		if at == x.root {
			return true
		}
	}
}

func join(parent, name string) string {
	if parent == "/" {
		return "/" + name
	}
	return parent + "/" + name
}
