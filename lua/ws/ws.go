// Package ws reads and writes the frames of websockets (RFC 6455). Section
// numbers are the RFC's.
package ws

import (
	"encoding/binary"
	"fmt"

	"airlift/flash/explain"
)

// Opcodes (5.2).
const (
	Continuation = 0
	Text         = 1
	Binary       = 2
	Close        = 8
	Ping         = 9
	Pong         = 10
)

// Frame is one frame.
type Frame struct {
	Fin     bool
	Op      byte
	Payload []byte // not masked
	Masked  bool   // it came masked, as clients send
}

// controlMax is the most that a control frame carries (5.5), in bytes.
const controlMax = 125

func bad(off int, what, want, got string) error {
	return &explain.FormatError{Off: int64(off), What: "websocket " + what, Want: want, Got: got}
}

// Parse reads the frame at the start of b, which has n bytes. A nil frame
// without an error means that b is only the beginning of one. A payload of
// more than most bytes is an error. The payload is unmasked in a copy, or is
// part of b.
func Parse(b []byte, most int) (f *Frame, n int, err error) {
	if len(b) < 2 {
		return nil, 0, nil
	}
	f = &Frame{Fin: b[0]&0x80 != 0, Op: b[0] & 15, Masked: b[1]&0x80 != 0}
	if b[0]&0x70 != 0 {
		return nil, 0, bad(0, "reserved bits", "0: no extension was agreed on", fmt.Sprintf("%#02x", b[0]))
	}
	if f.Op > Binary && f.Op < Close || f.Op > Pong {
		return nil, 0, bad(0, "opcode", "0, 1, 2, 8, 9 or 10", fmt.Sprint(f.Op))
	}
	size, n := uint64(b[1]&0x7F), 2
	if f.Op >= Close && (size > controlMax || !f.Fin) {
		return nil, 0, bad(0, "control frame", "one frame of at most 125 bytes", fmt.Sprintf("%#x", b[:2]))
	}
	switch size {
	case 126:
		if len(b) < 4 {
			return nil, 0, nil
		}
		size, n = uint64(binary.BigEndian.Uint16(b[2:])), 4
	case 127:
		if len(b) < 10 {
			return nil, 0, nil
		}
		size, n = binary.BigEndian.Uint64(b[2:]), 10
	}
	if size > uint64(most) {
		return nil, 0, bad(1, "payload", fmt.Sprintf("at most %d bytes", most), fmt.Sprint(size))
	}
	var key []byte
	if f.Masked {
		if len(b) < n+4 {
			return nil, 0, nil
		}
		key = b[n : n+4]
		n += 4
	}
	if len(b)-n < int(size) {
		return nil, 0, nil
	}
	f.Payload = b[n : n+int(size)]
	if f.Masked {
		f.Payload = mask(nil, f.Payload, key)
	}
	return f, n + int(size), nil
}

// Append appends a frame to b, masked if there is a key.
func Append(b []byte, f Frame, key *[4]byte) []byte {
	first, size := f.Op&15, len(f.Payload)
	if f.Fin {
		first |= 0x80
	}
	var masked byte
	if key != nil {
		masked = 0x80
	}
	switch {
	case size < 126:
		b = append(b, first, masked|byte(size))
	case size <= 0xFFFF:
		b = append(b, first, masked|126, byte(size>>8), byte(size))
	default:
		b = binary.BigEndian.AppendUint64(append(b, first, masked|127), uint64(size))
	}
	if key == nil {
		return append(b, f.Payload...)
	}
	return mask(append(b, key[:]...), f.Payload, key[:])
}

// mask appends p under a key (5.3).
func mask(b, p, key []byte) []byte {
	for i, c := range p {
		b = append(b, c^key[i&3])
	}
	return b
}
