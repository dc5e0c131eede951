package web

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"airlift/emu/bench"
	"airlift/emu/iot"
)

// shots is the folder for pictures, "" for none.
func shots() string { return os.Getenv("AIRLIFT_SHOTS") }

// shot writes a picture of the page.
func (b *browser) shot(name string) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(shots(), name+".png"), b.screenshot(), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// TestShots takes pictures of all pages for people to look at. It runs where
// AIRLIFT_SHOTS names a folder for them.
func TestShots(t *testing.T) {
	if shots() == "" {
		t.Skip("AIRLIFT_SHOTS names no folder")
	}
	b := member(t)
	b.open("/projects")
	b.shot("projects-empty")
	e := b.play(func() {
		for _, scheme := range []string{"light", "dark"} {
			b.look(1440, scheme)
			b.shot("upgrading-" + scheme)
		}
	})
	for _, look := range []struct {
		name, lang, scheme string
		width              int64
	}{{"en-light", "en", "light", 1280}, {"zh-dark", "zh", "dark", 1280}, {"en-dark-phone", "en", "dark", 390}, {"zh-light-phone", "zh", "light", 390}} {
		b.open("/choose?language=" + look.lang + "&back=/projects")
		b.look(look.width, look.scheme)
		for _, path := range e.pages() {
			b.open(path)
			if strings.HasPrefix(path, "/bench/") {
				b.until("document.querySelectorAll('#log li').length > 5")
			}
			b.shot(strings.NewReplacer("/", "_", "?", "_", "=", "_").Replace(strings.Trim(path, "/")) + "-" + look.name)
		}
		for _, path := range []string{"/firmware", "/differences", "/rollouts", "/devices"} {
			b.open(path)
			b.until("document.readyState === 'complete'")
			b.run(`show(document.querySelector("dialog").id)`)
			b.shot(strings.Trim(path, "/") + "-dialog-" + look.name)
		}
		b.open("/projects")
		b.until("document.readyState === 'complete'")
		b.run(`document.querySelector(".menu").click()`)
		b.shot("menu-" + look.name)
	}
}

// play fills an account with what the pages can show, and returns where that is.
// Its virtual device is looked at while it upgrades itself.
func (b *browser) play(upgrading func()) *estate {
	b.t.Helper()
	p := b.project("weather station")
	e := &estate{s: b.s, tenant: b.tenant, owner: b.account, ids: map[string]int64{"projects": p.ID}, key: p.Key}
	b.open("/projects")
	spec := bench.Spec{Model: "Air601", Speed: bench.SpeedMax, Project: bench.Project{Name: "fotademo", Version: "1.0.0", Key: p.Key, PollS: 300}}
	units := b.devices(spec, 6, 3)
	b.startRollout(spec, units[:5])
	b.sees("stopped itself")
	for _, u := range units {
		if err := b.s.bench.Remove(b.account, u.ID); err != nil {
			b.t.Fatal(err)
		}
	}
	b.playDifferences(p)
	u, err := b.s.bench.Start(b.account, bench.Spec{Model: "Air780EPM", Seed: b.seed() + 99, Speed: 20, Project: bench.Project{Name: "weather", Version: "1.0.0", Key: p.Key, PollS: 30}})
	if err != nil {
		b.t.Fatal(err)
	}
	pack, err := u.Spec.Package(bench.Draft{Kind: "combined", Version: "1.0.1", Core: bench.NextCore(u.Spec.Core)})
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.tenant.CreateFirmware(p.ID, iot.FirmwareDraft{FileName: pack.FileName, Allow: true, All: true}, strings.NewReader(string(pack.Data))); err != nil {
		b.t.Fatal(err)
	}
	b.open(pathOf("/bench", u.ID))
	b.until(`document.getElementById("phase").className === "p-upgrade"`)
	upgrading()
	b.until(`document.getElementById("version").innerText.endsWith(".1.1")`)
	e.ids["bench"] = u.ID
	b.find(e)
	return e
}

// find notes the ids of things that the account has.
func (b *browser) find(e *estate) {
	b.t.Helper()
	project := e.ids["projects"]
	devices, err1 := b.tenant.Devices(project, iot.DeviceFilter{}, iot.Page{})
	firmware, err2 := b.tenant.Firmware(project, "fotademo", iot.Page{})
	log, err3 := b.tenant.Log(iot.LogFilter{Reason: iot.UnknownFirmware}, iot.Page{})
	rollouts, err4 := b.tenant.Rollouts(project)
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			b.t.Fatal(err)
		}
	}
	e.ids["devices"], e.ids["firmware"] = first(devices.Items, func(d iot.Device) int64 { return d.ID }), first(firmware.Items, func(f iot.Firmware) int64 { return f.ID })
	e.ids["log"], e.ids["rollouts"] = first(log.Items, func(l iot.LogEntry) int64 { return l.ID }), first(rollouts, func(r iot.Rollout) int64 { return r.ID })
	for _, kind := range []string{"bases", "jobs", "tokens", "webhooks"} {
		e.ids[kind] = 1 // no page of their own
	}
}
