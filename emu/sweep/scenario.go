package sweep

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"

	"airlift/emu/fault"
	"airlift/flash/explain"
)

// Scenario says what is broken, how, and what must hold all the same. It is
// what a scenario file holds; what is left out has a sensible value. Together
// with a case's number it decides everything: see [Scenario.Digest].
type Scenario struct {
	Name    string `json:"name" yaml:"name"`
	Summary string `json:"summary,omitempty" yaml:"summary,omitempty"`

	Chip    string `json:"chip" yaml:"chip"`                           // model: Air601
	Profile string `json:"profile,omitempty" yaml:"profile,omitempty"` // "" for the model's own
	Package string `json:"package,omitempty" yaml:"package,omitempty"` // kind of upgrade package: see airlift chips show

	// Files are the user's own files, as "ROLE NAME@SHA256": board file, boot
	// code, update agent. [Scenario.Use] fills them in, or compares.
	Files []string `json:"files,omitempty" yaml:"files,omitempty"`

	Link string  `json:"link,omitempty" yaml:"link,omitempty"` // of the mode system; "" for ideal
	Mode Mode    `json:"mode,omitempty" yaml:"mode,omitempty"` // "" for boot
	Old  Version `json:"old,omitzero" yaml:"old,omitempty"`
	New  Version `json:"new,omitzero" yaml:"new,omitempty"`

	Volume *Volume `json:"volume,omitempty" yaml:"volume,omitempty"` // of the mode volume; nil for a story of four files

	// PackageFile is a package that somebody else made: what the new version is,
	// the run without a fault tells.
	PackageFile string `json:"package_file,omitempty" yaml:"package_file,omitempty"`

	// NoPad makes the package of whatever size it comes out, Force although the
	// module will choke on it.
	NoPad bool `json:"no_pad,omitempty" yaml:"no_pad,omitempty"`
	Force bool `json:"force,omitempty" yaml:"force,omitempty"`

	Seed uint64 `json:"seed,omitempty" yaml:"seed,omitempty"` // 0 for 1

	// Cuts is how many power cuts a case has, each in the recovery from the one
	// before; 0 for 1.
	Cuts int `json:"cuts,omitempty" yaml:"cuts,omitempty"`
	// Recoveries has the power fail again in every recovery, so many times in a
	// row, each time at an operation that the seed draws; then the module is left
	// alone. With a single cut.
	Recoveries int `json:"recoveries,omitempty" yaml:"recoveries,omitempty"`
	// Hows are the ways in which the power fails at each operation; none for
	// fault.DefaultHows.
	Hows []fault.How `json:"hows,omitempty" yaml:"hows,omitempty"`
	// BrownOuts adds, for each number, cuts before which so many operations
	// were ignored.
	BrownOuts []uint64 `json:"brown_outs,omitempty" yaml:"brown_outs,omitempty"`
	// Times adds so many cuts at virtual times, spread evenly over the run.
	Times uint64 `json:"times,omitempty" yaml:"times,omitempty"`
	// Damages adds so many cases in which the power does not fail, but the
	// package is damaged. With Repair they are inside of its layers, and the
	// checksums around them are made right again.
	Damages uint64 `json:"damages,omitempty" yaml:"damages,omitempty"`
	Repair  bool   `json:"repair,omitempty" yaml:"repair,omitempty"`
	// Sizes adds cases in which nothing goes wrong, but the new version has other
	// sizes.
	Sizes *Sizes `json:"sizes,omitempty" yaml:"sizes,omitempty"`
	// Uncut leaves the power on: what is left are damages and sizes.
	Uncut bool `json:"uncut,omitempty" yaml:"uncut,omitempty"`
	// Sample draws so many cases; 0 tries all.
	Sample uint64 `json:"sample,omitempty" yaml:"sample,omitempty"`
	// Faults hold in every case, before those that the sweep chooses.
	Faults []fault.Fault `json:"faults,omitempty" yaml:"faults,omitempty"`

	Invariants []Invariant `json:"invariants,omitempty" yaml:"invariants,omitempty"` // none for all that the mode can check
	BootsMax   int         `json:"boots_max,omitempty" yaml:"boots_max,omitempty"`   // boots after a cut until the device must have settled; 0 for 8
	WearMax    uint32      `json:"wear_max,omitempty" yaml:"wear_max,omitempty"`     // times as often as without a fault a sector is erased at most; 0 for 4 a cut

	dir string // where paths begin
	own *own   // what they lead to, once it is read
}

// Version is what a module runs before or after the upgrade.
type Version struct {
	Core        string `json:"core,omitempty" yaml:"core,omitempty"`                 // "V2001"; "" for the profile's, and the next
	CoreBytes   int64  `json:"core_bytes,omitempty" yaml:"core_bytes,omitempty"`     // of code; 0 for the family's usual size
	CoreSeed    uint64 `json:"core_seed,omitempty" yaml:"core_seed,omitempty"`       // decides the code; 0 for the scenario's, plus 1 for a new core that is no delta
	ScriptBytes int64  `json:"script_bytes,omitempty" yaml:"script_bytes,omitempty"` // of data next to main.lua that does not compress
	// SameScripts says that the new version brings no scripts of its own.
	SameScripts bool `json:"same_scripts,omitempty" yaml:"same_scripts,omitempty"`

	// Files of the user's, relative to the scenario's: a folder of scripts, a
	// main.lua or a script image; a core; of the old version a whole flash dump.
	Project  string `json:"project,omitempty" yaml:"project,omitempty"`
	CoreFile string `json:"core_file,omitempty" yaml:"core_file,omitempty"`
	Image    string `json:"image,omitempty" yaml:"image,omitempty"`
}

// Mode is how much of the device takes part.
type Mode string

const (
	// ModeBoot starts with the package in place, and cuts boot code and core.
	ModeBoot Mode = "boot"
	// ModeUpdate starts before the package is written, and cuts the updater too.
	ModeUpdate Mode = "update"
	// ModeSystem runs everything: scripts, link, server, updater, boot code.
	ModeSystem Mode = "system"
	// ModeVolume changes files of a volume, without boot code and scripts.
	ModeVolume Mode = "volume"
)

// Modes lists the modes.
var Modes = []Mode{ModeBoot, ModeUpdate, ModeSystem, ModeVolume}

// Invariant is what must hold after every case.
type Invariant string

const (
	// Boots: the device starts a core, without a cable.
	Boots Invariant = "boots"
	// Exact: core and scripts are exactly the old ones or exactly the new ones.
	Exact Invariant = "exact"
	// Files: the user's files and key-value data are as they were.
	Files Invariant = "files"
	// Outside: nothing changed in a partition that the upgrade has no business in.
	Outside Invariant = "outside"
	// Converges: after boots_max boots nothing changes any more.
	Converges Invariant = "converges"
	// Wear: no sector is erased more than wear_max times as often as in the run
	// without a fault; one that it does not erase counts as erased once.
	Wear Invariant = "wear"
	// Reachable: the device goes on to the new version by itself.
	Reachable Invariant = "reachable"
)

const invariantCount = 7

// Invariants lists all invariants in the order in which they are reported.
var Invariants = [invariantCount]Invariant{Boots, Exact, Files, Outside, Converges, Wear, Reachable}

// ReadScenario reads a scenario file: YAML, or JSON, which is YAML.
func ReadScenario(data []byte) (*Scenario, error) {
	if len(data) > scenarioBytesMax {
		return nil, fmt.Errorf("scenario: %d bytes, expected at most %d", len(data), scenarioBytesMax)
	}
	var s Scenario
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&s); err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	if err := s.Fill(); err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	return &s, nil
}

const scenarioBytesMax = 1 << 20

// Fill replaces what was left out by its value and checks the rest.
func (s *Scenario) Fill() error {
	if s.Mode == "" {
		s.Mode = ModeBoot
	}
	setDefault(&s.Seed, 1)
	setDefault(&s.Cuts, 1)
	setDefault(&s.BootsMax, 8)
	setDefault(&s.WearMax, s.usualWear())
	if s.Hows == nil {
		s.Hows = fault.DefaultHows()
	}
	if s.Invariants == nil {
		s.Invariants = slices.DeleteFunc(slices.Clone(Invariants[:]), func(i Invariant) bool { return i == Reachable && s.Mode != ModeSystem })
	}
	if s.Mode == ModeVolume && s.Volume == nil {
		s.Volume = defaultVolume()
	}
	if s.Volume != nil {
		setDefault(&s.Volume.Path, "/")
	}
	return s.check()
}

// usualWear is wear_max unless the scenario says it.
func (s *Scenario) usualWear() uint32 { return 4 * uint32(max(1, s.Cuts)+max(0, s.Recoveries)) }

// again is how often the power fails behind the first cut.
func (s *Scenario) again() int { return s.Cuts - 1 + s.Recoveries }

// SetCuts changes how many cuts a case has, and what follows from that.
func (s *Scenario) SetCuts(n int) { s.change(&s.Cuts, n) }

// SetRecoveries changes how many recoveries are cut, and what follows from that.
func (s *Scenario) SetRecoveries(n int) { s.change(&s.Recoveries, n) }

func (s *Scenario) change(p *int, n int) {
	if s.WearMax == s.usualWear() {
		s.WearMax = 0
	}
	*p = n
}

func setDefault[T comparable](p *T, v T) {
	if *p == *new(T) {
		*p = v
	}
}

func (s *Scenario) check() error {
	switch {
	case s.Name == "":
		return errors.New("name is missing")
	case s.Chip == "":
		return errors.New("chip is missing: a model, see airlift chips")
	case !slices.Contains(Modes, s.Mode):
		return fmt.Errorf("mode %q: expected one of %s", s.Mode, explain.OneOf(Modes))
	case s.Cuts < 0 || s.Cuts > cutsMax:
		return fmt.Errorf("cuts %d: expected 1 to %d", s.Cuts, cutsMax)
	case s.Recoveries < 0 || s.Recoveries > recoveriesMax || s.Recoveries > 0 && (s.Cuts != 1 || s.Uncut):
		return fmt.Errorf("recoveries %d: expected up to %d, behind a single cut", s.Recoveries, recoveriesMax)
	case s.BootsMax < 1 || s.BootsMax > 1000:
		return fmt.Errorf("boots_max %d: expected 1 to 1000", s.BootsMax)
	case len(s.Hows)+len(s.BrownOuts) > 1000 || s.Times > 1e6:
		return errors.New("more than 1000 ways to fail at an operation, or 1000000 times")
	case s.Old.CoreBytes < 0 || s.New.CoreBytes < 0 || s.Old.ScriptBytes < 0 || s.New.ScriptBytes < 0 || s.Old.ScriptBytes > scriptBytesMax || s.New.ScriptBytes > scriptBytesMax:
		return errors.New("core_bytes and script_bytes: expected sizes in bytes")
	}
	if err := s.checkOwn(); err != nil {
		return err
	}
	if s.Mode == ModeSystem && !(s.Old.ofStory(0) && s.New.ofStory(s.New.ScriptBytes)) {
		return errors.New("mode system plays the demo project, or one of your own: of old and new it takes project, core_file and core_bytes, and of new script_bytes")
	}
	if s.Mode == ModeSystem && s.again() > 0 && s.Sample == 0 {
		return errors.New("mode system with several cuts takes a sample: name its size")
	}
	if err := s.checkBounds(); err != nil {
		return err
	}
	if err := s.checkVolume(); err != nil {
		return err
	}
	for _, i := range s.Invariants {
		if !slices.Contains(Invariants[:], i) {
			return fmt.Errorf("invariant %q: expected one of %s", i, explain.OneOf(Invariants[:]))
		}
	}
	for i := range s.Faults {
		if err := s.Faults[i].Check(); err != nil {
			return err
		}
	}
	return s.checkPackages()
}

// ofStory reports a version that the mode system can play.
func (v *Version) ofStory(scriptBytes int64) bool {
	return *v == Version{Project: v.Project, CoreFile: v.CoreFile, CoreBytes: v.CoreBytes, ScriptBytes: scriptBytes}
}

// checkPackages checks what is said of packages that are not as they should be.
func (s *Scenario) checkPackages() error {
	alone := s.Cuts <= 1 && len(s.Faults) == 0
	switch n := s.Sizes.count(); {
	case s.Damages > 0 && (!alone || s.Damages > damagesMax):
		return fmt.Errorf("damages %d: expected up to %d, with a single cut and no faults", s.Damages, int64(damagesMax))
	case s.Repair && s.Damages == 0:
		return errors.New("repair is of damages: say how many")
	case s.Sizes != nil && s.Sizes.Of != "" && s.Sizes.Of != sizeOfScript && s.Sizes.Of != sizeOfCore:
		return fmt.Errorf("sizes of %q: expected script or core", s.Sizes.Of)
	case s.Sizes != nil && (!alone || n == 0 || n > sizesMax || s.Sizes.From < 0 || s.Sizes.To > scriptBytesMax):
		return fmt.Errorf("sizes from %d to %d in steps of %d: expected 1 to %d sizes up to %d bytes, with a single cut and no faults", s.Sizes.From, s.Sizes.To, s.Sizes.Step, int64(sizesMax), int64(scriptBytesMax))
	case s.Sizes != nil && (s.New.CoreFile != "" && s.Sizes.Of == sizeOfCore || s.New.Project != "" && s.Sizes.part() == sizeOfScript):
		return fmt.Errorf("sizes of %s: that of a file of your own is what it is", s.Sizes.part())
	case s.Uncut && (!alone || s.Damages+n == 0 || s.Times > 0 || len(s.BrownOuts) > 0):
		return errors.New("uncut: expected damages or sizes, and nothing that cuts the power")
	}
	return nil
}

const (
	cutsMax        = 8
	recoveriesMax  = 63
	pathMax        = 1 + recoveriesMax // faults of a case
	scriptBytesMax = 8 << 20
)

// Digest is the name of everything that the scenario says but its summary: a
// case of another scenario with the same digest is the same case. 8 hex digits,
// and 6 more behind a dash for each of the user's own files.
func (s *Scenario) Digest() string {
	c := *s
	c.Summary, c.Files = "", nil
	data, err := json.Marshal(&c)
	if err != nil {
		panic("sweep: scenario: " + err.Error()) // it has no field that can fail
	}
	sum := sha256.Sum256(data)
	digest := hex.EncodeToString(sum[:4])
	for _, f := range s.Files {
		digest += "-" + shortSum(f)
	}
	return digest
}

// Words says what an invariant asks for.
func (i Invariant) Words() string {
	return map[Invariant]string{
		Boots:     "boots: the device starts again without a cable",
		Exact:     "exact: core and scripts, or the files that a step is about, are exactly those of one version",
		Files:     "files: the user's files and key-value data survive, and those that a step is not about",
		Outside:   "outside: nothing changes that the upgrade has no business with",
		Converges: "converges: after boots_max boots nothing changes any more; a volume can be used on",
		Wear:      "wear: no sector is erased more than wear_max times as often as usual",
		Reachable: "reachable: the device goes on to the new version by itself",
	}[i]
}
