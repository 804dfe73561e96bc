package explore

import (
	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

// link is how a participant reaches the server. Its methods are called while all
// participants wait, but for session, and up and waiting with run.mu held.
type link interface {
	// up tells whether the participant takes itself for connected.
	up() bool
	// away tells whether it knows that it is not, and comes back by comeBack.
	away() bool
	// session is the latest one that the participant knows of.
	session() int64

	// waiting is how much has come that the participant has not got; next is the
	// first of it, and deliver hands it over.
	waiting() int
	next() memserver.Arrival
	deliver()
	// underWay adds all that waits to a digest.
	underWay(l *ledger)
	// missed adds what its watches will be told when it comes back.
	missed(l *ledger)

	// perform has the server do an operation; reply lets the participant have the
	// answer, and lose that there is none, because the connection is lost. Then
	// unheard performs it, of which the client hears nothing.
	perform(o *operation)
	unheard(o *operation)
	reply(o *operation)
	lose(o *operation)

	// cut breaks the connection, so that the participant knows.
	cut()
	comeBack()
	close()
}

// direct is a held direct client of the server.
type direct struct{ *memserver.Client }

func (l direct) up() bool                { return l.State() == zkapi.StateConnected }
func (l direct) away() bool              { return l.State() == zkapi.StateSuspended }
func (l direct) session() int64          { return l.SessionID() }
func (l direct) waiting() int            { return l.Waiting() }
func (l direct) next() memserver.Arrival { return l.Arrivals()[0] }
func (l direct) deliver()                { l.Deliver() }
func (l direct) perform(o *operation)    { o.perform(l.Client) }
func (l direct) cut()                    { l.Disconnect() }
func (l direct) comeBack()               { l.Reconnect() }
func (l direct) close()                  { l.Close() }

func (l direct) unheard(o *operation) {
	heard := l.LastZxid()
	l.perform(o)
	l.Unheard(heard)
}

func (l direct) underWay(d *ledger) {
	n := l.Waiting()
	if d.int(n); n == 0 {
		return
	}
	for _, a := range l.Arrivals() {
		d.text(a.Event.Path)
		d.int(int(a.Event.Type))
		d.mark(a.Event.Zxid)
		d.flag(a.Lost)
	}
}

func (l direct) missed(d *ledger) {
	for _, e := range l.Missed() {
		d.text(e.Path)
		d.int(int(e.Type))
	}
}

func (l direct) reply(o *operation) {
	if !o.abandoned {
		o.done <- struct{}{}
	}
}

func (l direct) lose(o *operation) {
	if !o.abandoned {
		o.fail(zkapi.ErrConnectionLoss)
		o.done <- struct{}{}
	}
}
