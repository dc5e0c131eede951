package scriptonly

import (
	"fmt"

	"airlift/chips"
	"airlift/flash"
	"airlift/flash/explain"
	"airlift/flash/luadb"
)

const familyName = "scriptonly"

var (
	_ chips.Family     = (*Family)(nil)
	_ chips.FlashMaker = (*maker)(nil)
)

// Family is the family of script-only models. Its zero value is of no use:
// see [New].
type Family struct{ models []*chips.Model }

// New returns the family with its models.
func New() *Family { return &Family{models: buildModels()} }

// Name returns "scriptonly".
func (f *Family) Name() string { return familyName }

// Models returns the models in the order in which they are listed.
func (f *Family) Models() []*chips.Model { return f.models }

// Inspect knows no format of its own.
func (f *Family) Inspect([]byte) (*explain.Field, bool) { return nil, false }

// Partitions of the plain flash.
const (
	partScript = "script"
	partFS     = "fs"
	partKV     = "kv"
	partOTA    = "ota"

	scriptSize = 4 * mib
	fsSize     = 1 * mib
	kvSize     = 64 * kib
	flashSize  = 8 * mib
	otaOff     = scriptSize + fsSize + kvSize
)

// plainFlash is the assumed map.
var plainFlash = flash.Table{
	{Name: partScript, Kind: "script", Off: 0, Size: scriptSize, Note: "assumed, not the module's map"},
	{Name: partFS, Kind: "fs", Off: scriptSize, Size: fsSize},
	{Name: partKV, Kind: "kv", Off: scriptSize + fsSize, Size: kvSize},
	{Name: partOTA, Kind: "ota", Off: otaOff, Size: flashSize - otaOff, Note: "a package, and whether it waits"},
}

// Chip joins a model and a profile. A layout is refused: there is no map that
// it could replace.
func (f *Family) Chip(m *chips.Model, profile string, layout []byte) (*chips.Chip, error) {
	p, err := m.Profile(profile)
	if err != nil {
		return nil, err
	}
	if layout != nil {
		return nil, fmt.Errorf("partition file: %w", m.NeedsMap())
	}
	return &chips.Chip{
		Model: m, Profile: p, Partitions: []flash.Table{plainFlash},
		Bootloader: bootloader{}, Core: &core{model: m, profile: p}, Maker: &maker{model: m, profile: p},
	}, nil
}

// bootloader starts the core: there is no boot code to emulate.
type bootloader struct{}

func (bootloader) Boot(*chips.Env) (chips.BootResult, error) {
	return chips.BootResult{Outcome: chips.BootCore}, nil
}

// maker puts scripts on the plain flash, and makes nothing else.
type maker struct {
	model   *chips.Model
	profile *chips.Profile
}

// kindBin is the script package of the Air8101.
const kindBin = "bin"

// Kinds returns the one package whose form is known: it was seen of 64-bit
// firmware only (luadb-and-packages.md 6.1).
func (m *maker) Kinds() []chips.PackageKind {
	if m.model.SoC.Name != bk7258.Name {
		return nil
	}
	k := chips.PackageKind{Name: kindBin, Ext: ".bin", Summary: "scripts in frames: what the IoT platform takes", Upgrade: true, Fits: m.profile.Bits == 64}
	if !k.Fits {
		k.Why = "the form of script packages is known of 64-bit firmware only"
	}
	return []chips.PackageKind{k}
}

// Make makes a script package, and refuses everything else by name.
func (m *maker) Make(kind string, in chips.MakeInput) ([]byte, error) {
	kinds := m.Kinds()
	if kind != kindBin || len(kinds) == 0 {
		return nil, fmt.Errorf("make %s: %w", kind, m.model.NeedsMap())
	}
	switch n := int64(len(in.Script)); {
	case n == 0:
		return nil, fmt.Errorf("make %s: no scripts", kind)
	case n > scriptSize:
		return nil, fmt.Errorf("the script image has %d bytes, the script partition assumed for %s %d", n, m.model.Name, int64(scriptSize))
	case !kinds[0].Fits && !in.Force:
		return nil, fmt.Errorf("make %s: %s", kind, kinds[0].Why)
	}
	return packFrames(in.Script), nil
}

// PackageName implements [chips.PackageNamer].
func (m *maker) PackageName(project, coreVersion, version string) (string, error) {
	return chips.PackageName(project, coreVersion, version, m.model.BSP)
}

// MakeFlash implements [chips.FlashMaker]: the plain flash with a script image.
func (m *maker) MakeFlash(in chips.MakeInput) ([]*flash.Device, error) {
	if in.Core != nil || in.CoreVersion != "" || in.CoreSize != 0 {
		return nil, fmt.Errorf("a core of one's own: %w", m.model.NeedsMap())
	}
	d, err := flash.New(m.model.Flash[0])
	if err != nil {
		return nil, err
	}
	if in.Script == nil {
		return []*flash.Device{d}, nil
	}
	if _, err := luadb.Parse(in.Script); err != nil {
		return nil, fmt.Errorf("script image: %w", err)
	}
	if n := int64(len(in.Script)); n > scriptSize {
		return nil, fmt.Errorf("the script image has %d bytes, the script partition assumed for %s %d", n, m.model.Name, int64(scriptSize))
	}
	return []*flash.Device{d}, d.Burn(0, in.Script)
}
