package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"airlift/chips"
	"airlift/emu/project"
	"airlift/flash/mount"
)

type packFlags struct {
	kind, out, core, coreVersion string
	coreSize                     int64
	seed                         uint64
	pad, force, stream           bool
	scripts                      scriptFlags
}

func (a *app) packCmd() *cobra.Command {
	var f chipFlags
	var p packFlags
	cmd := &cobra.Command{
		Use:   "pack [PROJECT]",
		Short: "Make what LuaTools makes: packages, images, whole flash dumps",
		Long: `Make a file from a project: a folder with main.lua, a single .lua file or a
script image. Which kinds there are depends on the model: airlift chips show.

Without --core the core is a synthetic one of --core-version: it has the size,
the headers and the identity of a core, and pseudo code inside.

LuaTools makes production packages with compiled scripts, and leaves out those
that no literal require reaches: --luac --tree-shake does the same.`,
		Example: `  airlift pack myproject --chip air601 --kind bin -o update.bin
  airlift pack myproject --chip air6208 --kind fota --core-version V2002 -o v2.fota
  airlift pack myproject --chip air6208 --kind fota --luac --tree-shake
  airlift pack myproject --chip air601 --kind flash -o module.img`,
		Args: operands("[PROJECT]"),
		RunE: func(_ *cobra.Command, args []string) error { return a.pack(args, f, p) },
	}
	f.add(cmd, "")
	cmd.Flags().StringVar(&p.kind, "kind", "", "what to make: see airlift chips show")
	cmd.Flags().StringVarP(&p.out, "out", "o", "", "`file` to write (default: the name LuaTools would give)")
	cmd.Flags().StringVar(&p.core, "core", "", "core `file` to use: an image, .fls, .soc, .binpkg or .pac")
	cmd.Flags().StringVar(&p.coreVersion, "core-version", "", "version of the synthetic core, for example V1026")
	cmd.Flags().Int64Var(&p.coreSize, "core-size", 0, "code size of the synthetic core in `bytes`")
	cmd.Flags().Uint64Var(&p.seed, "seed", 1, "seed of the synthetic core's code")
	cmd.Flags().BoolVar(&p.pad, "pad", false, "pad the package away from sizes that the boot code fails on")
	cmd.Flags().BoolVar(&p.stream, "stream", false, "make what a server sends, not what is uploaded: where the two differ (8910)")
	p.scripts.add(cmd)
	cmd.Flags().BoolVar(&p.force, "force", false, "make it although the module will choke on it")
	return cmd
}

func (a *app) pack(args []string, f chipFlags, p packFlags) error {
	defer a.flush()
	chip, err := f.chip()
	if err != nil {
		return err
	}
	if p.stream && p.kind != "" && !strings.HasSuffix(p.kind, streamSuffix) {
		p.kind += streamSuffix
	}
	kind, err := findKind(chip, p.kind)
	if err != nil {
		return err
	}
	if kind.Delta {
		return usagef("--kind %s: it leads from one core to another: use airlift delta", kind.Name)
	}
	if err := checkCoreSize(p.coreSize); err != nil {
		return err
	}
	in := chips.MakeInput{CoreVersion: p.coreVersion, CoreSize: p.coreSize, CoreSeed: p.seed, Pad: p.pad, Force: p.force}
	proj := &project.Project{}
	if len(args) == 1 {
		if proj, err = project.Load(args[0]); err != nil {
			return badInput(err)
		}
		if proj, err = p.scripts.apply(a, proj, chip, args[0]); err != nil {
			return err
		}
		if in.Script, err = proj.Image(); err != nil {
			return withCode(exitBadInput, fmt.Errorf("%s: %w", args[0], err))
		}
	}
	if p.core != "" {
		if in.Core, err = readFile(p.core); err != nil {
			return err
		}
	}
	data, err := chip.Maker.Make(p.kind, in)
	if err != nil {
		return withCode(exitBadInput, err)
	}
	out := p.out
	if out == "" {
		if out, err = defaultName(chip, kind, proj, p.coreVersion); err != nil {
			return usagef("PROJECT %q makes no file name: %v: choose one with --out", proj.Name, err)
		}
	}
	if err := writeBytes(out, data); err != nil {
		return err
	}
	if !a.text() {
		return a.json(map[string]any{"file": out, "kind": kind.Name, "bytes": len(data), "chip": chip.Model.Name, "profile": chip.Profile.Name})
	}
	a.printf("%s: %s for %s profile %s, %d bytes\n", out, kind.Summary, chip.Model.Name, chip.Profile.Name, len(data))
	return nil
}

// streamSuffix makes the kind of what a server sends out of the kind of what is
// uploaded to it.
const streamSuffix = "-stream"

func findKind(chip *chips.Chip, name string) (chips.PackageKind, error) {
	var names []string
	for _, k := range chip.Maker.Kinds() {
		if k.Name == name {
			return k, nil
		}
		names = append(names, k.Name)
	}
	if len(names) == 0 {
		return chips.PackageKind{}, withCode(exitUsage, chip.Model.NeedsMap())
	}
	if name == "" {
		return chips.PackageKind{}, usagef("--kind is missing: expected one of %s", strings.Join(names, ", "))
	}
	return chips.PackageKind{}, usagef("--kind %q: expected one of %s", name, strings.Join(names, ", "))
}

// defaultName is what LuaTools calls an upgrade package, or something plain.
// PROJECT comes from the script, so the name is made safe for the host.
func defaultName(chip *chips.Chip, kind chips.PackageKind, p *project.Project, coreVersion string) (string, error) {
	name := p.Name
	if name == "" {
		name = strings.ToLower(chip.Model.Name)
	}
	name += kind.Ext
	if coreVersion == "" {
		coreVersion = chip.Profile.CoreVersion
	}
	if n, ok := chip.Maker.(chips.PackageNamer); ok && kind.Upgrade && p.Name != "" {
		if full, err := n.PackageName(p.Name, coreVersion, p.Version); err == nil {
			name = strings.TrimSuffix(full, ".bin") + kind.Ext
		}
	}
	return mount.HostName(name, map[string]string{})
}
