package meter

import "fmt"

// Instructions that matter here.
const (
	opUnreachable  = 0x00
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0B
	opBrTable      = 0x0E
	opCall         = 0x10
	opCallIndirect = 0x11
	opLocalGet     = 0x20
	opLocalSet     = 0x21
	opLocalTee     = 0x22
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opI32Const     = 0x41
	opI64Const     = 0x42
	opI32GtS       = 0x4A
	opI64LtS       = 0x53
	opI32Add       = 0x6A
	opI32Sub       = 0x6B
	opI64Sub       = 0x7D
	opI64ExtendU   = 0xAD
	opI64ShrU      = 0x88
	blockVoid      = 0x40
)

// Prefixed bulk memory instructions.
const (
	opPrefix     = 0xFC
	opMemoryInit = 8
	opDataDrop   = 9
	opMemoryCopy = 10
	opMemoryFill = 11
	bulkShift    = 3   // a bulk instruction costs a step for 8 bytes
	growCost     = 256 // steps of a memory.grow
)

// mark is a place in a function where something is inserted.
type mark struct {
	pos  int // in the module
	kind markKind
	cost int64 // of a head, or of growing
}

type markKind uint8

const (
	markEntry  markKind = iota // at the start of the function
	markLoop                   // behind a loop instruction
	markCall                   // before a call
	markReturn                 // behind a call
	markBulk                   // before a bulk memory instruction
	markGrow                   // before a memory.grow
)

func (p *parser) codeSection() {
	at := p.pos
	n := p.count(funcsMax, "function bodies")
	if p.err == nil && n != len(p.funcs) {
		p.fail(at, "function bodies", fmt.Sprint(len(p.funcs)), fmt.Sprint(n))
		return
	}
	out := appendU32(nil, uint32(n))
	for i := range n {
		at := p.pos
		size := p.u32("function length")
		if size > bodyMax {
			p.fail(at, "function length", fmt.Sprintf("at most %d bytes", bodyMax), fmt.Sprint(size))
			return
		}
		start := p.pos
		if p.bytes(size, "function"); p.err != nil {
			return
		}
		f := function{parser: p, params: len(p.types[p.funcs[i]].Params), end: start + int(size)}
		end := p.end
		p.pos, p.end = start, f.end
		body := f.rewrite()
		if p.err != nil {
			return
		}
		p.pos, p.end = f.end, end
		out = append(appendU32(out, uint32(len(body))), body...)
	}
	p.sections[secCode] = out
}

// function is one function while it is rewritten.
type function struct {
	*parser
	params int
	locals int // with params
	end    int
	marks  []mark
	heads  []int // for each open block the mark that its instructions count for
}

// rewrite returns the body with its counters.
func (f *function) rewrite() []byte {
	out := f.declare()
	start := f.pos
	f.mark(markEntry)
	f.heads = []int{0}
	for f.err == nil && len(f.heads) > 0 {
		if f.pos >= f.end {
			f.fail(f.pos, "function", "the end of its blocks", "its last byte")
			return nil
		}
		f.marks[f.heads[len(f.heads)-1]].cost++
		f.instruction()
	}
	if f.err != nil {
		return nil
	}
	if f.pos != f.end {
		f.fail(f.pos, "function", "its end", fmt.Sprintf("%d bytes more", f.end-f.pos))
		return nil
	}
	for _, m := range f.marks {
		out = append(out, f.data[start:m.pos]...)
		out = f.insert(out, &m)
		start = m.pos
	}
	return append(out, f.data[start:f.end]...)
}

// declare reads the declarations of locals and returns them with two more: an
// i64 and an i32.
func (f *function) declare() []byte {
	at := f.pos
	groups := f.count(localsMax, "groups of locals")
	first := f.pos
	f.locals = f.params
	for range groups {
		n := f.u32("number of locals")
		f.valType()
		if int64(n) > localsMax || f.locals+int(n) > localsMax {
			f.fail(at, "locals of a function", fmt.Sprintf("at most %d", localsMax), "more")
			return nil
		}
		f.locals += int(n)
	}
	if f.err != nil {
		return nil
	}
	out := append(appendU32(nil, uint32(groups+2)), f.data[first:f.pos]...)
	return append(out, 1, byte(I64), 1, byte(I32))
}

func (f *function) mark(kind markKind) {
	f.marks = append(f.marks, mark{pos: f.pos, kind: kind})
}

// insert appends what a mark stands for.
func (f *function) insert(out []byte, m *mark) []byte {
	steps, depth := uint32(f.globals), uint32(f.globals+1)
	long, short := uint32(f.locals), uint32(f.locals+1)
	trapIf := func(cond byte) { out = append(out, cond, opIf, blockVoid, opUnreachable, opEnd) }
	pay := func() { // what is on the stack, an i64
		out = appendU32(append(out, opI64Sub, opLocalTee), long)
		out = appendU32(append(out, opGlobalSet), steps)
		out = appendU32(append(out, opLocalGet), long)
		out = append(out, opI64Const, 0)
		trapIf(opI64LtS)
	}
	nest := func(op byte) {
		out = appendU32(append(out, opGlobalGet), depth)
		out = append(out, opI32Const, 1, op, opGlobalSet)
		out = appendU32(out, depth)
	}
	switch m.kind {
	case markEntry, markLoop, markGrow:
		if m.kind == markEntry {
			out = appendU32(append(out, opGlobalGet), depth)
			out = appendSigned(append(out, opI32Const), int64(f.limits.CallsMax))
			trapIf(opI32GtS)
		}
		out = appendU32(append(out, opGlobalGet), steps)
		out = appendSigned(append(out, opI64Const), m.cost)
		pay()
	case markCall:
		nest(opI32Add)
	case markReturn:
		nest(opI32Sub)
	case markBulk: // the length is on the stack
		out = appendU32(append(out, opLocalSet), short)
		out = appendU32(append(out, opGlobalGet), steps)
		out = appendU32(append(out, opLocalGet), short)
		out = append(out, opI64ExtendU, opI64Const, bulkShift, opI64ShrU)
		pay()
		out = appendU32(append(out, opLocalGet), short)
	}
	return out
}

// result puts the new module together.
func (p *parser) result() (*Module, error) {
	m := &Module{Imports: p.imports, Exports: p.exports, Memory: p.memory, DataEnd: p.dataEnd}
	globals := appendU32(nil, uint32(p.globals+2))
	if old := p.sections[secGlobal]; old != nil {
		r := reader{data: old, end: len(old)}
		r.u32("globals")
		globals = append(globals, old[r.pos:]...)
	}
	globals = append(globals, byte(I64), 1, opI64Const, 0, opEnd, byte(I32), 1, opI32Const, 0, opEnd)
	exports := append(appendU32(nil, uint32(p.exported+2)), p.sections[secExport]...)
	exports = appendU32(append(appendName(exports, StepsGlobal), 3), uint32(p.globals))
	exports = appendU32(append(appendName(exports, DepthGlobal), 3), uint32(p.globals+1))
	p.sections[secGlobal], p.sections[secExport] = globals, exports
	m.Code = append(m.Code, header...)
	for _, id := range [...]int{secType, secImport, secFunction, secTable, secMemory, secGlobal, secExport, secElement, secDataCount, secCode, secData} {
		if body := p.sections[id]; body != nil {
			m.Code = append(appendU32(append(m.Code, byte(id)), uint32(len(body))), body...)
		}
	}
	return m, nil
}
