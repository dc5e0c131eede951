package xt804

import (
	"bytes"
	"fmt"
	"strings"

	"airlift/chips/volume"
	"airlift/flash/explain"
	"airlift/flash/luadb"
)

// Bounds of an explanation. Together they keep memory below 4 times (input
// and flash) and 16 MiB, however a file is made.
const (
	maxExplainedScripts  = 4    // script images that are shown file by file
	maxExplainedNames    = 2048 // files in all of them
	maxExplainedPackages = 2    // packages that are unpacked
	smallFlash           = 2 << 20
	largeFlash           = 8 << 20
)

// Inspect explains images and rows of them (.img, .fls, .fota, .sota), bare
// script images (/update.bin), the packer's .bin.gz, and whole flashes.
func (f *Family) Inspect(data []byte) (*explain.Field, bool) {
	x := inspector{scripts: maxExplainedScripts, names: maxExplainedNames}
	switch {
	case isMagic(data):
		return x.file(data), true
	case volume.IsScript(data):
		return x.updateBin(data), true
	case isDump(data):
		return x.dump(data), true
	case len(data) > 2 && data[0] == 0x1F && data[1] == 0x8B:
		return x.bareGzip(data)
	}
	return nil, false
}

// isMagic reports whether p starts with an image header's magic.
func isMagic(p []byte) bool { return bytes.HasPrefix(p, []byte{0x9F, 0xFF, 0xFF, 0xA0}) }

// inspector is one explanation; its numbers count down what may still be shown.
type inspector struct {
	scripts, names int
	flashSize      int64 // bytes of the flash that is explained; 0 for a file
	unpacked       int   // packages unpacked so far
	inside         bool  // within the contents of a package
}

// file explains a row of images that starts with one.
func (x *inspector) file(data []byte) *explain.Field {
	root := &explain.Field{Len: int64(len(data)), Name: "XT804 image file", Verdict: explain.None}
	var types []string
	rest := data
	for off := int64(0); len(rest) > 0; rest = data[off:] {
		if len(types) == maxImages {
			root.Add(tailField(off, rest, fmt.Sprintf("more than %d images: not shown", maxImages), explain.Warn))
			break
		}
		if len(types) > 0 && !isMagic(rest) {
			root.Add(restField(off, rest))
			break
		}
		h, body, next, f := x.image(rest, off)
		root.Add(f)
		if h == nil {
			break
		}
		types = append(types, imageKind(h))
		if body == nil {
			break
		}
		off += next
	}
	root.Value = strings.Join(types, ", ")
	root.Meaning = fileMeaning(types)
	return root
}

// imageKind says in a word or two what an image is.
func imageKind(h *Header) string {
	switch {
	case h.Zipped() && h.Type() == TypeApp:
		return "full package"
	case h.Zipped() && h.Type() == TypeScript:
		return "script package"
	case h.Type() == TypeApp && h.ImgHeaderAddr == RAMHeader:
		return "script image for serial flashing"
	}
	return typeName(h.Type())
}

func typeName(t uint32) string {
	switch t {
	case TypeSecboot:
		return "secboot"
	case TypeApp:
		return "app"
	case TypeScript:
		return "script"
	case TypeCPFT:
		return "factory test"
	}
	return fmt.Sprintf("type %d", t)
}

func fileMeaning(types []string) string {
	switch {
	case len(types) == 0:
		return "cut off"
	case types[0] == "full package":
		return ".fota: core and script for the FOTA area"
	case types[0] == "script package":
		return ".sota: script alone for the FOTA area"
	case len(types) > 1 && types[0] == "secboot":
		return ".fls: images for serial flashing"
	}
	return ".img"
}

func tailField(off int64, p []byte, meaning string, v explain.Verdict) explain.Field {
	return explain.Field{Off: off, Len: int64(len(p)), Name: "rest", Value: fmt.Sprintf("%d bytes", len(p)), Meaning: meaning, Verdict: v}
}

// restField explains what follows where no image can start.
func restField(off int64, p []byte) explain.Field {
	switch {
	case allBytes(p, 0):
		return tailField(off, p, "zeros", explain.Warn)
	case allBytes(p, 0xFF):
		return tailField(off, p, "erased flash", explain.Warn)
	}
	return tailField(off, p, "neither an image nor padding", explain.Bad)
}

func allBytes(p []byte, b byte) bool {
	for _, c := range p {
		if c != b {
			return false
		}
	}
	return true
}

// image explains the image at the start of data; off is where that is. The
// header is nil if it is cut off, the body if that is; next is the image's
// length.
func (x *inspector) image(data []byte, off int64) (h *Header, body []byte, next int64, f explain.Field) {
	if len(data) < HeaderSize {
		return nil, nil, 0, tailField(off, data, "an image header has 64 bytes", explain.Bad)
	}
	hd := DecodeHeader(data)
	h = &hd
	start := int64(HeaderSize)
	if isDebugForm(data, h) {
		start = 0x100
	}
	have := int64(len(data)) - start
	f = explain.Field{Off: off, Name: "image", Value: imageKind(h), Len: int64(len(data))}
	if h.MagicNo == Magic && int64(h.ImgLen) <= have {
		end := start + int64(h.ImgLen)
		body = data[start:end:end]
		f.Len = end
	}
	f.Add(x.header(h, off, body, fmt.Sprintf("only %d bytes follow", max(have, 0))))
	if start != HeaderSize {
		f.Add(explain.Field{Off: off + HeaderSize, Len: start - HeaderSize, Name: "gap", Value: "FF", Meaning: "debug form of the packer: body at 0x100"})
	}
	if body == nil {
		f.Add(tailField(off+start, data[start:], "the body is cut off", explain.Bad))
		return h, nil, f.Len, f
	}
	f.Add(x.body(h, body, off+start))
	if h.Signed() {
		sig := data[f.Len:min(int64(len(data)), f.Len+SignatureSize)]
		s := tailField(off+f.Len, sig, "RSA signature; not checked unless OTP says so", explain.None)
		s.Name = "signature"
		if len(sig) < SignatureSize {
			s.Verdict = explain.Bad
		}
		f.Add(s)
		f.Len += int64(len(sig))
	}
	return h, body, f.Len, f
}

// isDebugForm recognises the packer's _dbg.img (xt804.md 2.4).
func isDebugForm(data []byte, h *Header) bool {
	return h.HeaderOK() && int64(len(data)) == 0x100+int64(h.ImgLen) && allBytes(data[HeaderSize:0x100], 0xFF) && JAMCRC(data[0x100:]) == h.OrgChecksum
}

// updateBin explains a bare script image, and what the firmware would say to
// it as /update.bin (xt804.md 4.2).
func (x *inspector) updateBin(data []byte) *explain.Field {
	root := luadb.Explain(data)
	f := explain.Field{Len: int64(len(data)), Name: "as /update.bin", Meaning: "the firmware would apply it", Verdict: explain.OK}
	if why := updateBinFault(data); why != "" {
		f.Meaning, f.Verdict = "the firmware would delete it unread: "+why, explain.Warn
	}
	root.Add(f)
	return root
}

// updateBinFault says why firmware with file-system OTA rejects a file. It
// looks at size and MD5, not at the structure.
func updateBinFault(data []byte) string {
	if n := len(data); n < minUpdateBin || n > maxUpdateBin {
		return fmt.Sprintf("%d bytes; it takes %d to %d (P16)", n, minUpdateBin, maxUpdateBin)
	}
	img, err := luadb.Parse(data)
	if err != nil {
		return "the MD5 of all but the last 16 bytes must be the last 16 bytes"
	}
	switch t, ok := img.Trailer(); {
	case !ok:
		return "there is no trailer with an MD5"
	case !t.Good:
		return "the trailer's MD5 is wrong"
	case img.End != int64(len(data)):
		return fmt.Sprintf("%d bytes of padding follow the trailer", int64(len(data))-img.End)
	}
	return ""
}

// bareGzip explains the packer's .bin.gz, a stream without image header, if
// images are in it.
func (x *inspector) bareGzip(data []byte) (*explain.Field, bool) {
	g, _ := readGzip(data, 0, smallFlash)
	if !isMagic(g.payload) {
		return nil, false
	}
	f := x.gzip(nil, data, 0)
	f.Name = "gzip of XT804 images"
	f.Meaning = "a package without its outer header: the firmware refuses it"
	f.Verdict = explain.Warn
	return &f, true
}
