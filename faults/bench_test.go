package faults_test

import (
	"io"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/faults"
	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// echo answers each request at once with a reply of a fixed length.
type echo struct {
	scripted
	reply []byte
	owed  int
}

func (e *echo) Write(b []byte) (int, error) { e.owed++; return len(b), nil }

func (e *echo) Read(b []byte) (int, error) {
	if e.owed == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	e.owed--
	return copy(b, e.reply), nil
}

// passing is a connection through a plan, past the handshake, and a function
// that sends a getData through it and reads the reply.
func passing(t require.TestingT, text string) func() {
	e := &echo{reply: connectedFrame()}
	nc := faults.MustParse(text).Conn(e)
	b := make([]byte, 1024)
	turn := func(request []byte) {
		_, err := nc.Write(request)
		require.NoError(t, err)
		for n := 0; n < len(e.reply); {
			k, err := nc.Read(b)
			require.NoError(t, err)
			n += k
		}
	}
	turn(connectFrame())
	e.reply = replyFrame(1, make([]byte, 200)...)
	request := requestFrame(1, wire.Op{Type: zkapi.OpGetData, Path: "/app/config"})
	return func() {
		if _, err := nc.Write(request); err != nil {
			panic(err)
		}
		for n := 0; n < len(e.reply); {
			k, err := nc.Read(b)
			if err != nil {
				panic(err)
			}
			n += k
		}
	}
}

// TestNoAllocation: what passes takes no memory.
func TestNoAllocation(t *testing.T) {
	for _, text := range []string{"", "cut after-reply create /lock/** #1", "cut before-request getData /other/**; cut after-reply /other; cut after-notification"} {
		turn := passing(t, text)
		turn()
		require.Zero(t, testing.AllocsPerRun(1000, turn), text)
	}
}

// BenchmarkFrame is what a plan takes for one request and its reply.
func BenchmarkFrame(b *testing.B) {
	for name, text := range map[string]string{
		"no rule": "", "other operation": "cut after-reply create /lock/** #1",
		"other path": "cut after-reply getData /lock/** #1", "matching": "cut after-reply getData #1000000000",
	} {
		b.Run(name, func(b *testing.B) {
			turn := passing(b, text)
			b.ReportAllocs()
			for b.Loop() {
				turn()
			}
		})
	}
}

// BenchmarkGet is a get of go-zookeeper from the simulator through memory.
func BenchmarkGet(b *testing.B) {
	for _, name := range []string{"without a plan", "no rule matches", "a rule counts"} {
		b.Run(name, func(b *testing.B) {
			srv := memserver.RunT(b)
			var dial zk.Dialer = srv.Dial
			switch name {
			case "no rule matches":
				dial = faults.MustParse("cut after-reply create /lock/** #1").Dialer(dial)
			case "a rule counts":
				dial = faults.MustParse("cut after-reply getData /** #1000000000").Dialer(dial)
			}
			c, _, err := zk.Connect([]string{srv.Addr()}, 10*time.Second, zk.WithDialer(dial), zk.WithLogger(quiet{}), zk.WithLogInfo(false))
			require.NoError(b, err)
			defer c.Close()
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := c.Get("/"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
