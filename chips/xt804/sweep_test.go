package xt804

import "airlift/flash"

// cutTap cuts the power at operation at.
type cutTap struct {
	at  uint64
	how flash.FateKind
	// tear makes the fate of a torn operation.
	tear func(op *flash.Op) flash.Fate
	n    uint64
}

func (c *cutTap) Before(op *flash.Op) flash.Fate {
	c.n++
	if c.n-1 != c.at {
		return flash.Fate{}
	}
	if c.how == flash.FateCutTorn {
		return c.tear(op)
	}
	return flash.Fate{Kind: c.how}
}

func (c *cutTap) After(*flash.Op) {}

// countOps runs do on a copy and returns its number of flash operations.
func (m *module) countOps(do func(m *module)) uint64 {
	c := m.fork()
	before := c.dev.Power().Ops()
	do(c)
	return c.dev.Power().Ops() - before
}
