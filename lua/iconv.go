package lua

import (
	"unicode/utf8"

	glua "github.com/yuin/gopher-lua"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// charset is a character encoding of iconv. Both functions work on one
// character: decode returns its size, 0 if it is none; encode reports whether
// the encoding has it.
type charset struct {
	name   string
	decode func(p []byte) (r rune, size int)
	encode func(out []byte, r rune) ([]byte, bool)
}

var charsets = []charset{
	{"utf8", decodeUTF8, func(out []byte, r rune) ([]byte, bool) { return utf8.AppendRune(out, r), true }},
	{"ucs2", func(p []byte) (rune, int) { return decodeUCS2(p, false) }, func(out []byte, r rune) ([]byte, bool) {
		return append(out, byte(r), byte(r>>8)), r < 1<<16
	}},
	{"ucs2be", func(p []byte) (rune, int) { return decodeUCS2(p, true) }, func(out []byte, r rune) ([]byte, bool) {
		return append(out, byte(r>>8), byte(r)), r < 1<<16
	}},
	{"gb2312", decodeGB, encodeGB},
}

func decodeUTF8(p []byte) (rune, int) {
	r, size := utf8.DecodeRune(p)
	if r == utf8.RuneError && size <= 1 {
		return 0, 0
	}
	return r, size
}

func decodeUCS2(p []byte, big bool) (rune, int) {
	if len(p) < 2 {
		return 0, 0
	}
	r := rune(bytesInt(p[:2], big, false))
	if r >= 0xD800 && r < 0xE000 {
		return 0, 0
	}
	return r, 2
}

// inGB reports a character of two bytes in the plane of GB 2312 (in its form
// EUC-CN), with the few that GBK added there, but for the euro sign.
func inGB(p []byte) bool {
	return len(p) == 2 && !(p[0] == 0xA2 && p[1] == 0xE3) && p[0] >= 0xA1 && p[0] <= 0xF7 && p[1] >= 0xA1 && p[1] <= 0xFE
}

func decodeGB(p []byte) (rune, int) {
	if p[0] < 0x80 {
		return rune(p[0]), 1
	}
	if len(p) < 2 || !inGB(p[:2]) {
		return 0, 0
	}
	text, err := simplifiedchinese.GBK.NewDecoder().Bytes(p[:2])
	if r, _ := utf8.DecodeRune(text); err == nil && r != utf8.RuneError {
		return r, 2
	}
	return 0, 0
}

func encodeGB(out []byte, r rune) ([]byte, bool) {
	if r < 0x80 {
		return append(out, byte(r)), true
	}
	p, err := simplifiedchinese.GBK.NewEncoder().Bytes([]byte(string(r)))
	if err != nil || !inGB(p) {
		return nil, false
	}
	return append(out, p...), true
}

func findCharset(name string) *charset {
	for i := range charsets {
		if charsets[i].name == name {
			return &charsets[i]
		}
	}
	return nil
}

// convert turns text from one encoding into another; false at the first
// character that one of the two does not have.
func convert(to, from *charset, in []byte) (out []byte, ok bool) {
	for len(in) > 0 {
		r, size := from.decode(in)
		if size == 0 {
			return nil, false
		}
		if out, ok = to.encode(out, r); !ok {
			return nil, false
		}
		in = in[size:]
	}
	return out, true
}

// converter is what iconv.open returns.
type converter struct{ to, from *charset }

// openIconv installs iconv.* (the library's documentation; luatos-runtime.md
// only counts its use). The encodings are utf8, ucs2 (little endian), ucs2be
// and gb2312.
//
// Assumed: text that cannot be converted gives nil; characters beyond the
// basic plane cannot; the middle dot and the dash of GB 2312 are those of GBK.
func (m *Machine) openIconv() {
	meta, methods := m.l.NewTable(), m.l.NewTable()
	m.fill(methods, fn("iconv", func(l *glua.LState) int {
		c := m.converter(l)
		return m.iconvPush(l, c.to, c.from, m.str(l, 2))
	}))
	meta.RawSetString("__index", methods)
	quick := func(to, from string) glua.LGFunction {
		return func(l *glua.LState) int { return m.iconvPush(l, findCharset(to), findCharset(from), m.str(l, 1)) }
	}
	m.lib("iconv",
		fn("open", func(l *glua.LState) int {
			c := &converter{findCharset(m.str(l, 1)), findCharset(m.str(l, 2))}
			if c.to == nil || c.from == nil {
				l.Push(glua.LNil)
				return 1
			}
			ud := l.NewUserData()
			ud.Value, ud.Metatable = c, meta
			l.Push(ud)
			return 1
		}),
		fn("close", func(l *glua.LState) int {
			m.converter(l)
			return pushBool(l, true)
		}),
		fn("gb2utf8", quick("utf8", "gb2312")),
		fn("utf82gb", quick("gb2312", "utf8")),
	)
}

func (m *Machine) converter(l *glua.LState) *converter {
	if ud, ok := l.Get(1).(*glua.LUserData); ok {
		if c, ok := ud.Value.(*converter); ok {
			return c
		}
	}
	m.typeError(l, 1, "iconv")
	return nil
}

func (m *Machine) iconvPush(l *glua.LState, to, from *charset, text string) int {
	m.allocate(l, int64(len(text))*2)
	m.charge(len(text))
	out, ok := convert(to, from, []byte(text))
	if !ok {
		l.Push(glua.LNil)
		return 1
	}
	return pushStr(l, string(out))
}
