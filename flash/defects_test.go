package flash_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"airlift/flash"
)

// crooked is a chip whose address line 12 is missing, whose byte 5 reads as 0,
// and that fails to program what begins with 'F'. It notes what it is told.
type crooked struct{ log []string }

func (c *crooked) Fork() flash.Defects     { return &crooked{} }
func (c *crooked) State() uint64           { return 0 }
func (c *crooked) Address(off int64) int64 { return off &^ 0x1000 }

func (c *crooked) Read(_ *flash.Device, p []byte, off int64) {
	if off <= 5 && off+int64(len(p)) > 5 {
		p[5-off] = 0
	}
}

func (c *crooked) Before(op *flash.Op) flash.Fate {
	if op.Kind == flash.OpProgram && op.Data[0] == 'F' {
		return flash.Fate{Kind: flash.FateFail}
	}
	return flash.Fate{}
}

func (c *crooked) After(op *flash.Op) { c.log = append(c.log, fmt.Sprintf("%s 0x%X", op.Kind, op.Off)) }
func (c *crooked) Torn(op *flash.Op, before []byte) {
	c.log = append(c.log, fmt.Sprintf("torn %s 0x%X before %q after %q", op.Kind, op.Off, before, op.Old()))
}

// TestDefects: what is wrong with a chip shows in every way of using it, and
// never in its cells.
func TestDefects(t *testing.T) {
	d := newChip(t, 4*4096)
	c := &crooked{}
	d.SetDefects(c)
	if d.Refresh(0, nil) {
		t.Error("a sector of a chip that is watched was refreshed unseen")
	}
	if err := d.Program(0x1000, []byte("abcdefgh")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 8)
	for off, want := range map[int64]string{0: "abcde\x00gh", 0x1000: "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"} {
		if _, err := d.ReadAt(got, off); err != nil {
			t.Fatal(err)
		}
		cells := make([]byte, 8)
		if err := d.Cells(cells, off); err != nil {
			t.Fatal(err)
		}
		if off == 0 && (string(cells) != "abcdefgh" || string(got) != want) || off != 0 && string(cells) != want {
			t.Errorf("at 0x%X: cells %q, read %q, want %q", off, cells, got, want)
		}
	}
	var op *flash.OpError
	if err := d.Program(0x20, []byte("Fail")); !errors.As(err, &op) || op.Off != 0x20 || op.Len != 4 {
		t.Errorf("an operation that fails: %v", err)
	}
	if err := d.Erase(0x3000, 4096); err != nil {
		t.Error(err)
	}
	if want := "[program 0x0 erase 0x2000]"; fmt.Sprint(c.log) != want {
		t.Errorf("told %v, want %s", c.log, want)
	}

	// A cut: the defects hear what the cells were, and they hold what is left.
	c.log = nil
	d.Power().SetTap(tearing{})
	if err := d.Program(0x2000, []byte{0x0F, 0x0F}); err != flash.ErrPowerLost {
		t.Fatal(err)
	}
	if want := `[torn program 0x2000 before "\xff\xff" after "\x0f\xff"]`; fmt.Sprint(c.log) != want {
		t.Errorf("told %v, want %s", c.log, want)
	}
	left := make([]byte, 2)
	if err := d.Cells(left, 0x2000); err != nil || !bytes.Equal(left, []byte{0x0F, 0xFF}) {
		t.Errorf("left % X, %v", left, err)
	}
	if f := d.Fork(); f.Defects() == nil || f.Defects() == flash.Defects(c) {
		t.Error("a fork has no defects of its own")
	}
	for _, at := range []int64{-1, d.Size(), d.Size() - 1} {
		if d.Cells(left, at) == nil {
			t.Errorf("cells at %d", at)
		}
	}
}

// tearing cuts the power in the middle of every operation.
type tearing struct{}

func (tearing) Before(op *flash.Op) flash.Fate { return flash.TearFront(op, op.Len/2) }
func (tearing) After(*flash.Op)                {}

// TestRefreshKeepsOut: refreshing is for chips that nobody watches.
func TestRefreshKeepsOut(t *testing.T) {
	held := bytes.Repeat([]byte{7}, 4096)
	for name, prepare := range map[string]func(*flash.Device){
		"power lost": func(d *flash.Device) { d.Power().Cut() },
		"watched":    func(d *flash.Device) { d.Power().SetTap(tearing{}) },
		"defective":  func(d *flash.Device) { d.SetDefects(&crooked{}) },
		"":           func(*flash.Device) {},
	} {
		d := newChip(t, 4*4096)
		if err := d.Burn(4096, held); err != nil {
			t.Fatal(err)
		}
		prepare(d)
		if got, want := d.Refresh(4096, held), name == ""; got != want {
			t.Errorf("%q: refreshed %v", name, got)
		}
		if ops := d.Power().Ops(); (ops == 17) != (name == "") || ops != 0 && name != "" {
			t.Errorf("%q: %d operations", name, ops)
		}
	}
	d := newChip(t, 4*4096)
	if err := d.Burn(4096, held); err != nil {
		t.Fatal(err)
	}
	other := bytes.Repeat([]byte{7}, 4096)
	other[4095] = 8
	for _, off := range []int64{-4096, 4 * 4096, 4097, 4096} {
		if d.Refresh(off, other) {
			t.Errorf("refreshed at %d", off)
		}
	}
}

// TestUnchecked: a driver that does not look at what the chip says goes on
// behind what failed, wherever the chip says that was, and stops without power.
func TestUnchecked(t *testing.T) {
	data := bytes.Repeat([]byte("abcdefgh"), 1024)
	copy(data[256:], "F")
	copy(data[4096:], "F")
	want := bytes.Clone(data)
	for _, at := range []int{256, 4096} {
		copy(want[at:], bytes.Repeat([]byte{0xFF}, 256))
	}
	d := newChip(t, 8*4096)
	d.SetDefects(&halfDead{})
	r, err := d.Region("half", 8192, 8192)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		program func(int64, []byte) error
		erase   func(int64, int64) error
		off     int64
	}{
		"chip":   {d.ProgramUnchecked, d.EraseUnchecked, 0},
		"region": {r.ProgramUnchecked, r.EraseUnchecked, 8192},
	} {
		if err := c.program(0, data); err != nil {
			t.Fatal(err)
		}
		if got := d.Bytes()[c.off:][:8192]; !bytes.Equal(got, want) {
			t.Errorf("%s: the pages behind one that failed were not programmed", name)
		}
		if err := c.erase(0, 8192); err != nil {
			t.Fatal(err)
		}
		left := append(bytes.Clone(want[:4096]), bytes.Repeat([]byte{0xFF}, 4096)...)
		if got := d.Bytes()[c.off:][:8192]; !bytes.Equal(got, left) {
			t.Errorf("%s: the sector behind one that failed was not erased", name)
		}
		var outside *flash.RangeError
		if err := c.program(1<<20, data); !errors.As(err, &outside) {
			t.Errorf("%s: program outside: %v", name, err)
		}
		if err := c.erase(1<<20, 4096); !errors.As(err, &outside) {
			t.Errorf("%s: erase outside: %v", name, err)
		}
	}
	d.Power().Cut()
	if err := d.ProgramUnchecked(0, data); err != flash.ErrPowerLost {
		t.Error(err)
	}
	if err := d.EraseUnchecked(0, 4096); err != flash.ErrPowerLost {
		t.Error(err)
	}
}

// halfDead is a chip that fails to program what begins with 'F', and to erase
// every second sector.
type halfDead struct{ crooked }

func (*halfDead) Address(off int64) int64 { return off }

func (f *halfDead) Before(op *flash.Op) flash.Fate {
	if op.Kind == flash.OpErase && op.Off%8192 == 0 {
		return flash.Fate{Kind: flash.FateFail}
	}
	return f.crooked.Before(op)
}

func (*halfDead) Read(*flash.Device, []byte, int64) {}
