package littlefs

import (
	"encoding/binary"
	"math/bits"
)

// skipList is the contents of a file outside its metadata pair: a list of
// blocks linked from the last to the first. Block number n of the list starts
// with a pointer to block n-2^x for every x such that 2^x divides n (SPEC.md,
// "LFS_TYPE_CTZSTRUCT").
type skipList struct {
	head uint32 // last block
	size uint32 // bytes
}

func (l skipList) encode() []byte {
	b := make([]byte, 8)
	binary.LittleEndian.PutUint32(b, l.head)
	binary.LittleEndian.PutUint32(b[4:], l.size)
	return b
}

func decodeSkipList(b []byte) (skipList, error) {
	if len(b) < 8 {
		return skipList{}, corrupt(0, "skip list", "8 bytes", "%d", len(b))
	}
	return skipList{binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])}, nil
}

// skipIndex returns which block of a list holds the byte at pos of the file,
// and where in the block.
//
// All blocks up to index n hold n*(size-8) + 4*popcount(n) bytes in front of
// it (DESIGN.md, "CTZ skip-lists"); this is that sum solved for n.
func (fs *FS) skipIndex(pos uint32) (index, off uint32) {
	body := fs.cfg.BlockSize - 8
	guess := pos / body
	if guess == 0 {
		return 0, pos
	}
	index = (pos - 4*(uint32(bits.OnesCount32(guess-1))+2)) / body
	return index, pos - body*index - 4*uint32(bits.OnesCount32(index))
}

// checkList reports a list that has more blocks than the volume.
func (fs *FS) checkList(l skipList) error {
	if l.size == 0 {
		return nil
	}
	if l.head >= fs.blocks {
		return corrupt(0, "skip list head", fs.blockRange(), "%d", l.head)
	}
	if last, _ := fs.skipIndex(l.size - 1); last >= fs.blocks {
		return corrupt(fs.offset(l.head), "file size", "at most the volume", "%d bytes", l.size)
	}
	return nil
}

// locate returns the block that holds the byte at pos, and where in it.
func (fs *FS) locate(l skipList, pos uint32) (block, off uint32, err error) {
	if err := fs.checkList(l); err != nil {
		return 0, 0, err
	}
	at, _ := fs.skipIndex(l.size - 1)
	want, off := fs.skipIndex(pos)
	block = l.head
	for at > want {
		// The longest jump that this block offers and that is not too far.
		jump := min(bits.Len32(at-want)-1, bits.TrailingZeros32(at))
		if block, err = fs.pointer(nil, block, uint32(jump)); err != nil {
			return 0, 0, err
		}
		at -= 1 << jump
	}
	return block, off, nil
}

// pointer reads pointer number i of a block; w may hold bytes of it that are
// not programmed yet.
func (fs *FS) pointer(w *writer, block, i uint32) (uint32, error) {
	var word [4]byte
	var err error
	if w != nil {
		err = fs.readPending(w, block, 4*i, word[:])
	} else {
		err = fs.readBlock(block, 4*i, word[:])
	}
	if err != nil {
		return 0, err
	}
	next := binary.LittleEndian.Uint32(word[:])
	if next >= fs.blocks {
		return 0, corrupt(fs.offset(block)+int64(4*i), "skip list pointer", fs.blockRange(), "%d", next)
	}
	return next, nil
}

// eachSkipBlock calls visit for every block of a list, from the last to the
// first.
func (fs *FS) eachSkipBlock(w *writer, l skipList, visit func(block uint32) error) error {
	if l.size == 0 {
		return nil
	}
	if err := fs.checkList(l); err != nil {
		return err
	}
	index, _ := fs.skipIndex(l.size - 1)
	block := l.head
	for {
		if err := visit(block); err != nil {
			return err
		}
		if index == 0 {
			return nil
		}
		next, err := fs.pointer(w, block, 0)
		if err != nil {
			return err
		}
		if index%2 == 0 { // has a pointer over two blocks: saves a read
			if err := visit(next); err != nil {
				return err
			}
			if next, err = fs.pointer(w, block, 1); err != nil {
				return err
			}
			index--
		}
		block = next
		index--
	}
}

// extend returns a freshly erased block for the bytes of a file behind
// position size of list l, and where in it they go: the block has its pointers,
// or a copy of the last block of l if that is not full. They may still be
// pending in w.
func (fs *FS) extend(w *writer, l skipList) (block, off uint32, err error) {
	for {
		if block, err = fs.alloc(); err != nil {
			return 0, 0, err
		}
		if off, err = fs.startBlock(w, block, l); err == nil {
			return block, off, nil
		}
		w.drop()
		if err != errBadBlock {
			return 0, 0, err
		}
	}
}

func (fs *FS) startBlock(w *writer, block uint32, l skipList) (off uint32, err error) {
	if err := fs.erase(block); err != nil || l.size == 0 {
		return 0, err
	}
	last, off := fs.skipIndex(l.size - 1)
	if off++; off != fs.cfg.BlockSize {
		return off, fs.copyBlock(w, block, l.head, off)
	}
	pointers := bits.TrailingZeros32(last+1) + 1
	target := l.head
	for i := range uint32(pointers) {
		var word [4]byte
		binary.LittleEndian.PutUint32(word[:], target)
		if err := fs.write(w, block, 4*i, word[:]); err != nil {
			return 0, err
		}
		if i+1 < uint32(pointers) {
			if target, err = fs.pointer(nil, target, i); err != nil {
				return 0, err
			}
		}
	}
	return uint32(4 * pointers), nil
}

// copyBlock writes the first n bytes of block from to block to.
func (fs *FS) copyBlock(w *writer, to, from, n uint32) error {
	piece := make([]byte, min(n, uint32(len(w.buf))))
	for at := uint32(0); at < n; {
		p := piece[:min(n-at, uint32(len(piece)))]
		if err := fs.readBlock(from, at, p); err != nil {
			return err
		}
		if err := fs.write(w, to, at, p); err != nil {
			return err
		}
		at += uint32(len(p))
	}
	return nil
}
