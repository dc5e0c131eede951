// Package all is the registry of chip families: the one place that names them.
//
// A new family is a folder below chips and a line here. The registry is a
// plain function, so that what a program contains can be read from its source.
package all

import (
	"airlift/chips"
	"airlift/chips/ec"
	"airlift/chips/guest"
	"airlift/chips/rda8910"
	"airlift/chips/scriptonly"
	"airlift/chips/xt804"
)

// families is made once: its models are compared by address. Formats are tried
// in this order too: files for AT firmware begin alike with 8910 and EC618, and
// only rda8910 looks at what is in them.
var families = []chips.Family{xt804.New(), rda8910.New(), ec.New(), scriptonly.New(), guest.New()}

// Families returns the chip families in the order in which they are listed.
func Families() []chips.Family { return append([]chips.Family(nil), families...) }

// Chip returns the model called name, in any letter case, with one of its
// profiles ("" for the model's own) and that profile's partitions.
func Chip(name, profile string) (*chips.Chip, error) {
	f, m, err := chips.FindModel(families, name)
	if err != nil {
		return nil, err
	}
	return f.Chip(m, profile, nil)
}
