package iot

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Version is three numbers, compared from left to right. Leading zeros do not
// count (iot-platform.md 3.4).
type Version [3]uint64

const segmentDigitsMax = 18

// ParseVersion reads "1103.1.2". Any non-negative numbers are accepted (U-5).
func ParseVersion(s string) (Version, error) {
	var v Version
	parts := strings.Split(s, ".")
	if len(parts) != len(v) {
		return v, fmt.Errorf("version %s is not three numbers with dots between them", quote(s))
	}
	for i, p := range parts {
		n, ok := parseDigits(p)
		if !ok {
			return v, fmt.Errorf("version %s: part %d is not a number", quote(s), i+1)
		}
		v[i] = n
	}
	return v, nil
}

// ParseCore reads a core version: one number ("3103", "0022") or three
// ("0.0.1016"). One number n is the same as 0.0.n.
func ParseCore(s string) (Version, error) {
	if n, ok := parseDigits(s); ok {
		return Version{2: n}, nil
	}
	v, err := ParseVersion(s)
	if err != nil {
		return v, fmt.Errorf("core version %s is neither a number nor three", quote(s))
	}
	return v, nil
}

func parseDigits(s string) (uint64, bool) {
	if s == "" || len(s) > segmentDigitsMax {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil
}

// Compare returns -1, 0 or 1.
func (v Version) Compare(w Version) int {
	return cmp.Or(cmp.Compare(v[0], w[0]), cmp.Compare(v[1], w[1]), cmp.Compare(v[2], w[2]))
}

// VersionWarning says what is questionable about a version that is accepted:
// the documents allow at most 999 in the parts that users choose (U-5).
func VersionWarning(s string) string {
	v, err := ParseVersion(s)
	if err == nil && (v[1] > 999 || v[2] > 999) {
		return fmt.Sprintf("version %s has a part above 999 after the core number", s)
	}
	return ""
}

// Comparator names a rule that decides whether a firmware is newer than what a
// device runs (iot-platform.md 3.4).
type Comparator string

const (
	// Auto is CoreThenVersion for requests with a core_version and for AT
	// firmware, and Tuple for all others.
	Auto            Comparator = ""
	Tuple           Comparator = "tuple"
	DocsAC          Comparator = "docs-ac"
	CoreThenVersion Comparator = "core-then-version"
	StringDiffers   Comparator = "string-differs"
	Always          Comparator = "always"
)

// Comparators lists the rules that can be chosen.
var Comparators = []Comparator{Tuple, DocsAC, CoreThenVersion, StringDiffers, Always}

// Check refuses unknown names.
func (c Comparator) Check() error {
	if c == Auto {
		return nil
	}
	for _, known := range Comparators {
		if c == known {
			return nil
		}
	}
	return fmt.Errorf("no comparator %s: known are %q", quote(string(c)), Comparators)
}

// Release is a version with the core it belongs to, as strings from outside.
type Release struct {
	Version string // "1103.1.2", or the script's version if Core is separate
	Core    string // "3103", or "" if it is the first part of Version
}

// Outcome of a comparison.
type order int

const (
	newer  order = iota // upgrade
	same                // nothing to do
	older               // the server has less than the device
	unable              // cannot be compared
)

// compare decides whether the server's release is an upgrade of the device's.
func (c Comparator) compare(device, server Release) (order, string) {
	switch c {
	case Always:
		return newer, "everything is sent"
	case StringDiffers:
		if device.Version != server.Version {
			return newer, "the strings differ"
		}
		return same, "the strings are equal"
	}
	d, err := ParseVersion(device.Version)
	if err != nil {
		return unable, "the device's " + err.Error()
	}
	s, err := ParseVersion(server.Version)
	if err != nil {
		return unable, "the server's " + err.Error()
	}
	switch c {
	case DocsAC:
		return compareDocsAC(d, s)
	case CoreThenVersion:
		return compareCore(d, s, device.Core, server.Core)
	}
	return ofCompare(s.Compare(d)), "numbers compared from left to right"
}

func ofCompare(n int) order {
	switch {
	case n > 0:
		return newer
	case n < 0:
		return older
	}
	return same
}

// compareDocsAC is the rule quoted from the documentation: core, A, C, where A
// and C are the outer parts of the script's version.
func compareDocsAC(d, s Version) (order, string) {
	core := cmp.Compare(s[0], d[0])
	switch {
	case core < 0:
		return older, "the core may not go back"
	case s[1] == d[1] && s[2] == d[2]:
		return ofCompare(core), "equal script, cores compared"
	case s[1] == d[1] && s[2] > d[2]:
		return newer, "A is equal and C greater"
	case s[1] > d[1] && s[2] >= d[2]:
		return newer, "A is greater and C not less"
	case s[1] > d[1]:
		return older, "A is greater but C is less"
	}
	return older, "the script may not go back"
}

// compareCore is the rule for devices that send their core on its own.
func compareCore(d, s Version, deviceCore, serverCore string) (order, string) {
	dc, err1 := ParseCore(deviceCore)
	sc, err2 := ParseCore(serverCore)
	core := 0
	if err1 == nil && err2 == nil {
		core = sc.Compare(dc)
	}
	version := s.Compare(d)
	switch {
	case core < 0:
		return older, "the core may not go back"
	case version > 0:
		return newer, "the version is greater"
	case version == 0:
		return ofCompare(core), "equal version, cores compared"
	}
	return older, "the version may not go back"
}

// quote makes text from outside fit for a message.
func quote(s string) string {
	const most = 80
	if len(s) > most {
		s = s[:most] + "..."
	}
	return strconv.QuoteToASCII(s)
}
