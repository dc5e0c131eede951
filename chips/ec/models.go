package ec

import (
	"fmt"
	"time"

	"airlift/chips"
	"airlift/flash"
)

const mib = 1 << 20

// build is one firmware file of a model.
type build struct {
	name    string // of the profile
	summary string
	number  int // in the file's name: 101 in LuatOS-SoC_V2046_Air780EPM_101.soc
	bits    int
	release *release
	memory  memory
	target  string
	script  int64 // KiB of script area
	ota     int64 // KiB of OTA area
}

// release is a version of a core.
type release struct{ version, base, date, libDate string }

// memory are totals in bytes as rtos.meminfo reports them
// (luatos-runtime.md 1.3).
type memory struct{ lua, sys, psram int64 }

// spec is a model.
type spec struct {
	name, bsp, summary string
	soc                chips.SoC
	features           chips.Features
	ram                int64
	builds             []build // the first is the default
}

// Releases that the sources show (luatos-runtime.md 1.3, 2.4). Days of EC618
// and of the older EC7xx firmware are assumed.
var (
	relEC618 = release{"V1114", "24.11", "2024-11-15", "2024-11-15"}
	rel718   = release{"V2005", "25.03", "2025-06-15", "2025-06-15"}
	rel2046  = release{"V2046", "26.04", "2026-07-07", "2026-07-02"}
)

var (
	memEC618   = memory{lua: 262136, sys: 277872}
	memEPM     = memory{lua: 1048568, sys: 2366664, psram: 2366664}
	memEPM64   = memory{lua: 1048568, sys: 2393280, psram: 2393280}
	memEHM     = memory{lua: 4194296, sys: 3179680, psram: 3179680}
	memAir8000 = memory{lua: 4194296, sys: 3175376, psram: 3175376}
	mem718P    = memory{lua: 300*kib - 8, sys: 236424}
	mem718U    = memory{lua: 255992, sys: 236424}
	mem716E    = memory{lua: 200*kib - 8, sys: 236424}
)

// buildsEC618 are the firmware files of EC618 (ec618.md 1.3). They differ in
// what the core contains, and so in what is left for scripts.
var buildsEC618 = []build{
	{"full", "firmware _FULL: everything but sound, 128 KiB of scripts", 0, 32, &relEC618, memEC618, "ec618", 128, 96},
	{"lite", "firmware without suffix: data transfer, 448 KiB of scripts", 0, 32, &relEC618, memEC618, "ec618", 448, 284},
	{"tts", "firmware _TTS: speech from the file system, 448 KiB of scripts", 0, 32, &relEC618, memEC618, "ec618", 448, 284},
	{"tts-onchip", "firmware _TTS_ONCHIP: speech built in, 64 KiB of scripts", 0, 32, &relEC618, memEC618, "ec618", 64, 48},
	{"custom", "a build of one's own: firmware _FULL with all other libraries that its sources can have", 0, 32, &relEC618, memEC618, "ec618", 128, 96},
}

// narrow is firmware that ships with 32-bit numbers only (ec618.md 1.5).
func narrow(target string, script, ota int64, m memory) []build {
	return []build{{"1", "32-bit Lua numbers", 0, 32, &rel718, m, target, script, ota}}
}

// both are the two widths that a model's firmware ships in.
func both(target string, script, ota int64, m32, m64 memory) []build {
	return []build{
		{"1", "32-bit Lua numbers", 1, 32, &rel2046, m32, target, script, ota},
		{"101", "64-bit Lua numbers", 101, 64, &rel2046, m64, target, script, ota},
	}
}

// builds8M are the firmware files of the 8 MiB parts. Real packages are for
// three maps (ec618.md 1.5, 8.1).
func builds8M(m memory) []build {
	return append(both("718hm-fs768", 512, 384, m, m),
		build{"sdk", "32-bit Lua numbers, the map of the public SDK", 1, 32, &rel2046, m, "718hm", 512, 384},
		build{"ota256", "32-bit Lua numbers, the map of packages for 0x54E000", 1, 32, &rel2046, m, "718hm-fs768", 512, 256})
}

var (
	cellular = chips.Features{Fota: true, Mobile: true, Wlan: true, ScanOnly: true}
	withWifi = chips.Features{Fota: true, Mobile: true, Wlan: true}
)

// What scripts can find out about the chips (luat_mcu_*.c, luat_hmeta_*.c of
// the ports; hmeta.hwver() as an Air780EPM's log shows it).
var socEC618 = chips.SoC{Name: "EC618", HWVersion: "A11", ClockMHz: 204, TickMHz: 26, IDBytes: 8}

func soc7xx(name string) chips.SoC {
	return chips.SoC{Name: name, HWVersion: "A11", ClockMHz: 307, TickMHz: 26, IDBytes: 8}
}

var specs = []spec{
	{"Air780E", "EC618", "LTE Cat.1 module, EC618", socEC618, cellular, 1 * mib, buildsEC618},
	{"Air780EX", "EC618", "LTE Cat.1 module, EC618, stamp-hole form", socEC618, cellular, 1 * mib, buildsEC618},
	{"Air780EG", "EC618", "LTE Cat.1 module with GNSS, EC618", socEC618, cellular, 1 * mib, buildsEC618},
	{"Air600E", "EC618", "LTE Cat.1 module, EC618, older form", socEC618, cellular, 1 * mib, buildsEC618},
	{"Air700E", "EC618", "LTE Cat.1 module, EC618, small form", socEC618, cellular, 1 * mib, buildsEC618},
	{"Air780EP", "Air780EP", "LTE Cat.1 module, EC718P", soc7xx("EC718P"), cellular, 1 * mib, narrow("718p", 256, 192, mem718P)},
	{"Air780EPS", "Air780EPS", "LTE Cat.1 module, EC718U", soc7xx("EC718U"), cellular, 1 * mib, narrow("718u", 512, 360, mem718U)},
	{"Air780EPV", "EC718PV", "LTE Cat.1 module with VoLTE, EC718PV", soc7xx("EC718PV"), cellular, 1 * mib, narrow("718pv", 128, 96, mem718U)},
	{"Air780EQ", "Air780EQ", "LTE Cat.1 module, EC716E", soc7xx("EC716E"), cellular, 1 * mib, narrow("716e", 256, 192, mem716E)},
	{"Air700ECQ", "Air700ECQ", "LTE Cat.1 module, EC716E, small form", soc7xx("EC716E"), cellular, 1 * mib, narrow("716e", 256, 192, mem716E)},
	{"Air201", "Air201", "tracker, EC718U", soc7xx("EC718U"), cellular, 1 * mib, narrow("718u", 512, 360, mem718U)},
	{"Air780EPM", "Air780EPM", "LTE Cat.1 module, EC718PM", soc7xx("EC718PM"), cellular, 4 * mib, both("718pm", 256, 192, memEPM, memEPM64)},
	{"Air780EHM", "Air780EHM", "LTE Cat.1 module, EC718HM", soc7xx("EC718HM"), cellular, 8 * mib, builds8M(memEHM)},
	{"Air780EHV", "Air780EHV", "LTE Cat.1 module with VoLTE, EC718HM", soc7xx("EC718HM"), cellular, 8 * mib, builds8M(memEHM)},
	{"Air780EGH", "Air780EGH", "LTE Cat.1 module with GNSS, EC718HM", soc7xx("EC718HM"), cellular, 8 * mib, builds8M(memEHM)},
	{"Air8000", "Air8000", "LTE Cat.1, Wi-Fi, Bluetooth and GNSS module, EC718HM", soc7xx("EC718HM"), withWifi, 8 * mib, builds8M(memAir8000)},
	{"Air8201", "Air780EHM", "tracker on an Air780EHM (Air8201H)", soc7xx("EC718HM"), cellular, 8 * mib, builds8M(memEHM)},
}

// timing follows the one log with real times: about 40 ms for a sector that is
// erased, written and checked, and less than 1.4 s from the reset to the first
// line (ec618.md 3.6). How that divides is assumed (assumption flash-timing).
var timing = chips.Timing{
	PageProgram: 400 * time.Microsecond,
	SectorErase: 33 * time.Millisecond,
	Boot:        400 * time.Millisecond,
	CoreStart:   600 * time.Millisecond,
}

// buildModels makes the models in the order of specs.
func buildModels() []*chips.Model {
	var models []*chips.Model
	for i := range specs {
		s := &specs[i]
		t, err := findTarget(s.builds[0].target)
		if err != nil {
			panic(err) // a mistake in the table above
		}
		m := &chips.Model{
			Name: s.name, Family: familyName, BSP: s.bsp, Summary: s.summary, SoC: s.soc,
			Flash: []flash.Geometry{flash.NOR(t.flashSize)}, RAM: s.ram, Default: s.builds[0].name,
		}
		if t.series == EC618 {
			m.Flash = append(m.Flash, flash.NOR(cpFlashSize))
		}
		for k := range s.builds {
			m.Profiles = append(m.Profiles, s.builds[k].profile(s, t.series))
		}
		models = append(models, m)
	}
	return models
}

func (b *build) profile(s *spec, series Series) *chips.Profile {
	r := b.release
	p := &chips.Profile{
		Name: b.name, Summary: r.version + ", " + b.summary,
		CoreVersion: r.version, Base: r.base, CoreDate: r.date, LibDate: r.libDate,
		FirmwareNumber: b.number, Bits: b.bits,
		Features:  s.features,
		LuaMemory: b.memory.lua, SysMemory: b.memory.sys, PSRAMMemory: b.memory.psram,
		Timing: timing,
	}
	for _, a := range assumptions {
		if a.series == nil || *a.series == series {
			p.Assumptions = append(p.Assumptions, a.Assumption)
		}
	}
	return p
}

// find returns a model's build by its profile.
func find(m *chips.Model, p *chips.Profile) (*build, error) {
	for i := range specs {
		if specs[i].name != m.Name {
			continue
		}
		for k := range specs[i].builds {
			if specs[i].builds[k].name == p.Name {
				return &specs[i].builds[k], nil
			}
		}
	}
	return nil, fmt.Errorf("%s %s is no EC618 or EC7xx firmware", m.Name, p.Name)
}
