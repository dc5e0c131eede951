package ec

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"airlift/chips"
	"airlift/chips/synth"
	"airlift/flash"
	"airlift/flash/flashtest"
)

func ec618Layout(t testing.TB) *Layout {
	tg, err := findTarget("ec618")
	if err != nil {
		t.Fatal(err)
	}
	l, err := tg.layout(128, 96)
	if err != nil {
		t.Fatal(err)
	}
	return &l
}

// edited is another version of an image: bytes inserted, deleted, moved,
// replaced, at the end more or fewer.
func edited(r *rand.Rand, p []byte) []byte {
	q := append([]byte(nil), p...)
	for range 1 + r.IntN(5) {
		at := r.IntN(len(q) + 1)
		n := min(r.IntN(1+r.IntN(6000)), len(q)-at)
		switch r.IntN(6) {
		case 0:
			ins := make([]byte, r.IntN(3000))
			for i := range ins {
				ins[i] = byte(r.Uint32())
			}
			q = cat(q[:at], ins, q[at:])
		case 1:
			q = cat(q[:at], q[at+n:])
		case 2:
			to := r.IntN(len(q) - n + 1)
			rest := cat(q[:at], q[at+n:])
			q = cat(rest[:to], q[at:at+n], rest[to:])
		case 3:
			for i := range n {
				if r.IntN(9) == 0 {
					q[at+i]++
				}
			}
		case 4:
			q = q[:len(q)-min(n, len(q)-300)]
		case 5:
			q = append(q, p[:min(n, len(p))]...)
		}
	}
	return q
}

// randomPair is two versions of the images of a module. Most often the AP image
// differs, in one of three the CP image, and now and then nothing does.
func randomPair(seed uint64, spread int) (from, to Images) {
	r := rand.New(rand.NewPCG(seed, 618))
	from = Images{AP: lcg(uint32(seed+1), 40000+r.IntN(spread)), CP: lcg(uint32(seed+99), 30000+r.IntN(spread/3))}
	to = from
	if r.IntN(4) > 0 {
		to.AP = edited(r, from.AP)
	}
	if r.IntN(3) == 0 {
		to.CP = edited(r, from.CP)
	}
	if r.IntN(8) == 0 {
		from, to = to, from
	}
	return from, to
}

// TestMakeDelta makes deltas between random images and applies them, in memory
// and by the boot code.
func TestMakeDelta(t *testing.T) {
	l := ec618Layout(t)
	pairs := 12
	if flashtest.Full() {
		pairs = 200
	}
	for seed := range uint64(pairs) {
		from, to := randomPair(seed, 120000)
		par, err := MakeDelta(l, from, to)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if par == nil {
			if !bytes.Equal(from.AP, to.AP) || !bytes.Equal(from.CP, to.CP) {
				t.Fatalf("seed %d: no delta between different images", seed)
			}
			continue
		}
		b := par.Encode()
		if par, err = ParsePar(b); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		var ap, cp [][]byte
		for _, k := range par.Packages {
			if k.Attr == AttrCP {
				cp = append(cp, k.Payload)
			} else {
				ap = append(ap, k.Payload)
			}
		}
		for _, img := range []struct {
			raw      [][]byte
			old, new []byte
		}{{ap, from.AP, to.AP}, {cp, from.CP, to.CP}} {
			if out, err := applyRaw(img.raw, img.old); len(img.raw) > 0 && (err != nil || !bytes.Equal(out, img.new)) {
				t.Fatalf("seed %d: %d bytes, %v", seed, len(out), err)
			}
		}
		m := newModule(t)
		m.burn(0, 0x24000, from.AP)
		m.burn(1, 0, from.CP)
		m.wait(b, nil)
		if r := m.start(); r.Outcome != chips.BootCore || !m.printed("And succ!") || !m.holds(0, 0x24000, to.AP) || !m.holds(1, 0, to.CP) {
			t.Fatalf("seed %d: %+v %q", seed, r, m.lines)
		}
	}
}

// TestMakeDeltaReleases makes the delta between two releases of a synthetic
// core, for both series.
func TestMakeDeltaReleases(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	one := synth.Info{Model: "Air780E", Version: "V1112"}
	two := synth.Info{Model: "Air780E", Version: "V1113"}
	size := int64(150 << 10)
	if flashtest.Full() {
		size = 400 << 10
	}
	from := Images{AP: SyntheticAP(one, size, 5), CP: SyntheticCP(40<<10, 5)}
	to := Images{AP: SyntheticAP(two, size, 5), CP: from.CP}
	for _, target := range []string{"ec618", "718p"} {
		tg, err := findTarget(target)
		if err != nil {
			t.Fatal(err)
		}
		l, err := tg.layout(128, 96)
		if err != nil {
			t.Fatal(err)
		}
		par, err := MakeDelta(&l, from, to)
		if err != nil || len(par.Packages) != 1 {
			t.Fatalf("%s: %v", target, err)
		}
		b := par.Encode()
		pl, err := ParsePayload(par.Packages[0].Payload)
		if err != nil {
			t.Fatal(err)
		}
		out, err := pl.Apply(from.AP)
		if err != nil || !bytes.Equal(out, to.AP) {
			t.Errorf("%s: %d bytes, %v", target, len(out), err)
		}
		t.Logf("%s: delta of %d bytes between images of %d", target, len(b), len(to.AP))
	}
}

// TestMakeDeltaCuts cuts the power before, in the middle of and after every
// operation while boot code works off a delta: the next start must end with the
// new images.
func TestMakeDeltaCuts(t *testing.T) {
	l := ec618Layout(t)
	pairs, cuts := uint64(3), uint64(7)
	if flashtest.Full() {
		pairs, cuts = 20, 1<<40
	}
	for seed := uint64(1000); pairs > 0; seed++ {
		from, to := randomPair(seed, 30000)
		par, err := MakeDelta(l, from, to)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if par == nil {
			continue
		}
		pairs--
		cutEverywhere(t, par, from, to, seed, cuts)
	}
}

// cutEverywhere cuts the power before, after and, at three places, within
// so many of the operations of a boot that works off a delta. Every time the
// boots that follow must end with the new images.
func cutEverywhere(t *testing.T, par *Par, from, to Images, seed, cuts uint64) {
	t.Helper()
	base := newModule(t)
	base.burn(0, 0x24000, from.AP)
	base.burn(1, 0, from.CP)
	base.wait(par.Encode(), nil)
	probe := base.fork()
	if r := probe.start(); r.Outcome != chips.BootCore || !probe.holds(0, 0x24000, to.AP) || !probe.holds(1, 0, to.CP) {
		t.Fatalf("seed %d: %+v %q", seed, r, probe.lines)
	}
	ops := probe.power.Ops()
	for k := seed % (1 + ops/cuts); k < ops; k += 1 + ops/cuts {
		for _, fate := range []func(*flash.Op) flash.Fate{
			func(*flash.Op) flash.Fate { return flash.Fate{Kind: flash.FateCutBefore} },
			func(*flash.Op) flash.Fate { return flash.Fate{Kind: flash.FateCutAfter} },
			func(op *flash.Op) flash.Fate { return flash.TearFront(op, 1) },
			func(op *flash.Op) flash.Fate { return flash.TearFront(op, op.Len/2) },
			func(op *flash.Op) flash.Fate { return flash.TearFront(op, max(1, op.Len-1)) },
		} {
			m := base.fork()
			m.power.SetTap(cutAt{k, fate})
			if _, err := m.once(); !errors.Is(err, flash.ErrPowerLost) {
				t.Fatalf("seed %d, cut at %d of %d: %v", seed, k, ops, err)
			}
			m.power.SetTap(nil)
			m.power.Restore()
			if r := m.start(); r.Outcome != chips.BootCore || !m.holds(0, 0x24000, to.AP) || !m.holds(1, 0, to.CP) {
				t.Fatalf("seed %d, cut at %d of %d: %+v %q", seed, k, ops, r, m.lines)
			}
		}
	}
}

// TestMixedOrder makes the delta of an image that grows at its start and
// shrinks in its middle. In one order alone half of it would be overwritten
// before it is needed; the boot code takes one package for each half, also
// through power cuts.
func TestMixedOrder(t *testing.T) {
	l := ec618Layout(t)
	old := lcg(7, 9*32768)
	from := Images{AP: old, CP: lcg(8, 40000)}
	to := Images{AP: cat(lcg(9, 700), old[:4*32768], old[6*32768:]), CP: from.CP}
	par, err := MakeDelta(l, from, to)
	if err != nil {
		t.Fatal(err)
	}
	if len(par.Packages) != 2 {
		t.Fatalf("%d packages, expected 2", len(par.Packages))
	}
	first, second := par.Packages[0], par.Packages[1]
	if first.ID != 0 || second.ID != 1 || first.Attr != AttrAP || second.Attr != AttrAP || !first.Backwards || second.Backwards {
		t.Errorf("packages %d and %d for images %d and %d, backwards %v and %v", first.ID, second.ID, first.Attr, second.Attr, first.Backwards, second.Backwards)
	}
	if n := len(par.Encode()); n > 7000 {
		t.Errorf("a delta of %d bytes: old bytes are not used where they lie", n)
	}
	cuts := uint64(12)
	if flashtest.Full() {
		cuts = 40
	}
	cutEverywhere(t, par, from, to, 3, cuts)
}

// cutAt cuts the power at operation op.
type cutAt struct {
	op   uint64
	fate func(*flash.Op) flash.Fate
}

func (c cutAt) Before(op *flash.Op) flash.Fate {
	if op.Seq != c.op {
		return flash.Fate{}
	}
	return c.fate(op)
}

func (cutAt) After(*flash.Op) {}

// TestMakeDeltaLimits refuses what a module does not take.
func TestMakeDeltaLimits(t *testing.T) {
	l := ec618Layout(t)
	noise := func(seed uint64, n int) []byte {
		r := rand.NewPCG(seed, 1)
		p := make([]byte, n)
		for i := range p {
			p[i] = byte(r.Uint64())
		}
		return p
	}
	for _, c := range []struct {
		what     string
		from, to Images
		want     string // "" for a delta
	}{
		{"nothing in common", Images{AP: noise(1, 40000)}, Images{AP: noise(2, 500000)}, "the module takes at most 491520"},
		{"128 segments", Images{AP: noise(1, 40000)}, Images{AP: make([]byte, 127<<15+1)}, "128 segments, a delta holds at most 127"},
		{"127 segments", Images{AP: make([]byte, 127<<15-9)}, Images{AP: make([]byte, 127<<15)}, ""},
		{"no image", Images{AP: noise(1, 40000)}, Images{}, "AP images of 40000 and 0 bytes"},
		{"CP alone", Images{CP: noise(1, 40000)}, Images{CP: noise(1, 39000)}, ""},
	} {
		if len(c.to.AP) == 127<<15 && !flashtest.Full() {
			continue // takes a second
		}
		p, err := MakeDelta(l, c.from, c.to)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.what, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, expected %q", c.what, err, c.want)
		case err == nil && (len(p.Packages) != 1 || p.Packages[0].ID != 0):
			t.Errorf("%s: %d packages, the first has the number %d", c.what, len(p.Packages), p.Packages[0].ID)
		}
	}
	if p, err := MakeDelta(l, Images{AP: noise(1, 99)}, Images{AP: noise(1, 99)}); p != nil || err != nil {
		t.Errorf("the same images: %v, %v", p, err)
	}
}

// fuzzImage is the most that an image of FuzzMakePayload is long, in bytes:
// more than three segments of EC618, more than one of EC7xx.
const fuzzImage = 110_000

// FuzzMakePayload makes payloads between any images and applies them.
func FuzzMakePayload(f *testing.F) {
	f.Add([]byte("old"), []byte("new"), uint8(0), false)
	f.Add(lcg(1, 3000), lcg(1, 2000), uint8(20), false)
	f.Add(bytes.Repeat([]byte{1, 2, 3, 4}, 500), bytes.Repeat([]byte{1, 2, 3, 5}, 400), uint8(50), true)
	f.Fuzz(func(t *testing.T, old, new []byte, times uint8, own bool) {
		if len(old) == 0 || len(new) == 0 || len(old)+len(new) > 4000 {
			return
		}
		old, new = bytes.Repeat(old, 1+int(times)), bytes.Repeat(new, 1+int(times)/2)
		// The fuzz engine ends an execution of 10 s as a failure. Periodic images
		// of a megabyte take half a second without its instrumentation and alone.
		old, new = old[:min(len(old), fuzzImage)], new[:min(len(new), fuzzImage)]
		series := EC618
		if own {
			series = EC7xx
		}
		if out, err := applyRaw(makePayload(t, series, old, new), old); err != nil || !bytes.Equal(out, new) {
			t.Fatalf("%d bytes, %v; expected %d", len(out), err, len(new))
		}
	})
}
