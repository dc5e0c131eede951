package xt804

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/spf13/afero"

	"airlift/chips"
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

// TestUpdateSizes: how long /update.bin may be, in bytes, with the check of V0011
// and later and with that before (xt804.md 4.2).
func TestUpdateSizes(t *testing.T) {
	var logs []string
	r := &coreRun{env: &chips.Env{Step: func(s chips.Step) { logs = append(logs, s.Text) }}}
	for _, c := range []struct {
		size            int
		md5ok, luadbLen bool
	}{{511, false, false}, {512, true, false}, {1023, true, false}, {1024, true, true}, {1 << 20, true, true}, {1<<20 + 1, false, false}} {
		root := afero.NewMemMapFs()
		if err := afero.WriteFile(root, updateBin, withMD5(make([]byte, c.size-16)), 0o666); err != nil {
			t.Fatal(err)
		}
		logs = nil
		if ok, err := r.checkMD5(root); ok != c.md5ok || err != nil {
			t.Errorf("%d bytes, MD5: %v, %v", c.size, ok, err)
		}
		if complains := strings.Contains(strings.Join(logs, "\n"), "too small/big"); complains == c.md5ok {
			t.Errorf("%d bytes, MD5: %q", c.size, logs)
		}
		logs = nil
		if ok, err := r.checkLuadb(root); ok || err != nil { // no image in any case
			t.Errorf("%d bytes, image: %v, %v", c.size, ok, err)
		}
		if complains := strings.Contains(strings.Join(logs, "\n"), "too small/big"); complains == c.luadbLen {
			t.Errorf("%d bytes, image: %q", c.size, logs)
		}
	}
}
