package meter

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"pgregory.net/rapid"

	"airlift/flash/explain"
)

// module makes a module of one exported function "f" (i32, i32) -> i32 with a
// body, locals and a page of memory.
func module(locals []byte, body ...byte) []byte {
	fn := append(append(append([]byte{}, locals...), body...), opEnd)
	out := append([]byte{}, header...)
	sec := func(id byte, p ...byte) {
		out = append(append(append(out, id), appendU32(nil, uint32(len(p)))...), p...)
	}
	sec(secType, 1, 0x60, 2, 0x7F, 0x7F, 1, 0x7F)
	sec(secFunction, 1, 0)
	sec(secMemory, 1, 0, 1)
	sec(secExport, 1, 1, 'f', 0, 0)
	sec(secCode, append(append([]byte{1}, appendU32(nil, uint32(len(fn)))...), fn...)...)
	return out
}

var limits = Limits{Pages: 1, CallsMax: 10}

// ran is what came of a call.
type ran struct {
	value uint64
	err   error
	left  int64
	depth int32
}

// call runs f of a module, instrumented or not.
func call(t testing.TB, code []byte, steps int64, a, b uint32) ran {
	t.Helper()
	ctx := context.Background()
	rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer rt.Close(ctx)
	m, err := rt.Instantiate(ctx, code)
	if err != nil {
		t.Fatal(err)
	}
	g, _ := m.ExportedGlobal(StepsGlobal).(api.MutableGlobal)
	if g != nil {
		g.Set(uint64(steps))
	}
	v, err := m.ExportedFunction("f").Call(ctx, uint64(a), uint64(b))
	r := ran{err: err}
	if err == nil {
		r.value = v[0]
	}
	if g != nil {
		r.left, r.depth = int64(g.Get()), int32(m.ExportedGlobal(DepthGlobal).Get())
	}
	return r
}

// sumLoop adds a to itself b times.
var sumLoop = module([]byte{1, 1, 0x7F},
	opBlock, blockVoid, opLoop, blockVoid,
	opLocalGet, 1, 0x45, 0x0D, 1, // b == 0: leave
	opLocalGet, 2, opLocalGet, 0, opI32Add, opLocalSet, 2,
	opLocalGet, 1, opI32Const, 1, opI32Sub, opLocalSet, 1,
	0x0C, 0, opEnd, opEnd, opLocalGet, 2)

// TestCountsSteps: the function enters once, the loop as often as it is
// passed, each for the instructions in it.
func TestCountsSteps(t *testing.T) {
	m, err := Instrument(sumLoop, limits)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []uint32{0, 1, 7, 100} {
		r := call(t, m.Code, 10000, 3, n)
		if r.err != nil || r.value != uint64(3*n) {
			t.Errorf("%d passes: %d, %v", n, r.value, r.err)
		}
		if want := 10000 - 5 - 13*(int64(n)+1); r.left != want || r.depth != 0 {
			t.Errorf("%d passes: %d steps left, want %d; depth %d", n, r.left, want, r.depth)
		}
	}
	enough := int64(5 + 13*8)
	if r := call(t, m.Code, enough, 3, 7); r.err != nil || r.left != 0 {
		t.Errorf("just enough steps: %v, %d left", r.err, r.left)
	}
	if r := call(t, m.Code, enough-1, 3, 7); r.err == nil || r.left != -1 {
		t.Errorf("one step too few: %v, %d left", r.err, r.left)
	}
}

// TestNestsCalls: calls within calls are counted and bounded; those behind one
// another are not.
func TestNestsCalls(t *testing.T) {
	// f(a, b): if a == 0 return b; f(a-1, f(0, b+1))
	m, err := Instrument(module([]byte{0},
		opLocalGet, 0, 0x45, opIf, 0x7F, opLocalGet, 1, opElse,
		opLocalGet, 0, opI32Const, 1, opI32Sub,
		opI32Const, 0, opLocalGet, 1, opI32Const, 1, opI32Add, opCall, 0,
		opCall, 0, opEnd), limits)
	if err != nil {
		t.Fatal(err)
	}
	if r := call(t, m.Code, 10000, 9, 5); r.err != nil || r.value != 14 || r.depth != 0 {
		t.Errorf("9 calls deep: %+v", r)
	}
	if r := call(t, m.Code, 10000, 11, 5); r.err == nil || r.depth != limits.CallsMax+1 || r.left < 0 {
		t.Errorf("11 calls deep: %+v", r)
	}
}

// TestBulkPays: memory.fill costs a step for 8 bytes, memory.grow a fixed
// number.
func TestBulkPays(t *testing.T) {
	m, err := Instrument(module([]byte{0}, opI32Const, 0, opLocalGet, 0, opLocalGet, 1, opPrefix, opMemoryFill, 0, opI32Const, 0, 0x2D, 0, 0), limits)
	if err != nil {
		t.Fatal(err)
	}
	if r := call(t, m.Code, 10000, 0xAB, 4096); r.err != nil || r.value != 0xAB || r.left != 10000-7-512 {
		t.Errorf("fill: %+v", r)
	}
	m, err = Instrument(module([]byte{0}, opLocalGet, 0, 0x40, 0), limits)
	if err != nil {
		t.Fatal(err)
	}
	if r := call(t, m.Code, 10000, 1, 0); r.err != nil || uint32(r.value) != 0xFFFFFFFF || r.left != 10000-3-growCost {
		t.Errorf("grow beyond the limit: %+v", r)
	}
}

// TestSameResult runs straight-line arithmetic with and without counters.
func TestSameResult(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		body := []byte{opLocalGet, 0}
		for range rapid.IntRange(0, 12).Draw(rt, "n") {
			switch rapid.IntRange(0, 3).Draw(rt, "kind") {
			case 0:
				body = append(body, opLocalGet, byte(rapid.IntRange(0, 1).Draw(rt, "local")), rapid.SampledFrom([]byte{opI32Add, opI32Sub, 0x6C, 0x71, 0x72, 0x73}).Draw(rt, "op"))
			case 1:
				body = append(appendSigned(append(body, opI32Const), int64(rapid.Int32().Draw(rt, "const"))), opI32Add)
			case 2:
				body = append(body, opLocalTee, 1)
			default: // if (b) top-of-stack+1 else top-of-stack
				body = append(body, opLocalSet, 0, opLocalGet, 1, opIf, 0x7F, opLocalGet, 0, opI32Const, 1, opI32Add, opElse, opLocalGet, 0, opEnd)
			}
		}
		code := module([]byte{0}, body...)
		m, err := Instrument(code, limits)
		if err != nil {
			rt.Fatal(err)
		}
		a, b := rapid.Uint32().Draw(rt, "a"), rapid.Uint32().Draw(rt, "b")
		plain, counted := call(t, code, 0, a, b), call(t, m.Code, 100000, a, b)
		if plain.err != nil || counted.err != nil || plain.value != counted.value {
			rt.Fatalf("% X: %+v, with counters %+v", body, plain, counted)
		}
	})
}

// TestLEB reads what it writes.
func TestLEB(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		u, s, l := rapid.Uint32().Draw(rt, "u"), rapid.Int32().Draw(rt, "s"), rapid.Int64().Draw(rt, "l")
		b := appendSigned(appendSigned(appendU32(nil, u), int64(s)), l)
		r := reader{data: b, end: len(b)}
		if gu, gs, gl := r.u32("u"), r.signed(32, "s"), r.signed(64, "l"); r.err != nil || gu != u || gs != int64(s) || gl != l || r.pos != len(b) {
			rt.Fatalf("%d %d %d: %v", gu, gs, gl, r.err)
		}
	})
}

// TestCutShort cuts a module at every byte: each is refused with a place in it,
// but where nothing more was promised.
func TestCutShort(t *testing.T) {
	types := len(header) + 2 + int(sumLoop[len(header)+1]) // where the type section ends
	for n := range len(sumLoop) {
		_, err := Instrument(sumLoop[:n], limits)
		var fe *explain.FormatError
		if whole := n == len(header) || n == types; whole != (err == nil) || err != nil && (!errors.As(err, &fe) || fe.Off > int64(n)) {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
}

// FuzzInstrument reads anything: it is refused with an offset, or comes out
// with counters.
func FuzzInstrument(f *testing.F) {
	f.Add(sumLoop)
	f.Add(module([]byte{0}, opLocalGet, 0))
	f.Add(header)
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Instrument(data, limits)
		if err != nil {
			var fe *explain.FormatError
			if !errors.As(err, &fe) || fe.Off < 0 || fe.Off > int64(len(data)) {
				t.Fatalf("error %v", err)
			}
			return
		}
		if !bytes.Contains(m.Code, []byte(StepsGlobal)) || len(m.Code) > 200+64*len(data) {
			t.Fatalf("%d bytes became %d", len(data), len(m.Code))
		}
	})
}
