package ec

import (
	"fmt"

	"airlift/flash/explain"
)

// Bounds of what the sections of one file unpack to, and of the memory that the
// models of their decoders take, one after the other, in bytes.
const (
	maxShownBytes  = 2 * maxImage
	maxShownModels = 256 << 20
)

// unpackRoom is what the sections of one file may still take.
type unpackRoom struct{ data, models int64 }

func newUnpackRoom() unpackRoom { return unpackRoom{maxShownBytes, maxShownModels} }

// take makes room for a section. The error is a *explain.FormatError whose
// offset counts from the start of the common part; then there is no room for
// the sections behind either.
func (r *unpackRoom) take(s *Section) error {
	over := func(off int64, what string, most int64) error {
		return &explain.FormatError{Off: s.Off + off, What: what, Want: fmt.Sprintf("at most %d bytes in all sections", most), Got: "more"}
	}
	if r.data -= min(int64(s.DataLen), maxImage); r.data < 0 {
		return over(8, "DataLen", maxShownBytes)
	}
	blocks, _ := s.Blocks() // what is wrong with them shows when they are unpacked
	for i := range blocks {
		r.models -= blocks[i].model()
	}
	if r.models < 0 {
		return over(0, "models of the blocks", maxShownModels)
	}
	return nil
}
