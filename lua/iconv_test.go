package lua

import (
	"bytes"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestConvert(t *testing.T) {
	for _, c := range []struct{ from, in, to, want string }{
		{"utf8", "我A", "gb2312", "\xCE\xD2A"},
		{"gb2312", "\xCE\xD2\xA1\xA3", "ucs2be", "\x62\x11\x30\x02"},
		{"ucs2", "\x11\x62", "utf8", "我"},
		{"ucs2be", "\x62\x11", "ucs2", "\x11\x62"},
		{"utf8", "", "gb2312", ""},
	} {
		if got, ok := convert(findCharset(c.to), findCharset(c.from), []byte(c.in)); !ok || string(got) != c.want {
			t.Errorf("%s to %s: %q is %q, %v", c.from, c.to, c.in, got, ok)
		}
	}
	for _, c := range []struct{ from, in, to string }{
		{"utf8", "\xE6\x88", "ucs2"},         // cut
		{"utf8", "\xFF", "utf8"},             // none
		{"utf8", "😀", "ucs2"},                // beyond the basic plane
		{"utf8", "é😀", "gb2312"},             // not in GB 2312
		{"utf8", "丂", "gb2312"},              // in GBK only
		{"gb2312", "\x81\x40", "utf8"},       // in GBK only
		{"gb2312", "\xCE", "utf8"},           // cut
		{"gb2312", "\xAA\xA1", "utf8"},       // not assigned
		{"ucs2", "\x00", "utf8"},             // cut
		{"ucs2be", "\xD8\x3D\xDE", "utf8"},   // surrogates
		{"ucs2", "\x3D\xD8\x00\xDE", "utf8"}, // surrogates
	} {
		if got, ok := convert(findCharset(c.to), findCharset(c.from), []byte(c.in)); ok {
			t.Errorf("%s to %s: %q becomes %q", c.from, c.to, c.in, got)
		}
	}
}

// TestConvertProperty: what converts comes back.
func TestConvertProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 20, -1).Draw(t, "text")
		for i := range charsets {
			if p, ok := convert(&charsets[i], &charsets[0], []byte(text)); ok {
				if back, ok := convert(&charsets[0], &charsets[i], p); !ok || string(back) != text {
					t.Fatalf("%s: %q comes back as %q, %v", charsets[i].name, text, back, ok)
				}
			}
		}
	})
}

// TestAllGB: every character of GB 2312 goes to UTF-8 and back.
func TestAllGB(t *testing.T) {
	n := 0
	for hi := 0xA1; hi <= 0xF7; hi++ {
		for lo := 0xA1; lo <= 0xFE; lo++ {
			in := []byte{byte(hi), byte(lo)}
			text, ok := convert(findCharset("utf8"), findCharset("gb2312"), in)
			if !ok {
				continue
			}
			n++
			if !utf8.Valid(text) {
				t.Fatalf("%X becomes %q", in, text)
			}
			if back, ok := convert(findCharset("gb2312"), findCharset("utf8"), text); !ok || !bytes.Equal(back, in) {
				t.Errorf("%X comes back as %X", in, back)
			}
		}
	}
	if n < 6763+682 { // the hanzi and the signs of the standard
		t.Errorf("only %d characters", n)
	}
}

func FuzzConvert(f *testing.F) {
	f.Add([]byte("我A\xCE\xD2"))
	f.Fuzz(func(t *testing.T, in []byte) {
		for i := range charsets {
			for j := range charsets {
				if out, ok := convert(&charsets[i], &charsets[j], in); ok && len(out) > 3*len(in) {
					t.Fatalf("%d bytes out of %d", len(out), len(in))
				}
			}
		}
	})
}
