package project

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"airlift/flash/luadb"
	"airlift/lua/lua53"
)

// names are the files of the image that a project makes, without the trailer.
func names(t *testing.T, p *Project) []string {
	t.Helper()
	img, err := p.Image()
	if err != nil {
		t.Fatal(err)
	}
	read, err := luadb.Parse(img)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range read.Files[:len(read.Files)-1] {
		out = append(out, f.Name)
	}
	return out
}

func testProject(t *testing.T, pairs ...string) *Project {
	t.Helper()
	var files []luadb.File
	for i := 0; i < len(pairs); i += 2 {
		files = append(files, luadb.File{Name: pairs[i], Data: []byte(pairs[i+1])})
	}
	p, err := FromFiles(files)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestApply(t *testing.T) {
	source := []string{
		"main.lua", "PROJECT = 'p'\nrequire 'net'\nlocal r = require\nr('alias')\npcall(require, 'maybe')\nlog.info(require('a').b)",
		"net.lua", "local function f() return require('deep') end",
		"deep.lua", "require('net')",
		"alias.lua", "", "maybe.lua", "", "a.lua", "return {b = 1}",
		"unused.lua", "require('deep')", "named.lua", "local n = 'named'",
		"logo.jpg", "\xFF\xD8",
	}
	for _, c := range []struct {
		name  string
		b     Build
		files string
		left  string
	}{
		{"as it is", Build{}, "a.lua alias.lua deep.lua logo.jpg main.lua maybe.lua named.lua net.lua unused.lua", ""},
		{"compiled", Build{Luac: true, Bits: 32}, "a.luac alias.luac deep.luac main.luac maybe.luac named.luac net.luac unused.luac logo.jpg", ""},
		{"shaken", Build{TreeShake: true, Bits: 64}, "a.lua alias.lua deep.lua logo.jpg main.lua maybe.lua net.lua", "unused.lua named.lua"},
		{"both", Build{Luac: true, TreeShake: true, Strip: true, Bits: 64}, "a.luac alias.luac deep.luac main.luac maybe.luac net.luac logo.jpg", "unused.lua named.lua"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, left, err := testProject(t, source...).Apply(c.b)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(names(t, out), " "); got != c.files {
				t.Errorf("files %s, expected %s", got, c.files)
			}
			if got := strings.Join(left, " "); got != c.left {
				t.Errorf("left out %s, expected %s", got, c.left)
			}
			if out.Name != "p" {
				t.Errorf("PROJECT is %q", out.Name)
			}
		})
	}
}

// TestApplyLayout: the bytecode is for the firmware's numbers and a 32-bit
// processor, named after its source, and stripped only if asked for.
func TestApplyLayout(t *testing.T) {
	for _, bits := range []int{32, 64} {
		for _, strip := range []bool{false, true} {
			out, _, err := testProject(t, "main.lua", "local counter = 1.5\nreturn counter").Apply(Build{Luac: true, Strip: strip, Bits: bits})
			if err != nil {
				t.Fatal(err)
			}
			code := out.Files[0].Data
			want := map[int]lua53.Layout{32: lua53.Layout32, 64: lua53.LayoutMCU64}[bits]
			if got, err := lua53.ChunkLayout(code); err != nil || got != want {
				t.Errorf("%d bits: layout %v, %v", bits, got, err)
			}
			for _, text := range []string{"\x0a@main.lua", "counter"} {
				if bytes.Contains(code, []byte(text)) == strip {
					t.Errorf("%d bits, strip %v: %q in the bytecode: %v", bits, strip, text, !strip)
				}
			}
		}
	}
}

func TestApplyRefuses(t *testing.T) {
	_, _, err := testProject(t, "main.lua", "x = = 1").Apply(Build{Luac: true, Bits: 32})
	var syntax *lua53.SyntaxError
	if !errors.As(err, &syntax) || syntax.Line != 1 {
		t.Errorf("a script with a mistake: %v", err)
	}
	wide, _, err := testProject(t, "main.lua", "return 1").Apply(Build{Luac: true, Bits: 64})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := wide.Apply(Build{TreeShake: true, Bits: 32}); !errors.Is(err, lua53.ErrWidth) {
		t.Errorf("bytecode of the other width: %v", err)
	}
}

// TestShakeCompiled: bytecode is shaken too, and where both forms of a module
// are there the device loads the compiled one.
func TestShakeCompiled(t *testing.T) {
	p, _, err := testProject(t, "main.lua", "require 'x'", "x.lua", "", "y.lua", "").Apply(Build{Luac: true, Strip: true, Bits: 32})
	if err != nil {
		t.Fatal(err)
	}
	p.Files = append(p.Files, luadb.File{Name: "x.lua"})
	out, left, err := p.Apply(Build{TreeShake: true, Bits: 32})
	if err != nil {
		t.Fatal(err)
	}
	if got := names(t, out); !slices.Equal(got, []string{"main.luac", "x.luac"}) || !slices.Equal(left, []string{"y.luac", "x.lua"}) {
		t.Errorf("kept %v, left out %v", got, left)
	}
}
