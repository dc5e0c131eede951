package rda8910

import (
	"fmt"
	"sort"

	"airlift/chips/rda8910/sffs"
	"airlift/chips/synth"
	"airlift/flash"
	"airlift/flash/explain"
	"airlift/flash/luadb"
)

// coreOff is where the core lies in every known map (8910.md 1.2, 1.5).
const coreOff = 0x10000

// isDump reports whether b is the contents of a module's whole flash.
func isDump(b []byte) bool {
	return len(b) == flashSize && isUImage(b) && isUImage(b[coreOff:])
}

// dump explains a flash: boot code, core, and the file systems that the core's
// partition table names.
func (x *inspector) dump(b []byte, off int64) explain.Field {
	n := newNode(off, b, "flash", "contents of the flash of a module with the 8910")
	n.Add(x.uimage(b[:coreOff], off))
	end := int64(len(b))
	core := b[coreOff:]
	p := FindPartitions(core[:min(len(core), 4<<20)])
	var devices []BlockDevice
	if p != nil {
		devices = p.Devices
		for _, d := range devices {
			end = min(end, int64(d.Start))
		}
	}
	var parts flash.Table
	if m, err := ParseUImage(core[:max(0, end-coreOff)]); err == nil {
		if desc, ok, err := synth.Find(m.Data); err == nil && ok {
			parts = desc.Partitions
		}
	}
	if ap, ok := parts.Lookup(PartAP); ok && ap.Off == coreOff {
		end = min(end, ap.End())
	}
	n.Add(x.uimage(b[coreOff:max(coreOff, end)], off+coreOff))
	n.addScript(b, parts)
	for _, d := range devices {
		n.Add(explainVolume(b, &d, off))
	}
	if p == nil {
		n.at(coreOff, 0, "file systems", "not looked for", "the core has no partition table", explain.Warn)
	}
	return n.Field
}

// addScript explains the script area of a synthetic core's map.
func (n *node) addScript(b []byte, t flash.Table) {
	s, ok := t.Lookup(PartScript)
	if !ok || s.Off < 0 || s.Size <= 0 || s.Off > int64(len(b)) || s.Size > int64(len(b))-s.Off {
		return
	}
	area := b[s.Off:s.End()]
	if flash.Erased(area) {
		n.at(s.Off, s.Size, PartScript, "erased", "there are no scripts", explain.None)
		return
	}
	f := luadb.Explain(area)
	f.Shift(n.Off + s.Off)
	n.Add(*f)
}

// explainVolume lists the files of a file system.
func explainVolume(b []byte, d *BlockDevice, off int64) explain.Field {
	f := explain.Field{Off: off + int64(d.Start), Len: int64(d.Size), Name: "SFFS " + explain.Printable(d.Name), Verdict: explain.OK}
	bad := func(err error) explain.Field {
		f.Meaning, f.Verdict = err.Error(), explain.Bad
		return f
	}
	dev, err := flash.New(flash.NOR(flashSize))
	if err != nil {
		return bad(err)
	}
	if err := dev.Burn(0, b); err != nil {
		return bad(err)
	}
	r, err := dev.Region(d.Name, int64(d.Start), int64(d.Size))
	if err != nil {
		return bad(err)
	}
	fs, err := sffs.Mount(r, sffs.Config{Geometry: sffs.Geometry{EraseBlock: int64(d.EraseBlock), Place: int64(d.Place)}, ReadOnly: true})
	if err != nil {
		return bad(err)
	}
	files := map[string][]byte{}
	if err := collect(fs, "/", "/", files); err != nil {
		return bad(err)
	}
	size, blocks, used, _ := fs.Usage()
	f.Value = fmt.Sprintf("%d files", len(files))
	f.Meaning = fmt.Sprintf("%d of %d blocks of %d bytes used", used, blocks, size)
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		f.Add(explain.Field{Off: f.Off, Len: f.Len, Name: "file", Value: explain.Printable(name), Meaning: fmt.Sprintf("%d bytes", len(files[name]))})
	}
	return f
}
