package littlefs

import (
	"strings"
	"testing"

	"airlift/flash"
	"airlift/flash/flashtest"
)

// TestHalfDoneRenameHidesNobody cuts a rename between two pairs at every
// operation. Where the cut lies between its two commits the original does not
// show the entry behind the one on the move, until the first write
// (twins.compareTrees counts that); here readers see every file once.
func TestHalfDoneRenameHidesNobody(t *testing.T) {
	for _, moved := range []string{"a", "b", "c"} {
		fs := newVolume(t, tiny())
		want := state{dirKey("/d"): "", dirKey("/e"): ""}
		for _, d := range []string{"/d", "/e"} {
			if err := fs.Mkdir(d, 0); err != nil {
				t.Fatal(err)
			}
		}
		for i, name := range []string{"a", "b", "c", "d"} {
			p := "/d/" + name
			if err := put(p, pattern(i, 50)).run(fs); err != nil {
				t.Fatal(err)
			}
			want[fileKey(p)] = string(pattern(i, 50))
		}
		from, to := "/d/"+moved, "/e/"+moved
		done := want.moved(from, to)
		dev := fs.region.Device()
		ops, err := flashtest.Ops(dev.Fork(), func(d *flash.Device) error { return mounted(t, regionOf(t, d), tiny()).Rename(from, to) })
		if err != nil || ops < 2 {
			t.Fatalf("%d operations: %v", ops, err)
		}
		half := 0
		for at := range ops {
			d := dev.Fork()
			d.Power().SetTap(flashtest.CutAt{Op: at, How: flashtest.After})
			mounted(t, regionOf(t, d), tiny()).Rename(from, to)
			d.Power().SetTap(nil)
			d.Power().Restore()
			v := mounted(t, regionOf(t, d), tiny())
			got, err := readState(v)
			if err == nil {
				err = oneOf(got, []state{want, done})
			}
			if err != nil {
				t.Fatalf("%s, cut after operation %d: %v", moved, at, err)
			}
			if v.global.disk.moving() {
				half++
				if !strings.Contains(got.String(), to) {
					t.Errorf("%s: half done, but not in its new place\n%s", moved, got)
				}
			}
		}
		if half == 0 {
			t.Errorf("%s: no cut lies between the two commits: the test shows nothing", moved)
		}
	}
}
