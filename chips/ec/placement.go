package ec

import (
	"fmt"
	"strings"

	"airlift/flash"
	"airlift/flash/explain"
)

// A package carries the address that it is for, and no module compares it with
// anything (ec618.md 7, 1). What a section does to each firmware that there is
// can be told from their maps.

// effect is what a section does on one firmware.
type effect struct {
	name    string // "fits", "overwrites ap"
	meaning string
	fits    bool
	warn    bool
}

// firmwareNames are firmware on which a section has the same effect.
type firmwareNames struct {
	effect
	models []string
}

// startAddress explains the address of a section: which firmware it fits, and
// what it overwrites on others.
func (x *inspector) startAddress(s *Section, base int64, series Series, commonLen int64) explain.Field {
	f := explain.Field{Off: base + 32, Len: 4, Name: "StartAddress", Value: fmt.Sprintf("0x%08X", s.StartAddr)}
	groups := x.effects(s, series, commonLen)
	fits := 0
	for _, g := range groups {
		sub := explain.Field{Off: f.Off, Len: 4, Name: g.name, Value: strings.Join(g.models, "; "), Meaning: g.meaning}
		if g.fits {
			fits++
			sub.Verdict = explain.OK
		}
		if g.warn {
			sub.Verdict = explain.Warn
		}
		f.Add(sub)
	}
	f.Meaning, f.Verdict = "where the boot code writes it", explain.OK
	if fits == 0 {
		f.Meaning, f.Verdict = fmt.Sprintf("where the boot code writes it: the script area or an image of no known %s firmware begins there", series), explain.Warn
	}
	return f
}

// effects groups the firmware of a series by what a section does to it, those
// that it fits first.
func (x *inspector) effects(s *Section, series Series, commonLen int64) []firmwareNames {
	var groups []firmwareNames
	add := func(e effect, model, profile string) {
		for i := range groups {
			g := &groups[i]
			if g.effect != e {
				continue
			}
			if last := &g.models[len(g.models)-1]; strings.HasPrefix(*last, model+" ") {
				*last += ", " + profile
			} else {
				g.models = append(g.models, model+" "+profile)
			}
			return
		}
		groups = append(groups, firmwareNames{e, []string{model + " " + profile}})
	}
	for _, m := range x.models {
		for _, p := range m.Profiles {
			l, err := layoutFor(m, p, nil)
			if err == nil && l.Series == series {
				add(l.effect(s, commonLen), m.Name, p.Name)
			}
		}
	}
	var sorted []firmwareNames
	for _, fits := range []bool{true, false} {
		for _, g := range groups {
			if g.fits == fits {
				sorted = append(sorted, g)
			}
		}
	}
	return sorted
}

// effect tells what a section does to firmware with this layout.
func (l *Layout) effect(s *Section, commonLen int64) effect {
	table, off, size := l.Table, int64(s.StartAddr), int64(l.FlashSize)
	if l.Series == EC618 && s.StartAddr&cpFlash != 0 {
		table, off, size = l.CP, int64(s.StartAddr&^cpFlash), cpFlashSize
	}
	end := off + int64(s.DataLen)
	if off >= size {
		return effect{name: "outside the flash", meaning: "the address is behind the end of the flash"}
	}
	hit := overlapped(table, off, end)
	for _, name := range []string{PartScript, PartAP, PartCP} {
		p, ok := table.Lookup(name)
		if !ok || p.Off != off {
			continue
		}
		return l.fit(p, end, commonLen, hit)
	}
	e := effect{name: "overwrites " + strings.Join(hit, ", "), meaning: fmt.Sprintf("at 0x%06X-0x%06X", off, end-1)}
	switch p, _ := table.At(off); p.Name {
	case PartAP, PartCP:
		e.meaning += ": the core is destroyed, a cable is needed"
	case PartBoot:
		e.meaning += ": the boot code's place, which its driver guards"
	case PartScript, PartOTA:
		e.meaning += ": not where the firmware looks for its script"
	}
	return e
}

// fit judges a section whose address is the start of the partition it is for.
func (l *Layout) fit(p flash.Partition, end, commonLen int64, hit []string) effect {
	e := effect{name: "fits", meaning: fmt.Sprintf("%s at 0x%06X, %d KiB", p.Name, p.Off, p.Size/kib), fits: true}
	switch room := l.Part(PartOTA).Size; {
	case end > p.End() && p.Name == PartScript:
		e.meaning += fmt.Sprintf("; but runs on into %s: with more than one block it overwrites the package that it is unpacked from (pitfall 4)", strings.Join(hit[1:], ", "))
		e.warn = true
	case end > p.End():
		e.meaning += fmt.Sprintf("; but runs on into %s", strings.Join(hit[1:], ", "))
		e.warn = true
	case commonLen > room && l.Series == EC7xx:
		e.meaning += fmt.Sprintf("; but the common part has %d bytes, the OTA area %d: it needs an SPI flash, or runs into the FOTA region (pitfall 3)", commonLen, room)
		e.warn = true
	case commonLen > room:
		e.meaning += fmt.Sprintf("; but the common part has %d bytes, the OTA area %d: it runs into the FOTA region (pitfall 3)", commonLen, room)
		e.warn = true
	}
	return e
}

// overlapped names the partitions that a range touches, in their order.
func overlapped(t flash.Table, off, end int64) []string {
	var names []string
	for _, p := range t.Sorted() {
		if !p.Overlay && p.Off < end && p.End() > off {
			names = append(names, p.Name)
		}
	}
	if len(names) == 0 {
		return []string{"nothing that has a name"}
	}
	return names
}
