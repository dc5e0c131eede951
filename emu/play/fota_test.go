package play_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/afero"

	"airlift/chips"
	"airlift/chips/all"
	"airlift/emu"
	"airlift/emu/iot"
	"airlift/emu/link"
	"airlift/emu/play"
	"airlift/emu/project"
	"airlift/emu/scene"
	"airlift/flash"
	"airlift/flash/luadb"
	"airlift/lua"
)

// fotaDemo is one of upstream's demos of the upgrade, the way in which its
// package comes, and how it ends (docs/EC.md has the table).
type fotaDemo struct {
	folder        string // in a LuatOS checkout
	chip, profile string
	kind          string      // of the package: "bin" unless it says otherwise
	answers       string      // answer set of the platform, "" for its own
	via           string      // platform, site, uart, air5101, file; "" for nothing
	edits         [][2]string // what the demo tells its reader to change
	ends          string      // upgraded, or what the log shows instead
}

const upgraded = "upgraded"

const (
	epm     = "module/Air780EPM/demo/fota/"
	ehm     = "module/Air780EHM_Air780EHV_Air780EGH/demo/fota/"
	air8000 = "module/Air8000/demo/fota/"

	coreWay   = "fota(使用fota核心库)"
	iotWay    = "fota2(使用libfota2扩展库)/iot_server"
	serverWay = "fota2(使用libfota2扩展库)/self_server"
)

// byFile switches a demo of the core library from serial port to file, ownKey
// gives one for the platform a key: both are for the reader to do.
var (
	byFile = [][2]string{{`-- require("fota_file")`, `require("fota_file")`}, {`require("fota_uart")`, `-- require("fota_uart")`}}
	ownKey = [][2]string{{`PRODUCT_KEY = "123"`, `PRODUCT_KEY = "` + demoKey + `"`}}
)

const demoKey = "b0wlT3yrmIpTSPLi3e7Fob5nvBJxO6pM"

var fotaDemos = []fotaDemo{
	{folder: "oldmodule/Air780E/demo/fota", chip: "Air780E", via: "platform", ends: upgraded},
	{folder: "oldmodule/Air780E/demo/fota", chip: "Air780E", via: "platform", kind: "combined", ends: upgraded},
	{folder: "oldmodule/Air780E/demo/fota", chip: "Air780EP", via: "platform", kind: "combined", ends: upgraded},
	{folder: "oldmodule/Air780E/demo/fota", chip: "Air780E", via: "platform", answers: "selfhost-minimal", ends: upgraded},
	{folder: "oldmodule/Air780E/demo/fota", chip: "Air780E", via: "platform", answers: "selfhost-304", ends: upgraded},
	{folder: "oldmodule/Air780E/demo/fota2", chip: "Air780E", via: "platform", ends: "attempt to index a nil value (global 'ota_opts')"},
	{folder: "oldmodule/Air780E/demo/fota_uart", chip: "Air780E", via: "uart", ends: upgraded},
	{folder: "olddemo/demo/fota", chip: "Air780E", via: "platform", ends: upgraded},
	{folder: "olddemo/demo/fota2", chip: "Air780E", via: "platform", ends: "请修改正确的PRODUCT_KEY"},
	{folder: "olddemo/demo/fota2", chip: "Air780E", via: "platform", edits: ownKey, ends: upgraded},
	{folder: epm + coreWay, chip: "Air780EPM", via: "uart", ends: upgraded},
	{folder: epm + coreWay, chip: "Air780EPM", via: "file", edits: byFile, ends: upgraded},
	{folder: epm + iotWay, chip: "Air780EPM", via: "platform", ends: "请修改正确的PRODUCT_KEY"},
	{folder: epm + iotWay, chip: "Air780EPM", via: "platform", edits: ownKey, ends: upgraded},
	{folder: epm + serverWay, chip: "Air780EPM", via: "site", ends: upgraded},
	{folder: epm + "ble_5101_fota", chip: "Air780EPM", ends: "切换AT模式失败"},
	{folder: epm + "ble_5101_fota", chip: "Air780EPM", via: "air5101", ends: upgraded},
	{folder: ehm + coreWay, chip: "Air780EHM", via: "uart", ends: upgraded},
	{folder: ehm + coreWay, chip: "Air780EHM", via: "file", edits: byFile, ends: upgraded},
	{folder: ehm + iotWay, chip: "Air780EHM", via: "platform", ends: "请修改正确的PRODUCT_KEY"},
	{folder: ehm + iotWay, chip: "Air780EHM", via: "platform", edits: ownKey, ends: upgraded},
	{folder: ehm + serverWay, chip: "Air780EHM", via: "site", ends: upgraded},
	{folder: ehm + "ble_fota_5101", chip: "Air780EHM", via: "air5101", ends: upgraded},
	{folder: air8000 + coreWay, chip: "Air8000", via: "uart", ends: upgraded},
	{folder: air8000 + coreWay, chip: "Air8000", via: "file", edits: byFile, ends: upgraded},
	{folder: air8000 + iotWay, chip: "Air8000", via: "platform", ends: "请修改正确的PRODUCT_KEY"},
	{folder: air8000 + iotWay, chip: "Air8000", via: "platform", answers: "selfhost-minimal", edits: ownKey, ends: upgraded},
	{folder: air8000 + iotWay, chip: "Air8000", via: "platform", edits: ownKey, ends: upgraded},
	{folder: air8000 + serverWay, chip: "Air8000", via: "site", ends: upgraded},
	{folder: ehm + "ble_fota_5101", chip: "Air780EHM", ends: "切换AT模式失败"},
	{folder: air8000 + "ble_5101_fota", chip: "Air8000", ends: "切换AT模式失败"},
	{folder: air8000 + "ble_5101_fota", chip: "Air8000", via: "air5101", ends: upgraded},
}

// TestUpstreamFota runs upstream's demos of the upgrade from the first version
// into the next, with the original libraries. What they tell their reader to
// change is changed, nothing else.
func TestUpstreamFota(t *testing.T) {
	src := os.Getenv("LUATOS_SRC")
	if src == "" {
		t.Skip("LUATOS_SRC is not set: upstream's FOTA demos were NOT tried; set it to a LuatOS checkout")
	}
	libs, err := lua.LibsFromDir(filepath.Join(src, "script"))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range fotaDemos {
		t.Run(d.name(), func(t *testing.T) {
			dir := filepath.Join(src, filepath.FromSlash(d.folder))
			if _, err := os.Stat(dir); err != nil {
				t.Skip("NOT tried: not in this checkout:", dir)
			}
			d.run(t, dir, libs)
		})
	}
}

func (d *fotaDemo) name() string {
	return strings.Join([]string{strings.ReplaceAll(d.folder, "/", "_"), d.chip, d.via, d.kind, d.answers, fmt.Sprint(len(d.edits), " edits")}, " ")
}

// upgrade is a demo with the package that is to come.
type upgrade struct {
	chip     *chips.Chip
	old, new *project.Project
	core     string // that runs afterwards
	file     string // name of the package
	pkg      []byte
}

func (d *fotaDemo) run(t *testing.T, dir string, libs afero.Fs) {
	u := d.upgrade(t, dir)
	var flashes []*flash.Device
	var log strings.Builder
	r, err := play.Run(play.Job{
		Files: u.old.Files, Chip: u.chip, Seed: 1, Limit: 3 * time.Minute, Boots: 4, Link: link.Model{},
		Script: lua.Options{Libs: libs, Steps: 1 << 28},
		World: func(w *emu.World, cfg *emu.Config) error {
			flashes = cfg.Flash
			return d.deliver(w, cfg, u)
		},
		Line: func(l play.Line) bool {
			log.WriteString(l.Text + "\n")
			return l.Boot > 0 && strings.Contains(l.Text, u.new.Version)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	core, main := installed(t, u.chip, flashes)
	isNew := core == u.core && bytes.Equal(main, mainLua(t, u.new))
	if d.ends == upgraded {
		if !isNew || len(r.Refused) > 0 || len(r.Errors) > 0 {
			t.Errorf("core %s, new scripts %v, %s %s, refused %q, errors %q\n%s", core, bytes.Equal(main, mainLua(t, u.new)), r.End, r.Detail, r.Refused, r.Errors, log.String())
		}
		return
	}
	told := log.String() + strings.Join(r.Errors, "\n") + strings.Join(r.Refused, "\n")
	if isNew || !strings.Contains(told, d.ends) {
		t.Errorf("expected %q: %s %s, refused %q, errors %q\n%s", d.ends, r.End, r.Detail, r.Refused, r.Errors, log.String())
	}
}

// upgrade reads the demo and makes its next version and the package.
func (d *fotaDemo) upgrade(t *testing.T, dir string) upgrade {
	t.Helper()
	files, err := play.Folder(dir)
	if err != nil {
		t.Fatal(err)
	}
	var scripts []luadb.File
	for _, f := range files {
		if !strings.HasSuffix(f.Name, ".bin") { // the demo's own package, which stays on the PC
			scripts = append(scripts, f)
		}
	}
	u := upgrade{old: edited(t, scripts, d.edits)}
	last := len(u.old.Version) - 1
	next := u.old.Version[:last] + string(u.old.Version[last]+1)
	u.new = edited(t, u.old.Files, [][2]string{{`VERSION = "` + u.old.Version + `"`, `VERSION = "` + next + `"`}})
	if u.chip, err = all.Chip(d.chip, d.profile); err != nil {
		t.Fatal(err)
	}
	image, err := u.new.Image()
	if err != nil {
		t.Fatal(err)
	}
	u.core = u.chip.Profile.CoreVersion
	in := chips.MakeInput{Script: image, CoreSeed: 1}
	kind := d.kind
	switch kind {
	case "":
		kind = "bin"
	case "combined":
		u.core = u.core[:len(u.core)-1] + "9"
		in.CoreVersion, in.Base = u.core, &chips.MakeInput{CoreSeed: 1}
	}
	if u.pkg, err = u.chip.Maker.Make(kind, in); err != nil {
		t.Fatal(err)
	}
	u.file, err = u.chip.Maker.(chips.PackageNamer).PackageName(u.new.Name, u.core, u.new.Version)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// edited is a project with texts replaced.
func edited(t *testing.T, files []luadb.File, edits [][2]string) *project.Project {
	t.Helper()
	var out []luadb.File
	for _, f := range files {
		for _, e := range edits {
			f.Data = bytes.ReplaceAll(f.Data, []byte(e[0]), []byte(e[1]))
		}
		out = append(out, f)
	}
	p, err := project.FromFiles(out)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func mainLua(t *testing.T, p *project.Project) []byte {
	t.Helper()
	for _, f := range p.Files {
		if f.Name == "main.lua" {
			return f.Data
		}
	}
	t.Fatal("no main.lua")
	return nil
}

// installed tells what a module would run if it were switched on now.
func installed(t *testing.T, chip *chips.Chip, flashes []*flash.Device) (core string, main []byte) {
	t.Helper()
	r, err := emu.BootFork(chip, flashes, 1)
	if err != nil {
		t.Fatal(err)
	}
	if r.Running == nil {
		return "", nil
	}
	for _, m := range r.Running.Mounts.Mounts() {
		if m.Type == "luadb" {
			if main, err = afero.ReadFile(m.Fs, "/main.lua"); err != nil {
				t.Fatal(err)
			}
		}
	}
	return r.Running.Identity.Version, main
}

// deliver puts the package where the demo expects it.
func (d *fotaDemo) deliver(w *emu.World, cfg *emu.Config, u upgrade) error {
	switch d.via {
	case "platform":
		return platform(w, d.answers, mainText(u.old, "PRODUCT_KEY"), u)
	case "site": // the demo asks for http://your_fota_packet_url.bin
		site := &iot.Static{}
		if err := site.Add(iot.Route{Path: "/", Content: u.pkg}); err != nil {
			return err
		}
		return w.Network.Handle("your_fota_packet_url.bin", 80, site, link.HostOptions{})
	case "uart", "air5101":
		text := usbScene(u.pkg)
		if d.via == "air5101" {
			text = air5101Scene(u.pkg)
		}
		s, err := scene.Parse([]byte(text))
		cfg.Scene = s
		return err
	case "file":
		table, problems := u.chip.Core.(chips.Mounter).MountFiles(cfg.Flash, true)
		if len(problems) > 0 {
			return problems[0]
		}
		return afero.WriteFile(table, "/update.bin", u.pkg, 0o666)
	}
	return nil
}

// platform offers the package to all devices of the project with a key.
func platform(w *emu.World, answers, key string, u upgrade) error {
	store := iot.NewMem(1)
	account, err := store.AddAccount("13800000000")
	if err != nil {
		return err
	}
	p, err := store.AddProject(account.ID, "demo", key, link.Epoch)
	if err != nil {
		return err
	}
	name, err := iot.RecogniseFileName(u.file)
	if err != nil {
		return err
	}
	if _, err := store.AddFirmware(iot.Firmware{
		Project: p.ID, Name: name.Name, Version: name.Version, FileName: u.file, Allow: true, All: true, Created: link.Epoch,
	}, u.pkg); err != nil {
		return err
	}
	set, err := iot.AnswersByName(answers)
	if err != nil {
		return err
	}
	server, err := iot.NewServer(store, set, iot.DefaultSettings())
	if err != nil {
		return err
	}
	return w.Platform(server)
}

// mainText returns the text that a global variable has in any file.
func mainText(p *project.Project, name string) string {
	for _, f := range p.Files {
		if _, rest, ok := strings.Cut(string(f.Data), name+` = "`); ok {
			text, _, _ := strings.Cut(rest, `"`)
			return text
		}
	}
	return ""
}

// usbScene is the demos' program for the PC: somebody presses the power key, a
// greeting comes in at the USB port, then the package in pieces of 256 bytes.
// The program waits for an answer to each, for a second at most.
func usbScene(pkg []byte) string {
	return "events:\n  - {at: 8s, key: PWR_KEY, for: 1s}\n" + arrivals(10, 32, append([][]byte{[]byte("#FOTA\n")}, pieces(256, "", pkg)...))
}

// air5101Scene is a Bluetooth module at the first serial port that takes every
// command, and a phone behind it with the demos' program: begin and length,
// pieces, end.
func air5101Scene(pkg []byte) string {
	begin := binary.LittleEndian.AppendUint32([]byte{1, 1}, uint32(len(pkg)))
	messages := append([][]byte{[]byte("UT:CONNECTED"), begin}, pieces(200, "\x02", pkg)...)
	return "uart:\n  1: {answers: [{say: \"AT:OK\\r\\n\", after: 20ms}]}\nevents:\n" + arrivals(10, 1, append(messages, []byte{1, 2}))
}

func pieces(size int, prefix string, p []byte) [][]byte {
	var out [][]byte
	for len(p) > 0 {
		n := min(size, len(p))
		out = append(out, append([]byte(prefix), p[:n]...))
		p = p[n:]
	}
	return out
}

// arrivals are events: a message a second at a serial port.
func arrivals(from, port int, messages [][]byte) string {
	var b strings.Builder
	for i, m := range messages {
		fmt.Fprintf(&b, "  - {at: %ds, uart: {port: %d, hex: \"%X\"}}\n", from+i, port, m)
	}
	return b.String()
}
