package xt804

import (
	"strings"
	"sync"
)

// knownLayout is a flash map that firmware is released with.
type knownLayout struct {
	name string // "Air6208 g3"
	Layout
}

// knownLayouts are the maps of all models and profiles.
var knownLayouts = sync.OnceValue(func() []knownLayout {
	var known []knownLayout
	for i := range specs {
		for _, g := range specs[i].generations {
			if l, err := specs[i].layout(g, nil); err == nil {
				known = append(known, knownLayout{specs[i].name + " " + g.String(), l})
			}
		}
	}
	return known
})

// matchLayouts returns the known maps for a flash of size bytes (any for 0)
// whose key is addr.
func matchLayouts(key func(*Layout) uint32, addr uint32, size int64) []knownLayout {
	var match []knownLayout
	for _, k := range knownLayouts() {
		if key(&k.Layout) == addr && (size == 0 || k.FlashSize == size) {
			match = append(match, k)
		}
	}
	return match
}

// layoutsWith names the maps for a meaning: ", as on Air6208 g3".
func layoutsWith(key func(*Layout) uint32, addr uint32, size int64) string {
	var names []string
	for _, k := range matchLayouts(key, addr, size) {
		names = append(names, k.name)
	}
	if len(names) == 0 {
		return ""
	}
	return ", as on " + strings.Join(names, ", ")
}
