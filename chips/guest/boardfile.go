package guest

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"airlift/chips"
	"airlift/flash"
)

// Bounds and defaults of board files.
const (
	boardFormat     = "airlift-board/1"
	boardBytesMax   = 1 << 20
	chipsMax        = 4
	partitionsMax   = 256
	retainedMax     = 1024
	flashMax        = 64 << 20 // bytes of one chip
	heapMax         = 64 << 20 // bytes of the memory of the scripts, or of the core
	sizeMax         = 1 << 40  // bytes of anything
	defaultWatchdog = 10 * time.Second
)

// board is a model that was read from a file.
type board struct {
	file          string
	text          []byte // of the user's own; nil for boards that are shipped
	model         *chips.Model
	tables        []flash.Table
	timing        chips.Timing
	boot, updater guestRef
	takes         string
	base          *basedOn // nil for a generic board
}

// guestRef is a guest that a board names.
type guestRef struct {
	name   string // "" for none
	wasm   []byte
	limits Limits
}

// basedOn is a built-in family's model.
type basedOn struct {
	family chips.Family
	model  *chips.Model
	layout []byte
	// layoutName is the name of its file.
	layoutName string
}

// boardText is the form of a board file.
type boardText struct {
	Format   string       `yaml:"format"`
	Model    string       `yaml:"model"`
	Summary  string       `yaml:"summary"`
	BSP      string       `yaml:"bsp"`
	Like     *likeText    `yaml:"like"`
	RAM      size         `yaml:"ram"`
	Retained int          `yaml:"retained_words"`
	SoC      *socText     `yaml:"soc"`
	Flash    []flashText  `yaml:"flash"`
	Timing   *timingText  `yaml:"timing"`
	Firmware firmwareText `yaml:"firmware"`
	Package  string       `yaml:"package"`
	Boot     *guestText   `yaml:"boot"`
	Updater  *guestText   `yaml:"updater"`
}

type likeText struct {
	Model   string `yaml:"model"`
	Profile string `yaml:"profile"`
	Layout  string `yaml:"layout"`
}

type socText struct {
	Name      string `yaml:"name"`
	HWVersion string `yaml:"hw_version"`
	ClockMHz  int    `yaml:"clock_mhz"`
	TickMHz   int    `yaml:"tick_mhz"`
	IDBytes   int    `yaml:"id_bytes"`
}

type flashText struct {
	Size       size       `yaml:"size"`
	Sector     size       `yaml:"sector"`
	Page       size       `yaml:"page"`
	Partitions []partText `yaml:"partitions"`
}

type partText struct {
	Name   string `yaml:"name"`
	Kind   string `yaml:"kind"`
	Offset size   `yaml:"offset"`
	Size   size   `yaml:"size"`
	Note   string `yaml:"note"`
}

type timingText struct {
	PageProgram duration `yaml:"page_program"`
	SectorErase duration `yaml:"sector_erase"`
	Boot        duration `yaml:"boot"`
	CoreStart   duration `yaml:"core_start"`
}

type firmwareText struct {
	Version string   `yaml:"version"`
	Base    string   `yaml:"base"`
	Date    string   `yaml:"date"`
	Bits    int      `yaml:"lua_bits"`
	Have    []string `yaml:"have"`
	Memory  struct {
		Lua size `yaml:"lua"`
		Sys size `yaml:"sys"`
	} `yaml:"memory"`
}

type guestText struct {
	Guest    string    `yaml:"guest"`
	RAM      size      `yaml:"ram"`
	Steps    int64     `yaml:"steps"`
	StepTime duration  `yaml:"step_time"`
	Watchdog *duration `yaml:"watchdog"`
	WASI     bool      `yaml:"wasi"`
}

// size is a number of bytes: 4096, 0x1000, 64KiB, 2MiB.
type size int64

var sizePattern = regexp.MustCompile(`^(0[xX][0-9a-fA-F]+|[0-9]+) ?(KiB|MiB)?$`)

// UnmarshalYAML reads a size.
func (s *size) UnmarshalYAML(n *yaml.Node) error {
	parts := sizePattern.FindStringSubmatch(n.Value)
	if n.Kind != yaml.ScalarNode || parts == nil {
		return fmt.Errorf("line %d: size %.40q: expected a number of bytes such as 4096, 0x1000, 64KiB or 2MiB", n.Line, n.Value)
	}
	v, err := strconv.ParseInt(parts[1], 0, 48)
	shift := map[string]int{"": 0, "KiB": 10, "MiB": 20}[parts[2]]
	if err != nil || v > sizeMax>>shift {
		return fmt.Errorf("line %d: size %.40q is too large", n.Line, n.Value)
	}
	*s = size(v << shift)
	return nil
}

// duration is a time: 700us, 45ms.
type duration time.Duration

// UnmarshalYAML reads a time.
func (d *duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := time.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || v < 0 || v > time.Hour {
		return fmt.Errorf("line %d: time %.40q: expected one such as 10ns, 700us, 45ms or 8s", n.Line, n.Value)
	}
	*d = duration(v)
	return nil
}

// parseBoard reads a board file.
func parseBoard(text []byte, open func(string) ([]byte, error), families []chips.Family) (*board, error) {
	if len(text) > boardBytesMax {
		return nil, fmt.Errorf("%d bytes, expected at most %d", len(text), boardBytesMax)
	}
	var t boardText
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&t); err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if t.Format != boardFormat {
		return nil, fmt.Errorf("format %.40q: expected %s", t.Format, boardFormat)
	}
	if !namePattern.MatchString(t.Model) {
		return nil, fmt.Errorf("model %.40q: expected a name of letters, digits and - _ . up to 32", t.Model)
	}
	if t.Retained < 0 || t.Retained > retainedMax {
		return nil, fmt.Errorf("retained_words %d: expected up to %d", t.Retained, retainedMax)
	}
	b := &board{}
	if err := b.guests(&t, open); err != nil {
		return nil, err
	}
	if t.Like != nil {
		return b, b.like(&t, open, families)
	}
	return b, b.generic(&t)
}

// bspPattern is what a BSP name cannot have: the platform cuts at a dash.
var bspPattern = regexp.MustCompile(`[^A-Za-z0-9]`)

var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$`)

// guests reads what the board says of its guests, and their files.
func (b *board) guests(t *boardText, open func(string) ([]byte, error)) error {
	for _, g := range []struct {
		what string
		text *guestText
		to   *guestRef
	}{{"boot", t.Boot, &b.boot}, {"updater", t.Updater, &b.updater}} {
		if g.text == nil {
			continue
		}
		if g.text.Guest == "" {
			return fmt.Errorf("%s: guest is missing: a .wasm file, or the name of a guest that is shipped", g.what)
		}
		wasm, err := open(g.text.Guest)
		if err != nil {
			return fmt.Errorf("%s: %w", g.what, err)
		}
		g.to.name, g.to.wasm = g.text.Guest, wasm
		g.to.limits = Limits{
			RAM: int64(g.text.RAM), Steps: g.text.Steps, StepTime: time.Duration(g.text.StepTime), Watchdog: defaultWatchdog, WASI: g.text.WASI,
		}
		if g.text.Watchdog != nil {
			g.to.limits.Watchdog = time.Duration(*g.text.Watchdog)
		}
		if err := g.to.limits.filled().check(); err != nil {
			return fmt.Errorf("%s: %w", g.what, err)
		}
	}
	return nil
}

// like fills in a board that is based on a built-in family's model.
func (b *board) like(t *boardText, open func(string) ([]byte, error), families []chips.Family) error {
	if t.Flash != nil || t.Timing != nil || t.SoC != nil || t.RAM != 0 || t.Package != "" || t.BSP != "" || !reflect.ValueOf(t.Firmware).IsZero() {
		return fmt.Errorf("like: %s has its own bsp, flash, timing, soc, ram, package and firmware: leave them out", t.Like.Model)
	}
	f, m, err := chips.FindModel(families, t.Like.Model)
	if err != nil {
		return fmt.Errorf("like: %w", err)
	}
	if err := m.NeedsMap(); err != nil {
		return fmt.Errorf("like: %w", err)
	}
	p, err := m.Profile(t.Like.Profile)
	if err != nil {
		return fmt.Errorf("like: %w", err)
	}
	b.base = &basedOn{family: f, model: m}
	if t.Like.Layout != "" {
		if b.base.layout, err = open(t.Like.Layout); err != nil {
			return fmt.Errorf("like: layout: %w", err)
		}
		b.base.layoutName = path.Base(filepath.ToSlash(t.Like.Layout))
	}
	own := *m
	own.Name, own.Summary = t.Model, t.Summary
	own.Default = p.Name
	own.RetainedWords = max(own.RetainedWords, t.Retained)
	b.model, b.timing = &own, p.Timing
	return nil
}

// generic fills in a board of its own.
func (b *board) generic(t *boardText) error {
	if b.boot.name == "" {
		return errors.New("boot: a guest is needed, or like: a built-in model")
	}
	b.model = &chips.Model{
		Name: t.Model, Family: familyName, BSP: strings.ToUpper(bspPattern.ReplaceAllString(t.Model, "")), Summary: t.Summary, RAM: int64(t.RAM), RetainedWords: t.Retained, Default: "1",
	}
	if t.BSP != "" {
		b.model.BSP = t.BSP
	}
	if t.RAM > 1<<30 || b.model.BSP == "" || bspPattern.MatchString(b.model.BSP) {
		return errors.New("ram or bsp: expected up to 1024MiB and letters and digits")
	}
	if err := b.flash(t); err != nil {
		return err
	}
	b.model.SoC = chips.SoC{Name: "GENERIC", HWVersion: "A10", ClockMHz: 160, TickMHz: 1, IDBytes: 8}
	if s := t.SoC; s != nil {
		if s.IDBytes < 1 || s.IDBytes > 64 || s.TickMHz < 1 || s.ClockMHz < 1 {
			return errors.New("soc: expected id_bytes from 1 to 64, clock_mhz and tick_mhz from 1")
		}
		b.model.SoC = chips.SoC{Name: s.Name, HWVersion: s.HWVersion, ClockMHz: s.ClockMHz, TickMHz: s.TickMHz, IDBytes: s.IDBytes}
	}
	b.timing = chips.Timing{PageProgram: 700 * time.Microsecond, SectorErase: 45 * time.Millisecond, Boot: 20 * time.Millisecond, CoreStart: 150 * time.Millisecond}
	if w := t.Timing; w != nil {
		b.timing = chips.Timing{PageProgram: time.Duration(w.PageProgram), SectorErase: time.Duration(w.SectorErase), Boot: time.Duration(w.Boot), CoreStart: time.Duration(w.CoreStart)}
	}
	return b.firmware(t)
}

// flash reads the flash chips and their partitions.
func (b *board) flash(t *boardText) error {
	if len(t.Flash) == 0 || len(t.Flash) > chipsMax {
		return fmt.Errorf("flash: expected 1 to %d chips", chipsMax)
	}
	slots := 0
	for i, c := range t.Flash {
		g := flash.NOR(int64(c.Size))
		if c.Sector != 0 {
			g.SectorSize = int64(c.Sector)
		}
		if c.Page != 0 {
			g.PageSize = int64(c.Page)
		}
		if err := g.Check(); err != nil {
			return fmt.Errorf("flash %d: %w", i, err)
		}
		if g.Size > flashMax || g.SectorSize > 1<<20 || len(c.Partitions) > partitionsMax {
			return fmt.Errorf("flash %d: expected at most %d bytes, sectors of 1 MiB and %d partitions", i, int64(flashMax), partitionsMax)
		}
		var table flash.Table
		for _, p := range c.Partitions {
			table = append(table, flash.Partition{Name: p.Name, Kind: p.Kind, Off: int64(p.Offset), Size: int64(p.Size), Note: p.Note})
			if p.Kind == kindApp && i == 0 {
				slots++
			}
		}
		if err := table.Check(g); err != nil {
			return fmt.Errorf("flash %d: %w", i, err)
		}
		b.model.Flash = append(b.model.Flash, g)
		b.tables = append(b.tables, table)
	}
	if slots == 0 {
		return fmt.Errorf("flash 0: no partition is of kind %q, where production puts the image", kindApp)
	}
	return nil
}

// firmware reads what the core says of itself.
func (b *board) firmware(t *boardText) error {
	w := &t.Firmware
	for _, d := range []struct{ to, value *string }{
		{&w.Version, ptr("V1001")}, {&w.Base, ptr("26.04")}, {&w.Date, ptr("2026-04-20")},
	} {
		if *d.to == "" {
			*d.to = *d.value
		}
	}
	if !regexp.MustCompile(`^V[0-9]{4}$`).MatchString(w.Version) {
		return fmt.Errorf("firmware: version %.20q: expected V and four digits", w.Version)
	}
	if _, err := time.Parse(time.DateOnly, w.Date); err != nil {
		return fmt.Errorf("firmware: date %.20q: expected one such as 2026-04-20", w.Date)
	}
	if w.Bits == 0 {
		w.Bits = 32
	}
	if w.Bits != 32 && w.Bits != 64 {
		return fmt.Errorf("firmware: lua_bits %d: expected 32 or 64", w.Bits)
	}
	if b.takes = t.Package; b.takes == "" && b.updater.name != "" {
		b.takes = KindImage
	}
	if b.takes != "" && b.takes != KindImage && b.takes != KindDelta {
		return fmt.Errorf("package %.20q: expected %s or %s", b.takes, KindImage, KindDelta)
	}
	feats := chips.Features{Fota: b.updater.name != ""}
	for _, h := range w.Have {
		switch h {
		case "wlan":
			feats.Wlan = true
		case "mobile":
			feats.Mobile = true
		default:
			return fmt.Errorf("firmware: have %.20q: expected wlan or mobile", h)
		}
	}
	mem := w.Memory
	if mem.Lua > heapMax || mem.Sys > heapMax {
		return fmt.Errorf("firmware: memory: expected up to %d bytes each", int64(heapMax))
	}
	if mem.Lua == 0 {
		mem.Lua = 176 << 10
	}
	if mem.Sys == 0 {
		mem.Sys = 120 << 10
	}
	b.model.Profiles = []*chips.Profile{{
		Name: "1", Summary: "as its board file says", CoreVersion: w.Version, Base: w.Base, CoreDate: w.Date, LibDate: w.Date,
		Bits: w.Bits, Features: feats, LuaMemory: int64(mem.Lua), SysMemory: int64(mem.Sys), Timing: b.timing,
		Assumptions: slices.Clone(assumptions),
	}}
	return nil
}

func ptr[T any](v T) *T { return &v }

// assumptions hold for every generic board.
var assumptions = []chips.Assumption{
	{Name: "no-silicon", Text: "No such module is sold: the board is what its file says. Core and image are airlift's own form (docs/GUESTS.md)."},
	{Name: "core-integrity", Text: "The core carries a CRC of itself and runs only if that is right, whatever boot code looked at."},
	{Name: "libraries", Text: "Scripts have every library that airlift emulates: there is no firmware whose table could say otherwise."},
	{Name: "step-time", Text: "A step of a guest takes a fixed virtual time; host functions for CRC and hash take none, flash operations what the board file says."},
}
