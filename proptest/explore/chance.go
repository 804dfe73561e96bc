package explore

import (
	"math/rand/v2"
	"sync"
)

// stream is the randomness that participants get: the same in every schedule, and
// for each its own, so that what one draws does not depend on what others have drawn.
type stream struct {
	mu    sync.Mutex
	who   int // whose step it is
	seats []seat
}

// seat is what one participant draws from; the first is for when it may be anybody.
type seat struct {
	rng *rand.ChaCha8
	n   int // bytes drawn
}

// nobody is not a participant.
const nobody = -1

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for at := len(s.seats); at <= s.who+1; at++ {
		s.seats = append(s.seats, seat{rng: rand.NewChaCha8([32]byte{1, byte(at)})})
	}
	x := &s.seats[s.who+1]
	x.n += len(p)
	return x.rng.Read(p)
}

// again begins from the start.
func (s *stream) again() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.who, s.seats = nobody, s.seats[:0]
}

// turn says whose step it is.
func (s *stream) turn(who int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.who = who
}

// whose step it is, or was last.
func (s *stream) whose() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.who
}

// drawn is how many bytes somebody has drawn.
func (s *stream) drawn(who int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if who+1 >= len(s.seats) {
		return 0
	}
	return s.seats[who+1].n
}
