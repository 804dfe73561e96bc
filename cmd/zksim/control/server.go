package control

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/zksim/zksim/faults"
	"github.com/zksim/zksim/memserver"
)

// Limits on what clients may do to this side.
const (
	headerTime = 10 * time.Second // for the first line and the headers
	bodyTime   = time.Minute      // for a whole request
	idleTime   = 2 * time.Minute  // between two requests
	writeTime  = time.Minute      // for an answer that is not a stream
	closeTime  = 2 * time.Second  // for the requests that run when the server ends
	maxHeader  = 32 << 10         // bytes
	maxBody    = 64 << 10         // bytes of JSON
)

// Options says how the HTTP side behaves. The zero value is for loopback addresses.
type Options struct {
	// Token, if not empty, is asked of every request: Authorization: Bearer TOKEN.
	Token string
	// Config is the text of the configuration file, for ZooKeeper's command initial_configuration.
	Config string
	// Initial is the state that POST /sim/v1/reset goes back to; nil is that of a new server.
	Initial *memserver.Snapshot
	// Faults, if not nil, is the plan that stands between the server and its
	// clients. What it does goes into the stream of events if the server is told
	// (memserver.Server.Tell) of each faults.Firing.
	Faults *faults.Plan
}

// Server is the HTTP side of one simulated ZooKeeper. It implements http.Handler.
type Server struct {
	sim   *memserver.Server
	opts  Options
	mux   *http.ServeMux
	http  *http.Server
	done  context.Context // ends the streams
	close context.CancelFunc

	planning sync.Mutex // held while the plan of faults changes
}

// New makes the HTTP side of a simulated ZooKeeper.
func New(sim *memserver.Server, opts Options) *Server {
	s := &Server{sim: sim, opts: opts, mux: http.NewServeMux()}
	s.done, s.close = context.WithCancel(context.Background())
	for _, r := range routes() {
		s.mux.HandleFunc(r.pattern, func(w http.ResponseWriter, q *http.Request) { s.dispatch(w, q, r) })
	}
	s.mux.HandleFunc("/", notFound)
	s.http = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerTime, ReadTimeout: bodyTime, IdleTimeout: idleTime,
		MaxHeaderBytes: maxHeader,
		ErrorLog:       discard,
	}
	return s
}

// Serve answers the requests that come to l, until Close.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTime)) // a recorder has none
	if r := s.guard(q); r != nil {
		r.write(w)
		return
	}
	s.mux.ServeHTTP(w, q)
}

// Close ends the streams and waits a moment for the other requests.
func (s *Server) Close() error {
	s.close()
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		return s.http.Close()
	}
	return nil
}
