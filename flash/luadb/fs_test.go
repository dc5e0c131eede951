package luadb

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"testing"

	"github.com/spf13/afero"

	"airlift/flash"
)

func testFs(t *testing.T) *Fs {
	t.Helper()
	img, err := Parse(mustBuild(t, []File{{"main.lua", []byte("0123456789")}, {"a.txt", nil}}, Options{}))
	if err != nil {
		t.Fatal(err)
	}
	return img.Fs()
}

func TestFsFiles(t *testing.T) {
	f := testFs(t)
	folder, err := f.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	if names, err := folder.Readdirnames(-1); fmt.Sprint(names, err) != "[a.txt main.lua "+TrailerName+"] <nil>" {
		t.Errorf("list: %v, %v", names, err)
	}
	for _, name := range []string{"main.lua", "/main.lua"} {
		if p, err := afero.ReadFile(f, name); err != nil || string(p) != "0123456789" {
			t.Errorf("%s: %q, %v", name, p, err)
		}
		info, err := f.Stat(name)
		if err != nil || info.Name() != "main.lua" || info.Size() != 10 || info.IsDir() || !info.ModTime().IsZero() {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	for _, name := range []string{"//main.lua", "main.luac", "MAIN.LUA", "main.lua/", "x"} {
		if _, err := f.Open(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("open %q: %v", name, err)
		}
		if _, err := f.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("stat %q: %v", name, err)
		}
	}
	if f.open != 0 {
		t.Errorf("%d files are still open", f.open)
	}
}

func TestFsIsReadOnly(t *testing.T) {
	f := testFs(t)
	// r and r+ can be opened (luatos-runtime.md 7.1); r+ cannot write.
	for flag, opens := range map[int]bool{
		os.O_RDONLY:                             true,
		os.O_RDWR:                               true,
		os.O_WRONLY:                             false,
		os.O_RDWR | os.O_CREATE | os.O_TRUNC:    false,
		os.O_WRONLY | os.O_APPEND | os.O_CREATE: false,
		os.O_RDWR | os.O_APPEND:                 false,
	} {
		file, err := f.OpenFile("main.lua", flag, 0)
		if opens != (err == nil) || err != nil && !errors.Is(err, fs.ErrPermission) {
			t.Errorf("flag %#x: %v", flag, err)
		}
		if err != nil {
			continue
		}
		for name, err := range map[string]error{"write": second2(file.Write([]byte("x"))), "write at": second2(file.WriteAt([]byte("x"), 0)), "truncate": file.Truncate(0)} {
			if !errors.Is(err, fs.ErrPermission) {
				t.Errorf("flag %#x: %s: %v", flag, name, err)
			}
		}
	}
	for name, err := range map[string]error{
		"create": second3(f.Create("x")), "remove": f.Remove("main.lua"), "remove all": f.RemoveAll("/"), "rename": f.Rename("main.lua", "x"), "mkdir": f.Mkdir("d", 0),
	} {
		if !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second2(_ int, err error) error        { return err }
func second3(_ afero.File, err error) error { return err }

func TestFsOpenLimit(t *testing.T) {
	f := testFs(t)
	var open []afero.File
	for range MaxOpen {
		file, err := f.Open("main.lua")
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, file)
	}
	if _, err := f.Open("a.txt"); !errors.Is(err, ErrTooManyOpen) {
		t.Errorf("file 8: %v", err)
	}
	if _, err := f.Open("/"); err != nil {
		t.Errorf("a folder is no file: %v", err)
	}
	if err := open[3].Close(); err != nil {
		t.Fatal(err)
	}
	if err := open[3].Close(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("second Close: %v", err)
	}
	if _, err := f.Open("a.txt"); err != nil {
		t.Errorf("after a Close: %v", err)
	}
	if _, err := f.Open("a.txt"); !errors.Is(err, ErrTooManyOpen) {
		t.Errorf("the second Close counted: %v", err)
	}
}

// The device's seek: from the end it subtracts, and it never leaves the file
// (luatos-runtime.md 7.1).
func TestFsSeek(t *testing.T) {
	for _, c := range []struct {
		from, off int64
		whence    int
		want      int64
	}{
		{3, 5, io.SeekStart, 5}, {3, -1, io.SeekStart, 0}, {3, 11, io.SeekStart, 10}, {0, math.MaxInt64, io.SeekStart, 10}, {0, math.MinInt64, io.SeekStart, 0},
		{3, 2, io.SeekCurrent, 5}, {3, -2, io.SeekCurrent, 1}, {3, -9, io.SeekCurrent, 0}, {3, 9, io.SeekCurrent, 10}, {3, math.MaxInt64, io.SeekCurrent, 10}, {3, math.MinInt64, io.SeekCurrent, 0},
		{3, 0, io.SeekEnd, 10}, {3, 2, io.SeekEnd, 8}, {3, 10, io.SeekEnd, 0}, {3, 99, io.SeekEnd, 0}, {3, -2, io.SeekEnd, 10}, {3, math.MaxInt64, io.SeekEnd, 0}, {3, math.MinInt64, io.SeekEnd, 10},
	} {
		file, err := testFs(t).Open("main.lua")
		if err != nil {
			t.Fatal(err)
		}
		file.Seek(c.from, io.SeekStart)
		got, err := file.Seek(c.off, c.whence)
		if err != nil || got != c.want {
			t.Errorf("at %d: seek %d, %d = %d, %v, want %d", c.from, c.off, c.whence, got, err, c.want)
		}
		rest, err := io.ReadAll(file)
		if err != nil || string(rest) != "0123456789"[c.want:] {
			t.Errorf("at %d: seek %d, %d: read %q, %v", c.from, c.off, c.whence, rest, err)
		}
	}
	file, _ := testFs(t).Open("main.lua")
	if _, err := file.Seek(0, 3); err == nil {
		t.Error("seek with whence 3: no error")
	}
}

// The image is memory-mapped: scripts read what the flash holds.
func TestFsReadsTheFlash(t *testing.T) {
	d, err := flash.New(flash.NOR(65536))
	if err != nil {
		t.Fatal(err)
	}
	d.Burn(4096, mustBuild(t, []File{{"main.lua", []byte("0123456789")}}, Options{}))
	r, err := d.Region("script", 4096, 32768)
	if err != nil {
		t.Fatal(err)
	}
	img, err := FromRegion(r)
	if err != nil {
		t.Fatal(err)
	}
	file, err := img.Fs().Open("main.lua")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Erase(4096, 4096); err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 3)
	if _, err := io.ReadFull(file, p); err != nil || string(p) != "\xFF\xFF\xFF" {
		t.Errorf("after an erase: % X, %v", p, err)
	}
	d.Power().Cut()
	if _, err := file.Read(p); !errors.Is(err, flash.ErrPowerLost) {
		t.Errorf("without power: %v", err)
	}
}
