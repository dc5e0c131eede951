package sffs

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"sort"
	"strings"
	"testing"
	"time"

	"airlift/flash"
	"airlift/flash/flashtest"
)

// smallConfig is a file system of 95 blocks, so that tests meet its limits.
var smallConfig = Config{Geometry: Geometry{EraseBlock: 0x2000, Place: 0x200}, Reserve: 4}

// tinyConfig has blocks so small that files of 20 KB have tables.
var tinyConfig = Config{Geometry: Geometry{EraseBlock: 0x2000, Place: 0x100}, Reserve: 4}

const smallSize = 7 * 0x2000

func region(t testing.TB, d *flash.Device) *flash.Region {
	t.Helper()
	r, err := d.Region("fs", 0x4000, smallSize)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func newFlash(t testing.TB) *flash.Device {
	t.Helper()
	d, err := flash.New(flash.NOR(1 << 20))
	if err != nil {
		t.Fatal(err)
	}
	if err := Format(region(t, d), smallConfig); err != nil {
		t.Fatal(err)
	}
	return d
}

func mustMount(t testing.TB, d *flash.Device) *FS {
	t.Helper()
	f, err := Mount(region(t, d), smallConfig)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// withTables is a file system with tinyConfig that holds two files with tables
// and a folder.
func withTables(t testing.TB) *flash.Device {
	t.Helper()
	d, err := flash.New(flash.NOR(1 << 20))
	if err != nil {
		t.Fatal(err)
	}
	if err := Format(region(t, d), tinyConfig); err != nil {
		t.Fatal(err)
	}
	f, err := Mount(region(t, d), tinyConfig)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.WriteAll("/a", content8(1, 18100)), f.Mkdir("/d", 0), f.WriteAll("/d/b", content8(2, 20000))); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestGeometryByte(t *testing.T) { // 8910.md 8.1
	for _, v := range []struct {
		start, size, eb, pb int64
		want                byte
	}{{0x560000, 0x280000, 0x10000, 0x200, 0xE5}, {0, 0x280000, 0x10000, 0x200, 0x32}, {0x300000, 0x40000, 0x8000, 0x200, 0x93}} {
		if got := (Geometry{v.eb, v.pb}).geometryByte(v.start, v.size); got != v.want {
			t.Errorf("0x%X+0x%X: 0x%02X, want 0x%02X", v.start, v.size, got, v.want)
		}
	}
}

// snapshot returns all files of a tree; folders end in a slash.
func snapshot(t testing.TB, f *FS) map[string]string {
	t.Helper()
	all := map[string]string{}
	var walk func(dir string)
	walk = func(dir string) {
		d, err := f.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		list, err := d.Readdir(-1)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			name := path.Join(dir, e.Name())
			if e.IsDir() {
				all[name+"/"] = ""
				walk(name)
				continue
			}
			b, err := f.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all[name] = string(b)
		}
	}
	walk("/")
	return all
}

func show(m map[string]string) string {
	var list []string
	for name, b := range m {
		list = append(list, fmt.Sprintf("%s (%d)", name, len(b)))
	}
	sort.Strings(list)
	return strings.Join(list, " ")
}

func same(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if w, ok := b[k]; !ok || v != w {
			return false
		}
	}
	return true
}

// checkUse compares the free count with what a mount finds.
func checkUse(t testing.TB, f *FS) {
	t.Helper()
	g := mustMount(t, f.dev.r.(*flash.Region).Device().Fork())
	if g.left != f.left {
		t.Fatalf("%d blocks are free, a mount finds %d", f.left, g.left)
	}
}

func content8(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func must(r *flash.Region, err error) *flash.Region {
	if err != nil {
		panic(err)
	}
	return r
}

// TestBigFile writes and cuts a file that needs tables.
func TestBigFile(t *testing.T) {
	cfg := Config{Geometry: Geometry{EraseBlock: 0x8000, Place: 0x200}, Reserve: 128}
	d, err := flash.New(flash.NOR(4 << 20))
	if err != nil {
		t.Fatal(err)
	}
	r := must(d.Region("fs", 0, 0x260000))
	if err := Format(r, cfg); err != nil {
		t.Fatal(err)
	}
	f, err := Mount(r, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if f.dims.blocks != 4799 || f.dims.small != 101000 {
		t.Errorf("%+v", f.dims)
	}
	want := content8(9, 700001)
	file, err := f.Create("/big")
	if err != nil {
		t.Fatal(err)
	}
	for p := want; len(p) > 0; p = p[min(len(p), 1460):] {
		if _, err := file.Write(p[:min(len(p), 1460)]); err != nil {
			t.Fatal(err)
		}
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{700001, 250000, 101001, 101000, 100000, 405, 404, 0} {
		file, err := f.OpenFile("/big", os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := file.Truncate(int64(size)); err != nil {
			t.Fatal(err)
		}
		file.Close()
		if f, err = Mount(r, cfg); err != nil {
			t.Fatal(err)
		}
		if b, err := f.ReadFile("/big"); err != nil || !bytes.Equal(b, want[:size]) {
			t.Fatalf("size %d: %d bytes, %v", size, len(b), err)
		}
	}
	for _, write := range []func(string, []byte) error{f.WriteAll, f.WriteSafe} {
		if err := write("/big", want); err != nil {
			t.Fatal(err)
		}
		if b, err := f.ReadFile("/big"); err != nil || !bytes.Equal(b, want) {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
	}
}

// prepared is a file system with some files.
func prepared(t testing.TB) *flash.Device {
	d := newFlash(t)
	f := mustMount(t, d)
	for _, dir := range []string{"/fota", "/other"} {
		if err := f.Mkdir(dir, 0); err != nil {
			t.Fatal(err)
		}
	}
	for i, name := range []string{"/fota/fota.stage", "/fota/small", "/other/keep", "/other/src"} {
		if err := f.WriteAll(name, content8(uint64(i), []int{8, 3000, 1200, 700}[i])); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// TestCuts cuts the power in every operation of changes that are safe: what a
// mount then finds is what was there before or after.
func TestCuts(t *testing.T) {
	changed := content8(1, 3000)
	changed[10]++
	changed[2600]++
	for name, work := range map[string]func(*FS) error{
		"stage":            func(f *FS) error { return f.WriteSafe("/fota/fota.stage", content8(50, 8)) },
		"stage again":      func(f *FS) error { return f.WriteSafe("/fota/new.stage", content8(50, 8)) },
		"safe, one block":  func(f *FS) error { return f.WriteSafe("/fota/small", append(content8(1, 2999), 1)) },
		"safe, two blocks": func(f *FS) error { return f.WriteSafe("/fota/small", changed) },
		"safe, longer":     func(f *FS) error { return f.WriteSafe("/fota/small", content8(3, 9000)) },
		"safe, tiny":       func(f *FS) error { return f.WriteSafe("/fota/small", content8(3, 90)) },
		"new file":         func(f *FS) error { return f.WriteAll("/fota/new", content8(3, 9000)) },
		"remove":           func(f *FS) error { return f.Remove("/other/src") },
		"mkdir":            func(f *FS) error { return f.Mkdir("/other/dir", 0) },
		"rename":           func(f *FS) error { return f.Rename("/other/src", "/fota/dst") },
		"rename in place":  func(f *FS) error { return f.Rename("/other/src", "/other/dst") },
		"rename over":      func(f *FS) error { return f.Rename("/other/src", "/fota/small") },
		"rename folder":    func(f *FS) error { return f.Rename("/other", "/fota/sub") },
	} {
		t.Run(name, func(t *testing.T) {
			d := prepared(t)
			before := snapshot(t, mustMount(t, d))
			start := d
			run := func(d *flash.Device) error {
				f, err := Mount(must(d.Region("fs", 0x4000, smallSize)), smallConfig)
				if err != nil {
					return err
				}
				return work(f)
			}
			after := start.Fork()
			if err := run(after); err != nil {
				t.Fatal(err)
			}
			want := snapshot(t, mustMount(t, after))
			ops, err := flashtest.Ops(start.Fork(), run)
			if err != nil {
				t.Fatal(err)
			}
			for cut := range flashtest.Sweep(ops, 7) {
				left := flashtest.Interrupt(t, start, cut, run)
				f := mustMount(t, left)
				if got := snapshot(t, f); !same(got, before) && !same(got, want) {
					t.Fatalf("%v: %s\nbefore %s\nafter %s", cut, show(got), show(before), show(want))
				}
				checkUse(t, f)
			}
		})
	}
}

// TestCutsUnsafe cuts the power in writes that are not safe: other files keep
// what they have, and the file system mounts.
func TestCutsUnsafe(t *testing.T) {
	d := prepared(t)
	f := mustMount(t, d)
	for i := range 30 { // so that places must be reclaimed
		if err := f.WriteAll("/filler", content8(uint64(i), 12000)); err != nil {
			t.Fatal(err)
		}
	}
	before := snapshot(t, mustMount(t, d))
	start := d
	run := func(d *flash.Device) error {
		f, err := Mount(must(d.Region("fs", 0x4000, smallSize)), smallConfig)
		if err != nil {
			return err
		}
		if err := f.WriteAll("/filler", content8(99, 14000)); err != nil {
			return err
		}
		file, err := f.OpenFile("/filler", os.O_RDWR|os.O_TRUNC, 0)
		if err != nil {
			return err
		}
		if _, err := file.Write(content8(98, 9000)); err != nil {
			return err
		}
		return file.Close()
	}
	ops, err := flashtest.Ops(start.Fork(), run)
	if err != nil {
		t.Fatal(err)
	}
	count := 400
	if flashtest.Full() {
		count = 1 << 30
	}
	for cut := range flashtest.Sample(flashtest.Sweep(ops, 8), count, 8) {
		left := flashtest.Interrupt(t, start, cut, run)
		f := mustMount(t, left)
		checkUse(t, f)
		got := snapshotBut(t, f, "/filler")
		for name, want := range before {
			if name != "/filler" && got[name] != want {
				t.Fatalf("%v: %s changed", cut, name)
			}
		}
		if err := f.WriteAll("/filler", content8(97, 5000)); err != nil {
			t.Fatalf("%v: %v", cut, err)
		}
	}
}

// snapshotBut is snapshot without a file that may be damaged.
func snapshotBut(t testing.TB, f *FS, name string) map[string]string {
	if err := f.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return snapshot(t, f)
}

func TestReadOnlyWritesNothing(t *testing.T) {
	d := prepared(t)
	cfg := smallConfig
	cfg.ReadOnly = true
	sum := d.Hash()
	f, err := Mount(region(t, d), cfg)
	if err != nil {
		t.Fatal(err)
	}
	_, create := f.Create("/x")
	for name, err := range map[string]error{
		"create": create, "write": f.WriteAll("/fota/small", nil), "safe": f.WriteSafe("/fota/small", nil),
		"remove": f.Remove("/fota/small"), "mkdir": f.Mkdir("/x", 0), "rename": f.Rename("/fota/small", "/x"),
	} {
		if !errors.Is(err, ErrLook) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if b, err := f.ReadFile("/fota/small"); err != nil || !bytes.Equal(b, content8(1, 3000)) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if d.Hash() != sum {
		t.Error("the flash has changed")
	}
}

func TestErrors(t *testing.T) {
	d := prepared(t)
	f := mustMount(t, d)
	long := "/" + strings.Repeat("n", 64)
	for _, v := range []struct {
		what string
		err  error
		want error
	}{
		{"name of 64 bytes", f.WriteAll(long, nil), ErrNameTooLong},
		{"name of 63 bytes", f.WriteAll(long[:64], nil), nil},
		{"write to a folder", f.WriteAll("/fota", nil), ErrIsFolder},
		{"file as folder", f.WriteAll("/fota/small/x", nil), ErrNotFolder},
		{"too big", f.WriteAll("/x", make([]byte, 60000)), ErrNoSpace},
		{"remove a full folder", f.Remove("/fota"), ErrNotEmpty},
		{"remove the root", f.Remove("/"), fs.ErrPermission},
		{"rename into itself", f.Rename("/fota", "/fota/x"), fs.ErrInvalid},
		{"rename file over folder", f.Rename("/fota/small", "/other"), ErrIsFolder},
		{"rename folder over file", f.Rename("/other", "/fota/small"), ErrNotFolder},
		{"rename over a full folder", f.Rename("/other", "/fota"), ErrNotEmpty},
		{"mkdir twice", f.Mkdir("/fota", 0), fs.ErrExist},
		{"no times", f.Chtimes("/fota", time.Time{}, time.Time{}), errors.ErrUnsupported},
	} {
		if !errors.Is(v.err, v.want) {
			t.Errorf("%s: %v, want %v", v.what, v.err, v.want)
		}
	}
	if err := f.MkdirAll("/p/q/r", 0); err != nil {
		t.Error(err)
	}
	if err := f.RemoveAll("/"); err != nil || len(snapshot(t, f)) != 0 {
		t.Errorf("%v: %s", err, show(snapshot(t, f)))
	}
	empty, err := flash.New(flash.NOR(1 << 20))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Mount(region(t, empty), smallConfig); err == nil || !strings.Contains(err.Error(), "tag of the root") {
		t.Errorf("erased flash: %v", err)
	}
}

// TestFull fills folders and the file system.
func TestFull(t *testing.T) {
	f := mustMount(t, newFlash(t))
	count := 0
	for {
		err := f.WriteAll(fmt.Sprintf("/f%d", count), []byte{1})
		if errors.Is(err, ErrNoSpace) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		count++
	}
	if want := f.dims.blocks - 1 - smallConfig.Reserve; count != want {
		t.Errorf("%d files, want %d", count, want)
	}
	if err := f.WriteSafe("/stage", []byte("12345678")); err != nil {
		t.Errorf("no new safe file out of the reserve: %v", err)
	}
	if err := f.WriteSafe("/f0", make([]byte, 900)); err != nil {
		t.Errorf("the reserve is not there for safe writes: %v", err)
	}
	checkUse(t, f)
}

// TestShortTinyWrite writes more than there is room for to a file that lives
// in its head: what is written must be said, with the error.
func TestShortTinyWrite(t *testing.T) {
	f := mustMount(t, newFlash(t))
	if err := f.WriteAll("/a", []byte{1}); err != nil {
		t.Fatal(err)
	}
	big, err := f.Create("/b")
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = big.Write(make([]byte, 0x200))
	}
	if !errors.Is(err, ErrNoSpace) {
		t.Fatal(err)
	}
	small, err := f.OpenFile("/a", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := small.WriteAt(make([]byte, 405), 0); n >= 405 || !errors.Is(err, ErrNoSpace) {
		t.Errorf("%d bytes written, %v", n, err)
	}
}

// TestGeometryByteIsMark: the CRC's 0 and 0xFF would be the mark of nothing, so
// there are other bytes for them (8910.md 1.7).
func TestGeometryByteIsMark(t *testing.T) {
	g := Geometry{EraseBlock: 0x8000, Place: 0x200}
	seen := map[byte]bool{}
	for start := int64(0); start < 0x1000*0x1000; start += 0x1000 {
		crc := byte(0xFF)
		for _, word := range []uint32{0x20000, uint32(start), 0x260000, 0x8000, 0x200} {
			for bit := range 32 { // the CRC bit by bit
				feedback := crc&1 != byte(word>>bit&1)
				if crc >>= 1; feedback {
					crc ^= 0xE0
				}
			}
		}
		want := crc
		switch crc {
		case 0:
			want = 1
		case 0xFF:
			want = 0x7F
		}
		seen[crc] = true
		if got := g.geometryByte(start, 0x260000); got != want {
			t.Fatalf("0x%X: 0x%02X, expected 0x%02X for the CRC 0x%02X", start, got, want, crc)
		}
	}
	if !seen[0] || !seen[0xFF] {
		t.Error("neither special CRC came up")
	}
}

// TestPlaceCRCIsMark does the same for the CRC of a place (8910.md 1.7): 0 is
// that of one that was struck out, all ones that of an erased one.
func TestPlaceCRCIsMark(t *testing.T) {
	for crc, want := range map[uint32]uint32{0: 1, 0xFFFFFFFF: 0x80000000, 1: 1, 0x12345678: 0x12345678} {
		p := content8(7, 512)
		forge(p[:508], crc)
		if got := crc32.ChecksumIEEE(p[:508]); got != crc {
			t.Fatalf("forged 0x%08X, expected 0x%08X", got, crc)
		}
		if got := placeCRC(p); got != want {
			t.Errorf("0x%08X: 0x%08X, expected 0x%08X", crc, got, want)
		}
	}
}

// forge changes the last four bytes of p so that its CRC-32 is the one given: the
// table is gone through backwards, by the top bytes of its entries.
func forge(p []byte, crc uint32) {
	state := ^crc
	for range 4 {
		for i, e := range crc32.IEEETable {
			if e>>24 == state>>24 {
				state = (state^e)<<8 | uint32(i)
				break
			}
		}
	}
	le.PutUint32(p[len(p)-4:], state^^crc32.ChecksumIEEE(p[:len(p)-4]))
}
