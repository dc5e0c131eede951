package lua53

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	glua "github.com/yuin/gopher-lua"
	"pgregory.net/rapid"
)

// orderModel knows which keys a table has, in the order in which they came.
type orderModel struct {
	keys   []string
	values map[string]int
}

func (m *orderModel) set(key string, n int) {
	if _, ok := m.values[key]; !ok {
		m.keys = append(m.keys, key)
	}
	m.values[key] = n
}

func (m *orderModel) remove(key string) {
	delete(m.values, key)
	m.keys = slices.DeleteFunc(m.keys, func(k string) bool { return k == key })
}

// TestOrderOfIteration writes tables from both sides, scripts and libraries
// that use gopher-lua's methods, and traverses them. A key that was removed
// and comes again may have its old place or the last.
func TestOrderOfIteration(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		vm := New(Options{Bits: 64})
		tab := (*glua.LTable)(vm.newTable(0, rapid.IntRange(0, 6).Draw(t, "room")).p)
		if rapid.Bool().Draw(t, "of a library") {
			tab = vm.L().NewTable()
		}
		m := &orderModel{values: map[string]int{}}
		again := map[string]bool{}
		shared := rapid.Bool().Draw(t, "shared")
		for i := range rapid.IntRange(1, 120).Draw(t, "writes") {
			n := rapid.IntRange(1000, 1040).Draw(t, "key")
			var key glua.LValue = glua.LNumber(n)
			if n%3 != 0 {
				key = glua.LString(fmt.Sprint(n))
			}
			name := key.String()
			set := vm.RawSet
			if shared && rapid.Bool().Draw(t, "by a library") {
				set = func(t *glua.LTable, k, v glua.LValue) { t.RawSetH(k, v) }
			}
			if rapid.IntRange(0, 3).Draw(t, "remove") == 0 {
				set(tab, key, glua.LNil)
				m.remove(name)
				again[name] = true
			} else {
				set(tab, key, glua.LNumber(i))
				m.set(name, i)
			}
			if rapid.IntRange(0, 9).Draw(t, "traverse") == 0 {
				m.check(t, vm, tab, again)
			}
		}
		m.check(t, vm, tab, again)
	})
}

func (m *orderModel) check(t *rapid.T, vm *VM, tab *glua.LTable, again map[string]bool) {
	var got []string
	fresh := rapid.Bool().Draw(t, "forget hints")
	for k, v := vm.Next(tab, glua.LNil); k != glua.LNil; k, v = vm.Next(tab, k) {
		name := k.String()
		if n, ok := m.values[name]; !ok || v != glua.LNumber(n) {
			t.Fatalf("%s is %v, want %v", name, v, n)
		}
		got = append(got, name)
		if fresh {
			clear(vm.hints[:])
		}
	}
	if len(got) != len(m.keys) {
		t.Fatalf("visited %q, has %q", got, m.keys)
	}
	moved := func(k string) bool { return again[k] }
	stay, want := slices.DeleteFunc(slices.Clone(got), moved), slices.DeleteFunc(slices.Clone(m.keys), moved)
	if !slices.Equal(stay, want) {
		t.Fatalf("order %q, want %q", stay, want)
	}
}

// TestAssignmentDuringTraversal lets a library write fields while pairs goes
// through them.
func TestAssignmentDuringTraversal(t *testing.T) {
	vm := New(Options{Bits: 64})
	vm.OpenLibs()
	vm.Globals().RawSetString("touch", vm.L().NewFunction(func(l *glua.LState) int {
		l.CheckTable(1).RawSetString(l.CheckString(2), glua.LNumber(l.CheckInt(3)))
		return 0
	}))
	f, err := vm.Load([]byte(`local t, seen = {a = 1, b = 2}, ""
t.c = 3 t.d = 4
for k, v in pairs(t) do touch(t, "b", v) touch(t, k, v) seen = seen .. k end
for k in pairs(t) do seen = seen .. k end
return seen`), "=test", "t")
	if err != nil {
		t.Fatal(err)
	}
	got, err := vm.Call(f)
	if err != nil || got[0] != glua.LString("abcdabcd") {
		t.Fatal(got, err)
	}
}

// TestNextAfterNothing: next goes on from keys that are there, or that were
// cleared while a loop went over the table.
func TestNextAfterNothing(t *testing.T) {
	for script, want := range map[string]string{
		`local ok, e = pcall(next, {10, 20}, 3) print(tostring(ok) .. e)`:                         "falseinvalid key to 'next'",
		`local t = {10, 20, 30} for k in pairs(t) do t[k] = nil end print(next(t))`:               "nil",
		`local t, n = {1, 2, 3, 4}, 0 for k in pairs(t) do n = n + 1 t[5 - k] = nil end print(n)`: "2",
	} {
		if got := strings.TrimSpace(runOurs(script, 64)); got != want {
			t.Errorf("%s: %q, expected %q", script, got, want)
		}
	}
}
