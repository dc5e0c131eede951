package flash

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// Default geometry of the NOR chips on LuatOS modules (xt804.md 1.1).
const (
	DefaultSectorSize = 4096 // bytes erased together
	DefaultPageSize   = 256  // bytes programmed together
)

// MaxSize bounds the chips that can be emulated, so that a wrong number in a
// map or a dump cannot ask for unbounded memory. Unit: bytes.
const MaxSize = 1 << 30

// ErrPowerLost is returned by every call after the power was cut. It is no
// property of the flash: whoever sees it must stop, at once, without cleaning
// up, as a real processor does.
var ErrPowerLost = errors.New("power lost")

// ErrOpFailed is wrapped by the *OpError that is returned when the chip itself
// reports that a program or an erase did not work (a worn-out or broken
// sector).
var ErrOpFailed = errors.New("flash operation failed")

// OpError says which operation failed. Those after it were not tried.
type OpError struct {
	Kind     OpKind
	Off, Len int64 // bytes from the start of the chip; bytes
}

func (e *OpError) Error() string { return fmt.Sprintf("%s at 0x%X: %v", e.Kind, e.Off, ErrOpFailed) }

// Unwrap returns ErrOpFailed.
func (e *OpError) Unwrap() error { return ErrOpFailed }

// RangeError reports an access outside the chip or off its erase grid.
type RangeError struct {
	Op     string // "read", "program", "erase"
	Off    int64  // bytes from the start of the chip or region
	Len    int64  // bytes
	Size   int64  // bytes in the chip or region
	Sector int64  // sector size if the access is misaligned, else 0
}

func (e *RangeError) Error() string {
	if e.Sector != 0 {
		return fmt.Sprintf("%s at 0x%X length 0x%X is not aligned to sectors of 0x%X", e.Op, e.Off, e.Len, e.Sector)
	}
	return fmt.Sprintf("%s at 0x%X length 0x%X is outside 0x0..0x%X", e.Op, e.Off, e.Len, e.Size)
}

// Geometry describes a chip. All fields are in bytes.
type Geometry struct {
	Size       int64
	SectorSize int64
	PageSize   int64
	// Erased is the value of an erased byte. The zero Geometry means 0xFF: use
	// NOR to build one.
	Erased byte
}

// NOR returns the usual geometry for a chip of size bytes: 4096-byte sectors,
// 256-byte pages, erased to 0xFF.
func NOR(size int64) Geometry {
	return Geometry{Size: size, SectorSize: DefaultSectorSize, PageSize: DefaultPageSize, Erased: 0xFF}
}

// Check reports a geometry that no chip can have.
func (g Geometry) Check() error {
	switch {
	case g.Size <= 0 || g.Size > MaxSize:
		return fmt.Errorf("flash size %d: expected 1..%d bytes", g.Size, int64(MaxSize))
	case g.PageSize < 8 || g.PageSize&(g.PageSize-1) != 0:
		return fmt.Errorf("flash page size %d: expected a power of two of at least 8", g.PageSize)
	case g.SectorSize < g.PageSize || g.SectorSize&(g.SectorSize-1) != 0:
		return fmt.Errorf("flash sector size %d: expected a power of two of at least the page size %d", g.SectorSize, g.PageSize)
	case g.Size%g.SectorSize != 0:
		return fmt.Errorf("flash size %d: expected a multiple of the sector size %d", g.Size, g.SectorSize)
	case g.Erased != 0xFF:
		return fmt.Errorf("flash erased value 0x%02X: only 0xFF is emulated (programming clears bits)", g.Erased)
	}
	return nil
}

// Device is one NOR flash chip. It is not safe for concurrent use; fork it, or
// take a [Snapshot], to work on the same contents from several goroutines.
type Device struct {
	geo   Geometry
	power *Power
	tree
	index   int // position on the board, shown in operations
	defects Defects
}

// New returns an erased chip on a power supply of its own.
func New(g Geometry) (*Device, error) {
	if err := g.Check(); err != nil {
		return nil, err
	}
	return &Device{geo: g, power: new(Power), tree: newTree(g)}, nil
}

// Geometry returns the chip's dimensions.
func (d *Device) Geometry() Geometry { return d.geo }

// Size returns the chip's size in bytes.
func (d *Device) Size() int64 { return d.geo.Size }

// Power returns the supply the chip hangs on.
func (d *Device) Power() *Power { return d.power }

// Attach moves the chip to the supply p as chip number index of the board.
// Chips on one supply share operation numbers, tap and power cuts.
func (d *Device) Attach(p *Power, index int) { d.power, d.index = p, index }

// ReadAt fills p with the contents at off. Unlike io.ReaderAt it never reads
// short: an access beyond the end is a *RangeError and reads nothing.
func (d *Device) ReadAt(p []byte, off int64) (int, error) {
	if d.power.lost {
		return 0, ErrPowerLost
	}
	if off < 0 || int64(len(p)) > d.geo.Size-off {
		return 0, &RangeError{Op: "read", Off: off, Len: int64(len(p)), Size: d.geo.Size}
	}
	d.read(p, off)
	if d.defects != nil {
		d.defects.Read(d, p, off)
	}
	return len(p), nil
}

// Program clears bits so that the cells from off on hold the AND of their old
// value and p. It works page by page in ascending order; each page touched is
// one operation. Programming zero bytes does nothing.
func (d *Device) Program(off int64, p []byte) error { return d.program(off, p, stopAt) }

func (d *Device) program(off int64, p []byte, judge func(error) error) error {
	if d.power.lost {
		return ErrPowerLost // also for no bytes at all
	}
	if off < 0 || int64(len(p)) > d.geo.Size-off {
		return &RangeError{Op: "program", Off: off, Len: int64(len(p)), Size: d.geo.Size}
	}
	if d.power.tap == nil && d.defects == nil {
		d.programUnseen(off, p)
		return nil
	}
	for len(p) > 0 {
		n := d.geo.PageSize - off&(d.geo.PageSize-1)
		if n > int64(len(p)) {
			n = int64(len(p))
		}
		if err := judge(d.programPage(off, p[:n])); err != nil {
			return err
		}
		off, p = off+n, p[n:]
	}
	return nil
}

// Erase sets every bit of the sectors from off to off+length, in ascending
// order; each sector is one operation. Both numbers must be sector multiples.
func (d *Device) Erase(off, length int64) error { return d.eraseRange(off, length, stopAt) }

func (d *Device) eraseRange(off, length int64, judge func(error) error) error {
	switch {
	case d.power.lost:
		return ErrPowerLost
	case off < 0 || length < 0 || length > d.geo.Size-off:
		return &RangeError{Op: "erase", Off: off, Len: length, Size: d.geo.Size}
	case (off|length)&(d.geo.SectorSize-1) != 0:
		return &RangeError{Op: "erase", Off: off, Len: length, Sector: d.geo.SectorSize}
	}
	for end := off + length; off < end; off += d.geo.SectorSize {
		if err := judge(d.eraseSector(off)); err != nil {
			return err
		}
	}
	return nil
}

// Refresh erases the sector that holds off and programs it with what it held,
// if p is what it holds at off and if nobody watches: then that is known to
// change nothing but wear and the numbers of the operations. Otherwise it does
// nothing and returns false. P must lie within the sector.
func (d *Device) Refresh(off int64, p []byte) bool {
	at := off & (d.geo.SectorSize - 1)
	if d.power.lost || d.power.tap != nil || d.defects != nil || off < 0 || off >= d.geo.Size || int64(len(p)) > d.geo.SectorSize-at {
		return false
	}
	s := d.sectorAt(off)
	if s == nil || s.data == nil || !bytes.Equal(s.data[at:at+int64(len(p))], p) {
		return false
	}
	d.power.ops += uint64(1 + d.geo.SectorSize/d.geo.PageSize)
	d.power.countErase(d, off)
	d.wearOut(off)
	return true
}

// programUnseen runs the program operations of pages that nobody watches, so
// that nothing can come between them: sector by sector.
func (d *Device) programUnseen(off int64, p []byte) {
	for len(p) > 0 {
		at := off & (d.geo.SectorSize - 1)
		n := min(d.geo.SectorSize-at, int64(len(p)))
		first, last := at/d.geo.PageSize, (at+n-1)/d.geo.PageSize
		d.power.ops += uint64(last - first + 1)
		if n == d.geo.SectorSize {
			d.programSector(off, p[:n])
		} else {
			andInto(d.writable(off)[at:], p[:n])
		}
		off, p = off+n, p[n:]
	}
}

// programPage runs one program operation that a tap sees; p lies within a page.
func (d *Device) programPage(off int64, p []byte) error {
	pw := d.power
	if pw.lost {
		return ErrPowerLost
	}
	return pw.operate(pw.begin(d, OpProgram, d.address(off), int64(len(p)), p))
}

// eraseSector runs one erase operation; off is a sector boundary.
func (d *Device) eraseSector(off int64) error {
	pw := d.power
	if pw.lost {
		return ErrPowerLost
	}
	if pw.tap == nil && d.defects == nil {
		pw.ops++
		pw.countErase(d, off)
		d.erase(off)
		return nil
	}
	return pw.operate(pw.begin(d, OpErase, d.address(off), d.geo.SectorSize, nil))
}

// apply carries an operation out completely.
func (d *Device) apply(op *Op) {
	if op.Kind == OpErase {
		d.erase(op.Off)
		return
	}
	andInto(d.writable(op.Off)[op.Off&(d.geo.SectorSize-1):], op.Data)
}

// Burn writes p at off as a programming cable does: whole cells, no
// operations, no tap, no wear, whatever was there before. It is for building
// and editing images, never for code that runs on the emulated device.
func (d *Device) Burn(off int64, p []byte) error {
	if off < 0 || int64(len(p)) > d.geo.Size-off {
		return &RangeError{Op: "burn", Off: off, Len: int64(len(p)), Size: d.geo.Size}
	}
	for len(p) > 0 {
		at := off & (d.geo.SectorSize - 1)
		n := min(d.geo.SectorSize-at, int64(len(p)))
		// A sector that was never touched needs no memory to be erased: dumps
		// are mostly 0xFF.
		if d.sectorAt(off) != nil || !isErased(p[:n]) {
			copy(d.writable(off)[at:], p[:n])
		}
		off, p = off+n, p[n:]
	}
	return nil
}

// andInto clears in dst the bits that are clear in src.
func andInto(dst, src []byte) {
	dst = dst[:len(src)]
	for len(src) >= 8 {
		binary.LittleEndian.PutUint64(dst, binary.LittleEndian.Uint64(dst)&binary.LittleEndian.Uint64(src))
		dst, src = dst[8:], src[8:]
	}
	for i, b := range src {
		dst[i] &= b
	}
}
