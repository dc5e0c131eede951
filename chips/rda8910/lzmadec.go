package rda8910

import "errors"

var (
	errLZMAEnds     = errors.New("more data: the stream ends early")
	errLZMAStart    = errors.New("a first byte of 0")
	errLZMADistance = errors.New("a distance within the data and the dictionary")
	errLZMALength   = errors.New("a match that ends within the data")
)

// decode unpacks a stream to n bytes. It returns what came out, also with an
// error, and how many bytes of the stream were used. Memory grows with what
// comes out, not with n.
func (c *coding) decode(stream []byte, n int) (out []byte, used int, err error) {
	d := lzmaDecoder{coding: c, in: stream, m: c.newModel(), rng: 0xFFFFFFFF}
	if len(stream) > 0 && stream[0] != 0 {
		return nil, 0, errLZMAStart
	}
	for range 5 {
		d.code = d.code<<8 | uint32(d.next())
	}
	for len(d.out) < n && d.err == nil {
		d.step(n)
	}
	return d.out, d.pos, d.err
}

type lzmaDecoder struct {
	*coding
	in        []byte
	pos       int
	rng, code uint32
	m         *lzmaModel
	h         history
	out       []byte
	err       error
}

func (d *lzmaDecoder) next() byte {
	if d.pos >= len(d.in) {
		d.err = errLZMAEnds
		return 0
	}
	d.pos++
	return d.in[d.pos-1]
}

func (d *lzmaDecoder) normalize() {
	if d.rng < rangeTop {
		d.rng <<= 8
		d.code = d.code<<8 | uint32(d.next())
	}
}

func (d *lzmaDecoder) bit(p *prob) (b uint32) {
	d.normalize()
	bound := d.rng >> d.probBits * uint32(*p)
	if d.code < bound {
		d.rng = bound
	} else {
		d.rng -= bound
		d.code -= bound
		b = 1
	}
	d.update(p, b)
	return b
}

// tree decodes bits from the highest on.
func (d *lzmaDecoder) tree(t []prob, bits int) uint32 {
	i := uint32(1)
	for range bits {
		i = i<<1 | d.bit(&t[i])
	}
	return i - 1<<bits
}

// reverse decodes bits from the lowest on.
func (d *lzmaDecoder) reverse(t []prob, bits int) uint32 {
	i, v := uint32(1), uint32(0)
	for k := range bits {
		b := d.bit(&t[i])
		i = i<<1 | b
		v |= b << k
	}
	return v
}

func (d *lzmaDecoder) direct(bits int) uint32 {
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
func (d *lzmaDecoder) step(n int) {
	ps, s := d.posState(len(d.out)), d.h.state
	m := match{}
	switch {
	case d.bit(&d.m.isMatch[s][ps]) == 0:
		if c := d.literal(); d.err == nil {
			d.out = append(d.out, c)
		}
	case d.bit(&d.m.isRep[s]) == 0:
		m.rep, m.length = -1, d.length(lengthNormal, ps)
		m.dist = d.distance(m.length)
	default:
		m.rep, m.length = d.repeated(s, ps)
	}
	d.h = d.h.behind(m)
	if m.length > 0 {
		d.copy(m.length, n)
	}
}

func (d *lzmaDecoder) literal() byte {
	t := d.literals(d.m, d.out)
	i := uint32(1)
	if d.matched && d.h.state >= afterMatches {
		for other := uint32(d.out[len(d.out)-1-int(d.h.reps[0])]); i < 0x100; other <<= 1 {
			want := other >> 7 & 1
			b := d.bit(&t[(1+want)<<8+i])
			i = i<<1 | b
			if b != want {
				break
			}
		}
	}
	for i < 0x100 {
		i = i<<1 | d.bit(&t[i])
	}
	return byte(i)
}

// repeated decodes which of the last distances is meant, and the length.
func (d *lzmaDecoder) repeated(s, ps int) (rep, length int) {
	switch {
	case d.bit(&d.m.isRep0[s]) == 0:
		if d.bit(&d.m.isRep0Long[s][ps]) == 0 {
			return 0, 1
		}
	case d.bit(&d.m.isRep1[s]) == 0:
		rep = 1
	default:
		rep = 2 + int(d.bit(&d.m.isRep2[s]))
	}
	return rep, d.length(lengthRep, ps)
}

func (d *lzmaDecoder) length(kind, ps int) int {
	l := d.m.length[kind]
	switch {
	case d.bit(&l.choice) == 0:
		return minMatch + int(d.tree(l.low[ps][:], 3))
	case d.bit(&l.choice2) == 0:
		return minMatch + 8 + int(d.tree(l.mid[ps][:], 3))
	}
	return minMatch + 16 + int(d.tree(l.high[:], 8))
}

func (d *lzmaDecoder) distance(length int) uint32 {
	slot := d.tree(d.m.slot[lenState(length)][:], slotBits)
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
func (d *lzmaDecoder) copy(length, n int) {
	dist := int64(d.h.reps[0]) + 1
	switch {
	case d.err != nil:
	case dist > min(int64(len(d.out)), d.dict):
		d.err = errLZMADistance
	case length > n-len(d.out):
		d.err = errLZMALength
	default:
		from := len(d.out) - int(dist)
		for i := range length {
			d.out = append(d.out, d.out[from+i])
		}
	}
}
