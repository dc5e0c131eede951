package rda8910

import (
	"bytes"
	"hash/crc32"
	"strings"
	"testing"

	"airlift/chips/rda8910/sffs"
	"airlift/flash"
)

// TestMaps: places of the flash maps (offset, length): of CSDK cores (8910.md
// 1.2), with scripts (1.3), and of LuatOS-SoC (1.5).
func TestMaps(t *testing.T) {
	type area struct{ off, size int64 }
	same := map[string]area{PartBoot: {0, 0x10000}, PartFactory: {0x7E0000, 0x20000}}
	for name, c := range map[string]struct {
		l    Layout
		want map[string]area
	}{
		"720U": {map720U.layout(GenB), map[string]area{
			PartAP: {0x10000, 0x170000}, PartApp: {0x180000, 0x180000}, PartFS: {0x300000, 0x260000}, PartModem: {0x560000, 0x280000}}},
		"BT_TTS": {mapTTS.layout(GenB), map[string]area{
			PartAP: {0x10000, 0x2B0000}, PartApp: {0x2C0000, 0x130000}, PartFS: {0x3F0000, 0x170000}, PartModem: {0x560000, 0x280000}}},
		"BT_TTS_VOLTE": {mapVoLTE.layout(GenB), map[string]area{
			PartAP: {0x10000, 0x28F000}, PartApp: {0x29F000, 0xE1000}, PartFS: {0x380000, 0x120000}, PartModem: {0x4A0000, 0x340000}}},
		"720U, scripts":         {map720U.layout(GenA), map[string]area{PartScript: {0x298000, 0x68000}, PartApp: {0x180000, 0x118000}}},
		"BT_TTS, scripts":       {mapTTS.layout(GenA), map[string]area{PartScript: {0x388000, 0x68000}, PartApp: {0x2C0000, 0xC8000}}},
		"BT_TTS_VOLTE, scripts": {mapVoLTE.layout(GenA), map[string]area{PartScript: {0x318000, 0x68000}, PartApp: {0x29F000, 0x79000}}},
		"LuatOS-SoC": {layoutD(), map[string]area{
			PartAP: {0x10000, 0x220000}, PartScript: {0x230000, 0x80000}, PartFS: {0x2C0000, 0x1C0000}, PartModem: {0x480000, 0x360000}}},
	} {
		for _, want := range []map[string]area{same, c.want} {
			for part, a := range want {
				if p := c.l.Part(part); p.Off != a.off || p.Size != a.size {
					t.Errorf("%s %s: 0x%X + 0x%X, expected 0x%X + 0x%X", name, part, p.Off, p.Size, a.off, a.size)
				}
			}
		}
	}
}

// TestVolumeConfigs: erase blocks, places and reserves of the file systems
// (8910.md 1.4), and their logical blocks: one erase block is spare, and one
// place more (1.7).
func TestVolumeConfigs(t *testing.T) {
	l := map720U.layout(GenB)
	for part, want := range map[string]struct {
		geometry       sffs.Geometry
		reserve        int
		blocks, length int64
	}{
		PartFS:      {sffs.Geometry{EraseBlock: 0x8000, Place: 0x200}, 128, (0x260000/0x8000-1)*64 - 1, 500},
		PartModem:   {sffs.Geometry{EraseBlock: 0x10000, Place: 0x200}, 0, 4991, 500},
		PartFactory: {sffs.Geometry{EraseBlock: 0x1000, Place: 0x100}, 0, (0x20000/0x1000-1)*16 - 1, 244},
	} {
		cfg := volumeConfig(part)
		if cfg.Geometry != want.geometry || cfg.Reserve != want.reserve {
			t.Errorf("%s: %+v", part, cfg)
		}
		d, err := flash.New(flash.NOR(flashSize))
		if err != nil {
			t.Fatal(err)
		}
		r, err := d.Partition(l.Part(part))
		if err != nil {
			t.Fatal(err)
		}
		if err := sffs.Format(r, cfg); err != nil {
			t.Fatal(err)
		}
		f, err := l.openVolume(d, part, true)
		if err != nil {
			t.Fatal(err)
		}
		if length, blocks, _, reserved := f.Usage(); blocks != want.blocks || length != want.length || reserved != int64(want.reserve) {
			t.Errorf("%s: %d blocks of %d bytes, %d reserved, expected %+v", part, blocks, length, reserved, want)
		}
	}
}

// TestPartitionRecords: where the fields of a partition table are, and how long
// its records (8910.md 1.6).
func TestPartitionRecords(t *testing.T) {
	name64 := "/" + strings.Repeat("m", 62)
	p := &Partitions{
		Devices: []BlockDevice{{"FSYS", 0x300000, 0x260000, 0x8000, 0x200, 5}},
		Volumes: []Volume{{"FSYS", name64, 128, 7}},
	}
	b := p.Encode()
	if want := 16 + 32 + 80; len(b) != want || int(le.Uint32(b[8:])) != want || le.Uint32(b[12:]) != 0x100 {
		t.Fatalf("%d bytes, head % X", len(b), b[:16])
	}
	d, v := b[16:48], b[48:]
	if string(d[:12]) != "FBD2SFL1FSYS" || le.Uint32(d[12:]) != 0x300000 || le.Uint32(d[16:]) != 0x260000 || le.Uint32(d[20:]) != 0x8000 || le.Uint32(d[24:]) != 0x200 || le.Uint32(d[28:]) != 5 {
		t.Errorf("device % X", d)
	}
	if string(v[:8]) != "SFFSFSYS" || cstring(v[8:72]) != name64 || le.Uint32(v[72:]) != 128 || le.Uint32(v[76:]) != 7 {
		t.Errorf("volume % X", v)
	}
	for _, version := range []uint32{0xFF, 0x101, 0x200, 0} {
		other := bytes.Clone(b)
		le.PutUint32(other[12:], version)
		le.PutUint32(other[4:], crc32.ChecksumIEEE(other[8:]))
		if _, err := ParsePartitions(other); err == nil || !strings.Contains(err.Error(), "version of the partition table") {
			t.Errorf("version 0x%X: %v", version, err)
		}
	}
	again, err := ParsePartitions(b)
	if err != nil || len(again.Devices) != 1 || again.Devices[0] != p.Devices[0] || len(again.Volumes) != 1 || again.Volumes[0] != p.Volumes[0] {
		t.Errorf("%+v, %v", again, err)
	}
}
