package host_test

import (
	"encoding/json"
	"fmt"
	"strings"

	"airlift/emu/iot"
	"airlift/emu/link"
)

// The checks of the generations (iot-platform.md 1.5).
const (
	checkModel = "imei={id}&project_key={key}&model=Air780EPM&core_id=1&core_version=2046&script_name=fotademo&script_version={version}"
	checkName  = "imei={id}&project_key={key}&core_name=LuatOS-SoC_Air780EPM&core_id=1&core_version=2046&script_name=fotademo&script_version={version}"

	factory = "app_engine/factory/libs/libfota3.lua"
)

// turnkeyClients are libfota3: the first kind leaves check, download and report
// to its caller, the second does all of it.
var turnkeyClients = []*client{
	{name: "libfota3 2026-05-27", kind: kindTurnkey1, chip: "Air780EPM", commit: "d17558586", over: factory, query: checkName, report: "POST query", badHash: true},
	{name: "libfota3 2026-06-03", kind: kindTurnkey1, chip: "Air780EPM", commit: "80a51f1d7", over: factory, query: checkName, report: "POST body", badHash: true},
	{name: "libfota3 2026-06-05", kind: kindTurnkey1, chip: "Air780EPM", commit: "244af80a0", over: factory, query: checkModel, report: "GET query", badHash: true},
	{name: "libfota3 of the factory", kind: kindTurnkey1, chip: "Air780EPM", source: envSource, over: factory, query: checkModel, report: "POST body"},
	{name: "libfota3 of Air8201G", kind: kindTurnkey2, chip: "Air780EPM", source: envSource, query: checkModel, report: "POST query body",
		over: "module/Air8201/project/Air8201G/factory/libs/libfota3.lua"},
	{name: "libfota3 of dtu_rtu", kind: kindTurnkey2, chip: "Air780EPM", source: envSource, query: checkModel, report: "POST query body",
		over: "module/Air8300/project/dtu_rtu/libfota3.lua"},
	{name: "libfota3 of air_card", kind: kindTurnkey2, chip: "Air780EPM", source: envSource, query: checkModel, report: "POST query body",
		over: "module/Air780EHM_Air780EHV_Air780EGH/project/air_card/libfota3.lua"},
}

func (c *client) turnkey() bool { return c.kind == kindTurnkey1 || c.kind == kindTurnkey2 }

// turnkeyScript is a caller of libfota3.
func (tr *trial) turnkeyScript(a ask) string {
	opts := ""
	if a.nobody {
		opts = `{imei = ""}`
	}
	if tr.c.kind == kindTurnkey2 {
		return fmt.Sprintf(`sys = require("sys")
local fota = require("libfota3")
log.info("main", PROJECT, VERSION)
local last = {check_fail = true, no_new_version = true, download_fail = true, download_done = %v}
fota.config({
    project_key = PRODUCT_KEY, auto = false,
    on_status = function(status, text, percent)
        log.info("status", status, text, percent)
        if last[status] then
            log.info("answer", status, text)
            sys.publish("DONE")
        end
    end,
    on_confirm = function(action, info, callback) callback(action ~= "reboot" or %v) end,
})
sys.taskInit(function()
    sys.waitUntil("IP_READY", 30000)
    while true do
        sys.wait(30000)
        fota.check_update()
        sys.waitUntil("DONE", 600000)
    end
end)
sys.run()
`, !a.restart, a.restart)
	}
	return fmt.Sprintf(`sys = require("sys")
require("sysplus")
local fota = require("libfota3")
log.info("main", PROJECT, VERSION)
sys.taskInit(function()
    sys.waitUntil("IP_READY", 30000)
    local serial = io.readFile("/serial")
    if serial and serial ~= "" then
        os.remove("/serial")
        fota.report_result(serial, 1)
    end
    while true do
        sys.wait(30000)
        local found, err = fota.check(%s)
        if not found or err then
            log.info("answer", found and found.code, err)
        else
            local ok, why = fota.download(found.url, found.sha256)
            log.info("answer", ok, why)
            if ok and %v then
                io.writeFile("/serial", found.fota_sn)
                rtos.reboot()
            end
        end
    end
end)
sys.run()
`, opts, a.restart)
}

// complainsTurnkey is what libfota3 says to an answer that is no upgrade
// (iot-platform.md 1.5.1).
func (tr *trial) complainsTurnkey(code int, text string) {
	tr.t.Helper()
	tr.expect(fmt.Sprintf("libfota3 no update, code %d msg %s", code, text))
	if tr.c.kind == kindTurnkey2 {
		tr.expect("status no_new_version "+text+"*", "answer no_new_version "+text)
		return
	}
	tr.expect(fmt.Sprintf("answer %d %s", code, text))
}

// turnedDown asks once and is told a code.
func (tr *trial) turnedDown(a ask, code int, text string, reason iot.Reason) {
	tr.t.Helper()
	tr.run(tr.script(a), answered)
	tr.complainsTurnkey(code, text)
	if reason != "" {
		tr.logged(reason)
	}
}

// fails asks once and has an error: in the check, or in the download.
func (tr *trial) fails(status, text string) {
	tr.t.Helper()
	tr.run(tr.script(ask{}), answered)
	switch {
	case tr.c.kind == kindTurnkey2:
		tr.expect("status "+status+" "+text+"*", "answer "+status+" "+text)
	case status == "check_fail":
		tr.expect("answer nil " + text)
	default:
		tr.expect("answer false " + text)
	}
}

// turnkeyCases is what can happen to libfota3 (iot-platform.md 1.5).
var turnkeyCases = []clientCase{
	{name: "upgrade and report", not: takesNoHash, run: (*trial).turnkeyUpgrade},
	{name: "upgrade and report", answers: "turnkey", not: takesNoHash, run: (*trial).turnkeyUpgrade},
	{name: "3 no identity", not: onlyKinds("it takes no identity from its caller, and does not ask without one", kindTurnkey1),
		run: func(tr *trial) { tr.turnedDown(ask{nobody: true}, 3, "无效的设备", "") }},
	{name: "17 device of another account", run: func(tr *trial) {
		tr.foreign()
		tr.turnedDown(ask{}, 17, "无权限", iot.ForeignAccount)
	}},
	{name: "21 forbidden by hand", run: func(tr *trial) {
		tr.forbid()
		tr.turnedDown(ask{}, 21, "21", iot.DeviceForbidden)
	}},
	{name: "25 unknown key", run: func(tr *trial) { tr.turnedDown(ask{key: "123"}, 25, "无效的项目", "") }},
	{name: "25 device of another project", run: func(tr *trial) {
		tr.elsewhere()
		tr.turnedDown(ask{}, 25, "无效的项目", iot.ForeignProject)
	}},
	{name: "26 renamed", run: func(tr *trial) {
		tr.upload(tr.draft(), []byte("package"))
		tr.turnedDown(ask{project: "renamed"}, 26, "无效的固件", iot.UnknownFirmware)
	}},
	{name: "1 newest", run: func(tr *trial) {
		tr.upload(tr.draft(), []byte("package"))
		tr.turnedDown(ask{version: "1.0.1"}, 1, "无新版本", iot.UpToDate)
	}},
	{name: "1 newest", answers: "wiki2024", run: func(tr *trial) {
		tr.upload(tr.draft(), []byte("package"))
		tr.turnedDown(ask{version: "1.0.1"}, 1, "无新版本", iot.UpToDate)
	}},
	{name: "1 newest", answers: "selfhost-minimal", run: func(tr *trial) {
		tr.upload(tr.draft(), []byte("package"))
		tr.turnedDown(ask{version: "1.0.1"}, 1, "无新版本", iot.UpToDate)
	}},
	{name: "1 not listed", run: func(tr *trial) {
		d := tr.draft()
		d.All = false
		tr.upload(d, []byte("package"))
		tr.turnedDown(ask{}, 1, "无新版本", iot.NotListed)
	}},
	{name: "1 switched off", run: func(tr *trial) {
		d := tr.draft()
		d.Allow = false
		tr.upload(d, []byte("package"))
		tr.turnedDown(ask{}, 1, "无新版本", iot.FirmwareDisabled)
	}},
	{name: "40 ban and release", not: takesNoHash, run: (*trial).turnkeyBan},
	{name: "43 wait, 44, redirect, Range", not: func(*client) string {
		return "the turnkey API has neither difference packages nor redirects, and libfota3 sends no Range"
	}},
	{name: "unknown model", not: func(c *client) string {
		if c.badHash {
			return "it does not look at the model: whoever has an IMEI sends it"
		}
		return ""
	}, run: func(tr *trial) {
		other := *tr.c
		other.chip, other.profile = "Air201", ""
		tr.c, tr.chip = &other, other.firmware(tr.t)
		tr.fails("check_fail", "无法获取设备标识(IMEI/MAC)")
	}},
	{name: "check: no key", run: func(tr *trial) {
		tr.run(tr.script(ask{key: "none"}), answered)
		tr.expect(map[kind]string{kindTurnkey1: "answer nil 缺少project_key", kindTurnkey2: "answer check_fail 缺少project_key"}[tr.c.kind])
	}},
	{name: "check: 404", run: func(tr *trial) {
		tr.answersCheck(link.Response{Status: 404})
		tr.fails("check_fail", "服务器响应错误(404)")
		tr.expect("libfota3 check http error 404")
	}},
	{name: "check: empty", run: func(tr *trial) {
		tr.answersCheck(link.Response{Status: 200})
		tr.fails("check_fail", "服务器返回空")
	}},
	{name: "check: no JSON", run: func(tr *trial) {
		tr.answersCheck(link.Response{Status: 200, Body: []byte("<html>")})
		tr.fails("check_fail", "服务器返回格式错误")
		tr.expect("libfota3 check json parse failed <html>")
	}},
	{name: "download: 206 unasked", run: func(tr *trial) {
		tr.answersDownload(link.Response{Status: 206, Body: []byte("package")})
		tr.fails("download_fail", "下载失败(206)")
	}},
	{name: "download: 404", run: func(tr *trial) {
		tr.answersDownload(link.Response{Status: 404})
		tr.fails("download_fail", "下载失败(404)")
	}},
	{name: "download: empty", run: func(tr *trial) {
		tr.answersDownload(link.Response{Status: 200})
		tr.fails("download_fail", "下载文件为空")
	}},
	{name: "download: damaged", run: func(tr *trial) {
		tr.answersDownload(link.Response{Status: 200, Body: []byte("damaged")})
		tr.fails("download_fail", "SHA256校验失败")
		tr.expect("libfota3 sha256 mismatch*")
	}},
	{name: "download: broken in the middle", run: func(tr *trial) {
		tr.upload(tr.draft(), tr.pack(next))
		cut := false
		tr.g.hook(func(req *link.Request) *link.Response {
			if !cut && strings.HasPrefix(req.Target, "/download/") {
				cut = true
				tr.g.cuts.cut(400, 1)
			}
			return nil
		})
		// Cores of these days take a short file for whole.
		tr.fails("download_fail", "SHA256校验失败")
	}},
	{name: "code missing", not: takesNoHash, run: func(tr *trial) {
		tr.upload(tr.draft(), tr.pack(next))
		tr.editsOffer(func(v map[string]any) { delete(v, "code") })
		tr.turnkeyInstalls()
	}},
	{name: "sha256 missing", run: func(tr *trial) {
		tr.editsOffer(func(v map[string]any) { delete(v, "sha256") })
		tr.turnkeyUpgrade()
		tr.expect("libfota3 no sha256 provided, skip verification")
	}},
	{name: "core_id is a string", not: onlyKinds("its caller compares, not the library", kindTurnkey2), run: func(tr *trial) {
		tr.upload(tr.draft(), tr.pack(next))
		tr.editsOffer(func(v map[string]any) { v["core_id"] = fmt.Sprint(v["core_id"]) })
		tr.turnkeyInstalls()
		tr.expect("libfota3 upgrade failed, no version change", "libfota3 report success")
		if v := tr.delivery(); v.Outcome != iot.OutcomeOld {
			tr.t.Errorf("the platform believes %+v", v)
		}
	}},
	{name: "report refused", not: takesNoHash, run: func(tr *trial) {
		tr.upload(tr.draft(), tr.pack(next))
		tr.g.hook(func(req *link.Request) *link.Response {
			if req.Path() == iot.TurnkeyResultPath {
				return &link.Response{Status: 500, Close: true}
			}
			return nil
		})
		tr.turnkeyInstalls()
		tr.expect("libfota3 report http error 500 attempt 1", "libfota3 report http error 500 attempt 2", "libfota3 report failed after retries")
	}},
}

// takesNoHash is why most of it cannot happen to the first ones.
func takesNoHash(c *client) string {
	if c.badHash {
		return "it hashes the name of the file instead of what is in it: it takes packages only from servers that send no sha256"
	}
	return ""
}

// turnkeyInstalls runs until the next version has asked.
func (tr *trial) turnkeyInstalls() {
	tr.t.Helper()
	restarted := false
	tr.run(tr.script(ask{restart: true}), func(line string) bool {
		restarted = restarted || plain(line) == "main fotademo 1.0.1"
		return restarted && answered(line)
	})
	tr.expect("main fotademo 1.0.0", "libfota3 new version found script 1.0.1 size *", "libfota3 download complete *",
		"libfota3 download and flash complete", "main fotademo 1.0.1", "libfota3 no update, code 1 msg 无新版本")
}

// turnkeyUpgrade goes into the next version and reports that (iot-platform.md
// 1.5.3).
func (tr *trial) turnkeyUpgrade() {
	t := tr.t
	tr.upload(tr.draft(), tr.pack(next))
	tr.turnkeyInstalls()
	v := tr.delivery()
	tr.expect("main fotademo 1.0.1", "libfota3 report result fota_sn "+v.Serial+" code 1", "libfota3 report success")
	if tr.c.kind == kindTurnkey2 {
		tr.expect("status checking*", "status new_version 发现新版本 1.0.1*", "status download_start*", "status downloading 正在下载: 100%*",
			"status download_done*", "status rebooting*", "libfota3 upgrade success core_changed true script_changed true", "status no_new_version*")
	}
	if v.Outcome != iot.OutcomeNew || v.Serial == "" {
		t.Errorf("delivery %+v", v)
	}
	seen := tr.g.requests()
	if want := iot.TurnkeyPath + "?" + tr.expand(tr.c.query, ask{}); seen[0].Target != want {
		t.Errorf("%s, want %s", seen[0].Target, want)
	}
	for _, r := range seen {
		if r.Path() != iot.TurnkeyResultPath {
			continue
		}
		got := r.Method
		if r.RawQuery() == "fota_sn="+v.Serial+"&result_code=1" {
			got += " query"
		}
		var body map[string]any
		if json.Unmarshal(r.Body, &body) == nil && body["fota_sn"] == v.Serial && body["result_code"] == 1.0 {
			got += " body"
		}
		if got != tr.c.report {
			t.Errorf("reported with %s, want %s: %+v", got, tr.c.report, r)
		}
	}
}

// turnkeyBan is the loop guard: offers count.
func (tr *trial) turnkeyBan() {
	tr.upload(tr.draft(), tr.pack(next))
	took := map[kind]string{kindTurnkey1: "answer true*", kindTurnkey2: "answer download_done*"}[tr.c.kind]
	tr.untilReleased(func(line string) bool { return strings.HasPrefix(line, strings.TrimSuffix(took, "*")) })
	tr.complainsTurnkey(40, "循环升级")
	tr.expect(took, "libfota3 no update, code 40 msg 循环升级", took)
}

// delivery is the trial's only one.
func (tr *trial) delivery() iot.Delivery {
	tr.t.Helper()
	l := must[iot.List[iot.Delivery]](tr.t)(tr.g.a.Deliveries(iot.DeliveryFilter{Project: tr.project.ID}, iot.Page{}))
	if l.Total != 1 {
		tr.t.Fatalf("deliveries %+v", l)
	}
	return l.Items[0]
}

// answersCheck puts an answer in the platform's place.
func (tr *trial) answersCheck(resp link.Response) { tr.answersAt(iot.TurnkeyPath, resp) }

// answersDownload lets the platform offer a package and sends something else.
func (tr *trial) answersDownload(resp link.Response) {
	tr.upload(tr.draft(), tr.pack(next))
	tr.answersAt("/download/", resp)
}

func (tr *trial) answersAt(path string, resp link.Response) {
	resp.Close = true
	resp.Header = link.Header{{Name: "Content-Length"}}
	tr.g.hook(func(req *link.Request) *link.Response {
		if req.Path() != path && !(strings.HasSuffix(path, "/") && strings.HasPrefix(req.Path(), path)) {
			return nil
		}
		r := resp
		return &r
	})
}

// editsOffer changes what the platform offers.
func (tr *trial) editsOffer(edit func(map[string]any)) {
	tr.g.hook(func(req *link.Request) *link.Response {
		if req.Path() != iot.TurnkeyPath {
			return nil
		}
		resp := tr.g.server.Serve(req)
		var v map[string]any
		if json.Unmarshal(resp.Body, &v) != nil || v["fota_sn"] == nil {
			return resp
		}
		edit(v)
		body, err := json.Marshal(v)
		if err != nil {
			tr.t.Error(err)
		}
		resp.Body = body
		return resp
	})
}
