package deflate

import "math/bits"

// Base values and extra bits of length and distance codes (RFC 1951 3.2.5).
var (
	lengthBase  = [29]uint16{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	lengthExtra = [29]uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	lengthCode  = makeLengthCode()
	// codeOrder is the order in which the lengths of the code length code are
	// sent (RFC 1951 3.2.7).
	codeOrder               = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
	fixedLiterals, fixedDst = fixedCodes()
)

func makeLengthCode() (codes [maxMatch - minMatch + 1]uint8) {
	for c := range lengthBase {
		for n := int(lengthBase[c]); n < int(lengthBase[c])+1<<lengthExtra[c] && n <= maxMatch; n++ {
			codes[n-minMatch] = uint8(c)
		}
	}
	codes[maxMatch-minMatch] = 28
	return codes
}

// distanceCode returns the code of a distance of 1..32768.
func distanceCode(d int) uint8 {
	d--
	if d < 4 {
		return uint8(d)
	}
	n := bits.Len32(uint32(d)) - 1
	return uint8(2*n + d>>(n-1)&1)
}

func distanceExtra(code uint8) uint {
	if code < 4 {
		return 0
	}
	return uint(code>>1) - 1
}

func distanceBase(code uint8) int {
	if code < 4 {
		return int(code) + 1
	}
	return (2+int(code&1))<<(code>>1-1) + 1
}

func fixedCodes() (lit, dst []code) {
	lengths := make([]uint8, 288)
	for i := range lengths {
		switch {
		case i < 144:
			lengths[i] = 8
		case i < 256:
			lengths[i] = 9
		case i < 280:
			lengths[i] = 7
		default:
			lengths[i] = 8
		}
	}
	dstLengths := make([]uint8, 30)
	for i := range dstLengths {
		dstLengths[i] = 5
	}
	return canonical(lengths), canonical(dstLengths)
}

// block writes the tokens gathered so far, which stand for raw, in the form
// that takes the fewest bits, and forgets them.
func (e *encoder) block(raw []byte, last bool) {
	e.litFreq[256] = 1
	litLengths := codeLengths(e.litFreq[:], 15)
	dstLengths := codeLengths(e.dstFreq[:], 15)
	head := newDynamicHead(litLengths, dstLengths)
	extra := e.extraBits()
	dynamic := head.bits() + cost(e.litFreq[:], litLengths) + cost(e.dstFreq[:], dstLengths) + extra
	fixed := costOf(e.litFreq[:], fixedLiterals) + costOf(e.dstFreq[:], fixedDst) + extra
	stored := (len(raw)+65534)/65535*40 + 8*len(raw)
	final := uint64(0)
	if last {
		final = 1
	}
	switch {
	case len(raw) > 0 && stored <= fixed && stored <= dynamic:
		e.stored(raw, last)
	case fixed <= dynamic:
		e.w.put(final|1<<1, 3)
		e.writeTokens(fixedLiterals, fixedDst)
	default:
		e.w.put(final|2<<1, 3)
		head.write(&e.w)
		e.writeTokens(canonical(litLengths), canonical(dstLengths))
	}
	e.tokens = e.tokens[:0]
	e.litFreq, e.dstFreq = [286]uint32{}, [30]uint32{}
}

// extraBits counts the extra bits of the block's matches.
func (e *encoder) extraBits() int {
	n := 0
	for c, extra := range lengthExtra {
		n += int(e.litFreq[257+c]) * int(extra)
	}
	for c, f := range e.dstFreq {
		n += int(f) * int(distanceExtra(uint8(c)))
	}
	return n
}

func cost(freq []uint32, lengths []uint8) int {
	n := 0
	for i, f := range freq {
		n += int(f) * int(lengths[i])
	}
	return n
}

func costOf(freq []uint32, codes []code) int {
	n := 0
	for i, f := range freq {
		n += int(f) * int(codes[i].len)
	}
	return n
}

func (e *encoder) stored(raw []byte, last bool) {
	for len(raw) > 0 {
		n := min(len(raw), 65535)
		final := uint64(0)
		if last && n == len(raw) {
			final = 1
		}
		e.w.put(final, 3)
		e.w.align()
		e.w.put(uint64(n)|uint64(^uint16(n))<<16, 32)
		e.w.bytes(raw[:n])
		raw = raw[n:]
	}
}

func (e *encoder) writeTokens(lit, dst []code) {
	w := &e.w
	for _, t := range e.tokens {
		if t < 256 {
			w.put(uint64(lit[t].bits), uint(lit[t].len))
			continue
		}
		length, distance := int(t>>16), int(t&0xFFFF)
		lc := lengthCode[length-minMatch]
		c := lit[257+int(lc)]
		v, n := uint64(c.bits), uint(c.len)
		v |= uint64(length-int(lengthBase[lc])) << n
		n += uint(lengthExtra[lc])
		dc := distanceCode(distance)
		d := dst[dc]
		v |= uint64(d.bits) << n
		n += uint(d.len)
		v |= uint64(distance-distanceBase(dc)) << n
		w.put(v, n+distanceExtra(dc)) // at most 15+5+15+13 bits
	}
	w.put(uint64(lit[256].bits), uint(lit[256].len))
}

// dynamicHead is the description of a dynamic block's codes (RFC 1951 3.2.7).
type dynamicHead struct {
	lit, dst int          // how many lengths of each are sent
	symbols  []headSymbol // run-length coded lengths
	lengths  []uint8      // of the code length code
	codes    int          // how many of those are sent
}

type headSymbol struct {
	symbol uint8
	extra  uint8
}

func newDynamicHead(litLengths, dstLengths []uint8) dynamicHead {
	h := dynamicHead{lit: 257, dst: 1, codes: 4}
	for i, n := range litLengths {
		if n != 0 {
			h.lit = max(h.lit, i+1)
		}
	}
	for i, n := range dstLengths {
		if n != 0 {
			h.dst = max(h.dst, i+1)
		}
	}
	all := append(append([]uint8(nil), litLengths[:h.lit]...), dstLengths[:h.dst]...)
	h.symbols = runLengths(all)
	var freq [19]uint32
	for _, s := range h.symbols {
		freq[s.symbol]++
	}
	h.lengths = codeLengths(freq[:], 7)
	for i, symbol := range codeOrder {
		if h.lengths[symbol] != 0 {
			h.codes = max(h.codes, i+1)
		}
	}
	return h
}

// runLengths codes lengths with the symbols 16, 17 and 18 for runs.
func runLengths(lengths []uint8) []headSymbol {
	var out []headSymbol
	for i := 0; i < len(lengths); {
		v, run := lengths[i], 1
		for i+run < len(lengths) && lengths[i+run] == v {
			run++
		}
		i += run
		if v != 0 {
			out = append(out, headSymbol{symbol: v})
			run--
		}
		for run >= 3 {
			var n int
			switch {
			case v != 0:
				n = min(run, 6)
				out = append(out, headSymbol{16, uint8(n - 3)})
			case run < 11:
				n = run
				out = append(out, headSymbol{17, uint8(n - 3)})
			default:
				n = min(run, 138)
				out = append(out, headSymbol{18, uint8(n - 11)})
			}
			run -= n
		}
		for ; run > 0; run-- {
			out = append(out, headSymbol{symbol: v})
		}
	}
	return out
}

var headExtra = [19]uint8{16: 2, 17: 3, 18: 7}

func (h *dynamicHead) bits() int {
	n := 5 + 5 + 4 + 3*h.codes
	for _, s := range h.symbols {
		n += int(h.lengths[s.symbol]) + int(headExtra[s.symbol])
	}
	return n
}

func (h *dynamicHead) write(w *bitWriter) {
	w.put(uint64(h.lit-257)|uint64(h.dst-1)<<5|uint64(h.codes-4)<<10, 14)
	for _, symbol := range codeOrder[:h.codes] {
		w.put(uint64(h.lengths[symbol]), 3)
	}
	codes := canonical(h.lengths)
	for _, s := range h.symbols {
		c := codes[s.symbol]
		w.put(uint64(c.bits)|uint64(s.extra)<<c.len, uint(c.len)+uint(headExtra[s.symbol]))
	}
}
