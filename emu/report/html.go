package report

import (
	_ "embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io"
	"slices"
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
	"title":    title,
	"outcomes": outcomeShares,
	"axis":     axisRows,
	"ways":     func(s *sweep.Scenario) string { return waysText(s) },
	"class":    func(l byte) string { return letterClass(l) },
	"badge":    badge,
	"cells":    sectorCells,
	"dump":     dump,
	"lines":    pageLines,
	"hexaddr":  func(n int64) string { return fmt.Sprintf("0x%06X", n) },
	"seconds":  seconds,
	"kib":      func(n int64) string { return fmt.Sprintf("%g KiB", float64(n)/1024) },
	"words":    func(i sweep.Invariant) string { return i.Words() },
	"inc":      func(i int) int { return i + 1 },
	"verdict":  verdict,
}).Parse(pageText))

// WriteHTML writes sweeps as a page that needs no other file.
func WriteHTML(w io.Writer, sweeps []*Sweep) error {
	var view []section
	for i, s := range sweeps {
		view = append(view, section{s, fmt.Sprintf("sweep-%d", i+1)})
	}
	return page.Execute(w, struct{ Sweeps []section }{view})
}

// section is a sweep on the page.
type section struct {
	*Sweep
	ID string
}

// title is what the browser calls the page.
func title(list []section) string {
	switch len(list) {
	case 0:
		return "airlift sweep"
	case 1:
		return "airlift sweep of " + list[0].Header.Scenario.Name
	}
	return fmt.Sprintf("airlift sweep of %d scenarios", len(list))
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

func axisRows(s section) []row {
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
			c := cell{Letter: string(rune(l)), Class: letterClass(l), Title: cellTitle(s.Sweep, x.From+at, x.From+end, l)}
			for op := x.From + at; op < x.From+end && c.Link == ""; op++ {
				c.Link = first[op]
			}
			r.Cells = append(r.Cells, c)
		}
		out = append(out, r)
	}
	return out
}

func anchor(s section, i int) string { return fmt.Sprintf("#%s-%d", s.ID, i+1) }

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
	bad := s.Summary.Unlisted
	for _, f := range s.Summary.Findings {
		bad += f.Cases
	}
	kinds := fmt.Sprintf("in %d ways", len(s.Summary.Findings))
	if len(s.Summary.Findings) == 1 {
		kinds = "all in one way"
	}
	if s.Summary.Unlisted > 0 {
		kinds = "in more than " + strings.TrimPrefix(kinds, "in ") + ", of which the first are listed"
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

// sameRun is how many sectors as they were become one cell; sectorsMax is how many
// cells of a partition are shown.
const (
	sameRun    = 16
	sectorsMax = 1024
)

// sectorCells are the sectors of a partition.
func sectorCells(p Part) []cell {
	var out []cell
	for i := 0; i < len(p.Sectors); {
		at, l := p.Off+int64(i)*sectorBytes, p.Sectors[i]
		if len(out) == sectorsMax {
			return append(out, cell{fmt.Sprintf("%d more", len(p.Sectors)-i), "none run", fmt.Sprintf("from 0x%06X on: not shown", at), ""})
		}
		n := 1
		for l == SectorSame && i+n < len(p.Sectors) && p.Sectors[i+n] == SectorSame {
			n++
		}
		if i += n; n >= sameRun {
			out = append(out, cell{fmt.Sprint(n), "same run", fmt.Sprintf("%d sectors from 0x%06X on: as they were", n, at), ""})
			continue
		}
		class, word := sectorWords(l)
		for ; n > 0; n-- {
			out = append(out, cell{string(rune(l)), class, fmt.Sprintf("0x%06X: %s", at, word), ""})
			at += sectorBytes
		}
	}
	return out
}

func sectorWords(letter byte) (class, word string) {
	switch letter {
	case SectorMeant:
		return "new", "changed, as without a fault"
	case SectorMissing:
		return "old", "as it was, though it changes without a fault"
	case SectorOther:
		return "brick", "changed, and not as without a fault"
	}
	return "same", "as it was"
}

// Bounds of an account on the page: lines at its start and at its end.
const (
	linesFirst = 150
	linesLast  = 350
)

// pageLines are the lines of an account, without the middle of a long one.
func pageLines(a *sweep.Account) []sweep.Line {
	skip := len(a.Lines) - linesFirst - linesLast
	if skip <= 1 {
		return a.Lines
	}
	gap := a.Lines[linesFirst]
	gap.Kind, gap.Text = "gap", fmt.Sprintf("%d steps are left out here; the command above tells them all", skip)
	return append(append(slices.Clone(a.Lines[:linesFirst]), gap), a.Lines[linesFirst+skip:]...)
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
