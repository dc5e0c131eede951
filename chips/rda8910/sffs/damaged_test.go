package sffs

import (
	"errors"
	"testing"

	"airlift/flash/explain"
)

// TestHoles works with files whose heads name blocks that are not there: they
// cannot be read, and are whole again when they were replaced.
func TestHoles(t *testing.T) {
	for _, tt := range []struct{ holes, more int }{{1, 0}, {2, 0}, {2, -1}, {2, 1000}} {
		d := newFlash(t)
		f := mustMount(t, d)
		if err := f.WriteAll("/x", content8(1, 1600)); err != nil {
			t.Fatal(err)
		}
		at, err := f.find("/x")
		if err != nil {
			t.Fatal(err)
		}
		for i := range tt.holes {
			le.PutUint16(at.head[nodeHead+2*i:], noBlock)
		}
		if err := f.cache.putNow(at.num, at.head); err != nil {
			t.Fatal(err)
		}
		f = mustMount(t, d)
		var damage *explain.FormatError
		if _, err := f.ReadFile("/x"); !errors.As(err, &damage) {
			t.Errorf("%+v: read: %v", tt, err)
		}
		want := content8(2, 1600+tt.more)
		if err := f.WriteSafe("/x", want); err != nil {
			t.Fatalf("%+v: written: %v", tt, err)
		}
		if got, err := f.ReadFile("/x"); err != nil || string(got) != string(want) {
			t.Errorf("%+v: mended: %v", tt, err)
		}
		if got, err := mustMount(t, d).ReadFile("/x"); err != nil || string(got) != string(want) {
			t.Errorf("%+v: mended and mounted: %v", tt, err)
		}
	}
}
