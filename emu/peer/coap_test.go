package peer

import (
	"bytes"
	"testing"
)

// TestCoAP: what the lab says to requests.
func TestCoAP(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"login", "\x42\x02\x12\x34tk\xB4$sys\x05login\xFFx", "\x62\x41\x12\x34tk\xFFtoken of the lab"},
		{"post", "\x40\x02\x00\x01\xB1a", "\x60\x44\x00\x01"},
		{"get", "\x50\x01\x00\x02", "\x50\x45\x00\x02\xFFlab"},
		{"a long option", "\x40\x02\x00\x03\xBD\x00thirteen char\x05login", "\x60\x41\x00\x03\xFFtoken of the lab"},
		{"an answer", "\x60\x45\x00\x04", ""},
		{"a reset", "\x70\x02\x00\x05", ""},
		{"another version", "\x80\x02\x00\x06", ""},
		{"a token that is cut", "\x44\x02\x00\x07ab", ""},
		{"an option that is cut", "\x40\x02\x00\x08\xB5ab", ""},
		{"a reserved length", "\x40\x02\x00\x09\xBFab", ""},
		{"a short one", "\x40\x02", ""},
	} {
		if got := coapAnswer([]byte(c.in)); string(got) != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// FuzzCoAP: an answer keeps the request's number and token.
func FuzzCoAP(f *testing.F) {
	f.Add([]byte("\x42\x02\x12\x34tk\xB4$sys\x05login\xFFx"))
	f.Add([]byte("\x40\x02\x00\x03\xBD\x00thirteen char\x05login"))
	f.Add([]byte("\x40\x02\x00\x03\xEE\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, p []byte) {
		a := coapAnswer(p)
		if a == nil {
			return
		}
		if n := 4 + int(p[0]&15); a[0]&15 != p[0]&15 || !bytes.Equal(a[2:n], p[2:n]) {
			t.Fatalf("%x is answered by %x", p, a)
		}
	})
}
