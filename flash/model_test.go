package flash_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"airlift/flash"
)

// The model of a chip is a slice of bytes and one of wear counts, changed by
// loops that are too simple to be wrong.
type model struct {
	geo   flash.Geometry
	cells []byte
	wear  []uint32
}

func newModel(g flash.Geometry) *model {
	return &model{geo: g, cells: bytes.Repeat([]byte{0xFF}, int(g.Size)), wear: make([]uint32, g.Size/g.SectorSize)}
}

func (m *model) clone() *model {
	return &model{m.geo, append([]byte(nil), m.cells...), append([]uint32(nil), m.wear...)}
}

// modelOp is one operation that the model expects.
type modelOp struct {
	kind     flash.OpKind
	off, len int64
	data     []byte
}

func (m *model) programOps(off int64, p []byte) (ops []modelOp) {
	for i := range p {
		at := off + int64(i)
		if i == 0 || at%m.geo.PageSize == 0 {
			ops = append(ops, modelOp{kind: flash.OpProgram, off: at})
		}
		op := &ops[len(ops)-1]
		op.len++
		op.data = append(op.data, p[i])
	}
	return ops
}

func (m *model) eraseOps(off, length int64) (ops []modelOp) {
	for at := off; at < off+length; at += m.geo.SectorSize {
		ops = append(ops, modelOp{kind: flash.OpErase, off: at, len: m.geo.SectorSize})
	}
	return ops
}

func (m *model) apply(op modelOp) {
	for i := op.off; i < op.off+op.len; i++ {
		if op.kind == flash.OpErase {
			m.cells[i] = 0xFF
		} else {
			m.cells[i] &= op.data[i-op.off]
		}
	}
	if op.kind == flash.OpErase {
		m.wear[op.off/m.geo.SectorSize]++
	}
}

// failer is what *testing.T and *rapid.T have in common.
type failer interface {
	Fatalf(format string, args ...any)
}

// twin is a chip next to its model.
type twin struct {
	dev *flash.Device
	mod *model
}

// checker drives chips and models by choices from pick, which returns a number
// in 0..n-1. It serves the property test and the fuzz target.
type checker struct {
	t     failer
	pick  func(n int) int
	geo   flash.Geometry
	twins []*twin
	snaps []*snapTwin
}

type snapTwin struct {
	snap *flash.Snapshot
	mod  *model
}

func newChecker(t failer, pick func(int) int) *checker {
	g := flash.Geometry{Erased: 0xFF}
	g.PageSize = 8 << pick(3)
	g.SectorSize = g.PageSize << pick(4)
	g.Size = g.SectorSize * int64(1+pick(140)) // up to three chunks
	dev, err := flash.New(g)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return &checker{t: t, pick: pick, geo: g, twins: []*twin{{dev, newModel(g)}}}
}

// bytes draws length bytes that clear few, many, all or no bits.
func (c *checker) bytes(length int64) []byte {
	p := make([]byte, length)
	style, seed := c.pick(4), c.pick(256)
	for i := range p {
		x := byte(i*31+seed) ^ byte(i>>3)
		switch style {
		case 0:
			p[i] = x
		case 1:
			p[i] = x | byte(i*17)
		case 2:
			p[i] = 0xFF
		}
	}
	return p
}

func (c *checker) span(unit int64) (off, length int64) {
	n := int(c.geo.Size / unit)
	first := c.pick(n)
	count := c.pick(min(n-first, 40) + 1)
	return int64(first) * unit, int64(count) * unit
}

func (c *checker) step() {
	tw := c.twins[c.pick(len(c.twins))]
	switch c.pick(11) {
	case 0, 1, 2:
		off, length := c.span(1)
		p := c.bytes(length)
		c.run(tw, tw.mod.programOps(off, p), func() error { return tw.dev.Program(off, p) })
	case 3, 4:
		off, length := c.span(c.geo.SectorSize)
		c.run(tw, tw.mod.eraseOps(off, length), func() error { return tw.dev.Erase(off, length) })
	case 5:
		off, length := c.span(1)
		p := c.bytes(length)
		if err := tw.dev.Burn(off, p); err != nil {
			c.t.Fatalf("burn: %v", err)
		}
		copy(tw.mod.cells[off:], p)
	case 6:
		fork := &twin{tw.dev.Fork(), tw.mod.clone()}
		c.place(fork)
	case 7:
		c.snaps = append(c.snaps, &snapTwin{tw.dev.Snapshot(), tw.mod.clone()})
		if len(c.snaps) > 4 {
			c.snaps = c.snaps[1:]
		}
	case 8:
		if len(c.snaps) > 0 {
			s := c.snaps[c.pick(len(c.snaps))]
			c.place(&twin{s.snap.Device(), s.mod.clone()})
		}
	case 9:
		c.reload(tw)
	case 10:
		c.refresh(tw)
	}
	c.compare(tw)
}

// refresh erases a sector and programs it again with some bytes of it as they
// were, or not quite, in one step if the chip can.
func (c *checker) refresh(tw *twin) {
	base := int64(c.pick(int(c.geo.Size/c.geo.SectorSize))) * c.geo.SectorSize
	at := int64(c.pick(int(c.geo.SectorSize)))
	sector := bytes.Clone(tw.mod.cells[base : base+c.geo.SectorSize])
	if c.pick(4) == 0 {
		sector[at] ^= 1 << c.pick(8)
	}
	p := sector[at : at+1+int64(c.pick(int(c.geo.SectorSize-at)))]
	same := bytes.Equal(p, tw.mod.cells[base+at:base+at+int64(len(p))])
	ops := append(tw.mod.eraseOps(base, c.geo.SectorSize), tw.mod.programOps(base, sector)...)
	c.run(tw, ops, func() error {
		if tw.dev.Refresh(base+at, p) {
			if !same {
				c.t.Fatalf("a sector that changes was refreshed")
			}
			return nil
		}
		if err := tw.dev.Erase(base, c.geo.SectorSize); err != nil {
			return err
		}
		return tw.dev.Program(base, sector)
	})
}

// place puts a new twin into the world, in place of an old one when it is full.
func (c *checker) place(tw *twin) {
	if len(c.twins) < 5 {
		c.twins = append(c.twins, tw)
		return
	}
	c.twins[c.pick(len(c.twins))] = tw
}

// reload saves the chip as a dump and loads it into a fork of another one.
func (c *checker) reload(tw *twin) {
	var dump bytes.Buffer
	if n, err := tw.dev.WriteTo(&dump); err != nil || n != c.geo.Size {
		c.t.Fatalf("WriteTo: %d, %v", n, err)
	}
	if !bytes.Equal(dump.Bytes(), tw.mod.cells) {
		c.t.Fatalf("the dump is not what the chip holds")
	}
	other := c.twins[c.pick(len(c.twins))]
	copyOf := &twin{other.dev.Fork(), other.mod.clone()}
	if err := copyOf.dev.LoadDump(&dump); err != nil {
		c.t.Fatalf("LoadDump: %v", err)
	}
	copy(copyOf.mod.cells, tw.mod.cells)
	c.compare(copyOf)
	c.place(copyOf)
}

// run does work, which must consist of ops, perhaps with a fault at one of
// them, and lets the model do the same.
func (c *checker) run(tw *twin, ops []modelOp, work func() error) {
	w := &watch{c: c, ops: ops, at: -1}
	if len(ops) > 0 && c.pick(3) == 0 {
		w.at, w.kind, w.style = c.pick(len(ops)), flash.FateKind(c.pick(6)), c.pick(3)
	}
	power := tw.dev.Power()
	first := power.Ops()
	w.first = first
	if tapped := w.at >= 0 || c.pick(2) == 0; tapped {
		power.SetTap(w)
		defer power.SetTap(nil)
	} else {
		w.seen = len(ops) // nobody looks
		w.done = len(ops)
	}
	err := work()
	c.follow(tw, w, err)
	if started := int(power.Ops() - first); started != w.seen {
		c.t.Fatalf("%d operations are numbered, %d were seen", started, w.seen)
	}
	if power.Lost() {
		c.lost(tw)
		power.Restore()
	}
}

// follow lets the model do what work must have done, and checks its error.
func (c *checker) follow(tw *twin, w *watch, err error) {
	var want error
	count, done := len(w.ops), 0
	for i, op := range w.ops {
		kind := flash.FateProceed
		if i == w.at {
			kind = w.kind
		}
		switch kind {
		case flash.FateProceed:
			tw.mod.apply(op)
			done++
		case flash.FateCutAfter:
			tw.mod.apply(op)
		case flash.FateCutTorn:
			copy(tw.mod.cells[op.off:], w.torn)
		}
		switch kind {
		case flash.FateCutBefore, flash.FateCutAfter, flash.FateCutTorn:
			want = flash.ErrPowerLost
		case flash.FateFail:
			want = flash.ErrOpFailed
		}
		if want != nil {
			count = i + 1
			break
		}
	}
	switch {
	case want == nil && err != nil, want != nil && !errors.Is(err, want):
		c.t.Fatalf("error %v, want %v", err, want)
	case w.seen != count:
		c.t.Fatalf("%d operations were started, want %d", w.seen, count)
	case w.done != done:
		c.t.Fatalf("%d operations took effect, want %d", w.done, done)
	case tw.dev.Power().Lost() != (want == flash.ErrPowerLost):
		c.t.Fatalf("power lost: %v", tw.dev.Power().Lost())
	}
}

// lost checks that nothing works without power.
func (c *checker) lost(tw *twin) {
	for what, err := range map[string]error{
		"read":            second(tw.dev.ReadAt(make([]byte, 1), 0)),
		"read nothing":    second(tw.dev.ReadAt(nil, 0)),
		"program":         tw.dev.Program(0, []byte{0}),
		"program nothing": tw.dev.Program(0, nil),
		"program outside": tw.dev.Program(-1, []byte{0}),
		"erase":           tw.dev.Erase(0, c.geo.SectorSize),
		"erase nothing":   tw.dev.Erase(0, 0),
		"erase outside":   tw.dev.Erase(-1, 1),
	} {
		if err != flash.ErrPowerLost {
			c.t.Fatalf("%s without power: %v", what, err)
		}
	}
}

func second(_ int, err error) error { return err }

// compare checks everything that can be read of a chip.
func (c *checker) compare(tw *twin) {
	got := make([]byte, c.geo.Size)
	if _, err := tw.dev.ReadAt(got, 0); err != nil {
		c.t.Fatalf("%v", err)
	}
	if !bytes.Equal(got, tw.mod.cells) {
		c.t.Fatalf("contents differ:\n got  % X\n want % X", got, tw.mod.cells)
	}
	for i, wear := range tw.mod.wear {
		if got := tw.dev.Wear(int64(i)*c.geo.SectorSize + c.geo.SectorSize - 1); got != wear {
			c.t.Fatalf("wear of sector %d is %d, want %d", i, got, wear)
		}
	}
	off, length := c.span(1)
	part := make([]byte, length)
	if _, err := tw.dev.ReadAt(part, off); err != nil || !bytes.Equal(part, tw.mod.cells[off:off+length]) {
		c.t.Fatalf("read 0x%X+0x%X: %v", off, length, err)
	}
	if c.pick(2) == 0 { // in the middle of the history too: hashes are kept
		c.checkHash(tw)
	}
}

// checkHash compares the hash with that of a chip without a history.
func (c *checker) checkHash(tw *twin) {
	fresh, _ := flash.New(c.geo)
	if err := fresh.Burn(0, tw.mod.cells); err != nil {
		c.t.Fatalf("%v", err)
	}
	if fresh.Hash() != tw.dev.Hash() {
		c.t.Fatalf("the hash depends on the history")
	}
}

// finish compares everything with everything.
func (c *checker) finish() {
	for _, tw := range c.twins {
		c.compare(tw)
	}
	for _, s := range c.snaps {
		tw := &twin{s.snap.Device(), s.mod}
		c.compare(tw)
		if s.snap.Hash() != tw.dev.Hash() {
			c.t.Fatalf("a snapshot and its device have different hashes")
		}
		c.twins = append(c.twins, tw)
	}
	for _, a := range c.twins {
		c.checkHash(a)
		for _, b := range c.twins {
			same := bytes.Equal(a.mod.cells, b.mod.cells)
			if (a.dev.Hash() == b.dev.Hash()) != same {
				c.t.Fatalf("hashes equal: %v, contents equal: %v", !same, same)
			}
		}
	}
}

func TestDeviceAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newChecker(t, func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "pick") })
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			c.step()
		}
		c.finish()
	})
}

func FuzzDevice(f *testing.F) {
	for i := range 4 {
		seed := make([]byte, 200)
		for j := range seed {
			seed[j] = byte(j * (i*2 + 1) * 13)
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, schedule []byte) {
		schedule = schedule[:min(len(schedule), 400)]
		pick := func(n int) int {
			if len(schedule) == 0 {
				return 0
			}
			v := int(schedule[0])
			schedule = schedule[1:]
			if n > 256 && len(schedule) > 0 {
				v |= int(schedule[0]) << 8
				schedule = schedule[1:]
			}
			return v % n
		}
		c := newChecker(t, pick)
		for len(schedule) > 0 {
			c.step()
		}
		c.finish()
	})
}

// The models are only worth something if they find differences.
func TestModelFindsDifferences(t *testing.T) {
	found := func(spoil func(*checker)) (failed bool) {
		c := newChecker(&catcher{&failed}, func(int) int { return 0 })
		defer func() {
			if r := recover(); r != nil && r != errCaught {
				panic(r)
			}
		}()
		spoil(c)
		c.finish()
		return failed
	}
	if found(func(*checker) {}) {
		t.Error("a difference between an erased chip and its model")
	}
	if !found(func(c *checker) { c.twins[0].mod.cells[3] = 1 }) {
		t.Error("no difference in a wrong byte")
	}
	if !found(func(c *checker) { c.twins[0].mod.wear[0] = 1 }) {
		t.Error("no difference in a wrong wear count")
	}
}

var errCaught = fmt.Errorf("caught")

type catcher struct{ failed *bool }

func (c *catcher) Fatalf(string, ...any) {
	*c.failed = true
	panic(errCaught)
}
