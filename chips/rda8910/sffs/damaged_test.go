package sffs

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"airlift/flash"
	"airlift/flash/explain"
)

// TestHoles works with files whose heads name blocks that are not there: they
// cannot be read, and are whole again when they were replaced.
func TestHoles(t *testing.T) {
	blocks := mustMount(t, newFlash(t)).dims.blocks
	for _, tt := range []struct{ holes, hole, more int }{{1, noBlock, 0}, {1, blocks, 0}, {2, blocks, 0}, {2, noBlock, -1}, {2, noBlock, 1000}} {
		d := newFlash(t)
		f := mustMount(t, d)
		if err := f.WriteAll("/x", content8(1, 1600)); err != nil {
			t.Fatal(err)
		}
		at, err := f.find("/x")
		if err != nil {
			t.Fatal(err)
		}
		for i := range tt.holes {
			le.PutUint16(at.head[nodeHead+2*i:], uint16(tt.hole))
		}
		if err := f.cache.putNow(at.num, at.head); err != nil {
			t.Fatal(err)
		}
		f = mustMount(t, d)
		var damage *explain.FormatError
		if _, err := f.ReadFile("/x"); !errors.As(err, &damage) {
			t.Errorf("%+v: read: %v", tt, err)
		}
		want := content8(2, 1600+tt.more)
		if err := f.WriteSafe("/x", want); err != nil {
			t.Fatalf("%+v: written: %v", tt, err)
		}
		if got, err := f.ReadFile("/x"); err != nil || string(got) != string(want) {
			t.Errorf("%+v: mended: %v", tt, err)
		}
		if got, err := mustMount(t, d).ReadFile("/x"); err != nil || string(got) != string(want) {
			t.Errorf("%+v: mended and mounted: %v", tt, err)
		}
	}
}

// TestCrossed writes to a file whose data are the head of another one.
func TestCrossed(t *testing.T) {
	d := newFlash(t)
	f := mustMount(t, d)
	if err := errors.Join(f.WriteAll("/b", content8(1, 10)), f.WriteAll("/a", content8(1, 1000))); err != nil {
		t.Fatal(err)
	}
	a, err := f.find("/a")
	if err != nil {
		t.Fatal(err)
	}
	b, err := f.Open("/b")
	if err != nil {
		t.Fatal(err)
	}
	root, err := f.children(rootBlock)
	if err != nil {
		t.Fatal(err)
	}
	le.PutUint16(a.head[nodeHead:], uint16(root[0]))
	if err := f.cache.putNow(a.num, a.head); err != nil {
		t.Fatal(err)
	}
	w, err := f.OpenFile("/a", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(bytes.Repeat([]byte{0xEE}, 500)); err != nil {
		t.Fatal(err)
	}
	var damage *explain.FormatError
	for _, off := range []int64{0, 1000, 1 << 20, 0xEEEEEEE0} {
		if _, err := b.ReadAt(make([]byte, 10), off); !errors.As(err, &damage) {
			t.Errorf("at %d: %v", off, err)
		}
	}
}

// TestReplaceSame replaces files by others of the same length, of which any
// number of blocks differ.
func TestReplaceSame(t *testing.T) {
	for _, size := range []int{0, 300, 2500} {
		for changes := range 1 << ((size + 499) / 500) {
			d := prepared(t)
			f := mustMount(t, d)
			data := content8(1, size)
			if err := f.WriteAll("/x", data); err != nil {
				t.Fatal(err)
			}
			for i := range size {
				if changes>>(i/500)&1 != 0 {
					data[i] ^= 0x55
				}
			}
			if err := f.WriteSafe("/x", data); err != nil {
				t.Fatal(err)
			}
			for what, f := range map[string]*FS{"at once": f, "mounted again": mustMount(t, d)} {
				if got, err := f.ReadFile("/x"); err != nil || !bytes.Equal(got, data) {
					t.Errorf("%d bytes, changes %b, %s: other contents, %v", size, changes, what, err)
				}
				if got, err := f.ReadFile("/other/keep"); err != nil || !bytes.Equal(got, content8(2, 1200)) {
					t.Errorf("%d bytes, changes %b, %s: /other/keep: %v", size, changes, what, err)
				}
			}
		}
	}
}

// TestJudge says what places hold, by their heads and tails.
func TestJudge(t *testing.T) {
	d, err := newDevice(region(t, newFlash(t)), smallConfig.Geometry)
	if err != nil {
		t.Fatal(err)
	}
	good := make([]byte, d.g.Place)
	le.PutUint32(good, 3<<8|uint32(d.geom))
	le.PutUint32(good[len(good)-4:], placeCRC(good))
	head := func(v uint32) []byte {
		p := bytes.Clone(good)
		le.PutUint32(p, v)
		le.PutUint32(p[len(p)-4:], placeCRC(p))
		return p
	}
	tail := func(crc uint32) []byte {
		p := bytes.Clone(good)
		le.PutUint32(p[len(p)-4:], crc)
		return p
	}
	geom := uint32(d.geom)
	for name, tt := range map[string]struct {
		p           []byte
		first, rest placeState
	}{
		"good":              {good, placeValid, placeValid},
		"struck out":        {tail(0), placeDeleted, placeDeleted},
		"no CRC":            {tail(0xFFFFFFFF), placeDeleted, placeDeleted},
		"wrong CRC":         {tail(1), placeDeleted, placeDeleted},
		"zero head":         {head(0), blockNew, placeDeleted},
		"other geometry":    {head(3<<8 | geom ^ 0xFF), blockUnknown, placeDeleted},
		"less of it":        {head(3 << 8), placeDeleted, placeDeleted},
		"most erases":       {head(maxErases<<8 | geom), placeValid, placeValid},
		"too many erases":   {head((maxErases+1)<<8 | geom), blockUnknown, placeDeleted},
		"erased":            {erasedBlock(int(d.g.Place)), blockUnknown, placeDeleted},
		"only head erased":  {head(0xFFFFFFFF), blockUnknown, placeDeleted},
		"geometry and more": {head(3<<8 | 0xFF), blockUnknown, placeDeleted},
	} {
		if first, rest := d.judge(tt.p, true), d.judge(tt.p, false); first != tt.first || rest != tt.rest {
			t.Errorf("%s: %d as the first of its erase block, %d elsewhere; want %d, %d", name, first, rest, tt.first, tt.rest)
		}
	}
}

// TestBlockBehindTheLast mounts a place that says it holds a block that the
// device has not.
func TestBlockBehindTheLast(t *testing.T) {
	for _, more := range []int{0, 1, 1000} {
		d := prepared(t)
		r := region(t, d)
		f := mustMount(t, d)
		before := snapshot(t, f)
		spare := f.dev.nextEB * f.dev.perEB
		p := make([]byte, f.cfg.Place)
		le.PutUint32(p, 1<<8|uint32(f.dev.geom))
		le.PutUint16(p[len(p)-6:], uint16(f.dims.blocks+more))
		le.PutUint32(p[len(p)-4:], placeCRC(p))
		if err := d.Burn(r.Off()+int64(spare)*f.cfg.Place, p); err != nil {
			t.Fatal(err)
		}
		if got := snapshot(t, mustMount(t, d)); !same(got, before) {
			t.Errorf("%d behind: %s", more, show(got))
		}
	}
}

// TestOddNames leaves out what no path can name.
func TestOddNames(t *testing.T) {
	for _, name := range []string{"", ".", "..", "a/b", "/"} {
		d := prepared(t)
		f := mustMount(t, d)
		at, err := f.find("/other/keep")
		if err != nil {
			t.Fatal(err)
		}
		clear(at.head[nodeName:nodeSize])
		copy(at.head[nodeName:], name)
		if err := f.cache.putNow(at.num, at.head); err != nil {
			t.Fatal(err)
		}
		f = mustMount(t, d)
		info, err := f.list(at.parent)
		if err != nil || len(info) != 1 || info[0].Name() != "src" {
			t.Errorf("%q: %v, %v", name, info, err)
		}
		if err := f.RemoveAll("/other"); !errors.Is(err, ErrNotEmpty) {
			t.Errorf("%q: the folder around it: %v", name, err)
		}
	}
}

// deaf is a chip that takes no programming any more.
type deaf struct{}

func (deaf) Before(op *flash.Op) flash.Fate {
	if op.Kind == flash.OpProgram {
		return flash.Fate{Kind: flash.FateIgnore}
	}
	return flash.Fate{}
}

func (deaf) After(*flash.Op) {}

// TestDeaf: the block device reads back what it wrote, and panics.
func TestDeaf(t *testing.T) {
	d := newFlash(t)
	f := mustMount(t, d)
	d.Power().SetTap(deaf{})
	err := f.WriteSafe("/x", content8(1, 1600))
	var panics *PanicError
	if !errors.As(err, &panics) || !strings.Contains(panics.Why, "reads back differently") {
		t.Errorf("%v", err)
	}
}

// TestDamageHasPlace: what a mount stumbles over is said to be on the file
// system's part of the flash.
func TestDamageHasPlace(t *testing.T) {
	d := newFlash(t)
	f := mustMount(t, d)
	if err := f.WriteAll("/x", content8(1, 1600)); err != nil {
		t.Fatal(err)
	}
	at, err := f.find("/x")
	if err != nil {
		t.Fatal(err)
	}
	le.PutUint32(at.head[nodeSize:], 0xFFFFFFF0)
	if err := f.cache.putNow(at.num, at.head); err != nil {
		t.Fatal(err)
	}
	r := region(t, d)
	_, err = Mount(r, smallConfig)
	var damage *explain.FormatError
	if !errors.As(err, &damage) || r.Off() == 0 || damage.Off != r.Off() {
		t.Errorf("%v, expected offset 0x%X", err, r.Off())
	}
}
