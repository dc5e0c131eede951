// Package demo tells the whole story of an over-the-air upgrade in one run: a
// platform with a project and a new version on it, a module with the old one,
// the request, the download, the reset into upgrade mode, and the new version
// running.
//
// Nothing in it is special to the demo: platform, module and packages are the
// ordinary ones, the project is a folder of scripts like any other.
package demo

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/afero"

	"airlift/chips"
	"airlift/emu"
	"airlift/emu/iot"
	"airlift/emu/link"
	"airlift/emu/project"
	"airlift/flash"
	"airlift/flash/luadb"
	"airlift/lua"
)

//go:embed project/main.lua
var mainLua string

// firstVersion is the project's version on the module; every upgrade counts
// its last number up.
const firstVersion = "1.0.0"

// Config chooses what is shown.
type Config struct {
	Chip     *chips.Chip
	Seed     uint64
	Answers  string       // answer set of the platform, "" for cloud
	Link     string       // link model, "" for wifi
	Library  string       // that the project uses: libfota or libfota2, "" for the latter; update on the Luat core
	CoreSize int64        // bytes of code in the cores, 0 for the family's default
	NewCore  int64        // of the core that the upgrade brings, 0 for CoreSize
	Extra    []luadb.File // that the scripts of the upgrade bring besides
	NoPad    bool         // the package has whatever size it comes out with
	Force    bool         // and is made although the module will choke on it
	Compiled bool         // the images hold luac bytecode, as production packages do
	Kind     string       // of the one package, "" for a row of all that tell something
	Made     []byte       // the one package, if an equal story has made it before
	Own      *Own         // nil for the demo's project
	// Flash is the module's flash, if an equal story has made it before: it is
	// changed.
	Flash    []*flash.Device
	BootsMax int           // boots after which the run ends, 0 for 12
	Limit    time.Duration // virtual time after which the run ends, 0 for 10 minutes
	Script   lua.Options
}

// Story is a prepared demo: everything is made, nothing has run. It is a row
// of upgrades, one after the other: first of the scripts alone, where the module
// takes such a package, then of core and scripts.
type Story struct {
	World  *emu.World
	Device *emu.Device
	Store  *iot.Mem
	// The upgrade that Run plays next or played last.
	Package Package
	From    Version
	To      Version

	cfg     Config
	chip    *chips.Chip
	flashes []*flash.Device
	seed    uint64
	text    string              // main.lua of version firstVersion
	ahead   []chips.PackageKind // of the upgrades to come
	settled bool                // the scripts said that there is nothing more to do
}

// Package is the upgrade on the platform.
type Package struct {
	Kind         chips.PackageKind
	FileName     string // as LuaTools would call it
	FirmwareName string
	Bytes        int
	Data         []byte
}

// Version is a core with scripts.
type Version struct {
	Core     string // "V2001"
	Script   string // "1.0.0"
	Platform string // what the module tells the platform: "2001.1.0"
	files    []luadb.File
}

// Report is how a story ended.
type Report struct {
	Outcome  emu.Outcome
	End      emu.Result
	Running  *chips.Running
	FlashOps int
	Virtual  time.Duration
	Trace    string // hash, as hex
}

// New prepares a story.
func New(cfg Config) (*Story, error) {
	if cfg.Limit == 0 {
		cfg.Limit = 10 * time.Minute
	}
	if cfg.Link == "" {
		cfg.Link = "wifi"
	}
	model, err := link.Preset(cfg.Link)
	if err != nil {
		return nil, err
	}
	s := &Story{World: emu.NewWorld(cfg.Seed, cfg.Limit), cfg: cfg, chip: cfg.Chip, seed: cfg.Seed}
	if s.ahead, err = upgrades(cfg.Chip, cfg.Kind); err != nil {
		return nil, err
	}
	s.World.Link = model
	key, err := s.platform(cfg.Answers)
	if err != nil {
		return nil, err
	}
	if s.text, err = script(cfg.Chip, cfg.Library, key); err != nil {
		return nil, err
	}
	if s.To, err = s.firstVersionOf(); err != nil {
		return nil, err
	}
	if _, err := s.Next(); err != nil {
		return nil, err
	}
	if luaTask(cfg.Chip) && cfg.Script.Libs != nil {
		s.endWhenSettled()
	}
	return s, s.module()
}

// upgrades picks the kinds of packages that are sent: of those that the
// firmware takes the first without a core and the first with one, or the one
// that was asked for.
func upgrades(c *chips.Chip, kind string) ([]chips.PackageKind, error) {
	var script, core []chips.PackageKind
	for _, k := range c.Maker.Kinds() {
		switch {
		case !k.Upgrade || !k.Fits:
		case kind != "":
			if k.Name == kind {
				return []chips.PackageKind{k}, nil
			}
		case k.Core && core == nil:
			core = []chips.PackageKind{k}
		case !k.Core && script == nil:
			script = []chips.PackageKind{k}
		}
	}
	row := append(script, core...)
	if c.Profile.Scripts == chips.ScriptsNone {
		return nil, fmt.Errorf("%s with profile %s takes no upgrade that scripts ask for: it runs a C program", c.Model.Name, c.Profile.Name)
	}
	if len(row) == 0 {
		what := "no upgrade over the air"
		if kind != "" {
			what = "no package of kind " + kind
		}
		return nil, fmt.Errorf("%s with profile %s takes %s", c.Model.Name, c.Profile.Name, what)
	}
	return row, nil
}

// Next puts the package of the next upgrade on the platform. It reports false
// if there is none.
func (s *Story) Next() (bool, error) {
	if len(s.ahead) == 0 {
		return false, nil
	}
	s.Package = Package{Kind: s.ahead[0]}
	s.ahead = s.ahead[1:]
	s.From = s.To
	var err error
	if s.To, err = s.nextVersion(); err != nil {
		return false, err
	}
	return true, s.upload()
}

// platform sets up the server and returns the project's key.
func (s *Story) platform(answers string) (key string, err error) {
	set, err := iot.AnswersByName(answers)
	if err != nil {
		return "", err
	}
	s.Store = iot.NewMem(s.seed)
	account, err := s.Store.AddAccount("13800000000")
	if err != nil {
		return "", err
	}
	if s.cfg.Own != nil {
		if key, err = s.cfg.Own.key(); err != nil {
			return "", err
		}
	}
	p, err := s.Store.AddProject(account.ID, "demo", key, link.Epoch)
	if err != nil {
		return "", err
	}
	server, err := iot.NewServer(s.Store, set, iot.DefaultSettings())
	if err != nil {
		return "", err
	}
	return p.Key, s.World.Platform(server)
}

// script returns the project's main.lua for a library and a project key.
func script(c *chips.Chip, library, key string) (string, error) {
	text := mainLua
	if luaTask(c) {
		text = luaTaskLua
	}
	text = strings.Replace(text, "airliftDemoProjectKey00000000000", key, 1)
	if luaTask(c) {
		if library == "" || library == libraryUpdate {
			return text, nil
		}
		return "", fmt.Errorf("%s with profile %s has no library %q: expected %s", c.Model.Name, c.Profile.Name, library, libraryUpdate)
	}
	switch library {
	case "", "libfota2":
		return text, nil
	case "libfota": // takes no options
		text = strings.Replace(text, `require("libfota2")`, `require("libfota")`, 1)
		return strings.Replace(text, "request(done, {imei = identity()})", "request(done)", 1), nil
	}
	return "", fmt.Errorf("the demo has no project for library %q: expected libfota or libfota2", library)
}

// version makes a version of the project.
func (s *Story) version(core, script string) (Version, error) {
	part := strings.Split(script, ".")
	v := Version{Core: core, Script: script, Platform: strings.TrimPrefix(core, "V") + "." + part[0] + "." + part[2]}
	if luaTask(s.chip) {
		v.Platform = taskPlatform(core, script)
	}
	text := strings.Replace(s.text, `VERSION = "`+firstVersion+`"`, `VERSION = "`+script+`"`, 1)
	v.files = []luadb.File{{Name: "main.lua", Data: []byte(text)}}
	if luaTask(s.chip) && s.cfg.Script.Libs == nil {
		libs, err := taskLibs()
		if err != nil {
			return v, err
		}
		v.files = append(v.files, libs...)
	}
	if !s.cfg.Compiled {
		return v, nil
	}
	p, _, err := (&project.Project{Files: v.files}).Apply(project.Build{Luac: true, Bits: s.chip.Profile.Bits})
	if err != nil {
		return v, err
	}
	v.files = p.Files
	return v, nil
}

// upload makes the package and puts it on the platform.
func (s *Story) upload() error {
	data, err := s.cfg.Made, error(nil)
	if data == nil {
		was, in, err := s.Inputs()
		if err != nil {
			return err
		}
		if s.Package.Kind.Delta {
			was.Script = nil
			in.Base = &was
		}
		if data, err = s.chip.Maker.Make(s.Package.Kind.Name, in); err != nil {
			return fmt.Errorf("make the package: %w", err)
		}
	}
	namer, ok := s.chip.Maker.(chips.PackageNamer)
	if !ok {
		return fmt.Errorf("%s: packages have no names", s.chip.Model.Family)
	}
	project, err := s.projectName()
	if err != nil {
		return err
	}
	if s.Package.FileName, err = namer.PackageName(project, s.To.Core, s.To.Script); err != nil {
		return err
	}
	name, err := iot.RecogniseFileName(s.Package.FileName)
	if err != nil {
		return err
	}
	if luaTask(s.chip) {
		if err := s.registerCore(); err != nil {
			return err
		}
	}
	s.Package.FirmwareName, s.Package.Bytes, s.Package.Data = name.Name, len(data), data
	_, err = s.Store.AddFirmware(iot.Firmware{
		Project: 1, Name: name.Name, Version: name.Version, Core: name.Core, FileName: s.Package.FileName,
		Allow: true, All: true, Created: link.Epoch,
	}, data)
	return err
}

// Inputs are what the two versions of the upgrade that Run plays next are made
// from.
func (s *Story) Inputs() (was, is chips.MakeInput, err error) {
	was.Script, err = (&project.Project{Files: s.From.files}).Image()
	if err != nil {
		return was, is, err
	}
	is.Script, err = (&project.Project{Files: s.To.files}).Image()
	was.CoreVersion, was.CoreSize, was.CoreSeed = s.From.Core, s.cfg.CoreSize, s.seed
	is.CoreVersion, is.CoreSize, is.CoreSeed = s.To.Core, cmp.Or(s.cfg.NewCore, s.cfg.CoreSize), s.seed+1
	if s.Package.Kind.Delta { // between two releases of one program
		is.CoreSeed = s.seed
	}
	is.Pad, is.Force = !s.cfg.NoPad, s.cfg.Force
	if own := s.cfg.Own; own != nil {
		was.Core, is.Core = own.Old.Core, own.New.Core
		if is.Core == nil {
			is.Core = own.Old.Core
		}
	}
	return was, is, err
}

// module makes the device with the old version in its flash.
func (s *Story) module() error {
	cfg := s.cfg
	if cfg.BootsMax == 0 {
		cfg.BootsMax = 12
	}
	var err error
	if s.flashes = cfg.Flash; s.flashes == nil {
		if s.flashes, err = s.factory(); err != nil {
			return fmt.Errorf("make the flash: %w", err)
		}
	}
	s.Device, err = emu.NewDevice(emu.Config{
		Chip: cfg.Chip, Flash: s.flashes, Seed: cfg.Seed, Clock: s.World.Clock, Trace: s.World.Trace,
		Net: s.World.Net, Script: cfg.Script, BootsMax: cfg.BootsMax, UnixTime: link.Epoch.Unix(),
	})
	return err
}

// factory makes the flash of a module with the old version.
func (s *Story) factory() ([]*flash.Device, error) {
	script, err := (&project.Project{Files: s.From.files}).Image()
	if err != nil {
		return nil, err
	}
	in := chips.MakeInput{Script: script}
	if !s.chip.Model.ScriptOnly {
		in.CoreVersion, in.CoreSize, in.CoreSeed = s.From.Core, s.cfg.CoreSize, s.seed
		if s.cfg.Own != nil {
			in.Core = s.cfg.Own.Old.Core
		}
	}
	return emu.MakeFlash(s.chip, in)
}

// Flash returns the flash chips of the module.
func (s *Story) Flash() []*flash.Device { return s.flashes }

// Run plays one upgrade. After a cut it may be called again: the power comes
// back and the story goes on from what the flash holds.
func (s *Story) Run() (Report, error) { return s.RunFrom(chips.ResetPower) }

// RunFrom is Run with a reset cause of the caller's choice, for a module that was
// reset with the power on.
func (s *Story) RunFrom(cause chips.ResetCause) (Report, error) {
	s.settled = false
	res, err := s.Device.RunFrom(cause)
	if err != nil {
		return Report{}, err
	}
	r := Report{End: res, Running: s.Device.Running(), FlashOps: s.World.Trace.FlashOps(), Virtual: s.World.Clock.Now()}
	if r.Outcome, err = s.Outcome(); err != nil {
		return Report{}, err
	}
	if res.End == emu.EndBoots && r.Outcome != emu.OutcomeBrick {
		r.Outcome = emu.OutcomeStuck
	}
	r.Trace = s.World.Trace.Sum()
	return r, nil
}

// Outcome reads off the flash what the module would run if it were switched
// on now. Scripts that are neither version's are those of a damaged script
// area: such a module restarts for ever.
func (s *Story) Outcome() (emu.Outcome, error) {
	r, err := emu.BootFork(s.chip, s.flashes, s.seed)
	if err != nil {
		return "", err
	}
	switch {
	case r.Resets():
		return emu.OutcomeStuck, nil
	case r.Running == nil:
		return emu.OutcomeBrick, nil
	}
	core := r.Running.Identity.Version
	newScript, err := runs(r.Running, s.To.files)
	if err != nil {
		return "", err
	}
	oldScript, err := runs(r.Running, s.From.files)
	if err != nil {
		return "", err
	}
	switch {
	case !newScript && !oldScript:
		return emu.OutcomeStuck, nil
	case core == s.To.Core && newScript:
		return emu.OutcomeNew, nil
	case core == s.From.Core && oldScript:
		return emu.OutcomeOld, nil
	}
	return emu.OutcomeMixed, nil
}

// runs reports whether the mounted script image holds exactly these files.
func runs(r *chips.Running, files []luadb.File) (bool, error) {
	for _, m := range r.Mounts.Mounts() {
		if m.Type != "luadb" {
			continue
		}
		infos, err := afero.ReadDir(m.Fs, "/")
		if err != nil {
			return false, err
		}
		found := 0
		for _, info := range infos {
			if info.Name() == luadb.TrailerName {
				continue
			}
			found++
			data, err := afero.ReadFile(m.Fs, "/"+info.Name())
			if err != nil {
				return false, err
			}
			if !contains(files, info.Name(), data) {
				return false, nil
			}
		}
		return found == len(files), nil
	}
	return false, nil
}

func contains(files []luadb.File, name string, data []byte) bool {
	for _, f := range files {
		if f.Name == name {
			return bytes.Equal(f.Data, data)
		}
	}
	return false
}
