package rda8910

import (
	"fmt"
	"time"

	"airlift/chips"
	"airlift/flash"
)

// Generation is the kind of firmware on a module (8910.md 0.2).
type Generation uint8

const (
	GenA Generation = iota // Luat script core: Lua 5.1, LuaTask
	GenB                   // CSDK core: a C program
	GenD                   // LuatOS-SoC
)

// Era is the state of the vendor's SDK that boot code and core were built from.
// Both are known from binaries (8910.md 0.1).
type Era uint8

const (
	V302340 Era = iota // an upgrade needs the flag file; verified when all is there
	V302043            // no flag file; each file is armed as it is complete
)

func (e Era) String() string {
	if e == V302043 {
		return "V302043"
	}
	return "V302340"
}

// bootName is what the image of the boot code is called (8910.md 8.3).
func (e Era) bootName() string {
	if e == V302043 {
		return "DEVEL-svn2043"
	}
	return "DEVEL-svn2340"
}

// build is one firmware of the models.
type build struct {
	name, summary string
	gen           Generation
	era           Era
	m             mapOf
	version       string
	date          string
}

// builds are the firmware that every model has, the default first. Names of
// script cores follow the published patterns (8910.md 3.1, 6.3); which of them
// has which boot code is assumed.
var builds = []build{
	{"a", "Luat script core, boot code V302340 with flag file", GenA, V302340, map720U, "Luat_V3103_RDA8910", "2021-05-14"},
	{"a-v302043", "Luat script core, boot code V302043 without flag file", GenA, V302043, map720U, "Luat_V3036_RDA8910", "2021-01-27"},
	{"a-tts", "Luat script core with Bluetooth and speech, boot code V302340", GenA, V302340, mapTTS, "Luat_V3103_RDA8910_BT_TTS_FLOAT", "2021-05-14"},
	{"a-volte", "Luat script core with Bluetooth, speech and VoLTE, boot code V302340", GenA, V302340, mapVoLTE, "Luat_V3103_RDA8910_BT_TTS_VOLTE", "2021-05-14"},
	{"b", "CSDK core for C programs, boot code V302340 with flag file", GenB, V302340, map720U, "CSDK_V302340_RDA8910", "2021-05-14"},
	{"b-v302043", "CSDK core for C programs, boot code V302043 without flag file", GenB, V302043, map720U, "CSDK_V302043_RDA8910_TMP", "2021-01-27"},
	{"b-tts", "CSDK core with Bluetooth and speech, boot code V302340", GenB, V302340, mapTTS, "CSDK_V302340_RDA8910_BT_TTS", "2021-05-14"},
	{"b-volte", "CSDK core with Bluetooth, speech and VoLTE, boot code V302340", GenB, V302340, mapVoLTE, "CSDK_V302340_RDA8910_BT_TTS_VOLTE", "2021-05-14"},
	{"d", "LuatOS-SoC; how it upgrades is not known", GenD, V302340, map720U, "V1009", "2024-06-01"},
}

func (b *build) layout() Layout {
	if b.gen == GenD {
		return layoutD()
	}
	return b.m.layout(b.gen)
}

// models and their lines; they differ in what is around the chip.
var specs = []struct{ name, summary string }{
	{"Air724UG", "LTE Cat.1 module, RDA8910"},
	{"Air722UG", "LTE Cat.1 module, RDA8910, LCC form"},
	{"Air820UG", "LTE Cat.1 module with GNSS, RDA8910"},
	{"Air720U", "LTE Cat.1 module, RDA8910, older form"},
}

// ramSize is the modules' RAM in bytes (8910.md 1.1).
const ramSize = 16 << 20

var soc = chips.SoC{Name: "UIS8910DM", HWVersion: "A10", ClockMHz: 500, TickMHz: 26, IDBytes: 8}

// timing: see the assumption flash-timing.
var timing = chips.Timing{
	PageProgram: 400 * time.Microsecond,
	SectorErase: 40 * time.Millisecond,
	Boot:        500 * time.Millisecond,
	CoreStart:   1500 * time.Millisecond,
}

func buildModels() []*chips.Model {
	var models []*chips.Model
	for i := range specs {
		s := &specs[i]
		m := &chips.Model{
			Name: s.name, Family: familyName, BSP: s.name, Summary: s.summary, SoC: soc,
			Flash: []flash.Geometry{flash.NOR(flashSize)}, RAM: ramSize, Default: builds[0].name,
		}
		for k := range builds {
			m.Profiles = append(m.Profiles, builds[k].profile())
		}
		models = append(models, m)
	}
	return models
}

func (b *build) profile() *chips.Profile {
	p := &chips.Profile{
		Name: b.name, Summary: b.version + ", " + b.summary,
		CoreVersion: b.version, CoreDate: b.date, LibDate: b.date, Bits: 32,
		Features:  chips.Features{Mobile: true, Fota: b.gen == GenD},
		LuaMemory: 1 << 20, SysMemory: 4 << 20, Timing: timing,
	}
	switch b.gen {
	case GenA:
		p.Scripts = chips.ScriptsLuaTask
	case GenB:
		p.Scripts = chips.ScriptsNone
	case GenD:
		p.Base = "24.06"
		p.LuaMemory, p.SysMemory = 128*kib, 256*kib // 8910.md 1.5
		p.FotaRefusal = refusalD
	}
	for _, a := range assumptions {
		if a.gens == nil || a.has(b.gen) {
			p.Assumptions = append(p.Assumptions, a.Assumption)
		}
	}
	return p
}

// refusalD is why nothing upgrades LuatOS-SoC.
const refusalD = "upgrades of LuatOS-SoC on the 8910 are not emulated: where the module stores a package and what applies it is not public"

// findBuild returns the firmware of a profile.
func findBuild(profile string) (*build, error) {
	for i := range builds {
		if builds[i].name == profile {
			return &builds[i], nil
		}
	}
	return nil, fmt.Errorf("profile %q is no firmware of the 8910", profile)
}
