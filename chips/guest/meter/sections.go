package meter

import (
	"bytes"
	"fmt"
)

// Section numbers.
const (
	secCustom = iota
	secType
	secImport
	secFunction
	secTable
	secMemory
	secGlobal
	secExport
	secStart
	secElement
	secCode
	secData
	secDataCount
)

var sectionNames = [...]string{"custom", "type", "import", "function", "table", "memory", "global", "export", "start", "element", "code", "data", "data count"}

// sectionOrder is the place of each section: the data count comes before the
// code.
var sectionOrder = [...]int{secType: 1, secImport: 2, secFunction: 3, secTable: 4, secMemory: 5, secGlobal: 6, secExport: 7, secStart: 8, secElement: 9, secDataCount: 10, secCode: 11, secData: 12}

// parser reads one module and collects what the new one is made of.
type parser struct {
	reader
	limits Limits

	types   []FuncType
	imports []Import
	funcs   []uint32 // types of the module's own functions
	tables  int
	memory  bool
	globals int
	exports map[string]FuncType

	dataEnd  int64
	sections map[int][]byte // contents, rewritten where need be
	exported int            // number of exports, of all kinds
}

var header = []byte("\x00asm\x01\x00\x00\x00")

// module reads everything.
func (p *parser) module() error {
	p.sections, p.exports = map[int][]byte{}, map[string]FuncType{}
	if !bytes.HasPrefix(p.data, header) {
		p.fail(0, "WebAssembly header", "00 61 73 6D 01 00 00 00", fmt.Sprintf("% X", p.data[:min(8, len(p.data))]))
		return p.err
	}
	p.pos = len(header)
	last := 0
	for p.err == nil && p.pos < len(p.data) {
		at := p.pos
		id := int(p.byte("section"))
		size := p.u32("section length")
		start := p.pos
		if p.bytes(size, "section"); p.err != nil || id == secCustom {
			continue
		}
		if id >= len(sectionOrder) || sectionOrder[id] <= last {
			p.fail(at, "section", "known sections, each once and in order", fmt.Sprintf("number %d", id))
			break
		}
		last = sectionOrder[id]
		p.section(id, start, start+int(size))
	}
	if p.err == nil && len(p.funcs) > 0 && p.sections[secCode] == nil {
		p.fail(len(p.data), "code section", fmt.Sprintf("%d functions", len(p.funcs)), "none")
	}
	return p.err
}

// section reads the section at [start, end).
func (p *parser) section(id, start, end int) {
	p.pos, p.end = start, end
	p.sections[id] = p.data[start:end]
	switch id {
	case secType:
		p.typeSection()
	case secImport:
		p.importSection()
	case secFunction:
		for range p.count(funcsMax, "functions") {
			p.funcs = append(p.funcs, p.typeIndex())
		}
	case secTable:
		p.tableSection()
	case secMemory:
		p.memorySection()
	case secGlobal:
		p.globalSection()
	case secExport:
		p.exportSection()
	case secStart:
		p.refuse(start, "start section", "export _initialize instead")
	case secElement:
		p.elementSection()
	case secCode:
		p.codeSection()
	case secData:
		p.dataSection()
	case secDataCount:
		p.u32("data count")
	}
	if p.err == nil && p.pos != end {
		p.fail(p.pos, sectionNames[id]+" section", "its end", fmt.Sprintf("%d bytes more", end-p.pos))
	}
	p.pos, p.end = end, len(p.data)
}

func (p *parser) typeSection() {
	for range p.count(funcsMax, "types") {
		at := p.pos
		if b := p.byte("function type"); b != 0x60 {
			p.fail(at, "type", "a function type, 0x60", fmt.Sprintf("0x%02X", b))
			return
		}
		p.types = append(p.types, FuncType{p.valTypes("parameters"), p.valTypes("results")})
	}
}

func (p *parser) valTypes(what string) []ValType {
	var ts []ValType
	for range p.count(paramsMax, what) {
		ts = append(ts, p.valType())
	}
	return ts
}

func (p *parser) valType() ValType {
	at := p.pos
	t := ValType(p.byte("value type"))
	switch t {
	case I32, I64, F32, F64, funcRef, externRef:
	case 0x7B:
		p.refuse(at, "vector type v128", "vector instructions are not taken")
	default:
		p.fail(at, "value type", "a number or reference type", t.String())
	}
	return t
}

func (p *parser) typeIndex() uint32 { return p.index(len(p.types), "type") }

// index reads an index of something of which there are n.
func (p *parser) index(n int, what string) uint32 {
	at := p.pos
	i := p.u32(what + " index")
	if int64(i) >= int64(n) {
		p.fail(at, what+" index", fmt.Sprintf("below %d", n), fmt.Sprint(i))
		return 0
	}
	return i
}

func (p *parser) importSection() {
	for range p.count(funcsMax, "imports") {
		at := p.pos
		module, name := p.name("import module"), p.name("import name")
		if kind := p.byte("import kind"); kind != 0 && p.err == nil {
			p.refuse(at, fmt.Sprintf("import %.40q %.40q of a table, memory or global", module, name), "only functions are there to import")
			return
		}
		if t := p.typeIndex(); p.err == nil {
			p.imports = append(p.imports, Import{module, name, p.types[t]})
		}
	}
}

// bounds reads the size of a table or memory; maximum is limit if none is
// given.
func (p *parser) bounds(limit uint32, what string) (minimum, maximum uint32) {
	at := p.pos
	flag := p.byte(what + " limits")
	if flag > 1 {
		p.refuse(at, fmt.Sprintf("%s of kind %d", what, flag), "shared and 64-bit memories are not taken")
		return 0, 0
	}
	minimum, maximum = p.u32(what+" size"), limit
	if flag == 1 {
		maximum = min(limit, p.u32(what+" maximum"))
	}
	if minimum > limit || minimum > maximum {
		p.fail(at, "size of "+what, fmt.Sprintf("at most %d", maximum), fmt.Sprint(minimum))
	}
	return minimum, maximum
}

func (p *parser) tableSection() {
	p.tables = p.count(tablesMax, "tables")
	for range p.tables {
		at := p.pos
		if t := ValType(p.byte("table type")); t != funcRef {
			p.fail(at, "table type", "funcref", t.String())
		}
		p.bounds(elementsMax, "table")
	}
}

func (p *parser) memorySection() {
	if p.count(1, "memories") == 0 {
		return
	}
	p.memory = true
	minimum, maximum := p.bounds(p.limits.Pages, "memory, in pages of 64 KiB")
	p.sections[secMemory] = appendU32(appendU32([]byte{1, 1}, minimum), maximum)
}

func (p *parser) globalSection() {
	for range p.count(globalsMax, "globals") {
		p.valType()
		p.byte("mutability")
		p.constant()
		p.globals++
	}
}

// constant reads a constant expression. It reports the value of a lone
// i32.const.
func (p *parser) constant() (v int64, known bool) {
	for n := 0; p.err == nil; n++ {
		at := p.pos
		switch op := p.byte("constant expression"); op {
		case opEnd:
			return v, known && n == 1
		case 0x41:
			v, known = p.signed(32, "constant"), true
		case 0x42:
			p.signed(64, "constant")
		case 0x43:
			p.bytes(4, "constant")
		case 0x44:
			p.bytes(8, "constant")
		case 0x23: // only imported globals could be meant, and there are none
			p.refuse(at, "global.get in a constant expression", "no globals can be imported")
		case 0xD0:
			p.valType()
		case 0xD2:
			p.index(p.funcCount(), "function")
		default:
			p.fail(at, "constant expression", "a constant", fmt.Sprintf("instruction 0x%02X", op))
		}
	}
	return 0, false
}

func (p *parser) funcCount() int { return len(p.imports) + len(p.funcs) }

// funcType returns the type of the function with index i, which is in range.
func (p *parser) funcType(i uint32) FuncType {
	if int(i) < len(p.imports) {
		return p.imports[i].Type
	}
	return p.types[p.funcs[int(i)-len(p.imports)]]
}

func (p *parser) exportSection() {
	start := p.pos
	p.exported = p.count(exportsMax, "exports")
	for range p.exported {
		at := p.pos
		name := p.name("export name")
		if name == StepsGlobal || name == DepthGlobal {
			p.fail(at, "export name", "another", name)
		}
		limits := [...]int{p.funcCount(), p.tables, 1, p.globals}
		kind := p.byte("export kind")
		if int(kind) >= len(limits) {
			p.fail(at, "export kind", "0..3", fmt.Sprint(kind))
			return
		}
		i := p.index(limits[kind], "exported")
		if p.err == nil && kind == 0 {
			p.exports[name] = p.funcType(i)
		}
	}
	if p.err == nil { // without the count, which will change
		r := reader{data: p.data, pos: start, end: p.end}
		r.u32("exports")
		p.sections[secExport] = p.data[r.pos:p.end]
	}
}

func (p *parser) elementSection() {
	total := 0
	for range p.count(segmentsMax, "element segments") {
		at := p.pos
		flag := p.u32("element segment")
		if flag > 7 {
			p.fail(at, "element segment", "flags 0..7", fmt.Sprint(flag))
			return
		}
		passive, explicit, exprs := flag&1 != 0, flag&2 != 0, flag&4 != 0
		if !passive {
			if explicit {
				p.index(p.tables, "table")
			}
			p.constant()
		}
		if passive || explicit {
			p.byte("element kind")
		}
		n := p.count(elementsMax, "elements")
		if total += n; total > elementsMax {
			p.fail(at, "elements of all segments", fmt.Sprintf("at most %d", elementsMax), fmt.Sprint(total))
		}
		for range n {
			if exprs {
				p.constant()
			} else {
				p.index(p.funcCount(), "function")
			}
		}
	}
}

func (p *parser) dataSection() {
	for range p.count(segmentsMax, "data segments") {
		at := p.pos
		flag := p.u32("data segment")
		if flag > 2 {
			p.fail(at, "data segment", "flags 0..2", fmt.Sprint(flag))
			return
		}
		if flag == 2 {
			p.index(1, "memory")
		}
		off, known := int64(0), false
		if flag != 1 {
			off, known = p.constant()
		}
		n := p.u32("data length")
		p.bytes(n, "data")
		if known {
			p.dataEnd = max(p.dataEnd, int64(uint32(off))+int64(n))
		}
	}
}
