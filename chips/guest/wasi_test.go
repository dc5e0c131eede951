package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"airlift/chips"
	"airlift/chips/guest/meter"
	"airlift/flash"
)

// wasiGuest makes a guest with some text at 64 and two pieces of it at 16.
func wasiGuest(body func(use func(string) byte, a *asm) []byte) []byte {
	a := &asm{}
	a.pages(1)
	code := body(func(fn string) byte { return a.useOf(wasiModule, fn, wasiTypes[fn]) }, a)
	a.fn("boot", bootType, code...)
	text := "hello, \nworld"
	a.data = cat([]byte{1, 0, iI32Const, 16, iEnd, byte(48 + len(text))},
		[]byte{64, 0, 0, 0, 9, 0, 0, 0}, []byte{73, 0, 0, 0, 4, 0, 0, 0}, make([]byte, 32), []byte(text))
	return a.bytes()
}

// texts are the steps of a boot.
func (w *world) texts() (out []string) {
	for _, s := range w.steps {
		out = append(out, string(s.Kind)+" "+s.Text)
	}
	return out
}

// TestWASI runs guests that call WASI.
func TestWASI(t *testing.T) {
	write := func(f, fd byte) []byte {
		return []byte{iI32Const, fd, iI32Const, 16, iI32Const, 2, iI32Const, 8, iCall, f}
	}
	const iLoad, iLoad64, iWrap = 0x28, 0x29, 0xA7
	for _, c := range []struct {
		name  string
		body  func(use func(string) byte, a *asm) []byte
		image int64
		want  []string
	}{
		{"stdout", func(use func(string) byte, _ *asm) []byte {
			f := use("fd_write")
			return cat(write(f, 1), []byte{iDrop}, write(f, 1), []byte{iDrop, iI32Const, 8, iLoad, 2, 0})
		}, 13, []string{"print hello, ", "print worldhello, ", "print world"}},
		{"stderr apart", func(use func(string) byte, _ *asm) []byte {
			f := use("fd_write")
			return cat(write(f, 2), []byte{iDrop}, write(f, 1))
		}, 0, []string{"print hello, ", "print hello, ", "print world", "print world"}},
		{"a file that is not open", func(use func(string) byte, _ *asm) []byte { return write(use("fd_write"), 3) }, wasiBadFile, nil},
		{"stdin", func(use func(string) byte, _ *asm) []byte { return write(use("fd_write"), 0) }, wasiBadFile, nil},
		{"no arguments", func(use func(string) byte, _ *asm) []byte {
			return []byte{iI32Const, 16, iI32Const, 20, iCall, use("args_sizes_get"), iDrop, iI32Const, 16, iLoad, 2, 0, iI32Const, 20, iLoad, 2, 0, iI32Add}
		}, 0, nil},
		{"no environment", func(use func(string) byte, _ *asm) []byte {
			return []byte{iI32Const, 16, iI32Const, 20, iCall, use("environ_sizes_get"), iDrop, iI32Const, 16, iLoad, 2, 0, iI32Const, 20, iLoad, 2, 0, iI32Add}
		}, 0, nil},
		{"time is virtual", func(use func(string) byte, a *asm) []byte {
			clock, sleep := use("clock_time_get"), a.use("sleep_us")
			// 7 us, and 10 ns for each of the 11 instructions, which are counted
			// when the function begins.
			return []byte{iI32Const, 7, iCall, sleep, iI32Const, 0, iI64Const, 0, iI32Const, 24, iCall, clock, iDrop, iI32Const, 24, iLoad64, 3, 0, iWrap}
		}, 7000 + 10*11, nil},
		{"no such clock", func(use func(string) byte, _ *asm) []byte {
			return []byte{iI32Const, 9, iI64Const, 0, iI32Const, 24, iCall, use("clock_time_get")}
		}, wasiInval, nil},
		{"what is not there is named once", func(use func(string) byte, _ *asm) []byte {
			open, poll := use("path_open"), use("poll_oneoff")
			nine := bytes.Repeat([]byte{iI32Const, 0}, 5)
			call := cat(nine, []byte{iI64Const, 0, iI64Const, 0, iI32Const, 0, iI32Const, 0, iCall, open})
			wait := cat(bytes.Repeat([]byte{iI32Const, 0}, 4), []byte{iCall, poll})
			return cat(call, []byte{iDrop}, call, wait, []byte{iI32Add})
		}, wasiNotCapable + wasiNoSys, []string{"decide finding: WASI's path_open is not there: ENOTCAPABLE", "decide finding: WASI's poll_oneoff is not there: ENOSYS"}},
		{"no folders", func(use func(string) byte, _ *asm) []byte {
			return []byte{iI32Const, 3, iI32Const, 16, iCall, use("fd_prestat_get")}
		}, wasiBadFile, nil},
		{"a terminal", func(use func(string) byte, _ *asm) []byte {
			return []byte{iI32Const, 1, iI32Const, 16, iCall, use("fd_fdstat_get"), iDrop, iI32Const, 16, iLoad, 2, 0}
		}, 2, nil},
		{"exit", func(use func(string) byte, _ *asm) []byte {
			return cat(write(use("fd_write"), 1), []byte{iDrop, iI32Const, 3, iCall, use("proc_exit"), iI32Const, 0})
		}, -1, []string{"print hello, ", "print world", "decide finding: exception: the guest exits with code 3; the chip resets"}},
		{"a wild pointer", func(use func(string) byte, _ *asm) []byte {
			return []byte{iI32Const, 0x7F, iI32Const, 8, iCall, use("random_get")}
		}, -1, []string{"decide finding: exception: pointer 0xFFFFFFFF with 8 bytes is outside the RAM of 65536 bytes; the chip resets"}},
		{"wild pieces", func(use func(string) byte, _ *asm) []byte {
			return []byte{iI32Const, 1, iI32Const, 0x7F, iI32Const, 4, iI32Const, 8, iCall, use("fd_write")}
		}, -1, []string{"decide finding: exception: pointer 0xFFFFFFFF with 32 bytes is outside the RAM of 65536 bytes; the chip resets"}},
		{"too many pieces", func(use func(string) byte, _ *asm) []byte {
			return []byte{iI32Const, 1, iI32Const, 0, iI32Const, 0x7F, iI32Const, 8, iCall, use("fd_write")}
		}, wasiInval, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := bootOnly(t, wasiGuest(c.body), Limits{WASI: true})
			res, err := w.boot()
			if err != nil {
				t.Fatal(err)
			}
			if got := w.texts(); res.Image != c.image || !slices.Equal(got, c.want) {
				t.Errorf("%+v, steps %q; want %d, %q", res, got, c.image, c.want)
			}
		})
	}
}

// TestWASIEndless talks for ever: the steps are used up.
func TestWASIEndless(t *testing.T) {
	w := bootOnly(t, wasiGuest(func(use func(string) byte, _ *asm) []byte {
		f := use("fd_write")
		return []byte{iLoop, void, iI32Const, 1, iI32Const, 16, iI32Const, 2, iI32Const, 8, iCall, f, iDrop, iBr, 0, iEnd, iI32Const, 0}
	}), Limits{WASI: true, Steps: 1_000_000, Watchdog: time.Second})
	res, err := w.boot()
	if err != nil || res.Outcome != chips.BootReset || res.Cause != chips.ResetWatchdog || len(w.steps) > sayMax+2 {
		t.Errorf("%+v, %v, %d steps", res, err, len(w.steps))
	}
}

// TestWASIRandom draws from the stream of the boot's seed.
func TestWASIRandom(t *testing.T) {
	wasm := wasiGuest(func(use func(string) byte, _ *asm) []byte {
		return []byte{iI32Const, 16, iI32Const, 13, iCall, use("random_get"), iDrop, iI32Const, 16, 0x28, 2, 0, iI32Const, 1, 0x76} // >> 1
	})
	draw := func(seed uint64) int64 {
		w := bootOnly(t, wasm, Limits{WASI: true})
		w.seed = seed
		res, err := w.boot()
		if err != nil || res.Outcome != chips.BootCore {
			t.Fatal(res, err)
		}
		return res.Image
	}
	if a, b, c := draw(1), draw(1), draw(2); a != b || a == c {
		t.Errorf("seed 1: %d and %d, seed 2: %d", a, b, c)
	}
}

// TestWASITypes compares the types with those that wazero has for its own.
func TestWASITypes(t *testing.T) {
	rt := wazero.NewRuntime(t.Context())
	defer func() { _ = rt.Close(context.Background()) }()
	m, err := wasi_snapshot_preview1.NewBuilder(rt).Compile(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	theirs := m.ExportedFunctions()
	for name, def := range theirs {
		ours, ok := wasiTypes[name]
		if !ok {
			t.Errorf("%s is missing", name)
			continue
		}
		same := func(ts []meter.ValType, vs []api.ValueType) bool {
			return slices.EqualFunc(ts, vs, func(t meter.ValType, v api.ValueType) bool { return byte(t) == v })
		}
		if !same(ours.Params, def.ParamTypes()) || !same(ours.Results, def.ResultTypes()) {
			t.Errorf("%s: type %s, wazero has %v -> %v", name, ours, def.ParamTypes(), def.ResultTypes())
		}
	}
	if len(theirs) != len(wasiTypes) {
		t.Errorf("%d functions, wazero has %d", len(wasiTypes), len(theirs))
	}
	for name := range wasiCalls {
		if _, ok := wasiTypes[name]; !ok {
			t.Errorf("%s has no type", name)
		}
	}
}

// TestWASIOfBoards asks for WASI in a board file: the guest that asks has it,
// others have not.
func TestWASIOfBoards(t *testing.T) {
	wasm := wasiGuest(func(use func(string) byte, _ *asm) []byte { return []byte{iCall, use("sched_yield")} })
	text := `{format: airlift-board/1, model: X, flash: [{size: 1MiB, partitions: [{name: a, kind: app, offset: 0, size: 64KiB}]}], boot: {guest: x.wasm, wasi: %v}}`
	for allowed, want := range map[bool]string{true: "", false: "unless its board file says wasi: true"} {
		f, err := ReadBoard([]byte(fmt.Sprintf(text, allowed)), "x.yaml", func(string) ([]byte, error) { return wasm, nil }, nil)
		if err != nil {
			t.Fatal(err)
		}
		c, err := f.Chip(f.Models()[0], "", nil)
		if (err == nil) != allowed || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("wasi %v: %v", allowed, err)
		}
		if !allowed {
			continue
		}
		if _, err := WithBoot(c, "y.wasm", wasm); err != nil {
			t.Errorf("--boot on a board that allows it: %v", err)
		}
	}
	if _, err := WithBoot(mustBoard(t, "GenAB"), "y.wasm", wasm); err == nil || !strings.Contains(err.Error(), "wasi: true") {
		t.Errorf("--boot on a board that does not: %v", err)
	}
	if _, err := Load("z", wasiGuest(func(_ func(string) byte, a *asm) []byte {
		return []byte{iCall, a.useOf(wasiModule, "fd_fly", bootType)}
	}), Limits{WASI: true}); err == nil || !strings.Contains(err.Error(), `import "fd_fly": expected a function of wasi_snapshot_preview1`) {
		t.Errorf("an unknown function: %v", err)
	}
}

// TestWASIAfterACut says nothing more once the power is gone, not even what was
// written before.
func TestWASIAfterACut(t *testing.T) {
	w := bootOnly(t, wasiGuest(func(use func(string) byte, a *asm) []byte {
		write, program := use("fd_write"), a.use("program")
		return []byte{
			iI32Const, 1, iI32Const, 24, iI32Const, 1, iI32Const, 8, iCall, write, iDrop,
			iI32Const, 0, iI32Const, 0, iI32Const, 0, iI32Const, 4, iCall, program,
		}
	}), Limits{WASI: true})
	w.power.SetTap(cutFirst{})
	if _, err := w.boot(); !errors.Is(err, flash.ErrPowerLost) || len(w.steps) != 0 {
		t.Errorf("error %v, steps %q", err, w.texts())
	}
}
