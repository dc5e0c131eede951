package host_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/afero"

	"airlift/chips"
	"airlift/chips/all"
	"airlift/emu"
	"airlift/emu/iot"
	"airlift/emu/iot/host"
	"airlift/emu/iot/store"
	"airlift/emu/link"
	"airlift/emu/play"
	"airlift/emu/project"
	"airlift/flash/luadb"
	"airlift/lua"
)

// platform is a stored platform on a real port, with one project.
type platform struct {
	t       *testing.T
	store   *store.Store
	addr    string
	a, b    iot.Tenant
	project iot.ProjectInfo
	build   chan struct{} // lets the builder of difference packages go on
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newPlatform(t *testing.T, answers string, settings iot.Settings) *platform {
	t.Helper()
	p := &platform{t: t, build: make(chan struct{})}
	set := must[*iot.AnswerSet](t)(iot.AnswersByName(answers))
	p.store = must[*store.Store](t)(store.Open(t.TempDir(), store.Options{
		Settings: settings, Answers: set, Every: -1, Error: func(err error) { t.Error(err) },
		Build: func(_ context.Context, _ iot.Base, _ []byte, _ iot.Firmware, to []byte) ([]byte, error) {
			<-p.build
			return to, nil
		},
	}))
	server := must[*iot.Server](t)(iot.NewServerOn(p.store, set, settings))
	ln := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	ctx, stop := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { host.Serve(ctx, ln, host.Options{Devices: server}) })
	t.Cleanup(func() {
		stop()
		group.Wait()
		p.store.Close()
	})
	p.addr = ln.Addr().String()
	p.a = p.store.Tenant(must[iot.Account](t)(p.store.SignUp("13800000001", "a password")).ID, "test")
	p.b = p.store.Tenant(must[iot.Account](t)(p.store.SignUp("13800000002", "a password")).ID, "test")
	p.project = must[iot.ProjectInfo](t)(p.a.CreateProject("demo", ""))
	return p
}

// run runs a module with a script on upstream's libraries. seen is called for
// each line of its log and may change the platform meanwhile; the run is over
// when it returns true.
func (p *platform) run(chip *chips.Chip, libs afero.Fs, script string, seen func(line string) bool, more ...luadb.File) string {
	p.t.Helper()
	proj := must[*project.Project](p.t)(project.FromFiles(append([]luadb.File{{Name: "main.lua", Data: []byte(script)}}, more...)))
	var log strings.Builder
	r, err := play.Run(play.Job{
		Files: proj.Files, Chip: chip, Seed: 1, Limit: 1000 * time.Hour, Boots: 6, Script: lua.Options{Libs: libs, Steps: 1 << 28},
		World: func(w *emu.World, _ *emu.Config) error {
			w.UseRealNet(link.RealOptions{Redirect: map[string]string{"iot.openluat.com:80": p.addr}})
			return nil
		},
		Line: func(l play.Line) bool {
			log.WriteString(l.Text + "\n")
			return seen(l.Text)
		},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	if len(r.Errors) > 0 || len(r.Refused) > 0 {
		p.t.Errorf("errors %q, refused %q\n%s", r.Errors, r.Refused, log.String())
	}
	return log.String()
}

// script asks with a library until it is told to stop. The callback's code
// stands in a line "answer N"; after 0 it restarts if reboot is set.
func (p *platform) script(library, version, opts string, reboot bool) string {
	request := "libfota2.request(done, " + opts + ")"
	if library == "libfota" {
		request = "libfota.request(done)"
	}
	then := ""
	if reboot {
		then = "if code == 0 then rtos.reboot() end"
	}
	return fmt.Sprintf(`-- %s
PROJECT = "fotademo"
VERSION = "%s"
PRODUCT_KEY = "%s"
sys = require("sys")
%s = require("%s")
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
        sys.waitUntil("DONE")
        sys.wait(30000)
    end
end)
sys.run()
`, strings.Repeat("a script package has at least 512 bytes ", 13), version, p.project.Key, library, library, then, request)
}

// pack makes the script package of the next version.
func (p *platform) pack(chip *chips.Chip, script string, more ...luadb.File) []byte {
	p.t.Helper()
	proj := must[*project.Project](p.t)(project.FromFiles(append([]luadb.File{{Name: "main.lua", Data: []byte(script)}}, more...)))
	image := must[[]byte](p.t)(proj.Image())
	return must[[]byte](p.t)(chip.Maker.Make("bin", chips.MakeInput{Script: image, CoreSeed: 1}))
}

func upstream(t *testing.T) (libs afero.Fs, src string) {
	t.Helper()
	src = os.Getenv("LUATOS_SRC")
	if src == "" {
		t.Skip("LUATOS_SRC is not set: upstream's libfota, libfota2 and libfota3 were NOT tried; set it to a LuatOS checkout")
	}
	return must[afero.Fs](t)(lua.LibsFromDir(filepath.Join(src, "script"))), src
}

func (p *platform) upload(d iot.FirmwareDraft, content []byte) iot.Firmware {
	p.t.Helper()
	return must[iot.Firmware](p.t)(p.a.CreateFirmware(p.project.ID, d, bytes.NewReader(content)))
}

func (p *platform) device() iot.Device {
	p.t.Helper()
	l := must[iot.List[iot.Device]](p.t)(p.a.Devices(p.project.ID, iot.DeviceFilter{}, iot.Page{}))
	if l.Total != 1 {
		p.t.Fatalf("%d devices", l.Total)
	}
	return l.Items[0]
}

// inOrder checks that texts follow one another.
func inOrder(t *testing.T, log string, texts ...string) {
	t.Helper()
	at := 0
	for _, want := range texts {
		i := strings.Index(log[at:], want)
		if i < 0 {
			t.Fatalf("no %q after what is expected before it in\n%s", want, log)
		}
		at += i + len(want)
	}
}

const fotademo = "fotademo_LuatOS-SoC_EC618"

func draft(version string) iot.FirmwareDraft {
	return iot.FirmwareDraft{Name: fotademo, Version: version, FileName: "f.bin", Allow: true, All: true}
}

// TestUpstreamUpgrade lets upstream's clients upgrade a module over real
// sockets, and ask once more.
func TestUpstreamUpgrade(t *testing.T) {
	libs, _ := upstream(t)
	for _, library := range []string{"libfota", "libfota2"} {
		t.Run(library, func(t *testing.T) {
			p := newPlatform(t, "cloud", iot.DefaultSettings())
			chip := must[*chips.Chip](t)(all.Chip("air780e", ""))
			p.upload(draft("1114.1.1"), p.pack(chip, p.script(library, "1.0.1", "{}", true)))
			log := p.run(chip, libs, p.script(library, "1.0.0", "{}", true), func(line string) bool {
				return strings.Contains(line, "answer\t4") || strings.Contains(line, "answer 4")
			})
			texts := []string{"1.0.0", "firmware_name=" + fotademo + "&version=1114.1.0", "answer", "0", "1.0.1", "version=1114.1.1", "answer", "4"}
			inOrder(t, log, texts...)
			if library == "libfota2" {
				// iot-platform.md 1.4.1, steps 4 and 5.
				inOrder(t, log, "libfota2.url", "GET", "http://iot.openluat.com/api/site/firmware_upgrade?", "libfota2.imei/mac", "libfota2.project_key", p.project.Key,
					"libfota2.firmware_name", fotademo, "libfota2.version", "1114.1.0", "使用合宙服务器,接下来解析body里的code", "已是最新版本")
			}
			v := must[iot.List[iot.Delivery]](t)(p.a.Deliveries(iot.DeliveryFilter{}, iot.Page{}))
			if v.Total != 1 || v.Items[0].Outcome != iot.OutcomeNew || !v.Items[0].Whole {
				t.Errorf("deliveries %+v", v)
			}
		})
	}
}

// TestUpstreamErrors lets libfota2 run into each error. Its words are those of
// iot-platform.md 2.3.
func TestUpstreamErrors(t *testing.T) {
	libs, _ := upstream(t)
	const base = `{url = "http://iot.openluat.com/api/site/firmware_upgrade?dfota=1&core_version=1114&"}`
	for _, tc := range []struct {
		name, opts, says string
		reason           iot.Reason
		prepare          func(*platform)
	}{
		{"3", `{imei = ""}`, "无效的设备", "", nil},
		{"17", `{imei = "860000000000017"}`, "无权限", iot.ForeignAccount, func(p *platform) {
			foreign := must[iot.ProjectInfo](p.t)(p.b.CreateProject("foreign", ""))
			p.b.AddDevices(foreign.ID, []string{"860000000000017"})
		}},
		{"21", `{imei = "860000000000017"}`, "不允许升级", iot.DeviceForbidden, func(p *platform) {
			p.a.AddDevices(p.project.ID, []string{"860000000000017"})
			yes := true
			must[iot.Device](p.t)(p.a.UpdateDevice(p.device().ID, iot.DeviceUpdate{Forbidden: &yes}))
		}},
		{"25", `{project_key = "123"}`, "无效的项目", "", nil},
		{"26", `{firmware_name = "renamed"}`, "无效的固件", iot.UnknownFirmware, nil},
		{"27", `{version = "1114.1.1"}`, "已是最新版本", iot.UpToDate, func(p *platform) { p.upload(draft("1114.1.1"), []byte("package")) }},
		{"27 not listed", `{}`, "已是最新版本", iot.NotListed, func(p *platform) {
			d := draft("1114.1.1")
			d.All = false
			p.upload(d, []byte("package"))
		}},
		{"43", base, "请等待", iot.BuildingDiff, func(p *platform) {
			p.upload(draft("1114.1.1"), []byte("package"))
			must[iot.Base](p.t)(p.a.CreateBase(p.project.ID, iot.BaseDraft{Core: "1114"}, nil))
		}},
		{"44", base, "不是上面的那些错误code", iot.BaseUnknown, func(p *platform) { p.upload(draft("1114.1.1"), []byte("package")) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPlatform(t, "cloud", iot.DefaultSettings())
			if tc.prepare != nil {
				tc.prepare(p)
			}
			chip := must[*chips.Chip](t)(all.Chip("air780e", ""))
			log := p.run(chip, libs, p.script("libfota2", "1.0.0", tc.opts, false), func(line string) bool {
				return strings.Contains(line, "answer")
			})
			code, _, _ := strings.Cut(tc.name, " ")
			inOrder(t, log, "libfota2.url", "使用合宙服务器,接下来解析body里的code", tc.says, "answer", "4")
			if l := must[iot.List[iot.LogEntry]](t)(p.a.Log(iot.LogFilter{}, iot.Page{})); tc.reason != "" && (l.Total != 1 || l.Items[0].Reason != tc.reason) {
				t.Errorf("code %s: log %+v", code, l)
			}
		})
	}
}

// TestUpstreamWait asks until the difference package has been built, and gets
// it.
func TestUpstreamWait(t *testing.T) {
	libs, _ := upstream(t)
	settings := iot.DefaultSettings()
	settings.DiffDelay = 0
	p := newPlatform(t, "cloud", settings)
	chip := must[*chips.Chip](t)(all.Chip("air780e", ""))
	must[iot.Base](t)(p.a.CreateBase(p.project.ID, iot.BaseDraft{Core: "1114", Chip: "air780e"}, strings.NewReader("core")))
	p.upload(draft("1114.1.1"), p.pack(chip, p.script("libfota2", "1.0.1", "{}", true)))
	opts := `{url = "http://iot.openluat.com/api/site/firmware_upgrade?dfota=1&core_version=1114&"}`
	waited := 0
	log := p.run(chip, libs, p.script("libfota2", "1.0.0", opts, true), func(line string) bool {
		if strings.Contains(line, "请等待") {
			if waited++; waited == 2 {
				close(p.build)
			}
		}
		return strings.Contains(line, "fotademo") && strings.Contains(line, "1.0.1") && strings.Contains(line, "main")
	})
	inOrder(t, log, "请等待", "answer", "4", "请等待", "answer", "4", "answer", "0", "1.0.1")
}

// TestUpstreamBan lets a module that does not take its package run into the
// loop guard, and be released.
func TestUpstreamBan(t *testing.T) {
	libs, _ := upstream(t)
	p := newPlatform(t, "cloud", iot.DefaultSettings())
	chip := must[*chips.Chip](t)(all.Chip("air780e", ""))
	p.upload(draft("1114.1.1"), p.pack(chip, p.script("libfota2", "1.0.1", "{}", true)))
	released := false
	log := p.run(chip, libs, p.script("libfota2", "1.0.0", "{}", false), func(line string) bool {
		if !released && strings.Contains(line, "循环升级") {
			if d := p.device(); !d.Banned {
				t.Error("code 40, but not banned")
			}
			no := false
			must[iot.Device](t)(p.a.UpdateDevice(p.device().ID, iot.DeviceUpdate{Forbidden: &no}))
			released = true
			return false
		}
		return released && strings.Contains(line, "answer") && strings.HasSuffix(strings.TrimSpace(line), "0")
	})
	inOrder(t, log, "answer", "0", "answer", "0", "answer", "0", "answer", "0", "answer", "0", "answer", "0", "循环升级", "answer", "4", "answer", "0")
	banned := must[iot.List[iot.LogEntry]](t)(p.a.Log(iot.LogFilter{Reason: iot.LoopBan}, iot.Page{}))
	if banned.Total != 1 || banned.Items[0].Result != "检测到循环升级(已禁止升级，请到设备列表解除)" {
		t.Errorf("%+v", banned)
	}
}
