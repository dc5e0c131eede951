package littlefs

import (
	"encoding/binary"
	"errors"
	"fmt"

	"airlift/flash"
	"airlift/flash/explain"
	"airlift/flash/mount"
)

const magic = "littlefs"

// superblock is the entry with id 0 of the root pair (SPEC.md,
// "LFS_TYPE_SUPERBLOCK").
type superblock struct {
	version, blockSize, blockCount uint32
	nameMax, fileMax, attrMax      uint32
}

const superblockLen = 24

func (s superblock) encode() []byte {
	b := make([]byte, 0, superblockLen)
	for _, v := range []uint32{s.version, s.blockSize, s.blockCount, s.nameMax, s.fileMax, s.attrMax} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

// decodeSuperblock reads a superblock; missing fields are zero.
func decodeSuperblock(b []byte) superblock {
	var full [superblockLen]byte
	copy(full[:], b)
	word := func(i int) uint32 { return binary.LittleEndian.Uint32(full[4*i:]) }
	return superblock{word(0), word(1), word(2), word(3), word(4), word(5)}
}

// superblockOf returns the superblock entry of m, if it has one.
func superblockOf(m *mdir) (superblock, bool) {
	name, ok := m.find(kindName, 0)
	if !ok || name.tag.typ() != typeSuperblock || string(name.data) != magic {
		return superblock{}, false
	}
	body, ok := m.find(kindStruct, 0)
	if !ok || body.tag.typ() != typeInline {
		return superblock{}, false
	}
	return decodeSuperblock(body.data), true
}

// superblock returns what we would write.
func (fs *FS) superblock() superblock {
	return superblock{fs.cfg.DiskVersion, fs.cfg.BlockSize, fs.blocks, fs.cfg.NameMax, fs.cfg.FileMax, fs.cfg.AttrMax}
}

// FS is a mounted volume. It implements afero.Fs. It is for one goroutine.
type FS struct {
	region *flash.Region
	cfg    Config
	inline uint32 // longest file that lives in its metadata pair
	blocks uint32 // size of the volume
	root   pair
	global global
	window window
	seed   uint32 // CRC of all CRCs read: where the allocator starts
	open   []*cursor
	lost   bool // the power failed: this mount is over

	meta    writer // commits, and blocks of files while they move
	scratch []byte // a block; only valid until the next call
	scan    scan
	known   [16]decoded // by block number modulo its length
}

// newFS returns an unmounted volume.
func newFS(r *flash.Region, c Config) (*FS, error) {
	c = c.withDefaults()
	if err := c.check(r.Geometry()); err != nil {
		return nil, err
	}
	fs := &FS{region: r, cfg: c, inline: c.inlineMax(), blocks: c.BlockCount, root: nullPair}
	if fs.blocks == 0 { // until the superblock tells
		fs.blocks = uint32(r.Size() / int64(c.BlockSize))
	}
	fs.meta = newWriter(c.CacheSize, false)
	fs.scratch = make([]byte, c.BlockSize)
	fs.window.used = make([]byte, c.LookaheadSize)
	fs.scan = scan{tags: make([]tagAt, 0, 64), sums: make([]uint32, 0, 16), ends: make([]uint32, 0, 16)} // most logs fit
	return fs, nil
}

// Format makes an empty volume on r. It writes blocks 0 and 1 and nothing
// else, block 0 first.
func Format(r *flash.Region, c Config) error {
	if c.BlockCount == 0 {
		return fmt.Errorf("littlefs format: block count 0: %w", ErrInvalid)
	}
	fs, err := newFS(r, c)
	if err != nil {
		return err
	}
	if fs.blocks < 2 {
		return fmt.Errorf("littlefs format: %d blocks, expected at least 2: %w", fs.blocks, ErrInvalid)
	}
	fs.checkpoint()
	fs.window.size = min(8*fs.cfg.LookaheadSize, fs.blocks) // all free
	m, err := fs.newPair()
	if err != nil {
		return err
	}
	root := &cursor{m: m}
	sb := fs.superblock().encode()
	err = fs.commit(root,
		record{mktag(typeCreate, 0, 0), nil},
		record{mktag(typeSuperblock, 0, uint32(len(magic))), []byte(magic)},
		record{mktag(typeInline, 0, uint32(len(sb))), sb})
	if err != nil {
		return err
	}
	// Write the other block as well, so that no older volume shines through.
	again := *root.m
	again.erased = false
	root.m = &again
	if err := fs.commit(root); err != nil {
		return err
	}
	_, err = fs.fetch(rootPair)
	return err
}

// Mount opens the volume on r. It only reads: what a power loss left behind is
// repaired by the first operation that writes.
//
// The error wraps ErrCorrupt if there is no volume (a blank or foreign
// region), ErrVersion if it is too new, ErrInvalid if it was made with other
// parameters than c. For the place on the volume use errors.As with
// *explain.FormatError; its offset counts from the start of the region.
func Mount(r *flash.Region, c Config) (*FS, error) {
	fs, err := newFS(r, c)
	if err != nil {
		return nil, err
	}
	var state gstate
	err = fs.eachPair(func(m *mdir) (bool, error) {
		if sb, ok := superblockOf(m); ok {
			fs.root = m.pair
			if err := fs.adopt(sb, m); err != nil {
				return false, err
			}
		}
		state = state.xor(m.delta)
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	if fs.root.null() {
		return nil, corrupt(8, "superblock", fmt.Sprintf("%q", magic), "none")
	}
	fs.global.want, fs.global.disk = state, state
	if state.tag&syncBit != 0 {
		fs.global.orphans = 1
	}
	// Start somewhere else at each boot, to wear blocks evenly.
	fs.window.start = fs.seed % fs.blocks
	fs.resetWindow()
	return fs, nil
}

// adopt checks a superblock against the configuration and takes over its
// limits.
func (fs *FS) adopt(sb superblock, m *mdir) error {
	c := &fs.cfg
	refuse := func(kind error, what, want, format string, args ...any) error {
		return &faultAt{kind, &explain.FormatError{
			Off: fs.offset(m.pair[0]), What: "littlefs superblock " + what, Want: want, Got: fmt.Sprintf(format, args...),
		}}
	}
	if sb.version>>16 != c.DiskVersion>>16 || sb.version&0xFFFF > c.DiskVersion&0xFFFF {
		return refuse(ErrVersion, "version", fmt.Sprintf("2.0 up to 2.%d", c.DiskVersion&0xFFFF), "%d.%d", sb.version>>16, sb.version&0xFFFF)
	}
	fs.global.oldSuperblock = sb.version < c.DiskVersion
	limit := func(name string, disk uint32, ours *uint32) error {
		if disk > *ours {
			return refuse(ErrInvalid, name, fmt.Sprintf("at most %d", *ours), "%d", disk)
		}
		if disk != 0 {
			*ours = disk
		}
		return nil
	}
	if err := limit("name max", sb.nameMax, &c.NameMax); err != nil {
		return err
	}
	if err := limit("file max", sb.fileMax, &c.FileMax); err != nil {
		return err
	}
	if err := limit("attr max", sb.attrMax, &c.AttrMax); err != nil {
		return err
	}
	fs.inline = min(fs.inline, c.AttrMax)
	switch {
	case c.BlockCount != 0 && sb.blockCount != c.BlockCount:
		return refuse(ErrInvalid, "block count", fmt.Sprint(c.BlockCount), "%d", sb.blockCount)
	case sb.blockSize != c.BlockSize:
		return refuse(ErrInvalid, "block size", fmt.Sprint(c.BlockSize), "%d", sb.blockSize)
	case sb.blockCount < 2 || int64(sb.blockCount) > fs.region.Size()/int64(c.BlockSize):
		return refuse(ErrCorrupt, "block count", fmt.Sprintf("2..%d", fs.region.Size()/int64(c.BlockSize)), "%d", sb.blockCount)
	}
	fs.blocks = sb.blockCount
	return nil
}

// Usage counts the blocks in use. A metadata pair counts as two; a block that
// two old and new versions of a file share counts twice, as in the original.
func (fs *FS) Usage() (mount.Usage, error) {
	used := int64(0)
	err := fs.eachBlock(false, func(uint32) error { used++; return nil })
	if err != nil {
		return mount.Usage{}, fmt.Errorf("littlefs usage: %w", err)
	}
	return mount.Usage{BlockSize: int64(fs.cfg.BlockSize), Blocks: int64(fs.blocks), Used: used}, nil
}

// Config returns the parameters in force: what was asked for, with the limits
// and the block count of the volume.
func (fs *FS) Config() Config {
	c := fs.cfg
	c.BlockCount = fs.blocks
	return c
}

// change runs an operation that writes, after repairs.
func (fs *FS) change(op func() error) error {
	return fs.guard(func() error {
		if err := fs.makeConsistent(); err != nil {
			return err
		}
		return op()
	})
}

// guard runs an operation. Whatever it planned but did not bring to the disk
// is forgotten if it fails; after a power loss nothing matters any more.
func (fs *FS) guard(op func() error) error {
	err := op()
	if err != nil && !errors.Is(err, flash.ErrPowerLost) {
		fs.global.fallBack()
	}
	return err
}
