package ec

import (
	"errors"

	"airlift/flash"
)

// nor is how firmware and boot code reach a flash chip. What lies outside the
// chip reads as erased and is not written: the sources do not say what the
// driver does there (assumption flash-end). The chip's error bits are not
// looked at, as everywhere in these drivers (ec618.md 10.1).
type nor struct{ dev *flash.Device }

const sector = flash.DefaultSectorSize

func opError(err error) error {
	if errors.Is(err, flash.ErrOpFailed) {
		return nil
	}
	return err
}

// read fills p from off.
func (n nor) read(p []byte, off int64) error {
	for i := range p {
		p[i] = 0xFF
	}
	size := n.dev.Size()
	if off < 0 || off >= size {
		return nil
	}
	_, err := n.dev.ReadAt(p[:min(int64(len(p)), size-off)], off)
	return err
}

// erase erases the sectors that hold any of length bytes from off on.
func (n nor) erase(off, length int64) error {
	from := max(0, off&^(sector-1))
	to := min((off+length+sector-1)&^(sector-1), n.dev.Size())
	if from >= to {
		return nil
	}
	return opError(n.dev.Erase(from, to-from))
}

// program clears bits from off on.
func (n nor) program(off int64, p []byte) error {
	if off < 0 || off >= n.dev.Size() {
		return nil
	}
	return opError(n.dev.Program(off, p[:min(int64(len(p)), n.dev.Size()-off)]))
}

// each hands length bytes from off on to f, piece by piece.
func (n nor) each(off, length int64, f func(p []byte)) error {
	buf := make([]byte, min(length, sector))
	for length > 0 {
		p := buf[:min(length, sector)]
		if err := n.read(p, off); err != nil {
			return err
		}
		f(p)
		off, length = off+int64(len(p)), length-int64(len(p))
	}
	return nil
}
