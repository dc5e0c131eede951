package xt804

import (
	"fmt"

	"airlift/flash"
)

// MapInput is what the build of G1 and G2 computes its flash map from
// (xt804.md 1.4, 1.5).
type MapInput struct {
	FlashSize int64 // bytes: 1 or 2 MiB
	FSKiB     int64 // LUAT_FS_SIZE, normally 48
	ScriptKiB int64 // LUAT_SCRIPT_SIZE, normally 64
	KV        bool  // LUAT_USE_FSKV or LUAT_USE_FDB: 64 KiB of key-value store
	Fota      bool  // LUAT_USE_FOTA; only G2 knows it
}

// DefaultMap returns the values that released firmware is built with.
func DefaultMap(flashSize int64, fota bool) MapInput {
	return MapInput{FlashSize: flashSize, FSKiB: 48, ScriptKiB: 64, KV: true, Fota: fota}
}

const kib = 1 << 10

func (in *MapInput) check() error {
	switch {
	case in.FlashSize != 1<<20 && in.FlashSize != 2<<20:
		return fmt.Errorf("flash of %d bytes: G1 and G2 firmware knows 1 and 2 MiB", in.FlashSize)
	case in.FSKiB < 4 || in.FSKiB > 2048 || in.FSKiB%4 != 0:
		return fmt.Errorf("file system of %d KiB: expected a multiple of 4 from 4 to 2048", in.FSKiB)
	case in.ScriptKiB < 4 || in.ScriptKiB > 2048 || in.ScriptKiB%4 != 0:
		return fmt.Errorf("script area of %d KiB: expected a multiple of 4 from 4 to 2048", in.ScriptKiB)
	case in.ScriptKiB+in.FSKiB < 112:
		return fmt.Errorf("script area and file system of %d KiB together: the firmware's addresses need at least 112", in.ScriptKiB+in.FSKiB)
	}
	return nil
}

// kvSize returns the bytes of the key-value store.
func (in *MapInput) kvSize() int64 {
	if in.KV {
		return 64 * kib
	}
	return 0
}

// dataParts are kv, script and fs as the firmware computes them at run time
// (xt804.md 1.4), and the system tail behind them.
func (in *MapInput) dataParts() flash.Table {
	top := in.FlashSize - 128*kib  // B: 0x0E0000 or 0x1E0000
	fsEnd := in.FlashSize - 16*kib // T: 0x0FC000 or 0x1FC000
	script := top - (in.FSKiB+in.ScriptKiB-112)*kib
	var t flash.Table
	if in.KV {
		t = append(t, flash.Partition{Name: PartKV, Kind: "data", Off: script - 64*kib, Size: 64 * kib})
	}
	t = append(t,
		flash.Partition{Name: PartScript, Kind: "script", Off: script, Size: in.ScriptKiB * kib},
		flash.Partition{Name: PartFS, Kind: "fs", Off: fsEnd - in.FSKiB*kib, Size: in.FSKiB * kib,
			Note: "its last two sectors are also mesh_param and param_default"},
		flash.Partition{Name: "reserved", Kind: "reserved", Off: fsEnd, Size: in.FlashSize - sysparamSize - fsEnd},
		flash.Partition{Name: PartSysparam, Kind: "sysparam", Off: in.FlashSize - sysparamSize, Size: sysparamSize},
	)
	return append(t, tailPartitions(in.FlashSize)...)
}

// FotaBytes returns the size of G2's FOTA area in bytes: one sector, or with
// FOTA the formula of the build script, divisions from left to right
// (xt804.md 1.4).
func (in *MapInput) FotaBytes() int64 {
	if !in.Fota {
		return flash.DefaultSectorSize
	}
	script := in.ScriptKiB * kib
	fota := (in.appBytes() + script/4*3) / 2 / 5 * 4
	return fota &^ (flash.DefaultSectorSize - 1)
}

// appBytes is the build script's "app": FOTA area and code together.
func (in *MapInput) appBytes() int64 {
	return in.FlashSize - (in.FSKiB*kib + in.ScriptKiB*kib + in.kvSize()) - 16*kib - 64*kib
}

// ComputeG2 returns the flash map of V1023..V1027 (xt804.md 1.4).
func ComputeG2(in MapInput) (Layout, error) {
	if err := in.check(); err != nil {
		return Layout{}, err
	}
	fota := in.FotaBytes()
	app := in.appBytes() - fota
	if app < 64*kib {
		return Layout{}, fmt.Errorf("%d KiB of script area, %d KiB of file system and a FOTA area of %d KiB leave no room for the core", in.ScriptKiB, in.FSKiB, fota/kib)
	}
	note := ""
	if !in.Fota {
		note = "LUAT_USE_FOTA is off: one sector, no package fits"
	}
	t := flash.Table{
		{Name: PartSecboot, Kind: "boot", Size: secbootSize},
		{Name: PartFota, Kind: "ota", Off: secbootSize, Size: fota, Note: note},
		{Name: PartApp, Kind: "app", Off: secbootSize + fota, Size: app},
	}
	g := G2
	if in.Fota {
		g = G2Fota
	}
	return NewLayout(g, in.FlashSize, append(t, in.dataParts()...))
}

// ComputeG1 returns the flash map of V0016..V1022 (xt804.md 1.5). The app
// partition starts at 0x10000; its header is 1 KiB further on, and the
// kilobyte between is all that there is of an upgrade area, so that "fota"
// lies over the app's first sector.
func ComputeG1(in MapInput) (Layout, error) {
	if err := in.check(); err != nil {
		return Layout{}, err
	}
	if in.Fota {
		return Layout{}, fmt.Errorf("firmware of generation g1 has no FOTA area")
	}
	app := in.appBytes()
	if app < 64*kib {
		return Layout{}, fmt.Errorf("%d KiB of script area and %d KiB of file system leave no room for the core", in.ScriptKiB, in.FSKiB)
	}
	t := flash.Table{
		{Name: PartSecboot, Kind: "boot", Size: secbootSize},
		{Name: PartApp, Kind: "app", Off: secbootSize, Size: app, Note: "image header at 0x10400, code at 0x10800"},
		{Name: PartFota, Kind: "ota", Off: secbootSize, Size: flash.DefaultSectorSize, Overlay: true,
			Note: "only its first 1 KiB; no FOTA code in this generation"},
	}
	return NewLayout(G1, in.FlashSize, append(t, in.dataParts()...))
}
