package link

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"time"

	"airlift/lua"
)

// What can go wrong with a connection.
var (
	ErrNoHost  = lua.ErrResolve
	ErrRefused = errors.New("connection refused")
	ErrTimeout = errors.New("no answer from the other side")
	ErrTLS     = errors.New("TLS handshake failed")
	ErrReset   = errors.New("connection broke")
	ErrDown    = errors.New("network is down")
)

// Clock is the part of a device's virtual clock that links need. lua.Clock
// has it.
type Clock interface {
	Now() time.Duration
	After(delay time.Duration, fn func()) (cancel func())
}

// Event is one thing that happened on a link, for the trace.
type Event struct {
	Kind  string // "dial", "connected", "failed", "request", "response", "closed"
	Conn  int    // number of the connection since the device started, from 1
	Peer  string // host and port
	Bytes int64  // of a request, or of a response's body
	Text  string // request line, status line or error
}

// Options are what a Link needs besides clock and network.
type Options struct {
	Model Model
	// Rand is the link's random stream for this boot. Needed if the model has
	// jitter or loss.
	Rand *rand.Rand
	// Now is the servers' time. Default: 2024-04-10 05:44:46 UTC, the time of
	// the first published log, plus the clock.
	Now func() time.Time
	// IP is the device's address, default 10.0.0.2.
	IP string
	// Trace, if not nil, is told what happens.
	Trace func(Event)
	// Fallback, if not nil, gets the connections to hosts that the network
	// does not know.
	Fallback lua.Net
}

// Epoch is the servers' time when the clock is at 0, unless Options.Now says
// otherwise.
var Epoch = time.Date(2024, 4, 10, 5, 44, 46, 0, time.UTC)

// Link is one device's connection to a network, a lua.Net. Everything happens
// on the goroutine of the clock. It lives from one reset to the next.
type Link struct {
	clock    Clock
	net      *Network
	opt      Options
	mss      int
	up       bool
	conns    []*conn // open ones, in the order of dialling
	dials    int
	upFree   time.Duration // when the uplink has sent all it was given
	downFree time.Duration // when the downlink has
	ip       netip.Addr

	listeners map[int]func(lua.Conn) lua.ConnEvents
	sockets   []*udpSocket // open ones, in the order of opening
	off       bool         // for good
}

var _ lua.Net = (*Link)(nil)

// New returns a link that is up. It refuses a model that makes no sense.
func New(clock Clock, network *Network, opt Options) (*Link, error) {
	if err := opt.Model.Check(); err != nil {
		return nil, err
	}
	if opt.Rand == nil {
		if opt.Model.Jitter > 0 || opt.Model.LossPermille > 0 {
			return nil, errors.New("a link with jitter or loss needs a random stream")
		}
		opt.Rand = rand.New(rand.NewPCG(0, 0))
	}
	if opt.Now == nil {
		opt.Now = func() time.Time { return Epoch.Add(clock.Now()) }
	}
	if opt.IP == "" {
		opt.IP = "10.0.0.2"
	}
	l := &Link{clock: clock, net: network, opt: opt, mss: opt.Model.MSS, up: true, listeners: map[int]func(lua.Conn) lua.ConnEvents{}}
	var err error
	if l.ip, err = netip.ParseAddr(opt.IP); err != nil {
		return nil, fmt.Errorf("address of the device: %w", err)
	}
	if l.mss == 0 {
		l.mss = mssDefault
	}
	return l, nil
}

// Ready reports whether the link is up.
func (l *Link) Ready() bool { return l.up }

// LocalIP returns the device's address.
func (l *Link) LocalIP() (ip, mask, gateway string) {
	if !l.up {
		return "0.0.0.0", "0.0.0.0", "0.0.0.0"
	}
	return l.opt.IP, "255.255.255.0", "10.0.0.1"
}

// SetUp switches the link on or off. Switching off breaks all connections;
// their Closed event follows at once, from within Step.
func (l *Link) SetUp(up bool) {
	if l.up && !up {
		for _, c := range l.takeConns() {
			c.breakOff(ErrDown)
		}
	}
	l.up = up
}

// PowerOff ends all connections without another event, as a cut or a reset of
// the device does, also those of the fallback if it has a PowerOff method. The
// servers are told that their answers did not arrive.
func (l *Link) PowerOff() {
	for _, c := range l.takeConns() {
		c.dead = true
		c.stop()
	}
	l.up, l.off = false, true
	l.listeners, l.sockets = nil, nil
	if f, ok := l.opt.Fallback.(interface{ PowerOff() }); ok {
		f.PowerOff()
	}
}

// Open returns the number of connections that are not closed.
func (l *Link) Open() int { return len(l.conns) }

func (l *Link) takeConns() []*conn {
	all := l.conns
	l.conns = nil
	return all
}

// localPort is the first port of the device; each connection takes the next
// one, as lwIP does.
const localPort = 49153

// Dial starts a connection. All events come later, from within Step.
func (l *Link) Dial(name string, port int, tls *lua.TLS, ev lua.ConnEvents) lua.Conn {
	if l.opt.Fallback != nil && l.up && !l.net.Known(name) {
		return l.opt.Fallback.Dial(name, port, tls, ev)
	}
	c := l.newConn(net.JoinHostPort(name, strconv.Itoa(port)))
	c.ev = ev
	c.event("dial", 0, "")
	delay, ep, err := l.handshake(c.rand, name, port, tls)
	if err != nil {
		c.cancelDown = l.clock.After(delay, func() { c.fail(err) })
		return c
	}
	c.remote = netip.AddrPortFrom(l.net.address(canonical(name)), uint16(port))
	local := netip.AddrPortFrom(l.ip, c.port).String()
	server := net.JoinHostPort(canonical(name), strconv.Itoa(port))
	if ep.peer != nil {
		c.cancelDown = l.clock.After(delay, func() {
			c.cancelDown = nil
			c.connectedTo(ep.peer, &PeerConn{local: server, remote: local, tls: tls != nil})
		})
		return c
	}
	c.keepAlive, c.think = ep.opt.KeepAlive, ep.opt.Think
	c.session = newSession(ep.handler, ep.opt.Limits, local, server, tls != nil, l.mss)
	c.session.asked = func(r *Request) {
		c.event("request", int64(len(r.Body)), r.Method+" "+r.Target+" "+r.Proto)
	}
	c.cancelDown = l.clock.After(delay, c.connected)
	return c
}

// newConn makes a connection with the next number and port.
func (l *Link) newConn(peer string) *conn {
	l.dials++
	c := &conn{
		link: l, number: l.dials, peer: peer, rand: l.stream(),
		port: uint16(localPort + (l.dials-1)%16383),
	}
	c.pumpFn = c.pump
	l.conns = append(l.conns, c)
	return c
}

// handshake decides how an attempt to connect ends, and after which time.
func (l *Link) handshake(r *rand.Rand, name string, port int, tls *lua.TLS) (time.Duration, *endpoint, error) {
	if !l.up {
		return 0, nil, ErrDown
	}
	var delay time.Duration
	address := l.net.address(canonical(name))
	if l.isOwn(address) {
		if l.listeners[port] == nil {
			return delay, nil, fmt.Errorf("%w: %s port %d", ErrRefused, name, port)
		}
		return delay, &endpoint{peer: l.loopback(port)}, nil
	}
	if !l.net.answers(address) || address.String() != canonical(name) {
		d, lost := l.opt.Model.roundTrip(r)
		delay += d
		if lost || !l.net.answers(address) {
			return delay, nil, fmt.Errorf("%w: %s", ErrNoHost, name)
		}
	}
	d, lost := l.opt.Model.roundTrip(r)
	delay += d
	if lost {
		return delay, nil, ErrTimeout
	}
	ep := l.net.server(canonical(name), port)
	if ep == nil || l.net.Down != nil && l.net.Down() {
		return delay, nil, fmt.Errorf("%w: %s port %d", ErrRefused, name, port)
	}
	if tls == nil {
		return delay, ep, nil
	}
	for range 2 { // TLS 1.2: two more round trips
		d, lost := l.opt.Model.roundTrip(r)
		delay += d
		if lost {
			return delay, nil, ErrTimeout
		}
	}
	return delay, ep, checkTLS(name, port, ep, tls)
}

func checkTLS(name string, port int, ep *endpoint, tls *lua.TLS) error {
	switch {
	case !ep.opt.TLS && !ep.anyTLS:
		return fmt.Errorf("%w: %s port %d speaks plain HTTP", ErrTLS, name, port)
	case tls.CACert != "" || tls.ClientCert != "" || tls.ClientKey != "":
		return fmt.Errorf("%w: %s is a host in the process and has no real certificate, so none can be verified; "+
			"leave server and client certificates out, or use a real server", ErrTLS, name)
	}
	return nil
}
