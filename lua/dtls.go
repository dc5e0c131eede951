package lua

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// DTLS as far as a server that never answers: the socket sends its ClientHello
// (RFC 6347, RFC 5246), again with the cookie of a server that asks for one,
// and gives up after the waits of the firmware's TLS library. No server of the
// link model speaks DTLS. What comes after a ServerHello is not emulated, and
// said to be so.
//
// Go's own library has no DTLS, and github.com/pion/dtls runs handshakes on
// goroutines and timers of the computer's clock: neither its order nor its
// times would be those of a run in virtual time.

// dtlsWaits is how long each ClientHello may go without an answer: from one
// second, doubled, to a minute.
var dtlsWaits = []time.Duration{
	time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second, time.Minute,
}

const (
	dtlsHandshake     = 22
	dtlsClientHello   = 1
	dtlsServerHello   = 2
	dtlsVerifyRequest = 3
	dtlsRecordHead    = 13
	dtlsMessageHead   = 12
	dtls10, dtls12    = 0xFEFF, 0xFEFD
)

// dtlsClient is a handshake under way.
type dtlsClient struct {
	s        *netSocket
	random   [32]byte
	cookie   []byte
	tries    int
	sequence uint64
}

// startDTLS sends the first ClientHello.
func (s *netSocket) startDTLS() {
	s.state = stateHandshake
	d := &dtlsClient{s: s}
	s.m.random(d.random[:])
	s.handshake = d
	d.hello()
}

// hello sends a ClientHello and waits.
func (d *dtlsClient) hello() {
	s := d.s
	if d.tries >= len(dtlsWaits) {
		d.fail("no answer")
		return
	}
	s.packets.Send(s.remote, d.clientHello())
	s.cancel = s.m.after(dtlsWaits[d.tries], func() {
		s.cancel = nil
		d.hello()
	})
	d.tries++
}

func (d *dtlsClient) fail(why string) {
	s := d.s
	if s.cancel != nil {
		s.cancel()
		s.cancel = nil
	}
	s.m.logf(levelDebug, "socket", "DTLS handshake: %s", why)
	s.handshake = nil
	s.packets.Close()
	s.packets = nil
	s.state = stateOffline
	s.needClose = true
	s.fire(-1)
}

// receive takes a datagram of the server; others are dropped.
func (d *dtlsClient) receive(from netip.AddrPort, p []byte) {
	if from != d.s.remote || len(p) < dtlsRecordHead+1 {
		return
	}
	body := p[dtlsRecordHead:]
	if p[0] == dtlsHandshake && body[0] == dtlsVerifyRequest && len(body) >= dtlsMessageHead+3 {
		n := int(body[dtlsMessageHead+2])
		if rest := body[dtlsMessageHead+3:]; d.cookie == nil && n > 0 && n <= len(rest) {
			d.cookie = append([]byte(nil), rest[:n]...)
			d.s.cancel()
			d.s.cancel, d.tries = nil, 0
			d.hello()
		}
		return
	}
	if p[0] == dtlsHandshake && body[0] == dtlsServerHello {
		const what = "DTLS beyond the ServerHello"
		d.s.m.board.Hardware(HardwareEvent{Unit: UnitRefused, Action: what})
		d.fail(what + " is not emulated")
		return
	}
	d.fail("the server refuses, or sends what nobody asked for")
}

// Cipher suites that are offered: ECDHE, then RSA, or those with a pre-shared
// key.
var (
	dtlsCertificate = []uint16{0xC02B, 0xC02F, 0xC00A, 0xC014, 0xC009, 0xC013, 0x009C, 0x0035, 0x002F}
	dtlsPSK         = []uint16{0x00A8, 0xC0A4, 0xC0A8, 0x008D, 0x008C}
)

// clientHello is one record.
func (d *dtlsClient) clientHello() []byte {
	suites := dtlsCertificate
	if t := d.s.tls; t.CACert != "" && t.ClientKey == "" && t.ClientCert != "" {
		suites = dtlsPSK // config(..., key, identity)
	}
	b := binary.BigEndian.AppendUint16(nil, dtls12)
	b = append(b, d.random[:]...)
	b = append(b, 0, byte(len(d.cookie))) // no session
	b = append(b, d.cookie...)
	b = binary.BigEndian.AppendUint16(b, uint16(2*len(suites)))
	for _, s := range suites {
		b = binary.BigEndian.AppendUint16(b, s)
	}
	b = append(b, 1, 0) // no compression
	number := uint16(0)
	if d.cookie != nil {
		number = 1
	}
	message := append([]byte{dtlsClientHello}, uint24(len(b))...)
	message = binary.BigEndian.AppendUint16(message, number)
	message = append(append(append(message, 0, 0, 0), uint24(len(b))...), b...)
	record := binary.BigEndian.AppendUint16([]byte{dtlsHandshake}, dtls10)
	record = binary.BigEndian.AppendUint64(record, d.sequence)
	d.sequence++
	record = binary.BigEndian.AppendUint16(record, uint16(len(message)))
	return append(record, message...)
}

func uint24(n int) []byte { return []byte{byte(n >> 16), byte(n >> 8), byte(n)} }
