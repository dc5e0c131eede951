package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"airlift/emu/iot/api"
	"airlift/emu/iot/api/apitest"
	"airlift/emu/sweep"
)

func TestMain(m *testing.M) {
	sweep.CollectSeldom() // also in each airlift that a script starts
	testscript.Main(described{m}, map[string]func(){"airlift": func() {
		if folder := os.Getenv(answersVar); folder != "" {
			apitest.Record(folder)
		}
		os.Exit(run(os.Args[1:]))
	}})
}

// answersVar is the variable with the folder in which an airlift that a test
// starts keeps what its platform answers.
const answersVar = "AIRLIFT_TEST_ANSWERS"

// described are the tests, which also check what the platform answers here and
// in every airlift that they start.
type described struct{ *testing.M }

func (d described) Run() int {
	folder, err := os.MkdirTemp("", "airlift-answers-")
	if err == nil {
		defer os.RemoveAll(folder)
		err = os.Setenv(answersVar, folder)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return apitest.Run(d.M, api.Description, folder)
}

// TestScripts runs the sessions in testdata/script: what a user types, and
// what must come out. The command `exitcode N airlift ...` checks the exact
// exit code; `lines FILE TEXT...` checks that lines containing the texts
// follow one another in FILE, with others between them; `samefield NAME A B`
// compares a JSON field of two files; `flip FILE OFFSET` inverts a byte. `serve
// FILE flags...` starts airlift serve and writes its address to FILE and to
// $SERVED, `get FILE
// PATH` asks it, `served OUT ERR` stops it, `certificate CERT KEY` makes it one,
// and `described PATH...` checks that answers for these paths were among those
// that are compared with the description. `docblock FILE DOC TEXT` takes the
// code block that begins with TEXT out of docs/DOC.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Files: scripts(t),
		Setup: func(env *testscript.Env) error {
			env.Setenv("LUATOS_SRC", os.Getenv("LUATOS_SRC"))
			env.Setenv(answersVar, os.Getenv(answersVar))
			action, err := filepath.Abs(filepath.Join("..", "..", ".github", "actions", "airlift"))
			if err != nil {
				return err
			}
			env.Setenv("ACTION", action)
			env.Values[servedKey{}] = new(*served)
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond == "luatos" {
				return os.Getenv("LUATOS_SRC") != "", nil
			}
			return false, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exitcode":    cmdExitCode,
			"lines":       cmdLines,
			"flip":        cmdFlip,
			"unhex":       cmdUnhex,
			"samefield":   cmdSameField,
			"serve":       cmdServe,
			"served":      cmdServed,
			"get":         cmdGet,
			"described":   cmdDescribed,
			"certificate": cmdCertificate,
			"docblock":    cmdDocBlock,
		},
	})
}

// sideBySide are commands that do several things at the same time. Sweeps alone
// are not among them: the tests of package sweep run the same side by side.
var sideBySide = regexp.MustCompile(`(?m)airlift (fuzz|merge|serve|survey|test) |^serve |--net real`)

// scripts are the sessions: with -short those in which the race detector, which
// makes all of them ten times as slow, can find something.
func scripts(t *testing.T) (names []string) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join("testdata", "script", "*.txtar"))
	if err != nil || len(all) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, name := range all {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !testing.Short() || sideBySide.Match(text) {
			names = append(names, name)
		}
	}
	return names
}

// oneByOne is what begins a long test that does one thing after the other: the
// race detector, with which -short is used, finds nothing there.
func oneByOne(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("not with -short: one thing after the other")
	}
}

// cmdExitCode runs a command and compares its exit code. It is a command of
// its own because `! airlift` takes any failure.
func cmdExitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exitcode N command...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("%s ended with %s, expected exit code %s", args[1], got, args[0])
	}
}

// cmdLines checks the order of lines in a file or in stdout.
func cmdLines(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: lines FILE text...")
	}
	lines := strings.Split(ts.ReadFile(args[0]), "\n")
	at := 0
	for _, want := range args[1:] {
		for at < len(lines) && !strings.Contains(lines[at], want) {
			at++
		}
		if at == len(lines) {
			ts.Fatalf("%s: no line with %q after those before it", args[0], want)
		}
		at++
	}
}

// cmdSameField compares one field of two JSON files.
func cmdSameField(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: samefield NAME A B")
	}
	value := func(file string) any {
		var v map[string]any
		if err := json.Unmarshal([]byte(ts.ReadFile(file)), &v); err != nil {
			ts.Fatalf("%s: %v", file, err)
		}
		if v[args[0]] == nil {
			ts.Fatalf("%s has no field %s", file, args[0])
		}
		return v[args[0]]
	}
	if a, b := value(args[1]), value(args[2]); (a == b) == neg {
		ts.Fatalf("%s: %v and %v", args[0], a, b)
	}
}

// cmdUnhex makes a binary file of a text file of hexadecimal digits.
func cmdUnhex(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: unhex text file")
	}
	data, err := hex.DecodeString(strings.Join(strings.Fields(ts.ReadFile(args[0])), ""))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), data, 0o644))
}

// cmdDocBlock takes a code block out of a document, so that what people are told
// to type is what is tested.
func cmdDocBlock(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: docblock FILE DOC TEXT")
	}
	// Scripts run in folders of their own; the documents are in the repository.
	text, err := os.ReadFile(filepath.Join(repo, "docs", args[1]))
	ts.Check(err)
	_, rest, ok := strings.Cut(string(text), "```sh\n"+args[2])
	block, _, closed := strings.Cut(rest, "```\n")
	if !ok || !closed {
		ts.Fatalf("docs/%s has no block that begins with %q", args[1], args[2])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(args[2]+block), 0o644))
}

// cmdFlip inverts one byte of a file.
func cmdFlip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: flip FILE OFFSET")
	}
	at, err := strconv.Atoi(args[1])
	ts.Check(err)
	name := ts.MkAbs(args[0])
	data, err := os.ReadFile(name)
	ts.Check(err)
	data[at] ^= 0xFF
	ts.Check(os.WriteFile(name, data, 0o644))
}
