package ec

import (
	"crypto/sha256"

	"airlift/chips"
	"airlift/flash"
)

// nor is how firmware and boot code reach a flash chip. What lies outside the
// chip reads as erased and is not written: the sources do not say what the
// driver does there (assumption flash-end). The chip's error bits are not
// looked at, as everywhere in these drivers (ec618.md 10.1).
type nor struct{ dev *flash.Device }

const sector = flash.DefaultSectorSize

// read fills p from off.
func (n nor) read(p []byte, off int64) error {
	size := n.dev.Size()
	if off < 0 || int64(len(p)) > size-off {
		for i := range p {
			p[i] = 0xFF
		}
	}
	if off < 0 || off >= size {
		return nil
	}
	_, err := n.dev.ReadAt(p[:min(int64(len(p)), size-off)], off)
	return err
}

// memoKey is the key of something computed from length bytes from off on; ok is
// false if they do not all lie on the chip.
func (n nor) memoKey(what string, off, length int64) (k chips.MemoKey, ok bool) {
	if off < 0 || length < 0 || length > n.dev.Size()-off {
		return k, false
	}
	return chips.MemoKey{What: what, Range: n.dev.RangeSum(off, length)}, true
}

// sha256Of is the SHA-256 of length bytes from off on.
func (n nor) sha256Of(m *chips.Memo, off, length int64) (sum [32]byte, err error) {
	if n.dev.Power().Lost() {
		return sum, flash.ErrPowerLost
	}
	k, ok := n.memoKey("sha256", off, length)
	if ok {
		if v, ok := m.Get(k); ok {
			return v.([32]byte), nil
		}
	}
	h := sha256.New()
	if err := n.each(off, length, func(p []byte) { h.Write(p) }); err != nil {
		return sum, err
	}
	h.Sum(sum[:0])
	if ok {
		m.Put(k, sum, int64(len(sum)))
	}
	return sum, nil
}

// erase erases the sectors that hold any of length bytes from off on.
func (n nor) erase(off, length int64) error {
	from := max(0, off&^(sector-1))
	to := min((off+length+sector-1)&^(sector-1), n.dev.Size())
	if from >= to {
		return nil
	}
	return n.dev.EraseUnchecked(from, to-from)
}

// program clears bits from off on.
func (n nor) program(off int64, p []byte) error {
	if off < 0 || off >= n.dev.Size() {
		return nil
	}
	return n.dev.ProgramUnchecked(off, p[:min(int64(len(p)), n.dev.Size()-off)])
}

// each hands length bytes from off on to f, piece by piece.
func (n nor) each(off, length int64, f func(p []byte)) error {
	if off >= 0 && length >= 0 && length <= n.dev.Size()-off {
		return n.dev.View(off, length, func(p []byte) bool { f(p); return true })
	}
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
