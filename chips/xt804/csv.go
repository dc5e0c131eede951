package xt804

import (
	"fmt"
	"strconv"
	"strings"

	"airlift/flash"
	"airlift/flash/explain"
)

// Bounds of a partition file. Real ones have some 500 bytes and 7 lines.
const (
	maxCSVBytes      = 64 << 10
	maxCSVPartitions = 48
	maxPartitionName = 32 // bytes
)

// ParseCSV reads the partition file of a V2001 build (xt804.md 1.3):
//
//	# flash_base = 0x08000000
//	# flash_size = 1024K
//	# ram_end = 0x20028000
//	secboot, boot, 0x000000, 64K
//
// Other lines that start with # are comments. The checks come in the order of
// the build's own: metadata there, partitions sorted by offset, no overlap,
// end within flash_size, sysparam exactly the last 8 KiB, nothing else in the
// last 24 KiB; after them those that only the emulator needs. Every error is a
// *explain.FormatError that names the line.
func ParseCSV(text []byte) (Layout, error) {
	if len(text) > maxCSVBytes {
		return Layout{}, &explain.FormatError{Off: maxCSVBytes, What: "partition file", Want: fmt.Sprintf("at most %d bytes", maxCSVBytes), Got: fmt.Sprint(len(text))}
	}
	p := csvParser{meta: map[string]csvNumber{}}
	var off int64
	for rest := string(text); rest != ""; {
		line, tail, found := strings.Cut(rest, "\n")
		p.at = csvPlace{line: p.at.line + 1, off: off}
		if err := p.readLine(line); err != nil {
			return Layout{}, err
		}
		off += int64(len(line))
		if found {
			off++
		}
		rest = tail
	}
	p.at = csvPlace{line: p.at.line, off: off}
	return p.layout()
}

// csvPlace is where something stands in the file.
type csvPlace struct {
	line int
	off  int64 // bytes to the start of the line
}

func (c csvPlace) errorf(what, want, got string) *explain.FormatError {
	return &explain.FormatError{Off: c.off, What: fmt.Sprintf("line %d: %s", c.line, what), Want: want, Got: got}
}

type csvNumber struct {
	v     int64
	place csvPlace
}

type csvPartition struct {
	flash.Partition
	place csvPlace
}

type csvParser struct {
	at    csvPlace
	meta  map[string]csvNumber
	parts []csvPartition
}

var csvKeys = [...]string{"flash_base", "flash_size", "ram_end"}

func (p *csvParser) readLine(line string) error {
	line = strings.TrimSpace(line)
	switch {
	case line == "":
		return nil
	case line[0] == '#':
		return p.readMeta(line[1:])
	}
	return p.readPartition(line)
}

// readMeta takes "key = value" out of a comment line, if it is one of ours.
func (p *csvParser) readMeta(comment string) error {
	key, value, found := strings.Cut(comment, "=")
	key = strings.TrimSpace(key)
	if !found || (key != csvKeys[0] && key != csvKeys[1] && key != csvKeys[2]) {
		return nil
	}
	if old, again := p.meta[key]; again {
		return p.at.errorf(key, "one value", fmt.Sprintf("another than in line %d", old.place.line))
	}
	v, err := parseCSVNumber(strings.TrimSpace(value), true)
	if err != nil {
		return p.at.errorf(key, "a number such as 0x08000000 or 2048K", clip(value))
	}
	p.meta[key] = csvNumber{v, p.at}
	return nil
}

func (p *csvParser) readPartition(line string) error {
	fields := strings.Split(line, ",")
	if len(fields) != 4 {
		return p.at.errorf("partition", "four fields: name, type, offset, size", fmt.Sprintf("%d in %s", len(fields), clip(line)))
	}
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
	name := fields[0]
	if !goodName(name) || !goodName(fields[1]) {
		return p.at.errorf("partition name and type", fmt.Sprintf("1..%d letters, digits, - or _ each", maxPartitionName), clip(name)+" and "+clip(fields[1]))
	}
	off, err := parseCSVNumber(fields[2], false)
	if err != nil {
		return p.at.errorf("offset of "+name, "a decimal number or 0x and hex digits", clip(fields[2]))
	}
	size, err := parseCSVNumber(fields[3], true)
	if err != nil || size == 0 {
		return p.at.errorf("size of "+name, "a number such as 64K, 1M, 65536 or 0x10000", clip(fields[3]))
	}
	if len(p.parts) == maxCSVPartitions {
		return p.at.errorf("partitions", fmt.Sprintf("at most %d", maxCSVPartitions), "more")
	}
	p.parts = append(p.parts, csvPartition{flash.Partition{Name: name, Kind: fields[1], Off: off, Size: size}, p.at})
	return nil
}

func goodName(s string) bool {
	if s == "" || len(s) > maxPartitionName {
		return false
	}
	for _, c := range []byte(s) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

func clip(s string) string {
	if len(s) > 40 {
		s = s[:40] + "..."
	}
	return strconv.Quote(s)
}

// parseCSVNumber reads 0x hex or decimal; suffix allows K, k, M or m behind a
// decimal number. The result is below flash.MaxSize or a 32-bit address.
func parseCSVNumber(s string, suffix bool) (int64, error) {
	var v uint64
	var err error
	shift := 0
	if hex, ok := strings.CutPrefix(s, "0x"); ok {
		v, err = strconv.ParseUint(hex, 16, 32)
	} else if hex, ok := strings.CutPrefix(s, "0X"); ok {
		v, err = strconv.ParseUint(hex, 16, 32)
	} else {
		if suffix && s != "" {
			switch s[len(s)-1] {
			case 'K', 'k':
				shift, s = 10, s[:len(s)-1]
			case 'M', 'm':
				shift, s = 20, s[:len(s)-1]
			}
		}
		v, err = strconv.ParseUint(strings.TrimSpace(s), 10, 32)
	}
	if err != nil {
		return 0, err
	}
	if v<<shift > 1<<32-1 {
		return 0, strconv.ErrRange
	}
	return int64(v << shift), nil
}

// layout runs the checks on what was read.
func (p *csvParser) layout() (Layout, error) {
	for _, key := range csvKeys {
		if _, ok := p.meta[key]; !ok {
			return Layout{}, p.at.errorf("end of file", fmt.Sprintf("a line \"# %s = ...\"", key), "none")
		}
	}
	size := p.meta["flash_size"]
	if base := p.meta["flash_base"]; base.v != FlashBase {
		return Layout{}, base.place.errorf("flash_base", "0x08000000", fmt.Sprintf("0x%08X", base.v))
	}
	if size.v < 1<<20 || size.v > 64<<20 || size.v&(size.v-1) != 0 {
		return Layout{}, size.place.errorf("flash_size", "a power of two from 1024K to 64M", fmt.Sprint(size.v))
	}
	for _, check := range []func(int64) error{p.checkOrder, p.checkEnd, p.checkSysparam, p.checkTail, p.checkGrid} {
		if err := check(size.v); err != nil {
			return Layout{}, err
		}
	}
	var t flash.Table
	for _, c := range p.parts {
		t = append(t, c.Partition)
	}
	l, err := NewLayout(G3, size.v, withGaps(t, size.v))
	if err != nil {
		return Layout{}, p.at.errorf("partitions", "a map that the firmware can use", err.Error())
	}
	l.RAMEnd = uint32(p.meta["ram_end"].v)
	return l, nil
}

// checkOrder wants ascending offsets and no overlap.
func (p *csvParser) checkOrder(int64) error {
	for i := 1; i < len(p.parts); i++ {
		if last, c := p.parts[i-1], p.parts[i]; c.Off < last.Off {
			err := c.place.errorf("offset of "+c.Name, fmt.Sprintf("at least 0x%06X, where %s starts", last.Off, last.Name), fmt.Sprintf("0x%06X", c.Off))
			err.Hint = "sort the lines by offset"
			return err
		}
	}
	for i := 1; i < len(p.parts); i++ {
		if last, c := p.parts[i-1], p.parts[i]; c.Off < last.End() {
			return c.place.errorf("offset of "+c.Name, fmt.Sprintf("at least 0x%06X, where %s ends", last.End(), last.Name), fmt.Sprintf("0x%06X", c.Off))
		}
	}
	return nil
}

func (p *csvParser) checkEnd(size int64) error {
	if n := len(p.parts); n > 0 && p.parts[n-1].End() > size {
		last := p.parts[n-1]
		return last.place.errorf("end of "+last.Name, fmt.Sprintf("at most flash_size 0x%06X", size), fmt.Sprintf("0x%06X", last.End()))
	}
	return nil
}

func (p *csvParser) checkSysparam(size int64) error {
	for _, c := range p.parts {
		if c.Name != PartSysparam {
			continue
		}
		if c.Off != size-sysparamSize || c.Size != sysparamSize {
			return c.place.errorf(PartSysparam, fmt.Sprintf("exactly the last 8K: 0x%06X, 8K", size-sysparamSize), fmt.Sprintf("0x%06X, %d", c.Off, c.Size))
		}
		return nil
	}
	return p.at.errorf("end of file", "a partition sysparam", "none")
}

func (p *csvParser) checkTail(size int64) error {
	for _, c := range p.parts {
		if c.Name != PartSysparam && c.End() > size-systemTail {
			return c.place.errorf("end of "+c.Name, fmt.Sprintf("at most 0x%06X: the last 24K belong to the SDK", size-systemTail), fmt.Sprintf("0x%06X", c.End()))
		}
	}
	return nil
}

// checkGrid wants what the build does not check but every flash does, and
// names only once.
func (p *csvParser) checkGrid(int64) error {
	lines := map[string]int{}
	for _, c := range p.parts {
		if c.Off%flash.DefaultSectorSize != 0 || c.Size%flash.DefaultSectorSize != 0 {
			return c.place.errorf(c.Name, "multiples of 4K", fmt.Sprintf("offset 0x%X, size 0x%X", c.Off, c.Size))
		}
		if n := lines[c.Name]; n != 0 {
			return c.place.errorf("name", "another than in line "+strconv.Itoa(n), clip(c.Name))
		}
		lines[c.Name] = c.place.line
	}
	return nil
}

// withGaps names the room in front of sysparam and adds the system tail.
func withGaps(t flash.Table, size int64) flash.Table {
	if n := len(t); n >= 2 && t[n-2].End() < t[n-1].Off {
		if _, taken := t.Lookup("reserved"); !taken {
			gap := flash.Partition{Name: "reserved", Kind: "reserved", Off: t[n-2].End(), Size: t[n-1].Off - t[n-2].End()}
			t = append(t[:n-1:n-1], gap, t[n-1])
		}
	}
	for _, p := range tailPartitions(size) {
		if _, taken := t.Lookup(p.Name); !taken {
			t = append(t, p)
		}
	}
	return t
}

// CSV returns the layout as a partition file. Overlays and reserved gaps are
// left out, as they are in real files.
func (l *Layout) CSV() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# flash_base = 0x%08X\n# flash_size = %dK\n# ram_end = 0x%08X\n", FlashBase, l.FlashSize/kib, l.RAMEnd)
	for _, p := range l.Table.Sorted() {
		if !p.Overlay && p.Kind != "reserved" {
			fmt.Fprintf(&b, "%s, %s, 0x%06X, %dK\n", p.Name, p.Kind, p.Off, p.Size/kib)
		}
	}
	return []byte(b.String())
}
