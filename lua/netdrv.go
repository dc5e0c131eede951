package lua

import (
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"
	"strings"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// Network chips that netdrv.setup takes (luat_netdrv_drv.h).
const (
	netdrvCH390   = 1
	netdrvUART    = 2
	netdrvWhale   = 3
	netdrvWG      = 4
	netdrvOpenVPN = 5
)

const (
	netdrvReset  = 0
	netdrvUpDown = 1

	netdrvEventOff     = 0
	netdrvEventSocket  = 1
	netdrvEventPackets = 2
)

// How long it takes from setup to the link, and from there to an address by
// DHCP: assumptions.
const (
	cableTime = 1500 * time.Millisecond
	dhcpTime  = 500 * time.Millisecond
)

// openNetdrv installs netdrv.*: adapters of network chips that the scene has.
// Nobody is behind the module, so what it does for others is only recorded.
func (m *Machine) openNetdrv() {
	if m.board.Net() == nil {
		return
	}
	record := func(name string) entryFn {
		return fn(name, func(l *glua.LState) int {
			m.hardware(l, "netdrv", name)
			return pushBool(l, true)
		})
	}
	t := m.lib("netdrv",
		fn("setup", m.netdrvSetup), fn("dhcp", m.netdrvDHCP), fn("mac", m.netdrvMAC), fn("ipv4", m.netdrvIPv4), fn("napt", m.netdrvNAPT),
		fn("link", m.netdrvLink), fn("ready", m.netdrvReady), fn("ctrl", m.netdrvCtrl),
		fn("debug", func(*glua.LState) int { return 0 }), fn("on", m.netdrvOn),
		fn("send_raw", m.netdrvSendRaw), record("mreport"), fn("ping", m.icmpPing))
	constants(t, "CH390", netdrvCH390, "UART", netdrvUART, "WHALE", netdrvWhale, "WG", netdrvWG, "OPENVPN", netdrvOpenVPN,
		"CTRL_RESET", netdrvReset, "CTRL_UPDOWN", netdrvUpDown, "RESET_HARD", 0x101, "RESET_SOFT", 0x102,
		"EVT_SOCKET", netdrvEventSocket, "EVT_PKG", netdrvEventPackets, "CH_HW", 0x10, "CH_LWIP", 0x20, "CH_NAPT", 0x30)
}

// nic is a network chip outside the module.
type nic struct {
	cable   bool   // somebody is at the other end
	on      bool   // switched on
	address bool   // has an address: by DHCP, or set
	cancel  func() // of the next step
	wire    *wire  // of raw frames, once there are any
}

// hasInterface reports whether the scene has a network chip.
func (m *Machine) hasInterface(name string) bool {
	s := m.board.Scene()
	return s == nil || slices.Contains(s.Interfaces(), name)
}

// netdrvSetup is setup(adapter, chip, options).
func (m *Machine) netdrvSetup(l *glua.LState) int {
	id := int(m.integer(l, 1))
	if id <= 0 || id >= adapterCount {
		return pushBool(l, false)
	}
	impl := m.optInt(l, 2, 0)
	m.hardware(l, "netdrv", "setup")
	switch impl {
	case netdrvWG, netdrvOpenVPN:
		name := map[int64]string{netdrvWG: "WireGuard", netdrvOpenVPN: "OpenVPN"}[impl]
		return m.refuse("netdrv.setup with " + name)(l)
	case netdrvCH390:
		if !m.hasInterface("ch390") {
			m.logf(levelError, "netdrv", "ch390h not found, adapter %d", id)
			return pushBool(l, false)
		}
	}
	a := m.net.adapters[id]
	if a != nil && a.chip != nil {
		return pushBool(l, true) // a second setup changes nothing
	}
	if a != nil && (impl == 0 || m.isRadio(id)) {
		return pushBool(l, true)
	}
	a = m.register(id)
	a.dhcp, a.ip, a.mask, a.gateway = false, "", "", ""
	// Whale and UART lead to another module, which is not there.
	a.chip = &nic{cable: impl == netdrvCH390 || impl == 0}
	m.switchNic(a, true)
	return pushBool(l, true)
}

// isRadio reports whether an adapter belongs to a radio of the module.
func (m *Machine) isRadio(id int) bool {
	_, known := m.radioUp(id)
	return known
}

// switchNic switches a chip on or off.
func (m *Machine) switchNic(a *adapter, on bool) {
	c := a.chip
	c.on = on
	m.nicNext(a, 0, nil)
	if !on {
		a.link = false
		if a.up {
			m.linkChanged(a.id, false)
		}
		return
	}
	if c.cable {
		m.nicNext(a, cableTime, func() {
			a.link = true
			m.nicAddress(a)
		})
	}
}

// nicNext plans the next step of a chip instead of what was planned.
func (m *Machine) nicNext(a *adapter, after time.Duration, fn func()) {
	if a.chip.cancel != nil {
		a.chip.cancel()
		a.chip.cancel = nil
	}
	if fn != nil {
		a.chip.cancel = m.after(after, func() {
			a.chip.cancel = nil
			fn()
		})
	}
}

// nicAddress brings a chip's adapter up when it has link and address.
func (m *Machine) nicAddress(a *adapter) {
	c := a.chip
	switch {
	case !a.link || a.up:
	case c.address:
		m.linkChanged(a.id, true)
	case a.dhcp:
		m.nicNext(a, dhcpTime, func() {
			n := 10 + a.id
			a.ip, a.mask, a.gateway = fmt.Sprintf("192.168.%d.100", n), "255.255.255.0", fmt.Sprintf("192.168.%d.1", n)
			c.address = true
			m.linkChanged(a.id, true)
		})
	}
}

// netdrvDHCP is dhcp(adapter, on, host name).
func (m *Machine) netdrvDHCP(l *glua.LState) int {
	const nameMax = 31
	a := m.net.adapters[int(m.integer(l, 1))]
	on := glua.LVAsBool(l.Get(2))
	if name, ok := m.text(l.Get(3)); a == nil || ok && len(name) > nameMax {
		return pushBool(l, false)
	}
	if a.id == adapterGP {
		m.logf(levelWarn, "netdrv", "该netdrv不支持设置dhcp开关")
		return pushBool(l, false)
	}
	a.dhcp = on
	if a.chip != nil && on {
		m.nicAddress(a)
	}
	return pushBool(l, true)
}

// mac is an adapter's address: the module's, with a different end for each.
func (m *Machine) macOf(a *adapter) []byte {
	if a.mac == "" {
		a.mac = m.board.Identity().MAC
		if len(a.mac) != 12 || m.net.first != a.id {
			h := fnv.New64a()
			fmt.Fprintf(h, "%s %s %d", m.board.Identity().MAC, m.board.Identity().MUID, a.id)
			a.mac = fmt.Sprintf("C8%010X", h.Sum64()&0xFFFFFFFFFF)
		}
	}
	b, err := hex.DecodeString(a.mac)
	if err != nil {
		return make([]byte, 6)
	}
	return b
}

// netdrvMAC is mac(adapter, new address, as hex digits).
func (m *Machine) netdrvMAC(l *glua.LState) int {
	a := m.net.adapters[int(m.integer(l, 1))]
	now := make([]byte, 6)
	if a != nil {
		now = m.macOf(a)
	}
	if s, ok := l.Get(2).(glua.LString); ok {
		if len(s) != 6 {
			return 0
		}
		if a != nil {
			a.mac = strings.ToUpper(hex.EncodeToString([]byte(s)))
		}
	}
	if l.Get(3) == glua.LFalse {
		return pushStr(l, string(now))
	}
	return pushStr(l, strings.ToUpper(hex.EncodeToString(now)))
}

// netdrvIPv4 is ipv4(adapter, address, mask, gateway): sets them if they are
// given, and returns them.
func (m *Machine) netdrvIPv4(l *glua.LState) int {
	id := int(m.integer(l, 1))
	a := m.net.adapters[id]
	if a == nil {
		m.logf(levelWarn, "netdrv", "对应的netdrv不存在或未就绪 %d", id)
		return 0
	}
	if id == adapterGP && !m.adapterReady(id) {
		for range 3 {
			pushStr(l, "")
		}
		return 3
	}
	ip, hasIP := m.text(l.Get(2))
	mask, hasMask := m.text(l.Get(3))
	gateway, hasGateway := m.text(l.Get(4))
	if hasIP && hasMask && hasGateway {
		for _, s := range []string{ip, mask, gateway} {
			if x, err := netip.ParseAddr(s); err != nil || !x.Is4() {
				m.logf(levelWarn, "netdrv", "非法IP[%d] %s", id, s)
				return 0
			}
		}
		m.setAddress(a, ip, mask, gateway)
	}
	ip, mask, gateway = a.ip, a.mask, a.gateway
	if ip == "" {
		ip, mask, gateway, _ = m.adapterAddress(id)
	} else if a.chip == nil && id != adapterAP && !m.adapterReady(id) {
		ip, mask, gateway = "0.0.0.0", "0.0.0.0", "0.0.0.0"
	}
	pushStr(l, ip)
	pushStr(l, mask)
	pushStr(l, gateway)
	return 3
}

// setAddress gives an adapter an address; DHCP ends.
func (m *Machine) setAddress(a *adapter, ip, mask, gateway string) {
	a.dhcp = false
	a.ip, a.mask, a.gateway = ip, mask, gateway
	m.logf(levelInfo, "netdrv", "设置IP[%d] %s %s %s ret %d", a.id, ip, mask, gateway, 0)
	if a.chip == nil {
		return
	}
	a.chip.address = ip != "0.0.0.0"
	if !a.chip.address && a.up {
		m.linkChanged(a.id, false)
		a.link = true
		return
	}
	m.nicAddress(a)
}

// netdrvNAPT is napt(adapter to the internet); below 0 switches it off.
func (m *Machine) netdrvNAPT(l *glua.LState) int {
	id := int(m.optInt(l, 1, -1))
	m.hardware(l, "netdrv", "napt")
	if id >= 0 && m.net.adapters[id] == nil {
		m.logf(levelError, "netdrv", "对应的网关netdrv不存在或未就绪 %d", id)
		return 0
	}
	return pushBool(l, true)
}

func (m *Machine) netdrvLink(l *glua.LState) int {
	a := m.net.adapters[int(m.integer(l, 1))]
	if a == nil {
		return 0
	}
	if a.chip == nil {
		return pushBool(l, m.adapterReady(a.id))
	}
	return pushBool(l, a.link)
}

// netdrvReady is ready(adapter); below 0 it returns whether any is, and a bit
// for each.
func (m *Machine) netdrvReady(l *glua.LState) int {
	id := int(m.integer(l, 1))
	if id >= 0 {
		return pushBool(l, m.adapterReady(id))
	}
	var all int64
	for i := range adapterCount {
		if m.adapterReady(i) {
			all |= 1 << i
		}
	}
	pushBool(l, all > 0)
	pushInt(l, all)
	return 2
}

// netdrvCtrl is ctrl(adapter, command, argument).
func (m *Machine) netdrvCtrl(l *glua.LState) int {
	id, command, arg := int(m.integer(l, 1)), m.integer(l, 2), m.integer(l, 3)
	a := m.net.adapters[id]
	if a == nil || a.chip == nil {
		m.logf(levelWarn, "netdrv", "netdrv %d not support ctrl", id)
		return 0
	}
	result := int64(0)
	switch command {
	case netdrvReset:
		m.switchNic(a, false)
		m.switchNic(a, true)
	case netdrvUpDown:
		if on := arg != 0; on != a.chip.on {
			m.switchNic(a, on)
		}
	default:
		result = -1
	}
	pushBool(l, result == 0)
	pushInt(l, result)
	return 2
}

// netdrvOn is on(adapter, kind of event, function).
func (m *Machine) netdrvOn(l *glua.LState) int {
	a := m.net.adapters[int(m.integer(l, 1))]
	kind := m.integer(l, 2)
	f, isFunc := l.Get(3).(*glua.LFunction)
	switch {
	case kind == netdrvEventPackets:
		return m.netdrvOnPackets(l, a)
	case a == nil:
		return 0
	case kind == netdrvEventOff:
		a.watch(glua.LNil, func() {})
	case kind == netdrvEventSocket && isFunc:
		a.watch(f, m.hold(f))
	default:
		m.logf(levelWarn, "netdrv", "not support event type %d", kind)
		return 0
	}
	return pushBool(l, true)
}

// watch sets the function that hears of the adapter's connections.
func (a *adapter) watch(f glua.LValue, release func()) {
	if a.letGo != nil {
		a.letGo()
	}
	a.onSocket, a.letGo = f, release
}
