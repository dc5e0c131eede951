package flash_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"testing"

	"github.com/spf13/afero"
	"pgregory.net/rapid"

	"airlift/flash"
	"airlift/flash/flashtest"
)

func region(t testing.TB, d *flash.Device, off, size int64) *flash.Region {
	t.Helper()
	r, err := d.Region("part", off, size)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What a write costs is part of what it is: the operations are those of a
// flash driver.
func TestRegionFileOperations(t *testing.T) {
	for _, c := range []struct {
		name string
		old  string // repeated over the chip
		off  int64
		data []byte
		want string
	}{
		{"nothing", "\xFF", 0, nil, "[]"},
		{"the same bytes", "\x55", 10, []byte("\x55\x55"), "[]"},
		{"onto erased", "\xFF", 10, []byte("ab"), "[program+0x00100A+0x2]"},
		{"clears bits", "\x77", 10, []byte("\x70\x07"), "[program+0x00100A+0x2]"},
		{"across pages", "\xFF", 255, []byte("ab"), "[program+0x0010FF+0x1 program+0x001100+0x1]"},
		{"changed pages only", "\xFF", 0, append(bytes.Repeat([]byte{0xFF}, 256), make([]byte, 257)...), "[program+0x001100+0x100 program+0x001200+0x1]"},
		{"across sectors", "\xFF", 4095, []byte("ab"), "[program+0x001FFF+0x1 program+0x002000+0x1]"},
		{"sets a bit", "\x00", 4096, []byte{1}, "erase+0x002000+0x1000 and 16 pages"},
		{"one sector of two needs an erase", "", 4095, []byte{0x0F, 0xF0}, "mixed"},
	} {
		d := newChip(t, 16384)
		if c.old != "" {
			d.Burn(0, bytes.Repeat([]byte(c.old), 16384))
		} else {
			d.Burn(8192, make([]byte, 4096))
		}
		rec := new(flashtest.Recorder)
		d.Power().SetTap(rec)
		before := d.Bytes()
		f := region(t, d, 4096, 12288).File()
		if n, err := f.WriteAt(c.data, c.off); err != nil || n != len(c.data) {
			t.Errorf("%s: %d, %v", c.name, n, err)
		}
		var got []string
		for _, op := range rec.Ops {
			got = append(got, fmt.Sprintf("%s+0x%06X+0x%X", op.Kind, op.Off, op.Len))
		}
		switch c.want {
		case "erase+0x002000+0x1000 and 16 pages":
			if len(got) != 17 || got[0] != "erase+0x002000+0x1000" || got[1] != "program+0x002000+0x100" || got[16] != "program+0x002F00+0x100" {
				t.Errorf("%s: %v", c.name, got)
			}
		case "mixed":
			if len(got) != 18 || got[0] != "program+0x001FFF+0x1" || got[1] != "erase+0x002000+0x1000" {
				t.Errorf("%s: %v", c.name, got)
			}
		default:
			if fmt.Sprint(got) != c.want {
				t.Errorf("%s: %v, want %s", c.name, got, c.want)
			}
		}
		copy(before[4096+c.off:], c.data)
		if !bytes.Equal(d.Bytes(), before) {
			t.Errorf("%s: wrong contents", c.name)
		}
	}
}

// A file on a region must behave as one in memory that cannot grow.
func TestRegionFileAgainstModel(t *testing.T) {
	const size = 3 * 64
	rapid.Check(t, func(t *rapid.T) {
		d, err := flash.New(flash.Geometry{Size: 5 * 64, SectorSize: 64, PageSize: 8, Erased: 0xFF})
		if err != nil {
			t.Fatal(err)
		}
		r, err := d.Region("part", 64, size)
		if err != nil {
			t.Fatal(err)
		}
		f, cells, pos := r.File(), bytes.Repeat([]byte{0xFF}, size), int64(0)
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			off := rapid.Int64Range(-2, size+2).Draw(t, "off")
			p := rapid.SliceOfN(rapid.Byte(), 0, size).Draw(t, "p")
			switch rapid.IntRange(0, 4).Draw(t, "op") {
			case 0:
				n, err := f.WriteAt(p, off)
				if fits := off >= 0 && off+int64(len(p)) <= size; fits != (err == nil) || err != nil && n != 0 {
					t.Fatalf("WriteAt(%d bytes, %d) = %d, %v", len(p), off, n, err)
				} else if fits {
					copy(cells[off:], p)
				} else if off >= 0 && !errors.Is(err, flash.ErrFixedSize) {
					t.Fatalf("WriteAt: %v", err)
				}
			case 1:
				n, err := f.Write(p)
				if fits := pos+int64(len(p)) <= size; fits != (err == nil) {
					t.Fatalf("Write(%d bytes) at %d = %d, %v", len(p), pos, n, err)
				} else if fits {
					pos += int64(copy(cells[pos:], p))
				}
			case 2:
				n, err := f.Read(p)
				want := []byte{}
				if pos < size {
					want = cells[pos:min(size, pos+int64(len(p)))]
				}
				if !bytes.Equal(p[:n], want) || (err == io.EOF) != (len(p) > 0 && len(want) == 0) {
					t.Fatalf("Read at %d: %d, %v", pos, n, err)
				}
				pos += int64(n)
			case 3:
				n, err := f.ReadAt(p, off)
				if off < 0 {
					if err == nil {
						t.Fatal("ReadAt before the start")
					}
					continue
				}
				want := []byte{}
				if off < size {
					want = cells[off:min(size, off+int64(len(p)))]
				}
				if !bytes.Equal(p[:n], want) || (err == io.EOF) != (n < len(p)) {
					t.Fatalf("ReadAt %d: %d, %v", off, n, err)
				}
			case 4:
				whence := rapid.IntRange(0, 2).Draw(t, "whence")
				want := off + []int64{0, pos, size}[whence]
				got, err := f.Seek(off, whence)
				if (err == nil) != (want >= 0) || err == nil && got != want {
					t.Fatalf("Seek(%d, %d) = %d, %v", off, whence, got, err)
				}
				if err == nil {
					pos = want
				}
			}
		}
		if got := d.Bytes(); !bytes.Equal(got[64:64+size], cells) || !bytes.Equal(got[:64], bytes.Repeat([]byte{0xFF}, 64)) {
			t.Fatal("wrong contents")
		}
	})
}

func TestRegionFileRefuses(t *testing.T) {
	d := newChip(t, 8192)
	f := d.File()
	if info, err := f.Stat(); err != nil || info.Size() != 8192 || info.Name() != "flash" || info.IsDir() || !info.ModTime().IsZero() {
		t.Errorf("Stat: %v, %v", info, err)
	}
	if err := f.Truncate(100); !errors.Is(err, flash.ErrFixedSize) {
		t.Errorf("Truncate: %v", err)
	}
	if err := f.Truncate(8192); err != nil {
		t.Errorf("Truncate to the size it has: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"Read":    second(f.Read(make([]byte, 1))),
		"ReadAt":  second(f.ReadAt(make([]byte, 1), 0)),
		"Write":   second(f.Write([]byte{0})),
		"WriteAt": second(f.WriteAt([]byte{0}, 0)),
		"Close":   f.Close(),
		"Sync":    f.Sync(),
	} {
		if !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s of a closed file: %v", name, err)
		}
	}
	if d.Power().Ops() != 0 {
		t.Error("a refused call changed the flash")
	}
}

// Every cut of a write that needs an erase ends it at once.
func TestRegionFilePowerLoss(t *testing.T) {
	d := newChip(t, 4*4096)
	d.Burn(0, filled(4*4096))
	start := d.Snapshot().Device()
	work := func(d *flash.Device) error {
		_, err := region(t, d, 4096, 3*4096).File().WriteAt(bytes.Repeat([]byte{0xA5}, 5000), 100)
		return err
	}
	ops, err := flashtest.Ops(start.Fork(), work)
	if err != nil || ops != 34 {
		t.Fatalf("%d operations, %v", ops, err)
	}
	outside := start.Bytes()
	for cut := range flashtest.Sweep(ops, 1) {
		left := flashtest.Interrupt(t, start, cut, work).Bytes()
		if !bytes.Equal(left[:4096], outside[:4096]) || !bytes.Equal(left[12288:], outside[12288:]) {
			t.Fatalf("%v: sectors that were not written changed", cut)
		}
		if cut.How == flashtest.Before && cut.Op == 0 && !bytes.Equal(left, outside) {
			t.Fatalf("%v: something changed", cut)
		}
	}
	d.Power().Cut()
	f := d.File()
	for name, err := range map[string]error{
		"read":        second(f.Read(make([]byte, 1))),
		"write":       second(f.Write([]byte{0})),
		"write after": second(f.WriteAt([]byte{0}, 1<<40)),
	} {
		if !errors.Is(err, flash.ErrPowerLost) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFs(t *testing.T) {
	d := newChip(t, 64*1024)
	table := flash.Table{
		{Name: "script", Off: 32768, Size: 16384},
		{Name: "boot", Off: 0, Size: 8192},
		{Name: "Flags", Off: 61440, Size: 4096},
	}
	fsys, err := flash.NewFs(d, table)
	if err != nil {
		t.Fatal(err)
	}
	folder, err := fsys.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	names, err := folder.Readdirnames(-1)
	if fmt.Sprint(names, err) != "[boot script Flags] <nil>" {
		t.Errorf("list: %v, %v", names, err)
	}
	for _, name := range []string{"script", "/script"} {
		if info, err := fsys.Stat(name); err != nil || info.Size() != 16384 || info.IsDir() {
			t.Errorf("Stat(%q): %v, %v", name, info, err)
		}
	}
	f, err := fsys.OpenFile("script", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("print(1)"); err != nil {
		t.Error(err)
	}
	if got := string(d.Bytes()[32768:][:8]); got != "print(1)" {
		t.Errorf("on the flash: %q", got)
	}
	if p, err := afero.ReadFile(fsys, "script"); err != nil || len(p) != 16384 || string(p[:8]) != "print(1)" {
		t.Errorf("ReadFile: %d bytes, %v", len(p), err)
	}
	ro, _ := fsys.Open("boot")
	if _, err := ro.Write([]byte{0}); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("write to a file open for reading: %v", err)
	}
	open := func(name string, flag int) error { _, err := fsys.OpenFile(name, flag, 0); return err }
	for name, c := range map[string]struct{ err, want error }{
		"missing":          {open("nope", os.O_RDWR), fs.ErrNotExist},
		"folder in it":     {open("script/x", os.O_RDWR), fs.ErrNotExist},
		"new":              {open("nope", os.O_RDWR|os.O_CREATE), flash.ErrFixedTable},
		"truncate":         {open("boot", os.O_RDWR|os.O_TRUNC), flash.ErrFixedSize},
		"create":           {second2(fsys.Create("boot")), flash.ErrFixedSize},
		"exclusive":        {open("boot", os.O_RDWR|os.O_CREATE|os.O_EXCL), fs.ErrExist},
		"create existing":  {open("boot", os.O_RDWR|os.O_CREATE), nil},
		"remove":           {fsys.Remove("boot"), flash.ErrFixedTable},
		"rename":           {fsys.Rename("boot", "b"), flash.ErrFixedTable},
		"mkdir":            {fsys.Mkdir("x", 0), flash.ErrFixedTable},
		"stat of nothing":  {second3(fsys.Stat("nope")), fs.ErrNotExist},
		"folder for write": {open("/", os.O_RDWR), errAny},
	} {
		if c.want == errAny && c.err == nil || c.want != errAny && !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", name, c.err, c.want)
		}
	}
	for _, bad := range []flash.Table{
		{{Name: "a", Size: 100}},
		{{Name: "a/b", Size: 4096}},
		{{Name: "..", Size: 4096}},
	} {
		if _, err := flash.NewFs(d, bad); err == nil {
			t.Errorf("NewFs takes %+v", bad)
		}
	}
}

var errAny = errors.New("any error")

func second2(_ afero.File, err error) error  { return err }
func second3(_ fs.FileInfo, err error) error { return err }
