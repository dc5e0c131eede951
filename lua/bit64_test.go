package lua_test

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"airlift/lua"
	"airlift/lua/luatest"
)

func TestBit64(t *testing.T) {
	setup := `local to, show = bit64.to64, bit64.show `
	linesBits(t, 32, setup,
		// The log of upstream's demo on a module of 32 bits.
		[2]string{`bit64.to32(("40E201000000000000"):fromHex()), bit64.to32(to(-12345678))`, "123456|-12345678"},
		[2]string{`show(bit64.plus(to(87654321), to(12345678))), show(bit64.minus(to(87654321), to(12345678)))`, "99999999|75308643"},
		[2]string{`show(bit64.multi(to(87654321), to(12345678))), show(bit64.pide(to(87654321), to(12345678)))`, "1082152022374638|7"},
		[2]string{`show(bit64.plus(to(87654321), 1234567)), show(bit64.multi(to(87654321), 1234567))`, "88888888|108215132114007"},
		[2]string{`show(bit64.plus(to(87654.326), to(12345))), show(bit64.minus(to(87654.326), to(12345)))`, "99999.328125|75309.328125"},
		[2]string{`show(bit64.multi(to(87654.326), to(12345))), show(bit64.pide(to(87654.326), to(12345)))`, "1.082093e+09|7.100391"},
		[2]string{`show(bit64.plus(to(87654.32), to(12345.67))), show(bit64.minus(to(87654.32), to(12345.67)))`, "99999.990234|75308.650391"},
		[2]string{`show(bit64.pide(to(87654.32), to(12345.67), nil, true))`, "7"},
		[2]string{`show(bit64.shift(("000000C00000000000"):fromHex(), 8, true), 16)`, "0xc000000000"},
		[2]string{`bit64.strtoll("864040064024194", 10):toHex()`, "827E1601D711030000|18"},
		// Signs, ends and errors.
		[2]string{`to(-1):toHex()`, "FFFFFFFF0000000000|18"},
		[2]string{`to(0.5):toHex()`, "000000000000E03F01|18"},
		[2]string{`show(to(-123456), 10, true), show(to(-1), 16), show(to(-5))`, "4294843840|0xffffffff|4294967291"},
		[2]string{`show(bit64.pide(to(87654321), -12345678)), show(bit64.pide(to(87654321), -12345678, true))`, "-7|0"},
		[2]string{`show(bit64.pide(to(1), 0)), show(bit64.pide(to(0.5), 0)), show(bit64.pide(bit64.strtoll("-9223372036854775808"), -1))`, "0|inf|-9223372036854775808"},
		[2]string{`show(bit64.shift(to(12345678), 5)), show(bit64.shift(to(1), 63, true)), show(bit64.shift(to(1), 64, true)), show(bit64.shift(to(1), -1))`, "385802|-9223372036854775808|0|0"},
		[2]string{`show(bit64.strtoll("12345", 16)), show(bit64.strtoll("0x1F", 16)), show(bit64.strtoll("12389", 8)), show(bit64.strtoll(" -7z"))`, "74565|31|83|-7"},
		[2]string{`show(bit64.strtoll("***@!!!!")), show(bit64.strtoll("99999999999999999999")), show(bit64.strtoll("5", 7))`, "0|9223372036854775807|0"},
		[2]string{`show("short"), show(to(1), 2), show(to("x")), show(bit64.plus("short", 1))`, "nil|1|0|1"},
		[2]string{`show(bit64.plus(to(1e30), 0.5, nil, true)), show(bit64.minus(to(0.5), 1e30, nil, true))`, "9223372036854775807|-9223372036854775808"},
	)
	linesBits(t, 64, setup,
		[2]string{`show(to(864040064024194)), bit64.to32(to(12.34234)), bit64.to32(to(0x100000001))`, "864040064024194|12.34234|1"},
		[2]string{`show(bit64.plus(to(87654.326), to(12345)))`, "99999.326000"},
	)
}

// TestBit64Property compares the integer operations with Go's.
func TestBit64Property(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "b")
		n := rapid.IntRange(0, 63).Draw(t, "n")
		quotient, unsigned := int64(0), uint64(0)
		if b != 0 {
			quotient, unsigned = a/b, uint64(a)/uint64(b)
		}
		board := luatest.New(fmt.Sprintf(`local a, b, n = bit64.strtoll("%d"), bit64.strtoll("%d"), %d
local show = bit64.show
print(show(a), show(a, 16), show(bit64.plus(a, b)), show(bit64.minus(a, b)), show(bit64.multi(a, b)))
print(show(bit64.pide(a, b)), show(bit64.pide(a, b, true), 10, true), show(bit64.shift(a, n, true)), show(bit64.shift(a, n), 10, true))
rtos.reboot()`, a, b, n))
		m, err := lua.New(board, lua.Options{Steps: 1e6})
		if err != nil {
			t.Fatal(err)
		}
		m.Run()
		got := printed(board)
		want := []string{
			fmt.Sprintf("%d\t0x%x\t%d\t%d\t%d", a, uint64(a), a+b, a-b, a*b),
			fmt.Sprintf("%d\t%d\t%d\t%d", quotient, unsigned, a<<n, uint64(a)>>n),
		}
		if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
			t.Fatalf("got %q, expected %q", got, want)
		}
	})
}

// FuzzBit64: no strings and numbers make it panic.
func FuzzBit64(f *testing.F) {
	f.Add("123456789", "\x00\x00\x00\x00\x00\x00\x00\x80\x00", 0.5, int64(-1))
	f.Add("\x01\x00\x00\x00\x00\x00\xF0\x7F\x01", "-0x8", math.Inf(-1), int64(64))
	f.Fuzz(func(t *testing.T, a, b string, x float64, n int64) {
		board := luatest.New(fmt.Sprintf(`local a, b = io.readFile("/a"), io.readFile("/b")
for _, v in ipairs {a, b, %q + 0, %d} do for _, w in ipairs {a, b, %q + 0, %d} do
for _, f in pairs(bit64) do local ok, r = pcall(f, v, w, true, true) if ok and type(r) == "string" then pcall(bit64.show, r) end pcall(f, v, w) end end end
rtos.reboot()`, fmt.Sprint(x), n, fmt.Sprint(x), n))
		board.Write("/a", a)
		board.Write("/b", b)
		m, err := lua.New(board, lua.Options{Steps: 1e6})
		if err != nil {
			t.Fatal(err)
		}
		if e := m.Run(); e.Err != "" && e.Kind != lua.ExitReboot {
			t.Fatalf("%v %s", e, e.Err)
		}
	})
}
