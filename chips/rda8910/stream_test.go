package rda8910

import (
	"bytes"
	"errors"
	"testing"

	"airlift/flash/explain"

	"pgregory.net/rapid"
)

// collected feeds a stream in chunks and returns its files and the offset of
// the fault, or -1.
func collected(b []byte, chunk func() int) (files [][]byte, fault int64) {
	r := StreamReader{
		Begin: func(tag byte, _ int64, size uint32) error {
			files = append(files, []byte{tag})
			return nil
		},
		Data: func(_ byte, p []byte) error {
			files[len(files)-1] = append(files[len(files)-1], p...)
			return nil
		},
	}
	var fe *explain.FormatError
	for len(b) > 0 {
		n := min(len(b), chunk())
		if _, err := r.Write(b[:n]); errors.As(err, &fe) {
			return files, fe.Off
		}
		b = b[n:]
	}
	if errors.As(r.Close(), &fe) {
		return files, fe.Off
	}
	return files, -1
}

// TestStreamChunks checks that it does not matter how a stream is cut.
func TestStreamChunks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s Stream
		for range rapid.IntRange(0, 3).Draw(t, "files") {
			s.Files = append(s.Files, StreamFile{
				Tag:  rapid.SampledFrom([]byte{TagApp, TagApp, TagCore, TagCore, 0x7E}).Draw(t, "tag"),
				Data: rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "data"),
			})
		}
		b := s.Encode()
		b = append(b, rapid.SliceOfN(rapid.Byte(), 0, 2).Draw(t, "rest")...)
		b = b[:len(b)-rapid.IntRange(0, min(9, len(b)-1)).Draw(t, "cut")]
		whole, fault := collected(b, func() int { return len(b) })
		parts, fault2 := collected(b, func() int { return rapid.IntRange(1, 7).Draw(t, "chunk") })
		if fault != fault2 || len(whole) != len(parts) {
			t.Fatalf("fault at %d or %d, %d or %d files", fault, fault2, len(whole), len(parts))
		}
		for i := range whole {
			if !bytes.Equal(whole[i], parts[i]) {
				t.Fatalf("file %d: %x or %x", i, whole[i], parts[i])
			}
		}
	})
}

func TestStreamFaults(t *testing.T) {
	good := bothVector(t)
	change := func(at int, v ...byte) []byte {
		b := bytes.Clone(good)
		copy(b[at:], v)
		return b
	}
	for _, c := range []struct {
		name string
		b    []byte
		off  int64
	}{
		{"magic", change(0, 0x7F), 0},
		{"count", change(4, 3), 1},
		{"tag", change(5, 0x7B), 5},
		{"second tag", change(104, 0x7E), 104},
		{"trailing", append(bytes.Clone(good), 0), 242},
		{"one file less", change(4, 1), 104},
		{"cut head", good[:3], 3},
		{"cut file head", good[:107], 107},
		{"cut data", good[:200], 200},
		{"length too large", change(105, 0, 0, 1), 242},
	} {
		_, err := ParseStream(c.b)
		var fe *explain.FormatError
		if !errors.As(err, &fe) || fe.Off != c.off {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestCheckLuaApp(t *testing.T) {
	good := appVector(t)
	bad := bytes.Clone(good)
	bad[50]++
	other := bytes.Clone(good)
	other[8] = 1 // version 1: nobody checks it
	for _, c := range []struct {
		name        string
		b           []byte
		checked, ok bool
	}{
		{"good", good, true, true}, {"bad", bad, true, false}, {"other version", other, false, true},
		{"short", good[:12], false, true}, {"no MD5", good[:13], true, false}, {"empty", nil, false, true},
	} {
		if s := CheckLuaApp(c.b); s.Checked != c.checked || s.OK() != c.ok {
			t.Errorf("%s: %+v", c.name, s)
		}
	}
	if _, err := LuaApp(other[:78]); err == nil {
		t.Error("an application file of a luadb of version 1")
	}
}
