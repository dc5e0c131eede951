package sffs

import (
	"errors"
	"fmt"

	"airlift/flash/explain"
)

// Errors of a file system.
var (
	ErrNoSpace     = errors.New("no space left on the file system")
	ErrNameTooLong = errors.New("name is longer than 63 bytes")
	ErrNotEmpty    = errors.New("folder is not empty")
	ErrIsFolder    = errors.New("is a folder")
	ErrNotFolder   = errors.New("is not a folder")
	ErrBusy        = errors.New("is open")
	ErrTooBig      = errors.New("file is larger than the file system can hold")
	ErrLook        = errors.New("read-only file system")
)

// Tags of head and table blocks (8910.md 1.8; DIRE and TABL from the modem
// image and the vendor's objects).
const (
	tagRoot  = 0x544F4F52 // "ROOT"
	tagFile  = 0x454C4946 // "FILE"
	tagDir   = 0x45524944 // "DIRE"
	tagTable = 0x4C424154 // "TABL"
)

// Layout of the blocks. Numbers of blocks are 16 bits, 0xFFFF for none.
const (
	revision  = 0x00010001
	rootBlock = 0
	rootHead  = 32 // tag, revision, block size, block count, number of children, 12 bytes of FF
	nodeHead  = 96 // see the offsets below
	tableHead = 4

	rootCount = 16

	nodeName    = 4
	nodeSize    = 68 // of a file in bytes, of a folder its number of children
	nodeMoveSrc = 78 // a rename at work: folder that the node leaves,
	nodeMoveDst = 80 // folder that it goes to,
	nodeMoveOld = 82 // node that it replaces there
	nodeRest    = 84 // 12 bytes of FF

	nameMax  = 63
	minPlace = 256
	// cacheBlocks is how many changed blocks the device keeps in RAM before it
	// writes them (assumed).
	cacheBlocks = 8
)

// dims are the sizes that follow from the length of a block.
type dims struct {
	block   int // bytes of a block
	blocks  int
	slots   int   // numbers of blocks in the head of a file or folder
	root    int   // numbers of blocks in the root
	entries int   // numbers of blocks in a table
	tiny    int64 // bytes of the largest file that lies in its head
	small   int64 // bytes of the largest file whose blocks are listed in its head
	big     int64 // bytes of the largest file
}

func newDims(block, blocks int) dims {
	m := dims{block: block, blocks: blocks, slots: (block - nodeHead) / 2, root: (block - rootHead) / 2, entries: (block - tableHead) / 2, tiny: int64(block - nodeHead)}
	m.small = int64(m.slots) * int64(block)
	m.big = m.small * int64(m.entries)
	return m
}

// most is how long a file can be on this device in bytes.
func (m *dims) most() int64 { return min(m.big, int64(m.blocks)*int64(m.block)) }

// dataBlocks returns how many blocks a file of size bytes has besides its head,
// and how many of them are tables.
func (m *dims) dataBlocks(size int64) (all, tables int) {
	if size <= m.tiny {
		return 0, 0
	}
	data := int((size + int64(m.block) - 1) / int64(m.block))
	if size > m.small {
		tables = (data + m.entries - 1) / m.entries
	}
	return data + tables, tables
}

// newRoot returns the root of an empty file system.
func newRoot(m *dims) []byte {
	b := erasedBlock(m.block)
	for i, v := range []uint32{tagRoot, revision, uint32(m.block), uint32(m.blocks), 0} {
		le.PutUint32(b[4*i:], v)
	}
	return b
}

// newNode returns the head of an empty file or folder.
func newNode(m *dims, tag uint32, name string) []byte {
	b := erasedBlock(m.block)
	clear(b[:nodeMoveSrc])
	le.PutUint32(b, tag)
	copy(b[nodeName:], name)
	return b
}

func erasedBlock(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = 0xFF
	}
	return b
}

// checkRoot judges the root block.
func checkRoot(b []byte, m *dims, off int64) error {
	for i, f := range []struct {
		what string
		want uint32
	}{{"tag of the root", tagRoot}, {"revision", revision}, {"block size", uint32(m.block)}, {"number of blocks", uint32(m.blocks)}} {
		if got := le.Uint32(b[4*i:]); got != f.want {
			return &explain.FormatError{Off: off + int64(4*i), What: "SFFS: " + f.what, Want: fmt.Sprintf("0x%X", f.want), Got: fmt.Sprintf("0x%X", got)}
		}
	}
	return nil
}

// damaged is the error for a block that is not what it must be.
func damaged(node int, what string, args ...any) error {
	return &explain.FormatError{What: fmt.Sprintf("SFFS block %d", node), Want: "consistent contents", Got: fmt.Sprintf(what, args...)}
}
