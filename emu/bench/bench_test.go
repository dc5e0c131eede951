package bench

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"airlift/emu/iot"
	"airlift/emu/link"
)

// platform is a server with one project.
func platform(t *testing.T) (*iot.Server, *iot.Mem, iot.Project) {
	t.Helper()
	mem := iot.NewMem(1)
	a, err := mem.AddAccount("13800000000")
	if err != nil {
		t.Fatal(err)
	}
	p, err := mem.AddProject(a.ID, "demo", "", time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	set, _ := iot.AnswersByName("")
	s, err := iot.NewServer(mem, set, iot.DefaultSettings())
	if err != nil {
		t.Fatal(err)
	}
	return s, mem, p
}

func newBench(t *testing.T, h link.Handler, l Limits) *Bench {
	b := New(Options{Server: h, Host: iot.Host, Port: 80, Limits: l})
	t.Cleanup(b.Close)
	return b
}

func values(key, version string) Project {
	return Project{Name: "fotademo", Version: version, Key: key, PollS: 3600}
}

// patience ends tests that would never end.
const patience = 2 * time.Minute

// follow watches a unit until ok says so.
func follow(t *testing.T, u *Unit, ok func(Status) bool) (lines []Line) {
	t.Helper()
	late := time.After(patience)
	var c Cursor
	for {
		changed := u.Changed()
		up := u.Since(c)
		lines, c = append(lines, up.Lines...), up.Next
		if ok(up.Status) {
			return lines
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("the unit does not get there: %+v\n%s", up.Status, text(lines))
		}
	}
}

func text(lines []Line) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l.Who + " " + l.Text + "\n")
	}
	return b.String()
}

// A module on the bench upgrades itself from a package that the bench made,
// with every kind that its firmware takes.
func TestUpgrade(t *testing.T) {
	for _, model := range []string{"Air601", "Air6208", "Air780EPM"} {
		kinds, err := Spec{Model: model}.Kinds()
		if err != nil || len(kinds) == 0 {
			t.Fatalf("%s: %v, %v", model, kinds, err)
		}
		for _, kind := range kinds {
			t.Run(model+"/"+kind.Name, func(t *testing.T) {
				if testing.Short() && kind.Core && model != "Air6208" {
					t.Skip("one core is enough with -short")
				}
				server, mem, p := platform(t)
				spec := Spec{Model: model, Speed: SpeedMax, Seed: 7, Project: values(p.Key, "1.0.0")}
				spec, _, err := spec.check()
				if err != nil {
					t.Fatal(err)
				}
				core := spec.Core
				if kind.Core {
					core = NextCore(core)
				}
				pack, err := spec.Package(Draft{Kind: kind.Name, Version: "1.0.1", Core: core})
				if err != nil {
					t.Fatal(err)
				}
				name, err := iot.RecogniseFileName(pack.FileName)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := mem.AddFirmware(iot.Firmware{Project: p.ID, Name: name.Name, Version: name.Version, FileName: pack.FileName, Allow: true, All: true}, pack.Data); err != nil {
					t.Fatal(err)
				}
				u, err := newBench(t, server, Limits{}).Start(1, spec)
				if err != nil {
					t.Fatal(err)
				}
				want := strings.TrimPrefix(core, "V") + ".1.1"
				lines := follow(t, u, func(s Status) bool {
					return s.Version == want && s.Phase == PhaseRun
				})
				if s := u.Status(); s.Core != core || s.Total != int64(len(pack.Data)) || s.Got != s.Total || s.Writes == 0 {
					t.Errorf("status %+v after a package of %d bytes with core %s", s, len(pack.Data), core)
				}
				if got, want := story(u), "down run boot upgrade "; !strings.Contains(got, want) || !strings.HasSuffix(got, " run") {
					t.Errorf("phases %s, want %s among them", got, want)
				}
				if got := strings.ReplaceAll(text(lines), "\t", " "); !strings.Contains(got, "upgrade result 0") {
					t.Errorf("log:\n%s", text(lines))
				}
			})
		}
	}
}

// story are the phases of a unit in their order.
func story(u *Unit) string {
	var list []string
	for _, m := range u.Since(Cursor{}).Story {
		list = append(list, string(m.Phase))
	}
	return strings.Join(list, " ")
}

const idle = `sys = require("sys") sys.taskInit(function() while true do sys.wait(1000) log.info("tick") end end) sys.run()`

func start(t *testing.T, b *Bench, owner int64, s Spec) *Unit {
	t.Helper()
	if s.Model == "" {
		s.Model = "Air601"
	}
	if s.Main == "" && s.Project.Key == "" {
		s.Main = idle
	}
	u, err := b.Start(owner, s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func off(s Status) bool { return s.Phase == PhaseOff && s.End != "" }

func TestBounds(t *testing.T) {
	server, _, _ := platform(t)
	b := newBench(t, server, Limits{Units: 3, OwnerUnits: 2})
	u := start(t, b, 1, Spec{})
	start(t, b, 1, Spec{})
	if _, err := b.Start(1, Spec{Model: "Air601", Main: idle}); !errors.Is(err, ErrFull) {
		t.Errorf("a third unit of an owner: %v", err)
	}
	start(t, b, 2, Spec{})
	if _, err := b.Start(3, Spec{Model: "Air601", Main: idle}); !errors.Is(err, ErrFull) {
		t.Errorf("a fourth unit: %v", err)
	}
	if _, err := b.Unit(2, u.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("somebody else's unit: %v", err)
	}
	if err := b.Remove(2, u.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("removing somebody else's unit: %v", err)
	}
	if err := b.Remove(1, u.ID); err != nil {
		t.Fatal(err)
	}
	if n := len(b.Units(1)); n != 1 {
		t.Errorf("%d units are left", n)
	}
	if _, err := b.Start(3, Spec{Model: "Air1", Main: idle}); err == nil {
		t.Error("an unknown model was started")
	}
	start(t, b, 3, Spec{}) // the failed one holds no place
	b.Close()
	if _, err := b.Start(4, Spec{Model: "Air601", Main: idle}); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// Units that are started at the same time are bounded together.
func TestBoundsAtOnce(t *testing.T) {
	server, _, _ := platform(t)
	for range 5 {
		b := newBench(t, server, Limits{OwnerUnits: 2})
		started := make(chan error)
		for range 6 {
			go func() {
				_, err := b.Start(1, Spec{Model: "Air601", Main: idle})
				started <- err
			}()
		}
		n := 0
		for range 6 {
			switch err := <-started; {
			case err == nil:
				n++
			case !errors.Is(err, ErrFull):
				t.Error(err)
			}
		}
		if n != 2 || len(b.Units(1)) != 2 || len(b.making) != 0 {
			t.Fatalf("%d units were started, there are %d, %v are being made", n, len(b.Units(1)), b.making)
		}
		b.Close()
	}
}

// What is kept for watchers is bounded, whatever a unit says and does.
func TestKeptIsBounded(t *testing.T) {
	u := &Unit{bench: New(Options{})}
	s := &u.state
	s.news = make(chan struct{})
	for n := range 5 * momentsMax {
		s.status.VirtualMS = int64(n)
		s.enter([]Phase{PhaseBoot, PhaseRun}[n%2])
	}
	if story := u.Since(Cursor{}).Story; len(story) > momentsMax || story[len(story)-1].MS != 5*momentsMax-1 {
		t.Errorf("%d moments up to %+v", len(story), story[len(story)-1])
	}
	for _, text := range []string{strings.Repeat("x", 10*lineBytesMax), strings.Repeat("固", lineBytesMax)} {
		s.line(Line{Text: text})
		if got := s.lines[len(s.lines)-1].Text; len(got) > lineBytesMax+4 || !strings.HasSuffix(got, " ...") || !utf8.ValidString(got) {
			t.Errorf("a line of %d bytes: %d are kept: %.20q", len(text), len(got), got)
		}
	}
}

// The power can be cut at any time, also while a script waits for an hour, and
// comes back with what the flash holds.
func TestPower(t *testing.T) {
	server, _, _ := platform(t)
	u := start(t, newBench(t, server, Limits{}), 1, Spec{Main: `sys = require("sys")
		sys.taskInit(function()
			fskv.init()
			local n = (fskv.get("n") or 0) + 1
			fskv.set("n", n)
			log.info("life", n)
			sys.wait(3600000)
		end) sys.run()`, Speed: 100})
	for n := 1; n <= 3; n++ {
		want := "life\t" + string(rune('0'+n))
		var seen []Line
		follow(t, u, func(Status) bool {
			seen = u.Since(Cursor{}).Lines
			return strings.Contains(text(seen), want)
		})
		u.PowerOff()
		follow(t, u, off)
		if s := u.Status(); s.End != "power" {
			t.Fatalf("life %d ended with %+v", n, s)
		}
		u.PowerOn()
	}
}

// A unit is on from when it was started: switching it on again changes nothing,
// and a cut counts at once.
func TestPowerAtOnce(t *testing.T) {
	server, _, _ := platform(t)
	u := start(t, newBench(t, server, Limits{}), 1, Spec{Speed: 100})
	u.PowerOn()
	if s := u.Status(); s.Phase == PhaseOff {
		t.Errorf("it was started and is %+v", s)
	}
	u.PowerOff()
	follow(t, u, off)
	for n := range 100 { // twice on, once off
		u.PowerOn()
		u.PowerOn()
		u.PowerOff()
		follow(t, u, off)
		if len(u.power) != 0 {
			t.Fatalf("after cut %d it is to be switched on again", n+1)
		}
	}
}

// Scripts that never rest end by their budget, floods of events are held back,
// and a unit that nobody watches is switched off.
func TestBadScripts(t *testing.T) {
	server, _, _ := platform(t)
	for name, c := range map[string]struct {
		main   string
		limits Limits
		end    string
		detail string
	}{
		"endless loop":  {"while true do end", Limits{Steps: 1 << 20}, "budget", ""},
		"endless boots": {"rtos.reboot()", Limits{Boots: 5}, "power", "after 5 boots"},
		"syntax error":  {"this is no Lua", Limits{Boots: 3}, "", ""},
		"unwatched":     {idle, Limits{Unwatched: time.Nanosecond}, "power", "nobody watched"},
		"too long":      {idle, Limits{Run: time.Nanosecond}, "power", "it ran for"},
	} {
		t.Run(name, func(t *testing.T) {
			u := start(t, newBench(t, server, c.limits), 1, Spec{Main: c.main, Speed: SpeedMax})
			late := time.After(patience)
			for {
				changed, s := u.Changed(), u.Status() // does not count as watching
				if off(s) {
					break
				}
				select {
				case <-changed:
				case <-late:
					t.Fatalf("it goes on: %+v", s)
				}
			}
			if s := u.Status(); c.end != "" && s.End != c.end || !strings.Contains(s.Detail, c.detail) {
				t.Errorf("ended with %+v, want %s %s", s, c.end, c.detail)
			}
		})
	}
}

// A watcher that comes late is told how many lines it missed; together with
// those that it got they are all.
func TestMissedLines(t *testing.T) {
	server, _, _ := platform(t)
	u := start(t, newBench(t, server, Limits{EventsPerS: 1 << 20, Boots: 1}), 1, Spec{Speed: SpeedMax, Main: `for i = 1, 5000 do log.info("n", i) end rtos.reboot()`})
	follow(t, u, off)
	up := u.Since(Cursor{})
	if len(up.Lines) > linesMax || up.Missed == 0 {
		t.Fatalf("%d lines, %d missed", len(up.Lines), up.Missed)
	}
	if first := up.Lines[0].N; first != up.Missed+1 || up.Lines[len(up.Lines)-1].N != first+uint64(len(up.Lines))-1 {
		t.Errorf("lines %d to %d after %d missed", first, up.Lines[len(up.Lines)-1].N, up.Missed)
	}
	if up := u.Since(up.Next); len(up.Lines) != 0 || up.Missed != 0 || len(up.Sectors) != 0 || len(up.Story) != 0 {
		t.Errorf("nothing happened, but %+v is new", up)
	}
}

func TestBadSpecs(t *testing.T) {
	server, _, _ := platform(t)
	b := newBench(t, server, Limits{})
	for want, s := range map[string]Spec{
		"no model is called":  {Model: "Air1"},
		"has no profile":      {Model: "Air601", Profile: "x", Main: idle},
		"does not run LuatOS": {Model: "Air8101"},
		"no link model":       {Model: "Air601", Link: "string"},
		"core version":        {Model: "Air601", Core: "V1; drop"},
		"speed of -1":         {Model: "Air601", Speed: -1},
		"speed of 1001":       {Model: "Air601", Speed: SpeedMax + 1},
		"main.lua is larger":  {Model: "Air601", Main: strings.Repeat(" ", MainMax+1)},
		"is not 15 digits":    {Model: "Air780E", IMEI: "86000000000001x"},
		"script partition":    {Model: "Air601", Main: strings.Repeat("-", MainMax)},
	} {
		if s.Main == "" {
			s.Main = idle
		}
		if _, err := b.Start(1, s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	for want, p := range map[string]Project{
		"PROJECT":     {Name: `a"b`, Version: "1.0.0", Key: "k", PollS: 1},
		"PRODUCT_KEY": {Name: "a", Version: "1.0.0", Key: "k\n", PollS: 1},
		"VERSION":     {Name: "a", Version: "1.0", Key: "k", PollS: 1},
		"every 0 s":   {Name: "a", Version: "1.0.0", Key: "k"},
	} {
		if _, err := p.Main(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	good := Spec{Model: "Air601", Project: values("k", "1.0.0")}
	for want, c := range map[string]struct {
		main string
		d    Draft
	}{
		"takes no package":    {"", Draft{Kind: "sota", Version: "1.0.1"}},
		"VERSION \"\" is not": {"", Draft{Kind: "bin"}},
		"has no lines":        {idle, Draft{Kind: "bin", Version: "1.0.1"}},
		"no lines PROJECT":    {`PROJECT = "../x"` + "\n" + `VERSION = "1.0.0"`, Draft{Kind: "bin", Version: "1.0.1"}},
	} {
		s := good
		s.Main = c.main
		if _, err := s.Package(c.d); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	fota := Spec{Model: "Air6208", Project: values("k", "1.0.0")}
	if _, err := fota.Package(Draft{Kind: "fota", Version: "1.0.1", Core: "1"}); err == nil || !strings.Contains(err.Error(), "core version") {
		t.Errorf("core 1: %v", err)
	}
}

// Time on the bench is real time times the unit's speed.
func TestPace(t *testing.T) {
	now := time.Unix(1000, 0)
	l := newLife(&Bench{opt: Options{Now: func() time.Time { return now }}, limits: Limits{EventsPerS: 100}}, 10, time.Minute)
	waited := func(virtual time.Duration, event bool) (ended bool) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			l.wait(virtual, event, func(time.Time) string { l.end(); return "" })
		}()
		<-done
		return l.over()
	}
	now = now.Add(time.Second)
	if !waited(time.Minute+10*time.Second, false) {
		t.Error("the limits were not asked for")
	}
	l.ended = make(chan struct{})
	var asked int
	l.once = sync.Once{}
	l.wait(time.Minute+10*time.Second, false, func(time.Time) string { asked++; return "" })
	l.wait(time.Minute+time.Second, true, func(time.Time) string { asked++; return "" })
	if asked != 2 || l.over() {
		t.Errorf("a moment that has come is waited for: asked %d times", asked)
	}
	asked = 0
	l.wait(time.Minute+11*time.Second, false, func(n time.Time) string {
		if asked++; asked > 3 {
			return "enough"
		}
		now = now.Add(50 * time.Millisecond)
		return ""
	})
	if asked != 3 || l.over() {
		t.Errorf("100 ms are waited for with %d questions of 50 ms", asked)
	}
}

// A flood of events takes real time, also where it takes no time of the unit.
func TestFloodIsHeldBack(t *testing.T) {
	now := time.Unix(1000, 0)
	l := newLife(&Bench{opt: Options{Now: func() time.Time { return now }}, limits: Limits{EventsPerS: 100}}, SpeedMax, 0)
	asked := 0
	l.wait(0, true, func(time.Time) string {
		if asked++; asked > 1 {
			return "it waits"
		}
		return ""
	})
	if !l.over() {
		t.Error("an event is not waited for")
	}
}

// A damaged package is refused by the module, which goes on with what it has.
func TestDamagedPackage(t *testing.T) {
	server, mem, p := platform(t)
	proj := values(p.Key, "1.0.0")
	proj.PollS = 60
	spec := Spec{Model: "Air601", Speed: SpeedMax, Project: proj}
	pack, err := spec.Package(Draft{Kind: "bin", Version: "1.0.1", Damaged: true})
	if err != nil {
		t.Fatal(err)
	}
	name, _ := iot.RecogniseFileName(pack.FileName)
	if _, err := mem.AddFirmware(iot.Firmware{Project: p.ID, Name: name.Name, Version: name.Version, FileName: pack.FileName, Allow: true, All: true}, pack.Data); err != nil {
		t.Fatal(err)
	}
	u := start(t, newBench(t, server, Limits{}), 1, spec)
	asked := 0
	var c Cursor
	follow(t, u, func(s Status) bool {
		up := u.Since(c)
		c = up.Next
		asked += strings.Count(text(up.Lines), "net request")
		if !strings.HasSuffix(s.Version, ".1.0") && s.Version != "" {
			t.Fatalf("it runs %s", s.Version)
		}
		return asked >= 2
	})
}
