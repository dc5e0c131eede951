package rda8910

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"strings"

	"airlift/chips"
	"airlift/flash"
	"airlift/flash/luadb"
)

// Kinds of files that [chips.Maker] makes for this family. Those for the
// platform are what is uploaded, streams are what it sends.
const (
	KindAll          = "all"           // core and script for the platform
	KindCore         = "core"          // core for the platform
	KindScript       = "script"        // script for the platform
	KindAllStream    = "all-stream"    // core pack and script
	KindCoreStream   = "core-stream"   // core pack
	KindScriptStream = "script-stream" // script
	KindPack         = "pack"          // core pack without the stream's heads
	KindApp          = "app"           // script with its MD5, without them
	KindPac          = "pac"           // everything, for the downloader
	KindLuadb        = "luadb"         // bare script image
	KindSota         = "sota"          // script for LuatOS-SoC
	KindFlash        = "flash"
)

var (
	_ chips.FlashMaker   = (*maker)(nil)
	_ chips.PackageNamer = (*maker)(nil)
)

// maker makes files for one chip.
type maker struct {
	model   *chips.Model
	profile *chips.Profile
	layout  Layout
}

func (m *maker) gen() Generation {
	b, err := findBuild(m.profile.Name)
	if err != nil {
		return GenA
	}
	return b.gen
}

// Kinds lists what can be made.
func (m *maker) Kinds() []chips.PackageKind {
	scripts := []chips.PackageKind{
		{Name: KindAll, Ext: ".dfota.bin", Summary: "core and script for the platform: a ZIP as the CSDK makes it", Core: true, Fits: false, Why: whyZIP},
		{Name: KindCore, Ext: ".core.dfota.bin", Summary: "core for the platform: a ZIP as the CSDK makes it", Core: true, Fits: false, Why: whyZIP},
		{Name: KindScript, Ext: ".script.dfota.bin", Summary: "script for the platform: a ZIP as the CSDK makes it", Fits: false, Why: whyZIP},
		{Name: KindScriptStream, Ext: ".bin", Summary: "script, as a server sends it", Upgrade: true, Fits: true},
		{Name: KindAllStream, Ext: ".bin", Summary: "script and core pack, as a server sends them", Upgrade: true, Core: true, Delta: true, Fits: true},
	}
	core := []chips.PackageKind{
		{Name: KindCoreStream, Ext: ".core.bin", Summary: "core pack, as a server sends it", Upgrade: true, Core: true, Delta: true, Fits: true},
		{Name: KindPack, Ext: ".pack", Summary: "core pack alone, /fota/fota.pack on the module", Delta: true, Fits: true},
	}
	images := []chips.PackageKind{
		{Name: KindPac, Ext: ".pac", Summary: "boot code, core, modem and script for the downloader", Fits: true},
		{Name: KindFlash, Ext: ".flash", Summary: "contents of the whole flash", Fits: true},
	}
	script := []chips.PackageKind{{Name: KindLuadb, Ext: ".luadb.bin", Summary: "bare script image", Fits: true}}
	switch m.gen() {
	case GenB:
		return append(core, images...)
	case GenD:
		sota := chips.PackageKind{Name: KindSota, Ext: ".sota", Summary: "script package, as the public packer makes it", Upgrade: true, Fits: false, Why: refusalD}
		return append(append(script, sota), images...)
	}
	app := chips.PackageKind{Name: KindApp, Ext: ".app", Summary: "script with its MD5, /fota/app on the module", Fits: true}
	return append(append(append(scripts, core...), app, script[0]), images...)
}

const whyZIP = "the platform turns it into a stream: modules take no other form"

// Make makes one file.
func (m *maker) Make(kind string, in chips.MakeInput) ([]byte, error) {
	makers := map[string]func(chips.MakeInput) ([]byte, error){
		KindAll: m.all, KindCore: m.coreOnly, KindScript: m.scriptOnly,
		KindAllStream: m.allStream, KindCoreStream: m.coreStream, KindScriptStream: m.scriptStream,
		KindPack: m.pack, KindApp: m.app, KindPac: m.pac, KindLuadb: m.script, KindFlash: m.flash, KindSota: m.sota,
	}
	known := false
	for _, k := range m.Kinds() {
		known = known || k.Name == kind
	}
	if !known {
		return nil, fmt.Errorf("%s %s has no packages or images of kind %q", m.model.Name, m.profile.Name, kind)
	}
	data, err := makers[kind](in)
	if err != nil {
		return nil, fmt.Errorf("make %s for %s %s: %w", kind, m.model.Name, m.profile.Name, err)
	}
	return data, nil
}

// script checks a script image. What lies behind it in the area goes with it:
// MD5 and trailer.
func (m *maker) script(in chips.MakeInput) ([]byte, error) {
	if in.Script == nil {
		return nil, errors.New("a script image is needed")
	}
	if _, err := luadb.Parse(in.Script); err != nil {
		return nil, fmt.Errorf("script image: %w", err)
	}
	if m.gen() == GenB {
		return nil, errors.New("a CSDK core runs a C program: there is no place for scripts")
	}
	room := m.layout.Part(PartScript).Size - 1 - 16 - int64(len(AppTrailer))
	if n := int64(len(in.Script)); n > room && !in.Force {
		return nil, fmt.Errorf("the script image has %d bytes, the module takes %d: it would ignore it at every start (pitfall 15)", n, room)
	}
	return in.Script, nil
}

func (m *maker) app(in chips.MakeInput) ([]byte, error) {
	script, err := m.script(in)
	if err != nil {
		return nil, err
	}
	return LuaApp(script)
}

func (m *maker) pack(in chips.MakeInput) ([]byte, error) {
	b, err := m.corePack(in)
	if err == nil && b == nil {
		err = ErrSameCore
	}
	return b, err
}

func (m *maker) scriptStream(in chips.MakeInput) ([]byte, error) {
	app, err := m.app(in)
	if err != nil {
		return nil, err
	}
	s := Stream{Files: []StreamFile{{Tag: TagApp, Data: app}}}
	return s.Encode(), nil
}

func (m *maker) coreStream(in chips.MakeInput) ([]byte, error) {
	pack, err := m.pack(in)
	if err != nil {
		return nil, err
	}
	s := Stream{Files: []StreamFile{{Tag: TagCore, Data: pack}}}
	return s.Encode(), nil
}

// allStream is what a server sends for core and script; if the cores are the
// same, the script alone.
func (m *maker) allStream(in chips.MakeInput) ([]byte, error) {
	app, err := m.app(in)
	if err != nil {
		return nil, err
	}
	pack, err := m.corePack(in)
	if err != nil {
		return nil, err
	}
	s := Stream{Files: []StreamFile{{Tag: TagApp, Data: app}}}
	if pack != nil {
		s.Files = append(s.Files, StreamFile{Tag: TagCore, Data: pack})
	}
	return s.Encode(), nil
}

// cpVersion is the modem's version that packages ask for (8910.md 2.8): that of
// the one example.
const cpVersion = 0x8910A002

func (m *maker) sota(in chips.MakeInput) ([]byte, error) {
	script, err := m.script(in)
	if err != nil {
		return nil, err
	}
	return MakeUpgrade(UpgradeInput{CPVersion: cpVersion, Script: script})
}

// Files for the platform (8910.md 2.2): the inner layout of LuaTools' is not
// public, this is that of the CSDK.
func (m *maker) all(in chips.MakeInput) ([]byte, error)        { return m.zipped(in, true, true) }
func (m *maker) coreOnly(in chips.MakeInput) ([]byte, error)   { return m.zipped(in, true, false) }
func (m *maker) scriptOnly(in chips.MakeInput) ([]byte, error) { return m.zipped(in, false, true) }

func (m *maker) zipped(in chips.MakeInput, core, script bool) ([]byte, error) {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	add := func(name string, data []byte) error {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store}) // deflate may change with the toolchain
		if err == nil {
			_, err = w.Write(data)
		}
		return err
	}
	if core {
		pac, err := m.pac(chips.MakeInput{Core: in.Core, CoreVersion: in.CoreVersion, CoreSize: in.CoreSize, CoreSeed: in.CoreSeed})
		if err != nil {
			return nil, err
		}
		if err := add(m.coreVersion(in.CoreVersion)+".bin", pac); err != nil {
			return nil, err
		}
	}
	if script {
		app, err := m.app(in)
		if err != nil {
			return nil, err
		}
		if err := add("app.bin", app); err != nil {
			return nil, err
		}
	}
	err := z.Close()
	return out.Bytes(), err
}

// pac makes a file for the downloader (8910.md 2.11). The programs that run in
// RAM for the download are the vendor's: they are missing.
func (m *maker) pac(in chips.MakeInput) ([]byte, error) {
	fw, err := m.firmware(in)
	if err != nil {
		return nil, err
	}
	ps, err := fw.modemImage(&m.layout)
	if err != nil {
		return nil, err
	}
	at := func(part string) uint32 { return flashBase + uint32(m.layout.Part(part).Off) }
	p := Pac{Version: "BP_R1.0.0", Product: "UIX8910_MODEM", ProductVersion: "8910 MODULE", Alias: m.model.Name, Files: []PacFile{
		{ID: "BOOTLOADER", Name: "boot.img", Flag: 1, Check: 1, Addr: at(PartBoot), Data: fw.boot},
		{ID: "AP", Name: "core.img", Flag: 1, Check: 1, Addr: at(PartAP), Data: fw.ap},
		{ID: "PS", Name: "ps.img", Flag: 1, Check: 1, Addr: at(PartModem), Data: ps},
	}}
	if in.Script != nil {
		script, err := m.script(in)
		if err != nil {
			return nil, err
		}
		p.Files = append(p.Files, PacFile{ID: "LUA", Name: "script.bin", Flag: 1, Check: 1, Addr: at(PartScript), Data: script})
	}
	p.Files = append(p.Files, PacFile{ID: "FMT_FSSYS", Check: 1, Omit: 1, Addr: PacFormat, Size: le.Uint32([]byte("FSYS"))})
	return p.Encode(), nil
}

// MakeFlash implements [chips.FlashMaker]: the flash as a cable leaves it, with
// empty file systems.
func (m *maker) MakeFlash(in chips.MakeInput) ([]*flash.Device, error) {
	fw, err := m.firmware(in)
	if err != nil {
		return nil, err
	}
	d, err := flash.New(m.model.Flash[0])
	if err != nil {
		return nil, err
	}
	for _, part := range []string{PartFS, PartFactory} {
		if _, err := formatVolume(d, &m.layout, part); err != nil {
			return nil, err
		}
	}
	ps, err := fw.modemImage(&m.layout)
	if err != nil {
		return nil, err
	}
	images := map[string][]byte{PartBoot: fw.boot, PartAP: fw.ap, PartModem: ps}
	if in.Script == nil {
		in.Script = fw.script
	}
	if in.Script != nil {
		if images[PartScript], err = m.script(in); err != nil {
			return nil, err
		}
	}
	for _, part := range []string{PartBoot, PartAP, PartModem, PartScript} {
		if err := d.Burn(m.layout.Part(part).Off, images[part]); err != nil {
			return nil, err
		}
	}
	return []*flash.Device{d}, nil
}

func (m *maker) flash(in chips.MakeInput) ([]byte, error) {
	devices, err := m.MakeFlash(in)
	if err != nil {
		return nil, err
	}
	return devices[0].Bytes(), nil
}

// PackageName returns what the CSDK's build calls its upload (8910.md 2.2),
// without knowing what LuaTools does.
func (m *maker) PackageName(project, coreVersion, version string) (string, error) {
	core := m.coreVersion(coreVersion)
	if strings.ContainsAny(core+version, "/\\") {
		return "", fmt.Errorf("version %q or core %q makes no file name", version, core)
	}
	return fmt.Sprintf("%s_%s_%s.bin", project, version, core), nil
}
