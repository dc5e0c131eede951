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

// Releases that the sources show (luatos-runtime.md 1.3, 2.4). Days of EC618
// and of the older EC7xx firmware are assumed.
var (
	ec618   = release{"V1114", "24.11", "2024-11-15", "2024-11-15"}
	ec7xx   = release{"V2005", "25.03", "2025-06-15", "2025-06-15"}
	v2046   = release{"V2046", "26.04", "2026-07-07", "2026-07-02"}
	air8101 = release{"V2018", "26.04", "2026-07-07", "2026-07-02"}
	v1006   = release{"V1006", "25.03", "2025-10-09", "2025-10-09"}
	air1601 = release{"V1012", "26.04", "2026-04-20", "2026-04-20"}
	air1602 = release{"V1024", "26.04", "2026-06-30", "2026-06-30"}
)

// Memory as logs show it; where no log is known, the VM's heap as the build
// sets it, without the 8 bytes that are lost.
var (
	memEC618   = memory{lua: 262136, sys: 277872}
	memEPM     = memory{lua: 1048568, sys: 2366664, psram: 2366664}
	memEPM64   = memory{lua: 1048568, sys: 2393280, psram: 2393280}
	memEHM     = memory{lua: 4194296, sys: 3179680, psram: 3179680}
	memAir8000 = memory{lua: 4194296, sys: 3175376, psram: 3175376}
	mem718P    = memory{lua: 300*kib - 8, sys: 236424}
	mem718U    = memory{lua: 255992, sys: 236424}
	mem716E    = memory{lua: 200*kib - 8, sys: 236424}
	mem8101    = memory{lua: 2097144, sys: 224464, psram: 6291456}
	mem8101v1  = memory{lua: 1572856, sys: 181304, psram: 1572864}
	mem1601    = memory{lua: 2097144, sys: 14481016}
	mem1602    = memory{lua: 2097144, sys: 26925608}
)

// both are the two widths that a model's firmware ships in.
func both(r *release, m32, m64 memory) []build {
	return []build{
		{"1", "32-bit Lua numbers", 1, 32, r, m32},
		{"101", "64-bit Lua numbers", 101, 64, r, m64},
	}
}

// narrow is firmware that ships with 32-bit numbers only.
func narrow(r *release, m memory) []build {
	return []build{{"1", "32-bit Lua numbers", 0, 32, r, m}}
}

// buildsEC618 are the firmware files of EC618, by the suffix of their names
// (ec618.md 1.3, 8.1). They differ in their libraries.
var buildsEC618 = []build{
	{"full", "firmware _FULL: with screens", 0, 32, &ec618, memEC618},
	{"lite", "firmware without suffix: data transfer", 0, 32, &ec618, memEC618},
	{"tts", "firmware _TTS: speech from the file system", 0, 32, &ec618, memEC618},
	{"tts-onchip", "firmware _TTS_ONCHIP: speech built in", 0, 32, &ec618, memEC618},
}

func wide(r *release, m memory) build { return build{"101", "64-bit Lua numbers", 101, 64, r, m} }

var (
	cellular     = chips.Features{Fota: true, Mobile: true, Wlan: true, ScanOnly: true}
	cellularWifi = chips.Features{Fota: true, Mobile: true, Wlan: true}
	wifi         = chips.Features{Fota: true, Wlan: true}
)

var specs = []spec{
	{name: "Air780E", bsp: "EC618", summary: "LTE Cat.1 module, EC618", soc: ec618SoC, ram: 1 * mib, features: cellular, builds: buildsEC618},
	{name: "Air780EX", bsp: "EC618", summary: "LTE Cat.1 module, EC618, stamp-hole form", soc: ec618SoC, ram: 1 * mib, features: cellular, builds: buildsEC618},
	{name: "Air780EG", bsp: "EC618", summary: "LTE Cat.1 module with GNSS, EC618", soc: ec618SoC, ram: 1 * mib, features: cellular, builds: buildsEC618},
	{name: "Air600E", bsp: "EC618", summary: "LTE Cat.1 module, EC618, older form", soc: ec618SoC, ram: 1 * mib, features: cellular, builds: buildsEC618},
	{name: "Air700E", bsp: "EC618", summary: "LTE Cat.1 module, EC618, small form", soc: ec618SoC, ram: 1 * mib, features: cellular, builds: buildsEC618},
	{name: "Air780EP", bsp: "Air780EP", summary: "LTE Cat.1 module, EC718P", soc: ec7xxSoC("EC718P"), ram: 1 * mib, features: cellular, builds: narrow(&ec7xx, mem718P)},
	{name: "Air780EPS", bsp: "Air780EPS", summary: "LTE Cat.1 module, EC718S", soc: ec7xxSoC("EC718S"), ram: 1 * mib, features: cellular, builds: narrow(&ec7xx, mem718P)},
	{name: "Air780EPV", bsp: "EC718PV", summary: "LTE Cat.1 module with VoLTE, EC718PV", soc: ec7xxSoC("EC718PV"), ram: 1 * mib, features: cellular, builds: narrow(&ec7xx, mem718U)},
	{name: "Air780EQ", bsp: "Air780EQ", summary: "LTE Cat.1 module, EC716E", soc: ec7xxSoC("EC716E"), ram: 1 * mib, features: cellular, builds: narrow(&ec7xx, mem716E)},
	{name: "Air700ECQ", bsp: "Air700ECQ", summary: "LTE Cat.1 module, EC716E, small form", soc: ec7xxSoC("EC716E"), ram: 1 * mib, features: cellular, builds: narrow(&ec7xx, mem716E)},
	{name: "Air201", bsp: "Air201", summary: "tracker, EC718U", soc: ec7xxSoC("EC718U"), ram: 1 * mib, features: cellular, builds: narrow(&ec7xx, mem718U)},
	{name: "Air780EPM", bsp: "Air780EPM", summary: "LTE Cat.1 module, EC718PM", soc: ec7xxSoC("EC718PM"), ram: 4 * mib, features: cellular, builds: both(&v2046, memEPM, memEPM64)},
	{name: "Air780EHM", bsp: "Air780EHM", summary: "LTE Cat.1 module, EC718HM", soc: ec7xxSoC("EC718HM"), ram: 8 * mib, features: cellular, builds: both(&v2046, memEHM, memEHM)},
	{name: "Air780EHV", bsp: "Air780EHV", summary: "LTE Cat.1 module with VoLTE, EC718HM", soc: ec7xxSoC("EC718HM"), ram: 8 * mib, features: cellular, builds: both(&v2046, memEHM, memEHM)},
	{name: "Air780EGH", bsp: "Air780EGH", summary: "LTE Cat.1 module with GNSS, EC718HM", soc: ec7xxSoC("EC718HM"), ram: 8 * mib, features: cellular, builds: both(&v2046, memEHM, memEHM)},
	{name: "Air8000", bsp: "Air8000", summary: "LTE Cat.1, Wi-Fi, Bluetooth and GNSS module, EC718HM", soc: ec7xxSoC("EC718HM"), ram: 8 * mib, features: cellularWifi, builds: both(&v2046, memAir8000, memAir8000)},
	{name: "Air8201", bsp: "Air780EHM", summary: "tracker on an Air780EHM (Air8201H)", soc: ec7xxSoC("EC718HM"), ram: 8 * mib, features: cellular, builds: both(&v2046, memEHM, memEHM)},
	{name: "Air8101", bsp: "Air8101", summary: "Wi-Fi module for displays", soc: bk7258, ram: 8 * mib, features: wifi, builds: []build{wide(&air8101, mem8101), {"1", "32-bit Lua numbers", 1, 32, &v1006, mem8101v1}}},
	{name: "Air1601", bsp: "Air1601", summary: "microcontroller module for displays", soc: ccm4211, ram: 16 * mib, features: wifi, builds: []build{wide(&air1601, mem1601)}},
	{name: "Air1602", bsp: "Air1602", summary: "microcontroller module for displays", soc: ccm4211, ram: 32 * mib, features: wifi, builds: []build{wide(&air1602, mem1602)}},
}

// What scripts can find out about the chips: ports of EC618 and EC7xx
// (luat_mcu_*.c, luat_hmeta_*.c). The others are closed; their names and the
// lengths of their ids are in upstream's test cases for hmeta and mcu, the rest
// is assumed, see soc.
var (
	ec618SoC = chips.SoC{Name: "EC618", HWVersion: "A11", ClockMHz: 204, TickMHz: 26, IDBytes: 8}
	bk7258   = chips.SoC{Name: "BK7258", HWVersion: "A10", ClockMHz: 480, TickMHz: 1, IDBytes: 5}
	ccm4211  = chips.SoC{Name: "CCM4211", HWVersion: "A10", ClockMHz: 480, TickMHz: 1, IDBytes: 6}
)

func ec7xxSoC(name string) chips.SoC {
	return chips.SoC{Name: name, HWVersion: "A11", ClockMHz: 307, TickMHz: 26, IDBytes: 8}
}

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
	{Name: "fskv-form", Text: "fskv keeps one file a key, as other firmware does; the module's own form is not emulated."},
	{Name: "timing", Text: "Times of flash and start-up are those assumed for other modules."},
	{Name: "soc", Source: "luatos-runtime.md 1.4", Text: "hmeta.hwver() says A11, as an Air780EPM's log does, or A10 where the port is closed; there the clock and the rate of mcu.tick64() are assumed, too."},
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
