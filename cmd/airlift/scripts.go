package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"airlift/chips"
	"airlift/emu/project"
)

// scriptFlags say in which form a project's scripts get into an image.
type scriptFlags struct {
	luac string
	tree bool
}

func (s *scriptFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&s.luac, "luac", "", "compile the scripts to bytecode of this `form`: debug, or strip without line numbers and names")
	fl.Lookup("luac").NoOptDefVal = "debug"
	fl.BoolVar(&s.tree, "tree-shake", false, "leave out the scripts that no literal require reaches from main")
}

// apply gives the scripts the form that the flags ask for; from is where the
// project was read.
func (s *scriptFlags) apply(a *app, p *project.Project, chip *chips.Chip, from string) (*project.Project, error) {
	switch s.luac {
	case "", "debug", "strip":
	default:
		return nil, usagef("--luac=%s: expected --luac or --luac=strip", s.luac)
	}
	if s.luac != "" && chip.Profile.Scripts == chips.ScriptsLuaTask {
		return nil, usagef("--luac: %s with profile %s wants bytecode of Lua 5.1, which airlift does not make", chip.Model.Name, chip.Profile.Name)
	}
	out, left, err := p.Apply(project.Build{
		Luac: s.luac != "", Strip: s.luac == "strip", TreeShake: s.tree, Bits: chip.Profile.Bits,
	})
	if err != nil {
		return nil, withCode(exitBadInput, fmt.Errorf("%s: %w", from, err))
	}
	if len(left) > 0 {
		a.note("left out, since nothing requires them: %s", strings.Join(left, ", "))
	}
	return out, nil
}
