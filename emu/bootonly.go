package emu

import (
	"errors"

	"airlift/chips"
	"airlift/emu/trace"
	"airlift/flash"
)

// Stage is how far [Device.PowerOn] goes.
type Stage string

const (
	StageBoot Stage = "boot" // to the end of the boot code
	StageCore Stage = "core" // to the first script
)

// PowerOnReport is what [Device.PowerOn] found.
type PowerOnReport struct {
	Boot    chips.BootResult
	Running *chips.Running // nil unless the core came up
	Cut     bool           // the power was cut on the way
	Broken  *chips.CoreError
}

// PowerOn switches the device on and runs its stages before the scripts,
// once: if boot code or the core resets the chip, that is where it ends.
func (d *Device) PowerOn(stage Stage) (PowerOnReport, error) {
	return d.powerOn(stage, chips.ResetPower)
}

func (d *Device) powerOn(stage Stage, cause chips.ResetCause) (PowerOnReport, error) {
	var r PowerOnReport
	d.power.Restore()
	d.bootTime = d.clock.Now()
	d.event(trace.Power, "reset: "+cause.String())
	env := d.env(cause)
	var err error
	r.Boot, err = d.bootCode(env)
	if errors.Is(err, flash.ErrPowerLost) {
		r.Cut = true
		return r, nil
	}
	if err != nil || stage == StageBoot || r.Boot.Outcome != chips.BootCore {
		return r, err
	}
	r.Running, err = d.coreStage(env, r.Boot)
	if errors.Is(err, flash.ErrPowerLost) {
		r.Cut, r.Running = true, nil
		return r, nil
	}
	if errors.As(err, &r.Broken) {
		return r, nil
	}
	return r, err
}
