// Package mqtt reads and writes the control packets of MQTT 3.1.1 (OASIS
// standard, 2014). Section numbers are the standard's.
package mqtt

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"airlift/flash/explain"
)

// Type is the kind of a control packet (2.2.1).
type Type byte

// The control packets.
const (
	Connect     Type = 1
	Connack     Type = 2
	Publish     Type = 3
	Puback      Type = 4
	Pubrec      Type = 5
	Pubrel      Type = 6
	Pubcomp     Type = 7
	Subscribe   Type = 8
	Suback      Type = 9
	Unsubscribe Type = 10
	Unsuback    Type = 11
	Pingreq     Type = 12
	Pingresp    Type = 13
	Disconnect  Type = 14
)

var typeNames = [...]string{"?", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP",
	"SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT"}

func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("packet type %d", byte(t))
}

// Return codes of a Connack (3.2.2.3), and of a Suback that failed (3.9.3).
const (
	Accepted          = 0
	BadProtocol       = 1
	BadClientID       = 2
	ServerUnavailable = 3
	BadUser           = 4
	NotAuthorized     = 5
	SubscribeFailed   = 0x80
)

// Packet is one control packet. Which fields mean something depends on Type.
type Packet struct {
	Type Type
	ID   uint16 // of Publish with QoS above 0, its answers, Subscribe, Unsubscribe and theirs

	Message // of Publish
	Dup     bool

	// Of Connect.
	Protocol     string // "MQTT"
	Level        byte   // 4
	ClientID     string
	User         string
	Password     []byte
	HasUser      bool
	HasPassword  bool
	CleanSession bool
	KeepAlive    uint16 // seconds
	Will         *Message

	// Of Connack.
	SessionPresent bool
	Code           byte

	Filters []Filter // of Subscribe; of Unsubscribe without QoS
	Codes   []byte   // of Suback
}

// Message is what is published.
type Message struct {
	Topic   string
	Payload []byte
	QoS     byte
	Retain  bool
}

// Filter is one subscription.
type Filter struct {
	Topic string
	QoS   byte
}

// filtersMax bounds the subscriptions of one packet.
const filtersMax = 1000

func bad(off int, what, want, got string) error {
	return &explain.FormatError{Off: int64(off), What: "MQTT " + what, Want: want, Got: got}
}

// Parse reads the packet at the start of b, which has n bytes. A nil packet
// without an error means that b is only the beginning of one. Packets of more
// than most bytes are an error. The packet keeps parts of b.
func Parse(b []byte, most int) (p *Packet, n int, err error) {
	if len(b) < 2 {
		return nil, 0, nil
	}
	length, head := 0, 1
	for shift := 0; ; shift += 7 {
		if shift > 21 {
			return nil, 0, bad(head, "remaining length", "at most 4 bytes", "more")
		}
		if head == len(b) {
			return nil, 0, nil
		}
		c := b[head]
		head++
		length |= int(c&0x7F) << shift
		if c < 0x80 {
			break
		}
	}
	if head+length > most {
		return nil, 0, bad(1, "packet", fmt.Sprintf("at most %d bytes", most), fmt.Sprint(head+length))
	}
	if len(b) < head+length {
		return nil, 0, nil
	}
	r := &reader{b: b[:head+length], off: head}
	p = &Packet{Type: Type(b[0] >> 4)}
	r.body(p, b[0]&15)
	if r.err == nil && r.off != len(r.b) {
		r.fail(p.Type.String(), "nothing after its fields", fmt.Sprintf("%d bytes", len(r.b)-r.off))
	}
	if r.err != nil {
		return nil, 0, r.err
	}
	return p, head + length, nil
}

// reader takes fields from a packet; after the first error it returns zeros.
type reader struct {
	b   []byte
	off int
	err error
}

func (r *reader) fail(what, want, got string) {
	if r.err == nil {
		r.err = bad(r.off, what, want, got)
	}
}

func (r *reader) left() int { return len(r.b) - r.off }

func (r *reader) byte(what string) byte {
	if r.err != nil || r.left() < 1 {
		r.fail(what, "a byte", "the end of the packet")
		return 0
	}
	r.off++
	return r.b[r.off-1]
}

func (r *reader) uint16(what string) uint16 {
	hi := r.byte(what)
	return uint16(hi)<<8 | uint16(r.byte(what))
}

func (r *reader) bytes(what string) []byte {
	n := int(r.uint16(what))
	if r.err != nil || n > r.left() {
		r.fail(what, fmt.Sprintf("%d bytes", n), fmt.Sprint(r.left()))
		return nil
	}
	r.off += n
	return r.b[r.off-n : r.off]
}

// text reads a string: UTF-8 without U+0000 (1.5.3).
func (r *reader) text(what string) string {
	at := r.off
	s := string(r.bytes(what))
	if r.err == nil && (!utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0) {
		r.off = at
		r.fail(what, "UTF-8 without NUL", explain.Printable(s))
	}
	return s
}

// body reads what follows the fixed header.
func (r *reader) body(p *Packet, flags byte) {
	want := byte(0)
	switch p.Type {
	case Publish:
		r.publish(p, flags)
		return
	case Subscribe, Unsubscribe, Pubrel:
		want = 2
	}
	if flags != want {
		r.off = 0
		r.fail(p.Type.String()+" flags", fmt.Sprint(want), fmt.Sprint(flags))
		return
	}
	switch p.Type {
	case Connect:
		r.connect(p)
	case Connack:
		p.SessionPresent = r.byte("session present") == 1
		p.Code = r.byte("return code")
	case Puback, Pubrec, Pubrel, Pubcomp, Unsuback:
		p.ID = r.id()
	case Subscribe, Unsubscribe:
		r.filters(p)
	case Suback:
		p.ID = r.id()
		p.Codes = r.b[r.off:]
		r.off = len(r.b)
	case Pingreq, Pingresp, Disconnect:
	default:
		r.off = 0
		r.fail("packet type", "1 to 14", fmt.Sprint(byte(p.Type)))
	}
}

func (r *reader) id() uint16 {
	id := r.uint16("packet identifier")
	if r.err == nil && id == 0 {
		r.off -= 2
		r.fail("packet identifier", "a number above 0", "0")
	}
	return id
}

func (r *reader) publish(p *Packet, flags byte) {
	p.Dup, p.QoS, p.Retain = flags&8 != 0, flags>>1&3, flags&1 != 0
	if p.QoS == 3 {
		r.off = 0
		r.fail("PUBLISH QoS", "0 to 2", "3")
		return
	}
	p.Topic = r.text("topic")
	if r.err == nil && (p.Topic == "" || strings.ContainsAny(p.Topic, "+#")) {
		r.off -= len(p.Topic)
		r.fail("topic", "a name without wildcards", explain.Printable(p.Topic))
	}
	if p.QoS > 0 {
		p.ID = r.id()
	}
	if r.err == nil {
		p.Payload = r.b[r.off:]
		r.off = len(r.b)
	}
}

func (r *reader) connect(p *Packet) {
	p.Protocol = r.text("protocol name")
	p.Level = r.byte("protocol level")
	flags := r.byte("connect flags")
	p.CleanSession = flags&2 != 0
	p.HasUser, p.HasPassword = flags&0x80 != 0, flags&0x40 != 0
	p.KeepAlive = r.uint16("keep alive")
	p.ClientID = r.text("client identifier")
	if flags&4 != 0 {
		p.Will = &Message{QoS: flags >> 3 & 3, Retain: flags&0x20 != 0}
		p.Will.Topic = r.text("will topic")
		p.Will.Payload = r.bytes("will message")
	}
	if flags&1 != 0 || flags>>3&3 == 3 || flags&4 == 0 && flags&0x38 != 0 {
		r.fail("connect flags", "a combination that 3.1.2 allows", fmt.Sprintf("%#02x", flags))
	}
	if p.HasUser {
		p.User = r.text("user name")
	}
	if p.HasPassword {
		p.Password = r.bytes("password")
	}
}

func (r *reader) filters(p *Packet) {
	p.ID = r.id()
	for r.err == nil && r.left() > 0 {
		at := r.off
		f := Filter{Topic: r.text("topic filter")}
		if p.Type == Subscribe {
			if f.QoS = r.byte("requested QoS"); f.QoS > 2 {
				r.fail("requested QoS", "0 to 2", fmt.Sprint(f.QoS))
			}
		}
		if r.err == nil && !ValidFilter(f.Topic) {
			r.off = at
			r.fail("topic filter", "wildcards as 4.7.1 has them", explain.Printable(f.Topic))
		}
		if len(p.Filters) == filtersMax {
			r.fail("topic filters", fmt.Sprintf("at most %d", filtersMax), "more")
		}
		p.Filters = append(p.Filters, f)
	}
	if r.err == nil && len(p.Filters) == 0 {
		r.fail("topic filters", "at least one", "none")
	}
}
