package rda8910

import (
	"bytes"
	"crypto/md5"
	"fmt"

	"airlift/chips"
	"airlift/flash/explain"
)

var _ chips.Layered = (*maker)(nil)

// Layers implements [chips.Layered]: the stream, in which nothing is checked;
// the script in front of its MD5; the core pack, whose head has a CRC; and the
// unpacked bundles in it.
func (m *maker) Layers(pkg []byte) ([]chips.Layer, error) {
	list := []chips.Layer{{Name: "stream", Data: pkg, Wrap: func(p []byte) ([]byte, error) { return p, nil }}}
	s, err := ParseStream(pkg)
	if err != nil {
		return list, err
	}
	for i, f := range s.Files {
		place := func(data []byte) ([]byte, error) {
			other := Stream{Files: append([]StreamFile(nil), s.Files...)}
			other.Files[i].Data = data
			return other.Encode(), nil
		}
		if f.Tag == TagApp {
			if len(f.Data) <= md5.Size {
				return list, wrong(f.Off, "application file", "more than 16 bytes", len(f.Data))
			}
			list = append(list, chips.Layer{Name: "script", Data: f.Data[:len(f.Data)-md5.Size], Wrap: func(p []byte) ([]byte, error) {
				sum := md5.Sum(p)
				return place(append(p[:len(p):len(p)], sum[:]...))
			}})
			continue
		}
		pack, err := packLayers(f.Data, place)
		if list = append(list, pack...); err != nil {
			return list, explain.Moved(err, f.Off)
		}
	}
	return list, nil
}

// packLayers are the layers of a core pack.
func packLayers(data []byte, place func([]byte) ([]byte, error)) ([]chips.Layer, error) {
	list := []chips.Layer{{Name: "pack", Data: data, Wrap: func(b []byte) ([]byte, error) { return place(recount(b, len(data))) }}}
	p, err := ParsePack(data)
	if err != nil {
		return list, err
	}
	for i := range p.Bulks {
		k := &p.Bulks[i]
		if k.Type == BulkRemove {
			continue
		}
		if len(k.Bundles) != 1 {
			return list, &explain.FormatError{Off: k.Off, What: "bundles of a bulk", Want: "1, as in packs that were made here", Got: fmt.Sprint(len(k.Bundles))}
		}
		plain, err := p.unpack(k.Bundles[0])
		if err != nil {
			return list, err
		}
		list = append(list, chips.Layer{Name: fmt.Sprintf("bundle-%d", i), Data: plain, Wrap: func(b []byte) ([]byte, error) {
			pack, err := p.repack(i, packAlone(b))
			if err != nil {
				return nil, err
			}
			return place(pack)
		}})
	}
	return list, nil
}

// recount makes CRC and, if that has changed from size, length of a pack right.
func recount(pack []byte, size int) []byte {
	if len(pack) < packHead {
		return pack
	}
	out := bytes.Clone(pack)
	if len(out) != size {
		le.PutUint32(out[8:], uint32(len(out)))
	}
	le.PutUint32(out[12:], packCRC(out[16:]))
	return out
}

// repack returns the pack with another bundle for a bulk.
func (p *Pack) repack(bulk int, packed []byte) ([]byte, error) {
	m := packMaker{blocks: int(p.Blocks)}
	for i := range p.Bulks {
		k := madeBulk{Bulk: p.Bulks[i]}
		switch {
		case i == bulk:
			k.packed = packed
		case len(k.Bundles) > 0:
			r := k.Bundles[0]
			k.packed = p.data[r.Off : r.Off+r.Len]
		}
		m.bulks = append(m.bulks, k)
	}
	return m.encode(p.OldVersion, p.NewVersion)
}
