package flash

import (
	"testing"

	"pgregory.net/rapid"
)

// Two chips have equal sums exactly if they have equal contents, whatever led
// to them, forks included.
func TestSumTellsContents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const sectors = 130 // more than two chunks
		devs := []*Device{}
		first, err := New(NOR(sectors * DefaultSectorSize))
		if err != nil {
			t.Fatal(err)
		}
		devs = append(devs, first)
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			d := devs[rapid.IntRange(0, len(devs)-1).Draw(t, "device")]
			off := int64(rapid.SampledFrom([]int{0, 1, 63, 64, 65, 128, 129}).Draw(t, "sector")) * DefaultSectorSize
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				if len(devs) < 6 {
					devs = append(devs, d.Fork())
				}
			case 1:
				err = d.Erase(off, DefaultSectorSize)
			case 2:
				at := off + int64(rapid.SampledFrom([]int{0, 1, 8, 4095}).Draw(t, "at"))
				err = d.Program(at, []byte{byte(rapid.SampledFrom([]int{0xFF, 0xFE, 0}).Draw(t, "byte"))})
			case 3:
				_ = d.Sum() // fills the memory of sums
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		for i, a := range devs {
			for _, b := range devs[:i] {
				if (a.Hash() == b.Hash()) != (a.Sum() == b.Sum()) {
					t.Fatalf("contents equal %v, sums equal %v", a.Hash() == b.Hash(), a.Sum() == b.Sum())
				}
				for off := int64(0); off < sectors*DefaultSectorSize; off += DefaultSectorSize {
					if a.SameSector(b, off) != a.SameRange(b, off, DefaultSectorSize) {
						t.Fatalf("sector at 0x%X: same %v", off, a.SameSector(b, off))
					}
				}
			}
		}
	})
}

// Every bit of a sector, and its place, is in the sum.
func TestSumSeesEveryBit(t *testing.T) {
	seen := map[Sum]int{}
	for sector := range 3 {
		for bit := range DefaultSectorSize * 8 {
			p := make([]byte, DefaultSectorSize)
			fillErased(p)
			p[bit/8] &^= 1 << (bit % 8)
			s := sumBytes(p).at(uint64(sector))
			if other, double := seen[s]; double {
				t.Fatalf("bit %d of sector %d has the sum of %d", bit, sector, other)
			}
			seen[s] = bit
		}
	}
}

// The sum is the same on every platform: results files hold things that depend
// on it.
func TestSumIsFixed(t *testing.T) {
	p := make([]byte, 100)
	for i := range p {
		p[i] = byte(i)
	}
	if got, want := sumBytes(p), (Sum{0x6D74DF677210FE81, 0x55641194C00ACD86}); got != want {
		t.Errorf("sum %#x, want %#x", got, want)
	}
}

func BenchmarkSum(b *testing.B) {
	p := make([]byte, DefaultSectorSize)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		p[0]++
		sumBytes(p)
	}
}

// What a chip expects changes nothing: not the contents, not the sums, and not
// those of the chip that it was taken from.
func TestExpectChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const sectors = 4
		fill := func(d *Device, label string) {
			for i := range int64(sectors) {
				p := make([]byte, DefaultSectorSize)
				v := byte(rapid.IntRange(0, 3).Draw(t, label))
				for j := range p {
					p[j] = v | 0xF0
				}
				if err := d.Erase(i*DefaultSectorSize, DefaultSectorSize); err != nil {
					t.Fatal(err)
				}
				if err := d.Program(i*DefaultSectorSize, p); err != nil {
					t.Fatal(err)
				}
			}
		}
		plain, err := New(NOR(sectors * DefaultSectorSize))
		if err != nil {
			t.Fatal(err)
		}
		like := plain.Fork()
		fill(like, "like")
		hinted := plain.Fork()
		hinted.Expect(like.Snapshot())
		before := like.Hash()
		for range 3 {
			twin := hinted.Fork()
			r := rapid.IntRange(0, 1<<20).Draw(t, "seed")
			for _, d := range []*Device{plain, twin} {
				x := r
				for i := range int64(sectors) {
					p := make([]byte, DefaultSectorSize)
					for j := range p {
						p[j] = byte(x&3) | 0xF0
					}
					x >>= 2
					if x&1 == 1 {
						if err := d.Erase(i*DefaultSectorSize, DefaultSectorSize); err != nil {
							t.Fatal(err)
						}
					}
					if err := d.Program(i*DefaultSectorSize, p); err != nil {
						t.Fatal(err)
					}
					if x&2 == 2 {
						if err := d.Program(i*DefaultSectorSize+7, []byte{0}); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
			if plain.Hash() != twin.Hash() || plain.Sum() != twin.Sum() {
				t.Fatal("contents or sums differ")
			}
			if plain.RangeSum(10, 9000) != twin.RangeSum(10, 9000) {
				t.Fatal("sums of a range differ")
			}
			var seen []byte
			if err := twin.View(10, 9000, func(p []byte) bool { seen = append(seen, p...); return true }); err != nil || string(seen) != string(plain.Bytes()[10:9010]) {
				t.Fatal("View differs", err)
			}
			hinted = twin
		}
		if like.Hash() != before {
			t.Fatal("the chip that was expected changed")
		}
	})
}
