package iot

import (
	"errors"
	"regexp"
	"strings"
)

// FileName is what the dialog for new firmware reads out of a file's name.
type FileName struct {
	Name    string // firmware name
	Version string
	Core    string // empty unless the name says
}

// ErrFileName means that a file name does not tell name and version; they have
// to be given by hand.
var ErrFileName = errors.New("firmware name and version cannot be recognised from the file name (固件名称，版本号识别失败，请手动输入)")

// Patterns of iot-platform.md 8.3.
var (
	atName      = regexp.MustCompile(`^(AirM2M_.+?)_V(\d+)_(.+?)(\.dfota)?\.bin$`)
	generalName = regexp.MustCompile(`^(.+?)_(\d+\.\d+\.\d+)_(.+?)((?:\.dfota)?\.bin|\.dfota)$`)
	coreInName  = regexp.MustCompile(`_V(\d+)(_|$)`)
)

const fileNameBytesMax = 255

// RecogniseFileName reads firmware name, version and core out of the name of
// an upgrade file (iot-platform.md 3.6). Folders before the name are ignored.
func RecogniseFileName(path string) (FileName, error) {
	base := path[strings.LastIndexAny(path, `/\`)+1:]
	if len(base) > fileNameBytesMax {
		return FileName{}, ErrFileName
	}
	if m := atName.FindStringSubmatch(base); m != nil {
		return FileName{Name: m[1] + "_" + m[3], Version: "0.0.0", Core: "0.0." + m[2]}, nil
	}
	m := generalName.FindStringSubmatch(base)
	if m == nil {
		return FileName{}, ErrFileName
	}
	// The core is part of the rest, which the device sends without it.
	rest, core := "_"+m[3], ""
	if loc := coreInName.FindStringSubmatchIndex(rest); loc != nil {
		core = rest[loc[2]:loc[3]]
		rest = rest[:loc[0]] + rest[loc[4]:]
	}
	return FileName{Name: m[1] + rest, Version: m[2], Core: core}, nil
}

// recognise fills in what a file's name says, where nothing else is said.
func (f *Firmware) recognise(fileName string) error {
	if f.Name != "" && f.Version != "" {
		return nil
	}
	known, err := RecogniseFileName(fileName)
	if err != nil {
		return err
	}
	if f.Name == "" {
		f.Name = known.Name
	}
	if f.Version == "" {
		f.Version = known.Version
		if f.Core == "" {
			f.Core = known.Core
		}
	}
	return nil
}
