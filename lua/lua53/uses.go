package lua53

// Use is a place where a chunk reads a global, or a field of one.
type Use struct {
	Global string
	Field  string // empty where the global itself is read: if wlan then
	Line   int    // 0 in a stripped chunk
}

// Uses lists the globals that the chunk reads and their fields, function by
// function in the order of the code: {"http", "request"} where the source says
// http.request, also through a local variable of the same function. It works
// on bytecode, stripped or not. What is reached by computed names is not seen.
func (p *Proto) Uses() []Use {
	s := useScan{}
	s.function(p, 0)
	return s.uses
}

type useScan struct{ uses []Use }

// function looks at p, whose upvalue number env is the table of globals; -1
// says that it has none.
func (s *useScan) function(p *Proto, env int) {
	var holds [maxRegs + 1]string // the global that a register holds
	for pc, i := range p.Code {
		a := argA(i)
		switch opOf(i) {
		case opMove:
			holds[a] = holds[argB(i)&maxRegs]
		case opGetTabUp:
			holds[a] = ""
			if name := p.fieldName(argC(i)); name != "" && argB(i) == env {
				holds[a] = name
				s.add(p, pc, name, "")
			}
		case opGetTable, opSelf:
			from := holds[argB(i)&maxRegs]
			holds[a] = ""
			if name := p.fieldName(argC(i)); name != "" && from != "" {
				s.add(p, pc, from, name)
			}
		case opSetTabUp, opSetUpval, opSetTable, opJmp, opEq, opLt, opLe, opTest, opReturn, opSetList, opExtraArg:
			// These change no register.
		default:
			holds[a] = ""
		}
	}
	for _, q := range p.Protos {
		inner := -1
		for n, u := range q.Upvals {
			if !u.InStack && u.Index == env {
				inner = n
			}
		}
		s.function(q, inner)
	}
}

func (p *Proto) fieldName(rk int) string {
	if rk&bitRK == 0 {
		return ""
	}
	return p.textConstant(rk &^ bitRK).text
}

func (s *useScan) add(p *Proto, pc int, global, field string) {
	u := Use{Global: global, Field: field}
	if pc < len(p.LineInfo) {
		u.Line = int(p.LineInfo[pc])
	}
	s.uses = append(s.uses, u)
}
