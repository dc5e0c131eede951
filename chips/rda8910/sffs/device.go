package sffs

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"airlift/flash"
	"airlift/flash/explain"
)

// Geometry are the units of a block device in bytes (8910.md 1.4).
type Geometry struct {
	EraseBlock int64 // what is erased at a time, a multiple of the flash's sectors
	Place      int64 // of one logical block with its head and tail: "physical block"
}

// Flash is what a block device lies on: a flash.Region.
type Flash interface {
	ReadAt(p []byte, off int64) (int, error)
	ProgramUnchecked(off int64, p []byte) error
	EraseUnchecked(off, length int64) error
	Off() int64
	Size() int64
	Geometry() flash.Geometry
}

// Layout of a place (8910.md 1.7).
const (
	placeHead  = 4 // erase count and geometry byte
	placeTail  = 8 // sequence, logical block, CRC
	fbdVersion = 0x20000
	maxErases  = 0xF00000 // a head with more is no head
	noPlace    = -1
	noBlock    = 0xFFFF
	maxPlaces  = 1 << 16
)

var le = binary.LittleEndian

// placeState is what a place holds.
type placeState uint8

const (
	placeDeleted  placeState = iota // nothing: it can be used after an erase
	placeValid                      // a logical block
	placeWritable                   // erased since the device was opened
	blockNew                        // first place of an erase block that was only formatted
	blockUnknown                    // first place of an erase block that is not the device's
)

// device is a flash block device of version 2. Places are counted over all
// erase blocks.
type device struct {
	r       Flash
	g       Geometry
	geom    byte
	perEB   int
	ebs     int
	blocks  int   // logical
	lb2pb   []int // place of each logical block, or noPlace
	state   []placeState
	erases  []uint32 // of each erase block
	nextEB  int      // the spare erase block
	free    int      // places from free to freeEnd are writable
	freeEnd int
	scratch []byte
}

// PanicError reports what stops the real device with a panic: it resets.
type PanicError struct{ Why string }

func (e *PanicError) Error() string { return "flash block device: panic: " + e.Why }

// ResetsChip says that the device goes on with a reset.
func (e *PanicError) ResetsChip() bool { return true }

// payload is the length of a logical block in bytes.
func (g Geometry) payload() int64 { return g.Place - placeHead - placeTail }

func (g Geometry) check(r Flash) error {
	sector := r.Geometry().SectorSize
	switch {
	case g.EraseBlock <= 0 || g.EraseBlock%sector != 0 || g.Place < minPlace || g.Place > g.EraseBlock || g.EraseBlock%g.Place != 0:
		return fmt.Errorf("flash block device: erase blocks of %d and places of %d bytes do not fit sectors of %d", g.EraseBlock, g.Place, sector)
	case r.Size()%g.EraseBlock != 0 || r.Size()/g.EraseBlock < 2:
		return fmt.Errorf("flash block device: %d bytes: expected at least two erase blocks of %d", r.Size(), g.EraseBlock)
	case r.Size()/g.Place > maxPlaces-1:
		return fmt.Errorf("flash block device: %d places: expected fewer than %d", r.Size()/g.Place, maxPlaces)
	}
	return nil
}

// geometryByte marks the places of a device: a CRC-8 over its dimensions
// (8910.md 1.7, vectors in 8.1).
func (g Geometry) geometryByte(start, size int64) byte {
	var words []byte
	for _, v := range []int64{fbdVersion, start, size, g.EraseBlock, g.Place} {
		words = le.AppendUint32(words, uint32(v))
	}
	c := byte(0xFF)
	for _, b := range words {
		c ^= b
		for range 8 {
			c = c>>1 ^ c&1*0xE0 // polynomial 0x07, reflected
		}
	}
	switch c {
	case 0:
		return 1
	case 0xFF:
		return 0x7F
	}
	return c
}

func newDevice(r Flash, g Geometry) (*device, error) {
	if err := g.check(r); err != nil {
		return nil, err
	}
	perEB, ebs := int(g.EraseBlock/g.Place), int(r.Size()/g.EraseBlock)
	d := &device{
		r: r, g: g, geom: g.geometryByte(r.Off(), r.Size()), perEB: perEB, ebs: ebs, blocks: (ebs-1)*perEB - 1,
		state: make([]placeState, ebs*perEB), erases: make([]uint32, ebs), scratch: make([]byte, g.Place),
	}
	d.lb2pb = make([]int, d.blocks)
	return d, nil
}

// formatDevice strikes out everything: the head of each erase block becomes
// zero, which a later scan takes for "nothing here, erased once".
func formatDevice(r Flash, g Geometry) error {
	d, err := newDevice(r, g)
	if err != nil {
		return err
	}
	for eb := range d.ebs {
		if err := d.program(int64(eb)*g.EraseBlock, make([]byte, placeHead)); err != nil {
			return err
		}
	}
	return nil
}

// openDevice reads all places. What a cut left half done is finished, unless
// look is set: then nothing is written.
func openDevice(r Flash, g Geometry, look bool) (*device, error) {
	d, err := newDevice(r, g)
	if err != nil {
		return nil, err
	}
	// Of two places with the same logical block the newer wins. If that leaves
	// no spare erase block, a cut happened while one was moved: then the older
	// one wins, which makes the target of the move the spare again.
	for _, newest := range []bool{true, false} {
		stale, err := d.scan(newest)
		if err != nil {
			return nil, err
		}
		if d.nextEB = d.spare(); d.nextEB < 0 {
			continue
		}
		for _, pb := range stale {
			if look {
				break
			}
			if err := d.strike(pb); err != nil {
				return nil, err
			}
		}
		return d, nil
	}
	return nil, &explain.FormatError{Off: r.Off(), What: "flash block device", Want: "an erase block with nothing in it", Got: "none"}
}

// scan reads the state of all places, and returns those that are out of date.
func (d *device) scan(newest bool) (stale []int, err error) {
	for i := range d.lb2pb {
		d.lb2pb[i] = noPlace
	}
	seqs := make([]uint16, d.blocks)
	eb := make([]byte, d.g.EraseBlock)
	known := uint32(0)
	for n := range d.ebs {
		if _, err := d.r.ReadAt(eb, int64(n)*d.g.EraseBlock); err != nil {
			return nil, err
		}
		first := n * d.perEB
		for i := range d.perEB {
			d.state[first+i] = placeDeleted
		}
		switch d.judge(eb[:d.g.Place], true) {
		case blockNew:
			d.erases[n] = 1
			continue
		case blockUnknown:
			d.erases[n] = 0
			continue
		}
		d.erases[n] = le.Uint32(eb) >> 8
		known = d.erases[n]
		for i := range d.perEB {
			p := eb[int64(i)*d.g.Place:][:d.g.Place]
			if d.judge(p, i == 0) != placeValid {
				continue
			}
			seq, lb := le.Uint16(p[d.g.Place-placeTail:]), int(le.Uint16(p[d.g.Place-placeTail+2:]))
			if lb >= d.blocks {
				continue // the device would write outside its tables; it never makes such a block
			}
			pb, old := first+i, d.lb2pb[lb]
			if old != noPlace && (int16(seq-seqs[lb]) > 0) != newest {
				stale = append(stale, pb)
				continue
			}
			if old != noPlace {
				d.state[old] = placeDeleted
				stale = append(stale, old)
			}
			d.state[pb], d.lb2pb[lb], seqs[lb] = placeValid, pb, seq
		}
	}
	for n := range d.erases {
		if d.erases[n] == 0 {
			d.erases[n] = known
		}
	}
	return stale, nil
}

// judge says what a place holds. The first place of an erase block also says
// whether the erase block is the device's.
func (d *device) judge(p []byte, first bool) placeState {
	head := le.Uint32(p)
	switch {
	case first && head == 0:
		return blockNew
	case first && (byte(head)&^d.geom != 0 || head>>8 > maxErases):
		return blockUnknown
	case byte(head) != d.geom || head>>8 > maxErases:
		return placeDeleted
	}
	tail := p[len(p)-placeTail:]
	sum := le.Uint32(tail[4:])
	if sum == 0 || sum == 0xFFFFFFFF || sum != placeCRC(p) {
		return placeDeleted
	}
	return placeValid
}

// placeCRC is the CRC of a place, which is never that of a struck out or an
// erased one.
func placeCRC(p []byte) uint32 {
	switch c := crc32.ChecksumIEEE(p[:len(p)-4]); c {
	case 0:
		return 1
	case 0xFFFFFFFF:
		return 0x80000000
	default:
		return c
	}
}

// spare returns the erase block with nothing in it that was erased least
// often, or -1.
func (d *device) spare() int {
	best, least := -1, uint32(maxErases)
	for n := range d.ebs {
		if d.erases[n] < least && !d.holds(n, placeValid) && !d.holds(n, placeWritable) {
			best, least = n, d.erases[n]
		}
	}
	return best
}

func (d *device) holds(eb int, s placeState) bool {
	for _, have := range d.state[eb*d.perEB : (eb+1)*d.perEB] {
		if have == s {
			return true
		}
	}
	return false
}

// program does not look at the chip's error bits: the driver does not, the block
// device compares what it wrote.
func (d *device) program(off int64, p []byte) error { return d.r.ProgramUnchecked(off, p) }

// strike marks a place as deleted: its tail becomes zero.
func (d *device) strike(pb int) error {
	return d.program(int64(pb+1)*d.g.Place-placeTail, make([]byte, placeTail))
}

// read fills p with a logical block; one that was never written reads as 0xFF.
func (d *device) read(lb int, p []byte) error {
	if pb := d.lb2pb[lb]; pb != noPlace {
		_, err := d.r.ReadAt(p[:d.g.payload()], int64(pb)*d.g.Place+placeHead)
		return err
	}
	for i := range p {
		p[i] = 0xFF
	}
	return nil
}

// write replaces a logical block.
func (d *device) write(lb int, payload []byte) error {
	pb, err := d.writable()
	if err != nil {
		return err
	}
	p, old, seq := d.scratch, d.lb2pb[lb], uint16(1)
	if old != noPlace {
		var tail [2]byte
		if _, err := d.r.ReadAt(tail[:], int64(old+1)*d.g.Place-placeTail); err != nil {
			return err
		}
		seq = le.Uint16(tail[:]) + 1
	}
	copy(p[placeHead:], payload[:d.g.payload()])
	if err := d.put(pb, p, seq, uint16(lb)); err != nil {
		return err
	}
	if old != noPlace {
		d.state[old] = placeDeleted
		if err := d.strike(old); err != nil {
			return err
		}
	}
	d.lb2pb[lb] = pb
	return nil
}

// put completes a place whose payload is there, writes it and compares.
func (d *device) put(pb int, p []byte, seq, lb uint16) error {
	le.PutUint32(p, d.erases[pb/d.perEB]<<8|uint32(d.geom))
	tail := p[len(p)-placeTail:]
	le.PutUint16(tail, seq)
	le.PutUint16(tail[2:], lb)
	le.PutUint32(tail[4:], placeCRC(p))
	off := int64(pb) * d.g.Place
	if err := d.program(off, p); err != nil {
		return err
	}
	back := make([]byte, len(p))
	if _, err := d.r.ReadAt(back, off); err != nil {
		return err
	}
	if string(back) != string(p) {
		return &PanicError{fmt.Sprintf("what was written to 0x%X reads back differently", d.r.Off()+off)}
	}
	d.state[pb] = placeValid
	return nil
}

// erase forgets a logical block.
func (d *device) erase(lb int) error {
	pb := d.lb2pb[lb]
	if pb == noPlace {
		return nil
	}
	d.state[pb], d.lb2pb[lb] = placeDeleted, noPlace
	return d.strike(pb)
}

// writable returns a place that can be written, and reclaims one if need be.
func (d *device) writable() (int, error) {
	if d.free == d.freeEnd {
		if err := d.reclaim(); err != nil {
			return 0, err
		}
	}
	if d.free == d.freeEnd {
		return 0, &PanicError{"no place is free after a reclaim"}
	}
	d.free++
	return d.free - 1, nil
}

// reclaim erases the spare erase block, and moves into it what is valid in the
// erase block that has something deleted and was erased least often.
func (d *device) reclaim() error {
	from, least := -1, uint32(maxErases)
	for n := range d.ebs {
		if n != d.nextEB && d.erases[n] < least && d.holds(n, placeDeleted) {
			from, least = n, d.erases[n]
		}
	}
	if from < 0 || d.nextEB < 0 {
		return &PanicError{"nothing can be reclaimed"}
	}
	to := d.nextEB
	if err := d.r.EraseUnchecked(int64(to)*d.g.EraseBlock, d.g.EraseBlock); err != nil {
		return err
	}
	d.erases[to]++
	for i := range d.perEB {
		d.state[to*d.perEB+i] = placeWritable
	}
	if err := d.move(from, to); err != nil {
		return err
	}
	if d.nextEB = d.spare(); d.nextEB < 0 {
		return &PanicError{"no spare erase block is left"}
	}
	return nil
}

// move copies what is valid from one erase block to another, each with the next
// sequence number, and then strikes out the old places.
func (d *device) move(from, to int) error {
	d.free, d.freeEnd = to*d.perEB, (to+1)*d.perEB
	for i := range d.perEB {
		pb := from*d.perEB + i
		if d.state[pb] != placeValid {
			continue
		}
		p := d.scratch
		if _, err := d.r.ReadAt(p, int64(pb)*d.g.Place); err != nil {
			return err
		}
		tail := p[len(p)-placeTail:]
		lb := le.Uint16(tail[2:])
		if err := d.put(d.free, p, le.Uint16(tail)+1, lb); err != nil {
			return err
		}
		d.lb2pb[lb] = d.free
		d.free++
	}
	for i := range d.perEB {
		pb := from*d.perEB + i
		if d.state[pb] == placeValid {
			if err := d.strike(pb); err != nil {
				return err
			}
		}
		d.state[pb] = placeDeleted
	}
	return nil
}
