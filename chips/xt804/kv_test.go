package xt804

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/spf13/afero"

	"airlift/flash"
)

// mustKV mounts the key-value store of a started module.
func (m *module) mustKV(t testing.TB) afero.Fs {
	t.Helper()
	run := m.start()
	if run.KV == nil {
		t.Fatal("no fskv")
	}
	kv, err := run.KV(m.env())
	if err != nil {
		t.Fatal(err)
	}
	if u, err := kv.Usage(); err != nil || u.BlockSize != 4096 || u.Blocks != 16 {
		t.Fatalf("usage %+v, %v", u, err)
	}
	return kv.Fs
}

// TestKV: the store is made on demand, in its partition only, with the lines
// of the firmware, and is there again after a reset.
func TestKV(t *testing.T) {
	m := newModule(t, "Air601", "g2")
	m.start()
	part := m.l.Part(PartKV)
	before := m.get(FlashBase, int(m.l.FlashSize))
	kv := m.mustKV(t)
	lines := m.logs()
	for _, want := range []string{"I/lfs sfd_lfs mount ret -84, exec auto-format", "D/lfs init ok"} {
		if !slices.Contains(lines, want) {
			t.Errorf("no %q in %q", want, lines)
		}
	}
	if err := afero.WriteFile(kv, "/key", []byte{4, 'v'}, 0o666); err != nil {
		t.Fatal(err)
	}
	after := m.get(FlashBase, int(m.l.FlashSize))
	if !bytes.Equal(before[:part.Off], after[:part.Off]) || !bytes.Equal(before[part.End():], after[part.End():]) {
		t.Error("the store is not only in its partition")
	}
	if bytes.Equal(before[part.Off:part.End()], after[part.Off:part.End()]) {
		t.Error("nothing is in the partition")
	}
	kv = m.mustKV(t)
	if slices.Contains(m.logs(), "I/lfs sfd_lfs mount ret -84, exec auto-format") {
		t.Error("formatted again")
	}
	if p, err := afero.ReadFile(kv, "/key"); err != nil || string(p) != "\x04v" {
		t.Errorf("key holds %q, %v", p, err)
	}
}

func TestKVFirmware(t *testing.T) {
	if run := newModule(t, "Air101", "g1").version("V0014").start(); run.KV != nil {
		t.Error("V0014 has FlashDB, not fskv")
	}
	if run := newModule(t, "Air101", "g1").version("V0017").start(); run.KV == nil {
		t.Error("V0017 has fskv")
	}
}

// A cut anywhere while the store is made and written is reported as such, and
// the next start has a store with the old or the new value.
func TestKVCuts(t *testing.T) {
	base := newModule(t, "Air601", "g2")
	base.start() // "/" is there
	use := func(m *module) error {
		boot, err := new(Secboot).Boot(m.env())
		if err != nil {
			return err
		}
		run, err := m.core.Start(m.env(), boot)
		if err != nil {
			return err
		}
		kv, err := run.KV(m.env())
		if err != nil {
			return err
		}
		return afero.WriteFile(kv.Fs, "/key", bytes.Repeat([]byte{4}, 600), 0o666)
	}
	total := base.countOps(func(m *module) {
		if err := use(m); err != nil {
			t.Fatal(err)
		}
	})
	for n := range total {
		for _, how := range []flash.FateKind{flash.FateCutBefore, flash.FateCutAfter} {
			m := base.fork()
			m.dev.Power().SetTap(&cutTap{at: n, how: how})
			if err := use(m); !errors.Is(err, flash.ErrPowerLost) {
				t.Fatalf("cut at %d: %v", n, err)
			}
			m.dev.Power().SetTap(nil)
			m.dev.Power().Restore()
			p, err := afero.ReadFile(m.mustKV(t), "/key")
			if err == nil && len(p) != 0 && len(p) != 600 {
				t.Fatalf("cut at %d: key holds %d bytes", n, len(p))
			}
		}
	}
	t.Logf("%d operations, each cut before and after", total)
}
