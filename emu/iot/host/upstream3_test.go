package host_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"airlift/chips"
	"airlift/chips/all"
	"airlift/emu/iot"
	"airlift/flash/luadb"
)

// turnkeyScript checks, downloads, restarts, and reports at the next start, as
// upstream's callers of libfota3 do. It runs the check again after the report.
func (p *platform) turnkeyScript(version string) string {
	return fmt.Sprintf(`-- %s
PROJECT = "factory"
VERSION = "%s"
PROJECT_KEY = "%s"
sys = require("sys")
libfota3 = require("libfota3")
log.info("main", PROJECT, VERSION)
sys.taskInit(function()
    sys.waitUntil("IP_READY", 30000)
    local serial = io.readFile("/serial")
    if serial and serial ~= "" then
        os.remove("/serial")
        libfota3.report_result(serial, 1)
        sys.wait(5000)
    end
    local found, err = libfota3.check()
    if not found or err then
        log.info("checked", err, found and found.code)
        return
    end
    local ok, why = libfota3.download(found.url, found.sha256)
    log.info("downloaded", ok, why)
    if ok then
        io.writeFile("/serial", found.fota_sn)
        rtos.reboot()
    end
end)
sys.run()
`, strings.Repeat("a script package has at least 512 bytes ", 13), version, p.project.Key)
}

// TestUpstreamTurnkey lets libfota3 upgrade a module and report it.
func TestUpstreamTurnkey(t *testing.T) {
	libs, src := upstream(t)
	library, err := os.ReadFile(filepath.Join(src, "app_engine", "factory", "libs", "libfota3.lua"))
	if err != nil {
		t.Skip("NOT tried: libfota3 is not in this checkout:", err)
	}
	for _, answers := range []string{"cloud", "turnkey"} {
		t.Run(answers, func(t *testing.T) {
			p := newPlatform(t, answers, iot.DefaultSettings())
			chip := must[*chips.Chip](t)(all.Chip("air780epm", ""))
			more := luadb.File{Name: "libfota3.lua", Data: library}
			core := strings.TrimPrefix(chip.Profile.CoreVersion, "V")
			p.upload(iot.FirmwareDraft{
				Name: "factory", Version: core + ".1.1", ScriptVersion: "001.000.001", CoreID: 0, FileName: "f.bin", Allow: true, All: true,
			}, p.pack(chip, p.turnkeyScript("001.000.001"), more))
			log := p.run(chip, libs, p.turnkeyScript("001.000.000"), func(line string) bool { return strings.Contains(line, "checked") }, more)
			inOrder(t, log, "001.000.000", "new version found", "download complete", "download and flash complete", "downloaded", "true",
				"001.000.001", "report result", "report success", "no update, code", "无新版本", "checked", "无新版本")
			v := must[iot.List[iot.Delivery]](t)(p.a.Deliveries(iot.DeliveryFilter{}, iot.Page{}))
			if v.Total != 1 || v.Items[0].Outcome != iot.OutcomeNew || v.Items[0].Serial == "" {
				t.Errorf("deliveries %+v", v)
			}
		})
	}
}

// TestUpstreamTurnkeyErrors shows what libfota3 makes of a refusal.
func TestUpstreamTurnkeyErrors(t *testing.T) {
	libs, src := upstream(t)
	library, err := os.ReadFile(filepath.Join(src, "app_engine", "factory", "libs", "libfota3.lua"))
	if err != nil {
		t.Skip("NOT tried: libfota3 is not in this checkout:", err)
	}
	p := newPlatform(t, "cloud", iot.DefaultSettings())
	chip := must[*chips.Chip](t)(all.Chip("air780epm", ""))
	script := strings.Replace(p.turnkeyScript("001.000.000"), `"`+p.project.Key+`"`, `"123"`, 1)
	log := p.run(chip, libs, script, func(line string) bool { return strings.Contains(line, "checked") }, luadb.File{Name: "libfota3.lua", Data: library})
	inOrder(t, log, "no update, code", "25", "无效的项目", "checked", "无效的项目", "25")
}
