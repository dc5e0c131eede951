package fault

import (
	"bytes"
	"strings"
	"testing"

	"airlift/flash"
)

// TestEdits applies each sort of edit, inside, at the end and behind it.
func TestEdits(t *testing.T) {
	for _, c := range []struct {
		e    Edit
		want string
	}{
		{Edit{Do: EditSet, Off: 2, Data: Hex("XY")}, "abXYef"},
		{Edit{Do: EditSet, Off: 5, Data: Hex("XY")}, "abcdeX"},
		{Edit{Do: EditSet, Off: 9, Data: Hex("XY")}, "abcdef"},
		{Edit{Do: EditFlip, Off: 0, Bits: 0x20}, "Abcdef"},
		{Edit{Do: EditFlip, Off: 5, Bits: 0x20}, "abcdeF"},
		{Edit{Do: EditFlip, Off: 6, Bits: 0x20}, "abcdef"},
		{Edit{Do: EditFill, Off: 1, Bytes: 3, Data: Hex("-")}, "a---ef"},
		{Edit{Do: EditFill, Off: 4, Bytes: 1 << 40, Data: Hex("-")}, "abcd--"},
		{Edit{Do: EditSwap, Off: 0, To: 4, Bytes: 2}, "efcdab"},
		{Edit{Do: EditSwap, Off: 0, To: 4, Bytes: 5}, "efcdab"},
		{Edit{Do: EditCut, Off: 4}, "abcd"},
		{Edit{Do: EditCut, Off: 7}, "abcdef"},
		{Edit{Do: EditAdd, Data: Hex("gh")}, "abcdefgh"},
		{Edit{Do: EditRemove, Off: 1, Bytes: 2}, "adef"},
		{Edit{Do: EditRemove, Off: 5, Bytes: 9}, "abcde"},
		{Edit{Do: EditInsert, Off: 1, Data: Hex("XY")}, "aXYbcdef"},
		{Edit{Do: EditInsert, Off: 9, Data: Hex("XY")}, "abcdefXY"},
	} {
		p := []byte("abcdef")
		if err := c.e.Check(); err != nil {
			t.Errorf("%s: %v", c.e.String(), err)
		}
		if got := c.e.Apply(p); string(got) != c.want || string(p) != "abcdef" {
			t.Errorf("%s: %s, expected %s; before %s", c.e.String(), got, c.want, p)
		}
	}
	full := make([]byte, editBytesMax-1)
	for _, do := range []EditKind{EditAdd, EditInsert} {
		for n, want := range map[int]int{1: editBytesMax, 2: len(full)} {
			e := Edit{Do: do, Data: bytes.Repeat([]byte{1}, n)}
			if got := e.Apply(full); len(got) != want {
				t.Errorf("%s of %d bytes: %d bytes, expected %d", do, n, len(got), want)
			}
		}
	}
}

// TestChecks takes what is at a bound, and refuses what is behind it by its name.
func TestChecks(t *testing.T) {
	for _, c := range []struct {
		f     Fault
		wants string // "" is taken
	}{
		{Fault{Kind: Cut, Op: opMax, How: How{Kind: After}}, ""},
		{Fault{Kind: Cut, Op: opMax + 1, How: How{Kind: After}}, "op"},
		{Fault{Kind: BrownOut, Op: 1, Ops: opMax, How: How{Kind: After}}, ""},
		{Fault{Kind: BrownOut, Op: 1, Ops: opMax + 1, How: How{Kind: After}}, "ops"},
		{Fault{Kind: BrownOut, Op: 1, How: How{Kind: After}}, "ops is missing"},
		{Fault{Kind: ClockJump, Seconds: secondsMax}, ""},
		{Fault{Kind: ClockJump, Seconds: -secondsMax}, ""},
		{Fault{Kind: ClockJump, Seconds: secondsMax + 1}, "seconds"},
		{Fault{Kind: ClockJump, Seconds: -secondsMax - 1}, "seconds"},
		{Fault{Kind: Reboot, At: 5}, ""},
		{Fault{Kind: Reboot, Bytes: 5}, ""},
		{Fault{Kind: Reboot, At: 5, Bytes: 5}, "leave one out"},
		{Fault{Kind: Truncate, Bytes: 1 << 30}, ""},
		{Fault{Kind: Truncate, Bytes: 1<<30 + 1}, "bytes"},
		{Fault{Kind: Truncate, Bytes: -1}, "negative"},
		{Fault{Kind: Stuck, Part: "fs", Count: 1, Value: 1}, ""},
		{Fault{Kind: Stuck, Part: "fs", Count: 1, Value: 2}, "value"},
		{Fault{Kind: Stuck, Part: "fs", Count: drawnMax}, ""},
		{Fault{Kind: Stuck, Part: "fs", Count: drawnMax + 1}, "count"},
		{Fault{Kind: Damaged, Edit: &Edit{Do: EditFill}}, "one byte"},
		{Fault{Kind: "flood"}, "expected one of"},
	} {
		err := c.f.Check()
		if (err == nil) != (c.wants == "") || err != nil && !strings.Contains(err.Error(), c.wants) {
			t.Errorf("%+v: %v, expected %q", c.f, err, c.wants)
		}
	}
}

// TestGroups: what holds all the time, and what strikes once; and in which modes.
func TestGroups(t *testing.T) {
	for _, s := range Specs {
		f := Fault{Kind: s.Kind}
		if once := s.Group == "power"; f.Standing() == once {
			t.Errorf("%s of the group %s: standing %v", s.Kind, s.Group, f.Standing())
		}
	}
	portal := Fault{Kind: Portal}
	if err := portal.InMode("system"); err != nil {
		t.Error(err)
	}
	if err := portal.InMode("boot"); err == nil {
		t.Error("a portal in mode boot")
	}
	if err := (&Fault{Kind: "flood"}).InMode("boot"); err == nil {
		t.Error("a flood")
	}
}

// TestFaultsInARow: each counts from the power-on behind the one before.
func TestFaultsInARow(t *testing.T) {
	d, err := flash.New(flash.NOR(4096))
	if err != nil {
		t.Fatal(err)
	}
	d.Power().SetTap(&Injector{Faults: []Fault{{Kind: Cut, Op: 2, How: How{Kind: Before}}, {Kind: Cut, Op: 1, How: How{Kind: After}}}})
	for i, lost := range []bool{false, false, true, false, true, false, false} {
		err := d.Program(int64(i), []byte{0})
		if (err == flash.ErrPowerLost) != lost {
			t.Fatalf("operation %d: %v", i, err)
		}
		d.Power().Restore()
	}
	if got := d.Bytes()[:7]; !bytes.Equal(got, []byte{0, 0, 0xFF, 0, 0, 0, 0}) {
		t.Errorf("cells %x", got)
	}
}

// TestSwapBlocks: two blocks change places, never one with itself.
func TestSwapBlocks(t *testing.T) {
	for blocks := range 5 {
		p := make([]byte, 16*blocks+3)
		for i := range p {
			p[i] = byte(i / 16)
		}
		for seed := range uint64(20) {
			f := Fault{Kind: SwapBlocks, Bytes: 16, Seed: seed}
			out, made := f.OfPackage(p)
			changed := 0
			for i := 0; i+16 <= len(out); i += 16 {
				if !bytes.Equal(out[i:i+16], p[i:i+16]) {
					changed++
				}
			}
			want := 2
			if blocks < 2 {
				want = 0
			}
			if !made || len(out) != len(p) || changed != want || !bytes.Equal(out[16*blocks:], p[16*blocks:]) {
				t.Fatalf("%d blocks, seed %d: %d have changed", blocks, seed, changed)
			}
		}
	}
}
