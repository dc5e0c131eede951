package lua

import (
	"strings"

	"github.com/spf13/afero"
	glua "github.com/yuin/gopher-lua"
)

// Surface is what scripts find on a module before they have done anything.
type Surface struct {
	Globals map[string]Global
	// Modules are the names that require finds in /lua/.
	Modules map[string]bool
}

// Global is one global variable.
type Global struct {
	Type   string           // as type() says: "table", "function" ...
	Fields map[string]Field // of a table
	// Refused says that calling it, a function, is refused.
	Refused bool
}

// Field is one field of a library.
type Field struct {
	Type string
	// Refused says that the firmware has the function and that calling it here
	// is an error that names it.
	Refused bool
}

// refusal notes that the library function name is refused. Refusals that
// depend on arguments are not noted.
func (m *Machine) refusal(name string) {
	if m.opts.Surface == nil {
		return
	}
	if m.refusals == nil {
		m.refusals = map[string]bool{}
	}
	m.refusals[name] = true
}

// showSurface tells what there is.
func (m *Machine) showSurface() {
	if m.opts.Surface == nil {
		return
	}
	s := Surface{Globals: map[string]Global{}, Modules: map[string]bool{}}
	eachName(m, m.vm.Globals(), func(name string, v glua.LValue) {
		g := Global{Type: typeName(v), Refused: m.refusals[name]}
		if t, ok := v.(*glua.LTable); ok && t != m.vm.Globals() {
			g.Fields = map[string]Field{}
			eachName(m, t, func(field string, v glua.LValue) {
				g.Fields[field] = Field{Type: typeName(v), Refused: m.refusals[name+"."+field]}
			})
		}
		s.Globals[name] = g
	})
	infos, _ := afero.ReadDir(m.files.libs, "/")
	for _, info := range infos {
		if base, ok := strings.CutSuffix(strings.TrimSuffix(info.Name(), "c"), ".lua"); ok {
			s.Modules[base] = true
		}
	}
	m.opts.Surface(s)
}

func eachName(m *Machine, t *glua.LTable, visit func(name string, v glua.LValue)) {
	t.ForEach(func(k, v glua.LValue) {
		if name, ok := k.(glua.LString); ok {
			visit(string(name), v)
		}
	})
}
