package lua53

import "strings"

// An Outline is what can be told of a source without running it: which globals
// it reads, calls and sets, where, and under which conditions. Names are paths,
// "http.request"; a local variable that holds a global, a field of one or a
// module stands for it. What is reached by computed names is not seen.
type Outline struct {
	Refs []Ref // reads and calls, about in the order of the source
	Sets []Set
}

// Ref is a place where a global, or a field of one, is read or called.
type Ref struct {
	Name string
	Line int
	Call bool
	Args []Arg // of a call
	// Module says that Name begins with the name of a required module.
	Module bool
	// Guarded says that a condition around the place, or one that left the
	// block before, is about the same global or about which module this is; or
	// that an error here is caught.
	Guarded bool
	// Under are the globals and local variables that those conditions are about,
	// without their fields; "*" stands for which module this is.
	Under []string
	// Within are the functions, branches and loops around the place, the
	// outermost first.
	Within []*Frame
}

// Set is an assignment to a global or to a field of one.
type Set struct {
	Name   string
	Line   int
	Value  Arg
	Within []*Frame
}

// FrameKind says what a Frame is.
type FrameKind uint8

const (
	FrameFunction FrameKind = iota
	FrameBranch             // of an if statement
	FrameLoop
)

// Frame is a part of a source with a beginning and an end.
type Frame struct {
	Kind FrameKind
	Line int
	// Name of a function, "" for one without.
	Name string
	// Params of a function; the names that the condition of a branch or loop is
	// about, locals among them.
	Names []string
	// ArgOf is the function whose argument number Arg, from 0, this function is
	// written in; "" if it stands elsewhere.
	ArgOf string
	Arg   int
	// Endless says that a loop's condition is the constant true.
	Endless bool
}

// ArgKind says what is known of a value.
type ArgKind uint8

const (
	ArgOther ArgKind = iota
	ArgString
	ArgNumber
	ArgName // a variable: Text is its name or path
	ArgFunction
	ArgTable
	ArgNil
	ArgFalse
	ArgTrue
)

// Arg is a value as far as the source shows it.
type Arg struct {
	Kind   ArgKind
	Text   string
	Number float64
	Fields map[string]Arg // of a table, those with literal names
	Frame  *Frame         // of a function
}

// ReadOutline parses a source. The error is a *SyntaxError.
func ReadOutline(src, name string, bits int) (o *Outline, err error) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(*SyntaxError)
			if !ok {
				panic(r)
			}
			o, err = nil, e
		}
	}()
	ps := &parser{lexer: lexer{src: src, chunk: ChunkID(name), narrow: bits == 32, scanLine: 1}}
	body := ps.mainBody()
	w := &outliner{out: &Outline{}}
	w.push()
	w.block(body.block)
	return w.out, nil
}

// Root is the first part of a path.
func Root(path string) string {
	root, _, _ := strings.Cut(path, ".")
	return root
}

// identity are the functions that tell which module a script runs on: what
// stands under a condition on them is meant for some modules only.
var identity = map[string]bool{
	"rtos.bsp": true, "rtos.firmware": true, "rtos.version": true, "hmeta.model": true, "hmeta.chip": true, "hmeta.hwver": true,
}

// Function returns the innermost function around a place, nil in the file's
// own code.
func Function(within []*Frame) *Frame {
	for i := len(within) - 1; i >= 0; i-- {
		if within[i].Kind == FrameFunction {
			return within[i]
		}
	}
	return nil
}
