package rda8910

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"slices"

	"airlift/flash/explain"
	"airlift/flash/luadb"
)

// Bounds of an explanation.
const (
	maxShownBulks  = 256
	maxShownBlocks = 64 // of a bulk or an LZMAR file
	maxShownFiles  = 512
)

// inspector is one explanation.
type inspector struct {
	room int64 // bytes that may still come out of LZMAR
}

func newInspector() *inspector { return &inspector{room: maxUnpacked} }

// node is a structure that begins at Off.
type node struct{ explain.Field }

func newNode(off int64, p []byte, name, meaning string) *node {
	return &node{explain.Field{Off: off, Len: int64(len(p)), Name: name, Meaning: meaning}}
}

// at adds a field at offset off of the structure.
func (n *node) at(off, length int64, name, value, meaning string, v explain.Verdict) {
	n.Add(explain.Field{Off: n.Off + off, Len: length, Name: name, Value: value, Meaning: meaning, Verdict: v})
}

// word adds a 32-bit number, in hexadecimal.
func (n *node) word(off int64, name string, v uint32, meaning string, verdict explain.Verdict) {
	n.at(off, 4, name, fmt.Sprintf("0x%08X", v), meaning, verdict)
}

// number adds a 32-bit number, in decimal.
func (n *node) number(off int64, name string, v uint32, meaning string, verdict explain.Verdict) {
	n.at(off, 4, name, fmt.Sprint(v), meaning, verdict)
}

// fault adds what a reader stumbled over, and what the device makes of it.
// Offsets in err count from base.
func (n *node) fault(base int64, err error, device string) {
	if err == nil {
		return
	}
	f := explain.Problem(err, base)
	if device != "" {
		f.Meaning += "; " + device
	}
	n.Add(f)
}

// verdict returns good or, with Bad, what is wrong.
func verdict(ok bool, good, bad string) (string, explain.Verdict) {
	if ok {
		return good, explain.OK
	}
	return bad, explain.Bad
}

func isScript(b []byte) bool { return bytes.HasPrefix(b, luaPrefix[:6]) }

// isStream recognises a stream by its head and the head of its first file. A
// stream with a delta of EC618 is not one of ours: AT firmware of that chip
// has the same form.
func isStream(b []byte) bool {
	return len(b) >= streamHead+streamFileHead && b[0] == streamMagic && b[1] == 0 && b[2] == 0 && b[3] == 0 &&
		(b[5] == TagApp || b[5] == TagCore) && !bytes.HasPrefix(b[10:], []byte{0xEC, 0xDF})
}

func isOldPack(b []byte) bool { return bytes.HasPrefix(b, []byte(packOldMagic)) }

func isStage(b []byte) bool {
	_, err := ParseStage(b)
	return err == nil
}

// isLuaApp recognises /fota/app by its trailer, and a script's application file
// by the MD5 behind the image.
func isLuaApp(b []byte) bool {
	if !isScript(b) {
		return false
	}
	if bytes.HasSuffix(b, []byte(AppTrailer)) {
		return true
	}
	img, err := luadb.Parse(b)
	return err == nil && img.End == int64(len(b)-md5.Size)
}

// stream explains what a server sends (8910.md 2.3).
func (x *inspector) stream(b []byte, off int64) explain.Field {
	s, err := ParseStream(b)
	n := newNode(off, b, "stream", "upgrade as a server sends it to an 8910")
	n.Value = fmt.Sprintf("%d files", len(s.Files))
	n.at(0, 1, "magic", "0x7E", "", explain.OK)
	count := be.Uint32(b[1:])
	m, v := verdict(count <= maxStreamFiles && count > 0, "at most 2", fmt.Sprintf("fota_process returns %d", CodeVerify))
	n.at(1, 4, "number of files", fmt.Sprint(count), m, v)
	seen := map[byte]bool{}
	for i := range s.Files {
		f := &s.Files[i]
		n.Add(x.streamFile(f, be.Uint32(b[f.Off-4:]), off, seen[f.Tag]))
		seen[f.Tag] = true
	}
	device := fmt.Sprintf("fota_process returns %d", CodeVerify)
	if s.complete(b) {
		device = fmt.Sprintf("fota_end returns %d and removes what came", CodeVerify)
	}
	n.fault(off, err, device)
	return n.Field
}

// complete reports whether a stream that has a fault is good as far as it
// goes: the fault is that it ends.
func (s *Stream) complete(b []byte) bool {
	r := StreamReader{
		Begin: func(byte, int64, uint32) error { return nil },
		Data:  func(byte, []byte) error { return nil },
	}
	_, err := r.Write(b)
	return err == nil
}

func (x *inspector) streamFile(f *StreamFile, size uint32, base int64, again bool) explain.Field {
	n := newNode(base+f.Off-streamFileHead, f.Data, "application", "always whole: becomes /fota/app")
	n.Len += streamFileHead
	if f.Tag == TagCore {
		n.Name, n.Meaning = "core", "always a difference: becomes /fota/fota.pack"
	}
	m, v := "", explain.OK
	if again {
		m, v = fmt.Sprintf("a second file with this tag: its data are dropped, the state becomes %d, fota_process returns 0", CodeFBF), explain.Bad
	}
	n.at(0, 1, "tag", fmt.Sprintf("0x%02X", f.Tag), m, v)
	m, v = verdict(int(size) == len(f.Data), "bytes, big-endian", fmt.Sprintf("%d bytes are there", len(f.Data)))
	if size == 0 {
		m, v = fmt.Sprintf("no data ever come: a stream with this file alone gives %d in fota_end", CodeVerify), explain.Bad
	}
	n.at(1, 4, "length", fmt.Sprint(size), m, v)
	if len(f.Data) == 0 {
		return n.Field
	}
	at := base + f.Off
	switch {
	case f.Tag == TagCore && isPack(f.Data):
		n.Add(x.pack(f.Data, at))
	case f.Tag == TagCore:
		n.at(streamFileHead, int64(len(f.Data)), "data", fmt.Sprintf("% X", f.Data[:min(8, len(f.Data))]), "no RDAOTA02 pack: if sizes and CRC are wrong too fota_process returns -96, else boot code refuses it", explain.Bad)
	default:
		n.Add(x.app(f.Data, at))
	}
	return n.Field
}

// app explains an application file, with or without the trailer that the core
// adds (8910.md 2.4).
func (x *inspector) app(b []byte, off int64) explain.Field {
	if isAppImage(b) {
		return x.appImage(b, off)
	}
	n := newNode(off, b, "script", "script image and its MD5")
	body, ready := bytes.CutSuffix(b, []byte(AppTrailer))
	s := CheckLuaApp(body)
	image := body
	if s.Checked {
		image = body[:max(0, len(body)-md5.Size)]
	}
	if isScript(b) {
		n.Add(scriptField(image, off))
	} else {
		n.at(0, int64(len(image)), "data", fmt.Sprintf("% X", b[:min(8, len(b))]), "neither script image nor APPIMG: the core installs it all the same", explain.Bad)
	}
	if s.Checked {
		m, v := verdict(s.OK(), "MD5 of what is before it", fmt.Sprintf("the MD5 is %x: fota_process returns %d (core V302043) or %d", s.Computed, CodeWrite, CodeVerify))
		n.at(int64(len(image)), int64(len(body)-len(image)), "MD5", fmt.Sprintf("%x", s.Stated), m, v)
	} else {
		n.at(0, int64(len(image)), "check", "none", "no luadb of version 2: the core looks for no MD5", explain.Warn)
	}
	if ready {
		n.at(int64(len(body)), int64(len(AppTrailer)), "trailer", AppTrailer, "ready to be installed at the next start", explain.OK)
	}
	return n.Field
}

// scriptField explains a script image.
func scriptField(p []byte, off int64) explain.Field {
	f := luadb.Explain(p)
	if over := len(f.Fields) - maxShownFiles; over > 0 {
		f.Fields = append(slices.Clip(f.Fields[:maxShownFiles]), explain.Field{Off: f.Fields[maxShownFiles].Off, Name: "more", Value: fmt.Sprintf("%d fields", over), Meaning: "not shown"})
	}
	f.Shift(off)
	return *f
}

// appImage explains a C program (8910.md 2.7).
func (x *inspector) appImage(b []byte, off int64) explain.Field {
	n := newNode(off, b, "APPIMG", "C program for CSDK cores")
	m, err := ParseAppImage(b)
	if m == nil {
		n.fault(off, err, "")
		return n.Field
	}
	n.at(0, 4, "magic", "2PPA", "", explain.OK)
	n.number(4, "size", m.Size, "bytes", explain.None)
	if err != nil {
		n.fault(off, err, fmt.Sprintf("core V302340 returns %d", CodeVerify))
		return n.Field
	}
	text, v := verdict(m.OK(), "CRC-32 with this field zero", fmt.Sprintf("the CRC is 0x%08X: core V302340 returns %d, V302043 does not look", m.computed, CodeVerify))
	n.word(8, "crc", m.CRC, text, v)
	n.word(12, "version", m.Version, "of the core's functions", explain.None)
	for i, name := range []string{"enter", "exit", "get_param", "set_param"} {
		n.word(int64(16+4*i), name, m.Entries[i], "", explain.None)
	}
	for i, l := range m.Loads {
		kinds := [...]string{"none", "copy", "core stub", "clear", "in flash"}
		kind := fmt.Sprintf("type %d", l.Type)
		if int64(l.Type) < int64(len(kinds)) {
			kind = kinds[l.Type]
		}
		n.at(int64(32+16*i), 16, "load", fmt.Sprintf("%s, 0x%X bytes from 0x%X to 0x%08X", kind, l.Size, l.Off, l.Addr), "", explain.None)
	}
	if rest := int64(len(b)) - int64(m.Size); rest > 0 {
		n.at(int64(m.Size), rest, "rest", fmt.Sprintf("%d bytes", rest), "behind the program", explain.None)
	}
	return n.Field
}

// stage explains the journal of an upgrade (8910.md 4.2).
func (x *inspector) stage(b []byte, off int64) explain.Field {
	s, _ := ParseStage(b)
	n := newNode(off, b, "fota.stage", "where an upgrade is")
	n.Value = s.String()
	n.at(0, 1, "indicator", fmt.Sprint(s.Indicator), "0 NOT_READY, 1 READY, 2 STARTED, 3 BACK_READY, 4 FINISHED", explain.OK)
	n.number(4, "block", s.Block, "", explain.None)
	return n.Field
}
