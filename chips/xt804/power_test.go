package xt804

import (
	"bytes"
	"errors"
	"testing"

	"airlift/flash"
)

// failTap has the chip refuse every operation from off on.
type failTap struct{ off int64 }

func (f failTap) Before(op *flash.Op) flash.Fate {
	if op.Off >= f.off {
		return flash.Fate{Kind: flash.FateFail}
	}
	return flash.Fate{}
}

func (f failTap) After(*flash.Op) {}

// A worn-out file system cannot be formatted: it is not mounted, and the core
// goes on without it.
func TestFormatFails(t *testing.T) {
	m := newModule(t, "Air601", "g2")
	m.put(m.l.ScriptAddr(), luadbImage(t, "old", 100))
	m.dev.Power().SetTap(failTap{m.l.Part(PartFS).Off})
	run := m.start()
	logs := m.logs()
	if want := "W/lfs lfs format fail ret=-28"; logs[len(logs)-1] != want {
		t.Errorf("log %q, want %s last", logs, want)
	}
	if n := len(run.Mounts.Mounts()); n != 2 {
		t.Errorf("%d mounts", n)
	}
}

// Secboot and updater do not look at the chip's error bits: what could not be
// written shows in the verification.
func TestFailedOperations(t *testing.T) {
	m := newModule(t, "Air101", "g2-fota")
	m.setFlag(area(m.world, plainPackage(m, nil)))
	m.dev.Power().SetTap(failTap{Off(m.l.CodeAddr())})
	if r := m.boot(); r.Status != "M" {
		t.Errorf("boot: %+v", r)
	}
	m = newModule(t, "Air101", "g2-fota")
	u := m.updater()
	m.dev.Power().SetTap(failTap{Off(m.l.FotaAddr()) + 4096})
	env := m.env()
	u.Init(env, 0, 0)
	if n, err := u.Write(env, plainPackage(m, nil)); n != 0 || err != nil {
		t.Errorf("write: %d, %v", n, err)
	}
	if n, err := u.Done(env); n != fotaChecksum || err != nil {
		t.Errorf("done: %d, %v", n, err)
	}
}

// Without power nothing works and nothing is said.
func TestPowerOff(t *testing.T) {
	for model, profile := range map[string]string{"Air101": "g2-fota", "Air6208": "g3"} {
		m := newModule(t, model, profile)
		boot := m.boot()
		u := m.updater()
		env := m.env()
		u.Init(env, 0, 0)
		u.Write(env, plainPackage(m, nil)[:100])
		m.dev.Power().Cut()
		m.steps = nil
		check := func(what string, err error) {
			if !errors.Is(err, flash.ErrPowerLost) {
				t.Errorf("%s %s: %v", profile, what, err)
			}
		}
		_, err := new(Secboot).Boot(env)
		check("boot", err)
		_, err = m.core.Start(env, boot)
		check("core", err)
		_, err = u.Init(env, 0, 0)
		check("init", err)
		_, err = u.Write(env, make([]byte, 40000))
		check("write", err)
		if len(m.steps) > 0 {
			t.Errorf("%s: %s", profile, m.story())
		}
	}
}

// failPages has the chip refuse the programming of single pages.
type failPages map[int64]bool

func (f failPages) Before(op *flash.Op) flash.Fate {
	if op.Kind == flash.OpProgram && f[op.Off] {
		return flash.Fate{Kind: flash.FateFail}
	}
	return flash.Fate{}
}

func (f failPages) After(*flash.Op) {}

// A page that fails does not keep the driver from the pages behind it.
func TestRewriteGoesOnBehindFailedPages(t *testing.T) {
	dev, err := flash.New(flash.NOR(8192))
	if err != nil {
		t.Fatal(err)
	}
	f := fls{dev}
	log := new(opLog)
	dev.Power().SetTap(flash.Taps{failPages{4096: true, 4096 + 3*256: true, 4096 + 15*256: true}, log})
	if err := f.rewrite(4096, make([]byte, 4096)); err != nil {
		t.Fatal(err)
	}
	for page := range int64(16) {
		want := byte(0)
		if page == 0 || page == 3 || page == 15 {
			want = 0xFF
		}
		if got := dev.Bytes()[4096+page*256]; got != want {
			t.Errorf("page %d holds 0x%02X, expected 0x%02X", page, got, want)
		}
	}
	if n := dev.Power().Ops(); n != 17 {
		t.Errorf("%d operations, expected 17", n)
	}
}

// bent is a chip without address line 12 that refuses to program.
type bent struct{ failTap }

func (bent) Fork() flash.Defects               { return bent{} }
func (bent) State() uint64                     { return 0 }
func (bent) Address(off int64) int64           { return off &^ 0x1000 }
func (bent) Read(*flash.Device, []byte, int64) {}
func (bent) Torn(*flash.Op, []byte)            {}
func (b bent) Before(op *flash.Op) flash.Fate {
	if op.Kind == flash.OpErase {
		return flash.Fate{}
	}
	return b.failTap.Before(op)
}

// A chip says where it failed; where it was told to work may be elsewhere.
func TestRewriteOfBentChip(t *testing.T) {
	dev, err := flash.New(flash.NOR(8192))
	if err != nil {
		t.Fatal(err)
	}
	dev.SetDefects(bent{})
	if n, err := (fls{dev}).write(FlashBase+4096, make([]byte, 4096)); n != 0 || err != nil {
		t.Errorf("write: %d, %v", n, err)
	}
	if ops := dev.Power().Ops(); ops != 17 {
		t.Errorf("%d operations, expected an erase and 16 pages", ops)
	}
}

// TestDriverBounds: what the driver does at the ends of a flash and of what it is
// given (xt804.md 1.1).
func TestDriverBounds(t *testing.T) {
	dev, err := flash.New(flash.NOR(8192))
	if err != nil {
		t.Fatal(err)
	}
	f := fls{dev}
	for _, n := range []int{1, 255, 256, 257, 512, 513} {
		if code, err := f.erase(FlashBase + 4096); code != 0 || err != nil {
			t.Fatal(code, err)
		}
		if code, err := f.writeNoErase(4096+3, make([]byte, n)); code != 0 || err != nil {
			t.Fatal(code, err)
		}
		want := bytes.Repeat([]byte{0xFF}, 4096)
		clear(want[3 : 3+n])
		if got := dev.Bytes()[4096:]; !bytes.Equal(got, want) {
			t.Errorf("%d bytes without erase: not these bytes alone", n)
		}
	}
	before := dev.Power().Ops()
	for _, off := range []uint32{8192, 0x7FFFFFF, FlashBase + 8192} {
		if code, err := f.erase(off); code != flsBadArg || err != nil {
			t.Errorf("erase at 0x%X: %d, %v", off, code, err)
		}
		if code, err := f.write(off, make([]byte, 10)); code != flsBadArg || err != nil {
			t.Errorf("write at 0x%X: %d, %v", off, code, err)
		}
		if code, err := f.writeNoErase(off, make([]byte, 10)); code != flsBadArg || err != nil {
			t.Errorf("write without erase at 0x%X: %d, %v", off, code, err)
		}
	}
	if code, err := f.write(0, nil); code != flsBadArg || err != nil {
		t.Errorf("write of nothing: %d, %v", code, err)
	}
	if ops := dev.Power().Ops(); ops != before {
		t.Errorf("%d operations for nothing", ops-before)
	}
}
