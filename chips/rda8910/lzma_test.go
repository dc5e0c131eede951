package rda8910

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/ulikunitz/xz/lzma"
	"pgregory.net/rapid"
)

// TestAloneOthers exchanges LZMA files with another implementation.
func TestAloneOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 5))
		checkAlone(t, repetitive(r, rapid.IntRange(1, 3000).Draw(t, "size"))) // the other one has no empty files
	})
	r := rand.New(rand.NewPCG(1, 8910))
	checkAlone(t, repetitive(r, 300000))
	far := repetitive(r, 5000)
	checkAlone(t, bytes.Join([][]byte{far, make([]byte, 300000), far}, nil))
}

func checkAlone(t interface{ Fatalf(string, ...any) }, p []byte) {
	ours := packAlone(p)
	d, err := lzma.NewReader(bytes.NewReader(ours))
	if err != nil {
		t.Fatalf("%v", err)
	}
	if got, err := io.ReadAll(d); err != nil || !bytes.Equal(got, p) {
		t.Fatalf("%d bytes, read by another decoder: %d, %v", len(p), len(got), err)
	}
	var theirs bytes.Buffer
	e, err := lzma.WriterConfig{SizeInHeader: true, Size: int64(len(p))}.NewWriter(&theirs)
	if err != nil {
		t.Fatalf("%v", err)
	}
	if _, err = e.Write(p); err == nil {
		err = e.Close()
	}
	if err != nil {
		t.Fatalf("%v", err)
	}
	for _, b := range [][]byte{ours, theirs.Bytes()} {
		n, err := aloneSize(b, 0)
		if err != nil || n != len(p) {
			t.Fatalf("%d bytes: size %d, %v", len(p), n, err)
		}
		if got, err := unpackAlone(b, 0, n); err != nil || !bytes.Equal(got, p) {
			t.Fatalf("%d bytes come back as %d, %v", len(p), len(got), err)
		}
	}
}
