package guest

import (
	"errors"
	"testing"
	"time"

	"airlift/chips"
	"airlift/chips/guest/guests"
	"airlift/chips/guest/meter"
	"airlift/flash"
)

// seeds adds the shipped guests to a fuzz target.
func seeds(f *testing.F) {
	for _, name := range guests.Names() {
		wasm, err := guests.Wasm(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wasm, uint32(0), uint32(0))
		f.Add(wasm, uint32(len(wasm)/2), uint32(0x0B0B0B0B))
	}
	f.Add([]byte("\x00asm\x01\x00\x00\x00"), uint32(0), uint32(0))
	a := &asm{} // without a memory, and a host function as an export
	i := a.use("random")
	for _, name := range roleExports[RoleUpdater] {
		a.fn(name, exportTypes[name], iI32Const, 0)
	}
	a.exports = cat(a.exports, name("boot"), []byte{0, i})
	a.nexports++
	f.Add(a.bytes(), uint32(0), uint32(0))
	for _, fn := range []string{"fd_write", "path_open", "fd_fdstat_get", "clock_time_get", "random_get"} {
		f.Add(wasiGuest(func(use func(string) byte, _ *asm) []byte {
			body := []byte{}
			for _, t := range wasiTypes[fn].Params {
				c := byte(iI32Const)
				if t == meter.I64 {
					c = iI64Const
				}
				body = append(body, c, 16)
			}
			return append(body, iCall, use(fn))
		}), uint32(0), uint32(0))
	}
}

// FuzzGuest runs random bytes, and real modules with four bytes changed, as
// boot code and update agent of a board. Each either is refused, or ends
// within its steps.
func FuzzGuest(f *testing.F) {
	seeds(f)
	board := mustBoard(f, "GenSwap")
	start := newWorld(f, board, 8<<10)
	f.Fuzz(func(t *testing.T, wasm []byte, at, change uint32) {
		wasm = append([]byte(nil), wasm...)
		for i := range 4 {
			if at := int(at) + i; at >= 0 && at < len(wasm) {
				wasm[at] ^= byte(change >> (8 * i))
			}
		}
		m, err := Load("fuzzed", wasm, Limits{RAM: 16 << 10, Steps: 200_000, Watchdog: 8 * time.Second, SectorErase: 45 * time.Millisecond, WASI: true})
		if err != nil {
			return
		}
		defer func() { _ = m.Close() }()
		if _, err := m.Describe(); err != nil && m.info == nil {
			t.Fatal(err)
		}
		w := start.fork()
		env := w.env()
		if m.Has(RoleBoot) == nil {
			res, err := (&Bootloader{Module: m, Tables: board.Partitions}).Boot(env)
			if err != nil {
				t.Fatalf("boot: %v", err)
			}
			if res.Outcome == chips.BootCore && res.Image < 0 {
				t.Fatalf("boot: %+v", res)
			}
		}
		if m.Has(RoleUpdater) != nil {
			return
		}
		u, err := newUpdater(env, m, board.Partitions)
		if err != nil {
			t.Fatalf("confirm: %v", err)
		}
		_, err = u.Init(env, 0, 0)
		_, err2 := u.Write(env, make([]byte, 5000))
		_, err3 := u.End(env, true)
		if err := errors.Join(err, err2, err3); err != nil {
			t.Fatalf("update agent: %v", err)
		}
	})
}

// FuzzBoardFile reads anything as a board file: it is refused, or makes a chip
// with a flash.
func FuzzBoardFile(f *testing.F) {
	names, err := boardFiles.ReadDir("boards")
	if err != nil {
		f.Fatal(err)
	}
	for _, n := range names {
		text, err := boardFiles.ReadFile("boards/" + n.Name())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("format: airlift-board/1\nmodel: X\nlike: {model: Air601}\n"))
	f.Add([]byte("a: &a [*a, *a]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		fam, err := ReadBoard(text, "fuzz.yaml", shipped, nil)
		if err != nil {
			return
		}
		m := fam.Models()[0]
		c, err := fam.Chip(m, "", nil)
		if err != nil {
			return // a guest that is not for boot code
		}
		if _, err := flash.New(c.Model.Flash[0]); err != nil {
			t.Fatal(err)
		}
		if err := c.Partitions[0].Check(c.Model.Flash[0]); err != nil {
			t.Fatal(err)
		}
	})
}
