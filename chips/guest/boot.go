package guest

import (
	"errors"
	"fmt"

	"airlift/chips"
	"airlift/flash"
)

const bootStage = "boot"

// Bootloader is boot code that a guest brings along.
type Bootloader struct {
	Module *Module
	Tables []flash.Table // one for each flash chip
}

var _ chips.Bootloader = (*Bootloader)(nil)

// Boot runs the guest. A guest that traps or uses up its steps is no error but
// an outcome: the chip resets, by exception or watchdog, or hangs if there is
// no watchdog.
func (b *Bootloader) Boot(env *chips.Env) (chips.BootResult, error) {
	r, err := b.Module.newRun(env, b.Tables, bootStage)
	if r != nil {
		defer r.closeIf()
	}
	var v uint64
	if err == nil {
		v, err = r.call("boot")
	}
	var s *stop
	if errors.As(err, &s) {
		return r.ended(s), nil
	}
	if err != nil {
		return chips.BootResult{}, err
	}
	return r.returned(int32(uint32(v))), nil
}

// closeIf frees the instance if there is one.
func (r *run) closeIf() {
	if r.inst != nil {
		r.close()
	}
}

// returned says how boot code ended that returned.
func (r *run) returned(v int32) chips.BootResult {
	res := chips.BootResult{Outcome: chips.BootCore, Upgraded: r.upgraded, Image: int64(v)}
	if r.status != 0 {
		res.Status = string(rune(r.status))
	}
	if r.paramsN > 0 {
		res.Params = append(res.Params, r.params[:r.paramsN]...)
	}
	switch {
	case v >= 0:
		return res
	case v == bootDownload:
		res.Outcome = chips.BootDownload
	case v == bootHang:
		res.Outcome = chips.BootHang
	default:
		res.Outcome = chips.BootFailed
		if v != bootFailed {
			r.step(chips.KindDecide, fmt.Sprintf("boot returned %d, which means nothing: it is taken for %d, nothing to start", v, bootFailed))
		}
	}
	res.Image = -1
	return res
}

// ended says how boot code ended that was stopped.
func (r *run) ended(s *stop) chips.BootResult {
	res := chips.BootResult{Outcome: chips.BootReset, Image: -1}
	switch s.why {
	case stopReset:
		r.step(chips.KindDo, "reset the chip")
		res.Cause = chips.ResetSoftware
	case stopWatchdog:
		r.step(chips.KindDecide, chips.FindingMark+s.text+": it resets the chip")
		res.Cause = chips.ResetWatchdog
	case stopBudget:
		text := chips.FindingMark + "never ends: " + s.text
		if r.m.Limits.Watchdog == 0 {
			res.Outcome = chips.BootHang
		} else {
			res.Cause = chips.ResetWatchdog
			text += "; the watchdog resets the chip"
		}
		r.step(chips.KindDecide, text)
	default:
		r.step(chips.KindDecide, chips.FindingMark+"exception: "+s.text+"; the chip resets")
		res.Cause = chips.ResetException
	}
	return res
}
