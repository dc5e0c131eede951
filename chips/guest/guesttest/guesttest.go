// Package guesttest makes modules with guests for tests.
package guesttest

import (
	"testing"

	"airlift/chips"
	"airlift/chips/all"
	"airlift/chips/guest"
	"airlift/chips/guest/guests"
)

// Chip returns the board that a shipped guest is for, with the guest as boot code.
func Chip(t testing.TB, name string) *chips.Chip {
	t.Helper()
	c, _ := Described(t, name)
	return c
}

// Described is Chip with what the guest says of itself. Tests of guests that are
// for no generic board are skipped.
func Described(t testing.TB, name string) (*chips.Chip, guest.Description) {
	t.Helper()
	wasm, err := guests.Wasm(name)
	if err != nil {
		t.Fatal(err)
	}
	d, err := guest.Describe(name, wasm)
	if err != nil {
		t.Fatal(err)
	}
	if d.Board == "" {
		t.Skipf("%s is for no generic board", name)
	}
	c, err := all.Chip(d.Board, "")
	if err != nil {
		t.Fatal(err)
	}
	if c, err = guest.WithBoot(c, name, wasm); err != nil {
		t.Fatal(err)
	}
	return c, d
}
