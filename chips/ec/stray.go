package ec

import (
	"fmt"
	"strings"

	"airlift/chips"
	"airlift/flash"
)

// Neither updater nor boot code looks at where a package leads (ec618.md 7, 1,
// 3, 4). What one writes outside the area that it is for goes where it would on
// a module, and is reported as a finding.

// table is the map of the chip that n drives.
func (a areas) table(n nor) flash.Table {
	if n.dev == a.chips[0] {
		return a.l.Table
	}
	return a.l.CP
}

// sectionArea is the area that a section is for: the one that begins where it
// does, or an empty one.
func sectionArea(t flash.Table, start int64) flash.Partition {
	for _, name := range []string{PartScript, PartAP, PartCP} {
		if p, ok := t.Lookup(name); ok && p.Off == start {
			return p
		}
	}
	return flash.Partition{}
}

// stray tells what is hit outside area when the n bytes from off on are erased
// and written. It returns "" if all of them lie in the area.
func stray(t flash.Table, area flash.Partition, off, n int64) string {
	from, end := off&^(sector-1), (off+n+sector-1)&^(sector-1)
	why := "no script area and no image begins there"
	if area.Size > 0 {
		if end <= area.End() {
			return ""
		}
		from, why = max(from, area.End()), fmt.Sprintf("%s ends at 0x%06X", area.Name, area.End())
	}
	return fmt.Sprintf("0x%06X-0x%06X is outside the area that it is for (%s) and belongs to %s",
		from, end-1, why, strings.Join(overlapped(t, from, end), ", "))
}

// strayed reports a write of n bytes to off that is not within area. Who is the
// part of the package that causes it.
func (a areas) strayed(env *chips.Env, stage, who string, drv nor, area flash.Partition, off, n int64) {
	hit := stray(a.table(drv), area, off, n)
	if size := drv.dev.Size(); off >= size {
		hit = fmt.Sprintf("0x%06X-0x%06X is behind the end of the flash, 0x%06X", off, off+n-1, size)
	}
	if hit != "" {
		env.Step(chips.Step{Stage: stage, Kind: chips.KindDecide, Text: chips.FindingMark + who + " is written over what is not its own: " + hit})
	}
}
