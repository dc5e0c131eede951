package lua

import glua "github.com/yuin/gopher-lua"

// The library fastlz (luatos-runtime.md 9.9): the block format FastLZ in both
// of its levels.
//
// A block is a sequence of instructions. The three highest bits of its first
// byte are the level less one; there they do not belong to the instruction,
// which always copies literals. An instruction begins with a byte of three
// bits t and five bits v.
//
//	t = 0      v+1 literals follow
//	t = 1..6   a match of t+2 bytes
//	t = 7      a match of 9 bytes and more: level 1 has one byte that is added,
//	           level 2 adds bytes up to the first that is not 255
//
// Last comes the lower byte of the distance less one, v being the upper. In
// level 2 v = 31 with a lower byte of 255 means that two bytes follow, the
// higher first, to which 8191 is added.
//
// The compressor makes the choices of FastLZ 0.5, so that sizes are those that
// modules log.
//
// Assumed: results of more than 32 KiB fail; so do levels other than 1 and 2.

const (
	fastlzMax     = 32768 // bytes that compress may return
	fastlzNear    = 8191  // largest near distance of level 2
	fastlzFar     = 65535 + 8191 - 1
	fastlzRun     = 32  // literals of one instruction
	fastlzLongest = 262 // largest length of a match of level 1, less 2
)

// openFastlz installs fastlz.*.
func (m *Machine) openFastlz() {
	m.lib("fastlz",
		fn("compress", func(l *glua.LState) int {
			data, level := []byte(m.str(l, 1)), m.optInt(l, 2, 1)
			if level != 1 && level != 2 || len(data) == 0 {
				return 0
			}
			m.allocate(l, int64(len(data)))
			m.charge(len(data))
			out := fastlzCompress(data, level == 2)
			if len(out) > fastlzMax {
				return 0
			}
			return pushStr(l, string(out))
		}),
		fn("uncompress", func(l *glua.LState) int {
			data, limit := []byte(m.str(l, 1)), m.optInt(l, 2, 4096)
			if limit > m.stringLimit() {
				return 0
			}
			m.charge(len(data) + int(max(0, limit)/16))
			out, ok := fastlzExpand(data, int(max(0, limit)))
			if !ok || len(out) == 0 {
				return 0
			}
			m.allocate(l, int64(len(out)))
			return pushStr(l, string(out))
		}),
	)
}

// fastlzExpand unpacks a block to at most limit bytes; false if it is damaged
// or larger.
func fastlzExpand(in []byte, limit int) (out []byte, ok bool) {
	if len(in) == 0 || in[0]>>5 > 1 {
		return nil, false
	}
	far := in[0]>>5 == 1
	first := in[0] & 31
	next := func() (c int) {
		if len(in) == 0 {
			ok = false
			return 0
		}
		c, in = int(in[0]), in[1:]
		return c
	}
	for ok = true; ok && len(in) > 0; {
		c := next()
		if out == nil {
			c, out = int(first), []byte{}
		}
		kind, v := c>>5, c&31
		if kind == 0 {
			if v+1 > len(in) || len(out)+v+1 > limit {
				return nil, false
			}
			out, in = append(out, in[:v+1]...), in[v+1:]
			continue
		}
		length := kind + 2
		if kind == 7 {
			for more := 255; ok && more == 255; {
				more = next()
				length += more
				if !far {
					break
				}
			}
		}
		low := next()
		distance := v<<8 + low + 1
		if far && v == 31 && low == 255 {
			high := next()
			distance = high<<8 + next() + fastlzNear + 1
		}
		if !ok || distance > len(out) || length > limit-len(out) {
			return nil, false
		}
		for ; length > 0; length-- { // the match may overlap what it makes
			out = append(out, out[len(out)-distance])
		}
	}
	return out, ok
}

// fastlzPacker collects instructions.
type fastlzPacker struct {
	out []byte
	far bool // level 2
}

func (p *fastlzPacker) literals(data []byte) {
	for len(data) > 0 {
		n := min(len(data), fastlzRun)
		p.out = append(append(p.out, byte(n-1)), data[:n]...)
		data = data[n:]
	}
}

// match writes a match of n+2 bytes.
func (p *fastlzPacker) match(n, distance int) {
	distance--
	var tail []byte
	if p.far && distance >= fastlzNear {
		distance -= fastlzNear
		tail = []byte{255, byte(distance >> 8), byte(distance)}
		distance = 31 << 8
	} else {
		tail = []byte{byte(distance)}
	}
	v := byte(distance >> 8)
	for !p.far && n > fastlzLongest {
		p.out = append(append(p.out, 7<<5|v, fastlzLongest-9), tail...)
		n -= fastlzLongest
	}
	if n < 7 {
		p.out = append(append(p.out, byte(n)<<5|v), tail...)
		return
	}
	p.out = append(p.out, 7<<5|v)
	n -= 7
	for p.far && n >= 255 {
		p.out = append(p.out, 255)
		n -= 255
	}
	p.out = append(append(p.out, byte(n)), tail...)
}

// fastlzCompress packs data, greedily: the latest place with the same hash of
// three bytes counts, and the last bytes are never part of a match.
func fastlzCompress(data []byte, far bool) []byte {
	p := &fastlzPacker{far: far}
	var seen [1 << hashBits]int
	note := func(i int) int {
		h := hash3(data[i:], hashBits)
		old := seen[h]
		seen[h] = i
		return old
	}
	reach := fastlzNear + 1
	if far {
		reach = fastlzFar
	}
	anchor, i := 0, 2
	for i < len(data)-13 {
		ref := note(i)
		if i-ref >= reach || [3]byte(data[ref:]) != [3]byte(data[i:]) {
			i++
			continue
		}
		if far && i-ref >= fastlzNear && [2]byte(data[ref+3:]) != [2]byte(data[i+3:]) {
			i++
			continue // a far match has to be worth its two bytes
		}
		p.literals(data[anchor:i])
		n := 1
		for end := len(data) - 4; i+2+n < end && data[ref+2+n] == data[i+2+n]; {
			n++
		}
		if i+2+n >= len(data)-4 {
			n = len(data) - 4 - i - 3
		}
		p.match(n, i-ref)
		i += n
		note(i)
		note(i + 1)
		i += 2
		anchor = i
	}
	p.literals(data[anchor:])
	if far {
		p.out[0] |= 1 << 5
	}
	return p.out
}
