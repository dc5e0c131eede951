package sweep

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"airlift/chips"
	"airlift/emu"
	"airlift/emu/demo"
	"airlift/emu/project"
	"airlift/flash"
)

// A scenario may name files of the user's: a project, a core, a flash dump, a
// package. Their paths are relative to the file that the scenario is in, with
// slashes, so that scenario and results can move together. Their hashes are
// noted with those of the user's other files: see [Scenario.Use].

// ownBytesMax bounds a core, a flash dump or a package. A project has bounds of
// its own.
const ownBytesMax = 64 << 20

// Beside reports whether the files that the scenario names, if it names any, are
// found from the folder of another file, too.
func (s *Scenario) Beside(file string) bool {
	return len(s.ownPaths()) == 0 || filepath.Clean(s.dir) == filepath.Dir(file)
}

// own is what the files of a scenario hold, by the path as the scenario has it.
type own struct {
	projects map[string]*project.Project
	data     map[string][]byte
	list     []string // ROLE NAME@SHA256, in the order of the scenario
}

// ownPath is one file that a scenario names.
type ownPath struct {
	role    string
	name    string
	project bool
}

// ownPaths are the files that a scenario names.
func (s *Scenario) ownPaths() (out []ownPath) {
	for _, p := range []ownPath{
		{"old project", s.Old.Project, true}, {"old core", s.Old.CoreFile, false}, {"old image", s.Old.Image, false},
		{"new project", s.New.Project, true}, {"new core", s.New.CoreFile, false}, {"package", s.PackageFile, false},
	} {
		if p.name != "" {
			out = append(out, p)
		}
	}
	return out
}

// In says in which folder of the host the paths of the scenario begin; "" is
// the current one.
func (s *Scenario) In(dir string) { s.dir = dir }

// load reads the files that the scenario names, once.
func (s *Scenario) load() error {
	if s.own != nil {
		return nil
	}
	o := &own{projects: map[string]*project.Project{}, data: map[string][]byte{}}
	for _, p := range s.ownPaths() {
		sum, err := o.read(filepath.Join(s.dir, filepath.FromSlash(p.name)), p)
		if err != nil {
			return fmt.Errorf("%s %s: %w", p.role, p.name, err)
		}
		o.list = append(o.list, fmt.Sprintf("%s %s@%x", p.role, p.name, sum))
	}
	s.own = o
	return nil
}

// read reads one file or project and returns its hash.
func (o *own) read(name string, p ownPath) (sum [32]byte, err error) {
	if p.project {
		x, err := project.Load(name)
		if err != nil {
			return sum, err
		}
		o.projects[p.name] = x
		h := sha256.New()
		for _, f := range x.Files {
			var n [8]byte
			binary.LittleEndian.PutUint64(n[:], uint64(len(f.Data)))
			fmt.Fprintf(h, "%s\x00%s%s", f.Name, n[:], f.Data)
		}
		return [32]byte(h.Sum(nil)), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, ownBytesMax+1))
	if err == nil && len(data) > ownBytesMax {
		err = fmt.Errorf("larger than %d bytes", ownBytesMax)
	}
	o.data[p.name] = data
	return sha256.Sum256(data), err
}

// checkOwn reports paths that mean nothing together.
func (s *Scenario) checkOwn() error {
	for _, p := range s.ownPaths() {
		if path.IsAbs(p.name) || filepath.IsAbs(p.name) || strings.ContainsAny(p.name, "\\@\x00") || filepath.VolumeName(p.name) != "" {
			return fmt.Errorf("%s %q: expected a path relative to the scenario's file, with slashes", p.role, p.name)
		}
	}
	for _, v := range []Version{s.Old, s.New} {
		switch {
		case v.Project != "" && (v.ScriptBytes != 0 || v.SameScripts):
			return errors.New("project: its scripts are what they are: leave out script_bytes and same_scripts")
		case v.CoreFile != "" && (v.Core != "" || v.CoreBytes != 0 || v.CoreSeed != 0):
			return errors.New("core_file: the core is what it is: leave out core, core_bytes and core_seed")
		}
	}
	switch {
	case s.New.Image != "":
		return errors.New("new.image: a new version comes by a package: say new.project and new.core_file, or package_file")
	case s.Old.Image != "" && s.New.SameScripts:
		return errors.New("old.image: its scripts are not known before it runs: leave out new.same_scripts")
	case s.Old.Image != "" && s.Old != Version{Image: s.Old.Image}:
		return errors.New("old.image: core and scripts are in it: leave out all else of old")
	case s.PackageFile != "" && (s.New != Version{} || s.Package != "" || s.NoPad || s.Force):
		return errors.New("package_file: the new version is what it brings: leave out new, package, no_pad and force")
	case s.PackageFile != "" && s.Mode == ModeSystem:
		return errors.New("package_file: mode system has to know what the new version is: say new.project and new.core_file")
	case s.Mode == ModeSystem && (s.New.Project == "") != (s.Old.Project == ""):
		return errors.New("mode system with a project of your own needs old.project and new.project")
	case s.Mode == ModeVolume && len(s.ownPaths()) > 0:
		return errors.New("mode volume has no versions: leave out project, core_file, image and package_file")
	}
	return nil
}

// factory makes the old version's module as it leaves production, or takes the
// user's.
func (w *Sweep) factory(in chips.MakeInput) ([]*flash.Device, error) {
	if name := w.Scenario.Old.Image; name != "" {
		if w.Kind.Delta {
			return nil, fmt.Errorf("%s: a delta leads from a core that the image does not give: say old.core_file and old.project, or package_file", name)
		}
		f, err := emu.LoadFlash(w.Chip, w.Scenario.own.data[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return f, nil
	}
	return emu.MakeFlash(w.Chip, in)
}

// takePackage takes a package that somebody else made.
func (w *Sweep) takePackage() error {
	s, c := w.Scenario, w.Chip
	w.Kind, w.Package = chips.PackageKind{Name: s.PackageFile}, s.own.data[s.PackageFile]
	in, files, err := w.input(s.Old, c.Profile.CoreVersion, s.Seed, oldMark)
	if err != nil {
		return err
	}
	factory, err := w.factory(in)
	if err != nil {
		return fmt.Errorf("make the old version's flash: %w", err)
	}
	if s.Old.Image == "" {
		w.old.scripts = byName(files)
	}
	return w.install(factory)
}

// learn takes what a run without a fault came to for the new version, where
// nobody but the package knows it.
func (w *Sweep) learn(r *boot) (err error) {
	if w.Scenario.PackageFile == "" {
		return nil
	}
	if w.fresh.scripts, err = mountedScripts(r.running); err != nil {
		return err
	}
	w.regions = w.onlyCode(codeRegions(w.Chip, w.old.flashes, w.fresh.flashes))
	w.codeVolumes = codeVolumes(w.old.volumes, w.fresh.volumes)
	if len(w.regions) == 0 && len(w.codeVolumes) == 0 && w.fresh.code == w.old.code && sameScripts(w.fresh.scripts, w.old.scripts) {
		return fmt.Errorf("%s: the module takes it and runs the same as before", w.Scenario.PackageFile)
	}
	return nil
}

// notCode are the kinds of partitions in which firmware keeps other things than
// code.
var notCode = []string{"fota", "ota", "flag", "config", "kv", "nvram", "sysparam", "data", "backup"}

// onlyCode leaves out the regions that hold no code.
func (w *Sweep) onlyCode(all []region) []region {
	return slices.DeleteFunc(all, func(g region) bool {
		return slices.ContainsFunc(w.Chip.Partitions[g.chip], func(p flash.Partition) bool {
			return p.Off == g.off && p.Name == g.name && slices.Contains(notCode, p.Kind)
		})
	})
}

// release is a version of the user's for a story.
func (s *Scenario) release(v Version) demo.Release {
	return demo.Release{Project: s.own.projects[v.Project], Core: s.own.data[v.CoreFile]}
}
