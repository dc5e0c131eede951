package lua

import (
	"sort"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// openTable installs table.*.
func (m *Machine) openTable() {
	m.lib("table",
		fn("concat", m.tableConcat),
		fn("insert", m.tableInsert),
		fn("remove", m.tableRemove),
		fn("sort", m.tableSort),
		fn("unpack", m.unpack),
		fn("pack", func(l *glua.LState) int {
			n := l.GetTop()
			t := l.CreateTable(n, 1)
			for i := 1; i <= n; i++ {
				t.RawSetInt(i, l.Get(i))
			}
			t.RawSetString("n", glua.LNumber(n))
			l.Push(t)
			return 1
		}),
		fn("move", m.tableMove),
		fn("maxn", func(l *glua.LState) int {
			most := glua.LNumber(0)
			m.eachPair(l.CheckTable(1), func(k, _ glua.LValue) {
				if n, ok := k.(glua.LNumber); ok && n > most {
					most = n
				}
			})
			l.Push(most)
			return 1
		}),
	)
}

func (m *Machine) tableConcat(l *glua.LState) int {
	t := l.CheckTable(1)
	sep := m.optStr(l, 2, "")
	first := m.optInt(l, 3, 1)
	last := m.optInt(l, 4, int64(t.Len()))
	var b strings.Builder
	for i := first; i <= last; i++ {
		v := t.RawGet(glua.LNumber(i))
		s, ok := m.text(v)
		if !ok {
			m.raise(l, "invalid value (at index %d) in table for 'concat'", i)
		}
		if i > first {
			b.WriteString(sep)
		}
		b.WriteString(s)
		m.allocate(l, int64(b.Len()))
		m.allocated -= int64(b.Len() - len(s))
	}
	return pushStr(l, b.String())
}

func (m *Machine) tableInsert(l *glua.LState) int {
	t := l.CheckTable(1)
	n := t.Len()
	switch l.GetTop() {
	case 2:
		t.RawSet(glua.LNumber(n+1), l.Get(2))
	case 3:
		pos := m.integer(l, 2)
		if pos < 1 || pos > int64(n)+1 {
			l.ArgError(2, "position out of bounds")
		}
		m.charge(n - int(pos) + 1)
		for i := n; i >= int(pos); i-- {
			t.RawSetInt(i+1, t.RawGet(glua.LNumber(i)))
		}
		t.RawSetInt(int(pos), l.Get(3))
	default:
		m.raise(l, "wrong number of arguments to 'insert'")
	}
	return 0
}

func (m *Machine) tableRemove(l *glua.LState) int {
	t := l.CheckTable(1)
	n := int64(t.Len())
	pos := m.optInt(l, 2, n)
	if l.GetTop() > 1 && (n+1 != pos) && (pos < 1 || pos > n+1) && !(n == 0 && pos == 0) {
		l.ArgError(2, "position out of bounds")
	}
	v := t.RawGet(glua.LNumber(pos))
	m.charge(int(max(0, n-pos)))
	for i := pos; i < n; i++ {
		t.RawSet(glua.LNumber(i), t.RawGet(glua.LNumber(i+1)))
	}
	if pos >= 1 && pos <= n {
		m.chop(t, n)
	}
	l.Push(v)
	return 1
}

// chop takes the last element, number n, off.
func (m *Machine) chop(t *glua.LTable, n int64) {
	if int(n) == t.MaxN() {
		t.Remove(int(n))
		return
	}
	t.RawSet(glua.LNumber(n), glua.LNil)
}

// unpack is table.unpack and the global of 5.1.
func (m *Machine) unpack(l *glua.LState) int {
	t := l.Get(1)
	first := m.optInt(l, 2, 1)
	last := int64(0)
	if l.GetTop() >= 3 && l.Get(3) != glua.LNil {
		last = m.integer(l, 3)
	} else {
		last = int64(l.ObjLen(l.CheckTable(1)))
	}
	if last < first {
		return 0
	}
	if last-first >= 10000 || last-first < 0 {
		m.raise(l, "too many results to unpack")
	}
	for i := first; i <= last; i++ {
		l.Push(l.GetTable(t, glua.LNumber(i)))
	}
	return int(last - first + 1)
}

func (m *Machine) tableMove(l *glua.LState) int {
	from := l.CheckTable(1)
	f, e, t := m.integer(l, 2), m.integer(l, 3), m.integer(l, 4)
	to := from
	if l.GetTop() > 4 {
		to = l.CheckTable(5)
	}
	if e >= f {
		if f <= 0 && e >= f+(1<<31) {
			l.ArgError(3, "too many elements to move")
		}
		if t > e || t <= f || to != from {
			for i := int64(0); i <= e-f; i++ {
				m.charge(1)
				to.RawSet(glua.LNumber(t+i), from.RawGet(glua.LNumber(f+i)))
			}
		} else {
			for i := e - f; i >= 0; i-- {
				m.charge(1)
				to.RawSet(glua.LNumber(t+i), from.RawGet(glua.LNumber(f+i)))
			}
		}
	}
	l.Push(to)
	return 1
}

func (m *Machine) tableSort(l *glua.LState) int {
	t := l.CheckTable(1)
	n := t.Len()
	list := make([]glua.LValue, n)
	for i := range list {
		list[i] = t.RawGetInt(i + 1)
	}
	less := func(a, b glua.LValue) bool { return m.lessThan(l, a, b) }
	if f := l.Get(2); f != glua.LNil {
		l.CheckFunction(2)
		less = func(a, b glua.LValue) bool { return glua.LVAsBool(m.call1(l, f, a, b)) }
	}
	sort.Stable(&luaSort{m: m, list: list, less: less})
	for i, v := range list {
		t.RawSetInt(i+1, v)
	}
	return 0
}

func (m *Machine) lessThan(l *glua.LState, a, b glua.LValue) bool {
	switch x := a.(type) {
	case glua.LNumber:
		if y, ok := b.(glua.LNumber); ok {
			return x < y
		}
	case glua.LString:
		if y, ok := b.(glua.LString); ok {
			return x < y
		}
	default:
		if mt, ok := metatable(l, a); ok && mt.RawGetString("__lt") != glua.LNil {
			return l.LessThan(a, b)
		}
	}
	ta, tb := typeName(a), typeName(b)
	if ta == tb {
		m.raise(l, "attempt to compare two %s values", ta)
	}
	m.raise(l, "attempt to compare %s with %s", ta, tb)
	return false
}

type luaSort struct {
	m    *Machine
	list []glua.LValue
	less func(a, b glua.LValue) bool
}

func (s *luaSort) Len() int { return len(s.list) }
func (s *luaSort) Less(i, j int) bool {
	s.m.charge(1)
	return s.less(s.list[i], s.list[j])
}
func (s *luaSort) Swap(i, j int) { s.list[i], s.list[j] = s.list[j], s.list[i] }
