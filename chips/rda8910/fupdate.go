package rda8910

import (
	"bytes"
	"fmt"
)

// FupdateResult is how fupdateRun ends (8910.md 4.5).
type FupdateResult int

const (
	FupdateNotReady FupdateResult = iota // nothing to do
	FupdateNoStart                       // CANNT_START: the pack is refused, at every boot
	FupdateFailed                        // the chip resets, for ever
	FupdateFinished

	fupdateSkipped FupdateResult = -1 // not run at all
)

func (r FupdateResult) String() string {
	switch r {
	case FupdateNotReady:
		return "NOT_READY"
	case FupdateNoStart:
		return "CANNT_START"
	case FupdateFailed:
		return "FAILED"
	case FupdateFinished:
		return "FINISHED"
	}
	return "skipped"
}

// maxPack is what of a pack fits the RAM (assumption pack-memory), in bytes.
const maxPack = 8 << 20

// fupdate looks for an upgrade and applies it. V302340 wants the flag file, and
// removes what lies in /fota without it (8910.md 4.4).
func (b *bootRun) fupdate() (FupdateResult, error) {
	if b.era == V302340 {
		flag, err := b.vols.exists(flagFile)
		if err != nil {
			return fupdateSkipped, err
		}
		if !flag {
			return fupdateSkipped, b.discard()
		}
	}
	stage, err := b.vols.stage()
	if err != nil {
		return 0, err
	}
	if stage.Indicator == StageNotReady || stage.Indicator == StageFinished {
		return FupdateNotReady, nil
	}
	b.decide("stage %v", stage)
	run := &fupdateRun{bootRun: b, stage: stage}
	why, err := run.verify()
	if err != nil {
		return 0, err
	}
	if why != nil {
		b.finding("the pack is refused: %v", why)
		if stage.Indicator == StageReady {
			return FupdateNoStart, nil
		}
		return FupdateFailed, nil
	}
	if stage.Indicator == StageReady {
		if err := run.advance(Stage{Indicator: StageStarted}); err != nil {
			return FupdateFailed, notFatal(err)
		}
	}
	if err := run.apply(); err != nil {
		if notFatal(err) == nil {
			b.finding("%v", err)
		}
		return FupdateFailed, notFatal(err)
	}
	if err := run.advance(Stage{Indicator: StageFinished}); err != nil {
		return FupdateFailed, notFatal(err)
	}
	return FupdateFinished, nil
}

// discard removes what an upgrade left that has no flag.
func (b *bootRun) discard() error {
	for _, name := range []string{packFile, appFile} {
		there, err := b.vols.exists(name)
		if err != nil {
			return err
		}
		if !there {
			continue
		}
		b.do("there is no flag file: remove %s", name)
		if err := b.vols.unlink(name); err != nil {
			return err
		}
	}
	return nil
}

// fupdateRun applies a pack. Blocks are numbered through all bulks.
type fupdateRun struct {
	*bootRun
	stage Stage
	pack  *Pack
	next  uint32 // number of the next block
}

// advance writes the journal.
func (u *fupdateRun) advance(s Stage) error {
	u.stage = s
	u.do("write %s: %v", stageFile, s)
	return u.vols.setStage(s)
}

// verify loads the pack and checks all of it; the old data only before the
// first block (8910.md 4.5).
func (u *fupdateRun) verify() (why, err error) {
	data, ok, err := u.vols.read(packFile)
	if err != nil {
		return nil, err
	}
	switch {
	case !ok:
		return fmt.Errorf("%s cannot be read", packFile), nil
	case len(data) > maxPack:
		return fmt.Errorf("%s has %d bytes, the RAM has room for %d", packFile, len(data), maxPack), nil
	}
	if u.pack, err = u.memo.verifiedPack(data); err != nil {
		return err, nil
	}
	if u.stage.Indicator != StageReady {
		return nil, nil
	}
	c, err := u.vols.contents(u.pack, u.dev, u.memo)
	if err != nil {
		return nil, err
	}
	return u.pack.CheckOld(c), nil
}

// apply rebuilds block after block, from the one that the journal names on.
func (u *fupdateRun) apply() error {
	for i := range u.pack.Bulks {
		k := &u.pack.Bulks[i]
		if err := u.bulk(k); err != nil {
			return fmt.Errorf("%v %s: %w", k.Type, k.Name, err)
		}
	}
	return nil
}

// bulk applies what is left of a bulk.
func (u *fupdateRun) bulk(k *Bulk) error {
	switch k.Type {
	case BulkFlash:
		return u.each(k, func(b *Block) error {
			return u.block(b, u.dev, func(data []byte) error { return u.writeFlash(b, data) })
		})
	case BulkPlain:
		return u.each(k, func(b *Block) error {
			old, _, err := u.vols.read(k.Name)
			if err != nil {
				return err
			}
			return u.block(b, bytes.NewReader(old), func(data []byte) error { return u.writeFile(k.Name, data) })
		})
	case BulkBlocked:
		return u.pieces(k)
	case BulkInsert:
		return u.single(func() error {
			data, err := u.pack.inserted(k)
			if err != nil {
				return err
			}
			if err := u.vols.makeFolders(k.Name); err != nil {
				return err
			}
			return u.writeFile(k.Name, data)
		})
	}
	return u.single(func() error {
		u.do("remove %s", k.Name)
		return u.vols.unlink(k.Name)
	})
}

// left reports whether the next block is still to do.
func (u *fupdateRun) left() bool { return u.next >= u.stage.Block }

// done counts a block, and writes the journal if it was done now.
func (u *fupdateRun) done() error {
	n := u.next
	u.next++
	if n < u.stage.Block {
		return nil
	}
	if err := u.advance(Stage{Indicator: StageStarted, Block: u.next}); err != nil {
		return err
	}
	u.print("FUPDATE block: %d/%d", u.next, u.pack.Blocks)
	return nil
}

// single does a bulk of one block that needs no copy.
func (u *fupdateRun) single(do func() error) error {
	if u.left() {
		if err := do(); err != nil {
			return err
		}
	}
	return u.done()
}

func (u *fupdateRun) each(k *Bulk, do func(b *Block) error) error {
	return u.pack.eachBlock(k, func(b *Block) error {
		if u.left() {
			if err := do(b); err != nil {
				return err
			}
		}
		return u.done()
	})
}

// block builds a block, or takes it from fota.tmp if it was built before a cut,
// and has it written.
func (u *fupdateRun) block(b *Block, old interface {
	ReadAt(p []byte, off int64) (int, error)
}, write func(data []byte) error) error {
	if u.stage.Indicator == StageBackReady && u.stage.Block == u.next {
		data, ok, err := u.vols.read(tmpFile)
		if err != nil {
			return err
		}
		if sum := packCRC(data); !ok || sum != b.NewCRC {
			return fmt.Errorf("block %d: %s has a CRC of 0x%08X, expected 0x%08X", u.next, tmpFile, sum, b.NewCRC)
		}
		u.decide("block %d is in %s", u.next, tmpFile)
		return write(data)
	}
	data, err := b.Build(old)
	if err != nil {
		return err
	}
	if err := u.writeFile(tmpFile, data); err != nil {
		return err
	}
	if err := u.advance(Stage{Indicator: StageBackReady, Block: u.next}); err != nil {
		return err
	}
	return write(data)
}

// writeFile replaces a file and reads it back.
func (u *fupdateRun) writeFile(name string, data []byte) error {
	f, inner := u.vols.at(name)
	if f == nil {
		return fmt.Errorf("%s: no such file system", name)
	}
	u.do("write %s, %d bytes", name, len(data))
	if err := f.WriteAll(inner, data); err != nil {
		return err
	}
	back, ok, err := u.vols.read(name)
	if err != nil {
		return err
	}
	if !ok || !bytes.Equal(back, data) {
		return fmt.Errorf("%s reads back differently", name)
	}
	return nil
}

// writeFlash erases whole sectors, writes and compares.
func (u *fupdateRun) writeFlash(b *Block, data []byte) error {
	off := int64(b.NewPos)
	length := (int64(len(data)) + eraseSize - 1) / eraseSize * eraseSize
	if off%eraseSize != 0 || off < bootArea || off+length > u.dev.Size() {
		return fmt.Errorf("block of %d bytes for 0x%X: expected a sector behind the boot code", len(data), off)
	}
	u.do("erase and write 0x%06X, %d bytes", off, len(data))
	if err := u.dev.EraseUnchecked(off, length); err != nil {
		return err
	}
	if err := u.dev.ProgramUnchecked(off, data); err != nil {
		return err
	}
	back := make([]byte, len(data))
	if _, err := u.dev.ReadAt(back, off); err != nil {
		return err
	}
	if sum := packCRC(back); sum != b.NewCRC {
		return fmt.Errorf("block at 0x%06X reads back with a CRC of 0x%08X, expected 0x%08X", off, sum, b.NewCRC)
	}
	return nil
}

// pieces rebuilds a file that is stored in LZMAR pieces. Its old data are read
// again after each start: a piece that is not there counts as a gap, one that
// does not unpack ends everything (8910.md 4.6).
func (u *fupdateRun) pieces(k *Bulk) error {
	first := u.next
	count := uint32(0)
	if err := u.pack.eachBlock(k, func(*Block) error { count++; return nil }); err != nil {
		return err
	}
	if first+count <= u.stage.Block {
		u.next += count
		return nil
	}
	plain, err := u.loadPieces(k)
	if err != nil {
		return err
	}
	return u.each(k, func(b *Block) error {
		return u.block(b, bytes.NewReader(plain), func(data []byte) error { return u.writePiece(k, b, plain, data) })
	})
}

func (u *fupdateRun) loadPieces(k *Bulk) ([]byte, error) {
	size, step := int(max(k.OldSize, k.NewSize)), int(k.BlockSize)
	plain := make([]byte, size)
	for n := 0; n*step < size; n++ {
		name := pieceName(k.Name, n)
		b, ok, err := u.vols.read(name)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		p, err := u.memo.unpackLZMAR(b)
		if err != nil {
			return nil, fmt.Errorf("%s does not unpack, and never will: %w", name, err)
		}
		copy(plain[n*step:], p[:min(len(p), step)])
	}
	return plain, nil
}

func (u *fupdateRun) writePiece(k *Bulk, b *Block, plain, data []byte) error {
	if b.NewPos%k.BlockSize != 0 || len(data) > int(k.BlockSize) || int64(b.NewPos)+int64(len(data)) > int64(len(plain)) {
		return fmt.Errorf("block of %d bytes for 0x%X: expected a piece of %d", len(data), b.NewPos, k.BlockSize)
	}
	packed, err := u.memo.packLZMAR(data)
	if err != nil {
		return err
	}
	if err := u.writeFile(pieceName(k.Name, int(b.NewPos/k.BlockSize)), packed); err != nil {
		return err
	}
	copy(plain[b.NewPos:], data)
	return nil
}
