package survey

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"airlift/flash/luadb"
)

// Limits of a project, so that a wrong path cannot fill the memory.
const (
	fileBytesMax    = 4 << 20
	projectBytesMax = 16 << 20
)

// notScript are the endings of files that lie in project folders for people.
var notScript = map[string]bool{".md": true, ".py": true, ".go": true, ".h": true, ".exe": true, ".zip": true, ".pdf": true, ".docx": true}

// Files reads what a project puts into the script image: the files of its
// folder and of the folders below it, by base name, as LuaTools does. A folder
// below with a main.lua of its own is another project. Of two files of one
// name the one nearer to main.lua counts. What is there for people (.md and
// programs for a PC) stays out.
func (p Project) Files() ([]luadb.File, error) {
	var files []luadb.File
	have := map[string]int{} // depth
	total := 0
	err := filepath.WalkDir(p.Dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != p.Dir && (strings.HasPrefix(d.Name(), ".") || hasMain(name)):
			return filepath.SkipDir
		case !d.Type().IsRegular() || strings.HasPrefix(d.Name(), ".") || notScript[strings.ToLower(filepath.Ext(name))]:
			return nil
		}
		depth := strings.Count(name, string(filepath.Separator))
		first, double := have[d.Name()]
		if double && first <= depth {
			return nil
		}
		data, err := readFile(name)
		if err != nil {
			return err
		}
		if total += len(data); total > projectBytesMax || len(files) == luadb.MaxFiles-1 {
			return fmt.Errorf("%s: more than %d bytes or %d files", p.Name, projectBytesMax, luadb.MaxFiles-1)
		}
		if double {
			for i := range files {
				if files[i].Name == d.Name() {
					files[i].Data = data
				}
			}
		} else {
			files = append(files, luadb.File{Name: d.Name(), Data: data})
		}
		have[d.Name()] = depth
		return nil
	})
	return files, err
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, fileBytesMax+1))
	if err == nil && len(data) > fileBytesMax {
		err = fmt.Errorf("%s is larger than %d bytes", name, fileBytesMax)
	}
	return data, err
}
