package store

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"airlift/emu/iot"
)

// files keeps files by the SHA-256 of their content. A name that comes from
// outside never gets near the file system.
type files struct{ dir string }

func (f files) path(sum string) string {
	return filepath.Join(f.dir, "files", sum[:2], sum)
}

func (f files) tmp() string { return filepath.Join(f.dir, "tmp") }

// prepare makes the folders and removes uploads that a crash left behind.
func (f files) prepare(now time.Time) error {
	if err := makeDirs(f.dir, filepath.Join(f.dir, "files"), f.tmp()); err != nil {
		return err
	}
	list, err := os.ReadDir(f.tmp())
	if err != nil {
		return err
	}
	for _, e := range list {
		if info, err := e.Info(); err == nil && now.Sub(info.ModTime()) > orphanAge {
			os.Remove(filepath.Join(f.tmp(), e.Name()))
		}
	}
	return nil
}

// put keeps a file of at most limit bytes. When it returns, the file is on
// disk under its sum.
func (f files) put(r io.Reader, limit int64) (sum string, size int64, err error) {
	name := filepath.Join(f.tmp(), rand.Text())
	w, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", 0, fileError(err)
	}
	defer os.Remove(name) // gone already if all went well
	h := sha256.New()
	size, err = io.Copy(io.MultiWriter(w, h), io.LimitReader(r, limit+1))
	if err == nil && size > limit {
		err = fmt.Errorf("%w: a file has at most %d bytes", iot.ErrTooLarge, limit)
	}
	if err == nil {
		err = w.Sync()
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return "", 0, fileError(err)
	}
	sum = hex.EncodeToString(h.Sum(nil))
	return sum, size, fileError(f.place(name, sum))
}

func (f files) place(name, sum string) error {
	dir := filepath.Dir(f.path(sum))
	if err := makeDirs(dir); err != nil {
		return err
	}
	if err := os.Rename(name, f.path(sum)); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes a rename safe. Not every system can do that.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	_ = d.Sync()
	return nil
}

func (f files) open(sum string) (*os.File, error) {
	if len(sum) != 2*sha256.Size {
		return nil, fmt.Errorf("file %q: %w", sum, iot.ErrNotFound)
	}
	return os.Open(f.path(sum))
}

// read reads a file of an upload's size.
func (f files) read(sum string) ([]byte, error) {
	r, err := f.open(sum)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, iot.FirmwareMax+1))
}

// remove removes files that nothing refers to. It may fail: then they stay.
func (f files) remove(sums []string) {
	for _, sum := range sums {
		if len(sum) == 2*sha256.Size {
			os.Remove(f.path(sum))
		}
	}
}

func fileError(err error) error {
	if err != nil && isFull(err) {
		return fmt.Errorf("%w: %w", iot.ErrFull, err)
	}
	return err
}

// full reports whether a little more does not fit on the disk.
func (f files) full() bool {
	w, err := os.CreateTemp(f.tmp(), "probe")
	if err == nil {
		_, err = w.Write(make([]byte, 64<<10))
		err = errors.Join(err, w.Close())
		os.Remove(w.Name())
	}
	return isFull(err)
}
