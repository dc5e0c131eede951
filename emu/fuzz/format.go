package fuzz

import "encoding/json"

// Formats of fuzz files. They are read alike, but runs are made otherwise: a file
// of the format before goes on as it began.
const (
	fileFormat     = 3
	cutsFileFormat = 2 // schedules of cuts and brown-outs alone
)

// setFormat decides what runs are made of.
func (f *Fuzzer) setFormat(n int) { f.format, f.mutor.chips = n, n > cutsFileFormat }

// goOnAs takes over the format of a file with such a header.
func (f *Fuzzer) goOnAs(header []byte) {
	var h Header
	if json.Unmarshal(header, &h) == nil && h.Format == cutsFileFormat {
		f.setFormat(cutsFileFormat)
	}
}
