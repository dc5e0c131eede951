package play

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

// Folder reads what a project puts into the script image: the files of its
// folder and of the folders below it, by base name, as LuaTools does. A folder
// below with a main.lua of its own is another project. Of two files of one
// name the one nearer to main.lua counts. What is there for people (.md and
// programs for a PC) stays out.
func Folder(dir string) ([]luadb.File, error) {
	var files []luadb.File
	at := map[string]int{}    // index in files
	depth := map[string]int{} // of the file that counts
	total := 0
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		base := filepath.Base(name)
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != dir && (strings.HasPrefix(base, ".") || hasMain(name)):
			return filepath.SkipDir
		case !d.Type().IsRegular() || strings.HasPrefix(base, ".") || notScript[strings.ToLower(filepath.Ext(base))]:
			return nil
		}
		deep := strings.Count(name, string(filepath.Separator))
		i, double := at[base]
		if double && depth[base] <= deep {
			return nil
		}
		data, err := ReadFile(name, fileBytesMax)
		if err != nil {
			return err
		}
		if total += len(data); total > projectBytesMax || len(files) == luadb.MaxFiles-1 {
			return fmt.Errorf("%s: more than %d bytes or %d files: is it a project?", dir, projectBytesMax, luadb.MaxFiles-1)
		}
		if !double {
			i = len(files)
			files = append(files, luadb.File{Name: base})
		}
		files[i].Data, at[base], depth[base] = data, i, deep
		return nil
	})
	return files, err
}

// hasMain reports whether dir has a main.lua.
func hasMain(dir string) bool {
	st, err := os.Stat(filepath.Join(dir, "main.lua"))
	return err == nil && st.Mode().IsRegular()
}

// ReadFile reads a file of at most limit bytes.
func ReadFile(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s is larger than %d bytes", name, limit)
	}
	return data, err
}
