package xt804

import (
	"bytes"
	"compress/gzip"
	"errors"
	"reflect"
	"testing"

	"airlift/chips"
	"airlift/chips/synth"
	"airlift/flash/explain"
)

func testInfo(t testing.TB) synth.Info {
	t.Helper()
	l, err := ComputeG2(DefaultMap(1<<20, false))
	if err != nil {
		t.Fatal(err)
	}
	info := synth.Info{Model: "Air601", BSP: "AIR601", Profile: "g2", Version: "V1025", Base: "23.11",
		BuildDate: "Apr 10 2024", BuildTime: "12:00:00", FlashSize: 1 << 20, Bits: 32,
		Features: chips.Features{FileOTA: true, Wlan: true}, Partitions: l.Table}
	for i := range info.Partitions {
		info.Partitions[i].Note = "" // not stored
	}
	return info
}

func TestCoreInfoRoundTrip(t *testing.T) {
	want := testInfo(t)
	body := SyntheticCore(want, 5000, 7)
	if len(body) != 5000 {
		t.Fatalf("body has %d bytes", len(body))
	}
	got, ok, err := synth.Find(body)
	if !ok || err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v, %v; want %+v", got, ok, err, want)
	}
	if got, ok, err := synth.Find(body[:min(len(body), synth.Reach)]); !ok || err != nil || got.Version != "V1025" {
		t.Errorf("from synth.Reach bytes: %+v, %v, %v", got, ok, err)
	}
}

func TestCoreInfoDamaged(t *testing.T) {
	info := testInfo(t)
	body := SyntheticCore(info, 0, 1)
	end := synth.Offset + len(info.Encode())
	for off := synth.Offset; off < end; off++ {
		b := bytes.Clone(body)
		b[off] ^= 0x10
		_, ok, err := synth.Find(b)
		var fe *explain.FormatError
		switch {
		case off < synth.Offset+8 && (ok || err != nil):
			t.Errorf("magic damaged at %d: %v, %v", off, ok, err)
		case off >= synth.Offset+8 && (!ok || !errors.As(err, &fe)):
			t.Errorf("damaged at %d: %v, %v", off, ok, err)
		}
	}
	for n := range end {
		if _, ok, err := synth.Find(body[:n]); ok && err == nil {
			t.Errorf("descriptor found in the first %d of %d bytes", n, end)
		}
	}
}

func TestSyntheticCoreCompressesLikeCode(t *testing.T) {
	body := SyntheticCore(testInfo(t), 1200<<10, 1)
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(body)
	w.Close()
	if ratio := float64(b.Len()) / float64(len(body)); ratio < 0.55 || ratio > 0.65 {
		t.Errorf("gzip makes %d of %d bytes: ratio %.3f, want 0.55..0.65", b.Len(), len(body), ratio)
	}
	if bytes.Equal(body, SyntheticCore(testInfo(t), 1200<<10, 2)) {
		t.Error("seeds 1 and 2 give the same core")
	}
}

func TestSyntheticCoreGolden(t *testing.T) {
	// Traces and packages depend on these bytes: they may not change between
	// platforms, toolchains or versions of airlift.
	if got := JAMCRC(SyntheticCore(testInfo(t), 1200<<10, 1)); got != 0xC8452C1B {
		t.Errorf("JAMCRC 0x%08X, want 0xC8452C1B", got)
	}
}
