package xt804

import (
	"fmt"
	"strings"

	"airlift/chips/synth"
	"airlift/chips/volume"
	"airlift/flash/explain"
	"airlift/flash/luadb"
)

// body explains what follows a header; off is where that is.
func (x *inspector) body(h *Header, body []byte, off int64) explain.Field {
	f := explain.Field{Off: off, Len: int64(len(body)), Name: "body", Value: fmt.Sprintf("%d bytes", len(body))}
	switch {
	case h.Zipped():
		return x.gzip(h, body, off)
	case volume.IsScript(body):
		return x.script(body, off)
	case h.Type() == TypeScript:
		f.Meaning, f.Verdict = "no script image: the firmware would write it to the script partition all the same", explain.Bad
	case h.Type() == TypeApp && h.ImgHeaderAddr == RAMHeader:
		f.Meaning, f.Verdict = "no script image", explain.Warn
	case h.Type() == TypeApp:
		f.Name = "core"
		synth.Explain(&f, body, off)
	default:
		f.Meaning = "code"
	}
	return f
}

// script explains a script image, file by file for the first few.
func (x *inspector) script(body []byte, off int64) explain.Field {
	if x.scripts == 0 || x.names == 0 {
		return explain.Field{Off: off, Len: int64(len(body)), Name: "luadb", Value: fmt.Sprintf("%d bytes", len(body)), Meaning: "one more script image, not shown"}
	}
	x.scripts--
	f := luadb.Explain(body)
	if over := len(f.Fields) - x.names; over > 0 {
		f.Fields = append(f.Fields[:x.names:x.names], explain.Field{Off: f.Fields[x.names].Off, Name: "more", Value: fmt.Sprintf("%d fields", over), Meaning: "not shown"})
	}
	x.names -= len(f.Fields)
	if x.names < 0 {
		x.names = 0
	}
	f.Shift(off)
	return *f
}

// gzip explains a gzip stream and the images in it. H is the outer header, nil
// if there is none. Offsets in the unpacked part count from its start.
func (x *inspector) gzip(h *Header, body []byte, off int64) explain.Field {
	f := explain.Field{Off: off, Len: int64(len(body)), Name: "gzip"}
	if x.inside || x.unpacked == maxExplainedPackages {
		f.Meaning, f.Verdict = "a package in a package, or one too many: not unpacked", explain.Warn
		return f
	}
	x.unpacked++
	g, err := readGzip(body, off, x.unpackLimit(h))
	if g.head > 0 {
		f.Add(gzipHeaderField(&g, off))
	}
	if err != nil {
		f.Verdict, f.Meaning = explain.Bad, err.Error()
		if g.head == 0 {
			f.Meaning += ": secboot says M at every boot (P3)"
		}
	} else {
		f.Verdict = explain.OK
		f.Value = fmt.Sprintf("%d bytes from %d", len(g.payload), g.data)
		f.Add(explain.Field{Off: off + int64(g.head), Len: int64(g.data), Name: "deflate data", Value: fmt.Sprintf("%d bytes", g.data)})
		x.gzipTail(&f, &g, off+int64(g.head+g.data))
	}
	if len(g.payload) > 0 {
		f.Add(x.payload(h, g.payload))
	}
	return f
}

// unpackLimit is how much a package may unpack to: what fits the flash it is
// for, which is a guess from the header unless a whole flash is explained.
func (x *inspector) unpackLimit(h *Header) int64 {
	switch {
	case x.flashSize != 0:
		return min(x.flashSize, largeFlash)
	case h != nil && h.ImgAddr <= flashSpaceLast && Off(h.ImgAddr) >= smallFlash:
		return largeFlash
	}
	return smallFlash
}

func gzipHeaderField(g *gzipStream, off int64) explain.Field {
	f := explain.Field{Off: off, Len: int64(g.head), Name: "gzip header", Value: fmt.Sprintf("%d bytes", g.head), Verdict: explain.OK}
	switch {
	case g.flags == 0:
		f.Meaning = "without optional fields"
	case g.flags&^8 == 0:
		f.Meaning, f.Verdict = fmt.Sprintf("with a name, %+q: secboot copes, the firmware skips 10 bytes and fails on the script (P19)", g.name), explain.Warn
	default:
		f.Meaning, f.Verdict = fmt.Sprintf("flags 0x%02X: secboot does not know these fields and inflates rubbish (P19)", g.flags), explain.Warn
	}
	return f
}

func (x *inspector) gzipTail(f *explain.Field, g *gzipStream, off int64) {
	crc := explain.Field{Off: off, Len: 4, Name: "crc32", Value: fmt.Sprintf("0x%08X", g.crc), Meaning: "CRC of the contents; no firmware looks at it", Verdict: explain.OK}
	if got := ^JAMCRC(g.payload); got != g.crc {
		crc.Meaning, crc.Verdict = fmt.Sprintf("the contents have 0x%08X; no firmware looks at it", got), explain.Warn
	}
	f.Add(crc)
	size := explain.Field{Off: off + 4, Len: 4, Name: "isize", Value: fmt.Sprint(g.size), Meaning: "length of the contents; no firmware looks at it", Verdict: explain.OK}
	if uint32(len(g.payload)) != g.size {
		size.Meaning, size.Verdict = fmt.Sprintf("the contents have %d bytes; no firmware looks at it", len(g.payload)), explain.Warn
	}
	f.Add(size)
	if len(g.rest) > 0 {
		pad := explain.Field{Off: off + 8, Len: int64(len(g.rest)), Name: "padding", Value: fmt.Sprintf("%d bytes", len(g.rest)), Meaning: "zeros", Verdict: explain.OK}
		if !allBytes(g.rest, 0) {
			pad.Meaning, pad.Verdict = "not zeros; nobody reads them", explain.Warn
		}
		f.Add(pad)
	}
}

// payload explains the unpacked images of a package, and whether boot code
// and firmware make of them what was meant (xt804.md 4.5, 4.7).
func (x *inspector) payload(outer *Header, p []byte) explain.Field {
	f := explain.Field{Len: int64(len(p)), Name: "contents, unpacked", Value: fmt.Sprintf("%d bytes", len(p)), Meaning: "offsets below count from the start of the contents"}
	x.inside = true
	defer func() { x.inside = false }()
	rest, scripts, count := p, 0, 0
	var first *Header
	for off := int64(0); len(rest) > 0 && count < maxImages; rest = p[off:] {
		if !isMagic(rest) {
			bad := restField(off, rest)
			if count == 0 {
				bad.Meaning, bad.Verdict = "no image header: secboot discards it, clears the flag and starts the old core (P5)", explain.Bad
			}
			f.Add(bad)
			break
		}
		h, body, n, img := x.image(rest, off)
		if h == nil {
			f.Add(img)
			break
		}
		x.judgeInner(outer, h, count, &img)
		f.Add(img)
		if count++; count == 1 {
			first = h
		}
		if h.Type() == TypeScript {
			scripts++
		}
		if body == nil {
			break
		}
		off += n
	}
	if first != nil {
		x.judgePayload(&f, outer, first, int64(len(p)), scripts, count)
	}
	return f
}

// judgeInner adds to the picture of the n-th inner image what is wrong with it
// as part of a package.
func (x *inspector) judgeInner(outer, h *Header, n int, img *explain.Field) {
	note := func(v explain.Verdict, format string, args ...any) {
		img.Add(explain.Field{Off: img.Off, Len: HeaderSize, Name: "in this package", Meaning: fmt.Sprintf(format, args...), Verdict: v})
	}
	if outer == nil {
		return
	}
	switch {
	case outer.Type() == TypeApp && n == 0 && h.Type() != TypeApp:
		note(explain.Bad, "a full package must start with the app; secboot would write this %s image as if it were one", typeName(h.Type()))
	case outer.Type() == TypeApp && n == 0:
		if h.ImgHeaderAddr != outer.ImgHeaderAddr || h.ImgAddr != outer.ImgAddr {
			note(explain.Warn, "built for another place than the outer header says: header 0x%08X, code 0x%08X; secboot goes by this one (P4)", h.ImgHeaderAddr, h.ImgAddr)
		}
		if img.Worst() == explain.Bad {
			note(explain.Warn, "secboot finds out when the old core is overwritten: status M at every boot (P2)")
		}
	case h.Type() == TypeApp && h.ImgHeaderAddr == RAMHeader:
		note(explain.Warn, "script images in packages must have type 2; the firmware skips this one and the script is not updated (P18)")
	}
}

// judgePayload adds what is to be said about a package as a whole.
func (x *inspector) judgePayload(f *explain.Field, outer, first *Header, size int64, scripts, count int) {
	note := func(v explain.Verdict, format string, args ...any) {
		f.Add(explain.Field{Len: size, Name: "as a package", Meaning: fmt.Sprintf(format, args...), Verdict: v})
	}
	if outer == nil {
		return
	}
	if scripts == 0 {
		note(explain.Warn, "no script image of type 2: the script will not change")
	} else if outer.Type() == TypeScript {
		note(explain.OK, "script only: g2-fota applies it at the next start, g3 throws it away (P7)")
	}
	if outer.Type() != TypeApp {
		return
	}
	match := matchLayouts(func(l *Layout) uint32 { return l.Header }, first.ImgHeaderAddr, x.flashSize)
	var fits, over []string
	for _, k := range match {
		if size-HeaderSize > k.CodeRoom() {
			over = append(over, k.name)
		} else if k.FotaRoom() >= int64(outer.ImgLen)+HeaderSize && k.Generation >= G2Fota {
			fits = append(fits, k.name)
		}
	}
	switch {
	case len(fits) > 0:
		note(explain.OK, "fits the flash map and FOTA area of %s", strings.Join(fits, ", "))
	case len(over) > 0:
		note(explain.Warn, "core and script are larger than the app partition of %s: secboot writes on into the next one (P6)", strings.Join(over, ", "))
	default:
		note(explain.Warn, "fits the FOTA area of no released firmware (P4, P9)")
	}
}
