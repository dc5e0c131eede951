package ec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"airlift/flash"
)

// errPatch is a segment that cannot be patched; it never leaves this file.
var errPatch = errors.New("patch failed")

// patchAll patches segment after segment, beginning with the first whose mark
// is not there (ec618.md 4.5).
func (d *deltaRun) patchAll() (bool, error) {
	global := 0
	for i, k := range d.par.Packages {
		if d.par.Method() != 0 {
			d.decide("patch method %d is not known", d.par.Method())
			d.fail(k, errnoMethod)
			d.field[fieldDST] &= 0xC0
			return false, nil
		}
		p, err := d.patcher(k)
		if err != nil {
			if errors.Is(err, flash.ErrPowerLost) {
				return false, err
			}
			var missing *MissingCoreError
			if errors.As(err, &missing) {
				return false, err
			}
			d.decide("%v", err)
			return d.patchFailed(k)
		}
		d.print("pkg[%d/%d:%d].pscu patching...", i+1, len(d.par.Packages), k.Attr)
		d.strayed(d.env, "bootloader", fmt.Sprintf("the new %s image of %d bytes", attrName(k.Attr), k.NewSize), p.nor, p.part, p.part.Off, int64(k.NewSize))
		for n := range p.count {
			if err := d.checkpoint(i, n, global); err != nil {
				return false, err
			}
			if err := d.segment(k, p, p.order(n), global); err != nil {
				if errors.Is(err, errPatch) {
					return d.patchFailed(k)
				}
				return false, err
			}
			global++
		}
		d.print("patch pkg %d successs", i)
	}
	d.field[fieldExit] &= 0xFC
	return true, nil
}

// checkpoint says how far the patching is: apart from the flash, which holds
// the delta, that is all there is in memory.
func (d *deltaRun) checkpoint(pkg, n, global int) error {
	return d.env.Checkpoint(func() []byte {
		p := append([]byte("patch"), d.field[:]...)
		p = append(p, d.par.Hash[:]...)
		return append(p, byte(pkg), byte(n), byte(n>>8), byte(global), byte(global>>8))
	})
}

func (d *deltaRun) patchFailed(k *ParPackage) (bool, error) {
	d.fail(k, errnoPatch)
	d.field[fieldExit] &= 0xFC
	d.field[fieldDST] &= 0xC0
	return false, nil
}

func (d *deltaRun) bit(field, k int) bool { return d.field[field+k/8]&(1<<(k%8)) != 0 }

// clearBit clears a mark in memory and in flash.
func (d *deltaRun) clearBit(field, k int) error {
	d.field[field+k/8] &^= 1 << (k % 8)
	return d.mark()
}

// segment works off one segment: block i of its image, number k of all.
func (d *deltaRun) segment(pkg *ParPackage, p *patcher, i, k int) error {
	if k > maxParSegments || !d.bit(fieldUP, k) {
		return nil // written before
	}
	if p.unchanged(i) {
		return d.clearBit(fieldUP, k)
	}
	size := int64(d.l.Series.SegmentSize())
	off := p.part.Off + int64(i)*size
	backup := d.l.Part(PartBackup).Off
	if !d.bit(fieldBK, k) {
		d.do("put block %d back from the backup zone", i)
		if err := d.restore(p.nor, off, backup, size); err != nil {
			return err
		}
	}
	block, err := p.patch(i)
	if err != nil {
		if errors.Is(err, flash.ErrPowerLost) {
			return err
		}
		d.decide("segment %d: %v", i, err)
		return errPatch
	}
	if d.bit(fieldBK, k) {
		if int64(i)*size < int64(pkg.BaseSize) {
			if err := d.copyToBackup(p.nor, off, backup, size); err != nil {
				return err
			}
		}
		if pkg.ID >= len(d.par.Packages) {
			d.print("conv: invalid pkgId(%d), [0, %d)!", pkg.ID, len(d.par.Packages))
			return errPatch
		}
		if err := d.clearBit(fieldBK, k); err != nil {
			return err
		}
	}
	d.do("segment %d: write %d bytes to 0x%06X", k, len(block), off)
	if err := d.writeBlock(p.nor, off, block); err != nil {
		return err
	}
	return d.clearBit(fieldUP, k)
}

// copyToBackup copies a block to the backup zone, unless it is there.
func (d *deltaRun) copyToBackup(n nor, off, backup, size int64) error {
	block, there := make([]byte, size), make([]byte, size)
	if err := n.read(block, off); err != nil {
		return err
	}
	if err := d.ap().read(there, backup); err != nil {
		return err
	}
	if bytes.Equal(block, there) {
		return nil
	}
	if err := d.ap().erase(backup, size); err != nil {
		return err
	}
	return d.ap().program(backup, block)
}

// restore copies the backup zone back, sector by sector.
func (d *deltaRun) restore(n nor, off, backup, size int64) error {
	p := make([]byte, sector)
	for at := int64(0); at < size; at += sector {
		if err := d.ap().read(p, backup+at); err != nil {
			return err
		}
		if err := n.erase(off+at, sector); err != nil {
			return err
		}
		if err := n.program(off+at, p); err != nil {
			return err
		}
	}
	return nil
}

// writeBlock writes a new block: a full one at once; of the last, partial one
// only the sectors that differ (ec618.md 10.1).
func (d *deltaRun) writeBlock(n nor, off int64, block []byte) error {
	if len(block) == d.l.Series.SegmentSize() {
		if err := n.erase(off, int64(len(block))); err != nil {
			return err
		}
		return n.program(off, block)
	}
	for at := 0; at < len(block); at += sector {
		old := make([]byte, sector)
		if err := n.read(old, off+int64(at)); err != nil {
			return err
		}
		end := min(at+sector, len(block))
		p := append([]byte(nil), block[at:end]...)
		if bytes.Equal(p, old[:len(p)]) {
			continue
		}
		// What lies behind the image is filled with the first bytes of the
		// sector's old content.
		p = append(p, old[:sector-len(p)]...)
		if err := n.erase(off+int64(at), sector); err != nil {
			return err
		}
		if err := n.program(off+int64(at), p); err != nil {
			return err
		}
	}
	return nil
}

// patcher makes the new blocks of one image.
type patcher struct {
	nor       nor
	part      flash.Partition
	count     int
	backwards bool
	unchanged func(i int) bool
	patch     func(i int) ([]byte, error)
}

// order returns the block that is worked off as the n-th.
func (p *patcher) order(n int) int {
	if p.backwards {
		return p.count - 1 - n
	}
	return n
}

// window is the part of an old image that a segment may look at.
type window struct {
	nor nor
	off int64
}

func (w window) ReadAt(p []byte, off int64) (int, error) { return len(p), w.nor.read(p, w.off+off) }

// patcher returns how to make the image of a package.
func (d *deltaRun) patcher(k *ParPackage) (*patcher, error) {
	n, part, ok := d.image(k.Attr)
	if !ok {
		return nil, fmt.Errorf("the boot code has no place for a %s image", attrName(k.Attr))
	}
	p := &patcher{nor: n, part: part, backwards: k.Backwards}
	if d.l.Series == EC7xx && !ownPayload(k.Payload) {
		return p, d.opaque(k, p)
	}
	pl, err := ParsePayload(k.Payload)
	if err != nil {
		return nil, err
	}
	p.count, p.backwards = len(pl.Segments), pl.Backwards
	p.unchanged = func(i int) bool { return pl.Segments[i].Unchanged }
	p.patch = func(i int) ([]byte, error) {
		from, to := pl.Window(i)
		key, ok := n.memoKey("patch", part.Off+from, to-from)
		key.Other = flash.Sum{binary.LittleEndian.Uint64(d.par.Hash[:]), uint64(k.Off)<<32 | uint64(i)} // ids may be the same
		if ok && !n.dev.Power().Lost() {
			if v, ok := d.memo.Get(key); ok {
				return v.([]byte), nil
			}
		}
		block, err := pl.ApplySegment(i, window{n, part.Off + from}, to-from)
		if ok && err == nil {
			d.memo.Put(key, block, int64(len(block)))
		}
		return block, err
	}
	return p, nil
}

// opaque makes the blocks of an EC7xx delta from the new image itself.
func (d *deltaRun) opaque(k *ParPackage, p *patcher) error {
	img := d.cores.find(k.NewHash)
	if img == nil {
		return &MissingCoreError{Image: attrName(k.Attr), Hash: k.NewHash}
	}
	size := d.l.Series.SegmentSize()
	p.count = (len(img) + size - 1) / size
	block := func(i int) []byte { return img[i*size : min(len(img), (i+1)*size)] }
	p.patch = func(i int) ([]byte, error) { return block(i), nil }
	p.unchanged = func(i int) bool {
		old := make([]byte, len(block(i)))
		return p.nor.read(old, p.part.Off+int64(i*size)) == nil && bytes.Equal(old, block(i))
	}
	return nil
}
