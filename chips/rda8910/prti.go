package rda8910

import (
	"bytes"
	"fmt"
	"hash/crc32"

	"airlift/flash"
	"airlift/flash/explain"
)

// Sizes and names in a partition table (8910.md 1.6).
const (
	prtiMagic   = "PRTI"
	prtiHead    = 16
	prtiVersion = 0x100
	prtiDevice  = 32 // FBD2: flash block device
	prtiBlock   = 24 // BPRT: block partition
	prtiVolume  = 80 // SFFS: file system
	prtiMax     = 4 * kib
)

// Flags of devices and volumes (8910.md 1.6).
const (
	PrtiBootReadOnly = 1 << iota // boot code may not write
	PrtiAppReadOnly              // the application may not write
	PrtiBootIgnores              // boot code does not look at it
	PrtiAppIgnores
)

// Partitions is the table that boot code and core carry in their images: which
// file systems there are (8910.md 1.6). All numbers are little-endian.
type Partitions struct {
	Off     int64 // bytes from the start of the image
	Len     int64
	Devices []BlockDevice
	Volumes []Volume
}

// BlockDevice is a flash block device, "FBD2".
type BlockDevice struct {
	Name              string // "FSYS"
	Start, Size       uint32 // bytes; Start is an offset in the flash
	EraseBlock, Place uint32 // bytes
	Flags             uint32
}

// Volume is an SFFS on a block device.
type Volume struct {
	Device  string // its name
	Mount   string // "/modem"
	Reserve uint32 // blocks
	Flags   uint32
}

// FindPartitions looks for a table in an image. It reports nil for an image
// without one.
func FindPartitions(img []byte) *Partitions {
	for at := 0; ; {
		i := bytes.Index(img[at:], []byte(prtiMagic))
		if i < 0 {
			return nil
		}
		at += i
		if p, err := ParsePartitions(img[at:]); err == nil {
			p.Off = int64(at)
			return p
		}
		at += len(prtiMagic)
	}
}

// ParsePartitions reads the table at the start of b. The error is a
// *explain.FormatError.
func ParsePartitions(b []byte) (*Partitions, error) {
	if len(b) < prtiHead || string(b[:4]) != prtiMagic {
		return nil, wrong(0, "partition table", "16 bytes that begin with PRTI", len(b))
	}
	crc, size, version := le.Uint32(b[4:]), le.Uint32(b[8:]), le.Uint32(b[12:])
	switch {
	case size < prtiHead || size > prtiMax || int64(size) > int64(len(b)):
		return nil, wrong(8, "size of the partition table", fmt.Sprintf("%d..%d", prtiHead, min(prtiMax, len(b))), size)
	case crc32.ChecksumIEEE(b[8:size]) != crc:
		return nil, wrong(4, "CRC of the partition table", fmt.Sprintf("0x%08X", crc32.ChecksumIEEE(b[8:size])), fmt.Sprintf("0x%08X", crc))
	case version != prtiVersion:
		return nil, wrong(12, "version of the partition table", "0x100", fmt.Sprintf("0x%X", version))
	}
	p := &Partitions{Len: int64(size)}
	for off := prtiHead; off < int(size); {
		n, err := p.record(b[off:size], int64(off))
		if err != nil {
			return nil, err
		}
		off += n
	}
	return p, nil
}

// record reads one record, and returns its length.
func (p *Partitions) record(b []byte, off int64) (int, error) {
	lengths := map[string]int{"FBD2": prtiDevice, "BPRT": prtiBlock, "SFFS": prtiVolume}
	tag := string(b[:min(4, len(b))])
	n, ok := lengths[tag]
	if !ok || n > len(b) {
		return 0, wrong(off, "record of the partition table", "FBD2, BPRT or SFFS, whole", fmt.Sprintf("%q in %d bytes", tag, len(b)))
	}
	word := func(at int) uint32 { return le.Uint32(b[at:]) }
	switch tag {
	case "FBD2":
		p.Devices = append(p.Devices, BlockDevice{cstring(b[8:12]), word(12), word(16), word(20), word(24), word(28)})
	case "SFFS":
		p.Volumes = append(p.Volumes, Volume{cstring(b[4:8]), cstring(b[8:72]), word(72), word(76)})
	}
	return n, nil
}

// Encode returns the table.
func (p *Partitions) Encode() []byte {
	b := append([]byte(prtiMagic), make([]byte, prtiHead-4)...)
	name := func(s string, n int) { b = append(b, append([]byte(s), make([]byte, n)...)[:n]...) }
	words := func(list ...uint32) {
		for _, v := range list {
			b = le.AppendUint32(b, v)
		}
	}
	for _, d := range p.Devices {
		name("FBD2"+flashName, 8)
		name(d.Name, 4)
		words(d.Start, d.Size, d.EraseBlock, d.Place, d.Flags)
	}
	for _, v := range p.Volumes {
		name("SFFS", 4)
		name(v.Device, 4)
		name(v.Mount, 64)
		words(v.Reserve, v.Flags)
	}
	le.PutUint32(b[8:], uint32(len(b)))
	le.PutUint32(b[12:], prtiVersion)
	le.PutUint32(b[4:], crc32.ChecksumIEEE(b[8:]))
	return b
}

// volumeNames are the partitions with file systems and the names of their block
// devices.
var volumeNames = []struct {
	part, device string
	deviceFlags  uint32
	flags        uint32
}{
	{PartFS, "FSYS", 0, 0},
	{PartModem, "FMOD", 0, PrtiAppReadOnly},
	{PartFactory, "FFAC", PrtiBootIgnores, PrtiBootIgnores | PrtiAppReadOnly | PrtiBootReadOnly},
}

// partitions returns the table of a layout.
func (l *Layout) partitions() *Partitions {
	p := new(Partitions)
	for _, v := range volumeNames {
		part, cfg := l.Part(v.part), volumeConfig(v.part)
		mount := mountPoint(v.part)
		p.Devices = append(p.Devices, BlockDevice{v.device, uint32(part.Off), uint32(part.Size), uint32(cfg.EraseBlock), uint32(cfg.Place), v.deviceFlags})
		p.Volumes = append(p.Volumes, Volume{v.device, mount[:max(1, len(mount)-1)], uint32(cfg.Reserve), v.flags})
	}
	return p
}

// fits says where the file systems of a core are not where the layout has them.
func (p *Partitions) fits(l *Layout) error {
	for _, v := range volumeNames {
		want := l.Part(v.part)
		for _, d := range p.Devices {
			if d.Name == v.device && (int64(d.Start) != want.Off || int64(d.Size) != want.Size) {
				return fmt.Errorf("its partition table has %s at 0x%06X with 0x%X bytes, the map of the profile at 0x%06X with 0x%X: choose another profile", d.Name, d.Start, d.Size, want.Off, want.Size)
			}
		}
	}
	return nil
}

// explainPartitions adds the table of an image to its field.
func explainPartitions(f *explain.Field, img []byte, off int64) {
	p := FindPartitions(img)
	if p == nil {
		return
	}
	t := explain.Field{Off: off + p.Off, Len: p.Len, Name: "PRTI", Value: fmt.Sprintf("%d block devices", len(p.Devices)), Meaning: "partition table", Verdict: explain.OK}
	at := t.Off + prtiHead
	for _, d := range p.Devices {
		t.Add(explain.Field{Off: at, Len: prtiDevice, Name: "FBD2 " + explain.Printable(d.Name), Value: fmt.Sprintf("0x%06X+0x%X", d.Start, d.Size),
			Meaning: fmt.Sprintf("erase blocks of 0x%X, places of 0x%X, flags %d", d.EraseBlock, d.Place, d.Flags)})
		at += prtiDevice
	}
	for _, v := range p.Volumes {
		t.Add(explain.Field{Off: at, Len: prtiVolume, Name: "SFFS " + explain.Printable(v.Device), Value: explain.Printable(v.Mount),
			Meaning: fmt.Sprintf("%d blocks in reserve, flags %d", v.Reserve, v.Flags)})
		at += prtiVolume
	}
	f.Add(t)
}

// tableRoom is where a synthetic core carries its partition table: behind the
// place of its descriptor.
const tableRoom = 0x4000

// addPartitions writes the table of a layout into a core's code, if it is long
// enough.
func addPartitions(code []byte, t flash.Table) {
	l := Layout{t}
	b := l.partitions().Encode()
	if tableRoom+len(b) <= len(code) {
		copy(code[tableRoom:], b)
	}
}
