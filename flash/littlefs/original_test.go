package littlefs

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"path"
	"sort"
	"strconv"
	"strings"
	"testing"

	"airlift/flash"
	"github.com/spf13/afero"
)

// The original implementation as a child process. LFS_C names a program that
// the user builds from the littlefs C sources (with LFS_MULTIVERSION, and
// LFS_NO_ASSERT since full volumes trip an assertion) and a main function of
// about 100 lines. It keeps one image in memory, reads commands from stdin, a line
// each, and answers each with one line: the littlefs result as a decimal
// number unless said otherwise.
//
//	geom BLOCKSIZE COUNT PROG CACHE LOOKAHEAD CYCLES NAMEMAX DISKVERSION(hex)
//	blank | load FILE | save FILE | format | mount | unmount
//	mkdir P | remove P | rename A B | setattr P TYPE HEX | rmattr P TYPE
//	open H P FLAGS(hex, LFS_O_...) | write H HEX | seek H OFF | trunc H SIZE | sync H | close H
//	read H N      answers "count crc", crc over the bytes read
//	tree          answers "D path" and "F path size crc [ aTYPE=crc/len]" lines, then "."
//	hash          answers the CRC (as SPEC.md, init 0xffffffff) of the whole image
//	ops           answers the number of operations so far; an operation is a page program or a block erase
//	cut N K ARG   cuts at the N-th operation from now: K is b(efore), a(fter), f(ront ARG bytes), k (back ARG bytes), r(andom bits)
//	fail N        lets the N-th operation from now fail with LFS_ERR_CORRUPT
//	power         switches power on again and forgets cut and fail
//	size          answers lfs_fs_size
type original struct {
	t   *testing.T
	in  io.WriteCloser
	out *bufio.Reader
}

// startOriginal starts LFS_C for the volume c, or skips the test.
func startOriginal(t *testing.T, c Config) *original {
	t.Helper()
	tool := os.Getenv("LFS_C")
	if tool == "" {
		t.Skip("LFS_C is not set: NOT compared with the littlefs C implementation (see original_test.go for the tool it wants)")
	}
	cmd := exec.Command(tool)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	o := &original{t, in, bufio.NewReader(out)}
	c = c.withDefaults()
	o.ok("geom %d %d %d %d %d %d %d %x", c.BlockSize, c.BlockCount, c.ProgSize, c.CacheSize, c.LookaheadSize, c.BlockCycles, c.NameMax, c.DiskVersion)
	return o
}

func (o *original) ask(format string, args ...any) string {
	o.t.Helper()
	if _, err := fmt.Fprintf(o.in, format+"\n", args...); err != nil {
		o.t.Fatal(err)
	}
	line, err := o.out.ReadString('\n')
	if err != nil {
		o.t.Fatalf("original died on %q: %v", fmt.Sprintf(format, args...), err)
	}
	return strings.TrimSpace(line)
}

func (o *original) code(format string, args ...any) int {
	o.t.Helper()
	n, err := strconv.Atoi(o.ask(format, args...))
	if err != nil {
		o.t.Fatal(err)
	}
	return n
}

func (o *original) ok(format string, args ...any) {
	o.t.Helper()
	if n := o.code(format, args...); n < 0 {
		o.t.Fatalf("original: %s: %d", fmt.Sprintf(format, args...), n)
	}
}

func (o *original) tree() []string {
	lines := []string{o.ask("tree")}
	for lines[len(lines)-1] != "." {
		line, err := o.out.ReadString('\n')
		if err != nil {
			o.t.Fatal(err)
		}
		lines = append(lines, strings.TrimSpace(line))
	}
	return lines[:len(lines)-1]
}

// treeOf is what the original's tree command prints, from ours.
func treeOf(fs *FS, dir string) (lines []string) {
	d, err := fs.Open(dir)
	if err != nil {
		return []string{fmt.Sprintf("E %s %d", dir, Code(err))}
	}
	defer d.Close()
	list, err := d.Readdir(-1)
	if err != nil {
		return []string{fmt.Sprintf("E %s %d", dir, Code(err))}
	}
	for _, i := range list {
		p := path.Join(dir, i.Name())
		if i.IsDir() {
			lines = append(append(lines, "D "+p), treeOf(fs, p)...)
			continue
		}
		data, err := afero.ReadFile(fs, p)
		if err != nil {
			lines = append(lines, fmt.Sprintf("E %s %d", p, Code(err)))
			continue
		}
		line := fmt.Sprintf("F %s %d %08x", p, len(data), crc(crcInit, data))
		attrs, _ := fs.Attrs(p)
		sort.Slice(attrs, func(i, j int) bool { return attrs[i].Type < attrs[j].Type })
		for _, a := range attrs {
			line += fmt.Sprintf(" a%d=%08x/%d", a.Type, crc(crcInit, a.Data), len(a.Data))
		}
		lines = append(lines, line)
	}
	return lines
}

// twins drives both implementations through the same operations.
type twins struct {
	t     *testing.T
	o     *original
	r     *flash.Region
	c     Config
	fs    *FS
	files [8]afero.File
	log   []string
	// apart is set when the two have taken different ways for a known reason;
	// then only contents are compared.
	apart  bool
	hidden int // how often the original hid an entry: see compareTrees
}

func newTwins(t *testing.T, c Config) *twins {
	tw := &twins{t: t, o: startOriginal(t, c), c: c}
	size := int64(c.BlockSize) * int64(c.BlockCount)
	d, err := flash.New(flash.NOR(size))
	if err != nil {
		t.Fatal(err)
	}
	if tw.r, err = d.Region("fs", 0, size); err != nil {
		t.Fatal(err)
	}
	return tw
}

// start begins a new story on blank flash.
func (tw *twins) start() {
	size := tw.r.Size()
	d, _ := flash.New(flash.NOR(size))
	tw.r, _ = d.Region("fs", 0, size)
	tw.o.ok("blank")
	tw.log = nil
	tw.apart = false
	tw.both("format", func() error { return Format(tw.r, tw.c) })
	tw.mount()
}

func (tw *twins) mount() {
	tw.files = [8]afero.File{}
	tw.both("mount", func() (err error) { tw.fs, err = Mount(tw.r, tw.c); return err })
}

func (tw *twins) fatalf(format string, args ...any) {
	tw.t.Helper()
	n := max(0, len(tw.log)-60)
	tw.t.Fatalf("%s\n%s", fmt.Sprintf(format, args...), strings.Join(tw.log[n:], "\n"))
}

// both runs one command on both and compares results and images.
func (tw *twins) both(cmd string, ours func() error) (code int) {
	tw.t.Helper()
	tw.log = append(tw.log, cmd)
	if len(cmd) > 100 {
		tw.log[len(tw.log)-1] = cmd[:100] + "..."
	}
	theirs := tw.o.code("%s", cmd)
	err := ours()
	code = Code(err)
	tw.log[len(tw.log)-1] += fmt.Sprintf(" = %d", code)
	if min(theirs, 0) != code && !(theirs == -36 && code == -28) {
		tw.fatalf("original %d, ours %d (%v)", theirs, code, err)
	}
	tw.compareImages()
	return code
}

func (tw *twins) image() []byte {
	b := make([]byte, tw.r.Size())
	tw.r.Device().Power().Restore()
	tw.r.ReadAt(b, 0)
	return b
}

func (tw *twins) compareImages() {
	tw.t.Helper()
	if tw.apart {
		return
	}
	lost := tw.r.Device().Power().Lost()
	b := tw.image()
	if lost {
		tw.r.Device().Power().Cut()
	}
	if theirs := tw.o.ask("hash"); theirs != fmt.Sprintf("%08x", crc(crcInit, b)) {
		dir := tw.t.TempDir()
		tw.o.ok("save %s/c.img", dir)
		c, _ := os.ReadFile(dir + "/c.img")
		for i := range c {
			if c[i] != b[i] {
				tw.fatalf("images differ first at block %d offset 0x%X: original % X, ours % X", i/4096, i%4096, c[i:min(i+16, len(c))], b[i:min(i+16, len(b))])
			}
		}
	}
}

// compareTrees compares names and contents. One difference is known: while a
// rename between two pairs is half done, the original does not show the entry
// that follows the one on the move, until the first write repairs it.
func (tw *twins) compareTrees() {
	tw.t.Helper()
	theirs, ours := tw.o.tree(), treeOf(tw.fs, "/")
	if tw.fs.global.disk.moving() && len(theirs) < len(ours) {
		at := 0
		for at < len(theirs) && theirs[at] == ours[at] {
			at++
		}
		hidden := strings.Fields(ours[at])[1]
		n := at
		for n < len(ours) && (strings.Fields(ours[n])[1] == hidden || strings.HasPrefix(strings.Fields(ours[n])[1], hidden+"/")) {
			n++
		}
		ours = append(ours[:at:at], ours[n:]...)
		tw.hidden++
	}
	if a, b := strings.Join(theirs, "\n"), strings.Join(ours, "\n"); a != b {
		tw.fatalf("trees differ; original:\n%s\nours:\n%s", a, b)
	}
}

var lfsFlags = map[int]int{
	os.O_RDONLY:                             1,
	os.O_RDWR:                               3,
	os.O_RDWR | os.O_CREATE:                 0x103,
	os.O_WRONLY | os.O_CREATE | os.O_TRUNC:  0x502,
	os.O_WRONLY | os.O_CREATE | os.O_APPEND: 0x902,
	os.O_RDWR | os.O_CREATE | os.O_EXCL:     0x303,
	os.O_RDWR | os.O_CREATE | os.O_TRUNC:    0x503,
}

// step does one random thing. paths is how many names there are per level.
func (tw *twins) step(rng *rand.Rand, names, big int) {
	tw.t.Helper()
	name := func() string {
		p := fmt.Sprintf("/n%d%s", rng.Intn(names), strings.Repeat("x", rng.Intn(2)*rng.Intn(40)))
		switch rng.Intn(4) {
		case 0:
			p = "/d" + strconv.Itoa(rng.Intn(3)) + p
		case 1:
			p = "/d" + strconv.Itoa(rng.Intn(3)) + "/e" + p
		}
		return p
	}
	bytesOf := func() []byte {
		n := rng.Intn(60)
		switch rng.Intn(6) {
		case 0:
			n = rng.Intn(600)
		case 1:
			n = rng.Intn(big)
		}
		p := make([]byte, n)
		rng.Read(p)
		return p
	}
	h := rng.Intn(len(tw.files))
	f := tw.files[h]
	switch k := rng.Intn(20); {
	case k < 2:
		p := []string{"/d0", "/d1", "/d2", "/d0/e", "/d1/e", "/d2/e", name()}[rng.Intn(7)]
		tw.both("mkdir "+p, func() error { return tw.fs.Mkdir(p, 0) })
	case k < 4:
		p := name()
		if rng.Intn(3) == 0 {
			p = []string{"/d0", "/d1", "/d2", "/d0/e", "/d1/e", "/d2/e"}[rng.Intn(6)]
		}
		tw.both("remove "+p, func() error { return tw.fs.Remove(p) })
	case k < 6:
		a, b := name(), name()
		if rng.Intn(4) == 0 {
			a, b = "/d"+strconv.Itoa(rng.Intn(3))+"/e", "/d"+strconv.Itoa(rng.Intn(3))+"/e"
		}
		tw.both("rename "+a+" "+b, func() error { return tw.fs.Rename(a, b) })
	case k < 8 && (tw.fs.global.disk.moving() || tw.fs.global.orphans > 0):
		// The original changes attributes without repairing first, we do not.
	case k < 7:
		p, d := name(), make([]byte, rng.Intn(30))
		typ := rng.Intn(4)
		tw.both(fmt.Sprintf("setattr %s %d %s", p, typ, hex.EncodeToString(d)), func() error { return tw.fs.SetAttr(p, byte(typ), d) })
	case k < 8:
		p, typ := name(), rng.Intn(4)
		tw.both(fmt.Sprintf("rmattr %s %d", p, typ), func() error { return tw.fs.RemoveAttr(p, byte(typ)) })
	case k < 11:
		if f != nil {
			tw.files[h] = nil
			tw.both(fmt.Sprintf("close %d", h), func() error {
				failed := isFailed(f)
				err := f.Close()
				if failed {
					return nil // the original says nothing
				}
				return err
			})
			return
		}
		p := name()
		flags := []int{os.O_RDONLY, os.O_RDWR, os.O_RDWR | os.O_CREATE, os.O_WRONLY | os.O_CREATE | os.O_TRUNC,
			os.O_WRONLY | os.O_CREATE | os.O_APPEND, os.O_RDWR | os.O_CREATE | os.O_EXCL, os.O_RDWR | os.O_CREATE | os.O_TRUNC}
		flag := flags[rng.Intn(len(flags))]
		tw.both(fmt.Sprintf("open %d %s %x", h, p, lfsFlags[flag]), func() (err error) {
			g, err := tw.fs.OpenFile(p, flag, 0)
			if d, ok := g.(*Dir); ok { // the original opens directories with another call
				d.Close()
				return ErrIsDir
			}
			if err == nil {
				tw.files[h] = g
			}
			return err
		})
	default:
		file, ok := f.(*File)
		if !ok || file.removed {
			return
		}
		tw.useFile(rng, h, file, bytesOf)
	}
}

func (tw *twins) useFile(rng *rand.Rand, h int, f *File, bytesOf func() []byte) {
	tw.t.Helper()
	switch k := rng.Intn(10); {
	case k < 5 && f.canWrite:
		p := bytesOf()
		tw.both(fmt.Sprintf("write %d %s-", h, hex.EncodeToString(p)), func() error { _, err := f.Write(p); return err })
	case k < 6:
		off := rng.Int63n(int64(f.length()) + 20)
		tw.both(fmt.Sprintf("seek %d %d", h, off), func() error { _, err := f.Seek(off, io.SeekStart); return err })
	case k < 7 && f.canWrite:
		size := rng.Int63n(int64(f.length())*5/4 + 20)
		tw.both(fmt.Sprintf("trunc %d %d", h, size), func() error { return f.Truncate(size) })
	case k < 8:
		tw.both(fmt.Sprintf("sync %d", h), func() error {
			if f.failed != nil {
				return nil // the original says nothing
			}
			return f.Sync()
		})
	case f.canRead:
		p := make([]byte, rng.Intn(700))
		theirs := tw.o.ask("read %d %d", h, len(p))
		n, err := f.Read(p)
		if errors.Is(err, flash.ErrPowerLost) && theirs == "-5" {
			return
		}
		if err != nil && err != io.EOF {
			tw.fatalf("read: %v, original %s", err, theirs)
		}
		if ours := fmt.Sprintf("%d %08x", n, crc(crcInit, p[:n])); ours != theirs {
			tw.fatalf("read %d: original %s, ours %s", h, theirs, ours)
		}
		tw.compareImages()
	}
}
