package lua_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"airlift/lua"
	"airlift/lua/luatest"
)

// lines checks expressions one by one: each key is printed, each value is what
// comes out. TABs separate values.
func lines(t *testing.T, cases ...[2]string) {
	t.Helper()
	var script strings.Builder
	var want []string
	for _, c := range cases {
		fmt.Fprintf(&script, "print(%s)\n", c[0])
		want = append(want, strings.ReplaceAll(c[1], "|", "\t"))
	}
	got := eval(t, script.String())
	for i, w := range want {
		if i >= len(got) || got[i] != w {
			g := "nothing"
			if i < len(got) {
				g = got[i]
			}
			t.Errorf("%s\n\tgives    %q\n\texpected %q", cases[i][0], g, w)
		}
	}
}

func TestStringExtensions(t *testing.T) {
	lines(t,
		[2]string{`("\1\171z"):toHex()`, "01AB7A|6"},
		[2]string{`("AB"):toHex(" ")`, "41 42 |4"},
		[2]string{`("01ab 7"):fromHex():byte(1, -1)`, "1|171"},
		[2]string{`("0x4142"):fromHex():byte(1, -1)`, "65|66"}, // x forgets the half digit
		[2]string{`table.concat(("a,,b,"):split(","), ";")`, "a;b"},
		[2]string{`#("a,,b,"):split(",", true), #(""):split(","), #("a::b"):split("::"), #("a,b"):split("")`, "4|0|2|2"},
		[2]string{`#("a,,b"):split(",", 1)`, "2"},
		[2]string{`("1aF"):toValue():byte(1, -1)`, "1|10|15"},
		[2]string{`select(2, ("1aF"):toValue())`, "3"},
		[2]string{`("123 abc+/"):urlEncode()`, "123+abc%2B%2F"},
		[2]string{`("123 abc+/"):urlEncode(1)`, "123%20abc%2B%2F"},
		[2]string{`("123 abc+/"):urlEncode(-1, 1, "/")`, "123%20abc%2B/"},
		[2]string{`("a*b"):urlEncode(), ("a*b"):urlEncode(1)`, "a*b|a%2Ab"},
		[2]string{`("hello"):toBase64(), ("aGVsbG8="):fromBase64()`, "aGVsbG8=|hello"},
		[2]string{`("SGVsbG8"):fromBase64(), ("SGVsb=="):fromBase64(), ("SGVs\r\nbG8=  \n"):fromBase64(), ("QQ=="):fromBase64(), ("QQ"):fromBase64()`, "Hel|Hel|Hello|A|"},
		[2]string{`("SGVsbG8=="):fromBase64()`, "Hello"},
		[2]string{`("SGV*bG8="):fromBase64(), ("SG Vs"):fromBase64(), ("S==="):fromBase64(), ("QQ==QQ=="):fromBase64(), (""):fromBase64()`, "||||"},
		[2]string{`("hello"):toBase32(), ("NBSWY3DP"):fromBase32()`, "NBSWY3DP|hello"},
		[2]string{`("hello"):startsWith("he"), ("hello"):endsWith("he")`, "true|false"},
		[2]string{`"[" .. (" a "):trim() .. "][" .. (" a "):trim(false) .. "][" .. (" a "):trim(true, false) .. "]"`, "[a][ a][a ]"},
	)
}

func TestString(t *testing.T) {
	lines(t,
		[2]string{`("abc"):sub(2), ("abc"):sub(-2, -1), ("abc"):sub(0), ("abc"):sub(5), ("abc"):sub(2, 1)`, "bc|bc|abc||"},
		[2]string{`("abc"):byte(), ("abc"):byte(-1), ("abc"):byte(9)`, "97|99"},
		[2]string{`("a"):rep(3, ","), ("a"):rep(0), (""):rep(1e9)`, "a,a,a||"},
		[2]string{`pcall(string.rep, "x", 1e9)`, "false|not enough memory"},
		[2]string{`("abc"):find("b"), ("abc"):find("b", 1, true), ("a.c"):find(".", 2, true)`, "2|2|2|2"},
		[2]string{`("abc"):find("", 10), ("abc"):find("", 4)`, "nil|4|3"},
		[2]string{`("hello world"):find("o", 6), ("x"):find("y")`, "8|nil"},
		[2]string{`("key = value"):match("^(%w+)%s*=%s*(%w+)$")`, "key|value"},
		[2]string{`("THE (quick) fox"):find("%((%a+)%)")`, "5|11|quick"},
		[2]string{`("THE (quick) fox"):gsub("%f[%a]%a+", "X")`, "X (X) X|3"},
		[2]string{`("f(a(b)c)d"):match("%b()"), ("abcab"):match("(a)(b)c%1%2"), ("a\0b"):match("%g")`, "(a(b)c)|a|a"},
		[2]string{`("abc"):match("()b()")`, "2|3"},
		[2]string{`("hello"):gsub("l", {l = "L"}), ("hello"):gsub("", "-")`, "heLLo|-h-e-l-l-o-|6"},
		[2]string{`("abc"):gsub("%w", "%0%0"), ("abc"):gsub("b", "%%"), ("abc"):gsub("b", function() end)`, "aabbcc|a%c|abc|1"},
		[2]string{`("a,b,c"):gsub(",", ";", 1)`, "a;b,c|1"},
		[2]string{`pcall(string.find, "a", "(")`, "false|unfinished capture"},
		[2]string{`pcall(string.find, "a", "[a")`, "false|malformed pattern (missing ']')"},
		[2]string{`pcall(string.find, "a", "%")`, "false|malformed pattern (ends with '%')"},
		[2]string{`pcall(string.gsub, "a", "a", "%2")`, "false|invalid capture index %2"},
		[2]string{`string.format("%5d;%-5d;%05d;%+d;%x;%X;%#x;%o", 42, 42, 42, 42, 255, 255, 255, 8)`, "   42;42   ;00042;+42;ff;FF;0xff;10"},
		[2]string{`string.format("%x %u", -1, -1)`, "ffffffff 4294967295"},
		[2]string{`string.format("%s %10s;%-10s;%.2s", "a", "b", "c", "long")`, "a          b;c         ;lo"},
		[2]string{`string.format("%.2f %g %e %5.1f", 1/3, 1e20, 12345.678, 2.25)`, "0.33 1e+20 1.234568e+04   2.2"},
		[2]string{`string.format("%g %g %g %g", 100000, 1e6, 0.0001, 0.00001)`, "100000 1e+06 0.0001 1e-05"},
		[2]string{`string.format("%q", "a\"\n\0\r1\t")`, `"a\"\`},
		[2]string{`1`, `\0\0131\9"`},
	)
}

func TestStringFormatErrors(t *testing.T) {
	lines(t,
		[2]string{`pcall(string.format, "%d", 3.5)`, "false|bad argument #2 to 'string.format' (number has no integer representation)"},
		[2]string{`pcall(string.format, "%d", "x")`, "false|bad argument #2 to 'string.format' (number expected, got string)"},
		[2]string{`pcall(string.format, "%y", 1)`, "false|invalid option '%y' to 'format'"},
		[2]string{`pcall(string.format, "%d")`, "false|bad argument #2 to 'string.format' (no value)"},
		[2]string{`string.format("%s %s %s %d", nil, true, setmetatable({}, {__tostring = function() return "T" end}), "3")`, "nil true T 3"},
		[2]string{`string.format("%c%c%%", 72, 105)`, "Hi%"},
		[2]string{`string.format("%5s%5s", true, nil)`, " true  nil"},
	)
}

func TestStringPack(t *testing.T) {
	lines(t,
		[2]string{`string.pack("<I2 >I2 b B", 0x0102, 0x0102, -1, 255):toHex()`, "02010102FFFF|12"},
		[2]string{`string.unpack("<I2 >I2 b B", ("02010102FFFF"):fromHex())`, "258|258|-1|255|7"},
		[2]string{`string.pack(">s2 z s1", "ab", "c", "d"):toHex()`, "0002616263000164|16"},
		[2]string{`string.unpack(">s2zs1", ("0002616263000164"):fromHex())`, "ab|c|d|9"},
		[2]string{`string.unpack("<i4 I4", ("FFFFFFFFFFFFFFFF"):fromHex())`, "-1|-1|9"},
		[2]string{`string.unpack("<i3", ("FFFFFF"):fromHex())`, "-1|4"},
		[2]string{`string.pack("<f", 1.5):toHex(), string.unpack("<f", string.pack("<f", 1.5))`, "0000C03F|1.5|5"},
		[2]string{`string.packsize("<!4 b i4"), string.packsize("c10"), string.packsize("<bi4")`, "8|10|5"},
		[2]string{`pcall(string.pack, "b", 200)`, "false|bad argument #2 to 'string.pack' (integer overflow)"},
		[2]string{`pcall(string.unpack, "i4", "ab")`, "false|bad argument #2 to 'string.unpack' (data string too short)"},
		[2]string{`pcall(string.unpack, "c99999999999", "ab")`, "false|bad argument #2 to 'string.unpack' (data string too short)"},
		[2]string{`pcall(string.unpack, "s4", "\255\255\255\255")`, "false|memory allocation error: block too big"}, // 32-bit sums run over
		[2]string{`pcall(string.unpack, "s4", "\255\255\255\127")`, "false|bad argument #2 to 'string.unpack' (data string too short)"},
		[2]string{`string.unpack("B", "abc", -1)`, "99|4"},
	)
}

func TestTable(t *testing.T) {
	lines(t,
		[2]string{`table.concat({1, 2.5, "x"}, "-"), table.concat({}, ","), table.concat({1, 2, 3}, "", 2, 3)`, "1-2.5-x||23"},
		[2]string{`pcall(table.concat, {1, {}, 3})`, "false|invalid value (table) at index 2 in table for 'concat'"},
		[2]string{`(function() local t = {1, 2} table.insert(t, 3) table.insert(t, 1, 0) return #t, t[1], t[4] end)()`, "4|0|3"},
		[2]string{`pcall(table.insert, {1}, 5, 1)`, "false|bad argument #2 to 'table.insert' (position out of bounds)"},
		[2]string{`(function() local t = {1, 2, 3} return table.remove(t), table.remove(t, 1), #t, table.remove({}) end)()`, "3|1|1|nil"},
		[2]string{`table.unpack({1, 2, 3}, 2)`, "2|3"},
		[2]string{`pcall(table.unpack, {}, 1, 1e8)`, "false|too many results to unpack"},
		[2]string{`table.pack(1, nil, 3).n, unpack({1, 2})`, "3|1|2"},
		[2]string{`table.concat(table.move({1, 2, 3}, 1, 3, 2), ",")`, "1,1,2,3"},
		[2]string{`(function() local t = {3, 1, 2} table.sort(t) local s = table.concat(t) table.sort(t, function(a, b) return a > b end) return s, table.concat(t) end)()`, "123|321"},
		[2]string{`pcall(table.sort, {1, "x"})`, "false|attempt to compare string with number"},
		[2]string{`(function() local t = {} t[3000000] = 1 t[1] = 2 return #t, t[3000000] end)()`, "1|1"},
		[2]string{`table.maxn({1, 2, [10] = 3})`, "10.0"},
	)
}

// TestJSONDecodeOfNoText checks that json.decode never raises: libfota2 gives it
// nil when the platform did not answer in time.
func TestJSONDecodeOfNoText(t *testing.T) {
	b := luatest.New(`
print(json.decode(nil))
print(json.decode())
print(json.decode({}))
print(json.decode("1", 2))
print(json.decode(12))
rtos.reboot()`)
	b.FW.CoreDate = "2026-01-01"
	run(t, b)
	want := []string{
		"nil false bad argument #1 to '?' (string expected, got nil)",
		"nil false bad argument #1 to '?' (expected 1 argument)",
		"nil false bad argument #1 to '?' (string expected, got table)",
		"nil false bad argument #1 to '?' (expected 1 argument)",
		"12 1",
	}
	if got := printed(b); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestJSON(t *testing.T) {
	b := luatest.New(`
print(json.encode({a = 1, b = {1, 2, "x"}, c = {}}))
print(json.encode("q\"\\/\n\1é"), json.encode(nil), json.encode(json.null), json.encode(true))
print(json.encode({0.5, 1e-9, 3, 1/3}), json.encode({1/3}, "12f"), json.encode({1/3}, "%.3g"))
print(json.encode({[1] = 1, [5] = 5}), json.encode({[1] = 1, [100] = 2}))
print(json.encode({1/0}))
print(json.encode(print))
print(json.encode({[true] = 1}))
local deep = {} for i = 1, 1100 do deep = {deep} end
print(json.encode(deep))
local v, r = json.decode('{"a": [1, 2.5, -3e2, true, false, null, "\\u65e0\\ud83d\\ude00\\n"], "b": {}} ')
print(r, v.a[1], v.a[2], v.a[3], v.a[4], v.a[5], v.a[6] == json.null, v.a[7], type(v.b))
for _, s in ipairs{"", "{", "[1,]", '{"a"}', '{"a":1,}', "tru", "01x", '"\\x"', '"\\ud800"', "[1] 2", '"\1"', ("["):rep(1100)} do
  print(json.decode(s))
end
rtos.reboot()`)
	b.FW.CoreDate = "2026-01-01"
	run(t, b)
	want := []string{
		`{"a":1,"b":[1,2,"x"],"c":{}}`,
		`"q\"\\\/\n\u0001é"  null true`,
		`[0.5000000,0,3,0.3333333] [0.333333343267] [0.333]`,
		`[1,null,null,null,5] nil Cannot serialise table: excessively sparse array`,
		"nil Cannot serialise number: must not be NaN or Inf",
		"nil Cannot serialise function: type not supported",
		"nil Cannot serialise table: table key must be a number or string",
		"nil Cannot serialise, excessive depth (1001)",
		"1 1 2.5 -300 true false true 无😀", " table",
		"nil false Expected value but found the end at character 1",
		"nil false Expected object key string but found the end at character 2",
		"nil false Expected value but found ']' at character 4",
		"nil false Expected colon but found '}' at character 5",
		"nil false Expected object key string but found '}' at character 8",
		"nil false Expected value but found 't' at character 1",
		"nil false Expected the end but found 'x' at character 3",
		"nil false Expected escape but found 'x' at character 3",
		"nil false Expected the other half of a surrogate pair but found '\"' at character 8",
		"nil false Expected the end but found '2' at character 5",
		"nil false Expected string without control characters but found '\\x01' at character 2",
		"nil false Found too many nested data structures (1001)",
	}
	if got := strings.Join(printed(b), "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}

func TestCrypto(t *testing.T) {
	cases := [][2]string{
		{`crypto.md5("abc")`, "900150983CD24FB0D6963F7D28E17F72"},
		{`crypto.sha1("abc")`, "A9993E364706816ABA3E25717850C26C9CD0D89D"},
		{`crypto.sha256("abc"):sub(1, 16), crypto.sha512("abc"):sub(1, 16)`, "BA7816BF8F01CFEA|DDAF35A193617ABA"},
		{`crypto.hmac_md5("abc", "key"), crypto.md("MD5", "abc", "key")`, "D2FE98063F876B03193AFB49B4979591|D2FE98063F876B03193AFB49B4979591"},
		{`(function() local h = crypto.hash_init("SHA1") crypto.hash_update(h, "a") crypto.hash_update(h, "bc") return crypto.hash_finish(h) end)()`, "A9993E364706816ABA3E25717850C26C9CD0D89D"},
		{`io.writeFile("/f", "abc"), crypto.md_file("MD5", "/f"), crypto.md_file("MD5", "/none")`, "true|900150983CD24FB0D6963F7D28E17F72"},
		{`crypto.crc16_modbus("123456789", 5) == 0x4B37`, "true"},
		{`string.format("%08X", crypto.crc32("123456789")), crypto.crc32("123456789")`, "CBF43926|-873187034"},
		{`string.format("%02X", crypto.crc8("123456789"))`, "F4"},
		{`crypto.checksum("123456789"), crypto.checksum("123456789", 1)`, "49|221"},
		{`crypto.base64_encode("hello"), crypto.base64_decode("aGVsbG8=")`, "aGVsbG8=|hello"},
		{`#crypto.trng(16), #crypto.trng(-1)`, "16|0"},
	}
	for name, check := range map[string]string{"IBM": "BB3D", "MAXIM": "44C2", "USB": "B4C8", "MODBUS": "4B37", "CCITT": "2189",
		"CCITT-FALSE": "29B1", "X25": "906E", "XMODEM": "31C3", "DNP": "EA82"} {
		cases = append(cases, [2]string{`string.format("%04X", crypto.crc16("` + name + `", "123456789"))`, check})
	}
	cases = append(cases, [2]string{`string.format("%04X", crypto.crc16("USER-DEFINED", "123456789", 0x8005, 0xFFFF, 0, 1, 0))`, "4B37"})
	lines(t, cases...)
}

func TestIo(t *testing.T) {
	lines(t,
		[2]string{`io.writeFile("/a.txt", "line1\nline2\n\nlast"), io.fileSize("/a.txt"), io.fsize("/none"), io.exists("/a.txt"), io.exists("/none")`, "true|17|0|true|false"},
		[2]string{`io.readFile("/a.txt", "rb", 6, 5), (io.readFile("/none"))`, "line2|nil"},
		[2]string{`select("#", io.readFile("/none")), select("#", io.writeFile("nodir", "x"))`, "0|0"},
		[2]string{`(function() local f = io.open("/a.txt") local a, b = f:read("*l", "L") local c = f:read(1) local d = f:read("a") local e = f:read("l") local g = f:read("a") f:close() return a, (b:gsub("\n", "N")), c == "\n", d, e, "[" .. g .. "]" end)()`, "line1|line2N|true|last|nil|[]"},
		[2]string{`(function() local n = 0 for line in io.lines("/a.txt") do n = n + #line end return n end)()`, "14"},
		[2]string{`(function() local f = io.open("/b", "w+") f:write("abc", 12, 1.5):write("d") local p = f:seek() f:seek("set", 1) local r = f:read(3) f:write("Z") f:seek("set") local all = f:read("a") return p, r, all, f:seek("end", -1), io.type(f), f:close(), io.type(f), io.type(1) end)()`, "9|bc1|abc1Z1.5d|8|file|true|closed file|nil"},
		[2]string{`(function() local f = io.open("/b", "a") f:write("+") f:close() return io.readFile("/b") end)()`, "abc1Z1.5d+"},
		[2]string{`io.open("/none")`, "nil|/none: No such file or directory|2"},
		[2]string{`(function() local f = io.open("/b") f:close() return pcall(f.read, f) end)()`, "false|attempt to use a closed file"},
		[2]string{`(function() local f = io.open("/b") return pcall(f.read, f, "n") end)()`, "false|bad argument #2 to '?' (invalid format)"},
		[2]string{`(function() local f = io.open("/b") return f:flush() end)()`, ""},
	)
}

func TestFileSystem(t *testing.T) {
	b := luatest.New(`
print(io.mkdir("/d"), io.mkdir("/ram/x"), io.dexist("/d"), io.dexist("/none"))
io.writeFile("/d/f1", "12345") io.writeFile("/d/f2", "") io.mkdir("/d/sub")
local ok, list = io.lsdir("/d", 10, 0)
for _, e in ipairs(list) do print(e.type, e.name, e.size) end
print(io.lsdir("/d", 1, 1)) print(#select(2, io.lsdir("/d", 1, 1))) print(io.lsdir("/none"))
for _, m in ipairs(io.lsmount()) do print(m.path, m.fs) end
print(os.rename("/d/f1", "/d/f3"), io.readFile("/d/f3"))
print(os.rename("/d/f3", "/ram/f3"))
print(os.remove("/d/none"))
local f = io.open("/d/f3")
print(os.remove("/d/f3"))
f:close()
print(os.remove("/d/f3"), io.exists("/d/f3"))
print(io.read, io.write, io.popen, io.stdout, os.exit, os.getenv, file)
io.writeFile("/main.lua", "print('root') rtos.reboot()")
print(io.exists("/lua/sys.lua"), #io.readFile("/lua/sys.lua") > 1000)
print(io.open("/lua/x.lua", "w") == nil)
rtos.reboot()`)
	run(t, b)
	want := `true	true	true	false
0	f1	5
0	f2	0
1	sub	`
	got := strings.Join(printed(b), "\n")
	if !strings.HasPrefix(got, want) {
		t.Errorf("got:\n%s", got)
	}
	for _, line := range []string{"true\ttable: ", "\n1\n", "false\t-1", "/\tlfs\n/lua/\tluadb\n/ram/\tram\n/luadb/\tluadb", "true\t12345",
		"nil\t/d/f3: Cross-device link\t18", "nil\t/d/none: No such file or directory\t2", "W/vfs remove: file /d/f3 is still open\nnil\t/d/f3: I/O error\t5\ntrue\tfalse",
		"nil\tnil\tnil\tnil\tnil\tnil\tnil", "true\ttrue\ntrue"} {
		if !strings.Contains(got, line) {
			t.Errorf("no %q in:\n%s", line, got)
		}
	}
	again := luatest.New("")
	again.Tree = b.Tree
	run(t, again)
	if got := strings.Join(printed(again), "\n"); got != "root" {
		t.Errorf("the root file system does not win: %s", again.Text())
	}
}

func TestOsAndRtc(t *testing.T) {
	lines(t,
		[2]string{`os.time(), os.date("!%Y-%m-%d %H:%M:%S", 0), os.date("%Y-%m-%d %H:%M:%S", 0)`, "1712727886|1970-01-01 00:00:00|1970-01-01 08:00:00"},
		[2]string{`rtc.timezone(0), os.date("%c", 0), os.date("%a %A %b %B %d %H %I %j %m %M %p %S %U %w %W %x %X %y %Y %%", 86400 * 200)`, "0|Thu Jan  1 00:00:00 1970|Mon Monday Jul July 20 00 12 201 07 00 AM 00 29 1 29 07/20/70 00:00:00 70 1970 %"},
		[2]string{`os.time({year = 2024, month = 4, day = 10}), os.time({year = 2024, mon = 4, day = 10, hour = 0})`, "1712750400|1712707200"},
		[2]string{`os.date("!*t", 0).year, os.date("!*t", 0).wday`, "1970|5"},
		[2]string{`pcall(os.date, "%Q")`, "false|bad argument #1 to 'os.date' (invalid conversion specifier '%Q')"},
		[2]string{`pcall(os.time, {})`, "false|field 'year' missing in date table"},
		[2]string{`(function() log.setLevel("ERROR") return rtc.set(0), rtc.set(-1), rtc.set(1.0), rtc.set("1"), rtc.set({year = 2025}), (rtc.set({year = 2025, mon = 2, day = 29, hour = 0, min = 0, sec = 0})) end)()`, "false|false|false|false|nil|false"},
		[2]string{`rtc.set({year = 2024, mon = 2, day = 29, hour = 1, min = 2, sec = 3}), os.time(), rtc.get().day`, "true|1709168523|29"},
		[2]string{`rtc.timezone(30), rtc.timezone("32"), rtc.timezone(52), rtc.timezone(-48), rtc.timezone(), rtc.timezone(nil)`, "false|false|false|-48|-48|false"},
		[2]string{`pcall(rtc.setBaseYear, 1800), (pcall(rtc.setBaseYear)), (pcall(rtc.setBaseYear, 2000))`, "false|false|true"},
		[2]string{`rtc.set(1000), os.time(), rtc.get().hour, os.difftime(10, 3), os.clock()`, "true|1000|0|7.0|0"},
	)
}

func TestBitAndMath(t *testing.T) {
	lines(t,
		[2]string{`bit.band(12, 10), bit.bor(12, 10), bit.bxor(12, 10), bit.bnot(0), bit.lshift(1, 31), bit.rshift(-1, 28), bit.arshift(-16, 2)`, "8|14|6|-1|-2147483648|15|-4"},
		[2]string{`bit.bit(3), bit.isset(8, 3), bit.isclear(8, 3), bit.set(0, 1, 2), bit.clear(7, 0)`, "8|true|false|6|6"},
		[2]string{`math.floor(2.7), math.ceil(2.1), math.max(1, 5, 3), math.min(2, 1), math.abs(-3), math.fmod(7, 3), math.pow(2, 3)`, "2|3|5|1|3|1|8.0"},
		[2]string{`math.modf(3.7)`, "3|0.7"},
		[2]string{`math.huge, -math.huge, math.pi, math.sqrt(2), math.log(8, 2), math.ult(1, -1)`, "inf|-inf|3.141593|1.414214|3.0|true"},
		[2]string{`math.tointeger(3.5), math.tointeger("3"), math.type(2^53)`, "nil|3|float"},
		[2]string{`pcall(math.random, 0)`, "false|bad argument #1 to 'math.random' (interval is empty)"},
		[2]string{`(function() for i = 1, 100 do local r = math.random(5, 7) assert(r >= 5 and r <= 7 and r == math.floor(r)) end return math.random() < 1 end)()`, "true"},
		[2]string{`tonumber("0x10"), tonumber("10", 2), tonumber("zz", 36), tonumber("  5  "), tonumber("5x"), tonumber(""), tonumber("1e2"), tonumber("8", 8)`, "16|2|1295|5|nil|nil|100.0|nil"},
		[2]string{`tonumber("inf"), tonumber("nan"), tonumber("0x"), tonumber("1_000"), tonumber(nil)`, "nil|nil|nil|nil|nil"},
	)
}

// addDevices gives the firmware two libraries that are not emulated.
func addDevices(t *testing.T, b *luatest.Board) {
	t.Helper()
	if err := b.AddLibraries(luatest.Functions("lcd", "init"), luatest.Functions("fatfs", "mount")); err != nil {
		t.Fatal(err)
	}
}

// TestSlowPort sends more than a port gets rid of.
func TestSlowPort(t *testing.T) {
	expect(t, `uart.setup(1, 1)
local s, n = ("x"):rep(30000), 0
for i = 1, 1000 do n = n + uart.write(1, s) end
print(n)`, "1020000")
}

// TestNullMetatable: what one machine does to json.null is gone with it.
func TestNullMetatable(t *testing.T) {
	for range 2 {
		expect(t, `print(json.null, debug.getmetatable(json.null))
debug.setmetatable(json.null, {__tostring = function() return "changed" end})
print(json.null, json.encode({json.null}))`, "userdata: (nil)	nil", "changed	[null]")
	}
}

func TestHardware(t *testing.T) {
	b := luatest.New(`
local led = gpio.setup(27, 0, gpio.PULLUP)
led(1) print(led(), gpio.get(27))
gpio.setup(5, nil, gpio.PULLUP) print(gpio.get(5))
print(uart.setup(1, 115200), uart.write(1, "hello"), uart.read(1, 10) == "", uart.write(2, "x"))
uart.on(1, "sent", function(id) print("sent", id) rtos.reboot() end)
uart.write(1, "again")
print(pm.power(pm.GPS, true), adc.open(0), adc.get(0), wlan.getMac(), #wlan.getMac(false))
print(mcu.unique_id():toHex(), mcu.hz(), mcu.x32(255), hmeta.model(), hmeta.chip())
print(mobile, fota, lcd and "lcd", socket.dft(), (socket.adapter(socket.dft())), (socket.localIP()))
print(pcall(lcd.init)) print(pcall(fatfs.mount, "x"))
sys.run()`)
	b.Reason = [4]int{0, 0, 3, 0}
	addDevices(t, b)
	run(t, b)
	want := `1	1
1
0	5	true	0
true	true	0	C81234567830	6
0102030405060708	1000	0xff	Air601	AIR601
nil	nil	lcd	2	true	192.168.1.23
false	lcd.init is not emulated: define your own _G.lcd = {...} before the script uses it
false	fatfs.mount is not emulated: define your own _G.fatfs = {...} before the script uses it
sent	1`
	got := strings.Join(printed(b), "\n")
	if got != want {
		t.Errorf("got:\n%s", got)
	}
	if len(b.Events) == 0 || b.Events[0] != (lua.HardwareEvent{Unit: "gpio", Action: "setup 27 0 1"}) {
		t.Errorf("events %v", b.Events)
	}
}

func TestNetworkUp(t *testing.T) {
	b := luatest.New(`
sys.subscribe("IP_READY", function(...) print("IP_READY", ...) print(socket.localIP()) rtos.reboot() end)
sys.timerStart(function() print("connect", wlan.ready()) end, 100)
sys.run()`)
	b.Network.IP = ""
	b.After(1e9, func() { b.Network.IP = "10.0.0.7" })
	run(t, b)
	if got := strings.Join(printed(b), "\n"); got != "connect\tfalse\nIP_READY\t10.0.0.7\t2\n10.0.0.7\t255.255.255.0\t192.168.1.1" {
		t.Errorf("got:\n%s", got)
	}
}

func TestFota(t *testing.T) {
	for result, want := range map[int]string{1: "true|false|1", 0: "true|true|0", -2: "false|true|-2"} {
		b := luatest.New(`
io.writeFile("/p", ("x"):rep(5000))
print(fota.init(), fota.wait(), fota.run("abc"))
print(fota.isDone())
print(fota.finish(true))
print(fota.file("/p"))
print(fota.file("/none"))
rtos.reboot()`)
		up := &luatest.Fota{WriteResult: result, DoneResult: result}
		b.FW.Fota, b.Updater = true, up
		run(t, b)
		want := strings.ReplaceAll(want, "|", "\t")
		ok, rest, _ := strings.Cut(want, "\t")
		done, _, _ := strings.Cut(rest, "\t")
		got := printed(b)
		if got[0] != "true\tfalse\t"+want || got[1] != ok+"\t"+done || got[2] != "true" || !strings.Contains(strings.Join(got[3:], "\n"), want) {
			t.Errorf("result %d: %q", result, got)
		}
		if !strings.Contains(b.Text(), "E/fota no such file for FOTA /none\nfalse\tfalse\t0") {
			t.Errorf("log %s", b.Text())
		}
		if calls := strings.Join(up.Calls, ","); result == 0 && calls != "init 0 0,write 3,done,end true,write 4096,write 904,done,end true" {
			t.Errorf("calls %s", calls)
		}
	}
}
