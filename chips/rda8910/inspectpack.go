package rda8910

import (
	"fmt"

	"airlift/flash/explain"
)

const (
	refusedByCore = "the core does not arm it: fota_process returns -96"
	refusedByBoot = "the core arms it, then boot code refuses it at every boot: CANNT_START"
)

// oldPack explains packs of version 1, as far as anybody knows them.
func (x *inspector) oldPack(b []byte, off int64) explain.Field {
	n := newNode(off, b, "core pack", "of version 1, which is not described anywhere")
	n.at(0, 8, "magic", packOldMagic, "boot code of V302043 and V302340 wants "+packMagic, explain.Bad)
	return n.Field
}

// pack explains a core pack (8910.md 2.5).
func (x *inspector) pack(b []byte, off int64) explain.Field {
	n := newNode(off, b, "core pack", "difference from one core to another")
	p, err := parsePack(b)
	if p == nil {
		n.fault(off, err, refusedByCore)
		return n.Field
	}
	n.Value = fmt.Sprintf("%d bulks, %d blocks", len(p.Bulks), p.Blocks)
	x.packHead(n, p)
	for i := range p.Bulks {
		if i == maxShownBulks {
			n.at(p.Bulks[i].Off, int64(p.HeaderSize)-p.Bulks[i].Off, "more", fmt.Sprintf("%d bulks", len(p.Bulks)-i), "not shown", explain.None)
			break
		}
		// The bulk that a fault was found in is there, but not to be followed.
		n.Add(x.bulk(p, &p.Bulks[i], off, err == nil || i < len(p.Bulks)-1))
	}
	if err != nil {
		n.fault(off, err, refusedByCore)
	} else if err := p.Verify(); err != nil {
		n.fault(off, err, refusedByBoot)
	}
	return n.Field
}

func (x *inspector) packHead(n *node, p *Pack) {
	n.at(0, 8, "magic", packMagic, "", explain.OK)
	m, v := verdict(int64(p.Size) == n.Len, "bytes", fmt.Sprintf("the pack has %d", n.Len))
	n.number(8, "file_size", p.Size, m, v)
	m, v = verdict(p.CRC == p.computed, "CRC of what follows", fmt.Sprintf("the CRC is 0x%08X; %s", p.computed, refusedByCore))
	n.word(12, "pack_crc", p.CRC, m, v)
	n.number(16, "header_size", p.HeaderSize, "bytes up to the first bundle", explain.None)
	n.number(20, "tmp_file_size", p.TmpSize, "bytes that fota.tmp takes; the core wants 4096 more free", explain.None)
	n.number(24, "bulk_count", le.Uint32(p.data[24:]), "", explain.None)
	n.number(28, "block_count", p.Blocks, "of all bulks", explain.None)
	n.number(32, "ver_name_size", p.nameSize, "bytes of a version", explain.None)
	if p.nameSize > 0 && p.nameSize <= maxName {
		n.at(packHead, int64(p.nameSize), "old_version", explain.Printable(p.OldVersion), "that the pack is for", explain.None)
		n.at(packHead+int64(p.nameSize), int64(p.nameSize), "new_version", explain.Printable(p.NewVersion), "that it leads to", explain.None)
	}
}

// bulk explains a record with its blocks, if they can be followed.
func (x *inspector) bulk(p *Pack, k *Bulk, off int64, follow bool) explain.Field {
	n := &node{explain.Field{Off: off + k.Off, Len: k.Len, Name: k.Type.String(), Value: explain.Printable(k.Name)}}
	add := func(name, value, meaning string) {
		n.Add(explain.Field{Off: n.Off, Len: k.Len, Name: name, Value: value, Meaning: meaning})
	}
	switch k.Type {
	case BulkFlash:
		add("base_address", fmt.Sprintf("0x%06X", k.Base), "offset in the flash")
	case BulkBlocked:
		add("old_file", fmt.Sprintf("%d bytes, CRC 0x%08X", k.OldFileSize, k.OldFileCRC), "the LZMAR pieces, one behind the other")
		add("data_block_size", fmt.Sprint(k.BlockSize), "plain bytes of a piece")
	}
	if k.Type != BulkInsert {
		add("old", fmt.Sprintf("%d bytes, CRC 0x%08X", k.OldSize, k.OldCRC), "that the module must have")
	}
	switch k.Type {
	case BulkInsert:
		add("new", fmt.Sprintf("%d bytes, CRC 0x%08X", k.NewSize, k.NewCRC), "")
	case BulkBlocked, BulkPlain:
		add("new", fmt.Sprintf("%d bytes", k.NewSize), "")
	}
	for i, r := range k.Bundles {
		if i == maxShownBlocks {
			add("more", fmt.Sprintf("%d bundles", len(k.Bundles)-i), "not shown")
			break
		}
		n.Add(x.bundle(p, k, r, off, follow))
	}
	return n.Field
}

func (x *inspector) bundle(p *Pack, k *Bulk, r BundleRef, off int64, follow bool) explain.Field {
	n := &node{explain.Field{Off: off + int64(r.Off), Len: int64(r.Len), Name: "bundle", Value: fmt.Sprintf("%d bytes at 0x%X", r.Len, r.Off), Meaning: "LZMA"}}
	if !follow {
		return n.Field
	}
	if k.Type == BulkInsert {
		n.Meaning = "LZMA of the file"
		return n.Field
	}
	blocks, err := p.Bundle(r)
	if err != nil { // Verify says it
		return n.Field
	}
	for i := range blocks {
		b := &blocks[i]
		f := explain.Field{Off: n.Off, Len: n.Len, Name: "block", Value: fmt.Sprintf("%d bytes to 0x%06X", b.size, b.NewPos), Meaning: fmt.Sprintf("%d pieces, %d bytes new, CRC 0x%08X", len(b.Pieces), len(b.extra), b.NewCRC)}
		if i == maxShownBlocks {
			f.Name, f.Value, f.Meaning = "more", fmt.Sprintf("%d blocks", len(blocks)-i), "not shown"
		}
		n.Add(f)
		if i == maxShownBlocks {
			break
		}
	}
	return n.Field
}
