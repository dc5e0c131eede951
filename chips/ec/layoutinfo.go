package ec

import (
	"fmt"
	"strings"

	"airlift/chips/soc"
	"airlift/flash/explain"
)

// readInfo reads a firmware's info.json: the text itself, or the archive that
// it is in.
func readInfo(data []byte) (*soc.Info, error) {
	if soc.Is(data) {
		a, err := soc.Open(data)
		if err != nil {
			return nil, err
		}
		if data, err = a.ReadFile(soc.InfoName); err != nil {
			return nil, err
		}
	}
	return soc.ParseInfo(data)
}

// layoutFrom divides a flash as info.json says; what it leaves out is that of
// the build (ec618.md 1.5). script_addr and full_addr bound the script area.
// On EC7xx the FOTA region, fota_len long, ends where the file system starts,
// fs_addr; if that does not fit, the OTA area is as long as the build's.
// bl_addr, core_addr and the sizes of file systems are not used: published
// files have stale ones (ec618.md 9, 8).
func (t *target) layoutFrom(b *build, info *soc.Info) (Layout, error) {
	if err := checkChip(t.series, info); err != nil {
		return Layout{}, err
	}
	end := t.ap.end()
	script, full := end-(b.script+b.ota)*kib, end-b.ota*kib
	if v, ok := info.Addr("fota.full_addr"); ok {
		full = v
	}
	if v, ok := info.Addr("download.script_addr"); ok {
		script = v
	}
	for _, a := range []struct {
		path string
		v    int64
	}{{"download.script_addr", script}, {"fota.full_addr", full}} {
		if a.v%sector != 0 || a.v <= t.ap.off || a.v >= t.flashSize {
			return Layout{}, infoError(info, a.path, fmt.Sprintf("a multiple of 0x1000 above 0x%X and below 0x%X", t.ap.off, t.flashSize))
		}
	}
	moved := *t
	if t.series == EC7xx {
		if err := moved.moveFota(b, info, full); err != nil {
			return Layout{}, err
		}
	}
	if end = moved.ap.end(); script >= full || full >= end {
		return Layout{}, infoError(info, "fota.full_addr", fmt.Sprintf("between script_addr 0x%X and the FOTA region at 0x%X", script, end))
	}
	return moved.layout((full-script)/kib, (end-full)/kib)
}

// maxOTA bounds the OTA area in bytes: the longest that is known has 384 KiB.
const maxOTA = 1 << 20

// moveFota moves the FOTA region, and what lies around it, to where info.json
// has it.
func (t *target) moveFota(b *build, info *soc.Info, full int64) error {
	backup := t.fota.size - t.download
	size := t.fota.size
	if v, ok := info.Addr("fota.fota_len"); ok {
		if size = v; size%sector != 0 || size <= backup || size > t.flashSize {
			return infoError(info, "fota.fota_len", fmt.Sprintf("a multiple of 0x1000 above the backup zone's 0x%X", backup))
		}
	}
	start := full + b.ota*kib
	if v, ok := info.Addr("download.fs_addr"); ok && v%sector == 0 && v-size > full && v-size <= full+maxOTA && v < t.kv.off {
		start = v - size
	}
	old := t.fota.end()
	t.fota, t.download = area{start, size}, size-backup
	t.ap.size = start - t.ap.off
	t.fs = area{t.fota.end(), t.kv.off - t.fota.end()}
	fixed := t.fixed
	t.fixed = nil
	for _, p := range fixed {
		if p.Overlay { // the place for hibernation in the backup zone
			p.Off += t.fota.end() - old
		}
		t.fixed = append(t.fixed, p)
	}
	return nil
}

// checkChip refuses the info.json of another family.
func checkChip(series Series, info *soc.Info) error {
	want := strings.ToLower(series.String())
	if got := strings.ToLower(info.Text("chip.type")); got != "" && got != want {
		return infoError(info, "chip.type", want)
	}
	if v, ok := info.Addr("fota.magic_num"); ok && v != int64(series.Magic()) {
		return infoError(info, "fota.magic_num", fmt.Sprintf("%08x", series.Magic()))
	}
	return nil
}

func infoError(info *soc.Info, path, want string) error {
	off, _ := info.Range(path)
	return &explain.FormatError{Off: off, What: "info.json: " + path, Want: want, Got: info.Text(path)}
}
