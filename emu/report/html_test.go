package report_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"airlift/emu"
	"airlift/emu/report"
	"airlift/emu/sweep"
)

var (
	outside = regexp.MustCompile(`(?i)(src=|<script|<link|@import|url\(|https?://)`)
	idAttr  = regexp.MustCompile(`\bid="([^"]+)"`)
	hrefs   = regexp.MustCompile(`href="#([^"]+)"`)
)

// checkHTML wants a page that loads nothing, keeps text text, and whose links
// lead somewhere.
func checkHTML(t *testing.T, page string, sweeps []*report.Sweep) {
	if m := outside.FindString(page); m != "" {
		t.Errorf("the page has %q", m)
	}
	if strings.Contains(page, "<unsafe>") || !strings.Contains(page, "&lt;unsafe&gt; &amp;") {
		t.Error("the scenario's name is not escaped")
	}
	ids := map[string]bool{}
	for _, m := range idAttr.FindAllStringSubmatch(page, -1) {
		if ids[m[1]] {
			t.Errorf("id %s is there twice", m[1])
		}
		ids[m[1]] = true
	}
	for _, m := range hrefs.FindAllStringSubmatch(page, -1) {
		if !ids[m[1]] {
			t.Errorf("a link leads to #%s, which is not there", m[1])
		}
	}
	n := 0
	for _, s := range sweeps {
		n += len(s.Findings)
	}
	if got := strings.Count(page, `<article class="finding`); got != n {
		t.Errorf("%d findings on the page of %d", got, n)
	}
	if err := checkElements(page); err != nil {
		t.Error(err)
	}
}

// Elements of the page, and what HTML lets them hold: flow is everything, phrasing
// is text and what stands in a line.
var (
	voidTag  = regexp.MustCompile(`<(meta|br)([^>]*)>`)
	phrasing = strings.Fields("span code b i a mark small strong br #text")
	flow     = append(strings.Fields("header main section article nav footer h1 h2 h3 h4 h5 p pre ul dl div table details"), phrasing...)
	content  = map[string][]string{
		"html": {"head", "body"}, "head": {"meta", "title", "style"}, "title": {"#text"}, "style": {"#text"},
		"ul": {"li"}, "dl": {"div"}, "table": {"caption", "thead", "tbody"}, "thead": {"tr"}, "tbody": {"tr"}, "tr": {"th", "td"},
		"details": append([]string{"summary"}, flow...), "div": append([]string{"dt", "dd"}, flow...), "br": {}, "meta": {},
	}
	holdsFlow = strings.Fields("body header main section article nav footer li dd td th")
)

// checkElements holds a page against the content model of HTML, as far as the page
// uses it: elements nest and close, tables and lists have their parts, and no
// block stands in a line of text.
func checkElements(page string) error {
	text, ok := strings.CutPrefix(page, "<!DOCTYPE html>")
	if !ok {
		return errors.New("no <!DOCTYPE html>")
	}
	d := xml.NewDecoder(strings.NewReader(voidTag.ReplaceAllString(text, "<$1$2/>")))
	d.Entity = xml.HTMLEntity
	open := []string{"#root"}
	put := func(name string) error {
		in := open[len(open)-1]
		may, ok := content[in]
		switch {
		case in == "#root":
			may = []string{"html"}
		case !ok && slices.Contains(holdsFlow, in):
			may = flow
		case !ok:
			may = phrasing
		}
		if !slices.Contains(may, name) {
			return fmt.Errorf("byte %d: %s in <%s>", d.InputOffset(), name, in)
		}
		return nil
	}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch x := token.(type) {
		case xml.StartElement:
			if err := put(x.Name.Local); err != nil {
				return err
			}
			open = append(open, x.Name.Local)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if strings.TrimSpace(string(x)) == "" {
				continue
			}
			if err := put("#text"); err != nil {
				return err
			}
		}
	}
}

// TestCheckElements wants the check to find mistakes.
func TestCheckElements(t *testing.T) {
	page := func(body string) string {
		return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"></head><body>" + body + "</body></html>"
	}
	if err := checkElements(page("<p>a<br><b>b</b></p><table><tbody><tr><td><p>&ndash;</p></td></tr></tbody></table>")); err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"<p><div>a</div></p>", "<p>a", "<b>a</p></b>", "<table><tr><td>a</td></tr></table>", "<ul>a</ul>", "<p a=b>c</p>", "<script>a</script>", "<p>a < b</p>"} {
		if checkElements(page(body)) == nil {
			t.Errorf("%s passes", body)
		}
	}
}

// TestPageBounded wants a page of a bounded size from as many findings, and as
// long accounts, as there can be.
func TestPageBounded(t *testing.T) {
	s := &report.Sweep{
		Header:  &sweep.Header{Scenario: &sweep.Scenario{Name: "many", Chip: "Air601"}, Ops: make([]sweep.Place, 50000)},
		Summary: &sweep.Summary{Cases: 1e6, Unlisted: 999500, Outcomes: map[emu.Outcome]uint64{emu.OutcomeBrick: 1e6}, Map: strings.Repeat("B", 50000)},
	}
	for i := range s.Header.Ops {
		s.Header.Ops[i].Part = fmt.Sprint(i / 10) // more rows than a page can have
	}
	account := &sweep.Account{Lines: make([]sweep.Line, 20000)}
	for i := range account.Lines {
		account.Lines[i] = sweep.Line{At: time.Duration(i), Kind: "log", Text: strings.Repeat("long ", 20)}
	}
	const findings = 500
	for i := range findings {
		f := report.Finding{Finding: &sweep.Finding{Outcome: emu.OutcomeBrick, Cases: 1}, Replay: "airlift replay many/1"}
		if i < 40 { // no more are run again
			f.Account = account
			f.Parts = []report.Part{{Name: "app", Size: 16 << 20, Sectors: strings.Repeat("x", 4096)}, {Name: "fota", Size: 16 << 20, Sectors: strings.Repeat(".", 4095) + "n"}}
		}
		s.Findings = append(s.Findings, f)
		s.Summary.Findings = append(s.Summary.Findings, f.Finding)
	}
	page := string(write(t, report.WriteHTML, []*report.Sweep{s}))
	if err := checkElements(page); err != nil {
		t.Error(err)
	}
	const most = 10 << 20
	if len(page) > most {
		t.Errorf("the page has %d bytes: expected at most %d", len(page), most)
	}
	for want, n := range map[string]int{"steps are left out here": 40, "3072 more": 40, ">4095</i>": 40, `<article class="finding`: findings,
		"1000000 of 1000000 cases go wrong, in more than 500 ways, of which the first are listed.": 1} {
		if got := strings.Count(page, want); got != n {
			t.Errorf("%q is there %d times: expected %d", want, got, n)
		}
	}
}
