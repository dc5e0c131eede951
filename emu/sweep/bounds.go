package sweep

import (
	"errors"
	"fmt"
)

// Bounds of what a scenario may ask for.
const (
	sampleMax   = 1_000_000_000
	brownOutMax = 1_000_000
	faultsMax   = pathMax
	// Of all that the steps of a volume write, and of what it holds at a time: no
	// module has room for more.
	writtenBytesMax = 64 << 20
	heldBytesMax    = 16 << 20
)

// checkBounds reports what no sweep can do. An empty list would be read from a
// results file as one that was left out.
func (s *Scenario) checkBounds() error {
	switch {
	case len(s.Hows) == 0:
		return errors.New("hows: expected a way in which the power fails; leave it out for the usual ones")
	case len(s.Invariants) == 0:
		return errors.New("invariants: expected one; leave it out for all that the mode can check")
	case s.Sample > sampleMax:
		return fmt.Errorf("sample %d: expected up to %d", s.Sample, int64(sampleMax))
	case s.BootsMax > bootsBound:
		return fmt.Errorf("boots_max %d: expected 1 to %d, where a device is given up", s.BootsMax, bootsBound)
	case len(s.Faults) > faultsMax:
		return fmt.Errorf("%d faults: expected up to %d", len(s.Faults), faultsMax)
	}
	for _, n := range s.BrownOuts {
		if n < 1 || n > brownOutMax {
			return fmt.Errorf("brown_outs: %d operations: expected 1 to %d", n, brownOutMax)
		}
	}
	return nil
}

// checkBytes bounds what steps write.
func checkBytes(steps []FileStep) error {
	total := int64(0)
	for i := range steps {
		if total += steps[i].Bytes; total > writtenBytesMax {
			return fmt.Errorf("volume: the steps write more than %d bytes", int64(writtenBytesMax))
		}
	}
	return nil
}

// bytes is how much a volume with these files holds.
func (t fileTree) bytes() (n int64) {
	for _, data := range t {
		n += int64(len(data))
	}
	return n
}
