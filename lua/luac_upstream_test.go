package lua_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"airlift/lua"
	"airlift/lua/lua53"
	"airlift/lua/luatest"
)

// upstreamProject is a folder of scripts: a demo with a main.lua, or one
// library that a main.lua of ours loads.
type upstreamProject struct {
	name  string
	files map[string]string // base name and source
}

// upstreamProjects finds the demos and libraries of a checkout.
func upstreamProjects(t *testing.T, root string) []upstreamProject {
	t.Helper()
	var out []upstreamProject
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(name) != ".lua" {
			return err
		}
		slash := filepath.ToSlash(name)
		base := filepath.Base(name)
		switch {
		case base == "main.lua" && strings.Contains(slash, "/demo/"):
			p := upstreamProject{name: filepath.Dir(name), files: map[string]string{}}
			list, err := filepath.Glob(filepath.Join(filepath.Dir(name), "*.lua"))
			if err != nil {
				return err
			}
			for _, f := range list {
				p.files[filepath.Base(f)] = read(t, f)
			}
			out = append(out, p)
		case strings.Contains(slash, "/script/libs/") || strings.Contains(slash, "/script/corelib/"):
			module := strings.TrimSuffix(base, ".lua")
			out = append(out, upstreamProject{name, map[string]string{
				"main.lua": `log.info("library", pcall(require, "` + module + `")) sys.run()`,
				base:       read(t, name),
			}})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// luacFile compiles a file with luac5.3.
func luacFile(t *testing.T, luac, name, src string, strip bool) (string, bool) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-o", "out", name}
	if strip {
		args = append([]string{"-s"}, args...)
	}
	cmd := exec.Command(luac, args...)
	cmd.Dir = dir
	if cmd.Run() != nil {
		return "", false
	}
	return read(t, filepath.Join(dir, "out")), true
}

var (
	position = regexp.MustCompile(`[^\s"'(]*(\.luac?|\?):-?\d*:?|\?: `)
	naming   = regexp.MustCompile(` \((local|global|field|method|upvalue|constant) '[^']*'\)|\n\t[^\n]*`)
)

// behaviour runs files for some virtual seconds and returns what the scripts
// log, without what bytecode has not: positions, and stripped of names.
func behaviour(t *testing.T, files map[string]string, stripped bool) string {
	b := luatest.New("")
	b.FW.Bits, b.FW.LuaMemory = 64, 4<<20
	for name, data := range files {
		b.Write("/luadb/"+name, data)
	}
	b.Limit = 3 * time.Second
	exit := run(t, b, lua.Options{Steps: 2_000_000})
	text := position.ReplaceAllString(b.Text(), "@:") + "\n" + position.ReplaceAllString(exit.Err, "@:")
	if stripped {
		text = withoutDebugInfo(text)
	}
	return text
}

// withoutDebugInfo takes out what stripped bytecode does not know.
func withoutDebugInfo(text string) string {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "@: ", ""), "@:", "")
	return naming.ReplaceAllString(text, "")
}

// TestUpstreamCompiled runs upstream's demos and loads its libraries as
// source, as luac5.3's bytecode and as ours: all behave the same.
func TestUpstreamCompiled(t *testing.T) {
	root := os.Getenv("LUATOS_SRC")
	luac, err := exec.LookPath("luac5.3")
	if root == "" || err != nil {
		t.Skip("LUATOS_SRC is not set or luac5.3 not installed: compiled demos and libraries of upstream were NOT tried")
	}
	projects := upstreamProjects(t, root)
	step, ran := 40, 0
	if os.Getenv("AIRLIFT_SCALE") == "full" {
		step = 1
	}
	for i := 0; i < len(projects); i += step {
		p := projects[i]
		source := behaviour(t, p.files, false)
		ran++
		for _, strip := range []bool{false, true} {
			theirs, ours := map[string]string{}, map[string]string{}
			for name, src := range p.files {
				code, ok := luacFile(t, luac, name, src, strip)
				if !ok {
					t.Logf("%s: luac5.3 refuses %s", p.name, name)
					theirs[name], ours[name] = src, src
					continue
				}
				theirs[name+"c"] = code
				proto, err := lua53.Compile(string(lua53.SkipPrefix([]byte(src))), "@"+name, 64)
				if err != nil {
					t.Fatal(err)
				}
				b, err := proto.Dump(lua53.LayoutMCU64, strip)
				if err != nil {
					t.Fatal(err)
				}
				ours[name+"c"] = string(b)
			}
			want := source
			if strip {
				want = withoutDebugInfo(source)
			}
			for who, files := range map[string]map[string]string{"luac5.3": theirs, "our compiler": ours} {
				if got := behaviour(t, files, strip); got != want {
					t.Errorf("%s, bytecode of %s, stripped %v: source\n%.3000s\nbytecode\n%.3000s", p.name, who, strip, want, got)
				}
			}
		}
	}
	t.Logf("%d of %d demos and libraries behave as bytecode like their source", ran, len(projects))
	if ran == 0 {
		t.Error("no projects found")
	}
}
