package luadb

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"strings"

	"airlift/flash"
	"airlift/flash/explain"
)

// Explain shows every field of an image with its offset, value, meaning and
// verdict. A damaged image is shown as far as it can be read, with the reason
// for which the device's reader rejects it.
func Explain(data []byte) *explain.Field {
	l, err := scan(memory(data))
	if err != nil { // memory never fails
		return &explain.Field{Name: "luadb", Meaning: err.Error(), Verdict: explain.Bad}
	}
	root := &explain.Field{Len: l.end, Name: "luadb", Meaning: "LuatOS script image", Verdict: explain.OK}
	root.Value = fmt.Sprintf("%d files, %d bytes", len(l.blocks), l.end)
	root.Add(explainHeader(l))
	for i := range l.blocks {
		root.Add(explainFile(l, i, data))
	}
	if l.err != nil {
		root.Verdict = explain.Bad
		root.Meaning = "the device rejects this image: W/luadb " + l.err.Device
		root.Add(explain.Field{Off: l.err.Format.Off, Name: "error", Value: l.err.Format.Got, Meaning: l.err.Error(), Verdict: explain.Bad})
	} else if rest := data[l.end:]; len(rest) > 0 {
		root.Add(explainRest(l, rest))
	}
	return root
}

func explainHeader(l *layout) explain.Field {
	h := explain.Field{Name: "header", Len: spanOf(l.header), Verdict: explain.OK}
	for i, e := range l.header {
		f := field(e, "element", "unknown, the reader skips it", explain.Warn)
		v, number := e.uint()
		switch e.kind {
		case typeMagic:
			f = magicField(e)
		case typeName:
			f = numberField(e, "version", fmt.Sprint(v), "", number && v != 0, v == version)
		case typeSize:
			f = numberField(e, "header length", fmt.Sprintf("0x%X", v), "the reader ignores it", number && v != 0, v == headLen)
		case typeCount:
			f = numberField(e, "file count", fmt.Sprint(v), "with the trailer", number && v != 0 && v <= MaxFiles, len(e.value) == 2)
		case typeCheck:
			f = checkField(l.header[:i+1])
		}
		h.Add(f)
	}
	return h
}

func explainFile(l *layout, i int, data []byte) explain.Field {
	b := &l.blocks[i]
	f := explain.Field{Name: "file", Len: spanOf(b.elements), Verdict: explain.OK}
	if len(b.elements) == 0 {
		f.Off, f.Meaning, f.Verdict = l.end, fmt.Sprintf("file %d of %d is missing", i+1, l.count), explain.Bad
		return f
	}
	f.Off = b.elements[0].off
	for j, e := range b.elements {
		f.Add(fileElement(b, j, e))
	}
	if len(b.elements) > 1 {
		f.Value = printable(b.name())
	}
	if len(b.elements) < 4 {
		f.Meaning, f.Verdict = "the block ends early", explain.Bad
		return f
	}
	f.Add(dataField(b, data))
	f.Len += b.length
	return f
}

func fileElement(b *block, j int, e element) explain.Field {
	switch e.kind {
	case typeMagic:
		return magicField(e)
	case typeName:
		f := field(e, "name", fmt.Sprintf("%d bytes", len(e.value)), explain.OK)
		f.Value = printable(b.name())
		if err := CheckName(b.name()); err != nil {
			f.Meaning, f.Verdict = err.Error(), explain.Warn
			if len(e.value) > MaxName {
				f.Verdict = explain.Bad
			}
		}
		return f
	case typeSize:
		v, _ := e.uint()
		return numberField(e, "size", fmt.Sprint(v), "bytes of data behind the check", len(e.value) == 4, true)
	default:
		return checkField(b.elements[:j+1])
	}
}

// dataField shows a file's data; those of a trailer are checked.
func dataField(b *block, data []byte) explain.Field {
	f := explain.Field{Off: b.data, Len: b.length, Name: "data", Value: fmt.Sprintf("%d bytes", b.length), Verdict: explain.OK}
	if b.length > int64(len(data))-b.data {
		f.Meaning = fmt.Sprintf("only %d bytes are there", int64(len(data))-b.data)
		f.Verdict = explain.Bad
		return f
	}
	p := data[b.data : b.data+b.length]
	switch {
	case b.name() == TrailerName:
		f.Value, f.Meaning, f.Verdict = explainTrailer(p, data[:b.data])
	case bytes.HasPrefix(p, []byte("\x1bLuaS")):
		f.Meaning = "compiled Lua 5.3"
	case strings.HasSuffix(b.name(), ".lua"):
		f.Meaning = "Lua source"
	}
	return f
}

func explainTrailer(p, before []byte) (value, meaning string, v explain.Verdict) {
	value = fmt.Sprintf("%x", p)
	want := md5.Sum(before)
	switch {
	case len(p) != md5.Size:
		return fmt.Sprintf("%d bytes", len(p)), "a trailer has 16 bytes", explain.Bad
	case string(p) != string(want[:]):
		return value, fmt.Sprintf("the MD5 of bytes 0x0..0x%X is %x", len(before), want), explain.Bad
	}
	return value, fmt.Sprintf("MD5 of bytes 0x0..0x%X", len(before)), explain.OK
}

// explainRest shows what follows the last file.
func explainRest(l *layout, rest []byte) explain.Field {
	f := explain.Field{Off: l.end, Len: int64(len(rest)), Name: "padding", Value: fmt.Sprintf("%d bytes", len(rest)), Verdict: explain.OK}
	switch {
	case len(bytes.Trim(rest, "\x00")) == 0:
		f.Meaning = "zeros; an update.bin must not be padded"
		if (l.end+int64(len(rest)))%PadLuaTools == 0 {
			f.Meaning = "zeros to a multiple of 1024, as new LuaTools pad; an update.bin must not be padded"
		}
	case flash.Erased(rest):
		f.Meaning = "erased flash"
	default:
		f.Name, f.Meaning, f.Verdict = "rest", "other data, the reader ignores them", explain.Warn
	}
	return f
}

func field(e element, name, meaning string, v explain.Verdict) explain.Field {
	return explain.Field{Off: e.off, Len: e.end() - e.off, Name: name, Value: hexOf(e), Meaning: meaning, Verdict: v}
}

func magicField(e element) explain.Field {
	if isMagic(e) {
		return field(e, "magic", "start of a block", explain.OK)
	}
	return field(e, "magic", "not 01 04 5A A5 5A A5", explain.Bad)
}

// numberField shows a number that is as tools write it (usual), as the reader
// takes it (good), or wrong.
func numberField(e element, name, value, meaning string, good, usual bool) explain.Field {
	f := field(e, name, meaning, explain.OK)
	f.Value = value
	switch {
	case !good:
		f.Verdict = explain.Bad
	case !usual:
		f.Verdict = explain.Warn
	}
	return f
}

// checkField shows the check that ends a block.
func checkField(block []element) explain.Field {
	got, want, ok := sums(block)
	f := field(block[len(block)-1], "check", "16-bit sum of the block's bytes", explain.OK)
	switch {
	case !ok:
		f.Meaning, f.Verdict = "not 2 bytes; no firmware looks at it", explain.Warn
	case got != want:
		f.Value, f.Verdict = fmt.Sprintf("0x%04X", got), explain.Warn
		f.Meaning = fmt.Sprintf("the block's bytes add up to 0x%04X; no firmware looks at it", want)
	default:
		f.Value = fmt.Sprintf("0x%04X", got)
	}
	return f
}

func spanOf(elements []element) int64 {
	if len(elements) == 0 {
		return 0
	}
	return elements[len(elements)-1].end() - elements[0].off
}

// printable shows a name without what a terminal would obey.
func printable(name string) string {
	q := fmt.Sprintf("%q", name)
	return q[1 : len(q)-1]
}
