package main

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"airlift/chips/all"
	"airlift/flash/explain"
)

func (a *app) inspectCmd() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "inspect FILE...",
		Short: "Explain every field of a package, image, file system or flash dump",
		Long: `Explain every field of a file of this world: offset, length, value, meaning and
verdict. The exit code is 1 if a field is wrong and 4 if the file is of no known
format.`,
		Example: `  airlift inspect update.bin
  airlift inspect module.img --all --format json`,
		Args: operands("FILE..."),
		RunE: func(_ *cobra.Command, args []string) error {
			defer a.flush()
			for _, name := range args {
				if err := a.inspect(name, all); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "show long lists whole")
	return cmd
}

func (a *app) inspect(name string, whole bool) error {
	data, err := readFile(name)
	if err != nil {
		return err
	}
	tree, err := all.Explain(data)
	if err != nil {
		return withCode(exitBadInput, explain.InFile(err, name))
	}
	worst := tree.Worst()
	if worst == explain.Bad {
		a.code = exitFindings
	}
	if !a.text() {
		return a.json(struct {
			File    string          `json:"file"`
			Size    int             `json:"size"`
			Verdict explain.Verdict `json:"verdict"`
			Tree    *explain.Field  `json:"tree"`
		}{name, len(data), worst, tree})
	}
	a.printf("%s  %d bytes\n", a.c(bold, name), len(data))
	a.printTree(tree, 0, whole)
	switch worst {
	case explain.Bad:
		a.printf("%s\n", a.c(red, "verdict: bad"))
	case explain.Warn:
		a.printf("%s\n", a.c(yellow, "verdict: readable, with warnings"))
	default:
		a.printf("%s\n", a.c(green, "verdict: ok"))
	}
	return nil
}

// listMax is how many fields of one group are shown unless --all is given.
const listMax = 48

func (a *app) printTree(f *explain.Field, depth int, whole bool) {
	mark := map[explain.Verdict]string{explain.OK: a.c(green, "ok"), explain.Warn: a.c(yellow, "WARN"), explain.Bad: a.c(red, "BAD")}[f.Verdict]
	name := strings.Repeat("  ", depth) + f.Name
	value := oneLine(f.Value)
	if f.Meaning != "" {
		if value != "" {
			value += "  "
		}
		value += a.c(dim, oneLine(f.Meaning))
	}
	if mark != "" {
		value += "  " + mark
	}
	if len(f.Fields) > 0 {
		name = a.c(bold, name) + strings.Repeat(" ", max(0, 34-utf8.RuneCountInString(name)))
	}
	a.printf("%s\n", strings.TrimRight(fmt.Sprintf("%08X %8d  %-34s %s", f.Off, f.Len, name, value), " "))
	for i := range f.Fields {
		if i == listMax && !whole && len(f.Fields) > listMax+4 {
			a.printf("%18s  %s\n", "", a.c(dim, fmt.Sprintf("%s... %d more: --all shows them", strings.Repeat("  ", depth+1), len(f.Fields)-i)))
			return
		}
		a.printTree(&f.Fields[i], depth+1, whole)
	}
}

// oneLine keeps control characters from the terminal.
func oneLine(s string) string { return strings.Map(visible, s) }

// visible replaces control characters by dots.
func visible(r rune) rune {
	if r < 0x20 || r == 0x7F || (r >= 0x80 && r < 0xA0) {
		return '·'
	}
	return r
}
