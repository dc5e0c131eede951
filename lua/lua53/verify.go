package lua53

import (
	"errors"
	"fmt"
)

// Verify checks what the loop relies on: that every register, constant,
// upvalue, function and jump exists, that instructions which come in pairs do,
// and that open results are used where they are made. Code that passes can compute
// nonsense, but never leaves its own memory.
func (p *Proto) Verify() error {
	if len(p.Upvals) > maxUpvals {
		return fmt.Errorf("too many upvalues in main function")
	}
	return p.verify(nil)
}

func (p *Proto) verify(parent *Proto) error {
	v := &verifier{p: p}
	if err := v.shape(parent); err != nil {
		return err
	}
	for pc := range p.Code {
		if v.skip[pc] {
			continue
		}
		if err := v.instruction(pc); err != nil {
			return fmt.Errorf("%w at instruction %d (%s) of the function at line %d", err, pc, opName(p.Code[pc]), p.LineDefined)
		}
	}
	if err := v.jumps(); err != nil {
		return err
	}
	for _, q := range p.Protos {
		if err := q.verify(p); err != nil {
			return err
		}
	}
	p.verified = true
	return nil
}

func opName(i uint32) string {
	if op := opOf(i); op < numOps {
		return opNames[op]
	}
	return fmt.Sprintf("opcode %d", opOf(i))
}

type verifier struct {
	p    *Proto
	skip []bool // EXTRAARG words, which nothing may jump to
}

var (
	errRegister = errors.New("register out of range")
	errConstant = errors.New("constant out of range")
	errUpvalue  = errors.New("upvalue out of range")
	errJump     = errors.New("jump out of range")
	errPair     = errors.New("incomplete instruction pair")
	errOpen     = errors.New("open results are not used")
	errOpcode   = errors.New("unknown opcode")
)

// shape checks the function's header.
func (v *verifier) shape(parent *Proto) error {
	p := v.p
	fail := func(what string) error {
		return fmt.Errorf("%s in the function at line %d", what, p.LineDefined)
	}
	switch {
	case len(p.Code) == 0:
		return fail("no code")
	case p.MaxStack < 2 || p.MaxStack > maxRegs:
		return fail("bad stack size")
	case p.NumParams > p.MaxStack:
		return fail("more parameters than registers")
	case len(p.LineInfo) != 0 && len(p.LineInfo) != len(p.Code):
		return fail("bad line information")
	case len(p.Upvals) > maxUpvals:
		return fail("too many upvalues")
	case opOf(p.Code[len(p.Code)-1]) != opReturn:
		return fail("no return at the end")
	}
	for _, u := range p.Upvals {
		if parent == nil {
			continue
		}
		if u.InStack && u.Index >= parent.MaxStack || !u.InStack && u.Index >= len(parent.Upvals) {
			return fail("bad upvalue")
		}
	}
	for _, l := range p.LocVars {
		if l.StartPC < 0 || l.EndPC < l.StartPC || l.EndPC > len(p.Code) {
			return fail("bad local variable")
		}
	}
	v.skip = make([]bool, len(p.Code)+1)
	for pc := 0; pc < len(p.Code); pc++ {
		i := p.Code[pc]
		if op := opOf(i); op == opLoadKX || op == opSetList && argC(i) == 0 {
			if pc+1 >= len(p.Code) || opOf(p.Code[pc+1]) != opExtraArg {
				return fail("missing extra argument")
			}
			pc++
			v.skip[pc] = true
		}
	}
	return nil
}

func (v *verifier) reg(rs ...int) error {
	for _, r := range rs {
		if r < 0 || r >= v.p.MaxStack {
			return errRegister
		}
	}
	return nil
}

func (v *verifier) rk(xs ...int) error {
	for _, x := range xs {
		if x&bitRK != 0 {
			if x&^bitRK >= len(v.p.K) {
				return errConstant
			}
		} else if x >= v.p.MaxStack {
			return errRegister
		}
	}
	return nil
}

func (v *verifier) upval(i int) error {
	if i >= len(v.p.Upvals) {
		return errUpvalue
	}
	return nil
}

func (v *verifier) target(pc int) error {
	if pc < 0 || pc >= len(v.p.Code) || v.skip[pc] {
		return errJump
	}
	return nil
}

// test checks that a jump follows a condition, and what it skips to.
func (v *verifier) test(pc int) error {
	if pc+1 >= len(v.p.Code) || v.skip[pc+1] || opOf(v.p.Code[pc+1]) != opJmp {
		return errPair
	}
	return v.target(pc + 2)
}

// open checks that the instruction behind one with open results takes them
// from the same register on.
func (v *verifier) open(pc, a int) error {
	if pc+1 >= len(v.p.Code) || v.skip[pc+1] {
		return errOpen
	}
	i := v.p.Code[pc+1]
	switch opOf(i) {
	case opCall, opTailCall, opReturn, opSetList:
		if argB(i) == 0 && argA(i) <= a {
			return nil
		}
	}
	return errOpen
}

// opened checks that open results are there and nothing jumps between.
func (v *verifier) opened(pc int) error {
	if pc == 0 || v.skip[pc-1] {
		return errOpen
	}
	i := v.p.Code[pc-1]
	switch opOf(i) {
	case opCall:
		if argC(i) == 0 {
			return nil
		}
	case opTailCall:
		return nil
	case opVararg:
		if argB(i) == 0 {
			return nil
		}
	}
	return errOpen
}

func firstError(errs ...error) error {
	for _, e := range errs {
		if e != nil {
			return e
		}
	}
	return nil
}

func (v *verifier) instruction(pc int) error {
	i := v.p.Code[pc]
	a, b, c := argA(i), argB(i), argC(i)
	switch op := opOf(i); op {
	case opMove, opUnm, opBnot, opNot, opLen:
		return v.reg(a, b)
	case opLoadK:
		if argBx(i) >= len(v.p.K) {
			return errConstant
		}
		return v.reg(a)
	case opLoadKX:
		if argAx(v.p.Code[pc+1]) >= len(v.p.K) {
			return errConstant
		}
		return v.reg(a)
	case opLoadBool:
		if c != 0 {
			return firstError(v.reg(a), v.target(pc+2))
		}
		return v.reg(a)
	case opLoadNil:
		return v.reg(a, a+b)
	case opGetUpval, opSetUpval:
		return firstError(v.reg(a), v.upval(b))
	case opGetTabUp:
		return firstError(v.reg(a), v.upval(b), v.rk(c))
	case opSetTabUp:
		return firstError(v.upval(a), v.rk(b, c))
	case opGetTable:
		return firstError(v.reg(a, b), v.rk(c))
	case opSetTable:
		return firstError(v.reg(a), v.rk(b, c))
	case opNewTable:
		return v.reg(a)
	case opSelf:
		return firstError(v.reg(a, a+1, b), v.rk(c))
	case opConcat:
		if b >= c {
			return errRegister
		}
		return v.reg(a, b, c)
	case opJmp:
		return v.target(pc + 1 + argSBx(i))
	case opEq, opLt, opLe:
		return firstError(v.rk(b, c), v.test(pc))
	case opTest:
		return firstError(v.reg(a), v.test(pc))
	case opTestSet:
		return firstError(v.reg(a, b), v.test(pc))
	case opCall, opTailCall, opReturn, opVararg, opSetList:
		return v.multi(pc, op, a, b, c)
	case opForLoop, opForPrep:
		return firstError(v.reg(a+3), v.target(pc+1+argSBx(i)))
	case opTForCall:
		if c == 0 || pc+1 >= len(v.p.Code) || v.skip[pc+1] || opOf(v.p.Code[pc+1]) != opTForLoop {
			return errPair
		}
		return v.reg(a+5, a+2+c)
	case opTForLoop:
		return firstError(v.reg(a+1), v.target(pc+1+argSBx(i)))
	case opClosure:
		if argBx(i) >= len(v.p.Protos) {
			return errors.New("function out of range")
		}
		return v.reg(a)
	default:
		if op >= opAdd && op <= opShr {
			return firstError(v.reg(a), v.rk(b, c))
		}
	}
	return errOpcode
}

// multi checks the instructions with a variable number of operands.
func (v *verifier) multi(pc int, op uint32, a, b, c int) error {
	var err error
	switch op {
	case opCall:
		err = v.reg(a)
		if b > 0 {
			err = v.reg(a + b - 1)
		} else {
			err = firstError(err, v.opened(pc))
		}
		if c > 0 {
			return firstError(err, v.reg(a+max(c-2, 0)))
		}
		return firstError(err, v.open(pc, a))
	case opTailCall:
		err = v.reg(a)
		if b > 0 {
			err = v.reg(a + b - 1)
		} else {
			err = firstError(err, v.opened(pc))
		}
		return firstError(err, v.open(pc, a))
	case opReturn:
		switch {
		case b == 0:
			return firstError(v.reg(a), v.opened(pc))
		case b == 1: // nothing is read, and luac names the first free register
			if a > v.p.MaxStack {
				return errRegister
			}
			return nil
		}
		return v.reg(a + b - 2)
	case opVararg:
		if b == 0 {
			return firstError(v.reg(a), v.open(pc, a))
		}
		return v.reg(a + max(b-2, 0))
	case opSetList:
		if b == 0 {
			return firstError(v.reg(a), v.opened(pc))
		}
		return v.reg(a + b)
	}
	return nil
}

// jumps checks that no jump leads to an instruction that takes open results:
// only the one in front of it makes them.
func (v *verifier) jumps() error {
	for pc, i := range v.p.Code {
		if v.skip[pc] {
			continue
		}
		for _, t := range v.targets(pc, i) {
			if t < 0 || t >= len(v.p.Code) || v.skip[t] {
				return errJump
			}
			if v.usesOpen(t) && t != pc+1 {
				return errOpen
			}
		}
	}
	return nil
}

func (v *verifier) usesOpen(pc int) bool {
	i := v.p.Code[pc]
	switch opOf(i) {
	case opCall, opTailCall, opReturn, opSetList:
		return argB(i) == 0
	}
	return false
}

// targets lists where control may go other than to the next instruction.
func (v *verifier) targets(pc int, i uint32) []int {
	switch opOf(i) {
	case opJmp, opForLoop, opForPrep, opTForLoop:
		return []int{pc + 1 + argSBx(i)}
	case opEq, opLt, opLe, opTest, opTestSet:
		return []int{pc + 2}
	case opLoadBool:
		if argC(i) != 0 {
			return []int{pc + 2}
		}
	}
	return nil
}
