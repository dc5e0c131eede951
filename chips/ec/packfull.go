package ec

import (
	"fmt"

	"airlift/chips"
)

// fullKind describes packages with whole images.
func (m *maker) fullKind() chips.PackageKind {
	k := chips.PackageKind{Name: KindFull, Ext: ".full.bin", Summary: "whole core, and a script if there is one", Upgrade: true, Core: true, Fits: m.layout.SPI != nil}
	if !k.Fits {
		k.Why = "the OTA area has no room for it, and the board no SPI flash"
	}
	return k
}

// fullVersion in the head tells EC618's boot code to leave deltas alone, and is
// what the vendor's tool writes for both series (ec618.md 2.1, 4.2).
const fullVersion = 0xFFFFFFFF

// full makes a package of whole images: AP, CP, and the script area if there is
// a script (ec618.md 2.3). It goes into the board's SPI flash.
func (m *maker) full(in chips.MakeInput) ([]byte, error) {
	core, err := m.core(in)
	if err != nil {
		return nil, err
	}
	core.withoutScript(&m.layout)
	_, cp := m.layout.cpPart()
	cpAddr := uint32(cp.Off)
	if m.layout.Series == EC618 {
		cpAddr |= cpFlash
	}
	type part struct {
		addr uint32
		data []byte
	}
	parts := []part{{uint32(m.layout.Part(PartAP).Off), wholeWords(core.ap)}, {cpAddr, wholeWords(core.cp)}}
	if in.Script == nil {
		in.Script = core.script
	}
	if in.Script != nil {
		script, err := m.script(in)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part{m.layout.ScriptAddr(), script})
	}
	var common []byte
	for _, p := range parts {
		s, err := NewSection(m.layout.Series, p.addr, p.data)
		if err != nil {
			return nil, err
		}
		common = append(common, s.Encode()...)
	}
	if err := m.fullFits(len(common)); err != nil && !in.Force {
		return nil, err
	}
	pkg := NewPackage(m.layout.Series, common, nil)
	pkg.Head.MainVersion[4] = fullVersion
	return pkg.Encode(), nil
}

// fullFits refuses a common part that has no room on the module.
func (m *maker) fullFits(n int) error {
	where, room := "the OTA area", m.layout.Part(PartOTA).Size
	if m.layout.SPI != nil {
		where, room = "the SPI flash", m.layout.SPI.Size
	}
	if int64(n) > room {
		return fmt.Errorf("the compressed images have %d bytes, %s %d (pitfalls 3 and 22)", n, where, room)
	}
	return nil
}

// wholeWords fills an image up to whole words, which is all that EC7xx' boot
// code writes of a CP image.
func wholeWords(p []byte) []byte {
	q := append([]byte(nil), p...)
	for len(q)%4 != 0 {
		q = append(q, 0xFF)
	}
	return q
}
