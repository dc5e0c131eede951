package ec

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"airlift/chips"
	"airlift/chips/synth"
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

// TestMakeDelta makes deltas between random images and applies them, in memory
// and by the boot code.
func TestMakeDelta(t *testing.T) {
	l := ec618Layout(t)
	pairs := 12
	if flashtest.Full() {
		pairs = 200
	}
	for seed := range uint64(pairs) {
		r := rand.New(rand.NewPCG(seed, 618))
		from := Images{AP: lcg(uint32(seed+1), 40000+r.IntN(120000)), CP: lcg(uint32(seed+99), 30000+r.IntN(40000))}
		to := from
		if r.IntN(4) > 0 {
			to.AP = edited(r, from.AP)
		}
		if r.IntN(3) == 0 {
			to.CP = edited(r, from.CP)
		}
		if r.IntN(8) == 0 {
			from, to = to, from
		}
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
		for _, k := range par.Packages {
			pl, err := ParsePayload(k.Payload)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			old, want := from.AP, to.AP
			if k.Attr == AttrCP {
				old, want = from.CP, to.CP
			}
			if out, err := pl.Apply(old); err != nil || !bytes.Equal(out, want) {
				t.Fatalf("seed %d, %s: %d bytes, %v", seed, k.Name, len(out), err)
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
	from := Images{AP: SyntheticAP(one, 400<<10, 5), CP: SyntheticCP(100<<10, 5)}
	to := Images{AP: SyntheticAP(two, 400<<10, 5), CP: from.CP}
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
