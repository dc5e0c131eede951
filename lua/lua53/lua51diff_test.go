package lua53

import (
	"fmt"
	"strings"
	"testing"

	glua "github.com/yuin/gopher-lua"
	"pgregory.net/rapid"
)

// onGopherLua runs a program on gopher-lua's own compiler and loop, which are
// another implementation of Lua 5.1, and returns what it prints.
func onGopherLua(t testing.TB, src string) string {
	l := glua.NewState()
	defer l.Close()
	var out strings.Builder
	l.SetGlobal("print", l.NewFunction(func(l *glua.LState) int {
		var s []string
		for i := 1; i <= l.GetTop(); i++ {
			s = append(s, l.Get(i).String())
		}
		out.WriteString(strings.Join(s, "\t") + "\n")
		return 0
	}))
	if err := l.DoString(src); err != nil {
		t.Fatalf("gopher-lua: %v\n%s", err, src)
	}
	return out.String()
}

// program51 makes a program of arithmetic, strings, tables and environments.
// Numbers are shown with %.14g: gopher-lua prints more digits than Lua 5.1.
func program51(t *rapid.T) string {
	var b strings.Builder
	b.WriteString("local a, b, c, s, t = 3, 0.5, -7, 'x12', {1, 2, 3, k = 5}\n" +
		"local function show(v) if type(v) == 'number' then if v == 0 then v = 0 end v = v ~= v and 'nan' or v == 1/0 and 'inf' or v == -1/0 and 'inf' or string.format('%.14g', v) end print(v) end\n" +
		"local function env(v) return setfenv(function() return g end, {g = v})() end\n")
	for range rapid.IntRange(1, 8).Draw(t, "statements") {
		switch rapid.IntRange(0, 5).Draw(t, "statement") {
		case 0, 1:
			fmt.Fprintf(&b, "show(%s)\n", expr51(t, 0))
		case 2:
			fmt.Fprintf(&b, "%s = %s\n", rapid.SampledFrom([]string{"a", "b", "c", "t.k", "t[2]", "g"}).Draw(t, "to"), expr51(t, 0))
		case 3:
			fmt.Fprintf(&b, "for i = %d, %d, %s do a = a + i show(a) end\n", rapid.IntRange(-2, 3).Draw(t, "from"), rapid.IntRange(-3, 4).Draw(t, "to"),
				rapid.SampledFrom([]string{"1", "2", "0.5", "-1"}).Draw(t, "step"))
		case 4:
			fmt.Fprintf(&b, "if %s + 0 %s %s + 0 then show('yes') else show('no') end\n", expr51(t, 1), rapid.SampledFrom([]string{"<", "<=", "==", "~=", ">"}).Draw(t, "op"), expr51(t, 1))
		default:
			fmt.Fprintf(&b, "show(env(%s))\n", expr51(t, 1))
		}
	}
	return b.String()
}

func expr51(t *rapid.T, depth int) string {
	kind := rapid.IntRange(0, 10).Draw(t, "expression")
	if depth > 3 {
		kind = min(kind, 1)
	}
	sub := func() string { return expr51(t, depth+1) }
	switch kind {
	case 0:
		return rapid.SampledFrom([]string{"0", "1", "2", "7", "0.5", "255", "1e15", "2147483648", "1e300", "0x10", "'10'", "'0x1F'", "3.25"}).Draw(t, "number")
	case 1:
		return rapid.SampledFrom([]string{"a", "b", "c", "t.k", "t[2]", "(#s)", "(#t)"}).Draw(t, "name")
	case 2:
		return "-(" + sub() + ")"
	case 3:
		return "math.floor(" + sub() + ")"
	case 4:
		return fmt.Sprintf("(s):byte(%d)", rapid.IntRange(1, 3).Draw(t, "at"))
	case 5: // gopher-lua has the remainder of C's fmod, which differs for large numbers
		return fmt.Sprintf("(%d %% %s)", rapid.IntRange(-20, 20).Draw(t, "dividend"), rapid.SampledFrom([]string{"3", "-4", "2.5", "7"}).Draw(t, "divisor"))
	case 6: // signs of zero differ
		return "(" + sub() + " " + rapid.SampledFrom([]string{"/ 2", "/ -0.3", "/ 1e10", "^ 2"}).Draw(t, "divisor") + ")"
	case 7:
		return "tonumber('" + rapid.SampledFrom([]string{"12", "0.25", " 7 "}).Draw(t, "text") + "')"
	}
	return "(" + sub() + " " + rapid.SampledFrom([]string{"+", "-", "*"}).Draw(t, "op") + " " + sub() + ")"
}

// TestLua51Differential compares with gopher-lua.
func TestLua51Differential(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		src := program51(rt)
		want := onGopherLua(t, src)
		vm, out := newTestVM(t, Options{Bits: 64, Lua51: true})
		vm.Open51()
		runChunk(vm, out, []byte(src), "=t")
		if out.String() != want {
			rt.Fatalf("got\n%s\nwant\n%s\nof\n%s", out, want, src)
		}
	})
}
