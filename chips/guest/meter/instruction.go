package meter

import "fmt"

// instruction reads one instruction, notes what is to be inserted around it
// and checks the indices that could reach what is not the guest's.
func (f *function) instruction() {
	at := f.pos
	op := f.byte("instruction")
	switch {
	case op == opBlock || op == opIf || op == opLoop:
		f.open(op)
	case op == opElse, op == 0x00, op == 0x01, op == 0x0F, op == 0x1A, op == 0x1B, op == 0xD1:
	case op == opEnd:
		f.heads = f.heads[:len(f.heads)-1]
	case op == 0x0C || op == 0x0D:
		f.u32("branch")
	case op == opBrTable:
		for range f.count(bodyMax, "branches") {
			f.u32("branch")
		}
		f.u32("branch")
	case op == opCall || op == opCallIndirect:
		f.call(op, at)
	case op == 0x1C:
		for range f.count(1, "selected types") {
			f.valType()
		}
	case op >= opLocalGet && op <= opLocalTee:
		f.index(f.locals, "local")
	case op == opGlobalGet || op == opGlobalSet:
		f.index(f.globals, "global")
	case op == 0x25 || op == 0x26:
		f.refuse(at, "table.get or table.set", "tables do not change at run time")
	case op >= 0x28 && op <= 0x3E:
		f.u32("alignment")
		f.u32("offset")
	case op == 0x3F || op == 0x40:
		f.byte("memory index")
		if op == 0x40 {
			f.marks = append(f.marks, mark{pos: at, kind: markGrow, cost: growCost})
		}
	case op == 0x41:
		f.signed(32, "constant")
	case op == 0x42:
		f.signed(64, "constant")
	case op == 0x43:
		f.bytes(4, "constant")
	case op == 0x44:
		f.bytes(8, "constant")
	case op >= 0x45 && op <= 0xC4:
	case op == 0xD0:
		f.valType()
	case op == 0xD2:
		f.index(f.funcCount(), "function")
	case op == opPrefix:
		f.prefixed(at)
	default:
		f.unknown(op, at)
	}
}

// open begins a block.
func (f *function) open(op byte) {
	at := f.pos
	if t := f.signed(33, "block type"); t >= 0 && t >= int64(len(f.types)) {
		f.fail(at, "block type", fmt.Sprintf("below %d", len(f.types)), fmt.Sprint(t))
		return
	}
	if len(f.heads) >= nestingMax {
		f.fail(at, "blocks within blocks", fmt.Sprintf("at most %d", nestingMax), "more")
		return
	}
	head := f.heads[len(f.heads)-1]
	if op == opLoop {
		head = len(f.marks)
		f.mark(markLoop)
	}
	f.heads = append(f.heads, head)
}

// call reads the rest of a call. Host functions do not nest.
func (f *function) call(op byte, at int) {
	nests := true
	if op == opCall {
		nests = int(f.index(f.funcCount(), "function")) >= len(f.imports)
	} else {
		f.typeIndex()
		f.index(f.tables, "table")
	}
	if nests && f.err == nil {
		f.marks = append(f.marks, mark{pos: at, kind: markCall})
		f.mark(markReturn)
	}
}

// prefixed reads the rest of an instruction that begins with 0xFC.
func (f *function) prefixed(at int) {
	sub := f.u32("instruction")
	switch {
	case sub <= 7: // conversions that saturate
		return
	case sub == opMemoryInit:
		f.u32("data segment")
		f.byte("memory index")
	case sub == opDataDrop:
		f.u32("data segment")
		return
	case sub == opMemoryCopy:
		f.byte("memory index")
		f.byte("memory index")
	case sub == opMemoryFill:
		f.byte("memory index")
	case sub <= 17:
		f.refuse(at, "table instruction", "tables do not change at run time")
	default:
		f.fail(at, "instruction", "one of WebAssembly 2.0", fmt.Sprintf("0xFC %d", sub))
	}
	f.marks = append(f.marks, mark{pos: at, kind: markBulk})
}

// unknown refuses an instruction by the name of its kind.
func (f *function) unknown(op byte, at int) {
	switch op {
	case 0xFD:
		f.refuse(at, "vector instruction", "build without SIMD")
	case 0xFE:
		f.refuse(at, "atomic instruction", "build without threads")
	case 0x12, 0x13:
		f.refuse(at, "tail call", "build without tail calls")
	case 0x06, 0x07, 0x08, 0x09, 0x0A, 0x18, 0x19, 0x1F:
		f.refuse(at, "exception instruction", "nothing may catch a power cut: build without exceptions")
	default:
		f.fail(at, "instruction", "one of WebAssembly 2.0", fmt.Sprintf("0x%02X", op))
	}
}
