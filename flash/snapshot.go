package flash

import (
	"crypto/sha256"
	"fmt"
	"io"
)

// Snapshot is the frozen contents of a chip. It never changes, and any number
// of goroutines may make devices from it.
type Snapshot struct {
	geo Geometry
	t   tree
}

// Snapshot freezes the current contents. It costs as much as a fork.
func (d *Device) Snapshot() *Snapshot { return &Snapshot{geo: d.geo, t: d.fork()} }

// Device returns a chip with the snapshot's contents on a supply of its own.
func (s *Snapshot) Device() *Device {
	t := tree{sectorSize: s.t.sectorSize, owner: new(token), root: make([]*chunk, len(s.t.root))}
	copy(t.root, s.t.root)
	return &Device{geo: s.geo, power: new(Power), tree: t}
}

// Hash is the content hash of the snapshot, as [Device.Hash].
func (s *Snapshot) Hash() [sha256.Size]byte { return s.t.contentHash(s.geo.Size / s.geo.SectorSize) }

// Fork returns an independent chip with the same contents and wear, on a new
// supply without a tap. Sectors are shared until one side changes them.
func (d *Device) Fork() *Device {
	f := &Device{geo: d.geo, power: new(Power), tree: d.fork(), index: d.index}
	if d.defects != nil {
		f.defects = d.defects.Fork()
	}
	return f
}

// Hash returns a hash of the contents: equal for equal bytes and geometry,
// whatever the history. It is not the SHA-256 of the bytes in a row; it is
// kept per sector, so asking again after small changes is cheap.
func (d *Device) Hash() [sha256.Size]byte { return d.contentHash(d.geo.Size / d.geo.SectorSize) }

// Wear returns how often the sector that holds off was erased.
func (d *Device) Wear(off int64) uint32 {
	if off < 0 || off >= d.geo.Size {
		return 0
	}
	if s := d.sectorAt(off); s != nil {
		return s.wear
	}
	return 0
}

// Bytes returns a copy of the whole contents, whether or not the power is on.
func (d *Device) Bytes() []byte {
	p := make([]byte, d.geo.Size)
	d.read(p, 0)
	return p
}

// WriteTo writes the contents as an ordinary flash dump: every byte in
// address order, nothing else. It implements io.WriterTo.
func (d *Device) WriteTo(w io.Writer) (int64, error) {
	var written int64
	buf := make([]byte, d.geo.SectorSize)
	for off := int64(0); off < d.geo.Size; off += d.geo.SectorSize {
		d.read(buf, off)
		n, err := w.Write(buf)
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// LoadDump replaces the contents by those of a flash dump, which must be
// exactly as long as the chip. On an error the contents are undefined.
func (d *Device) LoadDump(r io.Reader) error {
	buf := make([]byte, d.geo.SectorSize)
	for off := int64(0); off < d.geo.Size; off += d.geo.SectorSize {
		if n, err := io.ReadFull(r, buf); err != nil {
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				return fmt.Errorf("flash dump ends at offset 0x%X: expected 0x%X bytes", off+int64(n), d.geo.Size)
			}
			return fmt.Errorf("read flash dump at offset 0x%X: %w", off, err)
		}
		if err := d.Burn(off, buf); err != nil {
			return err
		}
	}
	switch n, err := io.ReadFull(r, buf[:1]); {
	case n != 0:
		return fmt.Errorf("flash dump goes on at offset 0x%X: expected 0x%X bytes", d.geo.Size, d.geo.Size)
	case err != io.EOF:
		return fmt.Errorf("read flash dump at offset 0x%X: %w", d.geo.Size, err)
	}
	return nil
}

// Expect says that sectors will be programmed, as a whole, with what s holds
// there. That changes nothing, but such sectors then share the memory of s,
// and what is known of its contents. Forks inherit it.
func (d *Device) Expect(s *Snapshot) {
	if s.geo != d.geo {
		panic("flash: a chip cannot become one of another geometry")
	}
	s.Device().Sum() // so that the sums are there
	d.hint = s.t.root
}

// View calls fn with the n bytes from off on, in pieces as they lie in memory,
// until it returns false. It is ReadAt without the copy: fn must not change or
// keep them.
func (d *Device) View(off, n int64, fn func(p []byte) bool) error {
	if d.power.lost {
		return ErrPowerLost
	}
	if off < 0 || n < 0 || n > d.geo.Size-off {
		return &RangeError{Op: "read", Off: off, Len: n, Size: d.geo.Size}
	}
	for n > 0 {
		at := off & (d.geo.SectorSize - 1)
		size := min(d.geo.SectorSize-at, n)
		p := erasedBlock
		if d.defects != nil {
			p = make([]byte, size)
			d.read(p, off)
			d.defects.Read(d, p, off)
		} else if s := d.sectorAt(off); s != nil && s.data != nil {
			p = s.data[at:]
		}
		size = min(size, int64(len(p)))
		if !fn(p[:size:size]) {
			return nil
		}
		off, n = off+size, n-size
	}
	return nil
}

// RangeSum is the [Sum] of the n bytes from off on: equal for equal bytes at
// equal places. It is a key for what was computed from them before.
func (d *Device) RangeSum(off, n int64) Sum {
	total := Sum{uint64(n), uint64(off)}
	for n > 0 {
		at := off & (d.geo.SectorSize - 1)
		size := min(d.geo.SectorSize-at, n)
		if s := d.sectorAt(off); s != nil && s.data != nil {
			sum := Sum{}
			if size == d.geo.SectorSize {
				sum = s.sum()
			} else {
				sum = sumBytes(s.data[at : at+size])
			}
			total = total.add(sum.at(uint64(off)))
		}
		off, n = off+size, n-size
	}
	return total
}

// WearMap returns how often each sector was erased, in ascending order.
func (d *Device) WearMap() []uint32 {
	wear := make([]uint32, d.geo.Size/d.geo.SectorSize)
	for ci, c := range d.root {
		if c == nil {
			continue
		}
		for si, s := range c.sectors {
			if s != nil {
				wear[ci*sectorsPerChunk+si] = s.wear
			}
		}
	}
	return wear
}
