package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/zksim/zksim/faults"
	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

const (
	// beat is how often a stream without events says that it is there.
	beat = 15 * time.Second
	// eventTime is how long a client may take to read what was written to a stream.
	eventTime = 10 * time.Second
)

// event is a memserver.Event in JSON.
type event struct {
	Kind      string    `json:"kind"`
	Time      time.Time `json:"time"`
	Zxid      string    `json:"zxid"`
	Session   string    `json:"session,omitempty"`
	TimeoutMS int64     `json:"timeout_ms,omitempty"`
	Op        string    `json:"op,omitempty"`
	Path      string    `json:"path,omitempty"`
	Error     string    `json:"error,omitempty"`
	Changes   []change  `json:"changes,omitempty"`
	Type      string    `json:"type,omitempty"` // of a watch event

	// Of a fault.
	Rule   string `json:"rule,omitempty"`
	Index  int    `json:"index,omitempty"` // of the rule, from 1
	Client string `json:"client,omitempty"`
	Xid    int32  `json:"xid,omitempty"`
}

type change struct {
	Type string `json:"type"`
	Path string `json:"path"`
}

func toEvent(e memserver.Event) event {
	out := event{Kind: string(e.Kind), Time: e.Time.UTC(), Zxid: hex(e.Zxid), TimeoutMS: e.Timeout.Milliseconds(), Path: e.Path}
	if e.Session != 0 {
		out.Session = hex(e.Session)
	}
	switch e.Kind {
	case memserver.EventCommit, memserver.EventWaiting:
		out.Op = e.Op.String()
	case memserver.EventWatch:
		out.Type, out.Path = e.Watch.Type.String(), e.Watch.Path
	}
	if f, ok := e.Told.(faults.Firing); ok {
		out.Kind, out.Op, out.Path = "fault", f.Operation, f.Path
		out.Rule, out.Index, out.Client, out.Xid = f.Rule.String(), f.Index+1, f.Client, f.Xid
	}
	if code, ok := errors.AsType[zkapi.Code](e.Err); ok {
		out.Error = code.Name()
	}
	for _, c := range e.Changes {
		out.Changes = append(out.Changes, change{c.Type.String(), c.Path})
	}
	return out
}

// events streams what happens, as server-sent events. What happens after the
// headers have come is in it.
func (s *Server) events(w http.ResponseWriter, q *http.Request) *refusal {
	if _, r := query(q); r != nil {
		return r
	}
	stream := s.sim.Events()
	defer stream.Close()
	out := http.NewResponseController(w)
	_ = out.SetReadDeadline(time.Time{}) // the request has been read
	w.Header().Set("Content-Type", "text/event-stream")
	if q.Method == http.MethodHead {
		return nil
	}
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	for text := ": zksim\n\n"; ; {
		_ = out.SetWriteDeadline(time.Now().Add(eventTime))
		if _, err := w.Write([]byte(text)); err != nil || out.Flush() != nil {
			return nil
		}
		select {
		case <-stream.Ready():
		case <-ticker.C:
			text = ":\n\n"
			continue
		case <-q.Context().Done():
			return nil
		case <-s.done.Done():
			return nil
		}
		var open bool
		if text, open = pending(stream); !open {
			_, _ = w.Write([]byte(text + "event: end\ndata: {\"error\":\"the server has ended, or you have not kept up with 65536 events\"}\n\n"))
			return nil
		}
	}
}

// pending writes down what waits in a stream, up to a good size for a write.
func pending(stream *zkapi.Stream[memserver.Event]) (text string, open bool) {
	const enough = 32 << 10
	var b []byte
	for len(b) < enough {
		e, ok, open := stream.TryNext()
		if !ok {
			return string(b), open
		}
		shown := toEvent(e)
		data, err := json.Marshal(shown)
		if err != nil {
			panic("control: " + err.Error())
		}
		b = fmt.Appendf(b, "event: %s\ndata: %s\n\n", shown.Kind, data)
	}
	return string(b), true
}
