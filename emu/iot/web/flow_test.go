package web

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"airlift/emu/bench"
	"airlift/emu/iot"
	"airlift/emu/link"
)

// ask sends what a device sends, and returns the status of the answer.
func (s *site) ask(identity, key, name, version string) int {
	s.t.Helper()
	q := fmt.Sprintf("imei=%s&project_key=%s&firmware_name=%s&version=%s", identity, key, name, version)
	resp := s.server.Serve(&link.Request{Method: "GET", Target: iot.Path + "?" + q, Proto: "HTTP/1.1", Time: time.Now().UTC(), Remote: "10.0.0.2:1"})
	if resp.Done != nil {
		n := int64(len(resp.Body))
		if resp.File != nil {
			n = resp.Length
		}
		resp.Done(link.Outcome{Bytes: n, Whole: true, Time: time.Now().UTC()})
	}
	return resp.Status
}

// upload makes a package on disk, as LuaTools would.
func upload(t testing.TB, name string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(strings.Repeat("package", 1000)), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// createProject makes a project in the browser and returns its key, as the
// button copies it.
func (b *browser) createProject(name string) string {
	b.t.Helper()
	b.open("/projects")
	b.click("New project")
	b.fill("Project name", name)
	b.click("Create")
	b.sees("Project created")
	return eval[string](b, `document.querySelector("[data-copy]").dataset.copy`)
}

// createFirmware uploads a file in the browser.
func (b *browser) createFirmware(file string, all bool) {
	b.t.Helper()
	b.open("/firmware")
	b.click("Create firmware")
	b.do(chromedp.SetUploadFiles(chromedp.CSS("#f-file"), []string{file}))
	b.sees("Read from the file name.")
	if all {
		b.click("Upgrade all devices")
	}
	b.click("Create")
	b.sees("created.")
}

func TestCreateProjectAndCopyKey(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	b.signUp("13800000000")
	b.sees("No project yet")
	key := b.createProject("weather station")
	if iot.CheckKey(key) != nil || len(key) != 32 {
		t.Fatalf("key %q", key)
	}
	// The clipboard of a headless browser needs a permission; that the button
	// asks for the right text is what can be seen everywhere.
	eval[chromedp.Void](b, `navigator.clipboard.writeText = async (text) => { window.clipboard = text; }; undefined`)
	b.click(key)
	b.until("window.clipboard === " + quoteJS(key))
	b.sees("copied", "weather station")
	b.open("/projects")
	b.sees("weather station", key)
}

func TestUploadRecognisesName(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	b.signUp("13800000000")
	b.createProject("demo")
	b.open("/firmware")
	b.sees("No firmware yet")
	b.click("Create firmware")
	values := func() string {
		return eval[string](b, `["f-name", "f-version", "f-core"].map(id => document.getElementById(id)?.value ?? "-").join(" ")`)
	}
	b.do(chromedp.SetUploadFiles(chromedp.CSS("#f-file"), []string{upload(t, "output.bin")}))
	b.sees("cannot be read from the file name")
	b.do(chromedp.SetUploadFiles(chromedp.CSS("#f-file"), []string{upload(t, "GPIO_SINGLE_2.0.0_LuatOS-Air_V3103_RDA8910_BT_TTS_FLOAT.dfota.bin")}))
	b.sees("Core version")
	if got := values(); got != "GPIO_SINGLE_LuatOS-Air_RDA8910_BT_TTS_FLOAT 2.0.0 3103" {
		t.Errorf("recognised %q", got)
	}
	b.do(chromedp.SetUploadFiles(chromedp.CSS("#f-file"), []string{upload(t, "fotademo_1103.1.2_LuatOS-SoC_EC618.bin")}))
	b.until(`document.getElementById("f-version").value === "1103.1.2"`)
	if got := values(); got != "fotademo_LuatOS-SoC_EC618 1103.1.2 -" {
		t.Errorf("recognised %q", got)
	}
	b.click("Create")
	b.sees("fotademo_LuatOS-SoC_EC618 1103.1.2 created.", "Nobody gets this firmware yet")
	if f, err := s.store.Tenant(1, "test").FirmwareByID(1); err != nil || !f.Allow || f.All || f.Size != 7000 {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestChooseDevices(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	b.signUp("13800000000")
	key := b.createProject("demo")
	b.createFirmware(upload(t, "fotademo_1103.1.2_LuatOS-SoC_EC618.bin"), false)
	ask := func(id string) int { return s.ask(id, key, "fotademo_LuatOS-SoC_EC618", "1103.1.1") }
	if got := ask("860000000000017"); got != 400 {
		t.Fatalf("a device that is not listed got %d", got)
	}
	b.click("Add IMEI")
	b.fill("IMEI (one a line)", "860000000000017\n860000000000025")
	b.click("Add")
	b.sees("Devices added: 2", "860000000000025")
	if got := ask("860000000000017"); got != 200 {
		t.Errorf("a listed device got %d", got)
	}
	b.click("860000000000017") // its box
	b.click("Remove the ticked")
	b.sees("Devices removed: 1")
	b.until(`![...document.querySelectorAll(".ticks label")].some(e => e.innerText === "860000000000017")`)
	if got := ask("860000000000017"); got != 400 {
		t.Errorf("a device that was removed got %d", got)
	}
	b.open("/firmware")
	b.until(`document.querySelectorAll("[role=switch]").length === 2`)
	eval[chromedp.Void](b, `document.querySelectorAll("[role=switch]")[1].click()`)
	b.until(`document.querySelectorAll("[role=switch]")[1].getAttribute("aria-checked") === "true"`)
	if got := ask("860000000000017"); got != 200 {
		t.Errorf("with all devices switched on it got %d", got)
	}
}

// A virtual device upgrades itself while somebody watches: it asks, downloads,
// restarts into upgrade mode, and comes back new.
func TestWatchUpgrade(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	b.signUp("13800000000")
	b.createProject("demo")
	b.open("/bench")
	b.choose("Model", "Air6208")
	b.until(`document.getElementById("b-profile").innerText.includes("g3")`)
	b.choose("Speed", fmt.Sprint(bench.SpeedMax))
	b.click("Switch on")
	b.sees("Flash operations")
	b.until(`document.getElementById("version").innerText.endsWith(".1.0")`)
	b.until(`document.getElementById("log").innerText.includes("fotademo")`)
	// Every phase that shows from now on is noted.
	eval[chromedp.Void](b, `window.phases = new Set(); new MutationObserver(() => phases.add(document.getElementById("phase").className)).observe(document.getElementById("phase"), {attributes: true, childList: true}); undefined`)
	b.click("Make an upgrade")
	b.do(chromedp.Click(chromedp.CSS("dialog[open] button[value=publish]")))
	b.sees("created.")
	b.until(`document.getElementById("version").innerText.endsWith(".1.1")`)
	b.until(`document.getElementById("phase").className === "p-run"`)
	b.until(`document.getElementById("progress").value === document.getElementById("progress").max && document.getElementById("progress").max > 1`)
	written := eval[string](b, `[...document.querySelectorAll(".part canvas")].map(e => e.getAttribute("aria-label")).filter(e => !e.endsWith(" 0 were written")).join("\n")`)
	for _, part := range []string{"fota: ", "app: ", "script: "} { // the package, and what boot code made of it
		if !strings.Contains("\n"+written, "\n"+part) {
			t.Errorf("the map does not show that %s was written:\n%s", part, written)
		}
	}
	if !strings.Contains(eval[string](b, `document.getElementById("log").innerText`), "upgrade result") {
		t.Error("the log does not tell of the upgrade")
	}
	b.open("/log")
	b.sees("sent", "up to date", "成功")
	b.open("/devices/1")
	b.sees("came back new")
}

func TestReadWhyRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	b.signUp("13800000000")
	key := b.createProject("demo")
	b.createFirmware(upload(t, "fotademo_1103.1.2_LuatOS-SoC_EC618.bin"), true)
	b.open("/log")
	b.sees("Nobody has asked yet")
	// The page shows a request without being loaded again.
	if got := s.ask("860000000000017", key, "renamed_LuatOS-SoC_EC618", "1103.1.1"); got != 400 {
		t.Fatalf("status %d", got)
	}
	b.sees("860000000000017", "unknown firmware name", "unknown")
	b.click("Why?")
	b.sees("Why this answer?", "often PROJECT was renamed", "fotademo_LuatOS-SoC_EC618", "how to fix it")
	b.click("中文")
	b.sees("为什么是这个结果？", "无效的固件", "firmware_name 必须与项目里的某个固件相同", "如何解决")
	b.click("现在请求会得到什么？")
	b.sees("请求诊断", "无效的固件")
}

// Of three devices of a first stage one comes back with the old version: the
// roll-out stops by itself, and the next device gets nothing.
func TestRolloutStopsItself(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	b.signUp("13800000000")
	key := b.createProject("demo")
	b.createFirmware(upload(t, "fotademo_1103.1.2_LuatOS-SoC_EC618.bin"), true)
	s.rollout(b, key)
	b.sees("stopped itself", "2 of 3 deliveries failed")
	if got := s.ask("860000000000066", key, "fotademo_LuatOS-SoC_EC618", "1103.1.1"); got != 400 {
		t.Errorf("after the stop a device got %d", got)
	}
}

// rollout makes and starts a roll-out in the browser and lets devices play it,
// of which two fail.
func (s *site) rollout(b *browser, key string) {
	s.t.Helper()
	b.open("/rollouts")
	b.click("New roll-out")
	b.fill("Name", "spring")
	b.fill("First only these devices (IMEI, one a line; may be empty)", "860000000000017\n860000000000025\n860000000000033")
	b.fill("Stages, in percent of all devices", "50 100")
	b.fill("Stop at % failures (0: never)", "50")
	b.fill("Outcomes before a percentage counts", "3")
	b.click("Create")
	b.sees("Nobody gets anything before you start it.", "not started")
	ask := func(id, version string, want int) {
		s.t.Helper()
		if got := s.ask(id, key, "fotademo_LuatOS-SoC_EC618", version); got != want {
			s.t.Fatalf("%s with %s got %d, want %d", id, version, got, want)
		}
	}
	ask("860000000000017", "1103.1.1", 400)
	b.click("Start")
	b.sees("running")
	for _, id := range []string{"860000000000017", "860000000000025", "860000000000033"} {
		ask(id, "1103.1.1", 200)
	}
	ask("860000000000041", "1103.1.1", 400) // in no stage that is released
	ask("860000000000017", "1103.1.2", 400) // came back new
	ask("860000000000025", "1103.1.1", 200) // came back old, gets it again
	ask("860000000000033", "1103.1.1", 200)
	b.sees("stopped itself")
}

// played is what play leaves behind.
type played struct{ refused string }

// play fills an account with what the pages can show.
func (s *site) play(b *browser) played {
	s.t.Helper()
	key := b.createProject("weather station")
	b.createFirmware(upload(s.t, "fotademo_1103.1.2_LuatOS-SoC_EC618.bin"), true)
	s.rollout(b, key)
	s.ask("860000000000058", key, "renamed_LuatOS-SoC_EC618", "1103.1.1")
	tenant := s.store.Tenant(1, "test")
	log, err := tenant.Log(iot.LogFilter{Reason: iot.UnknownFirmware}, iot.Page{})
	if err != nil || len(log.Items) == 0 {
		s.t.Fatal(log, err)
	}
	u, err := s.bench.Start(1, bench.Spec{Model: "Air780EPM", Seed: 3, Speed: 20, Project: bench.Project{Name: "weather", Version: "1.0.0", Key: key, PollS: 30}})
	if err != nil {
		s.t.Fatal(err)
	}
	p, err := u.Spec.Package(bench.Draft{Kind: "combined", Version: "1.0.1", Core: bench.NextCore(u.Spec.Core)})
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := tenant.CreateFirmware(1, iot.FirmwareDraft{FileName: p.FileName, Allow: true, All: true}, strings.NewReader(string(p.Data))); err != nil {
		s.t.Fatal(err)
	}
	b.open(pathOf("/bench", u.ID))
	b.until(`document.getElementById("phase").className === "p-upgrade"`)
	b.shot("upgrading", 1440, 900, false)
	b.shot("upgrading-dark", 1440, 900, true)
	b.until(`document.getElementById("version").innerText.endsWith(".1.1")`)
	return played{pathOf("/log", log.Items[0].ID)}
}
