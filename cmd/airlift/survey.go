package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"airlift/chips"
	"airlift/chips/all"
	"airlift/emu/survey"
	"airlift/flash/luadb"
)

type surveyFlags struct {
	batchFlags
	more   []string
	within string
}

func (a *app) surveyCmd() *cobra.Command {
	var f surveyFlags
	cmd := &cobra.Command{
		Use:   "survey DIR",
		Short: "Run many projects and sort them by what became of them",
		Long: `Run every project below a folder, demos for example, for a stretch of virtual
time, and sort them: running, waiting for something that never comes, running
with functions that do nothing here, refused because a function is not
emulated, failed.

Devices that are not emulated, screens for example, do nothing; --devices
refuse makes their functions errors.

The module of a project is the one that its path names, or the first whose
firmware has what the project uses. Modules that a project
requires and lacks are taken from the folders above it and from --lib.`,
		Example: `  airlift survey LuatOS --within demo --libs LuatOS/script
  airlift survey mydemos --chip air780epm --format jsonl`,
		Args: operands("DIR"),
		RunE: func(_ *cobra.Command, args []string) error { return a.survey(args[0], f) },
	}
	a.allowFormats(cmd, "markdown")
	f.add(cmd, batchDefaults{
		chip: testChip, chipUsage: "`model` to prefer for projects whose path names none", devices: "noop",
		limit: time.Minute, limitUsage: "virtual `time` of each project", each: "projects",
	})
	fl := cmd.Flags()
	fl.StringArrayVar(&f.more, "lib", nil, "`folder` of Lua files for what projects require and lack")
	fl.StringVar(&f.within, "within", "", "only projects below a folder of this `name`")
	return cmd
}

func (f *surveyFlags) options() (o survey.Options, err error) {
	o = survey.Options{Seed: f.seed, Limit: f.limit, More: f.more}
	if o.Script, o.Link, err = f.resolve(); err != nil {
		return o, err
	}
	if o.World, err = f.world(); err != nil {
		return o, err
	}
	fallback, err := f.chip.chip()
	if err != nil {
		return o, err
	}
	o.Chip = func(p survey.Project, files []luadb.File) (*chips.Chip, error) {
		return survey.ChipFor(p, files, all.Families(), fallback)
	}
	return o, nil
}

func (a *app) survey(dir string, f surveyFlags) error {
	defer a.flush()
	o, err := f.options()
	if err != nil {
		return err
	}
	projects, err := survey.Find(dir, f.within)
	if err != nil {
		return err
	}
	if len(projects) == 0 {
		return withCode(exitEnv, fmt.Errorf("%s has no folder with main.lua that counts", dir))
	}
	n := 0
	findings := survey.RunAll(projects, o, f.jobs, func(s survey.Finding) {
		if n++; n%50 == 0 {
			a.note("%d/%d %s", n, len(projects), s.Project)
		}
	})
	if survey.Count(findings)[survey.Failed] > 0 {
		a.code = exitFindings
	}
	if f.out == "" {
		return a.surveyForm(a.buf, findings)
	}
	if err := writeFile(f.out, func(w io.Writer) error { return a.surveyForm(w, findings) }); err != nil {
		return err
	}
	return a.surveyText(a.buf, findings)
}

func (a *app) surveyForm(w io.Writer, findings []survey.Finding) error {
	switch a.format {
	case "text":
		return a.surveyText(w, findings)
	case "markdown":
		return survey.WriteMarkdown(w, findings)
	}
	rows := make([]survey.Row, len(findings))
	for i, f := range findings {
		rows[i] = f.Row()
	}
	return listTo(a, w, rows)
}

func (a *app) surveyText(w io.Writer, findings []survey.Finding) error {
	width := 0
	for _, f := range findings {
		width = max(width, len(f.Project))
	}
	for _, f := range findings {
		fmt.Fprintf(w, "%s %-16s %-*s  %s\n", a.c(classColour(f.Class), fmt.Sprintf("%-12s", f.Class)), f.Module(), width, f.Project, printable(f.Detail))
	}
	if list := survey.Missing(findings); len(list) > 0 {
		fmt.Fprintf(w, "\nnot emulated, by projects that need it:\n")
		for _, t := range list {
			fmt.Fprintf(w, "%6d  %s\n", t.Projects, t.What)
		}
	}
	fmt.Fprintf(w, "\n%s:", plural(len(findings), "project"))
	n := survey.Count(findings)
	for i, c := range survey.Classes {
		if i > 0 {
			fmt.Fprint(w, ",")
		}
		fmt.Fprintf(w, " %d %s (%.1f %%)", n[c], c, survey.Share(n[c], len(findings)))
	}
	_, err := fmt.Fprintln(w)
	return err
}

func classColour(c survey.Class) string {
	switch c {
	case survey.Failed:
		return red
	case survey.Refused, survey.Noop:
		return yellow
	}
	return green
}
