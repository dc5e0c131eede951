package rda8910

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

// An LZMA "alone" file: properties, dictionary size, plain size, stream
// (8910.md 2.5).
const (
	aloneHead  = 13
	aloneProps = 0x5D
	aloneDict  = 0x02000000
)

// aloneSize returns the plain size that an LZMA file announces, if that can be
// true.
func aloneSize(b []byte, off int64) (int, error) {
	if len(b) < aloneHead {
		return 0, wrong(off, "comp_size", "more than 12", len(b))
	}
	n := le.Uint64(b[5:])
	if n > maxPlain {
		return 0, wrong(off+5, "plain size of an LZMA bundle", fmt.Sprintf("at most %d", maxPlain), fmt.Sprintf("0x%X", n))
	}
	return int(n), nil
}

// unpackAlone unpacks an LZMA file of the plain size n that lies at off of a
// pack.
func unpackAlone(b []byte, off int64, n int) ([]byte, error) {
	// The dictionary needs to be no larger than the data, whatever the head
	// says: it costs memory.
	head := bytes.Clone(b[:aloneHead])
	le.PutUint32(head[1:], uint32(max(n, lzma.MinDictCap)))
	r, err := lzma.NewReader(io.MultiReader(bytes.NewReader(head), bytes.NewReader(b[aloneHead:])))
	if err != nil {
		return nil, wrong(off, "LZMA bundle", "properties of LZMA", err)
	}
	var out bytes.Buffer // grows with what comes, not with what is announced
	got, err := io.Copy(&out, io.LimitReader(r, int64(n)))
	if err == nil && got != int64(n) {
		err = errors.New("its end")
	}
	if err != nil {
		return nil, wrong(off, "LZMA bundle", fmt.Sprintf("%d plain bytes", n), fmt.Sprintf("%d, then: %v", got, err))
	}
	return out.Bytes(), nil
}

// packAlone makes an LZMA file as dtools does.
func packAlone(p []byte) ([]byte, error) {
	var b bytes.Buffer
	cfg := lzma.WriterConfig{
		Properties: &lzma.Properties{LC: 3, LP: 0, PB: 2},
		DictCap:    max(len(p), lzma.MinDictCap), SizeInHeader: true, Size: int64(len(p)),
		Matcher: lzma.HashTable4, // the binary tree takes half a minute for zeros
	}
	w, err := cfg.NewWriter(&b)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(p); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	out := b.Bytes()
	le.PutUint32(out[1:], aloneDict)
	return out, nil
}
