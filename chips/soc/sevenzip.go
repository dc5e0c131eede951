package soc

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"unicode/utf16"

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

// streams reads where packed streams are and what unpacks them.
func (r *sevenReader) streams() {
	for r.err == nil {
		switch id := r.byte(); id {
		case idEnd:
			r.defaultStreams()
			return
		case idPackInfo:
			r.packInfo()
		case idUnpackInfo:
			r.unpackInfo()
		case idSubStreams:
			r.subStreams()
		default:
			r.fail("part of the stream information", "id 6..8", fmt.Sprintf("0x%02X", id))
		}
	}
}

func (r *sevenReader) packInfo() {
	off := r.number()
	n := r.count("number of packed streams", maxFolders*maxStreams)
	for r.err == nil {
		switch id := r.byte(); id {
		case idEnd:
			return
		case idSize:
			for range n {
				size := r.number()
				if off < 0 || size < 0 || off > int64(len(r.data))-sevenHead || size > int64(len(r.data))-sevenHead-off {
					r.fail("place of a packed stream", fmt.Sprintf("within %d bytes", len(r.data)), fmt.Sprintf("%d bytes at %d", size, off))
					return
				}
				r.packs = append(r.packs, [2]int64{sevenHead + off, size})
				off += size
			}
		case idCRC:
			r.digests(n)
		default:
			r.fail("part of the pack information", "sizes or CRCs", fmt.Sprintf("id 0x%02X", id))
		}
	}
}

func (r *sevenReader) unpackInfo() {
	if r.byte() != idFolder {
		r.fail("unpack information", "folders", "something else")
	}
	n := r.count("number of folders", maxFolders)
	r.internal()
	packed := 0
	for range n {
		f := r.folder()
		f.first = packed
		packed += len(f.packed)
		r.folders = append(r.folders, f)
	}
	if r.err == nil && packed > len(r.packs) {
		r.fail("packed streams of all folders", fmt.Sprintf("at most %d", len(r.packs)), fmt.Sprint(packed))
	}
	if r.byte() != idUnpackSize {
		r.fail("unpack information", "sizes", "something else")
	}
	for i := range r.folders {
		f := &r.folders[i]
		for range f.coders {
			f.sizes = append(f.sizes, r.length("size of a folder"))
		}
		f.streams = 1
	}
	for r.err == nil {
		switch id := r.byte(); id {
		case idEnd:
			return
		case idCRC:
			crcs, has := r.digests(len(r.folders))
			for i := range crcs {
				r.folders[i].crc, r.folders[i].hasCRC = crcs[i], has[i]
			}
		default:
			r.fail("part of the unpack information", "CRCs", fmt.Sprintf("id 0x%02X", id))
		}
	}
}

func (r *sevenReader) folder() (f folder) {
	ins := 0
	for range r.count("number of coders", maxCoders) {
		flags := r.byte()
		c := coder{id: string(r.take(int(flags & 15))), in: 1}
		if flags&0x10 != 0 {
			c.in = r.count("streams into a coder", maxStreams)
			if outs := r.count("streams out of a coder", maxStreams); outs != 1 {
				r.fail("streams out of a coder", "1", fmt.Sprint(outs))
			}
		}
		if flags&0x20 != 0 {
			c.props = r.take(r.count("property bytes of a coder", maxProps))
		}
		ins += c.in
		f.coders = append(f.coders, c)
	}
	if r.err == nil && (len(f.coders) == 0 || ins > maxStreams || ins < len(f.coders)) {
		r.fail("folder", fmt.Sprintf("1..%d coders with at most %d streams", maxCoders, maxStreams), fmt.Sprintf("%d with %d", len(f.coders), ins))
	}
	bound := map[int]bool{}
	for k := 1; k < len(f.coders) && r.err == nil; k++ {
		in, out := r.count("bound stream", ins-1), r.count("bound stream", len(f.coders)-1)
		bound[in] = true
		f.bonds = append(f.bonds, [2]int{in, out})
	}
	if n := ins - len(f.bonds); n > 1 {
		for range n {
			f.packed = append(f.packed, r.count("packed stream", ins-1))
		}
		return f
	}
	for i := range ins {
		if !bound[i] {
			f.packed = append(f.packed, i)
		}
	}
	return f
}

// subStreams reads which files are in which folder.
func (r *sevenReader) subStreams() {
	id := r.byte()
	if id == idNumStreams {
		total := 0
		for i := range r.folders {
			r.folders[i].streams = r.count("files in a folder", maxEntries-total)
			total += r.folders[i].streams
		}
		id = r.byte()
	}
	for i := range r.folders {
		f := &r.folders[i]
		rest := f.size()
		for k := 1; k < f.streams && id == idSize && r.err == nil; k++ {
			n := r.length("size of a file")
			if rest -= n; rest < 0 {
				r.fail("sizes of the files in a folder", fmt.Sprintf("at most %d together", f.size()), "more")
			}
			r.sizes = append(r.sizes, n)
		}
		if f.streams > 0 {
			r.sizes = append(r.sizes, rest)
		}
	}
	if id == idSize {
		id = r.byte()
	}
	r.subDigests(&id)
	if r.err == nil && id != idEnd {
		r.fail("end of the files' information", "id 0", fmt.Sprintf("0x%02X", id))
	}
}

// subDigests reads the CRCs of files: those of folders with one file are
// known already.
func (r *sevenReader) subDigests(id *byte) {
	var crcs []uint32
	var has []bool
	if *id == idCRC {
		unknown := 0
		for i := range r.folders {
			if f := &r.folders[i]; f.streams != 1 || !f.hasCRC {
				unknown += f.streams
			}
		}
		crcs, has = r.digests(unknown)
		*id = r.byte()
	}
	for i := range r.folders {
		f := &r.folders[i]
		for range f.streams {
			crc, ok := f.crc, f.hasCRC && f.streams == 1
			if !ok && len(crcs) > 0 {
				crc, ok = crcs[0], has[0]
				crcs, has = crcs[1:], has[1:]
			}
			r.crcs, r.hasCRC = append(r.crcs, crc), append(r.hasCRC, ok)
		}
	}
}

// defaultStreams fills in what a header without a list of files in folders
// means: one in each.
func (r *sevenReader) defaultStreams() {
	if len(r.sizes) > 0 || r.err != nil {
		return
	}
	for i := range r.folders {
		if f := &r.folders[i]; f.streams == 1 {
			r.sizes, r.crcs, r.hasCRC = append(r.sizes, f.size()), append(r.crcs, f.crc), append(r.hasCRC, f.hasCRC)
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

// names reads n UTF-16 strings, each with its end.
func (r *sevenReader) names(n int) []string {
	var names []string
	var name []uint16
	for len(names) < n && r.err == nil {
		p := r.take(2)
		if len(p) < 2 {
			break
		}
		u := binary.LittleEndian.Uint16(p)
		if u != 0 {
			if name = append(name, u); len(name) > maxName {
				r.fail("name", fmt.Sprintf("at most %d characters", maxName), "more")
			}
			continue
		}
		names = append(names, string(utf16.Decode(name)))
		name = name[:0]
	}
	return names
}

// internal checks that what follows is not kept elsewhere.
func (r *sevenReader) internal() {
	if r.byte() != 0 {
		r.fail("7z header", "its parts in one place", "a part elsewhere")
	}
}

// digests reads up to n CRCs.
func (r *sevenReader) digests(n int) ([]uint32, []bool) {
	has := make([]bool, n)
	if r.byte() == 0 {
		has = r.bits(n)
	} else {
		for i := range has {
			has[i] = true
		}
	}
	crcs := make([]uint32, n)
	for i := range crcs {
		if has[i] {
			if p := r.take(4); len(p) == 4 {
				crcs[i] = binary.LittleEndian.Uint32(p)
			}
		}
	}
	return crcs, has
}

func (r *sevenReader) bits(n int) []bool {
	bits := make([]bool, n)
	p := r.take((n + 7) / 8)
	for i := range bits {
		if i/8 < len(p) {
			bits[i] = p[i/8]&(0x80>>(i%8)) != 0
		}
	}
	return bits
}

// fail keeps the first error.
func (r *sevenReader) fail(what, want, got string) {
	if r.err != nil {
		return
	}
	e := &explain.FormatError{What: what, Want: want, Got: got}
	if r.at >= 0 {
		e.Off = r.at + int64(r.i)
	} else {
		e.Hint = fmt.Sprintf("at byte %d of the packed header", r.i)
	}
	r.err = e
}

func (r *sevenReader) byte() byte {
	if p := r.take(1); len(p) == 1 {
		return p[0]
	}
	return 0
}

// take returns the next n bytes, or nil if there are fewer.
func (r *sevenReader) take(n int) []byte {
	if r.err != nil {
		return nil
	}
	if n < 0 || n > len(r.p)-r.i {
		r.fail("7z header", fmt.Sprintf("%d more bytes", n), fmt.Sprint(len(r.p)-r.i))
		return nil
	}
	r.i += n
	return r.p[r.i-n : r.i : r.i]
}

// number reads a number of 1 to 9 bytes: as many leading ones as the first
// byte has, as many bytes follow, low byte first; the rest of the first byte
// is on top. What does not fit is negative.
func (r *sevenReader) number() int64 {
	first := r.byte()
	var v uint64
	mask := byte(0x80)
	for i := 0; i < 8; i++ {
		if first&mask == 0 {
			return int64(v | uint64(first&(mask-1))<<(8*i))
		}
		v |= uint64(r.byte()) << (8 * i)
		mask >>= 1
	}
	return int64(v)
}

// count reads a number that may be at most most.
func (r *sevenReader) count(what string, most int) int {
	v := r.number()
	if r.err == nil && (v < 0 || v > int64(most)) {
		r.fail(what, fmt.Sprintf("at most %d", most), fmt.Sprint(uint64(v)))
	}
	if r.err != nil {
		return 0
	}
	return int(v)
}

// length reads a number of unpacked bytes.
func (r *sevenReader) length(what string) int64 {
	v := r.number()
	if r.err == nil && (v < 0 || v > maxOutput) {
		r.fail(what, fmt.Sprintf("at most %d bytes", int64(maxOutput)), fmt.Sprint(uint64(v)))
		return 0
	}
	return v
}
