// Package project reads what people develop: a folder of Lua scripts and
// resources, a single main.lua, or a finished script image.
package project

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"airlift/flash/luadb"
)

// Limits of a project, so that a wrong path cannot fill the memory.
const (
	maxFiles     = luadb.MaxFiles - 1
	maxFileBytes = 16 << 20
	maxBytes     = 64 << 20 // of all files together
)

// Project is a set of files as they lie in a script image: flat, by base name.
type Project struct {
	Files []luadb.File
	// Name and Version are PROJECT and VERSION of main.lua, where they can be
	// read off its text.
	Name, Version string
}

// Load reads a project from a folder, a Lua file or a script image.
//
// A folder gives all its files and those of its subfolders, by base name as
// LuaTools does; names that begin with a dot are left out. Two files of one
// name are an error.
func Load(name string) (*Project, error) {
	st, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if st.IsDir() {
		return loadFolder(name)
	}
	data, err := readFile(name)
	if err != nil {
		return nil, err
	}
	if strings.EqualFold(filepath.Ext(name), ".lua") {
		return FromFiles([]luadb.File{{Name: "main.lua", Data: data}})
	}
	img, err := luadb.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: neither a folder, a .lua file nor a script image: %w", name, err)
	}
	var files []luadb.File
	for _, f := range img.Files {
		if f.Name != luadb.TrailerName {
			files = append(files, f.File)
		}
	}
	return FromFiles(files)
}

// FromFiles makes a project of files that are already read.
func FromFiles(files []luadb.File) (*Project, error) {
	if len(files) > maxFiles {
		return nil, fmt.Errorf("project has %d files, expected at most %d", len(files), maxFiles)
	}
	p := &Project{Files: files}
	for _, f := range files {
		if f.Name == "main.lua" {
			p.Name, p.Version = global(f.Data, "PROJECT"), global(f.Data, "VERSION")
		}
	}
	return p, nil
}

// Global reads a string assignment to a global off main.lua: the first line
// NAME = "value". It is "" if there is none.
func (p *Project) Global(name string) string {
	for _, f := range p.Files {
		if f.Name == "main.lua" {
			return global(f.Data, name)
		}
	}
	return ""
}

// Image builds the project's script image with its trailer, not padded.
func (p *Project) Image() ([]byte, error) { return luadb.Build(p.Files, luadb.Options{}) }

func loadFolder(root string) (*Project, error) {
	var files []luadb.File
	from := map[string]string{}
	total := 0
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if strings.HasPrefix(base, ".") && name != root {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		if first, ok := from[base]; ok {
			return fmt.Errorf("%s and %s have the same name: a script image is flat", first, name)
		}
		if len(files) == maxFiles {
			return fmt.Errorf("%s has more than %d files: is it a project?", root, maxFiles)
		}
		from[base] = name
		data, err := readFile(name)
		if err != nil {
			return err
		}
		if total += len(data); total > maxBytes {
			return fmt.Errorf("%s holds more than %d bytes: is it a project?", root, maxBytes)
		}
		files = append(files, luadb.File{Name: base, Data: data})
		return nil
	})
	if err != nil {
		return nil, err
	}
	if _, ok := from["main.lua"]; !ok {
		return nil, fmt.Errorf("%s has no main.lua", root)
	}
	return FromFiles(files)
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, maxFileBytes)
	}
	return data, nil
}

// global reads a string assignment to a global off a script's text, the way
// LuaTools finds PROJECT and VERSION: the first line NAME = "value".
func global(text []byte, name string) string {
	re := regexp.MustCompile(`(?m)^[ \t]*` + regexp.QuoteMeta(name) + `[ \t]*=[ \t]*["']([^"'\r\n]*)["']`)
	m := re.FindSubmatch(bytes.TrimPrefix(text, []byte("\xEF\xBB\xBF")))
	if m == nil {
		return ""
	}
	return string(m[1])
}
