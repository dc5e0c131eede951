package ec

import (
	"testing"

	"airlift/chips/synth"
)

// benchPair is two releases of a synthetic core of 2.5 MB.
func benchPair() (from, to []byte) {
	const size = 2500 << 10
	from = SyntheticAP(synth.Info{Model: "Air780E", Version: "V1112"}, size, 5)
	return from, SyntheticAP(synth.Info{Model: "Air780E", Version: "V1113"}, size, 5)
}

func BenchmarkMakeDelta(b *testing.B) {
	from, to := benchPair()
	l := ec618Layout(b)
	b.ReportAllocs()
	for b.Loop() {
		p, err := MakeDelta(l, Images{AP: from}, Images{AP: to})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(p.Encode())), "delta-bytes")
	}
}

func BenchmarkApplyDelta(b *testing.B) {
	from, to := benchPair()
	raw := makePayload(b, EC618, from, to)
	b.ReportAllocs()
	for b.Loop() {
		if out, err := applyRaw(raw, from); err != nil || len(out) != len(to) {
			b.Fatal(len(out), err)
		}
	}
}
