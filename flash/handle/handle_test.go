package handle

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"testing"
	"time"
)

func TestFolder(t *testing.T) {
	list := []fs.FileInfo{FileInfo("b", 3, 0o644), FolderInfo("a"), FileInfo("c", 0, 0o444)}
	d := NewFolder("/x", FolderInfo("x"), list)
	if info, err := d.Stat(); err != nil || !info.IsDir() || info.Mode() != fs.ModeDir|0o755 || !info.ModTime().IsZero() || info.Sys() != nil {
		t.Errorf("Stat: %v, %v", info, err)
	}
	if names, err := d.Readdirnames(2); fmt.Sprint(names, err) != "[b a] <nil>" {
		t.Errorf("%v, %v", names, err)
	}
	if names, err := d.Readdirnames(0); fmt.Sprint(names, err) != "[c] <nil>" {
		t.Errorf("%v, %v", names, err)
	}
	if names, err := d.Readdirnames(0); fmt.Sprint(names, err) != "[] <nil>" {
		t.Errorf("%v, %v", names, err)
	}
	if _, err := d.Readdir(1); err != io.EOF {
		t.Errorf("end: %v", err)
	}
	if _, err := d.Seek(0, io.SeekStart); err != nil {
		t.Errorf("Seek: %v", err)
	}
	if names, _ := d.Readdirnames(-1); len(names) != 3 {
		t.Errorf("after Seek: %v", names)
	}
	p := []byte{0}
	for name, err := range map[string]error{
		"Read": last(d.Read(p)), "ReadAt": last(d.ReadAt(p, 0)), "Write": last(d.Write(p)), "WriteAt": last(d.WriteAt(p, 0)),
		"WriteString": last(d.WriteString("x")), "Truncate": d.Truncate(0), "Seek": last64(d.Seek(1, io.SeekStart)),
	} {
		if !errors.Is(err, ErrIsFolder) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{"Close": d.Close(), "Read": last(d.Read(p)), "Readdir": second(d.Readdir(0)), "Seek": last64(d.Seek(0, 0))} {
		if !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
}

func last(_ int, err error) error             { return err }
func last64(_ int64, err error) error         { return err }
func second(_ []fs.FileInfo, err error) error { return err }

// text is contents that fail at the byte '!'.
type text string

var errBang = errors.New("bang")

func (s text) Size() int64                        { return int64(len(s)) }
func (s text) WriteAt([]byte, int64) (int, error) { return 0, errBang }
func (s text) Truncate(int64) error               { return errBang }
func (s text) Sync() error                        { return errBang }
func (s text) ReadAt(p []byte, off int64) (int, error) {
	n := copy(p, s[off:])
	for i, b := range p[:n] {
		if b == '!' {
			return i, errBang
		}
	}
	return n, nil
}

func open(flag int) (*File, *int) {
	closed := new(int)
	info := func() fs.FileInfo { return FileInfo("f", 4, 0o644) }
	return New("/d/f", text("abc!"), flag, info, func() { *closed++ }), closed
}

func TestFileErrorsNameTheFile(t *testing.T) {
	f, closed := open(os.O_RDWR)
	p := make([]byte, 4)
	if n, err := f.Read(p); n != 3 || !errors.Is(err, errBang) || err.Error() != "read /d/f: bang" {
		t.Errorf("Read: %d, %v", n, err)
	}
	if f.Pos() != 3 {
		t.Errorf("position %d after a failed read of 3 bytes", f.Pos())
	}
	for name, err := range map[string]error{"write": last(f.Write(p)), "truncate": f.Truncate(1), "sync": f.Sync()} {
		if !errors.Is(err, errBang) || err.Error() != name+" /d/f: bang" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n, err := f.ReadAt(p, 4); n != 0 || err != io.EOF {
		t.Errorf("ReadAt at the end: %d, %v", n, err)
	}
	if n, err := f.ReadAt(p[:0], 9); n != 0 || err != nil {
		t.Errorf("ReadAt of nothing: %d, %v", n, err)
	}
	for name, err := range map[string]error{"Readdir": second(f.Readdir(0)), "Truncate(-1)": f.Truncate(-1), "WriteAt(-1)": last(f.WriteAt(p, -1)), "Seek whence": last64(f.Seek(0, 9)), "Seek overflow": last64(f.Seek(1<<63-1, io.SeekEnd))} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if f.Name() != "/d/f" {
		t.Errorf("name %q", f.Name())
	}
	f.Close()
	f.Close()
	if *closed != 1 {
		t.Errorf("onClose was called %d times", *closed)
	}
	if _, err := f.Stat(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Stat after Close: %v", err)
	}
}

func TestFileModes(t *testing.T) {
	p := make([]byte, 1)
	for flag, want := range map[int][2]error{
		os.O_RDONLY:               {nil, ErrNotWritable},
		os.O_WRONLY:               {ErrNotReadable, errBang},
		os.O_RDWR:                 {nil, errBang},
		os.O_RDWR | os.O_APPEND:   {nil, errBang},
		os.O_WRONLY | os.O_APPEND: {ErrNotReadable, errBang},
	} {
		f, _ := open(flag)
		if err := last(f.Read(p)); !errors.Is(err, want[0]) {
			t.Errorf("flag %#x: read: %v, want %v", flag, err, want[0])
		}
		if err := last(f.Write(p)); !errors.Is(err, want[1]) {
			t.Errorf("flag %#x: write: %v, want %v", flag, err, want[1])
		}
		if flag&os.O_APPEND != 0 && f.Pos() != 4 {
			t.Errorf("flag %#x: appended at %d", flag, f.Pos())
		}
	}
}

func TestRefuse(t *testing.T) {
	r := Refuse{Why: errBang}
	for name, err := range map[string]error{
		"mkdir x: bang": r.Mkdir("x", 0), "remove x: bang": r.Remove("x"), "rename x: bang": r.Rename("x", "y"), "chmod x: bang": r.Chmod("x", 0),
		"chown x: bang": r.Chown("x", 0, 0), "chtimes x: bang": r.Chtimes("x", time.Time{}, time.Time{}),
	} {
		if err.Error() != name || !errors.Is(err, errBang) {
			t.Errorf("%v, want %s", err, name)
		}
	}
	if r.MkdirAll("x", 0) == nil || r.RemoveAll("x") == nil {
		t.Error("no error")
	}
}
