package frames

import (
	"encoding/binary"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// The bytes of requests. They are not made by package wire, which cannot
// write what is malformed.

// frame appends the request as a frame. base is the zxid that relative ones count from.
func (r *Request) frame(b []byte, xid int32, base int64) []byte {
	start := len(b)
	b = wire.BeginFrame(b)
	b = wire.AppendInt(wire.AppendInt(b, xid), int32(r.Op))
	return wire.EndFrame(r.mangledBody(b, base), start)
}

func (z Zxid) on(base int64) int64 {
	if z.Abs {
		return z.N
	}
	return base + z.N
}

func (r *Request) mangledBody(b []byte, base int64) []byte {
	start := len(b)
	b = r.body(b, base)
	if r.Mangle == nil {
		return b
	}
	n, at := len(b)-start, r.Mangle.At
	switch r.Mangle.Kind {
	case MangleCut:
		if n > 0 {
			b = b[:start+at%n]
		}
	case ManglePoke:
		if n >= 4 {
			binary.BigEndian.PutUint32(b[start+at%(n-3):], uint32(r.Mangle.With))
		}
	case MangleJunk:
		for i := range at {
			b = append(b, byte(i))
		}
	case MangleNoise: // small numbers for the most part, so that some lengths fit
		b = b[:start]
		state := uint32(r.Mangle.With)
		for i := range at {
			state = state*1664525 + 1013904223
			switch v := byte(state >> 24); {
			case i%4 == 3 || v >= 250:
				b = append(b, v%64)
			case v < 8:
				b = append(b, 0xff)
			default:
				b = append(b, 0)
			}
		}
	}
	return b
}

func (r *Request) body(b []byte, base int64) []byte {
	switch r.Op {
	case zkapi.OpCreate, zkapi.OpCreate2, zkapi.OpCreateContainer, zkapi.OpCreateTTL:
		b = wire.AppendBuffer(appendText(b, r.Path), r.Data)
		b = wire.AppendInt(appendACL(b, r.ACL), r.Flags)
		if r.Op == zkapi.OpCreateTTL {
			b = wire.AppendLong(b, r.TTL)
		}
	case zkapi.OpDelete, zkapi.OpCheck:
		b = wire.AppendInt(appendText(b, r.Path), r.Version)
	case zkapi.OpSetData:
		b = wire.AppendInt(wire.AppendBuffer(appendText(b, r.Path), r.Data), r.Version)
	case zkapi.OpSetACL:
		b = wire.AppendInt(appendACL(appendText(b, r.Path), r.ACL), r.Version)
	case zkapi.OpExists, zkapi.OpGetData, zkapi.OpGetChildren, zkapi.OpGetChildren2:
		b = wire.AppendBool(appendText(b, r.Path), r.Watch)
	case zkapi.OpGetACL, zkapi.OpSync, zkapi.OpGetAllChildrenNumber, zkapi.OpGetEphemerals, zkapi.OpDeleteContainer:
		b = appendText(b, r.Path)
	case zkapi.OpAddWatch, zkapi.OpCheckWatches, zkapi.OpRemoveWatches:
		b = wire.AppendInt(appendText(b, r.Path), r.Type)
	case zkapi.OpSetWatches, zkapi.OpSetWatches2:
		lists := 3
		if r.Op == zkapi.OpSetWatches2 {
			lists = 5
		}
		b = wire.AppendLong(b, r.Zxid.on(base))
		for i := range lists {
			if i < len(r.Lists) {
				b = appendTexts(b, r.Lists[i])
			} else {
				b = appendTexts(b, []Text{})
			}
		}
	case zkapi.OpReconfig:
		b = appendText(appendText(appendText(b, r.Path), r.Scheme), Null)
		b = wire.AppendLong(b, r.Zxid.N)
	case zkapi.OpAuth:
		b = wire.AppendBuffer(appendText(wire.AppendInt(b, r.Type), r.Scheme), r.Data)
	case zkapi.OpSasl:
		b = wire.AppendBuffer(b, r.Data)
	case zkapi.OpMulti, zkapi.OpMultiRead:
		for i := range r.Parts {
			b = wire.AppendMultiHeader(b, r.Parts[i].Op, false, -1)
			b = r.Parts[i].mangledBody(b, base)
		}
		b = wire.AppendMultiEnd(b)
	case zkapi.OpCreateSession:
		b = wire.AppendInt(b, r.Type)
	}
	return b
}

// appendText writes the bytes as they are.
func appendText(b []byte, t Text) []byte {
	if t == Null {
		return wire.AppendInt(b, -1)
	}
	return append(wire.AppendInt(b, int32(len(t))), t...)
}

func appendTexts(b []byte, list []Text) []byte {
	if list == nil {
		return wire.AppendInt(b, -1)
	}
	b = wire.AppendInt(b, int32(len(list)))
	for _, t := range list {
		b = appendText(b, t)
	}
	return b
}

func appendACL(b []byte, acl []ACL) []byte {
	if acl == nil {
		return wire.AppendInt(b, -1)
	}
	b = wire.AppendInt(b, int32(len(acl)))
	for _, a := range acl {
		b = appendText(appendText(wire.AppendInt(b, a.Perms), a.Scheme), a.ID)
	}
	return b
}

// frame appends the ConnectRequest as a frame.
func (c *Connect) frame(b []byte, id int64, passwd []byte, base int64) []byte {
	switch c.Passwd {
	case PasswdWrong:
		passwd = append([]byte(nil), passwd...)
		passwd[len(passwd)-1] ^= 1
	case PasswdNull:
		passwd = nil
	case PasswdEmpty:
		passwd = []byte{}
	case PasswdShort:
		passwd = passwd[:len(passwd)-1]
	case PasswdLong:
		passwd = append(append([]byte(nil), passwd...), 0)
	}
	start := len(b)
	b = wire.BeginFrame(b)
	q := wire.ConnectRequest{ProtocolVersion: c.Protocol, LastZxidSeen: c.Seen.on(base), TimeOut: c.Timeout,
		SessionID: id, Passwd: passwd, HasReadOnly: c.Tail != TailNone, ReadOnly: c.Tail == TailTrue}
	b = q.Append(b)
	if c.Tail == TailJunk {
		b = append(b, 1, 2, 3, 4, 5)
	}
	return wire.EndFrame(b[:max(start+4, len(b)-c.Cut)], start)
}
