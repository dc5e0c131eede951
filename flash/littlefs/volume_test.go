package littlefs

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"airlift/flash/explain"
	"github.com/spf13/afero"
)

// TestGoldenFormat checks the bytes of a fresh volume of the LuatOS geometry
// against SPEC.md, worked out by hand and confirmed with the original.
func TestGoldenFormat(t *testing.T) {
	// Tags: XORed with the one before, the first with 0xFFFFFFFF.
	superblockName := mktag(0x0FF, 0, 8)  // 0x0FF00008
	superblockBody := mktag(0x201, 0, 24) // 0x20100018
	fcrc := mktag(0x5FF, 0x3FF, 8)        // 0x5FFFFC08
	for _, tc := range []struct {
		version uint32
		want    string
	}{
		// The padding of the CRC tag ends at the first page: its size is 256
		// bytes less what is in front of the CRC.
		{DiskVersion21, "" +
			"01000000" + // revision 1
			"f00ffff7" + "6c6974746c656673" + // ~0x0FF00008, "littlefs"
			"2fe00010" + "01000200" + "00100000" + "0a000000" + "3f000000" + "ffffff7f" + "fe030000" + // 0x20100018
			"7feffc10" + "00010000" + "de575701" + // 0x5FFFFC08: CRC of 256 bytes 0xFF is 0x015757DE
			"0ff000cc" + "6e0e1e39"}, // 0x500FFCC4: next tag has its valid bit clear
		{DiskVersion20, "" +
			"01000000" +
			"f00ffff7" + "6c6974746c656673" +
			"2fe00010" + "00000200" + "00100000" + "0a000000" + "3f000000" + "ffffff7f" + "fe030000"},
	} {
		c := LuatOS(40 << 10)
		c.DiskVersion = tc.version
		r := newRegion(t, 10)
		if err := Format(r, c); err != nil {
			t.Fatal(err)
		}
		want, err := hex.DecodeString(tc.want)
		if err != nil {
			t.Fatal(err)
		}
		block := make([]byte, 4096)
		for n := range 2 {
			r.ReadAt(block, int64(n)*4096)
			head := bytes.Clone(want)
			head[0] = byte(1 + n) // block 1 is written second
			cmp := len(head)
			if n == 1 {
				cmp = min(cmp, 52) // the CRC differs
			}
			if !bytes.Equal(block[:cmp], head[:cmp]) {
				t.Errorf("version %x block %d:\n% X, expected\n% X", tc.version, n, block[:cmp], head[:cmp])
			}
			if !isErased(block[72:]) {
				t.Errorf("version %x block %d: padding or rest is not erased", tc.version, n)
			}
		}
		if string(block[8:16]) != magic {
			t.Errorf("no magic at 8")
		}
	}
	for name, tags := range map[string][2]tag{
		"superblock name": {superblockName, 0x0FF00008}, "superblock": {superblockBody, 0x20100018}, "fcrc": {fcrc, 0x5FFFFC08},
		"create 3": {mktag(typeCreate, 3, 0), 0x40100C00}, "delete 1": {mktag(typeDelete, 1, 0), 0x4FF00400},
		"soft tail": {mktag(typeSoftTail, noID, 8), 0x600FFC08}, "move state": {mktag(typeMoveState, noID, 12), 0x7FFFFC0C},
	} {
		if tags[0] != tags[1] {
			t.Errorf("%s: tag 0x%08X, expected 0x%08X", name, uint32(tags[0]), uint32(tags[1]))
		}
	}
	if got := crc(crcInit, []byte("123456789")); got != 0x340BC6D9 { // JAMCRC
		t.Errorf("crc 0x%08X", got)
	}
}

// TestSkipIndex checks the arithmetic of skip lists against the sum it solves.
func TestSkipIndex(t *testing.T) {
	fs := newVolume(t, tiny())
	pos := uint32(0)
	for index := uint32(0); index < 300; index++ {
		pointers := uint32(0)
		if index > 0 {
			for pointers = 1; index%(1<<pointers) == 0; pointers++ {
			}
		}
		for _, off := range []uint32{4 * pointers, 4*pointers + 1, 4095} {
			i, o := fs.skipIndex(pos + off - 4*pointers)
			if i != index || o != off {
				t.Fatalf("byte %d is at %d+%d, expected %d+%d", pos+off-4*pointers, i, o, index, off)
			}
		}
		pos += 4096 - 4*pointers
	}
}

func TestNameOrder(t *testing.T) {
	fs := newVolume(t, tiny())
	for _, n := range []string{"b", "a", "ab", "B", "abc", "ac", "\xff", " "} {
		if err := afero.WriteFile(fs, n, nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	names, err := fs.list("")
	// A name in front of those it is the start of: behind them.
	want := []string{" ", "B", "abc", "ab", "ac", "a", "b", "\xff"}
	if err != nil || !slices.Equal(names, want) {
		t.Fatalf("%q, expected %q (%v)", names, want, err)
	}
}

func TestErrors(t *testing.T) {
	fs := newVolume(t, tiny())
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(fs.Mkdir("d", 0))
	must(afero.WriteFile(fs, "d/f", []byte("x"), 0))
	open := func(name string, flag int) error {
		f, err := fs.OpenFile(name, flag, 0)
		if err == nil {
			f.Close()
		}
		return err
	}
	for _, tc := range []struct {
		name string
		err  error
		want error
		code int
	}{
		{"open missing", open("x", os.O_RDONLY), os.ErrNotExist, -2},
		{"open below missing", open("x/y", os.O_RDWR|os.O_CREATE), ErrNotExist, -2},
		{"open below file", open("d/f/y", os.O_RDWR|os.O_CREATE), ErrNotDir, -20},
		{"exclusive", open("d/f", os.O_RDWR|os.O_CREATE|os.O_EXCL), os.ErrExist, -17},
		{"write directory", open("d", os.O_RDWR), ErrIsDir, -21},
		{"mkdir again", fs.Mkdir("d", 0), os.ErrExist, -17},
		{"mkdir root", fs.Mkdir("/", 0), ErrExist, -17},
		{"remove full", fs.Remove("d"), ErrNotEmpty, -39},
		{"remove root", fs.Remove("/"), ErrInvalid, -22},
		{"remove missing", fs.Remove("q"), ErrNotExist, -2},
		{"long name", fs.Mkdir(strings.Repeat("n", 64), 0), ErrNameTooLong, -36},
		{"longest name", fs.Mkdir(strings.Repeat("n", 63), 0), nil, 0},
		{"rename into itself", fs.Rename("d", "d/e"), ErrInvalid, -22},
		{"rename file to directory", fs.Rename("d/f", "d"), ErrIsDir, -21},
		{"attribute", func() error { _, err := fs.GetAttr("d/f", 1); return err }(), ErrNoAttr, -61},
		{"long attribute", fs.SetAttr("d/f", 1, make([]byte, 1023)), ErrNoSpace, -28},
		{"chmod", fs.Chmod("d/f", 0), errors.ErrUnsupported, -5},
		{"dots", open("/d/../d/./f", os.O_RDONLY), nil, 0},
	} {
		if tc.want == nil && tc.err != nil || tc.want != nil && !errors.Is(tc.err, tc.want) {
			t.Errorf("%s: %v, expected %v", tc.name, tc.err, tc.want)
		}
		if got := Code(tc.err); got != tc.code {
			t.Errorf("%s: code %d, expected %d", tc.name, got, tc.code)
		}
		var pe *os.PathError
		var le *os.LinkError
		if tc.err != nil && !errors.As(tc.err, &pe) && !errors.As(tc.err, &le) {
			t.Errorf("%s: %T is no path error", tc.name, tc.err)
		}
	}
}

func TestMountRefuses(t *testing.T) {
	r := newRegion(t, 10)
	_, err := Mount(r, tiny())
	if !errors.Is(err, ErrCorrupt) || Code(err) != -84 {
		t.Errorf("blank: %v", err)
	}
	if err := Format(r, tiny()); err != nil {
		t.Fatal(err)
	}
	change := func(f func(c *Config)) error {
		c := tiny()
		f(&c)
		_, err := Mount(r, c)
		return err
	}
	for _, tc := range []struct {
		name string
		err  error
		want error
	}{
		{"same", change(func(c *Config) {}), nil},
		{"any block count", change(func(c *Config) { c.BlockCount = 0 }), nil},
		{"longer names", change(func(c *Config) { c.NameMax = 255 }), nil},
		{"old driver", change(func(c *Config) { c.DiskVersion = DiskVersion20 }), ErrVersion},
		{"block count", change(func(c *Config) { c.BlockCount = 9 }), ErrInvalid},
		{"block size", change(func(c *Config) { c.BlockSize, c.BlockCount = 8192, 5 }), ErrInvalid},
		{"shorter names", change(func(c *Config) { c.NameMax = 20 }), ErrInvalid},
		{"no cycles", change(func(c *Config) { c.BlockCycles = 0 }), ErrInvalid},
		{"too many blocks", change(func(c *Config) { c.BlockCount = 11 }), ErrInvalid},
	} {
		if tc.want == nil && tc.err != nil || tc.want != nil && !errors.Is(tc.err, tc.want) {
			t.Errorf("%s: %v, expected %v", tc.name, tc.err, tc.want)
		}
	}
	var fe *explain.FormatError
	if err := change(func(c *Config) { c.BlockCount = 9 }); !errors.As(err, &fe) || fe.Want != "9" || fe.Got != "10" {
		t.Errorf("no format error in %v", err)
	}
}

// TestUpgrade mounts a volume of disk version 2.0 with a 2.1 driver: reading
// leaves it alone, the first write makes it 2.1.
func TestUpgrade(t *testing.T) {
	c := tiny()
	c.DiskVersion = DiskVersion20
	fs := newVolume(t, c)
	if err := afero.WriteFile(fs, "a", []byte("old"), 0); err != nil {
		t.Fatal(err)
	}
	before := fs.region.Device().Hash()
	fs = mounted(t, fs.region, tiny())
	if b, err := afero.ReadFile(fs, "a"); err != nil || string(b) != "old" || fs.region.Device().Hash() != before {
		t.Fatal("reading changed the volume or failed", err)
	}
	if err := afero.WriteFile(fs, "b", []byte("new"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Mount(fs.region, c); !errors.Is(err, ErrVersion) {
		t.Fatalf("the old driver still mounts it: %v", err)
	}
	fs = mounted(t, fs.region, tiny())
	if s, err := readState(fs); err != nil || oneOf(s, []state{{"F/a": "old", "F/b": "new"}}) != nil {
		t.Fatal(s, err)
	}
}

// TestDirectoryWhileChanging reads a directory in small steps while entries
// come and go: those that stay are seen once.
func TestDirectoryWhileChanging(t *testing.T) {
	c := LuatOS(256 << 10)
	c.BlockCycles = 2
	fs := newVolume(t, c)
	var stay []string
	for i := range 60 {
		n := fmt.Sprintf("stay-%02d-%s", i, strings.Repeat("x", 40))
		stay = append(stay, n)
		if err := afero.WriteFile(fs, n, pattern(i, 100), 0); err != nil {
			t.Fatal(err)
		}
	}
	for round := range 10 {
		d, err := fs.Open("/")
		if err != nil {
			t.Fatal(err)
		}
		var seen []string
		for i := 0; ; i++ {
			names, err := d.Readdirnames(3)
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range names {
				if strings.HasPrefix(n, "stay") {
					seen = append(seen, n)
				}
			}
			n := fmt.Sprintf("%s-%d", []string{"a", "stay-30-a", "zz"}[i%3], (i+round)%9)
			if err := afero.WriteFile(fs, strings.Replace(n, "stay", "go", 1), pattern(i, 200), 0); err != nil {
				t.Fatal(err)
			}
			if i%4 == 3 {
				if err := fs.Remove(strings.Replace(n, "stay", "go", 1)); err != nil {
					t.Fatal(err)
				}
			}
		}
		d.Close()
		if !slices.Equal(seen, stay) {
			t.Fatalf("round %d: saw %d names, expected %d", round, len(seen), len(stay))
		}
	}
}

// TestRenameOnFullVolume fails a rename for want of space. The original then
// leaves the move pending in memory, and the next commit to succeed deletes
// the file.
func TestRenameOnFullVolume(t *testing.T) {
	failed := 0
	for fill := 1; fill < 40; fill++ {
		fs := newVolume(t, tiny())
		want := state{}
		dirs := []string{"/d", "/e"}
		for _, d := range dirs {
			if err := fs.Mkdir(d, 0); err != nil {
				t.Fatal(err)
			}
			want[dirKey(d)] = ""
		}
		for i, d := range dirs {
			for k := 0; k < fill; k++ {
				p := fmt.Sprintf("%s/%d", d, k)
				if err := afero.WriteFile(fs, p, pattern(k+i, 250), 0); err == nil {
					want[fileKey(p)] = string(pattern(k+i, 250))
				} else if _, err := fs.Stat(p); err == nil {
					want[fileKey(p)] = ""
				}
			}
		}
		for k := range 12 {
			from, to := fmt.Sprintf("/d/%d", k), fmt.Sprintf("/e/%s", strings.Repeat("n", 50+k))
			if _, ok := want[fileKey(from)]; !ok {
				break
			}
			if err := fs.Rename(from, to); err == nil {
				want = want.moved(from, to)
			} else if errors.Is(err, ErrNoSpace) {
				failed++
			} else {
				t.Fatal(err)
			}
			if err := fs.SetAttr("/d", 1, []byte{byte(k)}); err == nil {
				want[attrKey("/d", 1)] = string([]byte{byte(k)})
			}
			fs = mounted(t, fs.region, fs.cfg)
			got, err := readState(fs)
			if err == nil {
				err = oneOf(got, []state{want})
			}
			if err != nil {
				t.Fatalf("fill %d, rename %d: %v", fill, k, err)
			}
			if problems := fs.Check(); len(problems) > 0 {
				t.Fatal(problems)
			}
		}
	}
	if failed == 0 {
		t.Error("no rename failed: the test shows nothing")
	}
}

func TestInspect(t *testing.T) {
	fs := newVolume(t, tiny())
	if err := fs.MkdirAll("d/e", 0); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{"a", "d/big"} {
		if err := afero.WriteFile(fs, n, pattern(1, len(n)*2000), 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := fs.SetAttr("a", 0x74, []byte("t")); err != nil {
		t.Fatal(err)
	}
	f, err := Inspect(fs.region)
	if err != nil || f.Worst() != explain.OK {
		t.Fatal(err, f)
	}
	var names []string
	var list func(f *explain.Field)
	list = func(f *explain.Field) {
		names = append(names, f.Name+"="+f.Value+": "+f.Meaning)
		if f.Off < 0 || f.Off+f.Len > fs.region.Size() {
			t.Errorf("%s at 0x%X+0x%X", f.Name, f.Off, f.Len)
		}
		for i := range f.Fields {
			list(&f.Fields[i])
		}
	}
	list(f)
	all := strings.Join(names, "\n")
	for _, want := range []string{"version=2.1", "block count=10", "SUPERBLOCK=0x0FF00008", `file "a"`, "DIRSTRUCT", "CTZSTRUCT", "FCRC", "USERATTR", "/d/big=10000 bytes", "revision count=2"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in\n%s", want, all)
		}
	}
	image := fs.region.Device().Bytes()
	if !Probe(image[:8192]) || Probe(image[8192:16384]) || Probe(image[:16]) || Probe(nil) {
		t.Error("probe")
	}
	for i := range image[:4096] {
		image[i] = 0
	}
	if !Probe(image[:8192]) {
		t.Error("the second block alone is a volume too")
	}
	if _, err := Inspect(newRegion(t, 10)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("blank: %v", err)
	}
	c, err := Detect(fs.region)
	if err != nil || c.BlockCount != 10 || c.BlockSize != 4096 {
		t.Errorf("detect: %+v %v", c, err)
	}
	// Everything in use is in somebody's hands.
	u, err := fs.Usage()
	if err != nil || u.Blocks != 10 || u.Used < 6 || u.Used > 10 {
		t.Errorf("usage: %+v %v", u, err)
	}
}

func TestCheckFinds(t *testing.T) {
	fs := newVolume(t, tiny())
	for _, n := range []string{"a", "b"} {
		if err := afero.WriteFile(fs, n, pattern(1, 5000), 0); err != nil {
			t.Fatal(err)
		}
	}
	root, err := fs.fetch(fs.root)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := root.find(kindStruct, 2)
	for _, tc := range []struct {
		name   string
		change record
	}{
		{"two files with one list", record{mktag(typeCTZ, 1, 8), b.data}},
		{"pointer out of range", record{mktag(typeCTZ, 1, 8), skipList{99, 5000}.encode()}},
		{"longer than the volume", record{mktag(typeCTZ, 1, 8), skipList{5, 1 << 30}.encode()}},
		{"unknown structure", record{mktag(0x2F0, 1, 0), nil}},
		{"name out of order", record{mktag(typeReg, 1, 1), []byte("c")}},
		{"unlisted directory", record{mktag(typeDirStruct, 1, 8), pair{4, 5}.encode()}},
		{"tail to nowhere", record{mktag(typeSoftTail, noID, 8), pair{8, 9}.encode()}},
		{"tail in a circle", record{mktag(typeSoftTail, noID, 8), rootPair.encode()}},
		{"directory in a circle", record{mktag(typeHardTail, noID, 8), rootPair.encode()}},
	} {
		r := regionOf(t, fs.region.Device().Fork())
		g := mounted(t, r, fs.cfg)
		if err := g.commit(&cursor{m: root}, tc.change); err != nil {
			t.Fatal(tc.name, err)
		}
		if problems := g.Check(); len(problems) == 0 {
			t.Errorf("%s: not found", tc.name)
		}
		if _, err := Mount(r, fs.cfg); strings.HasSuffix(tc.name, "circle") && !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: mounts: %v", tc.name, err)
		}
	}
	if problems := fs.Check(); len(problems) > 0 {
		t.Error(problems)
	}
}

// TestAttrsWithContents commits attributes together with a file.
func TestAttrsWithContents(t *testing.T) {
	fs := newVolume(t, tiny())
	f, err := fs.OpenFileAttrs("a", os.O_RDWR|os.O_CREATE, Attr{'t', []byte{1, 2, 3}})
	if err != nil {
		t.Fatal(err)
	}
	f.Write([]byte("text"))
	if _, err := fs.GetAttr("a", 't'); !errors.Is(err, ErrNoAttr) {
		t.Errorf("before close: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if v, err := fs.GetAttr("a", 't'); err != nil || !bytes.Equal(v, []byte{1, 2, 3}) {
		t.Errorf("%v %v", v, err)
	}
}
