package link

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"airlift/lua"
)

// conn is one connection of a link, both ends of it.
type conn struct {
	link   *Link
	number int
	peer   string
	rand   *rand.Rand
	port   uint16         // of the device
	remote netip.AddrPort // of the server
	ev     lua.ConnEvents
	isOpen bool
	broken bool // the end is decided: nothing travels any more
	dead   bool // no event may come any more
	half   bool // the device has closed, what it sent before still travels

	// From the device to the server.
	early    []byte   // sent before the connection was there
	sent     []packet // on the way, in order
	flying   int      // bytes in early and sent
	lastUp   time.Duration
	cancelUp func()

	// The server.
	session    *session
	keepAlive  time.Duration
	think      time.Duration
	x          *exchange // the answer on its way
	cancelIdle func()
	peerConn   *PeerConn // of a server that does not speak HTTP, or not any more

	// From the server to the device.
	base       time.Duration // when the first byte of x can be here
	piece      []byte        // the segment on its way
	pumpFn     func()
	cancelDown func()
}

// packet is what one Send put on the way.
type packet struct {
	at   time.Duration
	data []byte
	lost bool // gave up: the connection is broken
}

func (c *conn) event(kind string, n int64, text string) {
	if f := c.link.opt.Trace; f != nil {
		f(Event{Kind: kind, Conn: c.number, Peer: c.peer, Bytes: n, Text: text})
	}
}

// fail reports that the attempt to connect has failed.
func (c *conn) fail(err error) {
	c.cancelDown = nil
	c.drop()
	c.event("failed", 0, err.Error())
	c.ev.Connected(err)
}

func (c *conn) connected() {
	c.cancelDown = nil
	c.watchIdle()
	c.established()
}

// connectedTo is connected for a server that does not speak HTTP.
func (c *conn) connectedTo(peer Peer, p *PeerConn) {
	c.isOpen = true
	c.raw(peer, p)
	if !c.dead && !c.broken {
		c.established()
	}
}

func (c *conn) established() {
	c.isOpen = true
	c.event("connected", 0, "")
	if early := c.early; early != nil {
		c.early = nil
		c.transmit(early)
	}
	c.ev.Connected(nil)
}

// flyingBytesMax bounds what a script can send without waiting. Real modules
// have room for a few kilobytes.
const flyingBytesMax = 4 << 20

// Send puts bytes on the way to the server. A script that sends much faster
// than the link loses the connection.
func (c *conn) Send(p []byte) {
	if c.dead || c.broken || len(p) == 0 {
		return
	}
	if len(p) > flyingBytesMax-c.flying {
		c.breakOff(ErrReset)
		return
	}
	c.flying += len(p)
	switch {
	case !c.isOpen:
		c.early = append(c.early, p...)
	default:
		c.transmit(bytes.Clone(p))
	}
}

// transmit cuts data into segments and computes when the last one arrives.
func (c *conn) transmit(data []byte) {
	l, m := c.link, c.link.opt.Model
	now := l.clock.Now()
	pkt := packet{data: data}
	for rest := len(data); rest > 0 && !pkt.lost; rest -= l.mss {
		n := min(rest, l.mss)
		d, sends, lost := m.transit(c.rand, rtoLater)
		l.upFree = max(l.upFree, now) + time.Duration(sends)*m.serialise(n+overheadBytes)
		c.lastUp = max(c.lastUp, l.upFree+d)
		pkt.lost = lost
	}
	pkt.at = c.lastUp
	c.sent = append(c.sent, pkt)
	if c.cancelUp == nil {
		c.cancelUp = l.clock.After(pkt.at-now, c.arrive)
	}
}

// arrive is called when a packet has reached the server.
func (c *conn) arrive() {
	c.cancelUp = nil
	pkt := c.sent[0]
	c.sent = c.sent[1:]
	c.flying -= len(pkt.data)
	if pkt.lost {
		c.breakOff(ErrTimeout)
		return
	}
	if len(c.sent) > 0 {
		c.cancelUp = c.link.clock.After(max(0, c.sent[0].at-c.link.clock.Now()), c.arrive)
	}
	c.acknowledge(len(pkt.data))
	if p := c.peerConn; p != nil {
		p.session.Data(pkt.data)
		if c.half && len(c.sent) == 0 {
			c.drop()
		}
		return
	}
	if !c.session.add(pkt.data) {
		c.breakOff(ErrReset)
		return
	}
	if c.x == nil {
		c.serve()
	}
}

// acknowledge tells the device that bytes have arrived.
func (c *conn) acknowledge(n int) {
	if c.ev.Sent == nil {
		return
	}
	c.link.clock.After(c.link.opt.Model.Latency, func() {
		if !c.dead && !c.broken {
			c.ev.Sent(n)
		}
	})
}

// Remote is the server's address.
func (c *conn) Remote() netip.AddrPort {
	if !c.isOpen {
		return netip.AddrPort{}
	}
	return c.remote
}

// serve lets the server answer the next request that is complete.
func (c *conn) serve() {
	l := c.link
	x := c.session.next(l.opt.Now())
	if x == nil {
		return
	}
	c.stopIdle()
	c.x = x
	if x.bad != nil {
		c.event("request", 0, x.bad.Error())
	}
	c.event("response", x.out.size, statusLine(x.resp))
	c.base = l.clock.Now() + c.think + x.resp.Delay
	c.book()
}

// book takes the answer's next segment, or the end of the connection, and
// asks the clock for the time at which it is here.
func (c *conn) book() {
	l, m := c.link, c.link.opt.Model
	most := l.mss
	if drip := c.x.resp.DripBytes; drip > 0 {
		most = min(most, drip)
	}
	c.piece = c.x.out.next(most)
	if c.piece == nil && c.x.out.err == nil && !c.x.end {
		c.answered()
		return
	}
	d, sends, lost := m.transit(c.rand, rtoLater)
	if lost {
		c.piece, c.x.out.err = nil, ErrTimeout
	}
	ready := max(c.base+m.Latency, l.downFree)
	c.base += c.x.resp.DripEvery
	l.downFree = ready + time.Duration(sends)*m.serialise(len(c.piece)+overheadBytes)
	// The segment before is here already, so nothing overtakes it.
	at := l.downFree + d - m.Latency
	c.cancelDown = l.clock.After(max(0, at-l.clock.Now()), c.pumpFn)
}

// pump hands the device what has arrived.
func (c *conn) pump() {
	c.cancelDown = nil
	if c.piece == nil {
		err := c.x.out.err
		c.drop()
		c.event("closed", 0, errText(err))
		c.ev.Closed(err)
		return
	}
	c.x.delivered()
	c.ev.Data(c.piece)
	if !c.dead && !c.broken {
		c.book()
	}
}

// answered is called when an answer is complete and the connection stays.
func (c *conn) answered() {
	x := c.x
	c.x = nil
	x.done(c.link.opt.Now())
	if x.resp.Upgrade != nil {
		c.upgrade(x.resp.Upgrade)
		return
	}
	if c.serve(); c.x == nil {
		c.watchIdle()
	}
}

// watchIdle makes the server close the connection when no request comes.
func (c *conn) watchIdle() {
	c.cancelIdle = c.link.clock.After(c.keepAlive+c.link.opt.Model.Latency, func() {
		c.cancelIdle = nil
		c.drop()
		c.event("closed", 0, "")
		c.ev.Closed(nil)
	})
}

func (c *conn) stopIdle() {
	if c.cancelIdle != nil {
		c.cancelIdle()
		c.cancelIdle = nil
	}
}

// Close ends the connection from the device's side.
func (c *conn) Close() {
	if c.dead {
		return
	}
	if c.peerConn != nil && !c.broken && len(c.sent) > 0 {
		c.dead, c.half = true, true
		if c.cancelDown != nil {
			c.cancelDown()
		}
	} else {
		c.drop()
	}
	c.event("closed", 0, "by the device")
}

// breakOff makes the connection broken; Step reports it.
func (c *conn) breakOff(err error) {
	c.broken = true
	c.stop()
	if c.half {
		c.drop()
		return
	}
	open := c.isOpen
	c.cancelDown = c.link.clock.After(0, func() {
		c.cancelDown = nil
		if !open {
			c.fail(err)
			return
		}
		c.drop()
		c.event("closed", 0, err.Error())
		c.ev.Closed(err)
	})
}

// drop takes the connection out of the link: no event comes after it.
func (c *conn) drop() {
	c.dead = true
	if i := slices.Index(c.link.conns, c); i >= 0 {
		c.link.conns = slices.Delete(c.link.conns, i, i+1)
	}
	c.stop()
}

// stop cancels everything that is on its way.
func (c *conn) stop() {
	c.stopIdle()
	for _, cancel := range []func(){c.cancelUp, c.cancelDown} {
		if cancel != nil {
			cancel()
		}
	}
	c.cancelUp, c.cancelDown, c.sent = nil, nil, nil
	if p := c.peerConn; p != nil && !p.over {
		p.over = true
		if !p.closing && p.session != nil {
			p.session.Closed()
		}
	}
	if x := c.x; x != nil {
		c.x = nil
		x.done(c.link.opt.Now())
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
