package proptest_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/proptest"
	"github.com/zksim/zksim/proptest/internal/brief"
	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// TestMembers plays scenes on an ensemble of three and compares what clients of
// its members see, byte for byte where it counts, with what real ensembles have
// shown: testdata/members, recorded by
//
//	go test ./proptest -run Members/real/3.9 -update
func TestMembers(t *testing.T) {
	for _, profile := range []memserver.Profile{memserver.V39, memserver.V38} {
		t.Run("wire/"+string(profile), func(t *testing.T) {
			playScenes(t, func(t *testing.T, s *setup) members {
				srv := memserver.RunT(t, func(c *memserver.Config) {
					c.Members, c.Profile, c.FourLetterWords = s.size(), profile, []string{"*"}
					c.Observers, c.Joiners, c.NoStandalone, c.SyncLimit = s.observers, s.joiners, true, 2
					for key, value := range s.settings {
						require.NoError(t, c.Set(key, value))
					}
				})
				return simMembers{srv}
			})
		})
	}
	for name, version := range map[string]string{"3.9": "3.9", "3.8": "3.8.0"} {
		t.Run("real/"+name, func(t *testing.T) {
			brief.InTurn(t, 1, 2)
			t.Parallel()
			playScenes(t, func(t *testing.T, s *setup) members { return newRealMembers(t, version, s) })
		})
	}
}

// members is an ensemble whose last member with a vote leads.
type members interface {
	dial(id int) (net.Conn, error)
	spec(id int) string
	kill(id int) error
	start(id int) error

	// sever has a member hear nothing of another one, until mend; hang has one do nothing, until resume.
	sever(from, to int) error
	mend(from, to int) error
	hang(id int) error
	resume(id int) error
	// lost waits until what was severed is noticed, and some members serve nobody.
	lost(ids ...int) error
	// calm waits for what was asked for to arrive, where that can be told.
	calm()
	// logged waits until there is a text in a member's log.
	logged(id int, text string) error
}

type simMembers struct{ *memserver.Server }

func (s simMembers) dial(id int) (net.Conn, error) { return s.Member(id).Dial("", "", 0) }
func (s simMembers) spec(id int) string            { return s.Member(id).Spec() }
func (s simMembers) kill(id int) error             { s.Member(id).Stop(); return nil }
func (s simMembers) start(id int) error            { return s.Member(id).Start() }

func (s simMembers) sever(from, to int) error { s.Member(from).Sever(s.Member(to)); return nil }
func (s simMembers) mend(from, to int) error  { s.Member(from).Mend(s.Member(to)); return nil }
func (s simMembers) logged(int, string) error { return nil }
func (s simMembers) calm()                    { synctest.Wait() }

func (s simMembers) hang(id int) error   { s.eachWay(id, (*memserver.Member).Sever); return nil }
func (s simMembers) resume(id int) error { s.eachWay(id, (*memserver.Member).Mend); return nil }

func (s simMembers) eachWay(id int, do func(_, _ *memserver.Member)) {
	for _, m := range s.Members() {
		do(m, s.Member(id))
		do(s.Member(id), m)
	}
}

func (s simMembers) lost(ids ...int) error {
	s.Advance(4 * time.Second) // SyncLimit
	for _, id := range ids {
		if role := s.Member(id).Role(); role != memserver.NotServing {
			return fmt.Errorf("member %d is not lost, but %s", id, role)
		}
	}
	return nil
}

type realMembers struct {
	t *testing.T
	*realserver.Ensemble
	down  map[int]bool
	votes map[int]bool
	reads bool // without a quorum
	dir   string
}

// newRealMembers starts ensembles until one has elected its last member at the
// first go, as it does where the machine is not busy.
func newRealMembers(t *testing.T, version string, s *setup) members {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for {
		dir := ""
		if s.severable {
			dir = t.TempDir()
		}
		e := realserver.RunEnsembleT(t, version, s.size(), func(o *realserver.Options) {
			if s.severable { // there is more to do until they give each other up than is done in 2 s on a busy machine
				o.Config["syncLimit"] = "20"
			}
			maps.Copy(o.Config, s.settings)
			o.Dir, o.Severable = dir, s.severable && s.settings["reconfigEnabled"] == ""
			o.Observer, o.Joiner = slices.Contains(s.observers, o.ID), slices.Contains(s.joiners, o.ID)
		})
		answer, err := realserver.FourLetterWord(ctx, e.Member(s.first()).Addr(), "srvr")
		require.NoError(t, err)
		if strings.Contains(answer, "Zxid: 0x100000000\nMode: leader\n") {
			return realMembers{t, e, make(map[int]bool), s.votes(), s.settings["readonlymode.enabled"] != "", dir}
		}
		require.NoError(t, e.Close())
		require.NoError(t, ctx.Err())
	}
}

func (r realMembers) dial(id int) (net.Conn, error) { return net.Dial("tcp", r.Member(id).Addr()) }

func (r realMembers) spec(id int) string { return r.Member(id).Spec() }

func (r realMembers) kill(id int) error {
	if err := r.Member(id).Kill(); err != nil {
		return err
	}
	r.down[id] = true
	return r.settle()
}

func (r realMembers) start(id int) error {
	if err := r.Member(id).Restart(r.t.Context()); err != nil {
		return err
	}
	delete(r.down, id)
	return r.settle()
}

func (r realMembers) sever(from, to int) error { return r.Sever(from, to) }
func (r realMembers) mend(from, to int) error  { r.found(from, to); return r.Mend(from, to) }
func (r realMembers) hang(id int) error        { return r.Member(id).Pause() }
func (r realMembers) resume(id int) error      { return r.Member(id).Continue() }
func (r realMembers) calm()                    {}

// found has settle count on members that were lost.
func (r realMembers) found(ids ...int) {
	for _, id := range ids {
		if r.Member(id).Running() {
			delete(r.down, id)
		}
	}
}

func (r realMembers) lost(ids ...int) error {
	for _, id := range ids {
		if err := r.Member(id).WaitIdle(r.t.Context()); err != nil {
			return err
		}
		r.down[id] = true
	}
	return r.settle()
}

func (r realMembers) logged(id int, text string) error {
	ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
	defer cancel()
	for {
		files, err := filepath.Glob(filepath.Join(r.dir, fmt.Sprint(id), "data", "version-2", "log.*"))
		if err != nil {
			return err
		}
		for _, file := range files {
			if b, err := os.ReadFile(file); err == nil && strings.Contains(string(b), text) {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("member %d has not logged %s: %w", id, text, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// settle waits until those that run have one leader, or know that they have none.
func (r realMembers) settle() error {
	ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
	defer cancel()
	up := 0
	for id := range r.votes {
		if !r.down[id] && id <= len(r.Members()) {
			up++
		}
	}
	for {
		leaders, idle, reading := 0, 0, 0
		for _, m := range r.Members() {
			if r.down[m.ID()] {
				continue
			}
			switch mode, err := m.Mode(ctx); {
			case err != nil:
				idle++
			case mode == realserver.Leader:
				leaders++
			case mode == realserver.ReadOnly:
				reading++
			}
		}
		running := len(r.Members()) - len(r.down)
		switch {
		case up > len(r.votes)/2:
			if leaders == 1 && idle+reading == 0 {
				return nil
			}
		case r.reads && reading == running, !r.reads && idle == running:
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// briefly are the scenes that go test plays on real ensembles.
var briefly = []string{"failover"}

func playScenes(t *testing.T, open func(*testing.T, *setup) members) {
	for _, scene := range scenes {
		t.Run(strings.ReplaceAll(scene.name, " ", "_"), func(t *testing.T) {
			file := filepath.Join("testdata", "members", strings.ReplaceAll(scene.name, " ", "_")+".txt")
			want, err := os.ReadFile(file)
			real := strings.Contains(t.Name(), "/real/")
			if real && proptest.Brief() && !slices.Contains(briefly, scene.name) && !*update {
				t.Skip("make test plays it on real ensembles")
			}
			if !real {
				synctest.Test(t, func(t *testing.T) {
					s := &stage{t: t, members: open(t, &scene.setup), conns: make(map[string]*actor)}
					scene.play(s)
					require.NoError(t, err)
					require.Equal(t, string(want), s.out.String())
				})
				return
			}
			for try := 1; ; try++ {
				s := &stage{t: t, members: open(t, &scene.setup), conns: make(map[string]*actor)}
				scene.play(s)
				if *update && strings.Contains(t.Name(), "/real/3.9/") {
					require.NoError(t, os.WriteFile(file, []byte(s.out.String()), 0o644))
					return
				}
				require.NoError(t, err)
				if try < 3 && string(want) != s.out.String() {
					continue // an election may go either way; what differs three times, differs
				}
				require.Equal(t, string(want), s.out.String())
				return
			}
		})
	}
}

// stage is an ensemble, the clients on it, and what they have seen.
type stage struct {
	t *testing.T
	members
	readOnly bool // clients say that reading will do
	conns    map[string]*actor
	sessions map[string]wire.ConnectResponse
	out      strings.Builder
}

type actor struct {
	net.Conn
	xid int32
}

func (s *stage) say(format string, args ...any) { fmt.Fprintf(&s.out, format+"\n", args...) }

func (s *stage) kill(id int) {
	require.NoError(s.t, s.members.kill(id))
	s.say("member %d is killed", id)
}

func (s *stage) start(id int) {
	require.NoError(s.t, s.members.start(id))
	s.say("member %d is started", id)
}

// attempt connects to a session of somebody's; nil is the right password.
func (s *stage) attempt(id int, whose string, passwd []byte) (*actor, wire.ConnectResponse) {
	q := wire.ConnectRequest{TimeOut: 10_000, Passwd: make([]byte, 16), HasReadOnly: true, ReadOnly: s.readOnly}
	if known, ok := s.sessions[whose]; ok {
		q.SessionID, q.Passwd = known.SessionID, known.Passwd
	}
	if passwd != nil {
		q.Passwd = passwd
	}
	nc, err := s.dial(id)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { nc.Close() })
	a := &actor{Conn: nc}
	a.send(q.Append(nil))
	var p wire.ConnectResponse
	b, err := a.frame()
	switch {
	case err != nil:
		s.say("member %d closes the connection", id)
		return a, p
	case len(b) == 16:
		var h wire.ReplyHeader
		r := wire.NewReader(b)
		h.Read(&r)
		s.say("member %d: the header of a reply, xid %d zxid %#x %v", id, h.Xid, h.Zxid, h.Err)
		return a, p
	default:
		r := wire.NewReader(b)
		p.Read(&r)
		require.NoError(s.t, r.Err())
	}
	if p.ReadOnly {
		s.out.WriteString("read-only ")
	}
	switch {
	case p.SessionID == 0:
		s.say("member %d: no session", id)
	case p.SessionID == q.SessionID:
		s.say("member %d: %s's session, timeout %d", id, whose, p.TimeOut)
	default:
		s.say("member %d: a new session of member %d, timeout %d", id, p.SessionID>>56, p.TimeOut)
	}
	return a, p
}

func (s *stage) connect(name string, id int) { s.reconnect(name, id, "") }

func (s *stage) reconnect(name string, id int, whose string) {
	s.out.WriteString(name + " ")
	a, p := s.attempt(id, whose, nil)
	if s.sessions == nil {
		s.sessions = make(map[string]wire.ConnectResponse)
	}
	s.conns[name], s.sessions[name] = a, p
}

// call sends a request and says what comes until its reply.
func (s *stage) call(name string, q wire.Request) {
	a := s.conns[name]
	a.xid++
	q.Xid = a.xid
	a.send(q.Append(nil))
	s.hear(name, q)
}

// hear says what comes until the reply to a request.
func (s *stage) hear(name string, q wire.Request) {
	a := s.conns[name]
	s.out.WriteString(strings.TrimSpace(fmt.Sprintf("%s %v %s", name, q.Type, q.Op.Path)) + ": ")
	for {
		b, err := a.frame()
		if err != nil {
			s.say("closed")
			return
		}
		r := wire.NewReader(b)
		var h wire.ReplyHeader
		if h.Read(&r); h.Xid == wire.XidNotification {
			var e wire.WatcherEvent
			e.Read(&r)
			fmt.Fprintf(&s.out, "%v %s, ", e.Type, e.Path)
			continue
		}
		s.say("zxid %#x %s", h.Zxid, s.body(q.Type, h.Err, &r))
		return
	}
}

// catchUp lets a client's member learn what was committed elsewhere.
func (s *stage) catchUp(name string) {
	s.call(name, wire.Request{RequestHeader: head(zkapi.OpSync), Path: wire.PathRequest{Path: "/"}})
}

// body says what is in a reply, without what is not the same twice.
func (s *stage) body(op zkapi.OpCode, code zkapi.Code, r *wire.Reader) string {
	var p wire.Reply
	if code != 0 {
		return code.Error()
	}
	p.Read(r, op)
	require.NoError(s.t, r.Err())
	text := "ok"
	switch op {
	case zkapi.OpCreate, zkapi.OpSync:
		text = p.Path
	case zkapi.OpGetEphemerals:
		text = fmt.Sprint(p.Children)
	case zkapi.OpWhoAmI:
		text = fmt.Sprint(p.IDs)
	case zkapi.OpMulti:
		text = fmt.Sprint(len(p.Results), " results")
		for i := range p.Results {
			if code := p.Results[i].Err; code != 0 {
				text += fmt.Sprintf(", %d: %v", i, code)
			}
		}
	case zkapi.OpExists, zkapi.OpGetData, zkapi.OpReconfig:
		if strings.Contains(string(p.Data), "\nversion=") {
			s.say("%s", ports.ReplaceAllString(string(p.Data), "..."))
		}
		st := p.Stat
		text = fmt.Sprintf("czxid %#x mzxid %#x pzxid %#x version %d cversion %d aversion %d",
			st.Czxid, st.Mzxid, st.Pzxid, st.Version, st.Cversion, st.Aversion)
		if st.EphemeralOwner != 0 {
			text += fmt.Sprintf(" owned by a session of member %d", st.EphemeralOwner>>56)
		}
	}
	return text
}

// closed waits for the end of a connection. Events may or may not come before it.
func (s *stage) closed(name string) {
	for {
		if _, err := s.conns[name].frame(); err != nil {
			require.False(s.t, errors.Is(err, os.ErrDeadlineExceeded), "%s is still open", name)
			s.say("%s is closed", name)
			return
		}
	}
}

// What a word tells and is not the same twice, or not known without a disk.
var (
	measured = regexp.MustCompile(`(?m)^(Proposal|Received|Sent|Latency|dataDir\w*|dataLog\w*|clientPort\w*|tickTime|m\w+SessionTimeout|maxClientCnxns|initLimit|syncLimit).*\n`)
	ports    = regexp.MustCompile(`127\.0\.0\.1:\d+(:\d+)?|(?m)^(electionPort|quorumPort)=\d+|on .* built on .*`)
	ids      = regexp.MustCompile(`0x([1-9])[0-9a-f]{14}`)
	buckets  = regexp.MustCompile(`(?m)^\d+ expire at .*\n|Sets \(\d+\)/`)
	bucket   = regexp.MustCompile(`(?m)(^\t0x\w+\n)+`)
	owners   = regexp.MustCompile(`(?m)(^0x\w+:\n(^\t/.*\n)*)+`)
	roleKeys = regexp.MustCompile(`(?m)^zk_(server_state|global_sessions|local_sessions|peer_state|quorum_size|learners|synced_\w+|pending_syncs)\t.*$`)
)

// words asks a member and says what it tells of the ensemble.
func (s *stage) words(id int, words ...string) {
	for _, word := range words {
		nc, err := s.dial(id)
		require.NoError(s.t, err)
		require.NoError(s.t, nc.SetDeadline(time.Now().Add(10*time.Second)))
		_, err = nc.Write([]byte(word))
		require.NoError(s.t, err)
		b, _ := io.ReadAll(nc)
		nc.Close()
		text := string(b)
		if word == "dump" { // in the order of a hash table
			lines := strings.Split(text, "\n")
			slices.SortStableFunc(lines, func(a, b string) int {
				if strings.HasPrefix(a, "\tip:") && strings.HasPrefix(b, "\tip:") {
					return strings.Compare(ports.ReplaceAllString(a, ""), ports.ReplaceAllString(b, ""))
				}
				return 0
			})
			text = owners.ReplaceAllStringFunc(strings.Join(lines, "\n"), func(list string) string {
				each := regexp.MustCompile(`0x\w+:\n(\t.*\n)*`).FindAllString(list, -1)
				slices.SortFunc(each, func(a, b string) int { return strings.Compare(a[3:4]+a[20:], b[3:4]+b[20:]) })
				return strings.Join(each, "")
			})
		}
		if word == "mntr" && strings.HasPrefix(text, "zk_") {
			lines := roleKeys.FindAllString(text, -1)
			slices.Sort(lines)
			text = strings.Join(lines, "\n")
		}
		if i := strings.Index(text, "Zookeeper version:"); i >= 0 {
			_, text, _ = strings.Cut(text, "\n")
		}
		text = buckets.ReplaceAllString(ports.ReplaceAllString(measured.ReplaceAllString(text, ""), "..."), "")
		text = bucket.ReplaceAllStringFunc(text, func(list string) string {
			each := strings.SplitAfter(list, "\n")
			slices.SortFunc(each[:len(each)-1], func(a, b string) int { return strings.Compare(a[3:4], b[3:4]) })
			return strings.Join(each, "")
		})
		text = ids.ReplaceAllString(text, "a session of member $1")
		s.say("member %d, %s:\n  %s", id, word, strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  "))
	}
}

func (a *actor) send(payload []byte) {
	// An error shows when the answer is read.
	_, _ = a.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(payload))), payload...))
}

func (a *actor) frame() ([]byte, error) {
	if err := a.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return nil, err
	}
	var n [4]byte
	if _, err := io.ReadFull(a, n[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint32(n[:]))
	_, err := io.ReadFull(a, b)
	return b, err
}

func head(op zkapi.OpCode) wire.RequestHeader { return wire.RequestHeader{Type: op} }

func onPath(op zkapi.OpCode, path string) wire.Request {
	return wire.Request{RequestHeader: head(op), Op: wire.Op{Path: path}}
}

func create(path string, mode zkapi.CreateMode) wire.Request {
	return wire.Request{RequestHeader: head(zkapi.OpCreate), Op: wire.Op{Path: path, ACL: zkapi.OpenACL(), Flags: int32(mode)}}
}
