package host_test

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"airlift/chips"
	"airlift/emu/iot"
	"airlift/emu/project"
	"airlift/flash/luadb"
)

// ask is how a script asks. The zero value asks as one should.
type ask struct {
	project  string // "fotademo"
	version  string // "1.0.0"
	key      string // of the trial's project; "none" leaves it out
	nobody   bool   // without an identity
	more     string // parameters that the library does not send
	url      string // of another server
	base     string // of another server, to which the library adds who asks
	same     bool   // with one table of options for all requests
	ranged   bool   // with Range: bytes=0-
	redirect bool   // need_oss_url=1
	restart  bool   // when a package has come
	seconds  int    // that the library is told to wait, at least 1; 0: its own
}

// filler makes a script long enough for a package.
var filler = "-- " + strings.Repeat("a script package has at least 512 bytes ", 13) + "\n"

// script is a project's main.lua: it asks until it is told to stop, half a
// minute after each answer.
func (tr *trial) script(a ask) []luadb.File {
	a.project, a.version = tr.orDefault(a)
	head := fmt.Sprintf("%sPROJECT = %q\nVERSION = %q\n", filler, a.project, a.version)
	switch {
	case a.key == "":
		head += fmt.Sprintf("PRODUCT_KEY = %q\n", tr.project.Key)
	case a.key != "none":
		head += fmt.Sprintf("PRODUCT_KEY = %q\n", a.key)
	}
	var text string
	switch {
	case tr.c.kind == kindTask:
		text = head + tr.luatask(a)
	case tr.c.turnkey():
		text = head + tr.turnkeyScript(a)
	case tr.c.kind == kindWifi:
		text = head + wifiScript
	default:
		text = head + tr.luatos(a)
	}
	return []luadb.File{{Name: "main.lua", Data: []byte(text)}}
}

func (tr *trial) orDefault(a ask) (project, version string) {
	if project = a.project; project == "" {
		project = "fotademo"
	}
	if version = a.version; version == "" {
		version = "1.0.0"
	}
	if tr.c.twoGroups {
		part := strings.Split(version, ".")
		version = part[0] + "." + part[len(part)-1]
	}
	return project, version
}

func (tr *trial) luatos(a ask) string {
	then := ""
	if a.restart {
		then = "if code == 0 then rtos.reboot() end"
	}
	library := "libfota2"
	if tr.c.kind != kindFota2 {
		library = "libfota"
	}
	return fmt.Sprintf(`sys = require("sys")
require("sysplus")
local fota = require(%q)
log.info("main", PROJECT, VERSION)
local function done(code)
    log.info("answer", code)
    %s
    sys.publish("DONE")
end
sys.taskInit(function()
    sys.waitUntil("IP_READY", 30000)
    while true do
        %s
        sys.waitUntil("DONE", 600000)
        sys.wait(30000)
    end
end)
sys.run()
`, library, then, tr.request(a))
}

// request is the call of the library.
func (tr *trial) request(a ask) string {
	if a.redirect {
		a.more = strings.TrimPrefix(a.more+"&need_oss_url=1", "&")
	}
	if tr.c.kind != kindFota2 {
		switch {
		case a.url != "":
			return fmt.Sprintf("fota.request(done, %q)", a.url)
		case a.more != "" || a.nobody: // only an address of the script's own can say that
			id := tr.identity()
			if a.nobody {
				id = ""
			}
			query := fmt.Sprintf("imei=%s&project_key=%s&firmware_name=%s&version=%s", id, tr.project.Key, tr.firmwareName(a), tr.sent(a))
			return fmt.Sprintf("fota.request(done, %q)", firmwareURL+"?"+strings.TrimSuffix(query+"&"+a.more, "&"))
		}
		if a.seconds > 0 { // the address, where it goes and the port are before it
			return fmt.Sprintf("fota.request(done, nil, nil, nil, nil, nil, %d)", 1000*a.seconds)
		}
		return "fota.request(done)"
	}
	var opts []string
	add := func(format string, v any) { opts = append(opts, fmt.Sprintf(format, v)) }
	switch {
	case a.url != "" && tr.c.first:
		add("url = %q", a.url)
	case a.url != "":
		add("url = %q", "###"+a.url)
	case a.more != "" && tr.c.first: // values are pasted as they are
		add("version = %q", tr.sent(a)+"&"+a.more)
	case a.more != "":
		add("url = %q", firmwareURL+"?"+a.more+"&")
	}
	if a.nobody {
		add("imei = %q", "")
	}
	if a.ranged {
		add("headers = %s", `{Range = "bytes=0-"}`)
	}
	if a.base != "" {
		add("url = %q", a.base)
	}
	if a.seconds > 0 {
		add("timeout = %d", 1000*a.seconds)
	}
	table := "{" + strings.Join(opts, ", ") + "}"
	if a.same {
		return "options = options or " + table + " fota.request(done, options)"
	}
	return "fota.request(done, " + table + ")"
}

// firmwareURL is the address that the libraries know.
const firmwareURL = "http://iot.openluat.com" + iot.Path

func (tr *trial) luatask(a ask) string {
	then, nobody, url := "", "", "nil"
	if a.restart {
		then = `if ok then sys.restart("package") end`
	}
	if a.nobody {
		nobody = `update.setGetImeiCbFnc(function() return "" end)`
	}
	if a.url != "" {
		url = fmt.Sprintf("%q", strings.TrimPrefix(a.url, "http://"))
	}
	return fmt.Sprintf(`require "log"
require "sys"
require "net"
require "update"
log.info("main", PROJECT, VERSION)
%s
local function done(ok)
    log.info("answer", ok)
    %s
    sys.publish("DONE")
end
sys.taskInit(function()
    while true do
        update.request(done, %s, nil, %v)
        sys.waitUntil("DONE", 24 * 3600 * 1000)
        sys.wait(30000)
    end
end)
sys.init(0, 0)
sys.run()
`, nobody, then, url, a.redirect)
}

// identity is what the client calls the module.
func (tr *trial) identity() string {
	if tr.chip.Profile.Features.Mobile || tr.c.kind == kindTask {
		return tr.id.IMEI
	}
	return tr.id.MAC
}

var coreNumber = regexp.MustCompile(`V0*(\d+)`)

// core is the core's number.
func (tr *trial) core() string {
	return coreNumber.FindStringSubmatch(tr.chip.Profile.CoreVersion)[1]
}

// firmwareName is the firmware's name as the client sends it
// (iot-platform.md 1.14).
func (tr *trial) firmwareName(a ask) string {
	project, _ := tr.orDefault(a)
	switch {
	case tr.c.turnkey():
		return project
	case tr.c.kind == kindTask:
		return project + "_" + splitNames[tr.chip.Profile.CoreVersion]
	case tr.c.rawName:
		return project + "_LuatOS-SoC_" + tr.chip.Profile.CoreVersion + "_" + tr.chip.Model.BSP
	}
	return project + "_LuatOS-SoC_" + tr.chip.Model.BSP
}

// sent is the version as the client sends it: the middle group never leaves
// the device (iot-platform.md 3.4).
func (tr *trial) sent(a ask) string {
	_, version := tr.orDefault(a)
	part := strings.Split(version, ".")
	switch {
	case tr.c.kind == kindTask, tr.c.rawName, tr.c.turnkey():
		return version
	case tr.c.twoGroups:
		return tr.core() + "." + version
	}
	return tr.core() + "." + part[0] + "." + part[2]
}

// expand fills in what differs from device to device.
func (tr *trial) expand(query string, a ask) string {
	return strings.NewReplacer("{key}", tr.project.Key, "{id}", tr.identity(), "{name}", tr.firmwareName(a), "{version}", tr.sent(a), "{core}", tr.core()).Replace(query)
}

// pack is the script package that leads to an ask.
func (tr *trial) pack(a ask) []byte {
	tr.t.Helper()
	proj := must[*project.Project](tr.t)(project.FromFiles(tr.script(a)))
	image := must[[]byte](tr.t)(proj.Image())
	kinds := tr.chip.Maker.Kinds()
	kind := slices.IndexFunc(kinds, func(k chips.PackageKind) bool { return k.Upgrade && k.Fits && !k.Core })
	return must[[]byte](tr.t)(tr.chip.Maker.Make(kinds[kind].Name, chips.MakeInput{Script: image, CoreSeed: 1}))
}

// next is the version after that of the zero ask.
var next = ask{version: "1.0.1", restart: true}

// draft is firmware with the name that the client asks for, in the next
// version, for everybody.
func (tr *trial) draft() iot.FirmwareDraft {
	d := iot.FirmwareDraft{Name: tr.firmwareName(ask{}), Version: tr.sent(next), FileName: "f.bin", Allow: true, All: true}
	switch {
	case tr.c.kind == kindTask:
		d.Core = tr.core()
	case tr.c.turnkey():
		d.Version, d.ScriptVersion, d.CoreID = tr.core()+".1.1", d.Version, int64(tr.chip.Profile.FirmwareNumber)
	}
	return d
}

// upload puts firmware on the platform.
func (tr *trial) upload(d iot.FirmwareDraft, content []byte) iot.Firmware {
	tr.t.Helper()
	f := must[iot.Firmware](tr.t)(tr.g.a.CreateFirmware(tr.project.ID, d, bytes.NewReader(content)))
	if tr.c.kind == kindTask {
		tr.knowCore()
	}
	return f
}

// knowCore makes the module's core known, so that there can be difference
// packages.
func (tr *trial) knowCore() {
	tr.t.Helper()
	if len(must[[]iot.Base](tr.t)(tr.g.a.Bases(tr.project.ID))) == 0 {
		must[iot.Base](tr.t)(tr.g.a.CreateBase(tr.project.ID, iot.BaseDraft{Core: tr.core()}, nil))
	}
}

// device is the only device of the trial's project.
func (tr *trial) device() iot.Device {
	tr.t.Helper()
	l := must[iot.List[iot.Device]](tr.t)(tr.g.a.Devices(tr.project.ID, iot.DeviceFilter{}, iot.Page{}))
	if l.Total != 1 || !strings.EqualFold(l.Items[0].Identity, tr.identity()) {
		tr.t.Fatalf("%+v are in the project, want %s", l, tr.identity())
	}
	return l.Items[0]
}

var (
	levelLuatOS = regexp.MustCompile(`^[A-Z]/(user\.)?`)
	levelTask   = regexp.MustCompile(`^\[[A-Z]\]-\[(.*?)\]`)
	tableAt     = regexp.MustCompile(`table: 0x[0-9a-f]+`)
)

// plain is a line of the log without level and addresses.
func plain(line string) string {
	line = levelLuatOS.ReplaceAllString(line, "")
	line = levelTask.ReplaceAllString(line, "$1")
	line = tableAt.ReplaceAllString(line, "table")
	return strings.TrimRight(strings.ReplaceAll(line, "\t", " "), " \x00")
}

// expect checks that whole lines follow one another. An asterisk at the end of
// a text stands for anything.
func (tr *trial) expect(texts ...string) {
	tr.t.Helper()
	i := 0
	for _, want := range texts {
		for ; i < len(tr.log); i++ {
			start, any := strings.CutSuffix(want, "*")
			if got := plain(tr.log[i]); got == want || any && strings.HasPrefix(got, start) {
				break
			}
		}
		if i++; i > len(tr.log) {
			tr.t.Fatalf("no line %q after what is expected before it in\n%s", want, strings.Join(tr.log, "\n"))
		}
	}
}

// logged checks the reason of the last row of the platform's log about the
// device.
func (tr *trial) logged(want iot.Reason) {
	tr.t.Helper()
	tr.loggedOf(tr.identity(), want)
}

// loggedOf is logged for another device, or with "" for any of the project.
func (tr *trial) loggedOf(identity string, want iot.Reason) {
	tr.t.Helper()
	l := must[iot.List[iot.LogEntry]](tr.t)(tr.g.a.Log(iot.LogFilter{Project: tr.project.ID, Identity: identity}, iot.Page{}))
	if l.Total == 0 || l.Items[0].Reason != want {
		tr.t.Errorf("the platform's log says %+v, want %s", l, want)
	}
}
