package emu

import (
	"airlift/chips"
	"airlift/flash"
)

// Outcome is what a module runs after an upgrade was tried.
type Outcome string

// The outcomes of an upgrade, used everywhere.
const (
	OutcomeNew   Outcome = "new"
	OutcomeOld   Outcome = "old"
	OutcomeMixed Outcome = "mixed" // new core with old scripts, or the other way round
	OutcomeStuck Outcome = "stuck" // resets for ever
	OutcomeBrick Outcome = "brick" // never starts again without a cable
)

// forkBoots bounds how often boot code or core may reset the chip before
// [BootFork] says that they always do.
const forkBoots = 8

// BootFork answers what a module with these flashes would run if its power
// came back now: it switches a copy on and follows the resets of its boot code
// and core up to the first script. The flashes themselves stay as they are. A
// report that [PowerOnReport.Resets] means that they never stop.
func BootFork(chip *chips.Chip, flashes []*flash.Device, seed uint64) (PowerOnReport, error) {
	cfg := Config{Chip: chip, Seed: seed}
	for _, f := range flashes {
		cfg.Flash = append(cfg.Flash, f.Fork())
	}
	d, err := NewDevice(cfg)
	if err != nil {
		return PowerOnReport{}, err
	}
	cause := chips.ResetPower
	for n := 0; ; n++ {
		r, err := d.powerOn(StageCore, cause)
		if err != nil || n == forkBoots || !r.Resets() {
			return r, err
		}
		cause = r.Boot.ResetCause()
	}
}

// Resets reports whether boot code or core reset the chip.
func (r *PowerOnReport) Resets() bool {
	return r.Boot.Outcome == chips.BootReset || r.Running != nil && r.Running.Reboot
}
