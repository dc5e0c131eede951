package rda8910

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"airlift/flash/explain"
	"airlift/flash/flashtest"
)

// edited is another version of an image: parts inserted, deleted, moved,
// changed.
func edited(r *rand.Rand, p []byte) []byte {
	q := bytes.Clone(p)
	for range 1 + r.IntN(5) {
		at := r.IntN(len(q) + 1)
		n := min(r.IntN(1+r.IntN(9000)), len(q)-at)
		rest := bytes.Join([][]byte{q[:at], q[at+n:]}, nil)
		switch r.IntN(5) {
		case 0:
			q = bytes.Join([][]byte{q[:at], repetitive(r, r.IntN(5000)), q[at:]}, nil)
		case 1:
			q = rest
		case 2:
			to := r.IntN(len(rest) + 1)
			q = bytes.Join([][]byte{rest[:to], q[at : at+n], rest[to:]}, nil)
		case 3:
			for i := range n {
				if r.IntN(9) == 0 {
					q[at+i]++
				}
			}
		default:
			q = append(q, p[:min(n, len(p))]...)
		}
	}
	if len(q) == 0 {
		return []byte{0}
	}
	return q
}

// pieces stores a file as the modem's file system has it.
func pieces(t testing.TB, c *Contents, name string, plain []byte) (list [][]byte) {
	for i := 0; i*lzmarBlock < len(plain); i++ {
		b, err := PackLZMAR(plain[i*lzmarBlock : min(len(plain), (i+1)*lzmarBlock)])
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, b)
		c.Files[pieceName(name, i)] = b
	}
	return list
}

// plainOf reads a file stored in pieces.
func plainOf(t testing.TB, c *Contents, name string, size int) (plain []byte) {
	for i := 0; i*lzmarBlock < size; i++ {
		p, err := unpackLZMAR(c.Files[pieceName(name, i)])
		if err != nil {
			t.Fatal(err)
		}
		plain = append(plain, p...)
	}
	return plain
}

const coreBase = 0x10000

// pair is a random upgrade: a core, and files of all kinds.
type pair struct {
	in              PackInput
	c               *Contents
	core, blob, cfg []byte // new
}

func newPair(t testing.TB, r *rand.Rand, size int) pair {
	old := repetitive(r, size)
	p := pair{c: &Contents{Flash: bytes.Repeat([]byte{0xFF}, coreBase+4*size+0x40000), Files: map[string][]byte{}}}
	copy(p.c.Flash[coreBase:], old)
	p.core = edited(r, old)
	p.in = PackInput{Flash: []FlashChange{{coreBase, old, p.core}}}
	if r.IntN(2) == 0 {
		p.in.OldVersion, p.in.NewVersion = "OLD1", "NEW22"
	}
	blob := repetitive(r, r.IntN(100000)+1)
	p.blob = edited(r, blob)
	p.in.Files = append(p.in.Files, FileChange{Name: "/modem/cp.bin", Pieces: pieces(t, p.c, "/modem/cp.bin", blob), New: p.blob})
	cfg := repetitive(r, r.IntN(3000))
	p.cfg = edited(r, append(cfg, 1))
	p.c.Files["/modem/nvm/rf_nv.bin"] = append(cfg, 1)
	p.c.Files["/modemnvm/rf_nv.bin"] = []byte("old")
	p.in.Files = append(p.in.Files,
		FileChange{Name: "/modem/nvm/rf_nv.bin", Old: append(cfg, 1), New: p.cfg},
		FileChange{Name: "/modemnvm/rf_nv.bin", Old: []byte("old")},
		FileChange{Name: "/modem/new", New: []byte("new file")})
	return p
}

// TestPairs makes packs between random cores, verifies and applies them.
func TestPairs(t *testing.T) {
	count, size := 12, 100000
	if flashtest.Full() {
		count, size = 100, 400000
	}
	for seed := range uint64(count) {
		r := rand.New(rand.NewPCG(seed, 8910))
		p := newPair(t, r, 1000+r.IntN(size))
		b, err := MakePack(p.in)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		pack, err := ParsePack(b)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if pack.OldVersion != p.in.OldVersion || pack.NewVersion != p.in.NewVersion {
			t.Fatalf("seed %d: versions %q and %q", seed, pack.OldVersion, pack.NewVersion)
		}
		if err := pack.Apply(p.c); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		_, removed := p.c.Files["/modemnvm/rf_nv.bin"]
		if !bytes.HasPrefix(p.c.Flash[coreBase:], p.core) || !bytes.Equal(plainOf(t, p.c, "/modem/cp.bin", len(p.blob)), p.blob) ||
			!bytes.Equal(p.c.Files["/modem/nvm/rf_nv.bin"], p.cfg) || removed || string(p.c.Files["/modem/new"]) != "new file" {
			t.Fatalf("seed %d: the pack does not lead to the new firmware", seed)
		}
		checkInspect(t, b, explain.OK)
	}
}

// TestPackOrder checks that a core which grows is written from its end on, and
// what shrinks from its start on: only so can a block be made from the old
// data that it moves away from.
func TestPackOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 8910))
	noise := make([]byte, 300000)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	for _, c := range []struct {
		old, new  []byte
		backwards bool
	}{
		{noise, append(make([]byte, 40000), noise...), true},
		{noise, noise[40000:], false},
	} {
		b, err := MakePack(PackInput{Flash: []FlashChange{{coreBase, c.old, c.new}}})
		if err != nil {
			t.Fatal(err)
		}
		p, err := ParsePack(b)
		if err != nil {
			t.Fatal(err)
		}
		blocks, err := p.Bundle(p.Bulks[0].Bundles[0])
		if err != nil || (blocks[0].NewPos > blocks[1].NewPos) != c.backwards {
			t.Errorf("first block to 0x%X, %v", blocks[0].NewPos, err)
		}
		if len(b) > 10000 {
			t.Errorf("the pack has %d bytes", len(b))
		}
	}
}

func TestMakePackNothing(t *testing.T) {
	same := []byte("the same")
	b, err := MakePack(PackInput{Flash: []FlashChange{{coreBase, same, same}}, Files: []FileChange{{Name: "/a", Old: same, New: same}}})
	if b != nil || err != nil {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

func TestMakePackRefuses(t *testing.T) {
	for name, in := range map[string]PackInput{
		"address":   {Flash: []FlashChange{{0x1000, nil, []byte("x")}}},
		"empty":     {Flash: []FlashChange{{coreBase, []byte("x"), nil}}},
		"too large": {Flash: []FlashChange{{coreBase, nil, make([]byte, maxPlain)}}},
		"no name":   {Files: []FileChange{{New: []byte("x")}}},
		"NUL":       {Files: []FileChange{{Name: "a\x00b", New: []byte("x")}}},
		"fota.tmp":  {Files: []FileChange{{Name: "/a", Old: []byte("x"), New: make([]byte, packTmpSize+1)}}},
		"pieces":    {Files: []FileChange{{Name: "/a", Pieces: [][]byte{[]byte("no LZMAR")}, New: []byte("x")}}},
		"version":   {OldVersion: string(make([]byte, 300)), Files: []FileChange{{Name: "/a", New: []byte("x")}}},
	} {
		if b, err := MakePack(in); err == nil {
			t.Errorf("%s: a pack of %d bytes", name, len(b))
		}
	}
}

// TestPackFaults changes fields of a pack and sets its CRC right again.
func TestPackFaults(t *testing.T) {
	good := unhex(t, miniPack)
	for _, c := range []struct {
		name string
		at   int
		v    uint32
		off  int64
	}{
		{"size", 8, 134, 8}, {"header larger than file", 16, 1000, 16}, {"header too small", 16, 20, 16}, {"header cuts record", 16, 60, 60},
		{"records", 24, 2, 68}, {"too many records", 24, 1 << 30, 24}, {"no records", 24, 0, 16},
		{"version size", 32, 3, 36}, {"version too long", 32, 1024, 36}, {"type", 36, 5, 36}, {"flash", 40, 0x324C4653, 40},
		{"old size", 48, 1 << 30, 36}, {"bundles", 56, 1 << 20, 56}, {"bundle length", 60, 12, 36}, {"bundle place", 64, 1 << 31, 36},
		{"bundle size", 73, 1 << 30, 73}, {"block count", 28, 2, 28}, {"properties", 68, 0x0200006E, 68}, {"start of the stream", 81, 0x3D800001, 81}, {"bundle data", 100, 0, 115},
	} {
		b := bytes.Clone(good)
		le.PutUint32(b[c.at:], c.v)
		le.PutUint32(b[12:], packCRC(b[16:]))
		p, err := ParsePack(b)
		if err == nil {
			err = p.Verify()
		}
		var fe *explain.FormatError
		if !errors.As(err, &fe) || fe.Off != c.off {
			t.Errorf("%s: %v", c.name, err)
		}
		checkInspect(t, b, explain.Bad)
	}
	b := bytes.Clone(good)
	b[130]++
	if _, err := ParsePack(b); err == nil {
		t.Error("a wrong CRC is taken")
	}
}

// TestApplyElsewhere applies packs to modules that they are not for.
func TestApplyElsewhere(t *testing.T) {
	p := newPair(t, rand.New(rand.NewPCG(3, 8910)), 20000)
	b, err := MakePack(p.in)
	if err != nil {
		t.Fatal(err)
	}
	pack, err := ParsePack(b)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*Contents{
		"other core": {Flash: make([]byte, len(p.c.Flash)), Files: p.c.Files},
		"no flash":   {Files: p.c.Files},
		"no files":   {Flash: p.c.Flash},
		"broken piece": {Flash: p.c.Flash, Files: map[string][]byte{
			"/modem/cp.bin.000": []byte("broken"), "/modem/nvm/rf_nv.bin": p.c.Files["/modem/nvm/rf_nv.bin"]}},
	} {
		before := fmt.Sprint(packCRC(c.Flash), len(c.Files))
		if err := pack.Apply(c); err == nil {
			t.Errorf("%s: applied", name)
		}
		if fmt.Sprint(packCRC(c.Flash), len(c.Files)) != before {
			t.Errorf("%s: changed", name)
		}
	}
}
