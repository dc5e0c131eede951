package lua

import glua "github.com/yuin/gopher-lua"

// The frame buffer of a zbuff: an image of width times height pixels at the
// start of its bytes, row by row (luatos-runtime.md 9.2).
//
// Assumed: pixels of 16, 24 and 32 bits are big endian, as displays take them,
// and smaller ones fill a byte from its highest bit; lines are Bresenham's and
// circles the midpoint algorithm's; figures that begin outside the image are
// not drawn.

// frameMax bounds the sides of an image, in pixels: no display is larger.
const frameMax = 1 << 13

// frameBytes is the size of an image, or 0 if it cannot be.
func frameBytes(width, height, bits int64) int64 {
	switch bits {
	case 1, 2, 4, 8, 16, 24, 32:
	default:
		return 0
	}
	if width < 1 || height < 1 || width > frameMax || height > frameMax {
		return 0
	}
	return (width*height*bits + 7) / 8
}

// setPixel sets a pixel; one outside the image is left alone.
func (b *zbuff) setPixel(x, y int, color int64) {
	if x < 0 || y < 0 || x >= b.width || y >= b.height {
		return
	}
	bit := (y*b.width + x) * b.bits
	if b.bits >= 8 {
		if p := b.slice(int64(bit/8), int64(b.bits/8)); len(p) == b.bits/8 {
			copy(p, intBytes(color, len(p), true))
		}
		return
	}
	if bit/8 < len(b.data) {
		shift := 8 - b.bits - bit%8
		mask := byte(1<<b.bits-1) << shift
		b.data[bit/8] = b.data[bit/8]&^mask | byte(color)<<shift&mask
	}
}

// getPixel returns a pixel's colour; false outside the image.
func (b *zbuff) getPixel(x, y int64) (int64, bool) {
	if x < 0 || y < 0 || x >= int64(b.width) || y >= int64(b.height) {
		return 0, false
	}
	bit := (int(y)*b.width + int(x)) * b.bits
	p := b.slice(int64(bit/8), int64(max(8, b.bits)/8))
	if len(p) < max(8, b.bits)/8 {
		return 0, false
	}
	if b.bits >= 8 {
		return bytesInt(p, true, false), true
	}
	return int64(p[0] >> (8 - b.bits - bit%8) & (1<<b.bits - 1)), true
}

func (b *zbuff) fillFrame(color int64) {
	for y := 0; y < b.height; y++ {
		for x := 0; x < b.width; x++ {
			b.setPixel(x, y, color)
		}
	}
}

// zbuffSetFrame is setFrameBuffer(width, height, bits [, color]): true if the
// buffer is large enough.
func (m *Machine) zbuffSetFrame(l *glua.LState) int {
	b := m.zbuff(l, 1)
	w, h, bits := m.integer(l, 2), m.integer(l, 3), m.integer(l, 4)
	n := frameBytes(w, h, bits)
	if n == 0 || n > int64(len(b.data)) {
		return 0
	}
	b.width, b.height, b.bits = int(w), int(h), int(bits)
	if l.Get(5) != glua.LNil {
		m.charge(b.width * b.height)
		b.fillFrame(m.integer(l, 5))
	}
	return pushBool(l, true)
}

func (m *Machine) zbuffPixel(l *glua.LState) int {
	b := m.zbuff(l, 1)
	x, y := m.integer(l, 2), m.integer(l, 3)
	color, ok := b.getPixel(x, y)
	if !ok {
		return 0
	}
	if l.Get(4) == glua.LNil {
		return m.pushWrapped(l, color)
	}
	b.setPixel(int(x), int(y), m.integer(l, 4))
	return pushBool(l, true)
}

// corner is a point that has to be in the image.
func (m *Machine) corner(l *glua.LState, b *zbuff, n int) (x, y int, ok bool) {
	px, py := m.integer(l, n), m.integer(l, n+1)
	_, ok = b.getPixel(px, py)
	return int(px), int(py), ok
}

func (m *Machine) zbuffDrawLine(l *glua.LState) int {
	b := m.zbuff(l, 1)
	x1, y1, ok1 := m.corner(l, b, 2)
	x2, y2, ok2 := m.corner(l, b, 4)
	if !ok1 || !ok2 {
		return pushBool(l, false)
	}
	color := m.optInt(l, 6, 0)
	m.charge(abs(x2-x1) + abs(y2-y1))
	b.line(x1, y1, x2, y2, color)
	return pushBool(l, true)
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

// line draws between two points of the image.
func (b *zbuff) line(x1, y1, x2, y2 int, color int64) {
	dx, dy := abs(x2-x1), -abs(y2-y1)
	sx, sy := sign(x2-x1), sign(y2-y1)
	for err := dx + dy; ; {
		b.setPixel(x1, y1, color)
		if x1 == x2 && y1 == y2 {
			return
		}
		twice := 2 * err
		if twice >= dy {
			err += dy
			x1 += sx
		}
		if twice <= dx {
			err += dx
			y1 += sy
		}
	}
}

func (m *Machine) zbuffDrawRect(l *glua.LState) int {
	b := m.zbuff(l, 1)
	x1, y1, ok1 := m.corner(l, b, 2)
	x2, y2, ok2 := m.corner(l, b, 4)
	if !ok1 || !ok2 {
		return pushBool(l, false)
	}
	x1, x2, y1, y2 = min(x1, x2), max(x1, x2), min(y1, y2), max(y1, y2)
	color, filled := m.optInt(l, 6, 0), m.optBool(l, 7, false)
	m.charge((x2 - x1 + 1) * (y2 - y1 + 1))
	for y := y1; y <= y2; y++ {
		for x := x1; x <= x2; x++ {
			if filled || x == x1 || x == x2 || y == y1 || y == y2 {
				b.setPixel(x, y, color)
			}
		}
	}
	return pushBool(l, true)
}

func (m *Machine) zbuffDrawCircle(l *glua.LState) int {
	b := m.zbuff(l, 1)
	cx, cy, ok := m.corner(l, b, 2)
	r := m.integer(l, 4)
	if !ok || r < 0 || r > 2*frameMax {
		return pushBool(l, false)
	}
	color, filled := m.optInt(l, 5, 0), m.optBool(l, 6, false)
	m.charge(int(r) * 8)
	x, y, d := int(r), 0, 1-int(r)
	for x >= y {
		b.octants(cx, cy, x, y, color, filled)
		y++
		if d < 0 {
			d += 2*y + 1
		} else {
			x--
			d += 2*(y-x) + 1
		}
		if filled {
			m.charge(min(4*int(r), b.width) / 4)
		}
	}
	return pushBool(l, true)
}

// octants draws the eight points of a circle that follow from one, or the
// lines between them.
func (b *zbuff) octants(cx, cy, x, y int, color int64, filled bool) {
	for _, p := range [4][2]int{{x, y}, {x, -y}, {y, x}, {y, -x}} {
		left, right, row := cx-p[0], cx+p[0], cy+p[1]
		b.setPixel(left, row, color)
		b.setPixel(right, row, color)
		if filled && row >= 0 && row < b.height {
			for px := max(0, left); px <= min(right, b.width-1); px++ {
				b.setPixel(px, row, color)
			}
		}
	}
}
