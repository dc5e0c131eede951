package ec

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"airlift/flash"
	"airlift/flash/explain"
)

// parMaxEC618 is the longest delta that EC618's boot code takes, in bytes
// (ec618.md 10.1).
const parMaxEC618 = 491520

// par explains a delta at off. Series is that of the package around it, or nil.
func (x *inspector) par(b []byte, off int64, series *Series) explain.Field {
	t := newTree(off, int64(len(b)), "delta")
	p, err := parseParHead(b)
	if err == nil {
		err = p.parsePackages(b[:p.Len])
	}
	if p == nil {
		t.Add(explain.Problem(err, off))
		return t.Field
	}
	own := p.series()
	t.Value, t.Meaning = own.String(), fmt.Sprintf("vendor's delta (.par), %d packages", p.Count())
	if series != nil && *series != own && len(p.Packages) > 0 {
		t.at(0, ParHeadSize, "in this package", fmt.Sprintf("%v in %v", own, *series), "the delta is for the other series", explain.Bad)
	}
	t.Add(x.parHead(p, b, off))
	for _, k := range p.Packages {
		t.Add(x.parPackage(p, k, b, off))
	}
	if err != nil {
		t.Add(explain.Problem(err, off))
	}
	if len(p.Rest) > 0 {
		t.at(int64(p.Len), int64(len(p.Rest)), "rest", fmt.Sprintf("%d bytes", len(p.Rest)), "not part of the delta", explain.Warn)
	}
	return t.Field
}

// series guesses the series that a delta is for: by its payload, or by its
// version.
func (p *Par) series() Series {
	for _, k := range p.Packages {
		switch {
		case bytes.HasPrefix(k.Payload, []byte(payloadMagic)):
			return EC618
		case bytes.HasPrefix(k.Payload, pshMagic) || ownPayload(k.Payload):
			return EC7xx
		}
	}
	if p.Version>>5 >= 2 {
		return EC7xx
	}
	return EC618
}

func (x *inspector) parHead(p *Par, b []byte, off int64) explain.Field {
	t := newTree(off, ParHeadSize, "head")
	t.at(0, 2, "pmagic", "EC DF", "", explain.OK)
	m, v := "", explain.OK
	if p.series() == EC618 && p.Version > 0x22 {
		m, v = "newer than the boot code, which warns and goes on", explain.Warn
	}
	t.at(2, 1, "version", fmt.Sprintf("%d.%d", p.Version>>5, p.Version&0x1F), m, v)
	t.Add(parFlags(p, off+3))
	t.at(4, 2, "fotaCap", fmt.Sprintf("0x%04X", p.Cap), "bits 0..2; 0 means a progress field of 40 bytes", explain.None)
	m, v = judge(p.SegField != 0, fmt.Sprintf("%s patches %d KiB at a time", p.series(), p.series().SegmentSize()/kib), "the boot code takes it for no mission and leaves it in the flash for ever")
	t.at(6, 2, "segment size", fmt.Sprintf("0x%04X", p.SegField), m, v)
	m, v = lengthMeaning(p)
	t.at(8, 4, "parLen", fmt.Sprint(p.Len), m, v)
	sum := parHashOf(b[:p.Len])
	m, v = judge(sum == p.Hash, "SHA-256 of the delta", fmt.Sprintf("the delta has %x: delta state 3, refused", sum))
	t.at(12, 32, "parHash", fmt.Sprintf("%x", p.Hash), m, v)
	t.Add(marks(p.Retention[:], off+retentionOff))
	return t.Field
}

// lengthMeaning compares a delta's length with the download zones that there
// are. The updater compares nothing: it writes on into what lies behind the
// zone (ec618.md 7, 5).
func lengthMeaning(p *Par) (string, explain.Verdict) {
	if p.series() == EC618 {
		return judge(p.Len <= parMaxEC618, "bytes of the whole delta", fmt.Sprintf("the boot code takes at most %d: error! too large '*.par'", parMaxEC618))
	}
	var small []string
	all := 0
	for _, t := range targets {
		if t.series != EC7xx {
			continue
		}
		if all++; int64(p.Len) > t.download {
			small = append(small, t.name)
		}
	}
	switch len(small) {
	case 0:
		return "bytes of the whole delta", explain.OK
	case all:
		return "longer than the download zone of every known map: it runs into the partitions behind (pitfall 5)", explain.Warn
	}
	return fmt.Sprintf("bytes of the whole delta; longer than the download zone of %s, where it would run into the partitions behind (pitfall 5)", strings.Join(small, ", ")), explain.OK
}

func parFlags(p *Par, off int64) explain.Field {
	t := newTree(off, 1, "flags")
	t.Value = fmt.Sprintf("0x%02X", p.Flags)
	m, v := judge(p.Count() <= maxParPackages, "bits 0..3, plus one", "more than 8")
	t.at(0, 1, "packages", fmt.Sprint(p.Count()), m, v)
	m, v = judge(p.Method() == 0, "bits 4..5", "only method 0 exists: the boot code fails with state 6")
	t.at(0, 1, "patch method", fmt.Sprint(p.Method()), m, v)
	m, v = judge(p.Flags&0x40 != 0, "bit 6", "not valid: the boot code takes it for no mission and leaves it in the flash for ever")
	t.at(0, 1, "segment size valid", fmt.Sprint(p.Flags&0x40 != 0), m, v)
	t.at(0, 1, "psigned", fmt.Sprint(p.Flags&0x80 != 0), "bit 7; EC618 does not look at it", explain.None)
	return t.Field
}

// marks explains the progress field (ec618.md 4.4).
func marks(p []byte, off int64) explain.Field {
	t := newTree(off, retentionSize, "retention")
	t.Meaning, t.Verdict = "progress: fresh", explain.OK
	if flash.Erased(p) {
		return t.Field
	}
	up, bk := clearedBits(p[8:24]), clearedBits(p[24:40])
	t.Meaning, t.Verdict = missionMeaning(p[0], p[1]), explain.Warn
	t.at(0, 1, "PST", fmt.Sprintf("%02X", p[0]), pstMeaning(p[0]), explain.None)
	t.at(1, 1, "DST", fmt.Sprintf("%02X", p[1]), missionMeaning(p[0], p[1]), explain.None)
	t.at(2, 1, "validation", fmt.Sprintf("%02X", p[2]), "bits 0..1 archive, 2..3 base images looked at; 4..7 failing package", explain.None)
	t.at(3, 1, "end", fmt.Sprintf("%02X", p[3]), "bits 0..1 unpacked, 2..3 exit", explain.None)
	t.at(4, 4, "errors", fmt.Sprintf("%08X", binary.LittleEndian.Uint32(p[4:])), errorMask(binary.LittleEndian.Uint32(p[4:])), explain.None)
	t.at(8, 16, "UP", fmt.Sprintf("%d segments", up), "written", explain.None)
	t.at(24, 16, "BK", fmt.Sprintf("%d segments", bk), "backed up", explain.None)
	return t.Field
}

func missionMeaning(pst, dst byte) string {
	switch {
	case dst == 0:
		return "done: no new mission at the next start"
	case dst&0x3F == 0:
		return "failed: exception on last DFU, no more try"
	case pst == 0xFF && dst == 0xFF:
		return "progress: fresh"
	}
	return "at work: continues at the next start"
}

func pstMeaning(pst byte) string {
	var done []string
	for _, s := range []struct {
		bits byte
		what string
	}{{0x07, "archive hash right"}, {0x08, "base images right"}, {0x10, "every segment written"}, {0x20, "new images right"}} {
		if pst&s.bits == 0 {
			done = append(done, s.what)
		}
	}
	if len(done) == 0 {
		return "nothing is done"
	}
	return strings.Join(done, ", ")
}

func errorMask(v uint32) string {
	var list []string
	for i := range 32 {
		if v>>i&1 == 0 {
			list = append(list, fmt.Sprint(-i))
		}
	}
	if len(list) == 0 {
		return "none"
	}
	return "error " + strings.Join(list, ", ")
}

func clearedBits(p []byte) int {
	n := 0
	for _, b := range p {
		for i := range 8 {
			if b>>i&1 == 0 {
				n++
			}
		}
	}
	return n
}

// parPackage explains the delta of one image.
func (x *inspector) parPackage(p *Par, k *ParPackage, b []byte, base int64) explain.Field {
	t := newTree(base+k.Off, int64(k.Len), "package")
	t.Value = fmt.Sprintf("%s, %d to %d bytes", attrName(k.Attr), k.BaseSize, k.NewSize)
	if n, all := p.shares(k); all > 1 {
		t.Meaning = fmt.Sprintf("part %d of %d of this image's delta: makes it up to 0x%06X", n, all, k.NewSize)
	}
	h := newTree(t.base, int64(k.HeadLen), "head")
	h.Add(parWord(p, k, t.base, binary.LittleEndian.Uint32(b[k.Off:])))
	h.at(4, 4, "pkgLen", fmt.Sprint(k.Len), "bytes with this head", explain.OK)
	h.at(8, 4, "reserved", fmt.Sprint(binary.LittleEndian.Uint32(b[k.Off+8:])), "", explain.None)
	m, v := loadMeaning(p.series(), k)
	h.at(12, 4, "load offset", fmt.Sprintf("0x%06X", k.Load), m, v)
	h.at(16, 4, "new size", fmt.Sprint(k.NewSize), "bytes", explain.None)
	h.at(20, 4, "baseFwSize", fmt.Sprint(k.BaseSize), "bytes of the old image", explain.None)
	h.at(24, 32, "baseFwHash", fmt.Sprintf("%x", k.BaseHash), "SHA-256 of the old image: the one thing that decides whether the module takes the delta", explain.None)
	options(h, b[k.Off:k.Off+int64(k.HeadLen)])
	t.Add(h.Field)
	t.Add(x.payload(k, t.base+int64(k.HeadLen)))
	return t.Field
}

// shares counts the packages for a package's image, and which of them it is.
func (p *Par) shares(k *ParPackage) (n, all int) {
	for _, other := range p.Packages {
		if other.Attr != k.Attr {
			continue
		}
		if all++; other == k {
			n = all
		}
	}
	return n, all
}

// parWord explains the first word of a package's head, bit by bit.
func parWord(p *Par, k *ParPackage, off int64, w uint32) explain.Field {
	t := newTree(off, 4, "word 0")
	t.Value = fmt.Sprintf("0x%08X", w)
	m, v := "bits 0..3", explain.OK
	if k.ID >= p.Count() {
		m, v = fmt.Sprintf("not below the number of packages: EC618's boot code stops behind the first backup with invalid pkgId(%d) and the delta fails (10.1)", k.ID), explain.Bad
		if p.series() != EC618 {
			m, v = "not below the number of packages: EC618's boot code would refuse it, that of EC7xx is not known", explain.Warn
		}
	}
	t.at(0, 1, "pkgId", fmt.Sprint(k.ID), m, v)
	order := "forwards"
	if k.Backwards {
		order = "backwards"
	}
	t.at(0, 1, "direction", order, "bit 4: the order in which segments are patched", explain.None)
	m, v = "bits 5..7 and 23", explain.OK
	if k.Attr != AttrAP && k.Attr != AttrCP {
		m, v = "only AP and CP images can be patched", explain.Warn
	}
	t.at(0, 3, "fwAttr", fmt.Sprintf("%d, %s", k.Attr, attrName(k.Attr)), m, v)
	t.at(1, 2, "length of the head", fmt.Sprintf("0x%X", k.HeadLen), "bits 8..17", explain.OK)
	t.at(3, 1, "segments", fmt.Sprint(k.Segments), "bits 24..31", explain.None)
	return t.Field
}

// loadMeaning names the flash maps that have the image where a package wants
// it.
func loadMeaning(series Series, k *ParPackage) (string, explain.Verdict) {
	var names, small []string
	for _, t := range targets {
		a := t.ap
		if k.Attr == AttrCP {
			a = t.cp
		}
		if t.series != series || a.off != int64(k.Load) {
			continue
		}
		if int64(max(k.NewSize, k.BaseSize)) > a.size {
			small = append(small, t.name)
		} else {
			names = append(names, t.name)
		}
	}
	what := "place of the " + attrName(k.Attr) + " image"
	switch {
	case len(names) > 0:
		return what + " of " + strings.Join(names, ", "), explain.OK
	case len(small) > 0:
		return fmt.Sprintf("%s of %s, which is too small for it", what, strings.Join(small, ", ")), explain.Bad
	}
	return "no known map has an image there", explain.Warn
}

// options explains what stands behind the fixed part of a package's head.
func options(h *tree, head []byte) {
	for at := parPackageFixed; len(head)-at >= 2; {
		n := int(head[at+1])
		if n < 2 || n > len(head)-at {
			h.at(int64(at), int64(len(head)-at), "padding", "", "", explain.None)
			return
		}
		data := head[at+2 : at+n]
		switch kind := head[at]; {
		case kind == 3 && len(data) >= 34:
			h.at(int64(at), int64(n), "option 3", fmt.Sprintf("%x", data[2:34]), "SHA-256 of the new image", explain.OK)
		case kind == 0:
			h.at(int64(at), int64(n), "option 0", explain.Printable(cstring(data)), "name", explain.OK)
		default:
			h.at(int64(at), int64(n), fmt.Sprintf("option %d", kind), fmt.Sprintf("% X", data), "not known", explain.Warn)
		}
		at += n
	}
}
