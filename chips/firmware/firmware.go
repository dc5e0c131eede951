package firmware

import (
	"embed"
	"fmt"
	"path"
	"sort"
	"strings"
	"sync"
)

//go:embed data
var data embed.FS

// Table is what one firmware has.
type Table struct {
	Name string // "air780epm"
	Date string // of its LuatOS core
	// Assumed says what the sources do not settle; empty if they settle it.
	Assumed   string
	Libraries []Library
}

// Library is one global library.
type Library struct {
	Name    string
	Aliases []string // other names of the same table
	Members []Member
}

// Library returns the library called name, which may be an alias.
func (t *Table) Library(name string) (*Library, bool) {
	for i := range t.Libraries {
		l := &t.Libraries[i]
		if l.Name == name {
			return l, true
		}
		for _, a := range l.Aliases {
			if a == name {
				return l, true
			}
		}
	}
	return nil, false
}

// Member returns the member called name.
func (l *Library) Member(name string) (*Member, bool) {
	for i := range l.Members {
		if l.Members[i].Name == name {
			return &l.Members[i], true
		}
	}
	return nil, false
}

var (
	mu     sync.Mutex
	models map[string]string     // "Air780EPM 101" -> "air780epm"
	tables = map[string]*Table{} // by name
)

// For returns the table of a model's profile, which nobody may change; nil if
// there is none. Only the files of that firmware are read, once.
func For(model, profile string) (*Table, error) {
	mu.Lock()
	defer mu.Unlock()
	if models == nil {
		m, err := readModels()
		if err != nil {
			return nil, err
		}
		models = m
	}
	name, ok := models[model+" "+profile]
	if !ok {
		return nil, nil
	}
	if t := tables[name]; t != nil {
		return t, nil
	}
	t, err := read(name)
	if err == nil {
		tables[name] = t
	}
	return t, err
}

// Names returns the names of all firmware, sorted.
func Names() []string { return names("data/fw") }

// LibraryNames returns the names of all libraries that any firmware has, sorted.
func LibraryNames() []string { return names("data/lib") }

func names(dir string) []string {
	entries, _ := data.ReadDir(dir) // embedded: it is there
	var out []string
	for _, e := range entries {
		out = append(out, strings.TrimSuffix(e.Name(), ".txt"))
	}
	sort.Strings(out)
	return out
}

func readModels() (map[string]string, error) {
	const file = "data/models.txt"
	text, err := data.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return parseModels(file, string(text))
}

// parseModels reads which firmware a profile of a model runs.
func parseModels(file, text string) (map[string]string, error) {
	m := map[string]string{}
	err := eachLine(file, text, func(words []string, _ string) string {
		if len(words) != 3 {
			return "expected MODEL PROFILE FIRMWARE"
		}
		key := words[0] + " " + words[1]
		if m[key] != "" {
			return fmt.Sprintf("%s is there twice", key)
		}
		m[key] = words[2]
		return ""
	})
	return m, err
}

// read reads one firmware and its libraries.
func read(name string) (*Table, error) {
	file := path.Join("data/fw", name+".txt")
	text, err := data.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("firmware %s: %w", name, err)
	}
	b, err := parseBuild(file, string(text))
	if err != nil {
		return nil, err
	}
	t := &Table{Name: name, Date: b.date, Assumed: b.assumed}
	for _, lib := range b.libs {
		file := path.Join("data/lib", lib+".txt")
		text, err := data.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("firmware %s: %w", name, err)
		}
		all, err := ParseLibrary(file, string(text))
		if err != nil {
			return nil, err
		}
		l := Library{Name: lib, Members: b.members(lib, all)}
		for _, a := range b.aliases {
			if a[1] == lib {
				l.Aliases = append(l.Aliases, a[0])
			}
		}
		t.Libraries = append(t.Libraries, l)
	}
	return t, nil
}

// members picks what the build has of a library.
func (b *build) members(lib string, all []Member) []Member {
	var out []Member
	for _, m := range all {
		full := lib + "." + m.Name
		if b.without[full] || !b.with[full] && !m.at(b.date) {
			continue
		}
		if v, ok := b.values[full]; ok {
			m.Kind, m.Int = Int, v
		}
		out = append(out, m)
	}
	return out
}
