package flash_test

import (
	"testing"

	"airlift/flash"
)

const mib = 1 << 20

func filled(size int64) []byte {
	p := make([]byte, size)
	for i := range p {
		p[i] = byte(i*7 + i>>8)
	}
	return p
}

func newChip(t testing.TB, size int64) *flash.Device {
	t.Helper()
	d, err := flash.New(flash.NOR(size))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// BenchmarkFork8MiB copies a chip whose every sector is in use.
func BenchmarkFork8MiB(b *testing.B) {
	d := newChip(b, 8*mib)
	if err := d.Program(0, filled(8*mib)); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		d.Fork()
	}
}

// BenchmarkForkAndProgramPage is what one variant costs at least: a fork, and
// the copy of the one sector that it changes.
func BenchmarkForkAndProgramPage(b *testing.B) {
	d := newChip(b, 8*mib)
	if err := d.Program(0, filled(8*mib)); err != nil {
		b.Fatal(err)
	}
	page := make([]byte, flash.DefaultPageSize)
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		if err := d.Fork().Program(4*mib, page); err != nil {
			b.Fatal(err)
		}
	}
}

type watcher struct{ pages, sectors int }

func (w *watcher) Before(op *flash.Op) flash.Fate {
	if op.Kind == flash.OpErase {
		w.sectors++
	} else {
		w.pages++
	}
	return flash.Fate{}
}

func (w *watcher) After(*flash.Op) {}

// BenchmarkProgramPageObserved programs one page of a chip in use, seen by a
// tap.
func BenchmarkProgramPageObserved(b *testing.B) {
	d := newChip(b, 8*mib)
	page := filled(flash.DefaultPageSize)
	if err := d.Program(0, filled(8*mib)); err != nil {
		b.Fatal(err)
	}
	w := new(watcher)
	d.Power().SetTap(w)
	b.ReportAllocs()
	b.ResetTimer()
	off := int64(0)
	for b.Loop() {
		if err := d.Program(off, page); err != nil {
			b.Fatal(err)
		}
		off = (off + flash.DefaultPageSize) & (8*mib - 1)
	}
	if w.pages == 0 {
		b.Fatal("the tap saw nothing")
	}
}

// BenchmarkProgram8MiBCold fills a new chip, with the memory it needs.
func BenchmarkProgram8MiBCold(b *testing.B) {
	data := filled(8 * mib)
	b.SetBytes(8 * mib)
	b.ReportAllocs()
	for b.Loop() {
		d := newChip(b, 8*mib)
		if err := d.Program(0, data); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHashAfterOnePage asks for the hash of a chip after a small change.
func BenchmarkHashAfterOnePage(b *testing.B) {
	d := newChip(b, 8*mib)
	if err := d.Program(0, filled(8*mib)); err != nil {
		b.Fatal(err)
	}
	d.Hash()
	b.ResetTimer()
	off := int64(0)
	for b.Loop() {
		if err := d.Program(off, []byte{0}); err != nil {
			b.Fatal(err)
		}
		d.Hash()
		off = (off + flash.DefaultSectorSize) & (8*mib - 1)
	}
}
