package lua53

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"

	glua "github.com/yuin/gopher-lua"
)

// TestBytecodeBothWays runs random programs as luac5.3's bytecode on our
// machine, and as our bytecode on lua5.3: both print what the source does.
func TestBytecodeBothWays(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short, which the race detector is used with: one thing after the other")
	}
	ref := reference(t, 64)
	luac, err := exec.LookPath("luac5.3")
	if err != nil {
		t.Skip("SKIPPED: no luac5.3")
	}
	n := 60
	if full() {
		n = 5000
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "p.lua")
	out := filepath.Join(dir, "p.luac")
	for seed := uint64(1); seed <= uint64(n); seed++ {
		src := newProgen(seed).program()
		if err := os.WriteFile(file, []byte(src), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, strip := range []bool{false, true} {
			args := []string{"-o", out, file}
			if strip {
				args = append([]string{"-s"}, args...)
			}
			if b, err := exec.Command(luac, args...).CombinedOutput(); err != nil {
				t.Fatalf("seed %d: luac: %v %s", seed, err, b)
			}
			theirs, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			want := runFile(ref, out)
			if got := runOurs(string(theirs), 64); got != want {
				t.Errorf("seed %d, strip %v: luac's bytecode on our machine: %s", seed, strip, firstDiff(want, got))
			}
			p, err := Compile(src, "@"+file, 64)
			if err != nil {
				t.Fatal(err)
			}
			ours, err := p.Dump(LayoutPC, strip)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(out, ours, 0o644); err != nil {
				t.Fatal(err)
			}
			if got := runFile(ref, out); got != want {
				t.Errorf("seed %d, strip %v: our bytecode on lua5.3: %s", seed, strip, firstDiff(want, got))
			}
		}
	}
}

func runFile(ref, name string) string {
	cmd := exec.Command(ref, name)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		line, _, _ := bytes.Cut(errs.Bytes(), []byte("\nstack traceback:"))
		_, msg, _ := bytes.Cut(line, []byte(": "))
		out.WriteString("lua5.3: " + string(msg) + "\n")
	}
	return out.String()
}

// bounded runs f on a goroutine that ends when the machine's steps are used
// up, as a device's run ends.
func bounded(steps int64, bits int, f func(vm *VM)) {
	done := make(chan any)
	go func() {
		var p any
		ended := false
		defer func() {
			if !ended {
				if p = recover(); p != nil {
					p = fmt.Sprintf("%v\n%s", p, debug.Stack())
				}
			}
			done <- p
		}()
		vm := New(Options{
			Bits: bits, Slice: steps, MemoryLimit: 4 << 20, MaxStack: 20000, Rethrow: true,
			StepHook: func(*VM) int64 { runtime.Goexit(); return 0 },
		})
		vm.OpenLibs()
		f(vm)
		ended = true
	}()
	if p := <-done; p != nil {
		panic(p)
	}
}

func FuzzCompile(f *testing.F) {
	for seed := uint64(1); seed <= 10; seed++ {
		f.Add(newProgen(seed).program())
	}
	for _, s := range []string{"return 1", "goto a ::a::", "local function f(...) return ... end", "a.b['c']:d{1, x = 2; ...}", "--[==[ ]==]", "x = '\\u{7FFF}\\z \\x41\\065'", "for i = 1, 2 do break end"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		for _, bits := range []int{32, 64} {
			p, err := Compile(src, "=fuzz", bits)
			if err != nil {
				continue
			}
			if err := p.Verify(); err != nil {
				t.Fatalf("our own code does not verify: %v", err)
			}
			lay := Layout32
			if bits == 64 {
				lay = LayoutMCU64
			}
			b, err := p.Dump(lay, false)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Undump(b, "=fuzz", bits); err != nil {
				t.Fatal(err)
			}
			bounded(20000, bits, func(vm *VM) { vm.Call(vm.NewFunction(p)) })
		}
	})
}

func FuzzUndump(f *testing.F) {
	for seed := uint64(1); seed <= 12; seed++ {
		bits, lay := 64, LayoutPC
		switch seed % 3 {
		case 0:
			bits, lay = 32, Layout32
		case 1:
			lay = LayoutMCU64
		}
		p, err := Compile(newProgen(seed).program(), "=seed", bits)
		if err != nil {
			f.Fatal(err)
		}
		b, err := p.Dump(lay, seed%2 == 0)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, s := range []string{"for i = 1, 3 do print(i) end", "for k, v in pairs({1}) do end", "local a <close> = 1", "return {...}, f(...)", "local t = {1, 2, 3, f()}"} {
		if p, err := Compile(s, "=seed", 32); err == nil {
			b, _ := p.Dump(Layout32, true)
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, bits := range []int{32, 64} {
			p, err := Undump(b, "=fuzz", bits)
			if err != nil {
				continue
			}
			bounded(20000, bits, func(vm *VM) { vm.Call(vm.NewFunction(p)) })
		}
	})
}

func FuzzPattern(f *testing.F) {
	f.Add("hello world", "(%w+) (%w+)", "%2 %1")
	f.Add("THE (quick) fox", "%((%a+)%)", "<%0>")
	f.Add("aaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "a-a-a-a-a-a-a-b", "")
	f.Add("f(a(b)c)", "%b()", "")
	f.Add("x", "%f[%w]%w*%f[%W]", "%%")
	f.Add("", "[]-]", "")
	f.Fuzz(func(t *testing.T, s, p, r string) {
		bounded(200000, 64, func(vm *VM) {
			str := vm.Globals().RawGetString("string").(*glua.LTable)
			for _, fn := range []string{"find", "match", "gsub"} {
				args := []glua.LValue{glua.LString(s), glua.LString(p)}
				if fn == "gsub" {
					args = append(args, glua.LString(r))
				}
				vm.Call(str.RawGetString(fn), args...)
			}
		})
	})
}

func FuzzPack(f *testing.F) {
	f.Add("<i4 s2 z", []byte("\x01\x00\x00\x00\x02\x00abxyz\x00"))
	f.Add(">!8 b d Xi8 c3", []byte("12345678901234567890"))
	f.Add("i16 I15 j n f", bytes.Repeat([]byte{0xff}, 64))
	f.Fuzz(func(t *testing.T, format string, data []byte) {
		for _, bits := range []int{32, 64} {
			bounded(200000, bits, func(vm *VM) {
				str := vm.Globals().RawGetString("string").(*glua.LTable)
				vm.Call(str.RawGetString("packsize"), glua.LString(format))
				vals, err := vm.Call(str.RawGetString("unpack"), glua.LString(format), glua.LString(data))
				if err != nil || len(vals) == 0 {
					return
				}
				args := append([]glua.LValue{glua.LString(format)}, vals[:len(vals)-1]...)
				again, err := vm.Call(str.RawGetString("pack"), args...)
				if err != nil {
					return
				}
				vals2, err := vm.Call(str.RawGetString("unpack"), glua.LString(format), again[0])
				if err != nil {
					t.Fatalf("%q: cannot unpack what pack made: %v", format, err)
				}
				for i := range vals[:len(vals)-1] {
					a, b := fromL(vals[i]), fromL(vals2[i])
					if !rawEqual(&a, &b) && a.f() == a.f() {
						t.Fatalf("%q: value %d is %v, was %v", format, i, vals2[i], vals[i])
					}
				}
			})
		}
	})
}
