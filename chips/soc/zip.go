package soc

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ulikunitz/xz/lzma"

	"airlift/flash/explain"
)

// zipLZMA is the ZIP method of archives for ESP32 (luadb-and-packages.md 7).
const zipLZMA = 14

func openZip(data []byte) (*Archive, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, &explain.FormatError{What: "ZIP directory", Want: "a whole archive", Got: err.Error()}
	}
	if len(z.File) > maxEntries {
		return nil, &explain.FormatError{What: "ZIP directory", Want: fmt.Sprintf("at most %d entries", maxEntries), Got: fmt.Sprint(len(z.File))}
	}
	a := &Archive{Format: "zip"}
	var files []*zip.File
	for _, f := range z.File {
		if f.FileInfo().IsDir() {
			continue
		}
		off, err := f.DataOffset()
		if err != nil {
			return nil, &explain.FormatError{What: fmt.Sprintf("local header of entry %q", f.Name), Want: "one where the directory says", Got: err.Error()}
		}
		a.Entries = append(a.Entries, Entry{
			Name: cleanName(f.Name), Size: int64(f.UncompressedSize64), Method: zipMethod(f.Method), Encrypted: f.Flags&1 != 0,
			Off: off, Packed: int64(f.CompressedSize64), CRC: f.CRC32, HasCRC: true,
		})
		files = append(files, f)
	}
	a.visit = func(visit visitor) error {
		for i, f := range files {
			r, err := zipContents(&a.Entries[i], f)
			err = visit(&a.Entries[i], r, err)
			if c, ok := r.(io.Closer); ok {
				_ = c.Close()
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	return a, nil
}

func zipMethod(m uint16) string {
	switch m {
	case zip.Store:
		return "store"
	case zip.Deflate:
		return "deflate"
	case zipLZMA:
		return "LZMA"
	}
	return fmt.Sprintf("ZIP method %d", m)
}

func zipContents(e *Entry, f *zip.File) (io.Reader, error) {
	switch {
	case e.Encrypted:
		return nil, &EncryptedError{e.Name}
	case f.Method == zip.Store || f.Method == zip.Deflate:
		return f.Open()
	case f.Method != zipLZMA:
		return nil, &MethodError{e.Name, e.Method}
	}
	raw, err := f.OpenRaw()
	if err != nil {
		return nil, err
	}
	// Two bytes of version, two with the length of the properties, the
	// properties; an end marker is allowed behind the stream.
	var head [9]byte
	if _, err := io.ReadFull(raw, head[:]); err != nil || head[2] != 5 || head[3] != 0 {
		return nil, &explain.FormatError{Off: e.Off, What: fmt.Sprintf("LZMA head of entry %q", e.Name), Want: "5 property bytes", Got: fmt.Sprintf("% X", head)}
	}
	return lzmaReader(head[4:], e.Size, e.Packed, raw)
}

// lzmaReader unpacks a raw LZMA stream.
func lzmaReader(props []byte, size, packed int64, r io.Reader) (io.Reader, error) {
	if size == 0 {
		return bytes.NewReader(nil), nil
	}
	dict := room(int64(binary.LittleEndian.Uint32(props[1:])), size, packed)
	head := make([]byte, 13)
	head[0] = props[0]
	binary.LittleEndian.PutUint32(head[1:], uint32(dict))
	binary.LittleEndian.PutUint64(head[5:], uint64(size))
	return lzma.ReaderConfig{DictCap: dict}.NewReader(io.MultiReader(bytes.NewReader(head), r))
}

// fixedTime is in every entry that Write makes: the earliest that ZIP knows.
var fixedTime = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// Write makes a .soc file: a ZIP archive whose entries are stored, in the order
// given. Firmware is published in either kind; for EC618 and EC7xx only in
// 7-Zip so far. Nothing is compressed, so that the bytes depend on the files alone and not on a
// compressor's version.
func Write(files []File) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		e, err := w.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Store, Modified: fixedTime})
		if err != nil {
			return nil, err
		}
		if _, err := e.Write(f.Data); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}
