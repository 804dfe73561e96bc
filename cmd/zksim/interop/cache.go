package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// cache is the folder of installed libraries and compiled programs. Each has a folder whose name tells
// all that it was made from, which is made elsewhere and renamed: it is there whole or not at all.
type cache struct {
	dir      string
	progress io.Writer
}

func openCache(progress io.Writer) (cache, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return cache{}, err
	}
	return cache{filepath.Join(dir, "zksim", "interop"), progress}, nil
}

// folder returns the folder of something that was made by a command from the folders in from, making it
// if it is not there.
func (c cache) folder(ctx context.Context, what string, from []string, args func(dir string) []string) (string, error) {
	name := strings.ReplaceAll(what, " ", "-")
	if from != nil {
		name += "-" + hash(from...)
	}
	return c.make(name, func(dir string) error {
		fmt.Fprintf(c.progress, "interop: preparing %s\n", what)
		argv := args(dir)
		cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", filepath.Base(argv[0]), err, bytes.TrimSpace(out))
		}
		return nil
	})
}

// sources returns a folder with these files of the program's own sources.
func (c cache) sources(names ...string) (string, error) {
	var texts []string
	for _, name := range names {
		text, err := sources.ReadFile(name)
		if err != nil {
			return "", err
		}
		texts = append(texts, string(text))
	}
	return c.make("source-"+hash(append(texts, names...)...), func(dir string) error {
		for i, name := range names {
			if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), []byte(texts[i]), 0o644); err != nil {
				return err
			}
		}
		return nil
	})
}

// make fills a folder, unless it is there.
func (c cache) make(name string, fill func(dir string) error) (string, error) {
	target := filepath.Join(c.dir, name)
	if _, err := os.Stat(target); err == nil {
		return target, nil
	}
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(c.dir, "new-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	filled := filepath.Join(work, "filled")
	if err := os.Mkdir(filled, 0o755); err != nil {
		return "", err
	}
	if err := fill(filled); err != nil {
		return "", err
	}
	if err := os.Rename(filled, target); err != nil {
		if _, there := os.Stat(target); there != nil { // else somebody else made it meanwhile
			return "", err
		}
	}
	return target, nil
}

func hash(texts ...string) string {
	h := sha256.New()
	for _, text := range texts {
		fmt.Fprintf(h, "%d:%s", len(text), text)
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

func needTool(name string) (string, error) {
	path, err := exec.LookPath(name)
	if errors.Is(err, exec.ErrNotFound) {
		return "", fmt.Errorf("there is no %s on $PATH", name)
	}
	return path, err
}
