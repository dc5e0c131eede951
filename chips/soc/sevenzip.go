package soc

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"airlift/flash/explain"
)

var sevenMagic = []byte{'7', 'z', 0xBC, 0xAF, 0x27, 0x1C}

// Words of a 7z header.
const (
	idEnd           = 0x00
	idHeader        = 0x01
	idProperties    = 0x02
	idStreams       = 0x04
	idFiles         = 0x05
	idPackInfo      = 0x06
	idUnpackInfo    = 0x07
	idSubStreams    = 0x08
	idSize          = 0x09
	idCRC           = 0x0A
	idFolder        = 0x0B
	idUnpackSize    = 0x0C
	idNumStreams    = 0x0D
	idEmptyStream   = 0x0E
	idEmptyFile     = 0x0F
	idNames         = 0x11
	idEncodedHeader = 0x17
)

// Bounds of a 7z header.
const (
	sevenHead  = 32      // bytes of the head of the file
	maxHeader  = 4 << 20 // bytes, unpacked
	maxFolders = 64      // rows of coders
	maxCoders  = 4       // in one folder
	maxStreams = 8       // into all coders of a folder
	maxProps   = 64      // property bytes of a coder
	maxNesting = 4       // packed headers within each other
	noFolder   = -1      // of an empty file
)

// folder is a row of coders that unpacks to one stream, in which files follow
// one another.
type folder struct {
	coders  []coder
	bonds   [][2]int // in stream, out stream
	packed  []int    // in streams that come from the file
	first   int      // of its packed streams
	sizes   []int64  // of each coder's output
	crc     uint32
	hasCRC  bool
	streams int // files in it
}

type coder struct {
	id    string
	in    int // streams
	props []byte
}

// sevenReader reads one archive.
type sevenReader struct {
	data    []byte
	at      int64 // where the header's bytes begin, for errors; -1 if it is packed
	p       []byte
	i       int
	err     error
	packs   [][2]int64 // offset and length of each packed stream
	folders []folder
	sizes   []int64 // of the files in all folders
	crcs    []uint32
	hasCRC  []bool
	entries []Entry
}

func openSeven(data []byte) (*Archive, error) {
	if len(data) < sevenHead {
		return nil, &explain.FormatError{What: "7z head", Want: "32 bytes", Got: fmt.Sprint(len(data))}
	}
	u32, u64 := binary.LittleEndian.Uint32, binary.LittleEndian.Uint64
	if sum := crc32.ChecksumIEEE(data[12:32]); sum != u32(data[8:]) {
		return nil, &explain.FormatError{Off: 8, What: "CRC of the 7z head", Want: fmt.Sprintf("0x%08X", sum), Got: fmt.Sprintf("0x%08X", u32(data[8:]))}
	}
	off, size, room := u64(data[12:]), u64(data[20:]), uint64(len(data)-sevenHead)
	if off > room || size > room-off || size > maxHeader {
		return nil, &explain.FormatError{Off: 12, What: "place of the 7z header", Want: fmt.Sprintf("within %d bytes", len(data)), Got: fmt.Sprintf("%d bytes at %d", size, off), Hint: "the file is cut short"}
	}
	r := &sevenReader{data: data, at: sevenHead + int64(off), p: data[sevenHead+off : sevenHead+off+size]}
	if sum := crc32.ChecksumIEEE(r.p); sum != u32(data[28:]) {
		return nil, &explain.FormatError{Off: 28, What: "CRC of the 7z header", Want: fmt.Sprintf("0x%08X", sum), Got: fmt.Sprintf("0x%08X", u32(data[28:]))}
	}
	if err := r.header(); err != nil {
		return nil, err
	}
	a := &Archive{Format: "7z", Entries: r.entries}
	a.visit = func(v visitor) error { return r.visit(a.Entries, v) }
	return a, nil
}

// header reads the header, which may be packed itself.
func (r *sevenReader) header() error {
	if len(r.p) == 0 {
		return nil // an archive without files
	}
	for range maxNesting {
		switch id := r.byte(); id {
		case idHeader:
			r.parts()
			return r.err
		case idEncodedHeader:
			r.streams()
			if r.err == nil && len(r.folders) != 1 {
				r.fail("folders of a packed header", "1", fmt.Sprint(len(r.folders)))
			}
			if r.err != nil {
				return r.err
			}
			if err := r.unpackHeader(); err != nil {
				return err
			}
		default:
			r.fail("7z header", "id 1 or 0x17", fmt.Sprintf("0x%02X", id))
			return r.err
		}
	}
	r.fail("7z header", fmt.Sprintf("packed at most %d times", maxNesting), "more")
	return r.err
}

func (r *sevenReader) unpackHeader() error {
	f := &r.folders[0]
	e := Entry{Name: "7z header", Size: f.size(), Method: f.method(), Encrypted: f.encrypted(), CRC: f.crc, HasCRC: f.hasCRC, Off: r.packs[f.first][0]}
	if e.Size > maxHeader {
		return &explain.FormatError{Off: e.Off, What: "7z header", Want: fmt.Sprintf("at most %d bytes", maxHeader), Got: fmt.Sprint(e.Size)}
	}
	if e.Encrypted {
		return &explain.FormatError{Off: e.Off, What: "7z header", Want: "one that can be read", Got: (&EncryptedError{e.Name}).Error()}
	}
	in, err := r.open(f)
	if err != nil {
		return &explain.FormatError{Off: e.Off, What: "7z header", Want: "one that can be unpacked", Got: err.Error()}
	}
	p, err := e.read(in)
	if err != nil {
		return err
	}
	r.at, r.p, r.i = -1, p, 0
	r.packs, r.folders, r.sizes, r.crcs, r.hasCRC = nil, nil, nil, nil, nil
	return nil
}

// parts reads what a header consists of.
func (r *sevenReader) parts() {
	for r.err == nil {
		switch id := r.byte(); id {
		case idEnd:
			return
		case idProperties:
			for r.err == nil && r.byte() != idEnd {
				r.take(r.count("length of a property", len(r.p)))
			}
		case idStreams:
			r.streams()
		case idFiles:
			r.files()
		default:
			r.fail("part of the 7z header", "streams or files", fmt.Sprintf("id 0x%02X", id))
		}
	}
}

// files reads the names, and which files are empty.
func (r *sevenReader) files() {
	n := r.count("number of files", maxEntries)
	var names []string
	empty, plain := make([]bool, n), []bool(nil)
	for r.err == nil {
		id := r.byte()
		if id == idEnd {
			break
		}
		p := r.take(r.count("length of a file property", len(r.p)))
		sub := &sevenReader{at: -1, p: p}
		switch id {
		case idEmptyStream:
			empty = sub.bits(n)
		case idEmptyFile:
			plain = sub.bits(8 * len(p))
		case idNames:
			sub.internal()
			names = sub.names(n)
		}
		if r.err == nil {
			r.err = sub.err
		}
	}
	if r.err == nil && len(names) != n {
		r.fail("names", fmt.Sprint(n), fmt.Sprint(len(names)))
	}
	if r.err == nil {
		r.makeEntries(names, empty, plain)
	}
}

func (r *sevenReader) makeEntries(names []string, empty, plain []bool) {
	k, left, nth := 0, 0, 0
	for k < len(r.folders) && r.folders[k].streams == 0 {
		k++
	}
	if k < len(r.folders) {
		left = r.folders[k].streams
	}
	for i, name := range names {
		e := Entry{Name: cleanName(name), Method: "empty", folder: noFolder}
		if empty[i] {
			isFile := len(plain) > 0 && plain[0]
			if len(plain) > 0 {
				plain = plain[1:]
			}
			if isFile {
				r.entries = append(r.entries, e)
			}
			continue
		}
		if left == 0 || nth >= len(r.sizes) || nth >= len(r.crcs) {
			r.fail("files with contents", fmt.Sprint(nth), "more")
			return
		}
		f := &r.folders[k]
		e.folder, e.Size, e.CRC, e.HasCRC = k, r.sizes[nth], r.crcs[nth], r.hasCRC[nth]
		e.Method, e.Encrypted = f.method(), f.encrypted()
		for _, p := range r.packs[f.first : f.first+len(f.packed)] {
			if e.Packed += p[1]; e.Off == 0 {
				e.Off = p[0]
			}
		}
		r.entries = append(r.entries, e)
		nth++
		for left--; left == 0 && k+1 < len(r.folders); {
			k++
			left = r.folders[k].streams
		}
	}
}

// visit hands out the contents. A folder is unpacked once, and only as far as
// somebody reads.
func (r *sevenReader) visit(entries []Entry, v visitor) error {
	var s *stream
	current, at := noFolder, int64(0)
	for i := range entries {
		e := &entries[i]
		if e.folder == noFolder {
			if err := v(e, bytes.NewReader(nil), nil); err != nil {
				return err
			}
			continue
		}
		f := &r.folders[e.folder]
		if e.folder != current {
			current, at = e.folder, 0
			s = &stream{open: func() (io.Reader, error) { return r.open(f) }}
		}
		var err error
		if method := f.unknown(); e.Encrypted {
			err = &EncryptedError{e.Name}
		} else if method != "" {
			err = &MethodError{e.Name, method}
		}
		if err := v(e, &part{s, at, at + e.Size}, err); err != nil {
			return err
		}
		at += e.Size
	}
	return nil
}

// stream is what a folder unpacks to, opened when it is first read.
type stream struct {
	open func() (io.Reader, error)
	in   io.Reader
	err  error
	pos  int64
}

// part is a range of a stream. Parts must be read in their order.
type part struct {
	s       *stream
	at, end int64
}

func (p *part) Read(b []byte) (int, error) {
	s := p.s
	if s.in == nil && s.err == nil {
		s.in, s.err = s.open()
	}
	if s.err == nil && s.pos < p.at {
		var n int64
		n, s.err = io.CopyN(io.Discard, s.in, p.at-s.pos)
		s.pos += n
	}
	if s.err != nil || p.at >= p.end {
		if s.err == nil {
			return 0, io.EOF
		}
		return 0, s.err
	}
	n, err := s.in.Read(b[:min(int64(len(b)), p.end-p.at)])
	p.at, s.pos = p.at+int64(n), s.pos+int64(n)
	return n, err
}
