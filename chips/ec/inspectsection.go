package ec

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"airlift/chips/synth"
	"airlift/chips/volume"
	"airlift/flash/explain"
)

// common explains the sections of a common part at off (ec618.md 2.2).
func (x *inspector) common(p []byte, off int64, series Series) explain.Field {
	t := newTree(off, int64(len(p)), "common part")
	sections, err := Sections(p, series)
	for i, s := range sections {
		if i == maxShownSections {
			t.at(s.Off, int64(len(p))-s.Off, "more", fmt.Sprintf("%d sections", len(sections)-i), "not shown", explain.Warn)
			break
		}
		t.Add(x.section(s, off, series, int64(len(p))))
	}
	t.Value = fmt.Sprintf("%d whole sections", len(sections))
	if err != nil {
		if s := cutSection(p, sections, series); s != nil && len(sections) < maxShownSections {
			t.Add(x.section(s, off, series, int64(len(p))))
		} else {
			t.Add(explain.Problem(err, off))
		}
	}
	return t.Field
}

// cutSection returns the section behind the whole ones, if it is one whose
// blocks are cut off.
func cutSection(p []byte, whole []*Section, series Series) *Section {
	off := int64(0)
	if n := len(whole); n > 0 {
		off = whole[n-1].Off + SectionHeadSize + int64(whole[n-1].TotalLen)
	}
	if rest := p[off:]; len(rest) >= SectionHeadSize {
		s := DecodeSectionHead(rest)
		s.Off, s.Stream = off, rest[SectionHeadSize:]
		if s.Magic == series.Magic() {
			return &s
		}
	}
	return nil
}

func (x *inspector) section(s *Section, base int64, series Series, commonLen int64) explain.Field {
	t := newTree(base+s.Off, SectionHeadSize+int64(len(s.Stream)), "section")
	local := *s
	local.Off = 0 // errors count from the section's start
	data, err := []byte(nil), error(nil)
	full := x.room.take(s) != nil
	if !full {
		data, err = local.Unpack()
	}
	t.word(0, "MaigcNum", s.Magic, series.String(), explain.OK)
	m, v := judge(int64(s.TotalLen) == int64(len(s.Stream)), "bytes of the blocks", fmt.Sprintf("only %d follow", len(s.Stream)))
	t.at(4, 4, "TotalLen", fmt.Sprint(s.TotalLen), m, v)
	m, v = judge(s.DataLen != 0 && s.DataLen != s.TotalLen, "bytes when unpacked", "the boot code takes compressed sections only: file must zip file")
	if v == explain.OK && s.DataLen > maxImage {
		m, v = "no chip has so much flash", explain.Bad
	}
	t.at(8, 4, "DataLen", fmt.Sprint(s.DataLen), m, v)
	m, v = "MD5 of what is unpacked", explain.OK
	if err != nil {
		m, v = "not checked: see below", explain.None
	}
	if full {
		m, v = "not unpacked: the file unpacks to too much", explain.Warn
	}
	t.at(12, 16, "MD5", fmt.Sprintf("%x", s.MD5), m, v)
	m, v = judge(s.BlockLen != 0 && s.BlockLen <= BlockLen && s.BlockLen%4096 == 0, "bytes that a block unpacks to", "the boot code has memory for multiples of 4096 up to 0x40000")
	t.at(28, 4, "BlockLen", fmt.Sprintf("0x%X", s.BlockLen), m, v)
	t.Add(x.startAddress(s, t.base, series, commonLen))
	t.Value = fmt.Sprintf("%d bytes for 0x%06X", s.DataLen, s.StartAddr)
	x.blocks(t, s)
	if err != nil {
		if t.Worst() != explain.Bad {
			f := explain.Problem(err, t.base)
			f.Meaning += ": the boot code writes what comes out and resets for ever"
			t.Add(f)
		}
		return t.Field
	}
	if !full {
		t.Add(x.contents(data))
	}
	return t.Field
}

// blocks explains the stream of a section.
func (x *inspector) blocks(t *tree, s *Section) {
	blocks, err := s.Blocks()
	for i := range blocks {
		b := &blocks[i]
		if i == maxShownBlocks {
			t.at(SectionHeadSize+b.Off, int64(len(s.Stream))-b.Off, "more", fmt.Sprintf("%d blocks", len(blocks)-i), "not shown", explain.None)
			break
		}
		at := SectionHeadSize + b.Off
		n := int64(len(b.Props))
		g := newTree(t.base+at, 1+n+4+int64(len(b.Data)), fmt.Sprintf("block %d", i))
		g.at(0, 1, "property bytes", fmt.Sprint(n), "", explain.OK)
		m, v := propsMeaning(b.Props)
		g.at(1, n, "properties", fmt.Sprintf("% X", b.Props), m, v)
		g.at(1+n, 4, "compLen", fmt.Sprint(len(b.Data)), "packed bytes", explain.OK)
		g.at(5+n, int64(len(b.Data)), "data", fmt.Sprintf("%d bytes", len(b.Data)), "", explain.None)
		t.Add(g.Field)
	}
	if err != nil {
		t.Add(explain.Problem(err, t.base+SectionHeadSize))
	}
}

func propsMeaning(p []byte) (string, explain.Verdict) {
	switch {
	case len(p) > 0 && p[0] == 0:
		return "stored as it is", explain.OK
	case len(p) < 5:
		return "no LZMA properties", explain.Bad
	case p[0] >= 9*5*5:
		return "no LZMA properties: the first byte is too large", explain.Bad
	}
	m := fmt.Sprintf("LZMA, lc %d, lp %d, pb %d, dictionary 0x%X", p[0]%9, p[0]/9%5, p[0]/45, binary.LittleEndian.Uint32(p[1:]))
	if !bytes.Equal(p, lzmaProps[:]) {
		return m + "; LuaTools writes 66 00 00 04 00", explain.None
	}
	return m, explain.OK
}

// contents explains what a section unpacks to.
func (x *inspector) contents(p []byte) explain.Field {
	f := explain.Field{Len: int64(len(p)), Name: "contents, unpacked", Value: fmt.Sprintf("%d bytes", len(p)), Meaning: "offsets below count from the start of the contents", Verdict: explain.OK}
	if volume.IsScript(p) {
		f.Add(x.script(p, 0))
		return f
	}
	body := explain.Field{Len: int64(len(p)), Name: "data", Value: fmt.Sprintf("%d bytes", len(p))}
	if _, ok, _ := synth.Find(p); ok {
		synth.Explain(&body, p, 0)
	} else {
		body.Meaning = "no script image"
	}
	f.Add(body)
	return f
}
