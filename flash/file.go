package flash

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/afero"

	"airlift/flash/handle"
)

// ErrFixedSize is returned for a write behind the end of a partition's file
// and for an attempt to change its size.
var ErrFixedSize = errors.New("a flash partition has a fixed size")

// ErrFixedTable is returned for an attempt to change the list of partitions.
var ErrFixedTable = errors.New("the partition table is fixed")

// File returns the whole chip as a file, as [Region.File] does.
func (d *Device) File() afero.File { return d.whole().File() }

func (d *Device) whole() *Region { return &Region{dev: d, name: "flash", size: d.geo.Size} }

// File returns the region as an open file of fixed size, for reading and
// writing.
//
// Writing goes sector by sector, as flash drivers do it. If the new bytes of a
// sector only clear bits, the pages that change are programmed; else the
// sector is read, erased and programmed again with the bytes around the new
// ones, so a power cut then costs the whole sector. Bytes that stay as they
// are cost no operation. A write behind the end is refused as a whole with
// ErrFixedSize.
func (r *Region) File() afero.File { return r.open(r.name, os.O_RDWR) }

func (r *Region) open(name string, flag int) afero.File {
	return handle.New(name, regionContent{r}, flag, r.info, nil)
}

func (r *Region) info() fs.FileInfo { return handle.FileInfo(r.name, r.size, 0o644) }

// regionContent writes to a region as a driver does.
type regionContent struct{ *Region }

func (c regionContent) Sync() error { return nil }

func (c regionContent) Truncate(size int64) error {
	if size == c.size {
		return nil
	}
	return ErrFixedSize
}

func (c regionContent) WriteAt(p []byte, off int64) (int, error) {
	if c.dev.power.lost {
		return 0, ErrPowerLost
	}
	if off > c.size || int64(len(p)) > c.size-off {
		return 0, fmt.Errorf("0x%X bytes at 0x%X of 0x%X: %w", len(p), off, c.size, ErrFixedSize)
	}
	written := 0
	for len(p) > 0 {
		n := int(min(c.dev.geo.SectorSize-off%c.dev.geo.SectorSize, int64(len(p))))
		if err := c.writeSector(off, p[:n]); err != nil {
			return written, err
		}
		written += n
		off, p = off+int64(n), p[n:]
	}
	return written, nil
}

// writeSector writes p, which lies within one sector.
func (c regionContent) writeSector(off int64, p []byte) error {
	start := off - off%c.dev.geo.SectorSize
	old := make([]byte, c.dev.geo.SectorSize)
	if _, err := c.ReadAt(old, start); err != nil {
		return err
	}
	at := off - start
	if clearsOnly(old[at:], p) {
		return c.programChanged(off, p, old[at:])
	}
	copy(old[at:], p)
	if err := c.Erase(start, c.dev.geo.SectorSize); err != nil {
		return err
	}
	return c.Program(start, old)
}

// clearsOnly reports whether old can become p without an erase.
func clearsOnly(old, p []byte) bool {
	for i, b := range p {
		if old[i]&b != b {
			return false
		}
	}
	return true
}

// programChanged programs the part of each page that p covers, if it changes.
func (c regionContent) programChanged(off int64, p, old []byte) error {
	page := c.dev.geo.PageSize
	for len(p) > 0 {
		n := min(page-off%page, int64(len(p)))
		if string(p[:n]) != string(old[:n]) {
			if err := c.Program(off, p[:n]); err != nil {
				return err
			}
		}
		off, p, old = off+n, p[n:], old[n:]
	}
	return nil
}

// Fs shows the partitions of a chip as files in one folder. Their sizes, names
// and number are fixed.
type Fs struct {
	handle.Refuse
	regions []*Region // by offset
}

var _ afero.Fs = (*Fs)(nil)

// NewFs returns a file system with one file, as [Region.File], for each
// partition of t, listed by offset. It fails if t does not fit dev.
func NewFs(dev *Device, t Table) (*Fs, error) {
	if err := t.Check(dev.geo); err != nil {
		return nil, err
	}
	f := &Fs{Refuse: handle.Refuse{Why: ErrFixedTable}}
	for _, p := range t.Sorted() {
		if strings.ContainsAny(p.Name, "/\x00") || p.Name == "." || p.Name == ".." {
			return nil, fmt.Errorf("partition %q: its name cannot be a file name", p.Name)
		}
		r, err := dev.Partition(p)
		if err != nil {
			return nil, err
		}
		f.regions = append(f.regions, r)
	}
	return f, nil
}

// Name says what this is.
func (f *Fs) Name() string { return "flash partitions" }

// HasFolders reports that there are no folders.
func (f *Fs) HasFolders() bool { return false }

func (f *Fs) lookup(name string) *Region {
	name = strings.TrimPrefix(name, "/")
	for _, r := range f.regions {
		if r.name == name {
			return r
		}
	}
	return nil
}

func isRoot(name string) bool { return name == "" || name == "/" || name == "." }

// Create refuses: what it is to empty has a fixed size.
func (f *Fs) Create(name string) (afero.File, error) {
	return f.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0)
}

// Open opens a partition for reading, or the folder.
func (f *Fs) Open(name string) (afero.File, error) { return f.OpenFile(name, os.O_RDONLY, 0) }

// OpenFile opens a partition. os.O_TRUNC is refused with ErrFixedSize.
func (f *Fs) OpenFile(name string, flag int, _ os.FileMode) (afero.File, error) {
	fail := func(err error) (afero.File, error) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	if isRoot(name) {
		if flag != os.O_RDONLY {
			return fail(handle.ErrIsFolder)
		}
		list := make([]fs.FileInfo, len(f.regions))
		for i, r := range f.regions {
			list[i] = r.info()
		}
		return handle.NewFolder(name, handle.FolderInfo("/"), list), nil
	}
	r := f.lookup(name)
	switch {
	case r == nil && flag&os.O_CREATE != 0:
		return fail(ErrFixedTable)
	case r == nil:
		return fail(fs.ErrNotExist)
	case flag&(os.O_CREATE|os.O_EXCL) == os.O_CREATE|os.O_EXCL:
		return fail(fs.ErrExist)
	case flag&(os.O_TRUNC|os.O_APPEND) != 0:
		return fail(ErrFixedSize)
	}
	return r.open(name, flag), nil
}

// Stat describes a partition, or the folder.
func (f *Fs) Stat(name string) (os.FileInfo, error) {
	if isRoot(name) {
		return handle.FolderInfo("/"), nil
	}
	if r := f.lookup(name); r != nil {
		return r.info(), nil
	}
	return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
}
