package lua_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/afero"
	"pgregory.net/rapid"

	"airlift/lua"
	"airlift/lua/luatest"
)

func TestFskv(t *testing.T) {
	linesBits(t, 32, `fskv.init() local s, g = fskv.set, fskv.get`,
		[2]string{`s("a", 5), s("b", 1.5), s("c", "text"), s("d", true), s("e", {x = 1}), s("f", -7)`, "true|true|true|true|true|true"},
		[2]string{`(function() s("a", 5) s("b", 1.5) s("c", "text") s("d", false) s("f", -7) return g("a"), g("b"), g("c"), g("d"), g("f"), g("none") end)()`, "5|1.5|text|false|-7|nil"},
		[2]string{`(function() s("e", {x = 1, y = {z = "q"}}) return g("e").y.z, g("e", "x"), g("e", "none") end)()`, "q|1|nil"},
		[2]string{`s("a", nil), s("a"), s("a", print), s("", 1), s("x/y", 1), s("..", 1)`, "false|false|false|false|false|false"},
		[2]string{`s("a", ("x"):rep(4095)), #g("a"), s("b", ("x"):rep(4096)), g("b")`, "true|4095|false|nil"},
		[2]string{`s("a", ""), g("a")`, "true|nil"}, // one byte only
		[2]string{`fskv.del("none"), s("a", 1), fskv.del("a"), g("a")`, "false|true|true|nil"},
		[2]string{`(pcall(s, nil, 1)), (pcall(g)), (pcall(fskv.del)), (pcall(fskv.next, 1))`, "false|false|false|false"},
		[2]string{`(function() s("t", {name = "w", age = 1}) fskv.sett("t", "name") fskv.sett("t", "flag", true) return json.encode(g("t", "name")), g("t").age, g("t").flag end)()`, "|1|true"},
		[2]string{`(function() s("t", "text") return fskv.sett("t", "k", "v"), g("t").k, g("t", "k"), g("t").x, fskv.sett("t", "f", print), fskv.sett("t", "", 1) end)()`, "true|v|v|nil|false|false"},
		[2]string{`s("k\0z", 3), g("k")`, "true|3"},
		[2]string{`fskv.status()`, "8192|65536|0"},
	)
	expect(t, `fskv.init() for _, k in ipairs {"b", "a", "c"} do fskv.set(k, k) end
local n, it = {}, fskv.iter() while true do local k = fskv.next(it) if not k then break end n[#n + 1] = k end
print(table.concat(n, " "), fskv.next(it), select(3, fskv.stat()), fskv.clear(), select(3, fskv.kv_stat()))`, "a b c\tnil\t3\ttrue\t0")
	expect(t, `print(fskv.get("a"), fskv.set("a", 1)) print(fskv.init(), fskv.init())`,
		"E/fskv call fskv.init() first!!!", "E/fskv call fskv.init() first!!!", "nil", "true\ttrue")
}

// TestFskvBytes: what is stored (luatos-runtime.md 9.8).
func TestFskvBytes(t *testing.T) {
	for bits, want := range map[int]map[string]string{
		32: {"i": "\x15\xFE\xFF\xFF\xFF", "f": "\x03\x3F\xC0\x00\x00", "s": "\x04hello", "b": "\x01\x01", "t": "\x05[1]"},
		64: {"i": "\x15\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF", "f": "\x03\x3F\xC0\x00\x00", "s": "\x04hello", "b": "\x01\x01", "t": "\x05[1]"},
	} {
		b := luatest.New(`fskv.init() fskv.set("i", -2) fskv.set("f", 1.5) fskv.set("s", "hello") fskv.set("b", true) fskv.set("t", {1}) rtos.reboot()`)
		b.FW.Bits = bits
		run(t, b)
		for _, k := range slices.Sorted(maps.Keys(want)) {
			if p, err := afero.ReadFile(b.KVFs, "/"+k); err != nil || string(p) != want[k] {
				t.Errorf("%d bits: %s is %q, %v, expected %q", bits, k, p, err, want[k])
			}
		}
		if b.KVMounts != 1 {
			t.Errorf("mounted %d times", b.KVMounts)
		}
	}
}

func TestFskvMissing(t *testing.T) {
	b := luatest.New(`print(fskv) rtos.reboot()`)
	b.NoKV = true
	run(t, b)
	if !strings.Contains(b.Text(), "nil") || b.KVMounts != 0 {
		t.Error(b.Text())
	}
	b = luatest.New(`print(fskv.init()) fskv.get("x") rtos.reboot()`)
	b.KVErr = errors.New("no")
	run(t, b)
	if !strings.Contains(b.Text(), "false\nE/fskv call fskv.init() first!!!") {
		t.Error(b.Text())
	}
}

// lossyFs loses the power at its nth call.
type lossyFs struct {
	afero.Fs
	b    *luatest.Board
	left int
}

func (f *lossyFs) OpenFile(name string, flag int, perm os.FileMode) (afero.File, error) {
	if f.left--; f.left < 0 {
		f.b.Lost = true
		return nil, errors.New("power lost")
	}
	return f.Fs.OpenFile(name, flag, perm)
}

func TestFskvPowerLoss(t *testing.T) {
	b := luatest.New(`fskv.init() for i = 1, 9 do pcall(fskv.set, "k" .. i, i) print(i) end`)
	b.KVFs = &lossyFs{b.KVFs, b, 3}
	if exit := run(t, b); exit.Kind != lua.ExitPowerLost || b.AfterLoss != 0 || !strings.HasSuffix(b.Text(), "\n3") {
		t.Errorf("%v, %d after the loss\n%s", exit, b.AfterLoss, b.Text())
	}
}

// TestFskvModel compares sequences of calls with a map.
func TestFskvModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		model := map[string]string{}
		var script, want strings.Builder
		script.WriteString("fskv.init()\n")
		key := rapid.SampledFrom([]string{"a", "b", "c", "d"})
		for i := rapid.IntRange(1, 20).Draw(t, "calls"); i > 0; i-- {
			k := key.Draw(t, "key")
			switch rapid.IntRange(0, 4).Draw(t, "op") {
			case 0, 1:
				v := rapid.SampledFrom([]string{`"text"`, "1", "-5", "0.25", "true", "false", `"9"`}).Draw(t, "value")
				model[k] = v
				fmt.Fprintf(&script, "print(fskv.set(%q, %s))\n", k, v)
				want.WriteString("true\n")
			case 2:
				_, ok := model[k]
				delete(model, k)
				fmt.Fprintf(&script, "print(fskv.del(%q))\n", k)
				fmt.Fprintln(&want, ok)
			case 3:
				v, ok := model[k]
				if !ok {
					v = "nil"
				}
				fmt.Fprintf(&script, "print(fskv.get(%q) == %s)\n", k, v)
				want.WriteString("true\n")
			case 4:
				fmt.Fprintf(&script, "do local s, it = \"\", fskv.iter() for k in fskv.next, it do s = s .. k end print(s) end\n")
				fmt.Fprintln(&want, strings.Join(slices.Sorted(maps.Keys(model)), ""))
			}
		}
		b := luatest.New(script.String() + "rtos.reboot()")
		m, err := lua.New(b, lua.Options{Steps: 1e6})
		if err != nil {
			t.Fatal(err)
		}
		m.Run()
		if got := strings.Join(printed(b), "\n") + "\n"; got != want.String() {
			t.Fatalf("script:\n%s\ngives:\n%s\nexpected:\n%s", script.String(), got, want.String())
		}
	})
}

// FuzzFskv reads files that something else wrote.
func FuzzFskv(f *testing.F) {
	f.Add("key", []byte("\x05{\"a\":[1,2]}"))
	f.Add("k\x00", []byte("\x15\x01"))
	f.Add("../x", []byte("\x03\x3F"))
	f.Add("", []byte{})
	f.Fuzz(func(t *testing.T, key string, data []byte) {
		b := luatest.New(`fskv.init() local k = io.readFile("/k") for _, key in ipairs {"x", k} do
pcall(fskv.get, key) pcall(fskv.get, key, k) pcall(fskv.sett, key, k, k) pcall(fskv.set, key, k) pcall(fskv.get, key) pcall(fskv.del, key) end
pcall(fskv.status) pcall(fskv.clear) rtos.reboot()`)
		b.Write("/k", key)
		if err := afero.WriteFile(b.KVFs, "/x", data, 0o666); err != nil {
			t.Fatal(err)
		}
		m, err := lua.New(b, lua.Options{Steps: 1e6})
		if err != nil {
			t.Fatal(err)
		}
		if e := m.Run(); e.Cause != lua.CauseRtos {
			t.Fatalf("%v %s", e, e.Err)
		}
	})
}
