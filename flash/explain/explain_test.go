package explain

import "testing"

func TestOneOf(t *testing.T) {
	type kind string
	for _, c := range []struct{ got, want string }{
		{OneOf([]kind{"boot", "update", "system"}), "boot, update, system"}, {OneOf([]int{1, 2}), "1, 2"}, {OneOf[string](nil), ""},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
