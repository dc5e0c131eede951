package lua53

// The syntax tree. Lines are those that luac would give the instruction that
// the node becomes.

type expr interface{}

type (
	eNil    struct{ line int }
	eTrue   struct{ line int }
	eFalse  struct{ line int }
	eVararg struct{ line int }
	eNum    struct {
		v    Value
		line int
	}
	eStr struct {
		s    string
		line int
	}
	eFunc struct{ body *funcBody }
	eName struct {
		name string
		line int
	}
	eIndex struct {
		obj, key expr
		line     int
	}
	eCall struct {
		fn   expr
		args []expr
		line int
	}
	eMethod struct {
		obj      expr
		name     string
		args     []expr
		line     int
		selfLine int
	}
	eBin struct { // arithmetic, bitwise, concatenation
		op   int
		l, r expr
		line int
	}
	eCmp struct {
		op   token
		l, r expr
		line int
	}
	eLogic struct {
		and  bool
		l, r expr
		line int // of the operator
	}
	eUn struct {
		op   int
		e    expr
		line int
	}
	eTable struct {
		items   []tableItem
		line    int
		endLine int
	}
	eParen struct{ e expr }
)

// Operators of eBin and eUn that are not in the arithmetic list.
const (
	opcConcat = 100 + iota
	opcNot
	opcLen
)

type tableItem struct {
	key, val expr // key is nil for list items
	line     int
}

type funcBody struct {
	params   []string
	vararg   bool
	block    []stmt
	line     int
	lastLine int
}

type stmt interface{}

type (
	sLocal struct {
		names []string
		exprs []expr
		line  int
	}
	sAssign struct {
		targets []expr
		exprs   []expr
		line    int
	}
	sCall struct {
		call expr
		line int
	}
	sDo struct {
		block []stmt
		line  int
	}
	sWhile struct {
		cond     expr
		block    []stmt
		line     int // of its end
		condLine int // last line of the condition
	}
	sRepeat struct {
		block []stmt
		cond  expr
		line  int // last line of the condition
	}
	sIf struct {
		conds  []expr
		blocks [][]stmt
		orelse []stmt
		then   []int // lines of the words then
		lines  []int // last lines of the blocks
	}
	sFor struct {
		name               string
		start, limit, step expr
		block              []stmt
		line, bodyLine     int
	}
	sForIn struct {
		names    []string
		exprs    []expr
		block    []stmt
		line     int
		bodyLine int
	}
	sFunction struct {
		target expr
		body   *funcBody
		line   int
	}
	sLocalFunc struct {
		name string
		body *funcBody
		line int
	}
	sReturn struct {
		exprs []expr
		line  int
	}
	sBreak struct{ line int }
	sGoto  struct {
		name string
		line int
	}
	sLabel struct {
		name string
		line int
		last bool // nothing but void statements follow in the block
	}
)
