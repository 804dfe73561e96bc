package proptest_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/zksim/zksim/proptest"
	"github.com/zksim/zksim/zkapi"
)

// Small recipes that are right, unless they are told to have a bug.

// line is a queue of nodes under one, in which a lock, a read/write lock and a
// semaphore stand.
type line struct {
	c    zkapi.Client
	dir  string
	bug  string
	id   string // in the names of own nodes
	node string
	most int               // how many may be in front
	tag  string            // of the own kind
	ours func(string) bool // whether a node before the own one is in the way; nil is yes
}

func newLine(c zkapi.Client, bug string) *line {
	return &line{c: c, dir: "/line", bug: bug, id: fmt.Sprintf("%x", c.SessionID()&0xff)}
}

func (l *line) has(bug string) bool { return l.bug == bug }

func number(name string) int {
	n, err := strconv.Atoi(name[strings.LastIndexByte(name, '-')+1:])
	if err != nil {
		return -1
	}
	return n
}

func (l *line) Acquire(ctx context.Context) error {
	err := l.stand(ctx)
	switch {
	case err == nil, l.has("an error leaves the node behind"):
	case errors.Is(err, context.Canceled) && l.has("whoever gives up leaves his node behind"):
	default:
		l.sweep()
	}
	return err
}

// sweep deletes what may be left of us.
func (l *line) sweep() {
	ctx := context.Background()
	for {
		names, _, err := l.c.Children(ctx, l.dir)
		for _, name := range names {
			if strings.HasPrefix(name, l.id+"-") {
				if e := l.c.Delete(ctx, zkapi.Join(l.dir, name), zkapi.AnyVersion); !errors.Is(e, zkapi.ErrNoNode) {
					err = errors.Join(err, e)
				}
			}
		}
		if err == nil || errors.Is(err, zkapi.ErrClosed) || errors.Is(err, zkapi.ErrNoNode) {
			return
		}
	}
}

func (l *line) stand(ctx context.Context) error {
	if l.node != "" && l.has("whose node was deleted can never lock again") {
		return errors.New("locked already")
	}
	mode := zkapi.EphemeralSequential
	if l.has("the node outlives its session") {
		mode = zkapi.PersistentSequential
	}
	made, err := l.c.Create(ctx, zkapi.Join(l.dir, l.id+"-"+l.tag+"-"), nil, nil, mode)
	if errors.Is(err, zkapi.ErrNoNode) && zkapi.EnsurePath(ctx, l.c, l.dir, nil) == nil {
		made, err = l.c.Create(ctx, zkapi.Join(l.dir, l.id+"-"+l.tag+"-"), nil, nil, mode)
	}
	if errors.Is(err, zkapi.ErrConnectionLoss) && l.has("what may have been created is created again") {
		return l.stand(ctx)
	}
	if err != nil {
		return err
	}
	l.node = zkapi.Base(made)
	for {
		before, err := l.inTheWay(ctx)
		if errors.Is(err, zkapi.ErrConnectionLoss) && l.has("a node of an earlier session is adopted") {
			continue
		}
		if before == "" || err != nil {
			return err
		}
		woken, err := l.wait(ctx, before)
		if err != nil {
			return err
		}
		if woken && (l.has("whoever is woken has it") || l.has("all wait for the first, and whoever is woken has it")) {
			return nil
		}
	}
}

// inTheWay is the node to wait for; "" is none.
func (l *line) inTheWay(ctx context.Context) (string, error) {
	names, _, err := l.c.Children(ctx, l.dir)
	if err != nil && !errors.Is(err, zkapi.ErrNoNode) {
		return "", err
	}
	if l.has("a foreign child is an error") {
		for _, name := range names {
			if number(name) < 0 {
				return "", fmt.Errorf("%s is no contender", name)
			}
		}
	}
	names = slices.DeleteFunc(names, func(name string) bool { return number(name) < 0 })
	slices.SortFunc(names, func(a, b string) int {
		if l.has("the order is that of whole names") {
			return cmp.Compare(a, b)
		}
		return cmp.Compare(number(a), number(b))
	})
	at := slices.Index(names, l.node)
	if at < 0 {
		if l.has("whose node is gone is the first") {
			return "", nil
		}
		return "", errors.New("the node is gone")
	}
	if l.has("a reader waits for later writers, too") && l.tag == "r" {
		names = slices.Concat(names[:at], names[at+1:])
		at = len(names)
	}
	before := names[:at]
	if l.ours != nil {
		before = slices.DeleteFunc(slices.Clone(before), func(name string) bool { return !l.ours(name) })
	}
	if len(before) <= l.most {
		return "", nil
	}
	if l.has("all wait for the first, and whoever is woken has it") {
		return before[0], nil
	}
	return before[len(before)-1-l.most], nil
}

// wait waits until the node has changed.
func (l *line) wait(ctx context.Context, name string) (woken bool, err error) {
	if l.has("the watch is set after the look") {
		if _, ok, err := l.c.Exists(ctx, zkapi.Join(l.dir, name)); !ok || err != nil {
			return false, err
		}
	}
	_, ok, changed, err := l.c.ExistsW(ctx, zkapi.Join(l.dir, name))
	if err != nil || !ok && !l.has("the watch is set after the look") && !l.has("who vanished before the watch is waited for") {
		return false, err
	}
	select {
	case <-changed:
		return true, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

func (l *line) Release(ctx context.Context) error {
	if l.has("release deletes the first node") {
		names, _, _ := l.c.Children(ctx, l.dir)
		slices.SortFunc(names, func(a, b string) int { return cmp.Compare(number(a), number(b)) })
		if len(names) > 0 {
			l.node = names[0]
		}
	}
	for {
		err := l.c.Delete(ctx, zkapi.Join(l.dir, l.node), zkapi.AnyVersion)
		switch {
		case errors.Is(err, zkapi.ErrConnectionLoss) && !l.has("a release that may have worked is given up"):
			continue
		case errors.Is(err, zkapi.ErrNoNode) && !l.has("whose node was deleted can never lock again"):
			err = nil
		}
		if err == nil {
			l.node = ""
		}
		return err
	}
}

// rw is a read/write lock of two lines on one node.
type rw struct {
	c   zkapi.Client
	bug string
}

func (l rw) Read() proptest.Locker {
	r := newLine(l.c, l.bug)
	r.tag = "r"
	r.ours = func(name string) bool {
		return strings.Contains(name, "-w-") && !r.has("readers do not look at writers")
	}
	return r
}

func (l rw) Write() proptest.Locker {
	w := newLine(l.c, l.bug)
	w.tag = "w"
	w.ours = func(name string) bool {
		return strings.Contains(name, "-w-") || !w.has("writers do not look at readers")
	}
	return w
}

// bunch is a lock on several paths, each with a line.
type bunch struct {
	lines []*line
	bug   string
}

func newBunch(c zkapi.Client, bug string, paths []string) *bunch {
	b := &bunch{bug: bug}
	if paths = slices.Clone(paths); bug != "the paths are taken in the order given" {
		slices.Sort(paths)
	}
	for _, path := range paths {
		l := newLine(c, bug)
		l.dir = path
		b.lines = append(b.lines, l)
	}
	return b
}

func (b *bunch) Acquire(ctx context.Context) error {
	session := b.lines[0].c.SessionID()
	for i, l := range b.lines {
		err := l.Acquire(ctx)
		if err == nil && l.c.SessionID() != session && b.bug != "a lock that is lost on the way is passed over" {
			err = zkapi.ErrSessionExpired
			l.sweep()
		}
		switch {
		case err == nil && b.bug == "the first path is enough":
			b.lines = b.lines[:1]
			return nil
		case err == nil:
			continue
		case b.bug != "whoever fails keeps what he has":
			for _, l := range b.lines[:i] {
				l.sweep()
			}
		}
		return err
	}
	return nil
}

func (b *bunch) Release(ctx context.Context) (failed error) {
	for _, l := range slices.Backward(b.lines) {
		failed = errors.Join(failed, l.Release(ctx))
		if b.bug == "only the last path is released" {
			break
		}
	}
	return failed
}

// semaphore is a line with several in front.
func semaphore(c zkapi.Client, bug string, most int) proptest.Locker {
	if bug == "the count is checked before the lease is made" {
		return &hasty{newLine(c, bug), most}
	}
	l := newLine(c, bug)
	if l.most = most - 1; bug == "one too many" {
		l.most++
	}
	return l
}

// hasty looks first, and then takes.
type hasty struct {
	*line
	max int
}

func (l *hasty) Acquire(ctx context.Context) error {
	for {
		names, _, changed, err := l.c.ChildrenW(ctx, "/line")
		if err != nil {
			return err
		}
		if len(names) < l.max {
			made, err := l.c.Create(ctx, "/line/"+l.id+"--", nil, nil, zkapi.EphemeralSequential)
			if l.node = strings.TrimPrefix(made, "/line/"); err != nil {
				l.sweep()
			}
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// elector leads while it has a lock and its session.
type elector struct{ *line }

func (e elector) Run(ctx context.Context, lead func(context.Context) error) error {
	if err := e.Acquire(ctx); err != nil {
		return err
	}
	states := e.c.States()
	defer states.Close()
	session := e.c.SessionID()
	leading, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		for {
			change, err := states.Next(leading)
			if err != nil {
				return
			}
			if (change.State == zkapi.StateLost || change.SessionID != session) && !e.has("the leader is not told that its session is gone") {
				stop()
				return
			}
		}
	}()
	err := lead(leading)
	return errors.Join(err, e.Release(context.WithoutCancel(ctx)))
}

// counter is a number in /n.
type counter struct {
	c   zkapi.Client
	bug string
}

func (x counter) Value(ctx context.Context) (int64, error) {
	data, _, err := x.c.Get(ctx, "/n")
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(string(data), 10, 64)
}

func (x counter) Add(ctx context.Context, n int64) (int64, error) {
	for {
		data, stat, err := x.c.Get(ctx, "/n")
		if err != nil {
			return 0, err
		}
		sum, _ := strconv.ParseInt(string(data), 10, 64)
		sum += n
		if x.bug == "the version is not checked" {
			stat.Version = zkapi.AnyVersion
		}
		_, err = x.c.Set(ctx, "/n", strconv.AppendInt(nil, sum, 10), stat.Version)
		if errors.Is(err, zkapi.ErrBadVersion) && x.bug == "a race that is lost counts as won" {
			return sum, nil
		}
		if errors.Is(err, zkapi.ErrBadVersion) || errors.Is(err, zkapi.ErrConnectionLoss) && x.bug == "what may have been added is added again" {
			continue
		}
		return sum, err
	}
}

// gate is a barrier at /gate.
type gate struct {
	c   zkapi.Client
	bug string
}

func (g gate) Create(ctx context.Context) error {
	_, err := g.c.Create(ctx, "/gate", nil, nil, zkapi.Persistent)
	return err
}

func (g gate) Remove(ctx context.Context) error {
	err := g.c.Delete(ctx, "/gate", zkapi.AnyVersion)
	if errors.Is(err, zkapi.ErrNoNode) && g.bug != "what may have been removed has to be there" {
		return nil
	}
	return err
}

func (g gate) Wait(ctx context.Context) error {
	for {
		_, ok, err := g.c.Exists(ctx, "/gate")
		if !ok || err != nil {
			return err
		}
		_, ok, changed, err := g.c.ExistsW(ctx, "/gate")
		if err != nil || !ok && g.bug != "the watch is set after the look" {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// meeting is a double barrier at /meet.
type meeting struct {
	c       zkapi.Client
	bug     string
	members int
	own     string
}

func (m *meeting) names(ctx context.Context) (members []string, ready bool, changed <-chan zkapi.Event, err error) {
	names, _, changed, err := m.c.ChildrenW(ctx, "/meet")
	ready = slices.Contains(names, "ready")
	names = slices.DeleteFunc(names, func(name string) bool { return name == "ready" })
	return names, ready, changed, err
}

func (m *meeting) join(ctx context.Context) error {
	if m.own == "" {
		var id [8]byte
		_, _ = rand.Read(id[:])
		m.own = fmt.Sprintf("%x", id)
	}
	_, err := m.c.Create(ctx, "/meet/"+m.own, nil, nil, zkapi.Ephemeral)
	if errors.Is(err, zkapi.ErrNodeExists) {
		return nil
	}
	return err
}

func (m *meeting) Enter(ctx context.Context) error {
	if err := m.join(ctx); err != nil {
		return err
	}
	for {
		members, ready, changed, err := m.names(ctx)
		if err == nil && !slices.Contains(members, m.own) {
			err = m.join(ctx)
			members = nil
		}
		if err != nil {
			return err
		}
		if members == nil {
			continue
		}
		if ready {
			return nil
		}
		if m.bug == "whoever comes is counted twice" {
			members = append(members, m.own)
		}
		if len(members) >= m.members {
			_, err := m.c.Create(ctx, "/meet/ready", nil, nil, zkapi.Persistent)
			if errors.Is(err, zkapi.ErrNodeExists) {
				err = nil
			}
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
		if m.bug == "whoever is woken enters" {
			return nil
		}
	}
}

func (m *meeting) Leave(ctx context.Context) error {
	if err := m.c.Delete(ctx, "/meet/"+m.own, zkapi.AnyVersion); err != nil && !errors.Is(err, zkapi.ErrNoNode) {
		return err
	}
	for {
		members, _, changed, err := m.names(ctx)
		if err != nil || len(members) == 0 || m.bug == "nobody waits for the others to leave" {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
