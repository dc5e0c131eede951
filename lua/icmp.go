package lua

import (
	"net/netip"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// openIcmp installs icmp.*: answers come as PING_RESULT (luatos-runtime.md
// 9.7).
func (m *Machine) openIcmp() {
	if m.board.Net() == nil {
		return
	}
	m.lib("icmp",
		fn("setup", func(l *glua.LState) int { return pushBool(l, m.net.adapters[int(m.integer(l, 1))] != nil) }),
		fn("ping", m.icmpPing),
		fn("debug", func(l *glua.LState) int { return pushBool(l, glua.LVAsBool(l.Get(1))) }))
}

// icmpPing is ping(adapter, address, bytes): 1 if the question went out. If
// nobody answers nothing is published.
func (m *Machine) icmpPing(l *glua.LState) int {
	id := int(m.integer(l, 1))
	text, size := m.str(l, 2), m.optInt(l, 3, 128)
	if m.net.adapters[id] == nil {
		m.logf(levelWarn, "icmp", "adapter %d icmp初始化失败", id)
		return 0
	}
	to, err := netip.ParseAddr(text)
	if err != nil {
		m.logf(levelWarn, "icmp", "目标地址非法 %s", text)
		return 0
	}
	if m.adapterReady(id) {
		m.board.Net().Ping(to, int(max(0, min(size, 1472))), func(took time.Duration, ttl int, err error) {
			if err != nil {
				m.logf(levelDebug, "icmp", "%v", err)
				return
			}
			m.publishLater("PING_RESULT", glua.LNumber(id), glua.LNumber(took.Milliseconds()), glua.LString(to.String()), glua.LNumber(ttl))
		})
	}
	return pushInt(l, 1)
}
