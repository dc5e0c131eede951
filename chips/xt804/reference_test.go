package xt804

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// TestAttributeBits: bits 0 to 3 are the type, 4 says encrypted, 8 signed with 128
// bytes behind the body, 16 zipped; the others say nothing (xt804.md 2.2).
func TestAttributeBits(t *testing.T) {
	body, signature := []byte("body"), bytes.Repeat([]byte{0x5A}, 128)
	second := NewImage(Header{Attr: 0xE}, []byte("more"), 1)
	for bit := range 32 {
		h := make([]byte, 64)
		binary.LittleEndian.PutUint32(h, 0xA0FFFF9F)
		binary.LittleEndian.PutUint32(h[4:], 1<<bit)
		binary.LittleEndian.PutUint32(h[12:], uint32(len(body)))
		binary.LittleEndian.PutUint32(h[0x18:], JAMCRC(body))
		binary.LittleEndian.PutUint32(h[0x3C:], JAMCRC(h[:0x3C]))
		file := append(h, body...)
		if bit == 8 {
			file = append(file, signature...)
		}
		images, err := ParseImages(append(file, second...))
		if err != nil || len(images) != 2 || images[1].Type() != 0xE {
			t.Fatalf("bit %d: %d images, %v", bit, len(images), err)
		}
		m := images[0]
		wantType := uint32(0)
		if bit < 4 {
			wantType = 1 << bit
		}
		if m.Type() != wantType || m.Zipped() != (bit == 16) || m.Signed() != (bit == 8) || (m.Signature != nil) != (bit == 8) || string(m.Body) != "body" {
			t.Errorf("bit %d: %+v", bit, m)
		}
		if encrypted := m.Attr&AttrEncrypted != 0; encrypted != (bit == 4) {
			t.Errorf("bit %d: encrypted %v", bit, encrypted)
		}
	}
}
