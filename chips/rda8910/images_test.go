package rda8910

import (
	"bytes"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"airlift/flash/explain"
)

// testUImage wraps data into an image.
func testUImage(data []byte) []byte { return NewUImage("TEST", 0x60010040, data) }

// testAppImage makes a C program of 200 bytes.
func testAppImage() []byte {
	b := make([]byte, 200)
	le.PutUint32(b, appImageMagic)
	le.PutUint32(b[4:], uint32(len(b)))
	b[32] = 4
	le.PutUint32(b[8:], crc32.ChecksumIEEE(b))
	return b
}

func testPac(boot []byte) *Pac {
	return &Pac{Version: "BP_R1.0.0", Product: "TEST", ProductVersion: "1", Alias: "test", Files: []PacFile{
		{ID: "BOOTLOADER", Name: "boot.img", Flag: 1, Check: 1, Addr: flashBase, Data: boot},
		{ID: "FMT_FSSYS", Check: 1, Omit: 1, Addr: PacFormat},
	}}
}

// TestBootImageHead checks the head of the real boot.img of V302340 (8910.md
// 8.3), whose data are not here.
func TestBootImageHead(t *testing.T) {
	h := append(unhex(t, "27051956 64dd66ce 609e38e0 0000a3e0 00800100 008002a4 a29daefc 05020100"), "DEVEL-svn2340"...)
	h = append(h, make([]byte, uimageHead-len(h))...)
	m, err := ParseUImage(h)
	if m == nil || err == nil || !m.HeadOK() || m.DataOK() || m.Name != "DEVEL-svn2340" || m.Size != 0xa3e0 {
		t.Errorf("%+v, %v", m, err)
	}
}

// pacsEnv names the two .pac files of the CSDK, core V302043 first, separated
// as in PATH. They are not part of the project: see docs/RDA8910.md.
const pacsEnv = "AIRLIFT_8910_PACS"

func readPacs(t *testing.T) (list []*Pac) {
	names := filepath.SplitList(os.Getenv(pacsEnv))
	if len(names) != 2 {
		t.Skip(pacsEnv + " does not name the two .pac files: real firmware is not tried")
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		p, err := ParsePac(b)
		if err != nil || !p.OK() {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Equal(p.Encode(), b) {
			t.Errorf("%s changes when it is written again", name)
		}
		checkInspect(t, b, explain.OK)
		list = append(list, p)
	}
	return list
}

func (p *Pac) find(t *testing.T, id string) []byte {
	for _, f := range p.Files {
		if f.ID == id {
			return f.Data
		}
	}
	t.Fatalf("no %s", id)
	return nil
}

// TestRealPacs reads real firmware: heads as in 8910.md 8.2 and 8.3, the
// second-stage boot code of 8.7, a core pack from one to the other.
func TestRealPacs(t *testing.T) {
	pacs := readPacs(t)
	for i, want := range []struct{ crc1, crc2, hcrc, dcrc uint32 }{{0x24a7, 0x0a8d, 0x172ea70e, 0x0dfded70}, {0xe104, 0x9b32, 0xf7355d89, 0x81d4ad35}} {
		p := pacs[i]
		m, err := ParseUImage(p.find(t, "AP"))
		if err != nil || uint32(p.CRC1) != want.crc1 || uint32(p.CRC2) != want.crc2 || m.HeadCRC != want.hcrc || m.DataCRC != want.dcrc || !m.HeadOK() || !m.DataOK() {
			t.Errorf("%+v, %v", want, err)
		}
	}
	z, err := ParseLZMAR(pacs[1].find(t, "BOOTLOADER")[0x5d8:])
	if err != nil {
		t.Fatal(err)
	}
	boot, err := z.Unpack()
	if err != nil || len(boot) != 54144 || byteSum(boot) != 0x5995fe {
		t.Errorf("second-stage boot code: %d bytes, %v", len(boot), err)
	}
	ps := pacs[1].find(t, "PS") // 8.1
	deleted := 0
	for at := 0x200; at <= len(ps); at += 0x200 {
		if le.Uint64(ps[at-8:]) == 0 {
			deleted++
		}
	}
	if le.Uint32(ps) != 0x1E5 || !bytes.HasPrefix(ps[4:], unhex(t, "524f4f54 01000100 f4010000")) || len(ps) != 5120*0x200 || deleted != 598 {
		t.Errorf("modem image: % x, %d bytes, %d places are deleted", ps[:16], len(ps), deleted)
	}
	old, new := pacs[0].find(t, "AP"), pacs[1].find(t, "AP")
	if packCRC(old) != 0x2d44adbd || packCRC(new) != 0xc22dd511 { // 8.4
		t.Error("the cores are not those of the reference")
	}
	b, err := MakePack(PackInput{Flash: []FlashChange{{coreBase, old, new}}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := ParsePack(b)
	if err != nil {
		t.Fatal(err)
	}
	c := &Contents{Flash: append(make([]byte, coreBase), old...)}
	c.Flash = append(c.Flash, bytes.Repeat([]byte{0xFF}, 0x200000)...)
	if err := p.Apply(c); err != nil || !bytes.HasPrefix(c.Flash[coreBase:], new) {
		t.Errorf("not the new core: %v", err)
	}
	t.Logf("core pack from V302043 to V302340: %d bytes", len(b))
}
