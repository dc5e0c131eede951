package emu

import (
	"fmt"

	"airlift/chips"
	"airlift/lua"
)

// afterScripts turns the end of a script machine into a reset or into the end
// of the run.
func (d *Device) afterScripts(exit lua.Exit, res Result) (chips.ResetCause, Result, error) {
	res.Detail = exit.String()
	switch exit.Kind {
	case lua.ExitReboot:
		return resetCause(exit.Cause), Result{Boot: res.Boot, Exit: exit}, nil
	case lua.ExitPowerLost:
		return 0, d.powerCut(res), nil
	case lua.ExitIdle:
		res.End = EndIdle
	case lua.ExitTimeUp:
		res.End = EndTime
	case lua.ExitBudget:
		res.End = EndBudget
	case lua.ExitOff, lua.ExitSleep:
		next, res := d.afterSleep(exit, res)
		return next, res, nil
	default:
		return 0, res, fmt.Errorf("script machine ended with unknown kind %d", exit.Kind)
	}
	return 0, res, nil
}

// resetCause is how the next boot sees why the scripts ended.
func resetCause(cause string) chips.ResetCause {
	if cause == lua.CauseWatchdog {
		return chips.ResetWatchdog
	}
	return chips.ResetSoftware
}
