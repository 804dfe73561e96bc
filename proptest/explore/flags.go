package explore

import (
	"flag"
	"fmt"
	"time"
)

// The flags of a test binary that explores; they override what the test says.
var (
	flagReplay    = flag.String("explore.replay", "", "run only this `schedule`, as a failure has printed it")
	flagSeed      = flag.Uint64("explore.seed", 0, "search at random, from this `seed`, if not 0")
	flagSchedules = flag.Int("explore.schedules", 0, "stop after `n` schedules")
	flagTime      = flag.Duration("explore.time", 0, "stop after this `time`")
	flagShard     = flag.String("explore.shard", "", "do only the `i/n`-th part of the search, i from 0")
	flagFrom      = flag.String("explore.from", "", "go on with an exhaustive search at this `frontier`, as a stopped one has printed it")
	flagThorough  = flag.Bool("explore.thorough", false, "have an exhaustive search make sure of everything that it takes for the same")
	flagProgress  = flag.Bool("explore.progress", false, "print how far the search has come, every ten seconds; with -v")
)

// override lets the flags have their way.
func (c *Config) override(logf func(format string, args ...any)) (err error) {
	if *flagSeed != 0 {
		c.Strategy = Random(*flagSeed)
	}
	if *flagFrom != "" {
		if c.Strategy, err = goOn(*flagFrom); err != nil {
			return err
		}
	}
	if *flagSchedules < 0 || *flagTime < 0 {
		return fmt.Errorf("explore: %d schedules in %v are less than none", *flagSchedules, *flagTime)
	}
	if *flagSchedules != 0 {
		if c.Schedules = *flagSchedules; c.endless {
			c.Time = 0
		}
	}
	if *flagTime != 0 {
		c.Time = *flagTime
	}
	if *flagShard != "" {
		c.Shard, c.Shards, err = parseShard(*flagShard)
	}
	c.Thorough = c.Thorough || *flagThorough
	if *flagProgress {
		before := c.Progress
		c.Progress = func(p Progress) {
			logf("%v", p)
			if before != nil {
				before(p)
			}
		}
	}
	return err
}

// rate is something a second.
func rate(n int, d time.Duration) float64 { return float64(n) / max(d.Seconds(), 1e-9) }
