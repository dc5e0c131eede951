package guest

import (
	"encoding/binary"
	"errors"
	"testing"

	"airlift/chips"
	"airlift/chips/guest/guests"
	"airlift/flash"
	"airlift/flash/flashtest"
)

// life is the whole upgrade: start, download, reset, and on until nothing
// changes.
func (w *world) life(pkg []byte) (string, error) {
	if err := w.update(pkg); err != nil {
		return "", err
	}
	return w.settle()
}

// TestUpgrade is the upgrade without a fault, on every shipped board.
func TestUpgrade(t *testing.T) {
	for _, model := range []string{"GenAB", "GenSwap", "GenDelta"} {
		t.Run(model, func(t *testing.T) {
			c := mustBoard(t, model)
			w := newWorld(t, c, 0)
			pkg := pack(t, c, 0)
			if got, err := w.fork().settle(); err != nil || got != "old" {
				t.Fatalf("from production: %s, %v\n%v", got, err, w.steps)
			}
			got, err := w.life(pkg)
			if err != nil || got != "new" {
				t.Fatalf("%s, %v\n%v", got, err, w.steps)
			}
			t.Logf("package of %d bytes, %d operations", len(pkg), w.power.Ops())
		})
	}
}

// TestNoCutBricks cuts the power at every operation of the upgrade, in every
// way.
func TestNoCutBricks(t *testing.T) {
	for _, model := range []string{"GenAB", "GenSwap", "GenDelta"} {
		t.Run(model, func(t *testing.T) {
			const coreSize = 12 << 10
			c := mustBoard(t, model)
			factory := newWorld(t, c, coreSize)
			if _, err := factory.settle(); err != nil {
				t.Fatal(err)
			}
			pkg := pack(t, c, coreSize)
			clean := factory.fork()
			if got, err := clean.life(pkg); err != nil || got != "new" {
				t.Fatal(got, err)
			}
			outcomes := map[string]int{}
			for cut := range flashtest.Sample(flashtest.Sweep(clean.power.Ops(), 1), 400, 1) {
				w := factory.fork()
				w.power.SetTap(cut)
				if _, err := w.life(pkg); !errors.Is(err, flash.ErrPowerLost) {
					t.Fatalf("%v: no cut, %v", cut, err)
				}
				got, err := w.settle()
				if err != nil {
					t.Fatalf("%v: %v", cut, err)
				}
				outcomes[got]++
				if got != "old" && got != "new" {
					t.Errorf("%v: %s", cut, got)
				}
			}
			t.Logf("%d operations, outcomes %v", clean.power.Ops(), outcomes)
		})
	}
}

// failing makes version 2 with a core that is whole and never comes up.
func failing(t testing.TB, c *chips.Chip, coreSize int64) []byte {
	t.Helper()
	img, err := c.Maker.Make(KindImage, input(t, 2, coreSize))
	if err != nil {
		t.Fatal(err)
	}
	in := input(t, 2, coreSize)
	in.Core = append([]byte(nil), img[imageHeader:][:coreSize]...)
	binary.LittleEndian.PutUint32(in.Core[12:], coreFailing)
	if img, err = c.Maker.Make(KindImage, in); err != nil {
		t.Fatal(err)
	}
	return img
}

// TestWayBack upgrades to firmware that never comes up: guests with a way back
// go it, wherever the power fails besides; the others are stuck.
func TestWayBack(t *testing.T) {
	const coreSize = 8 << 10
	for _, g := range []struct{ name, board, want string }{
		{"ab", "GenAB", "old"}, {"ab-rust", "GenAB", "old"}, {"swap", "GenSwap", "old"}, {"copy", "GenSwap", "stuck"},
	} {
		t.Run(g.name, func(t *testing.T) {
			wasm, err := guests.Wasm(g.name)
			if err != nil {
				t.Fatal(err)
			}
			c, err := WithBoot(mustBoard(t, g.board), g.name, wasm)
			if err != nil {
				t.Fatal(err)
			}
			start, pkg := newWorld(t, c, coreSize), failing(t, c, coreSize)
			if _, err := start.settle(); err != nil {
				t.Fatal(err)
			}
			clean := start.fork()
			if got, err := clean.life(pkg); err != nil || got != g.want {
				t.Fatalf("without a cut: %s, %v, want %s: %v", got, err, g.want, clean.steps)
			}
			if g.want != "old" {
				return
			}
			for cut := range flashtest.Sample(flashtest.Sweep(clean.power.Ops(), 1), 200, 1) {
				w := start.fork()
				w.power.SetTap(cut)
				if _, err := w.life(pkg); !errors.Is(err, flash.ErrPowerLost) {
					t.Fatalf("%v: no cut, %v", cut, err)
				}
				if got, err := w.settle(); err != nil || got != "old" {
					t.Errorf("%v: %s, %v", cut, got, err)
				}
			}
		})
	}
}
