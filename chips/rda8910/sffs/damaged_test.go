package sffs

import (
	"bytes"
	"errors"
	"os"
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

// TestCrossed writes to a file whose data are the head of another one.
func TestCrossed(t *testing.T) {
	d := newFlash(t)
	f := mustMount(t, d)
	if err := errors.Join(f.WriteAll("/b", content8(1, 10)), f.WriteAll("/a", content8(1, 1000))); err != nil {
		t.Fatal(err)
	}
	a, err := f.find("/a")
	if err != nil {
		t.Fatal(err)
	}
	b, err := f.Open("/b")
	if err != nil {
		t.Fatal(err)
	}
	root, err := f.children(rootBlock)
	if err != nil {
		t.Fatal(err)
	}
	le.PutUint16(a.head[nodeHead:], uint16(root[0]))
	if err := f.cache.putNow(a.num, a.head); err != nil {
		t.Fatal(err)
	}
	w, err := f.OpenFile("/a", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(bytes.Repeat([]byte{0xEE}, 500)); err != nil {
		t.Fatal(err)
	}
	var damage *explain.FormatError
	for _, off := range []int64{0, 1000, 1 << 20, 0xEEEEEEE0} {
		if _, err := b.ReadAt(make([]byte, 10), off); !errors.As(err, &damage) {
			t.Errorf("at %d: %v", off, err)
		}
	}
}
