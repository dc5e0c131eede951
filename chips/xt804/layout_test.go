package xt804

import (
	"fmt"
	"testing"

	"airlift/flash"
)

// TestComputedMaps is the table of xt804.md 1.4.
func TestComputedMaps(t *testing.T) {
	for _, c := range []struct {
		mib, script      int64
		fota             bool
		area             int64 // KiB
		header           uint32
		kv, scriptOff, f int64
	}{
		{1, 64, false, 4, 0x08011000, 0xD0000, 0xE0000, 0xF0000},
		{1, 64, true, 324, 0x08061000, 0xD0000, 0xE0000, 0xF0000},
		{1, 128, false, 4, 0x08011000, 0xC0000, 0xD0000, 0xF0000},
		{1, 128, true, 320, 0x08060000, 0xC0000, 0xD0000, 0xF0000},
		{1, 256, false, 4, 0x08011000, 0xA0000, 0xB0000, 0xF0000},
		{1, 256, true, 304, 0x0805C000, 0xA0000, 0xB0000, 0xF0000},
		{2, 64, false, 4, 0x08011000, 0x1D0000, 0x1E0000, 0x1F0000},
		{2, 64, true, 736, 0x080C8000, 0x1D0000, 0x1E0000, 0x1F0000},
		{2, 128, false, 4, 0x08011000, 0x1C0000, 0x1D0000, 0x1F0000},
		{2, 128, true, 728, 0x080C6000, 0x1C0000, 0x1D0000, 0x1F0000},
		{2, 256, false, 4, 0x08011000, 0x1A0000, 0x1B0000, 0x1F0000},
		{2, 256, true, 716, 0x080C3000, 0x1A0000, 0x1B0000, 0x1F0000},
	} {
		name := fmt.Sprintf("%dM script %dK fota %v", c.mib, c.script, c.fota)
		in := DefaultMap(c.mib<<20, c.fota)
		in.ScriptKiB = c.script
		l, err := ComputeG2(in)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		fota, kv, script, fs := l.Part(PartFota), l.Part(PartKV), l.Part(PartScript), l.Part(PartFS)
		if fota.Off != 0x10000 || fota.Size != c.area*kib || l.FotaRoom() != c.area*kib || l.FotaAddr() != UpgradeAddr {
			t.Errorf("%s: FOTA area %+v", name, fota)
		}
		if l.Header != c.header || l.CodeAddr() != c.header+0x400 || Off(l.Header) != fota.End() {
			t.Errorf("%s: header 0x%08X, code 0x%08X", name, l.Header, l.CodeAddr())
		}
		if kv.Off != c.kv || kv.Size != 64*kib || script.Off != c.scriptOff || script.Size != c.script*kib || fs.Off != c.f || fs.Size != 48*kib {
			t.Errorf("%s: kv %+v script %+v fs %+v", name, kv, script, fs)
		}
		if l.Part(PartApp).End() != kv.Off {
			t.Errorf("%s: app ends at 0x%X, kv starts at 0x%X", name, l.Part(PartApp).End(), kv.Off)
		}
	}
}

func TestG1Map(t *testing.T) { // xt804.md 1.5
	for _, c := range []struct {
		mib, room int64
	}{{1, 0xCF800 - 64*kib}, {2, 0x1CF800 - 64*kib}} {
		l, err := ComputeG1(DefaultMap(c.mib<<20, false))
		if err != nil {
			t.Fatal(err)
		}
		if l.Header != 0x08010400 || l.CodeAddr() != 0x08010800 || l.CodeRoom() != c.room || l.FotaRoom() != 1024 {
			t.Errorf("%dM: header 0x%08X code 0x%08X room 0x%X FOTA room %d", c.mib, l.Header, l.CodeAddr(), l.CodeRoom(), l.FotaRoom())
		}
	}
	for region, want := range map[int64]int64{176: 128, 240: 192, 304: 256} {
		l, err := ParseConf(G1, 1<<20, fmt.Appendf(nil, "#define FLASH_FS_REGION_SIZE %d\n#define LUAT_USE_FSKV 1\n", region))
		if err != nil {
			t.Fatal(err)
		}
		if s := l.Part(PartScript); s.Size != want*kib || s.End() != 0xF0000 || l.Part(PartFS).Size != 48*kib {
			t.Errorf("region %dK: script %+v", region, s)
		}
	}
}

func TestFlagAddr(t *testing.T) { // xt804.md 1.2
	for size, want := range map[int64]uint32{1 << 20: 0x080FF000, 2 << 20: 0x081FF000, 8 << 20: 0x087FF000} {
		if got := FlagAddr(size); got != want {
			t.Errorf("%d: 0x%08X, want 0x%08X", size, got, want)
		}
	}
}

// TestEveryLayout checks what the rest of the house relies on, for each model
// and profile.
func TestEveryLayout(t *testing.T) {
	f := New()
	for _, m := range f.Models() {
		for _, p := range m.Profiles {
			c, err := f.Chip(m, p.Name, nil)
			if err != nil {
				t.Errorf("%s %s: %v", m.Name, p.Name, err)
				continue
			}
			l, err := LayoutOf(c)
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Table.Check(m.Flash[0]); err != nil {
				t.Errorf("%s %s: %v", m.Name, p.Name, err)
			}
			for _, name := range []string{PartSecboot, PartFota, PartApp, PartKV, PartScript, PartFS, PartSysparam} {
				if _, ok := l.Table.Lookup(name); !ok {
					t.Errorf("%s %s has no %s", m.Name, p.Name, name)
				}
			}
			if flag := l.Part("ota_flag"); Addr(flag.Off) != l.FlagAddr() {
				t.Errorf("%s %s: flag sector %+v", m.Name, p.Name, flag)
			}
			// Apart from overlays the partitions fill the flash.
			end := int64(0)
			for _, q := range l.Table.Sorted() {
				if !q.Overlay && q.Off == end {
					end = q.End()
				}
			}
			if end != l.FlashSize {
				t.Errorf("%s %s: gap at 0x%X", m.Name, p.Name, end)
			}
			fs := l.Part(PartFS)
			if overlap := fs.End() > l.FlashSize-systemTail; overlap != (l.Generation != G3) {
				t.Errorf("%s %s: fs ends at 0x%X", m.Name, p.Name, fs.End())
			}
			if _, ok := l.Table.At(flash.DefaultSectorSize); !ok {
				t.Errorf("%s %s: nothing at 0x1000", m.Name, p.Name)
			}
		}
	}
}

func TestGenerationNames(t *testing.T) {
	for _, name := range []string{"g1", "g2", "g2-fota", "g3"} {
		if g, err := ParseGeneration(name); err != nil || g.String() != name {
			t.Errorf("%s: %v, %v", name, g, err)
		}
	}
	if _, err := ParseGeneration("g0"); err == nil {
		t.Error("g0 was taken")
	}
}
