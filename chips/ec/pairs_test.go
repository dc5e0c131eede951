package ec

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"
)

// pairsEnv names pairs of image files, OLD:NEW, separated by commas.
const pairsEnv = "AIRLIFT_DELTA_PAIRS"

// TestDeltaPairs makes and applies the deltas of pairs of images that the user
// gives (docs/DELTA.md), and says how large they are.
func TestDeltaPairs(t *testing.T) {
	pairs := os.Getenv(pairsEnv)
	if pairs == "" {
		t.Skip(pairsEnv + " is not set: no images to make deltas of")
	}
	for _, pair := range strings.Split(pairs, ",") {
		a, b, _ := strings.Cut(pair, ":")
		from, err := os.ReadFile(a)
		if err != nil {
			t.Fatal(err)
		}
		to, err := os.ReadFile(b)
		if err != nil {
			t.Fatal(err)
		}
		for _, series := range []Series{EC618, EC7xx} {
			start := time.Now()
			p, err := makePayload(series, from, to)
			if err != nil {
				t.Fatal(err)
			}
			made := time.Since(start)
			size := len(p.Encode())
			start = time.Now()
			out, err := p.Apply(from)
			if err != nil || !bytes.Equal(out, to) {
				t.Errorf("%s, %v: %d bytes, %v; expected %d", pair, series, len(out), err, len(to))
			}
			t.Logf("%s, %v: %d bytes, backwards %t, made in %v, applied in %v", pair, series, size, p.Backwards, made, time.Since(start))
		}
	}
}
