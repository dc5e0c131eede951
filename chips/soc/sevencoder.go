package soc

import (
	"bytes"
	"compress/bzip2"
	"compress/flate"
	"fmt"
	"io"
	"strings"

	"github.com/ulikunitz/xz/lzma"
)

// Identifiers of 7z coders.
const (
	coderCopy    = "\x00"
	coderDelta   = "\x03"
	coderARM64   = "\x0A"
	coderLZMA2   = "\x21"
	coderLZMA    = "\x03\x01\x01"
	coderX86     = "\x03\x03\x01\x03"
	coderBCJ2    = "\x03\x03\x01\x1B"
	coderPPC     = "\x03\x03\x02\x05"
	coderARM     = "\x03\x03\x05\x01"
	coderThumb   = "\x03\x03\x07\x01"
	coderDeflate = "\x04\x01\x08"
	coderBzip2   = "\x04\x02\x02"
	coderPPMd    = "\x03\x04\x01"
	coderAES     = "\x06\xF1\x07\x01"
)

var coderNames = map[string]string{
	coderCopy: "copy", coderDelta: "delta", coderARM64: "ARM64", coderLZMA2: "LZMA2", coderLZMA: "LZMA", coderX86: "BCJ", coderBCJ2: "BCJ2",
	coderPPC: "PPC", coderARM: "ARM", coderThumb: "ARMT", coderDeflate: "deflate", coderBzip2: "bzip2", coderPPMd: "PPMd", coderAES: "AES-256",
}

func (c *coder) name() string {
	if n, ok := coderNames[c.id]; ok {
		return n
	}
	return fmt.Sprintf("7z method %X", c.id)
}

// method names the coders, those first that touch the unpacked bytes last.
func (f *folder) method() string {
	var names []string
	for i := range f.coders {
		names = append(names, f.coders[i].name())
	}
	return strings.Join(names, "+")
}

func (f *folder) encrypted() bool {
	for i := range f.coders {
		if f.coders[i].id == coderAES {
			return true
		}
	}
	return false
}

// last is the coder whose output no other takes.
func (f *folder) last() int {
	for c := range f.coders {
		bound := false
		for _, b := range f.bonds {
			bound = bound || b[1] == c
		}
		if !bound {
			return c
		}
	}
	return 0
}

// size is how many bytes a folder unpacks to.
func (f *folder) size() int64 {
	if c := f.last(); c < len(f.sizes) {
		return f.sizes[c]
	}
	return 0
}

// open returns a folder's unpacked stream.
func (r *sevenReader) open(f *folder) (io.Reader, error) {
	o := opener{r: r, f: f, busy: make([]bool, len(f.coders))}
	in, _, err := o.coder(f.last())
	return in, err
}

// opener joins the coders of a folder. A coder that leads back to itself is an
// error.
type opener struct {
	r    *sevenReader
	f    *folder
	busy []bool
}

// coder returns the output of coder c and how many packed bytes are behind it.
func (o *opener) coder(c int) (io.Reader, int64, error) {
	if o.busy[c] {
		return nil, 0, fmt.Errorf("coder %d takes its own output", c)
	}
	o.busy[c] = true
	first := 0
	for i := range c {
		first += o.f.coders[i].in
	}
	var ins []io.Reader
	packed := int64(0)
	for k := range o.f.coders[c].in {
		in, n, err := o.stream(first + k)
		if err != nil {
			return nil, 0, err
		}
		ins, packed = append(ins, in), packed+n
	}
	out, err := o.f.coders[c].reader(ins, o.f.sizes[c], packed)
	return out, packed, err
}

// stream returns what goes into a coder's stream i.
func (o *opener) stream(i int) (io.Reader, int64, error) {
	for k, p := range o.f.packed {
		if p == i {
			s := o.r.packs[o.f.first+k]
			return bytes.NewReader(o.r.data[s[0] : s[0]+s[1]]), s[1], nil
		}
	}
	for _, b := range o.f.bonds {
		if b[0] == i {
			return o.coder(b[1])
		}
	}
	return nil, 0, fmt.Errorf("nothing goes into stream %d", i)
}

// read tells which coders are read, and how many streams go into them.
var read = map[string]int{
	coderCopy: 1, coderLZMA: 1, coderLZMA2: 1, coderDeflate: 1, coderBzip2: 1, coderDelta: 1, coderX86: 1, coderARM: 1, coderThumb: 1, coderBCJ2: 4,
}

// unknown names a coder of the folder that is not read, or is empty.
func (f *folder) unknown() string {
	for i := range f.coders {
		if c := &f.coders[i]; read[c.id] != c.in {
			return c.name()
		}
	}
	return ""
}

// reader unpacks size bytes out of ins, behind which there are packed bytes of
// the file.
func (c *coder) reader(ins []io.Reader, size, packed int64) (io.Reader, error) {
	if read[c.id] != len(ins) {
		return nil, &MethodError{Method: c.name()}
	}
	in := ins[0]
	switch c.id {
	case coderCopy:
		return in, nil
	case coderLZMA:
		if len(c.props) != 5 {
			return nil, fmt.Errorf("LZMA with %d property bytes, expected 5", len(c.props))
		}
		return lzmaReader(c.props, size, packed, in)
	case coderLZMA2:
		return lzma2Reader(c.props, size, packed, in)
	case coderDeflate:
		return flate.NewReader(in), nil
	case coderBzip2:
		return bzip2.NewReader(in), nil
	case coderDelta:
		if len(c.props) != 1 {
			return nil, fmt.Errorf("delta with %d property bytes, expected 1", len(c.props))
		}
		return &filter{in: in, size: size, convert: func(p []byte) { undelta(p, int(c.props[0])+1) }}, nil
	case coderX86:
		return &filter{in: in, size: size, convert: unx86}, nil
	case coderARM:
		return &filter{in: in, size: size, convert: unarm}, nil
	case coderThumb:
		return &filter{in: in, size: size, convert: unthumb}, nil
	}
	return newBCJ2(ins, size)
}

func lzma2Reader(props []byte, size, packed int64, in io.Reader) (io.Reader, error) {
	if len(props) != 1 || props[0] > 40 {
		return nil, fmt.Errorf("LZMA2 properties % X, expected one byte up to 0x28", props)
	}
	dict := int64(1)<<32 - 1
	if d := props[0]; d < 40 {
		dict = int64(2|d&1) << (d/2 + 11)
	}
	return lzma.Reader2Config{DictCap: room(dict, size, packed)}.NewReader2(in)
}

// filter is a coder that changes bytes in place. They are read whole first:
// addresses in code may lie across any border.
type filter struct {
	in      io.Reader
	size    int64
	convert func([]byte)
	out     *bytes.Reader
}

func (f *filter) Read(p []byte) (int, error) {
	if f.out == nil {
		b, err := io.ReadAll(io.LimitReader(f.in, f.size))
		if err != nil {
			return 0, err
		}
		f.convert(b)
		f.out = bytes.NewReader(b)
	}
	return f.out.Read(p)
}
