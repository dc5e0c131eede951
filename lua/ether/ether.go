// Package ether reads and writes the Ethernet frames that scripts make
// themselves, and has a [Router] for the other end of the cable: it answers
// ARP, DHCP and echo requests, and says what else it would pass on. ARP is
// RFC 826, DHCP RFC 2131 and 2132, the rest RFC 791, 792 and 768.
package ether

import (
	"encoding/binary"
	"net/netip"
)

// MAC is the address of a station.
type MAC [6]byte

// Broadcast is everybody.
var Broadcast = MAC{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}

const (
	headSize  = 14
	typeIPv4  = 0x0800
	typeARP   = 0x0806
	ipHead    = 20
	icmpProto = 1
	udpProto  = UDP
	udpHead   = 8
	// FrameMost is the longest frame without its checksum.
	FrameMost = 1514
)

// UDP is the number of the protocol.
const UDP = 17

// Frame is an Ethernet frame taken apart. Data aliases what it was read from.
type Frame struct {
	To, From MAC
	Type     uint16
	Data     []byte
}

// ParseFrame reads a frame; ok is false for what is too short or too long.
func ParseFrame(p []byte) (f Frame, ok bool) {
	if len(p) < headSize || len(p) > FrameMost {
		return f, false
	}
	copy(f.To[:], p)
	copy(f.From[:], p[6:])
	f.Type, f.Data = binary.BigEndian.Uint16(p[12:]), p[headSize:]
	return f, true
}

// Encode returns the bytes of a frame.
func (f Frame) Encode() []byte {
	p := append(append(make([]byte, 0, headSize+len(f.Data)), f.To[:]...), f.From[:]...)
	return append(binary.BigEndian.AppendUint16(p, f.Type), f.Data...)
}

// Packet is an IPv4 packet without options that is no fragment.
type Packet struct {
	From, To netip.Addr
	Protocol byte
	TTL      byte
	Data     []byte
}

// ParsePacket reads a packet; ok is false if its head is damaged, or says that
// it is a fragment.
func ParsePacket(p []byte) (k Packet, ok bool) {
	if len(p) < ipHead || p[0]>>4 != 4 {
		return k, false
	}
	head, total := int(p[0]&15)*4, int(binary.BigEndian.Uint16(p[2:]))
	if head < ipHead || total < head || total > len(p) || checksum(p[:head], 0) != 0 || binary.BigEndian.Uint16(p[6:])&0x3FFF != 0 {
		return k, false
	}
	k.From, k.To = netip.AddrFrom4([4]byte(p[12:16])), netip.AddrFrom4([4]byte(p[16:20]))
	k.TTL, k.Protocol, k.Data = p[8], p[9], p[head:total]
	return k, true
}

// Encode returns the bytes of a packet.
func (k Packet) Encode() []byte {
	p := make([]byte, ipHead, ipHead+len(k.Data))
	p[0] = 0x45
	binary.BigEndian.PutUint16(p[2:], uint16(ipHead+len(k.Data)))
	p[8], p[9] = k.TTL, k.Protocol
	from, to := k.From.As4(), k.To.As4()
	copy(p[12:], from[:])
	copy(p[16:], to[:])
	binary.BigEndian.PutUint16(p[10:], checksum(p, 0))
	return append(p, k.Data...)
}

// checksum is the Internet's (RFC 1071), of what begins with a sum so far.
func checksum(p []byte, sum uint32) uint16 {
	for ; len(p) >= 2; p = p[2:] {
		sum += uint32(binary.BigEndian.Uint16(p))
	}
	if len(p) == 1 {
		sum += uint32(p[0]) << 8
	}
	for sum > 0xFFFF {
		sum = sum>>16 + sum&0xFFFF
	}
	return ^uint16(sum)
}

// Datagram is a UDP datagram.
type Datagram struct {
	From, To uint16
	Data     []byte
}

// ParseDatagram reads a datagram. The checksum is not looked at: senders may
// leave it out.
func ParseDatagram(p []byte) (d Datagram, ok bool) {
	if len(p) < udpHead {
		return d, false
	}
	n := int(binary.BigEndian.Uint16(p[4:]))
	if n < udpHead || n > len(p) {
		return d, false
	}
	return Datagram{binary.BigEndian.Uint16(p), binary.BigEndian.Uint16(p[2:]), p[udpHead:n]}, true
}

// Encode returns the bytes of a datagram between two addresses.
func (d Datagram) Encode(from, to netip.Addr) []byte {
	p := make([]byte, udpHead, udpHead+len(d.Data))
	binary.BigEndian.PutUint16(p, d.From)
	binary.BigEndian.PutUint16(p[2:], d.To)
	binary.BigEndian.PutUint16(p[4:], uint16(udpHead+len(d.Data)))
	p = append(p, d.Data...)
	a, b := from.As4(), to.As4()
	sum := uint32(udpProto) + uint32(len(p))
	for _, x := range [][4]byte{a, b} {
		sum += uint32(binary.BigEndian.Uint16(x[:2])) + uint32(binary.BigEndian.Uint16(x[2:]))
	}
	if c := checksum(p, sum); c != 0 {
		binary.BigEndian.PutUint16(p[6:], c)
	} else {
		binary.BigEndian.PutUint16(p[6:], 0xFFFF)
	}
	return p
}
