package link

import (
	"math/rand/v2"
	"net/netip"
	"strconv"
	"time"
)

// Peer is a server of its own protocol behind a TCP port, where a [Handler] is
// one of HTTP.
type Peer interface {
	// Accept is called when a device has connected. The session that it
	// returns gets what the device sends.
	Accept(c *PeerConn) PeerSession
}

// PeerFunc is a function that is a Peer.
type PeerFunc func(c *PeerConn) PeerSession

// Accept calls f.
func (f PeerFunc) Accept(c *PeerConn) PeerSession { return f(c) }

// PeerSession is a server's side of one connection. It is called from within
// Step and may answer at once.
type PeerSession interface {
	// Data takes bytes from the device; p is only valid during the call.
	Data(p []byte)
	// Closed is called once when the connection ends, unless the server
	// itself closed it.
	Closed()
}

// PacketPeer is a server behind a UDP port.
type PacketPeer interface {
	Packet(in *Packet)
}

// PacketFunc is a function that is a PacketPeer.
type PacketFunc func(in *Packet)

// Packet calls f.
func (f PacketFunc) Packet(in *Packet) { f(in) }

// Packet is a datagram that has arrived at a server.
type Packet struct {
	From, To netip.AddrPort
	Data     []byte
	Time     time.Time // of the servers
	reply    func(p []byte)
}

// Reply sends a datagram back to where p came from.
func (p *Packet) Reply(data []byte) { p.reply(data) }

// waitingBytesMax bounds what a server may send without the device taking it.
const waitingBytesMax = 4 << 20

// PeerConn is a server's end of one connection.
type PeerConn struct {
	conn    *conn
	session PeerSession
	local   string
	remote  string
	tls     bool
	out     []byte // not on its way yet
	closing bool   // close when out is empty
	over    bool
	wrap    func(b []byte) // of a protocol inside another
	outer   *PeerConn
}

// Through returns the same connection for a protocol inside another: what is
// sent on it goes to wrap, which sends it in the outer protocol's form.
func (p *PeerConn) Through(wrap func(b []byte)) *PeerConn {
	return &PeerConn{conn: p.conn, local: p.local, remote: p.remote, tls: p.tls, wrap: wrap, outer: p}
}

// Send puts bytes on the way to the device. A server that sends much faster
// than the link takes it loses the connection.
func (p *PeerConn) Send(b []byte) {
	if p.wrap != nil {
		p.wrap(b)
		return
	}
	if p.over || p.closing || len(b) == 0 {
		return
	}
	c := p.conn
	if len(b) > waitingBytesMax-len(p.out) {
		c.breakOff(ErrReset)
		return
	}
	if len(p.out) == 0 {
		c.base = c.link.clock.Now()
	}
	p.out = append(p.out, b...)
	c.bookRaw()
}

// Close ends the connection when everything has arrived.
func (p *PeerConn) Close() {
	if p.outer != nil {
		p.outer.Close()
		return
	}
	if p.over || p.closing {
		return
	}
	p.closing = true
	if len(p.out) == 0 {
		p.conn.base = p.conn.link.clock.Now()
	}
	p.conn.bookRaw()
}

// After calls fn from within Step when delay has passed, unless the
// connection has ended by then.
func (p *PeerConn) After(delay time.Duration, fn func()) (cancel func()) {
	if p.outer != nil {
		return p.outer.After(delay, fn)
	}
	return p.conn.link.clock.After(delay, func() {
		if !p.over {
			fn()
		}
	})
}

// Now is the servers' time.
func (p *PeerConn) Now() time.Time { return p.conn.link.opt.Now() }

// Rand is a random stream of this connection.
func (p *PeerConn) Rand() *rand.Rand { return p.conn.rand }

// Remote and Local are "host:port" of device and server; the server's host is
// the name that the device dialled. TLS reports whether it asked for TLS.
func (p *PeerConn) Remote() string { return p.remote }
func (p *PeerConn) Local() string  { return p.local }
func (p *PeerConn) TLS() bool      { return p.tls }

// Address is the server's address.
func (p *PeerConn) Address() netip.Addr { return p.conn.remote.Addr() }

// raw makes a connection one of a peer's protocol.
func (c *conn) raw(peer Peer, p *PeerConn) {
	p.conn = c
	c.peerConn = p
	p.session = peer.Accept(p)
}

// upgrade lets a peer take over after an answer of HTTP.
func (c *conn) upgrade(peer Peer) {
	s := c.session
	c.stopIdle()
	c.raw(peer, &PeerConn{local: s.local, remote: s.remote, tls: s.tls})
	if len(s.buf) > 0 && !c.peerConn.over {
		c.peerConn.session.Data(s.buf)
	}
	s.buf = nil
}

// bookRaw takes the next segment of a peer's bytes, or the end of the
// connection, and asks the clock for the time at which it is here.
func (c *conn) bookRaw() {
	p := c.peerConn
	if c.cancelDown != nil || c.dead || c.broken || !c.isOpen || len(p.out) == 0 && !p.closing {
		return
	}
	l, m := c.link, c.link.opt.Model
	n := min(l.mss, len(p.out))
	c.piece = nil
	if n > 0 {
		c.piece = append([]byte(nil), p.out[:n]...)
		p.out = p.out[n:]
	}
	d, sends, lost := m.transit(c.rand, rtoLater)
	if lost {
		c.breakOff(ErrTimeout)
		return
	}
	ready := max(c.base+m.Latency, l.downFree)
	l.downFree = ready + time.Duration(sends)*m.serialise(n+overheadBytes)
	at := l.downFree + d - m.Latency
	c.cancelDown = l.clock.After(max(0, at-l.clock.Now()), c.pumpRaw)
}

// pumpRaw hands the device what has arrived.
func (c *conn) pumpRaw() {
	c.cancelDown = nil
	if c.piece == nil {
		c.drop()
		c.event("closed", 0, "")
		c.ev.Closed(nil)
		return
	}
	c.ev.Data(c.piece)
	if !c.dead && !c.broken {
		c.bookRaw()
	}
}

// After calls fn from within Step when delay has passed, unless the device is
// off by then.
func (l *Link) After(delay time.Duration, fn func()) (cancel func()) {
	return l.clock.After(delay, func() {
		if !l.off {
			fn()
		}
	})
}

// Accept lets something outside connect to a port on which the device
// listens: peer is the other side. It reports whether the device listens.
func (l *Link) Accept(from netip.AddrPort, port int, peer Peer) bool {
	accept := l.listeners[port]
	if accept == nil || !l.up {
		return false
	}
	c := l.newConn(from.String())
	c.remote = from
	c.isOpen = true
	c.event("accepted", 0, "port "+strconv.Itoa(port))
	p := &PeerConn{remote: netip.AddrPortFrom(l.ip, uint16(port)).String(), local: from.String()}
	c.ev = accept(c)
	if !c.dead {
		c.raw(peer, p)
	}
	return true
}

// loopback is the device's own listener as a peer: what it connects to itself.
func (l *Link) loopback(port int) Peer {
	return PeerFunc(func(near *PeerConn) PeerSession {
		b := &bridge{to: near}
		far := PeerFunc(func(c *PeerConn) PeerSession {
			b.far = c
			return &bridge{to: near}
		})
		b.from = func(p []byte) { b.far.Send(p) }
		if !l.Accept(netip.AddrPortFrom(l.ip, near.conn.port), port, far) || b.far == nil {
			near.Close()
		}
		return b
	})
}

// bridge carries bytes from one connection of the device to another.
type bridge struct {
	to   *PeerConn
	far  *PeerConn
	from func(p []byte)
}

func (b *bridge) Data(p []byte) {
	if b.from != nil {
		b.from(p)
		return
	}
	b.to.Send(p)
}

func (b *bridge) Closed() {
	if b.from == nil {
		b.to.Close()
	} else if b.far != nil {
		b.far.Close()
	}
}
