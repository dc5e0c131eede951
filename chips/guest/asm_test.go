package guest

import "airlift/chips/guest/meter"

// asm builds WebAssembly modules by hand.
type asm struct {
	types, imports, funcs, tables, memory, globals, exports, start, elems, code, data []byte
	ntypes, nimports, nfuncs, nexports                                                byte
}

func leb(v uint32) (b []byte) {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

func name(s string) []byte { return append(leb(uint32(len(s))), s...) }

func cat(parts ...[]byte) (out []byte) {
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func (a *asm) typ(t meter.FuncType) byte {
	vals := func(ts []meter.ValType) []byte {
		b := leb(uint32(len(ts)))
		for _, t := range ts {
			b = append(b, byte(t))
		}
		return b
	}
	a.types = cat(a.types, []byte{0x60}, vals(t.Params), vals(t.Results))
	a.ntypes++
	return a.ntypes - 1
}

// use imports a host function and returns its index. Imports come first.
func (a *asm) use(fn string) byte { return a.useOf(HostModule, fn, hostTypes[fn]) }

func (a *asm) useOf(module, fn string, t meter.FuncType) byte {
	a.imports = cat(a.imports, name(module), name(fn), []byte{0, a.typ(t)})
	a.nimports++
	return a.nimports - 1
}

// fn adds a function, exported if it has a name, and returns its index.
func (a *asm) fn(export string, t meter.FuncType, body ...byte) byte {
	return a.fnLocals(export, t, []byte{0}, body...)
}

func (a *asm) fnLocals(export string, t meter.FuncType, locals []byte, body ...byte) byte {
	a.funcs = append(a.funcs, a.typ(t))
	full := cat(locals, body, []byte{0x0B})
	a.code = cat(a.code, leb(uint32(len(full))), full)
	i := a.nimports + a.nfuncs
	a.nfuncs++
	if export != "" {
		a.exports = cat(a.exports, name(export), []byte{0, i})
		a.nexports++
	}
	return i
}

// pages gives the module a memory.
func (a *asm) pages(n byte) { a.memory = []byte{1, 0, n} }

// bytes returns the module.
func (a *asm) bytes() []byte {
	out := []byte("\x00asm\x01\x00\x00\x00")
	sec := func(id byte, n int, body []byte) {
		if len(body) == 0 {
			return
		}
		if n >= 0 {
			body = cat(leb(uint32(n)), body)
		}
		out = cat(out, []byte{id}, leb(uint32(len(body))), body)
	}
	sec(1, int(a.ntypes), a.types)
	sec(2, int(a.nimports), a.imports)
	sec(3, int(a.nfuncs), a.funcs)
	sec(4, -1, a.tables)
	sec(5, -1, a.memory)
	sec(6, -1, a.globals)
	sec(7, int(a.nexports), a.exports)
	sec(8, -1, a.start)
	sec(9, -1, a.elems)
	sec(10, int(a.nfuncs), a.code)
	sec(11, -1, a.data)
	return out
}

var bootType = exportTypes["boot"]

// Instructions for tests.
const (
	iUnreachable = 0x00
	iLoop        = 0x03
	iEnd         = 0x0B
	iBr          = 0x0C
	iCall        = 0x10
	iDrop        = 0x1A
	iLocalGet    = 0x20
	iGlobalSet   = 0x24
	iI32Store    = 0x36
	iMemoryGrow  = 0x40
	iI32Const    = 0x41
	iI64Const    = 0x42
	iI32Add      = 0x6A
	iI32DivS     = 0x6D
	void         = 0x40
)
