package xt804

import (
	"time"

	"airlift/chips"
)

// generationFacts is what all models' firmware of one generation has in
// common (xt804.md 0, 1.6).
var generationFacts = map[Generation]struct {
	summary  string
	version  string
	base     string
	coreDate string
	libDate  string
	features chips.Features
}{
	G1: {"V0016..V1022: scripts updated through the file system", "V1022", "23.12", "2023-12-15", "2023-12-15",
		chips.Features{FileOTA: true}},
	G2: {"V1023..V1027 as released: scripts updated through the file system", "V1025", "24.04", "2024-04-10", "2024-04-10",
		chips.Features{FileOTA: true}},
	G2Fota: {"V1023..V1027 built with LUAT_USE_FOTA: core and scripts updated through the FOTA area", "V1025", "24.04", "2024-04-10", "2024-04-10",
		chips.Features{FileOTA: true, Fota: true}},
	G3: {"V2001: core and scripts updated through the FOTA area, no file-system OTA", "V2001", "26.04", "2026-04-18", "2026-04-18",
		chips.Features{Fota: true}},
}

// timing: see the assumptions flash-timing and boot-timing.
var timing = chips.Timing{
	PageProgram: 700 * time.Microsecond,
	SectorErase: 45 * time.Millisecond,
	Boot:        100 * time.Millisecond,
	CoreStart:   150 * time.Millisecond,
}

func buildProfile(s *spec, g Generation) *chips.Profile {
	f := generationFacts[g]
	p := &chips.Profile{
		Name: g.String(), Summary: f.summary,
		CoreVersion: f.version, Base: f.base, CoreDate: f.coreDate, LibDate: f.libDate,
		Bits: 32, Features: f.features,
		LuaMemory: 176<<10 - 8, SysMemory: 64 << 10,
		Timing: timing,
	}
	if g == G3 {
		p.Bits = s.bitsG3
	}
	p.Features.Wlan = s.wlan
	for _, a := range assumptions {
		if a.applies == nil || a.applies(s, g) {
			p.Assumptions = append(p.Assumptions, a.Assumption)
		}
	}
	return p
}

// buildDate turns "2024-04-10" into the compiler's form, "Apr 10 2024".
func buildDate(date string) string {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return date
	}
	return t.Format("Jan _2 2006")
}
