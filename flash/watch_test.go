package flash_test

import (
	"bytes"

	"airlift/flash"
)

// watch is the tap of a checker: it compares what it is shown with what the
// model expects, and gives one operation its fate.
type watch struct {
	c     *checker
	ops   []modelOp
	first uint64
	at    int // operation with a fault, or -1
	kind  flash.FateKind
	style int
	torn  []byte
	seen  int
	done  int
}

func (w *watch) Before(op *flash.Op) flash.Fate {
	i := w.seen
	w.seen++
	if i >= len(w.ops) {
		w.c.t.Fatalf("one operation too many: %v", op)
	}
	want := w.ops[i]
	if op.Kind != want.kind || op.Off != want.off || op.Len != want.len || !bytes.Equal(op.Data, want.data) || op.Seq != w.first+uint64(i) {
		w.c.t.Fatalf("operation %v, want %v", op, want)
	}
	if i != w.at {
		return flash.Fate{}
	}
	if w.kind != flash.FateCutTorn {
		return flash.Fate{Kind: w.kind}
	}
	return w.tear(op)
}

// tear makes a torn contents and checks that cells can hold it.
func (w *watch) tear(op *flash.Op) flash.Fate {
	old := op.Old()
	whole := bytes.Repeat([]byte{0xFF}, int(op.Len))
	if op.Kind == flash.OpProgram {
		for i := range whole {
			whole[i] = old[i] & op.Data[i]
		}
	}
	n := int64(w.c.pick(int(op.Len)+3)) - 1 // clamped to 0..op.Len
	clamped := max(0, min(n, op.Len))
	var f flash.Fate
	switch w.style {
	case 0:
		f = flash.TearFront(op, n)
		w.check(op, f, append(append([]byte(nil), whole[:clamped]...), old[clamped:]...))
	case 1:
		f = flash.TearBack(op, n)
		at := op.Len - clamped
		w.check(op, f, append(append([]byte(nil), old[:at]...), whole[at:]...))
	default:
		picked := 0
		f = flash.TearBits(op, func(i int) byte {
			if i != picked {
				w.c.t.Fatalf("byte %d is asked for out of order", i)
			}
			picked++
			return byte(i*int(n+2)*37 + 11)
		})
		for i, b := range f.Torn {
			mask := byte(i*int(n+2)*37 + 11)
			if want := old[i] ^ (old[i]^whole[i])&mask; b != want {
				w.c.t.Fatalf("torn bits of %v: byte %d is %02X, want %02X", op, i, b, want)
			}
		}
	}
	w.torn = append([]byte(nil), f.Torn...)
	return f
}

func (w *watch) check(op *flash.Op, f flash.Fate, want []byte) {
	if f.Kind != flash.FateCutTorn || !bytes.Equal(f.Torn, want) {
		w.c.t.Fatalf("torn contents of %v:\n got  % X\n want % X", op, f.Torn, want)
	}
}

func (w *watch) After(op *flash.Op) {
	w.done++
	want := w.ops[w.seen-1]
	if op.Off != want.off || op.Kind != want.kind {
		w.c.t.Fatalf("after %v, want %v", op, want)
	}
}
