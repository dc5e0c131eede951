package lua

import (
	"net/netip"

	glua "github.com/yuin/gopher-lua"
)

// pushBools pushes the results that most socket functions have.
func pushBools(l *glua.LState, values ...bool) int {
	for _, v := range values {
		l.Push(glua.LBool(v))
	}
	return len(values)
}

// config is config(socket, port, is_udp, is_tls, idle, interval, count, server
// certificate or PSK, client certificate, client key, password).
func (s *netSocket) config(l *glua.LState) int {
	m := s.m
	s.localPort = int(uint16(m.optInt(l, 2, 0)))
	s.udp = l.Get(3) == glua.LTrue
	s.tls = nil
	if l.Get(4) != glua.LTrue {
		return pushBool(l, true)
	}
	cert := func(n int) string { t, _ := m.text(l.Get(n)); return t }
	s.tls = &TLS{CACert: cert(8), ClientCert: cert(9), ClientKey: cert(10), ClientPass: cert(11)}
	return pushBool(l, true)
}

func (s *netSocket) linkup(l *glua.LState) int {
	if s.m.adapterReady(s.adapter) {
		if s.state == stateLinkOff {
			s.state = stateOffline
		}
		s.waitFor = 0
		return pushBools(l, true, true)
	}
	s.state, s.waitFor = stateLinkOff, socketLink
	s.m.net.adapters[s.adapter].whenReady(func() {
		if s.waitFor == socketLink && !s.released {
			s.state = stateOffline
			s.fire(0)
		}
	})
	return pushBools(l, true, false)
}

func (s *netSocket) connect(l *glua.LState) int {
	host := s.m.hostArg(l, 2)
	port := int(uint16(s.m.integer(l, 3)))
	s.m.logf(levelDebug, "socket", "connect to %s,%d", host, port)
	return pushBools(l, s.connectTo(host, port), false)
}

func (s *netSocket) disconnect(l *glua.LState) int {
	if s.state != stateOnline || s.udp {
		s.shut()
		return pushBools(l, true, true)
	}
	s.state, s.waitFor, s.needClose, s.fresh = stateClosing, socketClosed, false, false
	conn := s.conn
	s.cancel = s.m.after(0, func() {
		s.cancel = nil
		if s.conn == conn && s.state == stateClosing {
			s.finishClose()
		}
	})
	return pushBools(l, true, false)
}

func (s *netSocket) forceClose(*glua.LState) int {
	s.shut()
	return 0
}

func (s *netSocket) release(*glua.LState) int {
	s.free()
	return 0
}

// bytesArg is a string or the used bytes of a zbuff.
func (m *Machine) bytesArg(l *glua.LState, n int) []byte {
	if t, ok := m.text(l.Get(n)); ok {
		return []byte(t)
	}
	return m.zbuff(l, n).filled()
}

// tx is tx(socket, data, ip, port): whether it was taken, whether the buffer
// is full, whether it has arrived.
func (s *netSocket) tx(l *glua.LState) int {
	data := s.m.bytesArg(l, 2)
	if s.needClose || s.state != stateOnline {
		return pushBools(l, false, false, false)
	}
	s.m.charge(len(data) / 64)
	if s.packets != nil {
		return s.txPacket(l, data)
	}
	if s.unacked > 0 && s.unacked+len(data) > unackedMax {
		return pushBools(l, true, true, true)
	}
	s.unacked += len(data)
	s.waitFor = socketTxOK
	s.conn.Send(data)
	return pushBools(l, true, false, false)
}

func (s *netSocket) txPacket(l *glua.LState, data []byte) int {
	to := s.remote
	if l.Get(3) != glua.LNil {
		a, err := netip.ParseAddr(s.m.hostArg(l, 3))
		if err != nil {
			return pushBools(l, false, false, false)
		}
		to = netip.AddrPortFrom(a, uint16(s.m.optInt(l, 4, 0)))
	}
	s.waitFor = socketTxOK
	s.packets.Send(to, data)
	s.m.after(0, func() {
		if s.waitFor == socketTxOK && s.state == stateOnline {
			s.fire(0)
		}
	})
	return pushBools(l, true, false, false)
}

// next is what the next read gives: nothing, or bytes and where they come
// from. ok is false if the connection is gone.
func (s *netSocket) next() (data []byte, from netip.AddrPort, ok bool) {
	if s.state != stateOnline || s.needClose && !s.fresh {
		return nil, from, false
	}
	if s.packets == nil {
		return s.received, s.remote, true
	}
	if len(s.datagrams) == 0 {
		return nil, from, true
	}
	return s.datagrams[0].data, s.datagrams[0].from, true
}

// took notes that n of the next bytes were read; the rest of a datagram is
// lost.
func (s *netSocket) took(n int) {
	s.fresh = false
	if s.packets == nil {
		s.received = s.received[n:]
		if len(s.received) == 0 {
			s.received = nil
		}
		return
	}
	s.datagrams = s.datagrams[1:]
}

// pushFrom pushes where data comes from, in the form 0, then four bytes.
func pushFrom(l *glua.LState, from netip.AddrPort) {
	ip := from.Addr().As4()
	pushStr(l, "\x00"+string(ip[:]))
	pushInt(l, int64(from.Port()))
}

// rx is rx(socket, zbuff, flags, limit): data goes behind the used bytes.
func (s *netSocket) rx(l *glua.LState) int {
	data, from, ok := s.next()
	if !ok || len(data) == 0 {
		pushBool(l, ok)
		pushInt(l, 0)
		return 2
	}
	if _, isBuffer := l.Get(2).(*glua.LUserData); !isBuffer {
		pushBool(l, true)
		pushInt(l, int64(len(data)))
		return 2
	}
	b := s.m.zbuff(l, 2)
	if limit, ok := anInteger(l.Get(4)); ok && limit >= 0 && limit < int64(len(data)) {
		data = data[:limit]
	}
	if !s.m.put(b, int64(b.used), data) {
		room := len(b.data) - b.used
		if room == 0 {
			s.m.logf(levelError, "socket", "zbuff自动扩容失败, 且zbuff没有剩余空间,无法读取剩余数据")
			pushBool(l, false)
			pushInt(l, 0)
			return 2
		}
		s.m.logf(levelWarn, "socket", "zbuff自动扩容失败, 减少接收到数据长度 %d -> %d", len(data), room)
		data = data[:room]
		s.m.put(b, int64(b.used), data)
	}
	tcp := s.packets == nil
	s.took(len(data))
	pushBool(l, true)
	pushInt(l, int64(len(data)))
	if tcp {
		l.Push(glua.LNil)
		l.Push(glua.LNil)
		return 4
	}
	pushFrom(l, from)
	return 4
}

// read is rx without a buffer.
func (s *netSocket) read(l *glua.LState) int {
	data, from, ok := s.next()
	if !ok {
		return pushBool(l, false)
	}
	if limit, has := anInteger(l.Get(2)); has && limit > 0 && limit < int64(len(data)) {
		data = data[:limit]
	}
	s.m.allocate(int64(len(data)))
	text := string(data)
	tcp := s.packets == nil
	if len(data) > 0 {
		s.took(len(data))
	}
	pushBool(l, true)
	pushStr(l, text)
	if tcp || text == "" {
		return 2
	}
	pushFrom(l, from)
	return 4
}

func (s *netSocket) wait(l *glua.LState) int {
	if s.fresh {
		s.waitFor = socketEvent
		return pushBools(l, true, true)
	}
	if s.needClose || s.state != stateOnline {
		return pushBools(l, false, false)
	}
	s.waitFor = socketEvent
	return pushBools(l, true, false)
}

// listen is listen(socket, clients): without clients the socket itself becomes
// the connection.
func (s *netSocket) listen(l *glua.LState) int {
	if n, ok := anInteger(l.Get(2)); ok {
		s.clientsMax = int(max(0, min(n, clientsMax)))
	}
	if s.state == stateListen && s.stopListen != nil {
		return pushBools(l, true, false)
	}
	if s.stopListen == nil && s.busy() {
		return pushBools(l, false, false)
	}
	if s.stopListen != nil { // the last client is gone
		s.conn, s.received, s.needClose, s.fresh = nil, nil, false, false
		s.state, s.waitFor = stateListen, socketOnline
		return pushBools(l, true, false)
	}
	s.waitFor = socketOnline
	var err error
	later := !s.m.adapterReady(s.adapter)
	s.whenReady(func() {
		if err = s.listenOn(); err != nil {
			s.m.logf(levelError, "socket", "listen fail adapter %d port %d: %v", s.adapter, s.localPort, err)
			s.state = stateOffline
			if later {
				s.fire(-1)
			}
		}
	})
	return pushBools(l, err == nil, false)
}

// accept is accept(socket, callback | task name | nil).
func (s *netSocket) accept(l *glua.LState) int {
	if l.Get(2) == glua.LNil || s.clientsMax == 0 {
		if s.state != stateOnline || s.conn == nil {
			pushBool(l, false)
			l.Push(glua.LNil)
			return 2
		}
		pushBool(l, true)
		l.Push(glua.LNil)
		pushStr(l, s.remote.Addr().String())
		pushInt(l, int64(s.remote.Port()))
		return 4
	}
	if len(s.clients) == 0 {
		pushBool(l, false)
		l.Push(glua.LNil)
		return 2
	}
	c := s.clients[0]
	s.clients = s.clients[1:]
	c.quiet = false
	if task, ok := s.m.text(l.Get(2)); ok {
		c.task, c.hasTask = task, true
	} else if f, ok := l.Get(2).(*glua.LFunction); ok {
		c.callback = f
		c.letGo = s.m.hold(f)
	}
	if c.fresh || c.needClose {
		result := 0
		if c.needClose && !c.fresh {
			result = -1
		}
		c.post(socketEvent, result)
	}
	pushBool(l, true)
	l.Push(c.value)
	pushStr(l, c.remote.Addr().String())
	pushInt(l, int64(c.remote.Port()))
	return 4
}

func (s *netSocket) stateText(l *glua.LState) int {
	pushInt(l, int64(s.state))
	pushStr(l, socketStateNames[s.state])
	return 2
}

// remoteIP returns up to four addresses of the other side.
func (s *netSocket) remoteIP(l *glua.LState) int {
	for i := range 4 {
		if i < len(s.resolved) {
			pushStr(l, s.resolved[i].String())
		} else {
			l.Push(glua.LNil)
		}
	}
	return 4
}
