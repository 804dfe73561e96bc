package explore_test

import (
	"errors"
	"flag"
	"fmt"
	"testing"

	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/zkapi"
)

// inTest runs a function as a test, as go test does.
func inTest(test func(t *testing.T)) (passed bool) {
	for name, value := range map[string]string{"test.v": "false", "test.skip": ""} {
		f := flag.Lookup(name)
		before := f.Value.String()
		defer func() { _ = f.Value.Set(before) }()
		_ = f.Value.Set(value)
	}
	all := func(string, string) (bool, error) { return true, nil }
	return testing.RunTests(all, []testing.InternalTest{{Name: "TestCounter", F: test}})
}

// counting is two participants that add one to a number, without a look at its version.
func counting(w *explore.World) {
	c, _ := w.Server.Client()
	_, _ = c.Create(ctx, "/n", []byte{0}, nil, zkapi.Persistent)
	_ = c.Close()
	for _, name := range []string{"A", "B"} {
		w.Go(name, func(p *explore.Participant) error {
			data, _, err := p.Client.Get(p.Context(), "/n")
			if err == nil {
				_, err = p.Client.Set(p.Context(), "/n", []byte{data[0] + 1}, zkapi.AnyVersion)
			}
			return err
		})
	}
	w.Finally(func() error {
		if n, _ := w.Server.Node("/n"); n.Data[0] != 2 {
			return errors.New("an increment is lost")
		}
		return nil
	})
}

func ExampleExplore() {
	inTest(func(t *testing.T) {
		res := explore.Explore(t, counting, func(c *explore.Config) { c.Strategy = explore.Exhaustive() })
		fmt.Println(res.Failure)
		fmt.Print(res.Failure.Story())
		fmt.Println(res.Failure.Schedule())
	})
	// Output:
	// what has to hold in the end does not: an increment is lost
	//   1  A  Get /n -> "\x00", version 0
	//   2  B  Get /n -> "\x00", version 0
	//   3  B  Set /n "\x01" -> version 1
	//   4  A  Set /n "\x01" -> version 2
	// 01
}

func ExampleCheck() {
	fmt.Println(inTest(func(t *testing.T) {
		explore.Check(t, func(w *explore.World) {
			for _, name := range []string{"A", "B"} {
				w.Go(name, func(p *explore.Participant) error {
					_, err := p.Client.Create(p.Context(), "/only", nil, nil, zkapi.Ephemeral)
					if err != nil && !errors.Is(err, zkapi.ErrNodeExists) {
						return err
					}
					return nil
				})
			}
		}, func(c *explore.Config) { c.Strategy = explore.Exhaustive() })
	}))
	// Output: true
}
