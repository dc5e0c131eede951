package lua

import (
	"errors"
	"fmt"
	"slices"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// Network adapters (luatos-runtime.md 9.7).
const (
	adapterGP    = 1
	adapterSTA   = 2
	adapterAP    = 3
	adapterETH   = 4
	adapterGPGW  = 15
	adapterETH0  = 17
	adapterCount = 19
)

// errAdapterDown ends the connections of an adapter that has lost its address.
var errAdapterDown = errors.New("network adapter went down")

// adapter is one network interface of the module. Every adapter that has an
// address reaches the same network: which of them a connection uses only
// decides when it can start and when it breaks.
type adapter struct {
	id                int
	up                bool // has an address and can be used
	link              bool // the cable is in, or the radio is connected
	dhcp              bool
	ip, mask, gateway string // empty: those of the board's network
	mac               string // 12 hex digits, empty: derived from the module's
	dns               [2]string
	chip              *nic           // of netdrv.setup
	onSocket          glua.LValue    // of netdrv.on
	letGo             func()         // of onSocket
	conns             []*adapterConn // open, connecting or waiting for an address, oldest first
	waiting           []*linkWait
}

// networkState is what the network libraries keep for the life of a machine.
type networkState struct {
	adapters map[int]*adapter
	first    int // the adapter that the module has by itself
	last     int // the one that was registered last
	chosen   int // by socket.dft, or -1
}

// networkPoll is how often the firmware looks for an address while it has
// none.
const networkPoll = 200 * time.Millisecond

// ownAdapter is the adapter that the module has by itself.
func (m *Machine) ownAdapter() int {
	switch {
	case m.fw.Mobile:
		return adapterGP
	case m.fw.Wlan:
		return adapterSTA
	}
	return adapterETH
}

// openAdapters registers what the firmware has by itself.
func (m *Machine) openAdapters() {
	m.net = networkState{adapters: map[int]*adapter{}, first: m.ownAdapter(), chosen: -1}
	m.register(m.net.first)
	if m.fw.Wlan && !m.fw.ScanOnly {
		m.register(adapterSTA)
		if m.register(adapterAP); !m.fw.Mobile {
			m.net.last = adapterSTA // as Air8101 has it
		}
	}
	if _, known := m.radioUp(m.net.first); !known {
		a := m.net.adapters[m.net.first]
		a.up = m.board.Net().Ready()
		m.after(0, m.networkUp)
	}
}

// register makes an adapter known.
func (m *Machine) register(id int) *adapter {
	a := m.net.adapters[id]
	if a == nil {
		a = &adapter{id: id, dhcp: true, onSocket: glua.LNil}
		switch {
		case id == adapterAP:
			a.ip, a.mask, a.gateway = "192.168.4.1", "255.255.255.0", "192.168.4.1"
		case id != m.net.first:
			// One private network for each, so that they can be told apart.
			a.ip, a.mask, a.gateway = fmt.Sprintf("192.168.%d.100", 10+id), "255.255.255.0", fmt.Sprintf("192.168.%d.1", 10+id)
		}
		m.net.adapters[id] = a
	}
	m.net.last = id
	return a
}

// defaultAdapter is what functions use that are not told.
func (m *Machine) defaultAdapter() int {
	if m.net.chosen >= 0 {
		return m.net.chosen
	}
	return m.net.first
}

// adapterReady reports whether an adapter has an address.
func (m *Machine) adapterReady(id int) bool {
	a := m.net.adapters[id]
	return a != nil && a.up && m.board.Net() != nil && m.board.Net().Ready()
}

// online reports whether the module's own adapter has an address.
func (m *Machine) online() bool { return m.board.Net() != nil && m.adapterReady(m.net.first) }

// adapterAddress returns an adapter's address, mask and gateway; ok is false if it
// has none.
func (m *Machine) adapterAddress(id int) (ip, mask, gateway string, ok bool) {
	a := m.net.adapters[id]
	if a == nil || !m.adapterReady(id) {
		return "0.0.0.0", "0.0.0.0", "0.0.0.0", false
	}
	if a.ip == "" {
		ip, mask, gateway = m.board.Net().LocalIP()
		return ip, mask, gateway, true
	}
	return a.ip, a.mask, a.gateway, true
}

func (m *Machine) localIP() string {
	ip, _, _, _ := m.adapterAddress(m.net.first)
	return ip
}

// networkUp brings the module's own adapter up as soon as there is an address,
// where no radio decides that.
func (m *Machine) networkUp() {
	if n := m.board.Net(); n == nil || m.net.adapters == nil {
		return
	} else if !n.Ready() {
		m.after(networkPoll, m.networkUp)
		return
	}
	m.linkChanged(m.net.first, true)
}

// linkChanged is called when an adapter has got an address, or has lost it:
// scripts hear IP_READY or IP_LOSE, connections start or break.
func (m *Machine) linkChanged(id int, up bool) {
	if m.board.Net() == nil {
		return
	}
	a := m.net.adapters[id]
	if a == nil {
		return // Wi-Fi that only scans
	}
	was := a.up
	a.up, a.link = up, up
	if !up {
		if was {
			m.publishLater("IP_LOSE", glua.LNumber(id))
			a.breakAll()
			for _, s := range slices.Clone(m.sockets) {
				if s.adapter == id && s.packets != nil {
					s.lost()
				}
			}
		}
		return
	}
	ip, _, _, _ := m.adapterAddress(id)
	m.publishLater("IP_READY", glua.LString(ip), glua.LNumber(id))
	if !was {
		a.startAll(m)
	}
}

// publishLater sends a message to the scripts, as the firmware does: through
// the queue and the script's own sys_pub.
func (m *Machine) publishLater(topic string, args ...glua.LValue) {
	m.post(func(l *glua.LState) int {
		m.publish(l, append([]glua.LValue{glua.LString(topic)}, args...)...)
		return 0
	})
}

// publish calls the script's sys_pub.
func (m *Machine) publish(l *glua.LState, args ...glua.LValue) {
	if f, ok := m.vm.Globals().RawGetString("sys_pub").(*glua.LFunction); ok {
		m.call(l, f, 0, args...)
	}
}

// linkWait is somebody who wants to know when an adapter comes up.
type linkWait struct{ fn func() }

// whenReady calls fn when the adapter comes up next.
func (a *adapter) whenReady(fn func()) (cancel func()) {
	w := &linkWait{fn}
	a.waiting = append(a.waiting, w)
	return func() { a.waiting = slices.DeleteFunc(a.waiting, func(o *linkWait) bool { return o == w }) }
}

func (a *adapter) startAll(m *Machine) {
	waiting := a.waiting
	a.waiting = nil
	for _, w := range waiting {
		w.fn()
	}
	for _, c := range slices.Clone(a.conns) {
		if c.conn == nil && !c.over {
			c.start()
		}
	}
}

func (a *adapter) breakAll() {
	for _, c := range slices.Clone(a.conns) {
		if c.conn == nil || c.over {
			continue
		}
		connected := c.connected
		c.Close()
		if connected {
			c.ev.Closed(errAdapterDown)
		} else {
			c.ev.Connected(errAdapterDown)
		}
	}
}
