package testrun

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"airlift/emu/play"
	"airlift/flash/explain"
	"airlift/flash/luadb"
)

// Case is one test project.
type Case struct {
	// Name is the case's folder below the folder that was searched, with
	// slashes; "." is that folder itself.
	Name  string
	Dir   string // on the host: where metas.json is, or the scripts
	Metas Metas
	// Scripts is the folder with main.lua.
	Scripts string
}

// casesMax bounds a search, so that a wrong path is no endless walk.
const casesMax = 10_000

// Find lists the cases in a folder and all folders below it, by name. A case is
// a folder with metas.json and main.lua, the latter in scripts/ as a rule, or
// a folder with main.lua alone.
func Find(root string) ([]Case, error) {
	var cases []Case
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && name != root {
			return filepath.SkipDir
		}
		if d.Name() != "main.lua" || !d.Type().IsRegular() {
			return nil
		}
		if len(cases) == casesMax {
			return fmt.Errorf("%s has more than %d folders with main.lua", root, casesMax)
		}
		c, err := newCase(root, filepath.Dir(name))
		cases = append(cases, c)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(cases) == 0 {
		return nil, &fs.PathError{Op: "find cases", Path: root, Err: errors.New("no folder with main.lua")}
	}
	sort.Slice(cases, func(i, j int) bool { return cases[i].Name < cases[j].Name })
	return cases, nil
}

// newCase describes the case whose main.lua is in scripts.
func newCase(root, scripts string) (Case, error) {
	c := Case{Dir: scripts, Scripts: scripts}
	if filepath.Base(scripts) == "scripts" && scripts != root {
		c.Dir = filepath.Dir(scripts)
	}
	for _, dir := range []string{scripts, c.Dir} {
		file := filepath.Join(dir, "metas.json")
		data, err := play.ReadFile(file, metasBytesMax)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return c, err
		}
		if c.Metas, err = ParseMetas(data); err != nil {
			return c, explain.InFile(err, file)
		}
		break
	}
	rel, err := filepath.Rel(root, c.Dir)
	c.Name = filepath.ToSlash(rel)
	return c, err
}

// commonMark is the file by which the folder of shared scripts is known.
const commonMark = "testrunner.lua"

// FindCommon looks for the scripts that all cases share: common/scripts with
// testrunner.lua in it, in dir or in a folder above it. Empty means that there
// are none.
func FindCommon(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for {
		common := filepath.Join(dir, "common", "scripts")
		if st, err := os.Stat(filepath.Join(common, commonMark)); err == nil && st.Mode().IsRegular() {
			return common, nil
		}
		above := filepath.Dir(dir)
		if above == dir {
			return "", nil
		}
		dir = above
	}
}

// files reads the script image's files: the case's own, and of each folder of
// shared ones those that it does not have yet.
func (c Case) files(common []string) ([]luadb.File, error) {
	var all []luadb.File
	have := map[string]bool{}
	for _, dir := range append([]string{c.Scripts}, common...) {
		files, err := play.Folder(dir)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			if !have[f.Name] {
				have[f.Name] = true
				all = append(all, f)
			}
		}
	}
	return all, nil
}
