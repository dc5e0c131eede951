package rda8910

import (
	"bytes"
	"fmt"
)

// Contents are the parts of a module that a pack can change.
type Contents struct {
	Flash []byte            // the flash, from its first byte on
	Files map[string][]byte // by path, "/modem/nvm/rf_nv.bin"

	memo *memo // of what pieces hold; may be nil
}

// pieceName names a piece of a blocked file (8910.md 2.5).
func pieceName(name string, n int) string { return fmt.Sprintf("%s.%03d", name, n) }

// Verify unpacks every bundle and checks what boot code checks before it
// starts, without the old data (8910.md 4.5). The error is a
// *explain.FormatError.
func (p *Pack) Verify() error {
	total := uint32(0)
	for i := range p.Bulks {
		n, err := p.verifyBulk(&p.Bulks[i])
		if err != nil {
			return err
		}
		total += n
	}
	if total != p.Blocks {
		return wrong(28, "block_count", fmt.Sprintf("%d, as the bulks have", total), p.Blocks)
	}
	return nil
}

// verifyBulk returns how many blocks a bulk has. One that inserts or removes a
// file counts as one.
func (p *Pack) verifyBulk(k *Bulk) (blocks uint32, err error) {
	switch k.Type {
	case BulkRemove:
		return 1, nil
	case BulkInsert:
		_, err := p.inserted(k)
		return 1, err
	}
	for _, r := range k.Bundles {
		list, err := p.Bundle(r)
		if err != nil {
			return 0, err
		}
		if k.Type == BulkPlain && (len(list) != 1 || list[0].size != int(k.NewSize)) {
			return 0, wrong(int64(r.Off), "bundle of a plain file", fmt.Sprintf("one block of %d bytes", k.NewSize), fmt.Sprintf("%d blocks", len(list)))
		}
		blocks += uint32(len(list))
	}
	return blocks, nil
}

// inserted returns the file that a bulk inserts.
func (p *Pack) inserted(k *Bulk) ([]byte, error) {
	r := k.Bundles[0]
	data, err := p.unpack(r)
	if err != nil {
		return nil, err
	}
	if sum := packCRC(data); len(data) != int(k.NewSize) || sum != k.NewCRC {
		return nil, wrong(int64(r.Off), "inserted file", fmt.Sprintf("%d bytes with a CRC of 0x%08X", k.NewSize, k.NewCRC), fmt.Sprintf("%d with 0x%08X", len(data), sum))
	}
	return data, nil
}

// CheckOld compares the old data of all bulks with what a module has, as the
// core does before it arms an upgrade (8910.md 4.3).
func (p *Pack) CheckOld(c *Contents) error {
	for i := range p.Bulks {
		if err := p.Bulks[i].checkOld(c); err != nil {
			return fmt.Errorf("%v %s: %w", p.Bulks[i].Type, p.Bulks[i].Name, err)
		}
	}
	return nil
}

func (k *Bulk) checkOld(c *Contents) error {
	switch k.Type {
	case BulkFlash:
		if int64(k.Base)+int64(k.OldSize) > int64(len(c.Flash)) {
			return fmt.Errorf("old data of %d bytes at 0x%X lie outside a flash of %d", k.OldSize, k.Base, len(c.Flash))
		}
		return sameOld(c.Flash[k.Base:int64(k.Base)+int64(k.OldSize)], k.OldSize, k.OldCRC)
	case BulkBlocked:
		stored, plain, err := k.pieces(c)
		if err != nil {
			return err
		}
		if err := sameOld(stored, k.OldFileSize, k.OldFileCRC); err != nil {
			return err
		}
		return sameOld(plain, k.OldSize, k.OldCRC)
	case BulkPlain: // what is removed or inserted is not compared
		old, ok := c.Files[k.Name]
		if !ok {
			return fmt.Errorf("the module has no such file")
		}
		return sameOld(old, k.OldSize, k.OldCRC)
	}
	return nil
}

func sameOld(old []byte, size, sum uint32) error {
	if got := packCRC(old); len(old) != int(size) || got != sum {
		return fmt.Errorf("the pack is for %d bytes with a CRC of 0x%08X, the module has %d with 0x%08X", size, sum, len(old), got)
	}
	return nil
}

// pieces returns the pieces of a blocked file as they are stored, and their
// plain data, each at its place.
func (k *Bulk) pieces(c *Contents) (stored, plain []byte, err error) {
	count := (int64(k.OldSize) + int64(k.BlockSize) - 1) / int64(k.BlockSize)
	for i := range int(count) {
		name := pieceName(k.Name, i)
		b, ok := c.Files[name]
		if !ok {
			return nil, nil, fmt.Errorf("the module has no %s", name)
		}
		p, err := c.memo.unpackLZMAR(b)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		stored = append(stored, b...)
		plain = append(plain, p...)
	}
	return stored, plain, nil
}

// Apply does to c what boot code does with a pack: it checks all and then
// rebuilds block by block, in place. With an error from the first block on, c
// is left half changed.
func (p *Pack) Apply(c *Contents) error {
	if err := p.Verify(); err != nil {
		return err
	}
	if err := p.CheckOld(c); err != nil {
		return err
	}
	for i := range p.Bulks {
		k := &p.Bulks[i]
		if err := p.applyBulk(k, c); err != nil {
			return fmt.Errorf("%v %s: %w", k.Type, k.Name, err)
		}
	}
	return nil
}

func (p *Pack) applyBulk(k *Bulk, c *Contents) error {
	switch k.Type {
	case BulkFlash:
		return p.eachBlock(k, func(b *Block) error { return b.writeFlash(c.Flash) })
	case BulkBlocked:
		return p.applyPieces(k, c)
	case BulkPlain:
		return p.eachBlock(k, func(b *Block) error {
			data, err := b.Build(bytes.NewReader(c.Files[k.Name]))
			if err == nil {
				c.Files[k.Name] = data
			}
			return err
		})
	case BulkInsert:
		data, err := p.inserted(k)
		if err == nil {
			c.Files[k.Name] = data
		}
		return err
	case BulkRemove:
		delete(c.Files, k.Name)
	}
	return nil
}

func (p *Pack) eachBlock(k *Bulk, f func(b *Block) error) error {
	for _, r := range k.Bundles {
		blocks, err := p.Bundle(r)
		if err != nil {
			return err
		}
		for i := range blocks {
			if err := f(&blocks[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeFlash builds a block, erases its place and writes it there. Whole
// sectors are erased (8910.md 4.5).
func (b *Block) writeFlash(flash []byte) error {
	end := (int64(b.NewPos) + int64(b.size) + eraseSize - 1) / eraseSize * eraseSize
	if b.NewPos%eraseSize != 0 || end > int64(len(flash)) {
		return fmt.Errorf("block of %d bytes for 0x%X: expected a sector within a flash of %d", b.size, b.NewPos, len(flash))
	}
	data, err := b.Build(bytes.NewReader(flash))
	if err != nil {
		return err
	}
	place := flash[b.NewPos:end]
	for i := copy(place, data); i < len(place); i++ {
		place[i] = 0xFF
	}
	return nil
}

// applyPieces rebuilds a blocked file piece by piece, and compresses each
// again.
func (p *Pack) applyPieces(k *Bulk, c *Contents) error {
	_, plain, err := k.pieces(c)
	if err != nil {
		return err
	}
	return p.eachBlock(k, func(b *Block) error {
		data, err := b.Build(bytes.NewReader(plain))
		if err != nil {
			return err
		}
		if b.NewPos%k.BlockSize != 0 || b.size > int(k.BlockSize) || int64(b.NewPos)+int64(b.size) > int64(k.NewSize) {
			return fmt.Errorf("block of %d bytes for 0x%X: expected a piece of %d within %d", b.size, b.NewPos, k.BlockSize, k.NewSize)
		}
		if grow := int(b.NewPos) + b.size - len(plain); grow > 0 {
			plain = append(plain, make([]byte, grow)...)
		}
		copy(plain[b.NewPos:], data)
		packed, err := PackLZMAR(data)
		if err == nil {
			c.Files[pieceName(k.Name, int(b.NewPos/k.BlockSize))] = packed
		}
		return err
	})
}
