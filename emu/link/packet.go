package link

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"airlift/lua"
)

// isOwn reports whether an address is the device's own.
func (l *Link) isOwn(a netip.Addr) bool { return a.IsLoopback() || a == l.ip }

// Resolve looks a host name up.
func (l *Link) Resolve(name string, done func([]netip.Addr, error)) (cancel func()) {
	if a, err := netip.ParseAddr(canonical(name)); err == nil {
		return l.clock.After(0, func() { done([]netip.Addr{a}, nil) })
	}
	if l.opt.Fallback != nil && l.up && !l.net.Known(name) {
		return l.opt.Fallback.Resolve(name, done)
	}
	r := l.stream()
	if !l.up {
		return l.clock.After(0, func() { done(nil, fmt.Errorf("%w: %s: %w", ErrNoHost, name, ErrDown)) })
	}
	d, lost := l.opt.Model.roundTrip(r)
	return l.clock.After(d, func() {
		a := l.net.address(canonical(name))
		if lost || !a.IsValid() {
			done(nil, fmt.Errorf("%w: %s", ErrNoHost, name))
			return
		}
		done([]netip.Addr{a}, nil)
	})
}

// stream is a fresh random stream of the link.
func (l *Link) stream() *rand.Rand {
	return rand.New(rand.NewPCG(l.opt.Rand.Uint64(), l.opt.Rand.Uint64()))
}

// Listen waits for connections to a port of the device: see [Link.Accept].
func (l *Link) Listen(port int, accept func(lua.Conn) lua.ConnEvents) (stop func(), err error) {
	if port < 1 || port > 65535 {
		return nil, fmt.Errorf("no port %d", port)
	}
	if l.listeners[port] != nil {
		return nil, fmt.Errorf("port %d: %w", port, lua.ErrPortBusy)
	}
	l.listeners[port] = accept
	if l.net.everywhere != nil {
		l.net.everywhere.Listening(l, port)
	}
	return func() { delete(l.listeners, port) }, nil
}

// datagramMax is the largest payload of a UDP datagram in bytes, waitingMax
// what a socket may have on its way: what comes on top is lost.
const (
	datagramMax = 65507
	waitingMax  = 1 << 20
)

// udpSocket is a UDP socket of the device.
type udpSocket struct {
	link    *Link
	port    int
	receive func(netip.AddrPort, []byte)
	rand    *rand.Rand
	outside lua.PacketConn // of the fallback, once it is needed
	waiting int            // bytes that are on their way
	closed  bool
}

// OpenUDP opens a UDP socket.
func (l *Link) OpenUDP(port int, receive func(netip.AddrPort, []byte)) (lua.PacketConn, error) {
	if port < 0 || port > 65535 {
		return nil, fmt.Errorf("no port %d", port)
	}
	if port == 0 {
		for port = localPort; l.socket(port) != nil; port++ {
			if port == 65535 {
				return nil, errors.New("no UDP port is free")
			}
		}
	}
	if l.socket(port) != nil {
		return nil, fmt.Errorf("UDP port %d: %w", port, lua.ErrPortBusy)
	}
	s := &udpSocket{link: l, port: port, receive: receive, rand: l.stream()}
	l.sockets = append(l.sockets, s)
	return s, nil
}

func (l *Link) socket(port int) *udpSocket {
	for _, s := range l.sockets {
		if s.port == port {
			return s
		}
	}
	return nil
}

func (s *udpSocket) LocalPort() int { return s.port }

// Send sends a datagram to a virtual host, to the device itself, or out.
func (s *udpSocket) Send(to netip.AddrPort, p []byte) {
	l := s.link
	if s.closed || !l.up || len(p) > datagramMax || s.waiting+len(p)+packetOverheadBytes > waitingMax {
		return
	}
	data := bytes.Clone(p)
	from := netip.AddrPortFrom(l.ip, uint16(s.port))
	if l.isOwn(to.Addr()) {
		s.after(0, data, func() { l.deliver(int(to.Port()), netip.AddrPortFrom(to.Addr(), uint16(s.port)), data) })
		return
	}
	server := l.net.packetPeer(to)
	if server == nil {
		s.sendOut(to, data)
		return
	}
	l.upFree = max(l.upFree, l.clock.Now()) + l.opt.Model.serialise(len(data)+packetOverheadBytes)
	at, lost := l.flight(s.rand, l.upFree)
	if lost {
		return
	}
	l.event("packet", to, len(data))
	s.after(at, data, func() {
		if l.off {
			return
		}
		server.Packet(&Packet{From: from, To: to, Data: data, Time: l.opt.Now(), reply: func(b []byte) { s.answer(to, b) }})
	})
}

// after calls fn when a datagram has arrived, which is on its way until then.
func (s *udpSocket) after(delay time.Duration, data []byte, fn func()) {
	n := len(data) + packetOverheadBytes
	s.waiting += n
	s.link.clock.After(delay, func() {
		s.waiting -= n
		fn()
	})
}

// packetOverheadBytes are the IP and UDP headers.
const packetOverheadBytes = 28

// flight draws after which time a datagram that leaves then is there. Datagrams
// are not sent again.
func (l *Link) flight(r *rand.Rand, leaves time.Duration) (after time.Duration, lost bool) {
	m := l.opt.Model
	d := m.Latency
	if m.Jitter > 0 {
		d += time.Duration(r.Int64N(int64(m.Jitter) + 1))
	}
	lost = m.LossPermille > 0 && r.IntN(1000) < m.LossPermille
	return max(0, leaves-l.clock.Now()) + d, lost
}

// answer brings a datagram from a server to the device.
func (s *udpSocket) answer(from netip.AddrPort, b []byte) {
	l := s.link
	if len(b) > datagramMax {
		return
	}
	data := bytes.Clone(b)
	l.downFree = max(l.downFree, l.clock.Now()) + l.opt.Model.serialise(len(data)+packetOverheadBytes)
	if at, lost := l.flight(s.rand, l.downFree); !lost {
		l.clock.After(at, func() { l.deliver(s.port, from, data) })
	}
}

// deliver hands a datagram to the socket on a port.
func (l *Link) deliver(port int, from netip.AddrPort, data []byte) {
	if s := l.socket(port); s != nil && l.up && !s.closed {
		s.receive(from, data)
	}
}

// sendOut sends a datagram through the fallback.
func (s *udpSocket) sendOut(to netip.AddrPort, p []byte) {
	if s.link.opt.Fallback == nil {
		return
	}
	if s.outside == nil {
		out, err := s.link.opt.Fallback.OpenUDP(0, s.receive)
		if err != nil {
			return
		}
		s.outside = out
	}
	s.outside.Send(to, p)
}

// Close ends the socket.
func (s *udpSocket) Close() {
	if s.closed {
		return
	}
	s.closed = true
	if s.outside != nil {
		s.outside.Close()
	}
	s.link.sockets = slices.DeleteFunc(s.link.sockets, func(o *udpSocket) bool { return o == s })
}

// pingWait is how long the device waits for the answer to a ping.
const pingWait = 5 * time.Second

// pingTTL is the time to live of an answer: 64 hops less a few.
const pingTTL = 52

// Ping sends an ICMP echo request. Only addresses of virtual hosts and the
// device itself answer.
func (l *Link) Ping(to netip.Addr, size int, done func(time.Duration, int, error)) (cancel func()) {
	if l.isOwn(to) {
		return l.clock.After(0, func() { done(0, 64, nil) })
	}
	r := l.stream()
	there, lost := l.flight(r, max(l.upFree, l.clock.Now())+l.opt.Model.serialise(size+packetOverheadBytes))
	back, lostBack := l.flight(r, l.clock.Now()+l.opt.Model.serialise(size+packetOverheadBytes))
	if !l.up || lost || lostBack || !l.net.answers(to) {
		return l.clock.After(pingWait, func() { done(0, 0, fmt.Errorf("%w: ping %s", ErrTimeout, to)) })
	}
	took := there + back
	return l.clock.After(took, func() { done(took, pingTTL, nil) })
}

func (l *Link) event(kind string, peer netip.AddrPort, n int) {
	if f := l.opt.Trace; f != nil {
		f(Event{Kind: kind, Peer: peer.String(), Bytes: int64(n)})
	}
}
