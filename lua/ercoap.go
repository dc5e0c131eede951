package lua

import (
	"encoding/binary"
	"fmt"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// The library ercoap: CoAP messages (RFC 7252) as the OneNET platform has them
// (arguments and results as the library's own sources have them). Sockets
// carry them.

// Of CoAP.
const (
	coapVersion       = 1
	coapConfirmable   = 0
	coapPost          = 2
	coapUriPath       = 11
	coapContentFormat = 12
	coapAccept        = 17
	coapJSON          = 50
	coapTokenMost     = 8
	coapPayload       = 0xFF
	onenetLifetime    = 3600 // s
)

// openErcoap installs ercoap.*.
func (m *Machine) openErcoap() {
	id := uint16(0)
	m.lib("ercoap",
		fn("onenet", func(l *glua.LState) int {
			id++
			return m.ercoapOnenet(l, id)
		}),
		fn("parse", func(l *glua.LState) int {
			c, err := parseCoAP(m.str(l, 1))
			if err != nil {
				m.logf(levelDebug, "ercoap", "%v", err)
				return 0
			}
			t := l.NewTable()
			constants(t, "type", c.kind, "code", int(c.code>>5)*100+int(c.code&31), "msgid", int(c.id))
			t.RawSetString("token", glua.LString(c.token))
			t.RawSetString("payload", glua.LString(c.payload))
			l.Push(t)
			return 1
		}),
		fn("print", func(l *glua.LState) int {
			c, err := parseCoAP(m.str(l, 1))
			if err != nil {
				m.logf(levelDebug, "ercoap", "%v", err)
				return 0
			}
			m.logf(levelDebug, "ercoap", "Parsed: type %d, tkl %d, token %x ,code %d.%02d, mid %d",
				c.kind, len(c.token), c.token, c.code>>5, c.code&31, c.id)
			return pushBool(l, true)
		}))
}

// ercoapOnenet is onenet(what, product, device, token, payload): a POST to the
// device's path. Without a payload it is the login, which brings the token
// along in its text.
func (m *Machine) ercoapOnenet(l *glua.LState, id uint16) int {
	what, product, device, token := m.str(l, 1), m.str(l, 2), m.str(l, 3), m.str(l, 4)
	payload := m.optStr(l, 5, "")
	c := coapMessage{kind: coapConfirmable, code: coapPost, id: id, payload: payload}
	if what != "" {
		for _, part := range strings.Split("$sys/"+product+"/"+device+"/"+what, "/") {
			c.options = append(c.options, coapOption{coapUriPath, part})
		}
	}
	c.options = append(c.options, coapOption{coapContentFormat, string(rune(coapJSON))})
	if payload != "" {
		c.options = append(c.options, coapOption{coapAccept, string(rune(coapJSON))})
		c.token = token[:min(len(token), coapTokenMost)]
	} else {
		c.payload = fmt.Sprintf(`{"st":"%s","lt":%d}`, token, onenetLifetime)
		var random [coapTokenMost]byte
		m.random(random[:])
		c.token = string(random[:])
	}
	p, err := c.encode()
	if err != nil {
		m.logf(levelDebug, "ercoap", "%v", err)
		return 0
	}
	return pushStr(l, p)
}

// coapMessage is a CoAP message. Options are in the order of their numbers.
type coapMessage struct {
	kind    int
	code    byte
	id      uint16
	token   string
	options []coapOption
	payload string
}

type coapOption struct {
	number int
	value  string
}

const coapOptionMost = 255 // bytes of a path's part

func (c *coapMessage) encode() (string, error) {
	p := []byte{byte(coapVersion<<6 | c.kind<<4 | len(c.token)), c.code}
	p = append(binary.BigEndian.AppendUint16(p, c.id), c.token...)
	last := 0
	for _, o := range c.options {
		if len(o.value) > coapOptionMost {
			return "", fmt.Errorf("an option of %d bytes, at most %d", len(o.value), coapOptionMost)
		}
		d, dx := coapNibble(o.number - last)
		n, nx := coapNibble(len(o.value))
		p = append(append(append(append(p, byte(d<<4|n)), dx...), nx...), o.value...)
		last = o.number
	}
	if c.payload != "" {
		p = append(append(p, coapPayload), c.payload...)
	}
	return string(p), nil
}

// coapNibble is a number of an option's head, and what follows the head.
func coapNibble(n int) (nibble int, more []byte) {
	switch {
	case n < 13:
		return n, nil
	case n < 269:
		return 13, []byte{byte(n - 13)}
	}
	return 14, binary.BigEndian.AppendUint16(nil, uint16(n-269))
}

// parseCoAP reads a message.
func parseCoAP(p string) (c coapMessage, err error) {
	if len(p) < 4 || p[0]>>6 != coapVersion || int(p[0]&15) > min(coapTokenMost, len(p)-4) {
		return c, fmt.Errorf("CoAP: %d bytes that do not begin with a head of version 1", len(p))
	}
	n := 4 + int(p[0]&15)
	c.kind, c.code, c.id, c.token = int(p[0]>>4&3), p[1], uint16(p[2])<<8|uint16(p[3]), p[4:n]
	number := 0
	for at := n; at < len(p); {
		if p[at] == coapPayload {
			c.payload = p[at+1:]
			return c, nil
		}
		head := p[at]
		at++
		for i, nibble := range []byte{head >> 4, head & 15} {
			value, used := int(nibble), 0
			switch nibble {
			case 13:
				used = 1
			case 14:
				used = 2
			case 15:
				return c, fmt.Errorf("CoAP: offset %d: a head that is reserved", at-1)
			}
			if used > len(p)-at {
				return c, fmt.Errorf("CoAP: offset %d: cut short", at)
			}
			switch used {
			case 1:
				value = int(p[at]) + 13
			case 2:
				value = int(p[at])<<8 + int(p[at+1]) + 269
			}
			at += used
			if i == 0 {
				number += value
			} else if value > len(p)-at {
				return c, fmt.Errorf("CoAP: offset %d: an option of %d bytes, %d are left", at, value, len(p)-at)
			} else {
				c.options = append(c.options, coapOption{number, p[at : at+value]})
				at += value
			}
		}
	}
	return c, nil
}
