package guest

import (
	"errors"
	"testing"

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
