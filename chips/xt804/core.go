package xt804

import (
	"encoding/binary"
	"math/rand/v2"

	"airlift/chips/synth"
)

// defaultCoreBytes is how large a synthetic core is made where it fits.
const defaultCoreBytes = 1200 << 10

// SyntheticCore returns the code bytes of a core that was never compiled: a
// vector table, the descriptor, and a stream with the statistics of 32-bit
// microcontroller code, so that packages have realistic sizes. The same
// arguments give the same bytes on every platform. Size is in bytes and is
// raised to what the descriptor needs.
func SyntheticCore(info synth.Info, size int64, seed uint64) []byte {
	desc := info.Encode()
	size = max(size, int64(synth.Offset+len(desc)))
	b := make([]byte, size)
	pseudoCode(b, seed)
	for i := 0; i < synth.Offset; i += 4 {
		binary.LittleEndian.PutUint32(b[i:], FlashBase+0x10000+uint32(i)*64) // vectors
	}
	copy(b[synth.Offset:], desc)
	return b
}

// pseudoCode fills b with made-up instructions: functions of some tens of
// half-words, drawn with a skew from a vocabulary, with literals behind them
// and now and then a stretch repeated from further up.
func pseudoCode(b []byte, seed uint64) {
	r := rand.NewPCG(seed, 0x58543830345F636F)
	below := func(n uint64) uint64 { return r.Uint64() >> 32 * n >> 32 } // IntN may change with the toolchain
	var words [1024]uint16
	for i := range words {
		words[i] = uint16(r.Uint64())
	}
	at := 0
	half := func(v uint16) {
		if at < len(b) {
			b[at] = byte(v)
		}
		if at+1 < len(b) {
			b[at+1] = byte(v >> 8)
		}
		at += 2
	}
	for at < len(b) {
		for n := 8 + below(56); n > 0; n-- {
			v := r.Uint64()
			switch {
			case v&0x1F < 2 && at > 4096: // something the compiler emits again and again
				from := (at - 2 - int(v>>8&0xFFF)) &^ 1
				for k := 4 + int(v>>20&0xF); k > 0 && from+1 < len(b); k-- {
					half(uint16(b[from]) | uint16(b[from+1])<<8)
					from += 2
				}
			case v&0x1F < 26: // common opcode with common operands
				x, y, z := v>>8&0x3FF, v>>18&0x3FF, v>>28&0x3FF
				half(words[x*y>>10*z>>10])
			default: // an operand or offset that hardly repeats
				half(words[v>>8&0x3F]&0xFF00 | uint16(v>>16&0xFF))
			}
		}
		half(0x783C) // return
		for n := below(4); n > 0; n-- {
			v := r.Uint64()
			half(uint16(v))
			half(0x0800 | uint16(v>>16&0x1F))
		}
	}
}
