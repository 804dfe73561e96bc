package frames

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// Difference is a history to which the two servers do not answer alike.
type Difference struct {
	History History
	Profile string
	log     []*round
	err     error
}

// Error is the report.
func (d *Difference) Error() string { return d.String() }

// String lists what was sent and answered. Where the answers are the same they
// are shown once.
func (d *Difference) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "ZooKeeper %s: %v\n", d.Profile, d.err)
	for i, e := range d.log {
		last := i == len(d.log)-1
		if e.link == "admin" && !last || e.quiet() && !last {
			continue
		}
		e.describe(&b)
	}
	return b.String()
}

// Signature names the difference, for telling known ones from new ones.
func (d *Difference) Signature() string {
	if len(d.log) == 0 {
		return d.err.Error()
	}
	e := d.log[len(d.log)-1]
	a, b := e.got[0].lines(e), e.got[1].lines(e)
	onlyA, onlyB := onlyIn(a, b), onlyIn(b, a)
	switch {
	case onlyA == "" && onlyB == "" && slices.Equal(a, b):
		return d.err.Error()
	case onlyA == "" && onlyB == "":
		return "order"
	}
	return onlyA + " | " + onlyB
}

// lacking are the lines of a that are not in b.
func lacking(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

// onlyIn is the head of the first line of a that is not in b.
func onlyIn(a, b []string) string {
	b = slices.Clone(b)
	for _, line := range a {
		at := slices.Index(b, line)
		if at < 0 {
			return head(line)
		}
		b = slices.Delete(b, at, at+1)
	}
	return ""
}

// head is the part of a line that does not depend on paths and numbers.
func head(line string) string {
	words := strings.Fields(line)
	var keep []string
	for _, w := range words {
		if !strings.ContainsAny(w, "\"+=[{:0123456789") && len(w) < 40 {
			keep = append(keep, w)
		}
	}
	return strings.Join(keep, " ")
}

// quiet tells an exchange with nothing to see: a link that has heard nothing.
func (e *round) quiet() bool {
	return e.connect == nil && e.word == "" && !e.drop && len(e.raw) == 0 && len(e.sent) == 0 && len(e.got[0].answers) == 1
}

func (e *round) describe(b *strings.Builder) {
	step := "end"
	if e.step > 0 {
		step = fmt.Sprintf("%d.", e.step)
	}
	fmt.Fprintf(b, "%4s %s", step, e.link)
	lines := []string{}
	if e.connect != nil {
		lines = append(lines, e.connect.String())
	}
	if e.drop {
		lines = append(lines, "hangs up")
	}
	if e.word != "" {
		lines = append(lines, "asks "+e.word)
	}
	if e.raw != nil {
		lines = append(lines, fmt.Sprintf("sends the bytes %x", e.raw))
	}
	brief := e.link == "admin" // it asks for the whole tree: only what differs is of interest
	for i := range e.sent {
		if brief && len(e.got[0].answers) == len(e.got[1].answers) && i < len(e.got[0].answers) && e.got[0].answers[i].equal(e.got[1].answers[i]) {
			continue
		}
		lines = append(lines, fmt.Sprintf("%d: %v", e.xids[i], &e.sent[i]))
	}
	if len(lines) == 0 {
		lines = append(lines, "hears")
	}
	for i, line := range lines {
		if i > 0 {
			b.WriteString("       ")
		}
		fmt.Fprintf(b, " %s\n", line)
	}
	sides := [2][]string{e.got[0].lines(e), e.got[1].lines(e)}
	if e.word != "" { // long, and mostly the same
		sides[0], sides[1] = lacking(sides[0], sides[1]), lacking(sides[1], sides[0])
	}
	for i := range max(len(sides[0]), len(sides[1])) {
		var has [2]string
		for side := range sides {
			if i < len(sides[side]) {
				has[side] = sides[side][i]
			}
		}
		if has[0] == has[1] {
			if brief {
				continue
			}
			fmt.Fprintf(b, "          -> %s\n", has[0])
			continue
		}
		for side, line := range has {
			if line == "" {
				line = "(nothing)"
			}
			fmt.Fprintf(b, "   !! %-5s-> %s\n", Names[side], line)
		}
	}
}

// lines shows answers.
func (o *outcome) lines(e *round) []string {
	var lines []string
	for _, a := range o.answers {
		if a.kind != isBarrier {
			lines = append(lines, a.text(e))
		} else if a.payload != nil {
			b := wire.NewReader(a.payload)
			var h wire.ReplyHeader
			h.Read(&b)
			lines = append(lines, "then zxid "+number(h.Zxid))
		}
	}
	if o.closed {
		lines = append(lines, "closed")
	}
	if o.trouble != "" {
		lines = append(lines, o.trouble)
	}
	return lines
}

func (a answer) text(e *round) string {
	b := wire.NewReader(a.payload)
	switch a.kind {
	case isNotification:
		var h wire.ReplyHeader
		var n wire.WatcherEvent
		h.Read(&b)
		n.Read(&b)
		return fmt.Sprintf("event %v %q zxid %s", n.Type, n.Path, number(h.Zxid))
	case isConnected:
		var p wire.ConnectResponse
		p.Read(&b)
		return fmt.Sprintf("connected session=%s timeout=%d password=%x readOnly=%v/%v protocol=%d length=%d",
			number(p.SessionID), p.TimeOut, p.Passwd, p.HasReadOnly, p.ReadOnly, p.ProtocolVersion, len(a.payload))
	case isText:
		return string(a.payload)
	case isSilence:
		return fmt.Sprintf("%s: no answer", a.op)
	case isStray:
		return fmt.Sprintf("unexpected %x", a.payload)
	}
	var h wire.ReplyHeader
	h.Read(&b)
	line := fmt.Sprintf("%d: %s zxid %s %s", h.Xid, a.op, number(h.Zxid), h.Err.Name())
	raw := b.Rest()
	if h.Err != 0 {
		if len(raw) > 0 {
			line += fmt.Sprintf(" and %x", raw)
			body := wire.NewReader(raw)
			for _, r := range wire.ReadMultiResults(&body) {
				line += " (" + resultText(&r) + ")"
			}
		}
		return line
	}
	body := wire.NewReader(raw)
	var p wire.Reply
	p.Read(&body, a.op)
	if again := p.Append(nil, a.op); body.Err() != nil || !bytes.Equal(again, raw) {
		return line + fmt.Sprintf(" %x", raw) // not what it should be, or not quite
	}
	return line + bodyText(&p, a.op)
}

func bodyText(p *wire.Reply, op zkapi.OpCode) string {
	switch op {
	case zkapi.OpCreate, zkapi.OpSync:
		return " " + quote(p.Path)
	case zkapi.OpCreate2, zkapi.OpCreateContainer, zkapi.OpCreateTTL:
		return " " + quote(p.Path) + stat(&p.Stat)
	case zkapi.OpExists, zkapi.OpSetData, zkapi.OpSetACL:
		return stat(&p.Stat)
	case zkapi.OpGetData, zkapi.OpReconfig:
		return " " + data(p.Data) + stat(&p.Stat)
	case zkapi.OpGetACL:
		return fmt.Sprintf(" %v%s", p.ACL, stat(&p.Stat))
	case zkapi.OpGetChildren, zkapi.OpGetEphemerals:
		return fmt.Sprintf(" %q", p.Children)
	case zkapi.OpGetChildren2:
		return fmt.Sprintf(" %q%s", p.Children, stat(&p.Stat))
	case zkapi.OpGetAllChildrenNumber, zkapi.OpAddWatch:
		return fmt.Sprintf(" %d", p.Total)
	case zkapi.OpWhoAmI:
		return fmt.Sprintf(" %q", p.IDs)
	case zkapi.OpSasl:
		return " " + data(p.Token)
	case zkapi.OpMulti, zkapi.OpMultiRead:
		var b strings.Builder
		for i := range p.Results {
			b.WriteString(" (" + resultText(&p.Results[i]) + ")")
		}
		return b.String()
	}
	return ""
}

func resultText(r *wire.MultiResult) string {
	switch r.Type {
	case zkapi.OpErr:
		return r.Err.Name()
	case zkapi.OpCreate:
		return "create " + quote(r.Path)
	case zkapi.OpCreate2:
		return "create2 " + quote(r.Path) + stat(&r.Stat)
	case zkapi.OpSetData:
		return "setData" + stat(&r.Stat)
	case zkapi.OpGetData:
		return "getData " + data(r.Data) + stat(&r.Stat)
	case zkapi.OpGetChildren:
		return fmt.Sprintf("getChildren %q", r.Children)
	}
	return r.Type.String()
}

// number shows a replaced number.
func number(v int64) string {
	switch v >> 40 {
	case relative >> 40:
		return fmt.Sprintf("+%d", v-relative)
	case earlier >> 40:
		return fmt.Sprintf("earlier(%x)", v-earlier)
	case stamped >> 40:
		return "ok"
	case strange >> 40:
		return fmt.Sprintf("strange(%x)", v-strange)
	}
	return fmt.Sprintf("%d", v)
}

func stat(s *zkapi.Stat) string {
	return fmt.Sprintf(" {c=%s m=%s p=%s ctime=%s mtime=%s v=%d cv=%d av=%d owner=%s len=%d kids=%d}",
		number(s.Czxid), number(s.Mzxid), number(s.Pzxid), number(s.Ctime), number(s.Mtime),
		s.Version, s.Cversion, s.Aversion, number(s.EphemeralOwner), s.DataLength, s.NumChildren)
}

func data(b []byte) string {
	if b == nil {
		return "null"
	}
	if len(b) > 60 {
		return fmt.Sprintf("%q...(%d bytes)", b[:20], len(b))
	}
	return fmt.Sprintf("%q", b)
}

func quote[T ~string](s T) string {
	if Text(s) == Null {
		return "null"
	}
	return fmt.Sprintf("%+q", string(s))
}

// String is the connect in words.
func (c *Connect) String() string {
	b := "connects"
	switch {
	case c.Session > 0:
		b += fmt.Sprintf(" to session #%d", c.Session)
	case c.Session < 0:
		b += " to no session"
	}
	if c.Passwd != PasswdRight {
		b += " password=" + string(c.Passwd)
	}
	b += fmt.Sprintf(" timeout=%d", c.Timeout)
	if c.Seen != (Zxid{}) {
		b += " seen=" + c.Seen.String()
	}
	if c.Tail != TailFalse {
		b += " readOnly=" + string(c.Tail)
	}
	if c.Protocol != 0 {
		b += fmt.Sprintf(" protocol=%d", c.Protocol)
	}
	if c.Cut != 0 {
		b += fmt.Sprintf(" cut=%d", c.Cut)
	}
	return b
}

// String is "+3", or the number itself.
func (z Zxid) String() string {
	if z.Abs {
		return fmt.Sprint(z.N)
	}
	return fmt.Sprintf("%+d", z.N)
}

// String is the request in words.
func (r *Request) String() string {
	var b strings.Builder
	fmt.Fprint(&b, r.Op)
	acl := func() {
		switch {
		case r.ACL == nil:
			b.WriteString(" acl=null")
		case len(r.ACL) == 1 && r.ACL[0] == openACL[0]:
		default:
			for i, a := range r.ACL {
				sep := ","
				if i == 0 {
					sep = " acl="
				}
				fmt.Fprintf(&b, "%s%s:%s:%d", sep, quote(a.Scheme), quote(a.ID), a.Perms)
			}
			if len(r.ACL) == 0 {
				b.WriteString(" acl=[]")
			}
		}
	}
	switch r.Op {
	case zkapi.OpCreate, zkapi.OpCreate2, zkapi.OpCreateContainer, zkapi.OpCreateTTL:
		fmt.Fprintf(&b, " %s %s flags=%d", quote(r.Path), data(r.Data), r.Flags)
		acl()
		if r.Op == zkapi.OpCreateTTL {
			fmt.Fprintf(&b, " ttl=%d", r.TTL)
		}
	case zkapi.OpDelete, zkapi.OpCheck:
		fmt.Fprintf(&b, " %s v=%d", quote(r.Path), r.Version)
	case zkapi.OpSetData:
		fmt.Fprintf(&b, " %s %s v=%d", quote(r.Path), data(r.Data), r.Version)
	case zkapi.OpSetACL:
		fmt.Fprintf(&b, " %s v=%d", quote(r.Path), r.Version)
		acl()
	case zkapi.OpExists, zkapi.OpGetData, zkapi.OpGetChildren, zkapi.OpGetChildren2:
		fmt.Fprintf(&b, " %s", quote(r.Path))
		if r.Watch {
			b.WriteString(" watch")
		}
	case zkapi.OpGetACL, zkapi.OpSync, zkapi.OpGetAllChildrenNumber, zkapi.OpGetEphemerals, zkapi.OpDeleteContainer:
		fmt.Fprintf(&b, " %s", quote(r.Path))
	case zkapi.OpAddWatch, zkapi.OpCheckWatches, zkapi.OpRemoveWatches:
		fmt.Fprintf(&b, " %s type=%d", quote(r.Path), r.Type)
	case zkapi.OpSetWatches, zkapi.OpSetWatches2:
		fmt.Fprintf(&b, " seen=%v", r.Zxid)
		for _, list := range r.Lists {
			if list == nil {
				b.WriteString(" null")
				continue
			}
			fmt.Fprintf(&b, " %q", list)
		}
	case zkapi.OpReconfig:
		fmt.Fprintf(&b, " joining=%s leaving=%s config=%d", quote(r.Path), quote(r.Scheme), r.Zxid.N)
	case zkapi.OpAuth:
		fmt.Fprintf(&b, " %s %s", quote(r.Scheme), data(r.Data))
	case zkapi.OpSasl:
		fmt.Fprintf(&b, " %s", data(r.Data))
	case zkapi.OpMulti, zkapi.OpMultiRead:
		for i := range r.Parts {
			fmt.Fprintf(&b, " (%v)", &r.Parts[i])
		}
	case zkapi.OpCreateSession:
		fmt.Fprintf(&b, " timeout=%d", r.Type)
	}
	if m := r.Mangle; m != nil {
		fmt.Fprintf(&b, " [%s at=%d with=%d]", m.Kind, m.At, m.With)
	}
	return b.String()
}
