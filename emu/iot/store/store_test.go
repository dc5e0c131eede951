package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"airlift/emu/iot"
	"airlift/emu/link"
)

// clock is the tests' time.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

var noon = time.Date(2024, 7, 18, 12, 0, 0, 0, time.UTC)

// world is a store with two accounts and a server on it.
type world struct {
	t      testing.TB
	s      *Store
	server *iot.Server
	clock  *clock
	a, b   iot.Tenant
	pa, pb iot.ProjectInfo
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

func newWorld(t testing.TB, change ...func(*Options)) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{at: noon}}
	opt := Options{Now: w.clock.now, Every: -1, Settings: iot.DefaultSettings(), Error: func(err error) { t.Error("in the background:", err) }}
	for _, f := range change {
		f(&opt)
	}
	w.s = must[*Store](t)(Open(t.TempDir(), opt))
	t.Cleanup(func() {
		if err := w.s.Close(); err != nil {
			t.Error(err)
		}
	})
	w.server = must[*iot.Server](t)(iot.NewServerOn(w.s, w.s.AnswerSet(), opt.Settings))
	a, b := w.account("13800000001"), w.account("13800000002")
	w.a, w.b = w.s.Tenant(a.ID, "page"), w.s.Tenant(b.ID, "page")
	w.pa = must[iot.ProjectInfo](t)(w.a.CreateProject("demo", ""))
	w.pb = must[iot.ProjectInfo](t)(w.b.CreateProject("foreign", ""))
	return w
}

// account makes an account without a password, because hashing one takes long.
func (w *world) account(name string) iot.Account {
	w.t.Helper()
	a := iot.Account{Name: name}
	if err := w.s.do(func(t *tx) (err error) {
		a.ID, err = t.addAccount(name, "")
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	return a
}

func (w *world) upload(d iot.FirmwareDraft) iot.Firmware {
	w.t.Helper()
	return must[iot.Firmware](w.t)(w.a.CreateFirmware(w.pa.ID, d, strings.NewReader(strings.Repeat(d.Version+d.FileName+" ", 20))))
}

// ask asks as a device does, and takes the whole file if there is one.
func (w *world) ask(identity, key, name, version string, headers ...link.Field) (*link.Response, string) {
	w.t.Helper()
	target := iot.Path + "?imei=" + identity + "&project_key=" + key + "&firmware_name=" + name + "&version=" + version
	return w.get(target, headers...)
}

func (w *world) get(target string, headers ...link.Field) (*link.Response, string) {
	w.t.Helper()
	resp := w.server.Serve(&link.Request{Method: "GET", Target: target, Proto: "HTTP/1.1", Header: headers, Time: w.clock.now(), Remote: "10.0.0.2:1"})
	body := resp.Body
	if resp.File != nil {
		body = must[[]byte](w.t)(io.ReadAll(io.NewSectionReader(resp.File, resp.Offset, resp.Length)))
	}
	if resp.Done != nil {
		resp.Done(link.Outcome{Bytes: int64(len(body)), Whole: true, Time: w.clock.now()})
	}
	return resp, string(body)
}

func (w *world) lastLog() iot.LogEntry {
	w.t.Helper()
	l := must[iot.List[iot.LogEntry]](w.t)(w.a.Log(iot.LogFilter{}, iot.Page{Limit: 1}))
	if len(l.Items) == 0 {
		return iot.LogEntry{}
	}
	return must[iot.LogEntry](w.t)(w.a.LogEntry(l.Items[0].ID))
}

func TestUpgrade(t *testing.T) {
	w := newWorld(t)
	f := w.upload(iot.FirmwareDraft{FileName: "demo_1025.1.1_LuatOS-SoC_AIR601.bin", Allow: true, All: true})
	if f.Name != "demo_LuatOS-SoC_AIR601" || f.Version != "1025.1.1" || f.Size != 720 {
		t.Fatalf("%+v", f)
	}
	resp, body := w.ask("C81234567830", w.pa.Key, f.Name, "1025.1.0")
	if resp.Status != 200 || body != strings.Repeat("demo_1025.1.1_LuatOS-SoC_AIR601.bin ", 20) {
		t.Fatalf("%d, %d bytes", resp.Status, len(body))
	}
	if l := w.lastLog(); l.Reason != iot.Deliver || l.Result != "成功" || len(l.Steps) != 13 || l.Steps[12].Rule == "" || !l.Steps[12].Passed || l.ServerVersion != "1025.1.1" || l.Status != 200 {
		t.Errorf("%+v", l)
	}
	w.clock.add(time.Minute)
	if resp, body := w.ask("c81234567830", w.pa.Key, f.Name, "1025.1.1"); resp.Status != 400 || !strings.HasPrefix(body, `{"code": 27,`) {
		t.Errorf("%d %s", resp.Status, body)
	}
	d := must[iot.List[iot.Device]](t)(w.a.Devices(w.pa.ID, iot.DeviceFilter{Search: "c812"}, iot.Page{}))
	if d.Total != 1 || d.Items[0].Version != "1025.1.1" || d.Items[0].Identity != "C81234567830" || !d.Items[0].LastOnline.Equal(w.clock.now()) {
		t.Errorf("%+v", d)
	}
	v := must[iot.List[iot.Delivery]](t)(w.a.Deliveries(iot.DeliveryFilter{Firmware: f.ID}, iot.Page{}))
	if v.Total != 1 || v.Items[0].Outcome != iot.OutcomeNew || !v.Items[0].Whole || !v.Items[0].Settled.Equal(w.clock.now()) {
		t.Errorf("%+v", v)
	}
	st := must[[]iot.Statistic](t)(w.a.Statistics(w.pa.ID))
	if len(st) != 1 || st[0].Devices != 1 || st[0].Outcomes[iot.OutcomeNew] != 1 {
		t.Errorf("%+v", st)
	}
	if e, err := w.a.Explain("http://iot.openluat.com/api/site/firmware_upgrade?imei=C81234567830&project_key=123"); err != nil || e.Reason != iot.UnknownProject || e.Status != 400 || len(e.Steps) != 2 {
		t.Errorf("%+v: %v", e, err)
	}
}

// TestFasterThanTheLog lets devices ask again before it is noted that they had
// the whole file: what is concluded is put right.
func TestFasterThanTheLog(t *testing.T) {
	for _, tc := range []struct {
		back, code string
		whole      bool
		want       iot.Outcome
	}{
		{"1.0.0", "", true, iot.OutcomeOld}, {"1.0.0", "", false, iot.OutcomeInterrupted},
		{"1.0.1", "27", true, iot.OutcomeNew}, {"1.0.1", "27", false, iot.OutcomeNew},
	} {
		w := newWorld(t)
		f := w.upload(iot.FirmwareDraft{Name: "f", Version: "1.0.1", FileName: "f.bin", Allow: true, All: true})
		r := must[iot.Rollout](t)(w.a.CreateRollout(w.pa.ID, iot.RolloutDraft{Name: "r", Firmware: f.ID, Groups: []iot.Group{{Percent: 100}}, MinOutcomes: 5}))
		must[iot.Rollout](t)(w.a.ActRollout(r.ID, iot.RolloutAction{Action: "start"}))
		target := iot.Path + "?imei=1&project_key=" + w.pa.Key + "&firmware_name=f&version=1.0.0"
		first := w.server.Serve(&link.Request{Method: "GET", Target: target, Proto: "HTTP/1.1", Time: w.clock.now()})
		w.clock.add(time.Millisecond)
		if _, body := w.ask("1", w.pa.Key, "f", tc.back); !strings.HasPrefix(body, `{"code": `+tc.code) && tc.code != "" {
			t.Errorf("%+v: %s", tc, body)
		}
		first.Done(link.Outcome{Whole: tc.whole, Time: w.clock.now()})
		l := must[iot.List[iot.Delivery]](t)(w.a.Deliveries(iot.DeliveryFilter{Firmware: f.ID}, iot.Page{}))
		if v := l.Items[l.Total-1]; v.Outcome != tc.want || v.Whole != tc.whole {
			t.Errorf("%+v: %+v", tc, v)
		}
		if got := must[iot.Rollout](t)(w.a.Rollout(r.ID)).Groups[0].Counts[tc.want]; got != 1 {
			t.Errorf("%+v: the roll-out counts %d", tc, got)
		}
	}
}

func TestBanAndRelease(t *testing.T) {
	w := newWorld(t)
	f := w.upload(iot.FirmwareDraft{Name: "f", Version: "1.0.1", FileName: "f.bin", Allow: true, All: true})
	for i := range 6 {
		if resp, _ := w.ask("1", w.pa.Key, "f", "1.0.0"); resp.Status != 200 {
			t.Fatalf("request %d: %d", i+1, resp.Status)
		}
		w.clock.add(time.Minute)
	}
	for range 2 {
		if _, body := w.ask("1", w.pa.Key, "f", "1.0.0"); !strings.HasPrefix(body, `{"code": 40,`) {
			t.Fatal(body)
		}
	}
	d := must[iot.List[iot.Device]](t)(w.a.Devices(w.pa.ID, iot.DeviceFilter{}, iot.Page{})).Items[0]
	if !d.Banned {
		t.Error("not banned")
	}
	no := false
	if d = must[iot.Device](t)(w.a.UpdateDevice(d.ID, iot.DeviceUpdate{Forbidden: &no})); d.Banned {
		t.Error("still banned")
	}
	if resp, _ := w.ask("1", w.pa.Key, "f", "1.0.0"); resp.Status != 200 {
		t.Errorf("after the release: %d", resp.Status)
	}
	v := must[iot.List[iot.Delivery]](t)(w.a.Deliveries(iot.DeliveryFilter{Firmware: f.ID, Outcome: iot.OutcomeOld}, iot.Page{}))
	if v.Total != 6 {
		t.Errorf("%d deliveries are settled as old, want 6", v.Total)
	}
}

func TestNeverCameBack(t *testing.T) {
	w := newWorld(t)
	w.upload(iot.FirmwareDraft{Name: "f", Version: "1.0.1", FileName: "f.bin", Allow: true, All: true})
	w.ask("1", w.pa.Key, "f", "1.0.0")
	w.clock.add(23 * time.Hour)
	sweep := func(want iot.Outcome) {
		t.Helper()
		if err := w.s.Sweep(); err != nil {
			t.Fatal(err)
		}
		v := must[iot.List[iot.Delivery]](t)(w.a.Deliveries(iot.DeliveryFilter{}, iot.Page{}))
		if v.Items[0].Outcome != want {
			t.Fatalf("%s, want %s", v.Items[0].Outcome, want)
		}
	}
	sweep(iot.OutcomeOpen)
	w.clock.add(2 * time.Hour)
	sweep(iot.OutcomeNever)
	w.ask("1", w.pa.Key, "f", "1.0.1") // late, but it came
	sweep(iot.OutcomeNew)
}

// TestDifferencePackages waits for code 43 until the builder is done.
func TestDifferencePackages(t *testing.T) {
	built, failing := make(chan struct{}), errors.New("these two do not go together")
	var mended atomic.Bool
	w := newWorld(t, func(o *Options) {
		o.Build = func(_ context.Context, b iot.Base, from []byte, f iot.Firmware, to []byte) ([]byte, error) {
			<-built
			if f.Version == "3.0.0" && !mended.Load() {
				return nil, failing
			}
			return fmt.Appendf(nil, "delta from %s to %s: %s %s", b.Core, f.Version, from, to[:5]), nil
		}
	})
	const name = "x_LuatOS-Air_RDA8910"
	w.upload(iot.FirmwareDraft{Name: name, Version: "2.0.0", Core: "3105", FileName: "f.bin", Allow: true, All: true})
	ask := func(core string) string {
		_, body := w.get(iot.Path + "?imei=1&project_key=" + w.pa.Key + "&firmware_name=" + name + "&core_version=" + core + "&dfota=1&version=1.0.0")
		return body
	}
	if body := ask("3103"); !strings.HasPrefix(body, `{"code": 44,`) {
		t.Errorf("unknown base: %s", body)
	}
	base := must[iot.Base](t)(w.a.CreateBase(w.pa.ID, iot.BaseDraft{Name: "LuatOS-Air_RDA8910", Core: "3103", Chip: "rda8910"}, strings.NewReader("old core")))
	events := w.a.Watch(t.Context())
	finished := func() {
		t.Helper()
		for e := range events {
			if e.Kind == iot.EventJob {
				return
			}
		}
	}
	if body := ask("3103"); !strings.HasPrefix(body, `{"code": 43,`) {
		t.Errorf("first request: %s", body)
	}
	w.clock.add(2 * time.Minute)
	if body := ask("3103"); !strings.HasPrefix(body, `{"code": 43,`) {
		t.Errorf("still being built: %s", body)
	}
	close(built)
	finished()
	if body := ask("3103"); body != "delta from 3103 to 2.0.0: old core 2.0.0" {
		t.Errorf("built: %q", body)
	}
	if l := w.lastLog(); l.Reason != iot.Deliver {
		t.Errorf("%+v", l)
	}
	// A redirect leads to the package, too, not to what was uploaded.
	resp, _ := w.get(iot.Path + "?imei=1&project_key=" + w.pa.Key + "&firmware_name=" + name + "&core_version=3103&dfota=1&version=1.0.0&need_oss_url=1")
	at := resp.Header.Get("Location")
	if file, body := w.get(strings.TrimPrefix(at, "http://iot.openluat.com")); resp.Status != 302 || file.Status != 200 || body != "delta from 3103 to 2.0.0: old core 2.0.0" {
		t.Errorf("%d %q: %d %q", resp.Status, at, file.Status, body)
	}
	if file, _ := w.get("/download/" + base.SHA256 + "/core.bin"); file.Status != 404 {
		t.Errorf("a base core is sent: %d", file.Status)
	}
	w.upload(iot.FirmwareDraft{Name: name, Version: "3.0.0", Core: "3106", FileName: "f.bin", Allow: true, All: true})
	ask("3103")
	finished()
	if body := ask("3103"); !strings.HasPrefix(body, `{"code": 44,`) || !strings.Contains(w.lastLog().Steps[10].Conclusion, failing.Error()) {
		t.Errorf("failed: %s %+v", body, w.lastLog().Steps)
	}
	jobs := must[[]iot.Job](t)(w.a.Jobs(w.pa.ID))
	if len(jobs) != 2 || jobs[0].State != iot.JobFailed || jobs[1].State != iot.JobReady || jobs[1].Base != base.ID {
		t.Errorf("%+v", jobs)
	}
	if _, err := w.a.RetryJob(jobs[1].ID); !errors.Is(err, iot.ErrConflict) {
		t.Errorf("what was built is built again: %v", err)
	}
	if _, err := w.b.RetryJob(jobs[0].ID); !errors.Is(err, iot.ErrNotFound) {
		t.Errorf("somebody else's job: %v", err)
	}
	mended.Store(true)
	if j := must[iot.Job](t)(w.a.RetryJob(jobs[0].ID)); j.State != iot.JobBuilding || j.Error != "" {
		t.Errorf("%+v", j)
	}
	finished()
	w.clock.add(2 * time.Minute)
	if body := ask("3103"); body != "delta from 3103 to 3.0.0: old core 3.0.0" {
		t.Errorf("built again: %q", body)
	}
}

// TestRollout lets a roll-out stop itself and be rolled back.
func TestRollout(t *testing.T) {
	w := newWorld(t)
	old := w.upload(iot.FirmwareDraft{Name: "f", Version: "1.0.0", FileName: "f.bin", Allow: true, All: true})
	f := w.upload(iot.FirmwareDraft{Name: "f", Version: "1.0.1", FileName: "f.bin", Allow: true, All: true})
	r := must[iot.Rollout](t)(w.a.CreateRollout(w.pa.ID, iot.RolloutDraft{
		Name: "r", Firmware: f.ID, ErrorPercent: 50, AdvancePercent: 100, MinOutcomes: 2,
		Groups: []iot.Group{{Name: "canary", Devices: []string{"1", "2"}}, {Percent: 100}},
	}))
	act := func(a iot.RolloutAction) iot.Rollout {
		t.Helper()
		w.clock.add(time.Second)
		return must[iot.Rollout](t)(w.a.ActRollout(r.ID, a))
	}
	status := func(identity, version string) int {
		w.clock.add(time.Second)
		resp, _ := w.ask(identity, w.pa.Key, "f", version)
		return resp.Status
	}
	if s := status("1", "1.0.0"); s != 400 {
		t.Errorf("a draft: %d", s)
	}
	act(iot.RolloutAction{Action: "start"})
	if status("1", "1.0.0") != 200 || status("2", "1.0.0") != 200 || status("3", "1.0.0") != 400 {
		t.Error("the first group and nobody else gets it")
	}
	status("1", "1.0.0") // came back with the old one, and gets it again
	status("2", "1.0.0")
	if r = must[iot.Rollout](t)(w.a.Rollout(r.ID)); r.State != iot.RolloutStopped || r.Groups[0].Counts[iot.OutcomeOld] != 2 {
		t.Fatalf("%+v", r)
	}
	r = act(iot.RolloutAction{Action: "resume"})
	if n := r.Groups[0].Counts[iot.OutcomeOld]; r.State != iot.RolloutRunning || n != 0 {
		t.Fatalf("resumed: %s, %d", r.State, n)
	}
	status("1", "1.0.1")
	status("2", "1.0.1")
	if r = must[iot.Rollout](t)(w.a.Rollout(r.ID)); r.Released != 2 || r.State != iot.RolloutRunning {
		t.Fatalf("%+v", r)
	}
	if status("3", "1.0.0") != 200 {
		t.Error("the second group gets it now")
	}
	act(iot.RolloutAction{Action: "rollback", RollbackTo: old.ID})
	if status("1", "1.0.1") != 200 || status("1", "1.0.0") != 400 {
		t.Error("who has it is sent back, once")
	}
	if v := must[iot.List[iot.Delivery]](t)(w.a.Deliveries(iot.DeliveryFilter{Firmware: old.ID}, iot.Page{})); v.Total != 1 || v.Items[0].Outcome != iot.OutcomeNew {
		t.Errorf("%+v", v)
	}
	if _, err := w.a.ActRollout(r.ID, iot.RolloutAction{Action: "start"}); !errors.Is(err, iot.ErrConflict) {
		t.Errorf("%v", err)
	}
}

// TestFilesGoWithTheirLastUser checks that content is shared, and removed with
// the last that refers to it.
func TestFilesGoWithTheirLastUser(t *testing.T) {
	w := newWorld(t)
	f1 := w.upload(iot.FirmwareDraft{Name: "f", Version: "1.0.1", FileName: "f.bin", Allow: true, All: true})
	f2 := must[iot.Firmware](t)(w.b.CreateFirmware(w.pb.ID, iot.FirmwareDraft{Name: "g", Version: "9.0.0", FileName: "g.bin"}, strings.NewReader(strings.Repeat("1.0.1f.bin ", 20))))
	if f1.SHA256 != f2.SHA256 {
		t.Fatal("equal content, other sum")
	}
	open := func() bool {
		r, err := w.s.files.open(f1.SHA256)
		if err == nil {
			r.Close()
		}
		return err == nil
	}
	if err := w.a.DeleteFirmware(f1.ID); err != nil || !open() {
		t.Fatalf("%v, there: %v", err, open())
	}
	if err := w.b.DeleteProject(w.pb.ID); err != nil || open() {
		t.Fatalf("%v, there: %v", err, open())
	}
}

func TestUploadLimits(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.AccountBytes = 1000 })
	draft := iot.FirmwareDraft{Name: "f", Version: "1.0.1", FileName: "f.bin"}
	for name, tc := range map[string]struct {
		d    iot.FirmwareDraft
		r    io.Reader
		want error
	}{
		"empty":          {draft, strings.NewReader(""), iot.ErrInvalid},
		"too large":      {draft, zeros(iot.FirmwareMax + 1), iot.ErrTooLarge},
		"over the quota": {draft, zeros(1001), iot.ErrTooLarge},
		"truncated":      {draft, io.MultiReader(zeros(10), broken{}), io.ErrUnexpectedEOF},
		"no name":        {iot.FirmwareDraft{FileName: "output.bin"}, zeros(1), iot.ErrFileName},
		"bad version":    {iot.FirmwareDraft{Name: "f", Version: "1.0", FileName: "f.bin"}, zeros(1), iot.ErrInvalid},
		"bad identity":   {iot.FirmwareDraft{Name: "f", Version: "1.0.0", FileName: "f.bin", Devices: []string{"\x00"}}, zeros(1), iot.ErrInvalid},
		"path":           {iot.FirmwareDraft{Name: "f", Version: "1.0.0", FileName: `../../etc/"x"`}, zeros(1), iot.ErrInvalid},
	} {
		if _, err := w.a.CreateFirmware(w.pa.ID, tc.d, tc.r); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
	if p := must[iot.ProjectInfo](t)(w.a.Project(w.pa.ID)); p.Firmware != 0 {
		t.Errorf("%d firmware", p.Firmware)
	}
	if f := must[iot.Firmware](t)(w.a.CreateFirmware(w.pa.ID, draft, zeros(1000))); f.Size != 1000 {
		t.Errorf("%+v", f)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func zeros(n int64) io.Reader { return io.LimitReader(zero{}, n) }

type zero struct{}

func (zero) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestLookDecidesAsServed checks that a look into a folder has the settings of
// the server before it.
func TestLookDecidesAsServed(t *testing.T) {
	dir := t.TempDir()
	settings := iot.DefaultSettings()
	settings.Registration, settings.Comparator, settings.Loop.Count = iot.Manual, iot.Always, 3
	settings.Baselines = []iot.Baseline{{Name: "1.2", From: iot.Version{1, 2}, To: iot.Version{1, 3}}}
	answers := must[*iot.AnswerSet](t)(iot.AnswersByName("wiki2024"))
	s := must[*Store](t)(Open(dir, Options{Settings: settings, Answers: answers, Every: -1}))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = must[*Store](t)(Open(dir, Options{Look: true}))
	defer s.Close()
	if got := s.Settings(); !reflect.DeepEqual(got, settings) || s.AnswerSet().Name != "wiki2024" {
		t.Errorf("%+v, answers %s; want %+v", got, s.AnswerSet().Name, settings)
	}
}

// TestMigration checks that a folder of the first schema is opened with all that
// is in it.
func TestMigration(t *testing.T) {
	dir := t.TempDir()
	db := must[*sql.DB](t)(sql.Open("sqlite3", dsn(filepath.Join(dir, DatabaseName), time.Second)))
	for _, q := range []string{migrations[0], "pragma user_version = 1",
		"insert into accounts(id, name, password, created) values(1, 'a', '', 0)",
		`insert into log values(5000, 1, 1, 0, 'dev', 'DEV', '', '', '', '', 'deliver', 200, '', '[[],[]]'), (2, 1, 1, 0, 'dev', 'DEV', '', '', '', '', 'deliver', 200, '', '[[[1,1,"r","c","d","f"]],[]]'),
			(3, 1, 1, 0, 'other', 'OTHER', '', '', '', '', 'deliver', 200, '', '[[],[]]'), (4, 1, 2, 0, 'dev', 'DEV', '', '', '', '', 'deliver', 200, '', '[[],[]]')`} {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	db.Close()
	s := must[*Store](t)(Open(dir, Options{Every: -1}))
	defer s.Close()
	l := must[iot.List[iot.LogEntry]](t)(s.Tenant(1, "test").Log(iot.LogFilter{Identity: "Dev"}, iot.Page{}))
	if l.Total != 2 || len(l.Items) != 2 || l.Items[0].ID != 5000 || l.Items[1].ID != 2 {
		t.Errorf("%+v", l)
	}
	// Paths were kept with all their texts.
	if e := must[iot.LogEntry](t)(s.Tenant(1, "test").LogEntry(2)); len(e.Steps) != 1 || e.Steps[0] != (iot.Step{N: 1, Passed: true, Rule: "r", Compared: "c", Conclusion: "d", Fix: "f"}) {
		t.Errorf("%+v", e)
	}
}
