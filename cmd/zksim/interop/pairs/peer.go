package pairs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/zksim/zksim/cmd/zksim/interop/proxy"
)

// A Peer is the other side. Orders are lines with fields between tabs: a number, the name of an object,
// a method, arguments. The answer is the number, "ok" or "error", and results. Orders run at the same
// time, so that one may wait while the next is given; answers come in any order. The method "new" makes
// an object: its first argument is the kind.
type Peer struct {
	in   io.WriteCloser
	wire *proxy.Proxy

	mu      sync.Mutex
	orders  int
	answers map[int]chan answer
	ended   error // why no more answers come
}

// answer is what has come of an order.
type answer struct {
	values []string
	err    error
}

// NewPeer takes the pipes of a program that has just been started, and the proxy through which it reaches the
// server.
func NewPeer(in io.WriteCloser, out io.Reader, wire *proxy.Proxy) *Peer {
	p := &Peer{in: in, wire: wire, answers: make(map[int]chan answer)}
	go p.read(out)
	return p
}

// Close ends the program, which does so when its input ends.
func (p *Peer) Close() error { return p.in.Close() }

func (p *Peer) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		f := strings.Split(strings.TrimRight(lines.Text(), "\r"), "\t")
		id, err := strconv.Atoi(f[0])
		if err != nil || len(f) < 2 {
			p.end(fmt.Errorf("the peer said %q", lines.Text()))
			return
		}
		a := answer{values: f[2:]}
		if f[1] != "ok" {
			a = answer{err: errors.New(strings.Join(f[2:], " "))}
		}
		p.mu.Lock()
		if c := p.answers[id]; c != nil {
			c <- a
			delete(p.answers, id)
		}
		p.mu.Unlock()
	}
	p.end(errors.Join(errors.New("the peer has ended"), lines.Err()))
}

func (p *Peer) end(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = err
	for _, c := range p.answers {
		c <- answer{err: err}
	}
	clear(p.answers)
}

// start gives an order and returns where its answer comes.
func (p *Peer) start(object, method string, args ...string) <-chan answer {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := make(chan answer, 1)
	if p.ended != nil {
		c <- answer{err: p.ended}
		return c
	}
	p.orders++
	p.answers[p.orders] = c
	line := strings.Join(append([]string{strconv.Itoa(p.orders), object, method}, args...), "\t")
	if _, err := io.WriteString(p.in, line+"\n"); err != nil {
		delete(p.answers, p.orders)
		c <- answer{err: err}
	}
	return c
}

// await waits for an answer.
func await(ctx context.Context, c <-chan answer) ([]string, error) {
	select {
	case a := <-c:
		return a.values, a.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
