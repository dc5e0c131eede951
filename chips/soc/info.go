package soc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"airlift/flash/explain"
)

// Bounds of info.json.
const (
	maxInfo   = 1 << 20 // bytes
	maxValues = 2048
	maxDepth  = 8
)

// Info is info.json: what a firmware is and where its parts go
// (luadb-and-packages.md 7.1, ec618.md 5.1). Values are found by their path,
// "rom.fs.script.size" or "rom.files.0.name".
type Info struct {
	Values []Value
	byPath map[string]int
}

// Value is one value of info.json that is neither object nor list.
type Value struct {
	Path string
	Off  int64 // where the value is, bytes from the start of the file
	Len  int64
	Raw  string // as it is written
	V    any    // string, int64, float64, bool or nil
}

// ParseInfo reads info.json, which may begin with a byte order mark. Keys that
// are not known are kept. A known key with a value of another kind is an error:
// a *explain.FormatError, as are all.
func ParseInfo(data []byte) (*Info, error) {
	i, err := readInfo(data)
	if err != nil {
		return nil, err
	}
	for _, v := range i.Values {
		if f, ok := lookup(v.Path); ok {
			if err := f.check(v.V); err != nil {
				return nil, &explain.FormatError{Off: v.Off, What: "info.json: " + v.Path, Want: f.kind.String(), Got: v.Raw}
			}
		}
	}
	return i, nil
}

// check reports a value that is not of the field's kind. Strings may be
// missing: null or empty.
func (f field) check(v any) error {
	switch f.kind {
	case kindText:
		return nil // bit widths and versions are written as numbers, too
	case kindBool:
		switch v.(type) {
		case bool, nil:
			return nil
		}
		return fmt.Errorf("%v, expected true or false", v)
	}
	if v == nil || v == "" {
		return nil
	}
	_, err := f.kind.number(v)
	return err
}

// readInfo splits the text into values.
func readInfo(data []byte) (*Info, error) {
	if len(data) > maxInfo {
		return nil, &explain.FormatError{What: InfoName, Want: fmt.Sprintf("at most %d bytes", maxInfo), Got: fmt.Sprint(len(data))}
	}
	text := bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))
	s := scanner{info: &Info{byPath: map[string]int{}}, text: text, skip: int64(len(data) - len(text)), dec: json.NewDecoder(bytes.NewReader(text))}
	s.dec.UseNumber()
	err := s.value("", 0)
	if err == nil {
		if t, end := s.dec.Token(); end != io.EOF {
			err = fmt.Errorf("expected the end of the file, found %v", t)
		}
	}
	if err != nil {
		return nil, &explain.FormatError{Off: s.skip + s.dec.InputOffset(), What: InfoName, Want: "JSON", Got: err.Error()}
	}
	return s.info, nil
}

// scanner walks the JSON text.
type scanner struct {
	info *Info
	text []byte
	skip int64 // bytes before the text
	dec  *json.Decoder
}

func (s *scanner) value(path string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("more than %d levels", maxDepth)
	}
	from := s.dec.InputOffset()
	t, err := s.dec.Token()
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	if err != nil {
		return err
	}
	switch t {
	case json.Delim('{'):
		return s.object(path, depth)
	case json.Delim('['):
		return s.list(path, depth)
	}
	return s.leaf(path, from, t)
}

func (s *scanner) object(path string, depth int) error {
	for s.dec.More() {
		t, err := s.dec.Token()
		if err != nil {
			return err
		}
		key, ok := t.(string)
		if !ok {
			return fmt.Errorf("key %v, expected a string", t)
		}
		if err := s.value(join(path, key), depth+1); err != nil {
			return err
		}
	}
	_, err := s.dec.Token()
	return err
}

func (s *scanner) list(path string, depth int) error {
	for i := 0; s.dec.More(); i++ {
		if err := s.value(join(path, strconv.Itoa(i)), depth+1); err != nil {
			return err
		}
	}
	_, err := s.dec.Token()
	return err
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func (s *scanner) leaf(path string, from int64, t json.Token) error {
	if len(s.info.Values) == maxValues {
		return fmt.Errorf("more than %d values", maxValues)
	}
	to := s.dec.InputOffset()
	raw := s.text[from:to]
	start := bytes.IndexFunc(raw, func(r rune) bool { return !strings.ContainsRune(" \t\r\n:,", r) })
	v := Value{Path: path, Off: s.skip + from + int64(start), Raw: string(raw[start:]), V: any(t)}
	v.Len = int64(len(v.Raw))
	if n, ok := t.(json.Number); ok {
		if k, err := n.Int64(); err == nil {
			v.V = k
		} else if f, err := n.Float64(); err == nil {
			v.V = f
		} else {
			return fmt.Errorf("number %.40s: too large", n)
		}
	}
	s.info.byPath[path] = len(s.info.Values) // a key that comes twice: the last one counts
	s.info.Values = append(s.info.Values, v)
	return nil
}

// get returns a value that is there and not empty.
func (i *Info) get(path string) (Value, bool) {
	k, ok := i.byPath[path]
	if !ok {
		return Value{}, false
	}
	v := i.Values[k]
	return v, v.V != nil && v.V != ""
}

// Text returns a string, or a number as it is written.
func (i *Info) Text(path string) string {
	v, ok := i.get(path)
	if s, text := v.V.(string); text {
		return s
	} else if !ok {
		return ""
	}
	return v.Raw
}

// Addr returns an address or another value that is written in hexadecimal.
func (i *Info) Addr(path string) (int64, bool) { return i.number(path, kindHex) }

// Number returns a decimal number.
func (i *Info) Number(path string) (int64, bool) { return i.number(path, kindNumber) }

// Size returns a length in bytes. Files give lengths as a number of KiB or as
// a string, and a string may be either: one that begins with 0x, or that read
// as hexadecimal is a whole number of sectors, is bytes; else it is decimal
// KiB (ec618.md 5.1, 9).
func (i *Info) Size(path string) (int64, bool) { return i.number(path, kindKiB) }

func (i *Info) number(path string, k kind) (int64, bool) {
	v, ok := i.get(path)
	if !ok {
		return 0, false
	}
	n, err := k.number(v.V)
	return n, err == nil
}

// wide are the chips whose firmware has 64-bit Lua numbers unless info.json
// says otherwise (luadb-and-packages.md 7.1).
var wide = map[string]bool{"air6208": true, "air101": true, "air103": true, "air601": true, "air1601": true, "ccm4211": true}

// Bits returns the width of Lua numbers.
func (i *Info) Bits() int {
	if n, ok := i.number("script.bitw", kindBits); ok {
		return int(n)
	}
	if wide[strings.ToLower(i.Text("chip.type"))] {
		return 64
	}
	return 32
}

// ROM returns info.json and the firmware that it names.
func (a *Archive) ROM() (*Info, []byte, error) {
	text, err := a.ReadFile(InfoName)
	if err != nil {
		return nil, nil, err
	}
	info, err := ParseInfo(text)
	if err != nil {
		return nil, nil, err
	}
	name := info.Text("rom.file")
	if name == "" {
		off, _ := info.Range("rom")
		return info, nil, &explain.FormatError{Off: off, What: "info.json: rom.file", Want: "the name of an entry", Got: "none"}
	}
	rom, err := a.ReadFile(name)
	return info, rom, err
}

// Range returns where a value is in the file, for errors.
func (i *Info) Range(path string) (off, length int64) {
	v, _ := i.get(path)
	return v.Off, v.Len
}
