package synth

import (
	"encoding/binary"
	"math/rand/v2"
)

// Release is the number of a descriptor's release, for [Thumb].
func Release(desc []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, b := range desc {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return h
}

// program is made-up Thumb code: functions of some tens of halfwords, each
// with its literals. Calls between functions are relative and literals
// absolute, as compilers make them, so that moving one function changes words
// all over the image.
type program struct {
	img   []byte
	base  uint32
	words [512]uint16
}

// function is one function before its place is known.
type function struct {
	seed uint64
	size int // bytes
}

// Thumb makes code of exactly size bytes with the statistics of Thumb code, for
// the address base. Releases of one seed are releases of one program: 0 is the
// program itself, others have one function in about sixty changed.
func Thumb(size int64, base uint32, seed, release uint64) []byte {
	p := &program{img: make([]byte, 0, size), base: base}
	r := rand.NewPCG(seed, 0x45435F636F6465)
	below := func(n uint64) uint64 { return r.Uint64() >> 32 * n >> 32 } // IntN may change with the toolchain
	for i := range p.words {
		p.words[i] = uint16(r.Uint64())
	}
	var list []function
	for total := int64(0); total < size; {
		f := function{r.Uint64(), 16 + 4*int(below(24)+below(24))}
		list = append(list, f)
		total += int64(f.size)
	}
	if release != 0 {
		list = change(list, rand.NewPCG(release, seed))
	}
	at := 0x400
	starts := make([]int, len(list))
	for i, f := range list {
		starts[i] = at
		at += f.size
	}
	p.img = append(p.img, make([]byte, 0x400)...)
	for i, f := range list {
		p.function(f, i, starts)
	}
	for int64(len(p.img)) < size {
		p.img = append(p.img, 0)
	}
	img := p.img[:size]
	for i := range min(48, len(img)/4) { // vectors: stack pointer, then code addresses
		v := base + uint32(starts[i%len(starts)]) | 1
		if i == 0 {
			v = 0x00500000
		}
		binary.LittleEndian.PutUint32(img[4*i:], v)
	}
	return img
}

// change makes another release of a program: some functions become longer or
// shorter, some are new, some are gone.
func change(list []function, r *rand.PCG) []function {
	var out []function
	for _, f := range list {
		switch v := r.Uint64() >> 32; v % 240 {
		case 0:
			out = append(out, f, function{r.Uint64(), 64})
			continue
		case 1:
			continue
		case 2:
			f.size += 8
		case 3:
			f.seed++
		}
		out = append(out, f)
	}
	if len(out) == 0 {
		return list
	}
	return out
}

// function appends one function's code.
func (p *program) function(f function, i int, starts []int) {
	r := rand.NewPCG(f.seed, 0x5468756D62)
	here := len(p.img)
	half := func(v uint16) { p.img = binary.LittleEndian.AppendUint16(p.img, v) }
	half(0xB500 | uint16(f.seed&0xFF)) // push
	literals := 4 * (f.size / 48)
	for len(p.img)+4 < here+f.size-literals {
		v := r.Uint64()
		switch {
		case v&0x1F < 4: // bl to a function not far away
			to := i + int(v>>8&0x3F) - 32
			to = max(0, min(to, len(starts)-1))
			d := (starts[to] - len(p.img) - 4) / 2
			half(0xF000 | uint16(d>>11)&0x7FF)
			half(0xF800 | uint16(d)&0x7FF)
		case v&0x1F < 26:
			x, y := v>>8&0x1FF, v>>17&0x1FF
			half(p.words[x*y>>9])
		default:
			half(p.words[v>>8&0x3F]&0xFF00 | uint16(v>>16&0xFF))
		}
	}
	half(0xBD00 | uint16(f.seed&0xFF)) // pop
	for len(p.img)+4 <= here+f.size {
		v := r.Uint64()
		target := starts[max(0, min(len(starts)-1, i+int(v>>8&0xFF)-128))]
		p.img = binary.LittleEndian.AppendUint32(p.img, p.base+uint32(target)|1)
	}
	for len(p.img) < here+f.size {
		p.img = append(p.img, 0)
	}
}
