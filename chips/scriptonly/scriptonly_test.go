package scriptonly

import (
	"strings"
	"testing"

	"github.com/spf13/afero"

	"airlift/chips"
	"airlift/chips/chipstest"
	"airlift/flash"
	"airlift/flash/luadb"
)

func chip(t *testing.T, model, profile string) *chips.Chip {
	t.Helper()
	return chipstest.Chip(t, New(), model, profile, nil)
}

// start boots a flash and returns the core and its log.
func start(t *testing.T, c *chips.Chip, d *flash.Device) (*chips.Running, *chips.Env, string) {
	t.Helper()
	var log strings.Builder
	env := &chips.Env{Board: &chips.Board{Flash: []*flash.Device{d}}, Step: func(s chips.Step) { log.WriteString(s.Text + "\n") }}
	boot, err := c.Bootloader.Boot(env)
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Core.Start(env, boot)
	if err != nil {
		t.Fatal(err)
	}
	return r, env, log.String()
}

func TestIdentity(t *testing.T) {
	tests := []struct {
		model, profile  string
		bsp, version    string
		number, bits    int
		mobile, hasWlan bool
	}{
		{"Air8101", "", "Air8101", "V2018", 101, 64, false, true},
		{"Air8101", "1", "Air8101", "V1006", 1, 32, false, true},
		{"Air1601", "", "Air1601", "V1012", 101, 64, false, true},
		{"Air1602", "101", "Air1602", "V1024", 101, 64, false, true},
	}
	for _, tt := range tests {
		c := chip(t, tt.model, tt.profile)
		d, err := flash.New(c.Model.Flash[0])
		if err != nil {
			t.Fatal(err)
		}
		r, _, log := start(t, c, d)
		id, p := r.Identity, r.Identity.Profile
		if id.BSP != tt.bsp || id.Version != tt.version || p.FirmwareNumber != tt.number || p.Bits != tt.bits ||
			p.Features.Mobile != tt.mobile || p.Features.Wlan != tt.hasWlan || !p.Features.Fota {
			t.Errorf("%s %s: %+v, %+v", tt.model, tt.profile, id, p)
		}
		if banner := "LuatOS@" + tt.model + " base "; !strings.Contains(log, banner) {
			t.Errorf("%s: no %q in\n%s", tt.model, banner, log)
		}
	}
}

func writeFile(fs afero.Fs, name, text string) error {
	return afero.WriteFile(fs, name, []byte(text), 0o666)
}

func readFile(fs afero.Fs, name string) string {
	p, err := afero.ReadFile(fs, name)
	if err != nil {
		return err.Error()
	}
	return string(p)
}

// TestFilesSurvive looks whether what scripts write is on the flash.
func TestFilesSurvive(t *testing.T) {
	c := chip(t, "Air8101", "")
	script, err := luadb.Build([]luadb.File{{Name: "main.lua", Data: []byte("print(1)")}}, luadb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	flashes, err := c.Maker.(chips.FlashMaker).MakeFlash(chips.MakeInput{Script: script})
	if err != nil {
		t.Fatal(err)
	}
	r, env, _ := start(t, c, flashes[0])
	kv, err := r.KV(env)
	if err != nil {
		t.Fatal(err)
	}
	for _, fs := range []struct {
		what  string
		write func() error
	}{
		{"/", func() error { return writeFile(r.Mounts, "/a.txt", "hello") }},
		{"fskv", func() error { return writeFile(kv.Fs, "/key", "\x03v") }},
	} {
		if err := fs.write(); err != nil {
			t.Fatalf("%s: %v", fs.what, err)
		}
	}
	again, env, _ := start(t, c, flashes[0].Fork())
	if kv, err = again.KV(env); err != nil {
		t.Fatal(err)
	}
	if got := readFile(again.Mounts, "/a.txt"); got != "hello" {
		t.Errorf("/a.txt after a reset: %q", got)
	}
	if got := readFile(kv.Fs, "/key"); got != "\x03v" {
		t.Errorf("key after a reset: %q", got)
	}
	if got := readFile(again.Mounts, "/luadb/main.lua"); got != "print(1)" {
		t.Errorf("/luadb/main.lua: %q", got)
	}
}

// TestRefusals are the things that need a module's own flash map.
func TestRefusals(t *testing.T) {
	c := chip(t, "Air1601", "")
	if _, err := c.Maker.Make("flash", chips.MakeInput{}); err == nil || !strings.Contains(err.Error(), "Air1601: flash map not emulated") {
		t.Errorf("make: %v", err)
	}
	if _, err := New().Chip(c.Model, "", []byte("a,b")); err == nil || !strings.Contains(err.Error(), "Air1601: flash map not emulated") {
		t.Errorf("layout: %v", err)
	}
	fm := c.Maker.(chips.FlashMaker)
	for what, in := range map[string]chips.MakeInput{
		"core":    {CoreVersion: "V1"},
		"garbage": {Script: []byte("no script image")},
	} {
		if _, err := fm.MakeFlash(in); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	if err := plainFlash.Check(c.Model.Flash[0]); err != nil {
		t.Error(err)
	}
}
