package web

import (
	"net/url"
	"strings"
	"testing"
)

// Wherever a link wants to go back to, it stays on these pages.
func FuzzOwnPath(f *testing.F) {
	for _, s := range []string{"/", "/log?imei=1", "//example.com", `/\example.com`, "http://example.com/", "/%2f%2fexample.com", "/%2f ", "/a\nb", "\x00", "/#x", "/?q=//x"} {
		f.Add(s)
	}
	here, err := url.Parse("http://here.example/choose")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		to := ownPath(s)
		u, err := here.Parse(to)
		if err != nil || u.Host != here.Host || u.Scheme != here.Scheme || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n") {
			t.Fatalf("%q leads to %q: %v, %v", s, to, u, err)
		}
	})
}

// What decisions say can be anything that devices send: it is said in Chinese
// without harm, and never gets lost.
func FuzzSayIn(f *testing.F) {
	for _, s := range []string{"", "allowed", "device \"x\", server \"y\"", "newer: newer: newer: x", ": : :", "the device's the device's x", "$1 is in no project; registration is $2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 4096 {
			return
		}
		if got := sayIn("en", s); got != s {
			t.Fatalf("%q became %q in English", s, got)
		}
		if got := sayIn("zh", s); s != "" && got == "" {
			t.Fatalf("%q got lost", s)
		}
	})
}
