package littlefs

import (
	"bytes"
	"errors"
	"fmt"

	"airlift/flash"
)

// The bottom of the package: blocks of the region, and the writer that gathers
// bytes until there is something to program.

func (fs *FS) offset(block uint32) int64 { return int64(block) * int64(fs.cfg.BlockSize) }

func (fs *FS) blockRange() string { return fmt.Sprintf("block numbers below %d", fs.blocks) }

// readBlock reads from a block of the volume; block must have been checked
// unless the error is welcome.
func (fs *FS) readBlock(block, off uint32, p []byte) error {
	if block >= fs.blocks {
		return corrupt(0, "block pointer", fs.blockRange(), "%d", block)
	}
	if fs.lost {
		return flash.ErrPowerLost
	}
	_, err := fs.region.ReadAt(p, fs.offset(block)+int64(off))
	return fs.flashError(err)
}

func (fs *FS) erase(block uint32) error {
	if fs.lost {
		return flash.ErrPowerLost
	}
	return fs.flashError(fs.region.Erase(fs.offset(block), int64(fs.cfg.BlockSize)))
}

func (fs *FS) program(block, off uint32, p []byte) error {
	if fs.lost {
		return flash.ErrPowerLost
	}
	return fs.flashError(fs.region.Program(fs.offset(block)+int64(off), p))
}

// flashError translates an error of the flash chip. Only what the chip itself
// reports makes a bad block. A power loss ends this mount for good: even when
// the power is back, what we remember is from before.
func (fs *FS) flashError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, flash.ErrPowerLost):
		fs.lost = true
	case errors.Is(err, flash.ErrOpFailed):
		return errBadBlock
	}
	return err
}

// writer gathers what is written to a block, in ascending order, and programs
// it when a cache full is together. Bytes between what was written and the
// next program unit go out as 0xFF.
type writer struct {
	block uint32 // nullBlock: nothing pending
	off   uint32 // in the block, aligned to the program size
	n     uint32 // pending bytes from off on
	buf   []byte // cache size
	check bool   // read back what was programmed
}

func newWriter(size uint32, check bool) writer {
	w := writer{block: nullBlock, n: size, buf: make([]byte, size), check: check}
	w.drop()
	return w
}

// drop forgets what is pending.
func (w *writer) drop() {
	for p := w.buf[:w.n]; len(p) > 0; {
		p = p[copy(p, blank[:]):]
	}
	w.block, w.n = nullBlock, 0
}

// blank is what erased flash looks like.
var blank = [256]byte(bytes.Repeat([]byte{0xFF}, 256))

// write appends p at off of block. Whatever was pending elsewhere must have
// been flushed.
func (fs *FS) write(w *writer, block, off uint32, p []byte) error {
	for len(p) > 0 {
		if w.block == nullBlock {
			w.block, w.off, w.n = block, off/fs.cfg.ProgSize*fs.cfg.ProgSize, 0
		}
		at := off - w.off
		if w.block != block || at >= uint32(len(w.buf)) {
			panic("littlefs: write to a block while another is pending")
		}
		n := uint32(copy(w.buf[at:], p))
		off, p = off+n, p[n:]
		w.n = max(w.n, at+n)
		if w.n == uint32(len(w.buf)) {
			if err := fs.flush(w); err != nil {
				return err
			}
		}
	}
	return nil
}

// flush programs what is pending. On an error it stays pending.
func (fs *FS) flush(w *writer) error {
	if w.block == nullBlock {
		return nil
	}
	data := w.buf[:alignUp(w.n, fs.cfg.ProgSize)]
	if err := fs.program(w.block, w.off, data); err != nil {
		return err
	}
	if w.check {
		back := fs.scratch[:len(data)]
		if err := fs.readBlock(w.block, w.off, back); err != nil {
			return err
		}
		if !bytes.Equal(back, data) {
			return errBadBlock
		}
	}
	w.drop()
	return nil
}

// readPending reads from a block as it will be when w is flushed.
func (fs *FS) readPending(w *writer, block, off uint32, p []byte) error {
	if err := fs.readBlock(block, off, p); err != nil {
		return err
	}
	if w.block == block {
		lo, hi := max(off, w.off), min(off+uint32(len(p)), w.off+w.n)
		if lo < hi {
			copy(p[lo-off:hi-off], w.buf[lo-w.off:hi-w.off])
		}
	}
	return nil
}
