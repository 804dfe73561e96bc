package memserver

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A pipe has to do what programs expect of a TCP connection, since it takes the
// place of one. So what can be tested without waiting runs on both.

func testPipe() (net.Conn, net.Conn) {
	return newPipe(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1025}, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1})
}

// onBoth runs a test on a pipe and on a TCP connection. Closing is idempotent
// only for the pipe, so the errors of the last Close are nobody's business.
func onBoth(t *testing.T, test func(t *testing.T, a, b net.Conn)) {
	t.Run("pipe", func(t *testing.T) {
		a, b := testPipe()
		defer a.Close()
		defer b.Close()
		test(t, a, b)
	})
	t.Run("tcp", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		a, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		defer a.Close()
		b, err := l.Accept()
		require.NoError(t, err)
		defer b.Close()
		test(t, a, b)
	})
}

// inBubble runs a test on a pipe where time is synctest's.
func inBubble(t *testing.T, test func(t *testing.T, a, b net.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		a, b := testPipe()
		defer a.Close()
		defer b.Close()
		test(t, a, b)
	})
}

var longAgo = time.Unix(1, 0)

func requireTimeout(t *testing.T, err error) {
	t.Helper()
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	var ne net.Error
	require.ErrorAs(t, err, &ne)
	require.True(t, ne.Timeout())
}

func readN(t *testing.T, c net.Conn, n int) string {
	t.Helper()
	b := make([]byte, n)
	_, err := io.ReadFull(c, b)
	require.NoError(t, err)
	return string(b)
}

func TestPipeBothWays(t *testing.T) {
	onBoth(t, func(t *testing.T, a, b net.Conn) {
		n, err := a.Write([]byte("to b"))
		require.NoError(t, err)
		require.Equal(t, 4, n)
		_, err = b.Write([]byte("to a"))
		require.NoError(t, err)
		require.Equal(t, "to", readN(t, b, 2))
		require.Equal(t, " b", readN(t, b, 2))
		require.Equal(t, "to a", readN(t, a, 4))
		require.Equal(t, a.LocalAddr().String(), b.RemoteAddr().String())
		require.Equal(t, b.LocalAddr().String(), a.RemoteAddr().String())
		require.NotEqual(t, a.LocalAddr().String(), a.RemoteAddr().String())
		require.Equal(t, "tcp", a.LocalAddr().Network())
	})
}

func TestPipeNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, a, b net.Conn) {
		n, err := a.Write(nil)
		require.NoError(t, err)
		require.Zero(t, n)
		n, err = b.Read(nil)
		require.NoError(t, err, "reading nothing does not wait")
		require.Zero(t, n)
	})
}

// What was written before Close is still read; then comes the end.
func TestPipeCloseAfterWriting(t *testing.T) {
	onBoth(t, func(t *testing.T, a, b net.Conn) {
		_, err := a.Write([]byte("last words"))
		require.NoError(t, err)
		require.NoError(t, a.Close())
		all, err := io.ReadAll(b)
		require.NoError(t, err)
		require.Equal(t, "last words", string(all))
		n, err := b.Read(make([]byte, 1))
		require.Zero(t, n)
		require.ErrorIs(t, err, io.EOF, "and stays")
	})
}

func TestPipeAfterOwnClose(t *testing.T) {
	onBoth(t, func(t *testing.T, a, b net.Conn) {
		_, err := b.Write([]byte("unread"))
		require.NoError(t, err)
		require.NoError(t, a.Close())
		_, err = a.Read(make([]byte, 1))
		require.ErrorIs(t, err, net.ErrClosed)
		_, err = a.Write([]byte("x"))
		require.ErrorIs(t, err, net.ErrClosed)
	})
}

// TCP notices only with the second write that nobody reads any more; a pipe at once.
func TestPipeWriteAfterPeerClose(t *testing.T) {
	a, b := testPipe()
	require.NoError(t, b.Close())
	_, err := a.Write([]byte("x"))
	require.ErrorIs(t, err, io.ErrClosedPipe)
	require.NoError(t, b.Close(), "twice is fine")
	require.NoError(t, a.Close())
}

func TestPipeCloseWakesReaders(t *testing.T) {
	for name, c := range map[string]struct {
		close func(a, b net.Conn)
		err   error
	}{
		"own":  {func(a, _ net.Conn) { a.Close() }, net.ErrClosed},
		"peer": {func(_, b net.Conn) { b.Close() }, io.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, a, b net.Conn) {
				errs := make(chan error)
				for range 3 {
					go func() {
						_, err := a.Read(make([]byte, 1))
						errs <- err
					}()
				}
				c.close(a, b)
				for range 3 {
					require.ErrorIs(t, <-errs, c.err)
				}
			})
		})
	}
}

func TestPipeCloseWakesWriters(t *testing.T) {
	for name, c := range map[string]struct {
		close func(a, b net.Conn)
		err   error
	}{
		"own":  {func(a, _ net.Conn) { a.Close() }, net.ErrClosed},
		"peer": {func(_, b net.Conn) { b.Close() }, io.ErrClosedPipe},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, a, b net.Conn) {
				type result struct {
					n   int
					err error
				}
				results := make(chan result)
				for range 3 {
					go func() {
						n, err := a.Write(make([]byte, pipeSize+1))
						results <- result{n, err}
					}()
				}
				synctest.Wait()
				c.close(a, b)
				written := 0
				for range 3 {
					r := <-results
					require.ErrorIs(t, r.err, c.err)
					written += r.n
				}
				require.Equal(t, pipeSize, written, "what a write has got rid of, it says")
			})
		})
	}
}

// A write waits only for room, and goes on when there is some.
func TestPipeBackPressure(t *testing.T) {
	inBubble(t, func(t *testing.T, a, b net.Conn) {
		n, err := a.Write(make([]byte, pipeSize))
		require.NoError(t, err, "all of it fits")
		require.Equal(t, pipeSize, n)
		done := false
		go func() {
			n, err := a.Write([]byte("more"))
			done = n == 4 && err == nil
		}()
		synctest.Wait()
		require.False(t, done)
		readN(t, b, 3)
		synctest.Wait()
		require.False(t, done, "three bytes of room for four")
		readN(t, b, 1)
		synctest.Wait()
		require.True(t, done)
		require.Equal(t, "more", readN(t, b, pipeSize)[pipeSize-4:])
		n, err = a.Write(nil)
		require.NoError(t, err)
		require.Zero(t, n)
	})
}

// Large amounts in pieces of all sizes come out as they went in, both ways at once.
func TestPipeBigTransfer(t *testing.T) {
	onBoth(t, func(t *testing.T, a, b net.Conn) {
		const size = 3 * pipeSize
		var wg sync.WaitGroup
		for i, way := range [][2]net.Conn{{a, b}, {b, a}} {
			source := rand.NewChaCha8([32]byte{byte(i)})
			rng := rand.New(source)
			data := make([]byte, size)
			source.Read(data)
			wg.Go(func() {
				for rest := data; len(rest) > 0; {
					n := min(len(rest), 1+rng.IntN(2*pipeSize))
					if _, err := way[0].Write(rest[:n]); err != nil {
						t.Error(err)
						return
					}
					rest = rest[n:]
				}
			})
			wg.Go(func() {
				got := make([]byte, size)
				if _, err := io.ReadFull(way[1], got); err != nil || !bytes.Equal(data, got) {
					t.Errorf("%v, equal: %v", err, bytes.Equal(data, got))
				}
			})
		}
		wg.Wait()
	})
}

func TestPipePingPong(t *testing.T) {
	onBoth(t, func(t *testing.T, a, b net.Conn) {
		var wg sync.WaitGroup
		wg.Go(func() {
			io.Copy(b, b)
			b.Close()
		})
		for i := range 1000 {
			_, err := a.Write([]byte{byte(i), byte(i >> 8)})
			require.NoError(t, err)
			require.Equal(t, string([]byte{byte(i), byte(i >> 8)}), readN(t, a, 2))
		}
		a.Close()
		wg.Wait()
	})
}

// What one call writes is not torn apart by what others write meanwhile.
func TestPipeConcurrentWriters(t *testing.T) {
	onBoth(t, func(t *testing.T, a, b net.Conn) {
		const writers, size = 5, pipeSize + pipeSize/3
		errs := make(chan error, writers)
		for i := range writers {
			go func() {
				_, err := a.Write(bytes.Repeat([]byte{byte(i)}, size))
				errs <- err
			}()
		}
		seen := make(map[byte]bool)
		for range writers {
			block := readN(t, b, size)
			require.Equal(t, size, bytes.Count([]byte(block), []byte{block[0]}))
			seen[block[0]] = true
			require.NoError(t, <-errs)
		}
		require.Len(t, seen, writers)
	})
}

// A byte that one reader leaves is for the next one, who may be waiting already.
func TestPipeConcurrentReaders(t *testing.T) {
	onBoth(t, func(t *testing.T, a, b net.Conn) {
		const readers = 8
		got := make(chan byte)
		for range readers {
			go func() {
				for one := make([]byte, 1); ; {
					if _, err := b.Read(one); err != nil {
						return
					}
					got <- one[0]
				}
			}()
		}
		for round := range 100 {
			block := []byte{byte(round), 1, 2, 3, 4, 5, 6, 7}
			_, err := a.Write(block)
			require.NoError(t, err)
			var back []byte
			for range block {
				back = append(back, <-got)
			}
			slices.Sort(block)
			slices.Sort(back)
			require.Equal(t, block, back)
		}
	})
}

func TestPipePastDeadline(t *testing.T) {
	onBoth(t, func(t *testing.T, a, b net.Conn) {
		_, err := b.Write([]byte("there"))
		require.NoError(t, err)
		require.NoError(t, a.SetReadDeadline(longAgo))
		n, err := a.Read(make([]byte, 10))
		requireTimeout(t, err)
		require.Zero(t, n, "even though there is something to read")
		_, err = a.Write([]byte("writing"))
		require.NoError(t, err, "is another matter")

		require.NoError(t, a.SetDeadline(longAgo))
		n, err = a.Write([]byte("x"))
		requireTimeout(t, err)
		require.Zero(t, n)
		require.NoError(t, a.SetReadDeadline(time.Time{}))
		require.Equal(t, "there", readN(t, a, 5), "a deadline can be taken back")
		_, err = a.Write([]byte("x"))
		requireTimeout(t, err)
		require.NoError(t, a.SetWriteDeadline(time.Now().Add(time.Hour)))
		_, err = a.Write([]byte("x"))
		require.NoError(t, err)
		require.Equal(t, "writingx", readN(t, b, 8))
	})
}

// A deadline set by another goroutine ends a read that waits already.
func TestPipeDeadlineWakes(t *testing.T) {
	onBoth(t, func(t *testing.T, a, b net.Conn) {
		errs := make(chan error)
		for range 3 {
			go func() {
				_, err := a.Read(make([]byte, 1))
				errs <- err
			}()
		}
		require.NoError(t, a.SetReadDeadline(longAgo))
		for range 3 {
			requireTimeout(t, <-errs)
		}
	})
}

func TestPipeFutureDeadlines(t *testing.T) {
	read := func(c net.Conn) error {
		_, err := c.Read(make([]byte, 1))
		return err
	}
	write := func(c net.Conn) error {
		_, err := c.Write(make([]byte, 2*pipeSize))
		return err
	}
	for name, c := range map[string]struct {
		wait func(net.Conn) error
		set  func(net.Conn, time.Time) error
	}{
		"read":       {read, net.Conn.SetReadDeadline},
		"read both":  {read, net.Conn.SetDeadline},
		"write":      {write, net.Conn.SetWriteDeadline},
		"write both": {write, net.Conn.SetDeadline},
	} {
		t.Run(name, func(t *testing.T) {
			waits := func(t *testing.T, prepare, meanwhile func(net.Conn) error, want time.Duration) {
				inBubble(t, func(t *testing.T, a, b net.Conn) {
					require.NoError(t, prepare(a))
					start, errs := time.Now(), make(chan error, 1)
					go func() { errs <- meanwhile(a) }()
					requireTimeout(t, c.wait(a))
					require.Equal(t, want, time.Since(start))
					require.NoError(t, <-errs)
				})
			}
			nothing := func(net.Conn) error { return nil }
			set := func(d time.Duration) func(net.Conn) error {
				return func(nc net.Conn) error { return c.set(nc, time.Now().Add(d)) }
			}
			later := func(f func(net.Conn) error) func(net.Conn) error {
				return func(nc net.Conn) error {
					time.Sleep(time.Second)
					return f(nc)
				}
			}
			t.Run("on time", func(t *testing.T) { waits(t, set(time.Hour), nothing, time.Hour) })
			t.Run("earlier", func(t *testing.T) { waits(t, set(time.Hour), later(set(time.Minute)), time.Minute+time.Second) })
			t.Run("later", func(t *testing.T) { waits(t, set(time.Minute), later(set(time.Hour)), time.Hour+time.Second) })
			t.Run("while waiting", func(t *testing.T) { waits(t, nothing, later(set(time.Second)), 2*time.Second) })
			t.Run("to the past", func(t *testing.T) { waits(t, set(time.Hour), later(set(-time.Second)), time.Second) })
			t.Run("off and on", func(t *testing.T) {
				waits(t, set(time.Minute), func(nc net.Conn) error {
					if err := c.set(nc, time.Time{}); err != nil {
						return err
					}
					time.Sleep(time.Hour)
					return c.set(nc, time.Now().Add(time.Second))
				}, time.Hour+time.Second)
			})
		})
	}
}

// Two readers with one deadline both end; the connection is as good as before.
func TestPipeUsableAfterDeadline(t *testing.T) {
	inBubble(t, func(t *testing.T, a, b net.Conn) {
		for range 3 {
			require.NoError(t, a.SetReadDeadline(time.Now().Add(time.Second)))
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() {
					_, err := a.Read(make([]byte, 1))
					if !errors.Is(err, os.ErrDeadlineExceeded) {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			require.NoError(t, a.SetReadDeadline(time.Now().Add(time.Second)))
			_, err := b.Write([]byte("hello"))
			require.NoError(t, err)
			require.Equal(t, "hello", readN(t, a, 5))
		}
	})
}

// A write that runs into its deadline says how much of it is on its way.
func TestPipePartialWrite(t *testing.T) {
	inBubble(t, func(t *testing.T, a, b net.Conn) {
		require.NoError(t, a.SetWriteDeadline(time.Now().Add(time.Minute)))
		n, err := a.Write(make([]byte, pipeSize+7))
		requireTimeout(t, err)
		require.Equal(t, pipeSize, n)
		require.NoError(t, a.SetWriteDeadline(time.Time{}))
		readN(t, b, n)
		_, err = a.Write([]byte("next"))
		require.NoError(t, err)
		require.Equal(t, "next", readN(t, b, 4))
	})
}

// Every method at once, again and again, until somebody closes.
func TestPipeConcurrentMethods(t *testing.T) {
	onBoth(t, func(t *testing.T, a, b net.Conn) {
		var wg sync.WaitGroup
		for _, c := range []net.Conn{a, b} {
			for range 4 {
				wg.Go(func() {
					for b := make([]byte, 1024); ; {
						if _, err := c.Read(b); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
							return
						}
					}
				})
				wg.Go(func() {
					for b := make([]byte, 1024); ; {
						if _, err := c.Write(b); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
							return
						}
					}
				})
			}
			wg.Go(func() {
				for range 100 {
					c.SetDeadline(time.Now().Add(time.Microsecond))
					c.SetReadDeadline(time.Now().Add(time.Millisecond))
					c.SetWriteDeadline(longAgo)
					c.LocalAddr()
					c.RemoteAddr()
					c.SetDeadline(time.Time{})
				}
				c.Close()
			})
		}
		wg.Wait()
	})
}

// The bytes that come out are those that went in, whatever the sizes and
// however reads and writes alternate; a model is a buffer.
func TestPipeModel(t *testing.T) {
	pattern := make([]byte, pipeSize+256)
	for i := range pattern {
		pattern[i] = byte(i)
	}
	size := rapid.OneOf(rapid.IntRange(0, 40), rapid.IntRange(0, 40), rapid.IntRange(0, pipeSize))
	rapid.Check(t, func(t *rapid.T) {
		a, b := testPipe()
		model, next := new(bytes.Buffer), 0
		t.Repeat(map[string]func(*rapid.T){
			"write": func(t *rapid.T) {
				data := pattern[next%256:][:min(size.Draw(t, "n"), pipeSize-model.Len())]
				n, err := a.Write(data)
				if err != nil || n != len(data) {
					t.Fatalf("wrote %d: %v", n, err)
				}
				model.Write(data)
				next += n
			},
			"read": func(t *rapid.T) {
				if model.Len() == 0 {
					t.Skip("would wait")
				}
				got := make([]byte, size.Draw(t, "n"))
				n, err := b.Read(got)
				if err != nil || n != min(len(got), model.Len()) || !bytes.Equal(got[:n], model.Next(n)) {
					t.Fatalf("read %d of %d: %v", n, len(got), err)
				}
			},
		})
	})
}
