package faults

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// Action is what a rule does.
type Action string

// The actions. doc.go has what a client sees of each.
const (
	Cut     Action = "cut"     // the connection breaks
	Stall   Action = "stall"   // one direction of the connection goes silent for good
	Delay   Action = "delay"   // one direction of the connection waits
	Error   Action = "error"   // the server's answer is an error code
	Refuse  Action = "refuse"  // nobody listens where the client connects to
	Silence Action = "silence" // the network carries nothing while the rule lasts
	Slow    Action = "slow"    // the network carries few bytes a second while the rule lasts
)

// Point is a moment in the life of a request or a notification.
type Point string

// The points.
const (
	BeforeRequest     Point = "before-request"     // the request has not reached the server, and never will
	AfterReply        Point = "after-reply"        // the server has replied, and the client does not get it
	AfterDelivery     Point = "after-delivery"     // the client has the reply
	AfterNotification Point = "after-notification" // the server has sent an event of a watch, and the client does not get it
)

// Way is a direction of the network.
type Way string

// The ways.
const (
	ToServer   Way = "to-server"
	FromServer Way = "from-server"
	BothWays   Way = "both-ways"
)

// Rule is one line of a plan: what happens, where, and when. The zero value of
// a field that is not about what happens means no restriction.
type Rule struct {
	Action Action
	Point  Point         // of Cut, Stall, Delay and Error
	Delay  time.Duration // of Delay
	Code   zkapi.Code    // of Error
	Rate   int           // of Slow: bytes a second
	Way    Way           // of Silence and Slow

	// Operations are names of requests, such as "create", and of groups of them,
	// such as "write"; after-notification has names of events, "NodeDeleted".
	// Without any a rule is about everything that the program asks for, and not
	// about what its client library does by itself (see "all" in the package's
	// documentation).
	Operations []string
	Path       string // a glob: * stands for a part of a name, ** for any part of the tree
	Client     string // the name given to Plan.As
	Session    int64

	Nth     int           // only this match, counting from 1
	Every   int           // every so manyth match
	Percent float64       // chance, drawn from the seed of the plan
	From    time.Duration // since the plan was first used
	To      time.Duration // the same; 0 means for ever
	Times   int           // at most so often
}

// actionForms says what each action takes.
var actionForms = map[Action]struct {
	points []Point
	way    bool // it has a way, and lasts
}{
	Cut:     {points: []Point{BeforeRequest, AfterReply, AfterDelivery, AfterNotification}},
	Stall:   {points: []Point{BeforeRequest, AfterReply, AfterDelivery, AfterNotification}},
	Delay:   {points: []Point{BeforeRequest, AfterReply, AfterNotification}},
	Error:   {points: []Point{BeforeRequest, AfterReply}},
	Refuse:  {},
	Silence: {way: true},
	Slow:    {way: true},
}

var (
	actionNames = []Action{Cut, Stall, Delay, Error, Refuse, Silence, Slow}
	wayNames    = []Way{ToServer, FromServer, BothWays}
)

// Check says what is wrong with a rule; nil if nothing is.
func (r *Rule) Check() error {
	form, ok := actionForms[r.Action]
	if !ok {
		return fmt.Errorf("unknown action %q: want %s", r.Action, list(actionNames))
	}
	if err := r.checkWhat(form.points, form.way); err != nil {
		return err
	}
	if err := r.checkWhere(form.points != nil); err != nil {
		return err
	}
	return r.checkWhen(form.way)
}

func (r *Rule) checkWhat(points []Point, way bool) error {
	switch {
	case points == nil && r.Point != "":
		return fmt.Errorf("%s has no point, so not %q", r.Action, r.Point)
	case points != nil && !slices.Contains(points, r.Point):
		return fmt.Errorf("%s cannot be at point %q: want %s", r.Action, r.Point, list(points))
	case !way && r.Way != "":
		return fmt.Errorf("%s has no direction, so not %q", r.Action, r.Way)
	case way && !slices.Contains(wayNames, r.Way):
		return fmt.Errorf("%s cannot go in direction %q: want %s", r.Action, r.Way, list(wayNames))
	case (r.Action == Delay) != (r.Delay != 0) || r.Delay < 0:
		return fmt.Errorf("%s with a delay of %v: delay wants one above 0, all others have none", r.Action, r.Delay)
	case (r.Action == Error) != (r.Code != 0):
		return fmt.Errorf("%s with code %s: error wants one, all others have none", r.Action, r.Code.Name())
	case (r.Action == Slow) != (r.Rate != 0) || r.Rate < 0:
		return fmt.Errorf("%s with a rate of %d B/s: slow wants one above 0, all others have none", r.Action, r.Rate)
	}
	return nil
}

func (r *Rule) checkWhere(operations bool) error {
	if !operations && (len(r.Operations) > 0 || r.Path != "") {
		return fmt.Errorf("%s is about connections, so it has neither operations nor a path", r.Action)
	}
	if r.Path != "" && !strings.HasPrefix(r.Path, "/") {
		return fmt.Errorf("path %q does not start with /", r.Path)
	}
	if strings.HasSuffix(strings.ReplaceAll(r.Path, `\\`, ""), `\`) {
		return fmt.Errorf(`path %q ends with a \ that stands before nothing`, r.Path)
	}
	for _, name := range r.Operations {
		if err := checkOperation(name, r.Point == AfterNotification); err != nil {
			return err
		}
	}
	if r.Action == Error && slices.ContainsFunc(r.Operations, func(s string) bool { return s == "connect" || s == "ping" }) {
		return errors.New("neither connect nor ping is ever answered with an error code")
	}
	if r.Action == Refuse && r.Session != 0 {
		return errors.New("refuse happens before there is a session")
	}
	return nil
}

func (r *Rule) checkWhen(lasts bool) error {
	switch {
	case lasts && (r.Nth != 0 || r.Every != 0 || r.Percent != 0 || r.Times != 0):
		return fmt.Errorf("%s lasts from one moment to another, so it is not counted", r.Action)
	case r.Nth < 0 || r.Every < 0 || r.Times < 0:
		return errors.New("counts start at 1")
	case !(r.Percent >= 0 && r.Percent <= 100):
		return fmt.Errorf("%v%% is not a chance", r.Percent)
	case r.Nth != 0 && r.Every != 0:
		return errors.New("both #N and every N")
	case r.From < 0 || r.To < 0 || r.To != 0 && r.To <= r.From:
		return fmt.Errorf("from %v to %v is no time", r.From, r.To)
	}
	return nil
}

// list puts choices into a sentence.
func list[S ~string](choices []S) string {
	var b strings.Builder
	for i, c := range choices {
		switch {
		case i == 0:
		case i == len(choices)-1:
			b.WriteString(" or ")
		default:
			b.WriteString(", ")
		}
		b.WriteString(string(c))
	}
	return b.String()
}
