package web

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"airlift/emu/iot"
	"airlift/emu/iot/api"
	"airlift/emu/iot/api/apitest"
)

// patience is how long a page may take to show something. It only ends tests
// that fail.
const patience = 2 * time.Minute

// shared is the server and the window of a headless Chromium that all tests
// with a browser use, one after the other: a window of its own for each would
// take most of their time. Every test has an account of its own.
var shared struct {
	once    sync.Once
	site    *site
	window  context.Context
	missing string // why there is no browser
	err     error
	close   []func()

	test     atomic.Pointer[testing.TB] // the one that runs
	accounts int
}

// TestMain also checks what the platform answers devices.
func TestMain(m *testing.M) {
	code := apitest.Run(m, api.Description)
	for i := len(shared.close) - 1; i >= 0; i-- {
		shared.close[i]()
	}
	os.Exit(code)
}

// chromium finds a browser.
func chromium() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

func openShared() {
	path := chromium()
	if path == "" {
		shared.missing = "no Chromium on this machine (Debian: apt-get install chromium); the pages were not tried in a browser"
		return
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WSURLReadTimeout(patience),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("lang", "en-US"), chromedp.Flag("accept-lang", "en-US"),
		chromedp.Flag("force-color-profile", "srgb"), chromedp.Flag("hide-scrollbars", true))
	alloc, kill := chromedp.NewExecAllocator(context.Background(), opts...)
	shared.window, _ = chromedp.NewContext(alloc, chromedp.WithListener(listen))
	shared.close = append(shared.close, kill, func() { _ = chromedp.Cancel(shared.window) })
	// The window lives as long as the context of its first action.
	if err := chromedp.Do(shared.window, chromedp.Navigate("about:blank")); err != nil {
		shared.missing = fmt.Sprintf("%s does not start here: %v", path, err)
		return
	}
	dir, err := os.MkdirTemp("", "pages")
	if err != nil {
		shared.err = err
		return
	}
	shared.close = append(shared.close, func() { os.RemoveAll(dir) })
	if shared.site, shared.err = openSite(dir, nil); shared.err == nil {
		shared.close = append(shared.close, func() { _ = shared.site.close() })
	}
}

// listen takes what the browser complains about: errors of scripts, and anything
// that the pages' own policy forbids, fail the test. Answers of 4xx are what
// some tests are after.
func listen(e any) {
	t := shared.test.Load()
	if t == nil {
		return
	}
	switch e := e.(type) {
	case *runtime.EventExceptionThrown:
		(*t).Errorf("a script failed: %s", e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError && !strings.Contains(e.Entry.Text, "status of 4") {
			(*t).Errorf("the browser says: %s %s", e.Entry.Text, e.Entry.URL)
		}
	}
}

// browser is the window, for one person.
type browser struct {
	t       testing.TB
	s       *site
	ctx     context.Context
	name    string     // of the account
	account int64      // 0 before signing up
	tenant  iot.Tenant // of the account
}

// visitor is a browser that nobody has logged in with.
func visitor(t testing.TB) *browser {
	t.Helper()
	if testing.Short() {
		t.Skip("no browser with -short")
	}
	shared.once.Do(openShared)
	if shared.missing != "" {
		t.Skip("SKIPPED: " + shared.missing)
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	s := *shared.site
	s.t = t
	shared.accounts++
	b := &browser{t: t, s: &s, ctx: shared.window, name: fmt.Sprintf("138%08d", shared.accounts)}
	shared.test.Store(&t)
	t.Cleanup(func() {
		b.do(chromedp.Navigate("about:blank"))
		shared.test.Store(nil)
		for _, u := range s.bench.Units(b.account) {
			if err := s.bench.Remove(b.account, u.ID); err != nil {
				t.Error(err)
			}
		}
		s.faults()
	})
	b.call(network.ClearBrowserCookies)
	b.look(1280, "light")
	return b
}

// member is a browser whose person has an account and is logged in.
func member(t testing.TB) *browser {
	t.Helper()
	b := visitor(t)
	a, err := b.s.store.SignUp(b.name, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	b.owns(a.ID)
	session, err := b.s.store.OpenSession(a)
	if err != nil {
		t.Fatal(err)
	}
	cookie := network.SetCookieParams{Name: cookieSession, Value: session.Token, URL: b.s.http.URL}
	if _, err := chromedp.Call(b.ctx, network.SetCookie, cookie); err != nil {
		b.fatal(err)
	}
	return b
}

func (b *browser) owns(account int64) {
	b.account, b.tenant = account, b.s.store.Tenant(account, "test")
}

// imei is a device that nobody else has.
func (b *browser) imei(n int) string { return fmt.Sprintf("8601%07d%04d", b.account, n) }

// seed begins virtual devices that nobody else has.
func (b *browser) seed() uint64 { return uint64(b.account) << 8 }

func (b *browser) call(cmd cdp.Command[cdp.Empty, cdp.Empty]) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, cmd, cdp.Empty{}); err != nil {
		b.fatal(err)
	}
}

// look makes the window as wide as a screen, with a colour scheme.
func (b *browser) look(width int64, scheme string) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, 860))
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, media); err != nil {
		b.fatal(err)
	}
}

func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.fatal(err)
	}
}

// fatal ends the test and tells what the page showed.
func (b *browser) fatal(err error) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	where, _ := chromedp.Run(ctx, chromedp.Location())
	text, _ := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText"))
	b.t.Fatalf("at %s: %v\n%s", where, err, text)
}

// open goes to a page of the site.
func (b *browser) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.s.http.URL + path))
}

// sees waits until the page's text has all of these.
func (b *browser) sees(texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		b.until("document.body.innerText.includes(" + quoteJS(text) + ")")
	}
}

// until waits for an expression to be true, also across pages.
func (b *browser) until(js string) {
	b.t.Helper()
	await[bool](b, js)
}

// await waits for an expression to have a value that counts as true, and
// returns it.
func await[T any](b *browser, js string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	// chromedp's own polling needs eval, which the pages' policy forbids.
	wait := "new Promise(done => { const look = () => { const v = (" + js + "); v ? done(v) : setTimeout(look, 30); }; look(); })"
	for {
		v, err := chromedp.Run(ctx, chromedp.Evaluate[T](wait, chromedp.EvalAwaitPromise))
		if err == nil {
			return v
		}
		if ctx.Err() != nil {
			b.fatal(fmt.Errorf("never true: %s", js))
		}
		// Another page came; its document may not be there yet.
		_ = chromedp.Do(ctx, chromedp.WaitReady(chromedp.CSS("body")))
	}
}

// eval returns the value of an expression.
func eval[T any](b *browser, js string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js))
	if err != nil {
		b.fatal(fmt.Errorf("%s: %w", js, err))
	}
	return v
}

// run evaluates a statement.
func (b *browser) run(js string) {
	b.t.Helper()
	eval[chromedp.Void](b, js)
}

// click presses the mouse on the visible button, link or label with this text.
func (b *browser) click(text string) {
	b.t.Helper()
	b.press(`[...document.querySelectorAll("button, a, summary, label")].find(e => e.checkVisibility() && e.innerText.trim() === ` + quoteJS(text) +
		` && (!document.querySelector("dialog[open]") || e.closest("dialog[open]")))`)
}

// press presses the mouse on an element, when the page is still and nothing
// lies on it. A live page may move it away under the mouse all the same: then
// it is pressed again, as people do.
func (b *browser) press(element string) {
	b.t.Helper()
	for range 5 {
		at := await[[]float64](b, `(() => {
			const e = `+element+`;
			if (!e || document.readyState !== "complete" || document.querySelector(".htmx-request:not([hx-trigger^=sse])")) return null;
			e.scrollIntoView({block: "center", behavior: "instant"});
			const r = e.getClientRects()[0], x = r.x + r.width / 2, y = r.y + r.height / 2;
			if (!e.contains(document.elementFromPoint(x, y))) return null;
			window.missed = true;
			document.addEventListener("click", (c) => { if ((`+element+`)?.contains(c.target)) window.missed = false; }, {capture: true, once: true});
			return [x, y];
		})()`)
		b.do(chromedp.MouseClickXY(at[0], at[1]))
		// A click that leads to another page leaves nothing of this one to ask.
		missed, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("window.missed === true"))
		if err != nil || !missed {
			return
		}
	}
	b.fatal(fmt.Errorf("the mouse never hit %s", element))
}

// field is the id of the visible field with this label.
func (b *browser) field(label string) string {
	b.t.Helper()
	return await[string](b, `[...document.querySelectorAll("label")].find(e => e.checkVisibility() && e.innerText.trim() === `+quoteJS(label)+`)?.htmlFor`)
}

// fill types into the field with this label.
func (b *browser) fill(label, value string) {
	b.t.Helper()
	b.do(chromedp.SetValue(chromedp.CSS("#"+b.field(label)), value))
}

// choose picks from the list with this label.
func (b *browser) choose(label, value string) {
	b.t.Helper()
	list := "document.getElementById(" + quoteJS(b.field(label)) + ")"
	b.run(list + ".value = " + quoteJS(value) + "; " + list + `.dispatchEvent(new Event("change", {bubbles: true}))`)
}

func quoteJS(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}
