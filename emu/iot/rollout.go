package iot

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"
)

// Rollout hands a firmware out in stages. Of the devices that the firmware's
// own policy allows, only those get it that belong to a group that has been
// released. A device belongs to the first group whose list names it, or else to
// the first whose percentage covers it: percentages are cumulative, and which
// device falls where depends on nothing but its identity and the roll-out.
type Rollout struct {
	ID       int64        `json:"id"`
	Project  int64        `json:"project"`
	Firmware int64        `json:"firmware"`
	Name     string       `json:"name"`
	Groups   []Group      `json:"groups"`
	State    RolloutState `json:"state"`
	Released int          `json:"released"` // groups that may have it
	Why      string       `json:"why"`      // of the state, for people
	// AdvancePercent of a group's settled deliveries have to be new before the
	// next group is released; 0: groups are released by hand.
	AdvancePercent int `json:"advance_percent"`
	// ErrorPercent of settled deliveries that are old or never stop the
	// roll-out; 0: it is not stopped.
	ErrorPercent int `json:"error_percent"`
	// MinOutcomes is how many have to be settled before a percentage counts.
	MinOutcomes int `json:"min_outcomes"`
	// SilentAfterS is how many seconds after a delivery a device counts as one
	// that never came back.
	SilentAfterS int64 `json:"silent_after_s"`
	// RollbackTo is the firmware that devices with this one are sent back to,
	// in state rolled_back; 0: nothing is sent.
	RollbackTo int64 `json:"rollback_to,omitempty"`
	// CountFrom is when it was started or last resumed: what was settled before
	// has been looked at, and stops nothing.
	CountFrom time.Time `json:"count_from,omitzero"`
	Created   time.Time `json:"created"`
	Changed   time.Time `json:"changed"`
}

// Group is one stage.
type Group struct {
	Name    string          `json:"name"`
	Percent float64         `json:"percent"`            // of all devices, including the groups before
	Devices []string        `json:"devices,omitempty"`  // these, whatever the percentage
	Counts  map[Outcome]int `json:"outcomes,omitempty"` // of its deliveries; not part of a draft
}

// RolloutState is where a roll-out is.
type RolloutState string

const (
	RolloutDraftState RolloutState = "draft"       // nobody gets the firmware
	RolloutRunning    RolloutState = "running"     // released groups get it
	RolloutPaused     RolloutState = "paused"      // nobody gets it until it is resumed
	RolloutStopped    RolloutState = "stopped"     // paused by too many errors
	RolloutFinished   RolloutState = "finished"    // everybody gets it
	RolloutCancelled  RolloutState = "cancelled"   // for good; nobody gets it
	RolloutRolledBack RolloutState = "rolled_back" // for good; who has it is sent back
)

// RolloutStates lists the states.
var RolloutStates = []RolloutState{RolloutDraftState, RolloutRunning, RolloutPaused, RolloutStopped, RolloutFinished, RolloutCancelled, RolloutRolledBack}

// RolloutAction is what a person does to a roll-out.
type RolloutAction struct {
	Action     string `json:"action"` // one of RolloutActions
	RollbackTo int64  `json:"rollback_to,omitempty"`
}

// RolloutActions lists the actions.
var RolloutActions = []string{"start", "pause", "resume", "advance", "cancel", "rollback"}

// RolloutDraft is what a new roll-out is made from.
type RolloutDraft struct {
	Firmware       int64   `json:"firmware"`
	Name           string  `json:"name"`
	Groups         []Group `json:"groups"`
	AdvancePercent int     `json:"advance_percent"`
	ErrorPercent   int     `json:"error_percent"`
	MinOutcomes    int     `json:"min_outcomes"`   // default 1
	SilentAfterS   int64   `json:"silent_after_s"` // default a day
}

const (
	groupsMax       = 32
	groupDevicesMax = 10_000
)

// New makes the roll-out of a draft.
func (d RolloutDraft) New(id, project int64, at time.Time) (Rollout, error) {
	r := Rollout{
		ID: id, Project: project, Firmware: d.Firmware, Name: d.Name, Groups: slices.Clone(d.Groups), State: RolloutDraftState,
		AdvancePercent: d.AdvancePercent, ErrorPercent: d.ErrorPercent, MinOutcomes: d.MinOutcomes, SilentAfterS: d.SilentAfterS,
		Created: at, Changed: at, Why: "not started",
	}
	if r.MinOutcomes == 0 {
		r.MinOutcomes = 1
	}
	if r.SilentAfterS == 0 {
		r.SilentAfterS = 24 * 3600
	}
	if err := checkText("roll-out name", r.Name); err != nil {
		return r, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if len(r.Groups) == 0 || len(r.Groups) > groupsMax {
		return r, fmt.Errorf("%w: a roll-out has 1 to %d groups, not %d", ErrInvalid, groupsMax, len(r.Groups))
	}
	for i := range r.Groups {
		if err := r.checkGroup(i); err != nil {
			return r, err
		}
	}
	percent := func(n int) bool { return n >= 0 && n <= 100 }
	if !percent(r.AdvancePercent) || !percent(r.ErrorPercent) || r.MinOutcomes < 1 || r.SilentAfterS < 1 || r.SilentAfterS > secondsMax {
		return r, fmt.Errorf("%w: percentages are 0 to 100, min_outcomes at least 1, silent_after_s 1 to %d", ErrInvalid, int64(secondsMax))
	}
	return r, nil
}

func (r *Rollout) checkGroup(i int) error {
	g := &r.Groups[i]
	g.Counts = nil
	if g.Name == "" {
		g.Name = fmt.Sprintf("group %d", i+1)
	}
	if err := checkText("group name", g.Name); err != nil {
		return fmt.Errorf("%w: groups[%d]: %w", ErrInvalid, i, err)
	}
	if !(g.Percent >= 0 && g.Percent <= 100) { // also refuses NaN
		return fmt.Errorf("%w: groups[%d]: percent is 0 to 100", ErrInvalid, i)
	}
	if i > 0 && g.Percent < r.Groups[i-1].Percent {
		return fmt.Errorf("%w: groups[%d]: percentages are cumulative, %g is below the %g before", ErrInvalid, i, g.Percent, r.Groups[i-1].Percent)
	}
	if len(g.Devices) > groupDevicesMax {
		return fmt.Errorf("%w: groups[%d]: at most %d devices are listed", ErrInvalid, i, groupDevicesMax)
	}
	for _, d := range g.Devices {
		if !usableIdentity(d) {
			return fmt.Errorf("%w: groups[%d]: %s is no identity", ErrInvalid, i, quote(d))
		}
	}
	return nil
}

// buckets is how finely percentages are told apart.
const buckets = 10_000

// GroupOf returns the group that a device belongs to, or -1.
func (r *Rollout) GroupOf(identity string) int {
	key := IdentityKey(identity)
	for i := range r.Groups {
		for _, d := range r.Groups[i].Devices {
			if IdentityKey(d) == key {
				return i
			}
		}
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "roll-out %d of %d: %s", r.ID, r.Firmware, key))
	bucket := float64(binary.BigEndian.Uint64(sum[:])%buckets) / buckets * 100
	for i := range r.Groups {
		if bucket < r.Groups[i].Percent {
			return i
		}
	}
	return -1
}

// Allows decides whether a device may get the firmware now.
func (r *Rollout) Allows(identity string) (group int, ok bool, why string) {
	switch r.State {
	case RolloutFinished:
		return max(r.GroupOf(identity), 0), true, "the roll-out is finished: everybody may have it"
	case RolloutRunning:
	default:
		return 0, false, fmt.Sprintf("roll-out %s is %s: %s", quote(r.Name), r.State, r.Why)
	}
	g := r.GroupOf(identity)
	switch {
	case g < 0:
		return 0, false, fmt.Sprintf("the device is in no group of roll-out %s", quote(r.Name))
	case g >= r.Released:
		return g, false, fmt.Sprintf("the device is in group %s of roll-out %s, which is not released", quote(r.Groups[g].Name), quote(r.Name))
	}
	return g, true, fmt.Sprintf("group %s of roll-out %s is released", quote(r.Groups[g].Name), quote(r.Name))
}

// Act does what a person wants done.
func (r Rollout) Act(a RolloutAction, now time.Time) (Rollout, error) {
	open := r.State == RolloutRunning || r.State == RolloutPaused || r.State == RolloutStopped
	ok := false
	switch a.Action {
	case "start":
		if ok = r.State == RolloutDraftState; ok {
			r.State, r.Released, r.CountFrom, r.Why = RolloutRunning, 1, now, "started by hand"
		}
	case "pause":
		if ok = r.State == RolloutRunning; ok {
			r.State, r.Why = RolloutPaused, "paused by hand"
		}
	case "resume":
		if ok = r.State == RolloutPaused || r.State == RolloutStopped; ok {
			r.State, r.CountFrom, r.Why = RolloutRunning, now, "resumed by hand"
		}
	case "advance":
		if ok = r.State == RolloutRunning; ok {
			r.release("advanced by hand")
		}
	case "cancel":
		if ok = open || r.State == RolloutDraftState; ok {
			r.State, r.Why = RolloutCancelled, "cancelled by hand"
		}
	case "rollback":
		if ok = open || r.State == RolloutFinished; ok {
			if a.RollbackTo == r.Firmware {
				return r, fmt.Errorf("%w: a firmware cannot be rolled back to itself", ErrInvalid)
			}
			r.State, r.RollbackTo, r.Why = RolloutRolledBack, a.RollbackTo, "rolled back by hand"
		}
	default:
		return r, fmt.Errorf("%w: no action %s: known are %q", ErrInvalid, quote(a.Action), RolloutActions)
	}
	if !ok {
		return r, fmt.Errorf("%w: a roll-out that is %s cannot %s", ErrConflict, r.State, a.Action)
	}
	r.Changed = now
	return r, nil
}

// release lets the next group have it, or everybody after the last.
func (r *Rollout) release(why string) {
	if r.Released < len(r.Groups) {
		r.Released++
		r.Why = fmt.Sprintf("group %s released: %s", quote(r.Groups[r.Released-1].Name), why)
		return
	}
	r.State, r.Why = RolloutFinished, why
}

// Step draws the conclusions from the outcomes since CountFrom, which are
// counted in Groups. It reports whether something changed.
func (r Rollout) Step(now time.Time) (Rollout, bool) {
	if r.State != RolloutRunning {
		return r, false
	}
	good, bad := 0, 0
	for _, g := range r.Groups {
		good += g.Counts[OutcomeNew]
		bad += g.Counts[OutcomeOld] + g.Counts[OutcomeNever]
	}
	if n := good + bad; r.ErrorPercent > 0 && bad > 0 && n >= r.MinOutcomes && bad*100 >= r.ErrorPercent*n {
		r.State, r.Changed = RolloutStopped, now
		r.Why = fmt.Sprintf("%d of %d deliveries failed, the limit is %d %%", bad, n, r.ErrorPercent)
		return r, true
	}
	if r.AdvancePercent == 0 || r.Released < 1 || r.Released > len(r.Groups) {
		return r, false
	}
	c := r.Groups[r.Released-1].Counts
	good, bad = c[OutcomeNew], c[OutcomeOld]+c[OutcomeNever]
	n := good + bad
	if n < r.MinOutcomes || n == 0 || c[OutcomeOpen] > 0 || good*100 < r.AdvancePercent*n {
		return r, false
	}
	r.release(fmt.Sprintf("%d of %d deliveries of the group before succeeded", good, n))
	r.Changed = now
	return r, true
}
