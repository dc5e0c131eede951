package littlefs

import (
	"io"
	"os"

	"github.com/spf13/afero"
)

// Dir is an open directory. Entries come in the order of the volume, which is
// sorted by name. Creating and removing entries meanwhile makes it neither
// skip nor repeat others.
type Dir struct {
	cursor
	at     dirCursor
	fs     *FS
	name   string
	closed bool
}

// dirCursor is what the rest of the package keeps right for an open directory.
type dirCursor struct {
	head pair // its first pair
	pos  int  // entries read
}

func (fs *FS) openDir(name string, at place) (afero.File, error) {
	head, err := fs.pairOf(at)
	if err != nil {
		return nil, err
	}
	m, err := fs.fetch(head)
	if err != nil {
		return nil, err
	}
	d := &Dir{fs: fs, name: name, cursor: cursor{m: m}, at: dirCursor{head: m.pair}}
	d.dir = &d.at
	fs.track(&d.cursor)
	return d, nil
}

// Name returns the path that the directory was opened with.
func (d *Dir) Name() string { return d.name }

// next returns the next entry; io.EOF if there is none.
func (d *Dir) next() (info, error) {
	for pairs := uint32(0); ; {
		if d.id >= d.m.count {
			if !d.m.split {
				return info{}, io.EOF
			}
			if pairs++; pairs > d.fs.blocks {
				return info{}, d.fs.loop("directory", d.m.pair)
			}
			m, err := d.fs.fetch(d.m.tail)
			if err != nil {
				return info{}, err
			}
			d.m, d.id = m, 0
			continue
		}
		id := d.id
		d.id++
		if id == d.fs.hidden(d.m) {
			continue
		}
		if r, ok := d.m.find(kindName, id); !ok || !r.tag.isFile() {
			continue // the superblock
		}
		i, err := d.fs.entryInfo(d.m, id)
		if err == nil {
			d.at.pos++
		}
		return i, err
	}
}

// Readdir returns the next count entries, or all if count is not positive, as
// os.File does.
func (d *Dir) Readdir(count int) ([]os.FileInfo, error) {
	if d.closed {
		return nil, pathError("readdir", d.name, ErrClosed)
	}
	list := []os.FileInfo{}
	// A directory that leads back into itself has more entries than the volume
	// has room for.
	limit := int64(d.fs.blocks) * int64(d.fs.cfg.BlockSize) / 4
	for count <= 0 || len(list) < count {
		i, err := d.next()
		if err == io.EOF {
			if count > 0 && len(list) == 0 {
				return list, io.EOF
			}
			return list, nil
		}
		if err == nil && int64(len(list)) > limit {
			err = d.fs.loop("directory", d.at.head)
		}
		if err != nil {
			return list, pathError("readdir", d.name, err)
		}
		list = append(list, i)
	}
	return list, nil
}

// Readdirnames is Readdir for names only.
func (d *Dir) Readdirnames(count int) ([]string, error) {
	list, err := d.Readdir(count)
	names := make([]string, len(list))
	for i := range list {
		names[i] = list[i].Name()
	}
	return names, err
}

// Seek goes back to the first entry, the only position it knows.
func (d *Dir) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekStart {
		return 0, pathError("seek", d.name, ErrInvalid)
	}
	m, err := d.fs.fetch(d.at.head)
	if err != nil {
		return 0, pathError("seek", d.name, err)
	}
	d.m, d.id, d.at.pos = m, 0, 0
	return 0, nil
}

// Close gives up the handle.
func (d *Dir) Close() error {
	if d.closed {
		return pathError("close", d.name, ErrClosed)
	}
	d.closed = true
	d.fs.untrack(&d.cursor)
	return nil
}

// Stat describes the directory.
func (d *Dir) Stat() (os.FileInfo, error) { return info{name: base(d.name), mode: dirMode}, nil }

// Sync does nothing: directories are always committed.
func (d *Dir) Sync() error { return nil }

func (d *Dir) refuse(op string) error { return pathError(op, d.name, ErrIsDir) }

// Read is for files.
func (d *Dir) Read([]byte) (int, error) { return 0, d.refuse("read") }

// ReadAt is for files.
func (d *Dir) ReadAt([]byte, int64) (int, error) { return 0, d.refuse("read") }

// Write is for files.
func (d *Dir) Write([]byte) (int, error) { return 0, d.refuse("write") }

// WriteAt is for files.
func (d *Dir) WriteAt([]byte, int64) (int, error) { return 0, d.refuse("write") }

// WriteString is for files.
func (d *Dir) WriteString(string) (int, error) { return 0, d.refuse("write") }

// Truncate is for files.
func (d *Dir) Truncate(int64) error { return d.refuse("truncate") }
