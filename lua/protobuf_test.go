package lua_test

import (
	"strings"
	"testing"

	"airlift/lua/luatest"
)

// TestProtobuf writes schemas with string.pack-like helpers in Lua, and reads
// and writes messages with them. The bytes are those of the format's own
// documentation where it has any.
func TestProtobuf(t *testing.T) {
	for _, bits := range []int{32, 64} {
		b := luatest.New(protobufScript)
		b.FW.Bits = bits
		run(t, b)
		if text := b.Text(); !strings.Contains(text, "all done") || strings.Contains(text, "check failed") {
			t.Errorf("%d bits:\n%s", bits, text)
		}
	}
}

const protobufScript = `
local function check(what, ok) if not ok then print("check failed", what) end end
local function uvarint(n) local s = "" while n > 127 do s = s .. string.char(n & 127 | 128) n = n >> 7 end return s .. string.char(n) end
local function text(tag, s) return uvarint(tag << 3 | 2) .. uvarint(#s) .. s end
local function num(tag, n) return uvarint(tag << 3) .. uvarint(n) end
local function field(name, n, label, kind, typename, more) return text(2, text(1, name) .. num(3, n) .. num(4, label) .. num(5, kind) .. (typename and text(6, typename) or "") .. (more or "")) end
local function schema(pkg, syntax, ...) return text(1, text(2, pkg) .. table.concat {...} .. text(12, syntax)) end
local entry = text(3, text(1, "MapEntry") .. field("key", 1, 1, 9) .. field("value", 2, 1, 5) .. text(7, num(7, 1)))
local all = text(4, text(1, "All") .. field("i", 1, 1, 5) .. field("s", 2, 1, 9) .. field("sub", 3, 1, 11, ".p.All") .. field("packed", 4, 3, 5) ..
  field("names", 5, 3, 9) .. field("colour", 6, 1, 14, ".p.Colour") .. field("map", 7, 3, 11, ".p.All.MapEntry") .. field("z", 8, 1, 17) ..
  field("f", 9, 1, 2) .. field("d", 10, 1, 1) .. field("b", 11, 1, 8) .. field("one", 12, 1, 5, nil, num(9, 0)) .. field("other", 13, 1, 9, nil, num(9, 0)) ..
  field("fix", 14, 1, 7) .. field("zz", 15, 1, 18) .. text(8, text(1, "choice")) .. entry)
local colour = text(5, text(1, "Colour") .. text(2, text(1, "RED") .. num(2, 0)) .. text(2, text(1, "BLUE") .. num(2, 2)))
local ok, n = protobuf.load(schema("p", "proto3", colour, all))
check("load", ok and n > 100)
check("load twice", (protobuf.load(schema("p", "proto3", colour, all))))
check("load text", (protobuf.load("message X {}")) == false)
local function hex(t) return (protobuf.encode("p.All", t):toHex()) end
check("150", hex {i = 150} == "089601")
check("testing", hex {s = "testing"} == "120774657374696E67")
check("nested", hex {sub = {i = 150}} == "1A03089601")
check("packed", hex {packed = {3, 270, 86942}} == "2206038E029EA705")
check("repeated", hex {names = {"a", "b"}} == "2A01612A0162")
check("enum", hex {colour = "BLUE"} == "3002" and hex {colour = 2} == "3002")
check("map", hex {map = {x = 1}} == "3A050A01781001")
check("zigzag", hex {z = -1} == "4001" and hex {z = 1} == "4002" and hex {zz = -2} == "7803")
check("float", hex {f = 1.5} == "4D0000C03F" and hex {d = 1.5} == "51000000000000F83F")
check("zeros", hex {i = 0, s = "", b = false, f = 0} == "" and hex {one = 0} == "6000")
check("fixed", hex {fix = 1} == "7501000000")
check("minus one", hex {i = -1} == "08FFFFFFFFFFFFFFFFFF01")
check("order", hex {s = "x", i = 1} == hex {i = 1, s = "x"})
local t = {i = -5, s = "x", sub = {i = 7}, packed = {1, 2}, names = {"q"}, colour = "BLUE", map = {k = 3, l = 0}, z = -9, f = 0.5, d = 0.25, b = true, other = "o", fix = 9, zz = -1}
local r = protobuf.decode("p.All", protobuf.encode(".p.All", t))
check("all", r.i == -5 and r.s == "x" and r.sub.i == 7 and r.packed[2] == 2 and r.names[1] == "q" and r.colour == "BLUE" and r.map.k == 3 and r.map.l == 0 and
  r.z == -9 and r.f == 0.5 and r.d == 0.25 and r.b == true and r.other == "o" and r.choice == "other" and r.fix == 9 and r.zz == -1)
local d = protobuf.decode("p.All", "")
check("defaults", d.i == 0 and d.s == "" and d.b == false and #d.packed == 0 and d.colour == "RED" and d.sub == nil and d.one == nil and math.type(d.f) == "float")
check("unpacked into packed", protobuf.decode("p.All", ("20012002"):fromHex()).packed[2] == 2)
check("unknown field", protobuf.decode("p.All", ("A2060178900107089601"):fromHex()).i == 150)
check("into a table", protobuf.decode("p.All", ("089601"):fromHex(), {s = "kept"}).s == "kept")
local _, e = pcall(protobuf.decode, "p.All", ("0A0161"):fromHex())
check("mismatch: " .. tostring(e), e:find("type mismatch for field 'i' at offset 2, varint expected for type int32, got bytes", 1, true))
_, e = pcall(protobuf.decode, "p.All", ("12FF01"):fromHex())
check("cut: " .. tostring(e), e:find("unfinished bytes (len 255 at offset 2)", 1, true))
_, e = pcall(protobuf.encode, "p.None", {})
check("no type: " .. tostring(e), e:find("type 'p.None' does not exists", 1, true))
_, e = pcall(protobuf.encode, "p.All", {colour = "GREEN"})
check("no enum: " .. tostring(e), e:find("can not encode unknown enum 'GREEN' at field 'colour'", 1, true))
_, e = pcall(protobuf.encode, "p.All", {i = {}})
check("no number: " .. tostring(e), e:find("number expected for field 'i', got table", 1, true))
local loop = {} loop.sub = loop
check("endless", not pcall(protobuf.encode, "p.All", loop))
check("text number", protobuf.encode("p.All", {i = "12"}):toHex() == "080C")
protobuf.load(schema("q", "proto2", text(4, text(1, "Two") .. field("a", 1, 1, 5) .. field("l", 2, 3, 5))))
check("proto2", protobuf.encode("q.Two", {a = 0, l = {1}}):toHex() == "08001001" and protobuf.decode("q.Two", "").a == nil)
protobuf.clear()
check("cleared", not pcall(protobuf.encode, "p.All", {}))
print("all done")
`
