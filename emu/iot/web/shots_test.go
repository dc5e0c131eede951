package web

import (
	"os"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestShots walks through all pages and takes pictures for people to look at.
// It runs where AIRLIFT_SHOTS names a folder for them.
func TestShots(t *testing.T) {
	if os.Getenv("AIRLIFT_SHOTS") == "" {
		t.Skip("AIRLIFT_SHOTS names no folder")
	}
	s := newSite(t)
	b := s.browser()
	b.signUp("13800000000")
	d := s.play(b)
	paths := map[string]string{
		"projects": "/projects", "project": "/projects/1", "devices": "/devices", "device": "/devices/1", "firmware": "/firmware",
		"firmwareone": "/firmware/1", "log": "/log", "why": d.refused, "explain": "/explain", "statistics": "/statistics",
		"rollouts": "/rollouts", "rollout": "/rollouts/1", "bench": "/bench", "unit": "/bench/1", "account": "/account", "audit": "/audit",
	}
	for _, look := range []struct {
		name  string
		lang  string
		width int64
		dark  bool
	}{{"en-light", "en", 1280, false}, {"zh-dark", "zh", 1280, true}, {"en-dark-phone", "en", 390, true}, {"zh-light-phone", "zh", 390, false}} {
		b.open("/choose?language=" + look.lang + "&back=/projects")
		for name, path := range paths {
			b.open(path)
			if name == "unit" {
				b.until("document.querySelectorAll('#log li').length > 5")
			}
			b.shot(name+"-"+look.name, look.width, 860, look.dark)
		}
		b.open("/firmware")
		b.until("document.readyState === 'complete'")
		eval[chromedp.Void](b, `show("new")`)
		b.shot("dialog-"+look.name, look.width, 860, look.dark)
		b.open("/projects")
		b.until("document.readyState === 'complete'")
		eval[chromedp.Void](b, `document.querySelector(".menu").click()`)
		b.shot("menu-"+look.name, look.width, 860, look.dark)
	}
}
