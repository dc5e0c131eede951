package lua

import (
	"time"

	glua "github.com/yuin/gopher-lua"
)

// Network adapters (luatos-runtime.md 9.7).
const (
	adapterGP    = 1
	adapterSTA   = 2
	adapterETH   = 4
	adapterCount = 19
)

// adapter is the one adapter that the module has.
func (m *Machine) adapter() int {
	switch {
	case m.fw.Mobile:
		return adapterGP
	case m.fw.Wlan:
		return adapterSTA
	}
	return adapterETH
}

// online reports whether there is an address.
func (m *Machine) online() bool { return m.board.Net() != nil && m.board.Net().Ready() }

func (m *Machine) localIP() string {
	if !m.online() {
		return "0.0.0.0"
	}
	ip, _, _ := m.board.Net().LocalIP()
	return ip
}

// networkPoll is how often the firmware looks for an address while it has
// none.
const networkPoll = 200 * time.Millisecond

// networkUp publishes IP_READY as soon as there is an address.
func (m *Machine) networkUp() {
	if !m.online() {
		m.after(networkPoll, m.networkUp)
		return
	}
	m.post(func(l *glua.LState) int {
		if f, ok := l.G.Global.RawGetString("sys_pub").(*glua.LFunction); ok {
			m.call(l, f, 0, glua.LString("IP_READY"), glua.LString(m.localIP()), glua.LNumber(m.adapter()))
		}
		return 0
	})
}

// openSocket installs the part of socket.* that says what the network is like.
func (m *Machine) openSocket() {
	if m.board.Net() == nil {
		return
	}
	dft := m.adapter()
	t := m.lib("socket",
		fn("dft", func(l *glua.LState) int {
			if l.GetTop() > 0 && l.Get(1) != glua.LNil {
				dft = int(m.integer(l, 1))
			}
			l.Push(glua.LNumber(dft))
			l.Push(glua.LNumber(dft))
			return 2
		}),
		fn("adapter", func(l *glua.LState) int {
			n := int(m.optInt(l, 1, int64(dft)))
			l.Push(glua.LBool(n == m.adapter() && m.online()))
			l.Push(glua.LNumber(n))
			return 2
		}),
		fn("localIP", func(l *glua.LState) int {
			if !m.online() {
				l.Push(glua.LNil)
				return 1
			}
			ip, mask, gw := m.board.Net().LocalIP()
			l.Push(glua.LString(ip))
			l.Push(glua.LString(mask))
			l.Push(glua.LString(gw))
			return 3
		}),
		fn("setDNS", func(l *glua.LState) int { return pushBool(l, true) }),
		fn("sslLog", func(*glua.LState) int { return 0 }),
	)
	for _, name := range []string{"create", "config", "linkup", "connect", "discon", "close", "tx", "rx", "wait",
		"release", "listen", "accept", "state", "remoteIP", "debug", "sntp", "ntptm"} {
		m.fill(t, fn(name, m.refuse("socket."+name)))
	}
	constants(t, "LWIP_GP", adapterGP, "LWIP_STA", adapterSTA, "LWIP_AP", 3, "LWIP_ETH", adapterETH, "LWIP_USER0", 7, "LWIP_USER1", 8,
		"LWIP_GP_GW", 15, "ETH0", 17, "LINK", 33554448, "ON_LINE", 33554449, "TX_OK", 33554450, "CLOSED", 33554451, "EVENT", 33554452)
	m.after(0, m.networkUp)
}
