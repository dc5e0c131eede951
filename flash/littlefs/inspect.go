package littlefs

import (
	"encoding/binary"
	"fmt"
	"strings"

	"airlift/flash"
	"airlift/flash/explain"
)

// maxFields bounds what Inspect returns for a volume that was made to have
// too much to say.
const maxFields = 20000

// Probe reports whether p, the first bytes of something (two blocks are
// enough), is the start of a littlefs volume: one of its first two blocks
// holds a whole commit with a superblock.
func Probe(p []byte) bool {
	_, ok := probe(p)
	return ok
}

func probe(p []byte) (superblock, bool) {
	for size := 128; size <= len(p) && size <= 1<<20; size *= 2 {
		for _, at := range []int{0, size} {
			if at+size > len(p) || at+16 > len(p) || string(p[at+8:at+16]) != magic {
				continue
			}
			if sb, ok := superblockIn(p[at : at+size]); ok && int64(sb.blockSize) == int64(size) {
				return sb, true
			}
		}
	}
	return superblock{}, false
}

// superblockIn decodes a block on its own.
func superblockIn(block []byte) (superblock, bool) {
	s := scanLog(block)
	m := &mdir{}
	for _, at := range s.tags {
		m.log, m.count = fold(m.log, m.count, record{at.tag, block[at.off : at.off+at.tag.dataLen()]})
	}
	return superblockOf(m)
}

// Detect returns the parameters of the volume on r, for tools that were not
// told. What is not on the volume is as on LuatOS.
func Detect(r *flash.Region) (Config, error) {
	p := make([]byte, min(r.Size(), 2<<20))
	if _, err := r.ReadAt(p, 0); err != nil {
		return Config{}, err
	}
	sb, ok := probe(p)
	if !ok {
		return Config{}, corrupt(8, "superblock", fmt.Sprintf("%q in one of the first two blocks", magic), "none")
	}
	c := LuatOS(0)
	unit := min(c.ProgSize, sb.blockSize)
	c.BlockSize, c.BlockCount = sb.blockSize, sb.blockCount
	c.ReadSize, c.ProgSize, c.CacheSize = unit, unit, unit
	c.NameMax = min(maxName, max(sb.nameMax, defaultNameMax))
	if sb.version == DiskVersion20 {
		c.DiskVersion = DiskVersion20 // its commits promise nothing about the bytes behind them
	}
	return c, nil
}

// Inspect explains the volume on r: the superblock, every metadata pair with
// its blocks, commits and tags, every file with its blocks, and what Check
// finds. The error is for a region without a volume; a broken volume is
// explained as far as it goes.
func Inspect(r *flash.Region) (*explain.Field, error) {
	c, err := Detect(r)
	if err != nil {
		return nil, err
	}
	root := &explain.Field{Len: r.Size(), Name: "littlefs", Verdict: explain.OK,
		Value: fmt.Sprintf("%d blocks of %d bytes", c.BlockCount, c.BlockSize)}
	fs, err := Mount(r, c)
	if err != nil {
		root.Add(explain.Field{Name: "mount", Value: fmt.Sprintf("error %d", Code(err)), Meaning: err.Error(), Verdict: explain.Bad})
		if fs, err = newFS(r, c); err != nil {
			return root, nil
		}
	}
	in := inspector{fs: fs}
	in.pairs(root)
	if !fs.root.null() {
		in.state(root)
		in.files(root)
		for _, problem := range fs.Check() {
			root.Add(explain.Field{Name: "problem", Meaning: problem.Error(), Verdict: explain.Bad})
		}
	}
	return root, nil
}

type inspector struct {
	fs     *FS
	fields int
}

// add adds a field while there is room for more.
func (in *inspector) add(to *explain.Field, f explain.Field) *explain.Field {
	if in.fields++; in.fields == maxFields {
		return to.Add(explain.Field{Name: "...", Meaning: "more than can be shown", Verdict: explain.Warn})
	}
	if in.fields > maxFields {
		return &explain.Field{}
	}
	return to.Add(f)
}

func (in *inspector) pairs(root *explain.Field) {
	err := in.fs.eachPair(func(m *mdir) (bool, error) {
		what := fmt.Sprintf("%d entries", m.count)
		if m.split {
			what += fmt.Sprintf(", the directory goes on in {%d, %d}", m.tail[0], m.tail[1])
		} else if !m.tail.null() {
			what += fmt.Sprintf(", next pair {%d, %d}", m.tail[0], m.tail[1])
		}
		f := in.add(root, explain.Field{Off: in.fs.offset(m.pair[0]), Len: int64(in.fs.cfg.BlockSize),
			Name: "metadata pair", Value: fmt.Sprintf("{%d, %d}", m.pair[0], m.pair[1]), Meaning: what, Verdict: explain.OK})
		in.block(f, m.pair[0], "newer block")
		in.block(f, m.pair[1], "older block")
		return true, nil
	})
	if err != nil {
		in.add(root, explain.Field{Name: "tail list", Meaning: err.Error(), Verdict: explain.Bad})
	}
}

// block explains one block of a pair; only the newer one in full.
func (in *inspector) block(pair *explain.Field, number uint32, name string) {
	fs := in.fs
	block := make([]byte, fs.cfg.BlockSize)
	if err := fs.readBlock(number, 0, block); err != nil {
		in.add(pair, explain.Field{Name: name, Meaning: err.Error(), Verdict: explain.Bad})
		return
	}
	s := scanLog(block)
	at := fs.offset(number)
	f := in.add(pair, explain.Field{Off: at, Len: int64(len(block)), Name: name, Value: fmt.Sprintf("block %d", number),
		Meaning: fmt.Sprintf("%d whole commits in %d bytes", len(s.ends), s.off)})
	in.add(f, explain.Field{Off: at, Len: 4, Name: "revision count", Value: fmt.Sprint(binary.LittleEndian.Uint32(block))})
	if name == "older block" {
		return
	}
	f.Verdict = explain.OK
	from, next := uint32(0), 0
	for i, end := range s.ends {
		commit := in.add(f, explain.Field{Off: at + int64(from), Len: int64(end - from), Name: "commit", Value: fmt.Sprint(i + 1),
			Meaning: fmt.Sprintf("CRC 0x%08X", s.sums[i]), Verdict: explain.OK})
		for ; next < len(s.tags) && s.tags[next].off <= end; next++ {
			in.tag(commit, at, s.tags[next], block)
		}
		from = end
	}
	if s.off < uint32(len(block)) {
		rest := explain.Field{Off: at + int64(s.off), Len: int64(len(block)) - int64(s.off), Name: "rest", Meaning: "erased: the next commit goes here"}
		if !fs.appendable(block, s) {
			rest.Verdict, rest.Meaning = explain.Warn, "not known to be erased: the next commit compacts the pair"
		}
		in.add(f, rest)
	}
}

func (in *inspector) tag(commit *explain.Field, at int64, t tagAt, block []byte) {
	data := block[t.off : t.off+t.tag.dataLen()]
	name, meaning := describe(t.tag, data)
	f := in.add(commit, explain.Field{Off: at + int64(t.off) - 4, Len: int64(t.tag.span()), Name: name,
		Value: fmt.Sprintf("0x%08X", uint32(t.tag)), Meaning: meaning})
	if t.tag.typ() == typeInline && len(data) == superblockLen && t.tag.id() == 0 && string(block[8:16]) == magic {
		sb := decodeSuperblock(data)
		for i, v := range []struct {
			name  string
			value string
		}{
			{"version", fmt.Sprintf("%d.%d", sb.version>>16, sb.version&0xFFFF)}, {"block size", fmt.Sprint(sb.blockSize)},
			{"block count", fmt.Sprint(sb.blockCount)}, {"name max", fmt.Sprint(sb.nameMax)},
			{"file max", fmt.Sprint(sb.fileMax)}, {"attr max", fmt.Sprint(sb.attrMax)},
		} {
			in.add(f, explain.Field{Off: at + int64(t.off) + int64(4*i), Len: 4, Name: v.name, Value: v.value})
		}
	}
}

// describe names a tag as SPEC.md does and says what it holds.
func describe(t tag, data []byte) (name, meaning string) {
	entry := fmt.Sprintf("entry %d", t.id())
	if t.gone() {
		return fmt.Sprintf("REMOVED 0x%03X", t.typ()), entry
	}
	switch typ := t.typ(); {
	case typ == typeSuperblock:
		return "SUPERBLOCK", fmt.Sprintf("%s: magic %q", entry, data)
	case typ == typeReg:
		return "REG", fmt.Sprintf("%s: file %q", entry, data)
	case typ == typeDir:
		return "DIR", fmt.Sprintf("%s: directory %q", entry, data)
	case typ == typeDirStruct:
		p := decodePair(data)
		return "DIRSTRUCT", fmt.Sprintf("%s: pair {%d, %d}", entry, p[0], p[1])
	case typ == typeInline:
		return "INLINESTRUCT", fmt.Sprintf("%s: %d bytes here", entry, len(data))
	case typ == typeCTZ:
		p := decodePair(data)
		return "CTZSTRUCT", fmt.Sprintf("%s: %d bytes, last block %d", entry, p[1], p[0])
	case t.kind() == kindUserAttr:
		return "USERATTR", fmt.Sprintf("%s: attribute %d, %d bytes", entry, typ&0xFF, len(data))
	case typ == typeCreate:
		return "CREATE", entry
	case typ == typeDelete:
		return "DELETE", entry
	case typ == typeSoftTail || typ == typeHardTail:
		p := decodePair(data)
		return []string{"SOFTTAIL", "HARDTAIL"}[typ&1], fmt.Sprintf("next pair {%d, %d}", p[0], p[1])
	case typ == typeMoveState:
		return "MOVESTATE", "delta: " + describeState(decodeGstate(data))
	case typ == typeFCRC && len(data) >= 8:
		p := decodePair(data)
		return "FCRC", fmt.Sprintf("the next %d bytes erased have CRC 0x%08X", p[0], p[1])
	}
	return fmt.Sprintf("type 0x%03X", t.typ()), "unknown"
}

func describeState(g gstate) string {
	var parts []string
	if g.tag&syncBit != 0 {
		parts = append(parts, "orphans may exist")
	}
	if g.moving() {
		parts = append(parts, fmt.Sprintf("entry %d of pair {%d, %d} has moved", g.tag.id(), g.pair[0], g.pair[1]))
	}
	if parts == nil {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

// state explains the global state, the sum of all deltas.
func (in *inspector) state(root *explain.Field) {
	f := explain.Field{Name: "global state", Value: describeState(in.fs.global.disk), Verdict: explain.OK}
	if !in.fs.global.disk.zero() {
		f.Verdict, f.Meaning = explain.Warn, "the next write repairs it"
	}
	in.add(root, f)
}

func (in *inspector) files(root *explain.Field) {
	tree := in.add(root, explain.Field{Name: "files"})
	in.fs.Walk(func(e Entry) error {
		f := explain.Field{Name: e.Path, Verdict: explain.OK}
		switch {
		case e.Err != nil:
			f.Verdict, f.Meaning = explain.Bad, e.Err.Error()
		case e.Info.IsDir():
			f.Value, f.Meaning = "directory", fmt.Sprintf("pairs %v", e.Pairs)
		case len(e.Blocks) == 0:
			f.Value, f.Meaning = fmt.Sprintf("%d bytes", e.Info.Size()), "inline"
		default:
			f.Off = in.fs.offset(e.Blocks[len(e.Blocks)-1])
			f.Value, f.Meaning = fmt.Sprintf("%d bytes", e.Info.Size()), fmt.Sprintf("blocks, last first: %s", someBlocks(e.Blocks))
		}
		in.add(tree, f)
		return nil
	})
}

func someBlocks(b []uint32) string {
	const shown = 16
	if len(b) <= shown {
		return strings.Trim(fmt.Sprint(b), "[]")
	}
	return fmt.Sprintf("%s and %d more", strings.Trim(fmt.Sprint(b[:shown]), "[]"), len(b)-shown)
}
