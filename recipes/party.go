package recipes

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/zksim/zksim/watchers"
	"github.com/zksim/zksim/zkapi"
)

// Party is a group whose members are those who have joined and have a session:
// kazoo's Party, on the same nodes, and with NewShallowParty its ShallowParty. Who
// loses his session joins anew by himself, or not, with NoRejoin.
type Party struct {
	c    zkapi.Client
	path string
	o    *Options
	name string // of the own node
	of   func(name string) (member bool, identifier string)
	data bool // the identifier is the data, not part of the name

	mu   sync.Mutex
	node *PersistentNode // nil: it has not joined
}

const partyTag = "__party__"

// NewParty makes a member of the party at a node, which is made when it is
// needed. Options.Identifier is the name by which the others know it.
func NewParty(c zkapi.Client, path string, opts ...func(*Options)) *Party {
	o := newOptions(opts)
	return &Party{c: c, path: path, o: o, name: newGUID().hex() + partyTag, data: true,
		of: func(name string) (bool, string) { return strings.Contains(name, partyTag), "" }}
}

// NewShallowParty makes a member of a party whose identifiers are in the names of
// the nodes, so that Members is one request. It may not be empty or have a slash.
// Every child with a dash in its name is a member.
func NewShallowParty(c zkapi.Client, path string, opts ...func(*Options)) *Party {
	o := newOptions(opts)
	return &Party{c: c, path: path, o: o, name: newGUID().hex() + "-" + o.Identifier,
		of: func(name string) (bool, string) {
			_, id, ok := strings.Cut(name, "-")
			return ok, id
		}}
}

func (p *Party) fail(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("party %s: %w", p.path, err)
}

// maxIdentifier is how long an identifier that is part of a name may be.
const maxIdentifier = 512

// Join joins, if it has not yet, and returns when the others can see it. If the
// context ends before, it has not joined.
func (p *Party) Join(ctx context.Context) error {
	if id := p.o.Identifier; !p.data && (id == "" || strings.Contains(id, "/") || len(id) > maxIdentifier) {
		return p.fail(fmt.Errorf("identifier %.40q is empty, too long or has a slash: %w", id, zkapi.ErrBadArguments))
	}
	p.mu.Lock()
	n := p.node
	if n == nil {
		n = NewPersistentNode(p.c, zkapi.Join(p.path, p.name), zkapi.Ephemeral, []byte(p.o.Identifier), func(o *Options) { *o = *p.o })
		p.node = n
		if err := n.Start(); err != nil {
			p.node = nil
			p.mu.Unlock()
			return p.fail(err)
		}
	}
	p.mu.Unlock()
	err := n.WaitCreated(ctx)
	if err != nil {
		_, _ = p.leave(ctx, n)
	}
	return p.fail(err)
}

// Leave leaves, and tells whether it was a member until then. If the context ends
// before the node is deleted, that happens in the background.
func (p *Party) Leave(ctx context.Context) (was bool, err error) {
	p.mu.Lock()
	n := p.node
	p.mu.Unlock()
	if n == nil {
		return false, nil
	}
	was, err = p.leave(ctx, n)
	return was, p.fail(err)
}

func (p *Party) leave(ctx context.Context, n *PersistentNode) (was bool, err error) {
	was = n.Exists()
	err = n.Close(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.node == n {
		p.node = nil
		p.name = newGUID().hex() + p.name[32:] // what is still on its way is not the next one's
	}
	return was, err
}

// Participating tells whether it is a member now, as far as the client can know.
func (p *Party) Participating() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.node != nil && p.node.Exists() && p.c.State() == zkapi.StateConnected
}

// Members are the identifiers of all members, sorted.
func (p *Party) Members(ctx context.Context) (identifiers []string, err error) {
	err = inSession(ctx, p.c, func(s *session) error {
		identifiers = nil
		if p.data {
			q := &queue{c: p.c, dir: p.path, o: p.o}
			identifiers, _, err = q.contents(ctx, s, func(names []string) (members []contender) {
				for _, name := range names {
					if member, _ := p.of(name); member {
						members = append(members, contender{name: name})
					}
				}
				return members
			})
			return err
		}
		names, err := list(ctx, s, p.path)
		for _, name := range names {
			if member, id := p.of(name); member {
				identifiers = append(identifiers, id)
			}
		}
		return err
	})
	slices.Sort(identifiers)
	return identifiers, p.fail(err)
}

// Watch yields Members, now and whenever they have changed. The loop ends with the
// error of the context or the client.
func (p *Party) Watch(ctx context.Context) iter.Seq2[[]string, error] {
	follow := p.followNames
	if p.data {
		follow = p.followData
	}
	return func(yield func([]string, error) bool) {
		var last []string
		first := true
		for members, err := range follow(ctx) {
			if err != nil {
				yield(nil, p.fail(err))
				return
			}
			if slices.Sort(members); !first && slices.Equal(members, last) {
				continue
			}
			if first, last = false, members; !yield(slices.Clone(members), nil) {
				return
			}
		}
	}
}

// followNames yields identifiers that are in the names of nodes, whenever these may have changed.
func (p *Party) followNames(ctx context.Context) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		for list, err := range watchers.Children(ctx, p.c, p.path) {
			var members []string
			for _, name := range list.Names {
				if member, id := p.of(name); member {
					members = append(members, id)
				}
			}
			if !yield(members, err) {
				return
			}
		}
	}
}

// followData does the same where they are the data of nodes. A node that comes again
// under its name is another one, which a list of names would not tell.
func (p *Party) followData(ctx context.Context) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		cache := watchers.NewChildrenCache(ctx, p.c, p.path)
		defer cache.Close()
		synced := false
		for change, err := range cache.Changes(ctx) {
			if synced = synced || change.Kind == watchers.InSync; !synced && err == nil {
				continue
			}
			var members []string
			for _, name := range cache.Children(p.path) {
				node, there := cache.Node(zkapi.Join(p.path, name))
				if member, _ := p.of(name); member && there {
					members = append(members, string(node.Data))
				}
			}
			if !yield(members, err) {
				return
			}
		}
	}
}

// Len is the number of members.
func (p *Party) Len(ctx context.Context) (n int, err error) {
	members, err := p.Members(ctx)
	return len(members), err
}

// GroupMember is a member of a group who also follows who the others are:
// Curator's GroupMember, on the same nodes.
type GroupMember struct {
	c    zkapi.Client
	path string
	id   string
	node *PersistentNode

	mu    sync.Mutex
	cache *watchers.Cache // nil before Start
}

// NewGroupMember makes a member of the group at a node, with an identifier that
// nobody else has, and data for the others to see. Of two with the same identifier
// one waits until the other has gone.
func NewGroupMember(c zkapi.Client, path, id string, data []byte, opts ...func(*Options)) *GroupMember {
	return &GroupMember{c: c, path: path, id: id, node: NewPersistentNode(c, zkapi.Join(path, id), zkapi.Ephemeral, data, opts...)}
}

// Start joins the group, and follows it. It returns at once; it can be called once.
func (g *GroupMember) Start() error {
	if err := g.node.Start(); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cache = watchers.NewChildrenCache(context.Background(), g.c, g.path)
	return nil
}

// WaitJoined waits until the others can see this member, and it knows who they are.
func (g *GroupMember) WaitJoined(ctx context.Context) error {
	if err := g.node.WaitCreated(ctx); err != nil {
		return err
	}
	g.mu.Lock()
	cache := g.cache
	g.mu.Unlock()
	if cache == nil {
		return nil
	}
	return cache.WaitSynced(ctx)
}

// SetData replaces the data of this member, as PersistentNode.SetData does.
func (g *GroupMember) SetData(ctx context.Context, data []byte) error {
	return g.node.SetData(ctx, data)
}

// Members are the data of all members by their identifiers, as far as they are
// known here. This one is always among them.
func (g *GroupMember) Members() map[string][]byte {
	members := map[string][]byte{}
	g.mu.Lock()
	cache := g.cache
	g.mu.Unlock()
	if cache != nil {
		for _, name := range cache.Children(g.path) {
			if node, ok := cache.Node(zkapi.Join(g.path, name)); ok {
				members[name] = node.Data
			}
		}
	}
	members[g.id] = g.node.Data()
	return members
}

// Changes tells of those who come, go and change their data, first of all who are
// there: it is the Changes of a watchers.Cache, and ends with it.
func (g *GroupMember) Changes(ctx context.Context) iter.Seq2[watchers.Change, error] {
	g.mu.Lock()
	cache := g.cache
	g.mu.Unlock()
	if cache == nil {
		return func(yield func(watchers.Change, error) bool) { yield(watchers.Change{}, watchers.ErrCacheClosed) }
	}
	return cache.Changes(ctx)
}

// Close leaves the group, as PersistentNode.Close does.
func (g *GroupMember) Close(ctx context.Context) error {
	g.mu.Lock()
	cache := g.cache
	g.cache = nil
	g.mu.Unlock()
	if cache != nil {
		cache.Close()
	}
	return g.node.Close(ctx)
}
