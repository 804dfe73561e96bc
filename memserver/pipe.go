package memserver

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// pipeSize is how many bytes one direction of a pipe holds before Write waits,
// as a socket's buffers do.
const pipeSize = 256 << 10

// newPipe returns the two ends of an in-memory connection. Unlike net.Pipe it
// has buffers, so that a write does not wait for its read; like net.Pipe it
// works inside a testing/synctest bubble.
func newPipe(client, server net.Addr) (net.Conn, net.Conn) {
	up, down := newStream(), newStream()
	return &pipeEnd{in: down, out: up, local: client, remote: server},
		&pipeEnd{in: up, out: down, local: server, remote: client}
}

type pipeEnd struct {
	in, out       *stream
	local, remote net.Addr
}

func (p *pipeEnd) Read(b []byte) (int, error)  { return p.in.read(b) }
func (p *pipeEnd) Write(b []byte) (int, error) { return p.out.write(b) }
func (p *pipeEnd) LocalAddr() net.Addr         { return p.local }
func (p *pipeEnd) RemoteAddr() net.Addr        { return p.remote }

func (p *pipeEnd) Close() error {
	p.in.close(true)
	p.out.close(false)
	return nil
}

func (p *pipeEnd) SetDeadline(t time.Time) error {
	p.in.reader.set(p.in, t)
	p.out.writer.set(p.out, t)
	return nil
}

func (p *pipeEnd) SetReadDeadline(t time.Time) error {
	p.in.reader.set(p.in, t)
	return nil
}

func (p *pipeEnd) SetWriteDeadline(t time.Time) error {
	p.out.writer.set(p.out, t)
	return nil
}

// stream is one direction: a bounded buffer with a side that reads and one that writes.
type stream struct {
	mu             sync.Mutex
	buf            []byte
	off            int  // buf[off:] is unread
	half           bool // somebody's write waits for room
	reader, writer side
}

func newStream() *stream {
	s := new(stream)
	s.reader.cond.L, s.writer.cond.L = &s.mu, &s.mu
	return s
}

// side is where one end of a stream waits. A deadline's timer is set only when
// somebody waits, and one that goes off too early sets the next: clients move
// their deadlines at every request, which must not cost a timer each.
type side struct {
	cond     sync.Cond
	closed   bool
	deadline time.Time
	timer    *time.Timer
	timerAt  time.Time
}

func (w *side) set(s *stream, t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.deadline = t
	w.cond.Broadcast()
}

func (w *side) expired() bool { return !w.deadline.IsZero() && !time.Now().Before(w.deadline) }

// wait returns when something may have changed.
func (w *side) wait(s *stream) {
	if !w.deadline.IsZero() && (w.timer == nil || w.deadline.Before(w.timerAt)) {
		if w.timer != nil {
			w.timer.Stop()
		}
		w.timerAt = w.deadline
		w.timer = time.AfterFunc(time.Until(w.deadline), func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			w.timer = nil
			w.cond.Broadcast()
		})
	}
	w.cond.Wait()
}

func (w *side) shut() {
	w.closed = true
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
}

func (s *stream) read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	late := s.reader.expired() // fails a read even if there is something, as on a socket
	for {
		switch {
		case s.reader.closed:
			return 0, net.ErrClosed
		case len(b) == 0:
			return 0, nil
		case late:
			return 0, os.ErrDeadlineExceeded
		case s.off < len(s.buf):
			n := copy(b, s.buf[s.off:])
			if s.off += n; s.off == len(s.buf) {
				s.buf, s.off = s.buf[:0], 0
			} else {
				s.reader.cond.Signal() // for whoever else reads
			}
			s.writer.cond.Broadcast()
			return n, nil
		case s.writer.closed:
			return 0, io.EOF
		case s.reader.expired():
			return 0, os.ErrDeadlineExceeded
		}
		s.reader.wait(s)
	}
}

func (s *stream) write(b []byte) (n int, err error) {
	s.mu.Lock()
	half := false // a part is written and the rest waits for room
	defer func() {
		if half {
			s.half = false
			s.writer.cond.Broadcast()
		}
		s.mu.Unlock()
	}()
	for ; ; s.writer.wait(s) {
		switch {
		case s.writer.closed:
			return n, net.ErrClosed
		case s.reader.closed:
			return n, io.ErrClosedPipe
		case s.writer.expired():
			return n, os.ErrDeadlineExceeded
		case len(b) == 0:
			return n, nil
		case s.half && !half:
			continue // what one call writes stays together, as on a socket
		}
		if room := pipeSize - (len(s.buf) - s.off); room > 0 {
			if s.off > 0 && len(s.buf)+len(b) > cap(s.buf) {
				s.buf, s.off = s.buf[:copy(s.buf, s.buf[s.off:])], 0
			}
			part := b[:min(room, len(b))]
			s.buf = append(s.buf, part...)
			b, n = b[len(part):], n+len(part)
			s.reader.cond.Signal()
			if len(b) == 0 {
				return n, nil
			}
		}
		s.half, half = true, true
	}
}

// close ends one side; the other notices at once, a reader after it has read
// what is there.
func (s *stream) close(fromReader bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if fromReader {
		s.reader.shut()
	} else {
		s.writer.shut()
	}
	s.reader.cond.Broadcast()
	s.writer.cond.Broadcast()
}
