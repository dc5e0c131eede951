package luadb

import (
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"sort"
	"strings"
)

// Limits of an image.
const (
	// MaxFiles is the highest file count that the device's reader takes, with
	// the trailer (luadb-and-packages.md 1.4).
	MaxFiles = 1024
	// MaxName is the length of the longest file name in bytes. The device
	// copies a longer one over the end of a 32-byte field
	// (luadb-and-packages.md 1.2).
	MaxName = 31
	// MaxBytes bounds an image, so that a wrong size cannot ask for unbounded
	// memory. It is as large as the largest flash chip that can be emulated.
	MaxBytes = 1 << 30
	// PadLuaTools is what new versions of LuaTools pad images to
	// (luadb-and-packages.md 1.6).
	PadLuaTools = 1024
	// TrailerName is the name of the file that LuaTools appends
	// (luadb-and-packages.md 1.5).
	TrailerName = ".airm2m_all_crc#.bin"
)

const (
	typeMagic   = 0x01
	typeName    = 0x02 // in the header: version
	typeSize    = 0x03 // in the header: header length
	typeCount   = 0x04
	typeCheck   = 0xFE
	magicHalf   = 0xA55A
	headLen     = 0x18
	version     = 2
	headerBytes = 24
)

// magic is the element that every block starts with.
var magic = []byte{typeMagic, 4, 0x5A, 0xA5, 0x5A, 0xA5}

// File is one file of an image.
type File struct {
	Name string // 1..31 bytes, no folders
	Data []byte
}

// Options say how [Build] lays an image out. The zero value makes what the
// LuaTools of 2023 make, which is also what an update.bin must be.
type Options struct {
	NoTrailer bool  // leave the trailer file out
	PadTo     int64 // pad with 0x00 to a multiple of so many bytes: 0 or PadLuaTools
	KeepOrder bool  // files in the given order, not in that of LuaTools
}

// Build makes an image. Names must be unique, flat and of 1..31 bytes; the
// trailer is added unless opts leave it out. The result is as LuaTools makes
// it, byte for byte (luadb-and-packages.md 1.1, 1.2, 1.3, 1.5, 1.6).
func Build(files []File, opts Options) ([]byte, error) {
	total, err := checkFiles(files, opts)
	if err != nil {
		return nil, err
	}
	if !opts.KeepOrder {
		files = luaToolsOrder(files)
	}
	count := len(files)
	if !opts.NoTrailer {
		count++
	}
	img := appendHeader(make([]byte, 0, total), count)
	for _, f := range files {
		img = appendBlock(img, f.Name, len(f.Data))
		img = append(img, f.Data...)
	}
	if !opts.NoTrailer {
		img = appendBlock(img, TrailerName, md5.Size)
		sum := md5.Sum(img)
		img = append(img, sum[:]...)
	}
	if opts.PadTo > 0 {
		img = append(img, make([]byte, padding(int64(len(img)), opts.PadTo))...)
	}
	return img, nil
}

// padding returns how many bytes are missing from n to a multiple of to.
func padding(n, to int64) int64 { return (to - n%to) % to }

func appendHeader(img []byte, count int) []byte {
	img = append(img, magic...)
	img = append(img, typeName, 2, version, 0)
	img = append(img, typeSize, 4, headLen, 0, 0, 0)
	img = append(img, typeCount, 2)
	img = binary.LittleEndian.AppendUint16(img, uint16(count))
	return appendCheck(img, 0)
}

func appendBlock(img []byte, name string, size int) []byte {
	start := len(img)
	img = append(img, magic...)
	img = append(img, typeName, byte(len(name)))
	img = append(img, name...)
	img = append(img, typeSize, 4)
	img = binary.LittleEndian.AppendUint32(img, uint32(size))
	return appendCheck(img, start)
}

// appendCheck ends the block that begins at start.
func appendCheck(img []byte, start int) []byte {
	img = append(img, typeCheck, 2)
	return binary.LittleEndian.AppendUint16(img, byteSum(img[start:]))
}

// byteSum is the check value of a block (luadb-and-packages.md 1.3).
func byteSum(p []byte) uint16 {
	var sum uint16
	for _, b := range p {
		sum += uint16(b)
	}
	return sum
}

// luaToolsOrder returns the files in the order of LuaTools: .luac first by
// name, then the others by name in any letter case (luadb-and-packages.md 1.6).
func luaToolsOrder(files []File) []File {
	files = append([]File(nil), files...)
	sort.SliceStable(files, func(i, j int) bool {
		a, b := files[i].Name, files[j].Name
		ac, bc := strings.HasSuffix(a, ".luac"), strings.HasSuffix(b, ".luac")
		if ac != bc {
			return ac
		}
		if !ac {
			if al, bl := strings.ToLower(a), strings.ToLower(b); al != bl {
				return al < bl
			}
		}
		return a < b
	})
	return files
}

// InputError reports a file or option that [Build] refuses.
type InputError struct {
	Name string // of the file; empty if it is about the whole image
	Why  string
	Hint string
}

func (e *InputError) Error() string {
	s := "luadb: " + e.Why
	if e.Name != "" {
		s = fmt.Sprintf("luadb: file %q %s", e.Name, e.Why)
	}
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// checkFiles returns the size of the image in bytes.
func checkFiles(files []File, opts Options) (int64, error) {
	limit, total := MaxFiles, int64(headerBytes)
	if !opts.NoTrailer {
		limit--
		total += blockBytes(TrailerName) + md5.Size
	}
	if len(files) > limit {
		return 0, &InputError{
			Why:  fmt.Sprintf("%d files are too many: expected at most %d", len(files), limit),
			Hint: "the device's reader takes 1024 files, the trailer counts as one",
		}
	}
	if opts.PadTo < 0 || opts.PadTo > 1<<20 {
		return 0, &InputError{Why: fmt.Sprintf("padding to multiples of %d bytes: expected 0..%d", opts.PadTo, 1<<20)}
	}
	seen := make(map[string]bool, len(files))
	for _, f := range files {
		if err := CheckName(f.Name); err != nil {
			return 0, err
		}
		switch {
		case seen[f.Name]:
			return 0, &InputError{Name: f.Name, Why: "is given twice", Hint: "all folders of a project end up in one flat list: rename one"}
		case f.Name == TrailerName && !opts.NoTrailer:
			return 0, &InputError{Name: f.Name, Why: "is the trailer", Hint: "it is made anew: leave it out of the list"}
		}
		seen[f.Name] = true
		if total += blockBytes(f.Name) + int64(len(f.Data)); total > MaxBytes {
			return 0, &InputError{Name: f.Name, Why: fmt.Sprintf("makes the image larger than %d bytes", MaxBytes)}
		}
	}
	if len(files) == 0 && opts.NoTrailer {
		return 0, &InputError{Why: "no files", Hint: "the device's reader rejects a file count of 0"}
	}
	if opts.PadTo > 0 {
		total += padding(total, opts.PadTo)
	}
	return total, nil
}

// blockBytes is the size of a file's block without its data.
func blockBytes(name string) int64 { return 6 + 2 + int64(len(name)) + 6 + 4 }

// CheckName reports a name that no file of an image can have, as an
// *InputError.
func CheckName(name string) error {
	switch {
	case name == "":
		return &InputError{Why: "a file has no name"}
	case len(name) > MaxName:
		return &InputError{Name: name, Why: fmt.Sprintf("has a name of %d bytes: expected at most %d", len(name), MaxName),
			Hint: "a longer name overwrites memory on the device: shorten it"}
	case strings.ContainsAny(name, "/\\"):
		return &InputError{Name: name, Why: "has a path separator in its name", Hint: "a script image has no folders: use the last part only"}
	case strings.ContainsRune(name, 0):
		return &InputError{Name: name, Why: "has a NUL byte in its name"}
	case name == "." || name == "..":
		return &InputError{Name: name, Why: "has the name of a folder"}
	}
	return nil
}
