package rda8910

import (
	"errors"
	"fmt"
	"path"
	"sort"
	"strings"

	"airlift/chips"
	"airlift/chips/rda8910/sffs"
	"airlift/chips/synth"
	"airlift/flash"
)

// Lengths of made-up images in bytes.
const (
	bootBytes  = 41952 // that of V302340 has 41952 behind its head (8910.md 8.3)
	coreBytes  = 1280 * kib
	modemBytes = 80 * kib
)

// bootLoad is where the boot code runs (8910.md 8.3).
const bootLoad = 0x00800180

// firmware is what a module is flashed with.
type firmware struct {
	boot, ap []byte
	modem    map[string][]byte // files below /modem, as they are stored; nil if ps is there
	ps       []byte            // contents of the modem's partition from a .pac
	script   []byte            // script image from a .pac, or nil
	version  string            // "" for a core that does not say
}

// ErrNoFirmware reports a file that is neither a .pac nor a core image.
var ErrNoFirmware = errors.New("expected a .pac file or the uImage of a core")

// firmware takes a firmware from a file, or makes a synthetic one.
func (m *maker) firmware(in chips.MakeInput) (*firmware, error) {
	if in.Core != nil {
		return m.firmwareFile(in.Core)
	}
	p := m.profile
	desc := synth.Info{
		Model: m.model.Name, BSP: m.model.BSP, Profile: p.Name, Version: m.coreVersion(in.CoreVersion), Base: p.Base,
		BuildDate: buildDate(p.CoreDate), BuildTime: "12:00:00", FlashSize: flashSize,
		Bits: p.Bits, Features: p.Features, Partitions: append(flash.Table(nil), m.layout.Table...),
	}
	if err := desc.Check(); err != nil {
		return nil, err
	}
	d := desc.Encode()
	room := m.layout.coreRoom() - uimageHead
	size := in.CoreSize
	if size == 0 {
		size = min(coreBytes, room/8*7)
	}
	if size = max(size, int64(synth.Offset+len(d))); size > room {
		return nil, fmt.Errorf("core of %d bytes: expected at most %d", size, room)
	}
	ap := m.layout.Part(PartAP).Off
	load := uint32(flashBase + ap + uimageHead)
	code := synth.Thumb(size, load, in.CoreSeed, synth.Release(d))
	copy(code[synth.Offset:], d)
	addPartitions(code, m.layout.Table)
	b, err := findBuild(p.Name)
	if err != nil {
		return nil, err
	}
	modem, err := syntheticModem(in.CoreSeed, synth.Release(d))
	return &firmware{
		boot:  NewUImage(b.era.bootName(), bootLoad, synth.Thumb(bootBytes, bootLoad, 0x424F4F54, uint64(b.era)+1)),
		ap:    NewUImage("airlift", load, code),
		modem: modem, version: desc.Version,
	}, err
}

// coreVersion expands a version: a bare number, as people write it, takes the
// place of the number in the profile's ("V3104" becomes "Luat_V3104_RDA8910").
func (m *maker) coreVersion(v string) string {
	full := m.profile.CoreVersion
	if v == "" {
		return full
	}
	i := strings.Index(full, "_V")
	if i < 0 || !versionNumber(v) {
		return v
	}
	rest := strings.TrimLeft(full[i+2:], "0123456789")
	return full[:i+1] + v + rest
}

// versionNumber reports whether v is V and digits.
func versionNumber(v string) bool {
	return len(v) > 1 && v[0] == 'V' && strings.Trim(v[1:], "0123456789") == ""
}

// syntheticModem makes a modem's files (assumption modem-image): a file in
// pieces and two plain ones that differ from release to release, and one that
// does not.
func syntheticModem(seed, release uint64) (map[string][]byte, error) {
	files := map[string][]byte{
		"/mem_index_list":    synth.Thumb(896, 0x80000000, seed^0x4D4958, release),
		"/nvm/static_nv.bin": synth.Thumb(1484, 0, seed^0x4E56, release),
		"/nvm/rf_nv.bin":     synth.Thumb(22528, 0, seed^0x5246, 0),
	}
	le.PutUint64(files["/nvm/static_nv.bin"][1400:], release)
	code := synth.Thumb(modemBytes, 0x80000000, seed^0x4350, release)
	for i := 0; i*lzmarBlock < len(code); i++ {
		b, err := PackLZMAR(code[i*lzmarBlock : min(len(code), (i+1)*lzmarBlock)])
		if err != nil {
			return nil, err
		}
		files[pieceName("/cp.bin", i)] = b
	}
	return files, nil
}

// firmwareFile takes a firmware from a .pac, or a core from its image.
func (m *maker) firmwareFile(data []byte) (*firmware, error) {
	fw, err := readFirmware(data)
	if err != nil {
		return nil, fmt.Errorf("core file: %w", err)
	}
	img, err := ParseUImage(fw.ap)
	if err != nil {
		return nil, fmt.Errorf("core file: AP image: %w", err)
	}
	if room := m.layout.coreRoom(); int64(len(fw.ap)) > room {
		return nil, fmt.Errorf("core file: AP image of %d bytes: the map of %s %s has room for %d", len(fw.ap), m.model.Name, m.profile.Name, room)
	}
	if p := FindPartitions(img.Data); p != nil {
		if err := p.fits(&m.layout); err != nil {
			return nil, fmt.Errorf("core file: %w", err)
		}
	}
	if desc, ok, err := synth.Find(img.Data); err == nil && ok {
		fw.version = desc.Version
	} else {
		fw.version = versionOf(img.Data)
	}
	if fw.boot == nil || fw.modem == nil && fw.ps == nil {
		made, err := m.firmware(chips.MakeInput{})
		if err != nil {
			return nil, err
		}
		if fw.boot == nil {
			fw.boot = made.boot
		}
		if fw.ps == nil {
			fw.modem = made.modem
		}
	}
	if ps := m.layout.Part(PartModem); fw.ps != nil && int64(len(fw.ps)) > ps.Size {
		return nil, fmt.Errorf("core file: modem image of %d bytes: the map of %s %s has room for %d", len(fw.ps), m.model.Name, m.profile.Name, ps.Size)
	}
	return fw, nil
}

func readFirmware(data []byte) (*firmware, error) {
	switch {
	case isUImage(data):
		return &firmware{ap: data}, nil
	case !isPac(data):
		return nil, ErrNoFirmware
	}
	p, err := ParsePac(data)
	if err != nil {
		return nil, err
	}
	fw := new(firmware)
	for i := range p.Files {
		switch f := &p.Files[i]; f.ID {
		case "BOOTLOADER":
			fw.boot = f.Data
		case "AP":
			fw.ap = f.Data
		case "PS":
			fw.ps = f.Data
		case "LUA":
			fw.script = f.Data
		}
	}
	if fw.ap == nil {
		return nil, errors.New("the .pac has no file AP")
	}
	return fw, nil
}

// Identify tells which model a .pac is for. Files that airlift made say so, real
// ones only that they are for the 8910.
func (f *Family) Identify(data []byte) (model, profile, hint string, ok bool) {
	if !isPac(data) {
		return "", "", "", false
	}
	fw, err := readFirmware(data)
	if err != nil {
		return "", "", "", false
	}
	if m, err := ParseUImage(fw.ap); err == nil {
		if desc, found, err := synth.Find(m.Data); err == nil && found {
			return desc.Model, desc.Profile, "the 8910", true
		}
	}
	return "", "", "the 8910", true
}

// modemImage returns the contents of the modem's partition.
func (fw *firmware) modemImage(l *Layout) ([]byte, error) {
	if fw.ps != nil {
		return fw.ps, nil
	}
	d, err := flash.New(flash.NOR(flashSize))
	if err != nil {
		return nil, err
	}
	f, err := formatVolume(d, l, PartModem)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(fw.modem))
	for name := range fw.modem {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if err := f.MkdirAll(path.Dir(name), 0); err != nil {
			return nil, err
		}
		if err := f.WriteAll(name, fw.modem[name]); err != nil {
			return nil, err
		}
	}
	part := l.Part(PartModem)
	b := make([]byte, part.Size)
	_, err = d.ReadAt(b, part.Off)
	return b, err
}

// formatVolume makes an empty file system.
func formatVolume(d *flash.Device, l *Layout, part string) (*sffs.FS, error) {
	r, err := d.Partition(l.Part(part))
	if err != nil {
		return nil, err
	}
	if err := sffs.Format(r, volumeConfig(part)); err != nil {
		return nil, err
	}
	return l.openVolume(d, part, false)
}

// modemFiles returns the modem's files by their full names.
func (fw *firmware) modemFiles(l *Layout) (map[string][]byte, error) {
	files := map[string][]byte{}
	if fw.ps == nil {
		for name, b := range fw.modem {
			files[modemFolder+name[1:]] = b
		}
		return files, nil
	}
	part := l.Part(PartModem)
	d, err := flash.New(flash.NOR(flashSize))
	if err != nil {
		return nil, err
	}
	if err := d.Burn(part.Off, fw.ps); err != nil {
		return nil, err
	}
	f, err := l.openVolume(d, PartModem, true)
	if err != nil {
		return nil, fmt.Errorf("modem image: %w", err)
	}
	return files, collect(f, "/", modemFolder, files)
}

// collect adds all files below a folder, under their names below prefix.
func collect(f *sffs.FS, dir, prefix string, files map[string][]byte) error {
	d, err := f.Open(dir)
	if err != nil {
		return err
	}
	list, err := d.Readdir(-1)
	if err != nil {
		return err
	}
	for _, e := range list {
		name := path.Join(dir, e.Name())
		if e.IsDir() {
			if err := collect(f, name, prefix, files); err != nil {
				return err
			}
			continue
		}
		b, err := f.ReadFile(name)
		if err != nil {
			return err
		}
		files[prefix+name[1:]] = b
	}
	return nil
}
