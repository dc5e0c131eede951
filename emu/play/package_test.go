package play_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/afero"

	"airlift/chips"
	"airlift/chips/all"
	"airlift/emu"
	"airlift/emu/link"
	"airlift/emu/play"
	"airlift/emu/trace"
	"airlift/flash"
	"airlift/flash/luadb"
	"airlift/lua"
)

// upstreamPackages are packages that lie beside upstream's demos, and modules
// that they are, or are not, for (ec618.md 7, 2 and 8.1).
var upstreamPackages = []struct {
	file, chip, profile string
	hit                 string // what the finding says; "" for a package that fits
}{
	{"oldmodule/Air780E/demo/fota_uart/fota_uart.bin", "Air780E", "full", ""},
	{"oldmodule/Air780E/demo/fota_uart/fota_uart.bin", "Air780E", "lite", "belongs to ota"},
	{epm + coreWay + "/fota_uart.bin", "Air780EPM", "1", ""},
	{epm + coreWay + "/fota_uart.bin", "Air780EHM", "1", "belongs to ap"},
	{air8000 + coreWay + "/fota_uart.bin", "Air8000", "1", "belongs to ap"}, // the one of Air780EPM, copied
	{ehm + coreWay + "/fota_uart.bin", "Air780EHM", "1", ""},
	{ehm + coreWay + "/fota_uart.bin", "Air780EHM", "sdk", "belongs to ap"},
	{epm + "ble_5101_fota/ble_fota.bin", "Air780EPM", "1", ""},
	{air8000 + "ble_5101_fota/ble_fota.bin", "Air8000", "1", ""},
	{air8000 + "ble_fota/ble_fota.bin", "Air8000", "ota256", ""},
	{air8000 + "ble_fota/ble_fota.bin", "Air8000", "1", "belongs to script"},
}

// takeIt is a project that takes the package which lies in the file system.
const takeIt = `PROJECT = "take"
VERSION = "1.0.0"
if io.exists("/update.bin") then
    fota.init()
    log.info("taken", fota.file("/update.bin"))
    os.remove("/update.bin")
    rtos.reboot()
end
while true do rtos.receive(rtos.INF_TIMEOUT) end
`

// TestUpstreamPackages has modules take packages that LuaTools made. None
// refuses one that is for another module.
func TestUpstreamPackages(t *testing.T) {
	src := os.Getenv("LUATOS_SRC")
	if src == "" {
		t.Skip("LUATOS_SRC is not set: packages that LuaTools made were NOT tried; set it to a LuatOS checkout")
	}
	for _, c := range upstreamPackages {
		t.Run(strings.ReplaceAll(c.file, "/", "_")+" "+c.chip+" "+c.profile, func(t *testing.T) {
			pkg, err := os.ReadFile(filepath.Join(src, filepath.FromSlash(c.file)))
			if err != nil {
				t.Skip("NOT tried: not in this checkout:", err)
			}
			chip, err := all.Chip(c.chip, c.profile)
			if err != nil {
				t.Fatal(err)
			}
			findings, compiled := takePackage(t, chip, pkg)
			if c.hit == "" && (!compiled || len(findings) > 0) || c.hit != "" && (compiled || len(findings) == 0 || !strings.Contains(findings[0], c.hit)) {
				t.Errorf("new script %v, findings %q", compiled, findings)
			}
		})
	}
}

// takePackage has a module take a package. It tells what was found, and whether
// the script area holds a compiled script then, as those of packages are.
func takePackage(t *testing.T, chip *chips.Chip, pkg []byte) (findings []string, compiled bool) {
	t.Helper()
	var flashes []*flash.Device
	var log bytes.Buffer
	_, err := play.Run(play.Job{
		Files: []luadb.File{{Name: "main.lua", Data: []byte(takeIt)}}, Chip: chip, Seed: 1, Limit: 20 * time.Second, Boots: 3,
		Link: link.Model{}, Script: lua.Options{Steps: 1 << 26},
		World: func(w *emu.World, cfg *emu.Config) error {
			flashes = cfg.Flash
			w.Trace.Sink(func(e *trace.Event) {
				if e.Kind == trace.Step && e.Step.IsFinding() {
					findings = append(findings, e.Step.Text)
				}
			})
			table, problems := chip.Core.(chips.Mounter).MountFiles(cfg.Flash, true)
			if len(problems) > 0 {
				return problems[0]
			}
			return afero.WriteFile(table, "/update.bin", pkg, 0o666)
		},
		Line: func(l play.Line) bool {
			log.WriteString(l.Text + "\n")
			return false
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "taken true true 0") && !strings.Contains(log.String(), "taken\ttrue\ttrue\t0") {
		t.Errorf("the package was not taken:\n%s", log.String())
	}
	r, err := emu.BootFork(chip, flashes, 1)
	if err != nil {
		t.Fatal(err)
	}
	if r.Running == nil {
		return findings, false
	}
	_, err = r.Running.Mounts.Stat("/luadb/main.luac")
	return findings, err == nil
}
