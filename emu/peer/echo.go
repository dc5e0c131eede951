package peer

import (
	"encoding/binary"
	"time"

	"airlift/emu/link"
)

// Echo sends back what it gets, by TCP.
func Echo() link.Peer {
	return link.PeerFunc(func(c *link.PeerConn) link.PeerSession { return echo{c} })
}

type echo struct{ c *link.PeerConn }

func (e echo) Data(p []byte) { e.c.Send(p) }
func (e echo) Closed()       {}

// EchoPackets sends every datagram back.
func EchoPackets() link.PacketPeer {
	return link.PacketFunc(func(in *link.Packet) { in.Reply(in.Data) })
}

// ntpBytes is the size of an NTP packet without extensions (RFC 5905 7.3).
const ntpBytes = 48

// ntpEpoch is 1970-01-01 in seconds since 1900.
const ntpEpoch = 2208988800

// NTP answers with the servers' time.
func NTP() link.PacketPeer {
	return link.PacketFunc(func(in *link.Packet) {
		if p := ntpAnswer(in.Data, in.Time); p != nil {
			in.Reply(p)
		}
	})
}

// ntpAnswer answers a client's question, or returns nil for what is none.
func ntpAnswer(q []byte, now time.Time) []byte {
	const client, server = 3, 4
	if len(q) < ntpBytes || q[0]&7 != client {
		return nil
	}
	p := make([]byte, ntpBytes)
	p[0] = q[0]&0x38 | server // the client's version
	p[1] = 1                  // stratum: a primary server
	p[2], p[3] = q[2], 0xEC   // poll; precision 2^-20 s
	copy(p[12:], "LAB\x00")
	putTime := func(at int) {
		binary.BigEndian.PutUint32(p[at:], uint32(now.Unix()+ntpEpoch))
		binary.BigEndian.PutUint32(p[at+4:], uint32(uint64(now.Nanosecond())<<32/1e9))
	}
	putTime(16) // reference
	copy(p[24:32], q[40:48])
	putTime(32) // received
	putTime(40) // sent
	return p
}
