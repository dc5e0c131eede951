package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"airlift/chips/guest/guests"
)

const ownBoard = `format: airlift-board/1
model: Own
flash:
  - size: 512KiB
    partitions:
      - {name: state, kind: sysparam, offset: 0x8000, size: 16KiB}
      - {name: scratch, kind: sysparam, offset: 0xC000, size: 4KiB}
      - {name: slot0, kind: app, offset: 0x10000, size: 128KiB}
      - {name: slot1, kind: app, offset: 0x30000, size: 128KiB}
      - {name: kv, kind: kv, offset: 0x50000, size: 64KiB}
      - {name: fs, kind: fs, offset: 0x60000, size: 128KiB}
boot: {guest: my boot.wasm}
updater: {guest: agent.wasm}
`

// command runs airlift and returns the exit code and all that it says.
func command(args ...string) (int, string) {
	var out bytes.Buffer
	a := &app{out: &out, err: &out}
	code := a.execute(args)
	return code, out.String()
}

// putGuest puts a guest that is shipped into a file, with a custom section that
// makes it another file.
func putGuest(t *testing.T, file, name, mark string) {
	t.Helper()
	wasm, err := guests.Wasm(name)
	if err == nil {
		section := append([]byte{0, byte(len(mark) + 1), byte(len(mark))}, mark...)
		err = os.WriteFile(file, append(wasm[:len(wasm):len(wasm)], section...), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestReplayWithOtherFiles replays a case with every file of the board changed
// in turn: each is refused by its name.
func TestReplayWithOtherFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	restore := func() {
		putGuest(t, "my boot.wasm", "naive", "boot")
		putGuest(t, "agent.wasm", "naive", "agent")
		if err := os.WriteFile("board.yaml", []byte(ownBoard), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	restore()
	flags := []string{"--chip-file", "board.yaml", "--sample", "100", "--old-core-size", "8192", "--mode", "update"}
	code, out := command(append([]string{"sweep", "--out", "results.jsonl"}, flags...)...)
	if code != exitFindings {
		t.Fatalf("exit code %d\n%s", code, out)
	}
	id := between(out, "airlift replay ", " ")
	if want := "airlift replay " + id + " --chip-file board.yaml --results results.jsonl\n"; strings.Count(id, "-") != 3 || !strings.Contains(out, want) {
		t.Fatalf("ID %q: expected one with three hashes, and the line %q in\n%s", id, want, out)
	}
	ways := map[string][]string{"flags": append([]string{"replay", id}, flags...), "results": {"replay", id, "--chip-file", "board.yaml", "--results", "results.jsonl"}}
	for name, args := range ways {
		if code, out := command(args...); code != exitFindings || !strings.Contains(out, "brick") {
			t.Fatalf("%s: exit code %d\n%s", name, code, out)
		}
		for _, c := range []struct {
			change func()
			want   string
		}{
			{func() { putGuest(t, "my boot.wasm", "naive", "other") }, "boot code my boot.wasm (sha256 "},
			{func() { putGuest(t, "agent.wasm", "naive", "other") }, "update agent agent.wasm (sha256 "},
			{func() { _ = os.WriteFile("board.yaml", []byte(ownBoard+"# other\n"), 0o644) }, "board file board.yaml (sha256 "},
		} {
			c.change()
			if code, out := command(args...); code != exitUsage || !strings.Contains(out, c.want) {
				t.Errorf("%s: exit code %d, expected %d and %q\n%s", name, code, exitUsage, c.want, out)
			}
			restore()
		}
	}
	if code, out := command("replay", id, "--results", "results.jsonl"); code != exitUsage {
		t.Errorf("without the board: exit code %d\n%s", code, out)
	}
}

// TestReplayWithOtherBoot does the same with --boot, of which the name has to be
// quoted in a shell.
func TestReplayWithOtherBoot(t *testing.T) {
	t.Chdir(t.TempDir())
	putGuest(t, "my boot.wasm", "naive", "boot")
	args := []string{"--boot", "my boot.wasm", "--chip", "genswap", "--old-core-size", "8192"}
	code, out := command(append([]string{"sweep", "--sample", "100", "--format", "json"}, args...)...)
	var sum struct {
		Findings []struct{ ID string }
	}
	if err := json.NewDecoder(strings.NewReader(out)).Decode(&sum); err != nil || code != exitFindings || len(sum.Findings) == 0 {
		t.Fatalf("exit code %d, %v\n%s", code, err, out)
	}
	replay := append([]string{"replay", sum.Findings[0].ID, "--sample", "100"}, args...)
	if code, out := command(replay...); code != exitFindings {
		t.Fatalf("exit code %d\n%s", code, out)
	}
	putGuest(t, "my boot.wasm", "swap", "boot")
	if code, out := command(replay...); code != exitUsage || !strings.Contains(out, "boot code and update agent my boot.wasm") && !strings.Contains(out, "update agent and boot code my boot.wasm") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if _, out := command(append([]string{"sweep", "--sample", "100"}, args[:4]...)...); !strings.Contains(out, "every case ends") {
		t.Errorf("the other guest is swept anew:\n%s", out)
	}
}

// between is the text behind before up to after.
func between(s, before, after string) string {
	_, s, _ = strings.Cut(s, before)
	s, _, _ = strings.Cut(s, after)
	return s
}

// TestReplayAsPrinted types what a sweep prints, with flags of every kind.
func TestReplayAsPrinted(t *testing.T) {
	code, out := command("sweep", "--chip", "air780e", "--mode", "update", "--sample", "2", "--repair", "--damages", "3000")
	args := strings.Fields(between(out, "airlift ", "\n"))
	if code != exitFindings || len(args) < 2 || args[0] != "replay" {
		t.Fatalf("exit code %d and %q, expected a finding\n%s", code, args, out)
	}
	if code, out := command(args...); code != exitFindings || !strings.Contains(out, "trace sha256") {
		t.Errorf("%q: exit code %d\n%s", args, code, out)
	}
}

func TestQuoteFor(t *testing.T) {
	for word, want := range map[string][2]string{
		"my.wasm": {"my.wasm", "my.wasm"}, "a b": {"'a b'", `"a b"`}, "": {"''", `""`},
		"it's": {`'it'\''s'`, `"it's"`}, `C:\x`: {`'C:\x'`, `C:\x`}, `C:\my files`: {`'C:\my files'`, `"C:\my files"`},
	} {
		for i, system := range []string{"linux", "windows"} {
			if got := quoteFor(system, word); got != want[i] {
				t.Errorf("%s: %q: %s, want %s", system, word, got, want[i])
			}
		}
	}
}
