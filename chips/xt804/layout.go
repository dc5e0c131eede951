package xt804

import (
	"fmt"

	"airlift/flash"
)

// Generation is a line of firmware (BSP) versions that share a flash map and
// update code (xt804.md 0). Profiles are named after it.
type Generation uint8

const (
	G1     Generation = iota + 1 // V0016..V1022: file-system OTA, no FOTA code
	G2                           // V1023..V1027 as released: file-system OTA, FOTA left out
	G2Fota                       // V1023..V1027 built with LUAT_USE_FOTA
	G3                           // V2001 and later: partition CSV, FOTA, no file-system OTA
)

var generationNames = [...]string{G1: "g1", G2: "g2", G2Fota: "g2-fota", G3: "g3"}

// String returns the profile name, "g2-fota".
func (g Generation) String() string {
	if g >= G1 && g <= G3 {
		return generationNames[g]
	}
	return fmt.Sprintf("generation %d", uint8(g))
}

// ParseGeneration returns the generation of a profile name.
func ParseGeneration(profile string) (Generation, error) {
	for g := G1; g <= G3; g++ {
		if generationNames[g] == profile {
			return g, nil
		}
	}
	return 0, fmt.Errorf("no XT804 firmware generation is called %q: expected g1, g2, g2-fota or g3", profile)
}

// Names of the partitions that every layout has, in all generations. A layout
// without key-value store has no PartKV.
const (
	PartSecboot  = "secboot"  // header, and the boot code 1 KiB behind it
	PartFota     = "fota"     // where packages wait; hardly there in most maps
	PartApp      = "app"      // the core
	PartKV       = "kv"       // fskv
	PartScript   = "script"   // luadb image
	PartFS       = "fs"       // littlefs, mounted at /
	PartSysparam = "sysparam" // SDK parameters and, in its last sector, the OTA flag
)

// Fixed places, as bus addresses (xt804.md 1.2, 3.4).
const (
	SecbootHeaderAddr = FlashBase + 0x2000 // ROM looks for the secboot header here
	SecbootCodeAddr   = FlashBase + 0x2400
	// UpgradeAddr is where secboot looks for a package, whatever the layout
	// says.
	UpgradeAddr = FlashBase + 0x10000
	// g1HeaderAddr is the app header of G1, in the middle of a sector
	// (xt804.md 1.5).
	g1HeaderAddr = FlashBase + 0x10400
)

const (
	secbootSize  = 64 << 10 // bytes from the start of the flash (xt804.md 1.2)
	systemTail   = 24 << 10 // bytes at the end that the SDK uses (xt804.md 1.2)
	sysparamSize = 8 << 10  // bytes at the end, as G3 calls it (xt804.md 1.3)
	// DefaultRAMEnd is ram_end in every map that ships (xt804.md 1.3).
	DefaultRAMEnd = 0x20028000
)

// Off turns a bus address into an offset on the flash. It masks the address as
// the driver does, so offsets pass unchanged (xt804.md 1.1).
func Off(addr uint32) int64 { return int64(addr & 0x07FFFFFF) }

// Addr turns an offset on the flash into a bus address.
func Addr(off int64) uint32 { return FlashBase + uint32(off) }

// FlagAddr returns the bus address of the OTA flag on a flash of flashSize
// bytes: the first word of its last sector (xt804.md 1.2).
func FlagAddr(flashSize int64) uint32 { return Addr(flashSize - flash.DefaultSectorSize) }

// Layout is the flash map that a firmware was built for.
type Layout struct {
	Generation Generation
	FlashSize  int64       // bytes
	RAMEnd     uint32      // ram_end, a bus address; goes into no image
	Header     uint32      // bus address of the app's image header
	Table      flash.Table // partitions; offsets without FlashBase
}

// NewLayout completes a partition table to a layout and checks that it has all
// that boot code and firmware need.
func NewLayout(g Generation, flashSize int64, t flash.Table) (Layout, error) {
	l := Layout{Generation: g, FlashSize: flashSize, RAMEnd: DefaultRAMEnd, Table: t}
	if err := t.Check(flash.NOR(flashSize)); err != nil {
		return Layout{}, err
	}
	for _, name := range []string{PartSecboot, PartFota, PartApp, PartScript, PartFS} {
		if _, ok := t.Lookup(name); !ok {
			return Layout{}, fmt.Errorf("the layout has no partition %q", name)
		}
	}
	if p := l.Part(PartSecboot); p.Off != 0 || p.Size < secbootSize {
		return Layout{}, fmt.Errorf("partition secboot at 0x%X, size 0x%X: expected 64 KiB at 0, where ROM looks for it", p.Off, p.Size)
	}
	l.Header = Addr(l.Part(PartApp).Off)
	if g == G1 {
		l.Header = g1HeaderAddr
	}
	return l, nil
}

// Part returns the partition called name, or an empty one.
func (l *Layout) Part(name string) flash.Partition {
	p, _ := l.Table.Lookup(name)
	return p
}

// CodeAddr returns the bus address of the app's first code byte.
func (l *Layout) CodeAddr() uint32 { return l.Header + CodeGap }

// CodeRoom returns how many bytes of code fit into the app partition behind
// the header's slot.
func (l *Layout) CodeRoom() int64 { return l.Part(PartApp).End() - Off(l.CodeAddr()) }

// FotaAddr returns the bus address of the FOTA area: upgrade_img_addr of the
// images built for this layout.
func (l *Layout) FotaAddr() uint32 { return Addr(l.Part(PartFota).Off) }

// FotaRoom returns how many bytes of package fit into the FOTA area. In G1 it
// is the kilobyte in front of the app header (xt804.md 1.5).
func (l *Layout) FotaRoom() int64 {
	if l.Generation == G1 {
		return Off(l.Header) - l.Part(PartFota).Off
	}
	return l.Part(PartFota).Size
}

// ScriptAddr returns the bus address of the script partition.
func (l *Layout) ScriptAddr() uint32 { return Addr(l.Part(PartScript).Off) }

// FlagAddr returns the bus address of the OTA flag.
func (l *Layout) FlagAddr() uint32 { return FlagAddr(l.FlashSize) }

// tailPartitions are the SDK's sectors at the end of the flash, which lie over
// whatever the map has there (xt804.md 1.2).
func tailPartitions(flashSize int64) flash.Table {
	names := [...]struct{ name, note string }{
		{"mesh_param", "TLS_FLASH_MESH_PARAM_ADDR: BLE mesh store"},
		{"param_default", "TLS_FLASH_PARAM_DEFAULT: SDK default parameters"},
		{"param1", "TLS_FLASH_PARAM1_ADDR: SDK parameters, copy 1"},
		{"param2", "TLS_FLASH_PARAM2_ADDR: SDK parameters, copy 2"},
		{"param_restore", "TLS_FLASH_PARAM_RESTORE_ADDR"},
		{"ota_flag", "TLS_FLASH_OTA_FLAG_ADDR: first word = OTA flag"},
	}
	var t flash.Table
	for i, n := range names {
		off := flashSize - systemTail + int64(i)*flash.DefaultSectorSize
		t = append(t, flash.Partition{Name: n.name, Kind: "sdk", Off: off, Size: flash.DefaultSectorSize, Note: n.note, Overlay: true})
	}
	return t
}
