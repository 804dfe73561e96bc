package proptest_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// guild is those whose nodes are in /guild, each named by an id and data. Whoever
// follows it looks after his own node meanwhile.
type guild struct {
	c           zkapi.Client
	bug         string
	node, first string
}

func (g *guild) path(id, data string) string {
	if data == "" {
		return "/guild/" + id
	}
	return "/guild/" + id + "=" + data
}

func (g *guild) Register(ctx context.Context, id, data string) (err error) {
	ctx = context.WithoutCancel(ctx) // what is given up may be done later
	before := g.node
	g.node = g.path(id, data)
	if before == "" {
		g.first = g.node
		_, err = g.c.Create(ctx, g.node, nil, nil, zkapi.Ephemeral)
	} else {
		_, err = g.c.Multi(ctx, zkapi.DeleteOp(before, zkapi.AnyVersion), zkapi.CreateOp(g.node, nil, nil, zkapi.Ephemeral))
	}
	switch {
	case errors.Is(err, zkapi.ErrConnectionLoss) && g.bug == "what may have been registered is registered again":
		g.node = g.path(id, "again")
		_, err = g.c.Create(ctx, g.node, nil, nil, zkapi.Ephemeral)
	case err != nil && before == "" && g.bug != "whoever fails to come may be there":
		_ = g.Unregister(ctx, id)
	}
	return err
}

func (g *guild) Unregister(_ context.Context, id string) error {
	ctx := context.Background()
	for g.node != "" {
		names, _, err := g.c.Children(ctx, "/guild")
		for _, name := range names {
			if owner, _, _ := strings.Cut(name, "="); owner == id {
				if e := g.c.Delete(ctx, "/guild/"+name, zkapi.AnyVersion); !errors.Is(e, zkapi.ErrNoNode) {
					err = errors.Join(err, e)
				}
			}
		}
		switch {
		case errors.Is(err, zkapi.ErrConnectionLoss) && g.bug == "with a new connection everybody is registered again":
			_, _ = g.c.Create(ctx, g.node, nil, nil, zkapi.Ephemeral)
			return nil
		case err == nil || errors.Is(err, zkapi.ErrNoNode) || errors.Is(err, zkapi.ErrClosed):
			g.node = ""
		}
	}
	return nil
}

// Follow follows, and makes the own node again when it has gone.
func (g *guild) Follow(ctx context.Context, saw func(map[string]string)) error {
	for ctx.Err() == nil {
		names, _, changed, err := g.c.ChildrenW(ctx, "/guild")
		if err == nil && g.bug == "the watch is set after the look" {
			_, _, changed, err = g.c.ChildrenW(ctx, "/guild")
		}
		if errors.Is(err, zkapi.ErrClosed) {
			return err
		}
		if err != nil {
			continue
		}
		if own := strings.TrimPrefix(g.node, "/guild/"); !slices.Contains(names, own) && g.bug != "whoever has lost his session stays away" {
			if g.bug == "after a lost session the data is that of the beginning" {
				g.node = g.first
			}
			_, _ = g.c.Create(ctx, g.node, nil, nil, zkapi.Ephemeral)
			continue
		}
		instances := map[string]string{}
		for _, name := range names {
			id, data, _ := strings.Cut(name, "=")
			instances[id] = data
			if strings.HasSuffix(name, "=again") {
				instances[name] = ""
			}
		}
		saw(instances)
		_ = await(ctx, changed)
	}
	return ctx.Err()
}

// guildsman is one who has nothing to say.
type guildsman struct {
	*guild
	name string
}

func (m guildsman) Join(ctx context.Context) error  { return m.Register(ctx, m.name, "") }
func (m guildsman) Leave(ctx context.Context) error { return m.Unregister(ctx, m.name) }

func (m guildsman) Follow(ctx context.Context, saw func([]string)) error {
	return m.guild.Follow(ctx, func(members map[string]string) { saw(slices.Collect(maps.Keys(members))) })
}

// lodger is a member whose node has a time to live, and is touched meanwhile.
type lodger struct {
	c         zkapi.Client
	bug, name string
	leave     context.CancelFunc
	left      chan struct{}
}

const lodging = 3 * time.Minute

func (m *lodger) path() string { return "/guild/" + m.name }

func (m *lodger) make(ctx context.Context) (err error) {
	switch m.bug {
	case "the node ends with the session":
		_, err = m.c.Create(ctx, m.path(), nil, nil, zkapi.Ephemeral)
	case "whoever is gone before he has touched the node leaves it behind":
		_, err = m.c.Create(ctx, m.path(), nil, nil, zkapi.Container)
		if err == nil {
			_, _, err = m.c.CreateTTL(ctx, m.path()+"/touch", nil, nil, zkapi.PersistentTTL, lodging)
		}
	default:
		_, _, err = m.c.CreateTTL(ctx, m.path(), nil, nil, zkapi.PersistentTTL, lodging)
	}
	if errors.Is(err, zkapi.ErrNodeExists) {
		return nil
	}
	return err
}

func (m *lodger) Join(ctx context.Context) error {
	if err := m.make(ctx); err != nil {
		return err
	}
	ctx, m.leave = context.WithCancel(context.Background())
	m.left = make(chan struct{})
	go func() {
		defer close(m.left)
		for pause(ctx, lodging-30*time.Second); ctx.Err() == nil; pause(ctx, lodging-30*time.Second) {
			m.touch(ctx)
		}
	}()
	return nil
}

func (m *lodger) touch(ctx context.Context) {
	path := m.path()
	if m.bug == "whoever is gone before he has touched the node leaves it behind" {
		path += "/touch"
	}
	for m.bug != "nobody touches the node" && ctx.Err() == nil {
		_, err := m.c.Set(ctx, path, nil, zkapi.AnyVersion)
		if errors.Is(err, zkapi.ErrNoNode) {
			err = m.make(ctx)
		}
		if err == nil || errors.Is(err, zkapi.ErrClosed) || m.bug == "a touch that fails is not made up for" {
			return
		}
	}
}

func (m *lodger) Leave(context.Context) error {
	if m.bug != "the node is touched for ever" {
		m.leave()
		<-m.left
	}
	return nil
}

func (m *lodger) Follow(ctx context.Context, saw func([]string)) error {
	for ctx.Err() == nil {
		names, _, changed, err := m.c.ChildrenW(ctx, "/guild")
		if errors.Is(err, zkapi.ErrClosed) {
			return err
		}
		if err == nil {
			saw(names)
			_ = await(ctx, changed)
		}
	}
	return ctx.Err()
}
