package lua

import (
	"net/netip"

	glua "github.com/yuin/gopher-lua"
)

// Events of sockets (luatos-runtime.md 9.7): an event says which wait ended.
const (
	socketLink   = 33554448
	socketOnline = 33554449
	socketTxOK   = 33554450
	socketClosed = 33554451
	socketEvent  = 33554452
)

// openSocket installs socket.* (luatos-runtime.md 9.7; where it is silent,
// luat_lib_socket.c and luat_network_adapter.c say what events come when).
func (m *Machine) openSocket() {
	if m.board.Net() == nil {
		return
	}
	m.rxCache = rxCacheDefault
	m.openAdapters()
	meta := m.l.NewTable()
	meta.RawSetString("__name", glua.LString(socketName))
	m.hold(meta)
	m.socketMeta = meta
	t := m.lib("socket",
		fn("create", m.socketCreate),
		fn("debug", func(*glua.LState) int { return 0 }),
		fn("config", m.ofSocket((*netSocket).config)),
		fn("linkup", m.ofSocket((*netSocket).linkup)),
		fn("connect", m.ofSocket((*netSocket).connect)),
		fn("listen", m.ofSocket((*netSocket).listen)),
		fn("accept", m.ofSocket((*netSocket).accept)),
		fn("discon", m.ofSocket((*netSocket).disconnect)),
		fn("close", m.ofSocket((*netSocket).forceClose)),
		fn("tx", m.ofSocket((*netSocket).tx)),
		fn("rx", m.ofSocket((*netSocket).rx)),
		fn("read", m.ofSocket((*netSocket).read)),
		fn("wait", m.ofSocket((*netSocket).wait)),
		fn("state", m.ofSocket((*netSocket).stateText)),
		fn("release", m.ofSocket((*netSocket).release)),
		fn("setDNS", m.socketSetDNS),
		fn("sslLog", func(*glua.LState) int { return 0 }),
		fn("localIP", m.socketLocalIP),
		fn("remoteIP", m.ofSocket((*netSocket).remoteIP)),
		fn("adapter", m.socketAdapter),
		fn("dft", m.socketDefault),
		fn("close_all", m.socketCloseAll),
		fn("rx_cache", m.socketRxCache),
	)
	m.openSntp(t)
	constants(t, "ETH0", adapterETH0, "LWIP_ETH", adapterETH, "LWIP_STA", adapterSTA, "LWIP_AP", adapterAP, "LWIP_GP", adapterGP,
		"LINK", socketLink, "ON_LINE", socketOnline, "EVENT", socketEvent, "TX_OK", socketTxOK, "CLOSED", socketClosed,
		"LWIP_SPI", 5, "LWIP_USER0", 7, "LWIP_USER1", 8, "LWIP_USER2", 9, "LWIP_USER3", 10,
		"LWIP_USER4", 11, "LWIP_USER5", 12, "LWIP_USER6", 13, "LWIP_USER7", 14, "LWIP_GP_GW", adapterGPGW, "LWIP_USB", 16)
}

// rxCacheDefault is how many blocks lwIP has for what was received, an
// assumption for modules that are not short of memory.
const rxCacheDefault = 32

// socketName is what the userdata of a socket is called.
const socketName = "NWCTRL*"

// ofSocket makes a library function of a method: a released socket does
// nothing and returns nothing.
func (m *Machine) ofSocket(f func(*netSocket, *glua.LState) int) glua.LGFunction {
	return func(l *glua.LState) int {
		if ud, ok := l.Get(1).(*glua.LUserData); ok {
			if s, ok := ud.Value.(*netSocket); ok && !s.released {
				return f(s, l)
			}
		}
		return 0
	}
}

// adapterArg reads an adapter's number; ok is false for one that cannot be.
func (m *Machine) adapterArg(l *glua.LState, n int) (id int, ok bool) {
	i := m.optInt(l, n, int64(m.defaultAdapter()))
	return int(i), i >= 0 && i < adapterCount
}

// socketCreate is create(adapter, callback | task name).
func (m *Machine) socketCreate(l *glua.LState) int {
	id, ok := m.adapterArg(l, 1)
	if !ok {
		l.Push(glua.LNil)
		return 1
	}
	if m.net.adapters[id] == nil || !m.roomForSocket() {
		m.logf(levelDebug, "socket", "create fail")
		l.Push(glua.LNil)
		return 1
	}
	l.Push(m.newSocket(l, id, l.Get(2)).value)
	return 1
}

// newSocket makes a socket whose events go to a function or a named task.
func (m *Machine) newSocket(l *glua.LState, id int, to glua.LValue) *netSocket {
	s := &netSocket{m: m, adapter: id, callback: glua.LNil, state: stateLinkOff}
	if _, isFunc := to.(*glua.LFunction); isFunc {
		s.callback = to
	} else if task, ok := m.text(to); ok {
		s.task, s.hasTask = task, true
	}
	ud := l.NewUserData()
	ud.Value, ud.Metatable = s, m.socketMeta
	s.value = ud
	s.letGo = m.hold(s.callback)
	m.sockets = append(m.sockets, s)
	return s
}

// socketsMax is how many sockets there can be. Real ports have room for 8 to
// 64; those that the scripts have lost count until they are found.
const socketsMax = 64

// roomForSocket reports whether another socket fits, after releasing those
// that no script can reach any more, as the collector does on a module.
func (m *Machine) roomForSocket() bool {
	if len(m.sockets) < socketsMax {
		return true
	}
	reachable := map[*netSocket]bool{}
	m.charge(m.vm.EachUserData(func(ud *glua.LUserData) {
		if s, ok := ud.Value.(*netSocket); ok {
			reachable[s] = true
		}
	}))
	for _, s := range append([]*netSocket(nil), m.sockets...) {
		if !reachable[s] {
			s.free()
		}
	}
	return len(m.sockets) < socketsMax
}

func (m *Machine) socketDefault(l *glua.LState) int {
	if n, ok := anInteger(l.Get(1)); ok && uint8(n) < adapterCount {
		m.net.chosen = int(uint8(n))
	}
	pushInt(l, int64(m.defaultAdapter()))
	pushInt(l, int64(m.net.last))
	return 2
}

// socketAdapter reports whether an adapter is ready, or which is.
func (m *Machine) socketAdapter(l *glua.LState) int {
	id := m.optInt(l, 1, -1)
	if id <= 0 || id >= adapterCount {
		id = adapterCount - 1
		for i := adapterGP; i < adapterCount; i++ {
			if m.adapterReady(i) {
				id = int64(i)
				break
			}
		}
	}
	pushBool(l, m.adapterReady(int(id)))
	pushInt(l, id)
	return 2
}

func (m *Machine) socketLocalIP(l *glua.LState) int {
	id, ok := m.adapterArg(l, 1)
	if !ok {
		return 0
	}
	ip, mask, gateway, ok := m.adapterAddress(id)
	if !ok {
		l.Push(glua.LNil)
		return 1
	}
	pushStr(l, ip)
	pushStr(l, mask)
	pushStr(l, gateway)
	return 3
}

// socketSetDNS notes a name server. Which one is asked makes no difference
// here.
func (m *Machine) socketSetDNS(l *glua.LState) int {
	id, ok := m.adapterArg(l, 1)
	if !ok || m.net.adapters[id] == nil {
		return pushBool(l, false)
	}
	index := m.optInt(l, 2, 1)
	server := m.hostArg(l, 3)
	if a := m.net.adapters[id]; index == 1 || index == 2 {
		a.dns[index-1] = server
	}
	return pushBool(l, true)
}

// hostArg is a host: a name, an address, or an address as a number in network
// order.
func (m *Machine) hostArg(l *glua.LState, n int) string {
	if i, ok := anInteger(l.Get(n)); ok {
		return netip.AddrFrom4([4]byte{byte(i), byte(i >> 8), byte(i >> 16), byte(i >> 24)}).String()
	}
	return m.str(l, n)
}

// socketCloseAll ends all connections of an adapter.
func (m *Machine) socketCloseAll(l *glua.LState) int {
	n, ok := anInteger(l.Get(1))
	if !ok || uint8(n) >= adapterCount {
		return pushBool(l, false)
	}
	if a := m.net.adapters[int(uint8(n))]; a != nil {
		a.breakAll()
	}
	return pushBool(l, true)
}

func (m *Machine) socketRxCache(l *glua.LState) int {
	if n, ok := anInteger(l.Get(1)); ok && uint8(n) >= 6 && uint8(n) <= 48 {
		m.rxCache = int64(uint8(n))
	}
	return pushInt(l, m.rxCache)
}
