package atmodem

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf16"
)

// Short messages in PDU mode (3GPP TS 23.040, 27.005).

func pduMode(_ *Modem, args string) reply {
	if args != "0" {
		return cms(cmsFormat) // text mode is not emulated
	}
	return ok()
}

func storage(m *Modem, _ string) reply {
	n := 0
	for _, s := range m.store {
		if s != nil {
			n++
		}
	}
	return ok(fmt.Sprintf(`+CPMS: "SM",%d,%d,"SM",%d,%d,"SM",%d,%d`, n, storeMax, n, storeMax, n, storeMax))
}

// sendSMS asks for the PDU and sends it.
func sendSMS(m *Modem, args string) reply {
	if numbers(args, 1)[0] < 0 {
		return cms(cmsFormat)
	}
	m.prompt = func(pdu string) {
		m.c.After(smsSendTime, func() {
			sms, err := decodeSubmit(strings.TrimSpace(pdu))
			switch {
			case err != nil:
				m.finish(cms(cmsFormat))
			case !m.Registered():
				m.finish(cms(cmsNoNetwork))
			default:
				if cause := m.c.SendSMS(sms); cause != 0 {
					m.finish(cms(cause))
					return
				}
				m.msgRef = (m.msgRef + 1) & 0xFF
				m.finish(ok(fmt.Sprintf("+CMGS: %d", m.msgRef)))
			}
		})
	}
	m.c.Say("> ")
	return reply{later: true}
}

// message is the message in a position that counts from 1.
func (m *Modem) message(args string) (at int, found bool) {
	n := numbers(args, 1)[0]
	return n - 1, n >= 1 && n <= storeMax && m.store[n-1] != nil
}

func readSMS(m *Modem, args string) reply {
	i, found := m.message(args)
	if !found {
		return cms(cmsIndex)
	}
	pdu := m.store[i].encodeDeliver(m.c.Now().In(beijing))
	return ok(fmt.Sprintf("+CMGR: 0,,%d", len(pdu)-1), strings.ToUpper(hex.EncodeToString(pdu)))
}

func deleteSMS(m *Modem, args string) reply {
	if n := numbers(args, 2); n[1] > 0 {
		clear(m.store)
		m.SMSArrived()
		return ok()
	}
	i, found := m.message(args)
	if !found {
		return cms(cmsIndex)
	}
	m.store[i] = nil
	m.SMSArrived()
	return ok()
}

var errPDU = errors.New("malformed PDU")

// pduReader takes a PDU apart; after a failure everything is zero.
type pduReader struct {
	p   []byte
	bad bool
}

func (r *pduReader) next(n int) []byte {
	if n < 0 || n > len(r.p) {
		r.bad = true
		return make([]byte, max(0, min(n, 256)))
	}
	out := r.p[:n]
	r.p = r.p[n:]
	return out
}

func (r *pduReader) byte() int { return int(r.next(1)[0]) }

// decodeSubmit reads an SMS-SUBMIT behind the address of the service centre.
func decodeSubmit(text string) (SMS, error) {
	p, err := hex.DecodeString(text)
	if err != nil {
		return SMS{}, errPDU
	}
	r := &pduReader{p: p}
	r.next(r.byte()) // service centre
	first := r.byte()
	r.byte() // reference
	number := decodeNumber(r)
	r.byte() // protocol
	coding := r.byte()
	switch first >> 3 & 3 { // validity period
	case 2:
		r.next(1)
	case 1, 3:
		r.next(7)
	}
	length := r.byte()
	data := r.p
	if r.bad {
		return SMS{}, errPDU
	}
	body, err := decodeText(data, length, coding, first&0x40 != 0)
	return SMS{Number: number, Text: body}, err
}

func decodeNumber(r *pduReader) string {
	digits := r.byte()
	kind := r.byte()
	out := ""
	if kind == 0x91 {
		out = "+"
	}
	for i, b := range r.next((digits + 1) / 2) {
		out += string("0123456789*#abc?"[b&15])
		if 2*i+1 < digits {
			out += string("0123456789*#abc?"[b>>4])
		}
	}
	return out
}

// septets is the alphabet of 7 bits, escaped what follows its escape sign
// (3GPP TS 23.038 6.2.1).
var (
	septets = []rune("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà")
	escaped = map[byte]rune{0x0A: '\f', 0x14: '^', 0x28: '{', 0x29: '}', 0x2F: '\\', 0x3C: '[', 0x3D: '~', 0x3E: ']', 0x40: '|', 0x65: '€'}
)

const escapeSign = 0x1B

// decodeText knows the alphabet of 7 bits, 8 bits and UCS-2.
func decodeText(p []byte, length, coding int, header bool) (string, error) {
	skip := 0
	if header && len(p) > 0 {
		skip = int(p[0]) + 1
	}
	switch coding & 0x0C {
	case 8, 4:
		if length > len(p) || skip > length {
			return "", errPDU
		}
		p = p[skip:length]
		if coding&0x0C == 4 {
			return string(p), nil
		}
		u := make([]uint16, len(p)/2)
		for i := range u {
			u[i] = binary.BigEndian.Uint16(p[2*i:])
		}
		return string(utf16.Decode(u)), nil
	}
	if (length*7+7)/8 > len(p) {
		return "", errPDU
	}
	var out []rune
	escape := false
	for i := (skip*8 + 6) / 7; i < length; i++ {
		at := i * 7
		v := uint16(p[at/8])
		if at/8+1 < len(p) {
			v |= uint16(p[at/8+1]) << 8
		}
		c := byte(v>>(at%8)) & 0x7F
		r := septets[c]
		if special, has := escaped[c]; escape && has {
			r = special
		}
		if escape = c == escapeSign && !escape; !escape {
			out = append(out, r)
		}
	}
	return string(out), nil
}

// What fits into one PDU in UTF-16 units: of a message alone, and of a part of
// a longer one, whose place among the others stands in front of the text.
const (
	aloneMax = 70
	partMax  = 67
)

// part is a short message as the card holds it.
type part struct {
	number    string
	text      []uint16
	reference int // of the parts that belong together
	at, of    int // the first is 1 of so many
}

// nextPart takes the next part of a message that waits in the network.
func (m *Modem) nextPart() *part {
	if len(m.arriving) == 0 {
		sms, ok := m.c.TakeSMS()
		if !ok {
			return nil
		}
		m.arriving = parts(sms, m.joined+1)
		if len(m.arriving) > 1 {
			m.joined++
		}
	}
	p := m.arriving[0]
	m.arriving = m.arriving[1:]
	return p
}

// parts cuts a message into what fits into PDUs. Text behind the last part that
// can be numbered is lost.
func parts(s SMS, reference int) []*part {
	const most = 255
	text := utf16.Encode([]rune(s.Text))
	if len(text) <= aloneMax {
		return []*part{{number: s.Number, text: text, at: 1, of: 1}}
	}
	var list []*part
	for len(text) > 0 && len(list) < most {
		n := min(len(text), partMax)
		if n < len(text) && text[n-1]&0xFC00 == 0xD800 {
			n-- // a character of two units stays whole
		}
		list = append(list, &part{number: s.Number, text: text[:n], reference: reference & 0xFF, at: len(list) + 1})
		text = text[n:]
	}
	for _, p := range list {
		p.of = len(list)
	}
	return list
}

// encodeDeliver makes an SMS-DELIVER with the empty address of a service
// centre in front. Text goes as UCS-2.
func (p *part) encodeDeliver(at time.Time) []byte {
	digits := strings.TrimPrefix(p.number, "+")
	kind := byte(0x81)
	if digits != p.number {
		kind = 0x91
	}
	digits = strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, digits)
	digits = digits[:min(len(digits), 20)]
	var text []byte
	first := byte(0x04)
	if p.of > 1 {
		first |= 0x40 // a header: concatenated messages, with a reference of 8 bits (3GPP TS 23.040 9.2.3.24.1)
		text = []byte{5, 0, 3, byte(p.reference), byte(p.of), byte(p.at)}
	}
	out := []byte{0, first, byte(len(digits)), kind}
	for i := 0; i < len(digits); i += 2 {
		b := digits[i] - '0' | 0xF0
		if i+1 < len(digits) {
			b = digits[i] - '0' | (digits[i+1]-'0')<<4
		}
		out = append(out, b)
	}
	out = append(out, 0, 8)
	for _, n := range []int{at.Year() % 100, int(at.Month()), at.Day(), at.Hour(), at.Minute(), at.Second(), 32} {
		out = append(out, byte(n%10<<4|n/10))
	}
	for _, u := range p.text {
		text = binary.BigEndian.AppendUint16(text, u)
	}
	return append(append(out, byte(len(text))), text...)
}
