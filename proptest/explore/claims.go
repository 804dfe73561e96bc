package explore

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Claims are what participants believe to hold: a lock, a lease, leadership. What
// they believe is compared with what the server knows: a claim counts while the
// session is alive with which it was taken, and until a third party deletes an
// ephemeral node of that session, also if the participant's server has not heard of it
// yet. A participant cannot know at once that it has
// lost its session, so that it may be wrong then.
type Claims struct {
	w    *World
	most int

	mu    sync.Mutex // what wakes one participant may wake another one too
	taken []claim
}

type claim struct {
	p       *Participant
	session int64
	removed int
}

// Claims adds the invariant that at most so many claims count at a time.
func (w *World) Claims(most int) *Claims {
	c := &Claims{w: w, most: most}
	w.run.claims = append(w.run.claims, c)
	w.Invariant(c.check)
	return c
}

// Take says that the participant holds it from now on.
func (c *Claims) Take(p *Participant, what string) {
	p.Log("holds %s", what)
	session := p.Session()
	taken := claim{p, session, p.knownRemovals(session)}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taken = append(c.taken, taken)
}

// Renew says that the participant has been told once more that it holds it. If it has
// another session by now, its claim is as if it had been taken with that.
func (c *Claims) Renew(p *Participant) {
	session := p.Session()
	now := claim{p, session, p.knownRemovals(session)}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, x := range c.taken {
		if x.p == p && x.session != session {
			c.taken[i] = now
		}
	}
}

// Drop says that the participant does not hold it any more, or is about to give it back.
func (c *Claims) Drop(p *Participant, what string) {
	p.Log("gives %s back", what)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taken = slices.DeleteFunc(c.taken, func(x claim) bool { return x.p == p })
}

// Rightful lists the participants whose claims count now.
func (c *Claims) Rightful() (names []string) {
	c.mu.Lock()
	taken := slices.Clone(c.taken)
	c.mu.Unlock()
	for _, x := range taken {
		if c.w.Removed(x.session) == x.removed && c.w.Alive(x.session) {
			names = append(names, x.p.Name)
		}
	}
	return names
}

func (c *Claims) check() error {
	if c.Len() <= c.most {
		return nil
	}
	if names := c.Rightful(); len(names) > c.most {
		return fmt.Errorf("%s hold it at the same time, and at most %d may", strings.Join(names, " and "), c.most)
	}
	return nil
}

// Len is how many claims there are, whether they count or not.
func (c *Claims) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.taken)
}
