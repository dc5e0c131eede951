package main

import (
	"flag"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"airlift/emu/iot"
	"airlift/emu/link"
)

var updateDocs = flag.Bool("update", false, "rewrite the flag lists in docs/CLI.md")

// root of the repository, seen from this package.
const repo = "../.."

// commands returns every command that help shows, parents first.
func commands() (all []*cobra.Command) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		all = append(all, c)
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() {
				walk(sub)
			}
		}
	}
	walk((&app{out: io.Discard, err: io.Discard}).root())
	return all
}

// usage is what docs/CLI.md has to say of a command, word for word.
func usage(c *cobra.Command) string {
	flags := c.LocalFlags()
	flags.SortFlags = true
	return "```text\n" + strings.TrimRight(c.UseLine()+"\n\n"+flags.FlagUsages(), "\n") + "\n```\n"
}

// TestCLIDoc compares docs/CLI.md with the commands: a section for each, with
// the flags as --help shows them.
func TestCLIDoc(t *testing.T) {
	file := filepath.Join(repo, "docs", "CLI.md")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	doc := string(text)
	for _, c := range commands() {
		heading := "\n## `" + c.CommandPath() + "`\n"
		at := strings.Index(doc, heading)
		if at < 0 {
			t.Errorf("no section%s", heading)
			continue
		}
		from := at + len(heading)
		end := len(doc)
		if i := strings.Index(doc[from:], "\n## "); i >= 0 {
			end = from + i
		}
		open := strings.Index(doc[from:end], "```text\n")
		shut := -1
		if open >= 0 {
			shut = strings.Index(doc[from+open+8:end], "```\n")
		}
		if shut < 0 {
			t.Errorf("section %s has no ```text block with the usage", c.CommandPath())
			continue
		}
		first, last := from+open, from+open+8+shut+4
		switch {
		case doc[first:last] == usage(c):
		case *updateDocs:
			doc = doc[:first] + usage(c) + doc[last:]
		default:
			t.Errorf("%s: the flags in docs/CLI.md are not those of --help (go test ./cmd/airlift -run CLIDoc -update):\n%s", c.CommandPath(), usage(c))
		}
	}
	for _, m := range regexp.MustCompile("(?m)^## `(airlift[^`]*)`$").FindAllStringSubmatch(doc, -1) {
		if known(m[1]) == nil {
			t.Errorf("section for %q, which is no command", m[1])
		}
	}
	if *updateDocs && doc != string(text) {
		if err := os.WriteFile(file, []byte(doc), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func known(path string) *cobra.Command {
	for _, c := range commands() {
		if c.CommandPath() == path {
			return c
		}
	}
	return nil
}

// documents are the texts for people.
func documents(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(repo, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob(filepath.Join(repo, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	docs := map[string]string{}
	for _, name := range append(names, more...) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		docs[name] = string(text)
	}
	if len(docs) < 10 {
		t.Fatalf("only %d documents found", len(docs))
	}
	return docs
}

// TestDocExamples finds the command lines in all documents and checks that
// verbs and flags exist, so that an example cannot outlive what it shows.
func TestDocExamples(t *testing.T) {
	line := regexp.MustCompile(`(?m)^(?:\$ )?(?:airlift|go run \./cmd/airlift)((?: [^\n]*)?)$`)
	block := regexp.MustCompile("(?s)```[a-z]*\n(.*?)```")
	seen := 0
	for name, text := range documents(t) {
		for _, b := range block.FindAllStringSubmatch(text, -1) {
			if strings.Contains(b[1], "[flags]") {
				continue // TestCLIDoc has those
			}
			for _, m := range line.FindAllStringSubmatch(b[1], -1) {
				seen++
				if err := checkExample(strings.Fields(m[1])); err != "" {
					t.Errorf("%s: airlift%s: %s", name, m[1], err)
				}
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d examples found", seen)
	}
}

// TestDocMentions: commands that a text mentions exist with their flags, and
// none is in an indented block, where TestDocSessions does not look.
func TestDocMentions(t *testing.T) {
	root := (&app{out: io.Discard, err: io.Discard}).root()
	seen := 0
	for name, text := range documents(t) {
		outside := regexp.MustCompile("(?s)```.*?```").ReplaceAllString(text, "")
		if m := regexp.MustCompile(`(?m)^    airlift .*$`).FindString(outside); m != "" {
			t.Errorf("%s: %q: commands are in blocks with ```", name, m)
		}
		for _, m := range regexp.MustCompile("`airlift ([^`]*)`").FindAllStringSubmatch(text, -1) {
			words := strings.Fields(m[1])
			if c, _, err := root.Find(words); words[0] == "VERB" || err == nil && c == root && words[0] == "--help" {
				continue
			}
			seen++
			if err := checkExample(words); err != "" {
				t.Errorf("%s: airlift %s: %s", name, m[1], err)
			}
		}
	}
	if seen < 50 {
		t.Errorf("only %d mentions found", seen)
	}
}

// checkExample says what is wrong with a command line.
func checkExample(words []string) string {
	root := (&app{out: io.Discard, err: io.Discard}).root()
	c, _, err := root.Find(words)
	if err != nil {
		return err.Error()
	}
	if c == root && len(words) > 0 && !strings.HasPrefix(words[0], "-") {
		return "no such verb"
	}
	flags := pflag.NewFlagSet("all", pflag.ContinueOnError)
	flags.AddFlagSet(c.LocalFlags())
	flags.AddFlagSet(c.InheritedFlags())
	for _, w := range words {
		switch {
		case w == "|" || w == ">" || w == "2>" || w == "#":
			return ""
		case strings.HasPrefix(w, "--"):
			name, _, _ := strings.Cut(w[2:], "=")
			if name != "help" && flags.Lookup(name) == nil {
				return "no flag " + w
			}
		case len(w) == 2 && w[0] == '-' && flags.ShorthandLookup(w[1:]) == nil && w != "-h":
			return "no flag " + w
		}
	}
	return ""
}

// TestDocLinks follows every link to a file of the repository, and to a heading
// in it.
func TestDocLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]*)(#[^)]*)?\)`)
	docs := documents(t)
	for name, text := range docs {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			file := name
			if m[1] != "" {
				file = filepath.Join(filepath.Dir(name), filepath.FromSlash(m[1]))
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s: link to %s: %v", name, m[1], err)
			}
			if m[2] != "" && !slices.Contains(anchors(docs[file]), m[2][1:]) {
				t.Errorf("%s: link to %s%s: no such heading", name, m[1], m[2])
			}
		}
	}
}

// anchors are the names that a document's headings get on the web.
func anchors(text string) (all []string) {
	other := regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	for _, m := range regexp.MustCompile("(?m)^#+ (.*)$").FindAllStringSubmatch(text, -1) {
		all = append(all, strings.ReplaceAll(strings.ToLower(other.ReplaceAllString(m[1], "")), " ", "-"))
	}
	return all
}

// TestDocGoTests: the tests and benchmarks that documents tell people to run
// exist in the packages that they name.
func TestDocGoTests(t *testing.T) {
	seen := 0
	for name, text := range documents(t) {
		for _, m := range regexp.MustCompile("go test ([^`\n]*)").FindAllStringSubmatch(text, -1) {
			words := strings.Fields(strings.NewReplacer("'", "", `"`, "", ";", " ", ",", " ", ")", " ").Replace(m[1]))
			for i, w := range words {
				if (w == "-run" || w == "-bench") && i+1 < len(words) && words[i+1] != "^$" && words[i+1] != "NAME" {
					seen++
					kind := map[string]string{"-run": "(?:Test|Fuzz)", "-bench": "Benchmark"}[w]
					if !hasTest(t, words, kind, words[i+1]) {
						t.Errorf("%s: go test %s: no such test", name, m[1])
					}
				}
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d found", seen)
	}
}

// hasTest tells whether a package of a go test command has a test that the
// pattern selects.
func hasTest(t *testing.T, words []string, kind, pattern string) bool {
	t.Helper()
	pattern, _, _ = strings.Cut(pattern, "/")
	want, err := regexp.Compile(pattern)
	if err != nil {
		return false
	}
	function := regexp.MustCompile("(?m)^func (" + kind + `\w+)\(`)
	for _, w := range words {
		folder, below := strings.CutSuffix(w, "/...")
		if !strings.HasPrefix(folder, ".") {
			continue
		}
		found := false
		err := filepath.WalkDir(filepath.Join(repo, filepath.FromSlash(folder)), func(file string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && !below && filepath.Clean(file) != filepath.Join(repo, filepath.FromSlash(folder)):
				return filepath.SkipDir
			case !strings.HasSuffix(file, "_test.go"):
				return nil
			}
			text, err := os.ReadFile(file)
			for _, m := range function.FindAllStringSubmatch(string(text), -1) {
				found = found || want.MatchString(m[1])
			}
			return err
		})
		if err != nil || found {
			return err == nil
		}
	}
	return false
}

// TestDesignNamesPackages: DESIGN.md has every package of the project.
func TestDesignNamesPackages(t *testing.T) {
	text := documents(t)[filepath.Join(repo, "DESIGN.md")]
	packages := map[string]bool{}
	err := filepath.WalkDir(repo, func(file string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && len(d.Name()) > 2) {
			return filepath.SkipDir
		}
		if strings.HasSuffix(file, ".go") && !strings.HasSuffix(file, "_test.go") {
			folder, err := filepath.Rel(repo, filepath.Dir(file))
			if err != nil {
				return err
			}
			packages[filepath.ToSlash(folder)] = true
		}
		return err
	})
	if err != nil || len(packages) < 40 {
		t.Fatal(err, len(packages))
	}
	for name := range packages {
		if !regexp.MustCompile(`\b` + regexp.QuoteMeta(path.Base(name)) + `\b`).MatchString(text) {
			t.Errorf("DESIGN.md does not name the package %s", name)
		}
	}
}

// TestRationaleNamesModules: RATIONALE.md has a reason for every module that
// go.mod requires, at the version that is required.
func TestRationaleNamesModules(t *testing.T) {
	mod, err := os.ReadFile(filepath.Join(repo, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	text := documents(t)[filepath.Join(repo, "RATIONALE.md")]
	direct := regexp.MustCompile(`(?m)^\t(\S+) (v\S+)$`).FindAllStringSubmatch(string(mod), -1)
	if len(direct) < 10 {
		t.Fatalf("only %d modules in go.mod", len(direct))
	}
	for _, m := range direct {
		if !strings.Contains(text, "| "+m[1]+" "+m[2]+" |") {
			t.Errorf("RATIONALE.md has no line | %s %s |", m[1], m[2])
		}
	}
}

// TestDocConfig builds the platform of docs/PLATFORM.md.
func TestDocConfig(t *testing.T) {
	text := documents(t)[filepath.Join(repo, "docs", "PLATFORM.md")]
	m := regexp.MustCompile("(?s)```json\n(.*?)```").FindStringSubmatch(text)
	if m == nil {
		t.Fatal("no JSON in docs/PLATFORM.md")
	}
	cfg, err := iot.LoadConfig([]byte(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := cfg.Build(1, func(string) ([]byte, error) { return []byte("package"), nil }); err != nil {
		t.Error(err)
	}
	for _, set := range iot.AnswerSetNames {
		if !strings.Contains(text, "| `"+set+"` |") {
			t.Errorf("answer set %s is not described", set)
		}
	}
	for _, c := range iot.Comparators {
		if !strings.Contains(text, "`"+string(c)+"`") {
			t.Errorf("comparator %s is not described", c)
		}
	}
	for _, name := range link.Presets {
		if !strings.Contains(text, "`"+name+"` (") {
			t.Errorf("link %s is not described", name)
		}
	}
}

// TestLuaDoc asks a module: every library must be named in docs/LUA.md, and
// those that it says are refused must be.
func TestLuaDoc(t *testing.T) {
	text := documents(t)[filepath.Join(repo, "docs", "LUA.md")]
	m := regexp.MustCompile(`(?s)Refused as a whole: (.*?)\.\n`).FindStringSubmatch(text)
	if m == nil {
		t.Fatal("docs/LUA.md does not say what is refused as a whole")
	}
	refused := map[string]bool{}
	for _, name := range regexp.MustCompile("`([a-zA-Z0-9]+)`").FindAllStringSubmatch(m[1], -1) {
		refused[name[1]] = true
	}
	script := filepath.Join(t.TempDir(), "ask.lua")
	if err := os.WriteFile(script, []byte(`
for name, lib in pairs(_G) do
    if type(lib) == "table" and name ~= "_G" and name ~= "package" then
        local all = true
        for _, f in pairs(lib) do
            local ok, e = true, ""
            if type(f) == "function" and name ~= "rtos" and name ~= "sys" and name ~= "pm" then ok, e = pcall(f) end
            if ok or not tostring(e):find("is not emulated", 1, true) then all = false end
        end
        print("LIB", name, all and next(lib) ~= nil)
    end
end
`), 0o644); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	root := (&app{out: &out, err: io.Discard}).root()
	root.SetArgs([]string{"run", script, "--chip", "air6208", "--for", "1s", "--quiet"})
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, lib := range regexp.MustCompile(`LIB[ \t](\w+)[ \t](true|false)`).FindAllStringSubmatch(out.String(), -1) {
		seen[lib[1]] = true
		if !strings.Contains(text, "`"+lib[1]+"`") {
			t.Errorf("docs/LUA.md does not name %s", lib[1])
		}
		if all := lib[2] == "true"; all != refused[lib[1]] {
			t.Errorf("%s: all of it refused is %v, docs/LUA.md says %v", lib[1], all, refused[lib[1]])
		}
	}
	if len(seen) < 20 || !seen["http"] {
		t.Errorf("the module names only %v\n%s", seen, out.String())
	}
}

// TestReadmesAgree: both READMEs name the same commands and link to the same
// documents.
func TestReadmesAgree(t *testing.T) {
	docs := documents(t)
	en, zh := docs[filepath.Join(repo, "README.md")], docs[filepath.Join(repo, "README.zh-CN.md")]
	for _, pattern := range []string{`\]\((docs/[^)]*|(DESIGN|RATIONALE|CONTRIBUTING)\.md)\)`, "(?m)^go [^\n]*$", "`(airlift [a-z]+)", "(?s)```text\n.*?```"} {
		a, b := regexp.MustCompile(pattern).FindAllString(en, -1), regexp.MustCompile(pattern).FindAllString(zh, -1)
		if strings.Join(a, "\n") != strings.Join(b, "\n") || len(a) == 0 {
			t.Errorf("%s:\nREADME.md       %q\nREADME.zh-CN.md %q", pattern, a, b)
		}
	}
	for _, c := range commands() {
		if c.HasParent() && !strings.Contains(en, "`"+c.CommandPath()) && !strings.Contains(en, c.Name()) {
			t.Errorf("README.md does not name %s", c.CommandPath())
		}
	}
}

// TestReadmeSession runs the demo that the README shows: its lines must come,
// in this order. Time stamps may move.
func TestReadmeSession(t *testing.T) {
	text := documents(t)[filepath.Join(repo, "README.md")]
	m := regexp.MustCompile("(?s)```text\n(.*?)```").FindStringSubmatch(text)
	if m == nil {
		t.Fatal("no session in README.md")
	}
	var out strings.Builder
	a := &app{out: &out, err: io.Discard}
	root := a.root()
	root.SetArgs([]string{"demo"})
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	stamp := regexp.MustCompile(`(?m)^\[ *[0-9]+\.[0-9]{6}\]`)
	lines := strings.Split(stamp.ReplaceAllString(out.String(), ""), "\n")
	at := 0
	for _, want := range strings.Split(strings.TrimSpace(stamp.ReplaceAllString(m[1], "")), "\n") {
		if want == "..." {
			continue
		}
		for at < len(lines) && lines[at] != want {
			at++
		}
		if at == len(lines) {
			t.Fatalf("the demo does not say %q, or not in this place", want)
		}
	}
}
