package frames_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"maps"
	"net"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/zksim/zksim/proptest/frames"
	"github.com/zksim/zksim/proptest/internal/brief"
	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// reply is a frame from the server, as a tamperer sees it.
type reply struct {
	payload []byte
	op      zkapi.OpCode // of the request; OpErr for an event, OpCreateSession for a ConnectResponse
	err     zkapi.Code
}

// plants are differences such as a simulator might have. Each changes what a
// connection gets: it is given a frame and returns what is sent instead.
var plants = []struct {
	name  string
	plant func(r reply, held *[]byte) [][]byte
}{
	{"cversion", onStat(func(s []byte) { s[39]++ })},
	{"aversion", onStat(func(s []byte) { s[43]++ })},
	{"pzxid", onStat(func(s []byte) {
		if s[67] > s[7] {
			copy(s[60:], s[:8])
		}
	})},
	{"mtime of the creation", onStat(func(s []byte) { copy(s[24:32], s[16:24]) })},
	{"owner", onStat(func(s []byte) { clear(s[44:52]) })},
	{"data length", onStat(func(s []byte) { s[55] |= 1 })},
	{"dropped event", func(r reply, _ *[]byte) [][]byte {
		if r.op == zkapi.OpErr && r.payload[19] == byte(zkapi.EventNodeChildrenChanged) {
			return nil
		}
		return [][]byte{r.payload}
	}},
	{"event twice", func(r reply, _ *[]byte) [][]byte {
		if r.op == zkapi.OpErr && r.payload[19] == byte(zkapi.EventNodeDeleted) {
			return [][]byte{r.payload, r.payload}
		}
		return [][]byte{r.payload}
	}},
	{"event behind the reply", func(r reply, held *[]byte) [][]byte {
		if r.op == zkapi.OpErr && *held == nil {
			*held = r.payload
			return nil
		}
		if *held != nil {
			event := *held
			*held = nil
			return [][]byte{r.payload, event}
		}
		return [][]byte{r.payload}
	}},
	{"zxid of an event", func(r reply, _ *[]byte) [][]byte {
		if r.op == zkapi.OpErr {
			r.payload[11] ^= 1
		}
		return [][]byte{r.payload}
	}},
	{"zxid of a read", onOp(zkapi.OpGetACL, func(p []byte) []byte { p[11]--; return p })},
	{"code", func(r reply, _ *[]byte) [][]byte {
		if r.op == zkapi.OpDelete && r.err == zkapi.ErrBadVersion {
			binary.BigEndian.PutUint32(r.payload[12:], 1<<32-111) // NotEmpty
		}
		return [][]byte{r.payload}
	}},
	{"body of an error", func(r reply, _ *[]byte) [][]byte {
		if r.err == zkapi.ErrNoNode {
			r.payload = append(r.payload, 0)
		}
		return [][]byte{r.payload}
	}},
	{"byte too many", onOp(zkapi.OpAddWatch, func(p []byte) []byte { return append(p, 0) })},
	{"order of children", onOp(zkapi.OpGetChildren, func(p []byte) []byte {
		b := wire.NewReader(p[16:])
		list := b.Strings(nil)
		if len(list) > 1 {
			list[0], list[1] = list[1], list[0]
		}
		return wire.AppendStrings(p[:16], list)
	})},
	{"null data", onOp(zkapi.OpGetData, func(p []byte) []byte {
		if bytes.Equal(p[16:20], []byte{255, 255, 255, 255}) {
			copy(p[16:], []byte{0, 0, 0, 0})
		}
		return p
	})},
	{"order of identities", onOp(zkapi.OpWhoAmI, func(p []byte) []byte {
		var r wire.Reply
		b := wire.NewReader(p[16:])
		if r.Read(&b, zkapi.OpWhoAmI); len(r.IDs) > 1 {
			r.IDs[0], r.IDs[1] = r.IDs[1], r.IDs[0]
		}
		return r.Append(p[:16], zkapi.OpWhoAmI)
	})},
	{"version in a multi", onOp(zkapi.OpMulti, func(p []byte) []byte {
		var r wire.Reply
		b := wire.NewReader(p[16:])
		r.Read(&b, zkapi.OpMulti)
		for i := range r.Results {
			if r.Results[i].Type == zkapi.OpSetData {
				r.Results[i].Stat.Version++
			}
		}
		return r.Append(p[:16], zkapi.OpMulti)
	})},
	{"negotiated timeout", onOp(zkapi.OpCreateSession, func(p []byte) []byte { p[7] |= 1; return p })},
	{"password", onOp(zkapi.OpCreateSession, func(p []byte) []byte { p[20] ^= 1; return p })},
	{"tail of the connect response", onOp(zkapi.OpCreateSession, func(p []byte) []byte {
		if len(p) == 36 {
			return append(p, 0)
		}
		return p
	})},
	{"zxid of a write", onOp(zkapi.OpDelete, func(p []byte) []byte { p[11]++; return p })},
	{"bit of the data", onOp(zkapi.OpGetData, func(p []byte) []byte {
		if n := binary.BigEndian.Uint32(p[16:]); n > 0 && n < 100 {
			p[20] ^= 1
		}
		return p
	})},
	{"xid", onOp(zkapi.OpExists, func(p []byte) []byte { p[3]++; return p })},
	{"line of a four-letter word", func(r reply, _ *[]byte) [][]byte {
		return [][]byte{bytes.Replace(r.payload, []byte("Total watches:"), []byte("Total watches: "), 1)}
	}},
	{"lost reply", func(r reply, _ *[]byte) [][]byte {
		if r.op == zkapi.OpSync {
			return nil
		}
		return [][]byte{r.payload}
	}},
}

// onOp changes the successful replies to an operation.
func onOp(op zkapi.OpCode, f func([]byte) []byte) func(reply, *[]byte) [][]byte {
	return func(r reply, _ *[]byte) [][]byte {
		if r.op == op && r.err == 0 {
			r.payload = f(r.payload)
		}
		return [][]byte{r.payload}
	}
}

// onStat changes the Stat that exists replies with.
func onStat(f func([]byte)) func(reply, *[]byte) [][]byte {
	return onOp(zkapi.OpExists, func(p []byte) []byte { f(p[16:]); return p })
}

// TestFramesSelf compares the simulator with itself: what differs there is a
// mistake of the comparison.
func TestFramesSelf(t *testing.T) {
	for _, p := range profiles {
		t.Run("wire/"+p.Name, func(t *testing.T) {
			if brief.Wanted() && p.Settings != nil {
				t.Skip("make test has it")
			}
			settings := maps.Clone(frames.Settings)
			maps.Copy(settings, p.Settings)
			start := func() (frames.Server, error) { return startSim(versionOf(p), settings) }
			pair, err := frames.Open(&p, start, start)
			if err != nil {
				t.Fatal(err)
			}
			defer pair.Close()
			c := comparison{T: t, pair: pair, kinds: make(map[string]int)}
			c.corpus()
			c.search(max(*seed, 1), brief.Or(300, 2000))
		})
	}
}

// TestHistoryToken writes histories and reads them again.
func TestHistoryToken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := frames.Histories().Draw(t, "history")
		again, err := frames.ParseHistory(h.Token())
		if err != nil {
			t.Fatal(err)
		}
		if again.Token() != h.Token() || !reflect.DeepEqual(again, h) {
			t.Fatalf("%v\nbecame\n%v", h, again)
		}
	})
}

// TestFramesNotices plants differences into one of two simulators, and sees
// each found within a bounded number of requests, and shown by a short history.
func TestFramesNotices(t *testing.T) {
	start := func() (frames.Server, error) { return startSim("3.9", frames.Settings) }
	for i, p := range plants {
		t.Run(p.name, func(t *testing.T) {
			if !brief.Takes(i, 3) {
				t.Skip("it is the turn of another one; make test")
			}
			pair, err := frames.Open(&frames.Profile{Name: "3.9"}, func() (frames.Server, error) {
				srv, err := start()
				return &tamperer{srv, p.plant}, err
			}, start)
			if err != nil {
				t.Fatal(err)
			}
			defer pair.Close()
			d := firstDifference(t, pair)
			if d != nil {
				if d, err = pair.Shrink(d, 3*time.Second); err != nil {
					t.Fatal(err)
				}
			}
			if d == nil {
				t.Fatalf("not noticed in %d requests", pair.Requests)
			}
			t.Logf("noticed after %d requests, shown by %d:\n%v", pair.Requests, d.History.Requests(), d)
			if n := d.History.Requests(); n > 6 {
				t.Errorf("shown by %d requests", n)
			}
		})
	}
}

func firstDifference(t *testing.T, pair *frames.Pair) (first *frames.Difference) {
	err := pair.Search(frames.Options{Seed: 1, Ops: 20_000, Found: func(d *frames.Difference, _ uint64) bool {
		first = d
		return false
	}})
	if err != nil {
		t.Fatal(err)
	}
	return first
}

// TestFramesConfirm plants what is there once, what is there always, and what
// is there only after a server has answered a few hundred requests.
func TestFramesConfirm(t *testing.T) {
	bad := func(r reply) [][]byte {
		r.payload[11]++
		return [][]byte{r.payload}
	}
	once := 0
	for _, c := range []struct {
		name      string
		plant     func() func(reply, *[]byte) [][]byte // in each server that starts
		confirmed bool
	}{
		{"once", func() func(reply, *[]byte) [][]byte {
			return func(r reply, _ *[]byte) [][]byte {
				if r.op == zkapi.OpGetACL {
					if once++; once == 30 {
						return bad(r)
					}
				}
				return [][]byte{r.payload}
			}
		}, false},
		{"always", func() func(reply, *[]byte) [][]byte {
			return func(r reply, _ *[]byte) [][]byte {
				if r.op == zkapi.OpSync {
					return bad(r)
				}
				return [][]byte{r.payload}
			}
		}, true},
		{"later", func() func(reply, *[]byte) [][]byte {
			n := 0
			return func(r reply, _ *[]byte) [][]byte {
				if n++; n > 500 && r.op == zkapi.OpSync {
					return bad(r)
				}
				return [][]byte{r.payload}
			}
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := func() (frames.Server, error) { return startSim("3.9", frames.Settings) }
			pair, err := frames.Open(&frames.Profile{Name: "3.9"}, func() (frames.Server, error) {
				srv, err := start()
				return &tamperer{srv, c.plant()}, err
			}, start)
			if err != nil {
				t.Fatal(err)
			}
			defer pair.Close()
			d := firstDifference(t, pair)
			if d == nil {
				t.Fatal("not noticed")
			}
			again, err := pair.Confirm(d)
			if err != nil {
				t.Fatal(err)
			}
			if (again != nil) != c.confirmed {
				t.Errorf("%v\nwas seen again: %v", d, again != nil)
			}
		})
	}
}

// tamperer is a server whose frames are tampered with on the way.
type tamperer struct {
	frames.Server
	plant func(reply, *[]byte) [][]byte
}

func (s *tamperer) Dial() (net.Conn, error) {
	nc, err := s.Server.Dial()
	if err != nil {
		return nil, err
	}
	c := &tampered{TCPConn: nc.(*net.TCPConn), plant: s.plant}
	return c, nil
}

// tampered reads the requests that go by, to know what the replies belong to.
type tampered struct {
	*net.TCPConn
	plant func(reply, *[]byte) [][]byte
	asked []wire.RequestHeader
	begun bool
	text  bool // a four-letter word was asked
	held  []byte
	in    bytes.Buffer
	out   bytes.Buffer
}

func (c *tampered) Write(b []byte) (int, error) {
	if !c.begun && len(b) == 4 {
		c.text = true
		return c.TCPConn.Write(b)
	}
	c.in.Write(b)
	for {
		payload, rest, ok, err := wire.NextFrame(c.in.Bytes(), wire.DefaultMaxFrame)
		if !ok || err != nil {
			break
		}
		h := wire.RequestHeader{Type: zkapi.OpCreateSession}
		if c.begun {
			r := wire.NewReader(payload)
			h.Read(&r)
		}
		c.begun = true
		c.asked = append(c.asked, h)
		c.in.Next(c.in.Len() - len(rest))
	}
	return c.TCPConn.Write(b)
}

func (c *tampered) Read(b []byte) (int, error) {
	if c.text {
		n, err := c.TCPConn.Read(b)
		return copy(b, c.plantWord(b[:n])), err
	}
	for c.out.Len() == 0 {
		var head [4]byte
		if _, err := io.ReadFull(c.TCPConn, head[:]); err != nil {
			return 0, err
		}
		payload := make([]byte, binary.BigEndian.Uint32(head[:]))
		if _, err := io.ReadFull(c.TCPConn, payload); err != nil {
			return 0, err
		}
		for _, p := range c.plant(c.classify(payload), &c.held) {
			c.out.Write(binary.BigEndian.AppendUint32(nil, uint32(len(p))))
			c.out.Write(p)
		}
	}
	return c.out.Read(b)
}

// plantWord hands text to the plant as if it were a reply to opcode 0.
func (c *tampered) plantWord(b []byte) []byte {
	return c.plant(reply{b, zkapi.OpNotification, 0}, &c.held)[0]
}

func (c *tampered) classify(payload []byte) reply {
	if len(c.asked) > 0 && c.asked[0].Type == zkapi.OpCreateSession {
		c.asked = c.asked[1:]
		return reply{payload, zkapi.OpCreateSession, 0}
	}
	r := wire.NewReader(payload)
	var h wire.ReplyHeader
	if h.Read(&r); h.Xid == wire.XidNotification {
		return reply{payload, zkapi.OpErr, 0}
	}
	for i, q := range c.asked {
		if q.Xid == h.Xid || q.Type == zkapi.OpPing && h.Xid == wire.XidPing {
			c.asked = c.asked[i+1:]
			return reply{payload, q.Type, h.Err}
		}
	}
	return reply{payload, zkapi.OpNotification, h.Err}
}
