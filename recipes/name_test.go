package recipes

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/zksim/zksim/zkapi"
)

func TestCounter(t *testing.T) {
	for name, want := range map[string]int32{
		"a__lock__0000000007":         7,
		"a__lock__2147483647":         2147483647,
		"a__lock__-2147483648":        -2147483648,
		"a__lock__-000000005":         -5,
		"a__lock__-1000000000":        -1000000000,
		"b__lock__1__lock__000000001": 0, // nine digits
		"a__lock__":                   0,
		"a__lock__00000000x1":         0,
		"a__lock__2147483648":         0,
		"a__lock__+000000001":         0,
		"a__lock__--00000001":         0,
		"a__rlock__0000000001":        0,
		"a-lock-0000000001":           0,
		"0000000001":                  0,
	} {
		seq, ok := counter(name, "__lock__")
		require.Equal(t, want != 0, ok, name)
		require.Equal(t, want, seq, name)
	}
	seq, ok := counter("_c_x-lock--2147483648", "-lock-")
	require.True(t, ok)
	require.EqualValues(t, -2147483648, seq)
}

func TestContenders(t *testing.T) {
	var line []string
	for _, x := range contenders([]string{
		"c__lock__-2147483648", "x", "a__lock__2147483646", "d__rlock__-2147483647", "b__lock__2147483647", "e__lock__-000000009",
	}, []string{"__lock__", "__rlock__"}) {
		line = append(line, x.name[:1]+x.tag)
	}
	require.Equal(t, []string{"a__lock__", "b__lock__", "c__lock__", "d__rlock__", "e__lock__"}, line)
}

func TestLayouts(t *testing.T) {
	g := guid{0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 1, 2, 3, 4, 5, 6, 7, 8}
	require.Equal(t, "123456789abcdef00102030405060708__lock__", Kazoo.named(g, "__lock__"))
	require.Equal(t, "_c_12345678-9abc-def0-0102-030405060708-lock-", Curator.named(g, "-lock-"))
	require.Equal(t, "_c_123456789abcdef00102030405060708-lock-", GoZK.named(g, "-lock-"))
	require.NotEqual(t, newGUID(), newGUID())
}

// R1 to R3: as many calls as are allowed, pauses in their band, none beyond the deadline.
func TestBackoff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := Backoff{
			MaxTries: rapid.IntRange(1, 8).Draw(t, "tries"),
			Delay:    time.Duration(rapid.IntRange(1, 2000).Draw(t, "delay")) * time.Millisecond,
			Factor:   rapid.Float64Range(1, 4).Draw(t, "factor"),
			Jitter:   rapid.Float64Range(0.01, 1).Draw(t, "jitter"),
			MaxDelay: time.Duration(rapid.IntRange(1, 3000).Draw(t, "max")) * time.Millisecond,
			Deadline: time.Duration(rapid.IntRange(0, 9000).Draw(t, "deadline")) * time.Millisecond,
		}
		rapid.SyncTest(t, func(t *rapid.T) {
			var calls []time.Time
			err := Retry(context.Background(), b, func(context.Context) error {
				calls = append(calls, time.Now())
				return zkapi.ErrConnectionLoss
			})
			require.ErrorIs(t, err, zkapi.ErrConnectionLoss)
			require.LessOrEqual(t, len(calls), b.MaxTries)
			if b.Deadline > 0 {
				require.LessOrEqual(t, time.Since(calls[0]), b.Deadline)
			} else {
				require.Len(t, calls, b.MaxTries)
			}
			due := float64(min(b.Delay, b.MaxDelay))
			for i := 1; i < len(calls); i++ {
				pause := float64(calls[i].Sub(calls[i-1]))
				require.InDelta(t, due, pause, due*b.Jitter+2)
				due = min(pause*b.Factor, float64(b.MaxDelay))
			}
		})
	})
}

func TestCuratorPolicies(t *testing.T) {
	lost := func(context.Context) error { return zkapi.ErrConnectionLoss }
	synctest.Test(t, func(t *testing.T) {
		for range 100 {
			pauses := ExponentialBackoff(time.Second, 3, 0).Start()
			for k := range 3 {
				pause, again := pauses(nil, 0)
				require.True(t, again)
				require.GreaterOrEqual(t, pause, time.Second)
				require.Less(t, pause, time.Second<<(k+1))
			}
			_, again := pauses(nil, 0)
			require.False(t, again)
		}
		pauses := ExponentialBackoff(time.Second, 100, 5*time.Second).Start()
		for range 29 {
			pause, again := pauses(nil, 0)
			require.True(t, again)
			require.LessOrEqual(t, pause, 5*time.Second)
		}
		_, again := pauses(nil, 0)
		require.False(t, again, "29 at most")

		start := time.Now()
		require.Error(t, Retry(context.Background(), RetryFor(10*time.Second, 3*time.Second), lost))
		require.Equal(t, 12*time.Second, time.Since(start))

		ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // R3, R4
		defer cancel()
		start = time.Now()
		err := Retry(ctx, RetryForever(7*time.Second), lost)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, zkapi.ErrConnectionLoss)
		require.Equal(t, time.Minute, time.Since(start))
	})
}

// R5, R7: what cannot be tried again comes back as it is, at once.
func TestRetryGivesUp(t *testing.T) {
	own := errors.New("mine")
	for _, want := range []error{own, zkapi.ErrClosed, zkapi.ErrNoNode, zkapi.ErrNoAuth, zkapi.ErrBadVersion} {
		calls := 0
		err := Retry(context.Background(), RetryForever(time.Hour), func(context.Context) error { calls++; return want })
		require.Equal(t, want, err)
		require.Equal(t, 1, calls)
	}
	err := Retry(context.Background(), Backoff{NotExpired: true}, func(context.Context) error { return zkapi.ErrSessionExpired })
	require.ErrorIs(t, err, zkapi.ErrSessionExpired)
}

func TestClassify(t *testing.T) {
	for err, want := range map[error]Class{
		nil:                      Done,
		zkapi.ErrConnectionLoss:  Ambiguous,
		context.Canceled:         Ambiguous,
		zkapi.ErrSessionMoved:    Rejected,
		zkapi.ErrSessionExpired:  Expired,
		ErrSessionLost:           Expired,
		zkapi.ErrClosed:          Closed,
		zkapi.ErrNodeExists:      Logical,
		zkapi.ErrNoAuth:          Terminal,
		errors.New("whatever"):   Terminal,
		zkapi.ErrBadArguments:    Terminal,
		zkapi.ErrRequestTimeout:  Ambiguous,
		zkapi.ErrThrottledOp:     Rejected,
		zkapi.ErrQuotaExceeded:   Terminal,
		zkapi.ErrNotReadOnly:     Rejected,
		zkapi.ErrNotEmpty:        Logical,
		context.DeadlineExceeded: Ambiguous,
	} {
		require.Equal(t, want, Classify(err), err)
		if err != nil {
			require.Equal(t, want, Classify(&zkapi.OpError{Op: "create", Path: "/a", Err: err}))
		}
	}
}
