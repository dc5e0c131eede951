package guest

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"airlift/chips"
	"airlift/chips/chipstest"
	"airlift/chips/guest/guests"
	"airlift/chips/xt804"
	"airlift/flash"
	"airlift/flash/flashtest"
)

// peers are the built-in boot code of XT804 and the guest that does the same.
type peers struct {
	chip    *chips.Chip
	guest   *Bootloader
	start   *flash.Device
	plain   []byte // a package that is copied
	zipped  []byte
	headers []int64 // where headers may be, on the flash
}

func newPeers(t testing.TB) *peers {
	t.Helper()
	p := &peers{chip: chipstest.Chip(t, xt804.New(), "Air101", "g2-fota", nil)}
	wasm, err := guests.Wasm("xt804")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := Load("xt804", wasm, Limits{Steps: 20_000_000})
	if err != nil {
		t.Fatal(err)
	}
	p.guest = &Bootloader{Module: mod, Tables: p.chip.Partitions}
	in := chips.MakeInput{CoreSize: 10 << 10, Script: testScript(t, "1")}
	flashes, err := p.chip.Maker.(chips.FlashMaker).MakeFlash(in)
	if err != nil {
		t.Fatal(err)
	}
	p.start = flashes[0]
	in.CoreVersion, in.CoreSeed = "V1026", 7
	for _, k := range []struct {
		kind string
		to   *[]byte
	}{{"app.img", &p.plain}, {"fota", &p.zipped}} {
		if *k.to, err = p.chip.Maker.Make(k.kind, in); err != nil {
			t.Fatal(err)
		}
	}
	secboot := make([]byte, xt804.HeaderSize)
	if _, err := p.start.ReadAt(secboot, xt804.Off(xt804.SecbootHeaderAddr)); err != nil {
		t.Fatal(err)
	}
	h := xt804.DecodeHeader(secboot)
	p.headers = []int64{xt804.Off(xt804.SecbootHeaderAddr), xt804.Off(h.Next), xt804.Off(xt804.UpgradeAddr)}
	return p
}

// state makes a random state of flash and console.
func (p *peers) state(t testing.TB, r *rand.Rand) (*flash.Device, []byte) {
	d := p.start.Fork()
	burn := func(off int64, b []byte) {
		if n := d.Size() - off; int64(len(b)) > n {
			b = b[:n]
		}
		if err := d.Burn(off, b); err != nil {
			t.Fatal(err)
		}
	}
	area := xt804.Off(xt804.UpgradeAddr)
	flag := []uint32{0xFFFFFFFF, r.Uint32()}
	if pkg := [][]byte{nil, p.plain, p.plain, p.zipped}[r.IntN(4)]; pkg != nil {
		pkg = append([]byte(nil), pkg...)
		h := xt804.DecodeHeader(pkg)
		flag = append(flag, h.OrgChecksum, h.OrgChecksum, h.OrgChecksum)
		if r.IntN(4) == 0 { // an image of another type before it
			first := xt804.Header{Attr: xt804.TypeCPFT, ImgAddr: xt804.FlashBase + 0x400, ImgLen: uint32(r.IntN(3000)), Next: xt804.UpgradeAddr}
			if r.IntN(2) == 0 {
				first.Attr |= xt804.AttrSigned
			}
			gap := int(first.ImgLen)
			if first.Signed() {
				gap += xt804.SignatureSize
			}
			h.UpgradeImgAddr = xt804.UpgradeAddr + xt804.HeaderSize + uint32(gap)
			pkg = append(append(append(first.Encode(), make([]byte, gap)...), h.Encode()...), pkg[xt804.HeaderSize:]...)
		}
		burn(area, pkg[:len(pkg)-[]int{0, 0, 0, r.IntN(len(pkg))}[r.IntN(4)]])
	}
	for range r.IntN(4) {
		p.damage(t, r, d, burn)
	}
	var word [4]byte
	binary.LittleEndian.PutUint32(word[:], flag[r.IntN(len(flag))])
	burn(d.Size()-flash.DefaultSectorSize, word[:])
	var console []byte
	for range []int{0, 0, 0, 6}[r.IntN(4)] {
		console = append(console, []byte{0x1B, 0x1B, 0x1B, 'x'}[r.IntN(4)])
	}
	return d, console
}

// damage changes a header, with or without a right CRC, or some bits.
func (p *peers) damage(t testing.TB, r *rand.Rand, d *flash.Device, burn func(int64, []byte)) {
	at := p.headers[r.IntN(len(p.headers))]
	raw := make([]byte, xt804.HeaderSize)
	if _, err := d.ReadAt(raw, at); err != nil {
		t.Fatal(err)
	}
	values := []uint32{0, 1, 0x400, xt804.FlashBase, xt804.FlashBase + 0x2000, xt804.UpgradeAddr, uint32(xt804.FlashBase + d.Size()), 0x20000000, 0x20008000, 0x20048000, 0x30000000, r.Uint32(), xt804.FlashBase + uint32(r.IntN(int(d.Size())))&^0x3FF}
	v := values[r.IntN(len(values))]
	h := xt804.DecodeHeader(raw)
	switch r.IntN(12) {
	case 0:
		h.ImgAddr = v
	case 1:
		h.ImgLen = v
	case 2:
		h.ImgHeaderAddr = v
	case 3:
		h.UpgradeImgAddr = v
	case 4:
		h.Next = v
	case 5:
		h.Attr = []uint32{0, 1, 2, xt804.TypeCPFT, 0x101, 0x10001, v}[r.IntN(7)]
	case 6:
		h.OrgChecksum = r.Uint32()
	case 7: // the same image twice
		burn(xt804.Off(xt804.UpgradeAddr), raw)
		return
	case 8:
		raw[r.IntN(len(raw))] ^= 1 << r.IntN(8)
		burn(at, raw)
		return
	case 9:
		burn(at&^(flash.DefaultSectorSize-1), make([]byte, 300))
		return
	default: // a bit of a body
		off := at + int64(r.IntN(12<<10))
		var b [1]byte
		if _, err := d.ReadAt(b[:], off); err != nil {
			t.Fatal(err)
		}
		b[0] ^= 1 << r.IntN(8)
		burn(off, b[:])
		return
	}
	burn(at, h.Encode())
}

// run boots a copy of the flash with one of the peers.
func (p *peers) run(t testing.TB, b chips.Bootloader, d *flash.Device, console []byte) (chips.BootResult, *world) {
	t.Helper()
	c := *p.chip
	c.Bootloader = b
	w := (&world{t: t, chip: &c, flashes: []*flash.Device{d.Fork()}, console: console}).plug()
	res, err := w.boot()
	if err != nil {
		t.Fatal(err)
	}
	return res, w
}

// decided returns the step that the built-in boot code decided by.
func (w *world) said(text string) bool {
	for _, s := range w.steps {
		if strings.Contains(s.Text, text) {
			return true
		}
	}
	return false
}

// TestXT804Peer boots random flash states with the built-in boot code of XT804
// and with the guest that does the same: result, flash and number of operations
// must be equal. What has to be unpacked the guest leaves alone: there the
// decision is compared.
func TestXT804Peer(t *testing.T) {
	p := newPeers(t)
	n := 1500
	if flashtest.Full() {
		n = 10000
	}
	seen := map[string]int{}
	for i := range n {
		d, console := p.state(t, rand.New(rand.NewPCG(uint64(i), 804)))
		want, builtin := p.run(t, p.chip.Bootloader, d, console)
		got, own := p.run(t, p.guest, d, console)
		class := fmt.Sprintf("%s %s upgraded %v", want.Outcome, want.Status, want.Upgraded)
		if got.Status == "U" {
			if !builtin.said("decision: UPGRADE") {
				t.Fatalf("state %d: the guest upgrades, the built-in boot code does not: %v", i, builtin.steps)
			}
			seen["decision: upgrade, unpacked or in RAM"]++
			continue
		}
		seen[class]++
		if !reflect.DeepEqual(got, want) || own.flashes[0].Hash() != builtin.flashes[0].Hash() || own.power.Ops() != builtin.power.Ops() {
			t.Fatalf("state %d: built in %+v after %d operations, guest %+v after %d\n%v\n%v", i, want, builtin.power.Ops(), got, own.power.Ops(), builtin.steps, own.steps)
		}
	}
	t.Logf("%d states: %v", n, seen)
	if len(seen) < 8 {
		t.Errorf("only %d kinds of results: %v", len(seen), seen)
	}
}
