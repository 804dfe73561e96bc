package proptest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/watchers"
	"github.com/zksim/zksim/zkapi"
)

// Updater is a value that several change, each on what it has read.
type Updater interface {
	// Update replaces the value by what f makes of it, and returns both. f may be called
	// more than once. After an error the value may have been replaced or not, but once at most.
	Update(ctx context.Context, f func(old []byte) []byte) (pre, post []byte, err error)
	Value(ctx context.Context) ([]byte, error)
}

// Atomic explores a value that begins as empty: every participant adds a word to it,
// Rounds times. Each update that has worked is in the value once, right after what it
// was made of; one that has failed is in it once or not at all.
func Atomic(t *testing.T, make func(c zkapi.Client) Updater, opts ...func(*Exploration)) {
	t.Helper()
	ExploreAtomic(t, make, opts...).FailT(t)
}

// ExploreAtomic is Atomic for those who want to see the result.
func ExploreAtomic(t *testing.T, make func(c zkapi.Client) Updater, opts ...func(*Exploration)) *explore.Result {
	return search(t, func(w *explore.World, e *Exploration) {
		x := &chain{perhaps: map[string]bool{}}
		for i := range e.Participants {
			w.Go(name(i), func(p *explore.Participant) error {
				u := make(p.Client)
				for round := range e.Rounds {
					word := fmt.Sprintf("%s%d,", p.Name, round+1)
					var pre, post []byte
					ok, err := attempt(p, "Update", func(ctx context.Context) (err error) {
						pre, post, err = u.Update(ctx, func(old []byte) []byte { return append(old[:len(old):len(old)], word...) })
						return err
					})
					if ok {
						err = x.add(p, word, string(pre), string(post))
					} else {
						x.perhaps[word] = true
					}
					if err != nil {
						return err
					}
				}
				return nil
			})
		}
		e.alike(w, 0, e.Participants)
		w.Remember(x.String)
		w.Finally(func() error {
			c, err := w.Server.Client()
			if err != nil {
				return err
			}
			defer c.Close()
			value, err := make(c).Value(context.Background())
			if err != nil {
				return err
			}
			return x.check(string(value))
		})
	}, without(explore.Removal, opts))
}

// chain is what updates have made of a value: each is longer by a word than the one before.
type chain struct {
	made    []string
	words   []string
	perhaps map[string]bool // words that may be in it
}

func (x *chain) String() string { return fmt.Sprintf("%q %q %v", x.made, x.words, x.perhaps) }

// add notes an update.
func (x *chain) add(p *explore.Participant, word, pre, post string) error {
	p.Log("has made %q of %q", post, pre)
	if post != pre+word {
		return fmt.Errorf("%s has added %q to %q, and got %q", p.Name, word, pre, post)
	}
	for _, other := range x.made {
		if !strings.HasPrefix(other, post) && !strings.HasPrefix(post, other) || other == post {
			return fmt.Errorf("%s has made %q of %q, and there was %q", p.Name, post, pre, other)
		}
	}
	x.made, x.words = append(x.made, post), append(x.words, word)
	return nil
}

// check compares with what the value is in the end.
func (x *chain) check(value string) error {
	for _, post := range x.made {
		if !strings.HasPrefix(value, post) {
			return fmt.Errorf("it was %q, and is %q", post, value)
		}
	}
	for _, word := range x.words {
		if strings.Count(value, word) != 1 {
			return fmt.Errorf("%q was added once, and it is %q", word, value)
		}
	}
	for word := range x.perhaps {
		if strings.Count(value, word) > 1 {
			return fmt.Errorf("%q was perhaps added once, and it is %q", word, value)
		}
	}
	return nil
}

// SharedValuer is a value of which everybody has a copy that keeps itself up to date.
type SharedValuer interface {
	Start(ctx context.Context) error
	// TrySet replaces the value by what f makes of the copy, unless the value has changed
	// since: then it is false, and the copy is up to date again. After an error the value
	// may have been replaced or not, but once at most.
	TrySet(ctx context.Context, f func(seen []byte) []byte) (bool, error)
	// Follow calls saw with the value, at the beginning and after changes, until its
	// context ends.
	Follow(ctx context.Context, saw func(value []byte)) error
	Close()
}

// SharedValue explores a value that everybody follows, and that is the data of the
// node at the path: every participant adds a word to it, Rounds times, as in [Atomic].
// What is seen of it is what it was, by the server's log, never goes back, and is the
// last value in the end, as with [Watcher].
func SharedValue(t *testing.T, make func(c zkapi.Client, path string) SharedValuer, opts ...func(*Exploration)) {
	t.Helper()
	ExploreSharedValue(t, make, opts...).FailT(t)
}

// ExploreSharedValue is SharedValue for those who want to see the result.
func ExploreSharedValue(t *testing.T, make func(c zkapi.Client, path string) SharedValuer, opts ...func(*Exploration)) *explore.Result {
	return search(t, func(w *explore.World, e *Exploration) {
		x := &sharing{chain: chain{perhaps: map[string]bool{}}, writers: e.Participants}
		x.chronicle = newChronicle(w, func(there map[string]watchers.Node) map[string]state {
			if n := there[watched]; n.Exists {
				return map[string]state{watched: valueState(n.Data)}
			}
			return map[string]state{watched: absent}
		})
		for i := range e.Participants {
			w.Go(name(i), func(p *explore.Participant) error { return x.share(p, make(p.Client, watched), e.Rounds) })
		}
		w.Remember(x.String)
		w.Finally(func() error {
			n, _ := w.Server.Node(watched)
			return x.check(string(n.Data))
		})
	}, without(explore.Removal, opts))
}

func valueState(data []byte) state { return state{words: fmt.Sprintf("%q", data)} }

// sharing is a value that is changed and followed.
type sharing struct {
	chain
	*chronicle
	writers int // who have not written everything
}

func (x *sharing) String() string { return fmt.Sprint(&x.chain, x.chronicle, x.writers) }

// share is what a participant does.
func (x *sharing) share(p *explore.Participant, s SharedValuer, rounds int) error {
	ok, err := attempt(p, "Start", s.Start)
	if err != nil {
		return err
	}
	if !ok {
		x.finish(p)
		return nil
	}
	defer s.Close()
	r := &reader{name: p.Name, at: map[string]int{}, errand: errand{p: p, stop: func() {}}}
	x.readers = append(x.readers, r)
	followed := make(chan error, 1)
	go func() {
		followed <- r.run(p, func(ctx context.Context) error {
			return s.Follow(ctx, func(value []byte) { x.sawOne(r, valueState(value)) })
		})
	}()
	for round := range rounds {
		if err == nil {
			err = x.set(p, s, fmt.Sprintf("%s%d,", p.Name, round+1))
		}
	}
	x.finish(p)
	if err != nil {
		r.done = true
		r.stop()
	}
	if failed := <-followed; err == nil {
		err = failed
	}
	if err == nil {
		err = r.wrong
	}
	return err
}

// set tries until it works or fails.
func (x *sharing) set(p *explore.Participant, s SharedValuer, word string) error {
	for set := false; !set; {
		pre := ""
		ok, err := attempt(p, "TrySet", func(ctx context.Context) (err error) {
			set, err = s.TrySet(ctx, func(seen []byte) []byte {
				pre = string(seen)
				return []byte(pre + word)
			})
			return err
		})
		if err != nil {
			return err
		}
		if !ok {
			x.perhaps[word] = true
			return nil
		}
		if set {
			return x.add(p, word, pre, pre+word)
		}
		p.Pause("tries again")
	}
	return nil
}

func (x *sharing) finish(p *explore.Participant) {
	p.Log("has written everything")
	x.writers--
	x.written = x.writers == 0
}
