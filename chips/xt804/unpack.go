package xt804

import (
	"fmt"

	"airlift/chips"
	"airlift/chips/volume"
	"airlift/flash/explain"
)

var _ chips.Unpacker = (*Family)(nil)

// Unpack takes images and flash dumps apart. The parts of an image file are
// its headers and bodies, numbered and named by type, with the images inside a
// zipped body and the files of a script image below them. The parts of a flash
// dump are its partitions, if the core's descriptor or its place tells which
// there are. Parts share memory with data where nothing had to be inflated.
func (f *Family) Unpack(data []byte) ([]chips.Part, bool, error) {
	u := unpacker{room: largeFlash}
	var err error
	switch {
	case isMagic(data):
		err = u.images("", data, false)
	case isDump(data):
		err = u.dump(data)
	default:
		return nil, false, nil
	}
	return u.List, true, err
}

type unpacker struct {
	volume.Parts
	room int64 // bytes that may still come out of packages
}

// images adds the parts of a row of images. Inside says that the row comes out
// of a package; no package lies in another.
func (u *unpacker) images(dir string, data []byte, inside bool) error {
	images, err := ParseImages(data)
	if err != nil {
		return err
	}
	for i := range images {
		if err := u.image(fmt.Sprintf("%s%d-%s", dir, i, partName(images[i].Type())), &images[i], data, inside); err != nil {
			return err
		}
	}
	return nil
}

func partName(t uint32) string {
	switch t {
	case TypeSecboot, TypeApp, TypeScript:
		return typeName(t)
	case TypeCPFT:
		return "factory-test"
	}
	return fmt.Sprintf("type%d", t)
}

func (u *unpacker) image(name string, m *Image, data []byte, inside bool) error {
	if err := u.Add(name+".header", data[m.Off:m.Off+HeaderSize]); err != nil {
		return err
	}
	body := m.Body
	if m.Zipped() {
		if err := u.Add(name+".bin.gz", body); err != nil || inside {
			return err
		}
		g, err := readGzip(body, m.Off+HeaderSize, u.room)
		if err != nil {
			return err
		}
		u.room -= int64(len(g.payload))
		if isMagic(g.payload) {
			return u.images(name+"/", g.payload, true)
		}
		body = g.payload
	}
	if err := u.Add(name+".bin", body); err != nil {
		return err
	}
	return u.AddScript(name+"/", body)
}

// dump adds each partition, and the files of the script partition.
func (u *unpacker) dump(data []byte) error {
	x := inspector{flashSize: int64(len(data)), unpacked: maxExplainedPackages}
	_, app := x.bootChain(data)
	table, _ := x.table(data, app)
	if table == nil {
		return &explain.FormatError{Off: Off(SecbootHeaderAddr), What: "flash map", Want: "an app in the place of a known map, or with a descriptor", Got: "none"}
	}
	return u.AddPartitions(data, table, PartScript)
}
