package ec

import (
	"encoding/json"
	"fmt"
	"strings"

	"airlift/chips"
	"airlift/chips/soc"
	"airlift/chips/synth"
	"airlift/flash"
)

// images are the images of a firmware.
type images struct {
	boot, ap, cp []byte
	script       []byte // that came with them; nil if none did
	production   bool   // the AP image has a script in it
}

// core takes a firmware from a file, or makes a synthetic one.
func (m *maker) core(in chips.MakeInput) (images, error) {
	if in.Core != nil {
		return m.coreFile(in.Core, false)
	}
	p := m.profile
	desc := synth.Info{
		Model: m.model.Name, BSP: m.model.BSP, Profile: p.Name, Version: p.CoreVersion, Base: p.Base,
		BuildDate: buildDate(p.CoreDate), BuildTime: "12:00:00", FlashSize: m.layout.FlashSize,
		Bits: p.Bits, Features: p.Features, Partitions: append(flash.Table(nil), m.layout.Table...),
	}
	if in.CoreVersion != "" {
		desc.Version = in.CoreVersion
	}
	if err := desc.Check(); err != nil {
		return images{}, err
	}
	room := m.layout.Part(PartAP).Size
	size := in.CoreSize
	if size == 0 {
		size = min(apBytes, room/8*7)
	}
	if size < 0 || size > room {
		return images{}, fmt.Errorf("core of %d bytes: expected at most %d", size, room)
	}
	_, cp := m.layout.cpPart()
	return images{
		boot: syntheticBoot(m.layout.Part(PartBoot).Size),
		ap:   SyntheticAP(desc, size, in.CoreSeed),
		cp:   SyntheticCP(min(cpBytes, cp.Size/8*7), in.CoreSeed),
	}, nil
}

// baseCore is core for the core that a delta starts from. It is on the module:
// that it looks for its script elsewhere than the new one is no reason to
// refuse it.
func (m *maker) baseCore(in chips.MakeInput) (images, error) {
	if in.Core != nil {
		return m.coreFile(in.Core, true)
	}
	return m.core(in)
}

// coreFile takes a firmware from a .soc or .binpkg file.
func (m *maker) coreFile(data []byte, base bool) (images, error) {
	fw, err := ReadFirmware(data)
	if err == nil {
		err = fw.fits(&m.layout, base)
	}
	if err != nil {
		return images{}, fmt.Errorf("core file: %w", err)
	}
	c := images{boot: fw.Boot, ap: fw.AP, cp: fw.CP, script: fw.Script, production: fw.production(&m.layout)}
	if room := m.layout.Part(PartBoot).Size; int64(len(c.boot)) > room {
		return c, fmt.Errorf("core file: boot code of %d bytes: expected at most %d", len(c.boot), room)
	} else if c.boot == nil {
		c.boot = syntheticBoot(room)
	}
	return c, nil
}

// withoutScript cuts the script of a production file off the AP image.
func (c *images) withoutScript(l *Layout) {
	if c.production {
		c.ap, c.production = c.ap[:l.Part(PartAP).Size], false
	}
}

// MakeFlash implements [chips.FlashMaker]: the flash chips of a module as a
// cable leaves them.
func (m *maker) MakeFlash(in chips.MakeInput) ([]*flash.Device, error) {
	core, err := m.core(in)
	if err != nil {
		return nil, err
	}
	if in.Script == nil {
		in.Script = core.script
	}
	if in.Script != nil {
		core.withoutScript(&m.layout)
	}
	var devices []*flash.Device
	for _, g := range m.model.Flash {
		d, err := flash.New(g)
		if err != nil {
			return nil, err
		}
		devices = append(devices, d)
	}
	cpChip, cpPart := m.layout.cpPart()
	burn := func(chip int, off int64, p []byte) {
		if err == nil {
			err = devices[chip].Burn(off, p)
		}
	}
	burn(0, m.layout.Part(PartBoot).Off, core.boot)
	burn(0, m.layout.Part(PartAP).Off, core.ap)
	burn(cpChip, cpPart.Off, core.cp)
	if in.Script != nil {
		script, serr := m.script(in)
		if serr != nil {
			return nil, serr
		}
		burn(0, m.layout.Part(PartScript).Off, script)
	}
	return devices, err
}

// soc makes an archive of the firmware (ec618.md 5.1).
func (m *maker) soc(in chips.MakeInput) ([]byte, error) {
	pkg, err := m.binpkg(in)
	if err != nil {
		return nil, err
	}
	info, err := json.MarshalIndent(m.info(), "", "  ")
	if err != nil {
		return nil, err
	}
	files := []soc.File{{Name: soc.InfoName, Data: append(info, '\n')}, {Name: romFile, Data: pkg}}
	if in.Script != nil {
		script, err := m.script(in)
		if err != nil {
			return nil, err
		}
		files = append(files, soc.File{Name: scriptFile, Data: script})
	}
	return soc.Write(files)
}

// Names of the entries in an archive.
const (
	romFile    = "luatos.binpkg"
	scriptFile = "script.bin"
)

// info is what info.json says of the chip's firmware.
func (m *maker) info() map[string]any {
	type object = map[string]any
	l := &m.layout
	addr := func(v int64) string { return fmt.Sprintf("%08X", v) }
	fs := l.Part(PartFS)
	script := l.Part(PartScript)
	fota := object{
		"magic_num": fmt.Sprintf("%08x", l.Series.Magic()), "block_len": fmt.Sprintf("%x", BlockLen),
		"core_type": "diff", "ap_type": "diff", "cp_type": "diff", "full_addr": addr(int64(l.OTAAddr())),
	}
	if l.Series == EC7xx {
		fota["fota_len"] = fmt.Sprintf("%X", l.Part(PartBackup).End()-l.Part(PartFota).Off)
	}
	return object{
		"version": 1,
		"chip":    object{"type": strings.ToLower(l.Series.String()), "ram": object{"total": m.model.RAM / kib}},
		"rom": object{"file": romFile, "fs": object{
			"script":     object{"size": script.Size / kib, "type": "luadb"},
			"filesystem": object{"offset": addr(fs.Off), "size": fmt.Sprintf("%x", fs.Size), "type": "lfs"},
		}},
		"script":   object{"file": scriptFile, "lua": "5.3", "bitw": m.profile.Bits, "use-luac": true, "use-debug": true},
		"fs":       object{"total_len": fs.Size / kib, "format_len": "1000"},
		"user":     object{"log_br": "921600"},
		"download": object{"bl_addr": addr(l.Part(PartBoot).Off), "core_addr": addr(l.Part(PartAP).Off), "script_addr": addr(script.Off), "fs_addr": addr(fs.Off)},
		"fota":     fota,
	}
}
