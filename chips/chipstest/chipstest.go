// Package chipstest has what tests of chip families need.
package chipstest

import (
	"testing"

	"airlift/chips"
)

// Chip is a model of a family with a profile, "" for its own, and a layout or
// nil.
func Chip(t testing.TB, f chips.Family, model, profile string, layout []byte) *chips.Chip {
	t.Helper()
	_, m, err := chips.FindModel([]chips.Family{f}, model)
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Chip(m, profile, layout)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
