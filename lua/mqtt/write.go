package mqtt

// Append appends a packet to b. Strings are cut at 65535 bytes.
func Append(b []byte, p *Packet) []byte {
	body := appendBody(nil, p)
	b = append(b, byte(p.Type)<<4|flags(p))
	n := len(body)
	for n >= 0x80 {
		b = append(b, byte(n)|0x80)
		n >>= 7
	}
	b = append(b, byte(n))
	return append(b, body...)
}

func flags(p *Packet) byte {
	switch p.Type {
	case Publish:
		return bit(p.Dup, 8) | p.QoS<<1 | bit(p.Retain, 1)
	case Subscribe, Unsubscribe, Pubrel:
		return 2
	}
	return 0
}

func bit(set bool, b byte) byte {
	if set {
		return b
	}
	return 0
}

func appendBody(b []byte, p *Packet) []byte {
	switch p.Type {
	case Connect:
		return appendConnect(b, p)
	case Connack:
		return append(b, bit(p.SessionPresent, 1), p.Code)
	case Publish:
		b = appendText(b, p.Topic)
		if p.QoS > 0 {
			b = appendUint16(b, p.ID)
		}
		return append(b, p.Payload...)
	case Puback, Pubrec, Pubrel, Pubcomp, Unsuback:
		return appendUint16(b, p.ID)
	case Suback:
		return append(appendUint16(b, p.ID), p.Codes...)
	case Subscribe, Unsubscribe:
		b = appendUint16(b, p.ID)
		for _, f := range p.Filters {
			b = appendText(b, f.Topic)
			if p.Type == Subscribe {
				b = append(b, f.QoS)
			}
		}
	}
	return b
}

func appendConnect(b []byte, p *Packet) []byte {
	b = appendText(b, p.Protocol)
	f := bit(p.CleanSession, 2) | bit(p.HasUser, 0x80) | bit(p.HasPassword, 0x40)
	if w := p.Will; w != nil {
		f |= 4 | w.QoS<<3 | bit(w.Retain, 0x20)
	}
	b = append(b, p.Level, f)
	b = appendUint16(b, p.KeepAlive)
	b = appendText(b, p.ClientID)
	if w := p.Will; w != nil {
		b = appendText(b, w.Topic)
		b = appendText(b, string(w.Payload))
	}
	if p.HasUser {
		b = appendText(b, p.User)
	}
	if p.HasPassword {
		b = appendText(b, string(p.Password))
	}
	return b
}

func appendUint16(b []byte, n uint16) []byte { return append(b, byte(n>>8), byte(n)) }

func appendText(b []byte, s string) []byte {
	s = s[:min(len(s), 0xFFFF)]
	return append(appendUint16(b, uint16(len(s))), s...)
}
