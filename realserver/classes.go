package realserver

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// A server that starts spends most of its time loading and verifying classes. From version 13 on a JVM
// can write those that it has loaded to an archive and start from that, in less than half of the time.
// So the first start with the flags for a quick start makes an archive, once for each install and Java,
// and those that follow use it. Where that fails, servers start as they do without.

// sharing is the flag among the defaults of Options.JVM that lets the JVM use archives. It starts
// without one that does not fit.
const sharing = "-Xshare:auto"

// archives remembers what was tried in this process, by the path of the archive.
var archives struct {
	sync.Mutex
	tried map[string]bool
}

// shareClasses adds the archive to flags that want a quick start.
func shareClasses(in Install, jvm []string) []string {
	path := archivePath(in)
	if path == "" || !slices.Contains(jvm, sharing) {
		return jvm
	}
	archives.Lock()
	defer archives.Unlock()
	if !archives.tried[path] {
		if archives.tried == nil {
			archives.tried = make(map[string]bool)
		}
		archives.tried[path] = true
		_ = makeArchive(in, path) // then there is none
	}
	if _, err := os.Stat(path); err != nil {
		return jvm
	}
	return append(slices.Clone(jvm), "-XX:SharedArchiveFile="+path)
}

// archivePath names the archive after everything that it depends on; "" if there is no place for it.
func archivePath(in Install) string {
	if CacheDir() == "" {
		return ""
	}
	h := sha256.New()
	for _, file := range append([]string{in.Java}, in.Classpath...) {
		info, err := os.Stat(file)
		if err != nil {
			return ""
		}
		fmt.Fprintln(h, file, info.Size(), info.ModTime().UnixNano())
	}
	return filepath.Join(CacheDir(), fmt.Sprintf("classes-%s-%x.jsa", in.Version, h.Sum(nil)[:8]))
}

// making is how long making an archive may take; after that whoever was at it is taken for dead.
const making = time.Minute

// makeArchive makes the archive unless it is there, or another process is at it.
func makeArchive(in Install, path string) error {
	if _, err := os.Stat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	lock := path + ".lock"
	if info, err := os.Stat(lock); err == nil && time.Since(info.ModTime()) > making {
		_ = os.Remove(lock) // another process may have been quicker
	}
	f, err := os.OpenFile(lock, os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer os.Remove(lock)
	defer f.Close()
	ctx, cancel := context.WithTimeout(context.Background(), making)
	defer cancel()
	unfinished := path + ".new"
	defer os.Remove(unfinished)
	if err := recordClasses(ctx, in, unfinished); err != nil {
		return err
	}
	return os.Rename(unfinished, path)
}

// recordClasses runs an ensemble of one, which needs most of what any server needs, and has it write
// its classes at its end.
func recordClasses(ctx context.Context, in Install, path string) error {
	e, err := StartEnsemble(ctx, in, 1, func(o *Options) {
		i := slices.Index(o.JVM, sharing)
		o.JVM[i] = "-XX:ArchiveClassesAtExit=" + path
	})
	if err != nil {
		return err
	}
	return errors.Join(useClasses(ctx, e), e.Close())
}

// useClasses has the server do a little of everything.
func useClasses(ctx context.Context, e *Ensemble) error {
	c, err := Connect(ctx, e.Addrs())
	if err != nil {
		return err
	}
	defer c.Close()
	if _, _, _, err = c.ExistsW(ctx, "/a"); err != nil {
		return err
	}
	if _, err = c.Create(ctx, "/a", nil, nil, zkapi.Ephemeral); err != nil {
		return err
	}
	if _, _, err = c.Children(ctx, "/"); err != nil {
		return err
	}
	if _, err = c.Set(ctx, "/a", []byte("a"), 0); err != nil {
		return err
	}
	_, err = c.Multi(ctx, zkapi.CheckOp("/a", 1), zkapi.DeleteOp("/a", 1))
	return err
}
