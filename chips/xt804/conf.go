package xt804

import (
	"fmt"
	"strconv"
	"strings"

	"airlift/flash/explain"
)

// ParseConf reads from a luat_conf_bsp.h what the build of G1 and G2 computes
// its flash map from: LUAT_FS_SIZE, LUAT_SCRIPT_SIZE, LUAT_USE_FDB,
// LUAT_USE_FSKV and LUAT_USE_FOTA in G2 (xt804.md 1.4), FLASH_FS_REGION_SIZE
// and the two key-value switches in G1 (xt804.md 1.5). Everything else in the
// file is ignored. Errors are *explain.FormatError and name the line.
func ParseConf(g Generation, flashSize int64, text []byte) (Layout, error) {
	if len(text) > maxCSVBytes {
		return Layout{}, &explain.FormatError{Off: maxCSVBytes, What: "luat_conf_bsp.h", Want: fmt.Sprintf("at most %d bytes", maxCSVBytes), Got: fmt.Sprint(len(text))}
	}
	in := DefaultMap(flashSize, false)
	in.KV = false
	c := confParser{g: g, in: &in}
	for i, line := range strings.Split(string(text), "\n") {
		if err := c.readLine(csvPlace{line: i + 1, off: c.off}, line); err != nil {
			return Layout{}, err
		}
		c.off += int64(len(line)) + 1
	}
	end := csvPlace{line: strings.Count(string(text), "\n") + 1, off: int64(len(text))}
	if g != G1 && in.Fota != (g == G2Fota) {
		err := end.errorf("LUAT_USE_FOTA", fmt.Sprintf("%v for profile %s", g == G2Fota, g), fmt.Sprint(in.Fota))
		err.Hint = "choose the profile that the firmware was built as: g2 without, g2-fota with LUAT_USE_FOTA"
		return Layout{}, err
	}
	if !c.any {
		return Layout{}, csvPlace{line: 1}.errorf("luat_conf_bsp.h", "a #define", "none")
	}
	compute := ComputeG2
	if g == G1 {
		compute = ComputeG1
	}
	l, err := compute(in)
	if err != nil {
		return Layout{}, end.errorf("luat_conf_bsp.h", "sizes that fit the flash", err.Error())
	}
	return l, nil
}

type confParser struct {
	g       Generation
	in      *MapInput
	off     int64
	comment bool // within /* */
	any     bool // a #define was there
}

func (c *confParser) readLine(at csvPlace, line string) error {
	fields := strings.Fields(c.strip(line))
	if len(fields) < 2 || fields[0] != "#define" {
		return nil
	}
	c.any = true
	var size *int64
	switch name := fields[1]; {
	case name == "LUAT_USE_FDB" || name == "LUAT_USE_FSKV":
		c.in.KV = true
		return nil
	case name == "LUAT_USE_FOTA" && c.g != G1:
		c.in.Fota = true
		return nil
	case name == "LUAT_FS_SIZE" && c.g != G1:
		size = &c.in.FSKiB
	case name == "LUAT_SCRIPT_SIZE" && c.g != G1, name == "FLASH_FS_REGION_SIZE" && c.g == G1:
		size = &c.in.ScriptKiB
	default:
		return nil
	}
	if len(fields) < 3 {
		return at.errorf(fields[1], "a number of KiB", "nothing")
	}
	v, err := strconv.ParseInt(strings.Trim(fields[2], "()"), 10, 32)
	if err != nil || v < 0 {
		return at.errorf(fields[1], "a number of KiB", clip(fields[2]))
	}
	if c.g == G1 {
		v -= c.in.FSKiB // FLASH_FS_REGION_SIZE is script and file system together
	}
	*size = v
	return nil
}

// strip removes comments from a line.
func (c *confParser) strip(line string) string {
	var b strings.Builder
	for line != "" {
		if c.comment {
			_, after, found := strings.Cut(line, "*/")
			if !found {
				return b.String()
			}
			c.comment, line = false, after
			b.WriteByte(' ')
			continue
		}
		i := strings.IndexByte(line, '/')
		switch {
		case i < 0:
			b.WriteString(line)
			return b.String()
		case strings.HasPrefix(line[i:], "//"):
			b.WriteString(line[:i])
			return b.String()
		case strings.HasPrefix(line[i:], "/*"):
			b.WriteString(line[:i])
			c.comment, line = true, line[i+2:]
		default:
			b.WriteString(line[:i+1])
			line = line[i+1:]
		}
	}
	return b.String()
}
