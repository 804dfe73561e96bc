package transcript

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Report tells which transcripts have run.
type Report struct {
	Ran     []string            // to their end
	Skipped map[string][]string // by the reason

	mu sync.Mutex
}

func (r *Report) add(name string, lack error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name = strings.TrimSuffix(name, ".txt")
	if lack == nil {
		r.Ran = append(r.Ran, name)
		return
	}
	r.Skipped[lack.Error()] = append(r.Skipped[lack.Error()], name)
}

// String is the numbers, and each reason with the names of those that it kept from running.
func (r *Report) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	skipped := 0
	for _, reason := range slices.Sorted(maps.Keys(r.Skipped)) {
		names := slices.Sorted(slices.Values(r.Skipped[reason]))
		skipped += len(names)
		fmt.Fprintf(&b, "\n  %s: %s", reason, strings.Join(names, ", "))
	}
	return fmt.Sprintf("transcripts: %d ran, %d skipped%s", len(r.Ran), skipped, b.String())
}
