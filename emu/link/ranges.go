package link

import (
	"strconv"
	"strings"
)

// Range is what a Range header asks of a body.
type Range int

const (
	RangeWhole Range = iota // no range, or one that is not understood: the whole body
	RangePart               // a part of it: status 206
	RangeBad                // outside of it: status 416
)

// ParseRange reads the value of a Range header for a body of size bytes. A
// list of ranges and other units are answered with the whole body, as RFC 9110
// allows.
func ParseRange(value string, size int64) (kind Range, off, length int64) {
	spec, ok := strings.CutPrefix(value, "bytes=")
	if !ok || strings.Contains(spec, ",") {
		return RangeWhole, 0, size
	}
	from, to, ok := strings.Cut(strings.TrimSpace(spec), "-")
	if !ok {
		return RangeWhole, 0, size
	}
	if from == "" {
		n, err := parseCount(to)
		if err != nil {
			return RangeWhole, 0, size
		}
		if n == 0 || size == 0 {
			return RangeBad, 0, 0
		}
		n = min(n, size)
		return RangePart, size - n, n
	}
	first, err := parseCount(from)
	if err != nil {
		return RangeWhole, 0, size
	}
	last := size - 1
	if to != "" {
		if last, err = parseCount(to); err != nil || last < first {
			return RangeWhole, 0, size
		}
		last = min(last, size-1)
	}
	if first >= size {
		return RangeBad, 0, 0
	}
	return RangePart, first, last - first + 1
}

func parseCount(s string) (int64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	return int64(n), err
}
