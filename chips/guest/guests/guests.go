// Package guests holds the guests that are shipped: boot code and update
// agents in C and Rust, each in a folder of its own with the WebAssembly module
// that build.sh made of it.
package guests

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed */*.wasm
var modules embed.FS

// Header is airlift.h, what a guest in C includes.
//
//go:embed airlift.h
var Header []byte

// Names lists the guests in alphabetical order.
func Names() []string {
	entries, err := modules.ReadDir(".")
	if err != nil {
		panic(err) // embedded
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Wasm returns the module of a guest.
func Wasm(name string) ([]byte, error) {
	data, err := modules.ReadFile(name + "/" + name + ".wasm")
	if err != nil {
		return nil, fmt.Errorf("no guest is called %.40q: there are %s", name, strings.Join(Names(), ", "))
	}
	return data, nil
}
