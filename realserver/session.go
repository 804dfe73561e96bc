package realserver

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// sessionLimit bounds what is done to a session if the context has no deadline.
const sessionLimit = 20 * time.Second

// Expire ends a session on the server, whoever owns it: its ephemeral nodes are gone when Expire returns,
// and its client learns that it has expired. If the server knows no such session, the error is
// zkapi.ErrSessionExpired. See the package's doc for what differs from an expiry by time.
func (s *Server) Expire(ctx context.Context, sessionID int64) error {
	ctx, cancel := limited(ctx, sessionLimit)
	defer cancel()
	return s.sessionError("expiring", sessionID, s.expire(ctx, sessionID))
}

// expire comes back to the session as its client would, and closes it. The client may take it back in
// between; then it is tried again.
func (s *Server) expire(ctx context.Context, id int64) error {
	for was := false; ; was = true {
		conn, err := s.resume(ctx, id, SessionPassword(id), closeSession)
		if err != nil {
			if was && errors.Is(err, zkapi.ErrSessionExpired) {
				return nil // by the request whose reply was lost
			}
			return err
		}
		err = conn.awaitReply()
		conn.Close()
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
}

// Disconnect has the server close the connection of a session. The session lives on, and its client
// connects again. If the session has no connection to this server, nothing happens; that it does not
// exist is not an error either, for the server does not tell.
func (s *Server) Disconnect(ctx context.Context, sessionID int64) error {
	ctx, cancel := limited(ctx, sessionLimit)
	defer cancel()
	return s.sessionError("disconnecting", sessionID, s.disconnect(ctx, sessionID))
}

// disconnect comes back to the session with a wrong password. A server closes the session's connection
// to make room for the new one before it looks at the password.
func (s *Server) disconnect(ctx context.Context, id int64) error {
	password := SessionPassword(id)
	password[0]++
	conn, err := s.resume(ctx, id, password, nil)
	if err == nil {
		return errors.Join(errors.New("the server took a wrong password"), conn.Close())
	}
	if errors.Is(err, zkapi.ErrSessionExpired) { // what it says to a wrong password
		return nil
	}
	return err
}

// Connected tells whether a session has a connection to this server.
func (s *Server) Connected(ctx context.Context, sessionID int64) (bool, error) {
	conns, err := s.word(ctx, "cons")
	if err != nil {
		return false, err
	}
	return strings.Contains(conns, fmt.Sprintf(",sid=%#x,", uint64(sessionID))), nil
}

func (s *Server) sessionError(doing string, id int64, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("realserver: %s session %#x at %s: %w", doing, uint64(id), s.Addr(), err)
}

// SessionPassword returns the password of a session: what java.util.Random, seeded with the session's id,
// gives. It is the same on all servers and after any restart.
func SessionPassword(sessionID int64) []byte {
	const (
		secret     = 0xB3415C00
		multiplier = 0x5DEECE66D
		mask       = 1<<48 - 1
	)
	seed := (uint64(sessionID) ^ secret ^ multiplier) & mask
	password := make([]byte, 0, wire.PasswordLen)
	for range wire.PasswordLen / 4 {
		seed = (seed*multiplier + 0xB) & mask
		password = binary.LittleEndian.AppendUint32(password, uint32(seed>>16))
	}
	return password
}

// closeSession is a request for the end of the session.
var closeSession = &wire.RequestHeader{Xid: 1, Type: zkapi.OpCloseSession}

// sessionConn is a connection with a session. It breaks when the context ends that it was made with.
type sessionConn struct {
	net.Conn
	in   *bufio.Reader
	stop func() bool
}

func (c *sessionConn) Close() error {
	c.stop()
	return c.Conn.Close()
}

// resume connects to a session, a new one for 0, with a request right behind if there is one. It is
// zkapi.ErrSessionExpired if the server will not have it.
func (s *Server) resume(ctx context.Context, id int64, password []byte, then *wire.RequestHeader) (*sessionConn, error) {
	if _, _, err := s.awake(); err != nil {
		return nil, err
	}
	var dialer net.Dialer
	nc, err := dialer.DialContext(ctx, "tcp", s.Addr())
	if err != nil {
		return nil, err
	}
	conn := &sessionConn{nc, bufio.NewReader(nc), context.AfterFunc(ctx, func() { nc.Close() })}
	if err := conn.handshake(id, password, then); err != nil {
		return nil, errors.Join(context.Cause(ctx), err, conn.Close())
	}
	return conn, nil
}

// resumeTimeout is what the session's timeout becomes while it is ours.
const resumeTimeout = 10 * time.Second

func (c *sessionConn) handshake(id int64, password []byte, then *wire.RequestHeader) error {
	request := wire.ConnectRequest{
		TimeOut: int32(resumeTimeout.Milliseconds()), SessionID: id, Passwd: password, HasReadOnly: true,
	}
	out := wire.EndFrame(request.Append(wire.BeginFrame(nil)), 0)
	if then != nil {
		start := len(out)
		out = wire.EndFrame(then.Append(wire.BeginFrame(out)), start)
	}
	if _, err := c.Write(out); err != nil {
		return err
	}
	frame, err := c.frame()
	if err != nil {
		return err
	}
	r := wire.NewReader(frame)
	var response wire.ConnectResponse
	response.Read(&r)
	switch {
	case r.Err() != nil:
		return r.Err()
	case response.TimeOut <= 0 || id != 0 && response.SessionID != id:
		return zkapi.ErrSessionExpired
	}
	return nil
}

// awaitReply reads until the reply to the request that resume sent.
func (c *sessionConn) awaitReply() error {
	for {
		frame, err := c.frame()
		if err != nil {
			return err
		}
		r := wire.NewReader(frame)
		var header wire.ReplyHeader
		if header.Read(&r); header.Xid == closeSession.Xid {
			return errors.Join(r.Err(), header.Err.Err())
		}
	}
}

func (c *sessionConn) frame() ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(c.in, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > wire.DefaultMaxFrame {
		return nil, wire.ErrFrameLength
	}
	frame := make([]byte, n)
	_, err := io.ReadFull(c.in, frame)
	return frame, err
}
