package sweep

import (
	"encoding/binary"

	"airlift/emu"
	"airlift/emu/fault"
	"airlift/flash"
)

// Packages arrive damaged: a download ends too early, a byte is another, a
// header lies. Whatever comes of it, a module must run the old version or the
// new one.

const damagesMax = 1_000_000

// damage returns damage number n of the package: the usual ones first, then a
// bit somewhere turned over.
func (s *Sweep) damage(n uint64) fault.Edit {
	usual := usualDamages(int64(len(s.Package)))
	if n < uint64(len(usual)) {
		return usual[n]
	}
	r := emu.Stream(s.Scenario.Seed, "damage", int(n))
	off := r.Int64N(max(1, int64(len(s.Package))))
	return fault.Edit{Do: fault.EditFlip, Off: off, Bits: 1 << r.UintN(8)}
}

// headerWords is how many words at the start of a package are replaced by lies:
// the headers of all families lie there, or begin there.
const headerWords = 24

// usualDamages are damages to a package of n bytes that every receiver meets
// one day.
func usualDamages(n int64) (list []fault.Edit) {
	for _, at := range []int64{0, 1, 64, n / 2, n - flash.DefaultSectorSize, n - 1} {
		list = append(list, fault.Edit{Do: fault.EditCut, Off: max(0, at)})
	}
	block := min(flash.DefaultSectorSize, n/4)
	list = append(list,
		fault.Edit{Do: fault.EditAdd, Data: make([]byte, 1)},
		fault.Edit{Do: fault.EditAdd, Data: make([]byte, flash.DefaultSectorSize)},
		fault.Edit{Do: fault.EditSwap, To: block, Bytes: block},
		fault.Edit{Do: fault.EditSwap, Off: n / 2, To: n - block, Bytes: block},
		fault.Edit{Do: fault.EditFill, Off: n / 2, Bytes: block, Data: []byte{0}},
		fault.Edit{Do: fault.EditFill, Off: n - block, Bytes: block, Data: []byte{0xFF}},
		fault.Edit{Do: fault.EditRemove, Off: n / 2, Bytes: 1},
		fault.Edit{Do: fault.EditInsert, Off: n / 2, Data: []byte{0}},
		fault.Edit{Do: fault.EditFlip, Off: n / 2, Bits: 1},
		fault.Edit{Do: fault.EditFlip, Off: n - 1, Bits: 0x80},
	)
	for word := range int64(headerWords) {
		for _, lie := range []uint32{0, 1 << 12, 1<<31 - 1, 1<<32 - 1} {
			list = append(list, fault.Edit{Do: fault.EditSet, Off: 4 * word, Data: binary.LittleEndian.AppendUint32(nil, lie)})
		}
	}
	return list
}

// damaged runs the upgrade with a damaged package.
func (s *Sweep) damaged(number uint64, path []uint64, f *fault.Fault, tell bool) (*Result, *Tried, error) {
	out, err := s.Try(&Trial{Package: []fault.Edit{*f.Edit}}, nil, tell)
	if err != nil {
		return nil, nil, err
	}
	r := out.Result
	r.Case = Case{Number: number, Path: path, Faults: []fault.Fault{*f}}
	if r.Fine() && !tell {
		r.Faults = nil
		if s.Scenario.Sample == 0 {
			r.Path = nil
		}
	}
	return r, out, nil
}

// replayDamaged tells what a damaged package does.
func (s *Sweep) replayDamaged(path []uint64, f *fault.Fault) (*Account, error) {
	number := uint64(0)
	if s.Scenario.Sample == 0 {
		number = path[0]
	}
	r, out, err := s.damaged(number, path, f, true)
	if err != nil {
		return nil, err
	}
	return &Account{Result: r, Lines: out.Lines, Trace: out.trace, Before: out.before, After: out.after}, nil
}
