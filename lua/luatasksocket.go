package lua

import (
	"net/netip"

	glua "github.com/yuin/gopher-lua"
)

// The library socketcore of LuaTask: sockets by number; what happens comes as
// messages of rtos.receive.
//
// Assumed: a look-up of a name holds the scripts up, since sock_conn_ext
// answers -2 when it fails; data counts as sent when the core has taken it.

const taskSocketsMax = 8

// Types of sockets.
const (
	sockTCP = 0
	sockUDP = 1
	sockTLS = 2
)

const (
	sockFailed  = -1
	sockNoName  = -2
	sockRecvMax = 1 << 20 // bytes that wait to be read, then the connection breaks
)

type taskSocket struct {
	index   int
	conn    Conn
	packets PacketConn
	remote  netip.AddrPort // of UDP
	rx      []byte
	open    bool
}

func (m *Machine) openSocketCore() {
	m.lib("socketcore",
		fn("sock_conn", func(l *glua.LState) int {
			if id := m.sockConnect(l); id >= 0 {
				return pushInt(l, int64(id))
			}
			l.Push(glua.LNil)
			return 1
		}),
		fn("sock_conn_ext", func(l *glua.LState) int { return pushInt(l, int64(m.sockConnect(l))) }),
		fn("sock_send", m.sockSend),
		fn("sock_recv", m.sockRecv),
		fn("sock_close", m.sockClose),
		fn("sock_destroy", func(l *glua.LState) int {
			if s := m.sock(l); s != nil {
				s.end()
				m.task.sockets[s.index] = nil
			}
			return pushInt(l, 0)
		}),
	)
}

// sock is the socket in the first argument, nil if there is none.
func (m *Machine) sock(l *glua.LState) *taskSocket {
	if i := m.integer(l, 1); i >= 0 && i < taskSocketsMax {
		return m.task.sockets[i]
	}
	return nil
}

func (s *taskSocket) end() {
	if s.conn != nil {
		s.conn.Close()
	}
	if s.packets != nil {
		s.packets.Close()
	}
	s.conn, s.packets, s.open = nil, nil, false
}

// sockConnect is sock_conn(type, host, port, certificates); it returns the
// socket's number.
func (m *Machine) sockConnect(l *glua.LState) int {
	kind, host, port := m.integer(l, 1), m.str(l, 2), m.integer(l, 3)
	index := -1
	for i := range m.task.sockets {
		if m.task.sockets[i] == nil {
			index = i
			break
		}
	}
	n := m.board.Net()
	if index < 0 || n == nil || !n.Ready() || !m.task.modem.Registered() || port < 1 || port > 65535 || kind < sockTCP || kind > sockTLS {
		return sockFailed
	}
	ip, ok := m.sockResolve(n, host)
	if !ok {
		return sockNoName
	}
	s := &taskSocket{index: index}
	m.task.sockets[index] = s
	if kind == sockUDP {
		m.sockUDP(s, n, netip.AddrPortFrom(ip, uint16(port)))
		return index
	}
	var tls *TLS
	if kind == sockTLS {
		tls = m.sockTLS(l, host)
	}
	s.conn = n.Dial(host, int(port), tls, ConnEvents{
		Connected: func(err error) {
			s.open = err == nil
			m.postSocket(s, taskSockConn, err != nil)
		},
		Data: func(p []byte) {
			if len(s.rx)+len(p) > sockRecvMax {
				s.end()
				m.postSocket(s, taskSockLost, true)
				return
			}
			m.sockData(s, p)
		},
		Closed: func(error) {
			s.end()
			m.postSocket(s, taskSockLost, false)
		},
	})
	return index
}

// sockResolve looks a name up while the scripts wait.
func (m *Machine) sockResolve(n Net, host string) (ip netip.Addr, ok bool) {
	done := false
	n.Resolve(host, func(ips []netip.Addr, err error) {
		done = true
		if err == nil && len(ips) > 0 {
			ip, ok = ips[0], true
		}
	})
	for !done {
		m.step()
	}
	return ip, ok
}

func (m *Machine) sockTLS(l *glua.LState, host string) *TLS {
	c := &TLS{ServerName: host}
	t, ok := l.Get(4).(*glua.LTable)
	if !ok {
		return c
	}
	for _, f := range []struct {
		name string
		to   *string
	}{{"hostName", &c.ServerName}, {"caCert", &c.CACert}, {"clientCert", &c.ClientCert}, {"clientKey", &c.ClientKey}} {
		if s, ok := m.text(t.RawGetString(f.name)); ok {
			*f.to = s
		}
	}
	return c
}

func (m *Machine) sockUDP(s *taskSocket, n Net, to netip.AddrPort) {
	p, err := n.OpenUDP(0, func(_ netip.AddrPort, p []byte) {
		if len(s.rx)+len(p) <= sockRecvMax {
			m.sockData(s, p)
		}
	})
	s.packets, s.remote, s.open = p, to, err == nil
	m.postSocket(s, taskSockConn, err != nil)
}

func (m *Machine) sockData(s *taskSocket, p []byte) {
	s.rx = append(s.rx, p...)
	m.postTable("id", taskSockRecv, "socket_index", s.index, "recv_len", len(p))
}

// postSocket posts what became of a socket.
func (m *Machine) postSocket(s *taskSocket, id int, failed bool) {
	result := 0
	if failed {
		result = 1
	}
	m.postTable("id", id, "socket_index", s.index, "result", result)
}

func (m *Machine) sockSend(l *glua.LState) int {
	s, p := m.sock(l), []byte(m.str(l, 2))
	if s == nil {
		return pushInt(l, sockFailed)
	}
	m.charge(len(p) / 16)
	ok := s.open
	switch {
	case !ok:
	case s.packets != nil:
		s.packets.Send(s.remote, p)
	default:
		s.conn.Send(p)
	}
	m.checkPower()
	m.postSocket(s, taskSockSend, !ok)
	return pushInt(l, 0)
}

// sockRecv is sock_recv(socket, bytes).
func (m *Machine) sockRecv(l *glua.LState) int {
	s, n := m.sock(l), m.integer(l, 2)
	if s == nil || n <= 0 {
		return pushStr(l, "")
	}
	n = min(n, int64(len(s.rx)))
	m.allocate(n)
	out := string(s.rx[:n])
	s.rx = s.rx[n:]
	return pushStr(l, out)
}

func (m *Machine) sockClose(l *glua.LState) int {
	s := m.sock(l)
	if s == nil {
		return pushInt(l, sockFailed)
	}
	s.end()
	m.postSocket(s, taskSockClose, false)
	return pushInt(l, 0)
}
