package fault

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"airlift/flash"
)

const chipBytes = 64 << 10

// device makes a chip with faults in its second sector on.
func device(t testing.TB, faults ...Fault) *flash.Device {
	t.Helper()
	d, err := flash.New(flash.NOR(chipBytes))
	if err != nil {
		t.Fatal(err)
	}
	c := NewChip()
	for i := range faults {
		if err := faults[i].Check(); err != nil {
			t.Fatal(err)
		}
		c.Add(&faults[i], Range{Off: 4096, Size: 8192})
	}
	d.SetDefects(c)
	return d
}

func readAll(t testing.TB, d *flash.Device) []byte {
	t.Helper()
	p := make([]byte, chipBytes)
	if _, err := d.ReadAt(p, 0); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestChipFaults(t *testing.T) {
	zeros := make([]byte, chipBytes)
	for _, c := range []struct {
		name         string
		f            Fault
		program, era error // of sector 1
		read         func(p []byte) bool
	}{
		{"bad program", Fault{Kind: BadProgram, Part: "x"}, flash.ErrOpFailed, nil, func(p []byte) bool { return p[4096] == 0xFF && p[0] == 0 }},
		{"bad erase", Fault{Kind: BadErase, Part: "x"}, nil, flash.ErrOpFailed, func(p []byte) bool { return p[4096] == 0 }},
		{"deaf program", Fault{Kind: DeafProgram, Part: "x"}, nil, nil, func(p []byte) bool { return p[4096] == 0xFF && p[0] == 0 }},
		{"deaf erase", Fault{Kind: DeafErase, Part: "x"}, nil, nil, func(p []byte) bool { return p[4096] == 0 }},
		{"stuck", Fault{Kind: Stuck, Part: "x", Count: 50, Value: 1}, nil, nil, func(p []byte) bool {
			return !bytes.Equal(p[8192:12288], zeros[:4096]) && bytes.Equal(p[:4096], zeros[:4096])
		}},
		{"small", Fault{Kind: SmallChip, Bytes: 4096}, nil, nil, func(p []byte) bool { return p[0] == 0 && flash.Erased(p[4096:]) }},
		{"wrap", Fault{Kind: AddressWrap, Bytes: 4096}, nil, nil, func(p []byte) bool { return bytes.Equal(p[:4096], p[4096:8192]) }},
		{"program disturb", Fault{Kind: ProgramDisturb, Count: 1}, nil, nil, func(p []byte) bool { return !flash.Erased(p[4096:8192]) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := device(t, c.f)
			if err := d.Program(0, zeros[:256]); err != nil {
				t.Fatal(err)
			}
			if err := d.Program(4096, zeros[:512]); !errors.Is(err, c.program) {
				t.Errorf("program: %v", err)
			}
			if err := d.Program(8192, zeros[:4096]); !errors.Is(err, c.program) {
				t.Errorf("program: %v", err)
			}
			if c.name == "stuck" {
				if err := d.Program(0, zeros[:4096]); err != nil {
					t.Fatal(err)
				}
			}
			if c.name != "program disturb" && c.name != "wrap" {
				if err := d.Erase(4096, 4096); !errors.Is(err, c.era) {
					t.Errorf("erase: %v", err)
				}
			}
			if p := readAll(t, d); !c.read(p) {
				t.Errorf("reads %x ... %x", p[:8], p[4096:4104])
			}
		})
	}
}

func TestWearOut(t *testing.T) {
	d := device(t, Fault{Kind: WearOut, Count: 3})
	for n := range 5 {
		if err := d.Erase(0, 4096); (err != nil) != (n >= 3) {
			t.Errorf("erase %d: %v", n, err)
		}
	}
	if err := d.Erase(4096, 4096); err != nil {
		t.Errorf("another sector: %v", err)
	}
}

// TestWearIsPartOfTheState: chips with equal contents and as many erases are not
// alike if these were of other sectors, and are if only their order differs.
func TestWearIsPartOfTheState(t *testing.T) {
	state := func(sectors ...int64) uint64 {
		d := device(t, Fault{Kind: WearOut, Count: 3})
		for _, n := range sectors {
			if err := d.Erase(n*4096, 4096); err != nil {
				t.Fatal(err)
			}
		}
		return d.Defects().State()
	}
	if state(0, 0, 0) == state(0, 0, 1) || state(0, 0, 1) == state(0, 1, 1) || state(0) == state() {
		t.Error("chips that are worn in other sectors are in the same state")
	}
	if state(0, 0, 1) != state(1, 0, 0) {
		t.Error("the order of the erases is part of the state")
	}
}

func TestReadDisturb(t *testing.T) {
	d := device(t, Fault{Kind: ReadDisturb, Count: 2})
	for range 20 {
		readAll(t, d)
	}
	if flash.Erased(readAll(t, d)) {
		t.Error("21 reads have disturbed nothing")
	}
}

// TestDisturbInPart wants a disturb with a partition to leave the rest alone.
func TestDisturbInPart(t *testing.T) {
	for _, f := range []Fault{{Kind: ReadDisturb, Part: "x", Count: 1}, {Kind: ProgramDisturb, Part: "x", Count: 1}} {
		d, zeros := device(t, f), make([]byte, 256)
		for _, off := range []int64{0, 4096} { // the sector of the partition is the second
			if err := d.Program(off, zeros); err != nil {
				t.Fatal(err)
			}
			for range 9 {
				if _, err := d.ReadAt(zeros[:1], off); err != nil {
					t.Fatal(err)
				}
			}
			clear(zeros)
		}
		rest := func(off int64) bool {
			p := make([]byte, 4096)
			if err := d.Cells(p, off); err != nil {
				t.Fatal(err)
			}
			return flash.Erased(p[256:])
		}
		if !rest(0) || rest(4096) {
			t.Errorf("%s: the first sector is disturbed: %v, that of the partition: %v", f.Kind, !rest(0), !rest(4096))
		}
	}
}

// TestUnstable wants the cells of a torn program to read differently from time to
// time, and to be firm once they were erased.
func TestUnstable(t *testing.T) {
	d := device(t, Fault{Kind: Unstable})
	d.Power().SetTap(&CutTap{Tear: 0.5})
	if err := d.Program(0, make([]byte, 256)); !errors.Is(err, flash.ErrPowerLost) {
		t.Fatal(err)
	}
	d.Power().SetTap(nil)
	d.Power().Restore()
	state := d.Defects().State()
	first, differs := readAll(t, d), false
	for range 8 {
		differs = differs || !bytes.Equal(first, readAll(t, d))
	}
	if !differs || d.Defects().State() == state {
		t.Error("all reads are alike")
	}
	if err := d.Erase(0, 4096); err != nil {
		t.Fatal(err)
	}
	for range 8 {
		if !flash.Erased(readAll(t, d)) {
			t.Fatal("erased cells are unstable")
		}
	}
}

// TestForksBehaveAlike wants a fork of a defective chip to do as the chip does, and
// neither to change the other.
func TestForksBehaveAlike(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		d := device(t, Fault{Kind: Unstable, Seed: 1}, Fault{Kind: ReadDisturb, Count: 3}, Fault{Kind: Stuck, Part: "x", Count: 9}, Fault{Kind: ProgramDisturb, Count: 2}, Fault{Kind: WearOut, Count: 4})
		steps := rapid.SliceOfN(rapid.IntRange(0, 1<<20), 1, 20).Draw(r, "steps")
		half := len(steps) / 2
		play(t, d, steps[:half])
		f := d.Fork()
		if f.Defects().State() != d.Defects().State() {
			t.Fatal("the fork is in another state")
		}
		before := f.Sum()
		play(t, d, steps[half:])
		if f.Sum() != before {
			t.Fatal("the chip changed its fork")
		}
		play(t, f, steps[half:])
		if f.Sum() != d.Sum() || f.Defects().State() != d.Defects().State() {
			t.Fatal("the fork did otherwise")
		}
	})
}

// play does what numbers say: erase, program, torn program, read.
func play(t testing.TB, d *flash.Device, steps []int) {
	t.Helper()
	for _, n := range steps {
		off := int64(n>>2) % (chipBytes - 256)
		switch n & 3 {
		case 0:
			_ = d.Erase(off&^4095, 4096) // it may be worn out
		case 1:
			_ = d.Program(off, []byte{byte(n), byte(n >> 8)})
		case 2:
			d.Power().Reset()
			d.Power().SetTap(&CutTap{Tear: 0.5})
			_ = d.Program(off&^255, bytes.Repeat([]byte{byte(n)}, 256))
			d.Power().SetTap(nil)
			d.Power().Restore()
		case 3:
			readAll(t, d)
		}
	}
}

// TestPackageFaults wants faults of the package to do what they say, and to leave
// the package itself alone.
func TestPackageFaults(t *testing.T) {
	p := bytes.Repeat([]byte("package "), 64)
	whole := bytes.Clone(p)
	for _, c := range []struct {
		f    Fault
		size int
		same bool
	}{
		{Fault{Kind: Truncate, Bytes: 100}, 100, false},
		{Fault{Kind: Truncate, Bytes: 10000}, 512, true},
		{Fault{Kind: Empty}, 0, false},
		{Fault{Kind: Extend, Bytes: 7}, 519, false},
		{Fault{Kind: Flip, Count: 3, Seed: 2}, 512, false},
		{Fault{Kind: SwapBlocks, Bytes: 3, Seed: 1}, 512, false},
		{Fault{Kind: SwapBlocks, Bytes: 500}, 512, true},
		{Fault{Kind: HeaderLie, Off: 510, Data: Hex("12345")}, 512, false},
	} {
		out, made := c.f.OfPackage(p)
		again, _ := c.f.OfPackage(p)
		if !made || len(out) != c.size || bytes.Equal(out, whole) != c.same || !bytes.Equal(out, again) || !bytes.Equal(p, whole) {
			t.Errorf("%s: %d bytes, equal %v, twice alike %v", &c.f, len(out), bytes.Equal(out, whole), bytes.Equal(out, again))
		}
	}
	if _, made := (&Fault{Kind: Older}).OfPackage(p); made {
		t.Error("an older package was made of nothing")
	}
}

// TestOneOperation has single operations fail, counted by kind within the
// partition.
func TestOneOperation(t *testing.T) {
	page := bytes.Repeat([]byte{0x55}, 256)
	for _, c := range []struct {
		f    Fault
		want string // of six programs, then six erases in turn: x fails, - does nothing
	}{
		{Fault{Kind: BadProgram, Op: 2}, "..x..."},
		{Fault{Kind: BadProgram, Times: 1}, "x....."},
		{Fault{Kind: DeafProgram, Op: 1, Times: 3}, ".---.."},
		{Fault{Kind: BadErase, Op: 5}, "......" + ".....x"},
		{Fault{Kind: DeafErase, Times: 2}, "......" + "--...."},
	} {
		c.f.Part = "x"
		d := device(t, c.f)
		got := ""
		for n := range int64(12) {
			off := 4096 + n%2*4096
			if n < 6 {
				off += n / 2 * 256
			}
			err := d.Erase(0, 4096) // outside the partition: not counted
			if err == nil && n < 6 {
				err = d.Program(off, page)
			} else if err == nil {
				if err = d.Program(off+1024, page); err == nil {
					err = d.Erase(off, 4096)
				}
			}
			p := make([]byte, 256)
			if at := off; n < 6 {
				_ = d.Cells(p, at)
			} else {
				_ = d.Cells(p, off+1024)
			}
			switch {
			case errors.Is(err, flash.ErrOpFailed):
				got += "x"
			case flash.Erased(p) == (n < 6):
				got += "-"
			default:
				got += "."
			}
			if fork := d.Fork(); fork.Defects().State() != d.Defects().State() {
				t.Fatal("a fork has another state")
			}
		}
		if want := (c.want + "............")[:12]; got != want {
			t.Errorf("%s: %s, expected %s", c.f.String(), got, want)
		}
	}
}

// TestOneOperationIsPartOfTheState: chips of which one has the operation that
// fails behind it are not alike.
func TestOneOperationIsPartOfTheState(t *testing.T) {
	d := device(t, Fault{Kind: DeafProgram, Part: "x", Op: 1})
	states := map[uint64]bool{}
	for range 6 {
		states[d.Defects().State()] = true
		if err := d.Program(4096, []byte{0}); err != nil {
			t.Fatal(err)
		}
	}
	if len(states) != 3 {
		t.Errorf("%d states, expected those before the first, before the second and behind it", len(states))
	}
	d.Defects().(*Chip).Restart()
	if !states[d.Defects().State()] {
		t.Error("a chip that counts from 0 again is in no state that it was in")
	}
}

// TestWrongGeometry compares erases and programs with what a chip of another
// geometry does.
func TestWrongGeometry(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		sector := int64(1) << rapid.SampledFrom([]int{8, 10, 13, 15}).Draw(r, "sector")
		size := int64(1) << rapid.IntRange(4, 7).Draw(r, "page")
		d := device(t, Fault{Kind: WrongSector, Bytes: sector}, Fault{Kind: WrongPage, Bytes: size})
		model := bytes.Repeat([]byte{0xFF}, chipBytes)
		for range rapid.IntRange(1, 30).Draw(r, "operations") {
			if rapid.IntRange(0, 3).Draw(r, "kind") == 0 {
				off := rapid.Int64Range(0, chipBytes/4096-1).Draw(r, "sector number") * 4096
				if err := d.Erase(off, 4096); err != nil {
					r.Fatal(err)
				}
				from := off &^ (sector - 1)
				copy(model[from:from+sector], bytes.Repeat([]byte{0xFF}, int(sector)))
				continue
			}
			off := rapid.Int64Range(0, chipBytes-256).Draw(r, "off")
			data := rapid.SliceOfN(rapid.Byte(), 1, int(256-off%256)).Draw(r, "data")
			if err := d.Program(off, data); err != nil {
				r.Fatal(err)
			}
			page, last := off&^(size-1), map[int64]byte{}
			for i, b := range data {
				if off/size == (off+int64(len(data))-1)/size {
					model[off+int64(i)] &= b
				} else {
					last[page+(off+int64(i))%size] = b
				}
			}
			for at, b := range last {
				model[at] &= b
			}
		}
		if got := readAll(t, d); !bytes.Equal(got, model) {
			r.Fatal("the chip holds something else than one of that geometry")
		}
	})
}
