package sffs

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"airlift/flash/explain"
)

// Config says what a file system is made of.
type Config struct {
	Geometry
	// Reserve is how many blocks only WriteSafe may use (8910.md 1.4).
	Reserve int
	// ReadOnly writes nothing at all: what a mount would repair is repaired in
	// RAM only.
	ReadOnly bool
}

// FS is a mounted file system and an afero.Fs. Names are absolute. It is not
// safe for concurrent use, and of no use after flash.ErrPowerLost.
type FS struct {
	cfg    Config
	dev    *device
	cache  cache
	dims   dims
	used   []bool
	left   int  // free blocks
	safe   bool // within WriteSafe: the reserve may be used
	opened map[int]int
}

// Format makes an empty file system: the device is struck out, then the root
// is written.
func Format(r Flash, cfg Config) error {
	if err := formatDevice(r, cfg.Geometry); err != nil {
		return err
	}
	d, err := openDevice(r, cfg.Geometry, false)
	if err != nil {
		return err
	}
	m := newDims(int(cfg.payload()), d.blocks)
	return d.write(rootBlock, newRoot(&m))
}

// Mount opens the file system of a flash. It finishes what a cut interrupted:
// a rename, blocks that belong to nothing. It never formats (8910.md 1.8). The
// error is flash.ErrPowerLost, a *explain.FormatError or a *PanicError.
func Mount(r Flash, cfg Config) (*FS, error) {
	d, err := openDevice(r, cfg.Geometry, cfg.ReadOnly)
	if err != nil {
		return nil, err
	}
	f := &FS{cfg: cfg, dev: d, dims: newDims(int(cfg.payload()), d.blocks), used: make([]bool, d.blocks), left: d.blocks, opened: map[int]int{}}
	f.cache = cache{dev: d, dirty: map[int][]byte{}, readOnly: cfg.ReadOnly}
	root, err := f.cache.get(rootBlock)
	if err != nil {
		return nil, err
	}
	off := int64(max(0, d.lb2pb[rootBlock]))*cfg.Place + placeHead
	if err := checkRoot(root, &f.dims, r.Off()+off); err != nil {
		return nil, err
	}
	f.use(rootBlock)
	moves, err := f.scan(rootBlock)
	if err != nil {
		return nil, explainAt(err, r.Off())
	}
	return f, f.repair(moves)
}

// explainAt gives an error about a block the place of its file system.
func explainAt(err error, off int64) error {
	var fe *explain.FormatError
	if errors.As(err, &fe) && fe.Off == 0 {
		fe.Off = off
	}
	return err
}

// scan marks what belongs to a folder as used, takes children out of it that
// are none, and returns the nodes that were being moved.
func (f *FS) scan(dir int) (moves []int, err error) {
	for todo := []int{dir}; len(todo) > 0; todo = todo[1:] {
		dir := todo[0]
		list, err := f.children(dir)
		if err != nil {
			return nil, err
		}
		for _, child := range list {
			kind, err := f.scanNode(child)
			if err != nil {
				return nil, err
			}
			if kind == 0 {
				if err := f.removeChild(dir, child); err != nil {
					return nil, err
				}
				continue
			}
			if kind == tagDir {
				todo = append(todo, child)
			}
			b, err := f.cache.get(child)
			if err != nil {
				return nil, err
			}
			if moving(b, f.dims.blocks) {
				moves = append(moves, child)
			}
		}
	}
	return moves, nil
}

// scanNode marks a child and its data as used. Kind is its tag, or 0 if it is
// no child: its block was never written, belongs to another already, or is
// something else.
func (f *FS) scanNode(n int) (kind uint32, err error) {
	if f.used[n] {
		return 0, nil
	}
	b, err := f.cache.get(n)
	if err != nil {
		return 0, err
	}
	switch kind = le.Uint32(b); kind {
	case tagDir:
		f.use(n)
		return kind, nil
	case tagFile:
	default:
		return 0, nil
	}
	if size := int64(le.Uint32(b[nodeSize:])); size > f.dims.most() {
		return 0, damaged(n, "a file of %d bytes", size)
	}
	f.use(n)
	blocks, err := f.fileBlocks(n, b)
	if err != nil {
		return 0, err
	}
	for _, k := range blocks {
		f.use(k)
	}
	return kind, nil
}

// moving reports whether a node was in the middle of a rename.
func moving(b []byte, blocks int) bool {
	return int(le.Uint16(b[nodeMoveSrc:])) < blocks && int(le.Uint16(b[nodeMoveDst:])) < blocks
}

// repair finishes renames, and strikes out what belongs to nothing.
func (f *FS) repair(moves []int) error {
	if err := f.cache.flush(); err != nil {
		return err
	}
	for n, used := range f.used {
		if !used && !f.cfg.ReadOnly {
			if err := f.dev.erase(n); err != nil {
				return err
			}
		}
	}
	for _, n := range moves {
		if err := f.finishMove(n); err != nil {
			return err
		}
	}
	return nil
}

func (f *FS) use(n int) {
	if n < len(f.used) && !f.used[n] {
		f.used[n] = true
		f.left--
	}
}

func (f *FS) unuse(n int) {
	if n < len(f.used) && f.used[n] {
		f.used[n] = false
		f.left++
	}
}

// available is how many blocks may be taken now.
func (f *FS) available() int {
	if f.safe {
		return f.left
	}
	return max(0, f.left-f.cfg.Reserve)
}

// alloc takes the first free block.
func (f *FS) alloc() (int, error) {
	if f.available() == 0 {
		return 0, ErrNoSpace
	}
	for n, used := range f.used {
		if !used {
			f.use(n)
			return n, nil
		}
	}
	return 0, ErrNoSpace
}

// remove frees a block and strikes it out.
func (f *FS) remove(n int) error {
	if n >= f.dims.blocks {
		return nil
	}
	f.unuse(n)
	f.cache.drop(n)
	if f.cfg.ReadOnly {
		return nil
	}
	return f.dev.erase(n)
}

// Usage returns length and number of all blocks, how many are used, and how
// many WriteSafe alone may use.
func (f *FS) Usage() (blockSize, blocks, used, reserved int64) {
	return int64(f.dims.block), int64(f.dims.blocks), int64(f.dims.blocks - f.left), int64(f.cfg.Reserve)
}

// Free returns how many bytes of data blocks are free for normal files: the
// product of f_bsize and f_bavail (8910.md 4.3).
func (f *FS) Free() int64 { return int64(f.dims.block) * int64(max(0, f.left-f.cfg.Reserve)) }

// node is a place in the tree.
type node struct {
	num    int // block of the head; 0 is the root
	parent int
	name   string // last part
	head   []byte
}

func (n *node) isDir() bool { t := le.Uint32(n.head); return t == tagDir || t == tagRoot }
func (n *node) size() int64 { return int64(le.Uint32(n.head[nodeSize:])) }

// clean returns the parts of a name.
func clean(name string) []string {
	name = strings.Trim(path.Clean("/"+name), "/")
	if name == "" {
		return nil
	}
	return strings.Split(name, "/")
}

// find looks a name up. If it is not there, but its folder is, the node has
// parent and name and the error is fs.ErrNotExist.
func (f *FS) find(name string) (*node, error) {
	root, err := f.cache.get(rootBlock)
	if err != nil {
		return nil, err
	}
	at := &node{num: rootBlock, parent: rootBlock, head: root}
	parts := clean(name)
	for i, part := range parts {
		if !at.isDir() {
			return nil, ErrNotFolder
		}
		next, err := f.child(at.num, part)
		if err != nil {
			return nil, err
		}
		if next == nil {
			if i == len(parts)-1 {
				return &node{num: noBlock, parent: at.num, name: part}, fs.ErrNotExist
			}
			return nil, fs.ErrNotExist
		}
		at = next
	}
	return at, nil
}

// child returns the child of a folder that has a name, or nil.
func (f *FS) child(dir int, name string) (*node, error) {
	list, err := f.children(dir)
	if err != nil {
		return nil, err
	}
	for _, n := range list {
		b, err := f.cache.get(n)
		if err != nil {
			return nil, err
		}
		if nameOf(b) == name {
			return &node{num: n, parent: dir, name: name, head: b}, nil
		}
	}
	return nil, nil
}

func nameOf(b []byte) string {
	name, _, _ := strings.Cut(string(b[nodeName:nodeSize]), "\x00")
	return name
}

// slots returns the part of a folder's head that lists its children, and where
// their number is.
func slots(dir int, b []byte) (list []byte, count []byte) {
	if dir == rootBlock {
		return b[rootHead:], b[rootCount:]
	}
	return b[nodeHead:], b[nodeSize:]
}

// children returns the numbers of a folder's children.
func (f *FS) children(dir int) (list []int, err error) {
	b, err := f.cache.get(dir)
	if err != nil {
		return nil, err
	}
	raw, _ := slots(dir, b)
	for i := 0; i+2 <= len(raw); i += 2 {
		if n := int(le.Uint16(raw[i:])); n < f.dims.blocks {
			list = append(list, n)
		}
	}
	return list, nil
}

// addChild adds a child to a folder in RAM, unless it is there.
func (f *FS) addChild(dir, child int) error {
	return f.editChildren(dir, child, true)
}

// removeChild takes a child out of a folder in RAM.
func (f *FS) removeChild(dir, child int) error {
	return f.editChildren(dir, child, false)
}

func (f *FS) editChildren(dir, child int, add bool) error {
	b, err := f.cache.get(dir)
	if err != nil {
		return err
	}
	raw, count := slots(dir, b)
	free, at := -1, -1
	for i := 0; i+2 <= len(raw); i += 2 {
		switch n := int(le.Uint16(raw[i:])); {
		case n == child:
			at = i
		case n >= f.dims.blocks && free < 0:
			free = i
		}
	}
	switch {
	case add == (at >= 0):
		return nil
	case add && free < 0:
		return fmt.Errorf("folder is full: %w", ErrNoSpace)
	case add:
		le.PutUint16(raw[free:], uint16(child))
		le.PutUint32(count, le.Uint32(count)+1)
	default:
		le.PutUint16(raw[at:], noBlock)
		le.PutUint32(count, max(1, le.Uint32(count))-1)
	}
	return f.cache.put(dir, b)
}
