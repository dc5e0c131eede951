package ec

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"fmt"

	"airlift/chips"
	"airlift/flash/explain"
	"airlift/flash/luadb"
)

// Bounds of an explanation: together they keep memory below 4 times (input
// and flash), however a file is made.
const (
	maxShownSections = 16
	maxShownBlocks   = 128
	maxShownScripts  = 4
	maxShownFiles    = 2048 // fields of one script image
)

// Inspect explains upgrade packages, deltas (.par), upgrade files of AT
// firmware, .binpkg files and the contents of whole flashes.
func (f *Family) Inspect(data []byte) (*explain.Field, bool) {
	x := inspector{models: f.models, scripts: maxShownScripts, room: newUnpackRoom(), segments: maxParSegments}
	switch {
	case isPackage(data):
		return x.packageFile(data), true
	case isPar(data):
		d := x.par(data, 0, nil)
		return &d, true
	case isAT(data), isAuth(data):
		return x.foreign(data), true
	case isBinpkg(data):
		return x.binpkg(data), true
	}
	if l := x.dumpLayout(data); l != nil {
		return x.dump(data, l), true
	}
	return nil, false
}

// inspector is one explanation; its numbers count down what may still be shown.
type inspector struct {
	models   []*chips.Model
	scripts  int
	segments int // of deltas
	room     unpackRoom
}

func isPackage(p []byte) bool {
	if len(p) < 4 {
		return false
	}
	_, ok := SeriesOf(binary.LittleEndian.Uint32(p))
	return ok
}

func isPar(p []byte) bool { return bytes.HasPrefix(p, parMagic) }

// Upgrade files that LuatOS does not take (ec618.md 2.3, 2.4).
const (
	atHead   = 10 // 7E, length 1, 7D, length of the delta, the numbers big-endian
	authHead = 76
)

func isAT(p []byte) bool {
	return len(p) >= atHead && bytes.HasPrefix(p, []byte{0x7E, 0, 0, 0, 1, 0x7D})
}

func isAuth(p []byte) bool { return bytes.HasPrefix(p, []byte{0xEC, 0xAE}) }

// tree builds the fields of a structure that begins at base.
type tree struct {
	explain.Field
	base int64
}

func newTree(base, length int64, name string) *tree {
	return &tree{explain.Field{Off: base, Len: length, Name: name}, base}
}

// at adds a field at offset off of the structure.
func (t *tree) at(off, length int64, name, value, meaning string, v explain.Verdict) {
	t.Add(explain.Field{Off: t.base + off, Len: length, Name: name, Value: value, Meaning: meaning, Verdict: v})
}

// word adds a 32-bit number, in hexadecimal.
func (t *tree) word(off int64, name string, v uint32, meaning string, verdict explain.Verdict) {
	t.at(off, 4, name, fmt.Sprintf("0x%08X", v), meaning, verdict)
}

// judge returns OK or, with what is wrong, Bad.
func judge(ok bool, right, wrong string) (string, explain.Verdict) {
	if ok {
		return right, explain.OK
	}
	return wrong, explain.Bad
}

// packageFile explains an upgrade package (ec618.md 2).
func (x *inspector) packageFile(data []byte) *explain.Field {
	root := newTree(0, int64(len(data)), "upgrade package")
	if len(data) < HeadSize {
		root.at(0, int64(len(data)), "head", fmt.Sprintf("%d bytes", len(data)), "cut off: a head has 92 bytes", explain.Bad)
		return &root.Field
	}
	h := DecodeHead(data)
	series, _ := SeriesOf(h.Magic)
	rest := data[HeadSize:]
	common := rest[:min(int64(h.CommonLen), int64(len(rest)))]
	rest = rest[len(common):]
	sdk := rest[:min(int64(h.SDKLen), int64(len(rest)))]
	rest = rest[len(sdk):]
	root.Value, root.Meaning = series.String(), packageMeaning(&h)
	root.Add(x.head(&h, series, common, sdk))
	if len(common) > 0 {
		root.Add(x.common(common, HeadSize, series))
	}
	if len(sdk) > 0 {
		root.Add(x.par(sdk, HeadSize+int64(len(common)), &series))
	}
	if len(rest) > 0 {
		root.at(int64(len(data)-len(rest)), int64(len(rest)), "rest", fmt.Sprintf("%d bytes", len(rest)), "the device drops what follows", explain.Warn)
	}
	return &root.Field
}

func packageMeaning(h *Head) string {
	switch {
	case h.CommonLen > 0 && h.SDKLen > 0:
		return "script and core delta: SoC differential upgrade"
	case h.SDKLen > 0:
		return "core delta alone"
	case h.CommonLen > 0:
		return "common part alone"
	}
	return "empty"
}

func (x *inspector) head(h *Head, series Series, common, sdk []byte) explain.Field {
	t := newTree(0, HeadSize, "head")
	t.word(0, "MaigcNum", h.Magic, series.String(), explain.OK)
	m, v := judge(h.CRC == h.computed, "CRC of the head from here on", fmt.Sprintf("the CRC is 0x%08X: the device says file head crc32 error", h.computed))
	if s22Bug(h) {
		m = "soc_tools of the EC618 SDK of 2022 made this: it put the MD5 of nothing into CommonMD5 after it had computed the CRC over zeros, and every device refuses that; make it again with a newer one"
	}
	t.word(4, "CRC32", h.CRC, m, v)
	t.at(8, 20, "MainVersion", versionText(h.MainVersion), "core version that it leads to; LuatOS does not look at it", explain.None)
	t.word(28, "AppVersion", h.AppVersion, "LuatOS does not look at it", explain.None)
	t.at(32, 20, "STDVersion", versionText(h.STDVersion), "core version that it is for; LuatOS does not look at it", explain.None)
	m, v = judge(int64(len(common)) == int64(h.CommonLen), "bytes of the common part", fmt.Sprintf("the file has %d of them", len(common)))
	t.at(52, 4, "CommonDataLen", fmt.Sprint(h.CommonLen), m, v)
	m, v = judge(int64(len(sdk)) == int64(h.SDKLen), "bytes of the delta", fmt.Sprintf("the file has %d of them", len(sdk)))
	if h.CommonLen == 0 && h.SDKLen == 0 {
		m, v = "neither common part nor delta: the device ends with a delta error", explain.Bad
	}
	t.at(56, 4, "SDKDataLen", fmt.Sprint(h.SDKLen), m, v)
	sum := md5.Sum(common)
	switch {
	case int64(len(common)) < int64(h.CommonLen):
		m, v = "MD5 of the common part, which is cut off", explain.None
	case h.CommonLen > 0:
		m, v = judge(sum == h.CommonMD5, "MD5 of the common part", fmt.Sprintf("the common part has %x: the device refuses it", sum))
	case h.CommonMD5 == [16]byte{}:
		m, v = "no common part", explain.OK
	default:
		m, v = "not zero, though there is no common part", explain.Warn
	}
	t.at(60, 16, "CommonMD5", fmt.Sprintf("%x", h.CommonMD5), m, v)
	m, v = "no device looks at it", explain.None
	switch whole := len(sdk) > 0 && int64(len(sdk)) == int64(h.SDKLen); {
	case whole && md5.Sum(sdk) == h.SDKMD5:
		m, v = "MD5 of the delta; no device looks at it", explain.OK
	case whole:
		m, v = fmt.Sprintf("the delta has %x; no device looks at it", md5.Sum(sdk)), explain.Warn
	}
	t.at(76, 16, "SDKMD5", fmt.Sprintf("%x", h.SDKMD5), m, v)
	return t.Field
}

func versionText(v [5]uint32) string {
	if v == [5]uint32{} {
		return "0"
	}
	return fmt.Sprintf("%08X", v)
}

// foreign explains upgrade files of other firmware with the same chips, which
// LuatOS refuses (ec618.md 2.3).
func (x *inspector) foreign(data []byte) *explain.Field {
	const refused = "LuatOS refuses it: magic num error"
	if isAuth(data) {
		root := newTree(0, int64(len(data)), "signed delta")
		root.Meaning = "delta with the vendor's authentication head"
		n := min(authHead, int64(len(data)))
		root.at(0, n, "authentication head", fmt.Sprintf("%d bytes", n), "ECDSA, not checked; "+refused, explain.Bad)
		if rest := data[n:]; isPar(rest) {
			root.Add(x.par(rest, n, nil))
		}
		return &root.Field
	}
	root := newTree(0, int64(len(data)), "AT firmware upgrade file")
	root.Meaning = "delta for modules with AT firmware"
	root.at(0, 5, "prefix", "7E, 1", "for AT firmware; "+refused, explain.Bad)
	n := int64(binary.BigEndian.Uint32(data[6:]))
	rest := data[atHead:]
	m, v := judge(n == int64(len(rest)), "bytes of the delta", fmt.Sprintf("%d bytes follow", len(rest)))
	root.at(5, 5, "prefix", fmt.Sprintf("7D, %d", n), m, v)
	if isPar(rest) {
		root.Add(x.par(rest, atHead, nil))
	} else {
		root.at(atHead, int64(len(rest)), "data", fmt.Sprintf("%d bytes", len(rest)), "not a delta", explain.Bad)
	}
	return &root.Field
}

// script explains a script image, file by file for the first few.
func (x *inspector) script(p []byte, off int64) explain.Field {
	if x.scripts == 0 {
		return explain.Field{Off: off, Len: int64(len(p)), Name: "luadb", Value: fmt.Sprintf("%d bytes", len(p)), Meaning: "one more script image, not shown"}
	}
	x.scripts--
	f := luadb.Explain(p)
	if over := len(f.Fields) - maxShownFiles; over > 0 {
		f.Fields = append(f.Fields[:maxShownFiles:maxShownFiles], explain.Field{Off: f.Fields[maxShownFiles].Off, Name: "more", Value: fmt.Sprintf("%d fields", over), Meaning: "not shown"})
	}
	f.Shift(off)
	return *f
}
