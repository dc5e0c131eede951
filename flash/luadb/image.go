package luadb

import (
	"crypto/md5"
	"fmt"
	"io"
	"io/fs"

	"airlift/flash"
)

// Image is a script image that the device's reader accepts.
type Image struct {
	Version  uint32
	HeadSize uint32 // as written; nothing uses it
	Files    []Entry
	// End is the offset behind the last file's data. What follows is padding
	// or none of the image's business.
	End      int64
	Warnings []Warning

	data []byte      // the image up to End, or more
	live io.ReaderAt // where the file system reads, nil for data
}

// Entry is a file with its place in the image.
type Entry struct {
	File
	Block int64 // offset of the file's block in bytes
	Off   int64 // offset of the file's data in bytes
}

// Trailer is the last file of an image that LuaTools made.
type Trailer struct {
	Entry
	Sum  [md5.Size]byte // MD5 of every byte before the trailer's data
	Good bool           // the data are that sum
}

// memory is the source of an image that is in memory.
type memory []byte

func (m memory) size() int64 { return int64(len(m)) }

func (m memory) view(off, n int64) ([]byte, bool, error) {
	if n > int64(len(m))-off {
		return nil, false, nil
	}
	return m[off : off+n], true, nil
}

// Parse reads an image by the rules of the device's reader
// (luadb-and-packages.md 1.4). It returns an *[Error] for what the device
// rejects. Files share their data with the argument. Wrong checks, unknown
// header elements and other things that the reader does not mind are warnings;
// bytes behind the last file are ignored.
func Parse(data []byte) (*Image, error) {
	l, err := scan(memory(data))
	if err != nil {
		return nil, err
	}
	if l.err != nil {
		return nil, l.err
	}
	return newImage(l, data), nil
}

// FromRegion reads the image at the start of a partition. It reads no further
// than the sector in which the image ends. The files' Data are a copy; the
// file system reads the flash itself, as a memory-mapped image does.
// Besides *[Error] it returns flash.ErrPowerLost.
func FromRegion(r *flash.Region) (*Image, error) {
	src := &regionSource{region: r}
	l, err := scan(src)
	if err != nil {
		return nil, err
	}
	if l.err != nil {
		return nil, l.err
	}
	if err := src.load(l.end); err != nil {
		return nil, err
	}
	img := newImage(l, src.buf[:l.end:l.end])
	img.live = r
	return img, nil
}

// regionSource keeps the part of a region that was read so far, which is
// always its front.
type regionSource struct {
	region *flash.Region
	buf    []byte
}

func (s *regionSource) size() int64 { return s.region.Size() }

func (s *regionSource) view(off, n int64) ([]byte, bool, error) {
	if n > s.size()-off {
		return nil, false, nil
	}
	if err := s.load(off + n); err != nil {
		return nil, false, err
	}
	return s.buf[off : off+n], true, nil
}

// load reads on until the buffer holds the first n bytes.
func (s *regionSource) load(n int64) error {
	have := int64(len(s.buf))
	if n <= have {
		return nil
	}
	sector := s.region.Geometry().SectorSize
	n = min(s.size(), (n+sector-1)/sector*sector)
	s.buf = append(s.buf, make([]byte, n-have)...)
	if _, err := s.region.ReadAt(s.buf[have:], have); err != nil {
		return err
	}
	return nil
}

func newImage(l *layout, data []byte) *Image {
	img := &Image{Version: l.version, HeadSize: l.headSize, End: l.end, Warnings: l.warnings, data: data}
	img.Files = make([]Entry, len(l.blocks))
	seen := map[string]bool{}
	for i, b := range l.blocks {
		end := b.data + b.length
		img.Files[i] = Entry{File: File{Name: b.name(), Data: data[b.data:end:end]}, Block: b.elements[0].off, Off: b.data}
		if seen[b.name()] {
			img.Warnings = append(img.Warnings, Warning{b.elements[0].off, fmt.Sprintf("file %q is there twice: the device opens the first", b.name())})
		}
		seen[b.name()] = true
	}
	return img
}

// Lookup returns the first file called name.
func (img *Image) Lookup(name string) (*Entry, error) {
	for i := range img.Files {
		if img.Files[i].Name == name {
			return &img.Files[i], nil
		}
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// Trailer returns the trailer if the last file is one (luadb-and-packages.md
// 1.5).
func (img *Image) Trailer() (Trailer, bool) {
	if len(img.Files) == 0 {
		return Trailer{}, false
	}
	last := img.Files[len(img.Files)-1]
	if last.Name != TrailerName || len(last.Data) != md5.Size {
		return Trailer{}, false
	}
	t := Trailer{Entry: last, Sum: md5.Sum(img.data[:last.Off])}
	t.Good = string(t.Sum[:]) == string(last.Data)
	return t, true
}

// Bytes returns the image without what follows its last file. It shares memory
// with the files.
func (img *Image) Bytes() []byte { return img.data[:img.End:img.End] }

// Padding returns what follows the last file in the data given to [Parse]. An
// image read from a region has none: nothing behind its end is read.
func (img *Image) Padding() []byte { return img.data[img.End:] }
