package sweep

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"airlift/emu"
	"airlift/emu/fault"
)

// resultLines runs a sweep into a file and returns its lines, each with its newline.
func resultLines(t *testing.T, w *Sweep, opt Options) [][]byte {
	t.Helper()
	name := filepath.Join(t.TempDir(), "results")
	toFile(t, w, name, opt)
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(bytes.Lines(data))
}

// mergeLines merges files of these lines.
func mergeLines(t *testing.T, files ...[][]byte) error {
	t.Helper()
	var readers []*Reader
	for _, lines := range files {
		r, err := NewReader("results", bytes.NewReader(bytes.Join(lines, nil)))
		if err != nil {
			return err
		}
		readers = append(readers, r)
	}
	_, err := Merge(readers, new(bytes.Buffer))
	return err
}

// TestResultsFilesThatLie: a file that is not what one run of a shard writes is
// neither merged nor gone on with, whatever its ending says.
func TestResultsFilesThatLie(t *testing.T) {
	t.Parallel()
	two := []fault.How{{Kind: fault.Before}, {Kind: fault.After}}
	single, sample, pairs := small["file"], small["file"], small["file"]
	single.Hows, sample.Hows, pairs.Hows = two, two, two[:1]
	sample.Cuts, sample.Sample = 2, 70
	pairs.Cuts = 2
	for name, s := range map[string]Scenario{"single": single, "sample": sample, "pairs": pairs} {
		t.Run(name, func(t *testing.T) {
			w := openScenario(t, "file", s)
			a, b := resultLines(t, w, Options{Shards: 2}), resultLines(t, w, Options{Shard: 1, Shards: 2})
			if err := mergeLines(t, a, b); err != nil {
				t.Fatal(err)
			}
			without := func(lines [][]byte, i int) [][]byte { return slices.Delete(slices.Clone(lines), i, i+1) }
			swapped := slices.Clone(a)
			swapped[3], swapped[4] = swapped[4], swapped[3]
			mid := len(a) / 2
			wrong := slices.Clone(a)
			wrong[mid] = bytes.Replace(wrong[mid], []byte(`"outcome":"`), []byte(`"outcome":"un`), 1)
			foreign := slices.Insert(slices.Clone(a), mid, b[mid])
			if name != "pairs" { // where a unit may have any number of cases
				less := without(a, mid)
				less[len(less)-1] = []byte(fmt.Sprintf(`{"end":{"cases":%d}}`+"\n", len(less)-2))
				if err := mergeLines(t, less, b); err == nil || !strings.Contains(err.Error(), "expected case") {
					t.Errorf("a case is missing, and the ending knows: %v", err)
				}
			}
			for how, lines := range map[string][][]byte{
				"a line is missing":          without(a, mid),
				"the first case is missing":  without(a, 1),
				"the last case is missing":   without(a, len(a)-2),
				"a line is there twice":      slices.Insert(slices.Clone(a), mid, a[mid]),
				"two lines are swapped":      swapped,
				"a case of another shard":    foreign,
				"an unknown outcome":         wrong,
				"lines behind the end":       append(slices.Clone(a), b[1]),
				"two files in one":           append(slices.Clone(a), a...),
				"another number of cases":    append(slices.Clone(a[:len(a)-1]), []byte(`{"end":{"cases":3}}`+"\n")),
				"an ending that is no JSON":  append(slices.Clone(a[:len(a)-1]), []byte(`{"end":}`+"\n")),
				"a header in the middle":     slices.Insert(slices.Clone(a), mid, a[0]),
				"the ending of another file": append(without(a, len(a)-2)[:len(a)-2], a[len(a)-1]),
			} {
				if err := mergeLines(t, lines, b); err == nil {
					t.Errorf("%s: merged", how)
				}
			}
		})
	}
}

// TestMergeComparesHeaders: shards agree in all that their headers say of the
// sweep.
func TestMergeComparesHeaders(t *testing.T) {
	w := open(t, "file")
	a, b := resultLines(t, w, Options{Shards: 2}), resultLines(t, w, Options{Shard: 1, Shards: 2})
	for name, change := range map[string]func(*Header){
		"units":   func(h *Header) { h.Units++ },
		"package": func(h *Header) { h.Package++ },
		"ops":     func(h *Header) { h.Ops[1].Len = 7 },
		"fewer":   func(h *Header) { h.Ops = h.Ops[1:] },
		"clean":   func(h *Header) { h.Clean.Boots++ },
		"build":   func(h *Header) { h.Build = "another" },
	} {
		var h Header
		if err := json.Unmarshal(b[0], &h); err != nil {
			t.Fatal(err)
		}
		change(&h)
		line, err := json.Marshal(&h)
		if err != nil {
			t.Fatal(err)
		}
		if err := mergeLines(t, a, append([][]byte{append(line, '\n')}, b[1:]...)); err == nil || !strings.Contains(err.Error(), "different") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestResumeBeginning: a header that was not whole when the process was killed, or
// when the disk was full, is written again; other files are left alone.
func TestResumeBeginning(t *testing.T) {
	w := open(t, "file")
	want := bytes.Join(resultLines(t, w, Options{}), nil)
	header := bytes.IndexByte(want, '\n')
	name := filepath.Join(t.TempDir(), "results")
	for _, n := range []int{1, 2, header / 2, header} {
		if err := os.WriteFile(name, want[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		toFile(t, w, name, Options{})
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes of the header: %d bytes in the end, want %d (%v)", n, len(got), len(want), err)
		}
	}
	for _, text := range []string{"x", "precious", string(want[:header/2]) + "x", string(want[:header]) + "x"} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := Resume(f, w.Header(Options{}), NewSummary(w.Scenario, len(w.Clean.Ops))); err == nil {
			t.Errorf("%.20q: taken", text)
		}
		f.Close()
		if got, err := os.ReadFile(name); err != nil || string(got) != text {
			t.Errorf("%.20q: changed to %.20q (%v)", text, got, err)
		}
	}
}

// TestLock: a results file is one process's at a time.
func TestLock(t *testing.T) {
	name := filepath.Join(t.TempDir(), "results")
	var files []*os.File
	for range 2 {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files = append(files, f)
	}
	if err := Lock(files[0]); err != nil {
		t.Fatal(err)
	}
	if err := Lock(files[1]); !errors.Is(err, ErrBusy) {
		t.Errorf("twice: %v", err)
	}
	if _, err := files[0].Write([]byte("x")); err != nil {
		t.Error(err)
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != "x" {
		t.Errorf("reading what is locked: %q, %v", got, err)
	}
	files[0].Close()
	if err := Lock(files[1]); err != nil {
		t.Errorf("once the other is closed: %v", err)
	}
}

// TestResumeSystem: a sweep of stories with two cuts goes on where it was, though its
// cases are no clusters.
func TestResumeSystem(t *testing.T) {
	t.Parallel()
	s := small["system"]
	s.Cuts, s.Sample = 2, 17
	w := openScenario(t, "system", s)
	lines := resultLines(t, w, Options{})
	name := filepath.Join(t.TempDir(), "results")
	for _, n := range []int{18} {
		if err := os.WriteFile(name, bytes.Join(lines[:n], nil), 0o644); err != nil {
			t.Fatal(err)
		}
		toFile(t, w, name, Options{})
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, bytes.Join(lines, nil)) {
			t.Errorf("behind %d lines: %d bytes in the end, want %d (%v)", n, len(got), len(bytes.Join(lines, nil)), err)
		}
	}
}

// TestCleanRunGoesWrong: the run without a cut is a finding if it leaves neither
// version or breaks an invariant; that nobody reaches the module is none.
func TestCleanRunGoesWrong(t *testing.T) {
	for _, c := range []struct {
		outcome emu.Outcome
		broken  []Invariant
		wrong   bool
	}{
		{emu.OutcomeNew, nil, false},
		{emu.OutcomeOld, nil, false},
		{emu.OutcomeOld, []Invariant{Reachable}, false},
		{emu.OutcomeNew, []Invariant{Files}, true},
		{emu.OutcomeOld, []Invariant{Files, Reachable}, true},
		{emu.OutcomeMixed, nil, true},
		{emu.OutcomeBrick, []Invariant{Boots}, true},
	} {
		line := CleanLine{Outcome: c.outcome, Broken: c.broken}
		if line.Wrong() != c.wrong {
			t.Errorf("%s, broken %v: wrong %v", c.outcome, c.broken, line.Wrong())
		}
	}
}

// TestLetters: what ends badly has the letter of its outcome, what ends well and
// breaks an invariant all the same has one of its own.
func TestLetters(t *testing.T) {
	for _, o := range Outcomes {
		well := o.Outcome == emu.OutcomeNew || o.Outcome == emu.OutcomeOld
		if got := letterOf(&Result{Outcome: o.Outcome}); got != o.Letter {
			t.Errorf("%s: %c", o.Outcome, got)
		}
		if got := letterOf(&Result{Outcome: o.Outcome, Broken: []Invariant{Files}}); (got == LetterBroken) != well || !well && got != o.Letter {
			t.Errorf("%s with a broken invariant: %c", o.Outcome, got)
		}
	}
}
