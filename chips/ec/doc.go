// Package ec is the family of the EC618 and EC7xx chips: Air780E, Air780EP,
// Air780EPM, Air8000 and their relatives.
//
// An upgrade package is a head of 92 bytes ([Head]), a common part and a
// vendor delta; either part may be missing. The common part is a list of
// [Section]s, data compressed in blocks, each with the address that it is for.
// The delta ([Par]) rebuilds the images of application and communication
// processor in place, segment by segment.
//
// While scripts run, the updater writes the common part, as it comes, behind
// the script area, and the delta into the FOTA region; a record of 160 bytes
// ([Info]) says that something waits. After the reset boot code applies the
// delta first and then, unless that failed, the common part.
//
// The facts are those of ec618.md. Its section 10 was found by executing the
// real boot code of EC618, and goes before every other one.
package ec

import (
	"hash/crc32"
)

const kib = 1 << 10

// xipBase is where the flash of the application processor is mapped into the
// address space (ec618.md 1.1).
const xipBase = 0x00800000

// jamcrc is CRC-32 without the final inversion, the one CRC of these formats
// (ec618.md 2.1).
func jamcrc(p []byte) uint32 { return ^crc32.ChecksumIEEE(p) }

// Series is one of the two chip series, which share the package format but
// not its magic number, their flash maps and their deltas' payload.
type Series uint8

const (
	EC618 Series = iota // Air780E, Air780EG, Air780EX, Air600E, Air700E
	EC7xx               // EC716 and EC718: Air780EP and later
)

// The magic numbers of packages, sections and info records (ec618.md 2.1).
const (
	magicEC618 = 0xEAF18C16
	magicEC7xx = 0xEAC37218
)

func (s Series) String() string {
	if s == EC618 {
		return "EC618"
	}
	return "EC7xx"
}

// Magic returns the number that opens every structure of the series.
func (s Series) Magic() uint32 {
	if s == EC618 {
		return magicEC618
	}
	return magicEC7xx
}

// SeriesOf returns the series of a magic number.
func SeriesOf(magic uint32) (s Series, ok bool) {
	switch magic {
	case magicEC618:
		return EC618, true
	case magicEC7xx:
		return EC7xx, true
	}
	return 0, false
}

// SegmentSize is how much of an image the boot code patches at a time, in
// bytes (ec618.md 4.5).
func (s Series) SegmentSize() int {
	if s == EC618 {
		return 32 * kib
	}
	return 96 * kib
}
