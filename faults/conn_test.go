package faults_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/zksim/zksim/faults"
	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// scripted is a connection whose other end has said all that it will say.
type scripted struct {
	net.Conn // nil: nothing else is called
	says     [][]byte
	heard    bytes.Buffer
	closed   bool
}

func (s *scripted) Read(b []byte) (int, error) {
	if len(s.says) == 0 {
		return 0, io.EOF
	}
	n := copy(b, s.says[0])
	if s.says[0] = s.says[0][n:]; len(s.says[0]) == 0 {
		s.says = s.says[1:]
	}
	return n, nil
}

func (s *scripted) Write(b []byte) (int, error)      { return s.heard.Write(b) }
func (s *scripted) Close() error                     { s.closed = true; return nil }
func (s *scripted) SetDeadline(time.Time) error      { return nil }
func (s *scripted) SetReadDeadline(time.Time) error  { return nil }
func (s *scripted) SetWriteDeadline(time.Time) error { return nil }
func (s *scripted) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (s *scripted) RemoteAddr() net.Addr             { return &net.TCPAddr{} }

// chunks cuts b into pieces of drawn lengths.
func chunks(t *rapid.T, b []byte, label string) (all [][]byte) {
	for len(b) > 0 {
		n := min(len(b), rapid.OneOf(rapid.IntRange(1, 8), rapid.IntRange(1, 64), rapid.IntRange(1, 20_000)).Draw(t, label))
		all, b = append(all, b[:n]), b[n:]
	}
	return all
}

func frame(b []byte) []byte { return wire.EndFrame(append(wire.BeginFrame(nil), b...), 0) }

func connectFrame() []byte {
	return frame((&wire.ConnectRequest{TimeOut: 10_000, Passwd: make([]byte, 16), HasReadOnly: true}).Append(nil))
}

func connectedFrame() []byte {
	return frame((&wire.ConnectResponse{TimeOut: 10_000, SessionID: 7, Passwd: make([]byte, 16), HasReadOnly: true}).Append(nil))
}

func requestFrame(xid int32, op wire.Op) []byte {
	h := wire.RequestHeader{Xid: xid, Type: op.Type}
	return frame(op.Append(h.Append(nil)))
}

func replyFrame(xid int32, body ...byte) []byte {
	h := wire.ReplyHeader{Xid: xid, Zxid: int64(xid)}
	return frame(append(h.Append(nil), body...))
}

func eventFrame(path string) []byte {
	h := wire.ReplyHeader{Xid: wire.XidNotification, Zxid: -1}
	return frame((&wire.WatcherEvent{Type: zkapi.EventNodeCreated, State: 3, Path: path}).Append(h.Append(nil)))
}

// plans that see everything and do nothing.
var idle = []string{
	"",
	"cut after-reply create /nowhere",
	"cut before-request all #1000000; stall after-reply all #1000000; error NoNode after-reply #1000000; delay 1s after-notification #1000000",
	"silence both-ways from 1000h; slow 1B/s both-ways from 1000h",
}

// TestUnchanged: whatever passes, in whatever pieces, arrives as it was.
func TestUnchanged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		up, down := connectFrame(), connectedFrame()
		for i := range rapid.IntRange(0, 12).Draw(t, "requests") {
			xid := int32(i + 1)
			switch rapid.IntRange(0, 6).Draw(t, "kind") {
			case 0:
				up = append(up, frame(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "nonsense"))...)
				down = append(down, frame(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "nonsense"))...)
			case 1:
				up = append(up, frame((&wire.RequestHeader{Xid: wire.XidPing, Type: zkapi.OpPing}).Append(nil))...)
				down = append(down, replyFrame(wire.XidPing)...)
			case 2:
				down = append(down, eventFrame(strings.Repeat("/é", rapid.IntRange(0, 9000).Draw(t, "long")))...)
			case 3:
				ops := []wire.Op{{Type: zkapi.OpCreate, Path: "/a"}, {Type: zkapi.OpCheck, Path: "/b"}}
				h := wire.RequestHeader{Xid: xid, Type: zkapi.OpMulti}
				up = append(up, frame(wire.AppendMulti(h.Append(nil), ops))...)
				down = append(down, replyFrame(xid, 1, 2, 3)...)
			default:
				size := rapid.SampledFrom([]int{0, 10, 5000, 40_000}).Draw(t, "size")
				up = append(up, requestFrame(xid, wire.Op{Type: zkapi.OpSetData, Path: "/n", Data: bytes.Repeat([]byte{byte(i)}, size)})...)
				down = append(down, replyFrame(xid, bytes.Repeat([]byte{byte(i)}, size)...)...)
			}
		}
		if rapid.Bool().Draw(t, "ends in the middle") {
			down = down[:len(down)-rapid.IntRange(0, 10).Draw(t, "missing")]
		}
		checkUnchanged(t, rapid.SampledFrom(idle).Draw(t, "plan"), chunks(t, up, "up"), chunks(t, down, "down"),
			func(label string) int { return rapid.SampledFrom([]int{4, 100, 4096, 1 << 20}).Draw(t, label) })
	})
}

func checkUnchanged(t require.TestingT, text string, up, down [][]byte, size func(string) int) {
	plan := faults.MustParse(text)
	inner := &scripted{says: slices.Clone(down)}
	nc := plan.Conn(inner)
	for _, b := range up {
		before := bytes.Clone(b)
		n, err := nc.Write(b)
		require.NoError(t, err)
		require.Equal(t, len(b), n)
		require.Equal(t, before, b, "a Write does not change what it is given")
	}
	require.True(t, bytes.Equal(bytes.Join(up, nil), inner.heard.Bytes()))
	var got bytes.Buffer
	for {
		b := make([]byte, size("read"))
		n, err := nc.Read(b)
		got.Write(b[:n])
		if err != nil {
			require.Equal(t, io.EOF, err)
			break
		}
	}
	require.True(t, bytes.Equal(bytes.Join(down, nil), got.Bytes()))
	require.NoError(t, nc.Close())
	require.True(t, inner.closed)
	require.Zero(t, plan.Fired())
}

// FuzzFrames: nothing that either side says breaks the cutter, and what it does
// not understand passes.
func FuzzFrames(f *testing.F) {
	f.Add(append(connectFrame(), requestFrame(1, wire.Op{Type: zkapi.OpCreate, Path: "/a"})...),
		append(connectedFrame(), append(replyFrame(1), eventFrame("/a")...)...), uint8(3))
	f.Add([]byte("ruok"), []byte("imok"), uint8(1))
	f.Add([]byte{0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}, []byte{0, 0, 0, 200, 1}, uint8(0))
	f.Fuzz(func(t *testing.T, up, down []byte, size uint8) {
		cut := func(b []byte) (all [][]byte) {
			for chunk := range slices.Chunk(b, int(size)+1) {
				all = append(all, chunk)
			}
			return all
		}
		if whole(up) { // the beginning of a frame waits for its end
			for _, text := range idle {
				checkUnchanged(t, text, cut(up), cut(down), func(string) int { return int(size)*7 + 1 })
			}
		}
		// With faults it may end in many ways, but not in a panic, and not never.
		for _, text := range []string{"cut after-reply all every 2", "error NoNode every 2; stall after-reply all #3",
			"error NoNode after-reply all; cut after-delivery every 3; stall before-request all #4",
			"cut after-notification; error -5 multi"} {
			nc := faults.MustParse(text).Conn(&scripted{says: cut(down)})
			for _, b := range cut(up) {
				nc.Write(b)
			}
			nc.SetReadDeadline(time.Now().Add(10 * time.Millisecond)) // for what has stalled
			io.Copy(io.Discard, nc)
			nc.Close()
		}
	})
}

// whole tells whether b is frames from beginning to end, or no frames at all.
func whole(b []byte) bool {
	for len(b) > 0 {
		_, rest, ok, err := wire.NextFrame(b, 1<<30)
		if err != nil {
			return true
		}
		if !ok {
			return false
		}
		b = rest
	}
	return true
}

// session is a connection to a simulator after the handshake.
func session(t *testing.T, srv *memserver.Server, plan *faults.Plan) *talk {
	t.Helper()
	nc, err := plan.Dialer(srv.Dial)("tcp", srv.Addr(), time.Second)
	require.NoError(t, err)
	c := &talk{t: t, Conn: nc}
	t.Cleanup(func() { nc.Close() })
	c.write(connectFrame())
	c.frame()
	return c
}

// talk is a connection on which one writes and reads frames.
type talk struct {
	net.Conn
	t *testing.T
}

func (c *talk) write(b []byte) {
	c.t.Helper()
	n, err := c.Write(b)
	require.NoError(c.t, err)
	require.Equal(c.t, len(b), n)
}

func (c *talk) frame() []byte {
	c.t.Helper()
	head := make([]byte, 4)
	_, err := io.ReadFull(c, head)
	require.NoError(c.t, err)
	r := wire.NewReader(head)
	body := make([]byte, r.Int())
	_, err = io.ReadFull(c, body)
	require.NoError(c.t, err)
	return body
}

func (c *talk) reply() (h wire.ReplyHeader) {
	c.t.Helper()
	r := wire.NewReader(c.frame())
	h.Read(&r)
	return h
}

func (c *talk) readError() error {
	_, err := c.Read(make([]byte, 1))
	return err
}

func create(xid int32, path string) []byte {
	return requestFrame(xid, wire.Op{Type: zkapi.OpCreate, Path: path, ACL: zkapi.OpenACL()})
}

func inBubble(t *testing.T, test func(t *testing.T, srv *memserver.Server)) {
	synctest.Test(t, func(t *testing.T) { test(t, memserver.RunT(t)) })
}

// TestBroken: how a connection looks after it was cut.
func TestBroken(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *memserver.Server) {
		c := session(t, srv, faults.ParseT(t, "cut before-request create /b"))
		c.write(slices.Concat(create(1, "/a"), create(2, "/b"), create(3, "/c")))
		synctest.Wait()
		require.Equal(t, "/a v0 null\n", srv.Snapshot().String(), "what was before it has arrived, what is behind it not")
		require.False(t, srv.Sessions()[0].Connected)
		err := c.readError()
		require.ErrorIs(t, err, syscall.ECONNRESET)
		var op *net.OpError
		require.ErrorAs(t, err, &op)
		require.Equal(t, "read", op.Op)
		c.write(create(4, "/d")) // into the void, as with a socket that does not know yet
		require.NoError(t, c.Close())
		_, err = c.Write(nil)
		require.ErrorIs(t, err, net.ErrClosed)
		require.ErrorIs(t, c.readError(), net.ErrClosed)
		require.ErrorIs(t, c.SetDeadline(time.Time{}), net.ErrClosed)
		require.ErrorIs(t, c.Close(), net.ErrClosed)
	})
}

// TestBeforeTheCut: replies that were there before the one that is lost arrive.
func TestBeforeTheCut(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *memserver.Server) {
		c := session(t, srv, faults.ParseT(t, "cut after-reply create /b"))
		c.write(slices.Concat(create(1, "/a"), create(2, "/b"), create(3, "/c")))
		require.Equal(t, int32(1), c.reply().Xid)
		require.ErrorIs(t, c.readError(), syscall.ECONNRESET)
		require.Equal(t, "/a v0 null\n/b v0 null\n/c v0 null\n", srv.Snapshot().String())
	})
}

// TestErrorInItsTurn: an answer that a rule makes comes in the order of the
// requests, with a zxid that fits.
func TestErrorInItsTurn(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *memserver.Server) {
		c := session(t, srv, faults.ParseT(t, "error NotEmpty create /b"))
		c.write(slices.Concat(create(1, "/a"), create(2, "/b"), create(3, "/c")))
		first, second, third := c.reply(), c.reply(), c.reply()
		require.Equal(t, wire.ReplyHeader{Xid: 2, Zxid: first.Zxid, Err: zkapi.ErrNotEmpty}, second)
		require.Equal(t, wire.ReplyHeader{Xid: 3, Zxid: first.Zxid + 1}, third)
	})
}

// TestDeadlines: a deadline ends what waits, and what waited is still there.
func TestDeadlines(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *memserver.Server) {
		c := session(t, srv, faults.ParseT(t, "delay 10s after-reply create"))
		start := time.Now()
		c.write(create(1, "/a"))
		for range 3 {
			c.SetReadDeadline(time.Now().Add(time.Second))
			err := c.readError()
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			var ne net.Error
			require.True(t, errors.As(err, &ne) && ne.Timeout())
		}
		require.Equal(t, 3*time.Second, time.Since(start))
		require.ErrorIs(t, c.readError(), os.ErrDeadlineExceeded, "it stays")
		c.SetReadDeadline(time.Time{})
		require.Equal(t, int32(1), c.reply().Xid)
		require.Equal(t, 10*time.Second, time.Since(start))

		go func() {
			time.Sleep(time.Second)
			c.SetReadDeadline(time.Now().Add(time.Second)) // for a Read that waits already
		}()
		start = time.Now()
		require.ErrorIs(t, c.readError(), os.ErrDeadlineExceeded)
		require.Equal(t, 2*time.Second, time.Since(start))
		c.SetWriteDeadline(time.Now())
		_, err := c.Write(create(2, "/b"))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	})
}

// TestLatency: delays do not add up over packets that are under way together.
func TestLatency(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *memserver.Server) {
		c := session(t, srv, faults.ParseT(t, "delay 1s before-request create; delay 500ms after-reply create"))
		start := time.Now()
		for i := range int32(10) {
			c.write(create(i, "/a"))
			time.Sleep(100 * time.Millisecond)
		}
		for i := range 10 {
			require.Equal(t, int32(i), c.reply().Xid)
			require.Equal(t, 1500*time.Millisecond+time.Duration(i)*100*time.Millisecond, time.Since(start))
		}
	})
}

// TestCloseUnderWay: what is under way when the client closes still arrives, and
// only then the server learns of the end.
func TestCloseUnderWay(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *memserver.Server) {
		c := session(t, srv, faults.ParseT(t, "delay 2s before-request create"))
		c.write(create(1, "/a"))
		var waiting error
		go func() { waiting = c.readError() }()
		synctest.Wait()
		require.NoError(t, c.Close())
		synctest.Wait()
		require.ErrorIs(t, waiting, net.ErrClosed)
		time.Sleep(time.Second)
		require.True(t, srv.Sessions()[0].Connected)
		require.False(t, there(t, srv, "/a"))
		time.Sleep(1001 * time.Millisecond)
		require.False(t, srv.Sessions()[0].Connected)
		require.True(t, there(t, srv, "/a"))
	})
}

// TestCloseInTheDark: with the way to the server stalled, the server does not
// learn that the client is gone before the session ends; then nothing is left.
func TestCloseInTheDark(t *testing.T) {
	for _, text := range []string{"stall before-request create", "silence to-server from 1ms"} {
		inBubble(t, func(t *testing.T, srv *memserver.Server) {
			c := session(t, srv, faults.ParseT(t, text))
			time.Sleep(2 * time.Millisecond)
			c.write(create(1, "/a"))
			c.Close()
			time.Sleep(9 * time.Second)
			require.True(t, srv.Sessions()[0].Connected)
			time.Sleep(3 * time.Second)
			require.Empty(t, srv.Sessions())
			require.False(t, there(t, srv, "/a"))
		})
	}
}

// TestPlanClose ends what waits for a server that will not end it.
func TestPlanClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		plan := faults.MustParse("stall before-request")
		nc := plan.Conn(ours)
		go io.Copy(io.Discard, theirs)
		nc.Write(connectFrame())
		nc.Write(create(1, "/a"))
		require.NoError(t, nc.Close())
		synctest.Wait()
		require.NoError(t, plan.Close()) // or a goroutine would be left
	})
}

// TestBackPressure: what waits for its time takes a bounded amount of memory.
func TestBackPressure(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *memserver.Server) {
		c := session(t, srv, faults.ParseT(t, "delay 5s before-request create once"))
		c.write(create(1, "/a"))
		big := requestFrame(2, wire.Op{Type: zkapi.OpSetData, Path: "/a", Data: make([]byte, 600<<10), Version: -1})
		start := time.Now()
		c.write(big)
		c.write(big)
		require.Zero(t, time.Since(start))
		c.SetWriteDeadline(time.Now().Add(time.Second))
		_, err := c.Write(big)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		c.SetWriteDeadline(time.Time{})
		c.write(big) // as soon as there is room
		require.Equal(t, 5*time.Second, time.Since(start))
		for range 4 {
			require.Zero(t, c.reply().Err)
		}
	})
}

// TestFourLetterWords pass, whatever the rules.
func TestFourLetterWords(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *memserver.Server) {
		plan := faults.MustParse("cut before-request all; cut after-reply all; stall after-delivery all")
		nc, err := plan.Dialer(srv.Dial)("tcp", srv.Addr(), 0)
		require.NoError(t, err)
		defer nc.Close()
		_, err = nc.Write([]byte("srvr"))
		require.NoError(t, err)
		answer, err := io.ReadAll(nc)
		require.NoError(t, err)
		require.Contains(t, string(answer), "Mode: standalone")
		require.Zero(t, plan.Fired())
	})
}

// TestSlow: bytes come at their rate, in both directions.
func TestSlow(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *memserver.Server) {
		plan := faults.ParseT(t, "slow 1000B/s both-ways from 1ms")
		c := session(t, srv, plan)
		time.Sleep(time.Millisecond)
		start := time.Now()
		data := requestFrame(2, wire.Op{Type: zkapi.OpSetData, Path: "/", Data: make([]byte, 2000), Version: -1})
		c.write(data)
		c.reply()
		out := time.Duration(len(data)) * time.Millisecond
		require.GreaterOrEqual(t, time.Since(start), out)
		require.LessOrEqual(t, time.Since(start), out+100*time.Millisecond)
		start = time.Now()
		c.write(requestFrame(3, wire.Op{Type: zkapi.OpGetData, Path: "/"}))
		first := make([]byte, 1000)
		n, err := c.Read(first)
		require.NoError(t, err)
		require.Equal(t, 20, n, "a fiftieth of a second's worth at a time")
		for n < 2000 {
			k, err := c.Read(first)
			require.NoError(t, err)
			n += k
		}
		require.GreaterOrEqual(t, time.Since(start), 2*time.Second)
		require.LessOrEqual(t, time.Since(start), 2300*time.Millisecond)
		require.Equal(t, 1, plan.Fired(), "once for a connection")
	})
}

// TestDialInSilence: a dial waits for the network, or until its timeout.
func TestDialInSilence(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *memserver.Server) {
		plan := faults.ParseT(t, "silence from-server to 3s; silence both-ways from 10s")
		dial := plan.Dialer(srv.Dial)
		start := time.Now()
		_, err := dial("tcp", srv.Addr(), time.Second)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.EqualError(t, err, "dial tcp "+srv.Addr()+": i/o timeout")
		require.Equal(t, time.Second, time.Since(start))
		nc, err := dial("tcp", srv.Addr(), 0)
		require.NoError(t, err)
		nc.Close()
		require.Equal(t, 3*time.Second, time.Since(start))
		time.Sleep(8 * time.Second)
		go func() {
			time.Sleep(time.Hour)
			plan.Heal()
		}()
		nc, err = dial("tcp", srv.Addr(), 0)
		require.NoError(t, err)
		nc.Close()
		require.Equal(t, 11*time.Second+time.Hour, time.Since(start))
		require.Equal(t, []int{2, 1}, plan.Counts())
	})
}

// TestRefused: as where nobody listens.
func TestRefused(t *testing.T) {
	_, err := faults.MustParse("refuse").Dialer(net.DialTimeout)("tcp", "127.0.0.1:2181", 0)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.EqualError(t, err, "dial tcp 127.0.0.1:2181: connection refused")
}

// TestListener: the same faults for clients that dial by themselves.
func TestListener(t *testing.T) {
	for _, tt := range []struct {
		plan string
		want error
	}{
		{"cut after-reply create /b", syscall.ECONNRESET},
		{"refuse #1; cut before-request create /b", syscall.ECONNRESET},
		{"error NoAuth create /b", nil},
		{"delay 1ms after-reply create /b; slow 1000000B/s both-ways", nil},
	} {
		srv := memserver.RunT(t)
		plan := faults.ParseT(t, tt.plan)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		served := make(chan error)
		go func() { served <- srv.Serve(plan.Listener(l)) }()
		nc, err := net.Dial("tcp", l.Addr().String())
		if strings.HasPrefix(tt.plan, "refuse") {
			if err == nil { // the reset comes a moment later
				require.Error(t, (&talk{nc, t}).readError())
				nc.Close()
			}
			nc, err = net.Dial("tcp", l.Addr().String())
		}
		require.NoError(t, err)
		c := &talk{nc, t}
		c.write(connectFrame())
		c.frame()
		c.write(create(1, "/a"))
		require.Zero(t, c.reply().Err)
		c.write(create(2, "/b"))
		if tt.want != nil {
			require.ErrorIs(t, c.readError(), tt.want)
		} else {
			c.reply()
		}
		c.Close()
		require.NoError(t, srv.Close())
		require.ErrorIs(t, <-served, memserver.ErrServerClosed)
	}
}
