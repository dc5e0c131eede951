package ec

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"airlift/chips"
	"airlift/chips/soc"
	"airlift/chips/synth"
)

var (
	_ chips.DeltaMaker = (*maker)(nil)
	_ chips.Identifier = (*Family)(nil)
	_ chips.CoreKeeper = (*Family)(nil)
)

// CompareCores compares AP and CP images, and the places where the two cores
// look for their scripts. The boot code's image is never part of a delta
// (ec618.md 2.4).
func (m *maker) CompareCores(in chips.MakeInput) (chips.CoreDiff, error) {
	var d chips.CoreDiff
	if in.Base == nil {
		return d, errors.New("a comparison needs the core that the module has now")
	}
	from, err := m.baseCore(*in.Base)
	if err != nil {
		return d, fmt.Errorf("old core: %w", err)
	}
	to, err := m.core(in)
	if err == nil && (from.production || to.production) {
		err = errProduction
	}
	if err != nil {
		return d, err
	}
	d.Old, d.New = coreVersion(from.ap), coreVersion(to.ap)
	for _, i := range []struct {
		name     string
		old, new []byte
	}{{"AP", from.ap, to.ap}, {"CP", from.cp, to.cp}} {
		d.Images = append(d.Images, chips.ImageDiff{
			Name: i.name, OldBytes: int64(len(i.old)), NewBytes: int64(len(i.new)),
			OldSum: sha256.Sum256(i.old), NewSum: sha256.Sum256(i.new),
		})
	}
	old, okOld := scriptArea(in.Base.Core, from.ap)
	next, okNext := scriptArea(in.Core, to.ap)
	if okOld && okNext && old != next {
		d.Warnings = append(d.Warnings, fmt.Sprintf(
			"the script area is %v in the old core and %v in the new one: both must have the same for a core delta; the old core leaves the package where its own OTA area is, and the new script may be unpacked over it", old, next))
	}
	return d, nil
}

// DeltaKind picks what the "SoC differential upgrade" picks: the script alone
// when the cores are the same (ec618.md 2.3).
func (m *maker) DeltaKind(d chips.CoreDiff, scripts bool) string {
	switch {
	case !d.Same() && scripts:
		return KindCombined
	case !d.Same():
		return KindCore
	case scripts:
		return KindBin
	}
	return ""
}

// coreVersion is the version that a synthetic AP image states.
func coreVersion(ap []byte) string {
	desc, ok, err := synth.Find(ap)
	if err != nil || !ok {
		return ""
	}
	return desc.Version
}

// span is an area of the flash.
type span struct{ off, size int64 }

func (s span) String() string { return fmt.Sprintf("%d KiB at 0x%06X", s.size/kib, s.off) }

// scriptArea is where a core looks for its script, as its info.json or, of a
// synthetic one, its descriptor has it.
func scriptArea(file, ap []byte) (span, bool) {
	if soc.Is(file) {
		if info, err := readInfo(file); err == nil {
			script, ok1 := info.Addr("download.script_addr")
			full, ok2 := info.Addr("fota.full_addr")
			if ok1 && ok2 && full > script {
				return span{script, full - script}, true
			}
		}
	}
	desc, ok, err := synth.Find(ap)
	if err != nil || !ok {
		return span{}, false
	}
	p, ok := desc.Partitions.Lookup(PartScript)
	return span{p.Off, p.Size}, ok
}

// Identify tells which model a .soc or .binpkg file is for. Files that airlift
// made say it; of others only the series is known.
func (f *Family) Identify(data []byte) (model, profile, hint string, ok bool) {
	if !soc.Is(data) && !isBinpkg(data) {
		return "", "", "", false
	}
	fw, err := ReadFirmware(data)
	if err != nil {
		return "", "", "", false
	}
	desc, found, err := synth.Find(fw.AP)
	if err != nil || !found {
		return "", "", fw.Series.String(), true
	}
	return desc.Model, desc.Profile, fw.Series.String(), true
}
