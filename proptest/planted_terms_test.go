package proptest_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// termTime is how long a lease is held.
const termTime = time.Minute

// term is a lease in a node.
type term struct {
	c                 zkapi.Client
	path, bug, holder string
	mine              bool // it was held when somebody looked last
}

func (l *term) Obtain(ctx context.Context) (held bool, err error) {
	defer func() { l.mine = held }()
	data, stat, err := l.c.Get(ctx, l.path)
	end := strconv.FormatInt(time.Now().Add(termTime).Unix(), 10)
	if errors.Is(err, zkapi.ErrNoNode) {
		mode := zkapi.Persistent
		if l.bug == "the lease ends with the session" {
			mode = zkapi.Ephemeral
		}
		_, err = l.c.Create(ctx, l.path, []byte(l.holder+" "+end), nil, mode)
		if errors.Is(err, zkapi.ErrNodeExists) {
			return false, nil
		}
		return err == nil, err
	}
	if err != nil {
		return false, err
	}
	holder, until, _ := strings.Cut(string(data), " ")
	last, _ := strconv.ParseInt(until, 10, 64)
	forgetful := l.mine && l.bug == "whoever renews does not look who has it"
	if holder != l.holder && time.Now().Unix() < last && !forgetful {
		return false, nil
	}
	if l.bug == "the version is not checked" {
		stat.Version = zkapi.AnyVersion
	}
	_, err = l.c.Set(ctx, l.path, []byte(l.holder+" "+end), stat.Version)
	if errors.Is(err, zkapi.ErrBadVersion) || errors.Is(err, zkapi.ErrNoNode) {
		return false, nil
	}
	return err == nil, err
}

func (l *term) Release(ctx context.Context) (bool, error) {
	data, stat, err := l.c.Get(ctx, l.path)
	if errors.Is(err, zkapi.ErrNoNode) || err == nil && !strings.HasPrefix(string(data), l.holder+" ") {
		return false, nil
	}
	if err == nil {
		err = l.c.Delete(ctx, l.path, stat.Version)
	}
	if errors.Is(err, zkapi.ErrBadVersion) || errors.Is(err, zkapi.ErrNoNode) {
		return false, nil
	}
	return err == nil, err
}

// terms are several of them, of which one is taken.
type terms struct {
	all []*term
	bug string
}

func newTerms(c zkapi.Client, bug, holder string, n int) *terms {
	x := &terms{bug: bug}
	if bug == "one too many" {
		n++
	}
	for i := range n {
		x.all = append(x.all, &term{c: c, path: "/term" + strconv.Itoa(i), bug: bug, holder: holder})
	}
	return x
}

func (x *terms) Obtain(ctx context.Context) (bool, error) {
	if x.bug != "whoever renews takes the first that is free" {
		slices.SortStableFunc(x.all, func(a, b *term) int {
			switch {
			case a.mine == b.mine:
				return 0
			case a.mine:
				return -1
			}
			return 1
		})
	}
	for _, l := range x.all {
		if held, err := l.Obtain(ctx); held || err != nil {
			return held, err
		}
	}
	return false, nil
}

func (x *terms) Release(ctx context.Context) (was bool, err error) {
	for _, l := range x.all {
		held, failed := l.Release(ctx)
		was, err = was || held, errors.Join(err, failed)
	}
	return was, err
}

// latch leads while it has a lock and its session.
type latch struct {
	*line
	cancel context.CancelFunc
	ended  chan struct{}

	mu     sync.Mutex
	leads  bool
	turned chan struct{} // closed when it leads
}

func newLatch(c zkapi.Client, bug string) *latch {
	return &latch{line: newLine(c, bug), ended: make(chan struct{}), turned: make(chan struct{})}
}

func (l *latch) Start() error {
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	go l.run(ctx)
	return nil
}

func (l *latch) run(ctx context.Context) {
	defer close(l.ended)
	states := l.c.States()
	defer states.Close()
	for ctx.Err() == nil {
		session := l.c.SessionID()
		err := l.Acquire(ctx)
		var there bool
		var gone <-chan zkapi.Event
		if err == nil {
			_, there, gone, err = l.c.ExistsW(ctx, "/line/"+l.node)
		}
		if err != nil && l.has("an error ends the candidacy") {
			return
		}
		if err == nil && there && l.c.SessionID() == session {
			l.set(true)
			l.stay(ctx, session, gone, states)
			l.set(false)
		}
		if ctx.Err() == nil || !l.has("whoever closes it leaves his node behind") {
			l.sweep()
		}
		pause(ctx, time.Second)
	}
}

// stay returns when it may not lead any more.
func (l *latch) stay(ctx context.Context, session int64, gone <-chan zkapi.Event, states *zkapi.Stream[zkapi.StateChange]) {
	if l.has("whoever has lost his session leads on") {
		<-ctx.Done()
		return
	}
	for l.c.SessionID() == session {
		select {
		case <-gone:
			return
		case <-ctx.Done():
			return
		case <-states.Ready():
			_, _ = states.Next(ctx)
		}
	}
}

func (l *latch) set(leads bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.leads = leads; leads {
		close(l.turned)
	} else {
		l.turned = make(chan struct{})
	}
}

func (l *latch) HasLeadership() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.leads
}

func (l *latch) Await(ctx context.Context) error {
	l.mu.Lock()
	turned := l.turned
	l.mu.Unlock()
	select {
	case <-turned:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *latch) Close(context.Context) error {
	l.cancel()
	<-l.ended
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// share is a part of a set: members in /members, and a lock on each item in /items.
type share struct {
	c         zkapi.Client
	bug, name string
	set       []string
	session   int64
	part      []string
	changed   <-chan zkapi.Event // members have come or gone
}

func (m *share) Start() error { return nil }

func (m *share) Acquire(ctx context.Context) ([]string, error) {
	for {
		m.session = m.c.SessionID()
		_, err := m.c.Create(ctx, "/members/"+m.name, nil, nil, zkapi.Ephemeral)
		if err != nil && !errors.Is(err, zkapi.ErrNodeExists) {
			return nil, err
		}
		members, _, changed, err := m.c.ChildrenW(ctx, "/members")
		if err == nil && m.bug == "the watch is set after the look" {
			_, _, changed, err = m.c.ChildrenW(ctx, "/members")
		}
		if err != nil {
			return nil, err
		}
		slices.Sort(members)
		m.changed = changed
		done, err := m.lock(ctx, m.divide(members))
		if err == nil && m.c.SessionID() != m.session {
			err = zkapi.ErrSessionExpired
		}
		if done || err != nil {
			return m.part, err
		}
		m.Release()
	}
}

// divide says which items are the member's.
func (m *share) divide(members []string) (part []string) {
	items := m.set
	if m.bug == "what does not come out even is left over" {
		items = items[:len(items)/len(members)*len(members)]
	}
	for i := slices.Index(members, m.name); i >= 0 && i < len(items); i += len(members) {
		part = append(part, items[i])
	}
	return part
}

// lock locks items one by one, unless members come or go.
func (m *share) lock(ctx context.Context, part []string) (done bool, err error) {
	for m.part = nil; len(m.part) < len(part); {
		item := part[len(m.part)]
		if m.bug == "items are not locked" {
			m.part = append(m.part, item)
			continue
		}
		_, err := m.c.Create(ctx, "/items/"+item, []byte(m.name), nil, zkapi.Ephemeral)
		if err == nil {
			m.part = append(m.part, item)
			continue
		}
		if !errors.Is(err, zkapi.ErrNodeExists) {
			return false, err
		}
		_, there, gone, err := m.c.ExistsW(ctx, "/items/"+item)
		if err != nil {
			return false, err
		}
		if !there {
			continue
		}
		select {
		case <-gone:
		case ev := <-m.changed:
			return false, ev.Err
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	return true, nil
}

func (m *share) Disturbed(ctx context.Context) error { return await(ctx, m.changed) }

func (m *share) Release() {
	for _, item := range m.set {
		m.remove("/items/" + item)
	}
}

func (m *share) Finish(context.Context) error {
	m.Release()
	m.remove("/members/" + m.name)
	return nil
}

// remove deletes a node if it is the member's.
func (m *share) remove(path string) {
	ctx := context.Background()
	for {
		stat, there, err := m.c.Exists(ctx, path)
		if err == nil && there && stat.EphemeralOwner == m.c.SessionID() {
			err = m.c.Delete(ctx, path, stat.Version)
		}
		if !errors.Is(err, zkapi.ErrConnectionLoss) {
			return
		}
	}
}
