package report

import (
	_ "embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io"
	"strings"

	"airlift/emu"
	"airlift/emu/sweep"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageCSS string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"css":      func() template.CSS { return template.CSS(pageCSS) },
	"outcomes": outcomeShares,
	"axis":     axisRows,
	"ways":     func(s *sweep.Scenario) string { return waysText(s) },
	"class":    func(l byte) string { return letterClass(l) },
	"badge":    badge,
	"cells":    sectorCells,
	"dump":     dump,
	"hexaddr":  func(n int64) string { return fmt.Sprintf("0x%06X", n) },
	"seconds":  seconds,
	"kib":      func(n int64) string { return fmt.Sprintf("%g KiB", float64(n)/1024) },
	"words":    func(i sweep.Invariant) string { return i.Words() },
	"inc":      func(i int) int { return i + 1 },
	"verdict":  verdict,
}).Parse(pageText))

// WriteHTML writes sweeps as a page that needs no other file.
func WriteHTML(w io.Writer, sweeps []*Sweep) error {
	return page.Execute(w, struct{ Sweeps []*Sweep }{sweeps})
}

// share is a part of the bar of outcomes.
type share struct {
	Letter  string
	Class   string
	Word    string
	Cases   uint64
	Percent string // of all cases, for people
	Grow    uint64 // width, at least visible
}

func outcomeShares(m *sweep.Summary) []share {
	var out []share
	for _, o := range sweep.Outcomes {
		n := m.Outcomes[o.Outcome]
		if n == 0 {
			continue
		}
		out = append(out, share{
			string(rune(o.Letter)), letterClass(o.Letter), string(o.Outcome), n,
			fmt.Sprintf("%.3g %%", float64(n)*100/float64(m.Cases)), max(n, m.Cases/60+1),
		})
	}
	return out
}

// row is a stretch of the operation axis as the page shows it.
type row struct {
	stretch
	Last  int // operation
	Cells []cell
	Per   int // operations a cell
}

type cell struct {
	Letter string
	Class  string
	Title  string
	Link   string // to a finding, as #id
}

// Bounds of the page: cells of a row, and rows.
const (
	rowCellsMax = 384
	rowsMax     = 300
)

func axisRows(s *Sweep) []row {
	first := map[int]string{} // operation to finding
	for i := len(s.Findings) - 1; i >= 0; i-- {
		if p := s.Findings[i].First.Places; len(p) > 0 {
			first[int(p[0].Number)] = anchor(s, i)
		}
	}
	var out []row
	for _, x := range stretches(s.Header, s.Summary) {
		if len(out) == rowsMax {
			break
		}
		r := row{stretch: x, Last: x.To - 1, Per: (len(x.Letters) + rowCellsMax - 1) / rowCellsMax}
		for at := 0; at < len(x.Letters); at += r.Per {
			end := min(at+r.Per, len(x.Letters))
			l := sweep.Worst(x.Letters[at:end])
			c := cell{Letter: string(rune(l)), Class: letterClass(l), Title: cellTitle(s, x.From+at, x.From+end, l)}
			for op := x.From + at; op < x.From+end && c.Link == ""; op++ {
				c.Link = first[op]
			}
			r.Cells = append(r.Cells, c)
		}
		out = append(out, r)
	}
	return out
}

func anchor(s *Sweep, i int) string { return fmt.Sprintf("#%s-%d", s.Header.Digest, i+1) }

func cellTitle(s *Sweep, from, to int, l byte) string {
	p := &s.Header.Ops[from]
	what := fmt.Sprintf("operation %d, %s of %s at 0x%06X", from, p.Kind, p.Part, p.Off)
	if to > from+1 {
		what = fmt.Sprintf("operations %d to %d, %s", from, to-1, p.Part)
	}
	return what + ": at worst " + letterWord(l)
}

func letterWord(l byte) string {
	switch l {
	case sweep.LetterBroken:
		return "an invariant broken"
	case sweep.LetterNone:
		return "not tried"
	}
	for _, o := range sweep.Outcomes {
		if o.Letter == l {
			return string(o.Outcome)
		}
	}
	return "?"
}

func letterClass(l byte) string {
	switch l {
	case sweep.LetterBroken:
		return "broken"
	case sweep.LetterNone:
		return "none"
	}
	return letterWord(l)
}

// badge is the letter and class of a finding.
func badge(f Finding) cell {
	l := byte(sweep.LetterBroken)
	for _, o := range sweep.Outcomes {
		if o.Outcome == f.Outcome && f.Outcome != emu.OutcomeNew && f.Outcome != emu.OutcomeOld {
			l = o.Letter
		}
	}
	return cell{Letter: string(rune(l)), Class: letterClass(l), Title: letterWord(l)}
}

// verdict is the sentence that a scenario begins with.
func verdict(s *Sweep) string {
	if len(s.Summary.Findings) == 0 {
		return "Every case ends with exactly the old or exactly the new version."
	}
	bad := uint64(0)
	for _, f := range s.Summary.Findings {
		bad += f.Cases
	}
	kinds := fmt.Sprintf("in %d ways", len(s.Summary.Findings))
	if len(s.Summary.Findings) == 1 {
		kinds = "all in one way"
	}
	return fmt.Sprintf("%d of %d cases go wrong, %s.", bad, s.Summary.Cases, kinds)
}

func waysText(s *sweep.Scenario) string {
	var out []string
	for _, h := range s.Hows {
		out = append(out, h.String())
	}
	for _, n := range s.BrownOuts {
		out = append(out, fmt.Sprintf("brown-out of %d operations", n))
	}
	return strings.Join(out, ", ")
}

// sectorCells are the sectors of a partition.
func sectorCells(p Part) []cell {
	var out []cell
	for i := range len(p.Sectors) {
		l := p.Sectors[i]
		class, word := "same", "as it was"
		switch l {
		case SectorMeant:
			class, word = "new", "changed, as without a fault"
		case SectorMissing:
			class, word = "old", "as it was, though it changes without a fault"
		case SectorOther:
			class, word = "brick", "changed, and not as without a fault"
		}
		out = append(out, cell{string(rune(l)), class, fmt.Sprintf("0x%06X: %s", p.Off+int64(i)*sectorBytes, word), ""})
	}
	return out
}

// dumpLine is a line of bytes; those that differ from the line before are
// marked.
type dumpLine struct {
	Word  string
	Bytes []dumpByte
}

type dumpByte struct {
	Hex  string
	Diff bool
}

func dump(b *Bytes) []dumpLine {
	line := func(word string, p, other []byte) dumpLine {
		l := dumpLine{Word: word}
		for i := range p {
			l.Bytes = append(l.Bytes, dumpByte{strings.ToUpper(hex.EncodeToString(p[i : i+1])), p[i] != other[i]})
		}
		return l
	}
	want := b.Meant
	if want == nil {
		want = b.Before
	}
	out := []dumpLine{line("before", b.Before, b.Before), line("after", b.After, want)}
	if b.Meant != nil {
		out = append(out, line("without a fault", b.Meant, b.Meant))
	}
	return out
}
