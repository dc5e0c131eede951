package meter

import (
	"fmt"

	"airlift/flash/explain"
)

// Names under which an instrumented module exports its counters. A guest that
// uses them itself is refused.
const (
	StepsGlobal = "airlift:steps" // i64: steps left; negative when used up
	DepthGlobal = "airlift:depth" // i32: calls within calls
)

// Bounds on a module.
const (
	SizeMax     = 1 << 20 // bytes of a module
	bodyMax     = 1 << 17 // bytes of one function
	funcsMax    = 8192    // functions, imports and types each
	exportsMax  = 256
	globalsMax  = 1024
	tablesMax   = 4
	elementsMax = 1 << 16 // entries of a table
	localsMax   = 512     // of one function
	paramsMax   = 32
	segmentsMax = 4096
	nameMax     = 128
	nestingMax  = 256 // blocks within blocks
)

// PageSize is the unit of WebAssembly memory in bytes.
const PageSize = 64 << 10

// Limits are what a module may use.
type Limits struct {
	Pages    uint32 // memory, units of PageSize
	CallsMax int32  // calls within calls
}

// ValType is the type of a value, in the format's own coding.
type ValType byte

// The number types.
const (
	I32 ValType = 0x7F
	I64 ValType = 0x7E
	F32 ValType = 0x7D
	F64 ValType = 0x7C
)

func (t ValType) String() string {
	switch t {
	case I32:
		return "i32"
	case I64:
		return "i64"
	case F32:
		return "f32"
	case F64:
		return "f64"
	case funcRef:
		return "funcref"
	case externRef:
		return "externref"
	}
	return fmt.Sprintf("type 0x%02X", byte(t))
}

const (
	funcRef   ValType = 0x70
	externRef ValType = 0x6F
)

// FuncType is the type of a function.
type FuncType struct {
	Params, Results []ValType
}

func (f FuncType) String() string { return fmt.Sprintf("%v -> %v", f.Params, f.Results) }

// Equal reports whether both types are the same.
func (f FuncType) Equal(g FuncType) bool { return f.String() == g.String() }

// Import is a function that the module wants from its host.
type Import struct {
	Module, Name string
	Type         FuncType
}

// Module is a module that was instrumented.
type Module struct {
	Code    []byte // the new module
	Imports []Import
	// Exports are the functions that the module offers.
	Exports map[string]FuncType
	Memory  bool // it has one
	// DataEnd is the first byte behind all data that lies at a fixed place.
	DataEnd int64
}

// Instrument reads a module, checks it against the limits and returns it with
// its counters. The error is an *explain.FormatError with the offset in data.
// What it accepts may still be no valid module: types are not checked.
func Instrument(data []byte, l Limits) (*Module, error) {
	if len(data) > SizeMax {
		return nil, &explain.FormatError{What: "WebAssembly module", Want: fmt.Sprintf("at most %d bytes", SizeMax), Got: fmt.Sprintf("%d", len(data))}
	}
	p := &parser{reader: reader{data: data, end: len(data)}, limits: l}
	if err := p.module(); err != nil {
		return nil, err
	}
	return p.result()
}
