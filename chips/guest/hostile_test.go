package guest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"airlift/chips"
	"airlift/chips/guest/meter"
	"airlift/flash"
	"airlift/flash/flashtest"
)

// bootOnly makes a board whose boot code is a module of the test.
func bootOnly(t testing.TB, wasm []byte, l Limits) *world {
	t.Helper()
	m, err := Load("test", wasm, l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	d, err := flash.New(flash.NOR(1 << 20))
	if err != nil {
		t.Fatal(err)
	}
	table := flash.Table{{Name: "slot0", Kind: kindApp, Size: 1 << 20}}
	c := &chips.Chip{
		Model: &chips.Model{Name: "Test", RetainedWords: 2}, Profile: &chips.Profile{}, Partitions: []flash.Table{table},
		Bootloader: &Bootloader{Module: m, Tables: []flash.Table{table}},
	}
	return (&world{t: t, chip: c, flashes: []*flash.Device{d}}).plug()
}

// TestRefusedModules are modules that are not even tried.
func TestRefusedModules(t *testing.T) {
	boot := func(body ...byte) []byte {
		a := &asm{}
		a.pages(1)
		a.fn("boot", bootType, body...)
		return a.bytes()
	}
	with := func(f func(a *asm)) []byte {
		a := &asm{}
		f(a)
		a.fn("boot", bootType, iI32Const, 0)
		return a.bytes()
	}
	good := boot(iI32Const, 0)
	for _, c := range []struct {
		name string
		wasm []byte
		want string
	}{
		{"nothing", nil, "WebAssembly header"},
		{"text", []byte("(module)"), "WebAssembly header"},
		{"ELF", []byte("\x7fELF\x01\x01\x01\x00"), "found 7F 45 4C 46"},
		{"100 MB", make([]byte, 100<<20), "at most 1048576 bytes, found 104857600"},
		{"no boot", (&asm{}).bytes(), `no export "boot"`},
		{"boot with a parameter", func() []byte {
			a := &asm{}
			a.fn("boot", meter.FuncType{Params: i32, Results: i32}, iI32Const, 0)
			return a.bytes()
		}(), "export boot: expected type [] -> [i32], found [i32] -> [i32]"},
		{"WASI", with(func(a *asm) {
			a.useOf("wasi_snapshot_preview1", "fd_write", meter.FuncType{Params: ints(4), Results: i32})
		}), `import "wasi_snapshot_preview1 fd_write": expected functions of airlift_v1, found one of WASI (a guest has no WASI unless its board file says wasi: true`},
		{"unknown import", with(func(a *asm) { a.useOf(HostModule, "format_disk", meter.FuncType{}) }), `import "format_disk"`},
		{"wrong import", with(func(a *asm) { a.useOf(HostModule, "read", meter.FuncType{Params: ints(3), Results: i32}) }), "expected type [i32 i32 i32 i32] -> [i32]"},
		{"memory too large", with(func(a *asm) { a.pages(100) }), "memory, in pages of 64 KiB: expected at most 1, found 100"},
		{"start section", with(func(a *asm) { a.fn("", meter.FuncType{}); a.start = []byte{0} }), "start section"},
		{"vector", boot(0xFD, 12), "vector instruction"},
		{"atomic", boot(0xFE, 3), "atomic instruction"},
		{"try", boot(0x1F, void, 0), "exception instruction"},
		{"throw", boot(0x08, 0), "exception instruction"},
		{"tail call", boot(0x12, 0), "tail call"},
		{"its own step counter", boot(iI64Const, 0, iGlobalSet, 0, iI32Const, 0), "global index"},
		{"the meter's local", boot(iLocalGet, 0), "local index"},
		{"counter's name", with(func(a *asm) {
			a.globals = []byte{1, 0x7E, 1, iI64Const, 0, iEnd}
			a.exports = cat(name(meter.StepsGlobal), []byte{3, 0})
			a.nexports = 1
		}), "export name"},
		{"unknown instruction", boot(0xFF), "found 0xFF"},
		{"no end", boot(iLoop, void), "the end of its blocks"},
		{"type mismatch", boot(iI64Const, 0), "not a valid module"},
		{"data behind the memory", with(func(a *asm) {
			a.pages(1)
			a.data = cat([]byte{1, 0, iI32Const}, []byte{0xFC, 0xFF, 0x03}, []byte{iEnd, 8}, make([]byte, 8))
		}), "RAM"},
		{"cut short", good[:len(good)-3], "offset 0x24: section: expected 6 bytes, found 3"},
		{"more behind it", append(bytes.Clone(good), 1, 2, 3), "section"},
		{"too many functions", func() []byte {
			return cat([]byte("\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x05"), []byte{0xFF, 0xFF, 0xFF, 0x7F, 0})
		}(), "number of functions"},
		{"nested blocks", boot(bytes.Repeat([]byte{0x02, void}, 300)...), "blocks within blocks"},
		{"long number", boot(iI32Const, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0), "a signed number of 32 bits"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := Load("test", c.wasm, Limits{})
			if err == nil {
				err = m.Has(RoleBoot)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "guest test") {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// TestHostileGuests are modules that run and are stopped.
func TestHostileGuests(t *testing.T) {
	const steps = 1_000_000
	forever := func(body ...byte) []byte { return cat([]byte{iLoop, void}, body, []byte{iBr, 0, iEnd, iI32Const, 0}) }
	for _, c := range []struct {
		name  string
		make  func(a *asm) []byte // imports what it needs, returns the body of boot
		limit Limits
		want  chips.BootOutcome
		cause chips.ResetCause
		text  string
	}{
		{"endless loop", func(*asm) []byte { return forever() }, Limits{Watchdog: time.Second}, chips.BootReset, chips.ResetWatchdog, "never ends: more than 1000000 steps; the watchdog resets"},
		{"endless loop without a watchdog", func(*asm) []byte { return forever() }, Limits{}, chips.BootHang, 0, "never ends: more than 1000000 steps"},
		{"endless fill", func(*asm) []byte {
			return forever(iI32Const, 0, iI32Const, 0, iI32Const, 0x80, 0x80, 0x02, 0xFC, 11, 0) // 32 KiB
		}, Limits{}, chips.BootHang, 0, "never ends"},
		{"endless erase", func(a *asm) []byte {
			f := a.use("erase")
			return forever(iI32Const, 0, iI32Const, 0, iI32Const, 0x80, 0x80, 0xC0, 0x00, iCall, f, iDrop) // 1 MiB
		}, Limits{}, chips.BootHang, 0, "host functions did more than 1000000 steps' work"},
		{"endless erase with a watchdog", func(a *asm) []byte {
			f := a.use("erase")
			return forever(iI32Const, 0, iI32Const, 0, iI32Const, 0x80, 0x80, 0xC0, 0x00, iCall, f, iDrop)
		}, Limits{Watchdog: time.Second, SectorErase: 45 * time.Millisecond}, chips.BootReset, chips.ResetWatchdog, "the watchdog was not fed for 1s"},
		{"endless sleep", func(a *asm) []byte { f := a.use("sleep_us"); return forever(iI32Const, 0x7F, iCall, f) }, Limits{Watchdog: time.Second}, chips.BootReset, chips.ResetWatchdog, "the watchdog was not fed"},
		{"endless hash", func(a *asm) []byte {
			f := a.use("sha256")
			return forever(iI32Const, 0, iI32Const, 0, iI32Const, 0x80, 0x80, 0xC0, 0x00, iI32Const, 0, iCall, f, iDrop)
		}, Limits{}, chips.BootHang, 0, "steps' work"},
		{"endless talk", func(a *asm) []byte {
			f := a.use("say")
			return forever(iI32Const, 0, iI32Const, 0, iI32Const, 1, iCall, f)
		}, Limits{}, chips.BootHang, 0, "steps' work"},
		{"recursion", func(*asm) []byte { return []byte{iCall, 0} }, Limits{}, chips.BootReset, chips.ResetException, "more than 500 calls within calls"},
		{"unreachable", func(*asm) []byte { return []byte{iUnreachable} }, Limits{}, chips.BootReset, chips.ResetException, "exception: unreachable"},
		{"division by zero", func(*asm) []byte { return []byte{iI32Const, 1, iI32Const, 0, iI32DivS} }, Limits{}, chips.BootReset, chips.ResetException, "integer divide by zero"},
		{"wild store", func(*asm) []byte { return []byte{iI32Const, 0x7F, iI32Const, 1, iI32Store, 2, 0, iI32Const, 0} }, Limits{}, chips.BootReset, chips.ResetException, "out of bounds memory access"},
		{"grows for ever", func(*asm) []byte { return forever(iI32Const, 1, iMemoryGrow, 0, iDrop) }, Limits{}, chips.BootHang, 0, "never ends"},
		{"uses memory that the chip does not have", func(*asm) []byte {
			return []byte{iI32Const, 0x80, 0x80, 0x03, iI32Const, 1, iI32Store, 2, 0, iI32Const, 0}
		}, Limits{RAM: 16 << 10}, chips.BootReset, chips.ResetException, "memory beyond the chip's 16384 bytes of RAM was written"},
		{"wild pointer", func(a *asm) []byte {
			f := a.use("read")
			return []byte{iI32Const, 0, iI32Const, 0, iI32Const, 0x7F, iI32Const, 8, iCall, f}
		}, Limits{}, chips.BootReset, chips.ResetException, "pointer 0xFFFFFFFF with 8 bytes is outside the RAM"},
		{"pointer beyond the RAM", func(a *asm) []byte {
			f := a.use("read")
			return []byte{iI32Const, 0, iI32Const, 0, iI32Const, 0x80, 0x80, 0x01, iI32Const, 8, iCall, f}
		}, Limits{RAM: 16 << 10}, chips.BootReset, chips.ResetException, "pointer 0x4000 with 8 bytes"},
		{"retained word", func(a *asm) []byte { f := a.use("retained_get"); return []byte{iI32Const, 2, iCall, f} }, Limits{}, chips.BootReset, chips.ResetException, "retained word 2: the chip has 2"},
		{"unknown result", func(a *asm) []byte {
			f := a.use("result")
			return []byte{iI32Const, 0x7F, iI32Const, 2, iCall, f, iI32Const, 0}
		}, Limits{}, chips.BootReset, chips.ResetException, "result 4294967295"},
		{"unknown message", func(a *asm) []byte {
			f := a.use("say")
			return []byte{iI32Const, 9, iI32Const, 0, iI32Const, 1, iCall, f, iI32Const, 0}
		}, Limits{}, chips.BootReset, chips.ResetException, "message of kind 9"},
		{"meaningless return", func(*asm) []byte { return []byte{iI32Const, 0x79} }, Limits{}, chips.BootFailed, 0, "boot returned -7"},
		{"reset", func(a *asm) []byte { f := a.use("reset"); return []byte{iCall, f, iI32Const, 0} }, Limits{}, chips.BootReset, chips.ResetSoftware, "reset the chip"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := &asm{}
			a.pages(1)
			a.fn("boot", bootType, c.make(a)...)
			c.limit.Steps = steps
			w := bootOnly(t, a.bytes(), c.limit)
			res, err := w.boot()
			if err != nil {
				t.Fatal(err)
			}
			last := w.steps[len(w.steps)-1].Text
			if res.Outcome != c.want || res.Cause != c.cause || !strings.Contains(last, c.text) {
				t.Errorf("%s, %s: %s", res.Outcome, res.Cause, last)
			}
		})
	}
}

// TestCutUnwinds cuts the power in a guest that would go on talking: nothing
// of it may run after the cut.
func TestCutUnwinds(t *testing.T) {
	a := &asm{}
	a.pages(1)
	program, say, retain := a.use("program"), a.use("say"), a.use("retained_set")
	a.fn("boot", bootType,
		iI32Const, 0, iI32Const, 0, iI32Const, 0, iI32Const, 4, iCall, program, iDrop,
		iI32Const, 1, iI32Const, 7, iCall, retain,
		iI32Const, 0, iI32Const, 0, iI32Const, 1, iCall, say, iI32Const, 0)
	w := bootOnly(t, a.bytes(), Limits{})
	w.power.SetTap(cutFirst{})
	_, err := w.boot()
	if err != flash.ErrPowerLost {
		t.Fatalf("error %v", err)
	}
	if w.power.Ops() != 1 || len(w.steps) != 0 || w.retained[1] != 0 {
		t.Errorf("%d operations, steps %v, retained %v", w.power.Ops(), w.steps, w.retained)
	}
}

type cutFirst struct{}

func (cutFirst) Before(*flash.Op) flash.Fate { return flash.Fate{Kind: flash.FateCutBefore} }
func (cutFirst) After(*flash.Op)             {}

// TestHostileUpdaters are update agents that are gone after a mistake; the
// module runs on without them.
func TestHostileUpdaters(t *testing.T) {
	for _, c := range []struct{ name, what, text string }{
		{"trap", "write", "unreachable"},
		{"buffer outside", "buffer", "its buffer is outside its memory"},
		{"reset", "reset", "an update agent cannot reset the chip"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := &asm{}
			a.pages(1)
			reset := a.use("reset")
			at := []byte{iI32Const, 0}
			if c.what == "buffer" {
				at = []byte{iI32Const, 0x7C}
			}
			write := []byte{iI32Const, 0}
			switch c.what {
			case "write":
				write = []byte{iUnreachable}
			case "reset":
				write = []byte{iCall, reset, iI32Const, 0}
			}
			a.fn("updater_buffer", exportTypes["updater_buffer"], at...)
			a.fn("updater_init", exportTypes["updater_init"], iI32Const, 0)
			a.fn("updater_write", exportTypes["updater_write"], write...)
			a.fn("updater_done", exportTypes["updater_done"], iI32Const, 0)
			a.fn("updater_end", exportTypes["updater_end"], iI32Const, 0)
			a.fn("boot", bootType, iI32Const, 0)
			w := bootOnly(t, a.bytes(), Limits{})
			u := &Updater{module: w.chip.Bootloader.(*Bootloader).Module, tables: w.chip.Partitions}
			if n, err := u.Init(w.env(), 0, 0); n != 0 || err != nil {
				t.Fatalf("init: %d, %v", n, err)
			}
			if n, err := u.Write(w.env(), make([]byte, 5000)); n != updaterFailed || err != nil {
				t.Errorf("write: %d, %v", n, err)
			}
			if n, err := u.Done(w.env()); n != updaterFailed || err != nil {
				t.Errorf("done: %d, %v", n, err)
			}
			if len(w.steps) != 1 || !w.steps[0].IsFinding() || !strings.Contains(w.steps[0].Text, c.text) {
				t.Errorf("steps %v", w.steps)
			}
		})
	}
}

// TestNoMemory is a guest without a memory that hands over a pointer.
func TestNoMemory(t *testing.T) {
	a := &asm{}
	f := a.use("read")
	a.fn("boot", bootType, iI32Const, 0, iI32Const, 0, iI32Const, 0, iI32Const, 8, iCall, f)
	w := bootOnly(t, a.bytes(), Limits{})
	if res, err := w.boot(); err != nil || res.Cause != chips.ResetException || !strings.Contains(w.steps[0].Text, "the guest has no memory") {
		t.Errorf("%+v, %v, %v", res, err, w.steps)
	}
}

// TestExportedImports are guests that export a host function as their own.
func TestExportedImports(t *testing.T) {
	for fn, want := range map[string]chips.BootOutcome{"random": chips.BootCore, "reset_cause": chips.BootCore} {
		a := &asm{}
		i := a.use(fn)
		a.exports, a.nexports = cat(name("boot"), []byte{0, i}), 1
		w := bootOnly(t, a.bytes(), Limits{})
		w.seed = 3 // random begins with a positive number
		if res, err := w.boot(); err != nil || res.Outcome != want && res.Outcome != chips.BootFailed {
			t.Errorf("%s: %+v, %v", fn, res, err)
		}
	}
	a := &asm{}
	i := a.use("reset")
	a.fn("boot", bootType, iI32Const, 0)
	a.exports = cat(a.exports, name("_initialize"), []byte{0, i}, name("confirm"), []byte{0, i})
	a.nexports += 2
	w := bootOnly(t, a.bytes(), Limits{})
	if res, err := w.boot(); err != nil || res.Outcome != chips.BootReset || res.Cause != chips.ResetSoftware {
		t.Errorf("reset as _initialize: %+v, %v", res, err)
	}
	if _, err := newUpdater(w.env(), w.chip.Bootloader.(*Bootloader).Module, nil); err != nil {
		t.Errorf("reset as confirm: %v", err)
	}
}

// TestManyAtOnce boots one module from several goroutines: they have nothing
// in common.
func TestManyAtOnce(t *testing.T) {
	start := newWorld(t, mustBoard(t, "GenSwap"), 8<<10)
	if err := start.update(pack(t, start.chip, 8<<10)); err != nil {
		t.Fatal(err)
	}
	done := make(chan string)
	const n = 8
	for i := range n {
		w := start.fork()
		go func() {
			w.power.SetTap(flashtest.CutAt{Op: uint64(20 * i), How: flashtest.TornBits, Seed: 1})
			_, err := w.boot()
			w.power.SetTap(nil)
			got, err2 := w.settle()
			if !errors.Is(err, flash.ErrPowerLost) || err2 != nil {
				got = fmt.Sprint(err, err2)
			}
			done <- got
		}()
	}
	for range n {
		if got := <-done; got != "new" {
			t.Error(got)
		}
	}
}
