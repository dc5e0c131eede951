package lua53

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	glua "github.com/yuin/gopher-lua"
)

// coverage counts in how many programs a feature of the language or a library
// function stands.
type coverage map[string]int

// add counts what a program uses: the features that the generator names, and
// the functions whose names stand in the text.
func (c coverage) add(g *progen, src string) {
	_, body, _ := strings.Cut(src, progHeader)
	seen := map[string]bool{}
	for _, w := range strings.FieldsFunc(body, func(r rune) bool {
		return r != '.' && r != ':' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) {
		seen[w] = true
		if _, m, ok := strings.Cut(w, ":"); ok {
			seen["string."+m] = true
		}
	}
	uses := maps.Clone(g.uses)
	for _, f := range libraryFunctions() {
		if seen[f] {
			uses[f]++
		}
	}
	for k := range uses {
		c[k]++
	}
}

// libraryFunctions are the names of all functions that the VM has.
var libraryFunctions = sync.OnceValue(func() []string {
	vm := New(Options{Bits: 64})
	vm.OpenLibs()
	var out []string
	vm.Globals().ForEach(func(k, v glua.LValue) {
		switch v := v.(type) {
		case *glua.LFunction:
			out = append(out, k.String())
		case *glua.LTable:
			if k.String() == "_G" {
				return
			}
			v.ForEach(func(f, v glua.LValue) {
				if v.Type() == glua.LTFunction {
					out = append(out, k.String()+"."+f.String())
				}
			})
		}
	})
	slices.Sort(out)
	return out
})

// table lists what was counted, and the functions that were not.
func (c coverage) table() string {
	var names, missing []string
	for k := range c {
		names = append(names, k)
	}
	slices.Sort(names)
	for _, f := range libraryFunctions() {
		if c[f] == 0 {
			missing = append(missing, f)
		}
	}
	var b strings.Builder
	for _, k := range names {
		fmt.Fprintf(&b, "  %-28s %d\n", k, c[k])
	}
	fmt.Fprintf(&b, "left out: %s\n", strings.Join(missing, ", "))
	return b.String()
}
