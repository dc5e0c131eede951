package littlefs

import (
	"fmt"

	"airlift/flash"
)

// cut is a power cut: at which operation, and what becomes of it.
type cut struct {
	at   uint64 // operations that still happen before it
	kind byte   // b(efore), a(fter), f(ront), k (back), r(andom bits)
	arg  uint32 // bytes, or seed
}

func (c cut) String() string { return fmt.Sprintf("%d %c %d", c.at, c.kind, c.arg) }

// cutter is a tap that cuts the power once.
type cutter struct {
	cut
	seen uint64
}

func (c *cutter) Before(op *flash.Op) flash.Fate {
	c.seen++
	if c.seen-1 != c.at {
		return flash.Fate{}
	}
	return c.fate(op)
}

func (c *cutter) After(*flash.Op) {}

func (c cut) fate(op *flash.Op) flash.Fate {
	switch c.kind {
	case 'b':
		return flash.Fate{Kind: flash.FateCutBefore}
	case 'a':
		return flash.Fate{Kind: flash.FateCutAfter}
	case 'f':
		return flash.TearFront(op, int64(c.arg))
	case 'k':
		return flash.TearBack(op, int64(c.arg))
	}
	state := c.arg
	return flash.TearBits(op, func(int) byte {
		state ^= state << 13
		state ^= state >> 17
		state ^= state << 5
		return byte(state >> 8)
	})
}
