package ec

import (
	"fmt"
	"strings"

	"airlift/chips"
	"airlift/flash"
	"airlift/flash/explain"
)

// Names of the partitions that every layout has.
const (
	PartBoot    = "bootloader"
	PartInfo    = "ota-info"    // the sector of the info record
	PartAP      = "ap"          // core: image of the application processor
	PartScript  = "script"      // luadb image
	PartOTA     = "ota"         // where a common part waits, as it came
	PartFota    = "fota"        // where a delta waits: the download zone
	PartBackup  = "fota-backup" // old block while it is patched; result record
	PartFS      = "fs"          // littlefs, mounted at /
	PartKV      = "kv"          // fskv
	PartCP      = "cp"          // image of the communication processor
	PartNVRAM   = "nvram"
	PartFactory = "nvram-factory"
)

// target is a flash map: what a chip's SDK lays down, before LuatOS divides
// the end of the AP region. Offsets and lengths in bytes.
type target struct {
	name      string
	series    Series
	flashSize int64
	bootSize  int64 // bootloader, from bootOff; the info sector follows
	factory   area
	cp        area // EC618: on the flash of the communication processor
	ap        area // with script and OTA area
	fota      area // download zone and backup zone
	download  int64
	fs        area
	kv        area
	nvram     area
	fixed     []flash.Partition // what nobody but the SDK uses
}

type area struct{ off, size int64 }

func (a area) end() int64 { return a.off + a.size }

const (
	bootOffEC618 = 0x4000
	bootOffEC7xx = 0x3000
	cpFlashSize  = 1 << 20 // EC618's second chip (ec618.md 1.1)
)

func (t *target) bootOff() int64 {
	if t.series == EC618 {
		return bootOffEC618
	}
	return bootOffEC7xx
}

// targets are the maps (ec618.md 1.2, 1.4).
var targets = []*target{
	{
		name: "ec618", series: EC618, flashSize: 4 << 20, bootSize: 0x1E000,
		factory: area{0x3DC000, 0x4000}, cp: area{0, 0x80000}, ap: area{0x24000, 0x2E0000},
		fota: area{0x304000, 0x80000}, download: 0x78000,
		fs: area{0x384000, 0x48000}, kv: area{0x3CC000, 0x10000}, nvram: area{0x3E0000, 0x4000},
		fixed: []flash.Partition{
			{Name: "header-1", Kind: "header", Off: 0, Size: 0x2000},
			{Name: "header-2", Kind: "header", Off: 0x2000, Size: 0x2000},
			{Name: "hibernate", Kind: "backup", Off: 0x3E4000, Size: 0x18000},
			{Name: "platform-info", Kind: "config", Off: 0x3FC000, Size: 0x1000},
			{Name: "reset-info", Kind: "config", Off: 0x3FD000, Size: 0x1000},
			{Name: "exception-info", Kind: "config", Off: 0x3FE000, Size: 0x1000},
		},
	},
	ec7xx("718p", 4<<20, 0x11000, area{0x15000, 0x5000}, area{0x1A000, 0x64000}, 0x340000, 0x69000, 331776, area{0x3A9000, 0x20000}, area{0x3C9000, 0x10000}, area{0x3F1000, 0xD000},
		area{0x3D9000, 0x18000}),
	ec7xx("718pv", 4<<20, 0x11000, area{0x15000, 0x5000}, area{0x1A000, 0xA0000}, 0x340000, 0x69000, 331776, area{0x3A9000, 0x20000}, area{0x3C9000, 0x10000}, area{0x3F1000, 0xD000},
		area{0x3D9000, 0x18000}),
	ec7xx("716e", 4<<20, 0x11000, area{0x15000, 0x5000}, area{0x1A000, 0x64000}, 0x340000, 0x69000, 331776, area{0x3A9000, 0x20000}, area{0x3C9000, 0x10000}, area{0x3F1000, 0xD000},
		area{0x3D9000, 0x18000}),
	ec7xx("718u", 8<<20, 0x1F000, area{0x23000, 0x5000}, area{0x28000, 0x64000}, 0x649000, 0x100000, 950272, area{0x749000, 0x80000}, area{0x7C9000, 0x10000}, area{0x7F1000, 0xD000},
		area{0x7D9000, 0x18000}),
	ec7xx("718pm", 4<<20, 0x13000, area{0x19000, 0x5000}, area{0x1E000, 0x64000}, 0x321000, 0x96000, 516096, area{0x3B7000, 0x2A000}, area{0x3E1000, 0x10000}, area{0x3F1000, 0xD000},
		area{0x39F000, 0x18000}),
	ec7xx("718hm", 8<<20, 0x1D000, area{0x23000, 0xA000}, area{0x2D000, 0x64000}, 0x64E000, 0x106000, 974848, area{0x754000, 0x80000}, area{0x7D4000, 0x10000}, area{0x7E4000, 0x1A000},
		area{0x73C000, 0x18000}),
	// Later releases of the 8 MiB parts: 256 KiB more file system, taken from
	// the end of the AP region (ec618.md 1.5, an inference from real packages).
	ec7xx("718hm-fs768", 8<<20, 0x1D000, area{0x23000, 0xA000}, area{0x2D000, 0x64000}, 0x60E000, 0x106000, 974848, area{0x714000, 0xC0000}, area{0x7D4000, 0x10000}, area{0x7E4000, 0x1A000},
		area{0x6FC000, 0x18000}),
}

// ec7xx is a map of the EC7xx form: the AP region ends where the FOTA region
// begins, and the place for the memory of hibernation may lie in the backup
// zone.
func ec7xx(name string, flashSize, bootSize int64, factory, cp area, fota, fotaSize, download int64, fs, kv, nvram, hibernate area) *target {
	t := &target{
		name: name, series: EC7xx, flashSize: flashSize, bootSize: bootSize, factory: factory, cp: cp,
		ap: area{cp.end(), fota - cp.end()}, fota: area{fota, fotaSize}, download: download, fs: fs, kv: kv, nvram: nvram,
	}
	t.fixed = []flash.Partition{
		{Name: "header-1", Kind: "header", Off: 0, Size: 0x1000},
		{Name: "header-2", Kind: "header", Off: 0x1000, Size: 0x1000},
		{Name: "fuse-mirror", Kind: "header", Off: 0x2000, Size: 0x1000},
		{Name: "hibernate", Kind: "backup", Off: hibernate.off, Size: hibernate.size, Overlay: hibernate.off < t.fota.end()},
		{Name: "platform-info", Kind: "config", Off: flashSize - 0x2000, Size: 0x1000},
	}
	if bootOffEC7xx+bootSize+0x1000 < factory.off {
		off := bootOffEC7xx + bootSize + 0x1000
		t.fixed = append(t.fixed, flash.Partition{Name: "csdk-factory", Kind: "config", Off: off, Size: factory.off - off})
	}
	return t
}

func findTarget(name string) (*target, error) {
	var names []string
	for _, t := range targets {
		if t.name == name {
			return t, nil
		}
		names = append(names, t.name)
	}
	return nil, fmt.Errorf("no EC flash map is called %q: expected one of %s", name, explain.OneOf(names))
}

// Layout is the flash map that a firmware was built for.
type Layout struct {
	Series    Series
	Target    string
	FlashSize int64       // bytes, of the chip that holds the AP image
	Table     flash.Table // of that chip
	CP        flash.Table // EC618: of the chip that holds the CP image; else nil
	// SPI is the board's SPI flash, its last chip; nil if it has none.
	SPI *chips.SPIFlash
}

// layout divides the AP region into core, script area of scriptKiB and OTA
// area of otaKiB (ec618.md 1.3, 1.5).
func (t *target) layout(scriptKiB, otaKiB int64) (Layout, error) {
	s, o := scriptKiB*kib, otaKiB*kib
	if s <= 0 || o <= 0 || s+o >= t.ap.size {
		return Layout{}, fmt.Errorf("script area of %d KiB and OTA area of %d KiB: expected more than 0 and less than %d together", scriptKiB, otaKiB, t.ap.size/kib)
	}
	end := t.ap.end()
	tab := append(flash.Table(nil), t.fixed...)
	tab = append(tab,
		flash.Partition{Name: PartBoot, Kind: "boot", Off: t.bootOff(), Size: t.bootSize},
		flash.Partition{Name: PartInfo, Kind: "flag", Off: t.bootOff() + t.bootSize, Size: flash.DefaultSectorSize},
		flash.Partition{Name: PartAP, Kind: "core", Off: t.ap.off, Size: t.ap.size - s - o},
		flash.Partition{Name: PartScript, Kind: "script", Off: end - s - o, Size: s},
		flash.Partition{Name: PartOTA, Kind: "fota", Off: end - o, Size: o},
		flash.Partition{Name: PartFota, Kind: "fota", Off: t.fota.off, Size: t.download},
		flash.Partition{Name: PartBackup, Kind: "backup", Off: t.fota.off + t.download, Size: t.fota.size - t.download},
		flash.Partition{Name: PartFS, Kind: "fs", Off: t.fs.off, Size: t.fs.size},
		flash.Partition{Name: PartKV, Kind: "kv", Off: t.kv.off, Size: t.kv.size},
		flash.Partition{Name: PartFactory, Kind: "nvram", Off: t.factory.off, Size: t.factory.size},
		flash.Partition{Name: PartNVRAM, Kind: "nvram", Off: t.nvram.off, Size: t.nvram.size},
	)
	l := Layout{Series: t.series, Target: t.name, FlashSize: t.flashSize}
	if t.series == EC618 {
		l.CP = flash.Table{
			{Name: PartCP, Kind: "core", Off: 0, Size: 0x80000},
			{Name: "cp-dump", Kind: "backup", Off: 0x80000, Size: 0x4D000},
			{Name: "ip2", Kind: "config", Off: 0xCD000, Size: 0x1000},
			{Name: "cp-nvram-factory", Kind: "nvram", Off: 0xCE000, Size: 0x19000},
			{Name: "cp-nvram", Kind: "nvram", Off: 0xE7000, Size: 0x19000},
		}
	} else {
		tab = append(tab, flash.Partition{Name: PartCP, Kind: "core", Off: t.cp.off, Size: t.cp.size})
	}
	l.Table = tab.Sorted()
	return l, l.check()
}

// check reports a layout that lacks what updater and boot code need.
func (l *Layout) check() error {
	if err := l.Table.Check(flash.NOR(l.FlashSize)); err != nil {
		return err
	}
	if l.CP != nil {
		if err := l.CP.Check(flash.NOR(cpFlashSize)); err != nil {
			return fmt.Errorf("CP flash: %w", err)
		}
	}
	for _, name := range []string{PartInfo, PartAP, PartScript, PartOTA, PartFota, PartBackup, PartFS} {
		if _, ok := l.Table.Lookup(name); !ok {
			return fmt.Errorf("the layout has no partition %q", name)
		}
	}
	return nil
}

// Part returns the partition called name on the AP chip, or an empty one.
func (l *Layout) Part(name string) flash.Partition {
	p, _ := l.Table.Lookup(name)
	return p
}

// ScriptAddr is script_addr: the flash offset that script packages are for.
func (l *Layout) ScriptAddr() uint32 { return uint32(l.Part(PartScript).Off) }

// OTAAddr is full_addr: where the updater puts a common part.
func (l *Layout) OTAAddr() uint32 { return uint32(l.Part(PartOTA).Off) }

// cpPart returns where the CP image lies: chip number and partition.
func (l *Layout) cpPart() (chip int, p flash.Partition) {
	if l.CP != nil {
		p, _ = l.CP.Lookup(PartCP)
		return 1, p
	}
	return 0, l.Part(PartCP)
}

// apRoom is the length of the AP region: core, script area and OTA area.
func (l *Layout) apRoom() int64 { return l.Part(PartOTA).End() - l.Part(PartAP).Off }

// productName is what the vendor's packer calls the chip (ec618.md 5.2, shown
// for 718P).
func (l *Layout) productName() string {
	chip, _, _ := strings.Cut(l.Target, "-")
	return "EC" + strings.ToUpper(chip) + "_PRD"
}
