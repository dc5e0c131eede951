package chips

import "testing"

func TestOneChange(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"air601", "air602", true},
		{"air601", "air60", true},
		{"air601", "ir601", true},
		{"air60", "air601", true},
		{"air602", "air1602", true},
		{"", "a", true},
		{"air601", "air601", false},
		{"", "", false},
		{"air601", "air612", false},
		{"air601", "air6", false},
		{"air601", "ari601", false},
	} {
		if got := oneChange(c.a, c.b); got != c.want {
			t.Errorf("%q, %q: %v", c.a, c.b, got)
		}
	}
}
