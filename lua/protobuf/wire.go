package protobuf

import (
	"encoding/binary"
	"fmt"
)

// Wire types.
const (
	WireVarint = 0
	WireFixed8 = 1 // eight bytes
	WireBytes  = 2
	WireStart  = 3 // of a group
	WireEnd    = 4
	WireFixed4 = 5 // four bytes
)

// WireOf is how a field of a kind is written when it is not packed.
func WireOf(kind int) int {
	switch kind {
	case String, Bytes, Message:
		return WireBytes
	case Double, Fixed64, Sfixed64:
		return WireFixed8
	case Float, Fixed32, Sfixed32:
		return WireFixed4
	case Group:
		return WireStart
	}
	return WireVarint
}

// Reader reads the wire format.
type Reader struct {
	data []byte
	off  int
}

// NewReader reads data.
func NewReader(data []byte) *Reader { return &Reader{data: data} }

// Done reports whether everything is read.
func (r *Reader) Done() bool { return r.off >= len(r.data) }

// Offset is where the reader stands, in bytes.
func (r *Reader) Offset() int { return r.off }

// Varint reads a number of variable length.
func (r *Reader) Varint() (uint64, error) {
	v, n := binary.Uvarint(r.data[r.off:])
	if n <= 0 {
		return 0, fmt.Errorf("invalid varint value at offset %d", r.off+1)
	}
	r.off += n
	return v, nil
}

// Tag reads the number and the wire type of a field.
func (r *Reader) Tag() (number int32, wire int, err error) {
	v, err := r.Varint()
	return int32(uint32(v) >> 3), int(v & 7), err
}

// Bytes reads a length and so many bytes.
func (r *Reader) Bytes() ([]byte, error) {
	at := r.off
	n, err := r.Varint()
	if err != nil {
		return nil, fmt.Errorf("invalid bytes length: 0 (at offset %d)", at+1)
	}
	if n > uint64(len(r.data)-r.off) {
		r.off = at
		return nil, fmt.Errorf("unfinished bytes (len %d at offset %d)", n, at+1)
	}
	p := r.data[r.off : r.off+int(n)]
	r.off += int(n)
	return p, nil
}

// Fixed4 and Fixed8 read numbers of four and eight bytes.
func (r *Reader) Fixed4() (uint32, error) {
	if len(r.data)-r.off < 4 {
		return 0, fmt.Errorf("invalid fixed32 value at offset %d", r.off+1)
	}
	r.off += 4
	return binary.LittleEndian.Uint32(r.data[r.off-4:]), nil
}

// Fixed8 reads a number of eight bytes.
func (r *Reader) Fixed8() (uint64, error) {
	if len(r.data)-r.off < 8 {
		return 0, fmt.Errorf("invalid fixed64 value at offset %d", r.off+1)
	}
	r.off += 8
	return binary.LittleEndian.Uint64(r.data[r.off-8:]), nil
}

// Skip skips the value of a field.
func (r *Reader) Skip(number int32, wire int) error { return r.skip(number, wire, 0) }

func (r *Reader) skip(number int32, wire, depth int) error {
	var err error
	switch wire {
	case WireVarint:
		_, err = r.Varint()
	case WireFixed8:
		_, err = r.Fixed8()
	case WireBytes:
		_, err = r.Bytes()
	case WireFixed4:
		_, err = r.Fixed4()
	case WireStart:
		for err == nil {
			var n int32
			var w int
			if n, w, err = r.Tag(); err != nil {
				break
			}
			if w == WireEnd {
				if n != number {
					err = fmt.Errorf("group %d ends as %d at offset %d", number, n, r.off)
				}
				break
			}
			if depth++; depth > depthMax {
				return fmt.Errorf("groups nested deeper than %d at offset %d", depthMax, r.off)
			}
			err = r.skip(n, w, depth)
		}
	default:
		err = fmt.Errorf("unknown wire type %d at offset %d", wire, r.off)
	}
	return err
}

// value is a field's value: a number or bytes.
type value struct {
	number uint64
	bytes  []byte
}

// each visits the fields of a message whose values are numbers or bytes.
func each(data []byte, visit func(tag int, v value)) error {
	r := NewReader(data)
	for !r.Done() {
		tag, wire, err := r.Tag()
		if err != nil {
			return err
		}
		var v value
		switch wire {
		case WireVarint:
			v.number, err = r.Varint()
		case WireBytes:
			v.bytes, err = r.Bytes()
		default:
			if err = r.Skip(tag, wire); err == nil {
				continue
			}
		}
		if err != nil {
			return err
		}
		visit(int(tag), v)
	}
	return nil
}
