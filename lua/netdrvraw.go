package lua

import (
	"fmt"
	"net/netip"
	"time"

	glua "github.com/yuin/gopher-lua"

	"airlift/lua/ether"
)

// Raw frames of network chips: netdrv.send_raw and netdrv.EVT_PKG (arguments,
// results and texts as the library's own sources have them). At the other end
// of the cable is a router; what it is to pass on goes over the board's
// network if it is a UDP datagram or an echo request.
//
// The module's own connections are not made of frames here: they cannot be
// watched, intercepted (layers lwip and napt) or imitated (CH_LWIP, CH_NAPT).

// Layers.
const (
	layerHW   = 0x10
	layerLWIP = 0x20
	layerNAPT = 0x30
)

const frameDelay = time.Millisecond // to the router and back

// wire is a cable with a router at its end.
type wire struct {
	router   ether.Router
	callback glua.LValue
	letGo    func()
	sockets  map[netip.AddrPort]PacketConn // of what the router passes on
}

// wireSocketsMost bounds what the router keeps open.
const wireSocketsMost = 64

// wireOf is the cable of a chip.
func (m *Machine) wireOf(a *adapter) *wire {
	if a.chip.wire == nil {
		third := byte(10 + a.id) // as nicAddress has it
		a.chip.wire = &wire{
			router: ether.Router{
				MAC: ether.MAC{0x02, 0xA1, 0x4C, 0, 5, byte(a.id)}, Address: netip.AddrFrom4([4]byte{192, 168, third, 1}),
				Mask: netip.AddrFrom4([4]byte{255, 255, 255, 0}), Lease: netip.AddrFrom4([4]byte{192, 168, third, 100}),
			},
			callback: glua.LNil, sockets: map[netip.AddrPort]PacketConn{},
		}
	}
	return a.chip.wire
}

// netdrvOnPackets is on(adapter, EVT_PKG, function, {layer=}).
func (m *Machine) netdrvOnPackets(l *glua.LState, a *adapter) int {
	if l.Get(3) == glua.LNil {
		if a != nil && a.chip != nil && a.chip.wire != nil {
			a.chip.wire.listen(glua.LNil, nil)
		}
		return pushBool(l, true)
	}
	f, ok := l.Get(3).(*glua.LFunction)
	if !ok {
		l.Push(glua.LNil)
		return 1
	}
	if layer := m.packetLayer(l.Get(4)); layer != layerHW {
		return m.refuse(fmt.Sprintf("netdrv.on with netdrv.EVT_PKG in layer 0x%x", layer))(l)
	}
	switch {
	case a == nil:
		m.logf(levelWarn, "netdrv", "netdrv %d 无 netif, 无法注册 EVT_PKG", m.integer(l, 1))
		l.Push(glua.LNil)
		return 1
	case a.chip == nil || !a.chip.cable:
		return m.refuse("netdrv.on with netdrv.EVT_PKG of a radio")(l)
	}
	m.wireOf(a).listen(f, m.hold(f))
	return pushBool(l, true)
}

// listen sets the function that gets frames.
func (w *wire) listen(f glua.LValue, letGo func()) {
	if w.letGo != nil {
		w.letGo()
	}
	w.callback, w.letGo = f, letGo
}

// packetLayer reads opts.layer; what is not known is the default.
func (m *Machine) packetLayer(v glua.LValue) int64 {
	t, ok := v.(*glua.LTable)
	if !ok {
		return layerHW
	}
	switch v := t.RawGetString("layer").(type) {
	case *glua.LNilType:
	case glua.LString:
		if layer, ok := map[glua.LString]int64{"hw": layerHW, "lwip": layerLWIP, "napt": layerNAPT}[v]; ok {
			return layer
		}
		m.logf(levelWarn, "netdrv", "netdrv.on opts.layer 字符串非法 %s, 忽略", string(v))
	default:
		n, _ := anInteger(v)
		if n == layerHW || n == layerLWIP || n == layerNAPT {
			return n
		}
		m.logf(levelWarn, "netdrv", "netdrv.on opts.layer 数值非法 %d, 忽略", n)
	}
	return layerHW
}

// netdrvSendRaw is send_raw(adapter, layer, zbuff, length).
func (m *Machine) netdrvSendRaw(l *glua.LState) int {
	id, target := int(m.integer(l, 1)), m.integer(l, 2)
	b := m.zbuff(l, 3)
	n := max(0, min(m.optInt(l, 4, int64(b.used)), 0xFFFF))
	fail := func(why string) int {
		l.Push(glua.LNil)
		l.Push(glua.LString(why))
		return 2
	}
	if target != layerHW && target != layerLWIP && target != layerNAPT {
		m.raise("unknown send_raw target %d", target)
	}
	a := m.net.adapters[id]
	switch {
	case a == nil:
		return fail("netdrv not available")
	case target != layerHW:
		return m.refuse(fmt.Sprintf("netdrv.send_raw to layer 0x%x", target))(l)
	case a.chip == nil:
		return fail("netdrv has no dataout")
	case n == 0:
		return fail("len is 0")
	case n > int64(b.used):
		return fail("len out of range")
	}
	frame := append([]byte(nil), b.slice(0, n)...)
	if a.chip.cable && a.link {
		m.after(frameDelay, func() { m.onWire(a, frame) })
	}
	return pushInt(l, n)
}

// onWire is a frame that arrives at the router.
func (m *Machine) onWire(a *adapter, frame []byte) {
	w := m.wireOf(a)
	answer := w.router.Take(frame)
	switch {
	case answer.Reply != nil:
		m.fromWire(a, answer.Reply)
	case answer.Forward:
		m.forward(a, answer)
	default:
		m.board.Hardware(HardwareEvent{Unit: "netdrv", Action: "the router drops a frame: " + answer.Dropped})
	}
}

// fromWire is a frame that arrives at the module.
func (m *Machine) fromWire(a *adapter, frame []byte) {
	w := m.wireOf(a)
	if w.callback == glua.LNil || !a.link {
		return
	}
	m.post(func(l *glua.LState) int {
		if w.callback == glua.LNil {
			return 0
		}
		b := zbuff{data: m.newBytes(int64(len(frame)))} // nil without memory
		b.used = copy(b.data, frame)
		m.pushZbuff(l, &b)
		buffer := l.Get(-1)
		l.Pop(1)
		m.call(l, w.callback, 0, glua.LNumber(a.id), glua.LNumber(layerHW), buffer)
		return 0
	})
}

// forward is what the router passes on.
func (m *Machine) forward(a *adapter, answer ether.Answer) {
	w, k := m.wireOf(a), answer.Packet
	if echo, ok := ether.Echo(k); ok {
		m.board.Net().Ping(k.To, len(k.Data)-8, func(_ time.Duration, ttl int, err error) {
			if err == nil {
				echo.TTL = byte(ttl)
				m.fromWire(a, w.router.Frame(answer.Station, echo))
			}
		})
		return
	}
	d, ok := ether.ParseDatagram(k.Data)
	if k.Protocol != ether.UDP || !ok {
		m.board.Hardware(HardwareEvent{Unit: "netdrv", Action: fmt.Sprintf("the router passes on UDP and echo requests only, not protocol %d", k.Protocol)})
		return
	}
	from := netip.AddrPortFrom(k.From, d.From)
	c := w.sockets[from]
	if c == nil {
		if len(w.sockets) >= wireSocketsMost {
			return
		}
		var err error
		if c, err = m.board.Net().OpenUDP(0, func(server netip.AddrPort, p []byte) {
			back := ether.Datagram{From: server.Port(), To: from.Port(), Data: p}
			m.fromWire(a, w.router.Frame(answer.Station, ether.Packet{
				From: server.Addr(), To: from.Addr(), Protocol: ether.UDP, TTL: 64, Data: back.Encode(server.Addr(), from.Addr()),
			}))
		}); err != nil {
			return
		}
		w.sockets[from] = c
	}
	c.Send(netip.AddrPortFrom(k.To, d.To), d.Data)
}
