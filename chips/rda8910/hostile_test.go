package rda8910

import (
	"errors"
	"strings"
	"testing"

	"airlift/flash/explain"
)

// pacOf is a .pac whose files all lie where the whole .pac lies.
func pacOf(files int) []byte {
	p := &Pac{Version: "BP_R1.0.0"}
	for range files {
		p.Files = append(p.Files, PacFile{ID: "AP", Flag: 1, Data: []byte{1}})
	}
	b := p.Encode()
	for i := range files {
		h := b[pacHead+i*pacFileHead:]
		le.PutUint32(h[1540:], uint32(len(b)))
		le.PutUint32(h[1552:], 0)
	}
	le.PutUint16(b[pacHead-2:], crc16(b[pacHead:]))
	return b
}

// TestPacInItself: a .pac that holds itself is taken apart once, and one that
// holds the same bytes again and again not for ever.
func TestPacInItself(t *testing.T) {
	for _, files := range []int{1, 3, maxPacFiles} {
		b := pacOf(files)
		if p, err := ParsePac(b); err != nil || !p.OK() || len(p.Files) != files || len(p.Files[0].Data) != len(b) {
			t.Fatalf("%+v, %v", p, err)
		}
		parts, ok, err := New().Unpack(b)
		var fe *explain.FormatError
		if !ok || err != nil && !errors.As(err, &fe) || len(parts) > files {
			t.Errorf("%d files: %d parts, %v", files, len(parts), err)
		}
	}
}

// TestPieceBounds: boot code writes no block of a blocked file but a whole piece
// within the file (8910.md 2.5).
func TestPieceBounds(t *testing.T) {
	const size = 64 << 10
	for _, c := range []struct {
		pos, n uint32
	}{{1, 10}, {size - 1, 10}, {2 * size, 1}, {0, size + 1}, {size, 101}, {0xFFFF0000, 10}} {
		u := &fupdateRun{} // no file is touched
		k := &Bulk{Name: "/modem/cp.bin", BlockSize: size}
		if err := u.writePiece(k, &Block{NewPos: c.pos}, make([]byte, size+100), make([]byte, c.n)); err == nil || !strings.Contains(err.Error(), "expected a piece of 65536") {
			t.Errorf("%d bytes for 0x%X: %v", c.n, c.pos, err)
		}
	}
}
