package ec

import (
	"errors"
	"fmt"

	"airlift/chips"
	"airlift/flash/luadb"
)

// Kinds of files that [chips.Maker] makes for this family.
const (
	KindBin      = "bin"      // script package: what LuaTools' production makes
	KindCombined = "combined" // script and core delta: "SoC differential upgrade"
	KindCore     = "core"     // core delta alone
	KindFull     = "full"     // images and script, for a download into an SPI flash
	KindPar      = "par"      // the vendor's delta without LuatOS' head
	KindBinpkg   = "binpkg"   // images for serial flashing
	KindSoc      = "soc"      // archive with images, their places, and the script
	KindScript   = "script"   // bare script image, for serial flashing
	KindFlash    = "flash"    // whole flash, AP chip first
)

// maker makes files for one chip.
type maker struct {
	model   *chips.Model
	profile *chips.Profile
	layout  Layout
}

// Kinds lists what can be made.
func (m *maker) Kinds() []chips.PackageKind {
	return []chips.PackageKind{
		{Name: KindBin, Ext: ".bin", Summary: "script alone", Upgrade: true, Fits: true},
		{Name: KindCombined, Ext: ".bin", Summary: "script, and a delta from one core to another", Upgrade: true, Core: true, Delta: true, Fits: true},
		{Name: KindCore, Ext: ".core.bin", Summary: "a delta from one core to another alone", Upgrade: true, Core: true, Delta: true, Fits: true},
		m.fullKind(),
		{Name: KindPar, Ext: ".par", Summary: "the vendor's delta without LuatOS' head", Delta: true, Fits: true},
		{Name: KindBinpkg, Ext: ".binpkg", Summary: "boot code and core for serial flashing", Fits: true},
		{Name: KindSoc, Ext: ".soc", Summary: "archive of boot code, core, script and flash map", Fits: true},
		{Name: KindScript, Ext: ".script.bin", Summary: "script image for serial flashing", Fits: true},
		{Name: KindFlash, Ext: ".flash", Summary: "contents of the whole flash", Fits: true},
	}
}

// Make makes one file.
func (m *maker) Make(kind string, in chips.MakeInput) ([]byte, error) {
	makers := map[string]func(chips.MakeInput) ([]byte, error){
		KindBin: m.bin, KindCombined: m.combined, KindCore: m.coreDelta, KindFull: m.full, KindPar: m.par, KindBinpkg: m.binpkg, KindSoc: m.soc, KindScript: m.script, KindFlash: m.flash,
	}
	f, ok := makers[kind]
	if !ok {
		return nil, fmt.Errorf("%s has no packages or images of kind %q", m.model.Name, kind)
	}
	data, err := f(in)
	if err != nil {
		return nil, fmt.Errorf("make %s for %s %s: %w", kind, m.model.Name, m.profile.Name, err)
	}
	return data, nil
}

// scriptPad is what EC7xx script images are padded to (ec618.md 5.3).
const scriptPad = 1024

// script checks and pads a script image.
func (m *maker) script(in chips.MakeInput) ([]byte, error) {
	if in.Script == nil {
		return nil, errors.New("a script image is needed")
	}
	if _, err := luadb.Parse(in.Script); err != nil {
		return nil, fmt.Errorf("script image: %w", err)
	}
	b := append([]byte(nil), in.Script...)
	if m.layout.Series == EC7xx {
		b = append(b, make([]byte, (scriptPad-len(b)%scriptPad)%scriptPad)...)
	}
	if room := m.layout.Part(PartScript).Size; int64(len(b)) > room && !in.Force {
		return nil, fmt.Errorf("the script image has %d bytes, the script area %d: the boot code would write on into the OTA area (pitfall 4)", len(b), room)
	}
	return b, nil
}

// bin makes a script package (ec618.md 2.3).
func (m *maker) bin(in chips.MakeInput) ([]byte, error) {
	common, err := m.common(in)
	if err != nil {
		return nil, err
	}
	return NewPackage(m.layout.Series, common, nil).Encode(), nil
}

// combined makes what the "SoC differential upgrade" makes: a script package,
// with a delta unless the cores are the same (ec618.md 2.3).
func (m *maker) combined(in chips.MakeInput) ([]byte, error) {
	common, err := m.common(in)
	if err != nil {
		return nil, err
	}
	par, err := m.delta(in)
	if err != nil {
		return nil, err
	}
	return NewPackage(m.layout.Series, common, par).Encode(), nil
}

// ErrSameCore is the error for a delta between cores that are the same.
var ErrSameCore = errors.New("the cores are identical: a script package is all that is needed")

// par makes a delta alone, as the vendor's tool does.
func (m *maker) par(in chips.MakeInput) ([]byte, error) {
	par, err := m.delta(in)
	if err == nil && par == nil {
		err = ErrSameCore
	}
	return par, err
}

func (m *maker) coreDelta(in chips.MakeInput) ([]byte, error) {
	par, err := m.par(in)
	if err != nil {
		return nil, err
	}
	return NewPackage(m.layout.Series, nil, par).Encode(), nil
}

// delta makes the delta from in.Base to in, or nil if there is nothing to
// change.
func (m *maker) delta(in chips.MakeInput) ([]byte, error) {
	if in.Base == nil {
		return nil, errors.New("a delta needs the core that the module has now")
	}
	from, err := m.baseCore(*in.Base)
	if err != nil {
		return nil, fmt.Errorf("old core: %w", err)
	}
	to, err := m.core(in)
	if err == nil && (from.production || to.production) {
		err = errProduction
	}
	if err != nil {
		return nil, err
	}
	par, err := MakeDelta(&m.layout, Images{from.ap, from.cp}, Images{to.ap, to.cp})
	if err != nil || par == nil {
		return nil, err
	}
	return par.Encode(), nil
}

// binpkg makes the images for the vendor's downloader (ec618.md 5.2).
func (m *maker) binpkg(in chips.MakeInput) ([]byte, error) {
	core, err := m.core(in)
	if err != nil {
		return nil, err
	}
	base := uint32(0)
	p := &Binpkg{}
	if m.layout.Series == EC7xx {
		base = xipBase
		p.Args = []BinpkgArg{{1, "pkgmode", "1"}, {4, "banoldtool", "1"}, {2, "productname", m.layout.productName()}}
	}
	_, cp := m.layout.cpPart()
	boot, ap := m.layout.Part(PartBoot), m.layout.Part(PartAP)
	p.Entries = []BinpkgEntry{
		{Name: "ap_bootloader", Addr: base + uint32(boot.Off), FlashSize: uint32(boot.Size), Type: "BL", Data: core.boot},
		{Name: "ap", Addr: base + uint32(ap.Off), FlashSize: uint32(m.layout.apRoom()), Type: "AP", Data: core.ap},
		{Name: "cp", Addr: base + uint32(cp.Off), FlashSize: uint32(cp.Size), Type: "CP", Data: core.cp},
	}
	return p.Encode(), nil
}

// common makes the common part of a package: the script.
func (m *maker) common(in chips.MakeInput) ([]byte, error) {
	script, err := m.script(in)
	if err != nil {
		return nil, err
	}
	s, err := NewSection(m.layout.Series, m.layout.ScriptAddr(), script)
	if err != nil {
		return nil, err
	}
	common := s.Encode()
	if room := m.layout.Part(PartOTA).Size; int64(len(common)) > room && !in.Force {
		return nil, fmt.Errorf("the compressed script has %d bytes, the OTA area %d: it would run into the FOTA region (pitfall 3)", len(common), room)
	}
	return common, nil
}

func (m *maker) flash(in chips.MakeInput) ([]byte, error) {
	devices, err := m.MakeFlash(in)
	if err != nil {
		return nil, err
	}
	var b []byte
	for _, d := range devices {
		b = append(b, d.Bytes()...)
	}
	return b, nil
}

// PackageName implements [chips.PackageNamer].
func (m *maker) PackageName(project, coreVersion, version string) (string, error) {
	return chips.PackageName(project, coreVersion, version, m.model.BSP)
}
