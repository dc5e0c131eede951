package handle

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"
)

// bytesContent is contents in memory that grow as a file does.
type bytesContent struct{ p []byte }

func (c *bytesContent) Size() int64 { return int64(len(c.p)) }
func (c *bytesContent) Sync() error { return nil }
func (c *bytesContent) ReadAt(p []byte, off int64) (int, error) {
	return copy(p, c.p[off:off+int64(len(p))]), nil // only what is there is asked for
}

func (c *bytesContent) WriteAt(p []byte, off int64) (int, error) {
	if end := off + int64(len(p)); len(p) > 0 && end > c.Size() {
		c.p = append(c.p, make([]byte, end-c.Size())...)
	}
	if len(p) > 0 {
		copy(c.p[off:], p)
	}
	return len(p), nil
}

func (c *bytesContent) Truncate(size int64) error {
	if size > c.Size() {
		c.p = append(c.p, make([]byte, size-c.Size())...)
	}
	c.p = c.p[:size]
	return nil
}

// TestModel does the same with a File and with one of the host's.
func TestModel(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	rapid.Check(t, func(t *rapid.T) {
		flag := rapid.SampledFrom([]int{os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_RDWR | os.O_APPEND}).Draw(t, "flag")
		start := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "contents")
		if err := os.WriteFile(name, start, 0o600); err != nil {
			t.Fatal(err)
		}
		want, err := os.OpenFile(name, flag, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer want.Close()
		content := &bytesContent{bytes.Clone(start)}
		got := New("f", content, flag, func() fs.FileInfo { return nil }, nil)
		off := rapid.Int64Range(-3, 60)
		same := func(what string, a, b any, errA, errB error) {
			t.Helper()
			if a != b || (errA == nil) != (errB == nil) || (errA == io.EOF) != (errB == io.EOF) {
				t.Fatalf("%s: %v, %v; the host's says %v, %v", what, a, errA, b, errB)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"read": func(t *rapid.T) {
				a := make([]byte, rapid.IntRange(1, 30).Draw(t, "n"))
				b := bytes.Clone(a)
				n, errA := got.Read(a)
				m, errB := want.Read(b)
				same("Read", n, m, errA, errB)
				same("Read", string(a), string(b), nil, nil)
			},
			"readAt": func(t *rapid.T) {
				a := make([]byte, rapid.IntRange(1, 30).Draw(t, "n"))
				b := bytes.Clone(a)
				at := off.Draw(t, "at")
				n, errA := got.ReadAt(a, at)
				m, errB := want.ReadAt(b, at)
				same("ReadAt", n, m, errA, errB)
				same("ReadAt", string(a), string(b), nil, nil)
			},
			"write": func(t *rapid.T) {
				p := rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(t, "p")
				n, errA := got.Write(p)
				m, errB := want.Write(p)
				same("Write", n, m, errA, errB)
			},
			"writeAt": func(t *rapid.T) {
				p, at := rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(t, "p"), off.Draw(t, "at")
				n, errA := got.WriteAt(p, at)
				m, errB := want.WriteAt(p, at)
				same("WriteAt", n, m, errA, errB)
			},
			"seek": func(t *rapid.T) {
				at, whence := off.Draw(t, "at"), rapid.IntRange(io.SeekStart, io.SeekEnd).Draw(t, "whence")
				n, errA := got.Seek(at, whence)
				m, errB := want.Seek(at, whence)
				same("Seek", n, m, errA, errB)
			},
			"truncate": func(t *rapid.T) {
				size := off.Draw(t, "size")
				same("Truncate", 0, 0, got.Truncate(size), want.Truncate(size))
			},
			"": func(t *rapid.T) {
				at, err := want.Seek(0, io.SeekCurrent)
				same("Pos", got.Pos(), at, nil, err)
				p, err := os.ReadFile(name)
				same("contents", string(content.p), string(p), nil, err)
			},
		})
	})
}
