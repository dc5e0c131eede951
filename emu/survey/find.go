package survey

import (
	"io/fs"
	"path/filepath"
	"sort"
	"strings"
)

// Project is a folder with a main.lua.
type Project struct {
	// Name is the folder's path below the root of the survey, with slashes.
	Name string
	Dir  string // on the host
}

// projectsMax bounds a survey, so that a wrong path is no endless walk.
const projectsMax = 20_000

// Find lists the projects under root, by name. With within set only those
// count that have a folder of that name among the folders above them.
func Find(root, within string) ([]Project, error) {
	var found []Project
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && name != root {
			return filepath.SkipDir
		}
		if d.IsDir() || d.Name() != "main.lua" || len(found) == projectsMax {
			return nil
		}
		dir := filepath.Dir(name)
		rel, err := filepath.Rel(root, dir)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if within == "" || strings.Contains("/"+rel+"/", "/"+within+"/") {
			found = append(found, Project{Name: rel, Dir: dir})
		}
		return nil
	})
	sort.Slice(found, func(i, j int) bool { return found[i].Name < found[j].Name })
	return found, err
}
