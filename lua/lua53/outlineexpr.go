package lua53

import (
	"slices"
)

// cond walks a condition and returns the names that it is about.
func (w *outliner) cond(e expr) []string {
	w.tested(e)
	return w.mentions(e, nil)
}

// tested walks an expression whose truth is asked for: to read what may not be
// there is the point of it.
func (w *outliner) tested(e expr) {
	from := len(w.out.Refs)
	w.expr(e)
	for i := from; i < len(w.out.Refs); i++ {
		if !w.out.Refs[i].Call {
			w.out.Refs[i].Guarded = true
		}
	}
}

// mentions adds the names that an expression reads to names: paths of globals,
// local variables, and what those were made of.
func (w *outliner) mentions(e expr, names []string) []string {
	switch e := unparen(e).(type) {
	case *eName:
		v := w.lookup(e.name)
		if v == nil {
			return append(names, e.name)
		}
		names = append(names, e.name)
		names = append(names, v.mentions...)
		if v.path != "" {
			names = append(names, v.path)
		}
		return names
	case *eIndex:
		if p, _, _ := w.resolve(e); p != "" {
			return append(names, p)
		}
		return w.mentions(e.key, w.mentions(e.obj, names))
	case *eCall:
		names = w.mentions(e.fn, names)
		for _, a := range e.args {
			names = w.mentions(a, names)
		}
	case *eMethod:
		names = w.mentions(e.obj, names)
		for _, a := range e.args {
			names = w.mentions(a, names)
		}
	case *eBin:
		return w.mentions(e.r, w.mentions(e.l, names))
	case *eCmp:
		return w.mentions(e.r, w.mentions(e.l, names))
	case *eLogic:
		return w.mentions(e.r, w.mentions(e.l, names))
	case *eUn:
		return w.mentions(e.e, names)
	}
	return names
}

func (w *outliner) exprs(list ...expr) {
	for _, e := range list {
		if e != nil {
			w.expr(e)
		}
	}
}

func (w *outliner) expr(e expr) {
	switch e := unparen(e).(type) {
	case *eName, *eIndex:
		w.read(e)
	case *eCall:
		w.call(e)
	case *eMethod:
		w.expr(e.obj)
		w.exprs(e.args...)
	case *eFunc:
		w.function(e.body, &Frame{})
	case *eBin:
		w.exprs(e.l, e.r)
	case *eCmp:
		w.exprs(e.l, e.r)
	case *eLogic:
		w.push()
		for _, o := range operands(e) {
			w.tested(o)
			w.guard(w.mentions(o, nil))
		}
		w.pop()
	case *eUn:
		w.expr(e.e)
	case *eTable:
		for _, it := range e.items {
			w.exprs(it.key, it.val)
		}
	}
}

// operands are those of a chain of and, or: it nests to the left, deeply.
func operands(e *eLogic) []expr {
	list := []expr{e.r}
	for {
		l, ok := e.l.(*eLogic)
		if !ok {
			list = append(list, e.l)
			slices.Reverse(list)
			return list
		}
		list = append(list, l.r)
		e = l
	}
}

// read notes the path of e, or looks into it if it has none.
func (w *outliner) read(e expr) {
	if path, module, _ := w.resolve(e); path != "" {
		w.ref(path, module, lineOf(e), false, nil)
		return
	}
	if x, ok := e.(*eIndex); ok {
		w.exprs(x.obj, x.key)
	}
}

func (w *outliner) call(e *eCall) {
	path, module, _ := w.resolve(e.fn)
	if path == "" {
		w.expr(e.fn)
	}
	catches := path == "pcall" || path == "xpcall"
	if catches {
		w.caught++
	}
	args := make([]Arg, len(e.args))
	for i, a := range e.args {
		if f, ok := a.(*eFunc); ok {
			args[i] = Arg{Kind: ArgFunction, Frame: w.function(f.body, &Frame{ArgOf: path, Arg: i})}
			continue
		}
		w.expr(a)
		args[i] = w.arg(a)
	}
	if catches {
		w.caught--
	}
	if path != "" {
		w.ref(path, module, e.line, true, args)
	}
}

// arg is what can be told of a value.
func (w *outliner) arg(e expr) Arg {
	switch e := unparen(e).(type) {
	case *eNil:
		return Arg{Kind: ArgNil}
	case *eTrue:
		return Arg{Kind: ArgTrue}
	case *eFalse:
		return Arg{Kind: ArgFalse}
	case *eStr:
		return Arg{Kind: ArgString, Text: e.s}
	case *eNum:
		if e.v.isInt() {
			return Arg{Kind: ArgNumber, Number: float64(e.v.i())}
		}
		return Arg{Kind: ArgNumber, Number: e.v.f()}
	case *eName:
		if v := w.lookup(e.name); v != nil && v.table != nil {
			return *v.table
		}
		if path, _, _ := w.resolve(e); path != "" {
			return Arg{Kind: ArgName, Text: path}
		}
		return Arg{Kind: ArgName, Text: e.name}
	case *eIndex:
		if path, _, _ := w.resolve(e); path != "" {
			return Arg{Kind: ArgName, Text: path}
		}
	case *eTable:
		t := Arg{Kind: ArgTable, Fields: map[string]Arg{}}
		for _, it := range e.items {
			if k, ok := it.key.(*eStr); ok {
				t.Fields[k.s] = w.arg(it.val)
			}
		}
		return t
	}
	return Arg{}
}
