package host_test

import (
	"fmt"
	"strings"

	"airlift/emu/iot"
)

// clientCase is something that a client can meet.
type clientCase struct {
	name    string
	answers string // the platform's answer set; empty: cloud
	// not says why it cannot happen to a client, empty if it can.
	not func(*client) string
	run func(*trial)
}

// bodies are the platform's answers, byte by byte (iot-platform.md 2.2), and
// the first word that libfota2 says to them (2.3).
var bodies = map[int]struct{ body, word string }{
	3:  {`{"code": 3, "msg": "\u65e0\u6548\u7684\u8bbe\u5907"}`, "无效的设备"},
	17: {`{"code": 17, "msg": "\u65e0\u6743\u9650"}`, "无权限"},
	21: {`{"code": 21, "msg": "21"}`, "不允许升级"},
	25: {`{"code": 25, "msg": "\u65e0\u6548\u7684\u9879\u76ee"}`, "无效的项目"},
	26: {`{"code": 26, "msg": "\u65e0\u6548\u7684\u56fa\u4ef6"}`, "无效的固件"},
	27: {`{"code": 27, "msg": "\u5df2\u662f\u6700\u65b0\u7248\u672c"}`, "已是最新版本"},
	40: {`{"code": 40, "msg": "\u5faa\u73af\u5347\u7ea7"}`, "循环升级"},
	43: {`{"code": 43, "msg": "\u8bf7\u7b49\u5f85"}`, "请等待"},
	44: {`{"code": 44, "msg": "\u57fa\u7840\u7248\u672c\u7f3a\u5931"}`, "不是上面的那些错误code"},
}

// The numbering of the article of 2024 (iot-platform.md 2.4).
const (
	wiki25 = `{"code": 25, "msg": "\u65e0\u6743\u9650"}`
	wiki26 = `{"code": 26, "msg": "\u65e0\u6548\u7684\u9879\u76ee"}`
	wiki27 = `{"code": 27, "msg": "\u65e0\u6548\u7684\u56fa\u4ef6"}`
)

// bodyLost is when cores began to drop the bodies of errors
// (iot-platform.md 1.13).
const bodyLost = "2025-12-02"

func (tr *trial) keepsBody() bool { return tr.chip.Profile.CoreDate < bodyLost }

// isFile reports whether the package goes into a file, for want of a FOTA
// area: then nothing but the answer counts.
func (tr *trial) isFile() bool { return tr.c.kind != kindTask && !tr.chip.Profile.Features.Fota }

// complains checks what the client logs about an error, and what it tells the
// script. An empty body is an answer without JSON.
func (tr *trial) complains(status int, body string) {
	tr.t.Helper()
	code := 0
	fmt.Sscanf(body, `{"code": %d`, &code)
	switch tr.c.kind {
	case kindSocket:
		tr.expect(fmt.Sprintf("fota http应答不OK %d*", status), "answer 4")
	case kindTask:
		tr.complainsTask(status, code, body)
	default:
		tr.complainsHTTP(status, code, body)
	}
}

// complainsHTTP is what the libraries on top of http.request say
// (iot-platform.md 1.4.1, 1.13, 2.3).
func (tr *trial) complainsHTTP(status, code int, body string) {
	tr.t.Helper()
	what := fmt.Sprintf("-9 table %s", body)
	if !tr.keepsBody() {
		what = "-9 table 0"
	}
	if tr.isFile() {
		what = fmt.Sprintf("%d table *", status)
	}
	if tr.c.kind == kindFota || tr.c.tag == "http fota" {
		tr.expect(orElse(tr.c.tag, "http fota")+" "+strings.TrimRight(what, " "), "answer 4")
		return
	}
	what = strings.Replace(what, "table ", "", 1)
	lines := []string{strings.TrimRight(orElse(tr.c.tag, "fota")+" "+what, " ")}
	if tr.c.words {
		lines = append(lines, "使用合宙服务器,接下来解析body里的code")
	}
	switch {
	case !tr.c.words:
	case tr.isFile() || !tr.keepsBody() || body == "":
		lines = append(lines, "云平台下发的不是json*")
	default:
		lines = append(lines, bodies[code].word+"*")
	}
	tr.expect(append(lines, "answer 4")...)
}

// complainsTask is what update.lua says (iot-platform.md 1.7.1).
func (tr *trial) complainsTask(status, code int, body string) {
	tr.t.Helper()
	asked, shown := "update.waitUntil UPDATE_DOWNLOAD true", "nil"
	if tr.c.own() {
		asked = "update answer true"
	}
	var lines []string
	if body != "" {
		shown = fmt.Sprint(code)
		if msg := message(body); msg != "" {
			lines = append(lines, "update.error "+msg)
		}
	}
	tr.expect(append(lines, fmt.Sprintf("%s %d %s", asked, status, shown), "answer false")...)
}

// message is a body's text as update.lua reads it: hex digits without their
// backslashes, so that plain digits are taken for a character, too.
func message(body string) string {
	_, msg, _ := strings.Cut(body, `"msg": "`)
	msg = strings.TrimSuffix(msg, `"}`)
	var text []rune
	for hex := strings.ReplaceAll(msg, `\u`, ""); len(hex) >= 4; hex = hex[4:] {
		var r rune
		fmt.Sscanf(hex[:4], "%x", &r)
		text = append(text, r)
	}
	return string(text)
}

func orElse(s, or string) string {
	if s == "" {
		return or
	}
	return s
}

// answered reports whether a line tells the script's answer.
func answered(line string) bool { return strings.HasPrefix(plain(line), "answer ") }

// refused asks once and is refused.
func (tr *trial) refused(a ask, body string, reason iot.Reason) {
	tr.t.Helper()
	tr.run(tr.script(a), answered)
	tr.complains(400, body)
	switch {
	case a.nobody:
		tr.loggedOf("", iot.NoIdentity)
	case reason != "":
		tr.logged(reason)
	}
}

// took is the answer of a client that has a package.
func (tr *trial) took() string {
	if tr.c.kind == kindTask {
		return "answer true"
	}
	return "answer 0"
}

// failed is the answer of a client that has none, by its number.
func (tr *trial) failed(code int) string {
	if tr.c.kind == kindTask {
		return "answer false"
	}
	return fmt.Sprint("answer ", code)
}

// installs runs until the next version runs, and checks that it was sent.
func (tr *trial) installs(a ask) {
	tr.t.Helper()
	a.restart = true
	tr.run(tr.script(a), func(line string) bool {
		return strings.HasPrefix(plain(line), "main ") && strings.HasSuffix(plain(line), tr.mainVersion(next))
	})
	tr.expect("main fotademo "+tr.mainVersion(a), tr.took(), "main fotademo "+tr.mainVersion(next))
}

func (tr *trial) mainVersion(a ask) string {
	_, v := tr.orDefault(a)
	return v
}

// e1Cases is what can happen at firmware_upgrade.
var e1Cases = []clientCase{
	{name: "upgrade", run: (*trial).upgrade},
	{name: "3 no identity", run: func(tr *trial) { tr.refused(ask{nobody: true}, bodies[3].body, "") }},
	{name: "17 device of another account", run: func(tr *trial) {
		tr.foreign()
		tr.refused(ask{}, bodies[17].body, iot.ForeignAccount)
	}},
	{name: "21 forbidden by hand", run: func(tr *trial) {
		tr.forbid()
		tr.refused(ask{}, bodies[21].body, iot.DeviceForbidden)
	}},
	{name: "21 baselines", not: func(c *client) string {
		if c.version == core22 {
			return "its core is of no baseline"
		}
		return ""
	}, run: func(tr *trial) {
		d := tr.draft()
		d.Core = "3203"
		tr.upload(d, []byte("package"))
		tr.refused(ask{more: tr.coreVersion("3103")}, bodies[21].body, iot.BaselineForbidden)
	}},
	{name: "25 unknown key", run: func(tr *trial) { tr.refused(ask{key: "123"}, bodies[25].body, "") }},
	{name: "25 device of another project", run: func(tr *trial) {
		tr.elsewhere()
		tr.refused(ask{}, bodies[25].body, iot.ForeignProject)
	}},
	{name: "26 renamed", run: func(tr *trial) {
		tr.upload(tr.draft(), []byte("package"))
		tr.refused(ask{project: "renamed"}, bodies[26].body, iot.UnknownFirmware)
	}},
	{name: "27 newest", run: func(tr *trial) {
		tr.upload(tr.draft(), []byte("package"))
		tr.refused(ask{version: "1.0.1"}, bodies[27].body, iot.UpToDate)
	}},
	{name: "27 newer than that", run: func(tr *trial) {
		tr.upload(tr.draft(), []byte("package"))
		tr.refused(ask{version: "1.0.2"}, bodies[27].body, iot.Downgrade)
	}},
	{name: "27 not listed", run: func(tr *trial) {
		d := tr.draft()
		d.All = false
		tr.upload(d, []byte("package"))
		tr.refused(ask{}, bodies[27].body, iot.NotListed)
	}},
	{name: "27 switched off", run: func(tr *trial) {
		d := tr.draft()
		d.Allow = false
		tr.upload(d, []byte("package"))
		tr.refused(ask{}, bodies[27].body, iot.FirmwareDisabled)
	}},
	{name: "27 listed in an older one", run: func(tr *trial) {
		tr.upload(tr.draft(), []byte("package"))
		d := tr.draft()
		d.Version, d.Devices = tr.sent(ask{}), []string{tr.identity()}
		tr.upload(d, []byte("older package"))
		tr.refused(ask{}, bodies[27].body, iot.UpToDate)
	}},
	{name: "40 ban and release", run: (*trial).ban},
	{name: "43 wait, then upgrade", run: (*trial).wait},
	{name: "44 unknown core", run: func(tr *trial) {
		d := tr.draft()
		d.Core = ""
		must[iot.Firmware](tr.t)(tr.g.a.CreateFirmware(tr.project.ID, d, strings.NewReader("package")))
		tr.refused(ask{more: tr.difference()}, bodies[44].body, iot.BaseUnknown)
	}},
	{name: "17 is 25", answers: "wiki2024", run: func(tr *trial) {
		tr.foreign()
		tr.refused(ask{}, wiki25, iot.ForeignAccount)
	}},
	{name: "25 is 26", answers: "wiki2024", run: func(tr *trial) {
		tr.elsewhere()
		tr.refused(ask{}, wiki26, iot.ForeignProject)
	}},
	{name: "26 is 27", answers: "wiki2024", run: func(tr *trial) { tr.refused(ask{}, wiki27, iot.UnknownFirmware) }},
	{name: "upgrade", answers: "wiki2024", run: (*trial).upgrade},
}

// foreign gives the device to another account.
func (tr *trial) foreign() {
	tr.t.Helper()
	theirs := must[iot.ProjectInfo](tr.t)(tr.g.b.CreateProject("foreign "+tr.project.Name, ""))
	if _, _, err := tr.g.b.AddDevices(theirs.ID, []string{tr.identity()}); err != nil {
		tr.t.Fatal(err)
	}
}

// forbid registers the device and forbids upgrades.
func (tr *trial) forbid() {
	tr.t.Helper()
	if _, _, err := tr.g.a.AddDevices(tr.project.ID, []string{tr.identity()}); err != nil {
		tr.t.Fatal(err)
	}
	yes := true
	must[iot.Device](tr.t)(tr.g.a.UpdateDevice(tr.device().ID, iot.DeviceUpdate{Forbidden: &yes}))
}

// elsewhere puts the device into another project of the account.
func (tr *trial) elsewhere() {
	tr.t.Helper()
	other := must[iot.ProjectInfo](tr.t)(tr.g.a.CreateProject("other "+tr.project.Name, ""))
	if _, _, err := tr.g.a.AddDevices(other.ID, []string{tr.identity()}); err != nil {
		tr.t.Fatal(err)
	}
}

// coreVersion is core_version, where a client does not send it by itself.
func (tr *trial) coreVersion(core string) string {
	if tr.c.kind == kindTask {
		return ""
	}
	return "core_version=" + core
}

// difference asks for a difference package, where a client does not by itself.
func (tr *trial) difference() string {
	if tr.c.kind == kindTask {
		return ""
	}
	return "dfota=1&core_version=" + tr.core()
}

// upgrade goes from one version into the next, which asks again.
func (tr *trial) upgrade() {
	t := tr.t
	tr.upload(tr.draft(), tr.pack(next))
	first := ask{restart: true}
	restarted := false
	tr.run(tr.script(first), func(line string) bool {
		restarted = restarted || strings.HasPrefix(plain(line), "main fotademo "+tr.mainVersion(next))
		return restarted && answered(line)
	})
	tr.expect(append(append([]string{"main fotademo " + tr.mainVersion(first)}, tr.says(first)...), tr.took(), "main fotademo "+tr.mainVersion(next))...)
	tr.complains(400, bodies[27].body)
	tr.logged(iot.UpToDate)
	tr.g.under.Wait()
	seen := tr.g.requests()
	waited := len(seen) - 2 // for a difference package
	if tr.c.kind != kindTask && waited != 0 || waited < 0 {
		t.Fatalf("requests %+v", seen)
	}
	for i, a := range []ask{first, next} {
		r := seen[i*(1+waited)]
		if want := iot.Path + "?" + tr.expand(tr.c.query, a); r.Target != want || r.Method != "GET" {
			t.Errorf("%s %s, want %s", r.Method, r.Target, want)
		}
		if got, want := fmt.Sprint(r.Header), tr.header(); got != want {
			t.Errorf("header %s, want %s", got, want)
		}
	}
	v := must[iot.List[iot.Delivery]](t)(tr.g.a.Deliveries(iot.DeliveryFilter{Project: tr.project.ID}, iot.Page{}))
	if v.Total != 1 || v.Items[0].Outcome != iot.OutcomeNew || !v.Items[0].Whole {
		t.Errorf("deliveries %+v", v)
	}
	if d := tr.device(); d.Version != tr.sent(next) {
		t.Errorf("the platform has the device at %s, want %s", d.Version, tr.sent(next))
	}
}

// says is what the client logs before it asks (iot-platform.md 1.3.1, 1.4.1).
func (tr *trial) says(a ask) []string {
	url := firmwareURL + "?" + tr.expand(tr.c.query, a)
	switch {
	case tr.c.kind == kindFota && tr.chip.Profile.CoreDate >= "2024-04-09":
		return []string{"fota.url " + url}
	case tr.c.kind == kindFota2:
		tag := strings.TrimPrefix(orElse(tr.c.tag, "fota"), "http ")
		return []string{tag + ".url GET " + url, tr.expand(tr.c.shown, a), tag + ".project_key " + tr.project.Key,
			tag + ".firmware_name " + tr.firmwareName(a), tag + ".version " + tr.sent(a)}
	}
	return nil
}

// header is the request's (iot-platform.md 1.3.2, 1.7.1, 1.13).
func (tr *trial) header() string {
	const host = "iot.openluat.com"
	date := tr.chip.Profile.CoreDate
	switch {
	case tr.c.kind == kindSocket:
		return "[{Host " + host + ":80} {Accept application/octet-stream}]"
	case tr.c.kind == kindTask:
		return "[{Range bytes=0-} {Host " + host + "} {Connection short}]"
	case date < "2023-12-01":
		return "[{Host " + host + "}]"
	case date < "2025-12-14":
		return "[{Host " + host + ":80}]"
	}
	return "[{Connection Close} {Host " + host + ":80}]"
}

// ban lets a module that does not take its package run into the loop guard,
// and be released (iot-platform.md 3.7).
func (tr *trial) ban() {
	t := tr.t
	tr.upload(tr.draft(), tr.pack(next))
	tr.untilReleased(func(line string) bool { return line == tr.took() })
	tr.complains(400, bodies[40].body)
	tr.expect(tr.took(), tr.failed(4), tr.took())
	l := must[iot.List[iot.LogEntry]](t)(tr.g.a.Log(iot.LogFilter{Project: tr.project.ID, Reason: iot.LoopBan}, iot.Page{}))
	if l.Total != 1 || l.Items[0].Result != "检测到循环升级(已禁止升级，请到设备列表解除)" {
		t.Errorf("log of the ban %+v", l)
	}
}

// untilReleased runs the module into the loop guard, counts the packages that it
// took before, releases it, and waits for one answer more.
func (tr *trial) untilReleased(took func(line string) bool) {
	t := tr.t
	got, released := 0, false
	tr.run(tr.script(ask{}), func(line string) bool {
		switch {
		case !answered(line):
		case released:
			return true
		case took(plain(line)):
			got++
		default:
			if d := tr.device(); !d.Banned {
				t.Error("refused, but not banned")
			}
			no := false
			must[iot.Device](t)(tr.g.a.UpdateDevice(tr.device().ID, iot.DeviceUpdate{Forbidden: &no}))
			released = true
		}
		return false
	})
	if got != 6 {
		t.Errorf("%d packages before the ban, want 6", got)
	}
}

// wait asks until the difference package has been built, and gets it. Scripts
// wait half a minute, and update.lua does so by itself (iot-platform.md 1.7.1).
func (tr *trial) wait() {
	t := tr.t
	tr.upload(tr.draft(), tr.pack(next))
	tr.knowCore()
	tr.installs(ask{more: tr.difference()})
	l := must[iot.List[iot.LogEntry]](t)(tr.g.a.Log(iot.LogFilter{Project: tr.project.ID, Reason: iot.BuildingDiff}, iot.Page{}))
	if l.Total < 3 || l.Items[0].Result != "正在生成版本，请等待" {
		t.Errorf("%d answers while the package was built, want one each half minute of 90 s: %+v", l.Total, l.Items)
	}
	for i := 1; i < len(l.Items); i++ {
		if gap := l.Items[i-1].Time.Sub(l.Items[i].Time).Seconds(); gap < 30 {
			t.Errorf("asked again after %v s", gap)
		}
	}
	if tr.c.kind == kindTask {
		tr.expect("update.error 请等待", "update.error 请等待", tr.took())
		return
	}
	tr.complains(400, bodies[43].body)
	tr.expect(tr.failed(4), tr.failed(4), tr.took())
}
