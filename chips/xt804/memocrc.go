package xt804

import (
	"hash/crc32"

	"airlift/chips"
)

// The CRC of a body is put together from those of its pieces, which are
// remembered: where the power failed, all pieces but one or two are as in
// another case.

const (
	longBody = 64 << 10 // bytes from which on CRCs are remembered
	crcPiece = 64 << 10 // bytes of flash
)

// crc is fls.crc; n bytes at addr must lie on the flash.
func (m *Memo) crc(f fls, addr uint32, n int64) (uint32, error) {
	if m == nil || n < longBody || f.dev.Power().Lost() || f.dev.Defects() != nil {
		return f.crc(addr, n)
	}
	sum := uint32(0)
	for off := Off(addr); n > 0; {
		size := min(crcPiece-off%crcPiece, n)
		piece, err := m.pieceCRC(f, off, size)
		if err != nil {
			return 0, err
		}
		shift := wholePiece
		if size != crcPiece {
			shift = crcShift(size)
		}
		sum = crcTimes(shift, sum) ^ piece
		off, n = off+size, n-size
	}
	return ^sum, nil
}

// pieceCRC is the CRC-32 of a piece.
func (m *Memo) pieceCRC(f fls, off, n int64) (uint32, error) {
	k := chips.MemoKey{What: "crc", Range: f.dev.RangeSum(off, n)}
	if v, ok := m.sums.Get(k); ok {
		return v.(uint32), nil
	}
	sum, err := f.crc(Addr(off), n)
	if err == nil {
		m.sums.Put(k, ^sum, 0)
	}
	return ^sum, err
}

// Behind n more bytes, the CRC of what came before counts as that times
// x^8n, modulo the CRC's polynomial. As in the CRC, the top bit is x^0.

var wholePiece = crcShift(crcPiece)

// crcShift is x^8n.
func crcShift(n int64) uint32 {
	p, square := uint32(1)<<31, uint32(1)<<23
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			p = crcTimes(p, square)
		}
		square = crcTimes(square, square)
	}
	return p
}

// crcTimes multiplies.
func crcTimes(a, b uint32) uint32 {
	p := uint32(0)
	for ; a != 0; a <<= 1 {
		if a>>31 != 0 {
			p ^= b
		}
		b = b>>1 ^ crc32.IEEE&-(b&1)
	}
	return p
}
