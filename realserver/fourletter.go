package realserver

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// FourLetterWord sends one of ZooKeeper's four-letter commands, such as srvr or mntr, and returns the
// answer.
func FourLetterWord(ctx context.Context, addr, word string) (string, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if _, err := io.WriteString(conn, word); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

// The modes of a server, as srvr calls them.
const (
	Standalone = "standalone"
	Leader     = "leader"
	Follower   = "follower"
	Observer   = "observer"
	ReadOnly   = "read-only"
)

// Mode asks the server what it is: [Standalone], [Leader], [Follower], [Observer] or [ReadOnly]. It is
// an error if the server does not serve: a member without a quorum says so, a paused one is not asked.
func (s *Server) Mode(ctx context.Context) (string, error) {
	standing, err := s.standing(ctx)
	return standing.mode, err
}

// standing is what a server says of itself.
type standing struct {
	mode string
	zxid int64 // the last one it has applied
}

// answerLimit is for connections that a server accepts in a certain moment of its start, before it has
// put its parts together: these are never answered.
const answerLimit = 2 * time.Second

func (s *Server) standing(ctx context.Context) (standing, error) {
	answer, err := s.word(ctx, "srvr")
	if err != nil {
		return standing{}, err
	}
	st := standing{mode: field(answer, "Mode: ")}
	if st.mode == "" {
		return standing{}, fmt.Errorf("realserver: it answers srvr with %q", answer)
	}
	st.zxid, err = strconv.ParseInt(strings.TrimPrefix(field(answer, "Zxid: "), "0x"), 16, 64)
	return st, err
}

// word asks a server that is up.
func (s *Server) word(ctx context.Context, word string) (string, error) {
	if _, _, err := s.awake(); err != nil {
		return "", fmt.Errorf("realserver: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	return FourLetterWord(ctx, s.Addr(), word)
}

// field returns the rest of the line that begins with a name, or "".
func field(text, name string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
