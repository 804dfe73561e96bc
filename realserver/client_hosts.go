package realserver

import (
	"errors"
	"sync"
	"time"
)

// hosts tells go-zookeeper which server to try next. Its own provider looks up
// names once for good, and makes a client that has one server wait for a second
// before it comes back to it, each time.
type hosts struct {
	mu      sync.Mutex
	servers []string
	at      int       // the next one
	tried   int       // since the last success or pause
	since   time.Time // a second or so in which
	burst   int       // so many connections were made
}

const (
	hostPause = time.Second // go-zookeeper's own, between two rounds
	hostBurst = 10          // after so many connections in a second it pauses even so
)

var errNoServers = errors.New("realserver: no servers")

// Init implements zk.HostProvider. Names are looked up by the dialer, each time.
func (h *hosts) Init(servers []string) error {
	if len(servers) == 0 {
		return errNoServers
	}
	h.servers = servers
	return nil
}

// Len implements zk.HostProvider.
func (h *hosts) Len() int { return len(h.servers) }

// Next implements zk.HostProvider. go-zookeeper pauses where pause is true:
// when all servers have been tried in vain.
func (h *hosts) Next() (server string, pause bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if pause = h.tried >= len(h.servers); pause {
		h.tried = 0
	}
	h.tried++
	server = h.servers[h.at]
	h.at = (h.at + 1) % len(h.servers)
	return server, pause
}

// Connected implements zk.HostProvider: a server has answered. The next loss is
// followed by a round without a pause, unless connections do nothing but come
// and go.
func (h *hosts) Connected() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := time.Now(); now.Sub(h.since) >= hostPause {
		h.since, h.burst = now, 0
	}
	if h.burst++; h.burst <= hostBurst {
		h.tried = 0
	}
}
