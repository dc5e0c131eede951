package lua53

import (
	"slices"
)

// outliner walks the syntax tree.
type outliner struct {
	out    *Outline
	scopes []scope
	within []*Frame
	caught int // around pcall's arguments
}

// scope is a block: its local variables, and what conditions that left the
// block say of globals.
type scope struct {
	vars   map[string]*variable
	guards map[string]bool
	order  []string // of guards, the first underMax
}

// variable is what is known of a local one.
type variable struct {
	path     string // that it stands for
	module   bool
	mentions []string // in what it was set to
	table    *Arg     // a table as it was written; fields are added later
}

func (w *outliner) push() { w.scopes = append(w.scopes, scope{}) }
func (w *outliner) pop()  { w.scopes = w.scopes[:len(w.scopes)-1] }

func (w *outliner) declare(name string, v *variable) {
	s := &w.scopes[len(w.scopes)-1]
	if s.vars == nil {
		s.vars = map[string]*variable{}
	}
	s.vars[name] = v
}

func (w *outliner) lookup(name string) *variable {
	for i := len(w.scopes) - 1; i >= 0; i-- {
		if v := w.scopes[i].vars[name]; v != nil {
			return v
		}
	}
	return nil
}

// guard adds names that the rest of the block may rely on.
func (w *outliner) guard(names []string) {
	s := &w.scopes[len(w.scopes)-1]
	if s.guards == nil {
		s.guards = map[string]bool{}
	}
	for _, n := range names {
		if identity[n] {
			n = "*"
		}
		n = Root(n)
		if !s.guards[n] && len(s.order) < underMax {
			s.order = append(s.order, n)
		}
		s.guards[n] = true
	}
}

func (w *outliner) guarded(path string) bool {
	if w.caught > 0 {
		return true
	}
	for i := range w.scopes {
		if w.scopes[i].guards["*"] || w.scopes[i].guards[Root(path)] {
			return true
		}
	}
	return false
}

// pathMax is how many parts a path may have.
const pathMax = 8

// resolve returns the path that an expression stands for. Local says that it
// is a local variable of unknown contents.
func (w *outliner) resolve(e expr) (path string, module, local bool) { return w.resolveIn(e, pathMax) }

func (w *outliner) resolveIn(e expr, parts int) (path string, module, local bool) {
	if parts == 0 {
		return "", false, false
	}
	switch e := unparen(e).(type) {
	case *eName:
		if v := w.lookup(e.name); v != nil {
			return v.path, v.module, v.path == ""
		}
		return e.name, false, false
	case *eIndex:
		key, ok := e.key.(*eStr)
		path, module, local = w.resolveIn(e.obj, parts-1)
		switch {
		case !ok || path == "":
			return "", false, local
		case (path == "_G" || path == "_ENV") && !module:
			return key.s, false, false
		}
		return path + "." + key.s, module, false
	case *eCall:
		fn, ok := e.fn.(*eName)
		if ok && fn.name == "require" && w.lookup(fn.name) == nil && len(e.args) > 0 {
			if s, ok := e.args[0].(*eStr); ok {
				return s.s, true, false
			}
		}
	}
	return "", false, false
}

func lineOf(e expr) int {
	switch e := unparen(e).(type) {
	case *eName:
		return e.line
	case *eIndex:
		return e.line
	case *eCall:
		return e.line
	case *eMethod:
		return e.line
	}
	return 0
}

func (w *outliner) ref(path string, module bool, line int, call bool, args []Arg) {
	w.out.Refs = append(w.out.Refs, Ref{
		Name: path, Module: module, Line: line, Call: call, Args: args,
		Guarded: w.guarded(path), Under: w.under(), Within: w.around(),
	})
}

// underMax bounds the names of Ref.Under.
const underMax = 32

// under lists what the conditions that hold here are about, the nearest first.
func (w *outliner) under() (names []string) {
	for i := len(w.scopes) - 1; i >= 0; i-- {
		for _, n := range w.scopes[i].order {
			if len(names) == underMax {
				return names
			}
			if !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	return names
}

func (w *outliner) around() []*Frame { return append([]*Frame(nil), w.within...) }

// in walks with a frame around.
func (w *outliner) in(f *Frame, walk func()) {
	w.within = append(w.within, f)
	w.push()
	walk()
	w.pop()
	w.within = w.within[:len(w.within)-1]
}

func (w *outliner) block(b []stmt) {
	for _, s := range b {
		w.stmt(s)
	}
}

func (w *outliner) nested(b []stmt) {
	w.push()
	w.block(b)
	w.pop()
}

func (w *outliner) stmt(s stmt) {
	switch s := s.(type) {
	case *sLocal:
		w.local(s)
	case *sAssign:
		w.assign(s)
	case *sCall:
		w.expr(s.call)
		w.assertion(s.call)
	case *sDo:
		w.nested(s.block)
	case *sWhile:
		_, endless := s.cond.(*eTrue)
		names := w.cond(s.cond)
		w.in(&Frame{Kind: FrameLoop, Line: s.line, Names: names, Endless: endless}, func() {
			w.guard(names)
			w.block(s.block)
		})
	case *sRepeat:
		f := &Frame{Kind: FrameLoop, Line: s.line}
		_, f.Endless = s.cond.(*eFalse)
		w.in(f, func() {
			w.block(s.block)
			f.Names = w.cond(s.cond)
		})
	case *sIf:
		w.branches(s)
	case *sFor:
		w.exprs(s.start, s.limit, s.step)
		w.in(&Frame{Kind: FrameLoop, Line: s.line}, func() {
			w.declare(s.name, &variable{})
			w.block(s.block)
		})
	case *sForIn:
		w.exprs(s.exprs...)
		w.in(&Frame{Kind: FrameLoop, Line: s.line}, func() {
			for _, n := range s.names {
				w.declare(n, &variable{})
			}
			w.block(s.block)
		})
	case *sFunction:
		w.functionStmt(s)
	case *sLocalFunc:
		w.declare(s.name, &variable{})
		w.function(s.body, &Frame{Name: s.name})
	case *sReturn:
		w.exprs(s.exprs...)
	}
}

// branches walks an if statement. What a condition is about holds in all of
// its branches, and behind the statement if a branch leaves the block.
func (w *outliner) branches(s *sIf) {
	var names []string
	leaves := false
	branch := func(line int, b []stmt) {
		w.in(&Frame{Kind: FrameBranch, Line: line, Names: names}, func() {
			w.guard(names)
			w.block(b)
		})
		leaves = leaves || w.leaves(b)
	}
	for i, c := range s.conds {
		names = append(names[:len(names):len(names)], w.cond(c)...)
		line := 0
		if i < len(s.lines) {
			line = s.lines[i]
		}
		branch(line, s.blocks[i])
	}
	if s.orelse != nil {
		branch(0, s.orelse)
	}
	if leaves {
		w.guard(names)
	}
}

// leaves reports whether a block does not go on behind its end.
func (w *outliner) leaves(b []stmt) bool {
	if len(b) == 0 {
		return false
	}
	switch s := b[len(b)-1].(type) {
	case *sReturn, *sBreak, *sGoto:
		return true
	case *sCall:
		if c, ok := s.call.(*eCall); ok {
			p, _, _ := w.resolve(c.fn)
			return p == "error" || p == "rtos.reboot" || p == "pm.reboot"
		}
	case *sWhile:
		_, endless := s.cond.(*eTrue)
		return endless
	}
	return false
}

// assertion takes what assert is called with for granted behind it.
func (w *outliner) assertion(e expr) {
	c, ok := e.(*eCall)
	if !ok || len(c.args) == 0 {
		return
	}
	if p, _, _ := w.resolve(c.fn); p == "assert" {
		w.guard(w.mentions(c.args[0], nil))
	}
}

func (w *outliner) local(s *sLocal) {
	vars := make([]*variable, len(s.names))
	for i := range s.names {
		vars[i] = &variable{}
		if i >= len(s.exprs) {
			continue
		}
		e := s.exprs[i]
		if f, ok := e.(*eFunc); ok {
			w.function(f.body, &Frame{Name: s.names[i]})
			continue
		}
		w.expr(e)
		vars[i].path, vars[i].module, _ = w.resolve(e)
		vars[i].mentions = w.mentions(e, nil)
		if a := w.arg(e); a.Kind == ArgTable {
			vars[i].table = &a
		}
	}
	w.exprs(s.exprs[min(len(s.names), len(s.exprs)):]...)
	for i, n := range s.names {
		w.declare(n, vars[i])
	}
}

func (w *outliner) assign(s *sAssign) {
	for i, t := range s.targets {
		path, _, local := w.resolve(t)
		var value Arg
		if i < len(s.exprs) {
			if f, ok := s.exprs[i].(*eFunc); ok {
				value = Arg{Kind: ArgFunction, Frame: w.function(f.body, &Frame{Name: path})}
			} else {
				w.expr(s.exprs[i])
				value = w.arg(s.exprs[i])
			}
		}
		if n, ok := t.(*eName); ok && w.lookup(n.name) != nil {
			*w.lookup(n.name) = variable{} // it stands for something else now
			continue
		}
		w.field(t, value)
		if x, ok := t.(*eIndex); ok && (path == "" || Root(path) != path) {
			w.exprs(x.obj, x.key)
		}
		if path != "" && !local {
			w.out.Sets = append(w.out.Sets, Set{Name: path, Line: lineOf(t), Value: value, Within: w.around()})
		}
	}
	w.exprs(s.exprs[min(len(s.targets), len(s.exprs)):]...)
}

// field notes what a field of a local table is set to.
func (w *outliner) field(target expr, value Arg) {
	x, ok := target.(*eIndex)
	if !ok {
		return
	}
	n, isName := x.obj.(*eName)
	key, isText := x.key.(*eStr)
	if !isName || !isText {
		return
	}
	if v := w.lookup(n.name); v != nil && v.table != nil {
		v.table.Fields[key.s] = value
	}
}

func (w *outliner) functionStmt(s *sFunction) {
	path, _, local := w.resolve(s.target)
	if x, ok := s.target.(*eIndex); ok {
		w.expr(x.obj)
	}
	f := w.function(s.body, &Frame{Name: path})
	if path != "" && !local {
		w.out.Sets = append(w.out.Sets, Set{Name: path, Line: s.line, Value: Arg{Kind: ArgFunction, Frame: f}, Within: w.around()})
	}
}

func (w *outliner) function(b *funcBody, f *Frame) *Frame {
	f.Kind, f.Line, f.Names = FrameFunction, b.line, b.params
	caught := w.caught
	w.in(f, func() {
		for _, p := range b.params {
			w.declare(p, &variable{})
		}
		w.block(b.block)
	})
	w.caught = caught
	return f
}
