package memserver

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/zksim/zksim/memserver/internal/state"
)

// WriteTo writes the snapshot in the format of ZooKeeper's own snapshot files.
// A real server of 3.8 or 3.9 starts from it if it is put into its data folder as
// version-2/snapshot.ZXID, the zxid in hexadecimal digits without 0x. Sessions are
// in it; their clients come back to them.
func (s *Snapshot) WriteTo(w io.Writer) (int64, error) { return s.snap.WriteTo(w) }

// maxSnapshotFile is how long a file may be when it is unpacked.
const maxSnapshotFile int64 = 2 << 30

// ReadSnapshot reads what WriteTo or a real ZooKeeper has written, plain or
// compressed with gzip, and checks its sums. A real server's file is a little
// older than its state, which is the file and the log of transactions since; and
// one that was written while clients wrote may have a part of what they did. As
// in ZooKeeper, ephemeral nodes without a session go.
func ReadSnapshot(r io.Reader) (*Snapshot, error) {
	in := bufio.NewReader(r)
	r = in
	if magic, err := in.Peek(2); err == nil && magic[0] == 0x1f && magic[1] == 0x8b {
		if r, err = gzip.NewReader(in); err != nil {
			return nil, fmt.Errorf("memserver: snapshot: %w", err)
		}
	}
	file, err := io.ReadAll(io.LimitReader(r, maxSnapshotFile+1))
	if int64(len(file)) > maxSnapshotFile {
		err = fmt.Errorf("it is longer than %d bytes", maxSnapshotFile)
	}
	if err == nil && bytes.HasPrefix(file, []byte("\x82SNAPPY\x00")) {
		err = errors.New("it is compressed with snappy; only gzip is known (snapshot.compression.method=gz)")
	}
	if err != nil {
		return nil, fmt.Errorf("memserver: snapshot: %w", err)
	}
	snap, err := state.ParseSnapshot(file)
	if err != nil {
		return nil, fmt.Errorf("memserver: snapshot: %w", err)
	}
	return &Snapshot{snap}, nil
}
