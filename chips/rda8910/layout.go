package rda8910

import (
	"fmt"

	"airlift/chips/rda8910/sffs"
	"airlift/flash"
)

// Partitions (8910.md 1.2, 1.3, 1.5).
const (
	PartBoot    = "bootloader" // uImage of the boot code
	PartAP      = "ap"         // core: uImage of the application processor
	PartApp     = "appimg"     // C program
	PartScript  = "script"     // luadb image
	PartFota    = "fota-head"  // generation D: what it holds is not known
	PartFS      = "fs"         // SFFS, mounted at /; /fota is a folder in it
	PartModem   = "modem"      // SFFS with the modem's code and data
	PartFactory = "factory"    // SFFS with what production leaves
)

const (
	flashSize  = 8 << 20
	scriptArea = 0x68000 // of generation A (8910.md 1.3)
	bootArea   = 0x10000 // write protected by boot code (8910.md 4.4)
)

// Layout is how a firmware divides the flash.
type Layout struct{ Table flash.Table }

// Part returns a partition, empty if there is none.
func (l *Layout) Part(name string) flash.Partition {
	p, _ := l.Table.Lookup(name)
	return p
}

// mapOf is one of the published partition tables (8910.md 1.2).
type mapOf struct{ ap, app, fs, modem int64 } // where each begins

var (
	map720U  = mapOf{0x10000, 0x180000, 0x300000, 0x560000}
	mapTTS   = mapOf{0x10000, 0x2C0000, 0x3F0000, 0x560000}
	mapVoLTE = mapOf{0x10000, 0x29F000, 0x380000, 0x4A0000}
)

const factoryOff = 0x7E0000

// layout returns the flash map of a generation. That of A takes the scripts'
// area out of the C program's.
func (m mapOf) layout(g Generation) Layout {
	script := m.fs
	if g == GenA {
		script -= scriptArea
	}
	t := flash.Table{
		{Name: PartBoot, Kind: "boot", Off: 0, Size: bootArea},
		{Name: PartAP, Kind: "core", Off: m.ap, Size: m.app - m.ap},
		{Name: PartApp, Kind: "app", Off: m.app, Size: script - m.app},
	}
	if g == GenA {
		t = append(t, flash.Partition{Name: PartScript, Kind: "script", Off: script, Size: scriptArea})
	}
	return Layout{append(t,
		flash.Partition{Name: PartFS, Kind: "fs", Off: m.fs, Size: m.modem - m.fs},
		flash.Partition{Name: PartModem, Kind: "fs", Off: m.modem, Size: factoryOff - m.modem},
		flash.Partition{Name: PartFactory, Kind: "fs", Off: factoryOff, Size: flashSize - factoryOff},
	)}
}

// layoutD is the map of LuatOS-SoC V1009 (8910.md 1.5).
func layoutD() Layout {
	return Layout{flash.Table{
		{Name: PartBoot, Kind: "boot", Off: 0, Size: bootArea},
		{Name: PartAP, Kind: "core", Off: 0x10000, Size: 0x220000},
		{Name: PartScript, Kind: "script", Off: 0x230000, Size: 0x80000},
		{Name: PartFota, Kind: "fota", Off: 0x2BD000, Size: 0x3000, Note: "full_addr of info.json: meaning unverified"},
		{Name: PartFS, Kind: "fs", Off: 0x2C0000, Size: 0x1C0000, Note: "its end is inferred"},
		{Name: PartModem, Kind: "fs", Off: 0x480000, Size: 0x360000},
		{Name: PartFactory, Kind: "fs", Off: factoryOff, Size: flashSize - factoryOff, Note: "assumed as on other firmware"},
	}}
}

// volumeConfig is the geometry of a file system (8910.md 1.4, 1.6). The
// application may not write to the modem's, boot code does not look at the
// factory's.
func volumeConfig(name string) sffs.Config {
	switch name {
	case PartModem:
		return sffs.Config{Geometry: sffs.Geometry{EraseBlock: 0x10000, Place: 0x200}}
	case PartFactory:
		return sffs.Config{Geometry: sffs.Geometry{EraseBlock: 0x1000, Place: 0x100}}
	}
	return sffs.Config{Geometry: sffs.Geometry{EraseBlock: 0x8000, Place: 0x200}, Reserve: 128}
}

// mountPoint is where a file system is mounted.
func mountPoint(part string) string {
	return map[string]string{PartFS: "/", PartModem: "/modem/", PartFactory: "/factory/"}[part]
}

// openVolume mounts a file system of a flash.
func (l *Layout) openVolume(d *flash.Device, part string, readOnly bool) (*sffs.FS, error) {
	r, err := d.Partition(l.Part(part))
	if err != nil {
		return nil, err
	}
	cfg := volumeConfig(part)
	cfg.ReadOnly = readOnly
	f, err := sffs.Mount(r, cfg)
	if err != nil {
		return nil, fmt.Errorf("partition %s: %w", part, err)
	}
	return f, nil
}

// coreRoom is how long the core with its image head may be in bytes.
func (l *Layout) coreRoom() int64 { return l.Part(PartAP).Size }

// layoutFrom takes the map of a core's descriptor.
func layoutFrom(t flash.Table) (Layout, error) {
	l := Layout{t}
	for _, name := range []string{PartBoot, PartAP, PartFS, PartModem, PartFactory} {
		if l.Part(name).Size == 0 {
			return l, fmt.Errorf("no partition %q", name)
		}
	}
	return l, t.Check(flash.NOR(flashSize))
}
