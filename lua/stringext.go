package lua

import (
	"encoding/base32"
	"encoding/base64"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// stringExtensions are the methods that LuatOS adds to strings
// (luatos-runtime.md 8).
func (m *Machine) stringExtensions() []entryFn {
	return []entryFn{
		fn("toHex", m.stringToHex),
		fn("fromHex", func(l *glua.LState) int { return pushStr(l, fromHex(m.str(l, 1))) }),
		fn("split", m.stringSplit),
		fn("toValue", func(l *glua.LState) int {
			s := m.str(l, 1)
			b := make([]byte, len(s))
			for i := range b {
				c := s[i]
				if c > '9' {
					c += 9
				}
				b[i] = c & 15
			}
			l.Push(glua.LString(b))
			l.Push(glua.LNumber(len(s)))
			return 2
		}),
		fn("urlEncode", m.stringURLEncode),
		fn("toBase64", func(l *glua.LState) int {
			return pushStr(l, base64.StdEncoding.EncodeToString([]byte(m.str(l, 1))))
		}),
		fn("fromBase64", func(l *glua.LState) int { return pushStr(l, fromBase64(m.str(l, 1))) }),
		fn("toBase32", func(l *glua.LState) int {
			return pushStr(l, base32.StdEncoding.EncodeToString([]byte(m.str(l, 1))))
		}),
		fn("fromBase32", func(l *glua.LState) int {
			s := strings.TrimRight(strings.ToUpper(m.str(l, 1)), "=")
			b, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(s)
			if err != nil {
				return pushStr(l, "")
			}
			return pushStr(l, string(b))
		}),
		fn("startsWith", func(l *glua.LState) int { return pushBool(l, strings.HasPrefix(m.str(l, 1), m.str(l, 2))) }),
		fn("endsWith", func(l *glua.LState) int { return pushBool(l, strings.HasSuffix(m.str(l, 1), m.str(l, 2))) }),
		fn("trim", func(l *glua.LState) int {
			s := m.str(l, 1)
			if m.optBool(l, 2, true) {
				s = strings.TrimLeft(s, " \t\n\v\f\r")
			}
			if m.optBool(l, 3, true) {
				s = strings.TrimRight(s, " \t\n\v\f\r")
			}
			return pushStr(l, s)
		}),
	}
}

const upperHex = "0123456789ABCDEF"

// stringToHex puts the separator after every byte, the last one too.
func (m *Machine) stringToHex(l *glua.LState) int {
	s, sep := m.str(l, 1), m.optStr(l, 2, "")
	m.allocate(int64(len(s)) * int64(2+len(sep)))
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		b.WriteByte(upperHex[s[i]>>4])
		b.WriteByte(upperHex[s[i]&15])
		b.WriteString(sep)
	}
	l.Push(glua.LString(b.String()))
	l.Push(glua.LNumber(2 * len(s)))
	return 2
}

// fromHex reads pairs of digits; anything else is skipped and forgets a half.
func fromHex(s string) string {
	var out []byte
	half, have := byte(0), false
	for i := 0; i < len(s); i++ {
		d, ok := hexDigit(s[i])
		switch {
		case !ok:
			have = false
		case have:
			out = append(out, half<<4|d)
			have = false
		default:
			half, have = d, true
		}
	}
	return string(out)
}

// fromBase64 decodes as the firmware does (luat_str_base64_decode): whole
// groups of four characters only, what is left over is dropped. Line ends may
// be anywhere, blanks before them and at the end. Wrong text gives nothing.
func fromBase64(s string) string {
	var symbols strings.Builder
	pad := 0
	for _, line := range strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n") {
		for _, c := range []byte(strings.TrimRight(line, " ")) {
			switch {
			case c == '=':
				pad++
			case pad > 0 || !isBase64(c):
				return ""
			default:
				symbols.WriteByte(c)
			}
		}
	}
	if pad > 2 {
		return ""
	}
	text := symbols.String()
	if rest := len(text) % 4; rest+pad < 4 { // also without any padding
		text = text[:len(text)-rest]
	}
	b, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return ""
	}
	return string(b)
}

func isBase64(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/'
}

// stringSplit drops empty pieces unless told to keep them.
func (m *Machine) stringSplit(l *glua.LState) int {
	s, sep := m.str(l, 1), m.optStr(l, 2, ",")
	if sep == "" {
		sep = ","
	}
	keep := l.Get(3) == glua.LTrue
	t := l.NewTable()
	if s != "" {
		for _, piece := range strings.Split(s, sep) {
			if piece != "" || keep {
				m.charge(1)
				t.Append(glua.LString(piece))
			}
		}
	}
	l.Push(t)
	return 1
}

func (m *Machine) stringURLEncode(l *glua.LState) int {
	s := m.str(l, 1)
	space, keep := "+", ".-*_"
	switch m.optInt(l, 2, 0) {
	case 1:
		space, keep = "%20", ".-_"
	case -1:
		if m.optInt(l, 3, 0) == 1 {
			space = "%20"
		}
		keep = m.optStr(l, 4, "")
	}
	m.allocate(3 * int64(len(s)))
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case isAlpha(c) || isDigit(c) || strings.IndexByte(keep, c) >= 0:
			b.WriteByte(c)
		case c == ' ':
			b.WriteString(space)
		default:
			b.WriteString("%" + upperHex[c>>4:c>>4+1] + upperHex[c&15:c&15+1])
		}
	}
	return pushStr(l, b.String())
}
