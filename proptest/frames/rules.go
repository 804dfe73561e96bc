package frames

import (
	"slices"
	"strings"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// Profile is a line of ZooKeeper versions with some settings: what the
// comparison has to know of the servers that it compares.
type Profile struct {
	Name string
	V38  bool // behaves as 3.8
	// OneWrite says that nothing is sent behind a write until it is answered: a
	// real server checks quotas against what has been carried out so far.
	OneWrite bool
	// EnforcesAuth says that a connection must authenticate itself, by digest,
	// before it may do anything else.
	EnforcesAuth bool
	Settings     map[string]string // as in zoo.cfg
}

// served tells whether the server knows a type of request.
func (p *Profile) served(op zkapi.OpCode) bool {
	switch op {
	case zkapi.OpNotification, zkapi.OpErr:
		return false
	case zkapi.OpCheck:
		return p.V38
	}
	return op.Known()
}

func isWrite(op zkapi.OpCode) bool {
	switch op {
	case zkapi.OpCreate, zkapi.OpCreate2, zkapi.OpCreateContainer, zkapi.OpCreateTTL, zkapi.OpDelete,
		zkapi.OpDeleteContainer, zkapi.OpSetData, zkapi.OpSetACL, zkapi.OpMulti:
		return true
	}
	return false
}

// alone tells whether a request must be sent by itself. A real server handles
// these outside of the queue that all others go through, so that its answer
// may overtake earlier ones, and may cut them off.
func (p *Profile) alone(op zkapi.OpCode) bool {
	return op == zkapi.OpAuth || op == zkapi.OpSasl || !p.served(op)
}

// batches splits what a step sends at once into what may be sent at once, and
// leaves out what no server may be sent. A connection that is silent, because it
// has not authenticated itself where it must, gets all its requests refused in
// the same way in which those that are sent alone are handled.
func (p *Profile) batches(reqs []Request, base int64, silent bool) [][]Request {
	var all [][]Request
	var batch []Request
	end := func() {
		if len(batch) > 0 {
			all = append(all, batch)
			batch = nil
		}
	}
	for _, r := range reqs {
		switch {
		case p.poison(&r, base):
			continue
		case silent || p.alone(r.Op):
			end()
			batch = []Request{r}
			end()
			continue
		}
		if r.Op == zkapi.OpCloseSession && slices.ContainsFunc(batch, Request.owned) {
			end()
		}
		batch = append(batch, r)
		if r.Op == zkapi.OpCloseSession {
			// Whether what comes behind it is carried out and answered depends on
			// how far the server has read when it comes to the end of the session.
			return append(all, batch)
		}
		if p.OneWrite && isWrite(r.Op) || lingers(&r) {
			end()
		}
	}
	end()
	return all
}

// owned tells whether a request may make nodes that go with the session. In which
// order they go depends on whether they are there when a real server prepares the
// end of the session: it lists those that are from a table of their number, and
// those that are on their way from one of 16.
func (r Request) owned() bool {
	return r.Op == zkapi.OpMulti && slices.ContainsFunc(r.Parts, Request.owned) ||
		(r.Op == zkapi.OpCreate || r.Op == zkapi.OpCreate2) && zkapi.CreateMode(r.Flags).Ephemeral()
}

// lingers tells whether requests behind this one must wait for its reply. A
// real server prepares requests before those in front of them have been
// carried out, from notes of what these are going to change, and the notes are
// not always right. What a request behind sees then depends on how far the one
// in front has come.
func lingers(r *Request) bool {
	switch r.Op {
	case zkapi.OpSetACL: // the note still has the old ACL
		return true
	case zkapi.OpCreateContainer: // the note says that it is ephemeral, which it is not
		return zkapi.CreateMode(r.Flags).Ephemeral()
	case zkapi.OpMulti: // one that trips in the middle leaves the notes of its first parts
		return r.Mangle != nil || slices.ContainsFunc(r.Parts, func(part Request) bool {
			null := slices.ContainsFunc(part.ACL, func(a ACL) bool { return a.Scheme == Null || a.ID == Null })
			return null || part.Path == Null || part.ACL == nil || part.Mangle != nil ||
				part.Op != zkapi.OpCreateTTL && zkapi.CreateMode(part.Flags).TTL() ||
				part.Op == zkapi.OpCreateContainer && zkapi.CreateMode(part.Flags).Ephemeral()
		})
	}
	return false
}

const (
	quotaRoot  = "/zookeeper/quota"
	limitsName = "/zookeeper_limits"
	statsName  = "/zookeeper_stats"
)

// poison tells whether a request could end a real server, now or later. It
// goes by the bytes, since a mangled request may have become one.
func (p *Profile) poison(r *Request, base int64) bool {
	frame := r.frame(nil, 1, base)
	body := wire.NewReader(frame[4:])
	var q wire.Request
	q.RequestHeader.Read(&body)
	if !q.Type.Known() {
		return false
	}
	q.ReadBody(&body)
	switch q.Type {
	case zkapi.OpMulti: // as far as it could be read
		for i := range q.Ops {
			if poisonOp(&q.Ops[i]) {
				return true
			}
		}
		return false
	case zkapi.OpCreate, zkapi.OpCreate2, zkapi.OpCreateContainer, zkapi.OpCreateTTL,
		zkapi.OpDelete, zkapi.OpDeleteContainer, zkapi.OpSetData:
		return poisonOp(&q.Op)
	// 3.8 can no longer close a connection that watches the null path, nor take
	// its watches out of the books.
	case zkapi.OpAddWatch:
		return p.V38 && q.Watch.Path == wire.NullString
	case zkapi.OpSetWatches2:
		return p.V38 && slices.Contains(slices.Concat(q.SetWatches.Persistent, q.SetWatches.PersistentRecursive), wire.NullString)
	}
	return false
}

func poisonOp(o *wire.Op) bool {
	switch o.Type {
	case zkapi.OpCreateTTL:
		if o.TTL < 0 && !zkapi.CreateMode(o.Flags).TTL() {
			return true
		}
		fallthrough
	case zkapi.OpCreate, zkapi.OpCreate2, zkapi.OpCreateContainer, zkapi.OpDelete, zkapi.OpDeleteContainer:
		// Limits at a place from which the server cannot derive the path that they are for.
		parent, ok := strings.CutSuffix(o.Path, limitsName)
		return ok && strings.HasPrefix(parent, "/zookeeper") && len(parent) <= len(quotaRoot)
	case zkapi.OpSetData:
		// Statistics that cannot be read end the server when it updates them.
		return strings.HasSuffix(o.Path, statsName) && !readableStats[string(o.Data)]
	}
	return false
}

var readableStats = map[string]bool{
	"count=1,bytes=0":   true,
	"count=5,bytes=100": true,
	"count=-1,bytes=-1": true,
	"count=2,bytes=3=;byteHardLimit=5;countHardLimit=7": true,
}
