package pairs

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"time"

	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

// Meetings of recipes that do not go together. If one of them is all right, a check is none.

var plantedMeetings = []meeting{
	{0, "kazoo's Lock and ours in Curator's layout", wrongLock(Kazoo, "Lock", recipes.Curator), nil},
	{0, "InterProcessMutex and ours in kazoo's layout", wrongLock(Curator, "InterProcessMutex", recipes.Kazoo), nil},
	{0, "WriteLock and ours that does not heed it", wrongLock(Java, "WriteLock", recipes.GoZK), nil},
	{0, "zkr_lock and ours that does not heed it", wrongLock(C, "zkr_lock", recipes.GoZK), nil},
	{0, "go-zookeeper's Lock and ours that does not heed it", goZKLock(), nil},
	{0, "DistributedQueue and our PriorityQueue", wrongQueue, nil},
	{0, "NonBlockingLease and ours with a clock that is wrong", wrongLease, nil},
	{0, "kazoo's float counter and our counter", wrongCounter, nil},
	{0, "MultiNonBlockingLease and ours of one more", func(t *table) { shareMultiLease(t.of(Kazoo), 3) }, nil},
	{0, "QueueSharder and our shards of another kind", wrongShards, nil},
	{0, "DYNAMIC_SEQUENTIAL and ours that is Dynamic", func(t *table) { registerSame(t.of(Curator), recipes.Dynamic) }, nil},
	{0, "InterProcessMultiLock and ours in kazoo's layout", func(t *table) { holdBoth(t.of(Curator), recipes.Kazoo) }, nil},
	{0, "InterProcessSemaphoreMutex and our two leases", func(t *table) { oneLease(t.of(Curator), 2) }, nil},
	{0, "InterProcessReadWriteLock and ours that stops writing to read", wrongDowngrade, nil},
	{0, "DistributedAtomicValue and ours in hexadecimal", func(t *table) { changeValue(t.of(Curator), hexadecimal) }, nil},
	{0, "SharedValue and ours in hexadecimal", func(t *table) { sharedValue(t.of(Curator), hexadecimal) }, nil},
	{0, "CachedAtomicLong and our numbers as text", wrongNumbers, nil},
	{0, "PersistentTtlNode and ours that lives longer", func(t *table) { keepTTL(t.of(Curator), 2*time.Second) }, nil},
	{0, "PersistentNode and ours that outlives its session", nil, func(t *table) { t.of(Curator).loseKept(zkapi.Persistent) }},
	{0, "kazoo's Lock and ours that outlives its session", nil, func(t *table) {
		t.of(Kazoo).losePeerLock(recipes.NewLock(t.client, t.path, stays), (*table).peerLock, "Lock", "theirs")
	}},
	{0, "kazoo's Lock that outlives its session and ours", nil, func(t *table) {
		t.of(Kazoo).losePeerLock(recipes.NewLock(t.client, t.path), (*table).peerLock, "LockThatStays", "theirs")
	}},
	{0, "ServiceDiscovery and ours that is Static", nil, func(t *table) { t.of(Curator).loseService(recipes.Static, false) }},
}

func stays(o *recipes.Options) { o.Persistent = true }

// hexadecimal is how nobody else writes data.
var hexadecimal = recipes.Codec[[]byte]{
	Encode: func(v []byte) ([]byte, error) { return []byte(hex.EncodeToString(v)), nil },
	Decode: func(data []byte) ([]byte, error) { return hex.DecodeString(string(data)) },
}

func wrongShards(t *table) {
	t.of(Curator)
	s := &sharders{t, t.path + "-leaders", 6, 3}
	ours := recipes.NewQueueSharder(t.client, t.path, s.leaders, func(path string) *recipes.SimpleQueue {
		return recipes.NewSimpleQueue(t.client, path)
	})
	t.must("Start", ours.Start(t.ctx))
	defer ours.Close(context.WithoutCancel(t.ctx))
	s.theirs("get", "consumer")
	t.must("Offer", ours.Queue().Offer(t.ctx, []byte("ours")))
	t.is("they get", t.call("get", "take", "1"), "ours")
}

func wrongDowngrade(t *table) {
	downgrade(t.of(Curator), func(ours *recipes.RWLock) {
		t.must("Release", ours.Write().Release(t.ctx))
		t.must("Acquire", ours.Read().Acquire(t.ctx))
	})
}

func wrongNumbers(t *table) { takeNumbers(t.of(Curator), recipes.NewCounter(t.client, t.path)) }

// notice sits at a table where something has to be wrong, soon.
func (t *table) notice(limit time.Duration, run func(*table)) error {
	out := t.out
	t.out, t.limit, t.hasty = io.Discard, limit, true
	err := t.sit(run)
	t.out, t.hasty, t.wrong, t.after = out, false, nil, ""
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
