package proptest_test

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
	"testing"

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
