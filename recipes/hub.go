package recipes

import (
	"sync"

	"github.com/zksim/zksim/zkapi"
)

// hub is what all recipes of one client share. It is there while there is
// something in it, and has no goroutine but that of its janitor.
type hub struct {
	watches map[watched]*watch   // that are armed
	chores  map[string]*cleaning // what the janitor has to do, by directory
	idle    chan struct{}        // closed when the janitor ends; nil if there is none
}

// hubs is guarded by mu, and so is everything in them. No client is called with
// it held: clients call us with locks of their own held.
var hubs = struct {
	mu sync.Mutex
	of map[zkapi.Client]*hub
}{of: make(map[zkapi.Client]*hub)}

// hubOf finds or makes the hub of a client. hubs.mu is held.
func hubOf(c zkapi.Client) *hub {
	h := hubs.of[c]
	if h == nil {
		h = &hub{watches: make(map[watched]*watch), chores: make(map[string]*cleaning)}
		hubs.of[c] = h
	}
	return h
}

// tidy forgets a hub that is empty. hubs.mu is held.
func tidy(c zkapi.Client) {
	if h := hubs.of[c]; h != nil && len(h.watches) == 0 && h.idle == nil {
		delete(hubs.of, c)
	}
}
