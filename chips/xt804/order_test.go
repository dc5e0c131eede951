package xt804

import (
	"strings"
	"testing"

	"airlift/chips"
)

// Secboot reads the flag and listens for ESC before it looks for images
// (xt804.md 3.5): a module whose headers lead in a circle can still be
// rescued by cable.
func TestEscapeComesBeforeTheSearch(t *testing.T) {
	w := newWorld(t, g2Layout(t))
	h := DecodeHeader(w.get(SecbootHeaderAddr, HeaderSize))
	h.Next = SecbootHeaderAddr
	w.put(SecbootHeaderAddr, h.Encode())
	if r := w.boot(); r.Outcome != chips.BootHang {
		t.Fatalf("without ESC: %s", r.Outcome)
	}
	w.steps, w.console = nil, []byte("\x1b\x1b\x1b")
	if r := w.boot(); r.Outcome != chips.BootDownload {
		t.Fatalf("with ESC: %s", r.Outcome)
	}
	for _, s := range w.steps {
		if strings.HasPrefix(s.Text, "RUN:") {
			t.Errorf("searched before the escape: %s", s.Text)
		}
	}
}
