package transcript

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// showReply prints a reply: the header's fields where they say something, then
// the name of the error or the body. What a multi did follows in lines of their own.
func (x *exec) showReply(r *request, h wire.ReplyHeader, body *wire.Reader) []string {
	var parts []string
	if !r.plain || h.Xid != r.xid {
		parts = append(parts, fmt.Sprintf("xid=%d", h.Xid))
	}
	if z := x.headerZxid(h.Zxid); z != "" {
		parts = append(parts, z)
	}
	var more []string
	if h.Err != 0 {
		parts = append(parts, h.Err.Name())
	} else {
		var text string
		text, more = x.showBody(r, body)
		if text != "" {
			parts = append(parts, text)
		}
	}
	if body.Err() != nil {
		parts = append(parts, "(malformed)")
	} else if body.Len() > 0 {
		parts = append(parts, "(and "+hex.EncodeToString(body.Rest())+")")
	}
	if len(parts) == 0 {
		parts = []string{"ok"}
	}
	return append([]string{strings.Join(parts, " ")}, more...)
}

// headerZxid prints the zxid of a reply relative to the highest that was seen
// before: nothing if it is that one.
func (x *exec) headerZxid(z int64) string {
	switch {
	case z == x.now:
		return ""
	case z <= 0:
		return fmt.Sprintf("zxid=%d", z)
	case z < x.now:
		return fmt.Sprintf("zxid-%d", x.now-z)
	}
	s := fmt.Sprintf("zxid+%d", z-x.now)
	x.now = z
	x.marks["now"] = z
	return s
}

// zxid prints a zxid as the distance from now.
func (x *exec) zxid(z int64) string {
	switch {
	case z <= 0:
		return strconv.FormatInt(z, 10)
	case z == x.now:
		return "now"
	}
	return fmt.Sprintf("now%+d", z-x.now)
}

func (x *exec) showBody(r *request, b *wire.Reader) (string, []string) {
	switch r.op {
	case zkapi.OpCreate, zkapi.OpSync:
		return readString(b), nil
	case zkapi.OpCreate2, zkapi.OpCreateContainer, zkapi.OpCreateTTL:
		return readString(b) + " " + x.readStat(b), nil
	case zkapi.OpExists, zkapi.OpSetData, zkapi.OpSetACL:
		return x.readStat(b), nil
	case zkapi.OpGetData, zkapi.OpReconfig:
		return x.readData(b) + " " + x.readStat(b), nil
	case zkapi.OpGetACL:
		return showACLs(b.ACLs(nil)) + " " + x.readStat(b), nil
	case zkapi.OpGetChildren, zkapi.OpGetEphemerals:
		return showStrings(b.Strings(nil)), nil
	case zkapi.OpGetChildren2:
		return showStrings(b.Strings(nil)) + " " + x.readStat(b), nil
	case zkapi.OpGetAllChildrenNumber:
		return strconv.Itoa(int(b.Int())), nil
	case zkapi.OpAddWatch:
		if n := b.Int(); n != 0 || b.Err() != nil {
			return fmt.Sprint("error code ", n), nil
		}
	case zkapi.OpWhoAmI:
		ids := []string{}
		for n := b.Int(); n > 0 && b.Err() == nil; n-- {
			ids = append(ids, readString(b)+":"+readString(b))
		}
		return "[" + strings.Join(ids, " ") + "]", nil
	case zkapi.OpSasl:
		return x.readData(b), nil
	case zkapi.OpMulti, zkapi.OpMultiRead:
		return "", collapse(x.showResults(b))
	}
	return "", nil
}

// showResults prints the parts of the reply to a multi. Whatever a part says
// twice is printed twice if the two differ.
func (x *exec) showResults(b *wire.Reader) []string {
	lines := []string{}
	for b.Err() == nil {
		op, done, code := zkapi.OpCode(b.Int()), b.Bool(), b.Int()
		if done {
			if op != zkapi.OpErr || code != -1 {
				lines = append(lines, fmt.Sprintf("  end type=%d err=%d", op, code))
			}
			return lines
		}
		line := "  " + op.String()
		if op != zkapi.OpErr && code != 0 {
			line += " header says " + zkapi.Code(code).Name()
		}
		switch op {
		case zkapi.OpErr:
			inner := b.Int()
			line += " " + zkapi.Code(inner).Name()
			if inner != code {
				line += " header says " + zkapi.Code(code).Name()
			}
		case zkapi.OpCreate:
			line += " " + readString(b)
		case zkapi.OpCreate2:
			line += " " + readString(b) + " " + x.readStat(b)
		case zkapi.OpSetData:
			line += " " + x.readStat(b)
		case zkapi.OpGetData:
			line += " " + x.readData(b) + " " + x.readStat(b)
		case zkapi.OpGetChildren:
			line += " " + showStrings(b.Strings(nil))
		case zkapi.OpDelete, zkapi.OpCheck:
		default:
			return append(lines, line+" is no type of result")
		}
		lines = append(lines, line)
	}
	return lines
}

// readString prints a string as the bytes that came, whatever they encode.
func readString(b *wire.Reader) string {
	raw := b.Buffer()
	if raw == nil {
		return "null"
	}
	return display(string(raw))
}

func (x *exec) readData(b *wire.Reader) string {
	data := b.Buffer()
	switch {
	case data == nil:
		return "null"
	case len(data) > 300:
		return fmt.Sprintf("<%d bytes>", len(data))
	}
	return strconv.Quote(string(data))
}

// readStat prints what is not obvious in a Stat: no zeros, and mzxid and pzxid
// only when they differ from czxid.
func (x *exec) readStat(b *wire.Reader) string {
	s := b.Stat()
	fields := []string{"czxid=" + x.zxid(s.Czxid)}
	put := func(name string, show bool, value any) {
		if show {
			fields = append(fields, fmt.Sprintf("%s=%v", name, value))
		}
	}
	put("mzxid", s.Mzxid != s.Czxid, x.zxid(s.Mzxid))
	put("pzxid", s.Pzxid != s.Czxid, x.zxid(s.Pzxid))
	put("version", s.Version != 0, s.Version)
	put("cversion", s.Cversion != 0, s.Cversion)
	put("aversion", s.Aversion != 0, s.Aversion)
	put("ephemeralOwner", s.EphemeralOwner != 0, x.sessionName(s.EphemeralOwner))
	put("dataLength", s.DataLength != 0, s.DataLength)
	put("numChildren", s.NumChildren != 0, s.NumChildren)
	return "{" + strings.Join(append(fields, x.showTimes(&s)...), " ") + "}"
}

// sometime is a moment that no server's clock is before: 2020.
const sometime = 1577836800000

// showTimes prints the times only where they are not what the zxids imply, or
// how mtime compares to ctime if the transcript asks for it.
func (x *exec) showTimes(s *zkapi.Stat) []string {
	created, changed := s.Ctime > sometime, s.Mtime > sometime
	switch {
	case s.Czxid > 0 && !created, s.Czxid == 0 && s.Ctime != 0, s.Mzxid > 0 && !changed,
		s.Mzxid == s.Czxid && s.Ctime != s.Mtime, s.Mtime < s.Ctime:
		return []string{fmt.Sprintf("ctime=%d mtime=%d", s.Ctime, s.Mtime)}
	case !x.options["times"]:
		return nil
	case s.Ctime == s.Mtime:
		return []string{"mtime=ctime"}
	}
	return []string{"mtime>ctime"}
}

// sessionName is the name of the connection that started a session.
func (x *exec) sessionName(id int64) string {
	for _, s := range x.sessions {
		if s.id == id {
			return s.name
		}
	}
	return fmt.Sprintf("0x%x", uint64(id))
}

func showStrings(list []string) string {
	if list == nil {
		return "null"
	}
	if len(list) > 300 {
		return fmt.Sprintf("<%d names>", len(list))
	}
	shown := make([]string, len(list))
	for i, s := range list {
		shown[i] = display(s)
	}
	return "[" + strings.Join(shown, " ") + "]"
}

func showACLs(acls []zkapi.ACL) string {
	if acls == nil {
		return "null"
	}
	shown := make([]string, len(acls))
	for i, a := range acls {
		shown[i] = display(a.Scheme) + ":" + display(a.ID) + ":" + showPerms(a.Perms)
	}
	return strings.Join(shown, ",")
}

func showPerms(p zkapi.Perm) string {
	if p <= 0 || p > zkapi.PermAll {
		return strconv.Itoa(int(p))
	}
	var s strings.Builder
	for _, i := range [...]int{2, 3, 0, 1, 4} { // ZooKeeper's order: cdrwa
		if p&(1<<i) != 0 {
			s.WriteByte(permLetters[i])
		}
	}
	return s.String()
}

// showEvent prints a notification. Its zxid is left out unless the transcript
// asks for it, since servers before 3.9 have none.
func (x *exec) showEvent(h wire.ReplyHeader, body *wire.Reader) string {
	e := wire.WatcherEvent{Type: zkapi.EventType(body.Int()), State: body.Int()}
	line := "event " + strings.TrimPrefix(e.Type.String(), "Node") + " " + readString(body)
	if e.State != 3 {
		line += fmt.Sprintf(" state=%d", e.State)
	}
	if h.Err != 0 {
		line += fmt.Sprintf(" err=%d", h.Err)
	}
	if x.options["event-zxid"] {
		line += " zxid=" + x.zxid(h.Zxid)
	}
	if body.Err() != nil {
		line += " (malformed)"
	} else if body.Len() > 0 {
		line += " (and " + hex.EncodeToString(body.Rest()) + ")"
	}
	return line
}

// showConnect prints a ConnectResponse field by field.
func showConnect(payload []byte, r wire.ConnectResponse, who string) string {
	password := fmt.Sprintf("%d bytes", len(r.Passwd))
	if strings.Trim(string(r.Passwd), "\x00") == "" {
		password += " of zero"
	}
	readOnly := "absent"
	if r.HasReadOnly {
		readOnly = strconv.FormatBool(r.ReadOnly)
	}
	return fmt.Sprintf("response protocol=%d timeout=%d session=%s password=%s readOnly=%s length=%d",
		r.ProtocolVersion, r.TimeOut, who, password, readOnly, len(payload))
}
