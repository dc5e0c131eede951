package web

import (
	"bytes"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"airlift/chips"
	"airlift/chips/all"
	"airlift/emu/iot"
)

// cores makes two cores of one model, as their vendor ships them.
func cores(t testing.TB) (old, fresh []byte) {
	t.Helper()
	chip, err := all.Chip("Air780E", "")
	if err != nil {
		t.Fatal(err)
	}
	var made [2][]byte
	for i, version := range []string{"V1114", "V1115"} {
		if made[i], err = chip.Maker.Make("soc", chips.MakeInput{CoreVersion: version, CoreSize: 64 << 10, CoreSeed: 1}); err != nil {
			t.Fatal(err)
		}
	}
	return made[0], made[1]
}

// askDifference sends what a device sends that wants a difference package.
func (s *site) askDifference(identity, key, name, core string) int {
	s.t.Helper()
	return s.ask(identity, key, name, core+".1.1&dfota=1&core_version="+core)
}

// playDifferences makes a base core known and lets devices ask for packages, of
// which one cannot be made.
func (b *browser) playDifferences(p iot.ProjectInfo) {
	b.t.Helper()
	old, fresh := cores(b.t)
	for name, data := range map[string][]byte{"good_1115.1.2_LuatOS-SoC_EC618.bin": fresh, "bad_1115.1.2_LuatOS-SoC_EC618.bin": []byte("no core")} {
		if _, err := b.tenant.CreateFirmware(p.ID, iot.FirmwareDraft{FileName: name, Allow: true, All: true}, bytes.NewReader(data)); err != nil {
			b.t.Fatal(err)
		}
	}
	if _, err := b.tenant.CreateBase(p.ID, iot.BaseDraft{Core: "1114", Chip: "Air780E", FileName: "LuatOS-SoC_V1114_EC618.soc"}, bytes.NewReader(old)); err != nil {
		b.t.Fatal(err)
	}
	b.s.askDifference(b.imei(1), p.Key, "good_LuatOS-SoC_EC618", "1114")
	b.s.askDifference(b.imei(2), p.Key, "bad_LuatOS-SoC_EC618", "1114")
}

// A device wants a difference from a core that the platform does not have: 44.
// The core is uploaded on the page, a package is built while the page shows it,
// and the device gets it. What cannot be built says why, and can be tried again.
func TestDifferencePackages(t *testing.T) {
	b := member(t)
	p := b.project("demo")
	old, fresh := cores(t)
	good, err := b.tenant.CreateFirmware(p.ID, iot.FirmwareDraft{FileName: "good_1115.1.2_LuatOS-SoC_EC618.bin", Allow: true, All: true}, bytes.NewReader(fresh))
	if err != nil {
		t.Fatal(err)
	}
	ask := func(name string) int {
		return b.s.askDifference(b.imei(1), p.Key, name+"_LuatOS-SoC_EC618", "1114")
	}
	if got := ask("good"); got != 400 {
		t.Fatalf("without a base core: %d", got)
	}
	b.open("/log")
	b.click("Why?")
	b.click("Base cores and packages")
	b.sees("No base cores yet", "code 44")
	b.click("Add base core")
	b.fill("Core version", "V1114")
	b.choose("Model", "Air780E")
	b.do(chromedp.SetUploadFiles(chromedp.CSS("#b-file"), []string{uploadBytes(t, "LuatOS-SoC_V1114_EC618.soc", old)}))
	b.click("Add")
	b.sees("neither a number nor three")
	b.fill("Core version", "1114")
	b.click("Add")
	b.sees("Base core 1114 added.", "LuatOS-SoC_V1114_EC618.soc")

	ask("good") // starts the building; the page shows how it ends
	b.sees(good.Name+" 1115.1.2", "ready")
	if got := ask("good"); got != 200 {
		t.Errorf("with the package: %d", got)
	}
	if _, err := b.tenant.CreateFirmware(p.ID, iot.FirmwareDraft{FileName: "bad_1115.1.2_LuatOS-SoC_EC618.bin", Allow: true, All: true}, strings.NewReader("no core")); err != nil {
		t.Fatal(err)
	}
	ask("bad")
	b.sees("failed")
	b.click("Try again")
	b.sees("The package is built again.", "failed")
	b.run("window.confirm = () => true; undefined")
	b.press(`document.querySelector("[aria-label='Delete base core 1114']")`)
	b.sees("Base core deleted", "No base cores yet", "Nothing yet.")
}
