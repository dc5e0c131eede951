package lua

import (
	"encoding/binary"
	"math"
	"sync"

	glua "github.com/yuin/gopher-lua"

	"airlift/lua/libm"
)

// q15Degrees is the sine of 0..90 degrees in Q15.
var q15Degrees = sync.OnceValue(func() (t [91]int) {
	for d := range t {
		t[d] = min(math.MaxInt16, int(math.Round(libm.Sin(float64(d)*math.Pi/180)*32768)))
	}
	return t
})

// q15Sine is the sine of any whole number of degrees from 0 on.
func q15Sine(degrees int) int {
	table := q15Degrees()
	switch d := degrees % 360; {
	case d <= 90:
		return table[d]
	case d <= 180:
		return table[180-d]
	case d <= 270:
		return -table[d-180]
	default:
		return -table[360-d]
	}
}

// q15Twiddles are cos and -sin of the first half circle in n steps,
// interpolated between whole degrees in steps of a 256th.
func q15Twiddles(n int) (cos, sin []int16) {
	cos, sin = make([]int16, n/2), make([]int16, n/2)
	between := func(degrees, part int) int {
		a, b := q15Sine(degrees), q15Sine(degrees+1)
		return max(math.MinInt16, min(math.MaxInt16, a+((b-a)*part+128)/256))
	}
	for k := range cos {
		at := int(int64(k) * 360 * 256 / int64(n))
		cos[k] = int16(between(at/256+90, at%256))
		sin[k] = int16(max(math.MinInt16, -between(at/256, at%256)))
	}
	return cos, sin
}

func getQ15(p []byte, n int) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = int16(binary.LittleEndian.Uint16(p[2*i:]))
	}
	return out
}

func putQ15(p []byte, v []int16) {
	for i, n := range v {
		binary.LittleEndian.PutUint16(p[2*i:], uint16(n))
	}
}

// fftQ15 transforms integers of 16 bits in zbuffs.
func (m *Machine) fftQ15(l *glua.LState, a fftArgs, inverse bool) int {
	real, imag := asZbuff(l.Get(1)), asZbuff(l.Get(2))
	switch {
	case real == nil:
		m.raise("q15 mode requires real to be zbuff")
	case len(real.data) < 2*a.n:
		m.raise("real zbuff too small")
	case imag == nil || len(imag.data) < 2*a.n:
		m.raise("q15 core failed")
	}
	re, im := q15Input(getQ15(real.data, a.n), a.format), q15Input(getQ15(imag.data, a.n), a.format)
	var cos, sin []int16
	c, s := asZbuff(l.Get(4)), asZbuff(l.Get(5))
	switch {
	case c != nil && s != nil && len(c.data) >= a.n && len(s.data) >= a.n:
		cos, sin = getQ15(c.data, a.n/2), getQ15(s.data, a.n/2)
	case inverse:
		cos, sin = q15Twiddles(a.n)
	default:
		m.raise("q15 requires Wc/Ws zbuff, length N/2*2 bytes")
	}
	if inverse {
		for i := range sin {
			sin[i] = -sin[i]
		}
	}
	q15Transform(re, im, cos, sin)
	putQ15(real.data, re)
	putQ15(imag.data, im)
	return 0
}

// q15Input turns readings into signed numbers of full scale.
func q15Input(v []int16, format string) []int16 {
	for i, n := range v {
		switch format {
		case "u12":
			v[i] = (n&0xFFF - 2048) << 4
		case "u16":
			v[i] = int16(int32(uint16(n)) - 32768)
		}
	}
	return v
}

func q15Saturate(n int32) int16 { return int16(max(math.MinInt16, min(math.MaxInt16, n))) }

// q15Mul multiplies and rounds. Only -1 times -1 does not fit, and wraps.
func q15Mul(a, b int16) int32 { return int32(int16((int32(a)*int32(b) + 1<<14) >> 15)) }

// q15Transform halves at every stage: what comes out is the transform by n.
func q15Transform(re, im, cos, sin []int16) {
	n := len(re)
	bitReversed(n, func(i, j int) {
		re[i], re[j] = re[j], re[i]
		im[i], im[j] = im[j], im[i]
	})
	for size := 2; size <= n; size *= 2 {
		half, step := size/2, n/size
		for start := 0; start < n; start += size {
			for j := range half {
				wr, wi := cos[j*step], sin[j*step]
				p, q := start+j, start+j+half
				tr := int32(q15Saturate(q15Mul(wr, re[q]) - q15Mul(wi, im[q])))
				ti := int32(q15Saturate(q15Mul(wr, im[q]) + q15Mul(wi, re[q])))
				ur, ui := int32(re[p]), int32(im[p])
				re[p], re[q] = q15Saturate((ur+tr)>>1), q15Saturate((ur-tr)>>1)
				im[p], im[q] = q15Saturate((ui+ti)>>1), q15Saturate((ui-ti)>>1)
			}
		}
	}
}
