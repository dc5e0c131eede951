package link

import "strings"

// Pair is one parameter of a query, as written and decoded.
type Pair struct {
	RawName, RawValue string
	Name, Value       string // %XX decoded and + turned into a blank; raw if Bad
	Bad               bool   // has a % that two hex digits do not follow
}

// Query is the parameters of a URL in their order, with doubled ones.
type Query []Pair

// QueryPairsMax is how many parameters [ParseQuery] keeps.
const QueryPairsMax = 256

// ParseQuery takes what follows the question mark apart at every "&". It
// never fails: a parameter without "=" has an empty value, and one that
// cannot be decoded is marked. Empty pieces are left out.
func ParseQuery(raw string) Query {
	var q Query
	for piece := range strings.SplitSeq(raw, "&") {
		if piece == "" {
			continue
		}
		if len(q) == QueryPairsMax {
			break
		}
		p := Pair{}
		p.RawName, p.RawValue, _ = strings.Cut(piece, "=")
		var ok1, ok2 bool
		p.Name, ok1 = unescape(p.RawName)
		p.Value, ok2 = unescape(p.RawValue)
		p.Bad = !ok1 || !ok2
		q = append(q, p)
	}
	return q
}

// First returns the first well-formed parameter with this exact name. Badly
// escaped ones are passed over, as servers do (iot-platform.md 8.1).
func (q Query) First(name string) (p Pair, ok bool) {
	for _, p := range q {
		if !p.Bad && p.Name == name {
			return p, true
		}
	}
	return Pair{}, false
}

// Get returns the decoded value of the first well-formed parameter, or "".
func (q Query) Get(name string) string {
	p, _ := q.First(name)
	return p.Value
}

// unescape decodes %XX and +. It returns s itself and false if an escape is
// broken.
func unescape(s string) (string, bool) {
	if !strings.ContainsAny(s, "%+") {
		return s, true
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '+':
			out = append(out, ' ')
		case '%':
			if i+2 >= len(s) {
				return s, false
			}
			hi, lo := unhex(s[i+1]), unhex(s[i+2])
			if hi < 0 || lo < 0 {
				return s, false
			}
			out = append(out, byte(hi<<4|lo))
			i += 2
		default:
			out = append(out, c)
		}
	}
	return string(out), true
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
