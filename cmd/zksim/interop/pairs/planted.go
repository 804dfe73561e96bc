package pairs

import (
	"errors"
	"io"
	"time"

	"github.com/zksim/zksim/recipes"
)

// Meetings of recipes that do not go together. If one of them is all right, a check is none.

var plantedMeetings = []meeting{
	{0, "kazoo's Lock and ours in Curator's layout", wrongLock(Kazoo, "Lock", recipes.Curator)},
	{0, "InterProcessMutex and ours in kazoo's layout", wrongLock(Curator, "InterProcessMutex", recipes.Kazoo)},
	{0, "WriteLock and ours that does not heed it", wrongLock(Java, "WriteLock", recipes.GoZK)},
	{0, "zkr_lock and ours that does not heed it", wrongLock(C, "zkr_lock", recipes.GoZK)},
	{0, "go-zookeeper's Lock and ours that does not heed it", goZKLock()},
	{0, "DistributedQueue and our PriorityQueue", wrongQueue},
	{0, "NonBlockingLease and ours with a clock that is wrong", wrongLease},
	{0, "kazoo's float counter and our counter", wrongCounter},
}

// notice sits at a table where something has to be wrong, soon.
func (t *table) notice(run func(*table)) error {
	out := t.out
	t.out, t.limit, t.hasty = io.Discard, 2*time.Second, true
	err := t.sit(run)
	t.out, t.hasty, t.wrong = out, false, nil
	t.is("is noticed", err != nil, true)
	return errors.Join(t.wrong...)
}

func wrongLock(lib Library, kind string, l recipes.Layout) func(*table) {
	return func(t *table) {
		t.of(lib).new("lock", kind, t.path, "theirs")
		theirs := t.peerLock("lock")
		if lib == Java || lib == C {
			theirs = t.peerZooKeeperLock("lock")
		}
		t.takeTurns(recipes.NewLock(t.client, t.path, named("ours", layout(l))), theirs)
	}
}

func wrongQueue(t *table) {
	ours := recipes.NewDistributedQueue(t.client, t.path, recipes.PriorityQueue)
	t.of(Curator).new("put", "DistributedQueue", "producer", t.path, "")
	t.call("put", "put", "theirs")
	t.is("we get", t.consume(ours, 1), "theirs")
}

func wrongLease(t *table) {
	ours := recipes.NewLease(t.client, t.path, time.Minute, "ours", func(o *recipes.LeaseOptions) {
		o.Now = func() time.Time { return time.Now().Add(time.Hour) }
	})
	t.of(Kazoo).new("lease", "NonBlockingLease", t.path, "60", "theirs", "0")
	t.is("they obtain it", t.call("lease", "obtain"), "true")
	got, err := ours.Obtain(t.ctx)
	t.must("Obtain", err)
	t.is("we obtain what they have", got, false)
}

func wrongCounter(t *table) {
	t.of(Kazoo).new("counter", "FloatCounter", t.path)
	countTogether(t, recipes.NewCounter(t.client, t.path), whole)
}
