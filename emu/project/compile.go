package project

import (
	"bytes"
	"fmt"
	"strings"

	"airlift/flash/luadb"
	"airlift/lua/lua53"
)

// Build says what is done to a project's scripts on their way into an image.
// The zero value leaves them as they are.
type Build struct {
	// Luac compiles the .lua files to .luac, as production packages have them
	// (luadb-and-packages.md 1.7).
	Luac bool
	// Strip leaves line numbers and names out of the bytecode. LuaTools keeps
	// them.
	Strip bool
	// TreeShake leaves out the scripts that no literal require reaches from
	// main, as LuaTools does by default.
	TreeShake bool
	// Bits is the width of the firmware's Lua numbers, 32 or 64.
	Bits int
}

// Apply returns the project as b makes it. Resources stay as they are, and
// left lists the names of scripts that were left out. A script that does not
// compile is an error that says where.
func (p *Project) Apply(b Build) (out *Project, left []string, err error) {
	if !b.Luac && !b.TreeShake {
		return p, nil, nil
	}
	scripts := map[string]*script{}
	for _, f := range p.Files {
		if isScript(f.Name) {
			if scripts[f.Name], err = compile(f, b.Bits); err != nil {
				return nil, nil, err
			}
		}
	}
	if b.TreeShake {
		reach(scripts)
	}
	out = &Project{Name: p.Name, Version: p.Version}
	for _, f := range p.Files {
		s := scripts[f.Name]
		switch {
		case s == nil:
		case b.TreeShake && !s.reached:
			left = append(left, f.Name)
			continue
		case b.Luac:
			if f, err = s.bytecode(f, b); err != nil {
				return nil, nil, err
			}
		}
		out.Files = append(out.Files, f)
	}
	return out, left, nil
}

type script struct {
	proto   *lua53.Proto
	reached bool
}

const (
	sourceExt   = ".lua"
	bytecodeExt = ".luac"
)

func isScript(name string) bool {
	return strings.HasSuffix(name, sourceExt) || strings.HasSuffix(name, bytecodeExt)
}

// compile reads a script, source or bytecode, whatever its name says: that is
// how the firmware loads it.
func compile(f luadb.File, bits int) (*script, error) {
	chunk := lua53.SkipPrefix(f.Data)
	s := &script{}
	var err error
	if bytes.HasPrefix(chunk, []byte("\x1bLua")) {
		s.proto, err = lua53.Undump(chunk, "@"+f.Name, bits)
	} else {
		s.proto, err = lua53.Compile(string(chunk), "@"+f.Name, bits)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot compile the script: %w", err)
	}
	return s, nil
}

// bytecode is f as it lies in a production package: for a processor of 32 bits
// and the width of numbers of its firmware (luatos-runtime.md 11.5). A file
// that is bytecode already stays, unless it is to be stripped.
func (s *script) bytecode(f luadb.File, b Build) (luadb.File, error) {
	if strings.HasSuffix(f.Name, bytecodeExt) && !b.Strip {
		return f, nil
	}
	layout := lua53.Layout32
	if b.Bits == 64 {
		layout = lua53.LayoutMCU64
	}
	data, err := s.proto.Dump(layout, b.Strip)
	if err != nil {
		return f, fmt.Errorf("cannot compile the script %s: %w", f.Name, err)
	}
	return luadb.File{Name: strings.TrimSuffix(strings.TrimSuffix(f.Name, bytecodeExt), sourceExt) + bytecodeExt, Data: data}, nil
}

// reach marks the scripts that main reaches. Of two forms of one module the
// device takes the compiled one, and so the other is never reached.
func reach(scripts map[string]*script) {
	waiting := []string{"main"}
	for len(waiting) > 0 {
		name := waiting[0]
		waiting = waiting[1:]
		s := scripts[name+bytecodeExt]
		if s == nil {
			s = scripts[name+sourceExt]
		}
		if s != nil && !s.reached {
			s.reached = true
			waiting = append(waiting, s.proto.Requires()...)
		}
	}
}
