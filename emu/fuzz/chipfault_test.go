package fuzz

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"airlift/chips"
	"airlift/chips/guest/guesttest"
	"airlift/emu"
	"airlift/emu/fault"
	"airlift/emu/sweep"
	"airlift/flash"
)

// planted is the boot code of a guest, which has no mistake, behind something that
// has one.
type planted struct {
	chips.Bootloader
	mistake func(e *chips.Env) (lost bool, err error)
}

const plantedStatus = "planted"

// Boot implements chips.Bootloader.
func (p planted) Boot(e *chips.Env) (chips.BootResult, error) {
	lost, err := p.mistake(e)
	if lost || err != nil {
		e.Step(chips.Step{Stage: "boot", Kind: chips.KindDecide, Text: plantedStatus})
		return chips.BootResult{Outcome: chips.BootFailed, Status: plantedStatus}, err
	}
	return p.Bootloader.Boot(e)
}

// blindNote counts the restarts in a sector behind the boot code, and locks the
// module for good if the count is not what it wrote. A power cut does not show it,
// as the next boot writes no note.
func blindNote(e *chips.Env) (bool, error) {
	const note, lock = 0x007000, 0x006000
	d := e.Board.Flash[0]
	read := func(off int64) (n uint32, err error) {
		var p [4]byte
		_, err = d.ReadAt(p[:], off)
		return binary.LittleEndian.Uint32(p[:]), err
	}
	if locked, err := read(lock); locked == 0 || err != nil || e.Board.Reset != chips.ResetSoftware {
		return locked == 0, err
	}
	was, err := read(note)
	if err != nil {
		return false, err
	}
	if err := d.Erase(note, flash.DefaultSectorSize); err != nil {
		return false, err
	}
	if err := d.Program(note, binary.LittleEndian.AppendUint32(nil, was+2)); err != nil {
		return false, err
	}
	if is, err := read(note); is == was+2 || err != nil {
		return false, err
	}
	return true, d.Program(lock, make([]byte, 4))
}

// plant prepares the upgrade of the board of the guest swap with such a mistake.
func plant(t testing.TB, mistake func(*chips.Env) (bool, error)) *sweep.Sweep {
	t.Helper()
	c := *guesttest.Chip(t, "swap")
	c.Bootloader = planted{c.Bootloader, mistake}
	w, err := sweep.New(&sweep.Scenario{Name: "planted", Chip: c.Model.Name, Mode: sweep.ModeUpdate, WearMax: 4 * FaultsMax, Old: sweep.Version{CoreBytes: 6 << 10}, New: sweep.Version{CoreBytes: 7 << 10, ScriptBytes: 1000}}, &c)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestPlantedChipBugs lets the fuzzer find mistakes that no cut shows: each must
// come down to one fault of the chip.
func TestPlantedChipBugs(t *testing.T) {
	for _, c := range []struct {
		name    string
		mistake func(*chips.Env) (bool, error)
		kinds   []fault.Kind
	}{
		{"an operation that does nothing", blindNote, []fault.Kind{fault.DeafErase, fault.DeafProgram}},
		{"a reset with the power on", func(e *chips.Env) (bool, error) { return e.Board.Reset == chips.ResetException, nil }, []fault.Kind{fault.ResetAt}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := plant(t, c.mistake)
			f, runs := New(w, 1), uint64(1024)
			var x *Finding
			for x == nil && f.Stats.Runs < runs {
				if err := f.Run(context.Background(), Options{Runs: f.Stats.Runs + roundRuns}, Discard); err != nil {
					t.Fatal(err)
				}
				x = plantedFinding(f)
			}
			if x == nil {
				t.Fatalf("not found in %d runs: %+v", runs, f.Stats)
			}
			t.Logf("found in run %d: %v", x.Run, Describe(&x.Trial))
			if tr := &x.Trial; len(tr.Faults) != 1 || len(tr.Package)+len(tr.Flash) > 0 || !slices.Contains(c.kinds, tr.Faults[0].Kind) {
				t.Errorf("minimised it is %v", Describe(tr))
			}
			checkFinding(t, w, x)
			cuts := New(w, 1)
			cuts.setFormat(cutsFileFormat)
			if err := cuts.Run(context.Background(), Options{Runs: 2 * x.Run}, Discard); err != nil {
				t.Fatal(err)
			}
			if x := plantedFinding(cuts); x != nil {
				t.Errorf("cuts alone find it: %v", Describe(&x.Trial))
			}
		})
	}
}

func plantedFinding(f *Fuzzer) *Finding {
	i := slices.IndexFunc(f.Findings, func(x *Finding) bool { return strings.Contains(x.Result.Detail, "status "+plantedStatus) })
	if i < 0 {
		return nil
	}
	return f.Findings[i]
}

// TestEveryChipFault wants each kind of fault in the runs that a fuzzer makes, and
// that a trial with it comes to the same twice.
func TestEveryChipFault(t *testing.T) {
	w := chip(t, "xt804-g2-script")
	f := New(w, 1)
	if err := f.Run(context.Background(), Options{Runs: 160}, Discard); err != nil {
		t.Fatal(err)
	}
	made, tried := map[fault.Kind]int{}, 0
	for n := f.Stats.Runs; n < 4000; n++ {
		trial := f.mutor.next(f.Corpus, emu.Stream(1, "fuzz", int(n)), n)
		again := false
		for _, x := range trial.Faults {
			if err := x.Check(); err != nil {
				t.Fatalf("%+v: %v", x, err)
			}
			again = again || made[x.Kind] == 0
			made[x.Kind]++
		}
		if !again {
			continue
		}
		tried++
		a, err := w.Try(&trial, nil, false)
		b, err2 := w.Try(&trial, nil, true)
		if (err == nil) != (err2 == nil) || err != nil && !errors.Is(err, sweep.ErrUntried) {
			t.Fatalf("%v: %v, then %v", Describe(&trial), err, err2)
		}
		if err == nil && (a.Result.Signature() != b.Result.Signature() || a.Ops != b.Ops) {
			t.Errorf("%v: %+v, then %+v", Describe(&trial), a.Result, b.Result)
		}
	}
	for _, k := range chipKinds {
		if made[k] == 0 {
			t.Errorf("no run has %s: %v", k, made)
		}
	}
	for _, x := range f.Findings {
		checkFinding(t, w, x)
	}
}

// TestOldFiles goes on with a file of the format before: the runs are those that
// it would have had then, whatever is made today.
func TestOldFiles(t *testing.T) {
	w, dir := chip(t, "xt804-g2-script"), t.TempDir()
	write := func(name string, format int, steps ...uint64) []byte {
		path := filepath.Join(dir, name)
		for i, runs := range steps {
			f := New(w, 1)
			if i == 0 {
				f.setFormat(format)
			}
			log, err := f.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Run(context.Background(), Options{Runs: runs}, log); err != nil {
				t.Fatal(err)
			}
			if err := log.Close(); err != nil {
				t.Fatal(err)
			}
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	whole := write("whole", cutsFileFormat, 256)
	if parts := write("parts", cutsFileFormat, 96, 176, 256); !bytes.Equal(whole, parts) {
		t.Error("a file of the old format goes on otherwise than it began")
	}
	for _, k := range chipKinds {
		if bytes.Contains(whole, []byte(`"kind":"`+k+`"`)) {
			t.Errorf("a file of the old format has %s", k)
		}
	}
	if today := write("today", fileFormat, 256); !bytes.Contains(today, []byte(`"airlift_fuzz":3`)) || bytes.Equal(today, whole) {
		t.Error("a new file is like one of the old format")
	}
}
