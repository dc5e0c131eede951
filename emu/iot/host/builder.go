package host

import (
	"context"
	"fmt"

	"airlift/chips"
	"airlift/chips/all"
	"airlift/emu/iot"
)

// Build makes a difference package with the creator of the base's chip: from
// and to are firmware as the vendor ships it (.soc, .binpkg).
func Build(_ context.Context, base iot.Base, from []byte, f iot.Firmware, to []byte) ([]byte, error) {
	chip, err := all.Chip(base.Chip, "")
	if err != nil {
		return nil, err
	}
	maker, ok := chip.Maker.(chips.DeltaMaker)
	if !ok {
		return nil, fmt.Errorf("there are no core deltas for %s", chip.Model.Name)
	}
	in := chips.MakeInput{Core: to, Base: &chips.MakeInput{Core: from}}
	diff, err := maker.CompareCores(in)
	if err != nil {
		return nil, err
	}
	kind := maker.DeltaKind(diff, false)
	if kind == "" {
		return nil, fmt.Errorf("base and %s are the same: there is nothing to send", f.FileName)
	}
	return maker.Make(kind, in)
}
