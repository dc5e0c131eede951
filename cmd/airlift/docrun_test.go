package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A docBlock is a fenced block of a document.
type docBlock struct {
	doc   string // file name without folder
	line  int    // of its first line, from 1
	kind  string // text, console, sh, lua ...
	lines []string
}

// blocksOf returns the fenced blocks of a document.
func blocksOf(doc, text string) (blocks []docBlock) {
	fence := regexp.MustCompile("^ *```([a-z]*)")
	var open *docBlock
	for i, line := range strings.Split(text, "\n") {
		m := fence.FindStringSubmatch(line)
		switch {
		case m == nil && open != nil:
			open.lines = append(open.lines, line)
		case m != nil && open != nil:
			blocks, open = append(blocks, *open), nil
		case m != nil:
			open = &docBlock{doc: doc, line: i + 2, kind: m[1]}
		}
	}
	return blocks
}

// A docCommand is a line that a document has its reader type, and the lines
// that it shows below.
type docCommand struct {
	docBlock
	line  int
	text  string
	shows []string
}

func (c docCommand) String() string { return fmt.Sprintf("%s:%d: %s", c.doc, c.line, c.text) }

var airliftLine = regexp.MustCompile(`^(?:\$ )?(?:airlift|go run \./cmd/airlift) (.*)$`)

// commandsOf finds the airlift commands of a document's blocks.
func commandsOf(blocks []docBlock) (all []docCommand) {
	for _, b := range blocks {
		if len(b.lines) > 0 && strings.HasSuffix(b.lines[0], "[flags]") {
			continue // usage in docs/CLI.md
		}
		var last *docCommand
		for i, line := range b.lines {
			switch m := airliftLine.FindStringSubmatch(line); {
			case m != nil:
				all = append(all, docCommand{docBlock: b, line: b.line + i, text: "airlift " + m[1]})
				last = &all[len(all)-1]
			case last != nil && b.lines[0][0] == '$' && line != "":
				last.shows = append(last.shows, line)
			}
		}
	}
	return all
}

// shellWords splits a command line where words and quotes mean the same to sh,
// cmd.exe and PowerShell. What does not is an error.
func shellWords(line string) (words []string, err error) {
	var word strings.Builder
	inside, any := false, false
	for _, r := range line {
		switch {
		case r == '"':
			inside, any = !inside, true
		case r == ' ' && !inside:
			if any {
				words = append(words, word.String())
			}
			word.Reset()
			any = false
		case r == '#' && !any && !inside:
			return nil, fmt.Errorf("cmd.exe knows no comment behind a command")
		case strings.ContainsRune("`$", r), !inside && strings.ContainsRune("'%^&|<>()*,;{}", r):
			return nil, fmt.Errorf("%q means different things to sh, cmd.exe and PowerShell", r)
		default:
			word.WriteRune(r)
			any = true
		}
	}
	switch {
	case inside:
		return nil, fmt.Errorf("a quote is not closed")
	case strings.HasSuffix(line, `\`):
		return nil, fmt.Errorf("only sh goes on in the next line")
	case any:
		words = append(words, word.String())
	}
	return words, nil
}

func TestShellWords(t *testing.T) {
	for line, want := range map[string]string{
		`airlift run v1`:                       "airlift|run|v1",
		`airlift explain "imei=1&key= 2" -x`:   "airlift|explain|imei=1&key= 2|-x",
		`airlift boot a --console "\x1b\x1b"`:  `airlift|boot|a|--console|\x1b\x1b`,
		`airlift boot a --console '\x1b\x1b'`:  "",
		`airlift explain imei=1&key=2`:         "",
		`airlift sweep   # all of them`:        "",
		`airlift pack v1 \`:                    "",
		`airlift merge shard-*.jsonl`:          "",
		`airlift run "v1`:                      "",
		`airlift run v#1`:                      "airlift|run|v#1",
		`airlift merge $SHARDS`:                "",
		`airlift doctor p --ignore a,b`:        "",
		`airlift explain "imei=1&key=$KEY"`:    "",
		`airlift doctor myproject --format ""`: "airlift|doctor|myproject|--format|",
	} {
		words, err := shellWords(line)
		if got := strings.Join(words, "|"); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v; want %q", line, got, err, want)
		}
	}
}

// A reader follows a document in a folder of its own.
type reader struct {
	t     *testing.T
	doc   string
	block []docBlock
	all   map[string]string // text of all documents, by name
}

// write writes a file of the reader's.
func (r *reader) write(name, text string) {
	r.t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		r.t.Fatal(err)
	}
}

// text returns the n-th block of a kind, from 0.
func (r *reader) text(kind string, n int) string {
	r.t.Helper()
	for _, b := range r.block {
		if b.kind == kind {
			if n == 0 {
				return strings.Join(b.lines, "\n") + "\n"
			}
			n--
		}
	}
	r.t.Fatalf("docs/%s has too few %s blocks", r.doc, kind)
	return ""
}

// airlift types a command that the document only describes.
func (r *reader) airlift(args ...string) {
	r.t.Helper()
	if out, code := airlift(args); code != exitFine {
		r.t.Fatalf("airlift %s: exit code %d\n%s", strings.Join(args, " "), code, out)
	}
}

func airlift(args []string) (string, int) {
	var out bytes.Buffer
	code := (&app{out: &out, err: &out}).execute(args)
	return out.String(), code
}

// follow types a command of the document. What comes out has to have the lines
// that the document shows, and says, in their order.
func (r *reader) follow(c docCommand, code int, says []string) {
	words, err := shellWords(c.text)
	if err != nil {
		r.t.Errorf("%v: %v", c, err)
		return
	}
	out, got := airlift(words[1:])
	if got != code {
		r.t.Errorf("%v: exit code %d, want %d\n%s", c, got, code, out)
	}
	for _, texts := range [][]string{c.shows, says} {
		rest := squeeze(out)
		for _, text := range texts {
			_, after, ok := strings.Cut(rest, squeeze(text))
			if !ok && text != "..." {
				r.t.Errorf("%v: no %q, or not in this place, in\n%s", c, text, out)
				return
			}
			rest = after
		}
	}
}

// TestDocSessions types what the documents tell people to type, document by
// document, in the order of the document. What is not typed has its reason in
// docSessions.
func TestDocSessions(t *testing.T) {
	oneByOne(t)
	all := map[string]string{}
	for name, text := range documents(t) {
		all[filepath.Base(name)] = text
	}
	for _, doc := range slices.Sorted(maps.Keys(all)) {
		blocks := blocksOf(doc, all[doc])
		commands := commandsOf(blocks)
		s, ok := docSessions[doc]
		if !ok && len(commands) > 0 {
			t.Errorf("%v: docSessions has no word about %s", commands[0], doc)
		}
		for _, c := range commands {
			if _, err := shellWords(c.text); err != nil && c.kind != "sh" {
				t.Errorf("%v: %v", c, err)
			}
		}
		if len(commands) > 0 && s.whole == "" {
			t.Run(doc, func(t *testing.T) { s.run(&reader{t: t, doc: doc, block: blocks, all: all}, commands) })
		}
	}
	for doc := range docSessions {
		if all[doc] == "" {
			t.Errorf("docSessions: there is no document %s", doc)
		}
	}
}

// TestHelpExamples types the examples of --help, and wants some for each verb.
func TestHelpExamples(t *testing.T) {
	oneByOne(t)
	var typed []docCommand
	for _, c := range commands() {
		if c.RunE != nil && c.HasParent() && !c.HasSubCommands() && c.Example == "" && c.Flags().HasFlags() {
			t.Errorf("%s --help has no example", c.CommandPath())
		}
		lines := strings.Split(c.Example, "\n")
		for i := range lines {
			lines[i] = strings.TrimSpace(lines[i])
		}
		typed = append(typed, commandsOf([]docBlock{{doc: c.CommandPath(), line: 1, lines: lines}})...)
	}
	helpSession.run(&reader{t: t, doc: "--help"}, typed)
}

// types tells whether a command is typed.
func (s docSession) types(c docCommand) bool {
	switch why := s.not[c.text]; why {
	case longRun:
		return os.Getenv("AIRLIFT_SCALE") == "full"
	case slowRun:
		return !testing.Short()
	default:
		return why == ""
	}
}

// run follows one document.
func (s docSession) run(r *reader, commands []docCommand) {
	t := r.t
	t.Chdir(t.TempDir())
	if s.before != nil {
		s.before(r)
	}
	there := map[string]bool{}
	typed := 0
	for _, c := range commands {
		there[c.text] = true
		if !s.types(c) {
			continue
		}
		typed++
		r.follow(c, s.ends[c.text], s.says[c.text])
	}
	for _, text := range slices.Concat(slices.Collect(maps.Keys(s.not)), slices.Collect(maps.Keys(s.ends)), slices.Collect(maps.Keys(s.says))) {
		if !there[text] {
			t.Errorf("docSessions: %s does not say: %s", r.doc, text)
		}
	}
	t.Logf("%d of %d commands typed", typed, len(commands))
}
