package rda8910

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"strings"
	"testing"

	"airlift/flash/explain"
)

// miniPack is the core pack of 8910.md 8.4: 4096 bytes at 0x10000, four of
// which change.
const miniPack = `5244414f54413032 85000000 5d5d833c 44000000 00000100 01000000 01000000 00000000
	00000000 53464c31 00000100 00100000 84195299 01000000 41000000 44000000
	5d00000002 1c10000000000000 0000803d3a2c40726e8d83844d33b0746011595c7f66fb4c92ed79dbcc321a3f777289f4b51df558dbeb8979ae037bfffe459000`

// appVector and bothVector are the application file and the stream with both
// files of 8.6.
func appVector(t testing.TB) []byte {
	app, err := LuaApp(unhex(t, scriptVector))
	if err != nil {
		t.Fatal(err)
	}
	return app
}

func bothVector(t testing.TB) []byte {
	s := Stream{Files: []StreamFile{{Tag: TagApp, Data: appVector(t)}, {Tag: TagCore, Data: unhex(t, miniPack)}}}
	return s.Encode()
}

func checkMD5(t *testing.T, what string, p []byte, size int, want string) {
	t.Helper()
	if sum := md5.Sum(p); len(p) != size || hex.EncodeToString(sum[:]) != want {
		t.Errorf("%s: %d bytes, MD5 %x", what, len(p), sum)
	}
}

func TestCRCVectors(t *testing.T) {
	if got := packCRC([]byte("123456789")); got != 0x2dfd2d88 {
		t.Errorf("CRC of core packs: 0x%08X", got)
	}
	if got := crc16([]byte("123456789")); got != 0xBB3D { // CRC-16/ARC's published check value
		t.Errorf("CRC-16: 0x%04X", got)
	}
}

func TestStreamVectors(t *testing.T) {
	app := appVector(t)
	checkMD5(t, "script image", unhex(t, scriptVector), 78, "8dcf935b813afe47406dcdbeb7a02587")
	// The reference has a 7 for the eighth digit: a slip of the pen.
	checkMD5(t, "/fota/app", append(bytes.Clone(app), AppTrailer...), 103, "64b69759fa59c32470ac72e412d5ad8e")
	one := Stream{Files: []StreamFile{{Tag: TagApp, Data: app}}}
	checkMD5(t, "stream", one.Encode(), 104, "d53bd96eefcb5db323403bb5181bc8ba")
	checkMD5(t, "stream of both", bothVector(t), 242, "cfe81a8cdcf61b8c5250afcade7fbf1e")
	s, err := ParseStream(bothVector(t))
	if err != nil || len(s.Files) != 2 || s.Files[0].Off != 10 || !bytes.Equal(s.Files[0].Data, app) || !bytes.Equal(s.Files[1].Data, unhex(t, miniPack)) {
		t.Errorf("%+v, %v", s, err)
	}
	if sum := CheckLuaApp(app); !sum.Checked || !sum.OK() {
		t.Errorf("%+v", sum)
	}
}

func TestStageVectors(t *testing.T) {
	for text, s := range map[string]Stage{
		"0100000000000000": {StageReady, 0},
		"0200000000000000": {StageStarted, 0},
		"0300000007000000": {StageBackReady, 7},
		"0200000008000000": {StageStarted, 8},
		"0400000000000000": {StageFinished, 0},
	} {
		if got, err := ParseStage(unhex(t, text)); err != nil || got != s {
			t.Errorf("%s: %v, %v", text, got, err)
		}
		if !bytes.Equal(s.Encode(), unhex(t, text)) {
			t.Errorf("%v: %x", s, s.Encode())
		}
	}
	for _, text := range []string{"", "01000000000000", "0500000000000000", "0101000000000000"} {
		if s, err := ParseStage(unhex(t, text)); err == nil {
			t.Errorf("%s: %v", text, s)
		}
	}
}

// miniOld is the flash that miniPack is for.
func miniOld() *Contents {
	c := &Contents{Flash: bytes.Repeat([]byte{0xFF}, 0x20000)}
	for i := range 4096 {
		c.Flash[0x10000+i] = byte(7*i + 3)
	}
	return c
}

func TestMiniPack(t *testing.T) {
	b := unhex(t, miniPack)
	checkMD5(t, "mini.pack", b, 133, "13bb933ee84b0a3688bee93adb605a5e")
	p, err := ParsePack(b)
	if err != nil {
		t.Fatal(err)
	}
	c := miniOld()
	want := bytes.Clone(c.Flash)
	copy(want[0x10000+100:], "LUAT")
	k := p.Bulks[0]
	if k.OldCRC != 0x99521984 || k.Base != 0x10000 || k.OldSize != 4096 || p.CRC != 0x3c835d5d {
		t.Errorf("%+v", p)
	}
	blocks, err := p.Bundle(k.Bundles[0])
	if err != nil || len(blocks) != 1 || blocks[0].NewCRC != 0xdfdce385 || blocks[0].Size() != 4096 {
		t.Errorf("%+v, %v", blocks, err)
	}
	if err := p.Apply(c); err != nil || !bytes.Equal(c.Flash, want) {
		t.Errorf("wrong result: %v", err)
	}
	if err := p.Apply(c); err == nil {
		t.Error("the pack can be applied to the new core")
	}
}

func TestUpgradeVector(t *testing.T) {
	b := joinUpgrade(0x8910A002, sector(UpgradeScript, unhex(t, scriptVector), unhex(t, scriptLZMAR)), nil)
	checkMD5(t, "upgrade package", b, 224, "0442283cb5b9afff8581a08bcc8929ee")
	u, err := ParseUpgrade(b)
	if err != nil || u.Head.CRC != 0x58636253 || u.CPVersion() != 0x8910A002 || len(u.Sectors) != 1 {
		t.Fatalf("%+v, %v", u, err)
	}
	if plain, err := u.Sectors[0].Unpack(); err != nil || !bytes.Equal(plain, unhex(t, scriptVector)) {
		t.Errorf("%x, %v", plain, err)
	}
	checkInspect(t, b, explain.OK)
}

// TestPartitionVector encodes the partition table of V302340 (8910.md 8.1) from
// the map that we have of it.
func TestPartitionVector(t *testing.T) {
	l := map720U.layout(GenB)
	b := l.partitions().Encode()
	head := unhex(t, "50525449 914aff85 60010000 00010000 46424432 53464c31 46535953 00003000 00002600 00800000 00020000 00000000 46424432 53464c31 464d4f44")
	if len(b) != 352 || !bytes.HasPrefix(b, head) {
		t.Errorf("%d bytes, % x", len(b), b[:min(len(b), len(head))])
	}
	p := FindPartitions(append([]byte("PRTI, which is none; "), b...))
	if p == nil || p.Off != 21 || !bytes.Equal(p.Encode(), b) || p.fits(&l) != nil {
		t.Fatalf("%+v", p)
	}
	other := mapTTS.layout(GenB)
	if err := p.fits(&other); err == nil || !strings.Contains(err.Error(), "FSYS") {
		t.Errorf("%v", err)
	}
	for at := 4; at < len(b); at++ {
		if _, err := ParsePartitions(damaged(b, at)); err == nil {
			t.Fatalf("byte %d does not matter", at)
		}
	}
}

// TestDiffPackVector reads the head and the first record of the vendor's pack
// between V302043 and V302340 (8910.md 8.4), whose data are not here.
func TestDiffPackVector(t *testing.T) {
	b := unhex(t, "5244414f54413032 55810400 92c4f59f d8020000 00000100 0e000000 57000000 00000000 00000000 53464c31 00000100 60a71300 bdad442d 01000000 2f200100 d8020000")
	d := recordReader{b: b, off: packHead}
	k := d.bulk()
	if d.err != nil || k.Type != BulkFlash || k.Base != 0x10000 || k.OldSize != 1288032 || k.OldCRC != 0x2d44adbd ||
		len(k.Bundles) != 1 || k.Bundles[0] != (BundleRef{Off: 0x2d8, Len: 73775}) {
		t.Errorf("%+v, %v", k, d.err)
	}
	p, err := parseRecords(b)
	if err == nil || p.Size != 295253 || p.CRC != 0x9ff5c492 || p.HeaderSize != 0x2d8 || p.TmpSize != 0x10000 || p.Blocks != 0x57 {
		t.Errorf("%+v, %v", p, err)
	}
}
