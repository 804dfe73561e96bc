package proptest_test

import (
	"fmt"
	"testing"

	"github.com/zksim/zksim/proptest"
	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

// In a test of one's own:
//
//	func TestMyLock(t *testing.T) {
//		proptest.Lock(t, func(c zkapi.Client) proptest.Locker { return mylock.New(c, "/lock") })
//	}
//
// Here it is a lock of this module, under 50 schedules with a fault each.
func ExampleLock() {
	fmt.Println("passed:", passes(func(t *testing.T) {
		proptest.Lock(t, func(c zkapi.Client) proptest.Locker { return recipes.NewLock(c, "/lock") },
			func(e *proptest.Exploration) { e.Strategy, e.Faults, e.Schedules = explore.Random(1), 1, 50 })
	}))
	// Output: passed: true
}

// A counter that does not look at versions loses what others add meanwhile.
func ExampleExploreCounter() {
	passes(func(t *testing.T) {
		res := proptest.ExploreCounter(t, func(c zkapi.Client) proptest.Counter { return counter{c, "the version is not checked"} },
			furnished(""), func(e *proptest.Exploration) { e.Strategy = explore.Exhaustive() })
		fmt.Println(res.Failure)
		fmt.Print(res.Failure.Story())
	})
	// Output:
	// a participant returned an error: A returned: B and A have added one and got the same sum, 1
	//   1  A  Get /n -> "0", version 0
	//   2  B  Get /n -> "0", version 0
	//   3  B  Set /n "1" -> version 1
	//      B  has added one: 1
	//   4  A  Set /n "1" -> version 2
	//      A  has added one: 1
}
