package sweep

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"airlift/chips/all"
	"airlift/emu"
	"airlift/flash/flashtest"
)

// What goes wrong in the built-in scenarios is known: every cell of their tables
// that is neither old nor new has one of the reasons below, which
// docs/FINDINGS.md tells under the same names. A sweep is told nothing of them.
// A case without a reason is news, and fails the test.

// reason is why a case ends as it does.
type reason struct {
	name    string
	outcome emu.Outcome
	says    string // regular expression that is found in the account
	often   bool   // also in the quick test
}

var (
	halfPackage  = reason{name: "Scripts from half a package", outcome: emu.OutcomeStuck, says: `(?s)secboot: UPG: [^\n]*CRC wrong.*检测到全量升级包.*its scripts are neither`, often: true}
	orphan       = reason{name: "New scripts on the old core", outcome: emu.OutcomeMixed, says: `verdict mixed: .*old core with new scripts`}
	refill       = reason{name: "A multiple of 8192 bytes", outcome: emu.OutcomeBrick, says: `unpacking never ends: the input ran out|the stream is damaged`}
	refillFiles  = reason{name: "A multiple of 8192 bytes", outcome: emu.OutcomeNew, says: `(?s)unpacking never ends: the input ran out.*user data: /user.txt is gone`}
	innerCRC     = reason{name: "Wrong inside: the core does not match its CRC", outcome: emu.OutcomeBrick, says: `does not match its CRC, status M to ROM`, often: true}
	nothingOut   = reason{name: "Wrong inside: nothing comes out", outcome: emu.OutcomeBrick, says: `nothing was unpacked, status M to ROM; the flag stays`}
	neverEnds    = reason{name: "A multiple of 8192 bytes", outcome: emu.OutcomeBrick, says: `unpacking never ends: the input ran out`}
	neverEndsOff = reason{name: "A multiple of 8192 bytes", outcome: emu.OutcomeStuck, says: `unpacking never ends: the input ran out`}
	noCore       = reason{name: "Wrong inside: no core", outcome: emu.OutcomeBrick, says: `cannot run: |nothing to boot, status`}
	spill        = reason{name: "Wrong inside: more than fits", outcome: emu.OutcomeNew, says: `which the upgrade leaves alone`}
	otherCore    = reason{name: "Wrong inside: nobody can tell", outcome: emu.OutcomeStuck, says: `the core that boot code starts is neither version`}
	otherScripts = reason{name: "Wrong inside: nobody can tell", outcome: emu.OutcomeStuck, says: `its scripts are neither version's`, often: true}
	noScripts    = reason{name: "Wrong inside: no scripts", outcome: emu.OutcomeMixed, says: `new core with old scripts`}

	noRecord    = reason{name: "The delta without the scripts", outcome: emu.OutcomeMixed, says: `(?s)no ota info\n[^\n]*D-Fota V 1.2\n[^\n]*total size of delta.*verdict mixed: .*new core with old scripts`}
	tornMark    = reason{name: "A torn mark of success", outcome: emu.OutcomeMixed, says: `(?s)exception on last DFU! no more try.*verdict mixed: new core with old scripts`}
	tornZone    = reason{name: "A torn erase of the delta", outcome: emu.OutcomeMixed, says: `(?s)the delta's hash is wrong.*verdict mixed: new core with old scripts`}
	tornBegin   = reason{name: "Two cuts that brick it", outcome: emu.OutcomeBrick, says: `(?s)put block \d+ back from the backup zone.*is not the one that the delta was made from.*verdict brick: `}
	resets      = reason{name: "Wrong inside: it resets for ever", outcome: emu.OutcomeStuck, says: `it resets for ever: boot code resets the chip`, often: true}
	hangs       = reason{name: "Wrong inside: it hangs for ever", outcome: emu.OutcomeBrick, says: `the boot code prints this for ever, after every start`}
	halfPatched = reason{name: "Wrong inside: half a core", outcome: emu.OutcomeBrick, says: `(?s)segment \d+: .*But failed!!!.*the AP image is damaged`}
	noDelta     = reason{name: "Wrong inside: no delta", outcome: emu.OutcomeMixed, says: `old core with new scripts`}
	tooLong     = reason{name: "Scripts longer than their area", outcome: emu.OutcomeMixed, says: `(?s)soc ota file md5 failed.*new core with old scripts`, often: true}

	modemReset  = reason{name: "The endless reset", outcome: emu.OutcomeStuck, says: `it resets for ever: boot code resets the chip`, often: true}
	inPlace     = reason{name: "A file written over in place", outcome: emu.OutcomeMixed, says: `holds neither what it held`, often: true}
	packWrong   = reason{name: "Wrong inside: the new scripts on the old core", outcome: emu.OutcomeMixed, says: `old core with new scripts`}
	tooLong8910 = reason{name: "Scripts longer than their area", outcome: emu.OutcomeMixed, says: `new core with old scripts`}
)

// flow is a sweep with the reasons of all that goes wrong in it, the first that
// fits first.
type flow struct {
	scenario    string
	cuts        int
	quick, full uint64 // cases; 0 for all
	reasons     []reason
}

var (
	flows = []flow{
		{"xt804-zipped", 1, 300, 0, nil},
		{"xt804-plain", 1, 300, 0, nil},
		{"xt804-file", 1, 0, 0, nil},
		{"xt804-download", 1, 500, 0, []reason{halfPackage, orphan}},
		{"xt804-g2-zipped", 1, 300, 0, nil},
		{"xt804-g2-download", 1, 500, 0, []reason{orphan}},
		{"xt804-g2-script", 1, 300, 0, nil},
		{"ec618-script", 1, 100, 0, nil},
		{"ec618-delta", 1, 200, 0, []reason{tornZone}},
		{"ec618-download", 1, 500, 0, []reason{noRecord}},
		{"ec7xx-script", 1, 100, 0, nil},
		{"ec7xx-delta", 1, 200, 0, nil},
		{"ec7xx-download", 1, 200, 0, []reason{noRecord}},
		{"rda8910-script", 1, 20, 0, nil},
		{"rda8910-package", 1, 20, 0, []reason{modemReset}},

		{"littlefs-volume", 1, 0, 0, nil},
		{"sffs-volume", 1, 200, 0, []reason{inPlace}},

		{"littlefs-volume", 2, 200, 100000, nil},
		{"xt804-zipped", 2, 200, 100000, nil},
		{"xt804-file", 2, 200, 100000, nil},
		{"xt804-download", 2, 500, 20000, []reason{halfPackage, orphan}},
		{"ec618-delta", 2, 200, 1000000, []reason{tornBegin, tornMark, tornZone}},
		{"ec618-download", 2, 200, 100000, []reason{tornBegin, tornMark, noRecord}},
		{"ec7xx-delta", 2, 100, 1000000, []reason{tornBegin, tornMark}},

		{"xt804-sizes", 1, 6, 0, []reason{refill}},
		{"xt804-script-sizes", 1, 6, 0, []reason{refill, refillFiles}},
		{"xt804-file-sizes", 1, 6, 0, nil},
		{"ec618-sizes", 1, 2, 0, []reason{tooLong}},
		{"rda8910-sizes", 1, 1, 0, []reason{tooLong8910}},
		{"xt804-damaged", 1, 140, 0, []reason{nothingOut, innerCRC, neverEnds, neverEndsOff, noCore, spill, otherCore, otherScripts, orphan, noScripts}},
		{"ec618-damaged", 1, 60, 0, []reason{hangs, resets, halfPatched, otherScripts, noScripts, noDelta}},
		{"ec7xx-damaged", 1, 60, 0, []reason{hangs, resets, halfPatched, otherScripts, noScripts, noDelta}},
		{"rda8910-damaged", 1, 18, 0, []reason{modemReset, otherScripts, packWrong}},
	}
)

// explained is how many cases that went wrong alike the quick test replays at
// most, to see why.
const explained = 1

func TestEveryCellIsExplained(t *testing.T) {
	for _, f := range flows {
		name := f.scenario
		if f.cuts > 1 {
			name += " twice"
		}
		t.Run(name, func(t *testing.T) {
			s, err := FindBuiltin(f.scenario)
			if err != nil {
				t.Fatal(err)
			}
			if s.Cuts = f.cuts; f.cuts > 1 {
				s.WearMax = 0
			}
			if s.Sample = f.quick; flashtest.Full() {
				s.Sample = f.full
			}
			explainCells(t, f, mustNew(t, s))
		})
	}
}

// explainCells runs a sweep and finds the reason of every case that goes wrong.
func explainCells(t *testing.T, f flow, w *Sweep) {
	found, alike := map[string]int{}, map[string]int{}
	sum := NewSummary(w.Scenario, len(w.Clean.Ops))
	err := w.Run(context.Background(), Options{}, func(r *Result) error {
		if sum.Add(r); r.Fine() {
			return nil
		}
		if n := r.Signature(); alike[n] == explained && !flashtest.Full() {
			return nil
		} else {
			alike[n]++
		}
		path := pathOf(r)
		a, err := w.Replay(path)
		if err != nil {
			return err
		}
		if a.Result.Outcome != r.Outcome || a.Result.Detail != r.Detail {
			t.Errorf("%s: %s (%s), its replay %s (%s)", NewID(w.Scenario, &r.Case), r.Outcome, r.Detail, a.Result.Outcome, a.Result.Detail)
		}
		why := whyOf(f.reasons, a)
		if why == nil {
			t.Errorf("%s ends %s, broken %v, and nobody has said why: %s", NewID(w.Scenario, &Case{Path: path}), r.Outcome, r.Broken, r.Detail)
			return nil
		}
		found[why.name]++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d cases: %v", sum.Cases, found)
	if w.Scenario.Sample == 0 {
		checkTable(t, f.scenario, sum)
	}
	for _, why := range f.reasons {
		if found[why.name] == 0 && (flashtest.Full() || why.often) {
			t.Errorf("no case is %q", why.name)
		}
	}
}

func whyOf(list []reason, a *Account) *reason {
	text := accountText(a)
	for i := range list {
		if list[i].outcome == a.Result.Outcome && regexp.MustCompile(list[i].says).MatchString(text) {
			return &list[i]
		}
	}
	return nil
}

// pathOf is what a replay takes.
func pathOf(r *Result) []uint64 {
	if r.Path == nil {
		return []uint64{r.Number}
	}
	return r.Path
}

func accountText(a *Account) string {
	var b strings.Builder
	for i := range a.Lines {
		b.WriteString(a.Lines[i].Kind + " " + a.Lines[i].Text + "\n")
	}
	return b.String() + "detail " + a.Result.Detail + "\n"
}

// packageHeader is the image header in front of the body, in bytes.
const packageHeader = 64

// Exactly the packages of a multiple of 8192 bytes are lost (xt804.md 6, pitfall
// P1). The test looks at outcomes first, and only then at what the sizes have
// in common.
func TestSizesOfPackages(t *testing.T) {
	t.Parallel()
	s, err := FindBuiltin("xt804-sizes")
	if err != nil {
		t.Fatal(err)
	}
	if !flashtest.Full() {
		s.Sizes.To = 28672
	}
	w := mustNew(t, s)
	lost := map[int64]bool{}
	for _, r := range collect(t, w, Options{}) {
		if !r.Fine() {
			lost[s.Sizes.at(r.Number)] = true
		}
	}
	if len(lost) == 0 {
		t.Fatal("no package is lost")
	}
	multiples := 0
	for n := range s.Sizes.count() {
		one, err := w.sized(s.Sizes.at(n))
		if err != nil {
			t.Fatal(err)
		}
		size := len(one.Package) - packageHeader
		multiple := size > 8192 && size%8192 == 0
		if multiple {
			multiples++
		}
		if lost[s.Sizes.at(n)] != multiple {
			t.Errorf("a package of %d bytes: lost %v", size, lost[s.Sizes.at(n)])
		}
	}
	t.Logf("%d of %d packages are lost, %d have a multiple of 8192 bytes", len(lost), s.Sizes.count(), multiples)
}

func mustNew(t *testing.T, s *Scenario) *Sweep {
	t.Helper()
	c, err := all.Chip(s.Chip, s.Profile)
	if err != nil {
		t.Fatal(err)
	}
	w, err := New(s, c)
	if err != nil {
		t.Fatal(err)
	}
	return w
}
