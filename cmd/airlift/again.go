package main

import (
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// shownOnly are flags that change what is shown and not what happens.
var shownOnly = []string{"color", "debug", "format", "jobs", "ops", "out"}

// sameFlags are the flags that cmd was given, but those that are only about
// output, and those in but.
func sameFlags(cmd *cobra.Command, but ...string) string {
	return flagText(cmd.Flags(), func(name string) bool { return !slices.Contains(shownOnly, name) && !slices.Contains(but, name) })
}

// flagText are the flags that were given and are wanted, as a shell takes them,
// each with a blank in front.
func flagText(flags *pflag.FlagSet, wanted func(name string) bool) string {
	var b strings.Builder
	flags.Visit(func(f *pflag.Flag) {
		if !wanted(f.Name) {
			return
		}
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, v := range values {
			b.WriteString(" --" + f.Name)
			switch {
			case f.Value.Type() == "bool" && v == "true":
			case f.Value.Type() == "bool":
				b.WriteString("=" + v)
			default:
				b.WriteString(" " + quoteArg(v))
			}
		}
	})
	return b.String()
}

// quoteArg quotes what the shells of this system would take apart.
func quoteArg(s string) string { return quoteFor(runtime.GOOS, s) }

// quoteFor is quoteArg on a system. On Windows both shells take double quotes,
// and a backslash as it is.
func quoteFor(system, s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:="
	switch {
	case s != "" && strings.Trim(s, plain) == "":
		return s
	case system != "windows":
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	case s != "" && strings.Trim(s, plain+`\`) == "":
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"`
}
