package doctor

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"airlift/chips/all"
	"airlift/emu/project"
	"airlift/flash/luadb"
	"airlift/lua"
	"airlift/lua/lua53"
)

// surfaces are what the modules of the examples offer.
var surfaces = map[string]lua.Surface{}

// example is one file of testdata: a project, on what it is to run, and what
// must be found, no more and no less.
type example struct {
	model, profile, coreDate, libDate string
	input                             Input
	want                              []string
}

// readExample reads the lines in front of a txtar's files: `chip MODEL PROFILE`,
// `dates CORE LIBRARIES`, `fill FILE BYTES`, `want ID FILE:LINE`. Files below lib/ are laid over
// the libraries, those that end in .luacNN are compiled for NN bits.
func readExample(t *testing.T, name string) example {
	t.Helper()
	a, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	e := example{model: "air601", profile: "g2"}
	for _, line := range strings.Split(string(a.Comment), "\n") {
		words := strings.Fields(line)
		switch {
		case len(words) == 3 && words[0] == "chip":
			e.model, e.profile = words[1], words[2]
		case len(words) == 3 && words[0] == "dates":
			e.coreDate, e.libDate = words[1], words[2]
		case len(words) == 3 && words[0] == "fill":
			var n int
			fmt.Sscan(words[2], &n)
			a.Files = append(a.Files, txtar.File{Name: words[1], Data: make([]byte, n)})
		case len(words) >= 2 && words[0] == "want":
			e.want = append(e.want, strings.Join(words[1:], " "))
		case len(words) > 0 && words[0] != "#":
			t.Fatalf("%s: line %q", name, line)
		}
	}
	var files []luadb.File
	for _, f := range a.Files {
		if lib, ok := strings.CutPrefix(f.Name, "lib/"); ok {
			if e.input.Libs == nil {
				e.input.Libs = map[string][]byte{}
			}
			e.input.Libs[lib] = f.Data
			continue
		}
		files = append(files, compiled(t, f))
	}
	if e.input.Project, err = project.FromFiles(files); err != nil {
		t.Fatal(err)
	}
	return e
}

func compiled(t *testing.T, f txtar.File) luadb.File {
	t.Helper()
	for bits, layout := range map[int]lua53.Layout{32: lua53.Layout32, 64: lua53.LayoutMCU64} {
		if base, ok := strings.CutSuffix(f.Name, fmt.Sprintf(".luac%d", bits)); ok {
			p, err := lua53.Compile(string(f.Data), "@"+base+".lua", bits)
			if err != nil {
				t.Fatal(err)
			}
			code, err := p.Dump(layout, false)
			if err != nil {
				t.Fatal(err)
			}
			return luadb.File{Name: base + ".luac", Data: code}
		}
	}
	return luadb.File{Name: f.Name, Data: f.Data}
}

// examine runs the doctor on an example.
func (e *example) examine(t *testing.T) []string {
	t.Helper()
	chip, err := all.Chip(e.model, e.profile)
	if err != nil {
		t.Fatal(err)
	}
	key := e.model + e.profile
	s, ok := surfaces[key]
	if !ok {
		if s, err = SurfaceOf(chip, nil); err != nil {
			t.Fatal(err)
		}
		surfaces[key] = s
	}
	e.input.Surface = s
	e.input.Chip = chip
	if e.libDate != "" {
		p := *chip.Profile
		p.CoreDate, p.LibDate = e.coreDate, e.libDate
		chip.Profile = &p
	}
	var got []string
	for _, f := range Examine(e.input).Findings {
		s := f.ID
		if f.File != "" {
			s += " " + f.File
		}
		if f.Line > 0 {
			s += fmt.Sprintf(":%d", f.Line)
		}
		if f.More > 0 {
			s += fmt.Sprintf(" +%d", f.More)
		}
		got = append(got, s)
	}
	return got
}

// TestExamples looks through the projects in testdata. Each check has one of
// its name that has what it looks for, and nothing else but what it says.
func TestExamples(t *testing.T) {
	names, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, name := range names {
		id := strings.TrimSuffix(filepath.Base(name), ".txtar")
		t.Run(id, func(t *testing.T) {
			e := readExample(t, name)
			got := e.examine(t)
			want := slices.Clone(e.want)
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("found\n  %s\nexpected\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
			}
			for _, w := range want {
				shown[strings.Fields(w)[0]+" in "+id] = true
			}
		})
	}
	for _, c := range Checks() {
		if !shown[c.ID+" in "+c.ID] {
			t.Errorf("testdata/%s.txtar does not show %s", c.ID, c.ID)
		}
	}
}

func TestChecksAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Checks() {
		if c.ID == "" || c.Looks == "" || c.Why == "" || c.Repair == "" || !slices.Contains(severities, c.Severity) {
			t.Errorf("%+v", c)
		}
		if seen[c.ID] {
			t.Errorf("%s twice", c.ID)
		}
		seen[c.ID] = true
	}
}

// The demos of upstream are no test of correctness, but none may hang or
// panic, and none may be taken for a file that does not compile.
func TestUpstream(t *testing.T) {
	src := os.Getenv("LUATOS_SRC")
	if src == "" {
		t.Skip("LUATOS_SRC is not set: no project of LuatOS was looked through")
	}
	e := example{model: "air6208", profile: "g3"}
	count := map[string]int{}
	projects := 0
	err := filepath.WalkDir(src, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.Name() != "main.lua" || !strings.Contains(name, "fota") {
			return nil
		}
		p, err := project.Load(filepath.Dir(name))
		if err != nil {
			return nil
		}
		projects++
		e.input.Project = p
		for _, f := range e.examine(t) {
			count[strings.Fields(f)[0]]++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if projects < 20 || count["syntax"] > 0 {
		t.Errorf("%d projects, %d with syntax errors", projects, count["syntax"])
	}
	t.Logf("%d projects: %v", projects, count)
}

var updateDoc = flag.Bool("update", false, "rewrite the list of checks in docs/DOCTOR.md")

// described is the list of checks as docs/DOCTOR.md has it.
func described() string {
	var b strings.Builder
	for _, s := range severities {
		fmt.Fprintf(&b, "## %ss\n\n", strings.ToUpper(string(s[:1]))+string(s[1:]))
		for _, c := range Checks() {
			if c.Severity == s {
				fmt.Fprintf(&b, "**`%s`**: %s.\n- Why: %s.\n- Repair: %s.\n\n", c.ID, c.Looks, c.Why, c.Repair)
			}
		}
	}
	return b.String()
}

// FuzzExamine looks through anything: no panic, and every finding is one of the
// checks, in a line that is there.
func FuzzExamine(f *testing.F) {
	names, _ := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	for _, name := range names {
		a, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(a.Files[0].Data))
	}
	f.Add("sys.timerLoopStart(libfota2.request, 1e300) while true do libfota.request() sys.wait(0/0) end")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := project.FromFiles([]luadb.File{{Name: "main.lua", Data: []byte(text)}})
		if err != nil {
			t.Skip()
		}
		e := example{model: "air6208", profile: "g3", input: Input{Project: p}}
		e.examine(t)
		for _, found := range Examine(e.input).Findings {
			if checksByID[found.ID] == nil || found.Line > strings.Count(text, "\n")+strings.Count(text, "\r")+1 {
				t.Errorf("%+v", found)
			}
		}
	})
}

// TestDoc keeps docs/DOCTOR.md true.
func TestDoc(t *testing.T) {
	name := filepath.Join("..", "..", "docs", "DOCTOR.md")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	head, _, ok := strings.Cut(string(text), "## Errors\n")
	if !ok {
		t.Fatal("docs/DOCTOR.md has no part Errors")
	}
	want := strings.TrimRight(head+described(), "\n") + "\n"
	if want == string(text) {
		return
	}
	if !*updateDoc {
		t.Fatal("docs/DOCTOR.md does not list the checks as they are: go test ./emu/doctor -run Doc -update")
	}
	if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}
