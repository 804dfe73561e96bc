package proptest_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/proptest"
	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/proptest/internal/brief"
	"github.com/zksim/zksim/watchers"
	"github.com/zksim/zksim/zkapi"
)

type option = func(*proptest.Exploration)

// properties are the ready-made ones, each on the small recipe that has the bug, or none.
var properties = map[string]func(t *testing.T, bug string, o option) *explore.Result{
	"lock": func(t *testing.T, bug string, o option) *explore.Result {
		return proptest.ExploreLock(t, func(c zkapi.Client) proptest.Locker { return newLine(c, bug) }, furnished(bug), o)
	},
	"reentrant lock": func(t *testing.T, bug string, o option) *explore.Result {
		return proptest.ExploreLock(t, func(c zkapi.Client) proptest.Locker { return newKeyed(c, bug) }, furnished(bug), proptest.Reentrant, o)
	},
	"revocable lock": func(t *testing.T, bug string, o option) *explore.Result {
		return proptest.ExploreRevocableLock(t, func(c zkapi.Client) proptest.RevocableLocker { return &recalled{line: newLine(c, bug)} }, furnished(bug), o)
	},
	"rwlock": func(t *testing.T, bug string, o option) *explore.Result {
		return proptest.ExploreRWLock(t, func(c zkapi.Client) proptest.RWLocker { return rw{c, bug} }, furnished(bug), o)
	},
	"semaphore": func(t *testing.T, bug string, o option) *explore.Result {
		return proptest.ExploreSemaphore(t, 2, func(c zkapi.Client) proptest.Locker { return semaphore(c, bug, 2) }, furnished(bug), o)
	},
	"multi lock": func(t *testing.T, bug string, o option) *explore.Result {
		return proptest.ExploreMultiLock(t, func(c zkapi.Client, paths []string) proptest.Locker {
			return newBunch(c, bug, paths)
		}, furnished(bug, "/locks", "/locks/1", "/locks/2"), o)
	},
	"election": func(t *testing.T, bug string, o option) *explore.Result {
		return proptest.ExploreElection(t, func(c zkapi.Client) proptest.Elector { return elector{newLine(c, bug)} }, furnished(bug), o)
	},
	"counter": func(t *testing.T, bug string, o option) *explore.Result {
		return proptest.ExploreCounter(t, func(c zkapi.Client) proptest.Counter { return counter{c, bug} }, furnished(bug), o)
	},
	"numbers": func(t *testing.T, bug string, o option) *explore.Result {
		return proptest.ExploreNumbers(t, func(c zkapi.Client) proptest.Numberer { return &roller{counter: counter{c, bug}} }, furnished(bug), o)
	},
	"atomic": func(t *testing.T, bug string, o option) *explore.Result {
		return proptest.ExploreAtomic(t, func(c zkapi.Client) proptest.Updater { return note{c, "/watched", bug} }, furnished(bug, "/watched"), o)
	},
	"shared value": func(t *testing.T, bug string, o option) *explore.Result {
		return proptest.ExploreSharedValue(t, func(c zkapi.Client, path string) proptest.SharedValuer {
			return &board{note: note{c, path, bug}}
		}, furnished(bug, "/watched"), o)
	},
	"barrier": func(t *testing.T, bug string, o option) *explore.Result {
		return proptest.ExploreBarrier(t, func(c zkapi.Client) proptest.Gate { return gate{c, bug} }, furnished(bug), o)
	},
	"double barrier": func(t *testing.T, bug string, o option) *explore.Result {
		return proptest.ExploreDoubleBarrier(t, func(c zkapi.Client, n int) proptest.Meeting {
			return &meeting{c: c, bug: bug, members: n}
		}, furnished(bug), o)
	},
	"latch": func(t *testing.T, bug string, o option) *explore.Result {
		return proptest.ExploreLeaderLatch(t, func(c zkapi.Client) proptest.Candidate { return newLatch(c, bug) }, furnished(bug), o)
	},
	"queue": func(t *testing.T, bug string, o option) *explore.Result {
		return proptest.ExploreQueue(t, func(c zkapi.Client) proptest.Queuer { return bag{c, bug} }, furnished(bug), o)
	},
	"locking queue": func(t *testing.T, bug string, o option) *explore.Result {
		return proptest.ExploreLockingQueue(t, func(c zkapi.Client) proptest.LockingQueuer { return &shelf{c: c, bug: bug} }, furnished(bug), o)
	},
	"distributed queue": func(t *testing.T, bug string, o option) *explore.Result {
		return proptest.ExploreDistributedQueue(t, func(c zkapi.Client) proptest.DistributedQueuer {
			return idDepot{depot{c, bug}}
		}, furnished(bug, "/depot"), o)
	},
	"priority queue": func(t *testing.T, bug string, o option) *explore.Result {
		return proptest.ExploreDistributedQueue(t, func(c zkapi.Client) proptest.DistributedQueuer { return depot{c, bug} },
			furnished(bug, "/depot"), proptest.ByPriority, o)
	},
	"delay queue": func(t *testing.T, bug string, o option) *explore.Result {
		return proptest.ExploreDistributedQueue(t, func(c zkapi.Client) proptest.DistributedQueuer { return depot{c, bug} },
			furnished(bug, "/depot"), proptest.ByTime, o)
	},
	"safe queue": func(t *testing.T, bug string, o option) *explore.Result {
		return proptest.ExploreDistributedQueue(t, func(c zkapi.Client) proptest.DistributedQueuer {
			return workshop{&shelf{c: c, bug: bug}}
		}, furnished(bug), proptest.AtLeastOnce, o)
	},
	"queue sharder": func(t *testing.T, bug string, o option) *explore.Result {
		return proptest.ExploreQueueSharder(t, 1, 2, func(c zkapi.Client) proptest.Sharder { return &store{c: c, bug: bug} }, furnished(bug, "/store"), o)
	},
	"lease": func(t *testing.T, bug string, o option) *explore.Result {
		return proptest.ExploreLease(t, termTime, func(c zkapi.Client, holder string) proptest.Leaser {
			return &term{c: c, path: "/term", bug: bug, holder: holder}
		}, furnished(bug), o)
	},
	"two leases": func(t *testing.T, bug string, o option) *explore.Result {
		return proptest.ExploreLease(t, termTime, func(c zkapi.Client, holder string) proptest.Leaser {
			return newTerms(c, bug, holder, 2)
		}, furnished(bug), proptest.Leases(2), o)
	},
	"partitioner": func(t *testing.T, bug string, o option) *explore.Result {
		return proptest.ExplorePartitioner(t, func(c zkapi.Client, member string, set []string) proptest.Partaker {
			return &share{c: c, bug: bug, name: member, set: set}
		}, furnished(bug), o)
	},
	"group": func(t *testing.T, bug string, o option) *explore.Result {
		return proptest.ExploreGroup(t, func(c zkapi.Client, name string) proptest.Member {
			return guildsman{&guild{c: c, bug: bug}, name}
		}, furnished(bug, "/guild"), o)
	},
	"lasting group": func(t *testing.T, bug string, o option) *explore.Result {
		return proptest.ExploreGroup(t, func(c zkapi.Client, name string) proptest.Member {
			return &lodger{c: c, bug: bug, name: name}
		}, furnished(bug, "/guild"), proptest.Lasting(lodging+3*time.Minute), o)
	},
	"discovery": func(t *testing.T, bug string, o option) *explore.Result {
		return proptest.ExploreDiscovery(t, func(c zkapi.Client) proptest.Registrar { return &guild{c: c, bug: bug} }, furnished(bug, "/guild"), o)
	},
	"watcher": func(t *testing.T, bug string, o option) *explore.Result {
		return proptest.ExploreWatcher(t, func(ctx context.Context, c zkapi.Client, path string, saw func(watchers.Node)) error {
			return follower{c, bug}.follow(ctx, path, saw)
		}, furnished(bug), o)
	},
	"children": func(t *testing.T, bug string, o option) *explore.Result {
		return proptest.ExploreChildrenWatcher(t, func(ctx context.Context, c zkapi.Client, path string, saw func(watchers.Listing)) error {
			return follower{c, bug}.followChildren(ctx, path, saw)
		}, furnished(bug), o)
	},
	"cache": func(t *testing.T, bug string, o option) *explore.Result {
		return proptest.ExploreCache(t, 1, func(ctx context.Context, c zkapi.Client, root string, saw func(iter.Seq[watchers.Node])) error {
			return follower{c, bug}.copyOf(ctx, root, saw)
		}, furnished(bug), o)
	},
}

// furnished makes the nodes that the small recipes take for granted.
func furnished(bug string, more ...string) option {
	if bug == "a foreign child is an error" {
		more = append(more, "/line/foreign")
	}
	return func(e *proptest.Exploration) {
		e.Prepare = func(ctx context.Context, c zkapi.Client) error {
			var failed error
			for _, path := range []string{"/line", "/n", "/meet", "/bag", "/shelf", "/members", "/items", shelfItems, shelfTaken} {
				data := map[string]string{"/n": "0"}[path]
				_, err := c.Create(ctx, strings.TrimSuffix(path, "/"), []byte(data), nil, zkapi.Persistent)
				failed = errors.Join(failed, err)
			}
			for _, path := range more {
				_, err := c.Create(ctx, path, nil, nil, zkapi.Persistent)
				failed = errors.Join(failed, err)
			}
			return failed
		}
	}
}

// planted are the bugs; B numbers are those of known bugs of other libraries.
var planted = []struct {
	property, bug, known string
	participants, rounds int
	kinds                explore.Fault
	faults               int
}{
	{"lock", "whoever is woken has it", "", 3, 1, explore.Expiry, 1},
	{"lock", "all wait for the first, and whoever is woken has it", "", 3, 1, 0, 1},
	{"lock", "whose node is gone is the first", "go-zookeeper", 2, 1, explore.Removal, 1},
	{"lock", "an error leaves the node behind", "go-zookeeper", 2, 1, explore.Cut, 1},
	{"lock", "a foreign child is an error", "go-zookeeper", 2, 1, 0, 1},
	{"lock", "whose node was deleted can never lock again", "go-zookeeper", 2, 2, explore.Removal, 1},
	{"lock", "whoever gives up leaves his node behind", "Curator", 2, 1, explore.Cancellation, 1},
	{"lock", "what may have been created is created again", "Curator", 2, 1, explore.LostReply, 1},
	{"lock", "the order is that of whole names", "ZooKeeper's WriteLock", 2, 1, 0, 1},
	{"lock", "the watch is set after the look", "", 2, 1, 0, 1},
	{"lock", "who vanished before the watch is waited for", "ZooKeeper's WriteLock", 2, 1, 0, 1},
	{"lock", "release deletes the first node", "zk-ruby", 3, 1, explore.Expiry, 1},
	{"lock", "a release that may have worked is given up", "Curator", 2, 1, explore.Cut, 1},
	{"lock", "a node of an earlier session is adopted", "Curator", 2, 1, explore.Expiry | explore.Cut | explore.Lag, 3},
	{"reentrant lock", "whoever has it waits for himself", "", 2, 1, 0, 1},
	{"reentrant lock", "the first release gives it back", "", 2, 1, 0, 1},
	{"reentrant lock", "whoever has lost it acquires it again", "Curator", 2, 1, explore.Expiry, 1},
	{"reentrant lock", "everybody with the same client is its owner", "", 2, 1, 0, 1},
	{"revocable lock", "the watch is set after the look", "", 2, 1, 0, 1},
	{"revocable lock", "whoever loses the connection has been asked", "", 2, 1, explore.Cut, 1},
	{"revocable lock", "who asks looks at a server that is behind", "", 2, 1, explore.Lag, 1},
	{"revocable lock", "whoever came last is asked", "", 3, 1, 0, 1},
	{"revocable lock", "who was asked once has been asked for ever", "", 2, 2, 0, 1},
	{"rwlock", "readers do not look at writers", "", 2, 1, 0, 1},
	{"rwlock", "writers do not look at readers", "", 2, 1, 0, 1},
	{"rwlock", "a reader waits for later writers, too", "kazoo", 3, 1, 0, 1},
	{"rwlock", "whoever is woken has it", "", 3, 1, explore.Expiry, 1},
	{"semaphore", "an error leaves the node behind", "Curator", 3, 1, explore.Cut, 1},
	{"semaphore", "one too many", "", 3, 1, 0, 1},
	{"semaphore", "the count is checked before the lease is made", "kazoo", 3, 1, 0, 1},
	{"multi lock", "the paths are taken in the order given", "Curator", 2, 1, 0, 1},
	{"multi lock", "whoever fails keeps what he has", "", 2, 1, explore.Cut, 1},
	{"multi lock", "a lock that is lost on the way is passed over", "", 3, 1, explore.Expiry, 1},
	{"multi lock", "the first path is enough", "", 4, 1, 0, 1},
	{"multi lock", "only the last path is released", "", 2, 1, 0, 1},
	{"election", "the leader is not told that its session is gone", "kazoo", 2, 1, explore.Expiry, 1},
	{"election", "whose node is gone is the first", "Curator", 2, 1, explore.Removal, 1},
	{"election", "whoever gives up leaves his node behind", "Curator", 2, 1, explore.Cancellation, 1},
	{"counter", "a race that is lost counts as won", "", 2, 1, 0, 1},
	{"counter", "the version is not checked", "", 2, 1, 0, 1},
	{"counter", "what may have been added is added again", "kazoo, Curator", 2, 1, explore.LostReply, 1},
	{"numbers", "the version is not checked", "", 2, 1, 0, 1},
	{"numbers", "the last of a block is the first of the next one", "", 2, 1, 0, 1},
	{"numbers", "a value that is as expected counts as one's own", "", 2, 1, explore.Cut, 1},
	{"atomic", "the version is not checked", "", 2, 1, 0, 1},
	{"atomic", "what was read first is used again", "", 2, 1, 0, 1},
	{"atomic", "what may have been written is written again", "kazoo, Curator", 2, 1, explore.LostReply, 1},
	{"shared value", "the version is not checked", "", 2, 1, 0, 1},
	{"shared value", "a race that is lost counts as won", "", 2, 1, 0, 1},
	{"shared value", "the watch is set after the look", "", 2, 1, 0, 1},
	{"shared value", "after a lost session nobody looks again", "Curator", 2, 1, explore.Expiry, 1},
	{"barrier", "the watch is set after the look", "kazoo", 2, 1, 0, 1},
	{"barrier", "what may have been removed has to be there", "", 2, 1, explore.LostReply, 1},
	{"double barrier", "whoever comes is counted twice", "kazoo", 2, 1, 0, 1},
	{"double barrier", "whoever is woken enters", "Curator", 3, 1, 0, 1},
	{"double barrier", "nobody waits for the others to leave", "Curator", 2, 1, 0, 1},
	{"latch", "whoever has lost his session leads on", "Curator", 2, 1, explore.Expiry, 1},
	{"latch", "whoever closes it leaves his node behind", "Curator", 2, 1, 0, 1},
	{"latch", "an error ends the candidacy", "", 2, 1, explore.Cut, 1},
	{"queue", "whoever has read it has it", "", 2, 1, 0, 1},
	{"queue", "what may have been put in is put in again", "", 2, 1, explore.LostReply, 1},
	{"queue", "what may have been taken is passed over", "kazoo", 2, 1, explore.LostReply, 1},
	{"queue", "the youngest comes first", "", 2, 2, 0, 1},
	{"queue", "the watch is set after the look", "", 2, 1, 0, 1},
	{"locking queue", "whoever has held an item consumes it", "kazoo", 2, 1, explore.Expiry, 1},
	{"locking queue", "the mark of an item outlives its session", "", 2, 1, explore.Expiry, 1},
	{"locking queue", "nobody is told that an item was given back", "", 2, 1, 0, 1},
	{"distributed queue", "whoever has read it has it", "", 3, 1, 0, 1},
	{"distributed queue", "what may have been put in is put in again", "", 2, 1, explore.LostReply, 1},
	{"distributed queue", "what was refused is forgotten", "", 2, 2, 0, 1},
	{"distributed queue", "what was refused has no id any more", "Curator", 2, 2, 0, 1},
	{"priority queue", "the youngest comes first", "", 2, 2, 0, 1},
	{"priority queue", "a list is read again when it is used up", "kazoo", 2, 3, 0, 1},
	{"delay queue", "the time is not looked at", "", 2, 1, 0, 1},
	{"delay queue", "nobody looks at the clock while he waits", "", 2, 1, 0, 1},
	{"safe queue", "items are deleted before they are worked on", "", 2, 1, 0, 1},
	{"safe queue", "the mark of an item outlives its session", "", 2, 1, explore.Expiry, 1},
	{"safe queue", "whoever comes works on the first item", "", 3, 1, 0, 1},
	{"queue sharder", "whoever starts makes the first one", "Curator", 2, 1, 0, 1},
	{"queue sharder", "everybody makes another one", "", 2, 1, 0, 1},
	{"queue sharder", "nobody counts how many there are", "", 2, 2, 0, 1},
	{"queue sharder", "those that come later are not seen", "", 2, 1, 0, 1},
	{"lease", "the version is not checked", "kazoo", 3, 1, explore.TimerRace, 2},
	{"lease", "the lease ends with the session", "", 2, 1, explore.Expiry, 1},
	{"lease", "whoever renews does not look who has it", "", 2, 1, explore.TimerRace, 2},
	{"two leases", "one too many", "", 3, 1, 0, 1},
	{"two leases", "whoever renews takes the first that is free", "kazoo", 3, 1, 0, 1},
	{"two leases", "the version is not checked", "kazoo", 3, 1, explore.TimerRace, 2},
	{"partitioner", "items are not locked", "", 2, 1, 0, 1},
	{"partitioner", "what does not come out even is left over", "", 2, 1, 0, 1},
	{"partitioner", "the watch is set after the look", "", 2, 1, 0, 1},
	{"group", "whoever has lost his session stays away", "kazoo", 2, 1, explore.Expiry, 1},
	{"group", "whoever fails to come may be there", "", 2, 1, explore.LostReply, 1},
	{"group", "what may have been registered is registered again", "Curator", 2, 1, explore.LostReply, 1},
	{"lasting group", "the node ends with the session", "", 2, 1, explore.Expiry, 1},
	{"lasting group", "nobody touches the node", "", 2, 1, 0, 1},
	{"lasting group", "whoever is gone before he has touched the node leaves it behind", "Curator", 2, 1, explore.Cut, 1},
	{"lasting group", "a touch that fails is not made up for", "", 2, 1, explore.Cut, 1},
	{"lasting group", "the node is touched for ever", "", 2, 1, 0, 1},
	{"discovery", "the watch is set after the look", "", 2, 1, 0, 1},
	{"discovery", "after a lost session the data is that of the beginning", "Curator", 2, 2, explore.Expiry, 1},
	{"discovery", "with a new connection everybody is registered again", "Curator", 2, 1, explore.Cut, 1},
	{"watcher", "the watch is set after the look", "", 2, 1, 0, 1},
	{"watcher", "a node that was made again is the same", "", 2, 1, 0, 1},
	{"watcher", "after a lost session everything is told again", "", 2, 1, explore.Expiry, 1},
	{"children", "the watch is set after the look", "", 2, 1, 0, 1},
	{"children", "only the number of children is compared", "", 2, 1, 0, 1},
	{"cache", "what was deleted stays", "", 2, 1, 0, 1},
	{"cache", "only the list is watched", "", 2, 1, 0, 1},
	{"cache", "a name is enough", "", 2, 1, 0, 1},
}

// TestPlantedBugs prints a table; go test ./proptest -run PlantedBugs -v shows it.
func TestPlantedBugs(t *testing.T) {
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "property\tbug\tknown from\tstrategy\tschedules\ttime\tsteps\twhat was wrong")
	for i, p := range planted {
		t.Run(p.property+"/"+p.bug, func(t *testing.T) {
			if !brief.Takes(i, 8) && !testing.Verbose() {
				t.Skip("it is the turn of another one; make test, or -v, which prints the table")
			}
			res := properties[p.property](t, p.bug, func(e *proptest.Exploration) {
				e.Strategy, e.Participants, e.Rounds, e.Time = explore.Random(1), p.participants, p.rounds, time.Minute
				e.KeepShrinking = 500
				if e.Kinds = p.kinds; p.kinds != 0 {
					e.Faults = max(1, p.faults)
				}
			})
			require.NotNil(t, res.Failure)
			require.True(t, res.Same, res.Failure.Story())
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%v\t%d\t%s\n", p.property, p.bug, p.known, "random", res.FoundAfter,
				res.FoundIn.Round(time.Millisecond), res.Failure.Steps(), res.Failure.Why)
			most := map[string]int{"queue": 16, "locking queue": 16, "distributed queue": 16, "priority queue": 16, "lease": 20, "two leases": 26, "queue sharder": 14, "cache": 20, "partitioner": 16}[p.property]
			require.LessOrEqual(t, res.Failure.Steps(), cmp.Or(most, 12), res.Failure.Story())
		})
	}
	_ = w.Flush()
	t.Log("\n" + table.String())
}

// Without a bug the small recipes pass, so that what is found is the bug.
func TestNothingPlanted(t *testing.T) {
	for property, explored := range properties {
		t.Run(property, func(t *testing.T) {
			for faults := range 3 {
				if !brief.Takes(faults, 3) {
					continue
				}
				res := explored(t, "", func(e *proptest.Exploration) {
					e.Strategy, e.Participants, e.Rounds, e.Schedules = explore.Random(1), 3, 1, brief.Or(30, 100)
					e.Faults, e.Kinds = faults, explore.AllFaults
					if property == "counter" || property == "double barrier" || property == "partitioner" { // whose nodes are not for others to delete
						e.Kinds &^= explore.Removal
					}
				})
				if res.Failure != nil {
					t.Fatal(res.Report(t.Name()))
				}
			}
		})
	}
}
