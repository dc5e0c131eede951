package syntax

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	glua "github.com/yuin/gopher-lua"
)

func compile(name, src string) error {
	c, err := Parse(name, src, 32)
	if err != nil {
		return err
	}
	_, err = glua.Compile(c.Stmts, name)
	return err
}

// TestErrors compares messages with those of luac 5.3.
func TestErrors(t *testing.T) {
	for src, want := range map[string]string{
		"x = = 1":                            "f.lua:1: unexpected symbol near '='",
		"x = 1 +":                            "f.lua:1: unexpected symbol near <eof>",
		"\n\nif x then":                      "f.lua:3: 'end' expected near <eof>",
		"if x then\n\n":                      "f.lua:3: 'end' expected (to close 'if' at line 1) near <eof>",
		"for i = 1 do end":                   "f.lua:1: ',' expected near 'do'",
		"x = 'abc":                           "f.lua:1: unfinished string near <eof>",
		"x = 'abc\n'":                        "f.lua:1: unfinished string near ''abc'",
		"x = [[abc":                          "f.lua:1: unfinished long string (starting at line 1) near <eof>",
		"--[[ abc\n":                         "f.lua:2: unfinished long comment (starting at line 1) near <eof>",
		"break":                              "f.lua:1: <break> at line 1 not inside a loop",
		"x = 3x":                             "f.lua:1: syntax error near <eof>",
		"x = 0xg":                            "f.lua:1: malformed number near '0x'",
		"x = 3..2":                           "f.lua:1: malformed number near '3..2'",
		"x = '\\q'":                          "f.lua:1: invalid escape sequence '\\q'",
		"x = '\\300'":                        "f.lua:1: decimal escape too large near '\\300'",
		"x = @":                              "f.lua:1: unexpected symbol near '@'",
		"function f() return ... end":        "f.lua:1: cannot use '...' outside a vararg function near '...'",
		"return 1 x = 2":                     "f.lua:1: <eof> expected near 'x'",
		"f(":                                 "f.lua:1: unexpected symbol near <eof>",
		"a.b:c = 1":                          "f.lua:1: function arguments expected near '='",
		"(a) = 1":                            "f.lua:1: syntax error near '='",
		"local function f.x() end":           "f.lua:1: '(' expected near '.'",
		strings.Repeat("(", 500):             "f.lua:1: chunk has too many syntax levels",
		"x = " + strings.Repeat("-", 600):    "f.lua:1: unexpected symbol near <eof>",
		"x = " + strings.Repeat("- ", 600):   "f.lua:1: chunk has too many syntax levels",
		"x = 1" + strings.Repeat("+1", 5000): "f.lua:1: expression or statement is too long: more than 4000 parts",
	} {
		err := compile("f.lua", src)
		if err == nil {
			t.Errorf("%.40q: no error, expected %s", src, want)
			continue
		}
		if err.Error() != want {
			t.Errorf("%.40q:\n\t%s\nexpected\n\t%s", src, err, want)
		}
		var se *Error
		if !errors.As(err, &se) || se.Off < 0 || se.Off > len(src) {
			t.Errorf("%.40q: offset of %#v", src, err)
		}
	}
}

// TestCorpus parses and compiles every Lua file of an upstream checkout.
func TestCorpus(t *testing.T) {
	dir := os.Getenv("LUATOS_SRC")
	if dir == "" {
		t.Skip("LUATOS_SRC is not set: no upstream file was parsed")
	}
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".lua" {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		if err := compile(d.Name(), string(b)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 {
		t.Fatalf("%s has no Lua files", dir)
	}
	t.Logf("%d files", files)
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"local x <const> = 1", "return a // b & c | d ~ e << f >> ~g .. h", "for i=1,2 do goto x ::x:: end",
		"x = {1, a=2, [3]=4; f'x', g[[y]]}", "repeat local a until a", "while 1 do break x = 1 end",
		"function a.b:c(...) return ... end", "x = '\\x41\\u{20AC}\\z  \\\n'", "#!/bin/lua\nprint(1)", "\xEF\xBB\xBFx=1",
		"a[1], b.c = f(), 0x7fffffff, 0x1p4, 010, 1e999",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		if len(src) > 1<<16 {
			return
		}
		c, err := Parse("f", src, 32)
		if err != nil {
			return
		}
		defer func() {
			// The compiler behind is not ours and may panic; package lua
			// recovers. It may not overflow the stack, which cannot be caught.
			_ = recover()
		}()
		_, _ = glua.Compile(c.Stmts, "f")
	})
}
