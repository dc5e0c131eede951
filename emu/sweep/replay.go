package sweep

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"time"

	"airlift/emu/fault"
	"airlift/emu/trace"
	"airlift/flash"
)

// Account is a case told step by step.
type Account struct {
	Result *Result `json:"result"`
	Lines  []Line  `json:"lines"`
	// Trace is the hash of everything that happened, each flash operation and
	// its bytes included: the same on every platform.
	Trace string `json:"trace_sha256"`
	// Before and After are the flash chips at the start of the case and once the
	// device has settled, for reports.
	Before []*flash.Device `json:"-"`
	After  []*flash.Device `json:"-"`
}

// Meant returns the flash chips after the run without a fault; none if that did
// not end in a core that starts. They are shared: fork them to change them.
func (s *Sweep) Meant() []*flash.Device { return s.fresh.flashes }

// Line is one step of an account.
type Line struct {
	At   time.Duration `json:"at_ns"` // virtual, since the start of the case
	Boot int           `json:"boot"`
	// Kind is power, flash, cut, ignored, verdict, or that of a step (read,
	// decide, do, print, log); with scripts also net, server, exit, end.
	Kind string `json:"kind"`
	Text string `json:"text"`
}

// linesMax bounds an account.
const linesMax = 20000

// Replay runs one case again and tells what happens. A path is what an ID
// holds; see also [Sweep.ReplayFaults].
func (s *Sweep) Replay(path []uint64) (*Account, error) {
	if len(path) == 0 || len(path) > pathMax {
		return nil, errors.New("a case has at least one fault")
	}
	first, err := s.space().fault(path[0])
	if err != nil {
		return nil, err
	}
	if first.Standing() && len(path) == 1 && s.Scenario.Mode != ModeSystem {
		return s.replayDelivered(path, &first)
	}
	faults := []fault.Fault{first}
	for _, choice := range path[1:] {
		// Any number of operations: strike tells if the recovery has fewer.
		f, err := s.recoverySpace(choice/uint64(len(s.Scenario.Hows)) + 1).fault(choice)
		if err != nil {
			return nil, err
		}
		faults = append(faults, f)
	}
	a, err := s.ReplayFaults(faults)
	if err != nil {
		return nil, err
	}
	a.Result.Path = path
	if len(path) == 1 && s.Scenario.Sample == 0 {
		a.Result.Number = path[0]
	}
	return a, nil
}

// ReplayFaults is Replay for faults of one's own choice.
func (s *Sweep) ReplayFaults(faults []fault.Fault) (*Account, error) {
	if s.Scenario.Mode == ModeSystem {
		return s.replaySystem(faults)
	}
	t := &teller{sweep: s, w: &watcher{rec: trace.New()}}
	t.w.rec.Sink(t.event)
	b := s.begin()
	before := b.fork().flashes
	spent := erasures{}
	c := chain{s: s, faults: faults}
	play := s.play
	for i := range faults {
		f := &faults[i]
		if err := f.Check(); err != nil {
			return nil, err
		}
		t.fault = f
		t.board = b
		place, err := s.strike(b, f, t.w, t.playing(play))
		if err != nil {
			return nil, err
		}
		c.places = append(c.places, place)
		t.endOps()
		t.line("power", backAfter(f))
		spent = spent.with(b.power.Erased())
		b = b.behind(f)
		t.w.boot++
		play = s.recover
	}
	t.fault = nil
	v, err := s.settle(b.fork())
	if err != nil {
		return nil, err
	}
	t.board = b
	if _, err := t.playing(s.recover)(b, t.w); err != nil {
		return nil, err
	}
	t.endOps()
	r := s.result(Case{Faults: faults}, c.places, v, spent)
	r.Faults, r.Places = faults, c.places // also of a case that went well
	t.verdict(r)
	return &Account{Result: r, Lines: t.lines, Trace: t.w.rec.Sum(), Before: before, After: b.flashes}, nil
}

// teller turns what a run records into lines. Flash operations that follow one
// another become one line.
type teller struct {
	sweep *Sweep
	w     *watcher
	board *board
	fault *fault.Fault // the one to come
	lines []Line
	run   opRun

	before, after []*flash.Device // of the mode system
}

// opRun is a row of operations of one kind in one partition.
type opRun struct {
	n        int
	kind     string
	part     string
	chip     int
	from, to int64
	first    uint64
	at       time.Duration
}

func (t *teller) line(kind, text string) {
	if len(t.lines) < linesMax {
		t.lines = append(t.lines, Line{At: t.w.now, Boot: t.w.boot, Kind: kind, Text: text})
	}
}

// playing puts the teller's tap in front of that of play.
func (t *teller) playing(play func(*board, *watcher) (*boot, error)) func(*board, *watcher) (*boot, error) {
	return func(b *board, w *watcher) (*boot, error) {
		inner := b.power.Tap()
		b.power.SetTap(&tellTap{t: t, inner: inner})
		return play(b, w)
	}
}

// tellTap shows the teller what happens to operations.
type tellTap struct {
	t     *teller
	inner flash.Tap // decides; nil lets everything happen
	n     uint64
}

func (x *tellTap) Before(op *flash.Op) flash.Fate {
	number := x.n
	x.n++
	fate := flash.Fate{}
	if x.inner != nil {
		fate = x.inner.Before(op)
	}
	p := x.t.sweep.place(op, number, x.t.w.boot, x.t.w.stage)
	switch fate.Kind {
	case flash.FateProceed:
		x.t.operation(&p)
	case flash.FateIgnore:
		x.t.endOps()
		x.t.line("ignored", "the chip ignores operation "+p.String())
	default:
		x.t.endOps()
		x.t.cut(op, &p, fate)
	}
	return fate
}

func (x *tellTap) After(op *flash.Op) {
	if x.inner != nil {
		x.inner.After(op)
		return
	}
	x.t.w.now += x.t.sweep.cost(op)
	x.t.w.rec.FlashOp(x.t.w.now, x.t.w.boot, op)
}

// operation adds an operation that happens to the row.
func (t *teller) operation(p *Place) {
	r := &t.run
	if r.n > 0 && (r.kind != p.Kind || r.part != p.Part || r.chip != p.Chip || r.to != p.Off) {
		t.endOps()
	}
	if r.n == 0 {
		*r = opRun{kind: p.Kind, part: p.Part, chip: p.Chip, from: p.Off, first: p.Number, at: t.w.now}
	}
	r.n++
	r.to = p.Off + p.Len
}

// endOps tells the row of operations.
func (t *teller) endOps() {
	r := t.run
	t.run = opRun{}
	if r.n == 0 {
		return
	}
	numbers := fmt.Sprintf("#%d", r.first)
	if r.n > 1 {
		numbers += fmt.Sprintf("..#%d", r.first+uint64(r.n)-1)
	}
	chip := ""
	if r.chip > 0 {
		chip = fmt.Sprintf(" chip %d", r.chip)
	}
	text := fmt.Sprintf("%s %s %s%s 0x%06X..0x%06X (%d bytes)", numbers, r.kind, r.part, chip, r.from, r.to, r.to-r.from)
	if len(t.lines) < linesMax {
		t.lines = append(t.lines, Line{At: r.at, Boot: t.w.boot, Kind: "flash", Text: text})
	}
}

// event takes what boot code, core and updater do. Operations come by the tap.
func (t *teller) event(e *trace.Event) {
	switch e.Kind {
	case trace.Flash:
		return
	case trace.Power:
		t.endOps()
		t.line("power", e.Text)
		return
	}
	t.endOps()
	if e.Kind == trace.Log {
		t.line("log", e.Text)
		return
	}
	t.line(string(e.Step.Kind), e.Step.Stage+": "+strings.TrimRight(e.Step.Text, "\r\n"))
}

// cut tells the operation at which the power fails, bit by bit.
func (t *teller) cut(op *flash.Op, p *Place, fate flash.Fate) {
	old := op.Old()
	want := append([]byte(nil), old...)
	for i := range want {
		if op.Kind == flash.OpErase {
			want[i] = 0xFF
		} else {
			want[i] &= op.Data[i]
		}
	}
	now := old
	switch fate.Kind {
	case flash.FateCutAfter:
		now = want
	case flash.FateCutTorn:
		now = fate.Torn
	}
	t.line("cut", fmt.Sprintf("%s at operation %s, %s", failing(t.fault), p, howWords(t.fault)))
	todo, done := 0, 0
	first, last := -1, -1
	for i := range old {
		todo += bits.OnesCount8(old[i] ^ want[i])
		done += bits.OnesCount8(old[i] ^ now[i])
		if now[i] != want[i] {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	t.line("cut", fmt.Sprintf("%d of the %d bits that were to change have changed", done, todo))
	if first < 0 {
		return
	}
	n := min(last+1, first+16)
	t.line("cut", fmt.Sprintf("bytes 0x%06X..0x%06X differ from what was meant; at 0x%06X: before %s, meant %s, now %s",
		op.Off+int64(first), op.Off+int64(last)+1, op.Off+int64(first), hex.EncodeToString(old[first:n]), hex.EncodeToString(want[first:n]), hex.EncodeToString(now[first:n])))
}

func failing(f *fault.Fault) string {
	if f.Kind == fault.ResetAt {
		return "the chip resets with the power on"
	}
	return "the power fails"
}

func howWords(f *fault.Fault) string {
	if f.Kind == fault.CutAt || f.Kind == fault.ResetAt {
		return "as the time is up"
	}
	return f.How.Words()
}

// verdict ends the account.
func (t *teller) verdict(r *Result) {
	text := string(r.Outcome)
	if r.Detail != "" {
		text += ": " + r.Detail
	}
	t.line("verdict", text)
	for _, i := range r.Broken {
		t.line("verdict", "broken: "+i.Words())
	}
}
