package bench

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"airlift/chips"
	"airlift/chips/all"
	"airlift/emu"
	"airlift/emu/link"
	"airlift/emu/project"
	"airlift/flash"
	"airlift/flash/luadb"
)

// Spec says what a unit is. The zero value of a field means its default.
type Spec struct {
	Model   string // "Air780EPM"
	Profile string // of the firmware, default the model's own
	Core    string // version of the core, "V2046", default the profile's
	Main    string // text of main.lua, default that of Project
	Project Project
	Link    string // link model, default cat1
	Speed   int    // virtual seconds in a real one, 1 to [SpeedMax], default 1
	Seed    uint64 // decides the module's identity
	IMEI    string // default drawn from Seed
}

// SpeedMax is the highest speed of a unit.
const SpeedMax = 1000

// MainMax bounds main.lua, bytes.
const MainMax = 64 << 10

// coreSeed decides the code of all cores on the bench. It is one number, so
// that deltas between two versions fit every module of a model.
const coreSeed = 1

//go:embed project/main.lua
var mainLua string

// Project are the values that a script of the bench needs.
type Project struct {
	Name    string // PROJECT
	Version string // VERSION, "1.0.0"
	Key     string // PRODUCT_KEY
	PollS   int    // seconds between two questions
}

var (
	projectName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	keyForm     = regexp.MustCompile(`^[A-Za-z0-9]{1,64}$`)
	version     = regexp.MustCompile(`^\d{1,3}\.\d{1,3}\.\d{1,3}$`)
	coreVersion = regexp.MustCompile(`^V\d{1,5}$`)
)

// Main returns a main.lua that asks the platform for upgrades.
func (p Project) Main() (string, error) {
	switch {
	case !projectName.MatchString(p.Name):
		return "", fmt.Errorf("PROJECT %q is not 1 to 64 letters, digits, _ and -", p.Name)
	case !keyForm.MatchString(p.Key):
		return "", fmt.Errorf("PRODUCT_KEY %q is not 1 to 64 letters and digits", p.Key)
	case p.PollS < 1 || p.PollS > 24*3600:
		return "", fmt.Errorf("a module cannot ask every %d s: expected 1 to 86400", p.PollS)
	}
	if err := CheckVersion(p.Version); err != nil {
		return "", err
	}
	return strings.NewReplacer("@PROJECT@", p.Name, "@VERSION@", p.Version, "@KEY@", p.Key, "@SECONDS@", strconv.Itoa(p.PollS)).Replace(mainLua), nil
}

// CheckVersion refuses versions of scripts that are not three groups of one to
// three digits (iot-platform.md 3.4).
func CheckVersion(v string) error {
	if !version.MatchString(v) {
		return fmt.Errorf("VERSION %q is not three numbers of up to three digits with dots between them", v)
	}
	return nil
}

// Models returns the models that a bench can run: those with LuatOS scripts and
// a flash map.
func Models() []*chips.Model {
	var list []*chips.Model
	for _, f := range all.Families() {
		for _, m := range f.Models() {
			if p, err := m.Profile(""); err == nil && !m.ScriptOnly && p.Scripts == chips.ScriptsLuatOS {
				list = append(list, m)
			}
		}
	}
	return list
}

// chip is the chip that a spec names.
func (s Spec) chip() (*chips.Chip, error) {
	chip, err := all.Chip(s.Model, s.Profile)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(Models(), chip.Model) || chip.Profile.Scripts != chips.ScriptsLuatOS {
		return nil, fmt.Errorf("%s with profile %s does not run LuatOS scripts from a flash that is emulated", chip.Model.Name, chip.Profile.Name)
	}
	return chip, nil
}

// check completes a spec.
func (s Spec) check() (Spec, *chips.Chip, error) {
	chip, err := s.chip()
	if err != nil {
		return s, nil, err
	}
	s.Model, s.Profile = chip.Model.Name, chip.Profile.Name
	if s.Main == "" {
		if s.Main, err = s.Project.Main(); err != nil {
			return s, nil, err
		}
	}
	if s.Core == "" {
		s.Core = chip.Profile.CoreVersion
	}
	if s.Link == "" {
		s.Link = "cat1"
	}
	if s.Speed == 0 {
		s.Speed = 1
	}
	switch _, err := link.Preset(s.Link); {
	case err != nil:
		return s, nil, err
	case !coreVersion.MatchString(s.Core):
		return s, nil, fmt.Errorf("core version %q is not V and up to five digits", s.Core)
	case s.Speed < 1 || s.Speed > SpeedMax:
		return s, nil, fmt.Errorf("a speed of %d is not from 1 to %d", s.Speed, SpeedMax)
	case len(s.Main) > MainMax:
		return s, nil, fmt.Errorf("main.lua is larger than %d bytes", MainMax)
	case s.IMEI != "" && (len(s.IMEI) != 15 || strings.Trim(s.IMEI, "0123456789") != ""):
		return s, nil, fmt.Errorf("IMEI %q is not 15 digits", s.IMEI)
	}
	return s, chip, nil
}

// NextCore returns the core version after v: "V2046" to "V2047". It returns v if
// that is none.
func NextCore(v string) string {
	if !coreVersion.MatchString(v) {
		return v
	}
	n, _ := strconv.Atoi(v[1:])
	return fmt.Sprintf("V%04d", n+1)
}

// NextVersion counts the last group of a version up: "1.0.0" to "1.0.1". It
// returns v if that is none, or has no next.
func NextVersion(v string) string {
	i := strings.LastIndexByte(v, '.')
	if n, err := strconv.Atoi(v[i+1:]); i > 0 && err == nil && n < 999 {
		return v[:i+1] + strconv.Itoa(n+1)
	}
	return v
}

// image builds the script image of one main.lua.
func image(main string) ([]byte, error) {
	return (&project.Project{Files: []luadb.File{{Name: "main.lua", Data: []byte(main)}}}).Image()
}

// flashes makes the flash of a new unit.
func (s Spec) flashes(chip *chips.Chip) ([]*flash.Device, error) {
	script, err := image(s.Main)
	if err != nil {
		return nil, err
	}
	return emu.MakeFlash(chip, chips.MakeInput{Script: script, CoreVersion: s.Core, CoreSeed: coreSeed})
}

// Package is an upgrade that was made for a unit's firmware.
type Package struct {
	FileName string // as LuaTools would call it
	Kind     chips.PackageKind
	Data     []byte
}

// Kinds returns the kinds of upgrades that the firmware of a spec takes: the
// first of scripts alone, and the first with a core.
func (s Spec) Kinds() ([]chips.PackageKind, error) {
	chip, err := s.chip()
	if err != nil {
		return nil, err
	}
	var list []chips.PackageKind
	for _, core := range []bool{false, true} {
		for _, k := range chip.Maker.Kinds() {
			if k.Upgrade && k.Fits && k.Core == core {
				list = append(list, k)
				break
			}
		}
	}
	return list, nil
}

// Draft says which package is wanted.
type Draft struct {
	Kind    string // name of one of [Spec.Kinds]
	Version string // VERSION of the scripts in it
	Core    string // version of the core in it, if the kind has one
	// Damaged changes one byte, so that modules refuse the package.
	Damaged bool
}

// Lines of scripts that say what a project is.
var (
	projectLine = regexp.MustCompile(`(?m)^\s*PROJECT\s*=\s*["']([^"'\n]*)["']`)
	versionLine = regexp.MustCompile(`(?m)^(\s*VERSION\s*=\s*["'])([^"'\n]*)(["'])`)
)

// Package makes an upgrade of a module of s: the same scripts with another
// VERSION, and another core if the kind has one.
func (s Spec) Package(d Draft) (Package, error) {
	s, chip, err := s.check()
	if err != nil {
		return Package{}, err
	}
	kinds, err := s.Kinds()
	if err != nil {
		return Package{}, err
	}
	i := slices.IndexFunc(kinds, func(k chips.PackageKind) bool { return k.Name == d.Kind })
	if i < 0 {
		return Package{}, fmt.Errorf("%s with profile %s takes no package of kind %q", s.Model, s.Profile, d.Kind)
	}
	p := Package{Kind: kinds[i]}
	if !p.Kind.Core {
		d.Core = s.Core
	}
	if !coreVersion.MatchString(d.Core) {
		return p, fmt.Errorf("core version %q is not V and up to five digits", d.Core)
	}
	main, name, err := s.release(d.Version)
	if err != nil {
		return p, err
	}
	if p.Data, err = s.make(chip, p.Kind, main, d.Core); err != nil {
		return p, fmt.Errorf("make the package: %w", err)
	}
	if d.Damaged {
		p.Data = slices.Clone(p.Data)
		p.Data[len(p.Data)/2] ^= 0xFF
	}
	namer, ok := chip.Maker.(chips.PackageNamer)
	if !ok {
		return p, fmt.Errorf("%s: packages have no names", chip.Model.Family)
	}
	p.FileName, err = namer.PackageName(name, d.Core, d.Version)
	return p, err
}

// Release returns PROJECT and VERSION of the scripts, empty if they do not say.
func (s Spec) Release() (name, version string) {
	if m := projectLine.FindStringSubmatch(s.Main); m != nil {
		name = m[1]
	}
	if m := versionLine.FindStringSubmatch(s.Main); m != nil {
		version = m[2]
	}
	return name, version
}

// release returns main.lua with another VERSION, and its PROJECT.
func (s Spec) release(version string) (main, name string, err error) {
	if err := CheckVersion(version); err != nil {
		return "", "", err
	}
	p := projectLine.FindStringSubmatch(s.Main)
	if p == nil || !projectName.MatchString(p[1]) || !versionLine.MatchString(s.Main) {
		return "", "", fmt.Errorf("main.lua has no lines PROJECT = \"name\" and VERSION = \"1.0.0\" that a package could be made from")
	}
	return versionLine.ReplaceAllString(s.Main, "${1}"+version+"${3}"), p[1], nil
}

func (s Spec) make(chip *chips.Chip, k chips.PackageKind, main, core string) ([]byte, error) {
	in := chips.MakeInput{CoreVersion: core, CoreSeed: coreSeed, Pad: true}
	var err error
	if in.Script, err = image(main); err != nil {
		return nil, err
	}
	if k.Delta {
		in.Base = &chips.MakeInput{CoreVersion: s.Core, CoreSeed: coreSeed}
	}
	return chip.Maker.Make(k.Name, in)
}
