package lua

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func TestCoAPRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := coapMessage{
			kind: rapid.IntRange(0, 3).Draw(t, "type"), code: rapid.Byte().Draw(t, "code"), id: rapid.Uint16().Draw(t, "id"),
			token: rapid.StringN(0, 2, 8).Draw(t, "token"), payload: rapid.StringN(0, 20, 80).Draw(t, "payload"),
		}
		number := 0
		for range rapid.IntRange(0, 5).Draw(t, "options") {
			number += rapid.SampledFrom([]int{0, 1, 12, 13, 268, 269, 3000}).Draw(t, "step")
			c.options = append(c.options, coapOption{number, rapid.StringN(0, 60, 255).Draw(t, "value")})
		}
		p, err := c.encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseCoAP(p)
		if err != nil || !reflect.DeepEqual(got, c) {
			t.Fatalf("%+v, %v, want %+v", got, err, c)
		}
		for n := range len(p) {
			_, _ = parseCoAP(p[:n]) // may not panic
		}
	})
}

// TestCoAPVector is an example of RFC 7252, appendix A: an answer 2.05 with
// token 0x20 and a payload.
func TestCoAPVector(t *testing.T) {
	c, err := parseCoAP("\x61\x45\x7d\x35\x20\xff22.3 C")
	if err != nil || c.kind != 2 || c.code != 0x45 || c.id != 0x7d35 || c.token != "\x20" || c.payload != "22.3 C" {
		t.Errorf("%+v, %v", c, err)
	}
	for _, bad := range []string{"", "\x41\x00\x00", "\x80\x00\x00\x00", "\x4F\x00\x00\x00", "\x40\x00\x00\x00\xF1", "\x40\x00\x00\x00\xD1", "\x40\x00\x00\x00\x05abc", "\x40\x00\x00\x00\xE1\x00"} {
		if c, err := parseCoAP(bad); err == nil {
			t.Errorf("%q: %+v", bad, c)
		}
	}
}

func FuzzCoAP(f *testing.F) {
	f.Add("\x61\x45\x7d\x35\x20\xff22.3 C")
	f.Add("\x40\x02\x00\x01\xb4$sys\xff{}")
	f.Fuzz(func(t *testing.T, p string) {
		if c, err := parseCoAP(p); err == nil && len(c.payload) > len(p) {
			t.Fatal(c)
		}
	})
}
