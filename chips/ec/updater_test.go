package ec

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"airlift/chips"
	"airlift/flash"
)

// download feeds the updater of a module.
type download struct {
	*module
	u   *updater
	log []string
}

// newDownload is a module with an updater; series EC7xx is an Air780EPM with
// blank images.
func newDownload(t testing.TB, s Series) *download {
	m := newModule(t)
	if s == EC7xx {
		tg, err := findTarget("718pm")
		if err != nil {
			t.Fatal(err)
		}
		l, err := tg.layout(256, 192)
		if err != nil {
			t.Fatal(err)
		}
		d, err := flash.New(flash.NOR(l.FlashSize))
		if err != nil {
			t.Fatal(err)
		}
		m = &module{t: t, boot: &Bootloader{Layout: l}, power: new(flash.Power), chips: []*flash.Device{d}}
		d.Attach(m.power, 0)
	}
	a, err := newAreas(&m.boot.Layout, m.chips, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &download{module: m, u: newUpdater(a)}
}

func (d *download) env() *chips.Env {
	return &chips.Env{Board: &chips.Board{Flash: d.chips}, Step: func(s chips.Step) {
		if s.Kind == chips.KindLog {
			d.log = append(d.log, s.Text)
		}
	}}
}

// call runs one function of the updater and wants its result.
func (d *download) call(what string, want int, f func(*chips.Env) (int, error)) {
	d.t.Helper()
	got, err := f(d.env())
	if err != nil || got != want {
		d.t.Errorf("%s: %d, %v; expected %d (log %q)", what, got, err, want, d.log)
	}
}

func (d *download) init(want int) {
	d.t.Helper()
	d.call("init", want, func(e *chips.Env) (int, error) { return d.u.Init(e, 0xFFFFFFFF, 0) })
}

func (d *download) write(want int, p []byte) {
	d.t.Helper()
	d.call(fmt.Sprintf("write of %d", len(p)), want, func(e *chips.Env) (int, error) { return d.u.Write(e, p) })
}

func (d *download) done(want int) { d.t.Helper(); d.call("done", want, d.u.Done) }

func (d *download) end(want int) {
	d.t.Helper()
	d.call("end", want, func(e *chips.Env) (int, error) { return d.u.End(e, true) })
}

// logged wants the log since the last call of it.
func (d *download) logged(want ...string) {
	d.t.Helper()
	if fmt.Sprint(d.log) != fmt.Sprint(want) {
		d.t.Errorf("log %q, expected %q", d.log, want)
	}
	d.log = nil
}

// TestScriptDownload follows a script package through both series
// (ec618.md 3).
func TestScriptDownload(t *testing.T) {
	sota, err := ParsePackage(unhex(t, scriptSota))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		series Series
		pkg    []byte
		log    []string
		info   string
	}{
		{EC618, unhex(t, scriptSota), []string{"write stript data", "stript data done, now checking", "stript data md5 ok", "stript data md5 ok", "fota ok!, wait reboot"}, "168cf1ea"},
		{EC7xx, NewPackage(EC7xx, to7xx(t, sota.Common), nil).Encode(), []string{"write common data", "common data done, now checking 0", "common data md5 ok", "only common data", "fota type 0 ok!, wait reboot"}, "1872c3ea"},
	} {
		for _, piece := range []int{1, 91, 92, 93, 100, 322} {
			d := newDownload(t, c.series)
			d.init(0)
			info := d.part(PartInfo)
			if !d.holds(0, info.Off, placeholder(c.series)) {
				t.Errorf("%s: no placeholder after init", c.series)
			}
			d.done(-1)
			for rest := c.pkg; len(rest) > 0; {
				n := min(piece, len(rest))
				want := fotaOngoing
				if n == len(rest) {
					want = fotaDone
				}
				d.write(want, rest[:n])
				rest = rest[n:]
			}
			d.logged(c.log...)
			d.done(0)
			if !d.holds(0, int64(d.boot.Layout.OTAAddr()), c.pkg[HeadSize:]) {
				t.Errorf("%s: the common part is not in the OTA area", c.series)
			}
			r := DecodeInfo(d.bytes(0, info.Off, InfoSize))
			if r.CRC != r.computed || r.Magic != c.series.Magic() || r.DataStart != xipBase+d.boot.Layout.OTAAddr() || r.DataLen != 230 {
				t.Errorf("%s: info record %+v", c.series, r)
			}
			d.write(-1, []byte{0})
			d.logged("fota need init")
			d.end(0)
			d.logged()
		}
	}
}

// TestDownloadRefusals is what the updater refuses, and how.
func TestDownloadRefusals(t *testing.T) {
	good := unhex(t, scriptSota)
	flip := func(at int) []byte {
		b := append([]byte(nil), good...)
		b[at] ^= 0x40
		return b
	}
	badCommon := func() []byte {
		b := append([]byte(nil), good...)
		b[len(b)-1] ^= 1
		return b
	}()
	core := NewPackage(EC618, nil, unhex(t, vTwo)).Encode()
	badDelta := append([]byte(nil), core...)
	badDelta[HeadSize+200] ^= 1
	for _, c := range []struct {
		what string
		pkg  []byte
		prep func(d *download)
		log  []string
	}{
		{"wrong magic", flip(0), nil, []string{"magic num error eaf18c56"}},
		{"wrong head CRC", flip(60), nil, []string{fmt.Sprintf("file head crc32 error %x,f0289dc7", jamcrc(flip(60)[8:92]))}},
		{"damaged common part", badCommon, nil, []string{"write stript data", "stript data done, now checking", "stript data md5 check failed"}},
		{"damaged delta", badDelta, nil, []string{"write core data", "validate delta err! errno(3)"}},
		{"no delta at all", NewPackage(EC618, nil, bytes.Repeat([]byte{0xFF}, 100)).Encode(), nil, []string{"write core data", "validate delta err! errno(1)"}},
		{"wrong base", core, func(d *download) { d.burn(0, 0x24000, []byte{0}) }, []string{"write core data", "validate delta ok!", "however, base fw is unmatched!"}},
		{"wrong CP base", core, func(d *download) { d.burn(1, 0, []byte{0}) }, []string{"write core data", "validate delta ok!", "however, base fw is unmatched!"}},
		{"head without parts", append(NewPackage(EC618, nil, nil).Encode(), 0), nil, []string{"write core data", "validate delta err! errno(1)"}},
	} {
		d := newDownload(t, EC618)
		if c.prep != nil {
			c.prep(d)
		}
		d.init(0)
		d.write(-1, c.pkg)
		d.logged(c.log...)
		d.done(-1)
		d.end(-1)
		d.logged("fota failed")
		if d.bytes(0, d.part(PartInfo).Off, 1)[0] != 0xFF {
			t.Errorf("%s: the info record is still there", c.what)
		}
		if strings.Contains(c.what, "base") && d.bytes(0, d.part(PartFota).Off, 1)[0] != 0xFF {
			t.Errorf("%s: the first 4096 bytes of the delta are still there", c.what)
		}
		if r := d.start(); r.Outcome != chips.BootCore || r.Upgraded {
			t.Errorf("%s: then the boot code: %+v", c.what, r)
		}
	}
}

// TestDownloadOrder is what calls out of order do (ec618.md 3.2, 7).
func TestDownloadOrder(t *testing.T) {
	d := newDownload(t, EC618)
	d.write(-1, []byte{1})
	d.logged("fota need init")
	d.done(-1)
	d.init(0)
	d.write(1, unhex(t, scriptSota)[:92]) // pitfall 10: 92 bytes are not looked at
	d.init(0)                             // EC618 begins anew
	d.write(0, unhex(t, scriptSota))
	d.log = nil

	d = newDownload(t, EC7xx)
	d.init(0)
	d.write(1, []byte("12345"))
	d.init(0) // pitfall 13: nothing is reset
	d.write(-1, NewPackage(EC7xx, nil, nil).Encode())
	d.logged("OTA包头标志error 34333231")

	// What done says outlives end, and nothing is taken without another init.
	for _, s := range []Series{EC618, EC7xx} {
		d = newDownload(t, s)
		d.init(0)
		script, err := NewSection(s, d.boot.Layout.ScriptAddr(), lcg(3, 5000))
		if err != nil {
			t.Fatal(err)
		}
		pkg := NewPackage(s, script.Encode(), nil).Encode()
		d.write(1, pkg[:1000])
		d.end(-1)
		d.done(1)
		d.log = nil
		d.write(-1, pkg[1000:])
		d.logged("fota need init")
		d.init(0)
		d.write(0, pkg)
		d.done(0)
		d.end(0)
		d.done(0)
		d.end(0)
		d.init(0)
		d.done(-1)
		d.end(-1)
	}

	// Pitfall 11: what follows an error is taken for a new head.
	d = newDownload(t, EC618)
	d.init(0)
	for range 3 {
		d.write(-1, bytes.Repeat([]byte{0xAB}, 200))
	}
	d.logged("magic num error abababab", "magic num error abababab", "magic num error abababab")

	// Pitfall 14: init cancels an upgrade that waits for a reboot.
	d = newDownload(t, EC618)
	d.init(0)
	d.write(0, NewPackage(EC618, nil, unhex(t, vTwo)).Encode())
	d.end(0)
	d.init(0)
	if r := d.start(); r.Outcome != chips.BootCore || r.Upgraded || !d.holds(0, 0x24000, oldAP()) {
		t.Errorf("%+v %q", r, d.lines)
	}
	if !d.printed("soc ota info error, e8836d26,0") {
		t.Errorf("%q", d.lines)
	}
}

// TestCombinedDownload takes script and delta, and boots them.
func TestCombinedDownload(t *testing.T) {
	sota, err := ParsePackage(unhex(t, scriptSota))
	if err != nil {
		t.Fatal(err)
	}
	d := newDownload(t, EC618)
	d.init(0)
	d.write(0, NewPackage(EC618, sota.Common, unhex(t, vTwo)).Encode())
	d.logged("write stript data", "stript data done, now checking", "stript data md5 ok", "write core data", "validate delta ok!", "sdk data ok!", "fota ok!, wait reboot")
	d.end(0)
	if r := d.start(); !r.Upgraded || !d.holds(0, 0x24000, twoAP()) || !d.holds(1, 0, twoCP()) || !d.holds(0, 0x2CC000, testScript()) {
		t.Errorf("%+v %q", r, d.lines)
	}
}
