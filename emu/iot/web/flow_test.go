package web

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

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
	return uploadBytes(t, name, []byte(strings.Repeat("package", 1000)))
}

func uploadBytes(t testing.TB, name string, data []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// project makes a project without the browser.
func (b *browser) project(name string) iot.ProjectInfo {
	b.t.Helper()
	p, err := b.tenant.CreateProject(name, "")
	if err != nil {
		b.t.Fatal(err)
	}
	return p
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
		b.press(`document.getElementById("f-all")`)
	}
	b.click("Create")
	b.sees("created.")
}

// An account is made, and a project in it whose key a click copies.
func TestSignUpAndCopyKey(t *testing.T) {
	b := visitor(t)
	b.open("/signup")
	b.fill("Account (phone number)", b.name)
	b.fill("Password", "correct horse")
	b.fill("Password again", "correct horse")
	b.click("Sign up")
	b.sees("My projects", "Log out", "No project yet")
	session, err := b.s.store.LogIn(b.name, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	b.owns(session.Account.ID)
	key := b.createProject("weather station")
	if iot.CheckKey(key) != nil || len(key) != 32 {
		t.Fatalf("key %q", key)
	}
	// The clipboard of a headless browser needs a permission; that the button
	// asks for the right text is what can be seen everywhere.
	b.run(`navigator.clipboard.writeText = async (text) => { window.clipboard = text; }; undefined`)
	b.click(key)
	b.until("window.clipboard === " + quoteJS(key))
	b.sees("copied", "weather station")
	b.open("/projects")
	b.sees("weather station", key)
	b.click("Log out")
	b.sees("Log in", "Account (phone number)")
	b.open("/projects")
	b.fill("Account (phone number)", b.name)
	b.fill("Password", "wrong horse")
	b.click("Log in")
	b.sees("Name or password is wrong.")
	b.fill("Password", "correct horse")
	b.click("Log in")
	b.sees("weather station") // the page that was asked for
}

func TestUploadRecognisesName(t *testing.T) {
	b := member(t)
	b.project("demo")
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
	if list, err := b.tenant.Firmware(b.current(), "", iot.Page{}); err != nil || list.Total != 1 || !list.Items[0].Allow || list.Items[0].All || list.Items[0].Size != 7000 {
		t.Errorf("%+v, %v", list, err)
	}
}

// current is the id of the account's only project.
func (b *browser) current() int64 {
	b.t.Helper()
	list, err := b.tenant.Projects()
	if err != nil || len(list) != 1 {
		b.t.Fatalf("%+v, %v", list, err)
	}
	return list[0].ID
}

func TestChooseDevices(t *testing.T) {
	b := member(t)
	key := b.project("demo").Key
	b.createFirmware(upload(t, "fotademo_1103.1.2_LuatOS-SoC_EC618.bin"), false)
	one, two := b.imei(1), b.imei(2)
	ask := func(want int, when string) {
		t.Helper()
		if got := b.s.ask(one, key, "fotademo_LuatOS-SoC_EC618", "1103.1.1"); got != want {
			t.Errorf("%s it got %d", when, got)
		}
	}
	ask(400, "before it is listed")
	b.click("Add IMEI")
	b.fill("IMEI (one a line)", one+"\n"+two)
	b.click("Add")
	b.sees("Devices added: 2", two)
	ask(200, "listed")
	b.click(one) // its box
	b.click("Remove the ticked")
	b.sees("Devices removed: 1")
	b.until(`![...document.querySelectorAll(".ticks label")].some(e => e.innerText === ` + quoteJS(one) + `)`)
	ask(400, "removed")
	b.open("/firmware")
	all := `document.querySelectorAll("[role=switch]")[1]`
	b.press(all)
	b.until(all + `.getAttribute("aria-checked") === "true"`)
	ask(200, "with all devices switched on")
}
