package lua

import (
	"errors"
	"net/netip"
	"slices"

	glua "github.com/yuin/gopher-lua"
)

// socketState is what socket.state returns.
type socketState int

const (
	stateLinkOff socketState = iota
	stateOffline
	stateDNS
	stateConnecting
	stateHandshake
	stateOnline
	stateListen
	stateClosing
)

var socketStateNames = [...]string{"硬件离线", "离线", "等待DNS", "正在连接", "正在TLS握手", "在线", "在监听", "正在离线"}

// netSocket is one socket of the scripts. Like the firmware's it waits for one
// thing at a time; what happens ends the wait with an event whose number says
// for what it waited (luatos-runtime.md 9.7).
type netSocket struct {
	m        *Machine
	adapter  int
	value    *glua.LUserData
	callback glua.LValue // a function, or nil
	task     string      // gets the events if there is no callback
	hasTask  bool
	letGo    func()

	// What socket.config set.
	localPort int
	udp       bool
	tls       *TLS

	state     socketState
	waitFor   int // the event that ends the wait, 0 if nobody waits
	needClose bool
	fresh     bool // data has come that was not looked at
	released  bool
	quiet     bool // a client that nobody has accepted yet

	conn      Conn
	remote    netip.AddrPort
	resolved  []netip.Addr
	unacked   int // bytes that have not arrived
	received  []byte
	cancel    func() // of what is going on: a look-up, a wait for the link
	packets   PacketConn
	handshake *dtlsClient // of DTLS, while it is under way
	datagrams []datagram

	stopListen func()
	clientsMax int
	clients    []*netSocket // connected, not accepted
}

// datagram is one that has come and was not read.
type datagram struct {
	from netip.AddrPort
	data []byte
}

// Bounds of what waits inside the module. The firmware's depend on free memory.
const (
	unackedMax   = 64 << 10 // bytes that tx takes without an answer
	receivedMax  = 1 << 20  // bytes, then the connection breaks
	datagramsMax = 64       // then new ones are lost
	clientsMax   = 8
)

// fire ends the wait: with what was waited for, or with an event if nothing
// was.
func (s *netSocket) fire(result int) {
	event := s.waitFor
	if event == 0 {
		event = socketEvent
	}
	if s.state != stateListen || result < 0 {
		s.waitFor = 0
	}
	s.post(event, result)
}

// post sends an event to the scripts.
func (s *netSocket) post(event, result int) {
	m := s.m
	if s.quiet {
		return
	}
	m.post(func(l *glua.LState) int {
		if s.released {
			return 0
		}
		switch {
		case s.callback != glua.LNil:
			m.call(l, s.callback, 0, s.value, glua.LNumber(event), glua.LNumber(result))
		case s.hasTask:
			if f, ok := m.vm.Globals().RawGetString("sys_send").(*glua.LFunction); ok {
				m.call(l, f, 0, glua.LString(s.task), glua.LNumber(event), glua.LNumber(result))
			}
		default:
			m.publish(l, glua.LString(socketName), glua.LNumber(s.adapter), glua.LNumber(0), glua.LNumber(event), glua.LNumber(result))
		}
		return pushInt(l, 0)
	})
}

// busy reports whether there is something to close.
func (s *netSocket) busy() bool {
	return s.conn != nil || s.packets != nil || s.cancel != nil || s.stopListen != nil
}

// connectTo is network_connect. It returns false if the socket is in use.
func (s *netSocket) connectTo(host string, port int) bool {
	if s.busy() {
		return false
	}
	s.needClose, s.unacked, s.resolved = false, 0, nil
	s.waitFor = socketOnline
	s.whenReady(func() { s.start(host, port) })
	return true
}

// whenReady calls fn now, or when the adapter has got an address.
func (s *netSocket) whenReady(fn func()) {
	if s.m.adapterReady(s.adapter) {
		fn()
		return
	}
	s.state = stateLinkOff
	s.cancel = s.m.net.adapters[s.adapter].whenReady(func() {
		s.cancel = nil
		fn()
	})
}

// start begins what connect asks for.
func (s *netSocket) start(host string, port int) {
	if !s.udp && port != 0 {
		s.state = stateConnecting
		s.dial(host, port)
		return
	}
	s.state = stateDNS
	s.cancel = s.m.board.Net().Resolve(host, func(ips []netip.Addr, err error) {
		s.cancel = nil
		if err != nil {
			s.state = stateOffline
			s.fire(-1)
			return
		}
		s.resolved = ips
		if port == 0 && !s.udp {
			s.state = stateOffline
			s.fire(0)
			return
		}
		s.remote = netip.AddrPortFrom(ips[0], uint16(port))
		s.openPackets()
	})
}

func (s *netSocket) openPackets() {
	receive := func(from netip.AddrPort, data []byte) {
		if s.handshake != nil {
			s.handshake.receive(from, data)
			return
		}
		if len(s.datagrams) < datagramsMax {
			s.datagrams = append(s.datagrams, datagram{from, append([]byte(nil), data...)})
		}
		s.arrived()
	}
	p, err := s.m.board.Net().OpenUDP(s.localPort, receive)
	if errors.Is(err, ErrPortBusy) && !s.portTaken() {
		// Each adapter has ports of its own; nobody is behind a second one.
		p, err = s.m.board.Net().OpenUDP(0, receive)
	}
	if err != nil {
		s.m.logf(levelError, "socket", "%v", err)
		s.state = stateOffline
		s.fire(-1)
		return
	}
	s.packets = p
	if s.tls != nil {
		s.startDTLS()
		return
	}
	s.state = stateOnline
	s.fire(0)
}

// portTaken reports whether another socket of the same adapter has the port.
func (s *netSocket) portTaken() bool {
	return slices.ContainsFunc(s.m.sockets, func(o *netSocket) bool {
		return o != s && o.adapter == s.adapter && o.localPort == s.localPort && o.udp == s.udp && (o.packets != nil || o.stopListen != nil)
	})
}

func (s *netSocket) dial(host string, port int) {
	var tls *TLS
	if s.tls != nil {
		copied := *s.tls
		copied.ServerName = host
		tls = &copied
	}
	c := s.m.dial(s.adapter, "tcp", host, port, tls, s.events())
	s.conn = c
}

// events are what happens on the socket's connection.
func (s *netSocket) events() ConnEvents {
	return ConnEvents{
		Connected: func(err error) {
			if err != nil {
				s.conn = nil
				s.m.logf(levelDebug, "socket", "connect: %v", err)
				s.state = stateOffline
				s.fire(-1)
				return
			}
			s.remote = s.conn.Remote()
			s.resolved = []netip.Addr{s.remote.Addr()}
			s.state = stateOnline
			s.fire(0)
		},
		Data: func(p []byte) {
			if len(s.received)+len(p) > receivedMax {
				s.m.logf(levelError, "socket", "%d bytes wait to be read, connection closed", len(s.received))
				s.conn.Close()
				s.lost()
				return
			}
			s.received = append(s.received, p...)
			s.arrived()
		},
		Closed: func(error) { s.lost() },
		Sent: func(n int) {
			s.unacked -= n
			if s.waitFor == socketTxOK && s.unacked <= 0 {
				s.fire(0)
			}
		},
	}
}

// arrived is called when there is something new to read.
func (s *netSocket) arrived() {
	s.fresh = true
	if s.waitFor == socketTxOK {
		s.post(socketEvent, 0)
		return
	}
	s.fire(0)
}

// lost is called when the connection has ended, by whomever but the script.
func (s *netSocket) lost() {
	if s.state == stateClosing {
		s.finishClose()
		return
	}
	s.needClose = true
	s.fire(-1)
}

// shut forgets the connection and everything about it.
func (s *netSocket) shut() {
	if s.cancel != nil {
		s.cancel()
	}
	if s.conn != nil {
		s.conn.Close()
	}
	if s.packets != nil {
		s.packets.Close()
	}
	if s.stopListen != nil {
		s.stopListen()
	}
	for _, c := range s.clients {
		c.free()
	}
	s.conn, s.packets, s.cancel, s.stopListen, s.clients = nil, nil, nil, nil, nil
	s.received, s.datagrams, s.resolved, s.handshake = nil, nil, nil, nil
	s.needClose, s.fresh, s.waitFor = false, false, 0
	s.state = stateOffline
}

// free is socket.release.
func (s *netSocket) free() {
	if s.released {
		return
	}
	s.shut()
	s.released = true
	s.letGo()
	s.m.sockets = slices.DeleteFunc(s.m.sockets, func(o *netSocket) bool { return o == s })
}

// finishClose ends a socket.discon.
func (s *netSocket) finishClose() {
	s.shut()
	s.post(socketClosed, 0)
}

// listenOn is network_listen.
func (s *netSocket) listenOn() error {
	stop, err := s.m.board.Net().Listen(s.localPort, s.incoming)
	if errors.Is(err, ErrPortBusy) && !s.portTaken() {
		stop, err = func() {}, nil
	}
	if err != nil {
		return err
	}
	s.stopListen = stop
	s.state = stateListen
	return nil
}

// incoming takes a connection from outside: the socket's own if it serves one
// client, or one that waits for socket.accept.
func (s *netSocket) incoming(c Conn) ConnEvents {
	to := s
	switch {
	case s.clientsMax > 0 && len(s.clients) < s.clientsMax:
		to = s.m.newSocket(s.m.l, s.adapter, glua.LNil)
		to.quiet = true
		s.clients = append(s.clients, to)
	case s.clientsMax > 0 || s.conn != nil:
		c.Close()
		return ConnEvents{Connected: func(error) {}, Data: func([]byte) {}, Closed: func(error) {}}
	}
	to.conn, to.remote = c, c.Remote()
	to.resolved = []netip.Addr{to.remote.Addr()}
	to.needClose, to.unacked = false, 0
	to.state = stateOnline
	if to == s {
		s.fire(0)
	} else {
		s.post(socketOnline, 0)
	}
	return to.events()
}
