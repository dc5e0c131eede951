package luadb

import (
	"encoding/binary"
	"errors"
	"fmt"

	"airlift/flash"
	"airlift/flash/explain"
)

// Error reports an image that the device's reader rejects as a whole.
type Error struct {
	// Device is what the device logs, with level W and tag luadb:
	// "Bad LuaDB", "miss DB version" ... (luadb-and-packages.md 1.4).
	Device string
	Format *explain.FormatError
}

func (e *Error) Error() string { return e.Format.Error() }

// Unwrap returns the *explain.FormatError.
func (e *Error) Unwrap() error { return e.Format }

// Texts of [Error.Device].
const (
	DeviceBad      = "Bad LuaDB"
	DeviceVersion  = "miss DB version"
	DeviceHeadSize = "miss DB headsize"
	DeviceCount    = "miss DB filecount"
	DeviceTooMany  = "too many file in LuaDB"
)

// DeviceText returns the log text of the [Error] that err wraps, or "".
func DeviceText(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Device
	}
	return ""
}

// maxHeaderElements is where the reader gives up looking for the end of the
// header (luadb-and-packages.md 1.4).
const maxHeaderElements = 128

// source is where a scan gets its bytes from.
type source interface {
	// view returns the bytes [off, off+n), valid until the next call, or ok
	// false if the source ends before. The error is one of reading.
	view(off, n int64) (p []byte, ok bool, err error)
	size() int64
}

// element is one type-length-value triple.
type element struct {
	off   int64
	kind  byte
	value []byte // a copy
}

// end returns the offset behind the element.
func (e element) end() int64 { return e.off + 2 + int64(len(e.value)) }

// uint returns a value of 1 to 4 bytes.
func (e element) uint() (uint32, bool) {
	if len(e.value) < 1 || len(e.value) > 4 {
		return 0, false
	}
	var b [4]byte
	copy(b[:], e.value)
	return binary.LittleEndian.Uint32(b[:]), true
}

// block is one file as the scan found it.
type block struct {
	elements []element // magic, name, size, check, as far as they could be read
	data     int64     // offset of the data, if there are four elements
	length   int64     // bytes of data that the block claims
}

func (b *block) name() string { return string(b.elements[1].value) }

// layout is everything that a scan found, until the end or the error.
type layout struct {
	header   []element
	version  uint32
	headSize uint32
	count    uint32
	blocks   []block
	end      int64  // behind the last readable thing
	err      *Error // why the reader rejects the image, or nil
	warnings []Warning
}

// Warning is something about a readable image that a person should know.
type Warning struct {
	Off  int64 // bytes from the start of the image
	Text string
}

func (w Warning) String() string { return fmt.Sprintf("offset 0x%X: %s", w.Off, w.Text) }

func (l *layout) warn(off int64, format string, args ...any) {
	l.warnings = append(l.warnings, Warning{off, fmt.Sprintf(format, args...)})
}

// reject notes why the reader rejects the image.
func (l *layout) reject(device string, fe explain.FormatError) {
	l.err = &Error{Device: device, Format: &fe}
}

// scan walks an image by the rules of the device's reader. The error is one of
// reading the source; what is wrong with the image is in layout.err.
func scan(src source) (*layout, error) {
	l := new(layout)
	if err := l.scanHeader(src); err != nil || l.err != nil {
		return l, err
	}
	l.checkHeader(src)
	for l.err == nil && len(l.blocks) < int(l.count) {
		if err := l.scanBlock(src); err != nil {
			return l, err
		}
	}
	return l, nil
}

// next reads the element at l.end. It rejects the image and returns ok false
// if the source ends within it.
func (l *layout) next(src source, what string) (e element, ok bool, err error) {
	e.off = l.end
	p, ok, err := src.view(l.end, 2)
	if err != nil {
		return e, false, err
	}
	if ok {
		e.kind = p[0]
		n := int64(p[1])
		p, ok, err = src.view(l.end, 2+n)
		if err != nil {
			return e, false, err
		}
		if ok {
			e.value = append([]byte(nil), p[2:]...)
		}
	}
	if !ok {
		l.reject(DeviceBad, explain.FormatError{Off: l.end, What: what, Want: "a whole element",
			Got: fmt.Sprintf("the end of the data at 0x%X", src.size()), Hint: "the image is cut short"})
		return e, false, nil
	}
	l.end = e.end()
	return e, true, nil
}

// scanHeader reads the elements of the header up to its check.
func (l *layout) scanHeader(src source) error {
	for len(l.header) < maxHeaderElements {
		e, ok, err := l.next(src, "luadb header")
		if err != nil {
			return err
		}
		if !ok {
			if !l.hasMagic() {
				l.rejectStart(src)
			}
			return nil
		}
		l.header = append(l.header, e)
		switch e.kind {
		case typeMagic:
			if !isMagic(e) {
				l.reject(DeviceBad, explain.FormatError{Off: e.off, What: "luadb magic", Want: "01 04 5A A5 5A A5", Got: hexOf(e)})
				return nil
			}
		case typeName:
			l.take(&l.version, e, "version")
		case typeSize:
			l.take(&l.headSize, e, "header length")
		case typeCount:
			l.take(&l.count, e, "file count")
		case typeCheck:
			l.checkSum(l.header, "header")
			return nil
		default:
			l.warn(e.off, "unknown header element 0x%02X of %d bytes", e.kind, len(e.value))
		}
	}
	return nil
}

// take stores a number of the header. One of an impossible length counts as
// missing.
func (l *layout) take(to *uint32, e element, what string) {
	v, ok := e.uint()
	if !ok {
		l.warn(e.off, "%s has %d bytes", what, len(e.value))
		return
	}
	*to = v
}

// checkHeader rejects a header with something missing, in the reader's order.
func (l *layout) checkHeader(src source) {
	reject := func(device, what, want, got, hint string) {
		l.reject(device, explain.FormatError{What: what, Want: want, Got: got, Hint: hint})
	}
	switch {
	case !l.hasMagic():
		l.rejectStart(src)
	case l.version == 0:
		reject(DeviceVersion, "luadb version", "2", "0 or none", "images of Air724 have version 0; LuatOS rejects them")
	case l.headSize == 0:
		reject(DeviceHeadSize, "luadb header length", "24", "0 or none", "")
	case l.count == 0:
		reject(DeviceCount, "luadb file count", "1..1024", "0 or none", "")
	case l.count > MaxFiles:
		reject(DeviceTooMany, "luadb file count", "1..1024", fmt.Sprint(l.count), "")
	}
	switch {
	case l.err != nil:
	case l.version != version:
		l.warn(0, "version %d: tools write 2", l.version)
	case l.headSize != headLen:
		l.warn(0, "header length 0x%X: LuaTools writes 0x18, the reader ignores it", l.headSize)
	}
}

// rejectStart says that there is no image at all.
func (l *layout) rejectStart(src source) {
	n := min(src.size(), int64(len(magic)))
	first, _, _ := src.view(0, n) // what was scanned can be viewed
	fe := explain.FormatError{What: "luadb magic", Want: "01 04 5A A5 5A A5", Got: fmt.Sprintf("% X", first), Hint: "this is no script image"}
	switch {
	case n == 0:
		fe.Got = "no data"
	case flash.Erased(first):
		fe.Hint = "erased flash: no script image was ever written here"
	}
	l.reject(DeviceBad, fe)
}

func (l *layout) hasMagic() bool {
	for _, e := range l.header {
		if e.kind == typeMagic {
			return true
		}
	}
	return false
}

func isMagic(e element) bool {
	return len(e.value) == 4 && string(e.value) == string(magic[2:])
}

// checkSum compares the check of a whole block, which is its last element.
func (l *layout) checkSum(block []element, what string) {
	got, want, ok := sums(block)
	if !ok {
		l.warn(block[len(block)-1].off, "check of %s has %d bytes: tools write 2", what, len(block[len(block)-1].value))
	} else if got != want {
		l.warn(block[len(block)-1].off, "check of %s is 0x%04X, the bytes add up to 0x%04X; no firmware looks at it", what, got, want)
	}
}

// sums returns the check value that a block ends with and the right one.
func sums(block []element) (got, want uint16, ok bool) {
	for _, e := range block {
		want += uint16(e.kind) + uint16(len(e.value))
		if e.kind != typeCheck {
			want += byteSum(e.value)
		}
	}
	last := block[len(block)-1]
	if last.kind != typeCheck || len(last.value) != 2 {
		return 0, 0, false
	}
	return binary.LittleEndian.Uint16(last.value), want, true
}

// scanBlock reads one file. Here the order of elements is fixed; the values of
// magic and check are skipped (luadb-and-packages.md 1.2).
func (l *layout) scanBlock(src source) error {
	number := len(l.blocks) + 1
	l.blocks = append(l.blocks, block{})
	b := &l.blocks[len(l.blocks)-1]
	for _, want := range []struct {
		kind byte
		what string
	}{{typeMagic, "magic"}, {typeName, "name"}, {typeSize, "size"}, {typeCheck, "check"}} {
		what := fmt.Sprintf("luadb %s of file %d of %d", want.what, number, l.count)
		e, ok, err := l.next(src, what)
		if err != nil || !ok {
			return err
		}
		if e.kind != want.kind {
			l.reject(DeviceBad, explain.FormatError{Off: e.off, What: what, Want: fmt.Sprintf("type byte %02X", want.kind),
				Got: fmt.Sprintf("%02X", e.kind), Hint: "the file before it may have a wrong size"})
			return nil
		}
		b.elements = append(b.elements, e)
		if l.checkElement(e, what); l.err != nil {
			return nil
		}
	}
	size, _ := b.elements[2].uint()
	b.data, b.length = l.end, int64(size)
	l.checkSum(b.elements, fmt.Sprintf("file %q", b.name()))
	if b.length > src.size()-l.end {
		l.reject(DeviceBad, explain.FormatError{Off: b.elements[2].off, What: fmt.Sprintf("luadb size of file %d of %d, %q", number, l.count, b.name()),
			Want: fmt.Sprintf("at most the %d bytes that are left", src.size()-l.end), Got: fmt.Sprint(size), Hint: "the image is cut short"})
		return nil
	}
	l.end += b.length
	return nil
}

// checkElement rejects values of a file's elements that the reader chokes on.
func (l *layout) checkElement(e element, what string) {
	switch e.kind {
	case typeMagic:
		if !isMagic(e) {
			l.warn(e.off, "%s is %s; the reader skips it", what, hexOf(e))
		}
	case typeName:
		switch {
		case len(e.value) > MaxName:
			l.reject(DeviceBad, explain.FormatError{Off: e.off, What: what, Want: "at most 31 bytes", Got: fmt.Sprint(len(e.value)),
				Hint: "the device copies such a name over the end of a 32-byte field; that is not emulated"})
		case len(e.value) == 0:
			l.warn(e.off, "%s is empty", what)
		}
	case typeSize:
		if len(e.value) != 4 {
			l.reject(DeviceBad, explain.FormatError{Off: e.off, What: what, Want: "4 bytes", Got: fmt.Sprint(len(e.value))})
		}
	}
}

// hexOf shows the first bytes of an element.
func hexOf(e element) string {
	v := e.value
	dots := ""
	if len(v) > 8 {
		v, dots = v[:8], " ..."
	}
	return fmt.Sprintf("%02X %02X % X", e.kind, len(e.value), v) + dots
}
