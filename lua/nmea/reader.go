package nmea

import (
	"math"
	"strings"
)

// reader hands out the fields of a sentence one after the other. After a
// mistake, bad is set and every further field is empty.
type reader struct {
	rest     string // of the sentence, from the next field on
	more     bool   // there is a next field
	optional bool   // from here on fields may be missing
	bad      bool
}

// newReader stands behind the identifier of a sentence that Kind took.
func newReader(line string) *reader {
	r := &reader{rest: line, more: true}
	r.next()
	return r
}

// next returns the next field.
func (r *reader) next() string {
	if !r.more && !r.optional {
		r.bad = true
	}
	if r.bad || !r.more {
		return ""
	}
	end := 0
	for end < len(r.rest) && inField(r.rest[end]) {
		end++
	}
	field := r.rest[:end]
	r.rest = r.rest[end:]
	if r.more = strings.HasPrefix(r.rest, ","); r.more {
		r.rest = r.rest[1:]
	}
	return field
}

func (r *reader) skip() { r.next() }

func (r *reader) fail() { r.bad = true }

func (r *reader) char() byte {
	if s := r.next(); s != "" {
		return s[0]
	}
	return 0
}

// direction is 1, -1, or 0 if the field is empty.
func (r *reader) direction() int32 {
	switch r.char() {
	case 'N', 'E':
		return 1
	case 'S', 'W':
		return -1
	case 0:
	default:
		r.fail()
	}
	return 0
}

// integer is strtol.
func (r *reader) integer() int {
	s := strings.TrimLeft(r.next(), " ")
	sign := 1
	if s != "" && (s[0] == '-' || s[0] == '+') {
		if s[0] == '-' {
			sign = -1
		}
		s = s[1:]
	}
	n := 0
	for i := range len(s) {
		if !digit(s[i]) {
			r.fail()
			return 0
		}
		n = min(n*10+int(s[i]-'0'), math.MaxInt32/10)
	}
	return sign * n
}

// fixed keeps as many decimals as fit into 32 bits.
func (r *reader) fixed() Fixed {
	s := strings.TrimLeft(r.next(), " ")
	sign, scale := int32(1), int32(0)
	signed := s != "" && (s[0] == '-' || s[0] == '+')
	if signed {
		if s[0] == '-' {
			sign = -1
		}
		s = s[1:]
	}
	value := int32(-1) // no digit yet
	for i := range len(s) {
		switch {
		case digit(s[i]):
			d := int32(s[i] - '0')
			value = max(0, value)
			if value > (math.MaxInt32-d)/10 {
				if scale == 0 {
					r.fail()
					return Fixed{}
				}
				continue
			}
			value = value*10 + d
			scale *= 10
		case s[i] == '.' && scale == 0:
			scale = 1
		default:
			r.fail()
			return Fixed{}
		}
	}
	switch {
	case value == -1 && (signed || scale != 0):
		r.fail()
		return Fixed{}
	case value == -1:
		return Fixed{}
	}
	return Fixed{sign * value, max(1, scale)}
}

// digits reads pairs of digits; nil if there are too few.
func pairs(s string, n int) []int {
	if len(s) < 2*n {
		return nil
	}
	out := make([]int, n)
	for i := range out {
		a, b := s[2*i], s[2*i+1]
		if !digit(a) || !digit(b) {
			return nil
		}
		out[i] = int(a-'0')*10 + int(b-'0')
	}
	return out
}

func (r *reader) date() Date {
	s := r.next()
	if s == "" {
		return Date{-1, -1, -1}
	}
	p := pairs(s, 3)
	if p == nil {
		r.fail()
		return Date{}
	}
	return Date{p[0], p[1], p[2]}
}

func (r *reader) time() Time {
	s := r.next()
	if s == "" {
		return Time{-1, -1, -1, -1}
	}
	p := pairs(s, 3)
	if p == nil {
		r.fail()
		return Time{}
	}
	micro := 0
	if s = s[6:]; strings.HasPrefix(s, ".") {
		scale := 1_000_000
		for i := 1; i < len(s) && digit(s[i]) && scale > 1; i++ {
			micro = micro*10 + int(s[i]-'0')
			scale /= 10
		}
		micro *= scale
	}
	return Time{p[0], p[1], p[2], micro}
}
