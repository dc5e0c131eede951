package xt804

import (
	"encoding/binary"
	"fmt"

	"airlift/chips"
	"airlift/flash"
	"airlift/flash/luadb"
)

var _ chips.Unpacker = (*Family)(nil)

// Unpack takes images and flash dumps apart: the parts of an image file are
// its headers and bodies, numbered and named by type, with the images inside
// a zipped body and the files of a script image below them; the parts of a
// flash dump are its partitions, if the core in it says which there are.
func (f *Family) Unpack(data []byte) ([]chips.Part, bool, error) {
	if len(data) >= 4 && binary.LittleEndian.Uint32(data) == Magic {
		parts, err := unpackImages("", data, true)
		return parts, true, err
	}
	if info, ok := dumpInfo(data); ok {
		parts, err := unpackDump(data, info)
		return parts, true, err
	}
	return nil, false, nil
}

var typeNames = map[uint32]string{TypeSecboot: "secboot", TypeApp: "app", TypeScript: "script", TypeCPFT: "factory-test"}

// unpackImages unpacks a row of images. Inner says that zipped bodies may hold
// images in their turn; one level is all that exists.
func unpackImages(dir string, data []byte, inner bool) ([]chips.Part, error) {
	images, err := ParseImages(data)
	if err != nil {
		return nil, err
	}
	var parts []chips.Part
	for i := range images {
		m := &images[i]
		name := typeNames[m.Type()]
		if name == "" {
			name = fmt.Sprintf("type%d", m.Type())
		}
		name = fmt.Sprintf("%s%d-%s", dir, i, name)
		parts = append(parts, chips.Part{Name: name + ".header", Data: data[m.Off : m.Off+HeaderSize]})
		body := m.Body
		if m.Zipped() {
			parts = append(parts, chips.Part{Name: name + ".bin.gz", Data: body})
			g, err := readGzip(body, m.Off+HeaderSize, maxFlash)
			if err != nil {
				return nil, err
			}
			if sub, err := unpackImages(name+"/", g.payload, false); inner && err == nil {
				parts = append(parts, sub...)
				continue
			}
			body = g.payload
		}
		parts = append(parts, chips.Part{Name: name + ".bin", Data: body})
		parts = append(parts, scriptParts(name+"/", body)...)
	}
	return parts, nil
}

// scriptParts returns the files of a body that is a script image.
func scriptParts(dir string, body []byte) []chips.Part {
	img, err := luadb.Parse(body)
	if err != nil {
		return nil
	}
	var parts []chips.Part
	for _, e := range img.Files {
		parts = append(parts, chips.Part{Name: dir + e.Name, Data: e.Data})
	}
	return parts
}

// maxFlash is the size of the largest flash of the family in bytes.
const maxFlash = 8 << 20

// dumpInfo finds the descriptor of the core that boot code would start from a
// flash dump.
func dumpInfo(data []byte) (CoreInfo, bool) {
	const secboot = 0x2000
	switch len(data) {
	case 1 << 20, 2 << 20, maxFlash:
	default:
		return CoreInfo{}, false
	}
	h, err := ParseHeader(data[secboot:], secboot)
	if err != nil {
		return CoreInfo{}, false
	}
	at := Off(h.Next)
	if at > int64(len(data))-CodeGap-CoreInfoReach {
		return CoreInfo{}, false
	}
	app, err := ParseHeader(data[at:], at)
	if err != nil {
		return CoreInfo{}, false
	}
	body := Off(app.ImgAddr)
	if body > int64(len(data))-CoreInfoReach {
		return CoreInfo{}, false
	}
	info, ok, err := FindCoreInfo(data[body : body+CoreInfoReach])
	return info, ok && err == nil
}

// unpackDump cuts a flash dump into its partitions.
func unpackDump(data []byte, info CoreInfo) ([]chips.Part, error) {
	if err := info.Partitions.Check(flash.NOR(int64(len(data)))); err != nil {
		return nil, fmt.Errorf("partitions in the core's descriptor: %w", err)
	}
	var parts []chips.Part
	for _, p := range info.Partitions.Sorted() {
		if p.Overlay {
			continue
		}
		part := data[p.Off:p.End()]
		parts = append(parts, chips.Part{Name: p.Name + ".bin", Data: part})
		if p.Name == PartScript {
			parts = append(parts, scriptParts(p.Name+"/", part)...)
		}
	}
	return parts, nil
}
