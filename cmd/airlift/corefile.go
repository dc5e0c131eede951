package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"airlift/chips"
	"airlift/chips/all"
	"airlift/chips/soc"
)

// coreFile is a file with a core in it, a .soc, .binpkg or .pac file.
type coreFile struct {
	name           string
	data           []byte
	model, profile string // that it is for; "" if it does not say
	hint           string // what is known instead: "EC618"
}

// coreFileExt are the endings of such files.
var coreFileExt = map[string]bool{".soc": true, ".binpkg": true, ".pac": true}

// readCoreFile reads a file of firmware. It returns nil for files that are
// something else.
func readCoreFile(name string) (*coreFile, error) {
	st, err := os.Stat(name)
	if err != nil || st.IsDir() || !coreFileExt[strings.ToLower(filepath.Ext(name))] {
		return nil, nil
	}
	fw := &coreFile{name: name}
	if fw.data, err = readFile(name); err != nil {
		return nil, err
	}
	for _, f := range all.Families() {
		if i, ok := f.(chips.Identifier); ok {
			if model, profile, hint, ok := i.Identify(fw.data); ok {
				fw.model, fw.profile, fw.hint = model, profile, hint
				break
			}
		}
	}
	return fw, nil
}

// fill completes the flags with what the firmware says: its model, its profile
// and its flash map. A board file says all that itself.
func (f *chipFlags) fill(fw *coreFile) error {
	if f.file != "" {
		return nil
	}
	if f.model == "" {
		if fw.model == "" {
			what := "nothing of it tells which module it is for"
			if fw.hint != "" {
				what = "it is for " + fw.hint + ", and does not say for which module"
			}
			return usagef("%s: %s: name it with --chip", fw.name, what)
		}
		f.model = fw.model
		if f.profile == "" {
			f.profile = fw.profile
		}
	}
	if f.layout == "" && soc.Is(fw.data) {
		f.layout = fw.name
	}
	return nil
}

// addCoreFlag adds --core.
func addCoreFlag(cmd *cobra.Command, cores *[]string) {
	cmd.Flags().StringArrayVar(cores, "core", nil, "`file` with a core that the vendor's deltas lead to, where those cannot be read: .soc, .binpkg or image")
}

// addCores registers the cores that deltas lead to.
func addCores(chip *chips.Chip, names []string) error {
	if len(names) == 0 {
		return nil
	}
	// By the family: the model may be of a board file that is like one of its.
	families := all.Families()
	i := slices.IndexFunc(families, func(f chips.Family) bool { return f.Name() == chip.Model.Family })
	if i < 0 {
		return fmt.Errorf("--core: no family is called %q", chip.Model.Family)
	}
	keeper, ok := families[i].(chips.CoreKeeper)
	if !ok {
		return usagef("--core: deltas for %s hold all that they need", chip.Model.Name)
	}
	for _, name := range names {
		data, err := readFile(name)
		if err != nil {
			return err
		}
		if fw, err := readCoreFile(name); err != nil || fw != nil && fw.hint == "" {
			return withCode(exitBadInput, fmt.Errorf("%s: not firmware of %s: airlift inspect says more", name, chip.Model.Name))
		}
		if err := keeper.AddCore(data); err != nil {
			return withCode(exitBadInput, fmt.Errorf("%s: %w", name, err))
		}
	}
	return nil
}
