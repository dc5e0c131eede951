package mount

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// ErrHostName is returned for a name that [HostName] did not make.
var ErrHostName = errors.New("not an escaped name")

// maxHostName is the longest name in bytes that common hosts can store.
const maxHostName = 255

// HostName turns the name of one file of a device into a file name that is
// safe on every host: never a way out of the folder, never a device of
// Windows, printable, UTF-8. Bytes that a host may not take become % and two
// upper-case hex digits, so [DeviceName] can tell the name again:
//
//	%                        always
//	/ \ : * ? " < > |        separators and what Windows forbids
//	control bytes, non-UTF-8, unprintable characters (bidi overrides ...)
//	characters that a host may store in another Unicode form (not NFC)
//	the first byte of . and of .., of a leading ~ or -, and of CON, NUL, COM1 ...
//	a dot or space at the end
//
// Hosts that ignore letter case would write two names that differ only in it
// to one file. seen notes the names of one folder; of a name that clashes with
// an earlier one the end is escaped too, from the last letter, or the last but
// one ..., until it does not. seen may be nil if nothing else is written there.
// The same name twice is an error, and so are an empty name and one too long
// for a host.
func HostName(name string, seen map[string]string) (string, error) {
	if name == "" {
		return "", errors.New("a file without a name cannot be written to the host")
	}
	host := escapeName(name)
	for at := len(name); ; {
		if len(host) > maxHostName {
			return "", fmt.Errorf("name %q: more than %d bytes on the host", name, maxHostName)
		}
		if seen == nil {
			return host, nil
		}
		other, clash := seen[foldName(host)]
		if !clash {
			seen[foldName(host)] = name
			return host, nil
		}
		if other == name {
			return "", fmt.Errorf("name %q is there twice", name)
		}
		if at = lastLetter(name, at); at < 0 {
			return "", fmt.Errorf("name %q is taken on the host by %q", name, other)
		}
		host = escapeName(name[:at]) + escapeBytes(name[at:])
	}
}

// foldName maps names that some host takes for equal to one: Windows goes by
// the upper case of single characters, others by full case folding, where ß is
// ss. The dotted capital I has a simple lower case and another folding.
func foldName(host string) string {
	return cases.Fold().String(strings.ToLower(strings.ToUpper(strings.ToLower(host))))
}

// lastLetter returns where the last character of name[:end] starts that letter
// case may touch, or -1.
func lastLetter(name string, end int) int {
	for end > 0 {
		r, n := utf8.DecodeLastRuneInString(name[:end])
		end -= n
		if r >= utf8.RuneSelf || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' {
			return end
		}
	}
	return -1
}

// escapeName escapes what no host may see.
func escapeName(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); {
		r, n := utf8.DecodeRuneInString(name[i:])
		if unsafe(r, n) || unsafeAt(name, i, n) {
			b.WriteString(escapeBytes(name[i : i+n]))
		} else {
			b.WriteString(name[i : i+n])
		}
		i += n
	}
	return b.String()
}

// unsafe reports a character of n bytes that no host name may have.
func unsafe(r rune, n int) bool {
	switch {
	case r == utf8.RuneError && n == 1, !unicode.IsPrint(r), strings.ContainsRune(`%/\:*?"<>|`, r):
		return true
	case r < utf8.RuneSelf:
		return false
	}
	s := string(r)
	return norm.NFC.String(s) != s || !norm.NFC.PropertiesString(s).BoundaryBefore()
}

// unsafeAt reports a character that only its place makes unsafe.
func unsafeAt(name string, i, n int) bool {
	c := name[i]
	switch {
	case i == 0 && (c == '~' || c == '-' || name == ".." || name == "." || reserved(name)):
		return true
	case i+n == len(name) && (c == '.' || c == ' '):
		return true
	}
	return false
}

// reserved reports names that are devices on Windows, with any extension.
func reserved(name string) bool {
	base, _, _ := strings.Cut(name, ".")
	base = strings.ToUpper(strings.TrimRight(base, " "))
	switch base {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$":
		return true
	}
	rest, ok := strings.CutPrefix(base, "COM")
	if !ok {
		rest, ok = strings.CutPrefix(base, "LPT")
	}
	if !ok {
		return false
	}
	switch rest {
	case "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "¹", "²", "³":
		return true
	}
	return false
}

func escapeBytes(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		fmt.Fprintf(&b, "%%%02X", s[i])
	}
	return b.String()
}

// DeviceName is the inverse of [HostName]. A name with a broken escape is
// ErrHostName.
func DeviceName(host string) (string, error) {
	fail := func(why string) (string, error) { return "", fmt.Errorf("name %q: %s: %w", host, why, ErrHostName) }
	var b strings.Builder
	for i := 0; i < len(host); i++ {
		if host[i] != '%' {
			b.WriteByte(host[i])
			continue
		}
		if i+2 >= len(host) {
			return fail("% without two hex digits")
		}
		hi, lo := hexDigit(host[i+1]), hexDigit(host[i+2])
		if hi < 0 || lo < 0 {
			return fail("% without two upper-case hex digits")
		}
		b.WriteByte(byte(hi<<4 | lo))
		i += 2
	}
	if b.Len() == 0 {
		return fail("no name")
	}
	return b.String(), nil
}

func hexDigit(c byte) int { return strings.IndexByte("0123456789ABCDEF", c) }
