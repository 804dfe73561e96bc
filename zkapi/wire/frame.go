package wire

import (
	"encoding/binary"
	"errors"
)

// DefaultMaxFrame is ZooKeeper's default jute.maxbuffer: the longest payload
// of a frame that a server accepts, in bytes.
const DefaultMaxFrame = 0xfffff

// ErrFrameLength is the error of a frame whose length is negative or over the limit.
var ErrFrameLength = errors.New("wire: frame length out of range")

// NextFrame splits the first whole frame off buf: payload is its content
// without the length, rest what follows. ok is false while the frame is not
// complete. A length that is negative or over max is ErrFrameLength, at once.
func NextFrame(buf []byte, max int) (payload, rest []byte, ok bool, err error) {
	if len(buf) < 4 {
		return nil, buf, false, nil
	}
	n := int(int32(binary.BigEndian.Uint32(buf)))
	if n < 0 || n > max {
		return nil, buf, false, ErrFrameLength
	}
	if len(buf)-4 < n {
		return nil, buf, false, nil
	}
	return buf[4 : 4+n : 4+n], buf[4+n:], true, nil
}

// BeginFrame reserves the length of a frame whose payload is appended next.
// EndFrame, given the length of b before, fills it in.
func BeginFrame(b []byte) []byte { return append(b, 0, 0, 0, 0) }

// EndFrame completes the frame that began at b[start:].
func EndFrame(b []byte, start int) []byte {
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-4))
	return b
}
