package ec

import (
	"bytes"
	"encoding/binary"

	"airlift/chips"
	"airlift/flash"
)

// Places in the progress field (ec618.md 4.4).
const (
	fieldPST    = 0  // progress
	fieldDST    = 1  // state of the mission
	fieldStages = 2  // which validations were begun; bits 4-7: failing package
	fieldExit   = 3  // bits 0-1: unpacked, 2-3: left
	fieldErrors = 4  // bit |errno| cleared
	fieldUP     = 8  // one bit a segment: written
	fieldBK     = 24 // one bit a segment: backed up
)

// Errors of the vendor's layer that leave a mark in the field
// (ec618.md 3.5).
const (
	errnoMethod   = 14
	errnoBase     = 15
	errnoPatch    = 16
	errnoChecksum = 20
)

// maxDelta is the longest delta that boot code looks at (ec618.md 10.1); on
// EC7xx it is the download zone's length (assumption ec7xx-boot).
func (b *bootRun) maxDelta() int64 { return b.l.Part(PartFota).Size }

// deltaRun is one run of the delta procedure. Field is the progress field as
// it is in memory: it goes to flash as a whole, and rarely (ec618.md 10.1).
type deltaRun struct {
	*bootRun
	par   *Par
	raw   []byte // the delta
	field [retentionSize]byte
}

// delta looks for a delta in the download zone and works it off, or goes on
// with one (ec618.md 4.4, 10.1). It returns 0 for no mission, 1 for success
// and -1 for failure.
func (b *bootRun) delta() (int, error) {
	b.print("D-Fota V 1.2")
	head, err := b.head()
	if err != nil {
		return 0, err
	}
	if head == nil {
		var p [2]byte
		if err := b.ap().read(p[:], b.l.Part(PartFota).Off); err != nil {
			return 0, err
		}
		b.print("no par(0x%x) found!", uint16(p[0])|uint16(p[1])<<8)
		return 0, nil
	}
	b.print("total size of delta(*.par) is %d bytes, pseg size(%d).", head.Len, head.SegField)
	if local := byte(0x22); b.l.Series == EC618 && head.Version > local {
		b.print("par.pver(V%d.%d) is newer than local.pver(V1.2)", head.Version>>5, head.Version&0x1F)
	}
	valid := head.Flags >> 6 & 1
	switch {
	case valid == 0 || head.SegField == 0:
		b.print("par pseg(%d) error! size(0x%x)", valid, head.SegField)
		return 0, nil // and looked at again at every start
	case int64(head.Len) > b.maxDelta():
		b.print("error! too large '*.par', maxsize(%d)", b.maxDelta())
		return 0, nil
	}
	d := &deltaRun{bootRun: b, par: head, field: head.Retention}
	return d.run()
}

// run is the procedure for a delta that is there.
func (d *deltaRun) run() (int, error) {
	dst := d.field[fieldDST]
	switch {
	case dst == 0 && d.field[fieldPST]&0x3F == 0:
		d.print("no new DFU mission")
		return d.exit() // once more: a cut may have come in between
	case dst == 0:
		d.print("DFU already done!")
	case dst&0x3F == 0:
		d.print("exception on last DFU! no more try")
		return d.exit()
	}
	ok, err := d.archive()
	if err != nil || !ok {
		return d.failed(err)
	}
	more, err := d.packages()
	if err != nil || !more {
		return 0, err
	}
	if dst != 0 {
		if ok, err := d.bases(); err != nil || !ok {
			return d.failed(err)
		}
		if ok, err := d.patchAll(); err != nil || !ok {
			return d.failed(err)
		}
	}
	d.field[fieldPST] &= 0xE0
	d.field[fieldDST] = 0
	d.field[fieldExit] &= 0xFC
	return d.newImages()
}

// failed ends a run that did not work.
func (d *deltaRun) failed(err error) (int, error) {
	if err != nil || d.end != nil {
		return 0, err
	}
	if err := d.mark(); err != nil {
		return 0, err
	}
	return d.exit()
}

// mark programs the whole field, without an erase: bits only become zero.
func (d *deltaRun) mark() error {
	return d.ap().program(d.l.Part(PartFota).Off+retentionOff, d.field[:])
}

// errno notes an error in the field; 0 means that all is well.
func (d *deltaRun) errno(n int) { d.field[fieldErrors+n/8] &^= 1 << (n % 8) }

// archive checks the hash of the delta.
func (d *deltaRun) archive() (bool, error) {
	d.field[fieldStages] &= 0xFC
	d.raw = make([]byte, max(ParHeadSize, int64(d.par.Len)))
	if err := d.ap().read(d.raw, d.l.Part(PartFota).Off); err != nil {
		return false, err
	}
	if d.par.Len < ParHeadSize || d.hashOf() != d.par.Hash {
		d.decide("the delta's hash is wrong")
		d.errno(errnoChecksum)
		return false, nil
	}
	d.print("delta parchive ok!")
	d.errno(0)
	d.field[fieldPST] &= 0xF8
	d.field[fieldDST] &= 0xFC
	return true, nil
}

// hashOf is the hash of the delta in raw. Its head holds the progress field,
// which the hash leaves out, so only what is behind the head is looked up.
func (d *deltaRun) hashOf() [32]byte {
	n := d.ap()
	k, ok := n.memoKey("par", d.l.Part(PartFota).Off+ParHeadSize, int64(len(d.raw))-ParHeadSize)
	k.Other = flash.Sum{binary.LittleEndian.Uint64(d.raw), uint64(binary.LittleEndian.Uint32(d.raw[8:]))}
	if ok {
		if v, ok := d.memo.Get(k); ok {
			return v.([32]byte)
		}
	}
	sum := parHashOf(d.raw)
	if ok {
		d.memo.Put(k, sum, int64(len(sum)))
	}
	return sum
}

// packages splits the delta. One that announces more packages than it holds is
// no mission: it stays, and is looked at again at every start
// (ec618.md 10.1).
func (d *deltaRun) packages() (bool, error) {
	off := int64(ParHeadSize)
	for i := range d.par.Count() {
		k, err := parseParPackage(d.raw, off)
		if err != nil {
			d.print("error! pkg[%d/%d] length(-1) invalid!", i, d.par.Count())
			d.decide("%v", err)
			return false, d.notePackages()
		}
		d.par.Packages = append(d.par.Packages, k)
		off += int64(k.Len)
	}
	return true, nil
}

// notePackages leaves the record for a delta whose packages are not there.
func (d *deltaRun) notePackages() error {
	var old [4]byte
	if err := d.ap().read(old[:], d.l.Part(PartBackup).Off); err != nil {
		return err
	}
	if want := resultNo(1); !bytes.Equal(old[:], want) {
		if err := d.writeResult(want); err != nil {
			return err
		}
	}
	return d.mark()
}

// bases checks the old images, unless that was done before: once a segment is
// patched they are no more.
func (d *deltaRun) bases() (bool, error) {
	if d.field[fieldPST]&(1<<3) == 0 {
		d.print("continue DFU mission...")
		return true, nil
	}
	d.field[fieldStages] &= 0xF0
	for _, k := range d.par.Packages {
		same, err := d.imageIs(k.Attr, k.BaseSize, k.BaseHash)
		if err != nil {
			return false, err
		}
		if !same {
			d.decide("the %s image in flash is not the one that the delta was made from", attrName(k.Attr))
			d.fail(k, errnoBase)
			return false, nil
		}
	}
	d.print("start a new DFU mission...")
	d.field[fieldPST] &= 0xF0
	d.field[fieldDST] &= 0xF0
	return true, nil
}

// fail notes the package and the error in the field.
func (d *deltaRun) fail(k *ParPackage, errno int) {
	d.field[fieldStages] &= byte(k.ID)<<4 | 0x0F
	d.errno(errno)
}

// newImages checks the hashes of what was made (ec618.md 4.4).
func (d *deltaRun) newImages() (int, error) {
	for _, k := range d.par.Packages {
		if k.NewHash == nil {
			continue // without option 3 nothing is checked
		}
		same, err := d.imageIs(k.Attr, k.NewSize, *k.NewHash)
		if err != nil {
			return 0, err
		}
		if same {
			continue
		}
		old, err := d.imageIs(k.Attr, k.BaseSize, k.BaseHash)
		if err != nil {
			return 0, err
		}
		d.fail(k, errnoBase)
		if old {
			d.print("however, target & base fw are identical!")
			return d.failed(nil)
		}
		if err := d.mark(); err != nil {
			return 0, err
		}
		d.print("oop! target fw(%d) is non-identical!", k.ID)
		d.stop(chips.BootHang, "the new %s image is wrong and the old one is gone: the boot code prints this for ever, after every start", attrName(k.Attr))
		return 0, nil
	}
	d.field[fieldPST] &= 0xC0
	if err := d.mark(); err != nil {
		return 0, err
	}
	return d.exit()
}

// stateOf is the state of a failed mission: the lowest bit of PST that is
// still set (ec618.md 4.4).
func (d *deltaRun) stateOf() byte {
	states := [...]byte{1, 2, 3, 4, 6, 5}
	for i, s := range states {
		if d.field[fieldPST]&(1<<i) != 0 {
			return s
		}
	}
	return 0
}

func resultNo(state byte) []byte { return []byte{'N', 'O', 0, state} }

// exit writes the result and erases the download zone (ec618.md 10.3).
func (d *deltaRun) exit() (int, error) {
	ok := d.field[fieldPST]&0x3F == 0
	result := []byte{'O', 'K', 0, 0}
	ret := 1
	if !ok {
		result, ret = resultNo(d.stateOf()), -1
	}
	if err := d.writeResult(result); err != nil {
		return 0, err
	}
	d.field[fieldExit] &= 0xF3
	clear(d.field[fieldUP:])
	if err := d.mark(); err != nil {
		return 0, err
	}
	zone := d.l.Part(PartFota)
	d.do("erase the download zone")
	if err := d.ap().erase(zone.Off, zone.Size); err != nil {
		return 0, err
	}
	if ok {
		d.print("latest FOTA done with PST(0x%x).", d.field[fieldPST])
		d.print("And succ!")
	} else {
		d.print("But failed!!!")
	}
	return ret, nil
}

// writeResult replaces the whole backup zone by a result record
// (ec618.md 10.1).
func (d *deltaRun) writeResult(record []byte) error {
	zone := d.l.Part(PartBackup)
	if err := d.ap().erase(zone.Off, min(zone.Size, int64(d.l.Series.SegmentSize()))); err != nil {
		return err
	}
	return d.ap().program(zone.Off, record)
}
