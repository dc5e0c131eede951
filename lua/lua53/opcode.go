package lua53

// Opcodes of Lua 5.3, in the order of the bytecode format.
const (
	opMove uint32 = iota
	opLoadK
	opLoadKX
	opLoadBool
	opLoadNil
	opGetUpval
	opGetTabUp
	opGetTable
	opSetTabUp
	opSetUpval
	opSetTable
	opNewTable
	opSelf
	opAdd
	opSub
	opMul
	opMod
	opPow
	opDiv
	opIDiv
	opBand
	opBor
	opBxor
	opShl
	opShr
	opUnm
	opBnot
	opNot
	opLen
	opConcat
	opJmp
	opEq
	opLt
	opLe
	opTest
	opTestSet
	opCall
	opTailCall
	opReturn
	opForLoop
	opForPrep
	opTForCall
	opTForLoop
	opSetList
	opClosure
	opVararg
	opExtraArg
	numOps
)

// opHook takes the place of an instruction that hooks want to see.
const opHook = 63

var opNames = [...]string{
	"MOVE", "LOADK", "LOADKX", "LOADBOOL", "LOADNIL", "GETUPVAL", "GETTABUP", "GETTABLE", "SETTABUP", "SETUPVAL",
	"SETTABLE", "NEWTABLE", "SELF", "ADD", "SUB", "MUL", "MOD", "POW", "DIV", "IDIV", "BAND", "BOR", "BXOR", "SHL",
	"SHR", "UNM", "BNOT", "NOT", "LEN", "CONCAT", "JMP", "EQ", "LT", "LE", "TEST", "TESTSET", "CALL", "TAILCALL",
	"RETURN", "FORLOOP", "FORPREP", "TFORCALL", "TFORLOOP", "SETLIST", "CLOSURE", "VARARG", "EXTRAARG",
}

// An instruction is opcode:6, A:8, C:9, B:9 from the low bit up, or opcode, A
// and an 18 bit Bx, or opcode and a 26 bit Ax.
const (
	maxBx      = 1<<18 - 1
	biasSBx    = maxBx >> 1
	maxAx      = 1<<26 - 1
	bitRK      = 1 << 8
	maxIndexRK = bitRK - 1
	maxRegs    = 255
	maskA      = 0xff << 6
)

func opOf(i uint32) uint32 { return i & 0x3f }
func argA(i uint32) int    { return int(i >> 6 & 0xff) }
func argB(i uint32) int    { return int(i >> 23) }
func argC(i uint32) int    { return int(i >> 14 & 0x1ff) }
func argBx(i uint32) int   { return int(i >> 14) }
func argSBx(i uint32) int  { return int(i>>14) - biasSBx }
func argAx(i uint32) int   { return int(i >> 6) }

func mkABC(op uint32, a, b, c int) uint32 {
	return op | uint32(a)<<6 | uint32(c)<<14 | uint32(b)<<23
}
func mkABx(op uint32, a, bx int) uint32   { return op | uint32(a)<<6 | uint32(bx)<<14 }
func mkAsBx(op uint32, a, sbx int) uint32 { return mkABx(op, a, sbx+biasSBx) }

// fbToInt decodes the size hint of NEWTABLE: eeeeexxx is (1xxx)*2^(eeeee-1).
func fbToInt(x int) int {
	if x < 8 {
		return x
	}
	if x > 20<<3 {
		return maxSizeHint
	}
	return (x&7 + 8) << (uint(x>>3) - 1)
}

// maxSizeHint is what larger hints count as.
const maxSizeHint = 1 << 20

// intToFB encodes a size hint, rounding up.
func intToFB(x int) int {
	if x < 8 {
		return x
	}
	e := 0
	for x >= 16 {
		x = (x + 1) >> 1
		e++
	}
	return (e+1)<<3 | (x - 8)
}

// Proto is a compiled function.
type Proto struct {
	Source      string // chunk name with its '@' or '='
	LineDefined int
	LastLine    int
	NumParams   int
	IsVararg    bool
	MaxStack    int
	Code        []uint32
	plain       []uint32 // Code without the marks of hooks, nil if there are none
	K           []Value
	Upvals      []UpvalDesc
	Protos      []*Proto
	LineInfo    []int32
	LocVars     []LocVar
	verified    bool
	cache       *Closure // last closure made, reused if it would be the same
}

// UpvalDesc says where a closure finds an upvalue when it is made.
type UpvalDesc struct {
	Name    string
	InStack bool // in a register of the enclosing function, or in its upvalues
	Index   int
}

// LocVar is a local variable's name and the instructions where it lives.
type LocVar struct {
	Name           string
	StartPC, EndPC int
}
