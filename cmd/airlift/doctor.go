package main

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/spf13/afero"
	"github.com/spf13/cobra"

	"airlift/emu/doctor"
	"airlift/emu/project"
	"airlift/lua"
)

type doctorFlags struct {
	libs   string
	ignore []string
}

func (a *app) doctorCmd() *cobra.Command {
	var f chipFlags
	var d doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor PROJECT",
		Short: "Look through a project for what goes wrong on modules",
		Long: `Look through the sources of a project, without running them, for functions that
the firmware of the model lacks or that are not emulated, and for the known
mistakes in over-the-air upgrades. Each finding says where, why it bites and
how to repair it. PROJECT is a folder with main.lua, a single .lua file or a
script image.`,
		Example: `  airlift doctor myproject
  airlift doctor myproject --chip air6208 --format json
  airlift doctor myproject --ignore poll-once --ignore library-copy`,
		Args: operands("PROJECT"),
		RunE: func(_ *cobra.Command, args []string) error { return a.doctor(args[0], f, d) },
	}
	f.add(cmd, defaultChip)
	cmd.Flags().StringVar(&d.libs, "libs", "", "LuatOS script `folder`: its corelib and libs replace ours")
	cmd.Flags().StringSliceVar(&d.ignore, "ignore", nil, "leave out the findings of these `checks`")
	return cmd
}

// doctorReport is the JSON form of what the doctor says.
type doctorReport struct {
	Chip        string          `json:"chip"`
	Profile     string          `json:"profile"`
	Core        string          `json:"core"`
	CoreDate    string          `json:"core_date"`
	LibDate     string          `json:"lib_date"`
	Libs        string          `json:"libs"`
	Scripts     int             `json:"scripts"`
	Compiled    int             `json:"compiled"`
	Resources   int             `json:"resources"`
	ImageBytes  int             `json:"image_bytes,omitempty"`
	ScriptBytes int64           `json:"script_partition_bytes,omitempty"`
	Errors      int             `json:"errors"`
	Warnings    int             `json:"warnings"`
	Notes       int             `json:"notes"`
	Findings    []doctorFinding `json:"findings"`
}

type doctorFinding struct {
	ID       string `json:"id"`
	Severity string `json:"severity"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	What     string `json:"what"`
	More     int    `json:"more_places,omitempty"`
	Why      string `json:"why"`
	Repair   string `json:"repair"`
}

func (a *app) doctor(name string, f chipFlags, d doctorFlags) error {
	defer a.flush()
	chip, err := f.chip()
	if err != nil {
		return err
	}
	ignored, err := d.ignored()
	if err != nil {
		return err
	}
	p, err := project.Load(name)
	if err != nil {
		return badInput(err)
	}
	in := doctor.Input{Project: p, Chip: chip}
	var libs afero.Fs
	version := "built in"
	if d.libs != "" {
		if libs, err = lua.LibsFromDir(d.libs); err != nil {
			return withCode(exitEnv, err)
		}
		if in.Libs, err = readLibs(libs); err != nil {
			return withCode(exitEnv, err)
		}
		version = doctor.LibsVersion(in.Libs)
	}
	if in.Surface, err = doctor.SurfaceOf(chip, libs); err != nil {
		return err
	}
	r := doctor.Examine(in)
	report := doctorReport{
		Chip: chip.Model.Name, Profile: chip.Profile.Name, Core: chip.Profile.CoreVersion,
		CoreDate: chip.Profile.CoreDate, LibDate: chip.Profile.LibDate, Libs: version,
		Scripts: r.Scripts, Compiled: r.Compiled, Resources: r.Resources, ImageBytes: r.ImageBytes, ScriptBytes: r.ScriptBytes,
		Findings: []doctorFinding{},
	}
	for _, found := range r.Findings {
		if !ignored[found.ID] {
			report.add(&found)
		}
	}
	if report.Errors+report.Warnings > 0 {
		a.code = exitFindings
	}
	if !a.text() {
		return a.json(report)
	}
	a.doctorText(&report)
	return nil
}

func (r *doctorReport) add(f *doctor.Finding) {
	switch f.Severity {
	case doctor.Error:
		r.Errors++
	case doctor.Warning:
		r.Warnings++
	default:
		r.Notes++
	}
	r.Findings = append(r.Findings, doctorFinding{
		ID: f.ID, Severity: string(f.Severity), File: f.File, Line: f.Line, What: f.What, More: f.More, Why: f.Why, Repair: f.Repair,
	})
}

// ignored checks --ignore.
func (d *doctorFlags) ignored() (map[string]bool, error) {
	known := map[string]bool{}
	for _, c := range doctor.Checks() {
		known[c.ID] = true
	}
	ignored := map[string]bool{}
	for _, id := range d.ignore {
		if !known[id] {
			return nil, usagef("--ignore %q: no such check, see docs/DOCTOR.md", id)
		}
		ignored[id] = true
	}
	return ignored, nil
}

// libBytesMax bounds one library file.
const libBytesMax = 2 << 20

// readLibs reads the Lua files of a folder of libraries.
func readLibs(libs afero.Fs) (map[string][]byte, error) {
	infos, err := afero.ReadDir(libs, "/")
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, info := range infos {
		if info.IsDir() || !strings.HasSuffix(info.Name(), ".lua") || info.Size() > libBytesMax {
			continue
		}
		text, err := afero.ReadFile(libs, path.Join("/", info.Name()))
		if err != nil {
			return nil, &fs.PathError{Op: "read", Path: info.Name(), Err: err}
		}
		files[info.Name()] = text
	}
	return files, nil
}

func (a *app) doctorText(r *doctorReport) {
	a.printf("%s profile %s, core %s of %s, libraries of %s\n", r.Chip, r.Profile, r.Core, r.CoreDate, r.LibDate)
	a.printf("libraries: %s\n", printable(r.Libs))
	a.printf("project: %s, %s compiled, %s", plural(r.Scripts, "script"), fmt.Sprint(r.Compiled), plural(r.Resources, "other file"))
	if r.ScriptBytes > 0 && r.ImageBytes > 0 {
		a.printf("; image of %d bytes, partition of %d", r.ImageBytes, r.ScriptBytes)
	}
	a.printf("\n")
	if r.Compiled > 0 {
		a.printf("compiled scripts are only searched for what is not emulated\n")
	}
	for _, f := range r.Findings {
		colour := yellow
		switch f.Severity {
		case "error":
			colour = red
		case "note":
			colour = dim
		}
		where := f.File
		if f.Line > 0 {
			where = fmt.Sprintf("%s:%d", where, f.Line)
		}
		if where != "" {
			where = printable(where) + ": "
		}
		more := ""
		if f.More > 0 {
			more = fmt.Sprintf(" (and in %s)", plural(f.More, "other place"))
		}
		a.printf("\n%s %s  %s%s%s\n", a.c(colour, f.Severity), a.c(bold, f.ID), where, printable(f.What), more)
		a.wrapped("why", f.Why)
		a.wrapped("repair", f.Repair)
	}
	a.printf("\n%s, %s, %s\n", plural(r.Errors, "error"), plural(r.Warnings, "warning"), plural(r.Notes, "note"))
}

// doctorWidth is how wide the explanations are printed.
const doctorWidth = 96

func (a *app) wrapped(label, text string) {
	for i, line := range wrap(text, doctorWidth) {
		if i > 0 {
			label = ""
		}
		a.printf("    %-7s %s\n", label, line)
	}
}
