package littlefs

import (
	"errors"
	"fmt"
	"math/rand"
	"testing"

	"airlift/flash"
	"github.com/spf13/afero"
)

// broken is a tap under which some blocks do not work: they report it, or do
// nothing and say nothing.
type broken struct {
	blocks map[int64]flash.FateKind
	hits   int
}

func (b *broken) Before(op *flash.Op) flash.Fate {
	kind := b.blocks[op.Off/4096]
	if kind != flash.FateProceed {
		b.hits++
	}
	return flash.Fate{Kind: kind}
}

func (b *broken) After(*flash.Op) {}

// TestBadBlocks runs the stories on chips of which some blocks do not work:
// littlefs takes others.
func TestBadBlocks(t *testing.T) {
	hits := 0
	for _, kind := range []flash.FateKind{flash.FateFail, flash.FateIgnore} {
		for seed := range int64(scaled(6, 100)) {
			for _, st := range stories() {
				c := st.config()
				c.BlockCount = 64
				r := newRegion(t, c.BlockCount)
				if err := Format(r, c); err != nil {
					t.Fatal(err)
				}
				rng := rand.New(rand.NewSource(seed))
				tap := &broken{blocks: map[int64]flash.FateKind{}}
				for range 20 {
					tap.blocks[2+rng.Int63n(62)] = kind
				}
				r.Device().Power().SetTap(tap)
				s := state{}
				for _, acts := range st.boots {
					fs := mounted(t, r, c)
					for _, a := range acts {
						if err := a.run(fs); err != nil {
							t.Fatalf("%s, seed %d: %s: %v", st.name, seed, a.name, err)
						}
						states := a.after(s)
						s = states[len(states)-1]
					}
					got, err := readState(fs)
					if err == nil {
						err = oneOf(got, []state{s})
					}
					if err != nil {
						t.Fatalf("%s, seed %d: %v", st.name, seed, err)
					}
					if p := fs.Check(); len(p) > 0 {
						t.Fatalf("%s, seed %d: %v", st.name, seed, p)
					}
				}
				hits += tap.hits
			}
		}
	}
	if hits < 100 {
		t.Errorf("bad blocks were met %d times only", hits)
	}
}

// TestBadBlocksAppear lets blocks die one after the other while they are in
// use: single operations fail, at any place.
func TestBadBlocksAppear(t *testing.T) {
	for _, st := range stories() {
		c := st.config()
		c.BlockCount = 64
		sweep(t, st, c, func(snap *flash.Snapshot, before state, acts []act, at uint64, _ flash.OpKind) {
			r := regionOf(t, snap.Device())
			tap := &dying{at: at}
			r.Device().Power().SetTap(tap)
			fs := mounted(t, r, c)
			s := before
			for _, a := range acts {
				err := a.run(fs)
				if errors.Is(err, ErrNoSpace) && tap.superblock {
					return // the superblock cannot move
				}
				if err != nil {
					t.Fatalf("%s, operation %d: %s: %v", st.name, at, a.name, err)
				}
				states := a.after(s)
				s = states[len(states)-1]
			}
			fs = mounted(t, r, c)
			got, err := readState(fs)
			if err == nil {
				err = oneOf(got, []state{s})
			}
			if err != nil {
				t.Errorf("%s, operation %d: %v", st.name, at, err)
			}
			if p := fs.Check(); len(p) > 0 {
				t.Errorf("%s, operation %d: %v", st.name, at, p)
			}
		})
	}
}

// dying breaks the block that operation number at works on, for good.
type dying struct {
	at, seen   uint64
	block      int64
	dead       bool
	superblock bool
}

func (d *dying) Before(op *flash.Op) flash.Fate {
	if d.seen++; d.seen-1 == d.at {
		d.dead, d.block = true, op.Off/4096
	}
	if d.dead && op.Off/4096 == d.block {
		d.superblock = d.superblock || d.block < 2
		return flash.Fate{Kind: flash.FateFail}
	}
	return flash.Fate{}
}

func (d *dying) After(*flash.Op) {}

// TestWear rewrites one small file over and over: with block_cycles the
// metadata moves, so that no block wears much more than the others; without
// it stays.
func TestWear(t *testing.T) {
	for _, tc := range []struct {
		cycles int32
		worst  uint32 // erases of the block outside the superblock that is worn most
		super  uint32
	}{{20, 300, 200}, {-1, 1e6, 1e6}} {
		c := LuatOS(128 << 10)
		c.BlockCycles = tc.cycles
		fs := newVolume(t, c)
		if err := fs.Mkdir("d", 0); err != nil {
			t.Fatal(err)
		}
		for i := range 20000 {
			if err := afero.WriteFile(fs, "d/counter", []byte(fmt.Sprint(i)), 0); err != nil {
				t.Fatal(err)
			}
		}
		dev := fs.region.Device()
		worst, used := uint32(0), 0
		for b := int64(2); b < 32; b++ {
			w := dev.Wear(b * 4096)
			worst = max(worst, w)
			if w > 10 {
				used++
			}
		}
		super := max(dev.Wear(0), dev.Wear(4096))
		t.Logf("cycles %d: worst %d, superblock %d, %d blocks in use", tc.cycles, worst, super, used)
		if moved := used > 10; moved != (tc.cycles > 0) || worst > tc.worst || super > tc.super {
			t.Errorf("cycles %d: worst %d (limit %d), superblock %d (limit %d), %d blocks in use", tc.cycles, worst, tc.worst, super, tc.super, used)
		}
		if p := fs.Check(); len(p) > 0 {
			t.Error(p)
		}
	}
}

// TestSuperblockGrows wears the root until it moves out of blocks 0 and 1.
func TestSuperblockGrows(t *testing.T) {
	c := LuatOS(128 << 10)
	c.BlockCycles = 4
	fs := newVolume(t, c)
	for i := range 3000 {
		if err := afero.WriteFile(fs, fmt.Sprint("f", i%3), pattern(i, 100), 0); err != nil {
			t.Fatal(err)
		}
	}
	pairs := 0
	if err := fs.eachPair(func(m *mdir) (bool, error) { pairs++; return true, nil }); err != nil {
		t.Fatal(err)
	}
	if pairs < 2 || fs.root.overlaps(rootPair) {
		t.Errorf("%d pairs, root %v: the superblock did not grow", pairs, fs.root)
	}
	fs = mounted(t, fs.region, c)
	s, err := readState(fs)
	if err != nil || len(s) != 3 || len(fs.Check()) > 0 {
		t.Error(s, err, fs.Check())
	}
}
