package proptest_test

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/proptest"
)

// A fake is judged by a test of its own:
//
//	func TestMyFake(t *testing.T) {
//		proptest.Conformance(t, &proptest.Backend{
//			Name: "fake", Profile: "3.9",
//			Start: func(settings map[string]string) (*proptest.Instance, error) {
//				srv := startMyFake(settings)
//				return &proptest.Instance{Dial: srv.Dial, Stop: srv.Close}, nil
//			},
//		})
//	}
//
// Here it is the simulator of this module.
func ExampleConformance() {
	passed := passes(func(t *testing.T) { proptest.Conformance(t, proptest.Direct("3.9")) })
	fmt.Println("passed:", passed)
	// Output: passed: true
}

func ExampleTranscripts() {
	text, err := fs.ReadFile(proptest.Transcripts(), path.Join("create", "sequence_counts_creations.txt"))
	if err != nil {
		fmt.Println(err)
		return
	}
	first, _, _ := strings.Cut(string(text), "\n")
	fmt.Println(first)
	// Output: # The number is how many children the parent ever had, of any kind and name; it is not the cversion, which deletions
}

// A scenario in terms of Control runs on real servers, too, with ControlReal.
func ExampleControlSimulated() {
	scenario := func(e proptest.Control) error {
		leader, err := e.Leader(context.Background())
		if err == nil {
			err = e.Kill(leader)
		}
		if err != nil {
			return err
		}
		next, err := e.Leader(context.Background())
		fmt.Println(leader, next)
		return err
	}
	srv, err := memserver.New(func(c *memserver.Config) { c.Members = 3 })
	if err != nil {
		panic(err)
	}
	defer srv.Close()
	fmt.Println(scenario(proptest.ControlSimulated(srv)))
	// Output:
	// 3 2
	// <nil>
}
