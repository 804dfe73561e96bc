package proptest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// invariants is what recipes and watchers promise, under the names that their
// specification has for it, and what holds them to it: tests of this package, which run
// on the direct client, over the wire and on a real ZooKeeper, with the recipe or case;
// and after "besides" tests elsewhere. Where it says "memory" the test needs virtual time or
// looks into the server.
var invariants = []struct{ names, says, tests, besides string }{
	{"T1-T8", "states of a client: in order, none lost, lost once between two sessions", "TestWatchers", "memserver TestStates; realserver TestMeaningOfStates; zkapi TestStreamIsAQueue; proptest/history"},
	{"R1-R7", "retries: bounds, bands, deadlines, wrapped errors", "", "recipes TestBackoff, TestCuratorPolicies, TestRetryGivesUp, TestClassify: no server is asked"},
	{"P1-P3", "paths are made and deleted under fire; a chroot is another root", "TestRecipesLock/within a chroot, with an ACL, in containers", "zkapi TestEnsurePathUnderFire, TestDeleteRecursiveUnderFire, TestChrootIsAnotherRoot"},
	{"PC1 PC2", "one node for each attempt, of this session", "TestRecipesFaults/lock, TestRecipesLock/a request that comes late, TestRecipesLock/an old node comes again, TestRecipesLock/a lookup comes after a sync", ""},
	{"J1", "the janitor finishes", "TestRecipesFaults/lock, TestRecipesDrills/counter, exactly once", "TestRecipesLock/persistent, released without a connection (memory)"},
	{"G1 G2", "nothing is left, whatever fails and whoever gives up at whichever request", "TestRecipesFaults/lock, TestRecipesFaults/semaphore, TestRecipesDrills/double barrier, TestRecipesDrills/locking queue", "explore: TestExploreEverything"},
	{"G3", "whose client is closed returns at once", "TestRecipesFaults/lock, TestRecipesDrills/persistent node, TestRecipesLock/a closed client", ""},
	{"G4", "foreign nodes neither disturb nor go", "TestRecipesForeign, TestRecipesLock/foreign nodes, TestRecipesDrills/queue", "recipes TestQueueOrder"},
	{"G5", "nothing grows", "", "TestRecipesSoak (memory; real with -recipes.all); watchers TestManyCycles"},
	{"G6", "directories that go are made again", "TestRecipesReaper, TestRecipesLock/the directory is deleted, TestRecipesFaults/lock, TestRecipesValues/who is in a party", "recipes TestSimpleQueueTake"},
	{"L1", "one holder at a time", "TestRecipesFaults/lock, TestRecipesFaults/multilock, TestRecipesNumbers", "TestRecipesExplored, TestExploreOursCompletely: every order"},
	{"L2", "tokens grow, and a fenced change needs its holder", "TestRecipesLock/in order, TestRecipesLock/the directory is made anew, TestRecipesLock/the holder's node is deleted", ""},
	{"L3", "first come, first served", "TestRecipesLock/in order, TestRecipesFaults/lock, TestRecipesNumbers", ""},
	{"L4", "no wake-up is lost, and none is taken for more than it is", "TestRecipesFaults/lock, TestRecipesEvents", "TestRecipesLock/the event never comes, /the watch is lost with the connection (memory)"},
	{"L5 RW6", "a release wakes whom it lets in", "TestRecipesCost", "TestRecipesRWLock/a release wakes those who may go on (memory)"},
	{"L6 L7", "one node for each who tries, one of many who try succeeds", "TestRecipesLock/one of many tries", ""},
	{"L8", "Cancel", "TestRecipesLock/cancel, TestRecipesSemaphore/cancel, TestRecipesElection/cancelled", ""},
	{"L9", "one deadline for the whole call", "", "TestRecipesLock/one deadline for all who are before (memory: the time is exact)"},
	{"RW1 RW2 RW4", "readers share, writers do not, nobody starves", "TestRecipesFaults/rwlock, TestRecipesRWLock/readers share, TestRecipesNumbers", "TestExploreEverything"},
	{"RW3", "no order of arrival ends in a deadlock", "TestRecipesFaults/rwlock", "TestRecipesRWLock/every order of arrival (memory)"},
	{"RW5", "who goes down from writing to reading keeps his place", "TestRecipesRWLock/downgrade", ""},
	{"S1 S3 S4", "never more leases than there are, none left, none kept back", "TestRecipesFaults/semaphore, TestRecipesNumbers, TestRecipesForeign", "TestExploreEverything"},
	{"S2", "leases in the order of coming", "TestRecipesSemaphore/in order", ""},
	{"S5", "one watches", "", "TestRecipesSemaphore/only one watches (memory)"},
	{"S6", "other limits are noticed", "TestRecipesSemaphore/different limits, TestRecipesSemaphore/different limits at once", ""},
	{"MultiLock", "all or nothing", "TestRecipesFaults/multilock, TestRecipesElection/all or nothing", ""},
	{"Revoke", "who is asked to give back learns it, and not otherwise", "TestRecipesLock/revoked", "TestExploreEverything"},
	{"E1 E2 E3", "one leader, in order, and always one again", "TestRecipesFaults/election, TestRecipesFaults/latch, TestRecipesNumbers, TestRecipesReaper", "TestExploreEverything"},
	{"E4 E5 E6", "no claim after the end, no silent stop, no overlap", "TestRecipesElection/leadership is lost, TestRecipesElection/lead again and again", ""},
	{"LL1", "leads, does not, leads", "TestRecipesFaults/latch", "TestRecipesElection/latch: suspended (memory)"},
	{"LL2", "two that flap settle", "TestRecipesElection/latch: everything is deleted", "TestRecipesElection/latch: two that flap (memory)"},
	{"BA1 BA2 BA3", "who waits passes when the barrier goes, and not before", "TestRecipesDrills/barrier", "TestExploreEverything"},
	{"DB1 DB2 DB4", "enough were there together; all who are there enter; who crashes holds up nobody", "TestRecipesDrills/double barrier", "TestExploreEverything"},
	{"DB3 DB5 DB6", "nobody leaves alone, nothing is left, more than enough enter", "TestRecipesValues/a double barrier of five, for which three are enough", "recipes TestDoubleBarrierAgain, TestDoubleBarrierComesAgain"},
	{"C1 C2", "sums of what was confirmed, in an order that can have been", "TestRecipesDrills/counter, TestRecipesDrills/counter, exactly once", "TestExploreEverything"},
	{"Shared", "copies follow, and do not go back", "TestRecipesDrills/shared value, TestRecipesValues/a copy, and another node at once", "TestRecipesValues/a copy, and a version that overflows (memory)"},
	{"Q1 Q2", "once, and not lost without a word", "TestRecipesDrills/queue, TestRecipesDrills/queue, exactly once, TestRecipesDrills/simple queue, TestRecipesDrills/distributed queue, TestRecipesDrills/queue sharder", "recipes TestQueueLostReply"},
	{"Q3 Q4", "the first by priority and age of what was there and still is", "TestRecipesDrills/queue, TestRecipesDrills/queue, exactly once, TestRecipesDrills/simple queue, TestRecipesDrills/distributed queue, TestRecipesNumbers", "recipes TestQueueOrder, TestDelayQueue"},
	{"Q5", "foreign nodes are no items", "TestRecipesForeign, TestRecipesDrills/queue, TestRecipesDrills/simple queue", "recipes TestQueueOrder"},
	{"LQ1 LQ2 LQ3 LQ4 LQ6", "consumed once by its holder, not lost with him; all of what is put in at once, or nothing", "TestRecipesDrills/locking queue, TestRecipesDrills/distributed queue, locked", ""},
	{"LQ5", "the first that nobody holds", "TestRecipesDrills/locking queue, TestRecipesDrills/distributed queue, locked, TestRecipesValues/an item whose taker loses his session", ""},
	{"PA1 PA2 PA3", "who has joined is a member, once, until he leaves", "TestRecipesDrills/party, TestRecipesDrills/shallow party, TestRecipesDrills/group member, TestRecipesValues/who is in a party", ""},
	{"PN1 PN2 PN3 PN4", "there, once, of this session, with the latest data; gone after Close", "TestRecipesDrills/persistent node, TestRecipesDrills/persistent node with a counter", ""},
	{"TTL", "there while somebody touches it, gone after", "TestRecipesDrills/TTL node", "recipes TestTTLNode; TestExploreEverything"},
	{"NL1 NL2 NL3", "no more holders than leases, who has one keeps it, others get it when it is over", "TestRecipesDrills/lease, TestRecipesDrills/multi lease", "recipes TestLease; TestExploreEverything"},
	{"NL4", "what another version has written stays", "TestRecipesValues/a lease of another version", ""},
	{"NL5", "byte for byte what kazoo writes", "", "recipes TestMemberLayouts; cmd/zksim/interop with kazoo itself"},
	{"SP1 SP2 SP3 SP4 SP5", "each item has one member, all of them have one when nobody comes and goes", "TestRecipesDrills/set partitioner", "recipes TestSetPartitioner"},
	{"Discovery", "the latest, once, and not again", "TestRecipesDrills/discovery, TestRecipesDrills/discovery of other types", "recipes TestDiscoveryReconnects"},
	{"W1-W6 TC1-TC6", "what is told has been, in that order, and is in the end what there is; nothing is left", "TestWatchers, TestWatchersPastCases", "watchers TestManyCycles, TestManyChildren"},
}

// TestInvariants: what the table names is there.
func TestInvariants(t *testing.T) {
	known := testNames(t)
	for test, cases := range map[string][]recipeCase{"Lock": lockCases, "RWLock": rwCases, "Semaphore": semaphoreCases, "Election": electionCases, "Values": valueCases} {
		for _, c := range cases {
			known["TestRecipes"+test+"/"+c.name] = c.real
		}
	}
	for _, s := range subjects {
		known["TestRecipesFaults/"+s.name] = true
	}
	for _, d := range drills {
		known["TestRecipesDrills/"+d.name] = true
	}
	for _, x := range invariants {
		require.NotEmpty(t, x.tests+x.besides, x.names)
		for name := range strings.SplitSeq(x.tests, ", Test") {
			if name = "Test" + strings.TrimPrefix(name, "Test"); x.tests != "" {
				require.True(t, known[name], "%s: there is no %q, or not on a real server", x.names, name)
			}
		}
	}
}

// testNames are those of the tests of this package.
func testNames(t *testing.T) map[string]bool {
	names := make(map[string]bool)
	files, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, decl := range parsed.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				names[f.Name.Name] = true
			}
		}
	}
	return names
}
