package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestGuestTutorial does what docs/GUEST-TUTORIAL.md says: commands of console
// blocks are run, the lines below them must be in what comes out, in this
// order, and diff blocks change boot.c.
func TestGuestTutorial(t *testing.T) {
	oneByOne(t)
	for _, tool := range []string{"clang", "wasm-ld"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the tutorial was NOT tried: %s is not installed", tool)
		}
	}
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "GUEST-TUTORIAL.md"))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	tut := &tutorial{t: t}
	for i, block := range strings.Split(string(doc), "```") {
		kind, text, _ := strings.Cut(block, "\n")
		switch {
		case i%2 == 0:
		case kind == "console":
			tut.console(text)
		case kind == "diff":
			tut.diff(text)
		}
	}
	if tut.commands < 9 {
		t.Errorf("only %d commands were found in the tutorial", tut.commands)
	}
}

type tutorial struct {
	t        *testing.T
	commands int
	command  string
	rest     string // of the output of the last command
}

func (u *tutorial) console(text string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			u.run(command)
			continue
		}
		_, after, ok := strings.Cut(u.rest, squeeze(line))
		if !ok {
			u.t.Fatalf("%s: no %q in\n%s", u.command, line, u.rest)
		}
		u.rest = after
	}
}

var blanks = regexp.MustCompile(` +`)

// squeeze makes one blank of many: how wide columns are does not matter.
func squeeze(text string) string { return blanks.ReplaceAllString(text, " ") }

// run runs a command of the tutorial.
func (u *tutorial) run(command string) {
	u.commands++
	u.command = command
	args := strings.Fields(command)
	switch args[0] {
	case "cd":
		u.t.Chdir(args[1])
	case "airlift":
		var out bytes.Buffer
		a := &app{out: &out, err: &out}
		if code := a.execute(args[1:]); code != exitFine && code != exitFindings {
			u.t.Fatalf("%s: exit code %d\n%s", command, code, out.String())
		}
		u.rest = squeeze(out.String())
	default:
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		if err != nil {
			u.t.Fatalf("%s: %v\n%s", command, err, out)
		}
		u.rest = squeeze(string(out))
	}
}

// diff changes boot.c.
func (u *tutorial) diff(text string) {
	var before, after strings.Builder
	for line := range strings.Lines(text) {
		if line[0] != '+' {
			before.WriteString(line[1:])
		}
		if line[0] != '-' {
			after.WriteString(line[1:])
		}
	}
	code, err := os.ReadFile("boot.c")
	if err != nil {
		u.t.Fatal(err)
	}
	if n := strings.Count(string(code), before.String()); n != 1 {
		u.t.Fatalf("the lines of the diff are %d times in boot.c:\n%s", n, before.String())
	}
	code = []byte(strings.Replace(string(code), before.String(), after.String(), 1))
	if err := os.WriteFile("boot.c", code, 0o666); err != nil {
		u.t.Fatal(err)
	}
}
