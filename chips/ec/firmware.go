package ec

import (
	"errors"
	"fmt"

	"airlift/chips/soc"
	"airlift/chips/volume"
	"airlift/flash/explain"
)

// Firmware is a core as it is published, in a .soc or a .binpkg file
// (ec618.md 5).
type Firmware struct {
	Series       Series
	Boot, AP, CP []byte
	APOff, CPOff int64     // where the images go, bytes from the start of their flash chip
	Script       []byte    // script image of a production .soc; nil if there is none
	Info         *soc.Info // nil for a .binpkg
}

// ReadFirmware reads a .soc or .binpkg file.
func ReadFirmware(data []byte) (*Firmware, error) {
	if !soc.Is(data) {
		return readBinpkg(data)
	}
	a, err := soc.Open(data)
	if err != nil {
		return nil, err
	}
	text, err := a.ReadFile(soc.InfoName)
	if err != nil {
		return nil, err
	}
	info, err := soc.ParseInfo(text)
	if err != nil {
		return nil, err
	}
	rom := info.Text("rom.file")
	if rom == "" {
		rom = "luatos.binpkg"
	}
	pkg, err := a.ReadFile(rom)
	if err != nil {
		return nil, fmt.Errorf("rom.file: %w", err)
	}
	f, err := readBinpkg(pkg)
	if err != nil {
		return nil, fmt.Errorf("entry %q: %w", rom, err)
	}
	f.Info = info
	if err := checkChip(f.Series, info); err != nil {
		return nil, err
	}
	name := info.Text("script.file")
	if f.Script, err = a.ReadFile(name); errors.Is(err, soc.ErrNoEntry) {
		err = nil // not a production file
	}
	return f, err
}

func readBinpkg(data []byte) (*Firmware, error) {
	p, err := ParseBinpkg(data)
	if err != nil {
		return nil, err
	}
	f := &Firmware{Series: p.Series()}
	for i := range p.Entries {
		e := &p.Entries[i]
		if !e.HashOK() {
			return nil, &explain.FormatError{Off: e.Off + 80, What: fmt.Sprintf("hash of the %s image", e.Type), Want: "the SHA-256 of the data", Got: explain.Printable(e.Hash)}
		}
		switch e.Type {
		case "BL":
			f.Boot = e.Data
		case "AP":
			f.AP, f.APOff = e.Data, e.offset()
		case "CP":
			f.CP, f.CPOff = e.Data, e.offset()
		}
	}
	if f.AP == nil || f.CP == nil {
		return nil, &explain.FormatError{Off: 0x10, What: "entries", Want: "an AP and a CP image", Got: fmt.Sprintf("%d entries", len(p.Entries))}
	}
	return f, nil
}

// AddCore registers the images of a .soc or .binpkg file, or an image alone,
// as what the vendor's EC7xx deltas may lead to.
func (f *Family) AddCore(data []byte) error {
	if !soc.Is(data) && !isBinpkg(data) {
		if len(data) == 0 || len(data) > maxImage {
			return fmt.Errorf("core image of %d bytes: expected 1..%d", len(data), int64(maxImage))
		}
		f.Cores.Add(data)
		return nil
	}
	fw, err := ReadFirmware(data)
	if err != nil {
		return err
	}
	f.Cores.Add(fw.AP)
	f.Cores.Add(fw.CP)
	return nil
}

// fits checks that a firmware was built for a layout; that of a base may divide
// the AP region in another way.
func (fw *Firmware) fits(l *Layout, base bool) error {
	_, cp := l.cpPart()
	ap, script := l.Part(PartAP), l.Part(PartScript)
	switch {
	case fw.Series != l.Series:
		return fmt.Errorf("the core is for %v, the module has %v", fw.Series, l.Series)
	case fw.APOff != ap.Off || fw.CPOff != cp.Off:
		return fmt.Errorf("the core's AP and CP image are for 0x%X and 0x%X, the module has them at 0x%X and 0x%X", fw.APOff, fw.CPOff, ap.Off, cp.Off)
	case int64(len(fw.CP)) > cp.Size:
		return fmt.Errorf("CP image of %d bytes: expected at most %d", len(fw.CP), cp.Size)
	case base:
		if room := l.apRoom(); int64(len(fw.AP)) > room {
			return fmt.Errorf("AP image of %d bytes: expected at most %d", len(fw.AP), room)
		}
		return nil
	case int64(len(fw.AP)) > ap.Size && !fw.production(l):
		return fmt.Errorf("AP image of %d bytes: expected at most %d", len(fw.AP), ap.Size)
	case int64(len(fw.AP)) > ap.Size+script.Size:
		return fmt.Errorf("AP image of %d bytes with a script in it: expected at most %d", len(fw.AP), ap.Size+script.Size)
	}
	if fw.Info != nil {
		if v, ok := fw.Info.Addr("download.script_addr"); ok && v != script.Off {
			return fmt.Errorf("the core looks for its script at 0x%X, the module's script area is at 0x%X: take the map from the same file (--layout)", v, script.Off)
		}
	}
	return nil
}

// production reports a script behind the AP image, which LuaTools' production
// .binpkg has (ec618.md 5.2).
func (fw *Firmware) production(l *Layout) bool {
	at := l.Part(PartAP).Size
	return int64(len(fw.AP)) > at && volume.IsScript(fw.AP[at:])
}

// errProduction is the error for a delta from or to a production .binpkg
// (ec618.md 7, 6).
var errProduction = errors.New("the core is a production .binpkg with a script inside: its SHA-256 is that of no module with another script; take the .binpkg out of the .soc file")
