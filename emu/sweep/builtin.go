package sweep

import (
	"embed"
	"fmt"
	"path"
	"strings"
)

//go:embed scenarios/*.yaml
var builtinFiles embed.FS

// Schema is the JSON schema of scenario files.
//
//go:embed schema.json
var Schema []byte

// Builtin returns the built-in scenarios in the order in which they are listed.
func Builtin() []*Scenario {
	entries, err := builtinFiles.ReadDir("scenarios")
	if err != nil {
		panic("sweep: " + err.Error()) // they are part of the program
	}
	var out []*Scenario
	for _, e := range entries {
		data, err := builtinFiles.ReadFile(path.Join("scenarios", e.Name()))
		if err != nil {
			panic("sweep: " + err.Error())
		}
		s, err := ReadScenario(data)
		if err != nil {
			panic("sweep: " + e.Name() + ": " + err.Error())
		}
		out = append(out, s)
	}
	return out
}

// FindBuiltin returns the built-in scenario called name.
func FindBuiltin(name string) (*Scenario, error) {
	var known []string
	for _, s := range Builtin() {
		if s.Name == name {
			return s, nil
		}
		known = append(known, s.Name)
	}
	return nil, fmt.Errorf("no built-in scenario is called %q: expected a file, or one of %s", name, strings.Join(known, ", "))
}
