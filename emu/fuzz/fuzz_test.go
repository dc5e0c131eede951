package fuzz

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"airlift/chips/all"
	"airlift/chips/guest"
	"airlift/chips/guest/guests"
	"airlift/emu"
	"airlift/emu/fault"
	"airlift/emu/sweep"
)

// prepare makes the upgrade of a guest's board with the guest as boot code.
func prepare(t testing.TB, name string) *sweep.Sweep {
	t.Helper()
	wasm, err := guests.Wasm(name)
	if err != nil {
		t.Fatal(err)
	}
	d, err := guest.Describe(name, wasm)
	if err != nil {
		t.Fatal(err)
	}
	c, err := all.Chip(d.Board, "")
	if err != nil {
		t.Fatal(err)
	}
	if c, err = guest.WithBoot(c, name, wasm); err != nil {
		t.Fatal(err)
	}
	w, err := sweep.New(&sweep.Scenario{Name: name, Chip: d.Board, Mode: sweep.ModeUpdate, WearMax: 4 * FaultsMax, Old: sweep.Version{CoreBytes: 6 << 10}, New: sweep.Version{CoreBytes: 7 << 10, ScriptBytes: 1000}}, c)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// chip prepares a built-in scenario.
func chip(t testing.TB, name string) *sweep.Sweep {
	t.Helper()
	s, err := sweep.FindBuiltin(name)
	if err != nil {
		t.Fatal(err)
	}
	s.Mode = sweep.ModeUpdate
	c, err := all.Chip(s.Chip, s.Profile)
	if err != nil {
		t.Fatal(err)
	}
	w, err := sweep.New(s, c)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestPlantedBugs lets the fuzzer find the mistakes of guests, and wants each as
// small as it can be: one power cut and nothing else.
func TestPlantedBugs(t *testing.T) {
	for _, name := range []string{"broken-flag-first", "broken-no-verify", "broken-only-copy", "broken-no-journal"} {
		t.Run(name, func(t *testing.T) {
			w := prepare(t, name)
			f := New(w, 1)
			for f.Stats.Runs < 4096 && !minimal(f) {
				if err := f.Run(context.Background(), Options{Runs: f.Stats.Runs + roundRuns}, Discard); err != nil {
					t.Fatal(err)
				}
			}
			if !minimal(f) {
				t.Fatalf("no finding of one power cut in %d runs, %d findings", f.Stats.Runs, len(f.Findings))
			}
			for _, x := range f.Findings {
				checkFinding(t, w, x)
			}
			t.Logf("%d runs, %d findings", f.Stats.Runs, len(f.Findings))
		})
	}
}

func minimal(f *Fuzzer) bool {
	for _, x := range f.Findings {
		if bad := x.Result.Outcome == emu.OutcomeBrick || x.Result.Outcome == emu.OutcomeStuck; bad && len(x.Trial.Faults) == 1 && len(x.Trial.Package)+len(x.Trial.Flash) == 0 {
			return true
		}
	}
	return false
}

// checkFinding runs a finding again: what was found and what was made of it go
// wrong alike, and none of the changes can be left out.
func checkFinding(t *testing.T, w *sweep.Sweep, x *Finding) {
	t.Helper()
	for _, trial := range []*sweep.Trial{&x.Found, &x.Trial} {
		out, err := w.Try(trial, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		if out.Result.Signature() != x.Signature {
			t.Errorf("finding %d: run again it is %s, was %s", x.Number, out.Result.Signature(), x.Signature)
		}
	}
	if x.Tries >= triesMax {
		return
	}
	n := len(x.Trial.Package) + len(x.Trial.Flash) + len(x.Trial.Faults)
	for i := range n {
		less := cloneTrial(&x.Trial)
		switch j := i - len(less.Package); {
		case j < 0:
			dropEdit(&less.Package, i)
		case j < len(less.Flash):
			dropEdit(&less.Flash, j)
		default:
			j -= len(less.Flash)
			less.Faults = append(less.Faults[:j], less.Faults[j+1:]...)
		}
		out, err := w.Try(&less, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		if !out.Result.Fine() && out.Result.Signature() == x.Signature {
			t.Errorf("finding %d goes wrong without change %d of %d too", x.Number, i, n)
		}
	}
}

// TestSafeGuest wants that power cuts alone break nothing of a boot code that is
// right.
func TestSafeGuest(t *testing.T) {
	f := New(prepare(t, "swap"), 3)
	if err := f.Run(context.Background(), Options{Runs: 1024}, Discard); err != nil {
		t.Fatal(err)
	}
	for _, x := range f.Findings {
		if len(x.Trial.Package)+len(x.Trial.Flash) == 0 && x.Result.Outcome != emu.OutcomeNew && x.Result.Outcome != emu.OutcomeOld {
			t.Errorf("%s by %v", x.Signature, Describe(&x.Trial))
		}
	}
	if f.Stats.Outcomes[emu.OutcomeNew] == 0 || f.Stats.Outcomes[emu.OutcomeOld] == 0 {
		t.Errorf("outcomes are %v: the runs show too little", f.Stats.Outcomes)
	}
}

const killRuns = 32 * roundRuns

// file runs a fuzzer into a file and returns the file.
func file(t *testing.T, w *sweep.Sweep, name string, opt Options) []byte {
	t.Helper()
	out, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	f := New(w, 7)
	log, err := f.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Run(context.Background(), opt, log); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestSameFile wants the same file from any number of workers, in one go or in
// pieces, and after what a kill can leave.
func TestSameFile(t *testing.T) {
	w := prepare(t, "naive")
	dir := t.TempDir()
	want := file(t, w, filepath.Join(dir, "one"), Options{Runs: killRuns, Workers: 1})
	if !bytes.Contains(want, []byte(`"found"`)) {
		t.Fatal("nothing was found: the test shows nothing")
	}
	if got := file(t, w, filepath.Join(dir, "four"), Options{Runs: killRuns, Workers: 4}); !bytes.Equal(got, want) {
		t.Error("four workers come to another file")
	}
	pieces := filepath.Join(dir, "pieces")
	file(t, w, pieces, Options{Runs: killRuns / 2})
	if got := file(t, w, pieces, Options{Runs: killRuns}); !bytes.Equal(got, want) {
		t.Error("two pieces come to another file")
	}
	found := bytes.Index(want, []byte("\n{\"found\""))
	found += 2 + bytes.IndexByte(want[found+1:], '\n') // behind the first finding, in the middle of its round
	for _, n := range []int{len(want) / 3, found, found + 10, 20} {
		name := filepath.Join(dir, "torn-off")
		if err := os.WriteFile(name, want[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		if got := file(t, w, name, Options{Runs: killRuns}); !bytes.Equal(got, want) {
			t.Errorf("gone on with after %d bytes, the file is another", n)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		torn := filepath.Join(dir, "torn")
		n := rapid.IntRange(0, len(want)).Draw(r, "bytes")
		if err := os.WriteFile(torn, want[:n], 0o644); err != nil {
			r.Fatal(err)
		}
		out, err := os.OpenFile(torn, os.O_RDWR, 0o644)
		if err != nil {
			r.Fatal(err)
		}
		defer out.Close()
		f := New(w, 7)
		if _, err := f.Open(out); err != nil {
			r.Fatal(err)
		}
		got, err := os.ReadFile(torn)
		if err != nil {
			r.Fatal(err)
		}
		if !bytes.HasPrefix(want, got) || f.Stats.Runs%roundRuns != 0 {
			r.Fatalf("of %d bytes %d are left, after %d runs", n, len(got), f.Stats.Runs)
		}
	})
}

// TestKilled kills a fuzzer in another process, and goes on with its file.
func TestKilled(t *testing.T) {
	const env = "AIRLIFT_FUZZ_CHILD"
	w := prepare(t, "naive")
	if name := os.Getenv(env); name != "" {
		file(t, w, name, Options{}) // until it is killed
		return
	}
	dir := t.TempDir()
	name := filepath.Join(dir, "killed")
	child := exec.Command(os.Args[0], "-test.run=^TestKilled$")
	child.Env = append(os.Environ(), env+"="+name)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	rounds := 0
	for deadline := time.Now().Add(time.Minute); rounds < 3 && time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		data, err := os.ReadFile(name)
		if err == nil {
			rounds = bytes.Count(data, []byte("\n{\"round\":"))
		}
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err == nil {
		t.Fatal("the child ended by itself")
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	done := uint64(bytes.Count(data, []byte("\n{\"round\":"))) * roundRuns
	if done == 0 {
		t.Fatal("the child had written no round")
	}
	runs := done + 2*roundRuns
	if got, want := file(t, w, name, Options{Runs: runs}), file(t, w, filepath.Join(dir, "whole"), Options{Runs: runs}); !bytes.Equal(got, want) {
		t.Errorf("killed after %d runs and gone on with, the file has %d bytes, in one go %d", done, len(got), len(want))
	}
}

// TestOpenRefuses wants an error for files of something else.
func TestOpenRefuses(t *testing.T) {
	w := prepare(t, "naive")
	for name, text := range map[string]string{
		"no JSON":      "hello\n",
		"another seed": strings.Replace(headerText(t, w), `"seed":7`, `"seed":8`, 1),
		"no line":      headerText(t, w) + "{}\n{\"round\":{}}\n",
		"counts":       headerText(t, w) + "{\"round\":{\"runs\":64,\"corpus\":3,\"outcomes\":{}}}\n",
	} {
		f := New(w, 7)
		if _, err := f.read(name, strings.NewReader(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func headerText(t *testing.T, w *sweep.Sweep) string {
	t.Helper()
	text, err := json.Marshal(New(w, 7).Header())
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + "\n"
}

// FuzzFile feeds any bytes as a fuzz file.
func FuzzFile(f *testing.F) {
	w := prepare(f, "naive")
	head, err := json.Marshal(New(w, 7).Header())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(head, "\n{\"round\":{\"runs\":64,\"outcomes\":{}}}\n"...))
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		keep, err := New(w, 7).read("file", bytes.NewReader(data))
		if err == nil && (keep < 0 || keep > int64(len(data))) {
			t.Errorf("keep %d of %d bytes", keep, len(data))
		}
	})
}

// FuzzEdit holds edits against what they must not do: change their input, grow
// without bound, panic.
func FuzzEdit(f *testing.F) {
	f.Add([]byte("package"), `{"do":"swap","off":1,"to":3,"bytes":2}`)
	f.Add([]byte("package"), `{"do":"set","off":9223372036854775807,"data":"00ff"}`)
	f.Add([]byte{}, `{"do":"flip","bits":1}`)
	f.Add([]byte("package"), `{"do":"fill","off":2,"bytes":9223372036854775807,"data":"ff"}`)
	f.Add([]byte("package"), `{"do":"remove","off":2,"bytes":3}`)
	f.Fuzz(func(t *testing.T, p []byte, text string) {
		var e fault.Edit
		if json.Unmarshal([]byte(text), &e) != nil || e.Check() != nil {
			return
		}
		before := bytes.Clone(p)
		out := e.Apply(p)
		if !bytes.Equal(p, before) {
			t.Error("the edit changed its input")
		}
		if len(out) > len(p)+len(e.Data) {
			t.Errorf("%d bytes became %d", len(p), len(out))
		}
		_ = e.String()
	})
}

// FuzzUpgrade tries upgrades with the changes that a trial in JSON says, behind a
// digit that picks the module: nothing may panic or hang, and the same trial comes
// to the same.
func FuzzUpgrade(f *testing.F) {
	boards := []*sweep.Sweep{prepare(f, "swap"), chip(f, "xt804-download"), chip(f, "ec618-download")}
	for _, name := range seeds(f) {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var trial sweep.Trial
		if len(data) == 0 || json.Unmarshal(data[1:], &trial) != nil || len(trial.Package)+len(trial.Flash)+len(trial.Faults) > 8 {
			return
		}
		w := boards[int(data[0]-'0')%len(boards)]
		a, err := w.Try(&trial, nil, false)
		if err != nil {
			return
		}
		b, err := w.Try(&trial, nil, false)
		if err != nil || a.Result.Signature() != b.Result.Signature() || a.Ops != b.Ops {
			t.Errorf("once %+v, once %+v, %v", a.Result, b, err)
		}
	})
}

func seeds(t testing.TB) []string {
	t.Helper()
	names, err := filepath.Glob("testdata/seeds/FuzzUpgrade/*")
	if err != nil || len(names) == 0 {
		t.Fatalf("no seeds: %v", err)
	}
	return names
}

// TestSeeds wants every seed to be a trial that can be made, and the dictionary to
// have every edit and every way to fail.
func TestSeeds(t *testing.T) {
	for _, name := range seeds(t) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var trial sweep.Trial
		d := json.NewDecoder(bytes.NewReader(data[1:]))
		d.DisallowUnknownFields()
		if err := d.Decode(&trial); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	dict, err := os.ReadFile("testdata/FuzzUpgrade.dict")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range fault.EditKinds {
		if !strings.Contains(string(dict), `\"`+string(k)+`\"`) {
			t.Errorf("the dictionary does not have the edit %s", k)
		}
	}
	for _, h := range fault.DefaultHows() {
		if !strings.Contains(string(dict), `\"how\":\"`+string(h.Kind)) {
			t.Errorf("the dictionary does not have the way %s", h.Kind)
		}
	}
}
