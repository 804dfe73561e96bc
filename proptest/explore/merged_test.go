package explore_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/zkapi"
)

// What looks the same, and is not: each of these ends was left out by a search that said it was complete. Where a fault
// is allowed that the end does not need, it is there to leave a choice, without which states are not compared.
func TestNotTheSame(t *testing.T) {
	for name, x := range map[string]struct {
		scenario func(w *explore.World, told func(string))
		faults   int
		kinds    explore.Fault
		preempts int
		ways     []string
	}{
		"one that is gone comes back, or its session ends": {goneAway, 2, explore.Restart | explore.TimerRace, 0,
			[]string{"and then: false", "and then: true"}},
		"a call fails whose context somebody else has ended, and is done all the same": {failsAndIsDone, 1, explore.Cut, 0,
			[]string{"failed false, is there true", "failed true, is there false", "failed true, is there true"}},
		"an event that was missed has no zxid": {missedEvent, 2, explore.Cut, 0,
			[]string{"zxid -1: false", "zxid -1: true"}},
		"one that is gone has a context left": {contextLeft, 1, explore.Cancellation, 0, nil},
		"a watch is used up by an event that its client may not have": {filteredEvent, 2, explore.Cut, 0,
			[]string{"not told, 1", "told NodeDataChanged, 1"}},
		"one draws in a step of somebody else's": {drawsForAnother, 1, explore.Cut, 0, nil},
		"a restart puts off the reaper":          {putOff, 4, explore.Cut | explore.Restart | explore.TimerRace, 0, nil},
		"an invariant writes":                    {invariantWrites, 0, 0, 0, []string{"there is one: false", "there is one: true"}},
		"an event for one that is gone interrupts nobody": {interruptsNobody, 0, 0, 1,
			[]string{"false false", "false true", "true false", "true true"}},
	} {
		t.Run(name, func(t *testing.T) {
			config := func(c *explore.Config) { c.Faults, c.Kinds, c.Preemptions = x.faults, x.kinds, x.preempts }
			all := slices.Sorted(maps.Keys(waysOf(t, x.scenario, config, unreduced)))
			if x.ways != nil {
				require.Equal(t, x.ways, all)
			}
			require.Equal(t, all, slices.Sorted(maps.Keys(waysOf(t, x.scenario, config))))
			waysOf(t, x.scenario, config, func(c *explore.Config) { c.Thorough = true })
		})
	}
}

// last remembers the last thing that was noted, and tells it in the end, if it counts.
func last(w *explore.World, told func(string), counts func(way string) bool) (note func(p *explore.Participant, format string, args ...any)) {
	way := ""
	w.Remember(func() string { return way })
	w.Finally(func() error {
		if counts(way) {
			told(way)
		}
		return nil
	})
	return func(p *explore.Participant, format string, args ...any) {
		way = fmt.Sprintf(format, args...)
		p.Log("%s", way)
	}
}

func goneAway(w *explore.World, told func(string)) {
	w.Go("A", func(p *explore.Participant) error {
		_, _ = p.Client.Create(p.Context(), "/e", nil, nil, zkapi.Ephemeral)
		return nil
	})
	w.Go("B", func(p *explore.Participant) error {
		_, before, err := p.Client.Exists(p.Context(), "/e")
		p.Pause("works")
		_, after, failed := p.Client.Exists(p.Context(), "/e")
		if err == nil && failed == nil && before {
			told(fmt.Sprint("and then: ", after))
		}
		return nil
	})
	w.Remember()
}

func failsAndIsDone(w *explore.World, told func(string)) {
	note := last(w, told, func(string) bool { return w.Faults() == 0 })
	var stop context.CancelFunc
	w.Go("A", func(p *explore.Participant) error {
		var ctx context.Context
		ctx, stop = context.WithCancel(p.Context())
		_, err := p.Client.Create(ctx, "/x", nil, nil, zkapi.Persistent)
		_, there, _ := p.Client.Exists(p.Context(), "/x")
		note(p, "failed %v, is there %v", err != nil, there)
		return nil
	})
	w.Go("B", func(p *explore.Participant) error {
		p.Pause("works")
		stop()
		return nil
	})
}

func missedEvent(w *explore.World, told func(string)) {
	note := last(w, told, func(way string) bool { return way != "" && w.Faults() == 1 })
	w.Go("A", func(p *explore.Participant) error {
		states := p.Client.States()
		defer states.Close()
		_, _, changed, err := p.Client.ExistsW(p.Context(), "/x")
		if err != nil || p.Faults() > 0 {
			return nil
		}
		var e zkapi.Event
		select {
		case e = <-changed:
		case <-time.After(time.Minute):
			return nil
		}
		lost := 0
		for s, ok, _ := states.TryNext(); ok; s, ok, _ = states.TryNext() {
			if s.State == zkapi.StateSuspended {
				lost++
			}
		}
		if lost == 0 {
			return nil
		}
		_, there, _ := p.Client.Exists(p.Context(), "/y")
		if e.Type == zkapi.EventNodeCreated && there {
			note(p, "zxid -1: %v", e.Zxid == -1)
		}
		return nil
	})
	w.Go("B", func(p *explore.Participant) error {
		if _, err := p.Client.Create(p.Context(), "/x", nil, nil, zkapi.Persistent); err != nil {
			return nil
		}
		if err := p.Client.Delete(p.Context(), "/x", zkapi.AnyVersion); err != nil {
			return nil
		}
		_, _ = p.Client.Create(p.Context(), "/y", nil, nil, zkapi.Persistent)
		return nil
	})
}

func contextLeft(w *explore.World, told func(string)) {
	w.Go("A", func(p *explore.Participant) error {
		if _, there, _ := p.Client.Exists(p.Context(), "/x"); there {
			_, _ = p.Cancelable(p.Context())
		}
		return nil
	})
	w.Go("B", func(p *explore.Participant) error {
		_, err := p.Client.Create(p.Context(), "/x", nil, nil, zkapi.Persistent)
		_, _, _ = p.Client.Exists(p.Context(), "/x")
		_, _, _ = p.Client.Exists(p.Context(), "/x")
		return err
	})
	w.Go("C", func(p *explore.Participant) error {
		_, _, _ = p.Client.Exists(p.Context(), "/z")
		return nil
	})
	w.Remember()
	w.Finally(func() error { told(fmt.Sprint(w.Faults())); return nil })
}

func filteredEvent(w *explore.World, told func(string)) {
	c, _ := w.Server.Client()
	_, _ = c.Create(context.Background(), "/x", nil, nil, zkapi.Persistent)
	_ = c.Close()
	early, way := false, ""
	w.Remember(func() string { return fmt.Sprint(early, way) })
	w.Go("A", func(p *explore.Participant) error {
		_, _, changed, err := p.Client.GetW(p.Context(), "/x")
		if err != nil {
			return nil
		}
		_, _, _ = p.Client.Get(p.Context(), "/")
		if p.Faults() > 0 {
			return nil
		}
		p.Pause("works")
		p.Pause("works on")
		if p.Faults() != 1 || !p.Well() {
			return nil
		}
		way = "not told"
		select {
		case e := <-changed:
			way = fmt.Sprint("told ", e.Type)
		default:
		}
		p.Log("%s", way)
		return nil
	})
	w.Go("B", func(p *explore.Participant) error {
		none := []zkapi.ACL{{Perms: zkapi.PermWrite | zkapi.PermAdmin, Scheme: "world", ID: "anyone"}}
		_, _ = p.Client.SetACL(p.Context(), "/x", none, zkapi.AnyVersion)
		_, _ = p.Client.Set(p.Context(), "/x", nil, zkapi.AnyVersion)
		if p.Faults() == 0 {
			early = true
			p.Log("nothing has gone wrong yet")
		}
		return nil
	})
	w.Finally(func() error {
		if early && way != "" && w.Faults() < 2 {
			told(fmt.Sprintf("%s, %d", way, w.Faults()))
		}
		return nil
	})
}

func drawsForAnother(w *explore.World, told func(string)) {
	note := last(w, told, func(way string) bool { return way != "" && w.Faults() == 0 })
	draw := func() []byte {
		x := make([]byte, 1)
		_, _ = rand.Read(x)
		return x
	}
	var stop context.CancelFunc
	w.Go("A", func(p *explore.Participant) error {
		var ctx context.Context
		ctx, stop = context.WithCancel(p.Context())
		_, _ = p.Client.Create(ctx, "/x", nil, nil, zkapi.Persistent)
		draw()
		p.Pause("works on")
		return nil
	})
	w.Go("B", func(p *explore.Participant) error {
		p.Pause("works")
		stop()
		_, there, err := p.Client.Exists(p.Context(), "/x")
		if err == nil && there {
			note(p, "%x", draw())
		}
		return nil
	})
}

func putOff(w *explore.World, told func(string)) {
	c, _ := w.Server.Client()
	_, _ = c.Create(context.Background(), "/c", nil, nil, zkapi.Container)
	_, _ = c.Create(context.Background(), "/c/x", nil, nil, zkapi.Persistent)
	_ = c.Close()
	note := last(w, told, func(way string) bool { return way != "" })
	w.Go("A", func(p *explore.Participant) error {
		states := p.Client.States()
		defer states.Close()
		began := time.Now()
		until := func(seconds time.Duration) { <-time.After(time.Until(began.Add(seconds * time.Second))) } // by the bubble's clock
		until(20)
		before := p.Client.SessionID()
		if p.Client.State() != zkapi.StateSuspended {
			return nil
		}
		p.Pause("works")
		until(45)
		if p.Client.State() != zkapi.StateSuspended || p.Client.SessionID() != before {
			return nil
		}
		p.Pause("works on")
		until(90)
		if err := p.Client.Delete(p.Context(), "/c/x", zkapi.AnyVersion); err != nil || time.Since(began) > 90*time.Second {
			return nil
		}
		until(125)
		_, there, err := p.Client.Exists(p.Context(), "/c")
		lost := 0
		for s, ok, _ := states.TryNext(); ok; s, ok, _ = states.TryNext() {
			if s.State == zkapi.StateSuspended {
				lost++
			}
		}
		if err == nil && lost == 1 && time.Since(began) == 125*time.Second {
			note(p, "the container is there: %v", there)
		}
		return nil
	})
}

func invariantWrites(w *explore.World, told func(string)) {
	c, _ := w.Server.Client()
	_, _ = c.Create(context.Background(), "/p", nil, nil, zkapi.Persistent)
	note := last(w, told, func(string) bool { return true })
	w.Go("A", func(p *explore.Participant) error {
		_, err := p.Client.Create(p.Context(), "/a", nil, nil, zkapi.Persistent)
		p.Pause("goes on")
		return err
	})
	w.Go("B", func(p *explore.Participant) error {
		_, there, err := p.Client.Exists(p.Context(), "/p/b")
		_, _, _ = p.Client.Exists(p.Context(), "/p/c")
		note(p, "there is one: %v", there)
		return err
	})
	w.Invariant(func() error {
		_, there := w.Server.Node("/a")
		if _, done := w.Server.Node("/p/b"); there && !done {
			_, err := c.Create(context.Background(), "/p/b", nil, nil, zkapi.Persistent)
			return err
		}
		return nil
	})
	w.Finally(c.Close)
}

func interruptsNobody(w *explore.World, told func(string)) {
	note := last(w, told, func(string) bool { return true })
	w.Go("A", func(p *explore.Participant) error {
		_, _, _, _ = p.Client.ExistsW(p.Context(), "/a")
		_, err := p.Client.Create(p.Context(), "/g", nil, nil, zkapi.Persistent)
		return err
	})
	w.Go("B", func(p *explore.Participant) error {
		_, there, _ := p.Client.Exists(p.Context(), "/g")
		for _, path := range []string{"/a", "/b", "/c"} {
			if there {
				_, _ = p.Client.Create(p.Context(), path, nil, nil, zkapi.Persistent)
			}
		}
		return nil
	})
	w.Go("C", func(p *explore.Participant) error {
		_, b, _ := p.Client.Exists(p.Context(), "/b")
		_, c, _ := p.Client.Exists(p.Context(), "/c")
		note(p, "%v %v", b, c)
		return nil
	})
}
