package recipes

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/zksim/zksim/zkapi"
)

// queue is a directory in which nodes stand in line: whose node has the lowest
// counter is first. Everybody watches the nearest node before his own, so one
// who leaves wakes one.
type queue struct {
	c    zkapi.Client
	dir  string
	o    *Options
	data []byte
	tag  string                // of own nodes
	tags []string              // of all who count
	wait func(tag string) bool // whether nodes with a tag before the own one have to go first; nil: all of them

	joined func(path string) // called when there is an own node; nil: nothing
}

// errGone says that the own node is not there any more.
var errGone = errors.New("the node is gone")

// line lists who stands in the queue, in order.
func (q *queue) line(ctx context.Context, s *session) (data, paths []string, err error) {
	return q.contents(ctx, s, func(names []string) []contender { return contenders(names, q.tags) })
}

// contents reads those children that choose chooses, in its order. Who has no number of his
// own comes in the order of creation, at the end.
func (q *queue) contents(ctx context.Context, s *session, choose func(names []string) []contender) (data, paths []string, err error) {
	names, err := list(ctx, s, q.dir)
	if err != nil {
		return nil, nil, err
	}
	type child struct {
		path, data string
		since      int64 // the order, or 0 if that is as it is
	}
	var children []child
	for _, x := range choose(names) {
		var text []byte
		var stat zkapi.Stat
		path := zkapi.Join(q.dir, x.name)
		err := s.do(ctx, func() (err error) {
			text, stat, err = q.c.Get(ctx, path)
			return err
		})
		if errors.Is(err, zkapi.ErrNoNode) {
			continue // has left meanwhile
		}
		if err != nil {
			return nil, nil, err
		}
		if !numberless(x.seq) {
			stat.Czxid = 0
		}
		children = append(children, child{path, string(text), stat.Czxid})
	}
	slices.SortStableFunc(children, func(a, b child) int { return cmp.Compare(a.since, b.since) })
	for _, x := range children {
		data, paths = append(data, x.data), append(paths, x.path)
	}
	return data, paths, nil
}

// place is somebody's place in a queue, in one session: a node that was made by
// a protected create. Its name begins with a GUID, so it is found again if the
// reply of the create is lost.
type place struct {
	q      *queue
	s      *session
	prefix string // of the name; nobody else's begins so
	name   string // "" while there is no node
	dirty  bool   // a create has had no reply: there may be more than one node
	token  int64  // the zxid of its creation; 0 until the node was read
	stat   zkapi.Stat
	data   []byte
	own    *watch // on the node
	also   string // the path of a node that goes together with this one; "" for none
}

func (p *place) path() string { return zkapi.Join(p.q.dir, p.name) }

// take stands in line until it is its turn; with try only if it is at once.
// Without a place there is either an error or, with try, somebody before us.
func (q *queue) take(ctx context.Context, try bool) (*place, error) {
	if err := zkapi.ValidatePath(q.dir); err != nil {
		return nil, err
	}
	var p *place
	pauses := patience.Start()
	for n := 0; ; n++ {
		s, err := begin(ctx, q.c)
		if p == nil {
			p = &place{q: q, prefix: q.o.Layout.named(newGUID(), q.tag)}
		}
		first := false
		if err == nil {
			p.s = s
			first, err = p.stand(ctx, try)
		}
		if err == nil && first {
			return p, nil
		}
		if q.o.Persistent && p.name != "" && errors.Is(err, ErrSessionLost) {
			s.close() // the node is still there
			continue
		}
		left := p.leave(ctx)
		switch again := errors.Is(err, errGone) || errors.Is(err, ErrSessionLost) && !q.o.NoRejoin; {
		case err == nil:
			return nil, left
		case !again:
			return nil, err
		}
		p = nil
		if n == 0 {
			continue
		}
		if pause, _ := pauses(nil, 0); sleep(ctx, pause) != nil {
			return nil, context.Cause(ctx)
		}
	}
}

// stand joins the queue and waits.
func (p *place) stand(ctx context.Context, try bool) (first bool, err error) {
	if p.name == "" {
		if err := p.create(ctx); err != nil {
			return false, err
		}
	}
	if err := p.look(ctx); err != nil {
		return false, err
	}
	if p.q.joined != nil {
		p.q.joined(p.path())
	}
	if try {
		before, err := p.ahead(ctx)
		return before == "", err
	}
	return true, p.reach(ctx)
}

// create makes the node, exactly one.
func (p *place) create(ctx context.Context) error {
	s, q := p.s, p.q
	for t := s.tries(); ; {
		var made string
		err := s.once(ctx, func() (err error) {
			made, err = s.c.Create(ctx, zkapi.Join(q.dir, p.prefix), q.data, q.o.ACL, q.o.mode())
			return err
		})
		switch {
		case err == nil:
			p.name = zkapi.Base(made)
			return nil
		case errors.Is(err, zkapi.ErrNoNode):
			if err := q.o.ensure(ctx, s, q.dir); err != nil {
				return err
			}
			continue
		case Classify(err) == Rejected:
		default:
			exists := errors.Is(err, zkapi.ErrNodeExists) // there are no more numbers, and one without a reply has come that far
			p.dirty = p.dirty || exists || !zkapi.NothingChanged(err)
			if !exists && !retryable(err) {
				return err
			}
			if found, err := p.find(ctx); found || err != nil {
				return err
			}
		}
		if err := t.pause(ctx); err != nil {
			return err
		}
	}
}

// find looks for nodes that creates without a reply have made, and keeps the first.
func (p *place) find(ctx context.Context) (found bool, err error) {
	names, err := list(ctx, p.s, p.q.dir)
	if err != nil {
		return false, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, p.prefix) })
	slices.SortFunc(names, zkapi.CompareSequenceNames)
	for i, name := range names {
		if i == 0 {
			p.name = name
		} else {
			remove(p.q.c, p.q.dir, name, "")
		}
	}
	return p.name != "", nil
}

// look reads the node and watches it. It has to be this session's.
func (p *place) look(ctx context.Context) error {
	err := p.s.do(ctx, func() error { return p.read(ctx) })
	return p.judge(err)
}

func (p *place) read(ctx context.Context) error {
	w, data, stat, err := armData(ctx, p.q.c, p.path())
	if err == nil {
		p.own, p.data, p.stat = w, data, stat
	}
	return err
}

func (p *place) judge(err error) error {
	switch {
	case errors.Is(err, zkapi.ErrNoNode):
		return errGone
	case err == nil && !p.q.o.Persistent && p.stat.EphemeralOwner != p.s.id:
		return errGone // what we see is what another session has left
	case err == nil && p.token != 0 && p.token != p.stat.Czxid:
		return errGone // and somebody has made another one of the same name
	case err == nil:
		p.token = p.stat.Czxid
	}
	return err
}

// reach waits until nobody is before us.
func (p *place) reach(ctx context.Context) error {
	for turns := p.s.turns; ; {
		before, err := p.ahead(ctx)
		if err != nil || before == "" {
			return err
		}
		path := zkapi.Join(p.q.dir, before)
		w := standing(p.q.c, watched{path: path})
		if w == nil || turns != p.s.turns { // after a reconnection no watch is trusted
			turns = p.s.turns
			err := p.s.do(ctx, func() (err error) {
				w, _, _, err = armData(ctx, p.q.c, path)
				return err
			})
			if errors.Is(err, zkapi.ErrNoNode) {
				continue
			}
			if err != nil {
				return err
			}
			w.share()
		}
		if err := p.sleep(ctx, w); err != nil {
			return err
		}
	}
}

// sleep waits until there is a reason to look again.
func (p *place) sleep(ctx context.Context, before *watch) error {
	select {
	case <-before.fired:
	case <-p.own.fired:
	case <-p.s.states.Ready():
	case <-ctx.Done():
	}
	return p.awake(ctx)
}

// awake takes in why somebody who has slept is awake. There may be several reasons: what
// comes of them does not depend on which one select takes.
func (p *place) awake(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case <-p.own.fired:
		return p.look(ctx)
	default:
		return p.s.await(ctx)
	}
}

// ahead is the nearest node before ours that has to go first, or "". A list that
// has our node has every node that was made before it, on whichever server; one
// that has not says nothing.
func (p *place) ahead(ctx context.Context) (nearest string, err error) {
	var names []string
	err = p.s.do(ctx, func() (err error) {
		names, _, err = p.q.c.Children(ctx, p.q.dir)
		return err
	})
	if errors.Is(err, zkapi.ErrNoNode) {
		return "", errGone
	}
	if err != nil {
		return "", err
	}
	line := contenders(names, p.q.tags)
	own := slices.IndexFunc(line, func(x contender) bool { return x.name == p.name })
	if own < 0 {
		return "", errGone
	}
	for _, x := range slices.Backward(line[:own]) {
		if p.defersTo(x) && !x.tied(line[own]) {
			nearest = x.name
			break
		}
	}
	for _, x := range line {
		if x.tied(line[own]) && x.name != p.name && p.defersTo(x) {
			older, err := p.younger(ctx, x.name)
			if err != nil || older {
				return x.name, err
			}
		}
	}
	return nearest, nil
}

// defersTo tells whether somebody who is before us has to go first. Other nodes
// of our own, which a create without a reply may have made, have not.
func (p *place) defersTo(x contender) bool {
	return (p.q.wait == nil || p.q.wait(x.tag)) && !strings.HasPrefix(x.name, p.prefix)
}

// younger tells whether our node is younger than one whose counter does not tell.
func (p *place) younger(ctx context.Context, name string) (yes bool, err error) {
	var stat zkapi.Stat
	err = p.s.do(ctx, func() (err error) {
		stat, yes, err = p.q.c.Exists(ctx, zkapi.Join(p.q.dir, name))
		return err
	})
	return yes && stat.Czxid < p.token, err
}

// leave gives the place up. When it returns nil the node is gone; it fails with
// zkapi.ErrNoNode if it was before. What cannot be done in time is left to the janitor.
func (p *place) leave(ctx context.Context) error {
	if p.s != nil {
		p.s.close()
	}
	if p.name == "" && !p.dirty {
		return nil
	}
	if !p.dirty && ctx.Err() == nil {
		err := deleteWith(ctx, p.q.c, p.path(), p.also)
		if ctx.Err() == nil && !retryable(err) {
			return err
		}
	}
	return p.discard().wait(ctx)
}

// discard has the janitor delete all that there may be of the place.
func (p *place) discard() *cleaning {
	if p.also != "" {
		return remove(p.q.c, p.q.dir, p.name, p.sweep(), p.also)
	}
	return remove(p.q.c, p.q.dir, p.name, p.sweep())
}

// sweep is the prefix of nodes that there may be without our knowing them, or "".
func (p *place) sweep() string {
	if p.dirty {
		return p.prefix
	}
	return ""
}
