package ec

import (
	"bytes"
	"encoding/binary"

	"airlift/chips"
	"airlift/chips/synth"
	"airlift/chips/volume"
	"airlift/flash"
	"airlift/flash/spinor"
)

// dumpLayout recognises the contents of a whole flash, of the AP chip alone or
// with the CP chip or an SPI flash behind it, and finds the map that it was laid out by: the
// one that the core's descriptor carries, or that of a known firmware which
// most of the contents agree with.
func (x *inspector) dumpLayout(data []byte) *Layout {
	var best *Layout
	most := 2 // what a stray pattern reaches
	for _, m := range x.models {
		for _, p := range m.Profiles {
			l, err := layoutFor(m, p, nil)
			if err != nil || !l.dumpSize(int64(len(data))) {
				continue
			}
			if rest := int64(len(data)) - l.FlashSize; rest > 0 && l.CP == nil {
				l.SPI = &chips.SPIFlash{Size: rest}
			}
			if described := l.described(data); described != nil {
				return described
			}
			if n := l.agrees(data); n > most {
				best, most = &l, n
			}
		}
	}
	return best
}

// dumpSize reports whether a dump of a board with this layout has n bytes.
func (l *Layout) dumpSize(n int64) bool {
	if l.CP != nil {
		return n == l.FlashSize || n == l.FlashSize+cpFlashSize
	}
	return n == l.FlashSize || spinor.CheckSize(n-l.FlashSize) == nil
}

// described returns the layout in the descriptor of the core in a dump.
func (l *Layout) described(data []byte) *Layout {
	info, ok, err := synth.Find(data[l.Part(PartAP).Off:])
	if !ok || err != nil {
		return nil
	}
	found := *l
	if found.Table = info.Partitions; found.check() != nil {
		return nil
	}
	return &found
}

// agrees counts what in a dump is where the layout has it.
func (l *Layout) agrees(data []byte) int {
	n := 0
	note := func(is bool, worth int) {
		if is {
			n += worth
		}
	}
	at := func(name string) []byte { return data[l.Part(name).Off:] }
	note(volume.IsScript(at(PartScript)), 4)
	note(binary.LittleEndian.Uint32(at(PartInfo)) == l.Series.Magic(), 3)
	note(isPar(at(PartFota)), 2)
	note(string(at(PartBoot)[sealOff:sealOff+len(sealMagic)]) == sealMagic, 1)
	note(bytes.HasPrefix(at(PartFS)[8:], []byte("littlefs")), 1)
	if l.Series == EC618 {
		note(pointsInto(at(PartBoot), l.Part(PartBoot)), 2)
		note(pointsInto(at(PartAP), l.Part(PartAP)), 2)
	}
	return n
}

// pointsInto reports whether the reset vector of an image points into its
// partition.
func pointsInto(image []byte, p flash.Partition) bool {
	pc := binary.LittleEndian.Uint32(image[4:])
	off := int64(pc&^1) - xipBase
	return pc&1 != 0 && off >= p.Off && off < p.End()
}
