package littlefs

import (
	"io"
	"os"
)

// File is an open file. What is written to it belongs to the file from the
// next Sync or Close on, all at once; a power loss before leaves the file as
// it was. If the file is removed or renamed meanwhile, the handle goes on, but
// what it writes is lost, as in the original.
type File struct {
	cursor
	fs                 *FS
	name               string
	canRead, canWrite  bool
	appending          bool
	dirty, closed      bool
	failed             error // a write failed: what there is must not be committed
	broken             bool  // and what there is cannot be gone on with
	attrs              []Attr
	pos                uint32
	isInline           bool
	data               []byte   // the whole file while isInline
	list               skipList // the file up to the last flush, otherwise
	rest               []byte   // what was inline when the first block was written
	writing            bool     // block is being filled and is no part of list yet
	block, off         uint32   // where the next byte at pos goes
	w                  writer
	readBlock, readOff uint32 // where the byte at readPos is, if readValid
	readPos            uint32
	readValid          bool
}

// Name returns the path that the file was opened with.
func (f *File) Name() string { return f.name }

func (f *File) length() uint32 {
	if f.isInline {
		return uint32(len(f.data))
	}
	n := max(f.list.size, uint32(len(f.rest)))
	if f.writing {
		n = max(n, f.pos)
	}
	return n
}

// load takes over the contents that the directory entry describes.
func (f *File) load(m *mdir, id uint32) error {
	r, ok := m.find(kindStruct, id)
	switch {
	case !ok:
		return corrupt(f.fs.offset(m.pair[0]), "file", "an inline or skip list structure", "entry %d without one", id)
	case r.tag.typ() == typeInline:
		f.isInline, f.data = true, append([]byte(nil), r.data...)
		return nil
	case r.tag.typ() == typeCTZ:
		list, err := decodeSkipList(r.data)
		if err == nil {
			err = f.fs.checkList(list)
		}
		f.list = list
		return err
	}
	return corrupt(f.fs.offset(m.pair[0]), "file structure", "type 0x201 or 0x202", "0x%03X", r.tag.typ())
}

// eachBlock visits the blocks that the file needs: those it had at the last
// flush and those being written.
func (f *File) eachBlock(visit func(block uint32) error) error {
	if !f.isInline {
		if err := f.fs.eachSkipBlock(nil, f.list, visit); err != nil {
			return err
		}
	}
	if !f.writing {
		return nil
	}
	size := f.pos
	if f.off < f.fs.cfg.BlockSize {
		size++ // the block may be new and hold nothing but pointers
	}
	return f.fs.eachSkipBlock(&f.w, skipList{f.block, size}, visit)
}

func (f *File) check(op string, allowed bool) error {
	switch {
	case f.closed:
		return pathError(op, f.name, ErrClosed)
	case !allowed:
		return pathError(op, f.name, ErrBadHandle)
	}
	return nil
}

// Read implements io.Reader.
func (f *File) Read(p []byte) (int, error) {
	if err := f.check("read", f.canRead); err != nil {
		return 0, err
	}
	if err := f.flush(); err != nil {
		return 0, pathError("read", f.name, err)
	}
	n, err := f.readHere(p)
	if err != nil {
		return n, pathError("read", f.name, err)
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// readHere reads at pos from what is flushed.
func (f *File) readHere(p []byte) (int, error) {
	size := f.length()
	if f.pos >= size {
		return 0, nil
	}
	p = p[:min(int64(len(p)), int64(size-f.pos))]
	if f.isInline {
		n := copy(p, f.data[f.pos:])
		f.pos += uint32(n)
		return n, nil
	}
	done := 0
	for done < len(p) {
		if !f.readValid || f.readPos != f.pos || f.readOff == f.fs.cfg.BlockSize {
			var err error
			if f.readBlock, f.readOff, err = f.fs.locate(f.list, f.pos); err != nil {
				return done, err
			}
			f.readValid = true
		}
		n := min(uint32(len(p)-done), f.fs.cfg.BlockSize-f.readOff)
		if err := f.fs.readBlock(f.readBlock, f.readOff, p[done:done+int(n)]); err != nil {
			return done, err
		}
		done += int(n)
		f.pos += n
		f.readOff += n
		f.readPos = f.pos
	}
	return done, nil
}

// ReadAt implements io.ReaderAt.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	if err := f.check("read", f.canRead); err != nil {
		return 0, err
	}
	saved := int64(f.pos)
	if _, err := f.Seek(off, io.SeekStart); err != nil {
		return 0, err
	}
	n, err := io.ReadFull(f, p)
	if err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	if _, e := f.Seek(saved, io.SeekStart); err == nil {
		err = e
	}
	return n, err
}

// Seek implements io.Seeker. The position may lie behind the end; a write
// there fills the gap with zeros.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	if err := f.check("seek", true); err != nil {
		return 0, err
	}
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += int64(f.pos)
	case io.SeekEnd:
		offset += int64(f.length())
	default:
		return 0, pathError("seek", f.name, ErrInvalid)
	}
	if offset < 0 || offset > int64(f.fs.cfg.FileMax) {
		return 0, pathError("seek", f.name, ErrInvalid)
	}
	if err := f.seek(uint32(offset)); err != nil {
		return 0, pathError("seek", f.name, err)
	}
	return offset, nil
}

func (f *File) seek(pos uint32) error {
	if pos == f.pos {
		return nil
	}
	if err := f.flush(); err != nil {
		return err
	}
	f.pos = pos
	return nil
}

// Stat returns what is known about the file, with its present size.
func (f *File) Stat() (os.FileInfo, error) {
	if err := f.check("stat", true); err != nil {
		return nil, err
	}
	return info{name: base(f.name), size: int64(f.length()), mode: fileMode}, nil
}

// Sync commits what was written.
func (f *File) Sync() error {
	if err := f.check("sync", true); err != nil {
		return err
	}
	return pathError("sync", f.name, f.sync())
}

func (f *File) sync() error {
	if f.failed != nil {
		return f.failed
	}
	if err := f.flush(); err != nil {
		f.failed = err
		return err
	}
	if !f.dirty || f.removed {
		return nil
	}
	changes := make([]record, 1, 1+len(f.attrs))
	if f.isInline {
		data := append([]byte(nil), f.data...)
		changes[0] = record{mktag(typeInline, f.id, uint32(len(data))), data}
	} else {
		changes[0] = record{mktag(typeCTZ, f.id, 8), f.list.encode()}
	}
	for _, a := range f.attrs {
		changes = append(changes, a.record(f.id))
	}
	if err := f.fs.guard(func() error { return f.fs.commit(&f.cursor, changes...) }); err != nil {
		f.failed = err
		return err
	}
	f.dirty = false
	return nil
}

// Close commits what was written and gives up the handle, which is gone even
// if that fails. After a write that failed it returns that error and commits
// nothing: the file stays as it was.
func (f *File) Close() error {
	if err := f.check("close", true); err != nil {
		return err
	}
	err := f.sync()
	f.closed = true
	f.fs.untrack(&f.cursor)
	return pathError("close", f.name, err)
}

// Readdir is for directories.
func (f *File) Readdir(int) ([]os.FileInfo, error) {
	return nil, pathError("readdir", f.name, ErrNotDir)
}

// Readdirnames is for directories.
func (f *File) Readdirnames(int) ([]string, error) {
	return nil, pathError("readdir", f.name, ErrNotDir)
}
