package scriptonly

import (
	"time"

	"airlift/chips"
	"airlift/flash"
)

// spec is a model.
type spec struct {
	name, bsp, summary string
	soc                chips.SoC
	ram                int64 // bytes
	features           chips.Features
	builds             []build // the first is the default
	assumed            []chips.Assumption
}

// build is one firmware file of a model.
type build struct {
	name    string // of the profile
	summary string
	number  int // in the file's name: 1 in LuatOS-SoC_V2046_Air780EPM_1.soc
	bits    int
	release *release
	memory  memory
}

// release is a version of a core.
type release struct {
	version, base, date, libDate string
}

// memory are totals in bytes as rtos.meminfo reports them
// (luatos-runtime.md 1.3).
type memory struct{ lua, sys, psram int64 }

const (
	kib = 1 << 10
	mib = 1 << 20
)

// Releases that the sources show (luatos-runtime.md 1.3, 2.4).
var (
	air8101 = release{"V2018", "26.04", "2026-07-07", "2026-07-02"}
	v1006   = release{"V1006", "25.03", "2025-10-09", "2025-10-09"}
	air1601 = release{"V1012", "26.04", "2026-04-20", "2026-04-20"}
	air1602 = release{"V1024", "26.04", "2026-06-30", "2026-06-30"}
)

// Memory as logs show it; where no log is known, the VM's heap as the build
// sets it, without the 8 bytes that are lost.
var (
	mem8101   = memory{lua: 2097144, sys: 224464, psram: 6291456}
	mem8101v1 = memory{lua: 1572856, sys: 181304, psram: 1572864}
	mem1601   = memory{lua: 2097144, sys: 14481016}
	mem1602   = memory{lua: 2097144, sys: 26925608}
)

func wide(r *release, m memory) build { return build{"101", "64-bit Lua numbers", 101, 64, r, m} }

var wifi = chips.Features{Fota: true, Wlan: true}

var specs = []spec{
	{name: "Air8101", bsp: "Air8101", summary: "Wi-Fi module for displays", soc: bk7258, ram: 8 * mib, features: wifi, builds: []build{wide(&air8101, mem8101), {"1", "32-bit Lua numbers", 1, 32, &v1006, mem8101v1}}},
	{name: "Air1601", bsp: "Air1601", summary: "microcontroller module for displays", soc: ccm4211, ram: 16 * mib, features: wifi, builds: []build{wide(&air1601, mem1601)}},
	{name: "Air1602", bsp: "Air1602", summary: "microcontroller module for displays", soc: ccm4211, ram: 32 * mib, features: wifi, builds: []build{wide(&air1602, mem1602)}},
}

// What scripts can find out about the chips. Their ports are closed; names and
// the lengths of ids are in upstream's test cases for hmeta and mcu, the rest is
// assumed, see soc.
var (
	bk7258  = chips.SoC{Name: "BK7258", HWVersion: "A10", ClockMHz: 480, TickMHz: 1, IDBytes: 5}
	ccm4211 = chips.SoC{Name: "CCM4211", HWVersion: "A10", ClockMHz: 480, TickMHz: 1, IDBytes: 6}
)

// timing: see the assumption timing.
var timing = chips.Timing{
	PageProgram: 700 * time.Microsecond,
	SectorErase: 45 * time.Millisecond,
	Boot:        100 * time.Millisecond,
	CoreStart:   150 * time.Millisecond,
}

// assumptions hold for every model.
var assumptions = []chips.Assumption{
	{Name: "plain-flash", Text: "The flash is not the module's: 4 MiB of script image, 1 MiB of littlefs for / and 64 KiB for fskv, the same for all models. What does not fit the real module may fit here."},
	{Name: "updater", Source: "luadb-and-packages.md 5, 6; luatos-runtime.md 6.2", Text: "fota takes packages whose form is known into an area of our own and checks what can be checked: frames and image of an Air8101's scripts, CRCs of its core packages, head and MD5 of an Air1601's. After the reset scripts of an Air8101 are replaced; what the module does with other packages is not emulated, the run says so."},
	{Name: "fskv-form", Text: "fskv keeps one file a key, as other firmware does; the module's own form is not emulated."},
	{Name: "timing", Text: "Times of flash and start-up are those assumed for other modules."},
	{Name: "soc", Source: "luatos-runtime.md 1.4", Text: "hmeta.hwver() says A10; the clock and the rate of mcu.tick64() are assumed, too."},
	{Name: "release", Source: "luatos-runtime.md 1.3, 13.8", Text: "The firmware's version and memory are those of the newest log in the sources, or of its build's defaults where there is no log. Firmware of other versions has other libraries."},
}

// buildModels makes the models in the order of specs.
func buildModels() []*chips.Model {
	var models []*chips.Model
	for i := range specs {
		s := &specs[i]
		m := &chips.Model{
			Name: s.name, Family: familyName, BSP: s.bsp, Summary: s.summary, ScriptOnly: true, SoC: s.soc,
			Flash: []flash.Geometry{flash.NOR(flashSize)}, RAM: s.ram, Default: s.builds[0].name,
		}
		for _, b := range s.builds {
			m.Profiles = append(m.Profiles, b.profile(s))
		}
		models = append(models, m)
	}
	return models
}

func (b *build) profile(s *spec) *chips.Profile {
	r := b.release
	return &chips.Profile{
		Name: b.name, Summary: r.version + ", " + b.summary,
		CoreVersion: r.version, Base: r.base, CoreDate: r.date, LibDate: r.libDate,
		FirmwareNumber: b.number, Bits: b.bits, Features: s.features,
		LuaMemory: b.memory.lua, SysMemory: b.memory.sys, PSRAMMemory: b.memory.psram,
		Timing: timing, Assumptions: append(append([]chips.Assumption(nil), assumptions...), s.assumed...),
	}
}
