package rda8910

import (
	"errors"
	"io/fs"
	"strings"

	"airlift/chips/rda8910/sffs"
	"airlift/flash"
)

// Files of an upgrade (8910.md 4.1).
const (
	fotaFolder   = "/fota"
	packFile     = "/fota/fota.pack"
	stageFile    = "/fota/fota.stage"
	tmpFile      = "/fota/fota.tmp"
	appFile      = "/fota/app"
	flagFile     = "/fota/sys_airm2m_openat_ota_flag.flag"
	downloadFile = "/sys_airm2m_force_download_flag.flag"
	modemFolder  = "/modem/"
)

// volumes are the file systems that code reaches by name.
type volumes struct{ root, modem *sffs.FS }

// at returns the file system of a name, and the name in it. It is nil if there
// is none.
func (v *volumes) at(name string) (*sffs.FS, string) {
	if rest, ok := strings.CutPrefix(name, modemFolder); ok {
		return v.modem, "/" + rest
	}
	return v.root, name
}

// read returns a file; ok tells whether it is there and readable.
func (v *volumes) read(name string) (b []byte, ok bool, err error) {
	f, name := v.at(name)
	if f == nil {
		return nil, false, nil
	}
	b, err = f.ReadFile(name)
	if errors.Is(err, flash.ErrPowerLost) {
		return nil, false, err
	}
	return b, err == nil, nil
}

// exists reports whether there is such a file.
func (v *volumes) exists(name string) (bool, error) {
	f, name := v.at(name)
	if f == nil {
		return false, nil
	}
	_, err := f.Stat(name)
	if errors.Is(err, flash.ErrPowerLost) {
		return false, err
	}
	return err == nil, nil
}

// unlink removes a file, if it is there.
func (v *volumes) unlink(name string) error {
	f, name := v.at(name)
	if f == nil {
		return nil
	}
	return notFatal(f.Remove(name))
}

// notFatal keeps the errors that end everything: a lost power, and a panic of
// the block device.
func notFatal(err error) error {
	var p *sffs.PanicError
	if errors.Is(err, flash.ErrPowerLost) || errors.As(err, &p) {
		return err
	}
	return nil
}

// stage reads the journal of an upgrade. A file that is none counts as not
// ready.
func (v *volumes) stage() (Stage, error) {
	b, ok, err := v.read(stageFile)
	if err != nil || !ok {
		return Stage{}, err
	}
	s, err := ParseStage(b)
	if err != nil {
		return Stage{}, nil
	}
	return s, nil
}

// setStage writes the journal; whatever happens, it holds the old or the new
// one (8910.md 4.2).
func (v *volumes) setStage(s Stage) error { return v.root.WriteSafe(stageFile, s.Encode()) }

// makeFolders makes the folders above a file.
func (v *volumes) makeFolders(name string) error {
	f, name := v.at(name)
	at := strings.LastIndexByte(name, '/')
	if f == nil || at <= 0 {
		return nil
	}
	err := f.MkdirAll(name[:at], 0)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// contents collects the old data that a pack is about.
func (v *volumes) contents(p *Pack, d *flash.Device, m *memo) (*Contents, error) {
	c := &Contents{Files: map[string][]byte{}, memo: m}
	var err error
	if c.Flash, err = flashUpTo(d, p); err != nil {
		return nil, err
	}
	add := func(name string) error {
		b, ok, err := v.read(name)
		if ok {
			c.Files[name] = b
		}
		return err
	}
	for i := range p.Bulks {
		switch k := &p.Bulks[i]; k.Type {
		case BulkBlocked:
			for n := range int((int64(k.OldSize) + int64(k.BlockSize) - 1) / int64(k.BlockSize)) {
				if err := add(pieceName(k.Name, n)); err != nil {
					return nil, err
				}
			}
		case BulkPlain:
			if err := add(k.Name); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// flashUpTo reads the flash up to the last byte that a pack changes, or all of it
// if that lies outside.
func flashUpTo(d *flash.Device, p *Pack) ([]byte, error) {
	end := int64(0)
	for i := range p.Bulks {
		if k := &p.Bulks[i]; k.Type == BulkFlash {
			end = max(end, int64(k.Base)+int64(max(k.OldSize, k.NewSize)))
		}
	}
	data := make([]byte, min(end, d.Geometry().Size))
	_, err := d.ReadAt(data, 0)
	return data, err
}
