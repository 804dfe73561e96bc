package zkapi_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/zksim/zksim/zkapi"
)

// TestStreamIsAQueue compares with a slice, whatever is done in whatever order.
func TestStreamIsAQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		closed := 0
		s := zkapi.NewStream[int](func() { closed++ })
		var queue []int
		next, ended, wantClosed := 0, false, 0
		t.Repeat(map[string]func(*rapid.T){
			"send": func(*rapid.T) {
				if s.Send(next); !ended {
					queue = append(queue, next)
				}
				next++
			},
			"receive": func(t *rapid.T) {
				v, ok, open := s.TryNext()
				require.Equal(t, len(queue) > 0, ok)
				require.Equal(t, ok || !ended, open)
				if ok {
					require.Equal(t, queue[0], v)
					queue = queue[1:]
				}
			},
			"end":   func(*rapid.T) { s.End(); ended = true },
			"close": func(*rapid.T) { s.Close(); ended, queue, wantClosed = true, nil, 1 },
			"": func(t *rapid.T) {
				require.Equal(t, wantClosed, closed)
				if len(queue) > 0 || ended {
					require.Len(t, s.Ready(), 1, "there is news")
				}
			},
		})
	})
}

func TestStreamWakesWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := zkapi.NewStream[string](nil)
		got := make(chan any, 3)
		for range 3 {
			go func() {
				v, err := s.Next(t.Context())
				if err != nil {
					got <- err
					return
				}
				got <- v
			}()
		}
		synctest.Wait()
		require.Empty(t, got)
		s.Send("one")
		synctest.Wait()
		require.Len(t, got, 1)
		require.Equal(t, "one", <-got)
		s.End()
		synctest.Wait()
		require.Equal(t, []any{zkapi.ErrClosed, zkapi.ErrClosed}, []any{<-got, <-got})
	})
}

func TestStreamReadyTellsEverybodyTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := zkapi.NewStream[int](nil)
		for range 3 {
			go func() {
				for open := true; open; {
					<-s.Ready()
					_, _, open = s.TryNext()
				}
			}()
		}
		s.Send(1)
		synctest.Wait()
		s.Close() // the bubble fails if one of them is left
	})
}

func TestStreamContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		s := zkapi.NewStream[int](nil)
		_, err := s.Next(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		s.Send(7)
		v, err := s.Next(ctx)
		require.NoError(t, err, "what is there needs no waiting")
		require.Equal(t, 7, v)
	})
}

func TestStreamAll(t *testing.T) {
	s := zkapi.NewStream[int](nil)
	for i := range 5 {
		s.Send(i)
	}
	for v := range s.All(t.Context()) {
		if v == 1 {
			break
		}
	}
	s.End()
	require.Equal(t, []int{2, 3, 4}, slices.Collect(s.All(t.Context())))
	require.Empty(t, slices.Collect(s.All(t.Context())))
}

// TestStreamMayBeClosedFromItsOnClose: the hook runs outside the lock.
func TestStreamMayBeClosedFromItsOnClose(t *testing.T) {
	var s *zkapi.Stream[int]
	n := 0
	s = zkapi.NewStream[int](func() { n++; s.Close(); s.Send(1); s.End() })
	s.Close()
	s.Close()
	require.Equal(t, 1, n)
}

func BenchmarkStream(b *testing.B) {
	s := zkapi.NewStream[zkapi.Event](nil)
	b.ReportAllocs()
	for b.Loop() {
		s.Send(zkapi.Event{})
		s.TryNext()
	}
}

// Who takes all there is without having waited leaves nothing to wake up for.
func TestStreamReadyIsOverWithTheNews(t *testing.T) {
	s := zkapi.NewStream[int](nil)
	ready := func() bool {
		select {
		case <-s.Ready():
			return true
		default:
			return false
		}
	}
	s.Send(1)
	s.Send(2)
	_, _, _ = s.TryNext()
	_, ok, _ := s.TryNext()
	require.True(t, ok)
	require.False(t, ready())
	s.Send(3)
	require.True(t, ready())
	require.False(t, ready(), "one is woken")
	_, ok, _ = s.TryNext()
	require.True(t, ok)
	s.Close()
	require.True(t, ready())
}
