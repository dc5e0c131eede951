package flash_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"testing"

	"airlift/flash"
	"airlift/flash/flashtest"
)

func TestGeometryCheck(t *testing.T) {
	good := flash.NOR(8 * mib)
	if err := good.Check(); err != nil {
		t.Errorf("NOR(8 MiB): %v", err)
	}
	for name, change := range map[string]func(*flash.Geometry){
		"no size":            func(g *flash.Geometry) { g.Size = 0 },
		"negative size":      func(g *flash.Geometry) { g.Size = -4096 },
		"huge size":          func(g *flash.Geometry) { g.Size = flash.MaxSize + 4096 },
		"odd size":           func(g *flash.Geometry) { g.Size += 256 },
		"no page":            func(g *flash.Geometry) { g.PageSize = 0 },
		"small page":         func(g *flash.Geometry) { g.PageSize = 4 },
		"odd page":           func(g *flash.Geometry) { g.PageSize = 100 },
		"page above sector":  func(g *flash.Geometry) { g.PageSize = 8192 },
		"no sector":          func(g *flash.Geometry) { g.SectorSize = 0 },
		"odd sector":         func(g *flash.Geometry) { g.SectorSize = 5000 },
		"negative sector":    func(g *flash.Geometry) { g.SectorSize = math.MinInt64 },
		"erased to 0":        func(g *flash.Geometry) { g.Erased = 0 },
		"the zero geometry":  func(g *flash.Geometry) { *g = flash.Geometry{} },
		"sector above chip":  func(g *flash.Geometry) { g.SectorSize = 16 * mib },
		"size overflows int": func(g *flash.Geometry) { g.Size = math.MaxInt64 },
	} {
		g := good
		change(&g)
		if err := g.Check(); err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, err := flash.New(g); err == nil {
			t.Errorf("%s: New gives no error", name)
		}
	}
}

// bounds are accesses outside a chip of 16 KiB, or off its grid.
var bounds = []struct {
	op       string
	off, len int64
	sector   int64 // of the RangeError
}{
	{"read", -1, 1, 0}, {"read", 16384, 1, 0}, {"read", 16383, 2, 0}, {"read", 16385, 0, 0}, {"read", math.MaxInt64, 1, 0}, {"read", math.MinInt64, 1, 0},
	{"program", -1, 1, 0}, {"program", 16384, 1, 0}, {"program", 16383, 2, 0}, {"program", math.MaxInt64, 2, 0}, {"program", math.MinInt64, 0, 0},
	{"erase", -4096, 4096, 0}, {"erase", 16384, 4096, 0}, {"erase", 12288, 8192, 0}, {"erase", 0, -4096, 0}, {"erase", math.MaxInt64, 4096, 0}, {"erase", 4096, math.MaxInt64, 0},
	{"erase", 1, 4096, 4096}, {"erase", 0, 1, 4096}, {"erase", 256, 256, 4096},
}

// chip is what Device and Region have in common.
type chip interface {
	ReadAt(p []byte, off int64) (int, error)
	Program(off int64, p []byte) error
	Erase(off, length int64) error
}

func access(c chip, op string, off, length int64) error {
	switch op {
	case "read":
		_, err := c.ReadAt(make([]byte, length), off)
		return err
	case "program":
		return c.Program(off, make([]byte, length))
	}
	return c.Erase(off, length)
}

func TestBounds(t *testing.T) {
	whole := newChip(t, 16384)
	around := newChip(t, 3*16384)
	region, err := around.Region("part", 16384, 16384)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]chip{"device": whole, "region": region} {
		for _, b := range bounds {
			var re *flash.RangeError
			err := access(c, b.op, b.off, b.len)
			if !errors.As(err, &re) {
				t.Errorf("%s: %s at %d length %d: %v, want a RangeError", name, b.op, b.off, b.len, err)
				continue
			}
			if re.Op != b.op || re.Off != b.off || re.Len != b.len || re.Sector != b.sector {
				t.Errorf("%s: %s at %d length %d: RangeError %+v", name, b.op, b.off, b.len, *re)
			}
		}
	}
	if whole.Power().Ops()+around.Power().Ops() != 0 {
		t.Error("a refused access counted as an operation")
	}
	// Without power that is all there is to say.
	whole.Power().Cut()
	around.Power().Cut()
	for _, b := range bounds {
		if err := access(whole, b.op, b.off, b.len); err != flash.ErrPowerLost {
			t.Errorf("device without power: %s at %d: %v", b.op, b.off, err)
		}
		if err := access(region, b.op, b.off, b.len); err != flash.ErrPowerLost {
			t.Errorf("region without power: %s at %d: %v", b.op, b.off, err)
		}
	}
}

func TestRegionStaysInside(t *testing.T) {
	d := newChip(t, 8*4096)
	r, err := d.Region("part", 2*4096, 3*4096)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Program(0, make([]byte, 8*4096)); err != nil {
		t.Fatal(err)
	}
	if err := r.Erase(0, r.Size()); err != nil {
		t.Fatal(err)
	}
	if err := r.Program(4096-3, []byte("across sectors")); err != nil {
		t.Fatal(err)
	}
	want := make([]byte, 8*4096)
	copy(want[2*4096:], bytes.Repeat([]byte{0xFF}, 3*4096))
	copy(want[3*4096-3:], "across sectors")
	if !bytes.Equal(d.Bytes(), want) {
		t.Error("the region changed something else")
	}
	if g := r.Geometry(); g.Size != 3*4096 || g.SectorSize != 4096 || r.Off() != 2*4096 || r.Name() != "part" || r.Device() != d {
		t.Errorf("region %q at %d: geometry %+v", r.Name(), r.Off(), g)
	}
	for _, bad := range [][2]int64{{0, 0}, {100, 4096}, {0, 100}, {-4096, 4096}, {7 * 4096, 2 * 4096}, {math.MaxInt64 - 4095, 4096}} {
		if _, err := d.Region("bad", bad[0], bad[1]); err == nil {
			t.Errorf("region at %d size %d: no error", bad[0], bad[1])
		}
	}
}

func TestLoadDumpErrors(t *testing.T) {
	d := newChip(t, 8192)
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		r    io.Reader
		want string
	}{
		"empty":      {strings.NewReader(""), "ends at offset 0x0"},
		"short":      {bytes.NewReader(make([]byte, 5000)), "ends at offset 0x1388"},
		"long":       {bytes.NewReader(make([]byte, 8193)), "goes on at offset 0x2000"},
		"broken":     {io.MultiReader(bytes.NewReader(make([]byte, 4096)), failing{boom}), "boom"},
		"broken end": {io.MultiReader(bytes.NewReader(make([]byte, 8192)), failing{boom}), "boom"},
	} {
		if err := d.LoadDump(c.r); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if err := d.LoadDump(bytes.NewReader(make([]byte, 8192))); err != nil {
		t.Errorf("a whole dump: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestWriteToError(t *testing.T) {
	d := newChip(t, 3*4096)
	n, err := d.WriteTo(&fullDisk{left: 5000})
	if n != 5000 || err != errFull {
		t.Errorf("WriteTo: %d, %v", n, err)
	}
}

var errFull = errors.New("full")

type fullDisk struct{ left int }

func (f *fullDisk) Write(p []byte) (int, error) {
	n := min(len(p), f.left)
	if f.left -= n; n < len(p) {
		return n, errFull
	}
	return n, nil
}

func TestPowerIsShared(t *testing.T) {
	a, b := newChip(t, 4096), newChip(t, 8192)
	power := new(flash.Power)
	a.Attach(power, 0)
	b.Attach(power, 1)
	rec := new(flashtest.Recorder)
	power.SetTap(flash.Taps{rec, flashtest.FateAt{Op: 2, Fate: flash.Fate{Kind: flash.FateCutBefore}}})
	if err := a.Program(0, []byte{1}); err != nil {
		t.Fatal(err)
	}
	if err := b.Erase(4096, 4096); err != nil {
		t.Fatal(err)
	}
	if err := a.Erase(0, 4096); !errors.Is(err, flash.ErrPowerLost) {
		t.Fatal(err)
	}
	if err := b.Program(0, []byte{1}); !errors.Is(err, flash.ErrPowerLost) {
		t.Errorf("the other chip still works: %v", err)
	}
	got := fmt.Sprint(rec.Ops)
	want := "[#0 program chip 0 0x000000+0x1 #1 erase chip 1 0x001000+0x1000 #2 erase chip 0 0x000000+0x1000]"
	if got != want {
		t.Errorf("operations\n got  %s\n want %s", got, want)
	}
	if rec.Ops[1].Done != true || rec.Ops[2].Done != false {
		t.Error("which operations took effect is wrong")
	}
	power.Restore()
	if p := make([]byte, 1); second(a.ReadAt(p, 0)) != nil || p[0] != 1 {
		t.Errorf("the cut erase happened: %X", p)
	}
	power.Reset()
	if power.Ops() != 0 {
		t.Error("Reset leaves the operation number")
	}
}

func TestTapsStopAtTheFirstFate(t *testing.T) {
	d := newChip(t, 4096)
	before, after := new(flashtest.Counter), new(flashtest.Counter)
	d.Power().SetTap(flash.Taps{before, flashtest.FateAt{Op: 1, Fate: flash.Fate{Kind: flash.FateIgnore}}, after})
	for range 3 {
		if err := d.Program(0, []byte{0xF0}); err != nil {
			t.Fatal(err)
		}
	}
	if before.Programs != 3 || after.Programs != 2 || before.Done != 2 || after.Done != 2 {
		t.Errorf("before %+v, after %+v", *before, *after)
	}
}

func TestImpossibleTearsPanic(t *testing.T) {
	program := func(d *flash.Device) error { return d.Program(0, []byte{0x0F, 0xF0}) }
	erase := func(d *flash.Device) error { return d.Erase(0, 4096) }
	sector := func(change int, v byte) []byte {
		p := make([]byte, 4096)
		p[change] = v
		return p
	}
	for name, c := range map[string]struct {
		work func(*flash.Device) error
		torn []byte
	}{
		"a bit set by programming":            {program, []byte{0xFF, 0xFF}},
		"a bit cleared that stays by program": {program, []byte{0x0E, 0x00}},
		"too short":                           {program, []byte{0x0F}},
		"too long":                            {program, []byte{0x0F, 0x00, 0x00}},
		"none":                                {program, nil},
		"a bit cleared by erasing":            {erase, sector(0, 0x00)},
		"erase too short":                     {erase, make([]byte, 256)},
	} {
		d := newChip(t, 8192)
		if err := d.Burn(0, sector(0, 0x5F)); err != nil {
			t.Fatal(err)
		}
		d.Power().SetTap(flashtest.FateAt{Fate: flash.Fate{Kind: flash.FateCutTorn, Torn: c.torn}})
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			c.work(d)
		}()
	}
	d := newChip(t, 4096)
	d.Power().SetTap(flashtest.FateAt{Fate: flash.Fate{Kind: 99}})
	defer func() {
		if recover() == nil {
			t.Error("an unknown fate: no panic")
		}
	}()
	program(d)
}

// A tap may fork the device that it watches, and what it then sees is the
// state between two operations.
func TestForkFromTap(t *testing.T) {
	d := newChip(t, 8192)
	var forks []*flash.Device
	d.Power().SetTap(tapFuncs{
		before: func(op *flash.Op) { forks = append(forks, op.Device.Fork()) },
		after:  func(op *flash.Op) { forks = append(forks, op.Device.Fork()) },
	})
	if err := d.Program(250, []byte("0123456789")); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", "012345\xFF\xFF\xFF\xFF", "012345\xFF\xFF\xFF\xFF", "0123456789"} {
		if got := string(forks[i].Bytes()[250:260]); got != want {
			t.Errorf("fork %d: %q, want %q", i, got, want)
		}
	}
}

type tapFuncs struct{ before, after func(*flash.Op) }

func (f tapFuncs) Before(op *flash.Op) flash.Fate { f.before(op); return flash.Fate{} }
func (f tapFuncs) After(op *flash.Op)             { f.after(op) }

func TestManyGoroutinesFromOneSnapshot(t *testing.T) {
	d := newChip(t, mib)
	if err := d.Program(0, filled(mib/2)); err != nil {
		t.Fatal(err)
	}
	snap := d.Snapshot()
	want := d.Bytes()
	wantHash := d.Fork().Hash()
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for round := range 4 {
				mine := snap.Device()
				if snap.Hash() != wantHash || mine.Hash() != wantHash {
					t.Errorf("goroutine %d: wrong hash", g)
				}
				off := int64((g*7 + round) % 128 * 4096)
				if err := mine.Erase(off, 4096); err != nil {
					t.Error(err)
				}
				if err := mine.Program(off, []byte{byte(g), byte(round)}); err != nil {
					t.Error(err)
				}
				fork := mine.Fork()
				got := fork.Bytes()
				expect := append([]byte(nil), want...)
				copy(expect[off:], bytes.Repeat([]byte{0xFF}, 4096))
				expect[off], expect[off+1] = byte(g), byte(round)
				if !bytes.Equal(got, expect) || fork.Hash() == wantHash {
					t.Errorf("goroutine %d round %d: wrong contents", g, round)
				}
			}
		}()
	}
	// The parent goes on meanwhile.
	if err := d.Erase(0, mib); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if !bytes.Equal(snap.Device().Bytes(), want) {
		t.Error("the snapshot changed")
	}
}

// An erased dump must not cost the memory of a full one.
func TestErasedDumpIsSparse(t *testing.T) {
	dump := bytes.Repeat([]byte{0xFF}, mib)
	allocated := testing.AllocsPerRun(3, func() {
		d := newChip(t, mib)
		if err := d.LoadDump(bytes.NewReader(dump)); err != nil {
			t.Fatal(err)
		}
	})
	if allocated > 50 { // 256 sectors
		t.Errorf("%v allocations for an erased dump of 256 sectors", allocated)
	}
}
