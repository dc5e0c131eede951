package littlefs

import (
	"fmt"
	"math/bits"

	"airlift/flash"
)

// Disk versions that the package reads and writes (SPEC.md, superblock).
const (
	DiskVersion20 uint32 = 0x0002_0000 // no forward CRC
	DiskVersion21 uint32 = 0x0002_0001 // forward CRC
)

// Limits of the format: what fits a tag, and 31-bit file sizes.
const (
	maxName    = 1022
	maxFile    = 1<<31 - 1
	maxAttr    = 1022
	maxTagData = 0x3FE // longest data of a tag, bytes

	defaultNameMax = 255
)

// Config holds the parameters of a volume. Sizes are in bytes, counts in
// blocks. Only the block size, the block count, the three limits and the disk
// version are stored on the volume; the others belong to the driver.
type Config struct {
	BlockSize  uint32 // what is erased together
	BlockCount uint32 // 0 when mounting: whatever the superblock says
	ReadSize   uint32 // kept for reference: reads have no grid here
	ProgSize   uint32 // every commit is padded to a multiple of it
	CacheSize  uint32 // file data is programmed in pieces of this size

	LookaheadSize uint32 // one bit a block: the window of the block allocator
	BlockCycles   int32  // metadata moves after so many erases; negative: never

	NameMax uint32 // longest name; 0: 255
	FileMax uint32 // longest file; 0: 2^31-1
	AttrMax uint32 // longest user attribute; 0: 1022

	// DiskVersion is the newest version to write: DiskVersion20 or
	// DiskVersion21; 0 is the latter. A volume with a newer one does not mount,
	// a volume with an older one is upgraded by the first write.
	DiskVersion uint32
}

// LuatOS returns the parameters that LuatOS uses on XT804 for a region of
// size bytes, both for the file system and for the key-value store
// (xt804.md 1.7).
func LuatOS(size int64) Config {
	return Config{
		BlockSize: 4096, BlockCount: uint32(size / 4096),
		ReadSize: 256, ProgSize: 256, CacheSize: 256,
		LookaheadSize: 16, BlockCycles: 200, NameMax: 63,
	}
}

// withDefaults fills in what zero stands for.
func (c Config) withDefaults() Config {
	if c.NameMax == 0 {
		c.NameMax = defaultNameMax
	}
	if c.FileMax == 0 {
		c.FileMax = maxFile
	}
	if c.AttrMax == 0 {
		c.AttrMax = maxAttr
	}
	if c.DiskVersion == 0 {
		c.DiskVersion = DiskVersion21
	}
	return c
}

// check reports a configuration that cannot work on a region of g.
func (c Config) check(g flash.Geometry) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("littlefs config: %s: %w", fmt.Sprintf(format, args...), ErrInvalid)
	}
	multiple := func(n, of uint32) bool { return of != 0 && n != 0 && n%of == 0 }
	switch {
	case c.BlockSize < 128:
		return bad("block size %d: expected at least 128 bytes", c.BlockSize)
	case int64(c.BlockSize) > g.Size || int64(c.BlockSize)%g.SectorSize != 0:
		return bad("block size %d: expected a multiple of the %d byte sector within %d bytes", c.BlockSize, g.SectorSize, g.Size)
	case !multiple(c.CacheSize, c.ProgSize) || !multiple(c.CacheSize, c.ReadSize):
		return bad("cache size %d: expected a multiple of read size %d and prog size %d", c.CacheSize, c.ReadSize, c.ProgSize)
	case !multiple(c.BlockSize, c.CacheSize):
		return bad("block size %d: expected a multiple of cache size %d", c.BlockSize, c.CacheSize)
	case int64(c.BlockCount) > g.Size/int64(c.BlockSize):
		return bad("%d blocks of %d bytes do not fit %d bytes", c.BlockCount, c.BlockSize, g.Size)
	case c.LookaheadSize == 0 || c.LookaheadSize > 1<<24:
		return bad("lookahead size %d: expected 1..%d bytes", c.LookaheadSize, 1<<24)
	case c.BlockCycles == 0:
		return bad("block cycles 0: expected a count, or -1 for none")
	case c.NameMax > maxName || c.AttrMax > maxAttr || c.FileMax > maxFile:
		return bad("limits %d/%d/%d: expected at most %d/%d/%d", c.NameMax, c.FileMax, c.AttrMax, maxName, maxFile, maxAttr)
	case c.DiskVersion != DiskVersion20 && c.DiskVersion != DiskVersion21:
		return bad("disk version 0x%08X: expected 0x%08X or 0x%08X", c.DiskVersion, DiskVersion20, DiskVersion21)
	case 4*uint32(bits.Len32(0xFFFFFFFF/(c.BlockSize-8)-1)) > c.BlockSize:
		return bad("block size %d: too small for the pointers of the longest file", c.BlockSize)
	}
	return nil
}

// inlineMax is the longest file that lives in its metadata pair.
func (c Config) inlineMax() uint32 { return min(c.CacheSize, c.AttrMax, c.BlockSize/8) }

// revisionStep is the number of revisions after which a pair moves. It is odd,
// so that both blocks of a pair get their turn, and above 1, so that moving
// ends.
func (c Config) revisionStep() uint32 {
	if c.BlockCycles < 0 {
		return 0
	}
	return (uint32(c.BlockCycles) + 1) | 1
}
