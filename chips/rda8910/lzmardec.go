package rda8910

import "errors"

var (
	errLZMAREnds     = errors.New("more data: the stream ends early")
	errLZMARStart    = errors.New("a first byte of 0")
	errLZMARDistance = errors.New("a distance within the block and the dictionary of 1024 bytes")
	errLZMARLength   = errors.New("a match that ends within the block")
)

// lzmarDecode unpacks the stream of a block to n bytes. It returns what came
// out, also with an error, and how many bytes of the stream were used.
func lzmarDecode(stream []byte, n int) (out []byte, used int, err error) {
	d := lzmarDecoder{in: stream, m: newLZMARModel(), rng: 0xFFFFFFFF, out: make([]byte, 0, min(n, lzmarBlock))}
	if len(stream) > 0 && stream[0] != 0 {
		return nil, 0, errLZMARStart
	}
	for range 5 {
		d.code = d.code<<8 | uint32(d.next())
	}
	for len(d.out) < n && d.err == nil {
		d.step(n)
	}
	return d.out, d.pos, d.err
}

type lzmarDecoder struct {
	in        []byte
	pos       int
	rng, code uint32
	m         *lzmarModel
	state     int
	reps      [4]uint32 // distances, counted from 0, the last first
	out       []byte
	err       error
}

func (d *lzmarDecoder) next() byte {
	if d.pos >= len(d.in) {
		d.err = errLZMAREnds
		return 0
	}
	d.pos++
	return d.in[d.pos-1]
}

func (d *lzmarDecoder) normalize() {
	if d.rng < rangeTop {
		d.rng <<= 8
		d.code = d.code<<8 | uint32(d.next())
	}
}

func (d *lzmarDecoder) bit(p *prob) uint32 {
	d.normalize()
	bound := d.rng >> probBits * uint32(*p)
	if d.code < bound {
		d.rng = bound
		*p += (1<<probBits - *p) >> probShift
		return 0
	}
	d.rng -= bound
	d.code -= bound
	*p -= *p >> probShift
	return 1
}

// tree decodes bits from the highest on.
func (d *lzmarDecoder) tree(t []prob, bits int) uint32 {
	i := uint32(1)
	for range bits {
		i = i<<1 | d.bit(&t[i])
	}
	return i - 1<<bits
}

// reverse decodes bits from the lowest on.
func (d *lzmarDecoder) reverse(t []prob, bits int) uint32 {
	i, v := uint32(1), uint32(0)
	for k := range bits {
		b := d.bit(&t[i])
		i = i<<1 | b
		v |= b << k
	}
	return v
}

func (d *lzmarDecoder) direct(bits int) uint32 {
	v := uint32(0)
	for range bits {
		d.normalize()
		d.rng >>= 1
		b := uint32(0)
		if d.code >= d.rng {
			d.code -= d.rng
			b = 1
		}
		v = v<<1 | b
	}
	return v
}

// step decodes a literal or a match.
func (d *lzmarDecoder) step(n int) {
	if d.bit(&d.m.isMatch[d.state]) == 0 {
		c := byte(d.tree(d.m.literal[:], 8))
		if d.err == nil {
			d.out = append(d.out, c)
		}
		d.state = afterLiteral(d.state)
		return
	}
	length := 0
	if d.bit(&d.m.isRep[d.state]) == 0 {
		length = d.length()
		d.state = afterMatch(d.state)
		dist := d.distance(length)
		d.reps = [4]uint32{dist, d.reps[0], d.reps[1], d.reps[2]}
	} else {
		length = d.repeated()
	}
	d.copy(length, n)
}

// repeated decodes a match at one of the last four distances, moves that to
// the front and returns the length.
func (d *lzmarDecoder) repeated() int {
	r := &d.reps
	switch {
	case d.bit(&d.m.isRep0[d.state]) == 0:
		if d.bit(&d.m.isRep0Long[d.state]) == 0 {
			d.state = afterShortRep(d.state)
			return 1
		}
	case d.bit(&d.m.isRep1[d.state]) == 0:
		*r = [4]uint32{r[1], r[0], r[2], r[3]}
	case d.bit(&d.m.isRep2[d.state]) == 0:
		*r = [4]uint32{r[2], r[0], r[1], r[3]}
	default:
		*r = [4]uint32{r[3], r[0], r[1], r[2]}
	}
	length := d.length()
	d.state = afterRep(d.state)
	return length
}

func (d *lzmarDecoder) length() int {
	l := &d.m.length
	switch {
	case d.bit(&l.choice) == 0:
		return minMatch + int(d.tree(l.low[:], 3))
	case d.bit(&l.choice2) == 0:
		return minMatch + 8 + int(d.tree(l.mid[:], 3))
	}
	return minMatch + 16 + int(d.tree(l.high[:], 8))
}

func (d *lzmarDecoder) distance(length int) uint32 {
	slot := d.tree(d.m.slot[min(length-minMatch, lenStates-1)][:], slotBits)
	switch {
	case slot < firstModel:
		return slot
	case slot < firstAligned:
		tree, base := d.m.specialTree(slot)
		return base + d.reverse(tree, int(slot>>1-1))
	}
	high := d.direct(int(slot>>1-1) - alignBits)
	return slotBase(slot) + high<<alignBits + d.reverse(d.m.align[:], alignBits)
}

// copy repeats length bytes from the last distance.
func (d *lzmarDecoder) copy(length, n int) {
	dist := int64(d.reps[0]) + 1
	switch {
	case d.err != nil:
	case dist > min(int64(len(d.out)), lzmarDict):
		d.err = errLZMARDistance
	case length > n-len(d.out):
		d.err = errLZMARLength
	default:
		from := len(d.out) - int(dist)
		for i := range length {
			d.out = append(d.out, d.out[from+i])
		}
	}
}
