package ec

import (
	"fmt"
	"strings"
	"time"

	"airlift/chips/synth"
	"airlift/chips/volume"
	"airlift/flash"
	"airlift/flash/explain"
)

// binpkg explains a .binpkg (ec618.md 5.2).
func (x *inspector) binpkg(data []byte) *explain.Field {
	root := newTree(0, int64(len(data)), "binpkg")
	root.Meaning = "boot code and core for the vendor's downloader"
	p, err := ParseBinpkg(data)
	if err != nil {
		root.Add(explain.Problem(err, 0))
		return &root.Field
	}
	series := p.Series()
	root.Value = fmt.Sprintf("%s, %d entries", series, len(p.Entries))
	root.at(0, 8, "magic", "111", "", explain.OK)
	root.at(8, 4, "magic", binpkgMagic, "", explain.OK)
	root.at(0x0C, 4, "build time", time.Unix(int64(p.BuildTime), 0).UTC().Format(time.DateTime), "UTC", explain.None)
	root.at(0x10, 4, "entries", fmt.Sprint(len(p.Entries)), "", explain.OK)
	root.at(0x14, 8, "hash", explain.Printable(cstring(data[0x14:0x1C])), "", explain.None)
	root.at(0x1C, 4, "arguments", fmt.Sprintf("%d in %d bytes", len(p.Args), len(p.Args)*binpkgArg), "of the packing tool", explain.OK)
	for i, a := range p.Args {
		root.at(binpkgHead+int64(i)*binpkgArg, binpkgArg, "argument", fmt.Sprintf("%d %s = %s", a.ID, explain.Printable(a.Name), explain.Printable(a.Value)), "", explain.None)
	}
	end := int64(binpkgHead + len(p.Args)*binpkgArg)
	for i := range p.Entries {
		e := &p.Entries[i]
		root.Add(x.binpkgEntry(e, series))
		end = e.Off + binpkgEntry + int64(len(e.Data))
	}
	if rest := int64(len(data)) - end; rest > 0 {
		root.at(end, rest, "rest", fmt.Sprintf("%d bytes", rest), "behind the last entry", explain.Warn)
	}
	return &root.Field
}

// Series tells which chips a .binpkg is for: only EC7xx has mapped addresses.
func (p *Binpkg) Series() Series {
	for _, e := range p.Entries {
		if e.Addr >= xipBase {
			return EC7xx
		}
	}
	return EC618
}

func (x *inspector) binpkgEntry(e *BinpkgEntry, series Series) explain.Field {
	t := newTree(e.Off, binpkgEntry+int64(len(e.Data)), "entry")
	t.Value = fmt.Sprintf("%s, %d bytes", explain.Printable(e.Type), len(e.Data))
	t.at(0, 64, "name", explain.Printable(e.Name), "", explain.None)
	m, v := placeMeaning(e, series)
	t.at(64, 4, "addr", fmt.Sprintf("0x%08X", e.Addr), m, v)
	m, v = judge(int64(len(e.Data)) <= int64(e.FlashSize), "bytes that it may take", "smaller than the data")
	if e.FlashSize == 0 {
		m, v = "no limit stated", explain.None
	}
	t.at(68, 4, "flashsize", fmt.Sprintf("0x%X", e.FlashSize), m, v)
	m, v = "where this head is", explain.OK
	if int64(e.FileOff) != e.Off {
		m, v = fmt.Sprintf("this head is at 0x%X", e.Off), explain.Warn
	}
	t.at(72, 4, "offset", fmt.Sprintf("0x%X", e.FileOff), m, v)
	t.at(76, 4, "size", fmt.Sprint(len(e.Data)), "bytes of data", explain.OK)
	m, v = judge(e.HashOK(), "SHA-256 of the data", "not the SHA-256 of the data")
	t.at(80, 256, "hash", explain.Printable(e.Hash), m, v)
	t.at(336, 16, "type", explain.Printable(e.Type), "", explain.None)
	body := explain.Field{Off: e.Off + binpkgEntry, Len: int64(len(e.Data)), Name: "data", Value: fmt.Sprintf("%d bytes", len(e.Data))}
	if e.Type == "AP" {
		synth.Explain(&body, e.Data, body.Off)
		x.scriptInside(&body, e, series)
	}
	t.Add(body)
	return t.Field
}

// offset is where an entry goes, bytes from the start of its flash chip.
func (e *BinpkgEntry) offset() int64 {
	if e.Addr >= xipBase {
		return int64(e.Addr) - xipBase
	}
	return int64(e.Addr)
}

// placeMeaning names the flash maps that have an image where an entry goes.
func placeMeaning(e *BinpkgEntry, series Series) (string, explain.Verdict) {
	var names []string
	for _, t := range targets {
		at, ok := map[string]int64{"BL": t.bootOff(), "AP": t.ap.off, "CP": t.cp.off}[e.Type]
		if ok && t.series == series && at == e.offset() {
			names = append(names, t.name)
		}
	}
	if len(names) == 0 {
		return "no known map has such an image there", explain.Warn
	}
	return fmt.Sprintf("place of the %s image of %s", e.Type, strings.Join(names, ", ")), explain.OK
}

// scriptInside shows the script that a production .binpkg has in its AP image
// (ec618.md 5.2).
func (x *inspector) scriptInside(f *explain.Field, e *BinpkgEntry, series Series) {
	at := x.findScript(e, series)
	if at < 0 {
		return
	}
	f.Add(explain.Field{Off: f.Off + at, Len: f.Len - at, Name: "script inside", Value: fmt.Sprintf("at 0x%06X", e.offset()+at), Verdict: explain.Warn,
		Meaning: "a production file: a delta made from it fits no module with another script (pitfall 6)"})
	f.Add(x.script(flash.TrimErased(e.Data[at:]), f.Off+at))
}

// findScript returns where in an AP image a script image begins: in the script
// area of a known firmware, or -1.
func (x *inspector) findScript(e *BinpkgEntry, series Series) int64 {
	for _, m := range x.models {
		for _, p := range m.Profiles {
			l, err := layoutFor(m, p, nil)
			if err != nil || l.Series != series {
				continue
			}
			at := int64(l.ScriptAddr()) - e.offset()
			if at > 0 && at < int64(len(e.Data)) && volume.IsScript(e.Data[at:]) {
				return at
			}
		}
	}
	return -1
}
