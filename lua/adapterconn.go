package lua

import (
	"net/netip"
	"slices"

	glua "github.com/yuin/gopher-lua"
)

// adapterConn is a TCP connection through an adapter. It waits until the
// adapter has an address, as the firmware does, and breaks when it loses it.
type adapterConn struct {
	m         *Machine
	a         *adapter
	host      string
	port      int
	tls       *TLS
	ev        ConnEvents
	proto     string // for netdrv.on
	conn      Conn
	connected bool
	over      bool
}

// dial connects through an adapter, which must be registered. proto is what
// netdrv.on calls the protocol.
func (m *Machine) dial(id int, proto, host string, port int, tls *TLS, ev ConnEvents) *adapterConn {
	a := m.net.adapters[id]
	c := &adapterConn{m: m, a: a, host: host, port: port, tls: tls, ev: ev, proto: proto}
	a.conns = append(a.conns, c)
	if m.adapterReady(id) {
		c.start()
	}
	return c
}

func (c *adapterConn) start() {
	c.report("connecting")
	c.conn = c.m.board.Net().Dial(c.host, c.port, c.tls, ConnEvents{
		Connected: func(err error) {
			if c.over {
				return
			}
			if err != nil {
				c.drop()
				c.report("error")
			} else {
				c.connected = true
				c.report("connected")
			}
			c.ev.Connected(err)
		},
		Data: func(p []byte) {
			if !c.over {
				c.ev.Data(p)
			}
		},
		Closed: func(err error) {
			if c.over {
				return
			}
			c.drop()
			if err != nil {
				c.report("error")
			} else {
				c.report("remote_close")
			}
			c.ev.Closed(err)
		},
		Sent: func(n int) {
			if !c.over && c.ev.Sent != nil {
				c.ev.Sent(n)
			}
		},
	})
}

// Send sends; bytes for a connection that is not there yet get lost.
func (c *adapterConn) Send(p []byte) {
	if c.conn != nil && !c.over {
		c.conn.Send(p)
	}
}

// Remote is the address of the other side.
func (c *adapterConn) Remote() netip.AddrPort {
	if c.conn == nil {
		return netip.AddrPort{}
	}
	return c.conn.Remote()
}

// Close ends the connection. No event comes after it.
func (c *adapterConn) Close() {
	if c.over {
		return
	}
	c.drop()
	if c.conn != nil {
		c.conn.Close()
		c.report("closed")
	}
}

func (c *adapterConn) drop() {
	c.over = true
	if i := slices.Index(c.a.conns, c); i >= 0 {
		c.a.conns = slices.Delete(c.a.conns, i, i+1)
	}
}

// report tells the function that netdrv.on has set what happened.
func (c *adapterConn) report(event string) {
	if c.a.onSocket == glua.LNil {
		return
	}
	m, remote := c.m, c.Remote()
	m.post(func(l *glua.LState) int {
		f := c.a.onSocket
		if f == glua.LNil {
			return 0
		}
		t := l.NewTable()
		if remote.IsValid() {
			t.RawSetString("remote_ip", glua.LString(remote.Addr().String()))
		}
		t.RawSetString("remote_port", glua.LNumber(c.port))
		t.RawSetString("proto", glua.LString(c.proto))
		if _, err := netip.ParseAddr(c.host); err != nil {
			t.RawSetString("domain_name", glua.LString(c.host))
		}
		m.call(l, f, 0, glua.LNumber(c.a.id), glua.LString(event), t)
		return 0
	})
}
