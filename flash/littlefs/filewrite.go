package littlefs

import "io"

var zeros [256]byte

// Write implements io.Writer.
func (f *File) Write(p []byte) (int, error) {
	if err := f.check("write", f.canWrite); err != nil {
		return 0, err
	}
	start := f.pos
	err := f.write(p)
	if err != nil {
		return int(int64(f.pos) - int64(min(start, f.pos))), pathError("write", f.name, err)
	}
	return len(p), nil
}

// WriteString writes s.
func (f *File) WriteString(s string) (int, error) { return f.Write([]byte(s)) }

// WriteAt writes at off without moving the position.
func (f *File) WriteAt(p []byte, off int64) (int, error) {
	if err := f.check("write", f.canWrite); err != nil {
		return 0, err
	}
	if f.appending {
		return 0, pathError("write", f.name, ErrBadHandle)
	}
	saved := int64(f.pos)
	if _, err := f.Seek(off, io.SeekStart); err != nil {
		return 0, err
	}
	n, err := f.Write(p)
	if _, e := f.Seek(saved, io.SeekStart); err == nil {
		err = e
	}
	return n, err
}

func (f *File) write(p []byte) error {
	if f.broken {
		return f.failed
	}
	size := f.length()
	if f.appending && f.pos < size {
		f.pos = size
	}
	if int64(f.pos)+int64(len(p)) > int64(f.fs.cfg.FileMax) {
		return ErrTooBig
	}
	if !f.writing && f.pos > size { // even if there is nothing to write
		end := f.pos
		f.pos = size
		for f.pos < end {
			if err := f.writeHere(zeros[:min(end-f.pos, uint32(len(zeros)))]); err != nil {
				return err
			}
		}
	}
	if err := f.writeHere(p); err != nil {
		return err
	}
	f.failed = nil
	return nil
}

// writeHere writes at pos.
func (f *File) writeHere(p []byte) (err error) {
	defer func() {
		if err != nil {
			f.failed = err
		}
	}()
	if f.isInline {
		end := int64(f.pos) + int64(len(p))
		if max(end, int64(len(f.data))) <= int64(f.fs.inline) {
			f.writeInline(p)
			return nil
		}
		if err := f.leaveInline(); err != nil {
			return err
		}
	}
	for len(p) > 0 {
		if !f.writing || f.off == f.fs.cfg.BlockSize {
			if err := f.nextBlock(); err != nil {
				return err
			}
		}
		n := min(uint32(len(p)), f.fs.cfg.BlockSize-f.off)
		for {
			err := f.fs.write(&f.w, f.block, f.off, p[:n])
			if err == nil {
				break
			}
			if err != errBadBlock {
				return err
			}
			if err := f.moveBlock(); err != nil {
				return err
			}
		}
		f.pos += n
		f.off += n
		p = p[n:]
		f.fs.checkpoint()
	}
	return nil
}

func (f *File) writeInline(p []byte) {
	if len(p) == 0 {
		return
	}
	if end := int(f.pos) + len(p); end > len(f.data) {
		f.data = append(f.data, make([]byte, end-len(f.data))...)
	}
	f.pos += uint32(copy(f.data[f.pos:], p))
	f.dirty = true
	f.fs.checkpoint()
}

// leaveInline puts the file up to pos into a block of its own, because it will
// not fit its metadata pair any more.
func (f *File) leaveInline() error {
	f.fs.checkpoint()
	f.off = f.pos
	if err := f.moveBlock(); err != nil {
		return err
	}
	f.isInline, f.rest, f.data = false, f.data, nil
	f.list = skipList{}
	return nil
}

// moveBlock copies what belongs to the file in the block being filled, or in
// the inline data, to a fresh block.
func (f *File) moveBlock() error {
	fs := f.fs
	w := newWriter(fs.cfg.CacheSize, true)
	for {
		block, err := fs.alloc()
		if err == nil {
			err = f.copyTo(&w, block)
		}
		switch err {
		case nil:
			f.w, f.block, f.writing = w, block, true
			return nil
		case errBadBlock:
			w.drop()
		default:
			if f.writing { // part of the data is in a bad block
				f.failed, f.broken = err, true
			}
			return err
		}
	}
}

func (f *File) copyTo(w *writer, block uint32) error {
	fs := f.fs
	if err := fs.erase(block); err != nil {
		return err
	}
	if f.isInline {
		return fs.write(w, block, 0, f.data[:f.off])
	}
	piece := make([]byte, fs.cfg.CacheSize)
	for at := uint32(0); at < f.off; {
		p := piece[:min(f.off-at, uint32(len(piece)))]
		if err := fs.readPending(&f.w, f.block, at, p); err != nil {
			return err
		}
		if err := fs.write(w, block, at, p); err != nil {
			return err
		}
		at += uint32(len(p))
	}
	return nil
}

// nextBlock starts the block that the byte at pos goes to.
func (f *File) nextBlock() error {
	fs := f.fs
	if !f.writing {
		if f.w.buf == nil {
			f.w = newWriter(fs.cfg.CacheSize, true)
		}
		f.w.drop()
		if f.pos > 0 {
			var err error
			if f.block, _, err = fs.locate(f.list, f.pos-1); err != nil {
				return err
			}
		}
	}
	fs.checkpoint()
	block, off, err := fs.extend(&f.w, skipList{f.block, f.pos})
	if err != nil {
		return err
	}
	f.block, f.off, f.writing = block, off, true
	return nil
}

// flush completes the list being written: the rest of the old contents behind
// it and the last page. The position stays.
func (f *File) flush() error {
	if f.broken {
		return f.failed
	}
	if !f.writing {
		return nil
	}
	pos := f.pos
	if err := f.copyRest(); err != nil {
		return err
	}
	for {
		err := f.fs.flush(&f.w)
		if err == nil {
			break
		}
		if err != errBadBlock {
			return err
		}
		if err := f.moveBlock(); err != nil {
			return err
		}
	}
	f.list = skipList{f.block, f.pos}
	f.rest, f.writing, f.dirty, f.readValid = nil, false, true, false
	f.pos = pos
	return nil
}

// copyRest writes what the file held behind pos once more, since blocks link
// backwards.
func (f *File) copyRest() error {
	if n := uint32(len(f.rest)); f.pos < n {
		return f.writeHere(f.rest[f.pos:])
	}
	buf := make([]byte, min(f.fs.cfg.CacheSize, 4096))
	for f.pos < f.list.size {
		block, off, err := f.fs.locate(f.list, f.pos)
		if err != nil {
			return err
		}
		n := min(f.list.size-f.pos, f.fs.cfg.BlockSize-off, uint32(len(buf)))
		if err := f.fs.readBlock(block, off, buf[:n]); err != nil {
			return err
		}
		if err := f.writeHere(buf[:n]); err != nil {
			return err
		}
	}
	return nil
}

// Truncate cuts the file or extends it with zeros. The position stays.
func (f *File) Truncate(size int64) error {
	if err := f.check("truncate", f.canWrite); err != nil {
		return err
	}
	if size < 0 || size > maxFile {
		return pathError("truncate", f.name, ErrInvalid)
	}
	return pathError("truncate", f.name, f.truncate(uint32(size)))
}

func (f *File) truncate(size uint32) error {
	pos := f.pos
	switch old := f.length(); {
	case size < old:
		if err := f.shrink(size); err != nil {
			return err
		}
	case size > old:
		if err := f.seek(old); err != nil {
			return err
		}
		for f.pos < size {
			if err := f.write(zeros[:min(size-f.pos, uint32(len(zeros)))]); err != nil {
				return err
			}
		}
	}
	return f.seek(pos)
}

func (f *File) shrink(size uint32) error {
	if err := f.flush(); err != nil {
		return err
	}
	f.readValid = false
	if size > f.fs.inline {
		block, _, err := f.fs.locate(f.list, size-1)
		if err != nil {
			return err
		}
		f.list, f.dirty = skipList{block, size}, true
		return nil
	}
	f.pos = 0
	data := make([]byte, size)
	if _, err := f.readHere(data); err != nil {
		return err
	}
	f.isInline, f.data, f.list, f.dirty = true, data, skipList{}, true
	return nil
}
