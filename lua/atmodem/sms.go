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
	pdu := encodeDeliver(*m.store[i], m.c.Now().In(beijing))
	return ok(fmt.Sprintf("+CMGR: 0,,%d", len(pdu)-1), strings.ToUpper(hex.EncodeToString(pdu)))
}

func deleteSMS(m *Modem, args string) reply {
	if n := numbers(args, 2); n[1] > 0 {
		clear(m.store)
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

// decodeText knows the GSM alphabet in 7 bits as far as it is ASCII, 8 bits
// and UCS-2.
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
	out := make([]byte, 0, length)
	for i := (skip*8 + 6) / 7; i < length; i++ {
		at := i * 7
		v := uint16(p[at/8])
		if at/8+1 < len(p) {
			v |= uint16(p[at/8+1]) << 8
		}
		c := byte(v>>(at%8)) & 0x7F
		if c == 0 {
			c = '@'
		}
		out = append(out, c)
	}
	return string(out), nil
}

// deliverMax is how many bytes of text fit into one PDU.
const deliverMax = 140

// encodeDeliver makes an SMS-DELIVER with the empty address of a service
// centre in front. Text goes as UCS-2; what does not fit into one message is
// cut off: long messages are not emulated.
func encodeDeliver(s SMS, at time.Time) []byte {
	digits := strings.TrimPrefix(s.Number, "+")
	kind := byte(0x81)
	if digits != s.Number {
		kind = 0x91
	}
	digits = strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, digits)
	digits = digits[:min(len(digits), 20)]
	p := []byte{0, 0x04, byte(len(digits)), kind}
	for i := 0; i < len(digits); i += 2 {
		b := digits[i] - '0' | 0xF0
		if i+1 < len(digits) {
			b = digits[i] - '0' | (digits[i+1]-'0')<<4
		}
		p = append(p, b)
	}
	p = append(p, 0, 8)
	for _, n := range []int{at.Year() % 100, int(at.Month()), at.Day(), at.Hour(), at.Minute(), at.Second(), 32} {
		p = append(p, byte(n%10<<4|n/10))
	}
	var text []byte
	for _, r := range s.Text {
		u := utf16.AppendRune(nil, r)
		if len(text)+2*len(u) > deliverMax {
			break
		}
		for _, c := range u {
			text = binary.BigEndian.AppendUint16(text, c)
		}
	}
	return append(append(p, byte(len(text))), text...)
}
