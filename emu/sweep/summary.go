package sweep

import (
	"cmp"
	"slices"
	"strings"

	"airlift/emu"
)

// Outcomes lists the outcomes from best to worst, with the letters that maps
// show.
var Outcomes = []struct {
	Outcome emu.Outcome
	Letter  byte
}{
	{emu.OutcomeNew, 'n'}, {emu.OutcomeOld, 'o'}, {emu.OutcomeMixed, 'M'}, {emu.OutcomeStuck, 'S'}, {emu.OutcomeBrick, 'B'},
}

// LetterBroken is the letter of a case that ends new or old and breaks an
// invariant all the same; LetterNone that of an operation without a case.
const (
	LetterBroken = '!'
	LetterNone   = '.'
)

// Summary is what a results file ends with. It depends on the results only, not
// on their order.
type Summary struct {
	Cases    uint64                 `json:"cases"`
	Outcomes map[emu.Outcome]uint64 `json:"outcomes"`
	Broken   map[Invariant]uint64   `json:"broken,omitempty"`
	// Map has a letter for each operation of the run without a fault: the worst
	// that came of a first fault there. It is empty if the power does not fail.
	Map      string     `json:"map"`
	Findings []*Finding `json:"findings,omitempty"`
	// Unlisted are cases that went wrong in ways beyond those of Findings, which
	// are the first 500.
	Unlisted uint64 `json:"unlisted,omitempty"`

	scenario *Scenario
	ways     uint64
	bySign   map[string]*Finding
	axis     []byte
}

// findingsMax bounds the findings that are told apart.
const findingsMax = 500

// NewSummary returns the summary of no results. Ops is the number of
// operations of the run without a fault.
func NewSummary(s *Scenario, ops int) *Summary {
	if s.Uncut {
		ops = 0
	}
	return &Summary{
		Outcomes: map[emu.Outcome]uint64{}, Broken: map[Invariant]uint64{}, scenario: s,
		ways: uint64(len(s.Hows) + len(s.BrownOuts)), bySign: map[string]*Finding{}, axis: []byte(strings.Repeat(string(rune(LetterNone)), ops)),
	}
}

// Add counts a result.
func (m *Summary) Add(r *Result) {
	m.Cases++
	m.Outcomes[r.Outcome]++
	for _, i := range r.Broken {
		m.Broken[i]++
	}
	if op := m.opOf(r); op < uint64(len(m.axis)) {
		m.axis[op] = worse(m.axis[op], letterOf(r))
	}
	if !r.Fine() {
		m.find(r)
	}
}

// opOf is the operation of a result's first fault. Results of a sample that
// went well do not say.
func (m *Summary) opOf(r *Result) uint64 {
	switch {
	case m.scenario.Uncut:
		return ^uint64(0)
	case len(r.Path) > 0:
		return r.Path[0] / m.ways
	case m.scenario.Sample == 0:
		return r.Number / m.ways
	}
	return ^uint64(0)
}

func letterOf(r *Result) byte {
	if len(r.Broken) > 0 && (r.Outcome == emu.OutcomeNew || r.Outcome == emu.OutcomeOld) {
		return LetterBroken
	}
	for _, o := range Outcomes {
		if o.Outcome == r.Outcome {
			return o.Letter
		}
	}
	return '?'
}

// rank orders letters from best to worst.
const rank = ".no!MSB?"

func worse(a, b byte) byte {
	if strings.IndexByte(rank, b) > strings.IndexByte(rank, a) {
		return b
	}
	return a
}

// Worst returns the worst of some letters of a map.
func Worst(letters string) byte {
	worst := byte(LetterNone)
	for i := range len(letters) {
		worst = worse(worst, letters[i])
	}
	return worst
}

// find adds a result to its finding.
func (m *Summary) find(r *Result) {
	sign := signature(r)
	f := m.bySign[sign]
	if f == nil {
		if len(m.bySign) == findingsMax {
			m.Unlisted++
			return
		}
		f = &Finding{Signature: sign, Outcome: r.Outcome, Broken: r.Broken, First: *r, ID: NewID(m.scenario, &r.Case)}
		m.bySign[sign] = f
	} else if caseBefore(&r.Case, &f.First.Case) {
		f.First, f.ID = *r, NewID(m.scenario, &r.Case)
	}
	f.Cases++
}

func caseBefore(a, b *Case) bool {
	if a.Number != b.Number {
		return a.Number < b.Number
	}
	return slices.Compare(a.Path, b.Path) < 0
}

// signature is what results that went wrong alike have in common.
func signature(r *Result) string {
	var b strings.Builder
	b.WriteString(ending(r))
	if n := len(r.Places); n > 0 {
		p := &r.Places[n-1]
		b.WriteString("; " + p.Stage + " " + p.Kind + " " + p.Part)
	}
	for i := range r.Faults {
		if e := r.Faults[i].Edit; e != nil && e.In != "" {
			b.WriteString("; in " + e.In)
		}
	}
	b.WriteString("; " + withoutNumbers(r.Detail))
	return b.String()
}

// ending is the outcome and the broken invariants of a result.
func ending(r *Result) string {
	out := string(r.Outcome)
	for _, i := range r.Broken {
		out += " -" + string(i)
	}
	return out
}

// withoutNumbers replaces every number by #.
func withoutNumbers(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		n := 0
		if strings.HasPrefix(s[i:], "0x") {
			n = 2
			for i+n < len(s) && strings.IndexByte("0123456789ABCDEFabcdef", s[i+n]) >= 0 {
				n++
			}
		} else {
			for i+n < len(s) && s[i+n] >= '0' && s[i+n] <= '9' {
				n++
			}
		}
		if n == 0 {
			b.WriteByte(s[i])
			i++
			continue
		}
		b.WriteByte('#')
		i += n
	}
	return b.String()
}

// Close makes Map and Findings from what was added.
func (m *Summary) Close() {
	m.Map = string(m.axis)
	m.Findings = m.Findings[:0]
	for _, f := range m.bySign {
		m.Findings = append(m.Findings, f)
	}
	slices.SortFunc(m.Findings, func(a, b *Finding) int {
		return cmp.Or(-cmp.Compare(severity(a), severity(b)), cmp.Compare(a.First.Number, b.First.Number), slices.Compare(a.First.Path, b.First.Path))
	})
}

// severity orders findings: bricks first.
func severity(f *Finding) int { return strings.IndexByte(rank, letterOf(&f.First)) }
