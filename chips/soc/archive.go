// Package soc reads, explains and writes .soc files, the archives in which
// firmware of all chip families is published.
//
// A .soc file is a 7-Zip or a ZIP archive (luadb-and-packages.md 7). It holds
// info.json, which says what the firmware is and where its parts belong
// ([Info]), the firmware itself, a script image in production files, and tools.
// What the parts mean is up to the chip families.
//
// Archives come from strangers. Every count and length in one is checked
// before memory is taken for it, and what an archive may unpack to is bounded.
package soc

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"path"
	"strings"

	"airlift/flash/explain"
)

// Bounds of an archive. The largest that are published have some twenty
// entries and unpack to less than 100 MiB.
const (
	maxEntries = 1024
	maxOutput  = 256 << 20     // bytes of all entries, unpacked
	maxCoded   = 2 * maxOutput // bytes that come out of all coders, also those that feed others
	maxRatio   = 1 << 14       // unpacked bytes for a packed one: LZMA reaches some 7,000
	maxName    = 1 << 10       // bytes
)

// InfoName is the entry that describes the firmware.
const InfoName = "info.json"

// Archive is an opened .soc file.
type Archive struct {
	Format  string // "7z" or "zip"
	Entries []Entry
	visit   func(visitor) error
}

// Entry is a file in an archive.
type Entry struct {
	Name      string // with slashes
	Size      int64  // bytes, unpacked
	Method    string // "LZMA2", "deflate"
	Encrypted bool
	Off       int64 // where its packed bytes begin; in a 7z archive several entries may share them
	Packed    int64 // bytes that are packed from Off on
	CRC       uint32
	HasCRC    bool
	folder    int // of a 7z archive; -1 for an empty file
}

// File is an entry's name and contents.
type File struct {
	Name string
	Data []byte
}

// visitor is handed the entries in their order, with a reader of the contents
// that may be left unread. The reader is nil if err says why there is none.
type visitor func(e *Entry, r io.Reader, err error) error

// Is reports whether data begins like an archive.
func Is(data []byte) bool {
	return bytes.HasPrefix(data, sevenMagic) || bytes.HasPrefix(data, []byte("PK\x03\x04"))
}

// Open reads an archive's directory. The error is a *explain.FormatError.
func Open(data []byte) (*Archive, error) {
	var a *Archive
	var err error
	switch {
	case bytes.HasPrefix(data, sevenMagic):
		a, err = openSeven(data)
	case Is(data):
		a, err = openZip(data)
	default:
		return nil, &explain.FormatError{What: ".soc file", Want: "a 7-Zip or ZIP archive", Got: fmt.Sprintf("% X", data[:min(6, len(data))])}
	}
	if err != nil {
		return nil, err
	}
	return a, a.check()
}

// check bounds what the directory promises.
func (a *Archive) check() error {
	total := int64(0)
	for i := range a.Entries {
		e := &a.Entries[i]
		if e.Size < 0 || e.Size > maxOutput-total {
			return &explain.FormatError{Off: e.Off, What: fmt.Sprintf("size of entry %q", e.Name), Want: fmt.Sprintf("at most %d bytes unpacked in the whole archive", int64(maxOutput)), Got: fmt.Sprint(uint64(e.Size))}
		}
		total += e.Size
	}
	return nil
}

// EncryptedError reports an entry that needs a password.
type EncryptedError struct{ Name string }

func (e *EncryptedError) Error() string {
	return fmt.Sprintf("entry %q is encrypted: airlift has no password for it", e.Name)
}

// MethodError reports an entry that is packed in a way that is not read.
type MethodError struct{ Name, Method string }

func (e *MethodError) Error() string {
	return fmt.Sprintf("entry %q is packed with %s, which airlift does not read", e.Name, e.Method)
}

// ErrNoEntry is the error for an archive that lacks an entry.
var ErrNoEntry = errors.New("the archive has no such entry")

// Extract unpacks the entries that want asks for, in their order, and checks
// their CRC.
func (a *Archive) Extract(want func(*Entry) bool) ([]File, error) {
	var files []File
	err := a.visit(func(e *Entry, r io.Reader, err error) error {
		if !want(e) {
			return nil
		}
		if err != nil {
			return err
		}
		data, err := e.read(r)
		files = append(files, File{e.Name, data})
		return err
	})
	return files, err
}

// ReadFile unpacks one entry. The error wraps ErrNoEntry if there is none.
func (a *Archive) ReadFile(name string) ([]byte, error) {
	files, err := a.Extract(func(e *Entry) bool { return strings.EqualFold(e.Name, name) })
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%w: %q", ErrNoEntry, name)
	}
	return files[0].Data, nil
}

// read unpacks e from r. Memory grows with what really comes out.
func (e *Entry) read(r io.Reader) ([]byte, error) {
	bad := func(format string, args ...any) error {
		return &explain.FormatError{Off: e.Off, What: fmt.Sprintf("entry %q", e.Name), Want: fmt.Sprintf("%d bytes of %s", e.Size, e.Method), Got: fmt.Sprintf(format, args...)}
	}
	var b bytes.Buffer
	b.Grow(int(min(e.Size, 1<<20)))
	n, err := io.Copy(&b, io.LimitReader(r, e.Size))
	switch {
	case err != nil:
		return nil, bad("%v", err)
	case n != e.Size:
		return nil, bad("%d bytes", n)
	case e.HasCRC && crc32.ChecksumIEEE(b.Bytes()) != e.CRC:
		return nil, bad("a CRC of 0x%08X instead of 0x%08X", crc32.ChecksumIEEE(b.Bytes()), e.CRC)
	}
	return b.Bytes(), nil
}

// room is how much memory a decoder may take for the bytes before the current
// one: no more than there are, and no more than could come out of packed bytes.
func room(dictionary, unpacked, packed int64) int {
	n := min(dictionary, unpacked, maxOutput)
	if packed < math.MaxInt64/maxRatio {
		n = min(n, packed*maxRatio)
	}
	return int(max(n, 4096))
}

// cleanName makes an entry's name relative, with slashes.
func cleanName(name string) string {
	return strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(name, `\`, "/")), "/")
}
