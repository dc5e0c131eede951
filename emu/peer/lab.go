package peer

import (
	"net/netip"
	"strings"
	"time"

	"airlift/emu/link"
)

// Lab answers for every host with the server that speaks the protocol of the
// port: a link.Everywhere.
//
//	TCP 21, 60000-60063            FTP
//	TCP 80, 443, 8000, 8080, 8081  web pages and websocket echo
//	TCP 1883, 1884, 8883, 8884     MQTT
//	TCP 5001                       iperf2, which only reads
//	TCP 53                         refused
//	TCP, any other                 what the client speaks: MQTT, HTTP, or an echo
//	UDP 53 DNS, 123 NTP, 5683 CoAP, 12425 errDump, any other echo
//
// Each port takes connections with and without TLS. Names without a dot, and
// those with a label "invalid", do not resolve (RFC 6761), hosts in 192.0.2.0/24 refuse and say
// nothing (RFC 5737).
//
// A module that listens gets a visitor a second later: see [Lab.Listening].
type Lab struct {
	Broker *Broker
	Files  *FTP
	web    link.Handler
	net    *link.Network
}

// NewLab returns the lab of a network, which it does not change.
func NewLab(n *link.Network) *Lab {
	l := &Lab{Broker: NewBroker(), Files: &FTP{}, net: n}
	l.web = Web(l.resolve)
	return l
}

// resolve is what DNS says about a name.
func (l *Lab) resolve(name string) (string, bool) {
	a := l.net.Address(name)
	if !a.IsValid() {
		return "", false
	}
	return a.String(), true
}

// Resolves implements link.Everywhere.
func (l *Lab) Resolves(name string) bool {
	if len(name) > 253 || !strings.Contains(name, ".") {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label == "invalid" || strings.ContainsAny(label, " /:@\x00") {
			return false
		}
	}
	return true
}

// silent reports whether nobody answers at an address.
func silent(host string) bool { return strings.HasPrefix(host, "192.0.2.") }

// TCP implements link.Everywhere.
func (l *Lab) TCP(host string, port int) (link.Handler, link.Peer) {
	switch {
	case silent(host) || port == 53:
		return nil, nil
	case l.Files.IsData(port):
		return nil, l.Files.Data()
	}
	switch port {
	case 21:
		return nil, l.Files
	case 80, 443, 8000, 8080, 8081:
		return l.web, nil
	case 1883, 1884, 8883, 8884:
		return nil, l.Broker
	case iperfPort:
		return nil, link.PeerFunc(func(*link.PeerConn) link.PeerSession { return quiet{} })
	}
	return nil, l.guess()
}

// UDP implements link.Everywhere.
func (l *Lab) UDP(host string, port int) link.PacketPeer {
	switch {
	case silent(host):
		return nil
	case port == 53:
		return DNS(l.resolve)
	case port == 123:
		return NTP()
	case port == 5683:
		return CoAP()
	case port == 12425: // where errDump sends to (luatos-runtime.md 9.10)
		return link.PacketFunc(func(in *link.Packet) { in.Reply([]byte(`{"r": 1}`)) })
	}
	return EchoPackets()
}

// visitAfter is when the visitor comes.
const visitAfter = time.Second

// visitor is the address of who comes.
var visitor = netip.MustParseAddrPort("198.18.255.1:40000")

// Listening implements link.Everywhere: a second after a module began to
// listen somebody connects, says hello (on ports 80 and 8080: asks for the
// page "/"), reads for five seconds, and goes. On port 5001 it is an iperf2
// client that sends 1 MiB.
func (l *Lab) Listening(k *link.Link, port int) {
	visit := link.PeerFunc(func(c *link.PeerConn) link.PeerSession {
		hello := "hello from the lab\r\n"
		if port == 80 || port == 8080 {
			hello = "GET / HTTP/1.1\r\nHost: module\r\nConnection: close\r\n\r\n"
		}
		c.Send([]byte(hello))
		c.After(5*time.Second, c.Close)
		return quiet{}
	})
	if port == iperfPort {
		visit = iperfClient
	}
	k.After(visitAfter, func() { k.Accept(visitor, port, visit) })
}

// quiet reads and says nothing.
type quiet struct{}

func (quiet) Data([]byte) {}
func (quiet) Closed()     {}
