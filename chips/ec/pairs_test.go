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
	raw := makePayload(t, series, from, to)
	made := time.Since(start)
	start = time.Now()
	out, err := applyRaw(raw, from)
	if err != nil || !bytes.Equal(out, to) {
		t.Errorf("%d bytes, %v; expected %d", len(out), err, len(to))
	}
	size := 0
	for i, p := range raw {
		size += len(p)
		if i > 0 {
			size += parPackageSize
		}
	}
	t.Logf("%d bytes in %d packages, made in %v, applied in %v", size, len(raw), made, time.Since(start))
}

// makePayload makes the payloads that patch one image, as bytes.
func makePayload(t testing.TB, s Series, from, to []byte) [][]byte {
	t.Helper()
	payloads, err := makePayloads(s, from, to, maxParSegments-segmentCount(s, to))
	if err != nil {
		t.Fatal(err)
	}
	var raw [][]byte
	for _, p := range payloads {
		raw = append(raw, p.Encode())
	}
	return raw
}

// applyRaw reads payloads and applies them.
func applyRaw(raw [][]byte, old []byte) ([]byte, error) {
	var payloads []*Payload
	for _, b := range raw {
		p, err := ParsePayload(b)
		if err != nil {
			return nil, err
		}
		payloads = append(payloads, p)
	}
	return ApplyPayloads(payloads, old)
}
