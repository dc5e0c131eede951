package flashtest

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"airlift/flash"
)

func work(d *flash.Device) error {
	if err := d.Erase(0, 4096); err != nil {
		return err
	}
	return d.Program(0, bytes.Repeat([]byte{0x5A}, 512))
}

func start(t *testing.T) *flash.Device {
	d, err := flash.New(flash.NOR(8192))
	if err != nil {
		t.Fatal(err)
	}
	d.Burn(0, bytes.Repeat([]byte{0x33}, 4096))
	return d
}

func TestSweep(t *testing.T) {
	d := start(t)
	ops, err := Ops(d.Fork(), work)
	if err != nil || ops != 3 {
		t.Fatalf("%d operations, %v", ops, err)
	}
	full := d.Fork()
	states := [][]byte{full.Bytes()}
	full.Erase(0, 4096)
	states = append(states, full.Bytes())
	full.Program(0, bytes.Repeat([]byte{0x5A}, 256))
	states = append(states, full.Bytes())
	full.Program(256, bytes.Repeat([]byte{0x5A}, 256))
	states = append(states, full.Bytes())

	count := 0
	for cut := range Sweep(ops, 7) {
		count++
		left := Interrupt(t, d, cut, work)
		again := Interrupt(t, d, cut, work)
		before, after, got := states[cut.Op], states[cut.Op+1], left.Bytes()
		switch {
		case !bytes.Equal(got, again.Bytes()):
			t.Errorf("%v: differs from run to run", cut)
		case cut.How == Before && !bytes.Equal(got, before):
			t.Errorf("%v: something happened", cut)
		case cut.How == After && !bytes.Equal(got, after):
			t.Errorf("%v: not everything happened", cut)
		case cut.How > After && (bytes.Equal(got, before) || bytes.Equal(got, after)):
			t.Errorf("%v: not torn", cut)
		case left.Power().Lost() || left.Power().Ops() != 0:
			t.Errorf("%v: the fork is not ready for use", cut)
		}
	}
	if count != 3*len(AllHows) {
		t.Errorf("%d cuts", count)
	}
	if got := fmt.Sprint(slices.Collect(Sweep(2, 1, After))); got != "[cut at operation 0, after, seed 1 cut at operation 1, after, seed 1]" {
		t.Error(got)
	}
}

func TestSample(t *testing.T) {
	t.Setenv("AIRLIFT_SCALE", "")
	all := slices.Values([]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9})
	a, b := slices.Collect(Sample(all, 4, 1)), slices.Collect(Sample(all, 4, 1))
	if len(a) != 4 || !slices.Equal(a, b) || !slices.IsSorted(a) {
		t.Errorf("%v, then %v", a, b)
	}
	if got := slices.Collect(Sample(all, 40, 1)); len(got) != 10 {
		t.Errorf("%v", got)
	}
	for range Sample(all, 4, 1) {
		break // must not go on
	}
	t.Setenv("AIRLIFT_SCALE", "full")
	if got := slices.Collect(Sample(all, 4, 1)); len(got) != 10 {
		t.Errorf("full: %v", got)
	}
}
