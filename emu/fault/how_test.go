package fault

import (
	"bytes"
	"testing"

	"airlift/flash"
)

// The text form goes both ways, and nonsense is refused.
func TestHowText(t *testing.T) {
	for _, h := range append(DefaultHows(), How{Kind: Back, Num: 2, Den: 3}, How{Kind: Bits, Num: 7}) {
		if got, err := ParseHow(h.String()); err != nil || got != h {
			t.Errorf("%q: %v, %v", h, got, err)
		}
	}
	for _, text := range []string{"", "sideways", "before 1", "front", "front x", "front 1/0", "front 3/2", "bits 1/2", "front -1", "after "} {
		if h, err := ParseHow(text); err == nil {
			t.Errorf("%q is %v", text, h)
		}
	}
}

// Every way to fail leaves cells that a program or an erase can leave, the same
// every time, and cuts the power.
func TestHowFates(t *testing.T) {
	for _, erase := range []bool{false, true} {
		for _, h := range append(DefaultHows(), How{Kind: Front, Num: 9999}) {
			var first []byte
			for range 2 {
				d, err := flash.New(flash.NOR(4096))
				if err != nil {
					t.Fatal(err)
				}
				if err := d.Burn(0, bytes.Repeat([]byte{0xA5, 0x3C}, 2048)); err != nil {
					t.Fatal(err)
				}
				i := &Injector{Faults: []Fault{{Kind: Cut, Op: 0, How: h}}}
				d.Power().SetTap(i)
				if erase {
					err = d.Erase(0, 4096)
				} else {
					err = d.Program(0, make([]byte, 256))
				}
				if err != flash.ErrPowerLost || len(i.Faults) != 0 {
					t.Fatalf("%v: %v, %d faults left", h, err, len(i.Faults))
				}
				if got := d.Bytes(); first == nil {
					first = got
				} else if !bytes.Equal(got, first) {
					t.Fatalf("%v differs from run to run", h)
				}
			}
		}
	}
}

// A brown-out swallows operations without a word and then cuts.
func TestBrownOut(t *testing.T) {
	d, err := flash.New(flash.NOR(4096))
	if err != nil {
		t.Fatal(err)
	}
	d.Power().SetTap(&Injector{Faults: []Fault{{Kind: BrownOut, Op: 1, Ops: 2, How: How{Kind: Before}}}})
	for i := range int64(4) {
		err := d.Program(i, []byte{0})
		if (i == 3) != (err == flash.ErrPowerLost) || i < 3 && err != nil {
			t.Fatalf("operation %d: %v", i, err)
		}
	}
	if got := d.Bytes()[:4]; !bytes.Equal(got, []byte{0, 0xFF, 0xFF, 0xFF}) {
		t.Errorf("cells %x", got)
	}
}
