package flash

import "testing"

func TestErased(t *testing.T) {
	for text, want := range map[string]int{"": 0, "\xFF\xFF": 0, "\xFE\xFF": 1, "\x80\xFF\xFE": 3, "a\xFF": 1, "\xFFa": 2} {
		p := []byte(text)
		if got := len(TrimErased(p)); got != want || Erased(p) != (want == 0) {
			t.Errorf("%q: %d bytes left, erased %v", text, got, Erased(p))
		}
	}
}
