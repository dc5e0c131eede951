package meter

import (
	"errors"
	"strings"
	"testing"

	"airlift/flash/explain"
)

// section appends a section to a module.
func section(out []byte, id byte, p ...byte) []byte {
	return append(appendU32(append(out, id), uint32(len(p))), p...)
}

// byTable is a module whose f(a, b) calls, through place at of a table, a
// function that adds.
func byTable(at byte) []byte {
	f := []byte{0, opLocalGet, 0, opLocalGet, 1, opI32Const, at, opCallIndirect, 0, 0, opEnd}
	add := []byte{0, opLocalGet, 0, opLocalGet, 1, opI32Add, opEnd}
	out := section(append([]byte{}, header...), secType, 1, 0x60, 2, 0x7F, 0x7F, 1, 0x7F)
	out = section(out, secFunction, 2, 0, 0)
	out = section(out, secTable, 1, byte(funcRef), 0, 2)
	out = section(out, secExport, 1, 1, 'f', 0, 0)
	out = section(out, secElement, 1, 0, opI32Const, 0, opEnd, 2, 0, 1)
	return section(out, secCode, append(append([]byte{2, byte(len(f))}, f...), append([]byte{byte(len(add))}, add...)...)...)
}

// TestCallsByTable: calls through a table pay and nest like others.
func TestCallsByTable(t *testing.T) {
	m, err := Instrument(byTable(1), limits)
	if err != nil {
		t.Fatal(err)
	}
	if r := call(t, m.Code, 1000, 3, 4); r.err != nil || r.value != 7 || r.depth != 0 || r.left != 1000-5-4 {
		t.Errorf("%+v", r)
	}
	if m, err = Instrument(byTable(0), limits); err != nil {
		t.Fatal(err)
	}
	if r := call(t, m.Code, 1000, 3, 4); r.err == nil || r.depth != limits.CallsMax+1 || r.left < 0 {
		t.Errorf("a function that calls itself: %+v", r)
	}
}

// TestMemory stores, loads and asks for the size.
func TestMemory(t *testing.T) {
	m, err := Instrument(module([]byte{0},
		opI32Const, 0, opI64Const, 7, 0x3E, 2, 8, // i64.store32
		opI32Const, 0, 0x28, 2, 8, // i32.load
		0x3F, 0, opI32Add), limits) // memory.size
	if err != nil {
		t.Fatal(err)
	}
	if r := call(t, m.Code, 1000, 0, 0); r.err != nil || r.value != 8 {
		t.Errorf("%+v", r)
	}
}

// TestBounds: the last that is taken, and the first that is not.
func TestBounds(t *testing.T) {
	export := func(kind, index byte) []byte {
		out := section(append([]byte{}, header...), secMemory, 1, 0, 1)
		return section(out, secExport, 1, 1, 'x', kind, index)
	}
	nested := func(n int) []byte {
		body := []byte{}
		for range n {
			body = append(body, opBlock, blockVoid)
		}
		for range n {
			body = append(body, opEnd)
		}
		return module([]byte{0}, append(body, opLocalGet, 0)...)
	}
	for _, tt := range []struct {
		name string
		code []byte
		want string // empty: taken
	}{
		{"memory exported", export(2, 0), ""},
		{"second memory exported", export(2, 1), "exported index"},
		{"global exported", export(3, 0), "exported index"},
		{"kind 4 exported", export(4, 0), "export kind"},
		{"kind 255 exported", export(255, 0), "export kind"},
		{"512 locals", module([]byte{1, 0xFE, 3, 0x7F}, opLocalGet, 0), ""},
		{"513 locals", module([]byte{2, 0xFE, 3, 0x7F, 1, 0x7F}, opLocalGet, 0), "locals of a function"},
		{"2^32-1 locals", module([]byte{1, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0x7F}, opLocalGet, 0), "locals of a function"},
		{"local behind the last", module([]byte{1, 1, 0x7F}, opLocalGet, 3), "local index"},
		{"the meter's global", module([]byte{0}, opGlobalGet, 0), "global index"},
		{"blocks within blocks", nested(nestingMax - 1), ""},
		{"more of them", nested(nestingMax), "blocks within blocks"},
		{"a table at run time", module([]byte{0}, opI32Const, 0, 0x25, 0), "table.get"},
		{"function behind the last", module([]byte{0}, opLocalGet, 0, opLocalGet, 1, opCall, 1), "function index"},
	} {
		_, err := Instrument(tt.code, limits)
		var fe *explain.FormatError
		if tt.want == "" && err != nil || tt.want != "" && (!errors.As(err, &fe) || !strings.Contains(fe.What, tt.want)) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
