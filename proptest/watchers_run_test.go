package proptest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zksim/zksim/watchers"
	"github.com/zksim/zksim/zkapi"
)

// One client watches, by everything that package watchers has, while another one
// writes and things go wrong. What was told has to be possible, and in the end
// what is there.

// watchPaths are the nodes that are written to. The last two are none of those
// that are watched, but look like them.
var watchPaths = []string{"/w", "/w/a", "/w/a/x", "/w/a/x/p", "/w/a/y", "/w/b", "/w/b/x", "/wa", "/w-a"}

// watchWorld is a server with two clients.
type watchWorld struct {
	hand    zkapi.Client // writes, and has no faults
	client  zkapi.Client // watches
	loner   zkapi.Client // has the persistent watch: the same, but for 3.8, where it would not bear the others
	expire  func()       // the session that watches
	restart func()
	away    func(bool)          // from now on the client cannot connect, or can again
	lag     func(string, int)   // of the followers; nil without an ensemble
	calm    func(func() string) // waits until the function finds nothing, or gives up
	left    func() []string     // watches of the client on the server; nil if nobody knows
}

// past is the states that something has been in, each other than the one before.
type past []string

func (p *past) add(key string) {
	if n := len(*p); n == 0 || (*p)[n-1] != key {
		*p = append(*p, key)
	}
}

// renewed is the past as caches tell it: a node that was made again was removed before.
func (p past) renewed() (q past) {
	q.add(nothing) // before it was loaded
	for i, key := range p {
		czxid, _, _ := strings.Cut(key, ".")
		if i > 0 && key != nothing && p[i-1] != nothing && !strings.HasPrefix(p[i-1], czxid+".") {
			q.add(nothing)
		}
		q.add(key)
	}
	return q
}

// impossible says why somebody cannot have been told these states of that past.
func (p past) impossible(told []string) string {
	at := 0
	for i, key := range told {
		if i > 0 && told[i-1] == key {
			return fmt.Sprintf("the %dth, %q, was told twice", i+1, key)
		}
		next := slices.Index(p[at:], key)
		if next < 0 && slices.Contains(p, key) {
			return fmt.Sprintf("the %dth, %q, is older than the one before", i+1, key)
		}
		if next < 0 {
			return fmt.Sprintf("the %dth, %q, has never been", i+1, key)
		}
		at += next
	}
	return ""
}

// view is what one watcher has told. Of a cache it has one list for each path.
type view struct {
	name  string
	once  bool // it ends when the node goes
	again bool // it may tell the same twice
	watch func(*view)

	mu      sync.Mutex
	told    map[string][]string // by the path, with a slash behind it if it is a list of children
	wrong   []string
	state   zkapi.State
	synced  func() bool
	err     error
	changed chan struct{} // has a token when something was told
	over    chan struct{} // closed when it has ended
}

func (v *view) tell(what, key string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	list := v.told[what]
	if v.again && len(list) > 0 && list[len(list)-1] == key {
		return
	}
	v.told[what] = append(list, key)
	select {
	case v.changed <- struct{}{}:
	default:
	}
}

func (v *view) accuse(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.wrong = append(v.wrong, fmt.Sprintf(format, args...))
}

const nothing = "-"

func nodeKey(n watchers.Node) string {
	if !n.Exists {
		return nothing
	}
	return fmt.Sprintf("%x.%x %q", n.Stat.Czxid, n.Stat.Mzxid, n.Data)
}

func listKey(exists bool, czxid int64, names []string) string {
	if !exists {
		return nothing
	}
	return fmt.Sprintf("%x %q", czxid, names)
}

// watchRun is one run.
type watchRun struct {
	watchWorld
	ctx   context.Context // ends the watchers
	slow  time.Duration   // how long bodies of loops take
	pasts map[string]*past
	views []*view
	ends  error // what everything ends with
}

func newWatchRun(ctx context.Context, w watchWorld, slow time.Duration) *watchRun {
	r := &watchRun{watchWorld: w, ctx: ctx, slow: slow, pasts: make(map[string]*past), ends: context.Canceled}
	for _, path := range watchPaths {
		r.pasts[path], r.pasts[path+"/"] = new(past), new(past)
	}
	return r
}

// prepare makes the nodes that are there when the watchers begin.
func (r *watchRun) prepare(full bool) error {
	for _, path := range watchPaths {
		if full {
			if _, err := r.hand.Create(context.Background(), path, nil, nil, zkapi.Persistent); err != nil {
				return err
			}
		}
	}
	return r.look()
}

// look notes what there is now.
func (r *watchRun) look() error {
	for _, path := range watchPaths {
		n, names, err := r.read(path)
		if err != nil {
			return err
		}
		r.pasts[path].add(nodeKey(n))
		r.pasts[path+"/"].add(listKey(n.Exists, n.Stat.Czxid, names))
	}
	return nil
}

func (r *watchRun) read(path string) (n watchers.Node, names []string, err error) {
	ctx := context.Background()
	n.Path, n.Exists = path, true
	if n.Data, n.Stat, err = r.hand.Get(ctx, path); err == nil {
		names, _, err = r.hand.Children(ctx, path)
	}
	if errors.Is(err, zkapi.ErrNoNode) {
		return watchers.Node{Path: path}, nil, nil
	}
	slices.Sort(names)
	return n, names, err
}

// watchStep is one thing that happens.
type watchStep struct {
	Do    string
	Path  int
	N     int
	Pause int // in ms, after it
}

// step does one thing. What cannot be done is none.
func (r *watchRun) step(s watchStep) error {
	path := watchPaths[s.Path]
	switch s.Do {
	case "create":
		return r.write(func(ctx context.Context) error {
			_, err := r.hand.Create(ctx, path, fmt.Append(nil, s.N), nil, zkapi.Persistent)
			return err
		})
	case "set":
		for i := range s.N {
			if err := r.write(func(ctx context.Context) error {
				_, err := r.hand.Set(ctx, path, fmt.Append(nil, i), zkapi.AnyVersion)
				return err
			}); err != nil {
				return err
			}
		}
	case "delete":
		return r.remove(path)
	case "again": // the same node once more, at once
		return r.write(func(ctx context.Context) error {
			data, _, err := r.hand.Get(ctx, path)
			if err != nil {
				return err
			}
			_, err = r.hand.Multi(ctx, zkapi.DeleteOp(path, zkapi.AnyVersion), zkapi.CreateOp(path, data, nil, zkapi.Persistent))
			return err
		})
	case "family": // a node and a child in one transaction
		return r.write(func(ctx context.Context) error {
			_, err := r.hand.Multi(ctx, zkapi.CreateOp("/w/b", nil, nil, zkapi.Persistent), zkapi.CreateOp("/w/b/x", nil, nil, zkapi.Persistent))
			return err
		})
	case "swap": // one child for another
		return r.write(func(ctx context.Context) error {
			old, now := "/w/a/x", "/w/a/y"
			if _, ok, _ := r.hand.Exists(ctx, old); !ok {
				old, now = now, old
			}
			_, err := r.hand.Multi(ctx, zkapi.DeleteOp(old, zkapi.AnyVersion), zkapi.CreateOp(now, nil, nil, zkapi.Persistent))
			return err
		})
	case "expire":
		r.expire()
	case "restart":
		r.restart()
	case "away":
		r.away(true)
	case "back":
		r.away(false)
	default:
		if r.lag != nil {
			r.lag(s.Do, s.N)
		}
	}
	return nil
}

// watchSteps is what may happen; more often what stands there more often.
var watchSteps = []string{"create", "create", "create", "set", "set", "set", "delete", "again", "again", "family", "swap",
	"expire", "restart", "away", "back", "hold", "apply", "txns", "free"}

func (r *watchRun) write(do func(context.Context) error) error {
	err := do(context.Background())
	if err != nil && !zkapi.NothingChanged(err) {
		return err
	}
	return r.look()
}

func (r *watchRun) remove(path string) error {
	for _, below := range slices.Backward(watchPaths) {
		if below != path && !strings.HasPrefix(below, path+"/") {
			continue
		}
		if err := r.write(func(ctx context.Context) error { return r.hand.Delete(ctx, below, zkapi.AnyVersion) }); err != nil {
			return err
		}
	}
	return nil
}

// start starts all watchers.
func (r *watchRun) start() {
	r.loop("Data /w/a", "/w/a", watchers.Data(r.ctx, r.client, "/w/a"))
	r.loop("Data /w/a/x", "/w/a/x", watchers.Data(r.ctx, r.client, "/w/a/x"))
	r.loop("ExistingData /w/b", "/w/b", watchers.ExistingData(r.ctx, r.client, "/w/b")).once = true
	r.lists("Children /w", "/w", watchers.Children(r.ctx, r.client, "/w"))
	r.lists("Children /w/a", "/w/a", watchers.Children(r.ctx, r.client, "/w/a"))
	r.patient("/w/b")
	r.cache("tree", watchers.NewTreeCache(r.ctx, r.client, "/w"), func(string) bool { return true })
	oneShot := func(c *watchers.CacheConfig) { c.Watches = watchers.OneShotWatches }
	r.cache("tree, one-shot", watchers.NewTreeCache(r.ctx, r.client, "/w", oneShot), func(string) bool { return true })
	r.cache("children", watchers.NewChildrenCache(r.ctx, r.client, "/w/a"), func(path string) bool {
		return path == "/w/a" || path != "/w" && zkapi.Parent(path) == "/w/a"
	})
	r.cache("node", watchers.NewNodeCache(r.ctx, r.client, "/w/b", oneShot), func(path string) bool { return path == "/w/b" })
	r.events()
}

// view adds a watcher.
func (r *watchRun) view(name string, watch func(*view)) *view {
	v := &view{name: name, told: make(map[string][]string), changed: make(chan struct{}, 1), over: make(chan struct{}), watch: watch}
	r.views = append(r.views, v)
	return v
}

// run has all watchers watch.
func (r *watchRun) run() {
	r.start()
	for _, v := range r.views {
		go func() {
			defer close(v.over)
			v.watch(v)
		}()
	}
}

func (r *watchRun) loop(name, path string, seq iter.Seq2[watchers.Node, error]) *view {
	return r.view(name, func(v *view) {
		for n, err := range seq {
			if err != nil {
				if v.err = err; v.once && errors.Is(err, zkapi.ErrNoNode) {
					v.tell(path, nothing)
				}
				return
			}
			v.tell(path, nodeKey(n))
			time.Sleep(r.slow)
		}
	})
}

func (r *watchRun) lists(name, path string, seq iter.Seq2[watchers.Listing, error]) {
	r.view(name, func(v *view) {
		var have []string
		for l, err := range seq {
			if err != nil {
				v.err = err
				return
			}
			v.tell(path+"/", listKey(l.Exists, l.Stat.Czxid, l.Names))
			have = slices.DeleteFunc(append(have, l.Added...), func(name string) bool { return slices.Contains(l.Removed, name) })
			if slices.Sort(have); !slices.Equal(have, l.Names) {
				v.accuse("%v added, %v removed make %v, and not %v", l.Added, l.Removed, have, l.Names)
			}
			time.Sleep(r.slow)
		}
	})
}

func (r *watchRun) patient(path string) {
	r.view("PatientChildren "+path, func(v *view) {
		for l, err := range watchers.PatientChildren(r.ctx, r.client, path, 100*time.Millisecond) {
			if err != nil {
				v.err = err
				return
			}
			v.tell(path+"/", listKey(l.Exists, l.Stat.Czxid, l.Names))
			time.Sleep(r.slow)
		}
	}).again = true
}

// cache follows what a cache tells, and checks that each change can follow the ones before.
func (r *watchRun) cache(name string, x *watchers.Cache, holds func(string) bool) {
	v := r.view(name, func(v *view) {
		for _, path := range watchPaths {
			if holds(path) && strings.HasPrefix(path, "/w") && path != "/wa" && path != "/w-a" {
				v.tell(path, nothing)
			}
		}
		v.state = zkapi.StateConnected
		live := make(map[string]watchers.Node)
		for c, err := range x.Changes(context.WithoutCancel(r.ctx)) {
			if err != nil {
				v.err = err
				return
			}
			if why := v.follow(live, c); why != "" {
				v.accuse("%v: %s", c, why)
			}
			time.Sleep(r.slow / 10)
		}
	})
	v.synced = x.Synced
	check := v.watch
	v.watch = func(v *view) {
		defer context.AfterFunc(r.ctx, x.Close)()
		check(v)
		held := make(map[string]string) // what is in it at the end
		for n := range x.All() {
			held[n.Path] = nodeKey(n)
		}
		for _, path := range []string{"/wa", "/w-a"} { // which only begin like it
			if _, there := x.Node(path); there || len(x.Children(path)) > 0 {
				v.accuse("%s is in the cache", path)
			}
		}
		for path, list := range v.told {
			if last := list[len(list)-1]; last != nothing && held[path] != last || last == nothing && held[path] != "" {
				v.accuse("%s is %q in the cache, and was told as %q", path, held[path], last)
			}
		}
	}
}

// follow applies a change, and says why that is not possible.
func (v *view) follow(live map[string]watchers.Node, c watchers.Change) string {
	root := len(live) == 0
	switch c.Kind {
	case watchers.Added:
		if _, there := live[c.Node.Path]; there {
			return "it is there"
		}
		if _, there := live[zkapi.Parent(c.Node.Path)]; !there && !root {
			return "its parent is not there"
		}
		live[c.Node.Path] = c.Node
		v.tell(c.Node.Path, nodeKey(c.Node))
	case watchers.Updated:
		old, there := live[c.Node.Path]
		if !there || nodeKey(old) != nodeKey(c.Old) || old.Stat.Czxid != c.Node.Stat.Czxid || old.Stat.Mzxid >= c.Node.Stat.Mzxid {
			return "it was " + nodeKey(old)
		}
		live[c.Node.Path] = c.Node
		v.tell(c.Node.Path, nodeKey(c.Node))
	case watchers.Removed:
		if old, there := live[c.Old.Path]; !there || nodeKey(old) != nodeKey(c.Old) {
			return "it was " + nodeKey(old)
		}
		delete(live, c.Old.Path)
		for path := range maps.Keys(live) {
			if strings.HasPrefix(path, c.Old.Path+"/") {
				return path + " is still there"
			}
		}
		v.tell(c.Old.Path, nothing)
	case watchers.Connection:
		v.mu.Lock()
		defer v.mu.Unlock()
		if c.State == v.state || v.state == zkapi.StateLost && c.State == zkapi.StateSuspended {
			return "the state was " + v.state.String()
		}
		v.state = c.State
	}
	return ""
}

// events has a loop over a persistent watch read what it is told to.
func (r *watchRun) events() {
	v := r.view("Persistent /w", func(v *view) {
		for ev, err := range watchers.Persistent(r.ctx, r.loner, "/w", zkapi.WatchPersistentRecursive) {
			if err != nil {
				v.err = err
				return
			}
			for _, path := range watchPaths {
				if ev.Type != zkapi.EventNone && ev.Path != path || path == "/wa" || path == "/w-a" {
					continue
				}
				n, _, err := r.read(path)
				if err != nil {
					v.accuse("%v", err)
				}
				v.tell(path, nodeKey(n))
			}
		}
	})
	v.again = true
}

// unsettled says what the watchers have not told yet.
func (r *watchRun) unsettled() string {
	for _, v := range r.views {
		if why := r.behind(v); why != "" {
			return v.name + ": " + why
		}
	}
	return ""
}

func (r *watchRun) behind(v *view) string {
	if v.once {
		return ""
	}
	if v.synced != nil && !v.synced() {
		return "is not in sync"
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.told) == 0 {
		return "has told nothing"
	}
	for what, told := range v.told {
		p := *r.pasts[what]
		if last := told[len(told)-1]; last != p[len(p)-1] {
			return fmt.Sprintf("%s is %q, and was last told as %q", what, p[len(p)-1], last)
		}
	}
	if v.synced != nil && v.state != zkapi.StateConnected {
		return "the client is connected, and was last told to be " + v.state.String()
	}
	return ""
}

// wait waits for the watchers to end, and says which of them do not.
func (r *watchRun) wait() string {
	for _, v := range r.views {
		select {
		case <-v.over:
		case <-time.After(time.Minute):
			return v.name + ": does not end"
		}
	}
	return ""
}

// finish ends the watchers and says what was wrong with what they have told.
func (r *watchRun) finish(end context.CancelFunc) (wrong []string) {
	r.calm(r.unsettled)
	if why := r.unsettled(); why != "" {
		wrong = append(wrong, "at the end "+why)
	}
	end()
	if why := r.wait(); why != "" {
		return append(wrong, why)
	}
	for _, v := range r.views {
		for _, w := range v.wrong {
			wrong = append(wrong, v.name+": "+w)
		}
		for what, told := range v.told {
			p := *r.pasts[what]
			if v.synced != nil {
				p = p.renewed()
			}
			if why := p.impossible(told); why != "" {
				wrong = append(wrong, fmt.Sprintf("%s: %s: %s: told %q of %q", v.name, what, why, told, p))
			}
		}
		if !errors.Is(v.err, r.ends) && !(v.once && errors.Is(v.err, zkapi.ErrNoNode)) && !(r.ends == context.Canceled && errors.Is(v.err, watchers.ErrCacheClosed)) {
			wrong = append(wrong, fmt.Sprintf("%s: has ended with %v", v.name, v.err))
		}
	}
	if r.left != nil {
		for _, watch := range r.left() {
			wrong = append(wrong, "left on the server: "+watch)
		}
	}
	return wrong
}
