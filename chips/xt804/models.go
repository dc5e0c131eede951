package xt804

import (
	"embed"
	"fmt"

	"airlift/chips"
	"airlift/flash"
)

// The partition files of V2001 builds (xt804.md 1.3), written down by us.
//
//go:embed maps/*.csv
var maps embed.FS

// ramSize is the RAM of all these chips in bytes (xt804.md 1.1).
const ramSize = 288 << 10

// spec is what distinguishes the models.
type spec struct {
	name, bsp, summary string
	flashSize          int64
	csv                string       // the model's G3 map
	generations        []Generation // that its firmware came in
	fallback           Generation   // the default profile
	wlan               bool
	bitsG3             int
}

var specs = [...]spec{
	{"Air101", "AIR101", "microcontroller module, 2 MiB flash", 2 << 20, "flash2m", []Generation{G1, G2, G2Fota, G3}, G2, false, 64},
	{"Air103", "AIR103", "microcontroller module, 1 MiB flash", 1 << 20, "flash1m", []Generation{G1, G2, G2Fota, G3}, G2, false, 32},
	{"Air601", "AIR601", "Wi-Fi module, 1 MiB flash", 1 << 20, "flash1m", []Generation{G1, G2, G2Fota, G3}, G2, true, 32},
	{"Air690", "AIR690", "Wi-Fi module, 2 MiB flash", 2 << 20, "flash2m", []Generation{G2, G2Fota, G3}, G2, true, 32},
	{"Air6208", "AIR6208", "Wi-Fi module, 8 MiB flash", 8 << 20, "air6208", []Generation{G3}, G3, true, 64},
}

// soc is the same for all models: port/luat_hmeta_air101.c and
// port/luat_mcu_air101.c of the SDK. The length of the unique id depends on
// the flash chip; that of W25Q and its like is assumed.
var soc = chips.SoC{Name: "XT806", HWVersion: "A10", ClockMHz: 240, TickMHz: 1, IDBytes: 18}

// buildModels makes the models in the order of specs.
func buildModels() []*chips.Model {
	var models []*chips.Model
	for i := range specs {
		s := &specs[i]
		m := &chips.Model{
			Name: s.name, Family: familyName, BSP: s.bsp, Summary: s.summary,
			SoC:   soc,
			Flash: []flash.Geometry{flash.NOR(s.flashSize)}, RAM: ramSize, Default: s.fallback.String(),
		}
		for _, g := range s.generations {
			m.Profiles = append(m.Profiles, buildProfile(s, g))
		}
		models = append(models, m)
	}
	return models
}

func findSpec(m *chips.Model) (*spec, error) {
	for i := range specs {
		if specs[i].name == m.Name {
			return &specs[i], nil
		}
	}
	return nil, fmt.Errorf("%s is no XT804 model", m.Name)
}

// layout returns the flash map of the model's firmware of generation g, or
// the one that a user's file describes.
func (s *spec) layout(g Generation, user []byte) (Layout, error) {
	switch {
	case g == G3:
		if user == nil {
			text, err := maps.ReadFile("maps/" + s.csv + ".csv")
			if err != nil {
				return Layout{}, err
			}
			user = text
		}
		l, err := ParseCSV(user)
		if err == nil && l.FlashSize != s.flashSize {
			return Layout{}, fmt.Errorf("partition file is for a flash of %d KiB, %s has %d KiB", l.FlashSize/kib, s.name, s.flashSize/kib)
		}
		return l, err
	case user != nil:
		return ParseConf(g, s.flashSize, user)
	case g == G1:
		return ComputeG1(DefaultMap(s.flashSize, false))
	}
	return ComputeG2(DefaultMap(s.flashSize, g == G2Fota))
}
