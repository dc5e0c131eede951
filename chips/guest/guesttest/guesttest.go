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
	wasm, err := guests.Wasm(name)
	if err != nil {
		t.Fatal(err)
	}
	d, err := guest.Describe(name, wasm)
	if err != nil {
		t.Fatal(err)
	}
	c, err := all.Chip(d.Board, "")
	if err != nil {
		t.Fatal(err)
	}
	if c, err = guest.WithBoot(c, name, wasm); err != nil {
		t.Fatal(err)
	}
	return c
}
