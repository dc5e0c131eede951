package lua

import (
	"encoding/binary"
	"math"
	"math/bits"

	glua "github.com/yuin/gopher-lua"

	"airlift/lua/libm"
)

// fftPointsMax is the largest transform.
const fftPointsMax = 65536

// openFft installs fft.*: the fast Fourier transform over powers of 2, in
// floats of 32 bits or in fixed point of 16 (Q15, halved at each stage). Data
// are zbuffs, or with floats also tables, and change in place.
func (m *Machine) openFft() {
	m.lib("fft",
		fn("generate_twiddles", func(l *glua.LState) int {
			n := m.fftPoints(l, 1)
			m.allocate(int64(n) * 16)
			m.charge(n * 20)
			cos, sin := fftTwiddles(n)
			l.Push(m.fftTable(l, cos))
			l.Push(m.fftTable(l, sin))
			return 2
		}),
		fn("generate_twiddles_q15_to_zbuff", func(l *glua.LState) int {
			n := m.fftPoints(l, 1)
			cos, sin := asZbuff(l.Get(2)), asZbuff(l.Get(3))
			if cos == nil || sin == nil {
				m.raise("Wc/Ws must be zbuff")
			}
			if len(cos.data) < n || len(sin.data) < n {
				m.raise("zbuff too small")
			}
			m.charge(n * 4)
			c, s := q15Twiddles(n)
			putQ15(cos.data, c)
			putQ15(sin.data, s)
			return 0
		}),
		fn("run", func(l *glua.LState) int { return m.fftRun(l, false) }),
		fn("ifft", func(l *glua.LState) int { return m.fftRun(l, true) }),
		fn("fft_integral", m.fftIntegral))
}

// fftPoints is the number of points in an argument of the smaller functions.
func (m *Machine) fftPoints(l *glua.LState, arg int) int {
	n := m.integer(l, arg)
	if n <= 1 || n&(n-1) != 0 {
		m.raise("N must be power of 2")
	}
	if n > fftPointsMax {
		m.raise("no memory")
	}
	return int(n)
}

// fftTwiddles are cos and -sin of the first half circle in n steps.
func fftTwiddles(n int) (cos, sin []float32) {
	cos, sin = make([]float32, n/2), make([]float32, n/2)
	for k := range cos {
		angle := float64(float32(-2 * math.Pi * float64(k) / float64(n)))
		cos[k], sin[k] = float32(libm.Cos(angle)), float32(libm.Sin(angle))
	}
	return cos, sin
}

func (m *Machine) fftTable(l *glua.LState, v []float32) *glua.LTable {
	t := l.CreateTable(len(v), 0)
	m.vm.Alloc(int64(len(v)) * 8)
	for _, f := range v {
		t.Append(m.vm.FloatValue(float64(f)))
	}
	return t
}

// fftArgs are the arguments of run and ifft.
type fftArgs struct {
	n      int
	format string // of integers in zbuffs; "" means floats
}

func (m *Machine) fftArgs(l *glua.LState) fftArgs {
	if l.GetTop() < 5 {
		m.raise("fft requires at least 5 arguments: real, imag, N, Wc, Ws")
	}
	n, ok := anInteger(l.Get(3))
	switch {
	case !ok:
		m.raise("N must be integer")
	case n <= 1:
		m.raise("N must be greater than 1")
	case n&(n-1) != 0:
		m.raise("N must be power of 2")
	case n > fftPointsMax:
		m.raise("N must not exceed %d", fftPointsMax)
	case l.Get(1) == glua.LNil:
		m.raise("real must be zbuff or table, not nil")
	}
	a := fftArgs{n: int(n)}
	if l.GetTop() < 6 || l.Get(6) == glua.LNil {
		return a
	}
	opts, ok := l.Get(6).(*glua.LTable)
	if !ok {
		m.raise("opts must be table")
	}
	core, format := m.fftOption(opts, "core", "f32"), m.fftOption(opts, "input_format", "f32")
	if core != "f32" && core != "q15" {
		m.raise("opts.core must be 'f32' or 'q15'")
	}
	if core == "q15" && (format == "u12" || format == "u16" || format == "s16") {
		a.format = format
	}
	return a
}

func (m *Machine) fftOption(opts *glua.LTable, name, def string) string {
	v := opts.RawGetString(name)
	if v == glua.LNil {
		return def
	}
	s, ok := v.(glua.LString)
	if !ok {
		m.raise("opts.%s must be string", name)
	}
	return string(s)
}

// fftWork is how long a transform of n points takes, in steps.
func fftWork(n int) int { return n * bits.Len(uint(n)) * 2 }

func (m *Machine) fftRun(l *glua.LState, inverse bool) int {
	a := m.fftArgs(l)
	m.charge(fftWork(a.n))
	if a.format != "" {
		return m.fftQ15(l, a, inverse)
	}
	re := m.floats(l, 1, a.n, "real")
	im := make([]float32, a.n)
	if l.Get(2) != glua.LNil {
		im = m.floats(l, 2, a.n, "imag")
	}
	cos, sin := m.floats(l, 4, a.n/2, "Wc"), m.floats(l, 5, a.n/2, "Ws")
	fftFloats(re, im, cos, sin, inverse)
	m.putFloats(l, 1, re)
	m.putFloats(l, 2, im)
	return 0
}

// floats reads n numbers of a table or zbuff.
func (m *Machine) floats(l *glua.LState, arg, n int, name string) []float32 {
	out := make([]float32, n)
	if b := asZbuff(l.Get(arg)); b != nil {
		if len(b.data) < 4*n {
			m.raise("%s zbuff too small", name)
		}
		for i := range out {
			out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b.data[4*i:]))
		}
		return out
	}
	t, ok := l.Get(arg).(*glua.LTable)
	if !ok {
		m.raise("%s must be zbuff or table", name)
	}
	for i := range out {
		f, ok := m.vm.ToNumber(t.RawGetInt(i + 1))
		if !ok {
			m.raise("%s table must contain %d numbers", name, n)
		}
		out[i] = float32(f)
	}
	return out
}

// putFloats writes results back to where the data came from.
func (m *Machine) putFloats(l *glua.LState, arg int, v []float32) {
	if b := asZbuff(l.Get(arg)); b != nil {
		for i, f := range v {
			binary.LittleEndian.PutUint32(b.data[4*i:], math.Float32bits(f))
		}
	} else if t, ok := l.Get(arg).(*glua.LTable); ok {
		for i, f := range v {
			t.RawSetInt(i+1, m.vm.FloatValue(float64(f)))
		}
	}
}

// bitReversed calls swap for each pair of places that change.
func bitReversed(n int, swap func(i, j int)) {
	shift := 64 - (bits.Len(uint(n)) - 1)
	for i := range n {
		if j := int(bits.Reverse64(uint64(i)) >> shift); i < j {
			swap(i, j)
		}
	}
}

// fftFloats transforms in place. Every product is rounded by itself, so that
// no processor fuses it with a sum.
func fftFloats(re, im, cos, sin []float32, inverse bool) {
	n := len(re)
	bitReversed(n, func(i, j int) {
		re[i], re[j] = re[j], re[i]
		im[i], im[j] = im[j], im[i]
	})
	sign := float32(1)
	if inverse {
		sign = -1
	}
	for size := 2; size <= n; size *= 2 {
		half, step := size/2, n/size
		for start := 0; start < n; start += size {
			for j := range half {
				wr, wi := cos[j*step], sin[j*step]*sign
				p, q := start+j, start+j+half
				tr := float32(wr*re[q]) - float32(wi*im[q])
				ti := float32(wr*im[q]) + float32(wi*re[q])
				re[p], re[q] = re[p]+tr, re[p]-tr
				im[p], im[q] = im[p]+ti, im[p]-ti
			}
		}
	}
	if inverse {
		scale := float32(1 / float64(n))
		for i := range re {
			re[i] *= scale
			im[i] *= scale
		}
	}
}

// fftIntegral is fft_integral(real, imag, n, df): a spectrum divided by j times
// its angular frequency.
func (m *Machine) fftIntegral(l *glua.LState) int {
	n, df := m.integer(l, 3), float32(m.num(l, 4))
	if n <= 1 || n&(n-1) != 0 {
		m.raise("n must be power of 2")
	}
	if n > fftPointsMax {
		m.raise("no memory")
	}
	re, im := m.floats(l, 1, int(n), "real"), m.floats(l, 2, int(n), "imag")
	m.charge(int(n) * 2)
	unit := float32(2*math.Pi) * df
	for i := 1; i < int(n); i++ {
		k := i
		switch {
		case i == int(n)/2:
			continue
		case i > int(n)/2:
			k = i - int(n)
		}
		omega := unit * float32(k)
		re[i], im[i] = im[i]/omega, -re[i]/omega
	}
	re[0], im[0] = 0, 0
	m.putFloats(l, 1, re)
	m.putFloats(l, 2, im)
	return 0
}
