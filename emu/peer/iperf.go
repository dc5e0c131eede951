package peer

import (
	"encoding/binary"

	"airlift/emu/link"
)

const (
	iperfPort  = 5001
	iperfBytes = 1 << 20 // what the visitor sends
)

// iperfClient sends what an iperf2 client sends with -n 1M, and goes: as fast
// as the link takes it. The settings are in a segment of their own.
func iperfClient(c *link.PeerConn) link.PeerSession {
	var settings []byte
	for _, word := range []uint32{0, 1, iperfPort, 0, 0, iperfBytes} {
		settings = binary.BigEndian.AppendUint32(settings, word)
	}
	c.Send(settings)
	data := make([]byte, iperfBytes-len(settings))
	for i := range data {
		data[i] = '0' + byte(i%10)
	}
	copy(data, settings) // a second time
	c.Send(data)
	c.Close()
	return quiet{}
}
