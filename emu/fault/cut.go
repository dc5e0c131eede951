// Package fault breaks devices on purpose: it has the list of what can go wrong
// ([Fault]), each of which is one line of YAML, carries its own seed and composes
// with others, and the taps that make it happen.
package fault

import (
	"math"

	"airlift/flash"
)

// CutTap is a flash tap that fails the power: it lets Ops whole operations
// happen and then stops. With Tear > 0 that fraction of the next operation
// still takes effect, from its first byte on; with Tear 0 nothing of it does.
type CutTap struct {
	Ops  uint64
	Tear float64 // 0..1
	// Hit describes the operation that was cut, once it was.
	Hit string
}

var _ flash.Tap = (*CutTap)(nil)

// Before implements flash.Tap.
func (c *CutTap) Before(op *flash.Op) flash.Fate {
	if op.Seq < c.Ops {
		return flash.Fate{}
	}
	c.Hit = op.String()
	if c.Tear <= 0 {
		return flash.Fate{Kind: flash.FateCutBefore}
	}
	if c.Tear >= 1 {
		return flash.Fate{Kind: flash.FateCutAfter}
	}
	return flash.TearFront(op, int64(math.Round(float64(op.Len)*c.Tear)))
}

// After implements flash.Tap.
func (c *CutTap) After(*flash.Op) {}
