package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"airlift/chips"
	"airlift/chips/all"
	"airlift/chips/guest"
	"airlift/chips/guest/guests"
	"airlift/flash"
)

// chipFlags choose a chip.
type chipFlags struct {
	model, profile, layout string
	file                   string // board file
	boot                   string // guest in place of the boot code
	spiFlash               spiFlashValue
}

func (f *chipFlags) add(cmd *cobra.Command, model string) {
	cmd.Flags().StringVar(&f.model, "chip", model, "`model` of the module: see airlift chips")
	f.addProfile(cmd)
}

func (f *chipFlags) addProfile(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.profile, "profile", "", "firmware generation of the model (default: the model's own)")
	f.addOwn(cmd)
}

// addOwn adds the flags that name files of the user's, and what is on the board.
func (f *chipFlags) addOwn(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.file, "chip-file", "", "board `file`: a model of your own, instead of --chip (docs/GUESTS.md)")
	cmd.Flags().StringVar(&f.boot, "boot", "", "`file.wasm`, or the name of a guest that is shipped, to use as boot code (docs/GUESTS.md)")
	cmd.Flags().StringVar(&f.layout, "layout", "", "partition `file` in the family's own form, instead of the profile's")
	cmd.Flags().Var(&f.spiFlash, "spi-flash", "an SPI flash of this `size` on the board, 8M for example, on bus 0 with chip select 8, or 8M@BUS:CS (docs/EC.md)")
}

// chip resolves the flags.
func (f *chipFlags) chip() (*chips.Chip, error) {
	c, err := f.named()
	if err != nil || f.boot == "" {
		return c, err
	}
	if err := c.Model.NeedsMap(); err != nil {
		return nil, withCode(exitUsage, err)
	}
	wasm, err := f.bootWasm()
	if err != nil {
		return nil, err
	}
	c, err = guest.WithBoot(c, filepath.Base(f.boot), wasm)
	return c, badInput(err)
}

// bootWasm reads the guest of --boot.
func (f *chipFlags) bootWasm() ([]byte, error) {
	if filepath.Ext(f.boot) != "" {
		return readFile(f.boot)
	}
	wasm, err := guests.Wasm(f.boot)
	return wasm, withCode(exitUsage, err)
}

// chooseBoard names the board that the guest of --boot is for, if no flag names
// one.
func (f *chipFlags) chooseBoard() error {
	if f.boot == "" || f.model != "" || f.file != "" {
		return nil
	}
	wasm, err := f.bootWasm()
	if err != nil {
		return err
	}
	d, err := guest.Describe(filepath.Base(f.boot), wasm)
	if err != nil {
		return badInput(err)
	}
	if d.Board == "" {
		return usagef("--boot %s does not say which board it is for: name one with --chip or --chip-file", f.boot)
	}
	f.model = d.Board
	return nil
}

// named is the chip without --boot.
func (f *chipFlags) named() (*chips.Chip, error) {
	if f.file != "" {
		return f.board()
	}
	if f.model == "" {
		return nil, usagef("--chip is missing: name a model, see airlift chips")
	}
	family, model, err := chips.FindModel(all.Families(), f.model)
	if err != nil {
		return nil, withCode(exitUsage, err)
	}
	if _, err := model.Profile(f.profile); err != nil {
		return nil, withCode(exitUsage, err)
	}
	var layout []byte
	if f.layout != "" {
		if layout, err = readFile(f.layout); err != nil {
			return nil, err
		}
	}
	c, err := family.Chip(model, f.profile, layout)
	if err != nil && layout != nil {
		return nil, withCode(exitBadInput, fmt.Errorf("%s: %w", f.layout, err))
	}
	if err == nil {
		c, err = f.spiFlash.solder(family, c)
	}
	if err == nil && layout != nil {
		c = c.WithFile("partitions", filepath.Base(f.layout), layout)
	}
	return c, err
}

// boardFamily reads the board file. Files that it names are beside it.
func (f *chipFlags) boardFamily() (chips.Family, error) {
	text, err := readFile(f.file)
	if err != nil {
		return nil, err
	}
	open := func(name string) ([]byte, error) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(f.file), name)
		}
		return readFile(name)
	}
	family, err := guest.ReadBoard(text, f.file, open, all.Families())
	if err != nil {
		return nil, badInput(fmt.Errorf("%s: %w", f.file, err))
	}
	return family, nil
}

// board is the model of the board file.
func (f *chipFlags) board() (*chips.Chip, error) {
	if f.layout != "" {
		return nil, usagef("--layout and --chip-file: the partitions are in the board file")
	}
	if f.spiFlash.chip != nil {
		return nil, usagef("--spi-flash and --chip-file: the flash chips are in the board file")
	}
	family, err := f.boardFamily()
	if err != nil {
		return nil, err
	}
	model := family.Models()[0]
	if _, err := model.Profile(f.profile); err != nil {
		return nil, withCode(exitUsage, err)
	}
	c, err := family.Chip(model, f.profile, nil)
	if err != nil {
		return nil, badInput(fmt.Errorf("%s: %w", f.file, err))
	}
	return c, nil
}

// wholeChip resolves the flags for what needs more of a module than its
// scripts.
func (f *chipFlags) wholeChip() (*chips.Chip, error) {
	c, err := f.chip()
	if err == nil {
		err = withCode(exitUsage, c.Model.NeedsMap())
	}
	return c, err
}

// checkCoreSize refuses a negative --core-size.
func checkCoreSize(n int64) error {
	if n < 0 {
		return usagef("--core-size %d: expected a number of bytes, or 0 for the model's usual size", n)
	}
	return nil
}

func (a *app) chipsCmd() *cobra.Command {
	var listed chipFlags
	cmd := &cobra.Command{
		Use:   "chips",
		Short: "List the models that are emulated",
		Args:  operands(),
		RunE: func(*cobra.Command, []string) error {
			families := all.Families()
			if listed.file != "" {
				own, err := listed.boardFamily()
				if err != nil {
					return err
				}
				families = append(families, own)
			}
			return a.listChips(families)
		},
	}
	var f chipFlags
	cmd.Flags().StringVar(&listed.file, "chip-file", "", "board `file`: list its model, too")
	show := &cobra.Command{
		Use:   "show [MODEL]",
		Short: "Show a model's layout, profiles, packages and what is assumed about it",
		Example: `  airlift chips show air601
  airlift chips show air601 --profile g2-fota`,
		Args: operands("[MODEL]"),
		RunE: func(_ *cobra.Command, args []string) error {
			if (len(args) == 1) == (f.file != "") {
				return usagef("expected MODEL or --chip-file")
			}
			if len(args) == 1 {
				f.model = args[0]
			}
			c, err := f.chip()
			if err != nil {
				return err
			}
			return a.showChip(c)
		},
	}
	f.addProfile(show)
	cmd.AddCommand(show)
	return cmd
}

func (a *app) listChips(families []chips.Family) error {
	defer a.flush()
	type row struct {
		Name   string `json:"name"`
		Family string `json:"family"`
		BSP    string `json:"bsp"`
		// FlashKiB is the flash of the emulation: of a script-only model it
		// says nothing about the module.
		FlashKiB   int64    `json:"flash_kib"`
		ScriptOnly bool     `json:"script_only"`
		Default    string   `json:"default_profile"`
		Profiles   []string `json:"profiles"`
		Summary    string   `json:"summary"`
	}
	rows := []row{}
	for _, fam := range families {
		for _, m := range fam.Models() {
			r := row{Name: m.Name, Family: fam.Name(), BSP: m.BSP, ScriptOnly: m.ScriptOnly, Default: m.Default, Summary: m.Summary}
			for _, g := range m.Flash {
				r.FlashKiB += g.Size / 1024
			}
			for _, p := range m.Profiles {
				r.Profiles = append(r.Profiles, p.Name)
			}
			rows = append(rows, r)
		}
	}
	if !a.text() {
		return list(a, rows)
	}
	width := 0
	for _, r := range rows {
		width = max(width, len(r.Summary))
	}
	line := func(name, family, bsp, flash, summary, profiles string) string {
		return fmt.Sprintf("%-9s %-10s %-9s %11s  %-*s  %s", name, family, bsp, flash, width, summary, profiles)
	}
	a.printf("%s\n", a.c(bold, line("MODEL", "FAMILY", "BSP", "FLASH", "SUMMARY", "PROFILES (* default)")))
	for _, r := range rows {
		var names []string
		for _, p := range r.Profiles {
			if p == r.Default {
				p += "*"
			}
			names = append(names, p)
		}
		size := fmt.Sprintf("%d KiB", r.FlashKiB)
		if r.ScriptOnly {
			size = "script-only"
		}
		a.printf("%s\n", line(r.Name, r.Family, r.BSP, size, r.Summary, strings.Join(names, " ")))
	}
	return nil
}

// shown is the JSON form of chips show.
type shown struct {
	Model       string            `json:"model"`
	Family      string            `json:"family"`
	Summary     string            `json:"summary"`
	BSP         string            `json:"bsp"`
	RAM         int64             `json:"ram_bytes"`
	ScriptOnly  bool              `json:"script_only"`
	Profile     string            `json:"profile"`
	ProfileText string            `json:"profile_summary"`
	CoreVersion string            `json:"core_version"`
	CoreDate    string            `json:"core_date"`
	LibDate     string            `json:"lib_date"`
	Bits        int               `json:"lua_bits"`
	Features    shownFeatures     `json:"features"`
	Timing      map[string]int64  `json:"timing_ns"`
	Partitions  [][]shownPart     `json:"partitions"`
	Packages    []shownKind       `json:"packages"`
	Libraries   []shownLibrary    `json:"libraries"`
	Assumptions []shownAssumption `json:"assumptions"`
}

// These have the fields of chips.Features, PackageKind and Assumption under
// their JSON names.
type shownFeatures struct {
	Fota     bool `json:"fota"`
	FileOTA  bool `json:"file_ota"`
	Mobile   bool `json:"mobile"`
	Wlan     bool `json:"wlan"`
	ScanOnly bool `json:"wlan_scan_only"`
}

type shownKind struct {
	Name    string `json:"name"`
	Ext     string `json:"ext"`
	Summary string `json:"summary"`
	Upgrade bool   `json:"upgrade"`
	Core    bool   `json:"core"`
	Delta   bool   `json:"delta"`
	Fits    bool   `json:"fits"`
	Why     string `json:"why,omitempty"`
}

type shownAssumption struct {
	Name   string `json:"name"`
	Text   string `json:"text"`
	Source string `json:"source,omitempty"`
}

type shownPart struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	Off  int64  `json:"off"`
	Size int64  `json:"size"`
	Note string `json:"note,omitempty"`
}

func (a *app) showChip(c *chips.Chip) error {
	defer a.flush()
	m, p := c.Model, c.Profile
	s := shown{
		Model: m.Name, Family: m.Family, Summary: m.Summary, BSP: m.BSP, RAM: m.RAM, ScriptOnly: m.ScriptOnly,
		Profile: p.Name, ProfileText: p.Summary, CoreVersion: p.CoreVersion, CoreDate: p.CoreDate, LibDate: p.LibDate,
		Bits: p.Bits, Features: shownFeatures(p.Features), Packages: []shownKind{}, Assumptions: []shownAssumption{},
		Timing: map[string]int64{
			"page_program": p.Timing.PageProgram.Nanoseconds(), "sector_erase": p.Timing.SectorErase.Nanoseconds(),
			"boot": p.Timing.Boot.Nanoseconds(), "core_start": p.Timing.CoreStart.Nanoseconds(),
		},
	}
	for _, k := range c.Maker.Kinds() {
		s.Packages = append(s.Packages, shownKind(k))
	}
	libs, table, err := librariesOf(c)
	if err != nil {
		return err
	}
	s.Libraries = libs
	assumptions := p.Assumptions
	if table != nil && table.Assumed != "" {
		assumptions = append(assumptions[:len(assumptions):len(assumptions)], chips.Assumption{Name: "libraries", Text: table.Assumed})
	}
	for _, as := range assumptions {
		s.Assumptions = append(s.Assumptions, shownAssumption(as))
	}
	for _, t := range c.Partitions {
		parts := []shownPart{}
		for _, q := range t.Sorted() {
			parts = append(parts, shownPart{q.Name, q.Kind, q.Off, q.Size, q.Note})
		}
		s.Partitions = append(s.Partitions, parts)
	}
	if !a.text() {
		return a.json(s)
	}
	a.printf("%s  %s\n", a.c(bold, m.Name), m.Summary)
	a.printf("  family %s, rtos.bsp() %s, RAM %d KiB\n", m.Family, m.BSP, m.RAM/1024)
	if m.ScriptOnly {
		a.printf("  %s\n", a.c(yellow, "script-only: the module's flash map, boot code, packages and upgrades are not emulated"))
	}
	a.printf("\n%s  %s\n", a.c(bold, "profile "+p.Name), p.Summary)
	a.printf("  core %s of %s, libraries of %s, Lua numbers of %d bits\n", p.CoreVersion, p.CoreDate, p.LibDate, p.Bits)
	a.printf("  %s\n", featureLine(p.Features))
	a.printf("  virtual time: page program %s, sector erase %s, reset to core %s, core to scripts %s\n",
		p.Timing.PageProgram, p.Timing.SectorErase, round(p.Timing.Boot), round(p.Timing.CoreStart))
	var others []string
	for _, q := range m.Profiles {
		if q != p {
			others = append(others, fmt.Sprintf("%s (%s)", q.Name, q.Summary))
		}
	}
	for i, other := range others {
		label := "other profiles:"
		if i > 0 {
			label = ""
		}
		a.printf("  %-15s %s\n", label, other)
	}
	for i, t := range c.Partitions {
		a.printf("\n%s\n", a.c(bold, fmt.Sprintf("flash %d: %d KiB", i, m.Flash[i].Size/1024)))
		a.drawMap(t, m.Flash[i].Size, nil)
	}
	a.showKinds(c.Maker.Kinds())
	a.showLibraries(libs)
	a.showAssumptions(assumptions)
	return nil
}

// showKinds lists what airlift pack makes for a chip: packages first, then
// the images, which need no verdict.
func (a *app) showKinds(kinds []chips.PackageKind) {
	if len(kinds) == 0 {
		return
	}
	a.printf("\n%s\n", a.c(bold, "packages and images: airlift pack --kind ..."))
	name, ext := 0, 0
	for _, k := range kinds {
		name, ext = max(name, len(k.Name)), max(ext, len(k.Ext))
	}
	for _, k := range kinds {
		a.printf("  %-*s %-*s %s\n", name, k.Name, ext, k.Ext, k.Summary)
		if !k.Upgrade {
			continue
		}
		verdict := a.c(green, "fits")
		if !k.Fits {
			verdict = a.c(yellow, "does not fit: "+k.Why)
		}
		a.printf("  %*s %s\n", name+1+ext, "", verdict)
	}
}

// showAssumptions lists what the sources do not settle.
func (a *app) showAssumptions(list []chips.Assumption) {
	a.printf("\n%s\n", a.c(bold, "assumptions"))
	for _, as := range list {
		a.printf("  %s", as.Name)
		if as.Source != "" {
			a.printf("%s", a.c(dim, " ["+as.Source+"]"))
		}
		a.printf("\n")
		for _, line := range wrap(as.Text, 92) {
			a.printf("      %s\n", line)
		}
	}
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }

func featureLine(f chips.Features) string {
	word := func(on bool, s string) string {
		if on {
			return s
		}
		return "no " + s
	}
	return strings.Join([]string{
		word(f.FileOTA, "file-system OTA (/update.bin)"), word(f.Fota, "FOTA area and fota library"),
		word(f.Wlan, "wlan"), word(f.Mobile, "mobile"),
	}, ", ")
}

// partColours gives partition kinds their colours on maps.
var partColours = map[string]string{
	"boot": red, "ota": magenta, "app": blue, "script": green, "fs": cyan, "data": yellow, "kv": yellow, "sysparam": red,
}

// drawMap draws a partition table to scale: one line a partition, with a bar
// as long as its share of the chip, and the overlays, which share sectors with
// others, in a group of their own. Used, when not nil, tells how much of a
// partition is not erased, in bytes.
func (a *app) drawMap(t flash.Table, size int64, used func(flash.Partition) int64) {
	width := 0
	var overlays flash.Table
	for _, p := range t {
		width = max(width, utf8.RuneCountInString(p.Name))
	}
	for _, p := range t.Sorted() {
		if p.Overlay {
			overlays = append(overlays, p)
			continue
		}
		a.drawPartition(p, width, size, used)
	}
	if len(overlays) > 0 {
		a.printf("  %s\n", a.c(dim, "within these:"))
	}
	for _, p := range overlays {
		a.drawPartition(p, width, size, used)
	}
}

func (a *app) drawPartition(p flash.Partition, width int, size int64, used func(flash.Partition) int64) {
	const cells = 48
	from := int(p.Off * cells / size)
	to := max(from+1, int((p.End()*cells+size-1)/size))
	bar, share := strings.Repeat("█", to-from), ""
	if used != nil {
		n := used(p)
		fill := int((n*int64(to-from) + p.Size - 1) / p.Size)
		bar = strings.Repeat("█", fill) + strings.Repeat("░", to-from-fill)
		share = fmt.Sprintf("  %3d%% used", (n*100+p.Size-1)/p.Size)
	}
	line := strings.Repeat("·", from) + a.c(partColours[p.Kind], bar) + strings.Repeat("·", max(0, cells-to))
	note := ""
	if p.Note != "" {
		note = "  " + a.c(dim, p.Note)
	}
	a.printf("  %-*s 0x%06X %6d KiB  %s%s%s\n", width, p.Name, p.Off, p.Size/1024, line, share, note)
}
