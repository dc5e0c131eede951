package sweep

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/afero"

	"airlift/chips"
	"airlift/emu"
	"airlift/flash"
	"airlift/flash/explain"
	"airlift/flash/luadb"
)

// Sweep is a scenario ready to be run: the module with the old version, the
// package, and what the clean run came to. It is safe for concurrent use.
type Sweep struct {
	Scenario *Scenario
	Chip     *chips.Chip
	Package  []byte
	Kind     chips.PackageKind

	// Clean is the run without a fault.
	Clean Clean

	machine     machine
	memo        memo
	made        made       // packages with edits
	start       *board     // where every case begins; never changed
	base        *board     // the old version's module, before anything; never changed
	forking     sync.Mutex // start
	old         reference
	fresh       reference       // the new version
	was, is     chips.MakeInput // what the versions are made from
	regions     []region
	codeVolumes []string          // mount points
	struck      bool              // start is behind the scenario's own faults
	faulty      bool              // the scenario's standing faults hold
	armed       bool              // start has the package in place
	wear        *wear             // of the run without a cut
	touched     map[[2]int64]bool // partitions, by chip and offset, that the clean run changes
	stepData    [][]byte          // that the steps of a volume write
	files       fileTree          // of a volume before its steps
	layers      []chips.Layer     // of the package, where damages are inside
}

// Clean is the run without a fault.
type Clean struct {
	Ops     []Place // the operation axis
	Outcome emu.Outcome
	Broken  []Invariant
	Detail  string
	Boots   int
	Virtual time.Duration // it took
	Trace   string        // hash of everything that happened
}

// reference is a version as it runs after an upgrade without a fault.
type reference struct {
	version string   // of the core
	code    [32]byte // of the code that runs, where it has no fixed place
	flashes []*flash.Device
	scripts map[string]string            // contents by name
	volumes map[string]map[string]string // contents by name, by mount point
}

// region is a part of the flash that holds code.
type region struct {
	chip     int
	name     string
	off      int64
	old, new int64 // bytes of the two versions' images
}

// New prepares a scenario for a chip: it makes the old version's flash and the
// package, and runs the upgrade once without a fault.
func New(s *Scenario, c *chips.Chip) (*Sweep, error) {
	if err := s.Fill(); err != nil {
		return nil, fmt.Errorf("scenario %s: %w", s.Name, err)
	}
	if err := c.Model.NeedsMap(); err != nil {
		return nil, err
	}
	if err := errors.Join(s.checkStanding(), s.load()); err != nil {
		return nil, fmt.Errorf("scenario %s: %w", s.Name, err)
	}
	w := &Sweep{Scenario: s, Chip: c, machine: machine{chip: c, seed: s.Seed}}
	if err := w.prepare(); err != nil {
		return nil, fmt.Errorf("scenario %s: %w", s.Name, err)
	}
	return w, nil
}

// errRefused is why a scenario makes no sense of which the module does not take
// the package, all in order as it is.
var errRefused = errors.New("the module does not take the package")

// prepare makes versions and package, and runs the upgrade without a fault.
func (w *Sweep) prepare() error {
	s := w.Scenario
	if s.Mode == ModeSystem {
		if err := w.rehearseSystem(); err != nil {
			return fmt.Errorf("the run without a fault: %w", err)
		}
		return errors.Join(w.standSystem(), w.findLayers())
	}
	if err := w.make(); err != nil {
		return err
	}
	w.base = w.start.fork()
	if err := w.rehearse(); err != nil {
		return fmt.Errorf("the run without a fault: %w", err)
	}
	if err := w.stand(); err != nil {
		return err
	}
	return w.findLayers()
}

// input is what a version is made from.
func (w *Sweep) input(v Version, fallback string, seed uint64, mark string) (chips.MakeInput, []luadb.File, error) {
	files := scriptFiles(w.Scenario.Seed, mark, v.ScriptBytes)
	if v.Project != "" {
		files = w.Scenario.own.projects[v.Project].Files
	}
	image, err := luadb.Build(files, luadb.Options{})
	in := chips.MakeInput{Script: image, CoreVersion: v.Core, CoreSize: v.CoreBytes, CoreSeed: v.CoreSeed, Core: w.Scenario.own.data[v.CoreFile]}
	if in.CoreVersion == "" {
		in.CoreVersion = fallback
	}
	if in.CoreSeed == 0 {
		in.CoreSeed = seed
	}
	return in, files, err
}

// Marks of the versions' scripts.
const (
	oldMark = "1.0.0"
	newMark = "1.0.1"
)

// scriptFiles are a version's scripts: main.lua and data that does not
// compress.
func scriptFiles(seed uint64, mark string, n int64) []luadb.File {
	files := []luadb.File{{Name: "main.lua", Data: []byte("PROJECT = \"sweep\"\nVERSION = \"" + mark + "\"\n")}}
	if n > 0 {
		data := make([]byte, n)
		r := emu.Stream(seed, "script "+mark, 0)
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		files = append(files, luadb.File{Name: "data.bin", Data: data})
	}
	return files
}

// userFile is a file of the user's that every upgrade must leave alone.
const (
	userFile = "user.txt"
	userText = "kept by the user\n"
)

// make makes what every case begins with.
func (w *Sweep) make() error {
	if w.Scenario.Mode == ModeVolume {
		return w.makeVolume()
	}
	return w.makeVersions()
}

// makeVersions makes the old version's module and the package.
func (w *Sweep) makeVersions() error {
	s, c := w.Scenario, w.Chip
	if s.PackageFile != "" {
		return w.takePackage()
	}
	kind, err := pickKind(c, s.Package)
	if err != nil {
		return err
	}
	w.Kind = kind
	oldIn, oldFiles, err := w.input(s.Old, c.Profile.CoreVersion, s.Seed, oldMark)
	if err != nil {
		return err
	}
	next, seed := oldIn.CoreVersion, oldIn.CoreSeed
	hasCore := kind.Core || s.New.Core != "" || s.New.CoreFile != ""
	if hasCore && oldIn.Core == nil && s.New.CoreFile == "" {
		if next, err = nextCore(next); err != nil {
			return err
		}
	}
	if hasCore && !kind.Delta {
		seed++
	}
	newIn, newFiles, err := w.input(s.New, next, seed, newMark)
	if err != nil {
		return err
	}
	if s.New.SameScripts {
		newFiles, newIn.Script = oldFiles, oldIn.Script
	}
	if newIn.CoreSize == 0 {
		newIn.CoreSize = oldIn.CoreSize
	}
	if newIn.Core == nil {
		newIn.Core = oldIn.Core
	}
	newIn.Pad, newIn.Force = !s.NoPad, s.Force
	if kind.Delta {
		base := oldIn
		base.Script = nil
		newIn.Base = &base
	}
	if w.Package, err = c.Maker.Make(kind.Name, newIn); err != nil {
		return fmt.Errorf("make the package: %w", err)
	}
	w.old, w.fresh = reference{scripts: byName(oldFiles)}, reference{scripts: byName(newFiles)}
	newIn.Base = nil
	if !hasCore {
		newIn.Core, newIn.CoreVersion, newIn.CoreSeed, newIn.CoreSize = oldIn.Core, oldIn.CoreVersion, oldIn.CoreSeed, oldIn.CoreSize
	}
	w.was, w.is = oldIn, newIn
	return w.makeFlashes(oldIn, newIn, hasCore)
}

// makeFlashes makes the modules of both versions as they leave production: the
// one is the start, and where the other differs there is code.
func (w *Sweep) makeFlashes(oldIn, newIn chips.MakeInput, hasCore bool) error {
	c := w.Chip
	factory, err := w.factory(oldIn)
	if err != nil {
		return fmt.Errorf("make the old version's flash: %w", err)
	}
	if w.Scenario.Old.Image != "" {
		if w.old.scripts = nil; !hasCore {
			return w.install(factory) // the code stays as it is
		}
	}
	target, err := emu.MakeFlash(c, newIn)
	if err != nil {
		return fmt.Errorf("make the new version's flash: %w", err)
	}
	w.regions, w.codeVolumes = codeRegions(c, factory, target), codeVolumes(volumesOf(c, factory), volumesOf(c, target))
	if w.Scenario.Old.Image != "" {
		w.regions = w.onlyCode(w.regions)
	}
	return w.install(factory)
}

func byName(files []luadb.File) map[string]string {
	m := make(map[string]string, len(files))
	for _, f := range files {
		m[f.Name] = string(f.Data)
	}
	return m
}

// nextCore counts a core version up: "V2001" to "V2002", and
// "Luat_V3103_RDA8910" to "Luat_V3104_RDA8910".
func nextCore(v string) (string, error) { return countCore(v, 1) }

func countCore(v string, by int) (string, error) {
	at := coreNumber.FindStringIndex(v)
	if at == nil {
		return "", fmt.Errorf("core version %q: expected V and digits; name the new one", v)
	}
	digits := v[at[0]+1 : at[1]]
	n, err := strconv.Atoi(digits)
	if err != nil {
		return "", fmt.Errorf("core version %q: %w", v, err)
	}
	return v[:at[0]+1] + fmt.Sprintf("%0*d", len(digits), max(0, n+by)) + v[at[1]:], nil
}

var coreNumber = regexp.MustCompile(`[Vv][0-9]{1,9}`)

// pickKind finds the kind of package: the one called name, or the first with a
// core that the firmware takes, or the first that it takes.
func pickKind(c *chips.Chip, name string) (chips.PackageKind, error) {
	var first *chips.PackageKind
	var known []string
	for _, k := range c.Maker.Kinds() {
		if name != "" && k.Name == name {
			return k, nil
		}
		if !k.Upgrade || !k.Fits {
			continue
		}
		known = append(known, k.Name)
		if first == nil || k.Core && !first.Core {
			first = &k
		}
	}
	if name != "" || first == nil {
		return chips.PackageKind{}, fmt.Errorf("%s with profile %s takes no package of kind %q: expected one of %s", c.Model.Name, c.Profile.Name, name, explain.OneOf(known))
	}
	return *first, nil
}

// codeRegions finds the partitions that hold code: those in which the modules
// of two versions differ as they leave production, but for the scripts, which
// are compared file by file. An image ends at the last byte that is not
// erased.
func codeRegions(c *chips.Chip, a, b []*flash.Device) []region {
	var out []region
	for i, table := range c.Partitions {
		for _, p := range table {
			if p.Overlay || p.Name == scriptPartition || p.Kind == fsKind {
				continue
			}
			x, y := contents(a[i], p), contents(b[i], p)
			if string(x) == string(y) {
				continue
			}
			out = append(out, region{chip: i, name: p.Name, off: p.Off, old: used(x), new: used(y)})
		}
	}
	return out
}

// scriptPartition is what every family calls the partition of the scripts.
const scriptPartition = "script"

func contents(d *flash.Device, p flash.Partition) []byte {
	data := make([]byte, p.Size)
	if _, err := d.ReadAt(data, p.Off); err != nil {
		panic("sweep: partition " + p.Name + ": " + err.Error()) // a chip's table fits its flash
	}
	return data
}

func used(p []byte) int64 {
	n := len(p)
	for n > 0 && p[n-1] == 0xFF {
		n--
	}
	return int64(n)
}

// install boots the factory's flash until it has settled, writes the user's
// files, and makes the start of every case.
func (w *Sweep) install(factory []*flash.Device) error {
	b, wrote := newBoard(factory), false
	for range 8 {
		before := b.key()
		r, err := w.machine.boot(b, nil)
		if err != nil {
			return err
		}
		switch {
		case r.end == endDead:
			return fmt.Errorf("the old version does not start: %s", r.why)
		case r.end == endReset:
			continue
		}
		if !wrote {
			if err := writeUserFiles(r); err != nil {
				return err
			}
		}
		wrote, b.cause = true, chips.ResetPower
		if b.key().flash == before.flash {
			w.start = b
			w.old.volumes = volumesOf(w.Chip, b.flashes)
			w.old.version, w.old.code, w.old.flashes = r.running.Identity.Version, r.running.Code, b.fork().flashes
			if w.old.scripts == nil {
				w.old.scripts, err = mountedScripts(r.running)
			}
			return err
		}
	}
	return errors.New("the old version does not settle")
}

// writeUserFiles writes a file in the file system and, if the firmware has
// one, a key in its store.
func writeUserFiles(r *boot) error {
	if err := afero.WriteFile(r.running.Mounts, "/"+userFile, []byte(userText), 0o644); err != nil {
		return fmt.Errorf("write the user's file: %w", err)
	}
	if r.running.KV == nil {
		return nil
	}
	kv, err := r.running.KV(r.env)
	if err != nil {
		return fmt.Errorf("mount the key-value store: %w", err)
	}
	return afero.WriteFile(kv.Fs, "/"+userFile, []byte(userText), 0o644)
}

// readUserFiles compares what writeUserFiles wrote.
func readUserFiles(r *boot) error {
	if err := userFileIs(r.running.Mounts, "/"+userFile); err != nil {
		return err
	}
	if r.running.KV == nil {
		return nil
	}
	kv, err := r.running.KV(r.env)
	if err != nil {
		return fmt.Errorf("key-value store: %w", err)
	}
	return userFileIs(kv.Fs, "/"+userFile)
}

func userFileIs(fs afero.Fs, name string) error {
	data, err := afero.ReadFile(fs, name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%s is gone", name)
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	case string(data) != userText:
		return fmt.Errorf("%s has other contents", name)
	}
	return nil
}

// deliver does what the scripts do with a package: they hand it to the fota
// library in pieces, or write it to the file that the firmware looks for. The
// error is flash.ErrPowerLost or says why the firmware refuses the package.
func (w *Sweep) deliver(r *boot) error {
	const chunk = 1460
	if r.running.Updater == nil {
		f, err := r.running.Mounts.Create(updateFile)
		if err != nil {
			return err
		}
		for p := w.Package; len(p) > 0; p = p[min(chunk, len(p)):] {
			if _, err := f.Write(p[:min(chunk, len(p))]); err != nil {
				return err
			}
		}
		return f.Close()
	}
	u, e := r.running.Updater, r.env
	call := func(name string, n int, err error) error {
		if err == nil && n < 0 {
			err = fmt.Errorf("the updater refuses the package: %s returns %d", name, n)
		}
		return err
	}
	n, err := w.Chip.InitUpdater(e, u)
	if err := call("init", n, err); err != nil {
		return err
	}
	for p := w.Package; len(p) > 0; p = p[min(chunk, len(p)):] {
		n, err := u.Write(e, p[:min(chunk, len(p))])
		if err := call("write", n, err); err != nil {
			return err
		}
	}
	for range 1000 {
		if n, err = u.Done(e); err != nil || n <= 0 {
			break
		}
	}
	if err := call("done", n, err); err != nil {
		return err
	}
	n, err = u.End(e, true)
	return call("end", n, err)
}

const updateFile = "/update.bin"
