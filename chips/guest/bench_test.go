package guest

import (
	"errors"
	"testing"

	"airlift/chips"
	"airlift/flash"
	"airlift/flash/flashtest"
)

// fullSize is the code size that fills a slot of 256 KiB but for the scripts.
const fullSize = 250 << 10

// BenchmarkStart is the start of a module that was compiled before: instance,
// one call, end.
func BenchmarkStart(b *testing.B) {
	a := &asm{}
	a.pages(1)
	a.fn("boot", bootType, iI32Const, 0)
	w := bootOnly(b, a.bytes(), Limits{})
	env := w.env()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.chip.Bootloader.Boot(env); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBoot is a boot with nothing to do: records, and the CRC of an image
// of 250 KiB.
func BenchmarkBoot(b *testing.B) {
	for _, model := range []string{"GenAB", "GenSwap", "GenDelta"} {
		b.Run(model, func(b *testing.B) {
			w := newWorld(b, mustBoard(b, model), fullSize)
			if got, err := w.settle(); err != nil || got != "old" {
				b.Fatal(got, err)
			}
			for b.Loop() {
				if _, err := w.boot(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCase is a case of a sweep: fork, boot code with a torn operation,
// and the boot after it.
func BenchmarkCase(b *testing.B) {
	for _, model := range []string{"GenAB", "GenSwap", "GenDelta"} {
		b.Run(model, func(b *testing.B) {
			start := newWorld(b, mustBoard(b, model), fullSize)
			if err := start.update(pack(b, start.chip, fullSize)); err != nil {
				b.Fatal(err)
			}
			clean := start.fork()
			if _, err := clean.boot(); err != nil {
				b.Fatal(err)
			}
			n, ops := uint64(0), clean.power.Ops()
			for b.Loop() {
				w := start.fork()
				w.power.SetTap(flashtest.CutAt{Op: n % ops, How: flashtest.TornBits, Seed: n})
				n += 7
				if _, err := w.boot(); !errors.Is(err, flash.ErrPowerLost) {
					b.Fatal(err)
				}
				w.power.SetTap(nil)
				w.power.Restore()
				if res, err := w.boot(); err != nil || res.Outcome != chips.BootCore {
					b.Fatal(res, err)
				}
			}
			b.ReportMetric(float64(ops), "ops")
		})
	}
}

// flashLoop is a guest that reads four bytes n times.
func flashLoop(call string, n byte) []byte {
	a := &asm{}
	a.pages(1)
	f := a.use(call)
	body := []byte{iLoop, void}
	for range n {
		body = append(body, iI32Const, 0, iI32Const, 0, iI32Const, 0, iI32Const, 4, iCall, f, iDrop)
	}
	// for (local = 0; ++local < 4096;)
	body = append(body, iLocalGet, 0, iI32Const, 1, iI32Add, 0x22, 0, iI32Const, 0x80, 0x20, 0x48, 0x0D, 0, iEnd, iI32Const, 0)
	a.fnLocals("boot", bootType, []byte{1, 1, 0x7F}, body...)
	return a.bytes()
}

// BenchmarkFlashCall compares a flash call of a guest with the same call of
// native boot code: reads and programs of four bytes.
func BenchmarkFlashCall(b *testing.B) {
	const inner, outer = 100, 4096
	for _, call := range []string{"read", "program"} {
		b.Run("guest-"+call, func(b *testing.B) {
			w := bootOnly(b, flashLoop(call, inner), Limits{})
			env := w.env()
			for b.Loop() {
				if res, err := w.chip.Bootloader.Boot(env); err != nil || res.Outcome != chips.BootCore {
					b.Fatal(res, err, w.steps)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/inner/outer, "ns/call")
		})
		b.Run("native-"+call, func(b *testing.B) {
			w := bootOnly(b, flashLoop(call, 1), Limits{})
			var p [4]byte
			for b.Loop() {
				for range inner * outer {
					if call == "read" {
						_, _ = w.flashes[0].ReadAt(p[:], 0)
					} else {
						_ = w.flashes[0].Program(0, p[:])
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/inner/outer, "ns/call")
		})
	}
}
