package rda8910

import (
	"bytes"
	"regexp"
)

// versionPattern are the names of cores (8910.md 0.2, 3.1).
var versionPattern = regexp.MustCompile(`^[A-Za-z][A-Za-z-]*_V\d+_RDA8910\w*$`)

// versionOf looks for what a core calls itself, "CSDK_V302340_RDA8910", in its
// code: the first string of that form that stands alone. "" if there is none.
func versionOf(code []byte) string {
	mark := []byte("_RDA8910")
	for at := 0; ; {
		i := bytes.Index(code[at:], mark)
		if i < 0 {
			return ""
		}
		at += i
		from, to := at, at
		for from > 0 && at-from < 64 && printable(code[from-1]) {
			from--
		}
		for to < len(code) && to-at < 64 && printable(code[to]) {
			to++
		}
		if s := string(code[from:to]); versionPattern.MatchString(s) {
			return s
		}
		at += len(mark)
	}
}

func printable(c byte) bool { return c > ' ' && c < 0x7F }
