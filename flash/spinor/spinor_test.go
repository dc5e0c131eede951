package spinor_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"airlift/flash"
	"airlift/flash/spinor"
)

// wire sends a command and returns what comes after it.
func wire(c *spinor.Chip, out []byte, read int) []byte { return c.Transfer(out, read, true) }

func chip(t rapid.TB, model string) *spinor.Chip {
	t.Helper()
	size := spinor.ModelSize(model)
	if err := spinor.CheckSize(size); err != nil {
		t.Fatal(err)
	}
	dev, err := flash.New(flash.NOR(size))
	if err != nil {
		t.Fatal(err)
	}
	return spinor.New(dev)
}

// TestIdentity: what chips say of themselves.
func TestIdentity(t *testing.T) {
	for model, id := range map[string]byte{"W25Q80": 0x14, "W25Q16": 0x15, "W25Q32": 0x16, "W25Q64": 0x17, "W25Q128": 0x18} {
		c := chip(t, model)
		if got := wire(c, []byte{0x9F}, 3); !bytes.Equal(got, []byte{0xEF, 0x40, id}) {
			t.Errorf("%s: JEDEC ID % X", model, got)
		}
		if got := wire(c, []byte{0x90, 0, 0, 0}, 2); !bytes.Equal(got, []byte{0xEF, id - 1}) {
			t.Errorf("%s: manufacturer and device % X", model, got)
		}
		p := wire(c, []byte{0x5A, 0, 0, 0, 0}, 0xA4)
		at := int(p[12]) | int(p[13])<<8
		if bits := binary.LittleEndian.Uint32(p[at+4:]); string(p[:4]) != "SFDP" || int64(bits)+1 != c.Device().Size()*8 || p[at+1] != 0x20 {
			t.Errorf("%s: parameters % X", model, p)
		}
	}
	for _, size := range []int64{spinor.MinSize, spinor.MaxSize} {
		if err := spinor.CheckSize(size); err != nil {
			t.Error(err)
		}
	}
	for _, size := range []int64{0, 32 << 10, 3 << 20, 32 << 20, spinor.ModelSize("W25Q1")} {
		if spinor.CheckSize(size) == nil {
			t.Errorf("a chip of %d bytes is allowed", size)
		}
	}
}

// TestProgramErase: nothing changes without write enable, programs only clear
// bits and wrap in their page, erases cover their block.
func TestProgramErase(t *testing.T) {
	c := chip(t, "W25Q80")
	read := func(at, n int) []byte { return wire(c, []byte{3, byte(at >> 16), byte(at >> 8), byte(at)}, n) }
	wire(c, []byte{0x02, 0, 0, 0, 'n', 'o'}, 0)
	if got := read(0, 2); !bytes.Equal(got, []byte{0xFF, 0xFF}) {
		t.Errorf("programmed without write enable: % X", got)
	}
	enable := func() { wire(c, []byte{6}, 0) }
	enable()
	if got := wire(c, []byte{5}, 1)[0]; got != 2 {
		t.Errorf("status %02X after write enable", got)
	}
	wire(c, []byte{0x02, 0x00, 0x10, 0xFE, 'a', 'b', 'c', 'd'}, 0)
	if got := read(0x10FE, 4); string(got[:2]) != "ab" || got[2] != 0xFF {
		t.Errorf("end of the page %q", got)
	}
	if got := read(0x1000, 3); string(got[:2]) != "cd" || got[2] != 0xFF {
		t.Errorf("start of the page %q", got)
	}
	if got := wire(c, []byte{5}, 1)[0]; got != 0 {
		t.Errorf("status %02X after a program", got)
	}
	enable()
	wire(c, []byte{0x02, 0x00, 0x10, 0xFE, 0x0F}, 0)
	if got := read(0x10FE, 1)[0]; got != 'a'&0x0F {
		t.Errorf("programmed over: %02X", got)
	}
	enable()
	wire(c, []byte{0x20, 0x00, 0x1F, 0xFF}, 0)
	if got := read(0x10FE, 4); !flash.Erased(got) {
		t.Errorf("after an erase % X", got)
	}
}

// TestSleep: a chip that sleeps answers only the command that wakes it.
func TestSleep(t *testing.T) {
	c := chip(t, "W25Q64")
	wire(c, []byte{0xB9}, 0)
	if got := wire(c, []byte{0x9F}, 3); !flash.Erased(got) {
		t.Errorf("asleep, it says % X", got)
	}
	if got := wire(c, []byte{0xAB, 0, 0, 0}, 1)[0]; got != 0x16 {
		t.Errorf("woken, it says %02X", got)
	}
	if got := wire(c, []byte{0x9F}, 1)[0]; got != 0xEF {
		t.Errorf("awake, it says %02X", got)
	}
}

// TestModel compares a chip with an array of bytes.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := chip(t, "W25Q80")
		const space = 128 << 10
		model := bytes.Repeat([]byte{0xFF}, space)
		for range rapid.IntRange(1, 30).Draw(t, "commands") {
			at := rapid.IntRange(0, space-1).Draw(t, "at")
			head := []byte{0, byte(at >> 16), byte(at >> 8), byte(at)}
			wire(c, []byte{6}, 0)
			switch head[0] = rapid.SampledFrom([]byte{0x02, 0x20, 0x52, 0xD8}).Draw(t, "command"); head[0] {
			case 0x02:
				p := rapid.SliceOfN(rapid.Byte(), 1, 700).Draw(t, "data")
				wire(c, append(head, p...), 0)
				last := map[int]byte{}
				for i, b := range p {
					last[at&^255|(at+i)&255] = b
				}
				for i, b := range last {
					model[i] &= b
				}
			default:
				block := map[byte]int{0x20: 4 << 10, 0x52: 32 << 10, 0xD8: 64 << 10}[head[0]]
				wire(c, head, 0)
				copy(model[at&^(block-1):], bytes.Repeat([]byte{0xFF}, block))
			}
		}
		if got := wire(c, []byte{3, 0, 0, 0}, space); !bytes.Equal(got, model) {
			t.Fatal("the chip differs from the model")
		}
	})
}

// TestCut: a cut in the middle of an erase of a block leaves the rest, and the
// chip does nothing until the power is back.
func TestCut(t *testing.T) {
	c := chip(t, "W25Q80")
	if err := c.Device().Burn(0, make([]byte, 64<<10)); err != nil {
		t.Fatal(err)
	}
	var power flash.Power
	c.Device().Attach(&power, 1)
	power.SetTap(cutAt(3))
	wire(c, []byte{6}, 0)
	wire(c, []byte{0xD8, 0, 0, 0}, 0)
	if !power.Lost() {
		t.Fatal("the power was not cut")
	}
	if got := wire(c, []byte{3, 0, 0, 0}, 1)[0]; got != 0xFF {
		t.Errorf("without power it says %02X", got)
	}
	power.Restore()
	power.SetTap(nil)
	c.PowerOn()
	got := wire(c, []byte{3, 0, 0, 0}, 64<<10)
	if !flash.Erased(got[:3*4096]) || !bytes.Equal(got[3*4096:], make([]byte, 13*4096)) {
		t.Error("not three sectors were erased")
	}
}

// cutAt cuts the power before an operation.
type cutAt uint64

func (n cutAt) Before(op *flash.Op) flash.Fate {
	if op.Seq == uint64(n) {
		return flash.Fate{Kind: flash.FateCutBefore}
	}
	return flash.Fate{}
}

func (n cutAt) After(*flash.Op) {}

// TestDuplex: in full duplex the answer comes after the header; what sends
// nothing goes on with the command before it.
func TestDuplex(t *testing.T) {
	c := chip(t, "W25Q128")
	if err := c.Device().Burn(0x100, []byte("0123456789")); err != nil {
		t.Fatal(err)
	}
	if got := c.Transfer([]byte{0x9F}, 4, false); !bytes.Equal(got, []byte{0xFF, 0xEF, 0x40, 0x18}) {
		t.Errorf("ID in full duplex % X", got)
	}
	if got := c.Transfer([]byte{3, 0, 1, 0, 0xFF, 0xFF}, 8, false); string(got[4:]) != "0123" {
		t.Errorf("read in full duplex %q", got)
	}
	if got := c.Transfer([]byte{0x0B, 0, 1, 0, 0xFF}, 2, true); string(got) != "01" {
		t.Errorf("fast read %q", got)
	}
	c.Transfer([]byte{3, 0, 1, 0}, 0, true)
	if got := string(c.Transfer(nil, 3, true)) + string(c.Transfer(nil, 3, true)); got != "012345" {
		t.Errorf("in pieces %q", got)
	}
}

// TestWhole programs and erases by the functions that send both commands.
func TestWhole(t *testing.T) {
	c := chip(t, "W25Q80")
	if err := c.Device().Burn(0, bytes.Repeat([]byte{0xFF}, 0x30000)); err != nil {
		t.Fatal(err)
	}
	c.ProgramPage(0x0102F0, bytes.Repeat([]byte{1}, 16))
	c.ProgramPage(0x01FFFF, []byte{2})
	c.ProgramPage(0x020000, []byte{3})
	p := make([]byte, 18)
	c.ReadAt(p, 0x0102EF)
	if want := "\xFF" + strings.Repeat("\x01", 16) + "\xFF"; string(p) != want {
		t.Errorf("page % X", p)
	}
	c.Erase64K(0x012345)
	c.ReadAt(p, 0x01FFFF)
	if string(p[:3]) != "\xFF\x03\xFF" {
		t.Errorf("behind the block % X", p[:3])
	}
	c.ReadAt(p, 0x0102EF)
	if !flash.Erased(p) {
		t.Errorf("erased page % X", p)
	}
}

// TestReset: a reset takes two commands, and forgets write enable.
func TestReset(t *testing.T) {
	c := chip(t, "W25Q80")
	wire(c, []byte{6}, 0)
	wire(c, []byte{0x99}, 0)
	if got := wire(c, []byte{5}, 1)[0]; got != 2 {
		t.Errorf("status %02X after half a reset", got)
	}
	wire(c, []byte{0x66}, 0)
	wire(c, []byte{0x99}, 0)
	if got := wire(c, []byte{5}, 1)[0]; got != 0 {
		t.Errorf("status %02X after a reset", got)
	}
}

// FuzzTransfer: no bytes on the wire do harm.
func FuzzTransfer(f *testing.F) {
	f.Add([]byte{6}, []byte{2, 0, 0, 0, 'a'}, []byte{3, 0, 0, 0, 0}, true)
	f.Add([]byte{0xB9}, []byte{0xAB, 9, 9, 9, 9, 9}, []byte{0x5A, 0xFF, 0xFF, 0xFF, 0, 0}, false)
	f.Add([]byte{6}, []byte{0xD8, 0xFF, 0xFF, 0xFF}, []byte{0x4B, 0, 0, 0, 0, 0}, true)
	f.Fuzz(func(t *testing.T, a, b, c []byte, half bool) {
		chip := chip(t, "W25Q80")
		for _, p := range [][]byte{a, b, nil, c} {
			if n := len(chip.Transfer(p[:min(len(p), 4096)], 16, half)); n != 16 {
				t.Fatalf("%d bytes, expected 16", n)
			}
		}
	})
}

// failAt has the chip refuse the operation at a place.
type failAt int64

func (f failAt) Before(op *flash.Op) flash.Fate {
	if op.Off == int64(f) {
		return flash.Fate{Kind: flash.FateFail}
	}
	return flash.Fate{}
}

func (f failAt) After(*flash.Op) {}

// TestEraseGoesOn: a sector that wore out keeps its contents; the others of an
// erased block, and of an erased chip, are erased all the same.
func TestEraseGoesOn(t *testing.T) {
	for name, command := range map[string][]byte{"block": {0xD8, 0, 0, 0}, "chip": {0xC7}} {
		c := chip(t, "W25Q80")
		dev := c.Device()
		if err := dev.Burn(0, make([]byte, 64<<10)); err != nil {
			t.Fatal(err)
		}
		dev.Power().SetTap(failAt(4096))
		wire(c, []byte{0x06}, 0)
		wire(c, command, 0)
		want := bytes.Repeat([]byte{0xFF}, 64<<10)
		clear(want[4096:8192])
		if !bytes.Equal(dev.Bytes()[:64<<10], want) {
			t.Errorf("%s: not erased around the sector that failed", name)
		}
	}
}
