package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// shownOnly are flags that change what is shown and not what happens.
var shownOnly = []string{"color", "debug", "format", "jobs", "ops", "out"}

// sameFlags are the flags that cmd was given, as a shell takes them, each with a
// blank in front; but those that are only about output, and those in but.
func sameFlags(cmd *cobra.Command, but ...string) string {
	left := map[string]bool{}
	for _, name := range append(but, shownOnly...) {
		left[name] = true
	}
	var b strings.Builder
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if left[f.Name] {
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

// quoteArg quotes what a shell would take apart.
func quoteArg(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
