package lua

import (
	"errors"
	"net/netip"
	"time"
)

// Net is the network below the libraries. What happens on it arrives in
// virtual time, from within Clock.Step.
type Net interface {
	// Ready reports whether the module has an address.
	Ready() bool
	// LocalIP returns the module's address, mask and gateway.
	LocalIP() (ip, mask, gateway string)
	// Dial starts to connect by TCP. A name that does not resolve is an error
	// of Connected.
	Dial(host string, port int, tls *TLS, ev ConnEvents) Conn
	// Resolve looks up the IPv4 addresses of a host name; done gets at least
	// one, or an error that wraps ErrResolve. An address resolves to itself.
	Resolve(host string, done func(ips []netip.Addr, err error)) (cancel func())
	// Listen waits for TCP connections to a port of the module. accept gets
	// every connection and returns its events; Connected is not called.
	Listen(port int, accept func(c Conn) ConnEvents) (stop func(), err error)
	// OpenUDP opens a UDP socket on a port of the module, 0 for any that is
	// free. receive gets every datagram; p is only valid during the call.
	OpenUDP(port int, receive func(from netip.AddrPort, p []byte)) (PacketConn, error)
	// Ping sends an ICMP echo request with so many bytes. done gets the time
	// that the answer took and its time to live, or an error.
	Ping(to netip.Addr, bytes int, done func(took time.Duration, ttl int, err error)) (cancel func())
}

// ErrResolve is wrapped by the error of ConnEvents.Connected and of
// Net.Resolve when the name of the host does not resolve.
var ErrResolve = errors.New("host name does not resolve")

// ErrPortBusy is returned when a port of the module is in use already.
var ErrPortBusy = errors.New("port is in use")

// TLS asks for an encrypted connection.
type TLS struct {
	ServerName string
	CACert     string // PEM; empty means that the server is not verified
	ClientCert string
	ClientKey  string
	ClientPass string
}

// ConnEvents are called when something happens on a connection. All but Sent
// must be there.
type ConnEvents struct {
	Connected func(err error)
	Data      func(p []byte)  // p is only valid during the call
	Closed    func(err error) // the peer closed (nil) or the connection broke
	// Sent, if not nil, is told that so many more bytes have arrived at the
	// other side.
	Sent func(bytes int)
}

// Conn is one connection.
type Conn interface {
	Send(p []byte)
	// Remote is the address of the other side, invalid before it is connected.
	Remote() netip.AddrPort
	// Close ends the connection. No event comes after it.
	Close()
}

// PacketConn is a UDP socket of the module.
type PacketConn interface {
	LocalPort() int
	// Send sends one datagram. What gets lost gets lost silently.
	Send(to netip.AddrPort, p []byte)
	// Close ends the socket. Nothing is received after it.
	Close()
}
