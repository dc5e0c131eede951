package emu

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
