package all

import (
	"bytes"
	"fmt"
	"path"
	"strings"

	"airlift/chips"
	"airlift/chips/soc"
	"airlift/flash/explain"
	"airlift/flash/littlefs"
	"airlift/flash/luadb"
)

// unknown is the error for a file that no format of ours claims.
func unknown(data []byte) error {
	return &explain.FormatError{
		What: "file format",
		Want: "a package, image, .soc archive, script image, littlefs volume or flash dump of a known family",
		Got:  fmt.Sprintf("%d bytes beginning with % X", len(data), data[:min(8, len(data))]),
	}
}

// isScript reports whether data begins like a script image.
func isScript(data []byte) bool {
	return bytes.HasPrefix(data, []byte{0x01, 0x04, 0x5A, 0xA5, 0x5A, 0xA5})
}

// Explain explains any file of this world: .soc archives, a family's own
// formats, script images, littlefs volumes. The error is a *explain.FormatError
// if the file is of no known format.
func Explain(data []byte) (*explain.Field, error) {
	if soc.Is(data) {
		return soc.Explain(data, func(_ string, data []byte) *explain.Field {
			if isScript(data) { // not to be judged as what XT804 takes for an upgrade
				return luadb.Explain(data)
			}
			tree, err := explainFile(data)
			if err != nil {
				return nil // a tool, or data that only it knows
			}
			return tree
		}), nil
	}
	return explainFile(data)
}

// explainFile explains a file that is no archive.
func explainFile(data []byte) (*explain.Field, error) {
	for _, f := range Families() {
		if tree, ok := f.Inspect(data); ok {
			return tree, nil
		}
	}
	if isScript(data) {
		return luadb.Explain(data), nil
	}
	if r, ok := volume(data); ok {
		return littlefs.Inspect(r)
	}
	return nil, unknown(data)
}

// Unpack takes any file of this world apart.
func Unpack(data []byte) ([]chips.Part, error) {
	if soc.Is(data) {
		return unpackArchive(data)
	}
	return unpackFile(data)
}

// unpackArchive returns the entries of an archive, and behind each what is in
// it. Entries may be tools or damaged: what cannot be taken apart stays whole.
func unpackArchive(data []byte) (parts []chips.Part, err error) {
	a, err := soc.Open(data)
	if err != nil {
		return nil, err
	}
	files, err := a.Extract(func(*soc.Entry) bool { return true })
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		parts = append(parts, chips.Part{Name: f.Name, Data: f.Data})
		dir := strings.TrimSuffix(f.Name, path.Ext(f.Name))
		if soc.Is(f.Data) || dir == f.Name {
			continue
		}
		inner, err := unpackFile(f.Data)
		if err != nil {
			continue
		}
		for _, p := range inner {
			parts = append(parts, chips.Part{Name: dir + "/" + p.Name, Data: p.Data})
		}
	}
	return parts, nil
}

// unpackFile takes a file apart that is no archive.
func unpackFile(data []byte) ([]chips.Part, error) {
	for _, f := range Families() {
		u, ok := f.(chips.Unpacker)
		if !ok {
			continue
		}
		if parts, ok, err := u.Unpack(data); ok {
			return withVolumes(parts), err
		}
	}
	if isScript(data) {
		img, err := luadb.Parse(data)
		if err != nil {
			return nil, err
		}
		var parts []chips.Part
		for _, e := range img.Files {
			parts = append(parts, chips.Part{Name: e.Name, Data: e.Data})
		}
		return parts, nil
	}
	if r, ok := volume(data); ok {
		return volumeParts(r)
	}
	return nil, unknown(data)
}
