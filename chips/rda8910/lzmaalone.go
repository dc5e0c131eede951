package rda8910

import (
	"fmt"

	"airlift/flash/explain"
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
// pack. Its dictionary is the data itself, whatever the head says.
func unpackAlone(b []byte, off int64, n int) ([]byte, error) {
	if b[0] != aloneProps {
		return nil, wrong(off, "properties of an LZMA bundle", fmt.Sprintf("0x%02X", aloneProps), fmt.Sprintf("0x%02X", b[0]))
	}
	out, used, err := aloneCoding.decode(b[aloneHead:], n)
	if err != nil {
		return nil, &explain.FormatError{Off: off + aloneHead + int64(used), What: "LZMA bundle", Want: err.Error()}
	}
	return out, nil
}

// packAlone makes an LZMA file with the head that dtools writes.
func packAlone(p []byte) []byte {
	b := le.AppendUint32([]byte{aloneProps}, aloneDict)
	b = le.AppendUint64(b, uint64(len(p)))
	return append(b, aloneCoding.encode(p)...)
}
