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
