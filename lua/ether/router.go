package ether

import (
	"encoding/binary"
	"net/netip"
)

// Router is what a cable leads to: the gateway of a network of 256 addresses.
type Router struct {
	MAC     MAC
	Address netip.Addr // its own
	Mask    netip.Addr
	Lease   netip.Addr // what DHCP gives
}

// Answer is what the router makes of a frame.
type Answer struct {
	Reply   []byte // a frame back; nil: none
	Forward bool   // Packet is for another network
	Packet  Packet
	Station MAC    // whose frame it was
	Dropped string // why nothing happens, in words; empty otherwise
}

// Take looks at a frame that a station sends.
func (r *Router) Take(p []byte) Answer {
	f, ok := ParseFrame(p)
	switch {
	case !ok:
		return Answer{Dropped: "not a frame"}
	case f.To != Broadcast && f.To != r.MAC:
		return Answer{Dropped: "for another station"}
	case f.Type == typeARP:
		return r.arp(f)
	case f.Type != typeIPv4:
		return Answer{Dropped: "neither ARP nor IPv4"}
	}
	k, ok := ParsePacket(f.Data)
	if !ok {
		return Answer{Dropped: "a damaged packet, or a fragment"}
	}
	if k.Protocol == udpProto {
		if d, ok := ParseDatagram(k.Data); ok && d.To == dhcpServer {
			return r.dhcp(f, d.Data)
		}
	}
	if k.To != r.Address {
		return Answer{Forward: true, Packet: k, Station: f.From}
	}
	if reply, ok := Echo(k); ok {
		return Answer{Reply: r.Frame(f.From, reply)}
	}
	return Answer{Dropped: "the router offers no such service"}
}

// Frame is a packet on its way to a station.
func (r *Router) Frame(to MAC, k Packet) []byte {
	return Frame{To: to, From: r.MAC, Type: typeIPv4, Data: k.Encode()}.Encode()
}

// Echo is the answer to an echo request.
func Echo(k Packet) (Packet, bool) {
	const request = 8
	if k.Protocol != icmpProto || len(k.Data) < 8 || k.Data[0] != request || checksum(k.Data, 0) != 0 {
		return k, false
	}
	data := append([]byte(nil), k.Data...)
	data[0], data[2], data[3] = 0, 0, 0
	binary.BigEndian.PutUint16(data[2:], checksum(data, 0))
	return Packet{From: k.To, To: k.From, Protocol: icmpProto, TTL: 64, Data: data}, true
}

// arp answers who asks for the router.
func (r *Router) arp(f Frame) Answer {
	const size, request, reply = 28, 1, 2
	p := f.Data
	if len(p) < size || binary.BigEndian.Uint64(p)>>16 != 0x000108000604 || binary.BigEndian.Uint16(p[6:]) != request {
		return Answer{Dropped: "not an ARP request"}
	}
	if netip.AddrFrom4([4]byte(p[24:28])) != r.Address {
		return Answer{Dropped: "ARP for somebody else"}
	}
	own := r.Address.As4()
	out := append([]byte(nil), p[:6]...)
	out = append(out, 0, reply)
	out = append(append(append(out, r.MAC[:]...), own[:]...), p[8:18]...)
	return Answer{Reply: Frame{To: f.From, From: r.MAC, Type: typeARP, Data: out}.Encode()}
}

// Of DHCP.
const (
	dhcpServer  = 67
	dhcpClient  = 68
	dhcpSize    = 240 // up to the options
	dhcpMagic   = 0x63825363
	leaseTime   = 7200 // s
	optMask     = 1
	optRouter   = 3
	optDNS      = 6
	optAsk      = 50
	optLease    = 51
	optType     = 53
	optServer   = 54
	optEnd      = 255
	discover    = 1
	offer       = 2
	request     = 3
	acknowledge = 5
	refuse      = 6
)

// dhcp answers DISCOVER and REQUEST with the one address that it has.
func (r *Router) dhcp(f Frame, p []byte) Answer {
	if len(p) < dhcpSize || p[0] != 1 || binary.BigEndian.Uint32(p[236:]) != dhcpMagic {
		return Answer{Dropped: "not a DHCP request"}
	}
	options := dhcpOptions(p[dhcpSize:])
	kind := byte(0)
	if t := options[optType]; len(t) == 1 {
		kind = t[0]
	}
	server, lease := r.Address.As4(), r.Lease.As4()
	out := make([]byte, dhcpSize)
	copy(out, p[:dhcpSize])
	out[0] = 2 // a reply
	copy(out[16:20], lease[:])
	copy(out[20:24], server[:])
	switch {
	case kind == discover:
		kind = offer
	case kind == request && options[optServer] != nil && string(options[optServer]) != string(server[:]):
		return Answer{Dropped: "DHCP: another server was chosen"}
	case kind == request && options[optAsk] != nil && string(options[optAsk]) != string(lease[:]):
		kind = refuse
		clear(out[16:20])
	case kind == request:
		kind = acknowledge
	default:
		return Answer{Dropped: "DHCP: neither DISCOVER nor REQUEST"}
	}
	mask := r.Mask.As4()
	out = append(out, optType, 1, kind, optServer, 4)
	out = append(out, server[:]...)
	if kind != refuse {
		out = append(append(out, optMask, 4), mask[:]...)
		out = append(append(out, optRouter, 4), server[:]...)
		out = append(append(out, optDNS, 4), server[:]...)
		out = binary.BigEndian.AppendUint32(append(out, optLease, 4), leaseTime)
	}
	out = append(out, optEnd)
	all := netip.AddrFrom4([4]byte{255, 255, 255, 255})
	d := Datagram{From: dhcpServer, To: dhcpClient, Data: out}
	return Answer{Reply: Frame{To: Broadcast, From: r.MAC, Type: typeIPv4, Data: Packet{
		From: r.Address, To: all, Protocol: udpProto, TTL: 64, Data: d.Encode(r.Address, all),
	}.Encode()}.Encode()}
}

// dhcpOptions reads the options; what is cut short is left out.
func dhcpOptions(p []byte) map[byte][]byte {
	options := map[byte][]byte{}
	for len(p) >= 2 && p[0] != optEnd {
		if p[0] == 0 {
			p = p[1:]
			continue
		}
		n := int(p[1])
		if n > len(p)-2 {
			break
		}
		options[p[0]] = p[2 : 2+n]
		p = p[2+n:]
	}
	return options
}
