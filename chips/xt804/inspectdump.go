package xt804

import (
	"fmt"
	"strings"

	"airlift/chips/synth"
	"airlift/chips/volume"
	"airlift/flash"
	"airlift/flash/explain"
	"airlift/flash/luadb"
)

// isDump recognises the contents of a whole flash by its size and an image
// header in one of the places where this family has one.
func isDump(data []byte) bool {
	n := len(data)
	if n < 1<<20 || n > 64<<20 || n&(n-1) != 0 {
		return false
	}
	if isMagic(data[Off(SecbootHeaderAddr):]) || isMagic(data[Off(UpgradeAddr):]) {
		return true
	}
	for _, k := range knownLayouts() {
		if k.FlashSize == int64(n) && isMagic(data[Off(k.Header):]) {
			return true
		}
	}
	return false
}

// dump explains a whole flash.
func (x *inspector) dump(data []byte) *explain.Field {
	x.flashSize = int64(len(data))
	root := &explain.Field{Len: x.flashSize, Name: "XT804 flash", Value: fmt.Sprintf("%d KiB", x.flashSize/kib)}
	chain, app := x.bootChain(data)
	root.Add(chain)
	upg, area := x.fotaArea(data)
	flag := x.flag(data, upg)
	root.Add(area)
	root.Add(flag)
	for _, f := range x.partitions(data, app) {
		root.Add(f)
	}
	return root
}

// bootChain follows the headers from secboot to the app as secboot does
// (xt804.md 3.4), and returns the app's header if it gets there.
func (x *inspector) bootChain(data []byte) (explain.Field, *Header) {
	f := explain.Field{Off: Off(SecbootHeaderAddr), Len: HeaderSize, Name: "boot chain", Meaning: "what secboot finds to start", Verdict: explain.OK}
	at, seen := Off(SecbootHeaderAddr), map[int64]bool{}
	for {
		if at > x.flashSize-HeaderSize || seen[at] || len(seen) == maxImages {
			f.Add(explain.Field{Off: f.Off, Name: "end", Meaning: fmt.Sprintf("no app: the chain leads to 0x%08X", Addr(at)), Verdict: explain.Bad})
			return f, nil
		}
		seen[at] = true
		h := DecodeHeader(data[at:])
		body, missing := x.flashBody(data, &h)
		img := explain.Field{Off: at, Len: HeaderSize, Name: "image", Value: imageKind(&h), Verdict: explain.OK}
		if s := checkHeader(&h, x.flashSize); s != statusOK {
			img.Verdict, img.Meaning = explain.Bad, fmt.Sprintf("header not valid: secboot says %c", s)
			if allBytes(data[at:at+HeaderSize], 0xFF) {
				img.Value, img.Meaning = "erased", "no header"
				f.Add(img)
				return f, nil
			}
		}
		img.Add(x.header(&h, at, body, missing))
		if body != nil {
			img.Add(x.body(&h, body, Off(h.ImgAddr)))
		}
		bad := img.Verdict == explain.Bad
		f.Add(img)
		switch {
		case bad:
			return f, nil
		case h.Type() == TypeApp:
			return f, &h
		case h.Next < FlashBase || int64(h.Next)-FlashBase >= x.flashSize:
			f.Add(explain.Field{Off: at, Name: "end", Meaning: fmt.Sprintf("no app: the chain leads to 0x%08X, secboot says J", h.Next), Verdict: explain.Bad})
			return f, nil
		}
		at = Off(h.Next)
	}
}

// flashBody returns the body of an installed image.
func (x *inspector) flashBody(data []byte, h *Header) ([]byte, string) {
	if h.MagicNo != Magic || h.ImgAddr < FlashBase || h.ImgAddr > flashSpaceLast {
		return nil, "it is not in flash"
	}
	off := int64(h.ImgAddr) - FlashBase
	if off > x.flashSize || int64(h.ImgLen) > x.flashSize-off {
		return nil, "the flash ends before"
	}
	return data[off : off+int64(h.ImgLen)], ""
}

// fotaArea explains the images that wait at 0x08010000 (xt804.md 3.4), and
// returns the first valid one of type 1, which is secboot's UPG.
func (x *inspector) fotaArea(data []byte) (*Header, explain.Field) {
	start := Off(UpgradeAddr)
	f := explain.Field{Off: start, Name: "upgrade area", Verdict: explain.OK}
	if !isMagic(data[start:]) {
		f.Value, f.Meaning = "no image", "nothing waits to be applied"
		if allBytes(data[start:start+4], 0xFF) {
			f.Value = "erased"
		}
		return nil, f
	}
	for off, n := start, 0; n < maxImages && off <= x.flashSize-HeaderSize && isMagic(data[off:]); n++ {
		h, body, length, img := x.image(data[off:], off)
		f.Add(img)
		if body == nil || checkHeader(h, x.flashSize) != statusOK {
			break
		}
		off += length
		f.Len = off - start
		if h.Type() == TypeApp {
			if JAMCRC(body) == h.OrgChecksum {
				return h, f
			}
			break
		}
	}
	return nil, f
}

// flag explains the OTA flag in the light of the waiting package.
func (x *inspector) flag(data []byte, upg *Header) explain.Field {
	off := Off(FlagAddr(x.flashSize))
	v := uint32(data[off]) | uint32(data[off+1])<<8 | uint32(data[off+2])<<16 | uint32(data[off+3])<<24
	f := explain.Field{Off: off, Len: 4, Name: "OTA flag", Value: fmt.Sprintf("0x%08X", v), Verdict: explain.OK}
	switch {
	case v == 0xFFFFFFFF && upg == nil:
		f.Meaning = "none"
	case v == 0xFFFFFFFF:
		f.Meaning, f.Verdict = "none, though a full package waits: secboot does not apply it, the core takes its scripts (P8)", explain.Warn
	case upg == nil:
		f.Meaning, f.Verdict = "set, but no valid full package waits", explain.Warn
	case v == upg.OrgChecksum:
		f.Meaning = "equal to the package's org_checksum: secboot applies it at the next boot"
	default:
		f.Meaning, f.Verdict = fmt.Sprintf("not the package's org_checksum 0x%08X: secboot does not apply it", upg.OrgChecksum), explain.Warn
	}
	return f
}

// partitions explains the parts that no image covers: key-value store, script
// and file system, where the core's map has them.
func (x *inspector) partitions(data []byte, app *Header) []explain.Field {
	table, from := x.table(data, app)
	if table == nil {
		return []explain.Field{{Name: "partitions", Meaning: "no known flash map has the app there; a custom one can be given to flash map", Verdict: explain.Warn}}
	}
	fields := []explain.Field{{Name: "partitions", Value: from, Meaning: "where the map comes from"}}
	for _, p := range table.Sorted() {
		if p.Overlay || p.Off < 0 || p.Size < 0 || p.Off > x.flashSize || p.Size > x.flashSize-p.Off {
			continue
		}
		fields = append(fields, x.partition(data[p.Off:p.End()], p))
	}
	return fields
}

// table returns the partition table that the app's descriptor carries, or that
// of the only known map with the app in this place.
func (x *inspector) table(data []byte, app *Header) (flash.Table, string) {
	if app == nil {
		return nil, ""
	}
	if body, _ := x.flashBody(data, app); body != nil {
		if info, ok, err := synth.Find(body); ok && err == nil && info.Partitions.Check(flash.NOR(x.flashSize)) == nil {
			return info.Partitions, "the core's descriptor"
		}
	}
	var names []string
	match := matchLayouts(func(l *Layout) uint32 { return l.Header }, app.ImgHeaderAddr, x.flashSize)
	for _, k := range match {
		names = append(names, k.name)
	}
	if len(match) == 0 {
		return nil, ""
	}
	return match[0].Table, strings.Join(names, ", ")
}

func (x *inspector) partition(p []byte, part flash.Partition) explain.Field {
	f := explain.Field{Off: part.Off, Len: part.Size, Name: part.Name, Meaning: part.Note}
	used := int64(0)
	for at := int64(0); at < part.Size; at += flash.DefaultSectorSize {
		if !allBytes(p[at:at+flash.DefaultSectorSize], 0xFF) {
			used++
		}
	}
	f.Value = fmt.Sprintf("%d of %d sectors in use", used, part.Size/flash.DefaultSectorSize)
	switch {
	case part.Name == PartFS || part.Name == PartKV:
		x.volume(&f, p, used == 0)
	case part.Name != PartScript:
	case volume.IsScript(p):
		f.Add(x.script(withoutErased(p), part.Off))
	case used == 0:
		f.Meaning, f.Verdict = "no script", explain.Warn
	default:
		f.Meaning, f.Verdict = "not a script image: the core logs Bad LuaDB", explain.Bad
	}
	return f
}

// withoutErased cuts the erased sectors behind a script image off: they are no
// part of it and need no explanation.
func withoutErased(p []byte) []byte {
	n := len(p)
	for n > flash.DefaultSectorSize && allBytes(p[n-flash.DefaultSectorSize:n], 0xFF) {
		n -= flash.DefaultSectorSize
	}
	img, err := luadb.Parse(p[:n])
	if err != nil {
		return p[:n]
	}
	// Zeros up to 1024 are padding, the rest of the last sector is erased.
	end := (int(img.End) + ImagePad - 1) / ImagePad * ImagePad
	if end < n && allBytes(p[end:n], 0xFF) && allBytes(p[img.End:end], 0) {
		return p[:end]
	}
	return p[:n]
}

// volume explains a partition that holds a littlefs volume (xt804.md 1.7).
func (x *inspector) volume(f *explain.Field, p []byte, erased bool) {
	note := func(meaning string) {
		if f.Meaning != "" {
			meaning = f.Meaning + "; " + meaning
		}
		f.Meaning = meaning
	}
	if erased {
		note("erased: formatted when it is first mounted")
		return
	}
	tree, err := volume.Explain(p, f.Off)
	switch {
	case err == nil:
		f.Add(*tree)
	case f.Name == PartKV:
		note("no littlefs volume: older firmware keeps FlashDB here (xt804.md 1.7)")
	default:
		note("no littlefs volume: the core formats it, whatever it holds")
		f.Verdict = explain.Warn
	}
}
