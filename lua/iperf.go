package lua

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// Facts of the firmware's iperf2 (luat_lib_iperf.c, luat_lwiperf.c).
const (
	iperfPort          = 5001
	iperfSettingsBytes = 24
	iperfAgainBytes    = 128 << 10 // the settings may come again every so many bytes
	iperfIdle          = 10 * time.Second
	iperfClientAmount  = -6000 // what the client asks for, in -10 ms: a minute

	// Flags of the settings: the server is to send back, and when.
	iperfAnswer    = 0x80000000
	iperfAnswerNow = 0x00000001
)

// Assumptions: what the firmware's TCP has on the way at most, and how fast the
// module itself can be where the link has no limit.
const (
	iperfWindowBytes = 8 * 1460
	iperfModuleBps   = 100_000_000
)

// How a test ended; the log shows the number.
const (
	iperfDoneServer = iota
	iperfDoneClient
	iperfAbortedLocal
	iperfAbortedData
	_
	iperfAbortedRemote
)

// iperfSettings is the head of a test, big-endian words.
type iperfSettings struct {
	Flags, Threads, RemotePort, BufferLen, Window uint32
	Amount                                        int32 // bytes, or negative: units of 10 ms
}

// parseIperfSettings reads the first 24 bytes of p, which must be there.
func parseIperfSettings(p []byte) iperfSettings {
	word := func(i int) uint32 { return binary.BigEndian.Uint32(p[4*i:]) }
	return iperfSettings{word(0), word(1), word(2), word(3), word(4), int32(word(5))}
}

func (s iperfSettings) bytes() []byte {
	var b []byte
	for _, w := range []uint32{s.Flags, s.Threads, s.RemotePort, s.BufferLen, s.Window, uint32(s.Amount)} {
		b = binary.BigEndian.AppendUint32(b, w)
	}
	return b
}

// iperfServer is the server of the scripts.
type iperfServer struct {
	adapter int
	stop    func()
	tests   []*iperfTest // that clients began
}

// iperfTest is one connection, as client or as server.
type iperfTest struct {
	m    *Machine
	kind int // how it ends well
	conn interface {
		Send([]byte)
		Close()
	}
	remote   func() netip.AddrPort
	server   *iperfServer // whose client began the test, or nil
	settings iperfSettings
	known    bool // settings were received
	started  time.Duration
	bytes    uint32
	over     bool
	heard    time.Duration // when something arrived last

	flying    int           // bytes of a client that have not arrived
	busyUntil time.Duration // the module puts the last ones on the line
	waiting   bool          // for busyUntil
}

// openIperf installs iperf.*: the speed of TCP over the link model. As in the
// firmware only the server counts as started: abort does not end a client, and
// a second client may run beside the first. What the firmware does with the
// port after abort is not known (it frees what the port still uses): here the
// port is free again.
func (m *Machine) openIperf() {
	if m.board.Net() == nil {
		return
	}
	m.lib("iperf",
		fn("server", m.iperfListen), fn("client", m.iperfConnect),
		fn("abort", func(l *glua.LState) int {
			s := m.iperf
			if s == nil {
				return 0
			}
			m.iperf = nil
			s.stop()
			for _, t := range slices.Clone(s.tests) {
				t.drop()
			}
			return pushBool(l, true)
		}))
}

// iperfAdapter returns the address of an adapter that can be tested.
func (m *Machine) iperfAdapter(id int) (ip string, ok bool) {
	switch {
	case id >= adapterETH0:
		m.logf(levelError, "iperf", "非法的网络适配器索引号 %d", id)
	case m.net.adapters[id] == nil:
		m.logf(levelError, "iperf", "该网络(%d)不支持iperf, 无法启动", id)
	case !m.adapterReady(id):
		m.logf(levelError, "iperf", "该网络(%d)还没就绪, 无法启动", id)
	default:
		ip, _, _, _ = m.adapterAddress(id)
		return ip, true
	}
	return "", false
}

func (m *Machine) iperfStarted() bool {
	if m.iperf != nil {
		m.logf(levelError, "iperf", "已经启动了server或者client,要先关掉才能启动新的")
	}
	return m.iperf != nil
}

// iperfListen is server(adapter, port).
func (m *Machine) iperfListen(l *glua.LState) int {
	if m.iperfStarted() {
		return 0
	}
	id, port := int(uint8(m.integer(l, 1))), int(uint16(m.optInt(l, 2, iperfPort)))
	ip, ok := m.iperfAdapter(id)
	if !ok {
		return 0
	}
	s := &iperfServer{adapter: id}
	stop, err := m.board.Net().Listen(port, func(c Conn) ConnEvents {
		t := &iperfTest{m: m, kind: iperfDoneServer, conn: c, remote: c.Remote, server: s, started: m.board.Now(), heard: m.board.Now()}
		s.tests = append(s.tests, t)
		t.watch()
		return ConnEvents{Data: t.received, Closed: t.closed}
	})
	if err != nil {
		m.logf(levelWarn, "iperf", "port %d: %v", port, err)
		return pushBool(l, true) // the firmware starts it later, and has said so by then
	}
	s.stop, m.iperf = stop, s
	m.logf(levelDebug, "iperf", "server listen %s:%d", ip, port)
	return pushBool(l, true)
}

// iperfConnect is client(adapter, address, port): a test of a minute.
func (m *Machine) iperfConnect(l *glua.LState) int {
	if m.iperfStarted() {
		return 0
	}
	id, text := int(uint8(m.integer(l, 1))), m.str(l, 2)
	to, err := netip.ParseAddr(text)
	if err != nil {
		m.logf(levelError, "iperf", "非法的ip地址 %s", text)
		return 0
	}
	port := uint16(m.optInt(l, 3, iperfPort))
	ip, ok := m.iperfAdapter(id)
	if !ok {
		return 0
	}
	m.iperfSend(nil, id, netip.AddrPortFrom(to, port), iperfSettings{Threads: 1, RemotePort: iperfPort, Amount: iperfClientAmount})
	m.logf(levelDebug, "iperf", "client connect %s --> %s:%d", ip, to, port)
	return pushBool(l, true)
}

// iperfSend starts a test in which the module sends.
func (m *Machine) iperfSend(s *iperfServer, adapter int, to netip.AddrPort, settings iperfSettings) {
	t := &iperfTest{m: m, kind: iperfDoneClient, server: s, settings: settings, started: m.board.Now(), heard: m.board.Now()}
	if s != nil {
		s.tests = append(s.tests, t)
	}
	c := m.dial(adapter, "tcp", to.Addr().String(), int(to.Port()), nil, ConnEvents{
		Connected: func(err error) {
			if err != nil {
				t.end(iperfAbortedRemote)
				return
			}
			m.logf(levelDebug, "lwiperf", "连接成功!!")
			t.started = m.board.Now()
			t.alive()
			t.sendMore()
		},
		Data:   func([]byte) {},
		Closed: func(error) { t.end(iperfAbortedRemote) },
		Sent: func(n int) {
			t.flying -= n
			t.alive()
			t.sendMore()
		},
	})
	t.conn, t.remote = c, c.Remote
	t.watch()
}

// watch ends the test when nothing has arrived for too long.
func (t *iperfTest) watch() {
	left := t.heard + iperfIdle - t.m.board.Now()
	if left <= 0 {
		t.end(iperfAbortedLocal)
		return
	}
	t.m.after(left, func() {
		if !t.over {
			t.watch()
		}
	})
}

func (t *iperfTest) alive() { t.heard = t.m.board.Now() }

// iperfDigits is what tests send: any 10 bytes on, the same again.
var iperfDigits = func() []byte {
	b := make([]byte, iperfWindowBytes+10)
	for i := range b {
		b[i] = '0' + byte(i%10)
	}
	return b
}()

// sendMore fills the window, or ends the test if its time is over. Of a test
// over a number of bytes the firmware sends nothing: it compares the wrong way
// round.
func (t *iperfTest) sendMore() {
	now := t.m.board.Now()
	switch {
	case t.over, t.waiting, t.flying >= iperfWindowBytes:
		return
	case t.settings.Amount >= 0, now-t.started >= -time.Duration(t.settings.Amount)*10*time.Millisecond:
		t.end(iperfDoneClient)
		return
	case now < t.busyUntil:
		t.waiting = true
		t.m.after(t.busyUntil-now, func() {
			t.waiting = false
			t.sendMore()
		})
		return
	}
	p := iperfDigits[t.bytes%10:][:iperfWindowBytes-t.flying]
	if t.bytes == 0 { // the settings go out twice
		p = slices.Clone(p)
		copy(p[copy(p, t.settings.bytes()):], t.settings.bytes())
	}
	t.bytes += uint32(len(p))
	t.flying += len(p)
	t.busyUntil = now + time.Duration(len(p))*8*time.Second/iperfModuleBps
	t.conn.Send(p)
}

// received takes bytes as a server. What comes with the first settings does not
// count, as in the firmware.
func (t *iperfTest) received(p []byte) {
	if t.over {
		return
	}
	t.alive()
	if !t.known || (t.bytes-iperfSettingsBytes)%iperfAgainBytes == 0 {
		if len(p) < iperfSettingsBytes {
			t.end(iperfAbortedData)
			return
		}
		s := parseIperfSettings(p)
		switch {
		case !t.known:
			t.settings, t.known = s, true
			t.started, t.bytes = t.m.board.Now(), iperfSettingsBytes
			if s.Flags&iperfAnswer != 0 && s.Flags&iperfAnswerNow != 0 {
				t.sendBack()
			}
			return
		case t.settings.Flags&iperfAnswer != 0 && s != t.settings:
			t.end(iperfAbortedData)
			return
		}
	}
	t.bytes += uint32(len(p))
}

// sendBack starts the other half of a test in both directions.
func (t *iperfTest) sendBack() {
	s := t.settings
	s.Flags = 0
	t.m.iperfSend(t.server, t.server.adapter, netip.AddrPortFrom(t.remote().Addr(), uint16(s.RemotePort)), s)
}

// closed is the end of the other side's sending.
func (t *iperfTest) closed(err error) {
	switch {
	case t.over:
	case err != nil:
		t.end(iperfAbortedRemote)
	default:
		if t.settings.Flags&iperfAnswer != 0 && t.settings.Flags&iperfAnswerNow == 0 {
			t.sendBack()
		}
		t.end(iperfDoneServer)
	}
}

// drop ends a test without a report.
func (t *iperfTest) drop() {
	if t.over {
		return
	}
	t.over = true
	if t.server != nil {
		t.server.tests = slices.DeleteFunc(t.server.tests, func(o *iperfTest) bool { return o == t })
	}
	t.conn.Close()
}

// end ends a test and reports it.
func (t *iperfTest) end(how int) {
	if t.over {
		return
	}
	m, bytes := t.m, t.bytes
	ms := uint32((m.board.Now() - t.started).Milliseconds())
	var kbps uint32
	if ms > 0 {
		kbps = bytes / ms * 8
	}
	if how == t.kind {
		m.logf(levelDebug, "iperf", "iperf正常结束, type %d", how)
	} else {
		m.logf(levelWarn, "iperf", "iperf异常结束, type %d", how)
	}
	t.drop()
	m.post(func(l *glua.LState) int {
		m.logf(levelDebug, "iperf", "report bytes %d ms_duration %d bandwidth %d kbps", int32(bytes), int32(ms), int32(kbps))
		m.publish(l, glua.LString("IPERF_REPORT"), integerValue(m.wrap(int64(bytes))), integerValue(m.wrap(int64(ms))), integerValue(m.wrap(int64(kbps))))
		return 0
	})
}
