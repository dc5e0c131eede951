package sffs

// fileBlocks returns the numbers of all blocks of a file besides its head.
func (f *FS) fileBlocks(n int, head []byte) (list []int, err error) {
	size := int64(le.Uint32(head[nodeSize:]))
	if size > f.dims.most() {
		return nil, damaged(n, "a file of %d bytes", size)
	}
	data, tables := f.dims.dataBlocks(size)
	data -= tables
	take := func(raw []byte, count int) {
		for i := range count {
			if k := int(le.Uint16(raw[2*i:])); k < f.dims.blocks {
				list = append(list, k)
			}
		}
	}
	if tables == 0 {
		take(head[nodeHead:], data)
		return list, nil
	}
	for t := range tables {
		k := int(le.Uint16(head[nodeHead+2*t:]))
		if k >= f.dims.blocks {
			continue
		}
		b, err := f.cache.get(k)
		if err != nil {
			return nil, err
		}
		list = append(list, k)
		if le.Uint32(b) == tagTable {
			take(b[tableHead:], min(f.dims.entries, data-t*f.dims.entries))
		}
	}
	return list, nil
}

// dataBlock returns the number of block i of a file's data, noBlock if there is
// none.
func (f *FS) dataBlock(head []byte, size int64, i int) (int, error) {
	if size <= f.dims.small {
		return int(le.Uint16(head[nodeHead+2*i:])), nil
	}
	if i/f.dims.entries >= f.dims.slots {
		return noBlock, nil // the head was overwritten as the data of another file
	}
	t := int(le.Uint16(head[nodeHead+2*(i/f.dims.entries):]))
	if t >= f.dims.blocks {
		return noBlock, nil
	}
	b, err := f.cache.get(t)
	if err != nil || le.Uint32(b) != tagTable {
		return noBlock, err
	}
	return int(le.Uint16(b[tableHead+2*(i%f.dims.entries):])), nil
}

// readAt fills p with a file's content from off on; p ends within the file.
func (f *FS) readAt(n int, p []byte, off int64) error {
	head, err := f.cache.get(n)
	if err != nil {
		return err
	}
	size := int64(le.Uint32(head[nodeSize:]))
	if size <= f.dims.tiny {
		copy(p, head[nodeHead+off:])
		return nil
	}
	for len(p) > 0 {
		i, from := int(off/int64(f.dims.block)), int(off%int64(f.dims.block))
		k, err := f.dataBlock(head, size, i)
		if err != nil {
			return err
		}
		if k >= f.dims.blocks {
			return damaged(n, "no block for byte %d of the file", off)
		}
		b, err := f.cache.get(k)
		if err != nil {
			return err
		}
		got := copy(p, b[from:])
		p, off = p[got:], off+int64(got)
	}
	return nil
}

// writer changes the content of one file in RAM. Data come before tables and
// tables before the head, so that they are written in this order.
type writer struct {
	f     *FS
	n     int
	head  []byte
	size  int64
	table []byte // the table being filled, or nil
	at    int    // its block
}

func (f *FS) newWriter(n int) (*writer, error) {
	head, err := f.cache.get(n)
	return &writer{f: f, n: n, head: head, size: int64(le.Uint32(head[nodeSize:]))}, err
}

// writeAt writes p at off, which is not behind the end. Less than all is
// written if the file system is full: then the error is ErrNoSpace.
func (w *writer) writeAt(p []byte, off int64) (done int, err error) {
	m := &w.f.dims
	if off+int64(len(p)) > m.big {
		return 0, ErrTooBig
	}
	end := w.fits(off + int64(len(p)))
	if end <= off && len(p) > 0 {
		return 0, ErrNoSpace
	}
	short := end < off+int64(len(p))
	p = p[:end-off]
	if max(end, w.size) <= m.tiny {
		done = copy(w.head[nodeHead+off:], p)
	} else if w.size <= m.tiny {
		if err := w.leaveHead(); err != nil {
			return 0, err
		}
	}
	for done < len(p) {
		got, err := w.writeBlock(p[done:], off+int64(done))
		if err != nil {
			return done, err
		}
		done += got
	}
	if err := w.finish(max(w.size, end)); err != nil {
		return done, err
	}
	if short {
		return done, ErrNoSpace
	}
	return done, nil
}

// fits returns how much of a file that is to get end bytes has room.
func (w *writer) fits(end int64) int64 {
	m := &w.f.dims
	have, _ := m.dataBlocks(w.size)
	for end > w.size {
		need, _ := m.dataBlocks(end)
		if need-have <= w.f.available() {
			break
		}
		end = max(w.size, (end-1)/int64(m.block)*int64(m.block))
	}
	return end
}

// leaveHead moves a tiny file's content to a block of its own.
func (w *writer) leaveHead() error {
	m := &w.f.dims
	content := append([]byte(nil), w.head[nodeHead:nodeHead+w.size]...)
	fill(w.head[nodeHead:])
	if len(content) == 0 {
		return nil
	}
	k, err := w.f.alloc()
	if err != nil {
		copy(w.head[nodeHead:], content)
		return err
	}
	b := erasedBlock(m.block)
	copy(b, content)
	le.PutUint16(w.head[nodeHead:], uint16(k))
	return w.f.cache.put(k, b)
}

func fill(p []byte) {
	for i := range p {
		p[i] = 0xFF
	}
}

// writeBlock writes what of p lies in the block of off.
func (w *writer) writeBlock(p []byte, off int64) (int, error) {
	m := &w.f.dims
	i, from := int(off/int64(m.block)), int(off%int64(m.block))
	var b []byte
	k, err := w.entry(i)
	switch {
	case err != nil:
		return 0, err
	case k < m.blocks:
		if b, err = w.f.cache.get(k); err != nil {
			return 0, err
		}
	default:
		if k, err = w.f.alloc(); err != nil {
			return 0, err
		}
		b = erasedBlock(m.block)
	}
	got := copy(b[from:], p)
	if err := w.f.cache.put(k, b); err != nil {
		return 0, err
	}
	if err := w.setEntry(i, k); err != nil {
		return 0, err
	}
	return got, nil
}

// entry returns the number of data block i. It makes a table where one is
// needed.
func (w *writer) entry(i int) (int, error) {
	m := &w.f.dims
	tabled := w.tabled()
	if !tabled && i < m.slots {
		return int(le.Uint16(w.head[nodeHead+2*i:])), nil
	}
	if !tabled {
		if err := w.makeTables(); err != nil {
			return 0, err
		}
	}
	if err := w.loadTable(i / m.entries); err != nil {
		return 0, err
	}
	return int(le.Uint16(w.table[tableHead+2*(i%m.entries):])), nil
}

// tabled reports whether the head lists tables.
func (w *writer) tabled() bool { return w.size > w.f.dims.small || w.table != nil }

// makeTables moves the list in the head to a table.
func (w *writer) makeTables() error {
	k, err := w.f.alloc()
	if err != nil {
		return err
	}
	w.table, w.at = erasedBlock(w.f.dims.block), k
	le.PutUint32(w.table, tagTable)
	copy(w.table[tableHead:], w.head[nodeHead:nodeHead+2*w.f.dims.slots])
	fill(w.head[nodeHead:])
	le.PutUint16(w.head[nodeHead:], uint16(k))
	return w.f.cache.put(k, w.table)
}

// loadTable makes table t the current one.
func (w *writer) loadTable(t int) error {
	slot := w.head[nodeHead+2*t:]
	k := int(le.Uint16(slot))
	if w.table != nil && k == w.at {
		return nil
	}
	if k < w.f.dims.blocks {
		b, err := w.f.cache.get(k)
		w.table, w.at = b, k
		return err
	}
	k, err := w.f.alloc()
	if err != nil {
		return err
	}
	w.table, w.at = erasedBlock(w.f.dims.block), k
	le.PutUint32(w.table, tagTable)
	le.PutUint16(slot, uint16(k))
	return w.f.cache.put(k, w.table)
}

func (w *writer) setEntry(i, k int) error {
	if !w.tabled() {
		le.PutUint16(w.head[nodeHead+2*i:], uint16(k))
		return nil
	}
	entry := w.table[tableHead+2*(i%w.f.dims.entries):]
	if int(le.Uint16(entry)) == k {
		return nil
	}
	le.PutUint16(entry, uint16(k))
	return w.f.cache.put(w.at, append([]byte(nil), w.table...))
}

// finish puts the head with the new size.
func (w *writer) finish(size int64) error {
	w.size = size
	le.PutUint32(w.head[nodeSize:], uint32(size))
	return w.f.cache.put(w.n, append([]byte(nil), w.head...))
}
