package iot

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"airlift/emu/link"
)

// deny is the part of an error answer that the tests compare.
type deny struct {
	status int
	body   string
}

func body(code int, msg string) string {
	return string(Answer{JSON: true, Code: code, Msg: msg}.Body())
}

// TestSteps has one case or more for each of the 13 steps, with the answers of
// both numberings (iot-platform.md 2.3, 2.4, 8.3).
func TestSteps(t *testing.T) {
	const f = "f"
	base := func(w *world) { w.add(Firmware{Name: f, Version: "1110.1.2", Allow: true, All: true}) }
	type want struct {
		reason Reason
		step   int
		cloud  deny
		wiki   deny // zero: as cloud
		log    string
	}
	ok := deny{200, strings.Repeat("firmware", 100)}
	e := func(code int, msg string) deny { return deny{400, body(code, msg)} }
	for _, tc := range []struct {
		name  string
		setup func(*world)
		query string
		want  want
	}{
		{"1 no identity", base, "project_key=" + keyA1 + "&firmware_name=f&version=1109.1.0",
			want{NoIdentity, 1, e(3, "无效的设备"), deny{}, ""}},
		{"1 empty imei", base, "imei=&" + q("", keyA1, f, "1109.1.0"),
			want{NoIdentity, 1, e(3, "无效的设备"), deny{}, ""}},
		{"1 upper-case name", base, "IMEI=" + imei + "&project_key=" + keyA1 + "&firmware_name=f&version=1109.1.0",
			want{NoIdentity, 1, e(3, "无效的设备"), deny{}, ""}},
		{"1 literal nil", base, "nil&project_key=" + keyA1 + "&firmware_name=f&version=1109.1.0",
			want{NoIdentity, 1, e(3, "无效的设备"), deny{}, ""}},
		{"1 identity too long", base, q(strings.Repeat("7", 65), keyA1, f, "1109.1.0"),
			want{NoIdentity, 1, e(3, "无效的设备"), deny{}, ""}},
		{"2 unknown key", base, q(imei, "123", f, "1109.1.0"),
			want{UnknownProject, 2, e(25, "无效的项目"), deny{}, "未找到项目"}},
		{"2 key in other case", base, q(imei, strings.ToLower(keyA1), f, "1109.1.0"),
			want{UnknownProject, 2, e(25, "无效的项目"), deny{}, "未找到项目"}},
		{"3 device of another account", func(w *world) { base(w); w.mem.AddDevice(w.b1.ID, imei, noon) }, q(imei, keyA1, f, "1109.1.0"),
			want{ForeignAccount, 3, e(17, "无权限"), e(25, "无权限"), "无权限"}},
		{"3 device of another project", func(w *world) { base(w); w.mem.AddDevice(w.a2.ID, imei, noon) }, q(imei, keyA1, f, "1109.1.0"),
			want{ForeignProject, 3, e(25, "无效的项目"), e(26, "无效的项目"), "未找到项目"}},
		{"3 manual registration", func(w *world) { base(w); w.s.Registration = Manual }, q(imei, keyA1, f, "1109.1.0"),
			want{Unregistered, 3, e(25, "无效的项目"), deny{}, "未找到项目"}},
		{"5 forbidden by hand", func(w *world) { base(w); w.mem.AddDevice(w.a1.ID, imei, noon); w.mem.SetForbidden(imei, true) }, q(imei, keyA1, f, "1109.1.0"),
			want{DeviceForbidden, 5, e(21, "21"), deny{}, "21"}},
		{"5 banned", func(w *world) {
			base(w)
			w.mem.AddDevice(w.a1.ID, imei, noon)
			w.mem.Apply(Effects{Identity: imei, Ban: true})
		}, q(imei, keyA1, f, "1109.1.0"),
			want{LoopBan, 5, e(40, "循环升级"), deny{}, "检测到循环升级(已禁止升级，请到设备列表解除)"}},
		{"6 unknown name", base, q(imei, keyA1, "g", "1109.1.0"),
			want{UnknownFirmware, 6, e(26, "无效的固件"), e(27, "无效的固件"), "找不到固件"}},
		{"6 name of another project", func(w *world) {
			w.add(Firmware{Project: w.a2.ID, Name: f, Version: "1110.1.2", Allow: true, All: true})
		}, q(imei, keyA1, f, "1109.1.0"),
			want{UnknownFirmware, 6, e(26, "无效的固件"), e(27, "无效的固件"), "找不到固件"}},
		{"6 a plus in the name", func(w *world) { w.add(Firmware{Name: "a+b", Version: "1110.1.2", Allow: true, All: true}) }, q(imei, keyA1, "a+b", "1109.1.0"),
			want{Deliver, 13, ok, deny{}, "成功"}},
		{"7 not listed", func(w *world) { w.add(Firmware{Name: f, Version: "1110.1.2", Allow: true}) }, q(imei, keyA1, f, "1109.1.0"),
			want{NotListed, 7, e(27, "已是最新版本"), deny{}, "设备不在配置的升级设备列表中"}},
		{"7 listed", func(w *world) {
			w.add(Firmware{Name: f, Version: "1110.1.2", Allow: true, Devices: []string{"1", imei}})
		}, q(imei, keyA1, f, "1109.1.0"),
			want{Deliver, 13, ok, deny{}, "成功"}},
		{"7 pinned old one wins", func(w *world) {
			base(w)
			w.add(Firmware{Name: f, Version: "1105.1.0", Allow: true, Devices: []string{imei}})
		}, q(imei, keyA1, f, "1106.1.0"),
			want{Downgrade, 9, e(27, "已是最新版本"), deny{}, "已是最新版本"}},
		{"8 pinned one is off", func(w *world) { base(w); w.add(Firmware{Name: f, Version: "1111.1.0", Devices: []string{imei}}) }, q(imei, keyA1, f, "1106.1.0"),
			want{FirmwareDisabled, 8, e(27, "已是最新版本"), deny{}, "设备不在配置的升级设备列表中"}},
		{"8 switched off", func(w *world) { w.add(Firmware{Name: f, Version: "1110.1.2", All: true}) }, q(imei, keyA1, f, "1109.1.0"),
			want{FirmwareDisabled, 8, e(27, "已是最新版本"), deny{}, "设备不在配置的升级设备列表中"}},
		{"9 equal", base, q(imei, keyA1, f, "1110.1.2"),
			want{UpToDate, 9, e(27, "已是最新版本"), deny{}, "已是最新版本"}},
		{"9 equal with zeros", base, q(imei, keyA1, f, "1110.001.002"),
			want{UpToDate, 9, e(27, "已是最新版本"), deny{}, "已是最新版本"}},
		{"9 device is newer", base, q(imei, keyA1, f, "1111.0.0"),
			want{Downgrade, 9, e(27, "已是最新版本"), deny{}, "已是最新版本"}},
		{"9 no version", base, "imei=" + imei + "&project_key=" + keyA1 + "&firmware_name=f",
			want{UpToDate, 9, e(27, "已是最新版本"), deny{}, "已是最新版本"}},
		{"9 two-part version", base, q(imei, keyA1, f, "1.0"),
			want{UpToDate, 9, e(27, "已是最新版本"), deny{}, "已是最新版本"}},
		{"10 baseline crossed", func(w *world) {
			w.s.Baselines = []Baseline{{"1.2", Version{2: 3000}, Version{2: 3099}}, {"1.3", Version{2: 3100}, Version{2: 3199}}}
			w.add(Firmware{Name: f, Version: "2.0.0", Core: "3103", Allow: true, All: true})
		}, q(imei, keyA1, f, "1.0.0") + "&core_version=3029&dfota=1",
			want{BaselineForbidden, 10, e(21, "21"), deny{}, "21"}},
		{"11 unknown base", func(w *world) { w.add(Firmware{Name: f, Version: "2.0.0", Core: "3103", Allow: true, All: true}) },
			q(imei, keyA1, f, "1.0.0") + "&core_version=3029&dfota=1",
			want{BaseUnknown, 11, e(44, "基础版本缺失"), deny{}, "基础CORE版本缺失"}},
		{"11 building", func(w *world) {
			w.mem.AddCore("", Version{2: 3029})
			w.add(Firmware{Name: f, Version: "2.0.0", Core: "3103", Allow: true, All: true})
		}, q(imei, keyA1, f, "1.0.0") + "&core_version=3029&dfota=1",
			want{BuildingDiff, 11, e(43, "请等待"), deny{}, "正在生成版本，请等待"}},
		{"11 building without dfota for an RDA8910 name", func(w *world) {
			w.mem.AddCore("Luat_RDA8910", Version{2: 22})
			w.add(Firmware{Name: "x_Luat_RDA8910", Version: "2.0.0", Core: "0022", Allow: true, All: true})
		}, q(imei, keyA1, "x_Luat_RDA8910", "1.0.0") + "&core_version=22",
			want{BuildingDiff, 11, e(43, "请等待"), deny{}, "正在生成版本，请等待"}},
		{"12 seventh delivery", func(w *world) {
			base(w)
			w.ask(q(imei, keyA1, f, "1109.1.0"))
			for range 5 {
				w.now = w.now.Add(time.Hour)
				w.ask(q(imei, keyA1, f, "1109.1.0"))
			}
		}, q(imei, keyA1, f, "1109.1.0"),
			want{LoopBan, 12, e(40, "循环升级"), deny{}, "检测到循环升级(已禁止升级，请到设备列表解除)"}},
		{"13 newer", base, q(imei, keyA1, f, "1109.1.0"),
			want{Deliver, 13, ok, deny{}, "成功"}},
		{"13 mac", base, "mac=c81234567830&project_key=" + keyA1 + "&firmware_name=f&version=1109.1.0",
			want{Deliver, 13, ok, deny{}, "成功"}},
		{"13 order of libfota, uid", base, "project_key=" + keyA1 + "&firmware_name=f&version=1109.1.0&uid=0011AAff",
			want{Deliver, 13, ok, deny{}, "成功"}},
	} {
		for _, set := range []string{"cloud", "wiki2024"} {
			t.Run(tc.name+"/"+set, func(t *testing.T) {
				w := newWorld(t)
				w.set = set
				tc.setup(w)
				resp, d := w.ask(tc.query)
				expect := tc.want.cloud
				if set == "wiki2024" && tc.want.wiki != (deny{}) {
					expect = tc.want.wiki
				}
				if d.Reason != tc.want.reason || d.Step != tc.want.step || len(d.Steps) != d.Step {
					t.Errorf("reason %s in step %d after %d steps, want %s in step %d", d.Reason, d.Step, len(d.Steps), tc.want.reason, tc.want.step)
				}
				if got := (deny{resp.Status, string(resp.Body)}); got != expect {
					t.Errorf("answer %+v, want %+v", got, expect)
				}
				if log := w.lastLog(); log != tc.want.log {
					t.Errorf("log %q, want %q", log, tc.want.log)
				}
				if last := d.Steps[len(d.Steps)-1]; last.Passed != (d.Reason == Deliver) || !last.Passed && last.Fix == "" {
					t.Errorf("last step %+v", last)
				}
			})
		}
	}
}

func TestRegistration(t *testing.T) {
	const f = "f"
	setup := func(r Registration) *world {
		w := newWorld(t)
		w.s.Registration = r
		w.add(Firmware{Name: f, Version: "1110.1.2", Allow: true, All: true})
		return w
	}
	owner := func(w *world) int64 { d, _ := w.mem.Device(imei); return d.Project }

	w := setup(FirstRequest)
	w.ask(q(imei, keyA1, "no such name", "1.0.0"))
	if owner(w) != w.a1.ID {
		t.Error("first_request: a refused request must register too")
	}
	if _, d := w.ask(q(imei, keyB1, f, "1.0.0")); d.Reason != ForeignAccount {
		t.Errorf("second account: %s", d.Reason)
	}
	if d, _ := w.mem.Device(imei); d.FirmwareName != "no such name" || !d.LastOnline.Equal(noon) {
		t.Errorf("device %+v", d)
	}

	w = setup(FirstSuccess)
	w.ask(q(imei, keyA1, f, "1110.1.2"))
	if owner(w) != 0 {
		t.Error("first_success: 27 must not register")
	}
	resp, _ := w.ask(q(imei, keyA1, f, "1109.1.0"))
	resp.Done(link.Outcome{Bytes: 10})
	if owner(w) != 0 {
		t.Error("first_success: half a file must not register")
	}
	resp, _ = w.ask(q(imei, keyA1, f, "1109.1.0"))
	resp.Done(link.Outcome{Bytes: 800, Whole: true, Time: noon.Add(time.Minute)})
	d, _ := w.mem.Device(imei)
	if d.Project != w.a1.ID || len(d.Deliveries) != 1 || d.Version != "1109.1.0" || !d.Created.Equal(noon.Add(time.Minute)) {
		t.Errorf("first_success: after the file: %+v", d)
	}

	w = setup(Manual)
	w.ask(q(imei, keyA1, f, "1109.1.0"))
	if owner(w) != 0 {
		t.Error("manual: a request must not register")
	}
}

func TestIdentityIsComparedWithoutCase(t *testing.T) {
	w := newWorld(t)
	w.add(Firmware{Name: "f", Version: "1.0.1", Allow: true, Devices: []string{"c8-AB"}})
	if _, d := w.ask("mac=C8-ab&project_key=" + keyA1 + "&firmware_name=f&version=1.0.0"); d.Reason != Deliver {
		t.Errorf("%s", d.Reason)
	}
	if _, ok := w.mem.Device("c8-Ab"); !ok {
		t.Error("not found in other letter case")
	}
}

func TestLoopGuard(t *testing.T) {
	run := func(s func(*Settings), each time.Duration, n int, version func(i int) string) []Reason {
		w := newWorld(t)
		w.add(Firmware{Name: "f", Version: "1110.1.2", Allow: true, All: true})
		s(&w.s)
		var reasons []Reason
		for i := range n {
			_, d := w.ask(q(imei, keyA1, "f", version(i)))
			reasons = append(reasons, d.Reason)
			w.now = w.now.Add(each)
		}
		return reasons
	}
	old := func(int) string { return "1109.1.0" }
	none := func(*Settings) {}
	last := func(r []Reason) Reason { return r[len(r)-1] }
	if r := run(none, time.Minute, 6, old); last(r) != Deliver {
		t.Errorf("six deliveries: %v", r)
	}
	if r := run(none, 5*time.Hour, 12, old); last(r) != Deliver {
		t.Errorf("outside of the window: %v", r)
	}
	if r := run(none, time.Minute, 12, func(i int) string { return fmt.Sprintf("1109.1.%d", i/4) }); last(r) != Deliver {
		t.Errorf("the version rises: %v", r)
	}
	if r := run(none, time.Minute, 40, func(int) string { return "1110.1.2" }); last(r) != UpToDate {
		t.Errorf("27 must not count: %v", r)
	}
	byRequest := func(s *Settings) { s.Loop.Counts = CountRequests }
	if r := run(byRequest, 4*time.Hour, 6, func(int) string { return "1110.1.2" }); last(r) != UpToDate {
		t.Errorf("six requests: %v", r)
	}
	// Polling every 4 hours gets a healthy device banned if requests count.
	if r := run(byRequest, 4*time.Hour, 7, func(int) string { return "1110.1.2" }); last(r) != LoopBan {
		t.Errorf("seven requests in 24 hours: %v", r)
	}
	if r := run(func(s *Settings) { s.Loop.Counts = CountDeliveries }, time.Minute, 7, func(i int) string { return fmt.Sprintf("1109.1.%d", i) }); last(r) != LoopBan {
		t.Errorf("all deliveries count: %v", r)
	}
	if r := run(func(s *Settings) { s.Loop.Count = 0 }, time.Minute, 50, old); last(r) != Deliver {
		t.Errorf("no guard: %v", r)
	}
}

func TestReleaseFromBan(t *testing.T) {
	w := newWorld(t)
	w.add(Firmware{Name: "f", Version: "1110.1.2", Allow: true, All: true})
	for range 7 {
		w.ask(q(imei, keyA1, "f", "1109.1.0"))
	}
	w.now = w.now.Add(100 * time.Hour)
	if _, d := w.ask(q(imei, keyA1, "f", "1109.1.0")); d.Reason != LoopBan || d.Step != 5 {
		t.Errorf("a ban must stay: %s", d.Reason)
	}
	w.now = noon // the deliveries are recent, and must be forgotten
	if err := w.mem.SetForbidden(imei, false); err != nil {
		t.Fatal(err)
	}
	if _, d := w.ask(q(imei, keyA1, "f", "1109.1.0")); d.Reason != Deliver {
		t.Errorf("after the release: %s", d.Reason)
	}
}

func TestResumedDownloadsDoNotCount(t *testing.T) {
	w := newWorld(t)
	w.add(Firmware{Name: "f", Version: "1110.1.2", Allow: true, All: true})
	for range 20 {
		resp := w.serve(Path+"?"+q(imei, keyA1, "f", "1109.1.0"), link.Field{Name: "Range", Value: "bytes=100-"})
		if resp.Status != 206 {
			t.Fatalf("status %d", resp.Status)
		}
	}
}

func TestDifferenceJob(t *testing.T) {
	w := newWorld(t)
	w.s.Loop.Counts = CountRequests // 43 must not count
	w.mem.AddCore("LuatOS-Air_RDA8910_BT_TTS_FLOAT", Version{2: 3103})
	const name = "GPIO_SINGLE_LuatOS-Air_RDA8910_BT_TTS_FLOAT"
	w.add(Firmware{Name: name, Version: "2.0.0", Core: "3103", Allow: true, All: true})
	ask := func(identity string) Reason {
		_, d := w.ask("project_key=" + keyA1 + "&imei=" + identity + "&firmware_name=" + name + "&core_version=3103&dfota=1&version=1.0.0")
		return d.Reason
	}
	for range 10 { // every 8 s, as an impatient device
		if r := ask(imei); r != BuildingDiff {
			t.Fatalf("while building: %s", r)
		}
		w.now = w.now.Add(8 * time.Second)
	}
	if r := ask("2"); r != BuildingDiff {
		t.Errorf("another device with the same core: %s", r)
	}
	w.now = noon.Add(90 * time.Second)
	if r := ask(imei); r != Deliver {
		t.Errorf("after the building time: %s", r)
	}
	if r := ask("3"); r != Deliver {
		t.Errorf("the job serves all devices with the core: %s", r)
	}
}

// TestPure asks the same thing twice and compares all of the answer, and
// checks that asking changes nothing.
func TestPure(t *testing.T) {
	w := newWorld(t)
	w.add(Firmware{Name: "f", Version: "1110.1.2", Allow: true, All: true})
	w.ask(q(imei, keyA1, "f", "1109.1.0"))
	before := fmt.Sprintf("%+v", w.mem)
	for _, query := range []string{q(imei, keyA1, "f", "1109.1.0"), q("new", keyA1, "f", "1109.1.0"), q(imei, keyB1, "f", "1"), ""} {
		a := Decide(ParseQuery(Path+"?"+query), w.mem, w.s, w.now)
		b := Decide(ParseQuery(Path+"?"+query), w.mem, w.s, w.now)
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%s: two answers\n%+v\n%+v", query, a, b)
		}
		w.server.Explain(Path+"?"+query, w.now)
	}
	if fmt.Sprintf("%+v", w.mem) != before {
		t.Error("deciding changed the store")
	}
}

func TestForkIsIndependent(t *testing.T) {
	w := newWorld(t)
	w.add(Firmware{Name: "f", Version: "1110.1.2", Allow: true, All: true})
	w.ask(q(imei, keyA1, "f", "1109.1.0"))
	fork := must[*Server](t)(w.server.Fork())
	before := fmt.Sprintf("%+v", w.mem)
	for i := range 9 {
		fork.Serve(&link.Request{Method: "GET", Target: Path + "?" + q(imei, keyA1, "f", "1109.1.0"), Time: noon})
		fork.Serve(&link.Request{Method: "GET", Target: Path + "?" + q(fmt.Sprint(i), keyA1, "f", "1109.1.0"), Time: noon})
	}
	if after := fmt.Sprintf("%+v", w.mem); after != before {
		t.Errorf("the fork changed its parent from\n%s\nto\n%s", before, after)
	}
	fork.Store(func(s Store) {
		if d, _ := s.Device(imei); !d.Banned {
			t.Error("the fork does not remember")
		}
	})
}
