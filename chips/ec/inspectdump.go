package ec

import (
	"bytes"
	"crypto/md5"
	"fmt"

	"airlift/chips"
	"airlift/chips/synth"
	"airlift/chips/volume"
	"airlift/flash"
	"airlift/flash/explain"
	"airlift/flash/luadb"
)

// dumper explains the contents of a module's flash chips.
type dumper struct {
	*inspector
	l       *Layout
	data    []byte // AP chip, then CP chip or SPI flash if it is there
	a       areas
	hasCP   bool // the CP image is in the dump
	pending *Info
}

// dump explains a whole flash.
func (x *inspector) dump(data []byte, l *Layout) *explain.Field {
	root := newTree(0, int64(len(data)), l.Series.String()+" flash")
	root.Value, root.Meaning = fmt.Sprintf("%d KiB", len(data)/kib), fmt.Sprintf("map %s, script area at 0x%06X", l.Target, l.ScriptAddr())
	d := dumper{inspector: x, l: l, data: data, hasCP: l.CP == nil || int64(len(data)) > l.FlashSize}
	if err := d.load(); err != nil {
		root.Add(explain.Field{Name: "error", Meaning: err.Error(), Verdict: explain.Bad})
		return &root.Field
	}
	for _, p := range l.Table.Sorted() {
		root.Add(d.partition(p, 0))
	}
	if l.CP != nil && d.hasCP {
		for _, p := range l.CP.Sorted() {
			root.Add(d.partition(p, l.FlashSize))
		}
	}
	if l.SPI != nil {
		root.Add(d.partition(flash.Partition{Name: chips.PartSPI, Size: l.SPI.Size, Note: "on an SPI bus"}, l.FlashSize))
	}
	return &root.Field
}

// load puts the dump on flash chips.
func (d *dumper) load() error {
	sizes := []int64{d.l.FlashSize}
	if d.l.CP != nil {
		sizes = append(sizes, cpFlashSize)
	}
	if d.l.SPI != nil {
		sizes = append(sizes, d.l.SPI.Size)
	}
	rest := d.data
	for _, size := range sizes {
		dev, err := flash.New(flash.NOR(size))
		if err != nil {
			return err
		}
		n := min(size, int64(len(rest)))
		if err := dev.Burn(0, rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
		d.a.chips = append(d.a.chips, dev)
	}
	d.a.l = d.l
	return nil
}

// partition explains one partition; base is where its chip begins in the dump.
func (d *dumper) partition(p flash.Partition, base int64) explain.Field {
	f := explain.Field{Off: base + p.Off, Len: p.Size, Name: p.Name, Meaning: p.Note}
	data := d.data[f.Off : f.Off+p.Size]
	used := int64(0)
	for at := int64(0); at < p.Size; at += sector {
		if !flash.Erased(data[at : at+sector]) {
			used++
		}
	}
	f.Value = fmt.Sprintf("%d of %d sectors in use", used, p.Size/sector)
	switch p.Name {
	case PartBoot, PartAP, PartCP:
		d.image(&f, data, p)
	case PartInfo:
		d.info(&f, data)
	case PartScript:
		d.scriptArea(&f, data)
	case PartOTA:
		d.common(&f, data)
	case chips.PartSPI:
		d.commonInSPI(&f, data)
	case PartFota:
		d.zone(&f, data)
	case PartBackup:
		d.result(&f, data)
	case PartFS, PartKV:
		d.littlefs(&f, data)
	}
	return f
}

// image explains boot code or a core's image.
func (d *dumper) image(f *explain.Field, data []byte, p flash.Partition) {
	dev := d.a.chips[0]
	if f.Off >= d.l.FlashSize {
		dev = d.a.chips[1]
	}
	state, err := inspectImage(nor{dev}, p)
	if err != nil {
		f.Meaning, f.Verdict = err.Error(), explain.Bad
		return
	}
	switch state {
	case imageErased:
		f.Meaning, f.Verdict = "erased: nothing starts", explain.Bad
	case imageDamaged:
		f.Meaning, f.Verdict = "made by airlift, and damaged: its SHA-256 is wrong", explain.Bad
	case imageWhole:
		f.Meaning, f.Verdict = "made by airlift, SHA-256 right", explain.OK
	default:
		f.Meaning = "real code: whether it is whole cannot be told"
	}
	if p.Name == PartAP && state != imageErased {
		body := explain.Field{Off: f.Off, Len: f.Len, Name: "core"}
		synth.Explain(&body, data, f.Off)
		f.Add(body)
	}
}

// info explains the sector of the info record (ec618.md 3.1, 4.2).
func (d *dumper) info(f *explain.Field, data []byte) {
	if flash.Erased(data) {
		f.Meaning, f.Verdict = "no record: no common part waits", explain.OK
		return
	}
	i := DecodeInfo(data)
	t := newTree(f.Off, InfoSize, "info record")
	m, v := judge(i.Magic == d.l.Series.Magic(), d.l.Series.String(), "not this series' magic: the boot code takes it for no record and leaves it for ever")
	t.word(0, "MaigcNum", i.Magic, m, v)
	if v == explain.Bad {
		t.Fields[0].Verdict = explain.Warn
		f.Add(t.Field)
		return
	}
	m, v = "CRC of the record from here on", explain.OK
	switch {
	case bytes.Equal(data[:InfoSize], placeholder(d.l.Series)):
		m, v = "placeholder of a download that did not end: the boot code erases this sector and the first one of the delta", explain.Warn
	case i.CRC != i.computed:
		m, v = fmt.Sprintf("the CRC is 0x%08X: the boot code erases this sector and the first one of the delta", i.computed), explain.Warn
	default:
		d.pending = &i
	}
	t.word(4, "CRC32", i.CRC, m, v)
	t.word(8, "Param1", i.Param1, param1Meaning(&i, d.l.Series), explain.None)
	t.word(12, "Param2", i.Param2, "power pin, SPI bus and CS pin of an external flash", explain.None)
	m, v = "the OTA area", explain.OK
	switch {
	case d.pending == nil:
		m, v = "", explain.None
	case i.Place() == PlaceSPI && d.l.Series == EC7xx:
		m, v = "a place in the SPI flash, of which 24 bits count", explain.OK
	case i.DataStart != xipBase+d.l.OTAAddr():
		m, v = fmt.Sprintf("not the OTA area at 0x%08X", xipBase+d.l.OTAAddr()), explain.Warn
	}
	t.word(16, "DataStartAddress", i.DataStart, m, v)
	t.at(20, 4, "DataLen", fmt.Sprint(i.DataLen), "bytes of the common part", explain.None)
	m = "not filled in by LuatOS"
	if i.MainVersion[4] == 0xFFFFFFFF {
		m = "the last word says full: the boot code leaves a delta alone"
	}
	t.at(24, 20, "MainVersion", versionText(i.MainVersion), m, explain.None)
	t.at(44, 16, "CommonMD5", fmt.Sprintf("%x", i.CommonMD5), "MD5 of the common part", explain.None)
	t.at(60, 100, "FilePath", explain.Printable(cstring(i.Path[:])), "", explain.None)
	if d.pending != nil {
		f.Meaning = "a common part waits"
	}
	f.Add(t.Field)
}

func param1Meaning(i *Info, series Series) string {
	mode := [...]string{"full", "delta", "mix"}
	place := [...]string{"internal flash", "SPI flash", "file"}
	m, p := fmt.Sprintf("mode %d", i.Mode()), fmt.Sprintf("place %d", i.Place())
	if int(i.Mode()) < len(mode) {
		m = "mode " + mode[i.Mode()]
	}
	if int(i.Place()) < len(place) {
		p = place[i.Place()]
	}
	if series == EC618 {
		return m + ", " + p + "; bytes 2 and 3 are what was on the stack"
	}
	if i.Place() == PlaceSPI {
		p += fmt.Sprintf(" on bus %d with chip select %d", i.SPI().Bus, i.SPI().CS)
	}
	return m + ", " + p
}

func (d *dumper) scriptArea(f *explain.Field, data []byte) {
	switch {
	case volume.IsScript(data):
		f.Add(d.script(withoutErased(data), f.Off))
	case flash.Erased(data):
		f.Meaning, f.Verdict = "no script", explain.Warn
	default:
		f.Meaning, f.Verdict = "not a script image: the core logs Bad LuaDB", explain.Bad
	}
}

// withoutErased cuts what is erased behind a script image off.
func withoutErased(p []byte) []byte {
	n := len(flash.TrimErased(p))
	if img, err := luadb.Parse(p); err == nil {
		n = max(n, int(img.End))
	}
	return p[:n]
}

// common explains the OTA area, where a common part waits.
func (d *dumper) common(f *explain.Field, data []byte) {
	i := d.pending
	if i == nil || i.Place() != PlaceFlash || i.DataStart != xipBase+d.l.OTAAddr() {
		if isPackage(data) {
			f.Meaning = "a common part that was applied, or that no record tells of"
		}
		return
	}
	p := d.data[f.Off:min(f.Off+int64(i.DataLen), d.l.FlashSize)]
	m, v := judge(md5.Sum(p) == i.CommonMD5, "waits for the boot code, MD5 right", "not what the record tells of: soc ota file md5 failed, the record is erased and nothing applied")
	f.Meaning, f.Verdict = m, v
	if v == explain.OK && len(p) > 0 {
		f.Add(d.inspector.common(p, f.Off, d.l.Series))
	}
}

// commonInSPI explains an SPI flash, where a common part may wait.
func (d *dumper) commonInSPI(f *explain.Field, data []byte) {
	p := waitingInSPI(d.pending, data)
	if p == nil {
		return
	}
	m, v := judge(md5.Sum(p) == d.pending.CommonMD5, "waits for the boot code, MD5 right", "not what the record tells of: soc ota file md5 failed, the record is erased and nothing applied")
	f.Meaning, f.Verdict = m, v
	if v == explain.OK {
		f.Add(d.inspector.common(p, f.Off+int64(d.pending.DataStart&0xFFFFFF)%int64(len(data)), d.l.Series))
	}
}

// waitingInSPI is the common part that a record tells of in the contents of an
// SPI flash, nil if there is none or it runs over the end.
func waitingInSPI(i *Info, data []byte) []byte {
	if i == nil || i.Place() != PlaceSPI || i.DataLen == 0 || len(data) == 0 {
		return nil
	}
	from := int64(i.DataStart&0xFFFFFF) % int64(len(data))
	if int64(i.DataLen) > int64(len(data))-from {
		return nil
	}
	return data[from : from+int64(i.DataLen)]
}

// zone explains the download zone: a delta, and how far it is.
func (d *dumper) zone(f *explain.Field, data []byte) {
	if !isPar(data) {
		f.Meaning = "no delta: not found (state 1)"
		return
	}
	state, par, err := d.a.validate()
	switch {
	case err != nil:
		f.Meaning, f.Verdict = err.Error(), explain.Bad
	case state != deltaOK:
		f.Meaning, f.Verdict = fmt.Sprintf("a delta that is not whole: state %d", state), explain.Warn
		t := newTree(f.Off, int64(len(data)), "delta")
		t.Add(marks(data[retentionOff:retentionOff+retentionSize], f.Off+retentionOff))
		f.Add(t.Field)
		return
	}
	if par == nil {
		return
	}
	f.Meaning, f.Verdict = d.mission(par), explain.OK
	if int64(par.Len) > int64(len(data)) {
		f.Meaning += fmt.Sprintf("; it is longer than the zone of %d bytes and lies in the next partitions (pitfall 5)", len(data))
		f.Verdict = explain.Warn
	}
	f.Add(d.par(par.Rest[:par.Len], f.Off, &d.l.Series))
}

// mission tells what the boot code will do with a whole delta.
func (d *dumper) mission(par *Par) string {
	pst, dst := par.Retention[0], par.Retention[1]
	if pst != 0xFF || dst != 0xFF {
		return missionMeaning(pst, dst)
	}
	same, err := d.a.baseMatches(par.Rest, par.Count())
	switch {
	case err == nil && same:
		return "waits for the boot code; the images in flash are those that it is for"
	case !d.hasCP:
		return "waits for the boot code; whether the images in flash are those that it is for cannot be told: the CP flash is not in the dump"
	}
	return "waits for the boot code, which will refuse it: an image in flash is not the one that it is for"
}

// result explains the backup zone (ec618.md 4.6).
func (d *dumper) result(f *explain.Field, data []byte) {
	switch {
	case bytes.HasPrefix(data, []byte("OK\x00")):
		f.Add(explain.Field{Off: f.Off, Len: 4, Name: "result", Value: "OK", Meaning: "the last delta was applied", Verdict: explain.OK})
	case bytes.HasPrefix(data, []byte("NO\x00")):
		f.Add(explain.Field{Off: f.Off, Len: 4, Name: "result", Value: fmt.Sprintf("NO %d", data[3]), Meaning: "the last delta failed: " + stateMeaning(data[3]), Verdict: explain.Warn})
	case !flash.Erased(data):
		f.Meaning = "an old block, copied before it is patched"
	}
}

func stateMeaning(s byte) string {
	switch deltaState(s) {
	case deltaNotFound:
		return "archive not valid"
	case deltaInvalid:
		return "invalid"
	case deltaBase:
		return "an image was not the one that it is for"
	case deltaNewUnequal:
		return "the new image is not what it should be"
	case deltaPatchFailed:
		return "a segment could not be patched"
	}
	return fmt.Sprintf("state %d", s)
}

// littlefs explains a partition that holds a file system.
func (d *dumper) littlefs(f *explain.Field, p []byte) {
	if flash.Erased(p) {
		f.Meaning = "erased: formatted when it is first mounted"
		return
	}
	tree, err := volume.Explain(p, f.Off)
	if err != nil {
		f.Meaning, f.Verdict = "no littlefs volume: the core formats it, whatever it holds", explain.Warn
		return
	}
	f.Add(*tree)
}
