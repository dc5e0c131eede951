package flash_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"airlift/flash"
)

func TestTableCheck(t *testing.T) {
	g := flash.NOR(64 * 1024)
	for _, c := range []struct {
		name  string
		table flash.Table
		want  string // part of the error, empty for none
	}{
		{"empty", nil, ""},
		{"whole", flash.Table{{Name: "all", Size: 65536}}, ""},
		{"touching", flash.Table{{Name: "b", Off: 4096, Size: 4096}, {Name: "a", Size: 4096}}, ""},
		{"no name", flash.Table{{Size: 4096}}, "no name"},
		{"twice", flash.Table{{Name: "a", Size: 4096}, {Name: "a", Off: 8192, Size: 4096}}, "twice"},
		{"negative", flash.Table{{Name: "a", Off: -4096, Size: 4096}}, "outside"},
		{"no size", flash.Table{{Name: "a"}}, "outside"},
		{"negative size", flash.Table{{Name: "a", Size: -4096}}, "outside"},
		{"behind", flash.Table{{Name: "a", Off: 61440, Size: 8192}}, "outside"},
		{"overflow", flash.Table{{Name: "a", Off: math.MaxInt64 - 4095, Size: 4096}}, "outside"},
		{"overflowing size", flash.Table{{Name: "a", Off: 4096, Size: math.MaxInt64}}, "outside"},
		{"off grid", flash.Table{{Name: "a", Off: 256, Size: 4096}}, "aligned"},
		{"odd size", flash.Table{{Name: "a", Size: 256}}, "aligned"},
		{"overlap", flash.Table{{Name: "a", Size: 8192}, {Name: "b", Off: 4096, Size: 4096}}, `"b" at 0x1000 overlaps "a"`},
		{"inside a long one", flash.Table{{Name: "a", Size: 32768}, {Name: "o", Off: 4096, Size: 4096, Overlay: true}, {Name: "b", Off: 16384, Size: 4096}}, "overlaps"},
		{"overlay", flash.Table{{Name: "a", Size: 8192}, {Name: "b", Off: 4096, Size: 8192, Overlay: true}}, ""},
		{"overlay outside", flash.Table{{Name: "b", Off: 61440, Size: 8192, Overlay: true}}, "outside"},
	} {
		err := c.table.Check(g)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// Check must agree with a bitmap of who owns each sector.
func TestTableCheckAgainstBitmap(t *testing.T) {
	g := flash.Geometry{Size: 16 * 64, SectorSize: 64, PageSize: 8, Erased: 0xFF}
	rapid.Check(t, func(t *rapid.T) {
		var table flash.Table
		for i := range rapid.IntRange(0, 5).Draw(t, "n") {
			table = append(table, flash.Partition{
				Name:    fmt.Sprint("p", i),
				Off:     64 * rapid.Int64Range(-1, 16).Draw(t, "off"),
				Size:    64 * rapid.Int64Range(0, 6).Draw(t, "size"),
				Overlay: rapid.IntRange(0, 3).Draw(t, "overlay") == 0,
			})
		}
		good := true
		var owner [16]int
		for i, p := range table {
			good = good && p.Size > 0
			for s := p.Off / 64; s < p.Off/64+p.Size/64; s++ {
				switch {
				case s < 0 || s >= 16:
					good = false
				case !p.Overlay && owner[s] != 0:
					good = false
				case !p.Overlay:
					owner[s] = i + 1
				}
			}
		}
		if err := table.Check(g); (err == nil) != good {
			t.Fatalf("Check says %v, the bitmap %v", err, good)
		}
		if !good {
			return
		}
		for s, i := range owner {
			p, ok := table.At(int64(s) * 64)
			if ok != (i > 0) || ok && p != table[i-1] {
				t.Fatalf("At(%d) = %+v, %v", s*64, p, ok)
			}
		}
		for i, p := range table.Sorted() {
			if q, ok := table.Lookup(p.Name); !ok || q != p || i > 0 && p.Off < table.Sorted()[i-1].Off {
				t.Fatalf("Lookup(%q) = %+v, %v", p.Name, q, ok)
			}
			d, _ := flash.New(g)
			if r, err := d.Partition(p); err != nil || r.Off() != p.Off || r.Size() != p.Size {
				t.Fatalf("Partition(%+v): %v", p, err)
			}
		}
	})
}
