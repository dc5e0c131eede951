package xt804

import (
	"encoding/binary"
	"errors"
)

// Secboot's inflate is the classic gzip one: a 32 KiB window that is flushed
// when it is full and once more at a regular end, an 8 KiB input buffer, and
// root tables of 9 bits for literals and 6 for distances (xt804.md 0, 3.1,
// 3.6). What matters here is how it fails, so this one has the same shape:
//
//   - The window is not flushed when inflate ends in an error.
//   - Distances are not checked; they reach into whatever the window holds.
//   - At the end of its input it reads 0xFF for ever. In a compressed block
//     the code of all ones is nearly always a literal or a length, so the
//     output then never ends.
//   - The refill is wrong for input of a multiple of 8192 bytes, see refill.
const (
	windowSize = 32 << 10 // bytes of history (xt804.md 3.1)
	inputSize  = 8 << 10  // bytes read at a time (xt804.md 3.1)
	litRoot    = 9        // bits looked up at once
	distRoot   = 6
)

// inflateEnd is how inflate ends.
type inflateEnd uint8

const (
	inflateDone    inflateEnd = iota // end of stream
	inflateError                     // not a deflate stream: the last window is lost
	inflateEndless                   // output goes on for ever
	inflateBound                     // output goes on for longer than anybody wants to know
)

// errStopInflate is returned by a sink that needs no more output; inflate then
// ends as inflateEndless or inflateBound, whichever it is.
var errStopInflate = errors.New("output has no effect any more")

// inflateSink takes the output, a window at a time. Window is the whole
// window buffer, of which p is the front. Endless says that the input has
// run out and that the output provably never ends.
type inflateSink interface {
	flush(p, window []byte, endless bool) error
}

// gzInput is secboot's input buffer over total bytes at off.
type gzInput struct {
	read    func(p []byte, off int64) error
	off     int64
	total   int64 // bytes of input
	taken   int64 // bytes read into the buffer so far
	at, n   int   // next byte and end in buf
	buf     [inputSize]byte
	eof     int64 // bytes of 0xFF made up behind the end
	started bool
}

// refill reads the next piece and returns its first byte, or 0xFF at the end.
//
// The fault (xt804.md 6, P1): the first piece is cut to what there is, but for
// the ones that follow the length of the last piece is taken to be the
// remainder of the whole length by the buffer size. With a whole number of
// buffers that is zero, so the last 8192 bytes are never read. One buffer is
// fine since the first piece is read another way.
func (in *gzInput) refill() (byte, error) {
	left := in.total - in.taken
	n := left
	switch {
	case !in.started:
		n = min(left, inputSize)
	case left > inputSize:
		n = inputSize
	case left > 0:
		n = in.total % inputSize
	}
	in.started = true
	if n <= 0 {
		in.eof++
		return 0xFF, nil
	}
	if err := in.read(in.buf[:n], in.off+in.taken); err != nil {
		return 0, err
	}
	in.taken += n
	in.at, in.n = 1, int(n)
	return in.buf[0], nil
}

func (in *gzInput) next() (byte, error) {
	if in.at < in.n {
		in.at++
		return in.buf[in.at-1], nil
	}
	return in.refill()
}

// inflater holds the state of one run.
type inflater struct {
	in      gzInput
	sink    inflateSink
	bb      uint64 // bit buffer, next bit lowest
	bk      uint   // bits in it
	wp      int    // next free byte of the window
	endless bool
	full    bool  // the whole window holds output
	plain   bool  // a gzip header of ten bytes came first
	lenient bool  // something was accepted that is no proper deflate stream
	err     error // from flash or sink: stop at once
	lit     huffTable
	dist    huffTable
	window  [windowSize]byte
}

// start makes z ready to read total bytes at off.
func (z *inflater) start(read func(p []byte, off int64) error, off, total int64, sink inflateSink) {
	z.in.read, z.in.off, z.in.total = read, off, total
	z.sink = sink
}

// gzipHeader skips the gzip header as secboot does: method and most flags are
// ignored, a name is skipped, and a wrong magic ends it without being an error
// (xt804.md 3.6 step 2).
func (z *inflater) gzipHeader() (inflateEnd, error) {
	var h [10]byte
	for i := range h {
		c, err := z.in.next()
		if err != nil {
			return inflateError, err
		}
		h[i] = c
		if i == 1 && !(h[0] == 0x1F && (h[1] == 0x8B || h[1] == 0x9E)) {
			return inflateDone, nil
		}
	}
	if h[3]&0x08 == 0 {
		z.plain = true
		return inflateDone, nil
	}
	for {
		c, err := z.in.next()
		switch {
		case err != nil:
			return inflateError, err
		case c == 0:
			return inflateDone, nil
		case z.in.eof > 0:
			return inflateEndless, nil // waits for a NUL that never comes
		}
	}
}

// run inflates the stream to its end. The error is the flash's.
func (z *inflater) run() (inflateEnd, error) {
	for last := false; !last; {
		ok := false
		if last, ok = z.block(); ok {
			continue
		}
		switch {
		case errors.Is(z.err, errStopInflate) && z.endless:
			return inflateEndless, nil
		case errors.Is(z.err, errStopInflate):
			return inflateBound, nil
		}
		return inflateError, z.err
	}
	if z.wp > 0 && !z.flush(z.wp) {
		if errors.Is(z.err, errStopInflate) {
			return inflateDone, nil
		}
		return inflateError, z.err
	}
	return inflateDone, nil
}

// proper reports that, now that inflate has ended with end, any inflate that
// keeps to RFC 1951 makes the same of what stands behind ten bytes of input:
// nothing was made up behind the end of the input, and nothing accepted that
// others refuse.
func (z *inflater) proper(end inflateEnd) bool {
	return end == inflateDone && z.plain && !z.lenient && z.in.eof == 0
}

func (z *inflater) flush(n int) bool {
	z.wp = 0
	z.full = z.full || n == windowSize
	if err := z.sink.flush(z.window[:n], z.window[:], z.endless); err != nil {
		z.err = err
		return false
	}
	return true
}

// need fills the bit buffer to n bits, a byte at a time and no further, so
// that the input is read when the real one reads it.
func (z *inflater) need(n uint) bool {
	for z.bk < n {
		c, err := z.in.next()
		if err != nil {
			z.err = err
			return false
		}
		z.bb |= uint64(c) << z.bk
		z.bk += 8
	}
	return true
}

// bits takes n bits; ok is false if the input cannot be read.
func (z *inflater) bits(n uint) (v uint, ok bool) {
	if !z.need(n) {
		return 0, false
	}
	v = uint(z.bb & (1<<n - 1))
	z.bb >>= n
	z.bk -= n
	return v, true
}

// block inflates one block. Ok is false if the stream ends here for whatever
// reason: z.err tells a flash error from bad data.
func (z *inflater) block() (last, ok bool) {
	v, ok := z.bits(3)
	if !ok {
		return false, false
	}
	last = v&1 != 0
	switch v >> 1 {
	case 0:
		return last, z.stored()
	case 1:
		z.fixedTables()
		return last, z.codes()
	case 2:
		return last, z.dynamicTables() && z.codes()
	}
	return last, false
}

func (z *inflater) stored() bool {
	if _, ok := z.bits(z.bk & 7); !ok {
		return false
	}
	n, ok := z.bits(16)
	if !ok {
		return false
	}
	if inv, ok := z.bits(16); !ok || inv != n^0xFFFF {
		return false
	}
	for n > 0 {
		if z.bk == 0 && z.in.at < z.in.n { // whole pieces
			k := copy(z.window[z.wp:], z.in.buf[z.in.at:min(z.in.n, z.in.at+int(n))])
			z.in.at, z.wp, n = z.in.at+k, z.wp+k, n-uint(k)
		} else {
			v, ok := z.bits(8)
			if !ok {
				return false
			}
			z.window[z.wp] = byte(v)
			z.wp, n = z.wp+1, n-1
		}
		if z.wp == windowSize && !z.flush(windowSize) {
			return false
		}
	}
	return true
}

// Base values and extra bits of length and distance codes (RFC 1951 3.2.5).
var (
	lengthBase  = [...]uint16{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	lengthExtra = [...]uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distBase    = [...]uint16{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577}
	distExtra   = [...]uint8{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
)

const endOfBlock = 256

// codes inflates the body of a compressed block.
func (z *inflater) codes() bool {
	for {
		if done, ok := z.codesFast(); done || !ok {
			return ok
		}
		// From the moment when every bit in the buffer is made up the decoder
		// sees ones only: each symbol is the same as the last, for ever.
		pure := z.in.eof*8 >= int64(z.bk) && z.in.eof > 0
		sym, ok := z.symbol(&z.lit, litRoot)
		switch {
		case !ok:
			return false
		case sym == endOfBlock:
			return true
		case sym < endOfBlock:
			z.window[z.wp] = byte(sym)
			z.wp++
			if z.wp == windowSize && !z.flush(windowSize) {
				return false
			}
		default:
			length, dist, ok := z.match(sym)
			if !ok || !z.copyMatch(length, dist) {
				return false
			}
		}
		z.endless = z.endless || pure
	}
}

// codesFast inflates while the input buffer holds more than a symbol can need
// and the window has room for any match.
func (z *inflater) codesFast() (done, ok bool) {
	in, bb, bk, wp := &z.in, z.bb, z.bk, z.wp
	lit, dist := &z.lit, &z.dist
	defer func() { z.bb, z.bk, z.wp = bb&(1<<bk-1), bk, wp }()
	for in.n-in.at >= 8 && wp < windowSize-258 {
		bb |= binary.LittleEndian.Uint64(in.buf[in.at:]) << bk
		in.at += int(63-bk) >> 3
		bk |= 56
		e := lit.look(bb)
		n := uint(e & 0xF)
		if n == 0 {
			return true, false
		}
		bb >>= n
		bk -= n
		sym := uint(e >> 4)
		if sym < endOfBlock {
			z.window[wp] = byte(sym)
			wp++
			if e = lit.look(bb); e&0xF == 0 || e>>4 >= endOfBlock {
				continue
			}
			n = uint(e & 0xF) // a second literal fits: 15 + 15 of 56 bits
			bb >>= n
			bk -= n
			z.window[wp] = byte(e >> 4)
			wp++
			continue
		}
		if sym == endOfBlock {
			return true, true
		}
		sym -= 257
		if sym >= uint(len(lengthBase)) {
			return true, false
		}
		n = uint(lengthExtra[sym])
		length := int(lengthBase[sym]) + int(bb&(1<<n-1))
		bb >>= n
		bk -= n
		e = dist.look(bb)
		n = uint(e & 0xF)
		if n == 0 || e>>4 >= uint32(len(distBase)) {
			return true, false
		}
		bb >>= n
		bk -= n
		sym = uint(e >> 4)
		n = uint(distExtra[sym])
		d := int(distBase[sym]) + int(bb&(1<<n-1))
		bb >>= n
		bk -= n
		z.windowCopy(wp, length, d)
		wp += length
	}
	return false, true
}

// windowCopy copies a match that does not reach the end of the window.
func (z *inflater) windowCopy(wp, length, dist int) {
	if from := wp - dist; from >= 0 && dist >= length {
		copy(z.window[wp:wp+length], z.window[from:])
		return
	}
	if dist > wp && !z.full {
		z.lenient = true
	}
	for i := wp; i < wp+length; i++ {
		z.window[i] = z.window[(i-dist)&(windowSize-1)]
	}
}

// copyMatch copies a match and flushes the window where it is full.
func (z *inflater) copyMatch(length, dist int) bool {
	for length > 0 {
		n := min(length, windowSize-z.wp)
		z.windowCopy(z.wp, n, dist)
		z.wp += n
		length -= n
		if z.wp == windowSize && !z.flush(windowSize) {
			return false
		}
	}
	return true
}

// symbol decodes one symbol, reading root bits first and more only for a
// longer code, as the classic tables do.
func (z *inflater) symbol(t *huffTable, root uint) (uint, bool) {
	if !z.need(min(root, t.longest)) {
		return 0, false
	}
	e := t.look(z.bb)
	n := uint(e & 0xF)
	if n > z.bk || (n == 0 && t.longest > z.bk) {
		// Bits above bk are zero, so the entry may be another code's.
		if !z.need(t.longest) {
			return 0, false
		}
		e = t.look(z.bb)
		n = uint(e & 0xF)
	}
	if n == 0 {
		return 0, false
	}
	z.bb >>= n
	z.bk -= n
	return uint(e >> 4), true
}

// match reads the rest of a length and its distance.
func (z *inflater) match(sym uint) (length, dist int, ok bool) {
	sym -= 257
	if sym >= uint(len(lengthBase)) {
		return 0, 0, false
	}
	v, ok := z.bits(uint(lengthExtra[sym]))
	if !ok {
		return 0, 0, false
	}
	length = int(lengthBase[sym]) + int(v)
	sym, ok = z.symbol(&z.dist, distRoot)
	if !ok || sym >= uint(len(distBase)) {
		return 0, 0, false
	}
	if v, ok = z.bits(uint(distExtra[sym])); !ok {
		return 0, 0, false
	}
	return length, int(distBase[sym]) + int(v), true
}
