package sweep

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"

	"airlift/chips"
	"airlift/emu"
	"airlift/emu/fault"
	"airlift/flash"
)

// Packages arrive damaged: a download ends too early, a byte is another, a
// header lies. Or they were made wrong: what is inside is not what it should
// be, and every checksum around it is right. Whatever comes of it, a module
// must run the old version or the new one.

const damagesMax = 1_000_000

// damage returns damage number n of the package: the usual ones first, then a
// bit somewhere turned over. Where checksums are repaired it is a random edit
// of a layer.
func (s *Sweep) damage(n uint64) fault.Edit {
	if s.Scenario.Repair {
		return s.damageInside(n)
	}
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

// findLayers takes the package apart if damages are to be inside of it.
func (s *Sweep) findLayers() (err error) {
	if err := s.checkSizes(); err != nil || !s.Scenario.Repair {
		return err
	}
	m, ok := s.Chip.Maker.(chips.Layered)
	if !ok {
		return errors.New("repair: the packages of this chip are not taken apart")
	}
	if s.layers, err = m.Layers(s.Package); err != nil {
		return fmt.Errorf("repair: %w", err)
	}
	return nil
}

// checkSizes reports sizes of something that no package brings, or of a package
// that is what it is.
func (s *Sweep) checkSizes() error {
	c := s.Scenario
	switch {
	case c.Sizes == nil:
		return nil
	case c.PackageFile != "":
		return errors.New("sizes: package_file is of the size that it is")
	case c.Sizes.Of == sizeOfCore && !s.Kind.Core && c.New.Core == "":
		return fmt.Errorf("sizes of core: a package of kind %s brings no core", s.Kind.Name)
	}
	return nil
}

// damageInside is random damage number n, in the layers by turns. One of which
// no package can be made, as it leaves nothing to pack, is drawn again.
func (s *Sweep) damageInside(n uint64) fault.Edit {
	const tries = 16
	l := &s.layers[n%uint64(len(s.layers))]
	r := emu.Stream(s.Scenario.Seed, "damage inside", int(n))
	for range tries {
		e := randomEdit(r, l.Data)
		e.In = l.Name
		if _, err := l.Wrap(e.Apply(l.Data)); err == nil {
			return e
		}
	}
	return fault.Edit{Do: fault.EditFlip, In: l.Name, Bits: 1}
}

// randomEdit draws an edit of data. Half of the places are at the front or near
// it, where heads are.
func randomEdit(r *rand.Rand, data []byte) fault.Edit {
	size := int64(len(data))
	place := func() int64 {
		switch r.IntN(8) {
		case 0:
			return 0
		case 1, 2, 3:
			return min(max(0, size-1), r.Int64N(1<<r.IntN(bits.Len64(uint64(size))+1)))
		}
		return r.Int64N(max(1, size))
	}
	length := func() int64 { return 1 << r.IntN(14) }
	e := fault.Edit{Do: fault.EditKinds[r.IntN(len(fault.EditKinds))], Off: place()}
	switch e.Do {
	case fault.EditSet:
		e.Off &^= 3
		e.Data = binary.LittleEndian.AppendUint32(nil, randomWord(r, data, e.Off))
	case fault.EditFlip:
		e.Bits = 1 << r.UintN(8)
	case fault.EditSwap:
		e.To, e.Bytes = place(), length()
	case fault.EditFill:
		e.Bytes, e.Data = length(), fault.Hex{[]byte{0, 0xFF, 0x55}[r.IntN(3)]}
	case fault.EditRemove:
		e.Bytes = length()
	case fault.EditAdd, fault.EditInsert:
		e.Data = make(fault.Hex, length())
		for i := range e.Data {
			e.Data[i] = byte(r.Uint32())
		}
	}
	if e.Do == fault.EditAdd {
		e.Off = 0
	}
	return e
}

// randomWord is a word in the place of that at off: a usual lie, one near the
// truth, or anything.
func randomWord(r *rand.Rand, data []byte, off int64) uint32 {
	var old uint32
	if off+4 <= int64(len(data)) {
		old = binary.LittleEndian.Uint32(data[off:])
	}
	words := [...]uint32{
		0, 1, flash.DefaultSectorSize, 1<<31 - 1, 1 << 31, 1<<32 - 1,
		old + 1, old - 1, old + flash.DefaultSectorSize, old - flash.DefaultSectorSize, old + 1<<16, 2 * old, old / 2, r.Uint32(),
	}
	return words[r.IntN(len(words))]
}

// edited is a package with an edit.
func (s *Sweep) edited(pkg []byte, e *fault.Edit) ([]byte, error) {
	if e.In == "" {
		return e.Apply(pkg), nil
	}
	l, err := s.Chip.FindLayer(pkg, e.In)
	if err != nil {
		return nil, err
	}
	out, err := l.Wrap(e.Apply(l.Data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.String(), err)
	}
	return out, nil
}

// Sizes are sizes of the new version's scripts, as in [Version.ScriptBytes], or
// of its core, as in [Version.CoreBytes].
type Sizes struct {
	Of   string `json:"of,omitempty" yaml:"of,omitempty"` // "script", which "" stands for, or "core"
	From int64  `json:"from,omitempty" yaml:"from,omitempty"`
	To   int64  `json:"to" yaml:"to"`
	Step int64  `json:"step" yaml:"step"`
}

const sizesMax = 100_000

func (z *Sizes) count() uint64 {
	if z == nil || z.Step < 1 || z.To < z.From {
		return 0
	}
	return uint64((z.To-z.From)/z.Step) + 1
}

func (z *Sizes) at(n uint64) int64 { return z.From + int64(n)*z.Step }

// What [Sizes] are of.
const (
	sizeOfScript = "script"
	sizeOfCore   = "core"
)

func (z *Sizes) part() string { return cmp.Or(z.Of, sizeOfScript) }

// String is one line for people.
func (z *Sizes) String() string {
	return fmt.Sprintf("new versions with a %s of %d to %d bytes, in steps of %d", z.part(), z.From, z.To, z.Step)
}

// delivered runs the upgrade with a package that is not as it should be, or of
// another size.
func (s *Sweep) delivered(number uint64, path []uint64, f *fault.Fault, tell bool) (*Result, *Tried, error) {
	t, w := &Trial{}, s
	if f.Kind == fault.Size {
		var err error
		if w, err = s.sized(f.Bytes); err != nil {
			return nil, nil, err
		}
	} else {
		t.Package = []fault.Edit{*f.Edit}
	}
	out, err := w.Try(t, nil, tell)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", f, err)
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

// sized is the scenario with scripts or a core of so many bytes in the new
// version. A package that the module does not take is a case like any other.
func (s *Sweep) sized(bytes int64) (*Sweep, error) {
	one := *s.Scenario
	one.Sizes, one.Damages, one.Repair, one.Uncut = nil, 0, false, false
	if s.Scenario.Sizes.Of == sizeOfCore {
		one.New.CoreBytes = bytes
	} else {
		one.New.ScriptBytes = bytes
	}
	w := &Sweep{Scenario: &one, Chip: s.Chip, machine: s.machine}
	if err := w.prepare(); err != nil && !errors.Is(err, errRefused) {
		return nil, err
	}
	return w, nil
}

// replayDelivered tells what such a package does.
func (s *Sweep) replayDelivered(path []uint64, f *fault.Fault) (*Account, error) {
	number := uint64(0)
	if s.Scenario.Sample == 0 {
		number = path[0]
	}
	r, out, err := s.delivered(number, path, f, true)
	if err != nil {
		return nil, err
	}
	return &Account{Result: r, Lines: out.Lines, Trace: out.trace, Before: out.before, After: out.after}, nil
}
