package ec

import (
	"bytes"
	"testing"

	"airlift/flash"
)

// failAt has the chip refuse the operations that begin at some places.
type failAt map[int64]bool

func (f failAt) Before(op *flash.Op) flash.Fate {
	if f[op.Off] {
		return flash.Fate{Kind: flash.FateFail}
	}
	return flash.Fate{}
}

func (f failAt) After(*flash.Op) {}

// TestDriverGoesOn: boot code does not look at what the chip says, so a page or
// a sector that fails does not keep it from those behind (ec618.md 10.1).
func TestDriverGoesOn(t *testing.T) {
	dev, err := flash.New(flash.NOR(4 * sector))
	if err != nil {
		t.Fatal(err)
	}
	n := nor{dev}
	dev.Power().SetTap(failAt{256: true, sector: true})
	if err := n.program(0, make([]byte, 3*sector)); err != nil {
		t.Fatal(err)
	}
	want := make([]byte, 4*sector)
	erased := bytes.Repeat([]byte{0xFF}, 4*sector)
	copy(want[256:512], erased)
	copy(want[sector:sector+256], erased)
	copy(want[3*sector:], erased)
	if !bytes.Equal(dev.Bytes(), want) {
		t.Error("a page that failed kept the driver from the pages behind it")
	}
	dev.Power().SetTap(failAt{0: true, 2 * sector: true})
	if err := n.erase(0, 3*sector); err != nil {
		t.Fatal(err)
	}
	copy(want[sector:2*sector], erased)
	if !bytes.Equal(dev.Bytes(), want) {
		t.Error("a sector that failed kept the driver from the sectors behind it")
	}
}
