package web

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browserPath finds a Chromium, or skips the test.
func browserPath(t testing.TB) string {
	if testing.Short() {
		t.Skip("no browser with -short")
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("SKIPPED: no Chromium on this machine (Debian: apt-get install chromium); the pages were not tried in a browser")
	return ""
}

// browser is one window of a headless Chromium, for one person.
type browser struct {
	t   testing.TB
	s   *site
	ctx context.Context
}

// patience is how long a page may take to show something. It only ends tests
// that fail.
const patience = 40 * time.Second

// chrome is the process that all tests share; each has a profile of its own.
var chrome struct {
	once  sync.Once
	ctx   context.Context
	err   error
	close context.CancelFunc
}

func TestMain(m *testing.M) {
	code := m.Run()
	if chrome.close != nil {
		_ = chromedp.Cancel(chrome.ctx)
		chrome.close()
	}
	os.Exit(code)
}

func startChrome(t testing.TB) context.Context {
	path := browserPath(t)
	chrome.once.Do(func() {
		opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
			chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("lang", "en-US"), chromedp.Flag("accept-lang", "en-US"),
			chromedp.Flag("force-color-profile", "srgb"), chromedp.Flag("hide-scrollbars", true))
		var alloc context.Context
		alloc, chrome.close = chromedp.NewExecAllocator(context.Background(), opts...)
		chrome.ctx, _ = chromedp.NewContext(alloc)
		chrome.err = chromedp.Do(chrome.ctx, chromedp.Navigate("about:blank"))
	})
	if chrome.err != nil {
		t.Skipf("SKIPPED: %s does not start here: %v", path, chrome.err)
	}
	return chrome.ctx
}

// browser opens a window. Errors of scripts, and anything that the page's own
// policy forbids, fail the test.
func (s *site) browser() *browser {
	s.t.Helper()
	parent := startChrome(s.t)
	ctx, cancel := chromedp.NewContext(parent, chromedp.WithNewBrowserContext(), chromedp.WithListener(s.listen))
	ctx, timeout := context.WithTimeout(ctx, 4*patience)
	s.t.Cleanup(func() { timeout(); cancel() })
	// The window lives as long as the context of its first action.
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 860)); err != nil {
		s.t.Fatal(err)
	}
	return &browser{s.t, s, ctx}
}

// listen takes what the browser complains about. Answers of 4xx are what some
// tests are after.
func (s *site) listen(e any) {
	switch e := e.(type) {
	case *runtime.EventExceptionThrown:
		s.t.Errorf("a script failed: %s", e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError && !strings.Contains(e.Entry.Text, "status of 4") {
			s.t.Errorf("the browser says: %s %s", e.Entry.Text, e.Entry.URL)
		}
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
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	// chromedp's own polling needs eval, which the pages' policy forbids.
	wait := "new Promise(done => { const look = () => (" + js + ") ? done(true) : setTimeout(look, 30); look(); })"
	for {
		_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](wait, chromedp.EvalAwaitPromise))
		if err == nil {
			return
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

// click presses the visible button or link with this text.
func (b *browser) click(text string) {
	b.t.Helper()
	find := `[...document.querySelectorAll("button, a, summary, label")].find(e => e.checkVisibility() && e.innerText.trim() === ` + quoteJS(text) +
		` && (!document.querySelector("dialog[open]") || e.closest("dialog[open]")))`
	b.until("!!" + find + " && document.readyState === 'complete' && !document.querySelector('.htmx-request')")
	eval[chromedp.Void](b, find+".click()")
}

// field is the id of the visible field with this label.
func (b *browser) field(label string) string {
	b.t.Helper()
	find := `[...document.querySelectorAll("label")].find(e => e.checkVisibility() && e.innerText.trim() === ` + quoteJS(label) + `)`
	b.until("!!" + find)
	return eval[string](b, find+".htmlFor")
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
	eval[chromedp.Void](b, list+".value = "+quoteJS(value)+"; "+list+`.dispatchEvent(new Event("change", {bubbles: true}))`)
}

func quoteJS(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

// signUp makes an account in the browser.
func (b *browser) signUp(name string) {
	b.t.Helper()
	b.open("/signup")
	b.fill("Account (phone number)", name)
	b.fill("Password", "correct horse")
	b.fill("Password again", "correct horse")
	b.click("Sign up")
	b.sees("My projects", "Log out")
}

// shot writes a picture of the page for people to look at, if AIRLIFT_SHOTS
// names a folder.
func (b *browser) shot(name string, width, height int64, dark bool) {
	b.t.Helper()
	dir := os.Getenv("AIRLIFT_SHOTS")
	if dir == "" {
		return
	}
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	b.do(chromedp.EmulateViewport(width, height))
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, media); err != nil {
		b.fatal(err)
	}
	b.until("document.fonts.status === 'loaded'")
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

func TestSignUpInBrowser(t *testing.T) {
	t.Parallel()
	b := newSite(t).browser()
	b.signUp("13800000000")
	b.shot("projects-empty", 1280, 860, false)
}
