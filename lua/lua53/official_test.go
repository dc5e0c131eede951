package lua53

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	glua "github.com/yuin/gopher-lua"
)

// officialFiles are the files of Lua's own test suite, with the reason why a
// file cannot pass as a whole; "" means that it must.
var officialFiles = []struct{ name, reason string }{
	{"api", "skips itself: needs the C API"},
	{"attrib", "tests require and package.path of a PC"},
	{"big", ""},
	{"bitwise", ""},
	{"bwcoercion", ""},
	{"calls", ""},
	{"closure", ""},
	{"code", "skips itself: needs the C API"},
	{"constructs", ""},
	{"coroutine", ""},
	{"db", ""},
	{"errors", "needs FILE* userdata of io"},
	{"events", ""},
	{"files", "tests io and os of a PC"},
	{"gc", "stops where a cycle through a thread must survive one collection; ours finds it at once"},
	{"goto", ""},
	{"heavy", "needs all memory of the host"},
	{"literals", ""},
	{"locals", ""},
	{"main", "tests the stand-alone interpreter in a shell"},
	{"math", ""},
	{"nextvar", ""},
	{"pm", ""},
	{"sort", ""},
	{"strings", ""},
	{"tpack", ""},
	{"utf8", ""},
	{"vararg", ""},
	{"verybig", "writes a file"},
}

// officialPrelude is what the tests expect around the language.
const officialPrelude = `
_port, _soft, arg = true, true, {}
io = {stdout = {}, write = function(...) return io.stdout end}
function io.stdout:write() return self end
function io.stdout:flush() end
function io.stdout:setvbuf() end
io.stderr = io.stdout
os = {clock = function() return 0 end, time = function() return 1700000000 end, getenv = function() end,
  setlocale = function(l) return (l == nil or l == "C" or l == "") and "C" or nil end}
local readfile = readfile
package = {loaded = debug.getregistry()._LOADED, preload = {}, path = "?.lua"}
package.loaded.package, package.loaded.io, package.loaded.os = package, io, os
function require(n)
  if package.loaded[n] ~= nil then return package.loaded[n] end
  local s = readfile(n .. ".lua")
  if not s then error("module '" .. n .. "' not found") end
  local r = assert(load(s, "@" .. n .. ".lua"))(n)
  package.loaded[n] = r == nil and true or r
  return package.loaded[n]
end
`

// TestOfficial runs Lua's own tests, from a checkout of lua/lua at v5.3.6 that
// LUA_SRC names.
func TestOfficial(t *testing.T) {
	root := os.Getenv("LUA_SRC")
	if root == "" {
		t.Skip("SKIPPED: set LUA_SRC to a checkout of lua/lua at v5.3.6")
	}
	dir := filepath.Join(root, "testes")
	for _, f := range officialFiles {
		t.Run(f.name, func(t *testing.T) {
			if f.reason != "" {
				t.Skip("left out: " + f.reason)
			}
			src, err := os.ReadFile(filepath.Join(dir, f.name+".lua"))
			if err != nil {
				t.Skip("SKIPPED: ", err)
			}
			var out bytes.Buffer
			vm := New(Options{Bits: 64, Rethrow: true, Print: func(s string) { out.WriteString(s + "\n") }})
			vm.OpenLibs()
			vm.Register("", []NativeEntry{{"readfile", func(a Args) int {
				b, err := os.ReadFile(filepath.Join(dir, filepath.Base(a.Str(0))))
				if err != nil {
					return 0
				}
				a.PushString(string(b))
				return 1
			}}})
			pre, err := vm.Load([]byte(officialPrelude), "=prelude", "t")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := vm.Call(pre); err != nil {
				t.Fatal(err)
			}
			fn, err := vm.LoadFile(src, "@"+f.name+".lua")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := vm.Call(fn); err != nil {
				lines := strings.Split(out.String(), "\n")
				t.Errorf("%s (after %q)", vm.ToString(err.(*glua.ApiError).Object), lines[max(0, len(lines)-3):])
			}
		})
	}
}
