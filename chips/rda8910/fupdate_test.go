package rda8910

import (
	"strings"
	"testing"

	"airlift/chips"
)

// armed is a module with a core and script upgrade that waits.
func armed(t *testing.T, profile string) *world {
	t.Helper()
	w := newWorld(t, profile)
	_, run := w.mustBoot()
	if code, end := w.send(run, w.make(KindAllStream, "V3999"), 50); code != 0 || end != 0 {
		t.Fatalf("%d, %d\n%s", code, end, w.log())
	}
	return w
}

// edit changes a file of the module.
func (w *world) edit(name string, change func(b []byte) []byte) {
	w.t.Helper()
	v := w.vols()
	b, _, err := v.read(name)
	if err != nil {
		w.t.Fatal(err)
	}
	f, inner := v.at(name)
	if err := f.WriteAll(inner, change(b)); err != nil {
		w.t.Fatal(err)
	}
}

// TestStuckAndRefused are the states that an upgrade cannot leave (8910.md 4.5,
// 4.8, 7).
func TestStuckAndRefused(t *testing.T) {
	flip := func(b []byte) []byte { return damaged(b, -3) }
	started := func(b []byte) []byte { return Stage{Indicator: StageStarted, Block: 1}.Encode() }
	for era, profile := range eras {
		for _, v := range []struct {
			name    string
			edit    func(w *world)
			outcome chips.BootOutcome
			print   string
			core    string // number
			script  string
		}{
			{"pack damaged before the start", func(w *world) { w.edit(packFile, flip) }, chips.BootCore, "FUPDATE: 1", "", "2.0.0"},
			{"pack gone before the start", func(w *world) { w.vols().unlink(packFile) }, chips.BootCore, "FUPDATE: 1", "", "2.0.0"},
			{"core changed before the start", func(w *world) { w.dev.Burn(0x20000, make([]byte, 4096)) }, "", "FUPDATE: 1", "", ""},
			{"pack damaged after the start", func(w *world) { w.edit(stageFile, started); w.edit(packFile, flip) }, chips.BootReset, "FUPDATE: 2", "", ""},
			{"tmp lost", func(w *world) {
				w.edit(stageFile, func([]byte) []byte { return Stage{Indicator: StageBackReady}.Encode() })
			}, chips.BootReset, "FUPDATE: 2", "", ""},
			{"old data changed after the start", func(w *world) {
				w.edit(stageFile, func([]byte) []byte { return Stage{Indicator: StageStarted}.Encode() })
				w.dev.Burn(0x10000, make([]byte, 0x20000))
			}, chips.BootReset, "FUPDATE: 2", "", ""},
			{"stage of rubbish", func(w *world) { w.edit(stageFile, func([]byte) []byte { return []byte("rubbish") }) }, chips.BootCore, "FUPDATE: 0", "", "2.0.0"},
		} {
			t.Run(era.String()+"/"+v.name, func(t *testing.T) {
				w := armed(t, profile)
				v.edit(w)
				r, run, err := w.boot()
				if v.outcome == "" { // the core itself is damaged
					if !isCoreError(err) || !strings.Contains(w.log(), v.print) {
						t.Fatalf("%+v, %v\n%s", r, err, w.log())
					}
					return
				}
				if err != nil || r.Outcome != v.outcome || !strings.Contains(w.log(), v.print) {
					t.Fatalf("%+v, %v\n%s", r, err, w.log())
				}
				if v.outcome == chips.BootReset {
					before := w.dev.Hash()
					if r, _, err := w.boot(); err != nil || r.Outcome != chips.BootReset || r.Status != "FAILED" || w.dev.Hash() != before {
						t.Errorf("second boot: %+v, %v", r, err)
					}
					if len(w.findings()) == 0 {
						t.Error("no finding")
					}
					return
				}
				if strings.Contains(run.Identity.Version, "V3999") || w.scriptVersion(run) != v.script {
					t.Errorf("core %s, script %s", run.Identity.Version, w.scriptVersion(run))
				}
				if v.print == "FUPDATE: 1" { // V302340 removes the pack without a flag, V302043 tries again for ever
					w.boot()
					if again := strings.Contains(w.log(), "FUPDATE: 1"); again != (era == V302043) {
						t.Errorf("second boot:\n%s", w.log())
					}
				}
			})
		}
	}
}

// TestNoFlag removes the flag file of an upgrade that waits: V302340 throws all
// away (8910.md 7.10).
func TestNoFlag(t *testing.T) {
	w := armed(t, "a")
	if err := w.vols().unlink(flagFile); err != nil {
		t.Fatal(err)
	}
	_, run := w.mustBoot()
	if strings.Contains(run.Identity.Version, "V3999") || w.scriptVersion(run) != "1.0.0" || w.exists(packFile) || w.exists(appFile) {
		t.Errorf("%s, %s\n%s", run.Identity.Version, w.scriptVersion(run), w.log())
	}
}

// TestBootOutcomes are ends of the boot code that have nothing to do with
// upgrades (8910.md 4.4).
func TestBootOutcomes(t *testing.T) {
	for _, v := range []struct {
		name string
		edit func(w *world)
		want chips.BootOutcome
	}{
		{"no boot code", func(w *world) { w.dev.Burn(0, make([]byte, 100)) }, chips.BootFailed},
		{"no core", func(w *world) { w.dev.Burn(0x10000, make([]byte, 4)) }, chips.BootHang},
		{"three 7E", func(w *world) { w.cons = []byte("x~~~") }, chips.BootDownload},
		{"download asked for", func(w *world) { w.edit(downloadFile, func([]byte) []byte { return nil }) }, chips.BootDownload},
	} {
		w := newWorld(t, "a")
		v.edit(w)
		if r, _, err := w.boot(); err != nil || r.Outcome != v.want {
			t.Errorf("%s: %+v, %v", v.name, r, err)
		}
	}
	w := armed(t, "a")
	w.cause = chips.ResetWakeup
	if _, run := w.mustBoot(); strings.Contains(run.Identity.Version, "V3999") {
		t.Error("a wake-up applies the upgrade")
	}
	w = newWorld(t, "a")
	w.dev.Burn(0x10000+0x1000, []byte{0, 0, 0, 0, 0, 0, 0, 0})
	if _, _, err := w.boot(); !isCoreError(err) {
		t.Errorf("damaged core: %v", err)
	}
	w = newWorld(t, "a")
	w.dev.Burn(0x300000, make([]byte, 0x260000))
	if r, _, err := w.boot(); !isCoreError(err) || r.Outcome != chips.BootCore || len(w.findings()) != 1 {
		t.Errorf("no file system: %+v, %v", r, err)
	}
}

// TestLargeScript leaves an application that is too long for the scripts' area
// alone, at every start (8910.md 7.15).
func TestLargeScript(t *testing.T) {
	w := newWorld(t, "a")
	_, run := w.mustBoot()
	big := make([]byte, 0x68000-8) // with the trailer one byte too long
	big[0] = 1
	if code, end := w.send(run, stream(StreamFile{Tag: TagApp, Data: big}), 5000); code != 0 || end != 0 {
		t.Fatalf("%d, %d", code, end)
	}
	_, run = w.mustBoot()
	list := w.findings()
	if w.scriptVersion(run) != "1.0.0" || !w.exists(appFile) || len(list) != 1 {
		t.Errorf("%s\n%s", w.scriptVersion(run), w.log())
	}
}
