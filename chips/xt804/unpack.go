package xt804

import (
	"fmt"

	"airlift/chips"
	"airlift/flash/explain"
	"airlift/flash/luadb"
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
	return u.parts, true, err
}

// maxParts bounds the parts of one file.
const maxParts = 4096

type unpacker struct {
	parts []chips.Part
	room  int64 // bytes that may still come out of packages
}

func (u *unpacker) add(name string, data []byte) error {
	if len(u.parts) == maxParts {
		return &explain.FormatError{What: "parts", Want: fmt.Sprintf("at most %d", maxParts), Got: "more"}
	}
	u.parts = append(u.parts, chips.Part{Name: name, Data: data})
	return nil
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
	if err := u.add(name+".header", data[m.Off:m.Off+HeaderSize]); err != nil {
		return err
	}
	body := m.Body
	if m.Zipped() {
		if err := u.add(name+".bin.gz", body); err != nil || inside {
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
	if err := u.add(name+".bin", body); err != nil {
		return err
	}
	return u.script(name+"/", body)
}

// script adds the files of a body that is a script image.
func (u *unpacker) script(dir string, body []byte) error {
	if !luadbMagic(body) {
		return nil
	}
	img, err := luadb.Parse(body)
	if err != nil {
		return nil // the body itself is there; inspect says what is wrong with it
	}
	for _, e := range img.Files {
		if err := u.add(dir+e.Name, e.Data); err != nil {
			return err
		}
	}
	return nil
}

// dump adds each partition, and the files of the script partition.
func (u *unpacker) dump(data []byte) error {
	x := inspector{flashSize: int64(len(data)), unpacked: maxExplainedPackages}
	_, app := x.bootChain(data)
	table, _ := x.table(data, app)
	if table == nil {
		return &explain.FormatError{Off: Off(SecbootHeaderAddr), What: "flash map", Want: "an app in the place of a known map, or with a descriptor", Got: "none"}
	}
	for _, p := range table.Sorted() {
		if p.Overlay {
			continue
		}
		part := data[p.Off:p.End():p.End()]
		if err := u.add(p.Name+".bin", part); err != nil {
			return err
		}
		if p.Name == PartScript {
			if err := u.script(PartScript+"/", part); err != nil {
				return err
			}
		}
	}
	return nil
}
