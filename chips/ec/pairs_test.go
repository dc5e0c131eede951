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
			t.Run(series.String()+"/"+pair, func(t *testing.T) { makePair(t, series, from, to) })
		}
	}
}

func makePair(t *testing.T, series Series, from, to []byte) {
	start := time.Now()
	p, err := makePayload(series, from, to)
	if err != nil {
		t.Fatal(err)
	}
	raw := p.Encode()
	made := time.Since(start)
	start = time.Now()
	if p, err = ParsePayload(raw); err != nil {
		t.Fatal(err)
	}
	out, err := p.Apply(from)
	if err != nil || !bytes.Equal(out, to) {
		t.Errorf("%d bytes, %v; expected %d", len(out), err, len(to))
	}
	t.Logf("%d bytes, backwards %t, made in %v, applied in %v", len(raw), p.Backwards, made, time.Since(start))
}
