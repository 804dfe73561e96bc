package recipes

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"
)

// Policy says how often something is tried, and how fast.
type Policy interface {
	// Start begins a call: what it returns is asked after each failure of it.
	Start() Pauses
}

// Pauses tells how long to wait after a failure, the time since the start of the
// call being elapsed, and whether to try again at all.
type Pauses func(err error, elapsed time.Duration) (pause time.Duration, again bool)

// Retry calls f until it succeeds, fails for good, or the policy has enough.
// What can be tried again is a lost connection, a request that the server has
// turned away, and a session that has expired, so f must be something that may
// be done twice, and in another session. Every other error is returned as it is.
// When the policy has enough, or the context ends, the error wraps f's last one.
func Retry(ctx context.Context, p Policy, f func(context.Context) error) error {
	start, pauses := time.Now(), p.Start()
	for tries := 1; ; tries++ {
		err := f(ctx)
		if err == nil || ctx.Err() == nil && !retryable(err) && Classify(err) != Expired {
			return err
		}
		pause, again := pauses(err, time.Since(start))
		if !again {
			return fmt.Errorf("tried %d times: %w", tries, err)
		}
		if sleep(ctx, pause) != nil {
			return fmt.Errorf("%w, after %d tries: %w", context.Cause(ctx), tries, err)
		}
	}
}

// sleep waits, unless the context ends before.
func sleep(ctx context.Context, d time.Duration) error {
	if ctx.Err() != nil || d <= 0 {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// chance is that of crypto/rand, which tests can make to give the same numbers again.
var chance = rand.New(cryptoSource{})

type cryptoSource struct{}

// Uint64 implements rand.Source.
func (cryptoSource) Uint64() uint64 {
	var b [8]byte
	crand.Read(b[:])
	return binary.LittleEndian.Uint64(b[:])
}

// Backoff is kazoo's KazooRetry: pauses that grow, each drawn from a band around
// what is due. Fields that are zero have kazoo's defaults.
type Backoff struct {
	MaxTries int           // calls in all, the first among them; 0 is no limit
	Delay    time.Duration // the first pause; 100 ms by default
	Factor   float64       // by which each pause is longer than the one before; 2 by default
	Jitter   float64       // the band is so large a part of the pause, up and down; 0.4 by default, negative is none
	MaxDelay time.Duration // pauses do not grow beyond it; a minute by default
	Deadline time.Duration // no pause ends later than so long after the start; 0 is no limit
	// NotExpired gives up when the session has expired, as ignore_expire=False does.
	NotExpired bool
}

// Start implements Policy.
func (b Backoff) Start() Pauses {
	if b.Delay == 0 {
		b.Delay = 100 * time.Millisecond
	}
	if b.Factor == 0 {
		b.Factor = 2
	}
	if b.Jitter == 0 {
		b.Jitter = 0.4
	}
	b.Jitter = min(max(b.Jitter, 0), 1)
	if b.MaxDelay == 0 {
		b.MaxDelay = time.Minute
	}
	due, tries := min(b.Delay, b.MaxDelay), 0
	return func(err error, elapsed time.Duration) (time.Duration, bool) {
		tries++
		pause := time.Duration(float64(due) * (1 - b.Jitter + 2*b.Jitter*chance.Float64()))
		due = time.Duration(min(float64(pause)*b.Factor, float64(b.MaxDelay)))
		switch {
		case b.MaxTries > 0 && tries >= b.MaxTries,
			b.NotExpired && Classify(err) == Expired,
			b.Deadline > 0 && elapsed+pause >= b.Deadline:
			return 0, false
		}
		return pause, true
	}
}

// curator is a policy of Curator: n retries after the first try.
type curator struct {
	n     int // negative: no limit
	max   time.Duration
	pause func(retry int) time.Duration
}

// Start implements Policy.
func (p curator) Start() Pauses {
	retry := 0
	return func(_ error, elapsed time.Duration) (time.Duration, bool) {
		retry++
		if p.n >= 0 && retry > p.n || p.max > 0 && elapsed > p.max {
			return 0, false
		}
		return p.pause(retry - 1), true
	}
}

func every(d time.Duration) func(int) time.Duration { return func(int) time.Duration { return d } }

// ExponentialBackoff is Curator's ExponentialBackoffRetry, or with max > 0 its
// BoundedExponentialBackoffRetry: n retries, at most 29; the pause before retry
// k, counted from 0, is base times a number drawn from 1 to 2^(k+1)-1.
func ExponentialBackoff(base time.Duration, n int, max time.Duration) Policy {
	return curator{n: min(n, 29), pause: func(retry int) time.Duration {
		d := base * time.Duration(1+chance.IntN(1<<(retry+1)-1))
		if max > 0 {
			d = min(d, max)
		}
		return d
	}}
}

// RetryTimes is Curator's RetryNTimes: n retries, and with n = 1 RetryOneTime.
func RetryTimes(n int, pause time.Duration) Policy { return curator{n: n, pause: every(pause)} }

// RetryForever is Curator's RetryForever: it ends with the context alone.
func RetryForever(pause time.Duration) Policy { return curator{n: -1, pause: every(pause)} }

// RetryFor is Curator's RetryUntilElapsed: no retry begins later than max after the start.
func RetryFor(max, pause time.Duration) Policy { return curator{n: -1, max: max, pause: every(pause)} }
