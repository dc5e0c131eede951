package lua53

// Requires lists the modules that the chunk asks for by a literal name, each
// once, in the order of the code: require "name", require("name") and
// pcall(require, "name"), with require itself or a local variable that holds
// it. It works on bytecode, stripped or not, and rather lists a name too many:
// which branch a program takes is not looked at.
func (p *Proto) Requires() []string {
	s := requireScan{seen: map[string]bool{}}
	s.function(p)
	return s.names
}

type requireScan struct {
	names []string
	seen  map[string]bool
}

// callee is what a register is known to hold: a string constant, require, or
// a function that calls its first argument.
type callee struct {
	kind calleeKind
	text string
}

type calleeKind uint8

const (
	calleeOther calleeKind = iota
	calleeText
	calleeRequire
	calleeCaller
)

func (s *requireScan) function(p *Proto) {
	var regs [maxRegs + 1]callee
	for pc, i := range p.Code {
		a := argA(i)
		switch opOf(i) {
		case opMove:
			regs[a] = regs[argB(i)&maxRegs]
		case opLoadK:
			regs[a] = p.textConstant(argBx(i))
		case opLoadKX:
			regs[a] = callee{}
			if pc+1 < len(p.Code) {
				regs[a] = p.textConstant(argAx(p.Code[pc+1]))
			}
		case opGetTabUp, opGetTable:
			regs[a] = p.field(argC(i))
		case opCall, opTailCall:
			s.call(regs[a:], argB(i)-1)
			regs[a] = callee{}
		case opSetTabUp, opSetUpval, opSetTable, opJmp, opEq, opLt, opLe, opTest, opReturn, opSetList, opExtraArg:
			// These change no register.
		default:
			regs[a] = callee{}
		}
	}
	for _, q := range p.Protos {
		s.function(q)
	}
}

func (p *Proto) textConstant(n int) callee {
	if n < len(p.K) && p.K[n].isString() {
		return callee{calleeText, p.K[n].str()}
	}
	return callee{}
}

// field is what a global or field of the name in constant rk is taken for.
func (p *Proto) field(rk int) callee {
	if rk&bitRK == 0 {
		return callee{}
	}
	switch p.textConstant(rk &^ bitRK).text {
	case "require":
		return callee{kind: calleeRequire}
	case "pcall", "xpcall":
		return callee{kind: calleeCaller}
	}
	return callee{}
}

// call looks at a call of regs[0] with n arguments.
func (s *requireScan) call(regs []callee, n int) {
	if regs[0].kind == calleeCaller && n > 1 && len(regs) > 2 && regs[1].kind == calleeRequire {
		for _, r := range regs[2:min(n+1, len(regs))] {
			s.add(r)
		}
	}
	if regs[0].kind == calleeRequire && n > 0 && len(regs) > 1 {
		s.add(regs[1])
	}
}

func (s *requireScan) add(r callee) {
	if r.kind == calleeText && !s.seen[r.text] {
		s.seen[r.text] = true
		s.names = append(s.names, r.text)
	}
}
