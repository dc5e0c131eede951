package soc

import "fmt"

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
	total := int64(0)
	for i := range r.folders {
		f := &r.folders[i]
		for range f.coders {
			f.sizes = append(f.sizes, r.length("size of a folder"))
			total += f.sizes[len(f.sizes)-1]
		}
		f.streams = 1
	}
	if total > maxCoded {
		r.fail("sizes of all coders", fmt.Sprintf("at most %d bytes together", int64(maxCoded)), fmt.Sprint(total))
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
