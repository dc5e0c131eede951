package volume

import (
	"bytes"
	"fmt"

	"airlift/chips"
	"airlift/flash"
	"airlift/flash/explain"
	"airlift/flash/luadb"
)

// Bounds of the parts of one file: more than any has that is no attack.
const (
	partsMax     = 4096
	partsMaxSize = 256 << 20 // bytes of all
)

// Parts collects what a file is made of.
type Parts struct {
	List []chips.Part
	size int64
	full error
}

// Add adds a part. The error is a *explain.FormatError: a file with more than
// 4096 parts, or with more than 256 MiB of them.
func (p *Parts) Add(name string, data []byte) error {
	switch size := p.size + int64(len(data)); {
	case p.full != nil:
	case len(p.List) == partsMax:
		p.full = &explain.FormatError{What: "parts", Want: fmt.Sprintf("at most %d", partsMax), Got: "more"}
	case size > partsMaxSize:
		p.full = &explain.FormatError{What: "parts", Want: fmt.Sprintf("at most %d bytes of them", partsMaxSize), Got: fmt.Sprint(size)}
	default:
		p.List, p.size = append(p.List, chips.Part{Name: name, Data: data}), size
	}
	return p.full
}

// Full returns the error of the first Add for whose part there was no room, or
// nil.
func (p *Parts) Full() error { return p.full }

// AddFiles adds the files of a script image.
func (p *Parts) AddFiles(dir string, image []byte) error {
	img, err := luadb.Parse(image)
	if err != nil {
		return err
	}
	for _, f := range img.Files {
		if err := p.Add(dir+f.Name, f.Data); err != nil {
			return err
		}
	}
	return nil
}

// IsScript reports data that begins as a script image does
// (luadb-and-packages.md 1.1).
func IsScript(data []byte) bool {
	return bytes.HasPrefix(data, []byte{1, 4, 0x5A, 0xA5, 0x5A, 0xA5})
}

// AddScript adds the files of data that is a whole script image; other data
// has none. Of a damaged image the data itself is a part already, and an
// explanation says what is wrong with it.
func (p *Parts) AddScript(dir string, data []byte) error {
	if !IsScript(data) {
		return nil
	}
	if _, err := luadb.Parse(data); err != nil {
		return nil
	}
	return p.AddFiles(dir, data)
}

// AddPartitions adds the partitions of a flash dump, and the files of the
// script partition.
func (p *Parts) AddPartitions(dump []byte, table flash.Table, script string) error {
	for _, part := range table.Sorted() {
		if part.Overlay {
			continue
		}
		data := dump[part.Off:part.End():part.End()]
		if err := p.Add(part.Name+".bin", data); err != nil {
			return err
		}
		if part.Name == script {
			if err := p.AddScript(script+"/", data); err != nil {
				return err
			}
		}
	}
	return nil
}
