package rda8910

import (
	"testing"

	"airlift/chips"
)

// TestBoots boots every profile of a fresh module.
func TestBoots(t *testing.T) {
	for i := range builds {
		t.Run(builds[i].name, func(t *testing.T) {
			w := newWorld(t, builds[i].name)
			r, run := w.mustBoot()
			if r.Upgraded || run.Identity.Version != builds[i].version || !run.Identity.Synthetic || run.Identity.Profile.Name != builds[i].name {
				t.Errorf("%+v, %+v", r, run.Identity)
			}
			if list := w.findings(); len(list) > 0 {
				t.Error(list)
			}
			if builds[i].gen == GenA && w.scriptVersion(run) != "1.0.0" {
				t.Errorf("scripts %q", w.scriptVersion(run))
			}
			if _, err := run.Mounts.Stat("/modem/nvm/static_nv.bin"); err != nil {
				t.Error(err)
			}
			if (run.Updater == nil) != (builds[i].gen == GenD) {
				t.Errorf("updater %v", run.Updater)
			}
			w.cause = chips.ResetSoftware
			before := w.dev.Hash()
			w.mustBoot()
			if w.dev.Hash() != before {
				t.Error("a second boot changes the flash")
			}
		})
	}
}

// TestUpgrade goes through upgrades of script, core and both.
func TestUpgrade(t *testing.T) {
	for _, profile := range []string{"a", "a-v302043"} {
		for _, v := range []struct{ kind, core, script string }{
			{KindScriptStream, "", "2.0.0"}, {KindCoreStream, "V3999", "1.0.0"}, {KindAllStream, "V3999", "2.0.0"},
		} {
			t.Run(profile+" "+v.kind, func(t *testing.T) {
				w := newWorld(t, profile)
				_, run := w.mustBoot()
				old := run.Identity.Version
				if code, end := w.send(run, w.make(v.kind, v.core), 50); code != 0 || end != 0 {
					t.Fatalf("%d, %d\n%s", code, end, w.log())
				}
				r, run := w.mustBoot()
				want := old
				if v.core != "" {
					want = "Luat_V3999_RDA8910"
				}
				if run.Identity.Version != want || w.scriptVersion(run) != v.script || r.Upgraded != (v.core != "") {
					t.Errorf("core %s, script %s, %+v\n%s", run.Identity.Version, w.scriptVersion(run), r, w.log())
				}
				if w.exists(appFile) || w.exists(flagFile) {
					t.Error("files are left")
				}
				if v.core == "" {
					return
				}
				if s, err := w.vols().stage(); err != nil || s.Indicator != StageFinished {
					t.Errorf("stage %v, %v", s, err)
				}
				w.mustBoot()
				if there := w.exists(packFile); there != (profile == "a-v302043") { // without a flag it is removed
					t.Errorf("fota.pack there: %v", there)
				}
			})
		}
	}
}
