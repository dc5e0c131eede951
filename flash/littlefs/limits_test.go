package littlefs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"testing"

	"airlift/flash"
	"github.com/spf13/afero"
)

// TestPowerLossIsNoBadBlock cuts the power and looks at what follows: nothing.
func TestPowerLossIsNoBadBlock(t *testing.T) {
	for at := uint64(0); at < 12; at++ {
		fs := newVolume(t, tiny())
		f, err := fs.Create("a")
		if err != nil {
			t.Fatal(err)
		}
		power := fs.region.Device().Power()
		tap := &cutter{cut: cut{at: at, kind: 'b'}}
		power.SetTap(tap)
		_, err = f.Write(pattern(1, 9000))
		if e := f.Close(); err == nil {
			err = e
		}
		if !power.Lost() {
			break
		}
		if !errors.Is(err, flash.ErrPowerLost) {
			t.Fatalf("cut %d: %v", at, err)
		}
		if _, err := fs.Open("a"); !errors.Is(err, flash.ErrPowerLost) || Code(err) != -5 {
			t.Fatalf("after cut %d: %v", at, err)
		}
		if tap.seen != at+1 {
			t.Fatalf("cut %d: %d operations were tried", at, tap.seen)
		}
	}
}

// TestHugeEntries gives entries more attributes than fit a block.
func TestHugeEntries(t *testing.T) {
	for _, blocks := range []int64{10, 64} {
		fs := newVolume(t, LuatOS(blocks<<12))
		want, refused := state{}, 0
		for i := range 60 {
			p, typ, v := fmt.Sprintf("/%c", 'd'-i/6%4), byte(i%6), string(pattern(i, 1022))
			if i == 0 {
				for _, p := range []string{"/a", "/b", "/c", "/d"} {
					want[fileKey(p)] = ""
					if err := afero.WriteFile(fs, p, nil, 0); err != nil {
						t.Fatal(err)
					}
				}
			}
			switch err := fs.SetAttr(p, typ, []byte(v)); {
			case err == nil:
				want[attrKey(p, typ)] = v
			case errors.Is(err, ErrNoSpace):
				refused++
			default:
				t.Fatal(err)
			}
			s, err := readState(fs)
			if err == nil {
				err = oneOf(s, []state{want})
			}
			if err != nil || len(fs.Check()) > 0 {
				t.Fatal(i, err, fs.Check())
			}
		}
		if refused == 0 {
			t.Error("everything fitted")
		}
	}
}

// TestRetryAfterBadBlock goes on writing to a handle whose block turned bad
// when there was no other.
func TestRetryAfterBadBlock(t *testing.T) {
	for at := uint64(0); at < 120; at++ {
		fs := newVolume(t, tiny())
		if err := afero.WriteFile(fs, "old", pattern(1, 12000), 0); err != nil {
			t.Fatal(err)
		}
		f, err := fs.Create("new")
		if err != nil {
			t.Fatal(err)
		}
		tap := &dying{at: at}
		fs.region.Device().Power().SetTap(tap)
		failed := false
		for i := range 30 {
			if _, err := f.Write(pattern(i, 1000)); err != nil {
				failed = true
				if !errors.Is(err, ErrNoSpace) {
					t.Fatal(at, err)
				}
			}
		}
		f.Seek(10, io.SeekStart)
		f.Truncate(5)
		if err := f.Close(); failed && err != nil && !errors.Is(err, ErrNoSpace) {
			t.Fatal(at, err)
		}
		fs = mounted(t, fs.region, fs.cfg)
		if b, err := afero.ReadFile(fs, "old"); err != nil || !bytes.Equal(b, pattern(1, 12000)) || len(fs.Check()) > 0 {
			t.Fatal(at, err, fs.Check())
		}
	}
}

// TestOldMountIsOver uses a mount after the power is back.
func TestOldMountIsOver(t *testing.T) {
	fs := newVolume(t, tiny())
	power := fs.region.Device().Power()
	power.SetTap(&cutter{cut: cut{at: 2, kind: 'f', arg: 9}})
	if err := afero.WriteFile(fs, "a", pattern(1, 900), 0); !errors.Is(err, flash.ErrPowerLost) {
		t.Fatal(err)
	}
	power.Restore()
	power.SetTap(nil)
	before := fs.region.Device().Hash()
	if err := fs.Mkdir("d", 0); !errors.Is(err, flash.ErrPowerLost) || fs.region.Device().Hash() != before {
		t.Errorf("the old mount wrote on: %v", err)
	}
}

func TestRevisionWraps(t *testing.T) {
	c := tiny()
	c.BlockCycles = -1
	fs := newVolume(t, c)
	root, err := fs.fetch(rootPair)
	if err != nil {
		t.Fatal(err)
	}
	fs = mounted(t, fs.region, c) // for a state that nobody shares
	root.rev, root.erased = 0x7FFFFFFE, false
	for i := range 6 {
		cur := &cursor{m: root}
		if i == 1 { // a step that the comparison still takes for forwards
			root.rev = 0xFFFFFFFD
		}
		if err := fs.commit(cur, record{mktag(typeUserAttr, 0, 1), []byte{byte(i)}}); err != nil {
			t.Fatal(err)
		}
		root = cur.m
		root.erased = false
		fs = mounted(t, fs.region, c)
		if v, err := fs.GetAttr("/", 0); err != nil || v[0] != byte(i) {
			t.Fatalf("revision 0x%X: %v %v", root.rev, v, err)
		}
		var word [4]byte
		fs.region.ReadAt(word[:], int64(root.pair[0])*4096)
		if got := binary.LittleEndian.Uint32(word[:]); i > 0 && got != 0xFFFFFFFD+uint32(i) {
			t.Fatalf("revision 0x%X", got)
		}
	}
}
