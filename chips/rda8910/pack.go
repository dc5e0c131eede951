package rda8910

import (
	"bytes"
	"fmt"

	"airlift/flash/explain"
)

const (
	packMagic     = "RDAOTA02"
	packOldMagic  = "RDAOTA01" // version 1, which nobody has described
	packHead      = 36         // bytes before the version strings
	packTmpSize   = 0x10000    // tmp_file_size of every pack seen
	packBlockSize = 0x10000    // of flash and blocked files
	flashName     = "SFL1"
	maxName       = 256 // bytes of a name or version with its NULs
	maxBulks      = 4096
	maxBundles    = 4096
	maxUnpacked   = 4 * maxPlain // bytes of all bundles
)

// BulkType says what a bulk changes (8910.md 2.5).
type BulkType uint32

const (
	BulkFlash   BulkType = iota // RAW_FLASH: part of the flash
	BulkBlocked                 // BLOCKED_FILE: file of LZMAR pieces
	BulkPlain                   // PLAIN_FILE: file as it is
	BulkRemove                  // REMOVE_FILE
	BulkInsert                  // INSERT_FILE
)

func (t BulkType) String() string {
	names := [...]string{"RAW_FLASH", "BLOCKED_FILE", "PLAIN_FILE", "REMOVE_FILE", "INSERT_FILE"}
	if int64(t) < int64(len(names)) {
		return names[t]
	}
	return fmt.Sprintf("type %d", uint32(t))
}

// Pack is a core pack, "RDAOTA02" (8910.md 2.5). All numbers are little-endian
// in the file.
type Pack struct {
	Size       uint32 // file_size
	CRC        uint32 // pack_crc
	HeaderSize uint32 // bytes up to the first bundle
	TmpSize    uint32 // tmp_file_size: of fota.tmp
	Blocks     uint32 // block_count: of all bulks
	OldVersion string // "" for absent
	NewVersion string
	Bulks      []Bulk
	computed   uint32
	nameSize   uint32
	data       []byte
	keep       bool // remember unpacked bundles
	kept       map[BundleRef][]Block
}

// Bulk is one thing that a pack changes. Which fields a type has is in 8910.md
// 2.5; the others are zero.
type Bulk struct {
	Off         int64 // of the record, bytes from the start of the file
	Len         int64
	Type        BulkType
	Name        string // of the flash, "SFL1", or of the file
	Base        uint32 // base_address: offset in the flash
	OldFileSize uint32 // of the LZMAR pieces, one behind the other
	OldFileCRC  uint32
	OldSize     uint32
	OldCRC      uint32
	NewSize     uint32
	NewCRC      uint32
	BlockSize   uint32 // data_block_size
	Bundles     []BundleRef
}

// BundleRef says where compressed data lie in a pack.
type BundleRef struct{ Off, Len uint32 }

func isPack(b []byte) bool { return bytes.HasPrefix(b, []byte(packMagic)) }

// ParsePack reads the head and the records of a core pack and checks what can
// be checked without unpacking it: sizes, names, CRC. The error is a
// *explain.FormatError. The pack shares memory with b.
func ParsePack(b []byte) (*Pack, error) {
	p, err := parsePack(b)
	if err != nil {
		return nil, err
	}
	if p.CRC != p.computed {
		return nil, wrong(12, "pack_crc", fmt.Sprintf("0x%08X", p.computed), fmt.Sprintf("0x%08X", p.CRC))
	}
	return p, nil
}

// parsePack is ParsePack without the CRC. With an error it returns what came
// before it.
func parsePack(b []byte) (*Pack, error) {
	if !isPack(b) {
		return nil, wrong(0, "magic of a core pack", packMagic, fmt.Sprintf("%q", b[:min(8, len(b))]))
	}
	p, err := parseRecords(b)
	plain := 0
	for i := 0; p != nil && i < len(p.Bulks); i++ {
		if err := p.checkBundles(&p.Bulks[i], &plain); err != nil {
			return p, err
		}
	}
	return p, err
}

// parseRecords reads head and records, which is all that the core looks at
// before it arms an upgrade: neither at the magic nor at the bundles (8910.md
// 4.3).
func parseRecords(b []byte) (*Pack, error) {
	if len(b) < packHead {
		return nil, wrong(0, "head of a core pack", "36 bytes", len(b))
	}
	p := &Pack{
		Size: le.Uint32(b[8:]), CRC: le.Uint32(b[12:]), HeaderSize: le.Uint32(b[16:]),
		TmpSize: le.Uint32(b[20:]), Blocks: le.Uint32(b[28:]), nameSize: le.Uint32(b[32:]),
		computed: packCRC(b[16:]), data: b,
	}
	count := le.Uint32(b[24:])
	switch {
	case int64(p.Size) != int64(len(b)):
		return p, &explain.FormatError{Off: 8, What: "file_size", Want: fmt.Sprint(len(b)), Got: fmt.Sprint(p.Size), Hint: "the file is cut short, or something follows it"}
	case p.HeaderSize < packHead || int64(p.HeaderSize) > int64(len(b)):
		return p, wrong(16, "header_size", fmt.Sprintf("%d..%d", packHead, len(b)), p.HeaderSize)
	case count > maxBulks:
		return p, wrong(24, "bulk_count", fmt.Sprintf("at most %d", maxBulks), count)
	}
	d := recordReader{b: b[:p.HeaderSize], off: packHead}
	if p.nameSize > 0 {
		p.OldVersion = d.name(p.nameSize, "old_version")
		p.NewVersion = d.name(p.nameSize, "new_version")
	}
	for range count {
		bulk := d.bulk()
		if d.err != nil {
			return p, d.err
		}
		p.Bulks = append(p.Bulks, bulk)
	}
	if d.err == nil && d.off != int64(p.HeaderSize) {
		d.err = wrong(16, "header_size", fmt.Sprintf("%d, where the records end", d.off), p.HeaderSize)
	}
	return p, d.err
}

// recordReader reads the head of a pack from packHead on. Behind an error it
// returns zeros.
type recordReader struct {
	b   []byte
	off int64
	err error
}

func (d *recordReader) u32(what string) uint32 {
	if d.err == nil && int64(len(d.b))-d.off < 4 {
		d.err = wrong(d.off, what, "4 bytes within header_size", int64(len(d.b))-d.off)
	}
	if d.err != nil {
		return 0
	}
	d.off += 4
	return le.Uint32(d.b[d.off-4:])
}

// name reads a string that is padded with NULs to n bytes.
func (d *recordReader) name(n uint32, what string) string {
	switch {
	case d.err != nil:
		return ""
	case n == 0 || n%4 != 0 || n > maxName || int64(n) > int64(len(d.b))-d.off:
		d.err = wrong(d.off, "size of "+what, fmt.Sprintf("a multiple of 4 up to %d, within header_size", maxName), n)
		return ""
	case d.b[d.off+int64(n)-1] != 0:
		d.err = wrong(d.off+int64(n)-1, what, "a NUL as its last byte", fmt.Sprintf("0x%02X", d.b[d.off+int64(n)-1]))
		return ""
	}
	d.off += int64(n)
	return cstring(d.b[d.off-int64(n) : d.off])
}

func (d *recordReader) bulk() Bulk {
	k := Bulk{Off: d.off}
	k.Type = BulkType(d.u32("type of a bulk"))
	bundles := uint32(0)
	switch k.Type {
	case BulkFlash:
		k.Name = d.flashName()
		k.Base = d.u32("base_address")
	case BulkBlocked, BulkPlain, BulkRemove, BulkInsert:
		k.Name = d.name(d.u32("fname_size"), "fname")
	default:
		if d.err == nil {
			d.err = wrong(k.Off, "type of a bulk", "0..4", uint32(k.Type))
		}
		return k
	}
	if k.Type == BulkBlocked {
		k.OldFileSize, k.OldFileCRC = d.u32("old_file_size"), d.u32("old_file_crc")
	}
	if k.Type != BulkInsert {
		k.OldSize, k.OldCRC = d.u32("old_size"), d.u32("old_crc")
	}
	switch k.Type {
	case BulkFlash:
		bundles = d.u32("bundle_count")
	case BulkBlocked:
		k.NewSize, k.BlockSize = d.u32("new_size"), d.u32("data_block_size")
		bundles = d.u32("bundle_count")
	case BulkPlain:
		k.NewSize = d.u32("new_size")
		bundles = 1
	case BulkInsert: // its bundle has offset and size in the other order
		k.NewSize, k.NewCRC = d.u32("new_size"), d.u32("new_crc")
		off := d.u32("comp_offset")
		k.Bundles = []BundleRef{{Off: off, Len: d.u32("comp_size")}}
	}
	if bundles > maxBundles {
		d.err = wrong(d.off-4, "bundle_count", fmt.Sprintf("at most %d", maxBundles), bundles)
	}
	for range bundles {
		if d.err != nil {
			return k
		}
		n := d.u32("comp_size")
		k.Bundles = append(k.Bundles, BundleRef{Len: n, Off: d.u32("comp_offset")})
	}
	k.Len = d.off - k.Off
	d.check(&k)
	return k
}

func (d *recordReader) flashName() string {
	s := cstring(le.AppendUint32(nil, d.u32("flash name")))
	if d.err == nil && s != flashName {
		d.err = wrong(d.off-4, "flash name", flashName, explain.Printable(s))
	}
	return s
}

// check judges a whole record.
func (d *recordReader) check(k *Bulk) {
	if d.err != nil {
		return
	}
	if n := max(k.OldSize, k.NewSize, k.OldFileSize); n > maxPlain {
		d.err = wrong(k.Off, "sizes of the bulk", fmt.Sprintf("at most %d", maxPlain), n)
	} else if k.Type == BulkBlocked && (k.BlockSize == 0 || k.BlockSize > lzmarBlock) {
		d.err = wrong(k.Off, "data_block_size", fmt.Sprintf("1..%d", lzmarBlock), k.BlockSize)
	}
}

// checkBundles checks that the bundles of a bulk lie in the file, and adds up
// in plain what they unpack to by their own account: many may name the same
// place, so that a small file could be endless work.
func (p *Pack) checkBundles(k *Bulk, plain *int) error {
	size := uint32(len(p.data))
	for _, r := range k.Bundles {
		if r.Len <= aloneHead-1 || r.Off < packHead || r.Off > size || r.Len > size-r.Off {
			return wrong(k.Off, "bundle of the bulk", fmt.Sprintf("more than 12 bytes within the file of %d", size), fmt.Sprintf("%d at %d", r.Len, r.Off))
		}
		n, err := aloneSize(p.data[r.Off:r.Off+r.Len], int64(r.Off))
		if err != nil {
			return err
		}
		if *plain += n; *plain > maxUnpacked {
			return wrong(int64(r.Off)+5, "plain size of all bundles", fmt.Sprintf("at most %d", maxUnpacked), "more")
		}
	}
	return nil
}
