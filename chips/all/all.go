// Package all is the registry of chip families: the one place that names them.
//
// A new family is a folder below chips and a line here. The registry is a
// plain function, so that what a program contains can be read from its source.
package all

import (
	"airlift/chips"
	"airlift/chips/xt804"
)

// families is made once: its models are compared by address.
var families = []chips.Family{xt804.New()}

// Families returns the chip families in the order in which they are listed.
func Families() []chips.Family { return append([]chips.Family(nil), families...) }
