package lua

import "math/bits"

// A small compressor of its own, so that what scripts see does not change with
// the toolchain: greedy matches out of hash chains, one block with the fixed
// codes of RFC 1951 3.2.6, or stored blocks if those are shorter.

const (
	matchMin   = 3
	matchMax   = 258
	chainMax   = 32 // earlier places that are tried
	storedMax  = 65535
	hashBits   = 13
	windowSize = 32768
)

// bitWriter packs bits, lowest first.
type bitWriter struct {
	out  []byte
	acc  uint64
	have uint
}

func (w *bitWriter) put(v uint32, n uint) {
	w.acc |= uint64(v) << w.have
	for w.have += n; w.have >= 8; w.have -= 8 {
		w.out = append(w.out, byte(w.acc))
		w.acc >>= 8
	}
}

// code writes a Huffman code, which goes highest bit first.
func (w *bitWriter) code(v uint32, n uint) { w.put(bits.Reverse32(v)>>(32-n), n) }

func (w *bitWriter) finish() []byte {
	if w.have > 0 {
		w.out = append(w.out, byte(w.acc))
	}
	return w.out
}

// literal writes a literal, the end of the block (256) or a length code.
func (w *bitWriter) literal(v uint32) {
	switch {
	case v < 144:
		w.code(0x30+v, 8)
	case v < 256:
		w.code(0x190+v-144, 9)
	case v < 280:
		w.code(v-256, 7)
	default:
		w.code(0xC0+v-280, 8)
	}
}

// split finds the code of a length or distance, counted from 0: codes come in
// groups of 1<<shift, whose members stand for twice as many values as those of
// the group before.
func split(v uint32, shift uint) (code, extra uint32, n uint) {
	if v < 2<<shift {
		return v, 0, 0
	}
	n = uint(bits.Len32(v)) - 1 - shift
	code = uint32(n)<<shift + v>>n
	return code, v & (1<<n - 1), n
}

func (w *bitWriter) match(length, distance int) {
	if length == matchMax { // has a code of its own
		w.literal(285)
	} else {
		c, extra, n := split(uint32(length-matchMin), 2)
		w.literal(257 + c)
		w.put(extra, n)
	}
	c, extra, n := split(uint32(distance-1), 1)
	w.code(c, 5)
	w.put(extra, n)
}

// deflate compresses data to a bare deflate stream; raw asks for stored blocks.
func deflate(data []byte, raw bool) []byte {
	stored := storedBlocks(data)
	if raw {
		return stored
	}
	w := &bitWriter{}
	w.put(0b011, 3) // last block, fixed codes
	var head [1 << hashBits]int32
	prev := make([]int32, len(data))
	insert := func(i int) {
		if i+matchMin <= len(data) {
			h := hash3(data[i:], hashBits)
			prev[i], head[h] = head[h], int32(i)+1
		}
	}
	for i := 0; i < len(data); {
		length, distance := longest(data, i, head[:], prev)
		if length == 0 {
			w.literal(uint32(data[i]))
			length = 1
		} else {
			w.match(length, distance)
		}
		for end := i + length; i < end; i++ {
			insert(i)
		}
	}
	w.literal(256)
	if out := w.finish(); len(out) < len(stored) {
		return out
	}
	return stored
}

// hash3 hashes three bytes to n bits.
func hash3(p []byte, n uint) uint32 {
	v := uint32(p[0]) | uint32(p[1])<<8 | uint32(p[2])<<16
	return v * 2654435769 >> (32 - n)
}

// longest looks for an earlier match of what begins at i.
func longest(data []byte, i int, head, prev []int32) (length, distance int) {
	if i+matchMin > len(data) {
		return 0, 0
	}
	limit := min(matchMax, len(data)-i)
	at := head[hash3(data[i:], hashBits)]
	for tries := 0; at > 0 && tries < chainMax; tries++ {
		p := int(at) - 1
		if i-p > windowSize {
			break
		}
		n := 0
		for n < limit && data[p+n] == data[i+n] {
			n++
		}
		if n >= matchMin && n > length {
			length, distance = n, i-p
		}
		at = prev[p]
	}
	return length, distance
}

func storedBlocks(data []byte) []byte {
	var out []byte
	for {
		n := min(len(data), storedMax)
		last := byte(0)
		if n == len(data) {
			last = 1
		}
		out = append(out, last, byte(n), byte(n>>8), ^byte(n), ^byte(n>>8))
		out = append(out, data[:n]...)
		if data = data[n:]; len(data) == 0 {
			return out
		}
	}
}
