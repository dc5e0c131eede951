// Package deflate is a small DEFLATE encoder (RFC 1951) whose output never
// changes.
//
// Packages that airlift makes end up on the emulated flash, and from there in
// hashes of runs that must be equal on every machine for ever. The encoder of
// the standard library compresses as well but may give other bytes after any
// update of the toolchain. This one is frozen: a change of its output is a
// breaking change of airlift, and a golden test says so.
//
// It is the textbook method: three-byte hashes with chains through a window of
// 32 KiB, lazy matching, and for every 16384 symbols the cheapest of a stored,
// a fixed and a dynamic block. Ratio and speed are near zlib's level 6.
// Decoding is left to compress/flate, or to a chip family's own decoder where
// the real one has faults.
package deflate

import (
	"encoding/binary"
	"math/bits"
)

const (
	windowSize = 32 << 10
	windowMask = windowSize - 1
	minMatch   = 3
	maxMatch   = 258
	hashBits   = 15
	maxTokens  = 16384 // symbols in one block
	// Effort, as zlib's level 6: how long a chain is followed, from which
	// length on a match is taken at once, and from which on one does not look
	// whether the next byte begins a longer one.
	maxChain   = 128
	niceLength = 128
	goodLength = 8
	lazyLength = 16
	// A match of three bytes further back than this costs more than literals.
	tooFar = 4096
	// segment bounds positions to 31 bits; longer inputs are compressed in
	// pieces that do not see each other.
	segment = 1 << 28
)

// Append appends the DEFLATE stream of src to dst.
func Append(dst, src []byte) []byte {
	e := encoder{w: bitWriter{out: dst}}
	for len(src) > segment {
		e.compress(src[:segment], false)
		src = src[segment:]
	}
	e.compress(src, true)
	return e.w.flush()
}

// token is a literal (its value) or a match (length<<16 | distance).
type token uint32

type encoder struct {
	w       bitWriter
	head    [1 << hashBits]int32 // last position with a hash, plus 1
	prev    [windowSize]int32    // position before, with the same hash, plus 1
	tokens  []token
	litFreq [286]uint32
	dstFreq [30]uint32
	blockAt int // where the block's bytes start in src
}

func hash3(p []byte) uint32 {
	_ = p[2]
	return (uint32(p[0])<<16 | uint32(p[1])<<8 | uint32(p[2])) * 0x9E3779B1 >> (32 - hashBits)
}

// insert adds position i to the chains and returns the position before, plus 1.
func (e *encoder) insert(src []byte, i int) int32 {
	h := hash3(src[i:])
	last := e.head[h]
	e.prev[i&windowMask] = last
	e.head[h] = int32(i + 1)
	return last
}

// compress encodes one segment; last sets the final bit of its last block.
func (e *encoder) compress(src []byte, last bool) {
	e.head = [1 << hashBits]int32{}
	e.tokens, e.blockAt = make([]token, 0, maxTokens), 0
	var held match // match at i-1, not yet written
	pending := false
	for i := 0; i < len(src); {
		var m match
		if i+minMatch <= len(src) {
			cand := e.insert(src, i)
			if held.length < lazyLength {
				m = e.longest(src, i, cand, held.length)
			}
		}
		switch {
		case held.length >= minMatch && m.length <= held.length:
			e.match(held)
			end := i - 1 + held.length
			for i++; i < end; i++ {
				if i+minMatch <= len(src) {
					e.insert(src, i)
				}
			}
			held, pending = match{}, false
		case pending:
			e.literal(src[i-1])
			held = m
			i++
		default:
			held, pending = m, true
			i++
		}
		if len(e.tokens) >= maxTokens-1 {
			end := i
			if pending {
				end = i - 1
			}
			e.block(src[e.blockAt:end], false)
			e.blockAt = end
		}
	}
	if pending {
		e.literal(src[len(src)-1])
	}
	e.block(src[e.blockAt:], last)
}

type match struct{ length, distance int }

// longest follows the chain from cand (a position plus 1) for a match at i that
// is longer than atLeast.
func (e *encoder) longest(src []byte, i int, cand int32, atLeast int) match {
	best := match{length: max(atLeast, minMatch-1)}
	limit := min(maxMatch, len(src)-i)
	if best.length >= limit {
		return match{}
	}
	chain := maxChain
	if atLeast >= goodLength {
		chain >>= 2
	}
	floor := max(i-windowSize, -1)
	found := false
	for ; cand > 0 && int(cand-1) > floor && chain > 0; chain-- {
		c := int(cand - 1)
		if src[c+best.length] == src[i+best.length] && src[c] == src[i] && src[c+best.length-1] == src[i+best.length-1] {
			if n := common(src[c:], src[i:i+limit]); n > best.length {
				best, found = match{n, i - c}, true
				if n >= niceLength || n == limit {
					break
				}
			}
		}
		cand = e.prev[c&windowMask]
	}
	if !found || best.length == minMatch && best.distance > tooFar {
		return match{}
	}
	return best
}

// common returns how many bytes a and b start with in common, at most len(b);
// a is not shorter than b.
func common(a, b []byte) int {
	n := 0
	for len(b)-n >= 8 {
		if x := binary.LittleEndian.Uint64(a[n:]) ^ binary.LittleEndian.Uint64(b[n:]); x != 0 {
			return n + bits.TrailingZeros64(x)>>3
		}
		n += 8
	}
	for n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

func (e *encoder) literal(b byte) {
	e.tokens = append(e.tokens, token(b))
	e.litFreq[b]++
}

func (e *encoder) match(m match) {
	e.tokens = append(e.tokens, token(m.length<<16|m.distance))
	e.litFreq[257+int(lengthCode[m.length-minMatch])]++
	e.dstFreq[distanceCode(m.distance)]++
}
