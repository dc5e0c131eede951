package bzip2

import (
	"fmt"
	"io"
)

// Error is what is wrong with a stream.
type Error struct {
	Bit  int64 // where, bits from the start of the stream
	What string
}

func (e *Error) Error() string {
	return fmt.Sprintf("bzip2 stream at byte 0x%X: %s", e.Bit/8, e.What)
}

// Reader decompresses one stream. It holds one block at a time: at most five
// bytes for each byte of the block size.
type Reader struct {
	in   bitReader
	unit int
	err  error

	limit    int // bytes of a block before the last run-length step
	combined uint32
	tt       []uint32 // the block's bytes, and its inverse transform
	pos      uint32
	left     int // bytes of tt that are not out yet
	origPtr  int
	blockCRC uint32
	crc      uint32

	last   int // last byte out of the transform, -1 at the start of a block
	run    int // how many of them came in a row
	repeat int // how often last is still to be repeated
}

// NewReader returns a reader for the stream in src, whose level digit counts
// in units of so many bytes.
func NewReader(src []byte, unit int) *Reader { return &Reader{in: bitReader{p: src}, unit: unit} }

// Decode decompresses the stream in src to at most most bytes.
func Decode(src []byte, unit int, most int64) ([]byte, error) {
	r := NewReader(src, unit)
	out, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(out)) > most {
		return out[:most], &Error{r.in.pos(), fmt.Sprintf("more than %d bytes come out", most)}
	}
	return out, err
}

// Read implements io.Reader. Errors are *Error; io.EOF comes after the whole
// stream was found good.
func (r *Reader) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) && r.err == nil {
		if r.left == 0 && r.repeat == 0 {
			r.err = r.next()
			continue
		}
		n += r.copy(p[n:])
	}
	if n > 0 {
		return n, nil
	}
	return 0, r.err
}

// next reads up to the next block that is not empty.
func (r *Reader) next() error {
	if r.limit == 0 {
		if err := r.start(); err != nil {
			return err
		}
	} else if err := r.endBlock(); err != nil {
		return err
	}
	at := r.in.pos()
	switch magic := r.in.bits(24)<<24 | r.in.bits(24); magic {
	case magicBlock:
		return r.block()
	case magicFinale:
		sum := uint32(r.in.bits(32))
		if r.in.short {
			return r.in.errShort()
		}
		if sum != r.combined {
			return &Error{at, fmt.Sprintf("CRC of the stream is 0x%08X, expected 0x%08X", sum, r.combined)}
		}
		return io.EOF
	default:
		if r.in.short {
			return r.in.errShort()
		}
		return &Error{at, fmt.Sprintf("expected a block, found 0x%012X", magic)}
	}
}

func (r *Reader) start() error {
	if r.in.bits(24) != 'B'<<16|'Z'<<8|'h' {
		return &Error{0, `expected "BZh"`}
	}
	level := int(r.in.bits(8)) - '0'
	if level < 1 || level > 9 {
		return &Error{24, "expected a level 1 to 9"}
	}
	r.limit = level * r.unit
	return nil
}

// endBlock checks the CRC of the block that was read.
func (r *Reader) endBlock() error {
	if sum := ^r.crc; sum != r.blockCRC {
		return &Error{r.in.pos(), fmt.Sprintf("CRC of a block is 0x%08X, expected 0x%08X", sum, r.blockCRC)}
	}
	r.combined = (r.combined<<1 | r.combined>>31) ^ r.blockCRC
	return nil
}

// block reads a block and undoes the Burrows-Wheeler transform.
func (r *Reader) block() error {
	at := r.in.pos()
	r.blockCRC = uint32(r.in.bits(32))
	if r.in.bits(1) != 0 {
		return &Error{at, "randomised blocks are of bzip2 0.9.0 and older"}
	}
	r.origPtr = int(r.in.bits(24))
	alphabet := r.in.alphabet()
	if len(alphabet) == 0 {
		return &Error{at, "the block uses no bytes"}
	}
	tables, selectors, err := r.tables(len(alphabet) + 2)
	if err != nil {
		return err
	}
	if err := r.symbols(alphabet, tables, selectors); err != nil {
		return err
	}
	if r.origPtr >= len(r.tt) {
		return &Error{at, fmt.Sprintf("origin %d lies outside the block of %d bytes", r.origPtr, len(r.tt))}
	}
	r.invert()
	r.crc, r.last, r.run, r.repeat = 0xFFFFFFFF, -1, 0, 0
	return nil
}

// alphabet reads which bytes the block uses.
func (b *bitReader) alphabet() []byte {
	var used []byte
	groups := b.bits(16)
	for g := range 16 {
		if groups&(1<<(15-g)) == 0 {
			continue
		}
		for bits, i := b.bits(16), 0; i < 16; i++ {
			if bits&(1<<(15-i)) != 0 {
				used = append(used, byte(16*g+i))
			}
		}
	}
	return used
}

// tables reads the code tables and which of them every group uses.
func (r *Reader) tables(symbols int) ([]decodeTable, []byte, error) {
	at := r.in.pos()
	n := int(r.in.bits(3))
	count := int(r.in.bits(15))
	if n < 2 || n > maxTables || count == 0 || count > maxSelectors {
		return nil, nil, &Error{at, fmt.Sprintf("%d tables and %d selectors: expected 2..6 and 1..%d", n, count, maxSelectors)}
	}
	order := []byte{0, 1, 2, 3, 4, 5}
	selectors := make([]byte, count)
	for i := range selectors {
		k := 0
		for r.in.bits(1) == 1 {
			if k++; k >= n {
				return nil, nil, &Error{r.in.pos(), fmt.Sprintf("selector of table %d of %d", k, n)}
			}
		}
		t := order[k]
		copy(order[1:k+1], order[:k])
		order[0], selectors[i] = t, t
	}
	tables := make([]decodeTable, n)
	for t := range tables {
		var lengths [maxSymbols]byte
		length := int(r.in.bits(5))
		for s := range symbols {
			for r.in.bits(1) == 1 {
				length += 1 - 2*int(r.in.bits(1))
				if length < 1 || length > maxCodeBits {
					return nil, nil, &Error{r.in.pos(), fmt.Sprintf("code of %d bits", length)}
				}
			}
			if length < 1 || length > maxCodeBits {
				return nil, nil, &Error{r.in.pos(), fmt.Sprintf("code of %d bits", length)}
			}
			lengths[s] = byte(length)
		}
		tables[t].build(lengths[:symbols])
	}
	if r.in.short {
		return nil, nil, r.in.errShort()
	}
	return tables, selectors, nil
}

// symbols decodes the block's bytes into tt, undoing move-to-front and the
// coding of runs.
func (r *Reader) symbols(alphabet []byte, tables []decodeTable, selectors []byte) error {
	if cap(r.tt) < r.limit {
		r.tt = make([]uint32, 0, min(r.limit, 1<<16))
	}
	r.tt = r.tt[:0]
	eob := len(alphabet) + 1
	run, weight := 0, 1
	for i := 0; ; i++ {
		if i/groupSize >= len(selectors) {
			return &Error{r.in.pos(), "more symbols than selectors announce"}
		}
		s := tables[selectors[i/groupSize]].symbol(&r.in)
		if s < 0 || r.in.short {
			if r.in.short {
				return r.in.errShort()
			}
			return &Error{r.in.pos(), "no such code"}
		}
		if s == runA || s == runB {
			if weight > r.limit {
				return r.tooLong()
			}
			run += weight << s
			weight <<= 1
			continue
		}
		if run > 0 {
			if run > r.limit-len(r.tt) {
				return r.tooLong()
			}
			for ; run > 0; run-- {
				r.tt = append(r.tt, uint32(alphabet[0]))
			}
		}
		run, weight = 0, 1
		if s == eob {
			break
		}
		if len(r.tt) >= r.limit {
			return r.tooLong()
		}
		b := alphabet[s-1]
		copy(alphabet[1:s], alphabet[:s-1])
		alphabet[0] = b
		r.tt = append(r.tt, uint32(b))
	}
	if len(r.tt) == 0 {
		return &Error{r.in.pos(), "the block is empty"}
	}
	return nil
}

func (r *Reader) tooLong() error {
	return &Error{r.in.pos(), fmt.Sprintf("the block is longer than %d bytes", r.limit)}
}

// invert links every byte of the block to the one that follows it.
func (r *Reader) invert() {
	var first [256]uint32
	for _, v := range r.tt {
		first[byte(v)]++
	}
	sum := uint32(0)
	for i, n := range first {
		first[i], sum = sum, sum+n
	}
	for i, v := range r.tt {
		b := byte(v)
		r.tt[first[b]] |= uint32(i) << 8
		first[b]++
	}
	r.pos = r.tt[r.origPtr] >> 8
	r.left = len(r.tt)
}

// copy writes bytes of the block to p, undoing the first run-length step.
func (r *Reader) copy(p []byte) int {
	n := 0
	for n < len(p) {
		if r.repeat > 0 {
			k := min(r.repeat, len(p)-n)
			for i := range k {
				p[n+i] = byte(r.last)
			}
			n, r.repeat = n+k, r.repeat-k
			continue
		}
		if r.left == 0 {
			break
		}
		v := r.tt[r.pos]
		b := int(byte(v))
		r.pos = v >> 8
		r.left--
		if r.run == 4 {
			r.repeat, r.run = b, 0
			continue
		}
		if b == r.last {
			r.run++
		} else {
			r.last, r.run = b, 1
		}
		p[n] = byte(b)
		n++
	}
	r.crc = crcUpdate(r.crc, p[:n])
	return n
}

// decodeTable finds symbols by the length of their code.
type decodeTable struct {
	limit  [maxCodeBits + 2]int32 // largest code of each length, or -1
	base   [maxCodeBits + 2]int32 // what to subtract to find the symbol
	perm   [maxSymbols]uint16     // symbols in the order of their codes
	count  int
	minLen int
}

func (t *decodeTable) build(lengths []byte) {
	t.minLen = maxCodeBits
	code, index := int32(0), int32(0)
	for n := 1; n <= maxCodeBits; n++ {
		t.base[n] = code - index
		t.limit[n] = -1
		for s, l := range lengths {
			if int(l) != n {
				continue
			}
			t.minLen = min(t.minLen, n)
			t.perm[index] = uint16(s)
			index++
			t.limit[n] = code
			code++
		}
		code <<= 1
	}
	t.count = int(index)
}

// symbol reads one symbol, or returns -1.
func (t *decodeTable) symbol(b *bitReader) int {
	code := int32(b.bits(t.minLen))
	for n := t.minLen; n <= maxCodeBits; n++ {
		if code <= t.limit[n] {
			i := code - t.base[n]
			if i < 0 || int(i) >= t.count {
				return -1
			}
			return int(t.perm[i])
		}
		code = code<<1 | int32(b.bits(1))
	}
	return -1
}

// bitReader reads bits, most significant first. Behind the end it reads zeros
// and says so.
type bitReader struct {
	p     []byte
	at    int // next byte
	acc   uint64
	n     int // bits in acc
	short bool
}

func (b *bitReader) bits(n int) uint64 {
	for b.n < n {
		v := byte(0)
		if b.at < len(b.p) {
			v = b.p[b.at]
		} else {
			b.short = true
		}
		b.at++
		b.acc = b.acc<<8 | uint64(v)
		b.n += 8
	}
	b.n -= n
	v := b.acc >> b.n & (1<<n - 1)
	return v
}

func (b *bitReader) pos() int64 { return int64(b.at)*8 - int64(b.n) }

func (b *bitReader) errShort() error {
	return &Error{int64(len(b.p)) * 8, "the stream ends early"}
}
