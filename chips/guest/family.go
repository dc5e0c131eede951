package guest

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"airlift/chips"
	"airlift/chips/guest/guests"
	"airlift/flash"
	"airlift/flash/explain"
	"airlift/flash/mount"
)

const familyName = "guest"

//go:embed boards/*.yaml
var boardFiles embed.FS

// Family makes models of board files. Its zero value has none: see [New] and
// [ReadBoard].
type Family struct {
	boards []*board
	models []*chips.Model
}

var _ chips.Family = (*Family)(nil)

// New returns the family with the boards that are shipped.
func New() *Family {
	f := &Family{}
	names, err := fs.Glob(boardFiles, "boards/*.yaml")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	for _, name := range names {
		text, err := boardFiles.ReadFile(name)
		if err == nil {
			err = f.add(text, name, shipped, nil)
		}
		if err != nil {
			panic(fmt.Sprintf("shipped board %s: %v", name, err)) // a test reads them all
		}
	}
	return f
}

// shipped finds guests among those that are shipped.
func shipped(name string) ([]byte, error) {
	return guests.Wasm(strings.TrimSuffix(path.Base(name), ".wasm"))
}

// ReadBoard returns the family of the one model that a board file describes.
// open opens the files that it names, relative to itself; names without a
// suffix are guests that are shipped. families are those that a board may be
// based on.
func ReadBoard(text []byte, name string, open func(name string) ([]byte, error), families []chips.Family) (*Family, error) {
	f := &Family{}
	find := func(name string) ([]byte, error) {
		if path.Ext(name) == "" {
			return shipped(name)
		}
		return open(name)
	}
	if err := f.add(text, name, find, families); err != nil {
		return nil, err
	}
	f.boards[0].text = text
	return f, nil
}

func (f *Family) add(text []byte, name string, open func(string) ([]byte, error), families []chips.Family) error {
	b, err := parseBoard(text, open, families)
	if err != nil {
		return fmt.Errorf("board file: %w", err)
	}
	b.file = name
	f.boards = append(f.boards, b)
	f.models = append(f.models, b.model)
	return nil
}

// Name returns "guest".
func (f *Family) Name() string { return familyName }

// Models returns the models in the order of their files.
func (f *Family) Models() []*chips.Model { return f.models }

// Inspect explains images and slots that begin with one.
func (f *Family) Inspect(data []byte) (*explain.Field, bool) {
	if len(data) < imageHeader || string(data[:4]) != imageMagic {
		return nil, false
	}
	return explainImage(data), true
}

// Chip joins a model and one of its profiles. A layout is refused: the board
// file is where the partitions are.
func (f *Family) Chip(m *chips.Model, profile string, layout []byte) (*chips.Chip, error) {
	p, err := m.Profile(profile)
	if err != nil {
		return nil, err
	}
	if layout != nil {
		return nil, fmt.Errorf("partition file: the partitions of %s are in its board file", m.Name)
	}
	for i := range f.models {
		if f.models[i] == m {
			return f.boards[i].chip(p)
		}
	}
	return nil, fmt.Errorf("%s is no model of this family", m.Name)
}

// chip makes the board with its guests, which are compiled now.
func (b *board) chip(p *chips.Profile) (*chips.Chip, error) {
	c, err := b.bare(p)
	if err == nil && b.text != nil {
		c = b.withFiles(c)
	}
	return c, err
}

// withFiles names the files that the board is made of.
func (b *board) withFiles(c *chips.Chip) *chips.Chip {
	c = c.WithFile("board file", path.Base(filepath.ToSlash(b.file)), b.text)
	if b.base != nil && b.base.layout != nil {
		c = c.WithFile("partitions", b.base.layoutName, b.base.layout)
	}
	for _, g := range []struct {
		role Role
		ref  *guestRef
	}{{RoleBoot, &b.boot}, {RoleUpdater, &b.updater}} {
		if g.ref.name != "" {
			c = c.WithFile(string(g.role), path.Base(filepath.ToSlash(g.ref.name)), g.ref.wasm)
		}
	}
	return c
}

// bare is the board without the names of its files.
func (b *board) bare(p *chips.Profile) (*chips.Chip, error) {
	if b.base != nil {
		return b.derived(p)
	}
	boot, err := b.load(&b.boot, RoleBoot)
	if err != nil {
		return nil, err
	}
	c := &core{model: b.model, profile: p, tables: b.tables}
	if b.updater.name != "" {
		if c.updater, err = b.load(&b.updater, RoleUpdater); err != nil {
			return nil, err
		}
	}
	return &chips.Chip{
		Model: b.model, Profile: p, Partitions: b.tables,
		Bootloader: &Bootloader{Module: boot, Tables: b.tables}, Core: c,
		Maker: &maker{model: b.model, profile: p, tables: b.tables, takes: b.takes},
	}, nil
}

// load compiles a guest for a role.
func (b *board) load(g *guestRef, r Role) (*Module, error) {
	l := g.limits
	l.PageProgram, l.SectorErase = b.timing.PageProgram, b.timing.SectorErase
	m, err := LoadCached(g.name, g.wasm, l)
	if err != nil {
		return nil, err
	}
	return m, m.Has(r)
}

// derived is a built-in family's model with other boot code, or another update
// agent.
func (b *board) derived(p *chips.Profile) (*chips.Chip, error) {
	c, err := b.base.family.Chip(b.base.model, p.Name, b.base.layout)
	if err != nil {
		return nil, err
	}
	d := *c
	d.Model = b.model
	b.timing = p.Timing
	if b.boot.name != "" {
		m, err := b.load(&b.boot, RoleBoot)
		if err != nil {
			return nil, err
		}
		d.Bootloader = &Bootloader{Module: m, Tables: c.Partitions}
	}
	if b.updater.name != "" {
		m, err := b.load(&b.updater, RoleUpdater)
		if err != nil {
			return nil, err
		}
		d.Core = &withUpdater{Core: c.Core, module: m, tables: c.Partitions}
	}
	return &d, nil
}

// WithBoot returns the chip with a guest as its boot code.
func WithBoot(c *chips.Chip, name string, wasm []byte) (*chips.Chip, error) {
	l := Limits{PageProgram: c.Profile.Timing.PageProgram, SectorErase: c.Profile.Timing.SectorErase, Watchdog: defaultWatchdog}
	if old, ok := c.Bootloader.(*Bootloader); ok {
		l = old.Module.Limits
	}
	m, err := LoadCached(name, wasm, l)
	if err == nil {
		err = m.Has(RoleBoot)
	}
	if err != nil {
		return nil, err
	}
	d := *c
	d.Bootloader = &Bootloader{Module: m, Tables: c.Partitions}
	if stage, ok := c.Core.(*core); ok && m.Has(RoleUpdater) == nil {
		own := *stage
		own.updater = m
		d.Core = &own
		d = *d.WithFile(string(RoleUpdater), name, wasm)
	}
	return d.WithFile(string(RoleBoot), name, wasm), nil
}

// withUpdater is a core with another update agent.
type withUpdater struct {
	chips.Core
	module *Module
	tables []flash.Table
}

// Start starts the core, and then the agent.
func (w *withUpdater) Start(env *chips.Env, boot chips.BootResult) (*chips.Running, error) {
	run, err := w.Core.Start(env, boot)
	if err != nil || run.Reboot {
		return run, err
	}
	u, err := newUpdater(env, w.module, w.tables)
	if err != nil {
		return nil, err
	}
	run.Updater = u
	return run, nil
}

// MountFiles mounts what the core below mounts.
func (w *withUpdater) MountFiles(flashes []*flash.Device, mkfs bool) (*mount.Table, []error) {
	if m, ok := w.Core.(chips.Mounter); ok {
		return m.MountFiles(flashes, mkfs)
	}
	return new(mount.Table), []error{fmt.Errorf("the model's file systems cannot be mounted without running it")}
}
