package history

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// wrong is what goes wrong while the workers work.
type wrong struct {
	*run
	rng     *rand.Rand
	workers []*worker
	kinds   []func() error
}

// goWrong lets the faults happen, and ends when the workers have done their steps.
func (r *run) goWrong(workers []*worker, steps *sync.WaitGroup) error {
	x := &wrong{run: r, rng: rand.New(rand.NewPCG(r.cfg.Seed, 1<<32)), workers: workers}
	if r.srv.Disconnect != nil && r.srv.Reconnect != nil {
		x.kinds = append(x.kinds, x.cut, x.cut)
	}
	if r.srv.Lose != nil {
		x.kinds = append(x.kinds, func() error { return x.lose(true) }, func() error { return x.lose(false) })
	}
	if r.srv.Expire != nil {
		x.kinds = append(x.kinds, x.expire)
	}
	if r.srv.Restart != nil {
		x.kinds = append(x.kinds, r.srv.Restart)
	}
	if len(x.kinds) > 0 {
		x.rng.Shuffle(len(x.kinds), func(i, j int) { x.kinds[i], x.kinds[j] = x.kinds[j], x.kinds[i] })
		for i := range r.cfg.Faults {
			x.pause(r.cfg.Pause * time.Duration(r.cfg.Steps) / time.Duration(r.cfg.Faults+1))
			if context.Cause(r.ctx) != nil {
				break
			}
			if err := x.kinds[i%len(x.kinds)](); err != nil {
				return fmt.Errorf("letting something go wrong: %w", err)
			}
		}
	}
	steps.Wait()
	return nil
}

func (x *wrong) pause(most time.Duration) {
	if most > 0 {
		time.Sleep(time.Duration(x.rng.Int64N(int64(most))))
	}
}

func (x *wrong) client() zkapi.Client { return x.workers[x.rng.IntN(len(x.workers))].client }

// cut breaks a client's connection for a while, or for so long that its session ends.
func (x *wrong) cut() error {
	c := x.client()
	if c.State() != zkapi.StateConnected {
		return nil // not yet back from the last time
	}
	if err := x.srv.Disconnect(c); err != nil {
		return err
	}
	x.pause(4 * x.cfg.Pause)
	if x.cfg.Expiry && x.rng.IntN(4) == 0 {
		time.Sleep(2 * x.cfg.SessionTimeout)
	}
	return x.srv.Reconnect(c)
}

func (x *wrong) lose(reply bool) error { return x.srv.Lose(x.client(), reply) }

// expire ends a session on the server. Whether it was there is not sure: the
// client may be on its way to another one.
func (x *wrong) expire() error {
	c := x.client()
	o := Op{Session: c.SessionID(), Kind: End, Call: x.clock.Add(1), Outcome: Done}
	if o.Session == 0 {
		return nil
	}
	err := x.srv.Expire(o.Session)
	if o.Return = x.clock.Add(1); err != nil {
		o.Outcome, o.Return = Unknown, Never
	}
	x.note(o)
	return nil
}
