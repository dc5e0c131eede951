package ec

import (
	"bytes"
	"fmt"

	"airlift/chips"
	"airlift/chips/volume"
	"airlift/flash/explain"
)

var _ chips.Unpacker = (*Family)(nil)

// Unpack takes packages, deltas, .binpkg files and flash dumps apart. The parts
// of a package are the unpacked sections, with the files of a script image
// below them, and the delta; those of a delta the payloads; those of a .binpkg
// the images; those of a dump the partitions, and what waits in them.
func (f *Family) Unpack(data []byte) ([]chips.Part, bool, error) {
	u := unpacker{inspector: inspector{models: f.models, room: newUnpackRoom()}}
	var err error
	switch {
	case isPackage(data):
		err = u.packageFile(data)
	case isPar(data):
		err = u.par("", data)
	case isAT(data):
		err = u.par("", data[atHead:])
	case isBinpkg(data):
		err = u.binpkg(data)
	default:
		l := u.dumpLayout(data)
		if l == nil {
			return nil, false, nil
		}
		err = u.dump(data, l)
	}
	return u.List, true, err
}

type unpacker struct {
	inspector
	volume.Parts
}

func (u *unpacker) packageFile(data []byte) error {
	p, err := ParsePackage(data)
	if err != nil {
		return err
	}
	if err := u.common("", p.Common, HeadSize, p.Series); err != nil {
		return err
	}
	if len(p.SDK) == 0 {
		return nil
	}
	if err := u.Add("delta.par", p.SDK); err != nil {
		return err
	}
	return u.par("delta/", p.SDK)
}

// common adds the sections of a common part that lies at off in its file.
func (u *unpacker) common(dir string, common []byte, off int64, series Series) error {
	sections, err := Sections(common, series)
	if err != nil {
		return explain.Moved(err, off)
	}
	for i, s := range sections {
		if err := u.room.take(s); err != nil {
			return explain.Moved(err, off)
		}
		data, err := s.Unpack()
		if err != nil {
			return explain.Moved(err, off)
		}
		name := fmt.Sprintf("%s%d-%s", dir, i, s.kind(data))
		if err := u.Add(name+".bin", data); err != nil {
			return err
		}
		if err := u.AddScript(name+"/", data); err != nil {
			return err
		}
	}
	return nil
}

// kind says in a word what a section brings.
func (s *Section) kind(data []byte) string {
	if volume.IsScript(data) {
		return "script"
	}
	for _, t := range targets {
		switch {
		case t.series.Magic() != s.Magic:
		case int64(s.StartAddr) == t.ap.off:
			return "ap"
		case t.series == EC618 && s.StartAddr == cpFlash, t.series == EC7xx && int64(s.StartAddr) == t.cp.off:
			return "cp"
		}
	}
	return "data"
}

func (u *unpacker) par(dir string, data []byte) error {
	p, err := ParsePar(data)
	if err != nil {
		return err
	}
	for i, k := range p.Packages {
		if err := u.Add(fmt.Sprintf("%s%d-%s.payload", dir, i, attrName(k.Attr)), k.Payload); err != nil {
			return err
		}
	}
	return nil
}

func (u *unpacker) binpkg(data []byte) error {
	p, err := ParseBinpkg(data)
	if err != nil {
		return err
	}
	for i := range p.Entries {
		e := &p.Entries[i]
		if err := u.Add(fmt.Sprintf("%d-%s.bin", i, e.Type), e.Data); err != nil {
			return err
		}
		if at := u.findScript(e, p.Series()); e.Type == "AP" && at >= 0 {
			if err := u.AddScript("script/", e.Data[at:]); err != nil {
				return err
			}
		}
	}
	return nil
}

// dump adds each partition, the files of the script, and what waits to be
// applied.
func (u *unpacker) dump(data []byte, l *Layout) error {
	if err := u.AddPartitions(data, l.Table, PartScript); err != nil {
		return err
	}
	if l.CP != nil && int64(len(data)) > l.FlashSize {
		for _, p := range l.CP.Sorted() {
			if err := u.Add(p.Name+".bin", data[l.FlashSize+p.Off:l.FlashSize+p.End()]); err != nil {
				return err
			}
		}
	}
	if l.SPI != nil {
		if err := u.spiFlash(data, l); err != nil {
			return err
		}
	}
	return u.pending(data, l)
}

// spiFlash adds an SPI flash, and the common part that waits in it.
func (u *unpacker) spiFlash(data []byte, l *Layout) error {
	spi := data[l.FlashSize:]
	if err := u.Add(chips.PartSPI+".bin", spi); err != nil {
		return err
	}
	i := DecodeInfo(data[l.Part(PartInfo).Off:])
	if i.Magic != l.Series.Magic() || i.CRC != i.computed {
		return nil
	}
	if p := waitingInSPI(&i, spi); p != nil {
		return u.Add("waiting/common.bin", p)
	}
	return nil
}

// pending adds the common part and the delta that wait in a dump.
func (u *unpacker) pending(data []byte, l *Layout) error {
	i := DecodeInfo(data[l.Part(PartInfo).Off:])
	from := int64(l.OTAAddr())
	if i.Magic == l.Series.Magic() && i.CRC == i.computed && i.DataStart == xipBase+l.OTAAddr() && int64(i.DataLen) <= l.FlashSize-from {
		if err := u.Add("waiting/common.bin", data[from:from+int64(i.DataLen)]); err != nil {
			return err
		}
	}
	zone := data[l.Part(PartFota).Off:l.FlashSize]
	if !isPar(zone) {
		return nil
	}
	p, err := parseParHead(zone)
	if err != nil {
		return nil // inspect says what is wrong with it
	}
	return u.Add("waiting/delta.par", bytes.Clone(zone[:p.Len]))
}
