package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"airlift/chips"
	"airlift/emu/project"
)

type deltaFlags struct {
	from, to, project, kind, out string
	coreSize                     int64
	seed                         uint64
	check                        bool
	scripts                      scriptFlags
}

func (a *app) deltaCmd() *cobra.Command {
	var f chipFlags
	var d deltaFlags
	cmd := &cobra.Command{
		Use:   "delta [OLD] [NEW]",
		Short: "Make the package that leads from one core to another",
		Long: `Compare two cores and make what takes a module from the one to the other: what
LuaTools calls SoC differential upgrade. OLD and NEW are .soc, .binpkg or .pac
files; --from and --to name versions of synthetic cores instead.

With --project the package holds the scripts, too. If the cores are identical
the scripts are all that is in it, as with LuaTools. That is said first, with
the reason: whether a core is the one that a delta was made from is decided by
its bytes, not by its version.

The exit code is 1 if the cores may not go together.`,
		Example: `  airlift delta V1112.soc V1113.soc --project myproject
  airlift delta V1112.soc V1113.soc --check
  airlift delta --chip air780e --from V1112 --to V1113 --kind par -o core.par`,
		Args: operands("[OLD]", "[NEW]"),
		RunE: func(_ *cobra.Command, args []string) error { return a.delta(args, f, d) },
	}
	f.add(cmd, "")
	fl := cmd.Flags()
	fl.StringVar(&d.from, "from", "", "version of the synthetic core that the module has, V1112 for example")
	fl.StringVar(&d.to, "to", "", "version of the synthetic core that it is to get")
	fl.StringVar(&d.project, "project", "", "`project` whose scripts go with it: a folder, a .lua file or a script image")
	fl.StringVar(&d.kind, "kind", "", "what to make instead of what fits: see airlift chips show")
	fl.StringVarP(&d.out, "out", "o", "", "`file` to write (default: the name LuaTools would give)")
	fl.Int64Var(&d.coreSize, "core-size", 0, "code size of the synthetic cores in `bytes`")
	fl.Uint64Var(&d.seed, "seed", 1, "seed of the synthetic cores' code")
	fl.BoolVar(&d.check, "check", false, "compare only, make nothing")
	d.scripts.add(cmd)
	return cmd
}

// deltaReport is the JSON form of a delta.
type deltaReport struct {
	Chip      string       `json:"chip"`
	Profile   string       `json:"profile"`
	Old       string       `json:"old_version,omitempty"`
	New       string       `json:"new_version,omitempty"`
	Identical bool         `json:"cores_identical"`
	Reason    string       `json:"reason"`
	Images    []deltaImage `json:"images"`
	Warnings  []string     `json:"warnings,omitempty"`
	Kind      string       `json:"kind,omitempty"`
	File      string       `json:"file,omitempty"`
	Bytes     int          `json:"bytes,omitempty"`
}

type deltaImage struct {
	Name     string `json:"name"`
	OldBytes int64  `json:"old_bytes"`
	NewBytes int64  `json:"new_bytes"`
	OldSum   string `json:"old_sha256"`
	NewSum   string `json:"new_sha256"`
}

func (a *app) delta(args []string, f chipFlags, d deltaFlags) error {
	defer a.flush()
	in, err := d.cores(args, &f)
	if err != nil {
		return err
	}
	chip, err := f.wholeChip()
	if err != nil {
		return err
	}
	maker, ok := chip.Maker.(chips.DeltaMaker)
	if !ok {
		return usagef("there are no core deltas for %s", chip.Model.Name)
	}
	diff, err := maker.CompareCores(in)
	if err != nil {
		return withCode(exitBadInput, err)
	}
	r := newDeltaReport(chip, &diff)
	if len(r.Warnings) > 0 {
		a.code = exitFindings
	}
	a.deltaHead(&r)
	if !d.check {
		if err := a.makeDelta(chip, maker, diff, in, d, &r); err != nil {
			return err
		}
	}
	if !a.text() {
		return a.json(r)
	}
	return nil
}

// cores reads what the delta is between.
func (d *deltaFlags) cores(args []string, f *chipFlags) (in chips.MakeInput, err error) {
	synthetic := d.from != "" || d.to != ""
	switch {
	case synthetic && len(args) > 0:
		return in, usagef("--from and --to are for synthetic cores, OLD and NEW for files: give either")
	case synthetic && (d.from == "" || d.to == ""):
		return in, usagef("--from and --to go together")
	case !synthetic && len(args) < 2:
		return in, usagef("OLD and NEW are missing, or --from and --to: airlift delta OLD NEW")
	}
	if err := checkCoreSize(d.coreSize); err != nil {
		return in, err
	}
	if synthetic {
		base := chips.MakeInput{CoreVersion: d.from, CoreSize: d.coreSize, CoreSeed: d.seed}
		return chips.MakeInput{CoreVersion: d.to, CoreSize: d.coreSize, CoreSeed: d.seed, Base: &base}, nil
	}
	var files [2]*coreFile
	for i, name := range args {
		if files[i], err = readCoreFile(name); err != nil {
			return in, err
		}
		if files[i] == nil {
			if _, err := readFile(name); err != nil {
				return in, err
			}
			return in, withCode(exitBadInput, fmt.Errorf("%s: expected a .soc, .binpkg or .pac file", name))
		}
	}
	return chips.MakeInput{Core: files[1].data, Base: &chips.MakeInput{Core: files[0].data}}, f.fill(files[1])
}

func newDeltaReport(chip *chips.Chip, diff *chips.CoreDiff) deltaReport {
	r := deltaReport{
		Chip: chip.Model.Name, Profile: chip.Profile.Name, Old: diff.Old, New: diff.New,
		Identical: diff.Same(), Reason: diff.Reason(), Warnings: diff.Warnings,
	}
	for _, i := range diff.Images {
		r.Images = append(r.Images, deltaImage{i.Name, i.OldBytes, i.NewBytes, fmt.Sprintf("%x", i.OldSum), fmt.Sprintf("%x", i.NewSum)})
	}
	return r
}

// deltaHead answers whether the cores are the same, before anything is made.
func (a *app) deltaHead(r *deltaReport) {
	if !a.text() {
		return
	}
	or := func(v string) string {
		if v == "" {
			return "a core that does not say its version"
		}
		return v
	}
	a.printf("%s %s -> %s on %s profile %s\n", a.c(bold, "core   "), or(r.Old), or(r.New), r.Chip, r.Profile)
	for _, i := range r.Images {
		state := "differs"
		if i.OldSum == i.NewSum {
			state = "same"
		}
		a.printf("%-7s %8d -> %8d bytes  sha256 %.16s -> %.16s  %s\n", i.Name, i.OldBytes, i.NewBytes, i.OldSum, i.NewSum, state)
	}
	answer := a.c(yellow, "no")
	if r.Identical {
		answer = a.c(green, "yes")
	}
	a.printf("core identical? %s: %s\n", answer, r.Reason)
	for _, w := range r.Warnings {
		a.printf("%s %s\n", a.c(red, "warning"), w)
	}
}

// makeDelta makes the package that fits and writes it.
func (a *app) makeDelta(chip *chips.Chip, maker chips.DeltaMaker, diff chips.CoreDiff, in chips.MakeInput, d deltaFlags, r *deltaReport) error {
	proj := &project.Project{}
	if d.project != "" {
		var err error
		if proj, err = project.Load(d.project); err != nil {
			return badInput(err)
		}
		if proj, err = d.scripts.apply(a, proj, chip, d.project); err != nil {
			return err
		}
		if in.Script, err = proj.Image(); err != nil {
			return withCode(exitBadInput, fmt.Errorf("%s: %w", d.project, err))
		}
	}
	name := d.kind
	if name == "" {
		if name = maker.DeltaKind(diff, in.Script != nil); name == "" {
			if a.text() {
				a.printf("nothing to send: without --project there is nothing else in a package\n")
			}
			return nil
		}
	}
	kind, err := findKind(chip, name)
	if err != nil {
		return err
	}
	data, err := maker.Make(kind.Name, in)
	if err != nil {
		return withCode(exitBadInput, err)
	}
	out := d.out
	if out == "" {
		if out, err = defaultName(chip, kind, proj, diff.New); err != nil {
			return usagef("PROJECT %q makes no file name: %v: choose one with --out", proj.Name, err)
		}
	}
	if err := writeBytes(out, data); err != nil {
		return err
	}
	r.Kind, r.File, r.Bytes = kind.Name, out, len(data)
	if a.text() {
		a.printf("%s: %s, %d bytes\n", out, kind.Summary, len(data))
	}
	return nil
}
