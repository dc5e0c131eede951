package lua_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"airlift/lua"
	"airlift/lua/luatest"
)

// evalBits is eval on a VM of the given width.
func evalBits(t testing.TB, bits int, script string) []string {
	t.Helper()
	b := luatest.New(script + "\nrtos.reboot()")
	b.FW.Bits = bits
	exit := run(t, b)
	if exit.Cause != lua.CauseRtos {
		t.Fatalf("exit %v %s\n%s\n%s", exit, exit.Err, script, b.Text())
	}
	return printed(b)
}

// linesBits is lines with a prologue, on a VM of the given width.
func linesBits(t *testing.T, bits int, prologue string, cases ...[2]string) {
	t.Helper()
	for _, c := range cases {
		got := strings.Join(evalBits(t, bits, prologue+"\nprint("+c[0]+")"), "\n")
		if want := strings.ReplaceAll(c[1], "|", "\t"); got != want {
			t.Errorf("%d bits: %s\n\tgives    %q\n\texpected %q", bits, c[0], got, want)
		}
	}
}

func TestZbuff(t *testing.T) {
	linesBits(t, 32, `local b = zbuff.create(8, "abc")`,
		[2]string{`b:len(), #b, b:used(), type(b)`, "8|8|0|userdata"},
		[2]string{`b[0], b[7], b[8], b[-1], b.nothing`, "97|0|nil|nil|nil"},
		[2]string{`(function() b[1] = 0x141 b[99] = 1 return b:toStr(0, 3) end)()`, "aAc"},
		[2]string{`b:read(), b:read(2), b:read(0), b:used()`, "a|bc||3"},
		[2]string{`b:seek(6), b:write("xyz"), b:used(), b:toStr(6)`, "6|2|8|xy"},
		[2]string{`b:write(1, 2, 258, "no", 4), b:toStr(0, 4):toHex()`, "3|01020200|8"},
		[2]string{`b:seek(-3, zbuff.SEEK_END), b:seek(-9, zbuff.SEEK_CUR), b:seek(99), b:seek(1, 7)`, "5|0|8"},
		[2]string{`b:toStr(2, 99):toHex()`, "630000000000|12"},
		[2]string{`b:toStr(-1, 2) .. b:toStr(9, 2) .. b:toStr(0, -1) .. b:toStr(0, 0)`, ""},
		[2]string{`b:copy(nil, "12"), b:copy(-1, "3456"), b:used(), b:toStr(0, 6)`, "2|4|5|13456\x00"},
		[2]string{`b:copy(7, "1234"), b:len(), b:used()`, "4|11|11"},
		[2]string{`b:copy(-1, "x"), b:copy(1, 65, 66, 300), b:used()`, "0|3|4"},
		[2]string{`b:used(5), b:used(99), b:used(-2), b:used()`, "5|8|0|0"},
		[2]string{`b:used(3), b:del(1, 1), b:query()`, "3|nil|ac"},
		[2]string{`b:used(3), b:query(0, 2), b:query(1, 99), b:query(-1, 5), b:query(7, 1)`, "3|ab|bc|c|"},
		[2]string{`b:set(), b:toStr():toHex()`, "nil|0000000000000000|16"},
		[2]string{`b:isEqual(0, zbuff.create(8, "abd"), 0, 8)`, "false|2"},
		[2]string{`b:isEqual(0, zbuff.create(9, "xabc"), 1, 8)`, "true|0"},
		[2]string{`b:isEqual(0, zbuff.create(9, "abc"), 0, 9)`, "false|8"},
		[2]string{`b:used(3), b:toBase64(zbuff.create(4)), b:toBase64(zbuff.create(3))`, "3|4|0"},
		[2]string{`pcall(b.write, b)`, "false|bad argument #2 to '?' (string expected, got no value)"},
		[2]string{`zbuff.create(0), zbuff.create(-1), zbuff.create(65537), zbuff.create(1 << 30)`, "nil|nil|nil|nil"},
		[2]string{`(pcall(zbuff.create, nil)), (pcall(zbuff.create, "x")), (pcall(zbuff.create, {1, 2}))`, "false|false|false"},
		[2]string{`zbuff.create({3, 2, 16}, 0x1234):toStr(0, 4):toHex()`, "12341234|8"},
		[2]string{`zbuff.create({3, 3, 1}):len(), zbuff.create({3, 3, 5}), zbuff.create({0, 1, 8})`, "2|nil|nil"},
	)
	expect(t, `local b = zbuff.create(4, 0x55) b:del() b:used(4) b:del(1, 2) print(b:used(), b:query():toHex())
b:resize(2) print(b:len(), b:used()) b:resize(1e9) print(#b) b:reSize(6) print(b:toStr():toHex())
b:free() print(#b, b:used(), b:write("x"), b:read(3), b[0]) b:resize(3) print(#b)`,
		"2\t5555\t4", "2\t2", "2", "555500000000\t12", "0\t0\t0\t\tnil", "3")
}

func TestZbuffNumbers(t *testing.T) {
	fill := `local b = zbuff.create(8) b:write(0xFE, 0xFF, 0xFF, 0xFF, 1, 2, 3, 0x84) `
	linesBits(t, 32, fill,
		[2]string{`b:query(0, 4, false, false)`, "-2"},
		[2]string{`b:query(0, 4, true, false)`, "-16777217"},
		[2]string{`b:query(0, 2, true), b:query(0, 2, false, true), b:query(0, 1, true, true), b:query(0, 1, false)`, "65279|-2|-2|254"},
		[2]string{`b:query(0, 3, true), type(b:query(0, 4))`, "\xFE\xFF\xFF|string"},
		[2]string{`b:query(0, 8, false)`, "-2"},
		[2]string{`b:seek(0), b:readI8(), b:readU8(), b:readI16(), b:readU32(), b:readU8()`, "0|-2|255|-1|-2080177663|nil"},
		[2]string{`b:seek(0), b:readI64()`, "0|-2"},
		[2]string{`b:writeU8(1), b:seek(5), b:writeU32(1), b:used()`, "0|5|0|5"},
		[2]string{`b:seek(0), b:writeF32(-1.5), b:seek(0), b:readF32(), b:toStr(0, 4):toHex()`, "0|4|0|-1.5|0000C0BF|8"},
		[2]string{`b:seek(0), b:writeF64(0.5), b:seek(0), b:readF64(), b:used(), b:query(0, 8, false, false, true)`, "0|8|0|0.5|8|0.5"},
		[2]string{`b:seek(0), b:writeI64(-3), b:toStr():toHex()`, "0|8|FDFFFFFFFFFFFFFF|16"},
	)
	linesBits(t, 64, fill,
		[2]string{`b:query(0, 4, false, false), b:query(0, 4, false, true)`, "4294967294|-2"},
		[2]string{`b:seek(4), b:readU32(), b:seek(4), b:readI32()`, "4|2214789633|4|-2080177663"},
	)
}

func TestZbuffPack(t *testing.T) {
	// The worked example of the documentation.
	linesBits(t, 32, `local b = zbuff.create(20) local n = b:pack(">IIHA", 0x1234, 0x4567, 0x12, "abcdefg")`,
		[2]string{`n, b:query():toHex()`, "17|0000123400004567001261626364656667|34"},
		[2]string{`b:seek(0), b:unpack(">IIHA10")`, "0|20|4660|17767|18|abcdefg\x00\x00\x00"},
		[2]string{`b:pack("bI", 1, 2), b:used()`, "1|18"},
	)
}

func TestZbuffFrame(t *testing.T) {
	linesBits(t, 32, `local b = zbuff.create(64) local ok = b:setFrameBuffer(8, 4, 16, 0xFFFF)`,
		[2]string{`ok, b:setFrameBuffer(9, 4, 16), b:setFrameBuffer(8, 4, 7)`, "true|nil"},
		[2]string{`b:pixel(1, 2), b:pixel(8, 0), b:pixel(-1, 0), b:pixel(1, 2, 0xF800), b:pixel(1, 2)`, "65535|nil|nil|true|63488"},
		[2]string{`b:pixel(0, 0, 0x1234), b[0], b[1]`, "true|18|52"},
		[2]string{`b:drawLine(0, 0, 3, 3, 7), b:pixel(2, 2), b:pixel(3, 2), b:drawLine(0, 0, 8, 0)`, "true|7|65535|false"},
		[2]string{`b:drawRect(5, 3, 3, 1, 9), b:pixel(4, 2), b:pixel(4, 1), b:pixel(5, 3)`, "true|65535|9|9"},
		[2]string{`b:drawRect(5, 3, 3, 1, 9, true), b:pixel(4, 2)`, "true|9"},
		[2]string{`b:drawCircle(3, 2, 1, 5), b:pixel(3, 2), b:pixel(4, 2), b:pixel(3, 1)`, "true|65535|5|5"},
		[2]string{`b:drawCircle(3, 2, 100, 5, true), b:pixel(0, 0), b:pixel(7, 3)`, "true|5|5"},
		[2]string{`b:drawCircle(3, 2, 1e9, 5, true), b:drawCircle(30, 2, 1)`, "false|false"},
	)
	linesBits(t, 32, `local b = zbuff.create({5, 2, 1}) b:pixel(0, 0, 1) b:pixel(1, 1, 1)`,
		[2]string{`b:toStr():toHex()`, "8200|4"},
		[2]string{`b:pixel(0, 0), b:pixel(1, 0), b:pixel(1, 1)`, "1|0|1"})
}

// TestZbuffMemory: buffers take system memory, and what is still reachable
// counts, whatever Go's collector did.
func TestZbuffMemory(t *testing.T) {
	expect(t, `local n = 0 for i = 1, 200 do local b = zbuff.create(40000) if b then n = n + 1 end end print(n)`, "200")
	expect(t, `local keep, n = {}, 0 for i = 1, 20 do local b = zbuff.create(10000) keep[i] = b if b then n = n + 1 end end print(n)
keep[1]:free() print(zbuff.create(10000) ~= nil) keep[2]:resize(60000) print(#keep[2]) print(keep[3]:copy(0, ("x"):rep(20000)))`,
		"6", "true", "10000", "0")
}

// bufferModel is the plain reading of zbuff on a slice.
type bufferModel struct {
	data []byte
	used int
}

func (b *bufferModel) grow(n int) {
	if n > len(b.data) {
		b.data = append(b.data, make([]byte, n-len(b.data))...)
	}
}

// step draws a call, applies it to the model and returns it as Lua with what
// it should print.
func (b *bufferModel) step(t *rapid.T) (call, want string) {
	text := rapid.StringMatching(`[a-z]{0,6}`)
	n := rapid.IntRange(-4, 24)
	switch rapid.IntRange(0, 10).Draw(t, "op") {
	case 0:
		s := text.Draw(t, "s")
		w := copy(b.data[b.used:], s)
		b.used += w
		return fmt.Sprintf("b:write(%q)", s), fmt.Sprint(w)
	case 1:
		k := rapid.IntRange(0, 9).Draw(t, "n")
		end := min(len(b.data), b.used+k)
		s := b.data[b.used:end]
		b.used = end
		return fmt.Sprintf("(b:read(%d):toHex())", k), fmt.Sprintf("%X", s)
	case 2:
		k := n.Draw(t, "n")
		b.used = max(0, min(len(b.data), k))
		return fmt.Sprintf("b:seek(%d)", k), fmt.Sprint(b.used)
	case 3:
		k := n.Draw(t, "n")
		b.used = max(0, min(len(b.data), k))
		return fmt.Sprintf("b:used(%d)", k), fmt.Sprint(b.used)
	case 4:
		at, s := rapid.IntRange(0, 24).Draw(t, "at"), text.Draw(t, "s")
		if s == "" {
			return "0", "0"
		}
		b.grow(at + len(s))
		copy(b.data[at:], s)
		b.used = max(b.used, at+len(s))
		return fmt.Sprintf("b:copy(%d, %q)", at, s), fmt.Sprint(len(s))
	case 5:
		at, k := rapid.IntRange(0, 24).Draw(t, "at"), rapid.IntRange(0, 9).Draw(t, "n")
		if at < b.used {
			end := min(b.used, at+k)
			kept := append([]byte{}, b.data[end:b.used]...)
			copy(b.data[at:], kept)
			b.used = at + len(kept)
		}
		return fmt.Sprintf("b:del(%d, %d)", at, k), ""
	case 6:
		k := rapid.IntRange(1, 24).Draw(t, "n")
		old := b.data
		b.data = make([]byte, k)
		copy(b.data, old)
		b.used = min(b.used, k)
		return fmt.Sprintf("b:resize(%d)", k), ""
	case 7:
		v := rapid.Int32().Draw(t, "v")
		if len(b.data)-b.used < 4 {
			return fmt.Sprintf("b:writeI32(%d)", v), "0"
		}
		binary.LittleEndian.PutUint32(b.data[b.used:], uint32(v))
		b.used += 4
		return fmt.Sprintf("b:writeI32(%d)", v), "4"
	case 8:
		if len(b.data)-b.used < 2 {
			return "b:readU16()", "nil"
		}
		v := binary.LittleEndian.Uint16(b.data[b.used:])
		b.used += 2
		return "b:readU16()", fmt.Sprint(v)
	case 9:
		at := rapid.IntRange(0, 24).Draw(t, "at")
		if at+2 > b.used {
			return "0", "0"
		}
		return fmt.Sprintf("b:query(%d, 2, true, true)", at), fmt.Sprint(int16(binary.BigEndian.Uint16(b.data[at:])))
	}
	at, c, k := rapid.IntRange(0, 24).Draw(t, "at"), rapid.Byte().Draw(t, "c"), rapid.IntRange(0, 9).Draw(t, "n")
	for i := at; i < min(len(b.data), at+k); i++ {
		b.data[i] = c
	}
	return fmt.Sprintf("b:set(%d, %d, %d)", at, c, k), ""
}

// TestZbuffModel compares sequences of calls with a slice of bytes.
func TestZbuffModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 16).Draw(t, "size")
		model := &bufferModel{data: make([]byte, size)}
		var script, want strings.Builder
		fmt.Fprintf(&script, "local b = zbuff.create(%d)\n", size)
		for i := rapid.IntRange(1, 30).Draw(t, "calls"); i > 0; i-- {
			call, result := model.step(t)
			fmt.Fprintf(&script, "print(%s)\nprint((b:toStr():toHex()), b:used(), #b)\n", call)
			fmt.Fprintf(&want, "%s\n%X\t%d\t%d\n", result, model.data, model.used, len(model.data))
		}
		b := luatest.New(script.String() + "rtos.reboot()")
		m, err := lua.New(b, lua.Options{Steps: 1e6})
		if err != nil {
			t.Fatal(err)
		}
		if e := m.Run(); e.Cause != lua.CauseRtos {
			t.Fatalf("%v\n%s", e, b.Text())
		}
		if got := strings.Join(printed(b), "\n") + "\n"; got != want.String() {
			t.Fatalf("script:\n%s\ngives:\n%s\nexpected:\n%s", script.String(), got, want.String())
		}
	})
}

func TestPack(t *testing.T) {
	linesBits(t, 32, ``,
		[2]string{`pack.pack("<I", 0xAABBCCDD):toHex()`, "DDCCBBAA|8"},
		[2]string{`pack.pack(">I", 0xAABBCCDD):toHex()`, "AABBCCDD|8"},
		[2]string{`pack.pack("<hIf", 123, 456789, 3.14):toHex()`, "7B0055F80600C3F54840|20"},
		[2]string{`pack.pack(">H a h", 0x1234, "Test", -50):toHex()`, "12340000000454657374FFCE|24"},
		[2]string{`pack.unpack(("12340000000454657374FFCE"):fromHex(), ">H a h")`, "13|4660|Test|-50"},
		[2]string{`pack.pack("a", "text"):toHex()`, "0400000074657874|16"},
		[2]string{`pack.pack("z", "text"):toHex()`, "7465787400|10"},
		[2]string{`pack.pack("A5", "ab", "cde", "f", "!", "?"), pack.pack("A8", "abcdefgh"), pack.pack("A2", "ab", 7)`, "abcdef!?|abcdefgh|ab"},
		[2]string{`pack.pack("A", "first", "second")`, "first"},
		[2]string{`pack.pack(">HbA5H", 0xAA55, 5, "Hello", 0x1234):toHex()`, "AA550548656C6C6F1234|20"},
		[2]string{`pack.pack("b3", 1, 256, -1):toHex()`, "0100FF|6"},
		[2]string{`pack.pack(""), pack.unpack("", "")`, "|1"},
		[2]string{`pack.unpack("\1\2\3\4\5", ">HH", 2)`, "6|515|1029"},
		[2]string{`pack.unpack("\1", ">H")`, "1"},
		[2]string{`pack.unpack("\1\2\3", "b2H")`, "3|1|2"},
		[2]string{`pack.unpack("abc\0de", "zA2")`, "7|abc|de"},
		[2]string{`pack.unpack("abc", "z")`, "4|abc"},
		[2]string{`pack.unpack("\3abcd", "pA")`, "6|abc|d"},
		[2]string{`pack.unpack("\9abcd", "p")`, "1"},
		[2]string{`pack.unpack("\255\255\255\255abcd", "a")`, "1"},
		[2]string{`pack.unpack("\255\255\255\255", "I")`, "5|-1"},
		[2]string{`pack.unpack("ab", "b", 9)`, "9"},
		[2]string{`(pcall(pack.pack, "X", 1)), (pcall(pack.unpack, "", "2")), (pcall(pack.pack, ">HH", 1))`, "false|false|false"},
		[2]string{`(pcall(pack.unpack, "", "b99999999999999999999"))`, "false"},
		[2]string{`pack.pack("n", 1.5):toHex(), #pack.pack("l", -2)`, "0000C03F|8"},
	)
	linesBits(t, 64, ``,
		[2]string{`pack.unpack("\255\255\255\255", "I")`, "5|4294967295"},
		[2]string{`pack.pack("n", 1.5):toHex()`, "000000000000F83F|16"},
		[2]string{`pack.unpack(pack.pack(">l", -9876543210), ">l")`, "9|-9876543210"},
		[2]string{`pack.unpack(pack.pack("d", 3.141592653589793), "d")`, "9|3.1415926535898"},
	)
}

// FuzzPack: no format and no data may do more than fail.
func FuzzPack(f *testing.F) {
	f.Add("<hIf", "abcdefghij")
	f.Add(">z p P a A3 d n c b H i l L", "abc\x00\x01x\x00\x01y\x00\x00\x00\x01zabc")
	f.Add("A65536b65536", strings.Repeat("x", 100))
	f.Fuzz(func(t *testing.T, format, data string) {
		b := luatest.New(`local format, data = io.readFile("/format"), io.readFile("/data")
pcall(pack.unpack, data, format) pcall(pack.pack, format, data, 1, 2.5, data, -1)
local b = zbuff.create(64, data) pcall(b.unpack, b, format) b:seek(3) pcall(b.pack, b, format, 1, 2, data, 3)
rtos.reboot()`)
		b.Write("/format", format)
		b.Write("/data", data)
		m, err := lua.New(b, lua.Options{Steps: 1e7})
		if err != nil {
			t.Fatal(err)
		}
		if e := m.Run(); e.Err != "" {
			t.Fatalf("%v %s", e, e.Err)
		}
	})
}

// FuzzZbuff calls every method with numbers that scripts should not give.
func FuzzZbuff(f *testing.F) {
	f.Add(int64(0), int64(-1), int64(math.MaxInt64), 1e300)
	f.Add(int64(math.MinInt64), int64(1), int64(3), math.NaN())
	f.Add(int64(7), int64(8), int64(1<<31), -0.5)
	f.Fuzz(func(t *testing.T, a, c, d int64, e float64) {
		b := luatest.New(fmt.Sprintf(`local n = {%d, %d, %d, %g, "x", true, zbuff.create(5, "hello")}
local names = {"write", "read", "clear", "seek", "pack", "unpack", "toStr", "len", "setFrameBuffer", "pixel", "drawLine", "drawRect",
 "drawCircle", "copy", "set", "query", "del", "resize", "used", "isEqual", "toBase64", "readI8", "readU64", "writeF32", "writeI64"}
local k = 0
for round = 1, 4 do
  local b = zbuff.create({4, 4, 16})
  for i = 1, #names do
    local function arg() k = k + 1 return n[k %% #n + 1] end
    pcall(b[names[i]], b, arg(), arg(), arg(), arg(), arg(), arg())
    pcall(function() return b[arg()] end) pcall(function() b[arg()] = arg() end)
  end
end
pcall(zbuff.create, n[1], n[2]) pcall(zbuff.create, {n[1], n[2], n[3]}, n[4])
rtos.reboot()`, a, c, d, e))
		m, err := lua.New(b, lua.Options{Steps: 1e7})
		if err != nil {
			t.Fatal(err)
		}
		if e := m.Run(); e.Err != "" && !strings.Contains(e.Err, "main.lua") {
			t.Fatalf("%v %s", e, e.Err)
		}
	})
}
