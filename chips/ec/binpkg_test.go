package ec

import (
	"bytes"
	"reflect"
	"testing"
)

// TestBinpkgVector builds v_old.binpkg (ec618.md 8.2).
func TestBinpkgVector(t *testing.T) {
	p := &Binpkg{Entries: []BinpkgEntry{
		{Name: "ap_bootloader", Addr: 0x4000, FlashSize: 0x1E000, Type: "BL", Data: lcg(5, 4096)},
		{Name: "ap", Addr: 0x24000, FlashSize: 0x2E0000, Type: "AP", Data: oldAP()},
		{Name: "cp", Addr: 0, FlashSize: 0x80000, Type: "CP", Data: oldCP()},
	}}
	b := p.Encode()
	if len(b) != 115240 {
		t.Errorf("%d bytes", len(b))
	}
	head := unhex(t, `
61705f626f6f746c6f61646572000000 00000000000000000000000000000000
00000000000000000000000000000000 00000000000000000000000000000000
0040000000e001003400000000100000
44393332334441433541364241353446 34334332414444374442393336423436
32304146363434424641303833424331 31333032394445433436423531433932`)
	if got := b[0x34 : 0x34+len(head)]; !bytes.Equal(got, head) {
		t.Errorf("head of the first entry:\n% x\n% x", got, head)
	}
	if string(b[0x184:0x186]) != "BL" {
		t.Error("type of the first entry")
	}
	q, err := ParseBinpkg(b)
	if err != nil {
		t.Fatal(err)
	}
	for i, off := range []int64{0x34, 0x11A0, 0x1247C} {
		if e := q.Entries[i]; e.Off != off || !e.HashOK() || !bytes.Equal(e.Data, p.Entries[i].Data) {
			t.Errorf("entry %d at 0x%X, hash right: %v", i, e.Off, e.HashOK())
		}
	}
}

func TestBinpkgArguments(t *testing.T) {
	p := &Binpkg{Args: []BinpkgArg{{1, "pkgmode", "1"}, {4, "banoldtool", "1"}, {2, "productname", "EC718P_PRD"}},
		Entries: []BinpkgEntry{{Name: "cp", Addr: 0x81A000, FlashSize: 0x64000, Type: "CP", Data: []byte("cp")}}}
	b := p.Encode()
	if string(b[0x190:0x19A]) != "EC718P_PRD" || b[0x1E] != 0xA4 || b[0x1F] != 1 {
		t.Error("arguments are not where ec618.md 5.2 has them")
	}
	q, err := ParseBinpkg(b)
	if err != nil || !reflect.DeepEqual(q.Args, p.Args) || q.Entries[0].Off != 0x1D8 {
		t.Errorf("%+v %v", q, err)
	}
}

func FuzzBinpkg(f *testing.F) {
	p := &Binpkg{Args: []BinpkgArg{{1, "pkgmode", "1"}}, Entries: []BinpkgEntry{{Name: "ap", Type: "AP", Data: []byte("code")}}}
	f.Add(p.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := ParseBinpkg(b)
		if err != nil {
			return
		}
		r, err := ParseBinpkg(q.Encode())
		if err != nil || len(r.Entries) != len(q.Entries) {
			t.Fatalf("written again: %v", err)
		}
	})
}
