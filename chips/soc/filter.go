package soc

import "encoding/binary"

// Executables pack better when their calls name absolute addresses. These
// functions undo that: they make the addresses relative again.

// undelta adds to each byte the one distance bytes before it.
func undelta(p []byte, distance int) {
	for i := distance; i < len(p); i++ {
		p[i] += p[i-distance]
	}
}

// unarm undoes the filter for ARM code: BL, condition "always".
func unarm(p []byte) {
	for i := 0; i+4 <= len(p); i += 4 {
		if p[i+3] != 0xEB {
			continue
		}
		v := binary.LittleEndian.Uint32(p[i:])
		v = v&0xFF000000 | (v&0xFFFFFF-uint32(i+8)>>2)&0xFFFFFF
		binary.LittleEndian.PutUint32(p[i:], v)
	}
}

// unthumb undoes the filter for Thumb code: a pair of halfwords that is a BL.
func unthumb(p []byte) {
	for i := 0; i+4 <= len(p); i += 2 {
		hi, lo := uint32(binary.LittleEndian.Uint16(p[i:])), uint32(binary.LittleEndian.Uint16(p[i+2:]))
		if hi&0xF800 != 0xF000 || lo&0xF800 != 0xF800 {
			continue
		}
		v := ((hi&0x7FF)<<11|lo&0x7FF)<<1 - uint32(i+4)
		binary.LittleEndian.PutUint16(p[i:], uint16(0xF000|v>>12&0x7FF))
		binary.LittleEndian.PutUint16(p[i+2:], uint16(0xF800|v>>1&0x7FF))
		i += 2
	}
}

// unx86 undoes the filter for x86 code: CALL and JMP with 32-bit operands. An
// operand was changed if its top byte is 00 or FF, unless another opcode among
// the bytes before it makes that doubtful: bits 0..2 of near say which of the
// three bytes before the top one an opcode was seen at.
func unx86(p []byte) {
	last, near := -5, uint32(0)
	for i := 0; i+5 <= len(p); {
		if p[i]&0xFE != 0xE8 {
			i++
			continue
		}
		if d := i - last; d > 3 {
			near = 0
		} else {
			near = near << (d - 1) & 7
		}
		last = i
		if near != 0 && (doubtful[near] || extreme(p[i+4-int(widest[near])])) || !extreme(p[i+4]) {
			near = near<<1&7 | 1
			i++
			continue
		}
		v := binary.LittleEndian.Uint32(p[i+1:])
		for {
			v -= uint32(i + 5)
			if near == 0 {
				break
			}
			shift := widest[near] * 8
			if !extreme(byte(v >> (24 - shift))) {
				break
			}
			v ^= 1<<(32-shift) - 1
		}
		v = v&0x1FFFFFF | -(v>>24&1)<<24
		binary.LittleEndian.PutUint32(p[i+1:], v)
		near = 0
		i += 5
	}
}

func extreme(b byte) bool { return b == 0 || b == 0xFF }

// By the bits of near: what is left as it is, and how many bytes below the top
// one the nearest opcode is.
var (
	doubtful = [8]bool{3: true, 5: true, 6: true, 7: true}
	widest   = [8]uint32{0, 1, 2, 2, 3, 3, 3, 3}
)
