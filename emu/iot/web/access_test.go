package web

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"airlift/emu/bench"
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

// Every page can be used without seeing it, in both languages, and read in both
// colour schemes, on a screen and on a phone.
func TestAccessibility(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	check := func(what string) {
		t.Helper()
		b.until("document.readyState === 'complete'")
		if wrong := eval[string](b, audit); wrong != "" {
			t.Errorf("%s:\n%s", what, wrong)
		}
	}
	b.open("/signup")
	check("signup")
	b.signUp("13800000000")
	for _, path := range []string{"/projects", "/devices"} {
		b.open(path)
		check(path + ", empty")
	}
	key := b.createProject("demo")
	for _, path := range []string{"/devices", "/firmware", "/log", "/statistics", "/rollouts"} {
		b.open(path)
		check(path + ", empty")
	}
	b.createFirmware(upload(t, "fotademo_1103.1.2_LuatOS-SoC_EC618.bin"), true)
	s.rollout(b, key)
	u, err := s.bench.Start(1, bench.Spec{Model: "Air601", Speed: 100, Project: bench.Project{Name: "demo", Version: "1.0.0", Key: key, PollS: 3600}})
	if err != nil {
		t.Fatal(err)
	}
	paths := []string{
		"/projects", "/projects/1", "/devices", "/devices/1", "/firmware", "/firmware/1", "/log", "/log/1", "/explain", "/statistics",
		"/explain?url=/api/site/firmware_upgrade?imei=1", "/rollouts", "/rollouts/1", "/bench", pathOf("/bench", u.ID), "/account", "/audit", "/nothing",
	}
	looks := []struct {
		lang, scheme string
		width        int64
	}{{"en", "light", 1280}, {"zh", "dark", 390}, {"zh", "light", 1280}, {"en", "dark", 390}, {"en", "light", 390}, {"zh", "dark", 1280}}
	if !full() {
		looks = looks[:2]
	}
	for _, look := range looks {
		b.open("/choose?language=" + look.lang + "&back=/projects")
		b.do(chromedp.EmulateViewport(look.width, 860))
		media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: look.scheme}}}
		if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, media); err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			b.open(path)
			if strings.HasPrefix(path, "/bench/") {
				b.until("document.querySelectorAll('#log li').length > 3")
			}
			check(path + " " + look.lang + " " + look.scheme)
			// Labels of dialogs were looked at; their colours and their width show when they are open.
			if !full() {
				continue
			}
			n := eval[int](b, `document.querySelectorAll("dialog").length`)
			for i := range n {
				eval[chromedp.Void](b, fmt.Sprintf(`{ document.querySelector("dialog[open]")?.close(); show(document.querySelectorAll("dialog")[%d].id); }`, i))
				check(path + ", dialog, " + look.lang + " " + look.scheme)
			}
		}
	}
}

// The audit finds what it looks for.
func TestAuditFinds(t *testing.T) {
	t.Parallel()
	b := newSite(t).browser()
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
	} {
		b.open("/login")
		eval[chromedp.Void](b, `document.querySelector("main").insertAdjacentHTML("beforeend", `+quoteJS(html)+`)`)
		eval[chromedp.Void](b, `for (const e of document.querySelectorAll(".wide-thing")) e.style.width = "9000px"; for (const e of document.querySelectorAll(".pale")) e.style.color = "#999"`)
		if got := eval[string](b, audit); !strings.Contains(got, want) {
			t.Errorf("%s: found %q", html, got)
		}
	}
}

// The keyboard reaches the content first, then what is there to do, and a
// dialog begins at its first field and gives the focus back.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	b.signUp("13800000000")
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
	if n, err := s.store.Tenant(1, "test").Projects(); err != nil || len(n) != 1 {
		t.Errorf("%d projects, %v", len(n), err)
	}
}
