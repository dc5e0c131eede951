package web

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"airlift/emu/iot"
)

// audit looks at a page as somebody does who does not see it, or not well. It
// returns what is wrong, one a line.
const audit = `(() => {
	const wrong = [];
	const say = (what, e) => wrong.push(what + ": " + e.outerHTML.slice(0, 160).replace(/\s+/g, " "));
	const ids = new Set();
	for (const e of document.querySelectorAll("[id]")) {
		if (ids.has(e.id)) say("id twice", e);
		ids.add(e.id);
	}
	for (const e of document.querySelectorAll("input:not([type=hidden]), select, textarea, progress")) {
		if (!e.labels?.length && !e.getAttribute("aria-label") && !e.getAttribute("aria-labelledby")) say("no label", e);
	}
	for (const e of document.querySelectorAll("label")) if (e.htmlFor && !document.getElementById(e.htmlFor)) say("label of nothing", e);
	for (const e of document.querySelectorAll("button, a[href], summary")) {
		if (!(e.textContent.trim() || e.getAttribute("aria-label"))) say("no name", e);
	}
	for (const e of document.querySelectorAll("[tabindex]")) if (e.tabIndex > 0) say("positive tabindex", e);
	for (const e of document.querySelectorAll("[style]")) if (e.tagName !== "CANVAS") say("inline style", e);
	for (const e of document.querySelectorAll("[aria-labelledby], [aria-controls]")) {
		const id = e.getAttribute("aria-labelledby") ?? e.getAttribute("aria-controls");
		if (!document.getElementById(id)) say("refers to nothing", e);
	}
	for (const e of document.querySelectorAll("li")) {
		const list = e.parentElement;
		if (!["OL", "UL"].includes(list.tagName) || list.getAttribute("role")) say("item of no list", e);
	}
	for (const e of document.querySelectorAll("[aria-live] table, [role=status] table, [role=alert] table")) say("a table is announced as a whole", e);
	if (document.querySelectorAll("h1").length !== 1) wrong.push("not one h1");
	if (document.querySelectorAll("main").length !== 1) wrong.push("not one main");
	let last = 0; // no level of headings is left out
	for (const e of document.querySelectorAll("main h1, main h2, main h3, main h4")) {
		if (e.closest("dialog")) continue;
		const level = Number(e.tagName[1]);
		if (level > last + 1) say("heading too deep", e);
		last = level;
	}
	for (const e of document.querySelectorAll("table")) if (!e.querySelector("thead th[scope=col]")) say("no column heads", e);
	if (document.documentElement.scrollWidth > innerWidth) wrong.push("wider than the window: " + document.documentElement.scrollWidth + " > " + innerWidth);

	// contrast of text with what is behind it (WCAG 2.2, 1.4.3)
	const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
	const known = new Map();
	const rgba = (colour) => {
		if (known.has(colour)) return known.get(colour);
		canvas.clearRect(0, 0, 1, 1);
		canvas.fillStyle = colour;
		canvas.fillRect(0, 0, 1, 1);
		const c = canvas.getImageData(0, 0, 1, 1).data;
		known.set(colour, c);
		return c;
	};
	const light = ([r, g, b]) => {
		const part = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
		return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
	};
	const behind = (e) => {
		for (; e; e = e.parentElement) {
			const c = rgba(getComputedStyle(e).backgroundColor);
			if (c[3] === 255) return c;
			if (c[3] !== 0) wrong.push("half-transparent background");
		}
		return rgba("white");
	};
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let n = walker.nextNode(); n; n = walker.nextNode()) {
		const e = n.parentElement;
		if (!n.data.trim() || !e.checkVisibility() || e.closest("script, .hide, .skip, button:disabled, select:disabled")) continue;
		const a = light(rgba(getComputedStyle(e).color)), b = light(behind(e));
		const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (ratio < 4.5) say("contrast " + ratio.toFixed(2), e);
	}
	return wrong.join("\n");
})()`

func full() bool { return os.Getenv("AIRLIFT_SCALE") == "full" }

// parts are the routes that answer with something else than a page.
var parts = map[string]bool{
	"GET /{$}": true, "GET /events": true, "GET /bench/{id}/events": true, "GET /bench/profiles": true,
	"GET /firmware/recognise": true, "GET /firmware/{id}/file": true, "GET /log/export": true,
}

// pages are the paths of all pages that need a session.
func (e *estate) pages() []string {
	list := []string{"/nothing", "/explain?url=/api/site/firmware_upgrade?imei=1"}
	for _, r := range slices.Concat(sessionRoutes, benchRoutes) {
		if method, path := e.target(r.pattern); method == "GET" && !parts[r.pattern] {
			list = append(list, path)
		}
	}
	return list
}

// check lets the audit look at the page that is shown.
func (b *browser) check(what string) {
	b.t.Helper()
	b.until("document.readyState === 'complete'")
	if wrong := eval[string](b, audit); wrong != "" {
		b.t.Errorf("%s:\n%s", what, wrong)
	}
}

// Every page can be used without seeing it, in both languages, and read in both
// colour schemes, on a screen and on a phone.
func TestAccessibility(t *testing.T) {
	b := visitor(t)
	for _, path := range []string{"/signup", "/login"} {
		b.open(path)
		b.check(path)
	}
	b = member(t)
	for _, path := range []string{"/projects", "/devices"} {
		b.open(path)
		b.check(path + " without a project")
	}
	b.project("empty")
	for _, path := range []string{"/devices", "/firmware", "/differences", "/log", "/statistics", "/rollouts"} {
		b.open(path)
		b.check(path + ", empty")
	}
	e := b.s.settle(b.account)
	b.playRollout(e)
	looks := []look{{1280, "light"}, {390, "dark"}}
	if full() {
		looks = append(looks, look{1280, "dark"}, look{390, "light"})
	}
	for i, path := range e.pages() {
		for n, lang := range languages {
			if !full() && i%len(languages) != n {
				continue
			}
			b.open("/choose?language=" + lang + "&back=" + url.QueryEscape(path))
			if strings.HasPrefix(path, "/bench/") {
				b.until("document.querySelectorAll('#log li').length > 3")
			}
			for _, l := range looks {
				b.look(l.width, l.scheme)
				b.check(fmt.Sprintf("%s %s %v", path, lang, l))
			}
			// Labels of dialogs were looked at; their colours and their width show when they are open.
			if full() {
				b.checkDialogs(path+" "+lang, looks)
			}
		}
	}
}

// look is a window's width, and a colour scheme.
type look struct {
	width  int64
	scheme string
}

func (b *browser) checkDialogs(what string, looks []look) {
	b.t.Helper()
	for i := range eval[int](b, `document.querySelectorAll("dialog").length`) {
		b.run(fmt.Sprintf(`{ document.querySelector("dialog[open]")?.close(); show(document.querySelectorAll("dialog")[%d].id); }`, i))
		for _, l := range looks {
			b.look(l.width, l.scheme)
			b.check(fmt.Sprintf("%s, dialog %d, %v", what, i, l))
		}
	}
}

// playRollout starts the roll-out of an estate, of which one device failed.
func (b *browser) playRollout(e *estate) {
	b.t.Helper()
	if _, err := e.tenant.ActRollout(e.ids["rollouts"], iot.RolloutAction{Action: "start"}); err != nil {
		b.t.Fatal(err)
	}
	for _, version := range []string{"1103.1.1", "1103.1.1", "1103.1.2"} {
		b.s.ask(e.device, e.key, "hushedfw_LuatOS-SoC_EC618", version)
	}
}

// The audit finds what it looks for.
func TestAuditFinds(t *testing.T) {
	b := visitor(t)
	b.open("/login")
	for html, want := range map[string]string{
		`<input>`:                                "no label",
		`<button></button>`:                      "no name",
		`<p tabindex="3">x</p>`:                  "positive tabindex",
		`<label for="nobody">x</label>`:          "label of nothing",
		`<p id="main">x</p>`:                     "id twice",
		`<h4>x</h4>`:                             "heading too deep",
		`<div class="wide-thing">x</div>`:        "wider than the window",
		`<span class="pale">hard to read</span>`: "contrast",
		`<table><tbody><tr><td>x</td></table>`:   "no column heads",
		`<ol role="log"><li>x</li></ol>`:         "item of no list",
		`<div aria-live="polite"><table><thead><tr><th scope="col">x</th></tr></thead></table></div>`: "announced as a whole",
	} {
		b.run(`document.querySelector("main").insertAdjacentHTML("beforeend", ` + quoteJS("<div id='planted'>"+html+"</div>") + `)`)
		b.run(`for (const e of document.querySelectorAll(".wide-thing")) e.style.width = "9000px"; for (const e of document.querySelectorAll(".pale")) e.style.color = "#999"`)
		if got := eval[string](b, audit); !strings.Contains(got, want) {
			t.Errorf("%s: found %q", html, got)
		}
		b.run(`document.getElementById("planted").remove()`)
	}
}

// The keyboard reaches the content first, then what is there to do, and a
// dialog begins at its first field and gives the focus back.
func TestKeyboard(t *testing.T) {
	b := member(t)
	focus := func() string { return eval[string](b, `document.activeElement.innerText || document.activeElement.id`) }
	b.open("/projects")
	b.do(chromedp.KeyEvent("\t"))
	if got := focus(); got != "Skip to the content" {
		t.Errorf("the first tab goes to %q", got)
	}
	b.do(chromedp.KeyEvent("\r"), chromedp.KeyEvent("\t"))
	if got := focus(); got != "New project" {
		t.Errorf("behind the skip link is %q", got)
	}
	b.do(chromedp.KeyEvent("\r"))
	b.until(`document.querySelector("dialog[open]") && document.activeElement.id === "p-name"`)
	b.do(chromedp.KeyEvent("from the keyboard"), chromedp.KeyEvent("\r"))
	b.sees("Project created", "from the keyboard")
	b.open("/projects")
	b.click("New project")
	b.do(chromedp.KeyEvent("\x1b"))
	b.until(`!document.querySelector("dialog[open]")`)
	if got := focus(); got != "New project" {
		t.Errorf("a dialog gives the focus to %q", got)
	}
	if n, err := b.tenant.Projects(); err != nil || len(n) != 1 {
		t.Errorf("%d projects, %v", len(n), err)
	}
}

// The tab key goes through everything that can be used, in the order in which
// it stands there, and shows where it is.
func TestFocusOrder(t *testing.T) {
	b := member(t)
	e := b.s.settle(b.account)
	for pattern, ready := range map[string]string{"GET /devices": "true", "GET /bench/{id}": `document.querySelectorAll("#log li").length > 3`} {
		_, path := e.target(pattern)
		b.open(path)
		b.until(`document.readyState === "complete" && ` + ready)
		want := eval[[]string](b, `(() => {
			window.name_of = (e) => e.tagName + " " + (e.id || e.getAttribute("href") || e.innerText);
			return [...document.querySelectorAll("a[href], button:not(:disabled), input:not([type=hidden]), select, textarea, summary, [tabindex='0']")]
				.filter((e) => e.checkVisibility() && !e.closest("dialog")).map(name_of);
		})()`)
		for i, name := range want {
			b.do(chromedp.KeyEvent("\t"))
			got := eval[string](b, `(() => {
				const e = document.activeElement, s = getComputedStyle(e);
				return name_of(e) + (e.matches(":focus-visible") && s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2 ? "" : ", not to be seen");
			})()`)
			if got != name {
				t.Errorf("%s: tab %d goes to %q, want %q", path, i+1, got, name)
				break
			}
		}
	}
}

// A page that changes by itself leaves the focus where it is.
func TestFocusStays(t *testing.T) {
	b := member(t)
	key := b.project("demo").Key
	b.s.ask(b.imei(1), key, "first", "1.1.1")
	b.open("/log")
	b.sees("first")
	b.run(`document.querySelector("a[id^=why-]").focus()`)
	focused := eval[string](b, `document.activeElement.id`)
	b.s.ask(b.imei(1), key, "second", "1.1.1")
	b.sees("second")
	b.until(`!document.querySelector(".htmx-request")`)
	if got := eval[string](b, `document.activeElement.id`); got != focused || !strings.HasPrefix(got, "why-") {
		t.Errorf("the focus went from %q to %q", focused, got)
	}
}
