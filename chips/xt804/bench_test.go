package xt804

import (
	"testing"

	"airlift/chips"
	"airlift/chips/synth"
	"airlift/flash"
)

// upgradeDevice returns an Air6208 whose area holds a package with a
// compressed body of about 700 KiB and whose flag asks for it.
func upgradeDevice(b *testing.B) *flash.Device {
	l := g3Layout(b)
	w := newWorld(b, l)
	code := SyntheticCore(synth.Info{}, 1160<<10, 7)
	pkg := w.pack(w.app(code), packOptions{})
	w.put(w.l.FotaAddr(), pkg)
	w.setFlag(DecodeHeader(pkg).OrgChecksum)
	return w.dev
}

func benchBoot(b *testing.B, dev *flash.Device, s *Secboot, want bool) {
	env := &chips.Env{Step: func(chips.Step) {}}
	b.ResetTimer()
	for b.Loop() {
		env.Board = &chips.Board{Flash: []*flash.Device{dev.Fork()}}
		r, err := s.Boot(env)
		if err != nil || r.Outcome != chips.BootCore || r.Upgraded != want {
			b.Fatal(r, err)
		}
	}
	if want {
		h := DecodeHeader(dev.Bytes()[Off(UpgradeAddr):])
		b.ReportMetric(float64(h.ImgLen)/1024, "package-KiB")
	}
}

func BenchmarkSecbootUpgrade700KiB(b *testing.B) { benchBoot(b, upgradeDevice(b), &Secboot{}, true) }

func BenchmarkSecbootUpgrade700KiBMemo(b *testing.B) {
	benchBoot(b, upgradeDevice(b), &Secboot{Memo: new(Memo)}, true)
}

func BenchmarkSecbootPlain(b *testing.B) {
	w := newWorld(b, g3Layout(b))
	w.install(w.app(SyntheticCore(synth.Info{}, 1200<<10, 7)))
	benchBoot(b, w.dev, &Secboot{}, false)
}
