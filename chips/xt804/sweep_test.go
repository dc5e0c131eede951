package xt804

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"
	"testing"

	"airlift/chips"
	"airlift/flash"
)

// cutTap cuts the power at operation at.
type cutTap struct {
	at  uint64
	how flash.FateKind
	n   uint64
}

func (c *cutTap) Before(*flash.Op) flash.Fate {
	c.n++
	if c.n-1 != c.at {
		return flash.Fate{}
	}
	return flash.Fate{Kind: c.how}
}

func (c *cutTap) After(*flash.Op) {}

// countOps runs do on a copy and returns its number of flash operations.
func (m *module) countOps(do func(m *module)) uint64 {
	c := m.fork()
	before := c.dev.Power().Ops()
	do(c)
	return c.dev.Power().Ops() - before
}

// stage is a part of an update, for the report.
type stage string

const (
	stageErase    stage = "1 erase area"
	stageDownload stage = "2 download"
	stageFlag     stage = "3 write flag"
	stageHeader   stage = "4 secboot header"
	stageBody     stage = "5 secboot body"
	stageClear    stage = "6 secboot clears flag"
	stageScript   stage = "7 core writes script"
	stageClean    stage = "8 core cleans area"
)

// cutCase is a flash as a power cut left it.
type cutCase struct {
	n     int
	stage stage
	op    string
	tear  string // "before", "after", or how it was torn
	dev   *flash.Device
}

// cutRecorder forks the flash at every operation of a clean run, once for each
// way in which the power could fail there.
type cutRecorder struct {
	m     *module
	stage func(op *flash.Op) stage
	tears []tear
	cases []cutCase
	n     int
}

type tear struct {
	name string
	fate func(op *flash.Op) flash.Fate
}

func (r *cutRecorder) Before(op *flash.Op) flash.Fate {
	s := r.stage(op)
	add := func(how string, dev *flash.Device) {
		r.cases = append(r.cases, cutCase{r.n, s, fmt.Sprintf("%s 0x%06X", op.Kind, op.Off), how, dev})
	}
	add("before", op.Device.Fork())
	tears := r.tears
	if s == stageErase && r.n%16 != 0 && len(tears) <= defaultTears {
		tears = nil // hundreds of sectors that are all alike
	}
	for _, t := range tears {
		f := t.fate(op)
		dev := op.Device.Fork()
		if err := dev.Burn(op.Off, f.Torn); err != nil {
			r.m.t.Fatal(err)
		}
		add(t.name, dev)
	}
	return flash.Fate{}
}

func (r *cutRecorder) After(op *flash.Op) {
	r.cases = append(r.cases, cutCase{r.n, r.stage(op), fmt.Sprintf("%s 0x%06X", op.Kind, op.Off), "after", op.Device.Fork()})
	r.n++
}

const defaultTears = 3

// sweepTears returns the ways in which operations are torn.
func sweepTears() []tear {
	bits := func(seed uint64) tear {
		return tear{fmt.Sprintf("torn bits %d", seed), func(op *flash.Op) flash.Fate {
			r := newRand(seed<<32 + op.Seq)
			return flash.TearBits(op, func(int) byte { return byte(r.Uint64()) })
		}}
	}
	tears := []tear{ // defaultTears of them
		{"torn front 1/2", func(op *flash.Op) flash.Fate { return flash.TearFront(op, op.Len/2) }},
		{"torn back 1/2", func(op *flash.Op) flash.Fate { return flash.TearBack(op, op.Len/2) }},
		bits(1),
	}
	if os.Getenv("AIRLIFT_SCALE") != "full" {
		return tears
	}
	for _, n := range []int64{1, 2, 3, 4, 16, 64, 65, 255, 4000} {
		tears = append(tears,
			tear{fmt.Sprintf("torn front %d", n), func(op *flash.Op) flash.Fate { return flash.TearFront(op, n) }},
			tear{fmt.Sprintf("torn back %d", n), func(op *flash.Op) flash.Fate { return flash.TearBack(op, n) }})
	}
	for seed := uint64(2); seed < 10; seed++ {
		tears = append(tears, bits(seed))
	}
	return tears
}

// sweepModule is a module whose old and new firmware differ in core and
// script, and the package between them.
type sweepModule struct {
	*module
	oldScript, newScript []byte
	pkg                  []byte
	slack                int // bytes of gzip trailer and padding at the end of the package
}

func newSweepModule(t testing.TB, model, profile string) *sweepModule {
	m := newModule(t, model, profile)
	s := &sweepModule{module: m, oldScript: luadbImage(t, "old", 5000), newScript: luadbImage(t, "new", 5000)}
	m.install(m.app(SyntheticCore(m.info("V1"), 4000, 1)))
	m.put(m.l.ScriptAddr(), s.oldScript)
	m.start() // makes the file system
	// Contents that hardly shrink, so that the script has pages of its own.
	s.newScript = append(s.newScript, sample(7, 6000, 1)...)
	body := gz(t, append(m.app(SyntheticCore(m.info("V2"), 9000, 2)), m.script(TypeScript, s.newScript)...), packOptions{})
	s.pkg = m.pack(nil, packOptions{body: body})
	s.slack = len(s.pkg) - HeaderSize - len(body) + 8
	return s
}

// update runs the whole update and reports where each stage begins.
func (s *sweepModule) update(t *testing.T, begin func(stage)) {
	t.Helper()
	u := s.updater()
	env := s.env()
	check := func(n int, err error) {
		t.Helper()
		if n != 0 || err != nil {
			t.Fatal(n, err, s.story())
		}
	}
	begin(stageErase)
	check(u.Init(env, 0, 0))
	begin(stageDownload)
	for p := s.pkg; len(p) > 0; {
		n := min(len(p), 1460)
		check(u.Write(env, p[:n]))
		p = p[n:]
	}
	check(u.Done(env))
	begin(stageFlag)
	check(u.End(env, true))
	begin(stageHeader)
	s.start()
}

// now says what runs after a cut: "new", "old", "mixed" and so on.
func (s *sweepModule) now() string {
	var run *chips.Running
	for range 3 { // the last of them must find everything settled
		boot, err := new(Secboot).Boot(s.env())
		if err != nil {
			s.t.Fatal(err)
		}
		if boot.Outcome != chips.BootCore {
			return "brick " + boot.Status
		}
		var broken *chips.CoreError
		if run, err = s.core.Start(s.env(), boot); errors.As(err, &broken) {
			return "stuck: " + broken.Why
		} else if err != nil {
			s.t.Fatal(err)
		}
	}
	core := map[string]string{"V1": "old", "V2": "new"}[run.Identity.Version]
	script := "damaged"
	switch p := s.get(s.l.ScriptAddr(), len(s.newScript)); {
	case bytes.Equal(p, s.newScript):
		script = "new"
	case bytes.HasPrefix(p, s.oldScript):
		script = "old"
	}
	switch {
	case core == script:
		return core
	case script == "damaged":
		return core + " core, script damaged"
	}
	return fmt.Sprintf("mixed: %s core, %s script", core, script)
}

// stageOf tells the stages of the boot apart by address.
func (s *sweepModule) stageOf(current *stage) func(op *flash.Op) stage {
	app, script, fota := s.l.Part(PartApp), s.l.Part(PartScript), s.l.Part(PartFota)
	header := 0
	return func(op *flash.Op) stage {
		if *current < stageHeader {
			return *current
		}
		switch {
		case app.Contains(op.Off):
			if header++; header <= 2*17 { // each is asked for twice
				return stageHeader
			}
			return stageBody
		case script.Contains(op.Off):
			return stageScript
		case fota.Contains(op.Off):
			return stageClean
		}
		return stageClear
	}
}

// TestCutSweep cuts the power at every operation of an update through the FOTA
// area. Whole operations must end as xt804.md 3.7 says; what torn ones lead to
// is written down as found.
func TestCutSweep(t *testing.T) {
	for _, c := range []struct{ model, profile string }{{"Air101", "g2-fota"}, {"Air6208", "g3"}} {
		t.Run(c.model, func(t *testing.T) {
			s := newSweepModule(t, c.model, c.profile)
			clean := &sweepModule{module: s.fork(), oldScript: s.oldScript, newScript: s.newScript, pkg: s.pkg}
			rec := &cutRecorder{m: s.module, tears: sweepTears()}
			var current stage
			rec.stage = s.stageOf(&current)
			clean.update(t, func(st stage) {
				if current == "" {
					clean.dev.Power().SetTap(rec)
				}
				current = st
			})
			clean.dev.Power().SetTap(nil)
			if got := clean.now(); got != "new" {
				t.Fatalf("without a cut: %s", got)
			}
			report := newCutReport(rec.cases)
			for i := range rec.cases {
				cut := &rec.cases[i]
				after := &sweepModule{module: s.fork(), oldScript: s.oldScript, newScript: s.newScript}
				after.dev = cut.dev.Fork()
				got := after.now()
				report.add(cut, got)
				if why := s.verdict(cut, got, c.profile); why != "" {
					t.Errorf("operation %d (%s, %s, %s): %s, %s", cut.n, cut.stage, cut.op, cut.tear, got, why)
				}
			}
			t.Logf("%s %s: package of %d bytes, %d operations\n%s", c.model, c.profile, len(s.pkg), rec.n, report)
		})
	}
}

// verdict judges a cut between whole operations; torn ones are as found.
func (s *sweepModule) verdict(cut *cutCase, got, profile string) string {
	if cut.tear != "before" && cut.tear != "after" {
		return ""
	}
	want := "new"
	switch {
	case cut.stage == stageErase:
		want = "old"
	case cut.stage == stageDownload:
		return s.downloadVerdict(cut, got, profile)
	case cut.stage == stageFlag && s.flagIn(cut.dev) != s.org():
		want = "mixed: old core, new script" // P8
	}
	if got != want {
		return "want " + want
	}
	return ""
}

func (s *sweepModule) org() uint32 { return DecodeHeader(s.pkg).OrgChecksum }

func (s *sweepModule) flagIn(dev *flash.Device) uint32 {
	v, err := fls{dev}.word(s.l.FlagAddr())
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

// downloadVerdict: while the package is not complete the old firmware stays,
// and after that P8 applies. V2001 does not check the body, so an incomplete
// package of which the script's beginning is there already overwrites the
// script: only then anything else than the old firmware is right.
func (s *sweepModule) downloadVerdict(cut *cutCase, got, profile string) string {
	in := make([]byte, len(s.pkg))
	if _, err := cut.dev.ReadAt(in, Off(s.l.FotaAddr())); err != nil {
		s.t.Fatal(err)
	}
	whole := bytes.Equal(in, s.pkg)
	streamWhole := bytes.Equal(in[:len(in)-s.slack], s.pkg[:len(in)-s.slack])
	switch {
	case whole || streamWhole && profile == "g3":
		if got != "mixed: old core, new script" {
			return "want the new script with the old core (P8)"
		}
	case profile == "g3":
		if got != "old" && !(got == "old core, script damaged" && s.reachesScript(in)) {
			return "want old"
		}
	case got != "old":
		return "want old"
	}
	return ""
}

// reachesScript reports whether the whole part of a package that is not
// complete goes beyond the app image.
func (s *sweepModule) reachesScript(in []byte) bool {
	n := 0
	for n < len(in) && in[n] == s.pkg[n] {
		n++
	}
	app := len(gz(s.t, s.app(SyntheticCore(s.info("V2"), 9000, 2)), packOptions{}))
	return n > app/2
}

// TestSecbootCuts cuts secboot's own work at every operation, and the repair
// after some of the cuts once more: the new app runs in the end. A plain copy
// may leave the flag set, which does no harm (xt804.md 3.7).
func TestSecbootCuts(t *testing.T) {
	for _, plain := range []bool{false, true} {
		base := newModule(t, "Air101", "g2-fota")
		body := newCode()
		o := packOptions{plain: plain}
		payload := base.app(body)
		if plain {
			payload = padTo(body, ImagePad)
		}
		org := area(base.world, base.pack(payload, o))
		base.setFlag(org)
		total := base.countOps(func(m *module) { m.boot() })
		cut := func(m *module, at uint64, how flash.FateKind) {
			m.dev.Power().SetTap(&cutTap{at: at, how: how})
			if _, err := new(Secboot).Boot(m.env()); err != nil && !errors.Is(err, flash.ErrPowerLost) {
				t.Fatal(err)
			}
			m.dev.Power().SetTap(nil)
			m.dev.Power().Restore()
		}
		kept := 0
		r := newRand(1)
		for at := range total {
			for _, how := range []flash.FateKind{flash.FateCutBefore, flash.FateCutAfter} {
				m := base.fork()
				cut(m, at, how)
				twice := m.fork()
				cut(twice, uint64(r.Int64N(int64(total))), how)
				for _, m := range []*module{m, twice} {
					for boot := range 2 {
						if got := outcome(m.world, m.boot()); got != "new" {
							t.Fatalf("plain %v, cut at %d of %d, boot %d: %s\n%s", plain, at, total, boot, got, m.story())
						}
					}
					if m.flag() != erasedFlag {
						kept++
					}
				}
			}
		}
		if plain != (kept > 0) {
			t.Errorf("plain %v: the flag stays after %d cuts", plain, kept)
		}
		t.Logf("plain %v: %d operations, the flag stays after %d of %d cuts", plain, total, kept, 4*total)
	}
}

// cutReport counts outcomes by stage and kind of cut.
type cutReport struct {
	count map[string]int
	ops   map[string]map[string]bool // example operations
}

func newCutReport(cases []cutCase) *cutReport {
	return &cutReport{count: make(map[string]int, len(cases)), ops: make(map[string]map[string]bool)}
}

func (r *cutReport) add(c *cutCase, got string) {
	how := "whole"
	if strings.HasPrefix(c.tear, "torn") {
		how = "torn"
	}
	kind, _, _ := strings.Cut(c.op, " ")
	key := fmt.Sprintf("%-24s %-5s %-8s %s", c.stage, how, kind, got)
	r.count[key]++
	if r.ops[key] == nil {
		r.ops[key] = make(map[string]bool)
	}
	r.ops[key][c.op+" "+c.tear] = true
}

func (r *cutReport) String() string {
	var keys []string
	for k := range r.count {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	var b strings.Builder
	for _, k := range keys {
		fmt.Fprintf(&b, "%6d  %s", r.count[k], k)
		if n := len(r.ops[k]); n <= 3 {
			var ops []string
			for op := range r.ops[k] {
				ops = append(ops, op)
			}
			sort.Strings(ops)
			fmt.Fprintf(&b, "  (%s)", strings.Join(ops, "; "))
		}
		b.WriteByte('\n')
	}
	return b.String()
}
