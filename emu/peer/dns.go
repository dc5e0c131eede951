package peer

import (
	"encoding/binary"
	"net/netip"
	"strings"

	"airlift/emu/link"
)

// DNS answers questions for IPv4 addresses (RFC 1035). resolve gives the
// address of a name.
func DNS(resolve func(host string) (ip string, ok bool)) link.PacketPeer {
	return link.PacketFunc(func(in *link.Packet) {
		if p := dnsAnswer(in.Data, resolve); p != nil {
			in.Reply(p)
		}
	})
}

const dnsHead = 12 // bytes

// dnsAnswer answers a message with one question; nil for what is none.
func dnsAnswer(q []byte, resolve func(string) (string, bool)) []byte {
	if len(q) < dnsHead || q[2]&0x80 != 0 || binary.BigEndian.Uint16(q[4:]) != 1 {
		return nil
	}
	name, end, ok := dnsName(q, dnsHead)
	if !ok || len(q) < end+4 {
		return nil
	}
	const typeA, classIN = 1, 1
	kind, class := binary.BigEndian.Uint16(q[end:]), binary.BigEndian.Uint16(q[end+2:])
	p := append([]byte(nil), q[:end+4]...)
	p[2], p[3] = 0x80|q[2]&1, 0x80 // an answer, recursion available
	clear(p[6:12])
	ip, known := resolve(name)
	if !known {
		p[3] |= 3 // no such name
		return p
	}
	a, err := netip.ParseAddr(ip)
	if kind != typeA || class != classIN || err != nil || !a.Is4() {
		return p // no data
	}
	p[7] = 1
	p = append(p, 0xC0, dnsHead, 0, typeA, 0, classIN, 0, 0, 0, 60, 0, 4)
	return append(p, a.AsSlice()...)
}

// dnsName reads a name without compression, as questions have it.
func dnsName(q []byte, off int) (name string, end int, ok bool) {
	var labels []string
	for total := 0; ; {
		if off >= len(q) {
			return "", 0, false
		}
		n := int(q[off])
		off++
		if n == 0 {
			return strings.Join(labels, "."), off, len(labels) > 0
		}
		if total += n + 1; n > 63 || total > 255 || off+n > len(q) {
			return "", 0, false
		}
		labels = append(labels, string(q[off:off+n]))
		off += n
	}
}
