package fault

import (
	"bytes"
	"errors"
	"testing"

	"airlift/flash"
)

func TestCut(t *testing.T) {
	page := bytes.Repeat([]byte{0}, 256)
	for _, c := range []struct {
		name  string
		ops   uint64
		tear  float64
		whole int // pages programmed
		torn  int // bytes of the next one
		lost  bool
	}{
		{"before the first", 0, 0, 0, 0, true},
		{"after two", 2, 0, 2, 0, true},
		{"half of the third", 2, 0.5, 2, 128, true},
		{"all of the third", 2, 1, 3, 0, true},
		{"next to nothing", 2, 0.001, 2, 0, true},
		{"never", 9, 0, 4, 0, false},
	} {
		d, err := flash.New(flash.NOR(4096))
		if err != nil {
			t.Fatal(err)
		}
		cut := &CutTap{Ops: c.ops, Tear: c.tear}
		d.Power().SetTap(cut)
		for i := int64(0); i < 4 && err == nil; i++ {
			err = d.Program(i*256, page)
		}
		if errors.Is(err, flash.ErrPowerLost) != c.lost || (cut.Hit != "") != c.lost {
			t.Errorf("%s: %v, hit %q", c.name, err, cut.Hit)
		}
		got := bytes.IndexByte(append(d.Bytes(), 0xFF), 0xFF)
		if got != c.whole*256+c.torn {
			t.Errorf("%s: %d bytes programmed, want %d pages and %d bytes", c.name, got, c.whole, c.torn)
		}
	}
}
