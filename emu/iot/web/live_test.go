package web

import (
	"strings"
	"testing"
)

// hide puts the page behind another one, as browsers tell it, or brings it back.
func (b *browser) hide(hidden bool) {
	b.t.Helper()
	state := map[bool]string{true: "hidden", false: "visible"}[hidden]
	b.run(`for (const [name, value] of [["hidden", ` + map[bool]string{true: "true", false: "false"}[hidden] + `], ["visibilityState", "` + state + `"]])
		Object.defineProperty(document, name, {value, configurable: true});
	document.dispatchEvent(new Event("visibilitychange")); undefined`)
}

// A page that nobody sees holds no connection: a browser has six of them for a
// server, and with all of them taken it shows no further page. Seen again, it
// shows what happened meanwhile.
func TestHiddenPagesRest(t *testing.T) {
	b := member(t)
	p := b.project("demo")
	for n, path := range []string{"/log", "/devices"} {
		b.open(path)
		eventually(t, "a stream for "+path, func() bool { return b.s.watching() == 1 })
		b.until(`!document.querySelector(".live")?.hidden`)
		b.hide(true)
		eventually(t, "none for "+path+" when it is hidden", func() bool { return b.s.watching() == 0 })
		b.s.ask(b.imei(n), p.Key, "fotademo", "1.1.1")
		if strings.Contains(eval[string](b, "document.body.innerText"), b.imei(n)) {
			t.Error("a hidden page changed")
		}
		b.hide(false)
		b.sees(b.imei(n))
		eventually(t, "a stream for "+path+" again", func() bool { return b.s.watching() == 1 })
	}
}

// A page whose session is over goes where one logs in, and back afterwards.
func TestLivePageOfAnOldSession(t *testing.T) {
	b := member(t)
	b.project("demo")
	b.open("/log")
	eventually(t, "a stream", func() bool { return b.s.watching() == 1 })
	if err := b.tenant.SetPassword("correct horse", "another horse"); err != nil {
		t.Fatal(err)
	}
	b.hide(true)
	eventually(t, "the stream ends", func() bool { return b.s.watching() == 0 })
	b.hide(false)
	b.sees("Account (phone number)")
	b.fill("Account (phone number)", b.name)
	b.fill("Password", "another horse")
	b.click("Log in")
	b.sees("Upgrade log")
}

// What comes in is announced: the table itself is no live region, which would be
// read again as a whole.
func TestNewsAreAnnounced(t *testing.T) {
	b := member(t)
	p := b.project("demo")
	b.s.ask(b.imei(1), p.Key, "fotademo", "1.1.1")
	b.open("/log")
	eventually(t, "a stream", func() bool { return b.s.watching() == 1 })
	if text := eval[string](b, `document.getElementById("news").textContent`); text != "" {
		t.Errorf("%q is announced before anything happens", text)
	}
	b.s.ask(b.imei(2), p.Key, "fotademo", "1.1.1")
	b.until(`document.getElementById("news").textContent === ` + quoteJS("New request: "+b.imei(2)+", unknown firmware name"))
	if eval[bool](b, `document.querySelector("#rows").closest("[aria-live]") !== null`) {
		t.Error("the table is a live region")
	}
}
