package sffs

import (
	"bytes"
	"errors"
	"io/fs"
)

// changes is asked at the start of everything that changes the file system.
func (f *FS) changes() error {
	if f.cfg.ReadOnly {
		return ErrLook
	}
	return nil
}

// create makes an empty file or folder. Its head is written before its folder.
func (f *FS) create(at *node, tag uint32) (int, error) {
	if len(at.name) > nameMax {
		return 0, ErrNameTooLong
	}
	n, err := f.alloc()
	if err != nil {
		return 0, err
	}
	if err := f.cache.put(n, newNode(&f.dims, tag, at.name)); err != nil {
		return 0, err
	}
	if err := f.addChild(at.parent, n); err != nil {
		f.unuse(n)
		f.cache.drop(n)
		return 0, err
	}
	return n, f.cache.flush()
}

// decrease makes a file shorter. The head changes in RAM, blocks that are not
// needed any more are struck out at once: that is the device's order.
func (f *FS) decrease(n int, size int64) error {
	w, err := f.newWriter(n)
	if err != nil {
		return err
	}
	if size >= w.size {
		return nil
	}
	old, err := f.fileBlocks(n, w.head)
	if err != nil {
		return err
	}
	var content []byte
	if size <= f.dims.tiny {
		content = make([]byte, size)
		if err := f.readAt(n, content, 0); err != nil {
			return err
		}
	}
	keep, err := w.cutTo(size, content)
	if err != nil {
		return err
	}
	if err := w.finish(size); err != nil {
		return err
	}
	for _, k := range old {
		if !keep[k] {
			if err := f.remove(k); err != nil {
				return err
			}
		}
	}
	return nil
}

// cutTo rewrites the list in the head for a smaller size, and returns the
// blocks that stay.
func (w *writer) cutTo(size int64, content []byte) (keep map[int]bool, err error) {
	m := &w.f.dims
	keep = map[int]bool{}
	if size <= m.tiny {
		fill(w.head[nodeHead:])
		copy(w.head[nodeHead:], content)
		return keep, nil
	}
	count := int((size + int64(m.block) - 1) / int64(m.block))
	list := make([]int, count)
	for i := range list {
		if list[i], err = w.f.dataBlock(w.head, w.size, i); err != nil {
			return nil, err
		}
		keep[list[i]] = true
	}
	switch {
	case size <= m.small:
		fill(w.head[nodeHead:])
		for i, k := range list {
			le.PutUint16(w.head[nodeHead+2*i:], uint16(k))
		}
	default: // whole tables go; the last one keeps entries that are not looked at
		_, tables := m.dataBlocks(size)
		for t := range tables {
			keep[int(le.Uint16(w.head[nodeHead+2*t:]))] = true
		}
		fill(w.head[nodeHead+2*tables:])
		if err := w.trimTable(tables-1, count-(tables-1)*m.entries); err != nil {
			return nil, err
		}
	}
	return keep, nil
}

// trimTable empties a table from entry used on.
func (w *writer) trimTable(t, used int) error {
	if err := w.loadTable(t); err != nil {
		return err
	}
	fill(w.table[tableHead+2*used:])
	return w.f.cache.put(w.at, append([]byte(nil), w.table...))
}

// unlink takes a file or an empty folder out of its folder, and then frees its
// blocks.
func (f *FS) unlink(at *node) error {
	if f.opened[at.num] > 0 {
		return ErrBusy
	}
	if err := f.removeChild(at.parent, at.num); err != nil {
		return err
	}
	if err := f.cache.flush(); err != nil {
		return err
	}
	return f.free(at)
}

// free frees the blocks of a file or folder that is in no folder any more.
func (f *FS) free(at *node) error {
	if !at.isDir() {
		list, err := f.fileBlocks(at.num, at.head)
		if err != nil {
			return err
		}
		for _, k := range list {
			if err := f.remove(k); err != nil {
				return err
			}
		}
	}
	return f.remove(at.num)
}

// WriteAll replaces a whole file, or makes it (vfs_file_write). It is not safe:
// the old content is gone before the new one is there.
func (f *FS) WriteAll(name string, data []byte) error {
	return pathError("write", name, f.replace(name, data, false))
}

// WriteSafe replaces a whole file so that it has the old or the new content
// whatever happens to the power (vfs_sfile_write). It may use the reserve.
func (f *FS) WriteSafe(name string, data []byte) error {
	f.safe = true
	err := f.replace(name, data, true)
	f.safe = false
	return pathError("write", name, err)
}

func (f *FS) replace(name string, data []byte, safe bool) error {
	if err := f.changes(); err != nil {
		return err
	}
	at, err := f.find(name)
	missing := errors.Is(err, fs.ErrNotExist) && at != nil
	switch {
	case err != nil && !missing:
		return err
	case int64(len(data)) > f.dims.big:
		return ErrTooBig
	case missing:
		return f.writeNew(at, data)
	case at.isDir():
		return ErrIsFolder
	case f.opened[at.num] > 0:
		return ErrBusy
	case safe:
		return f.replaceSafe(at, data)
	}
	need, _ := f.dims.dataBlocks(int64(len(data)))
	if have, _ := f.dims.dataBlocks(at.size()); need-have > f.available() {
		return ErrNoSpace
	}
	if err := f.decrease(at.num, 0); err != nil {
		return err
	}
	if err := f.cache.flush(); err != nil {
		return err
	}
	head, err := f.cache.get(at.num)
	if err != nil {
		return err
	}
	return f.writeFresh(at.num, head, data)
}

// writeNew makes a file with its content; only then its folder lists it.
func (f *FS) writeNew(at *node, data []byte) error {
	if len(at.name) > nameMax {
		return ErrNameTooLong
	}
	full, err := f.full(at.parent)
	if err != nil {
		return err
	}
	if need, _ := f.dims.dataBlocks(int64(len(data))); full || need+1 > f.available() {
		return ErrNoSpace
	}
	n, err := f.alloc()
	if err != nil {
		return err
	}
	if err := f.writeFresh(n, newNode(&f.dims, tagFile, at.name), data); err != nil {
		return err
	}
	if err := f.addChild(at.parent, n); err != nil {
		return err
	}
	return f.cache.flush()
}

// writeFresh writes content to new blocks, each at once, and the head behind
// them.
func (f *FS) writeFresh(n int, head, data []byte) error {
	m := &f.dims
	fill(head[nodeHead:])
	le.PutUint32(head[nodeSize:], uint32(len(data)))
	if err := f.cache.flush(); err != nil {
		return err
	}
	if int64(len(data)) <= m.tiny {
		copy(head[nodeHead:], data)
		return f.cache.putNow(n, head)
	}
	list, err := f.writeBlocks(data)
	if err != nil {
		return err
	}
	if int64(len(data)) <= m.small {
		putList(head[nodeHead:], list)
		return f.cache.putNow(n, head)
	}
	var tables []int
	for len(list) > 0 {
		count := min(len(list), m.entries)
		b := erasedBlock(m.block)
		le.PutUint32(b, tagTable)
		putList(b[tableHead:], list[:count])
		k, err := f.alloc()
		if err != nil {
			return err
		}
		if err := f.cache.putNow(k, b); err != nil {
			return err
		}
		tables, list = append(tables, k), list[count:]
	}
	putList(head[nodeHead:], tables)
	return f.cache.putNow(n, head)
}

func putList(b []byte, list []int) {
	for i, k := range list {
		le.PutUint16(b[2*i:], uint16(k))
	}
}

// writeBlocks writes data to new blocks.
func (f *FS) writeBlocks(data []byte) (list []int, err error) {
	for len(data) > 0 {
		k, err := f.alloc()
		if err != nil {
			return nil, err
		}
		b := erasedBlock(f.dims.block)
		data = data[copy(b, data):]
		if err := f.cache.putNow(k, b); err != nil {
			return nil, err
		}
		list = append(list, k)
	}
	return list, nil
}

// replaceSafe gives a file new content in one step: the write of one block.
func (f *FS) replaceSafe(at *node, data []byte) error {
	m := &f.dims
	size := int64(len(data))
	need, _ := m.dataBlocks(size)
	if need > f.available() {
		return ErrNoSpace
	}
	if size == at.size() && size <= m.small {
		return f.replaceSame(at, data)
	}
	old, err := f.fileBlocks(at.num, at.head)
	if err != nil {
		return err
	}
	head := bytes.Clone(at.head)
	if err := f.writeFresh(at.num, head, data); err != nil {
		return err
	}
	for _, k := range old {
		if err := f.remove(k); err != nil {
			return err
		}
	}
	return nil
}

// replaceSame is replaceSafe for content of the same length: only what differs
// is written. Blocks that were replaced stay on the device until a mount
// strikes them out.
func (f *FS) replaceSame(at *node, data []byte) error {
	m := &f.dims
	head := bytes.Clone(at.head)
	if int64(len(data)) <= m.tiny {
		if copy(head[nodeHead:], data); bytes.Equal(head, at.head) {
			return nil
		}
		return f.cache.putNow(at.num, head)
	}
	var changed []int
	missing := false
	blocks := make([][]byte, (len(data)+m.block-1)/m.block)
	for i := range blocks {
		part := data[i*m.block : min(len(data), (i+1)*m.block)]
		k := int(le.Uint16(head[nodeHead+2*i:]))
		if k < m.blocks {
			b, err := f.cache.get(k)
			if err != nil {
				return err
			}
			if !bytes.HasPrefix(b, part) {
				changed = append(changed, i)
			}
		} else { // damage: the file gets a block there
			changed, missing = append(changed, i), true
		}
		blocks[i] = erasedBlock(m.block)
		copy(blocks[i], part)
	}
	switch {
	case len(changed) == 0:
		return nil
	case len(changed) == 1 && !missing:
		return f.cache.putNow(int(le.Uint16(head[nodeHead+2*changed[0]:])), blocks[changed[0]])
	}
	for _, i := range changed {
		k, err := f.alloc()
		if err != nil {
			return err
		}
		le.PutUint16(head[nodeHead+2*i:], uint16(k))
		if err := f.cache.putNow(k, blocks[i]); err != nil {
			return err
		}
	}
	if err := f.cache.putNow(at.num, head); err != nil {
		return err
	}
	for _, i := range changed {
		f.unuse(int(le.Uint16(at.head[nodeHead+2*i:])))
	}
	return nil
}

// move renames a node, and replaces old if it is not nil. The head notes what is
// going on before the folders change, so that a mount can finish it.
func (f *FS) move(at *node, to *node, old *node) error {
	if old == nil && to.parent != at.parent {
		if full, err := f.full(to.parent); err != nil || full {
			return errors.Join(err, ErrNoSpace)
		}
	}
	if err := f.cache.flush(); err != nil {
		return err
	}
	b := bytes.Clone(at.head)
	clear(b[nodeName:nodeSize])
	copy(b[nodeName:], to.name)
	le.PutUint16(b[nodeMoveSrc:], uint16(at.parent))
	le.PutUint16(b[nodeMoveDst:], uint16(to.parent))
	if old != nil {
		le.PutUint16(b[nodeMoveOld:], uint16(old.num))
	}
	if err := f.cache.put(at.num, b); err != nil {
		return err
	}
	return f.finishMove(at.num)
}

// full reports whether a folder has no room for another child.
func (f *FS) full(dir int) (bool, error) {
	list, err := f.children(dir)
	if dir == rootBlock {
		return len(list) >= f.dims.root, err
	}
	return len(list) >= f.dims.slots, err
}

// finishMove does what the head of a node notes.
func (f *FS) finishMove(n int) error {
	b, err := f.cache.get(n)
	if err != nil {
		return err
	}
	src, dst, old := int(le.Uint16(b[nodeMoveSrc:])), int(le.Uint16(b[nodeMoveDst:])), int(le.Uint16(b[nodeMoveOld:]))
	if err := f.moveFolders(n, src, dst, old); err != nil {
		return err
	}
	if err := f.cache.flush(); err != nil {
		return err
	}
	fill(b[nodeMoveSrc:nodeRest])
	if err := f.cache.put(n, b); err != nil {
		return err
	}
	if err := f.cache.flush(); err != nil {
		return err
	}
	if old >= f.dims.blocks || old == n || !f.used[old] {
		return nil
	}
	head, err := f.cache.get(old)
	if err != nil {
		return err
	}
	if tag := le.Uint32(head); tag != tagFile && tag != tagDir {
		return nil
	}
	return f.free(&node{num: old, head: head})
}

// moveFolders changes the folders in RAM: the node enters the one before it
// leaves the other. Notes that name no folders lead to nothing.
func (f *FS) moveFolders(n, src, dst, old int) error {
	for _, dir := range []int{src, dst} {
		b, err := f.cache.get(dir)
		if err != nil {
			return err
		}
		if tag := le.Uint32(b); tag != tagDir && !(dir == rootBlock && tag == tagRoot) {
			return nil
		}
	}
	if old < f.dims.blocks && old != n {
		if err := f.removeChild(dst, old); err != nil {
			return err
		}
	}
	if err := f.addChild(dst, n); err != nil {
		return err
	}
	if src != dst {
		return f.removeChild(src, n)
	}
	return nil
}
