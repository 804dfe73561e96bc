package control

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/zksim/zksim/memserver"
)

const (
	maxSnapshot  = 256 << 20       // bytes of a snapshot that is sent here
	snapshotTime = 5 * time.Minute // for it to come, or to be read
)

// getSnapshot sends the state as a file of ZooKeeper's.
func (s *Server) getSnapshot(w http.ResponseWriter, q *http.Request) *refusal {
	if _, r := query(q); r != nil {
		return r
	}
	snap := s.sim.Snapshot()
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(snapshotTime))
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", fmt.Sprintf("snapshot.%x", snap.Zxid())))
	_, _ = snap.WriteTo(w) // who has gone need not be told
	return nil
}

// putSnapshot goes on with another state.
func (s *Server) putSnapshot(w http.ResponseWriter, q *http.Request) *refusal {
	if _, r := query(q); r != nil {
		return r
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(snapshotTime))
	snap, err := memserver.ReadSnapshot(http.MaxBytesReader(w, q.Body, maxSnapshot))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return refuse(http.StatusRequestEntityTooLarge, "body: it is longer than %d bytes", maxSnapshot)
	}
	if err != nil {
		return refuse(http.StatusBadRequest, "body: %s; send a snapshot file of ZooKeeper's, such as GET %s gives",
			strings.TrimPrefix(err.Error(), "memserver: snapshot: "), q.URL.Path)
	}
	s.sim.Restore(snap)
	s.done200(w)
	return nil
}
