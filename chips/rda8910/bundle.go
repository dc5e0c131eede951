package rda8910

import (
	"fmt"
	"io"
)

// Block is what boot code rebuilds and writes at a time (8910.md 2.5).
type Block struct {
	NewPos uint32 // where it goes: offset in the flash or in the file
	NewCRC uint32
	Pieces []Piece
	size   int
	diff   []byte
	extra  []byte
}

// Piece is old data with differences added, and new data behind them.
type Piece struct {
	OldPos uint32 // offset in the flash or in the file
	Diff   uint32 // bytes
	Extra  uint32 // bytes
}

const (
	blockRecord = 12
	pieceRecord = 12
	maxBlocks   = 4096 // of a bundle: more than the flash has sectors
)

// Size returns the length of the new data in bytes.
func (k *Block) Size() int { return k.size }

// Build makes the new data of a block from the old ones, which are read at the
// positions that the pieces name, and checks their CRC.
func (k *Block) Build(old io.ReaderAt) ([]byte, error) {
	out := make([]byte, 0, k.size)
	diff, extra := k.diff, k.extra
	for _, p := range k.Pieces {
		at := len(out)
		out = out[:at+int(p.Diff)]
		if n, err := old.ReadAt(out[at:], int64(p.OldPos)); n < int(p.Diff) {
			return nil, fmt.Errorf("block for 0x%X: old data of %d bytes at 0x%X: %w", k.NewPos, p.Diff, p.OldPos, err)
		}
		for i, d := range diff[:p.Diff] {
			out[at+i] += d
		}
		out = append(out, extra[:p.Extra]...)
		diff, extra = diff[p.Diff:], extra[p.Extra:]
	}
	if sum := packCRC(out); sum != k.NewCRC {
		return nil, fmt.Errorf("block for 0x%X: the new data have a CRC of 0x%08X, expected 0x%08X", k.NewPos, sum, k.NewCRC)
	}
	return out, nil
}

// Bundle unpacks the blocks of a bundle. The error is a *explain.FormatError.
func (p *Pack) Bundle(r BundleRef) ([]Block, error) {
	if list, ok := p.kept[r]; ok {
		return list, nil
	}
	plain, err := p.unpack(r)
	if err != nil {
		return nil, err
	}
	list, err := parseBundle(plain, int64(r.Off))
	if err == nil && p.keep {
		if p.kept == nil {
			p.kept = map[BundleRef][]Block{}
		}
		p.kept[r] = list
	}
	return list, err
}

// unpack returns the plain bytes of a bundle.
func (p *Pack) unpack(r BundleRef) ([]byte, error) {
	b := p.data[r.Off : r.Off+r.Len]
	n, err := aloneSize(b, int64(r.Off))
	if err != nil {
		return nil, err
	}
	return unpackAlone(b, int64(r.Off), n)
}

// parseBundle reads unpacked bundle data; off is where the bundle lies in the
// pack, for errors.
func parseBundle(plain []byte, off int64) ([]Block, error) {
	word := func(at int) uint32 { return le.Uint32(plain[at:]) }
	if len(plain) < 4 {
		return nil, wrong(off, "unpacked bundle", "at least 4 bytes", len(plain))
	}
	count := word(0)
	if count > maxBlocks {
		return nil, wrong(off, "block_count of the unpacked bundle", fmt.Sprintf("at most %d", maxBlocks), count)
	}
	blocks := make([]Block, count)
	at := 4
	var diffs, extras int64
	for i := range blocks {
		k := &blocks[i]
		if len(plain)-at < blockRecord {
			return nil, wrong(off, fmt.Sprintf("block %d of the unpacked bundle", i), "12 bytes", len(plain)-at)
		}
		k.NewPos, k.NewCRC = word(at), word(at+4)
		pieces := word(at + 8)
		at += blockRecord
		if int64(pieces) > int64(len(plain)-at)/pieceRecord {
			return nil, wrong(off, fmt.Sprintf("piece_count of block %d", i), fmt.Sprintf("at most %d", (len(plain)-at)/pieceRecord), pieces)
		}
		k.Pieces = make([]Piece, pieces)
		for j := range k.Pieces {
			k.Pieces[j] = Piece{word(at), word(at + 4), word(at + 8)}
			diffs += int64(k.Pieces[j].Diff)
			extras += int64(k.Pieces[j].Extra)
			at += pieceRecord
		}
	}
	if rest := int64(len(plain) - at); diffs+extras != rest {
		return nil, wrong(off, "diff and extra bytes of the unpacked bundle", fmt.Sprintf("%d, as the pieces say", diffs+extras), rest)
	}
	diff, extra := plain[at:at+int(diffs)], plain[at+int(diffs):]
	for i := range blocks {
		k := &blocks[i]
		var nd, ne int
		for _, p := range k.Pieces {
			nd, ne = nd+int(p.Diff), ne+int(p.Extra)
		}
		k.size = nd + ne
		k.diff, diff = diff[:nd], diff[nd:]
		k.extra, extra = extra[:ne], extra[ne:]
	}
	return blocks, nil
}

// encodeBundle is the reverse of parseBundle.
func encodeBundle(blocks []Block) []byte {
	b := le.AppendUint32(nil, uint32(len(blocks)))
	for i := range blocks {
		k := &blocks[i]
		b = le.AppendUint32(b, k.NewPos)
		b = le.AppendUint32(b, k.NewCRC)
		b = le.AppendUint32(b, uint32(len(k.Pieces)))
		for _, p := range k.Pieces {
			b = le.AppendUint32(b, p.OldPos)
			b = le.AppendUint32(b, p.Diff)
			b = le.AppendUint32(b, p.Extra)
		}
	}
	for i := range blocks {
		b = append(b, blocks[i].diff...)
	}
	for i := range blocks {
		b = append(b, blocks[i].extra...)
	}
	return b
}
