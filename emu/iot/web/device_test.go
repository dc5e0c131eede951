package web

import (
	"fmt"
	"html"
	"strings"
	"testing"

	"airlift/emu/bench"
	"airlift/emu/iot"
)

// Tests in which virtual devices play their part: they run scripts, ask the
// platform, download, and restart into what they got.

// startDevice switches a virtual device on, in the browser, and stays on its page.
func (b *browser) startDevice(model, name, main string) *bench.Unit {
	b.t.Helper()
	before := len(b.s.bench.Units(b.account))
	b.open("/bench")
	b.choose("Model", model)
	b.until(`document.getElementById("b-profile").options.length > 0 && !document.querySelector(".htmx-request")`)
	b.fill("PROJECT", name)
	b.choose("Speed", fmt.Sprint(bench.SpeedMax))
	if main != "" {
		b.click("Use a script of your own")
		b.click("run this main.lua instead")
		b.fill("main.lua", main)
	}
	b.click("Switch on")
	b.sees("Flash operations")
	units := b.s.bench.Units(b.account)
	if len(units) != before+1 {
		b.t.Fatalf("%d virtual devices, there were %d", len(units), before)
	}
	return units[before]
}

// identity waits until a device has asked the platform, and returns who it is.
func (b *browser) identity(u *bench.Unit) string {
	b.t.Helper()
	for {
		changed := u.Changed()
		s := u.Status()
		switch {
		case s.Identity != "":
			return s.Identity
		case off(u):
			b.t.Fatalf("the device is off: %+v", s)
		}
		select {
		case <-changed:
		case <-b.ctx.Done():
			b.t.Fatal("the device asks nothing")
		}
	}
}

// A virtual device upgrades itself while somebody watches: it asks, downloads,
// restarts into upgrade mode, and comes back new. Every phase is shown, however
// short it was, and the regions of its flash light up.
func TestWatchUpgrade(t *testing.T) {
	b := member(t)
	b.project("demo")
	b.startDevice("Air6208", "fotademo", "")
	b.until(`document.getElementById("version").innerText.endsWith(".1.0")`)
	b.until(`document.getElementById("log").innerText.includes("fotademo")`)
	b.click("Cut the power")
	b.until(`document.getElementById("phase").className === "p-off"`)
	b.click("Make an upgrade")
	b.click("Put on the platform")
	b.sees("created.")
	b.until(`document.querySelectorAll("#story li").length > 0`)
	b.run(`window.lit = new Set(); new MutationObserver((list) => { for (const m of list) if (m.target.classList.contains("busy")) lit.add(m.target.querySelector("strong").innerText); })
		.observe(document.querySelector(".map"), {attributes: true, subtree: true, attributeFilter: ["class"]}); undefined`)
	b.click("Switch on")
	b.until(`document.getElementById("version").innerText.endsWith(".1.1")`)
	b.until(`document.getElementById("phase").className === "p-run"`)
	b.until(`document.getElementById("progress").value === document.getElementById("progress").max && document.getElementById("progress").max > 1`)
	if !eval[bool](b, `layout(), parts.every((p) => p.canvas.getContext("2d").getImageData(1, 1, 1, 1).data[3] > 0)`) {
		t.Error("another width leaves the map empty until the next frame")
	}
	phases := eval[string](b, `[...document.querySelectorAll("#story li")].map(e => e.dataset.phase).join(" ")`)
	if want := "down run boot upgrade run"; !strings.Contains(phases, want) {
		t.Errorf("phases %s, want %s among them", phases, want)
	}
	written := eval[string](b, `[...document.querySelectorAll(".part canvas")].map(e => e.getAttribute("aria-label")).filter(e => !e.endsWith(" 0 were written")).join("\n")`)
	lit := eval[string](b, `[...lit].join(" ")`)
	for _, part := range []string{"fota", "app", "script"} { // the package, and what boot code made of it
		if !strings.Contains("\n"+written, "\n"+part+": ") {
			t.Errorf("the map does not show that %s was written:\n%s", part, written)
		}
		if !strings.Contains(" "+lit+" ", " "+part+" ") {
			t.Errorf("%s did not light up, %s did", part, lit)
		}
	}
	if !strings.Contains(eval[string](b, `document.getElementById("log").innerText`), "upgrade result") {
		t.Error("the log does not tell of the upgrade")
	}
	b.open("/log")
	b.sees("up to date", "已是最新版本")
	b.open("/log?reason=deliver") // it goes on asking, and the first page gets full
	b.sees("sent", "成功")
	b.open("/devices")
	b.click(b.identity(b.s.bench.Units(b.account)[0]))
	b.sees("came back new")
}

// A virtual device whose PROJECT was renamed is refused. The log shows it as it
// happens, says why, and what to do; and doing that helps.
func TestReadWhyRefused(t *testing.T) {
	b := member(t)
	p := b.project("demo")
	b.open("/log")
	b.sees("Nobody has asked yet")
	// The page shows the request without being loaded again.
	spec := bench.Spec{Model: "Air601", Seed: b.seed(), Speed: bench.SpeedMax, Project: bench.Project{Name: "renamed", Version: "1.0.0", Key: p.Key, PollS: 600}}
	pack, err := spec.Package(bench.Draft{Kind: "bin", Version: "1.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	f, err := b.tenant.CreateFirmware(p.ID, iot.FirmwareDraft{FileName: strings.Replace(pack.FileName, "renamed", "fotademo", 1), Allow: true, All: true}, strings.NewReader(string(pack.Data)))
	if err != nil {
		t.Fatal(err)
	}
	u, err := b.s.bench.Start(b.account, spec)
	if err != nil {
		t.Fatal(err)
	}
	b.sees(b.identity(u), "unknown firmware name", "unknown")
	b.click("Why?")
	b.sees("Why this answer?", "often PROJECT was renamed", f.Name, "how to fix it")
	b.click("中文")
	b.sees("为什么是这个结果？", "无效的固件", "firmware_name 必须与项目里的某个固件相同", "如何解决")
	b.click("现在再请求会是什么结果？")
	b.sees("请求诊断", "无效的固件")
	b.click("English")
	b.sees("Explain a request")
	b.open(pathOf("/firmware", f.ID))
	b.click("Edit")
	b.fill("Firmware name", strings.Replace(f.Name, "fotademo", "renamed", 1))
	b.click("Save")
	b.sees("Saved.")
	b.open(pathOf("/bench", u.ID))
	b.until(`document.getElementById("version").innerText.endsWith(".1.1")`)
}

// Five virtual devices are the first stage of a roll-out. Three of them forget
// to restart and come back old: the roll-out stops by itself, which its page
// shows live, and a sixth device gets nothing.
func TestRolloutStopsItself(t *testing.T) {
	b := member(t)
	p := b.project("demo")
	spec := bench.Spec{Model: "Air601", Speed: bench.SpeedMax, Project: bench.Project{Name: "fotademo", Version: "1.0.0", Key: p.Key, PollS: 300}}
	units := b.devices(spec, 6, 3)
	b.startRollout(spec, units[:5])
	b.sees("stopped itself", "3 of 5 deliveries failed, the limit is 50 %", "came back new 2", "came back old 3")
	sixth := b.identity(units[5])
	b.open("/log?reason=not_rolled_out")
	b.sees(sixth, "not rolled out to this device")
	for i, u := range units {
		version := u.Status().Version
		if new := i == 3 || i == 4; strings.HasSuffix(version, ".1.1") != new {
			t.Errorf("device %d runs %s", i, version)
		}
	}
}

// devices switches virtual devices on, of which the first few forget to restart
// into what they downloaded.
func (b *browser) devices(spec bench.Spec, n, forget int) (units []*bench.Unit) {
	b.t.Helper()
	main, err := spec.Project.Main()
	if err != nil {
		b.t.Fatal(err)
	}
	for i := range n {
		s := spec
		s.Seed = b.seed() + uint64(i)
		if i < forget {
			// It asks twice, so that each of them fails once.
			s.Main = strings.NewReplacer("rtos.reboot()", "forgot = (forgot or 0) + 1", "while true do", "while (forgot or 0) < 2 do").Replace(main)
		}
		u, err := b.s.bench.Start(b.account, s)
		if err != nil {
			b.t.Fatal(err)
		}
		units = append(units, u)
	}
	return units
}

// startRollout uploads an upgrade of virtual devices, and starts a roll-out that
// begins with some of them. All is done in the browser, which is left on the
// page of the roll-out.
func (b *browser) startRollout(spec bench.Spec, stage []*bench.Unit) {
	b.t.Helper()
	var first []string
	for _, u := range stage {
		first = append(first, b.identity(u))
	}
	pack, err := spec.Package(bench.Draft{Kind: "bin", Version: "1.0.1"})
	if err != nil {
		b.t.Fatal(err)
	}
	b.createFirmware(uploadBytes(b.t, pack.FileName, pack.Data), false)
	page := eval[string](b, "location.pathname")
	b.open("/rollouts")
	b.click("New roll-out")
	b.fill("Name", "spring")
	b.fill("First only these devices (IMEI, one a line; may be empty)", strings.Join(first, "\n"))
	b.fill("Stages, in percent of all devices", "50 100")
	b.fill("Stop at % failures (0: never)", "50")
	b.fill("Outcomes before a percentage counts", fmt.Sprint(len(first)))
	b.click("Create")
	b.sees("Nobody gets anything before you start it.", "not started")
	rollout := eval[string](b, "location.pathname")
	b.open(page)
	b.press(`document.querySelectorAll("[role=switch]")[1]`)
	b.until(`document.querySelectorAll("[role=switch]")[1].getAttribute("aria-checked") === "true"`)
	b.open(rollout)
	b.click("Start")
	b.until(`["running", "stopped itself"].some((s) => document.body.innerText.includes(s))`) // it may be that fast
}

// The script that a project's page shows runs as it stands there, and asks the
// platform for upgrades.
func TestScriptOfTheProject(t *testing.T) {
	s := newSite(t)
	p := s.signUp("13800000000")
	project, err := s.store.Tenant(p.account, "test").CreateProject("demo", "")
	if err != nil {
		t.Fatal(err)
	}
	_, page := p.get(pathOf("/projects", project.ID))
	_, script, _ := strings.Cut(page, `<pre class="code" tabindex="0">`)
	script, _, ok := strings.Cut(script, "</pre>")
	if !ok {
		t.Fatal("no script")
	}
	u, err := s.bench.Start(p.account, bench.Spec{Model: "Air780EPM", Speed: bench.SpeedMax, Main: html.UnescapeString(script)})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the module asks", func() bool { return u.Status().Identity != "" || off(u) })
	if u.Status().Identity == "" {
		t.Errorf("%+v", u.Status())
	}
}
