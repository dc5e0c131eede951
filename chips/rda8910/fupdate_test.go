package rda8910

import (
	"os"
	"path/filepath"
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

// TestRealUpgrade flashes the real firmware V302043 onto a module, upgrades it to
// V302340 with a pack of core and modem files, and finds what the .pac of
// V302340 has. Boot code stays: nothing but a cable writes it.
func TestRealUpgrade(t *testing.T) {
	readPacs(t)
	var data [2][]byte
	for i, name := range filepath.SplitList(os.Getenv(pacsEnv)) {
		var err error
		if data[i], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	w := &world{t: t, chip: testChip(t, "b-v302043")}
	m := w.chip.Maker.(*maker)
	in := chips.MakeInput{Core: data[1], Base: &chips.MakeInput{Core: data[0]}}
	flashes, err := m.MakeFlash(*in.Base)
	if err != nil {
		t.Fatal(err)
	}
	w.dev = flashes[0]
	_, run := w.mustBoot()
	if run.Identity.Synthetic || run.Identity.Version != "CSDK_V302043_RDA8910_TMP" {
		t.Errorf("%+v", run.Identity)
	}
	v := w.vols()
	for name, want := range map[string]uint32{ // 8910.md 8.4
		"/modem/mem_index_list": 0x7e3ce216, "/modem/nvm/bt_sprd.bin": 0x6f9e261b, "/modem/nvm/rf_nv.bin": 0x01a3a03e, "/modem/nvm/static_nv.bin": 0x974f4f0e,
	} {
		if b, ok, err := v.read(name); err != nil || !ok || packCRC(b) != want {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
	}
	stream, err := m.Make(KindCoreStream, in)
	if err != nil {
		t.Fatal(err)
	}
	if code, end := w.send(run, stream, 1460); code != 0 || end != 0 {
		t.Fatalf("%d, %d\n%s", code, end, w.log())
	}
	if r, run := w.mustBoot(); !r.Upgraded || len(w.findings()) > 0 || run.Identity.Version != "CSDK_V302340_RDA8910" {
		t.Fatalf("%+v\n%s", r, w.log())
	}
	want, err := m.firmware(in)
	if err != nil {
		t.Fatal(err)
	}
	files, err := want.modemFiles(&m.layout)
	if err != nil {
		t.Fatal(err)
	}
	v = w.vols()
	stems := map[string]bool{}
	for name, b := range files {
		if stem, ok := blockedStem(name); ok {
			stems[stem] = true
			continue
		}
		if got, ok, err := v.read(name); err != nil || !ok || string(got) != string(b) {
			t.Errorf("%s: %d bytes, want %d, %v", name, len(got), len(b), err)
		}
	}
	have := map[string][]byte{}
	if err := collect(v.modem, "/", modemFolder, have); err != nil {
		t.Fatal(err)
	}
	for stem := range stems {
		_, a, err := joinPieces(stem, have)
		if err != nil {
			t.Fatal(err)
		}
		if _, b, err := joinPieces(stem, files); err != nil || string(a[:min(len(a), len(b))]) != string(b) {
			t.Errorf("%s: %d bytes, want %d, %v", stem, len(a), len(b), err)
		}
	}
	ap := make([]byte, len(want.ap))
	if _, err := w.dev.ReadAt(ap, 0x10000); err != nil || string(ap) != string(want.ap) {
		t.Error("not the new core")
	}
	t.Logf("stream of %d bytes, %d modem files, %d of them in pieces", len(stream), len(files), len(stems))
}
