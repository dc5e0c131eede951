package xt804

import (
	"testing"

	"airlift/chips"
)

// BenchmarkGzipCore packs a core of the default size.
func BenchmarkGzipCore(b *testing.B) {
	code := SyntheticCore(testInfo(b), defaultCoreBytes, 1)
	b.SetBytes(int64(len(code)))
	for b.Loop() {
		Gzip(code)
	}
}

// BenchmarkMakeFota makes a whole package with a core of the default size.
func BenchmarkMakeFota(b *testing.B) {
	c := testChip(b, "Air6208", "")
	script := testScript(b, 10_000)
	for b.Loop() {
		if _, err := c.Maker.Make(KindFota, chips.MakeInput{Script: script, Pad: true}); err != nil {
			b.Fatal(err)
		}
	}
}
