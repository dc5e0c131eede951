package littlefs

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"airlift/flash"
	"github.com/spf13/afero"
)

// fuzzBlocks is the size of the volumes that FuzzMount tries.
const fuzzBlocks = 8

// seeds returns small volumes in several states.
func seeds(t testing.TB) [][]byte {
	var images [][]byte
	for _, version := range []uint32{DiskVersion20, DiskVersion21} {
		c := fuzzConfig()
		c.DiskVersion = version
		r := newRegion(t, fuzzBlocks)
		if err := Format(r, c); err != nil {
			t.Fatal(err)
		}
		images = append(images, r.Device().Bytes())
		fs := mounted(t, r, c)
		for _, a := range []act{put("/a", pattern(1, 100)), put("/big", pattern(2, 5000)), mkdir("/d"), setAttr("/a", 1, "x"), rename("/a", "/d/a"), drop("/big"), put("/b", nil)} {
			if err := a.run(fs); err != nil {
				t.Fatal(err)
			}
			images = append(images, r.Device().Bytes())
		}
	}
	return images
}

func fuzzConfig() Config { return LuatOS(fuzzBlocks * 4096) }

// trim cuts the erased end off, to keep the corpus small.
func trim(image []byte) []byte { return bytes.TrimRight(image, "\xFF") }

// FuzzMount mounts arbitrary bytes and uses what there is: it may fail, but it
// may not panic, hang or take a power loss for granted. The patches are
// applied to the image with the CRCs of the blocks put right, so that the
// fuzzer gets behind them.
func FuzzMount(f *testing.F) {
	for _, image := range seeds(f) {
		f.Add(trim(image), uint16(0x10), byte(0), uint16(0x20), byte(0))
		f.Add(trim(image), uint16(0x1004), byte(0x40), uint16(0x1106), byte(1))
	}
	f.Fuzz(func(t *testing.T, image []byte, at1 uint16, v1 byte, at2 uint16, v2 byte) {
		d, err := flash.New(flash.NOR(fuzzBlocks * 4096))
		if err != nil {
			t.Fatal(err)
		}
		full := d.Bytes()
		copy(full, image)
		for _, p := range []struct {
			at uint16
			v  byte
		}{{at1, v1}, {at2, v2}} {
			full[int(p.at)%len(full)] ^= p.v
		}
		for b := range fuzzBlocks {
			fixCRC(full[b*4096:][:4096])
		}
		if err := d.Burn(0, full); err != nil {
			t.Fatal(err)
		}
		use(t, regionOf(t, d))
	})
}

// fixCRC makes all commits of a block count that only have a wrong CRC.
func fixCRC(block []byte) {
	for range 64 {
		at, sum := brokenCRC(block)
		if at == 0 {
			return
		}
		for i := range 4 {
			block[at+i] = byte(sum >> (8 * i))
		}
	}
}

// brokenCRC returns where the first wrong CRC of a log is and what it should
// be; 0 if there is none.
func brokenCRC(block []byte) (at int, sum uint32) {
	off, from, prev := uint32(4), uint32(0), tag(blankTag)
	for off+8 <= uint32(len(block)) {
		t := tag(uint32(block[off])<<24|uint32(block[off+1])<<16|uint32(block[off+2])<<8|uint32(block[off+3])) ^ prev
		if !t.valid() || off+t.span() > uint32(len(block)) {
			return 0, 0
		}
		prev = t
		if t.isCRC() {
			sum := crc(crcInit, block[from:off+4])
			if have := uint32(block[off+4]) | uint32(block[off+5])<<8 | uint32(block[off+6])<<16 | uint32(block[off+7])<<24; have != sum {
				return int(off + 4), sum
			}
			prev ^= tag(t.typ()&1) << 31
			from = off + t.span()
		}
		off += t.span()
	}
	return 0, 0
}

// use does a bit of everything with a volume that may be broken.
func use(t *testing.T, r *flash.Region) {
	Inspect(r)
	fs, err := Mount(r, fuzzConfig())
	if err != nil {
		return
	}
	fs.Check()
	fs.Usage()
	var first string
	fs.Walk(func(e Entry) error {
		if first == "" && !e.Info.IsDir() {
			first = e.Path
		}
		if f, err := fs.Open(e.Path); err == nil {
			io.Copy(io.Discard, io.LimitReader(f, 1<<16))
			f.Close()
		}
		return nil
	})
	fs.list("/")
	afero.WriteFile(fs, "/new", pattern(1, 700), 0)
	fs.Mkdir("/newdir", 0)
	fs.Rename("/new", "/newdir/x")
	if first != "" {
		fs.SetAttr(first, 9, []byte("attr"))
		if f, err := fs.OpenFile(first, 2, 0); err == nil {
			f.Truncate(300)
			f.Write(pattern(2, 300))
			f.Close()
		}
		fs.Rename(first, "/zz")
		fs.Remove("/zz")
	}
	for i := range 6 {
		afero.WriteFile(fs, fmt.Sprint("/n", i), pattern(i, 200), 0)
	}
	fs.RemoveAll("/newdir")
}

// TestMutatedVolumes is the fuzz test's little brother: seeded damage.
func TestMutatedVolumes(t *testing.T) {
	images := seeds(t)
	for i := range scaled(2000, 200000) {
		p := pattern(i, 64)
		image := bytes.Clone(images[int(p[0])%len(images)])
		for k := range 1 + int(p[1])%3 {
			at := int(p[4*k+2])%8*4096 + int(p[4*k+3])*int(1+p[4*k+4]%4)
			image[at%len(image)] ^= 1 << (p[4*k+5] % 8)
		}
		if p[2]%2 == 0 {
			for b := range fuzzBlocks {
				fixCRC(image[b*4096:][:4096])
			}
		}
		d, err := flash.New(flash.NOR(fuzzBlocks * 4096))
		if err == nil {
			err = d.Burn(0, image)
		}
		if err != nil {
			t.Fatal(err)
		}
		use(t, regionOf(t, d))
	}
}
