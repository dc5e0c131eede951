package delta

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// rebuild applies steps, with diff and extra bytes taken from p itself.
func rebuild(t interface{ Fatalf(string, ...any) }, old, p []byte, start int, steps []Step) {
	at, pos := 0, start
	for _, s := range steps {
		if s.Diff < 0 || s.Extra < 0 || at+s.Diff+s.Extra > len(p) {
			t.Fatalf("step %+v at %d of %d", s, at, len(p))
		}
		if s.Diff > 0 && (pos < 0 || pos+s.Diff > len(old)) {
			t.Fatalf("step %+v reads %d..%d of an old image of %d", s, pos, pos+s.Diff, len(old))
		}
		at, pos = at+s.Diff+s.Extra, pos+s.Diff+s.Seek
	}
	if at != len(p) {
		t.Fatalf("steps make %d of %d bytes", at, len(p))
	}
}

func TestStepsProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old := rapid.SliceOfN(rapid.ByteMax(3), 0, 400).Draw(t, "old")
		p := append([]byte(nil), old...)
		for range rapid.IntRange(0, 4).Draw(t, "edits") {
			at := rapid.IntRange(0, len(p)).Draw(t, "at")
			ins := rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "insert")
			del := rapid.IntRange(0, len(p)-at).Draw(t, "delete")
			p = bytes.Join([][]byte{p[:at], ins, p[at+del:]}, nil)
		}
		from := rapid.IntRange(0, len(old)).Draw(t, "from")
		to := rapid.IntRange(from, len(old)).Draw(t, "to")
		at := rapid.IntRange(0, 50).Draw(t, "offset")
		shift := rapid.IntRange(-60, 60).Draw(t, "shift")
		steps, _, _ := NewIndex(old).Steps(p, at, from, shift, Window{from, to}, NewModel())
		rebuild(t, old, p, from, steps)
		pos := from
		for _, s := range steps {
			if s.Diff > 0 && (pos < from || pos+s.Diff > to) {
				t.Fatalf("step %+v reads %d..%d outside the window %d..%d", s, pos, pos+s.Diff, from, to)
			}
			pos += s.Diff + s.Seek
		}
	})
}

func TestStepsFindInsertion(t *testing.T) {
	old := make([]byte, 20000)
	x := uint32(9)
	for i := range old {
		x = x*1664525 + 1013904223
		old[i] = byte(x >> 24)
	}
	p := bytes.Join([][]byte{old[:5000], []byte("something new, not to be found elsewhere"), old[5000:]}, nil)
	steps, shift, _ := NewIndex(old).Steps(p, 0, 0, 0, Window{0, len(old)}, NewModel())
	rebuild(t, old, p, 0, steps)
	if len(steps) != 2 || steps[0].Diff != 5000 || steps[0].Extra != 40 || steps[1].Diff != 15000 || shift != -40 {
		t.Errorf("%+v, shift %d", steps, shift)
	}
}

// TestLongest compares matches with those that a search at every place finds.
func TestLongest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old := rapid.SliceOfN(rapid.OneOf(rapid.ByteMax(2), rapid.ByteMin(254)), 0, 40).Draw(t, "old")
		p := rapid.SliceOfN(rapid.OneOf(rapid.ByteMax(2), rapid.ByteMin(254)), 1, 6).Draw(t, "p")
		from := rapid.IntRange(0, len(old)).Draw(t, "from")
		w := Window{from, rapid.IntRange(from, len(old)).Draw(t, "to")}
		want := 0
		for at := w.From; at < w.To; at++ {
			want = max(want, common(old[at:w.To], p))
		}
		x := NewIndex(old)
		pos, n := x.longest(p, 0, w, w.From)
		x.Remember(1)
		for range 2 { // looked for, and remembered
			if pos2, n2 := x.longest(p, 0, w, w.From); pos2 != pos || n2 != n {
				t.Fatalf("%d bytes at %d, with memory %d at %d", n, pos, n2, pos2)
			}
		}
		if n != want || n > 0 && (pos < w.From || pos+n > w.To || !bytes.Equal(old[pos:pos+n], p[:n])) {
			t.Fatalf("%d bytes at %d, expected %d bytes", n, pos, want)
		}
	})
}
