package lua

import (
	"bytes"
	"compress/flate"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// repetitive draws data that compresses: pieces, some of them again.
func repetitive(t *rapid.T) []byte {
	var out []byte
	for i := rapid.IntRange(0, 30).Draw(t, "pieces"); i > 0; i-- {
		if len(out) > 0 && rapid.Bool().Draw(t, "again") {
			at := rapid.IntRange(0, len(out)-1).Draw(t, "at")
			n := rapid.IntRange(1, 700).Draw(t, "n")
			for ; n > 0; n-- {
				out = append(out, out[at])
				at++
			}
			continue
		}
		out = append(out, rapid.SliceOfN(rapid.Byte(), 0, 60).Draw(t, "new")...)
	}
	return out
}

// TestDeflateProperty: Go's reader unpacks what deflate packs.
func TestDeflateProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := repetitive(t)
		for _, raw := range []bool{false, true} {
			packed := deflate(data, raw)
			got, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
			if err != nil || !bytes.Equal(got, data) {
				t.Fatalf("raw %v: %d bytes back of %d, %v", raw, len(got), len(data), err)
			}
			if len(data) <= minizMax {
				if got, ok := inflate(packed, false); !ok || !bytes.Equal(got, data) {
					t.Fatalf("raw %v: inflate fails", raw)
				}
			}
		}
	})
}

func TestDeflateSizes(t *testing.T) {
	if n := len(deflate([]byte(strings.Repeat("ABCDE", 100)), false)); n > 20 {
		t.Errorf("500 bytes of repetition take %d", n)
	}
	if n := len(deflate(make([]byte, 65536), true)); n != 65536+10 {
		t.Errorf("two stored blocks take %d", n)
	}
	for length := matchMin; length <= matchMax; length++ { // every length code
		data := bytes.Repeat([]byte{7}, length+1)
		if got, ok := inflate(deflate(data, false), false); !ok || !bytes.Equal(got, data) {
			t.Errorf("a match of %d bytes breaks", length)
		}
	}
	for _, gap := range []int{1, 2, 3, 4, 5, 8, 9, 100, 257, 4096, 4097, 16385, 24577, 32000} { // distance codes
		data := make([]byte, gap)
		for i := range data {
			data[i] = byte(i * i >> 3)
		}
		data = append(append([]byte("needle!"), data...), "needle!"...)
		if got, ok := inflate(deflate(data, false), false); !ok || !bytes.Equal(got, data) {
			t.Errorf("a match %d back breaks", gap+7)
		}
	}
}

func TestFastlzFormat(t *testing.T) {
	for _, c := range []struct {
		name, in string
		limit    int
		want     string
		ok       bool
	}{
		{"literals", "\x02abc", 9, "abc", true},
		{"two runs", "\x00a\x01bc", 9, "abc", true},
		{"short match", "\x02abc\x20\x02", 9, "abcabc", true},
		{"overlap", "\x00a\x60\x00", 9, "aaaaaa", true},
		{"long match", "\x00a\xE0\x01\x00", 20, "aaaaaaaaaaa", true},
		{"level 2, more than 255", "\x20a\xE0\xFF\x02\x00", 300, strings.Repeat("a", 267), true},
		{"level 2, far", "\x20a\x3F\xFF\x00\x00", 300, "", false},
		{"limit of literals", "\x02abc", 2, "", false},
		{"limit of a match", "\x02abc\x20\x02", 5, "", false},
		{"before the start", "\x02abc\x20\x03", 9, "", false},
		{"cut literals", "\x02ab", 9, "", false},
		{"cut match", "\x00a\x60", 9, "", false},
		{"cut length", "\x00a\xE0", 9, "", false},
		{"cut far distance", "\x20a\x3F\xFF\x00", 9, "", false},
		{"level 3", "\x40a", 9, "", false},
		{"nothing", "", 9, "", false},
	} {
		got, ok := fastlzExpand([]byte(c.in), c.limit)
		if ok != c.ok || ok && string(got) != c.want {
			t.Errorf("%s: %q, %v", c.name, got, ok)
		}
	}
	// A pattern of 36 letters three times takes 47 bytes on modules, in both
	// levels (log of upstream's demo).
	data := []byte(strings.Repeat("zyxwvutsrqponmlkjihgfedcba9876543210", 3))
	for _, far := range []bool{false, true} {
		if n := len(fastlzCompress(data, far)); n != 47 {
			t.Errorf("level 2 %v: %d bytes", far, n)
		}
	}
}

// TestFastlzProperty: what is packed unpacks, to exactly its size.
func TestFastlzProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := repetitive(t)
		if len(data) == 0 {
			return
		}
		if rapid.Bool().Draw(t, "spread") { // reaches beyond near distances
			gap := make([]byte, rapid.IntRange(8000, 80000).Draw(t, "gap"))
			for i := range gap {
				gap[i] = byte(i * i >> 7)
			}
			data = append(append(append([]byte{}, data...), gap...), data...)
		}
		for _, far := range []bool{false, true} {
			packed := fastlzCompress(data, far)
			if got, ok := fastlzExpand(packed, len(data)); !ok || !bytes.Equal(got, data) {
				t.Fatalf("level 2 %v: %d bytes back of %d, %v", far, len(got), len(data), ok)
			}
			if _, ok := fastlzExpand(packed, len(data)-1); ok {
				t.Fatal("a limit of one byte less holds everything")
			}
		}
	})
}

func FuzzFastlz(f *testing.F) {
	f.Add([]byte("\x02abc\x20\x02"), 100)
	f.Add([]byte("\x20a\xE0\xFF\xFF\xFF\x02\x00"), 1000)
	f.Add([]byte("\x20a\x3F\xFF\x00\x00"), 1<<20)
	f.Fuzz(func(t *testing.T, in []byte, limit int) {
		limit = min(limit, 1<<20)
		if out, ok := fastlzExpand(in, limit); ok && len(out) > limit {
			t.Fatalf("%d bytes, limit %d", len(out), limit)
		}
		if len(in) == 0 {
			return
		}
		for _, far := range []bool{false, true} {
			if out, ok := fastlzExpand(fastlzCompress(in, far), len(in)); !ok || !bytes.Equal(out, in) {
				t.Fatalf("level 2 %v: no round trip", far)
			}
		}
	})
}

func FuzzInflate(f *testing.F) {
	f.Add(deflate([]byte("hello hello hello"), false), false)
	f.Add([]byte("\x78\x01\x03\x00\x00\x00\x00\x01"), true)
	f.Fuzz(func(t *testing.T, in []byte, zlib bool) {
		if out, ok := inflate(in, zlib); ok && len(out) > minizMax {
			t.Fatalf("%d bytes", len(out))
		}
		if out, ok := inflate(deflate(in, false), false); len(in) <= minizMax && (!ok || !bytes.Equal(out, in)) {
			t.Fatal("no round trip")
		}
	})
}
