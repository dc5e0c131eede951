package store

import (
	"errors"
	"strings"
	"testing"

	"airlift/emu/iot"
)

// Failed log-ins are counted by name, but not by names that no account can
// have: those may be as long as a form.
func TestLongNamesAreNotKept(t *testing.T) {
	s, err := Open(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, c := range []struct{ bytes, kept int }{{nameBytesMax + 1, 0}, {1 << 20, 0}, {nameBytesMax, 1}} {
		if _, err := s.LogIn(strings.Repeat("x", c.bytes), "correct horse"); !errors.Is(err, iot.ErrCredentials) {
			t.Errorf("a name of %d bytes: %v", c.bytes, err)
		}
		if n := len(s.guess.names); n != c.kept {
			t.Errorf("a name of %d bytes: %d names are kept, want %d", c.bytes, n, c.kept)
		}
	}
}
