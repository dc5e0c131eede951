package guest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"airlift/chips"
	"airlift/chips/chipstest"
	"airlift/flash"
	"airlift/flash/luadb"
)

// world is a board between two boots, for tests.
type world struct {
	t        testing.TB
	chip     *chips.Chip
	flashes  []*flash.Device
	power    *flash.Power
	retained []uint32
	console  []byte
	otp      []byte
	cause    chips.ResetCause
	seed     uint64
	steps    []chips.Step
	slept    time.Duration
}

// mustBoard returns a shipped board.
func mustBoard(t testing.TB, model string) *chips.Chip {
	t.Helper()
	return chipstest.Chip(t, New(), model, "", nil)
}

// testScript is a script image that tells versions apart.
func testScript(t testing.TB, version string) []byte {
	t.Helper()
	img, err := luadb.Build([]luadb.File{{Name: "main.lua", Data: []byte("print('" + version + "')")}}, luadb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// input is what version 1 or 2 of the firmware is made from.
func input(t testing.TB, n int, coreSize int64) chips.MakeInput {
	return chips.MakeInput{Script: testScript(t, fmt.Sprint(n)), CoreVersion: fmt.Sprintf("V100%d", n), CoreSize: coreSize, CoreSeed: 1}
}

// newWorld makes a board as it leaves production, with version 1.
func newWorld(t testing.TB, c *chips.Chip, coreSize int64) *world {
	t.Helper()
	flashes, err := c.Maker.(chips.FlashMaker).MakeFlash(input(t, 1, coreSize))
	if err != nil {
		t.Fatal(err)
	}
	return (&world{t: t, chip: c, flashes: flashes}).plug()
}

// plug puts the flashes on one supply.
func (w *world) plug() *world {
	w.power = new(flash.Power)
	for i, f := range w.flashes {
		f.Attach(w.power, i)
	}
	w.retained = make([]uint32, w.chip.Model.RetainedWords)
	return w
}

// fork copies the board without power.
func (w *world) fork() *world {
	n := &world{t: w.t, chip: w.chip}
	for _, f := range w.flashes {
		n.flashes = append(n.flashes, f.Fork())
	}
	return n.plug()
}

func (w *world) env() *chips.Env {
	return &chips.Env{
		Board: &chips.Board{Flash: w.flashes, Retained: w.retained, OTP: w.otp, Console: w.console, Reset: w.cause, Seed: w.seed},
		Step: func(s chips.Step) {
			if !w.power.Lost() {
				w.steps = append(w.steps, s)
			}
		},
		Sleep: func(d time.Duration) { w.slept += d },
	}
}

// boot runs boot code.
func (w *world) boot() (chips.BootResult, error) {
	w.steps = nil
	res, err := w.chip.Bootloader.Boot(w.env())
	if res.Outcome == chips.BootReset {
		w.cause = res.ResetCause()
	}
	return res, err
}

// start runs boot code, through its resets, and the core.
func (w *world) start() (*chips.Running, error) {
	for range 10 {
		res, err := w.boot()
		switch {
		case err != nil:
			return nil, err
		case res.Outcome == chips.BootReset:
			continue
		case res.Outcome != chips.BootCore:
			return nil, fmt.Errorf("%w: boot code: %s", errBrick, res.Outcome)
		}
		run, err := w.chip.Core.Start(w.env(), res)
		var broken *chips.CoreError
		if errors.As(err, &broken) {
			return nil, fmt.Errorf("%w: %w", errBrick, err)
		}
		if err == nil && run.Reboot {
			w.cause = chips.ResetSoftware
			continue
		}
		return run, err
	}
	return nil, errStuck
}

var (
	errBrick = errors.New("brick")
	errStuck = errors.New("stuck")
)

// update starts the board and hands a package to its update agent, in the
// pieces that a download comes in.
func (w *world) update(pkg []byte) error {
	run, err := w.start()
	if err != nil {
		return err
	}
	env := w.env()
	check := func(what string, n int, err error) error {
		if err == nil && n < 0 {
			return fmt.Errorf("%s: %d", what, n)
		}
		return err
	}
	n, err := run.Updater.Init(env, 0, int64(len(pkg)))
	if err := check("init", n, err); err != nil {
		return err
	}
	for len(pkg) > 0 {
		p := pkg[:min(len(pkg), 1460)]
		pkg = pkg[len(p):]
		n, err := run.Updater.Write(env, p)
		if err := check("write", n, err); err != nil {
			return err
		}
	}
	n, err = run.Updater.Done(env)
	if err := check("done", n, err); err != nil {
		return err
	}
	n, err = run.Updater.End(env, true)
	return check("end", n, err)
}

// settle boots until nothing changes any more and says what runs then: "old",
// "new", "brick", "stuck" or what else it is.
func (w *world) settle() (string, error) {
	for range 8 {
		w.power.Restore()
		w.cause = chips.ResetPower
		clear(w.retained)
		before := w.flashes[0].Hash()
		run, err := w.start()
		switch {
		case errors.Is(err, errBrick):
			return "brick", nil
		case errors.Is(err, errStuck):
			return "stuck", nil
		case err != nil:
			return "", err
		}
		if w.flashes[0].Hash() == before {
			return w.version(run), nil
		}
	}
	return "stuck", nil
}

// version says which firmware runs, by core and scripts.
func (w *world) version(run *chips.Running) string {
	script := "none"
	for _, m := range run.Mounts.Mounts() {
		if m.Type != "luadb" {
			continue
		}
		f, err := m.Fs.Open("/main.lua")
		if err != nil {
			return "script: " + err.Error()
		}
		p := make([]byte, 20)
		n, _ := f.Read(p)
		script = strings.Trim(string(p[:n]), "print()'")
	}
	switch core := run.Identity.Version; {
	case core == "V1001" && script == "1":
		return "old"
	case core == "V1002" && script == "2":
		return "new"
	default:
		return "mixed: core " + core + ", script " + script
	}
}

// pack makes version 2 as the board takes it.
func pack(t testing.TB, c *chips.Chip, coreSize int64) []byte {
	t.Helper()
	in := input(t, 2, coreSize)
	for _, k := range c.Maker.Kinds() {
		if !k.Upgrade || !k.Fits {
			continue
		}
		if k.Delta {
			base := input(t, 1, coreSize)
			in.Base = &base
		}
		p, err := c.Maker.Make(k.Name, in)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	t.Fatal("the board takes no package")
	return nil
}
