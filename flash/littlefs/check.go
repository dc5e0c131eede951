package littlefs

import (
	"fmt"
	"os"
	"path"
)

// Entry is a file or directory as [FS.Walk] shows it.
type Entry struct {
	Path  string // from "/" on
	Info  os.FileInfo
	Attrs []Attr
	// Pairs are the metadata pairs of a directory, the newer block of each
	// first; Blocks are the blocks of a file, from the last to the first. A
	// file without blocks is inline.
	Pairs  [][2]uint32
	Blocks []uint32
	// Err says what makes the entry unreadable; Walk goes on behind it.
	Err error
}

// Walk calls visit for the root directory and everything below it, a
// directory before its entries, and stops at the first error of visit. Broken
// entries are shown with their Err.
func (fs *FS) Walk(visit func(e Entry) error) error {
	w := walker{fs: fs, visit: visit, seen: make(map[uint32]string)}
	return w.directory(Entry{Path: "/", Info: info{name: "/", mode: dirMode}}, fs.root)
}

type walker struct {
	fs    *FS
	visit func(e Entry) error
	seen  map[uint32]string // first block of every pair so far, and whose it is
	held  uint32            // blocks of files so far
}

// directory shows the directory that starts at p and what is in it.
func (w *walker) directory(e Entry, p pair) error {
	var pairs []*mdir
	for {
		m, err := w.fs.fetch(p)
		if err != nil {
			e.Err = err
			break
		}
		if owner, again := w.seen[m.pair[0]]; again {
			e.Err = corrupt(w.fs.offset(m.pair[0]), "directory "+e.Path, "pairs of its own", "one of %s", owner)
			break
		}
		w.seen[m.pair[0]] = e.Path
		pairs = append(pairs, m)
		e.Pairs = append(e.Pairs, m.pair)
		if !m.split {
			break
		}
		p = m.tail
	}
	if err := w.visit(e); err != nil {
		return err
	}
	for _, m := range pairs {
		for id := uint32(0); id < m.count; id++ {
			if err := w.entry(e.Path, m, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// entry shows entry id of m, which belongs to the directory dir.
func (w *walker) entry(dir string, m *mdir, id uint32) error {
	name, ok := m.find(kindName, id)
	if id == w.fs.hidden(m) || ok && !name.tag.isFile() {
		return nil
	}
	i, err := w.fs.entryInfo(m, id)
	e := Entry{Path: path.Join(dir, i.name), Info: i, Err: err}
	if err != nil {
		e.Path = path.Join(dir, fmt.Sprintf("entry %d", id))
		return w.visit(e)
	}
	for _, r := range m.log {
		if r.tag.kind() == kindUserAttr && r.tag.id() == id {
			e.Attrs = append(e.Attrs, Attr{byte(r.tag.typ()), append([]byte(nil), r.data...)})
		}
	}
	body, _ := m.find(kindStruct, id)
	switch typ := body.tag.typ(); {
	case i.IsDir():
		p, err := w.fs.directory(m, id)
		if err == nil {
			return w.directory(e, p)
		}
		e.Err = err
	case typ == typeCTZ && name.tag.typ() == typeReg:
		list, err := decodeSkipList(body.data)
		if err == nil {
			e.Blocks, err = w.blocks(list)
		}
		e.Err = err
	case typ != typeInline || name.tag.typ() != typeReg:
		e.Err = corrupt(w.fs.offset(m.pair[0]), "entry "+e.Path, "a file or a directory", "name type 0x%03X with structure type 0x%03X", name.tag.typ(), typ)
	}
	return w.visit(e)
}

// blocks lists the blocks of a file. Where files have more of them together than
// the volume twice over, they share so many that following the others would only
// take time.
func (w *walker) blocks(list skipList) (blocks []uint32, err error) {
	err = w.fs.eachSkipBlock(nil, list, func(b uint32) error {
		if w.held/2 >= w.fs.blocks {
			return corrupt(w.fs.offset(b), "blocks of all files", "no more than the volume has", "more than twice %d", w.fs.blocks)
		}
		w.held++
		blocks = append(blocks, b)
		return nil
	})
	return blocks, err
}

// Check reads the whole volume and reports everything that is wrong with it:
// unreadable entries, blocks used twice, names out of order, directories that
// the tail list does not have and pairs in it that belong to none. What a
// power loss may leave behind and the next write repairs is not wrong.
func (fs *FS) Check() []error {
	c := checker{fs: fs, owner: make(map[uint32]string), inTree: make(map[uint32]bool)}
	err := fs.Walk(func(e Entry) error { c.entry(e); return nil })
	if err != nil {
		c.report(err)
	}
	c.tailList()
	return c.problems
}

type checker struct {
	fs       *FS
	owner    map[uint32]string // who uses a block
	inTree   map[uint32]bool   // blocks of the pairs of directories
	problems []error
}

func (c *checker) report(err error) {
	if len(c.problems) < 100 { // enough to read
		c.problems = append(c.problems, err)
	}
}

func (c *checker) claim(block uint32, who string) {
	if other, used := c.owner[block]; used {
		c.report(corrupt(c.fs.offset(block), "block", "one owner", "%s and %s", other, who))
	}
	c.owner[block] = who
}

func (c *checker) entry(e Entry) {
	if e.Err != nil {
		c.report(fmt.Errorf("%s: %w", e.Path, e.Err))
	}
	for _, p := range e.Pairs {
		for _, b := range p {
			c.claim(b, e.Path)
			c.inTree[b] = true
		}
	}
	for _, b := range e.Blocks {
		c.claim(b, e.Path)
	}
	if len(e.Pairs) > 0 {
		c.order(e)
	}
}

// order checks that the names of a directory ascend.
func (c *checker) order(e Entry) {
	last := ""
	for _, p := range e.Pairs {
		m, err := c.fs.fetch(p)
		if err != nil {
			return // reported already
		}
		for id := uint32(0); id < m.count; id++ {
			r, ok := m.find(kindName, id)
			if !ok || !r.tag.isFile() || id == c.fs.hidden(m) {
				continue
			}
			if last != "" && compareNames(r.data, last) <= 0 {
				c.report(corrupt(c.fs.offset(m.pair[0]), "directory "+e.Path, "names in order", "%q behind %q", r.data, last))
			}
			last = string(r.data)
		}
	}
}

// tailList checks that the list has every pair of the tree once and no other,
// but for the superblock pairs in front of the root and for what is to be
// repaired.
func (c *checker) tailList() {
	listed := make(map[uint32]bool)
	atRoot, repair := false, c.fs.global.orphans > 0
	err := c.fs.eachPair(func(m *mdir) (bool, error) {
		atRoot = atRoot || m.pair.overlaps(c.fs.root)
		known := c.inTree[m.pair[0]] && c.inTree[m.pair[1]]
		if !atRoot {
			c.claim(m.pair[0], "superblock")
			c.claim(m.pair[1], "superblock")
		} else if !known && !repair {
			c.report(corrupt(c.fs.offset(m.pair[0]), "tail list", "pairs of directories", "pair {%d, %d} of none", m.pair[0], m.pair[1]))
		}
		for _, b := range m.pair {
			if listed[b] && !repair {
				c.report(corrupt(c.fs.offset(b), "tail list", "every block once", "block %d again", b))
			}
			listed[b] = true
		}
		return true, nil
	})
	if err != nil {
		c.report(err)
		return
	}
	for b := uint32(0); b < c.fs.blocks; b++ {
		if c.inTree[b] && !listed[b] && !repair {
			c.report(corrupt(c.fs.offset(b), "tail list", "all pairs of directories", "no block %d", b))
		}
	}
}
