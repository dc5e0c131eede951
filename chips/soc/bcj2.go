package soc

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
)

// bcj2 undoes 7-Zip's filter for x86 programs. The operands of calls and jumps
// come in streams of their own, as absolute addresses with the high byte first;
// a fourth stream, coded by ranges, says which opcodes have theirs there.
type bcj2 struct {
	main, calls, jumps, marks *bufio.Reader
	probs                     [2 + 256]uint16
	width, code               uint32
}

// The range coder's constants are those of LZMA.
const (
	probBits  = 11
	probShift = 5
	rangeTop  = 1 << 24
)

func newBCJ2(ins []io.Reader, size int64) (io.Reader, error) {
	d := &bcj2{width: 0xFFFFFFFF}
	for i, p := range []**bufio.Reader{&d.main, &d.calls, &d.jumps, &d.marks} {
		*p = bufio.NewReader(ins[i])
	}
	for i := range d.probs {
		d.probs[i] = 1 << (probBits - 1)
	}
	for range 5 {
		b, err := d.marks.ReadByte()
		if err != nil {
			return nil, fmt.Errorf("BCJ2: the stream of marks: %w", err)
		}
		d.code = d.code<<8 | uint32(b)
	}
	out, err := d.all(size)
	return bytes.NewReader(out), err
}

func (d *bcj2) all(size int64) ([]byte, error) {
	var out []byte
	last := byte(0)
	for int64(len(out)) < size {
		b, err := d.main.ReadByte()
		if err != nil {
			return nil, fmt.Errorf("BCJ2: the main stream: %w", err)
		}
		out = append(out, b)
		operand := b&0xFE == 0xE8 || last == 0x0F && b&0xF0 == 0x80
		last, b = b, last
		if !operand || int64(len(out)) == size {
			continue
		}
		if operand, err = d.mark(last, b); err != nil || !operand {
			if err != nil {
				return nil, err
			}
			continue
		}
		from := d.jumps
		if last == 0xE8 {
			from = d.calls
		}
		var p [4]byte
		if _, err := io.ReadFull(from, p[:]); err != nil {
			return nil, fmt.Errorf("BCJ2: the streams of operands: %w", err)
		}
		v := uint32(p[0])<<24 | uint32(p[1])<<16 | uint32(p[2])<<8 | uint32(p[3])
		v -= uint32(len(out) + 4)
		for i := 0; i < 4 && int64(len(out)) < size; i++ {
			out = append(out, byte(v>>(8*i)))
		}
		last = byte(v >> 24)
	}
	return out, nil
}

// mark decodes whether the operand of an opcode is in a stream of its own.
func (d *bcj2) mark(opcode, before byte) (bool, error) {
	i := 257
	switch opcode {
	case 0xE8:
		i = int(before)
	case 0xE9:
		i = 256
	}
	if d.width < rangeTop {
		b, err := d.marks.ReadByte()
		if err != nil {
			return false, fmt.Errorf("BCJ2: the stream of marks: %w", err)
		}
		d.width, d.code = d.width<<8, d.code<<8|uint32(b)
	}
	p := uint32(d.probs[i])
	bound := d.width >> probBits * p
	if d.code < bound {
		d.width = bound
		d.probs[i] += uint16((1<<probBits - p) >> probShift)
		return false, nil
	}
	d.width, d.code = d.width-bound, d.code-bound
	d.probs[i] -= uint16(p >> probShift)
	return true, nil
}
