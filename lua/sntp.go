package lua

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"time"

	glua "github.com/yuin/gopher-lua"
)

const (
	ntpServers = 3
	// ntpWait is how long each server has (luat_sntp.h).
	ntpWait      = 2 * time.Second
	ntpNameMax   = 30 // bytes of a server's name
	ntpPacket    = 48 // bytes
	ntpAnswerMin = 44
	// ntpEpoch is 1970-01-01 in seconds since 1900.
	ntpEpoch = 2208988800
)

// sntp is the one query for the time that can be under way (luatos-runtime.md
// 9.7).
type sntp struct {
	servers [ntpServers]string
	port    int
	running bool
	adapter int
	next    int // server to ask
	attempt int
	socket  PacketConn
	cancels []func()
	sentAt  time.Duration

	valid   bool
	offset  time.Duration // Unix time = time since the start + offset
	delay   time.Duration // one way, of the last query
	queries int
}

// openSntp adds the functions about time to socket.*.
func (m *Machine) openSntp(t *glua.LTable) {
	q := &sntp{servers: [ntpServers]string{"ntp.aliyun.com", "ntp.ntsc.ac.cn", "time1.cloud.tencent.com"}, port: 123}
	m.fill(t,
		fn("sntp", func(l *glua.LState) int { return m.socketSntp(l, q) }),
		fn("ntptm", func(l *glua.LState) int { return m.socketNtptm(l, q) }),
		fn("sntp_port", func(l *glua.LState) int {
			if n, ok := anInteger(l.Get(1)); ok && uint16(n) > 0 {
				q.port = int(uint16(n))
			}
			return pushInt(l, int64(q.port))
		}))
}

// socketSntp is sntp(server | list, adapter).
func (m *Machine) socketSntp(l *glua.LState, q *sntp) int {
	set := func(i int, name string) bool {
		if len(name) > ntpNameMax {
			m.logf(levelError, "sntp", "server_addr too long %s", name)
			return false
		}
		q.servers[i] = name
		return true
	}
	if name, ok := m.text(l.Get(1)); ok {
		if !set(0, name) {
			return 0
		}
	} else if list, ok := l.Get(1).(*glua.LTable); ok {
		for i := range ntpServers {
			if name, ok := m.text(list.RawGetInt(i + 1)); ok {
				set(i, name)
			}
		}
	}
	if q.running {
		m.logf(levelInfo, "sntp", "sntp is running")
		return 0
	}
	id, ok := m.adapterArg(l, 2)
	if !ok || m.net.adapters[id] == nil {
		m.publishLater("NTP_ERROR")
		return 0
	}
	q.running, q.adapter, q.next = true, id, 0
	m.askTime(q)
	return 0
}

// askTime asks the next server, or gives up.
func (m *Machine) askTime(q *sntp) {
	m.dropTimeQuery(q)
	if q.next >= ntpServers {
		q.running = false
		m.publishLater("NTP_ERROR")
		return
	}
	host := q.servers[q.next]
	q.next++
	m.logf(levelDebug, "sntp", "query %s", host)
	q.cancels = append(q.cancels, m.after(ntpWait, func() {
		m.logf(levelWarn, "sntp", "timeout send ntp_error")
		m.askTime(q)
	}))
	if !m.adapterReady(q.adapter) {
		q.cancels = append(q.cancels, m.net.adapters[q.adapter].whenReady(func() { m.sendTimeQuery(q, host) }))
		return
	}
	m.sendTimeQuery(q, host)
}

func (m *Machine) dropTimeQuery(q *sntp) {
	for _, cancel := range q.cancels {
		cancel()
	}
	q.cancels = nil
	if q.socket != nil {
		q.socket.Close()
		q.socket = nil
	}
	q.attempt++
}

func (m *Machine) sendTimeQuery(q *sntp, host string) {
	attempt := q.attempt
	q.cancels = append(q.cancels, m.board.Net().Resolve(host, func(ips []netip.Addr, err error) {
		if attempt != q.attempt {
			return
		}
		if err != nil {
			m.askTime(q)
			return
		}
		s, err := m.board.Net().OpenUDP(0, func(_ netip.AddrPort, p []byte) {
			if attempt == q.attempt {
				m.timeAnswer(q, p)
			}
		})
		if err != nil {
			m.askTime(q)
			return
		}
		q.socket, q.sentAt = s, m.board.Now()
		request := make([]byte, ntpPacket)
		request[0] = 0x1B // version 3, client
		s.Send(netip.AddrPortFrom(ips[0], uint16(q.port)), request)
	}))
}

var errNtpAnswer = errors.New("answer of a time server is too short")

// parseTime reads the time at which a server sent its answer.
func parseTime(p []byte) (sec int64, ms int64, err error) {
	if len(p) < ntpAnswerMin {
		return 0, 0, errNtpAnswer
	}
	sec = int64(binary.BigEndian.Uint32(p[40:]))
	if sec < ntpEpoch { // the era that begins in 2036
		sec += 1 << 32
	}
	if len(p) >= ntpPacket {
		ms = int64(binary.BigEndian.Uint32(p[44:])) * 1000 >> 32
	}
	return sec - ntpEpoch, ms, nil
}

func (m *Machine) timeAnswer(q *sntp, p []byte) {
	sec, ms, err := parseTime(p)
	if err != nil {
		m.logf(levelInfo, "sntp", "响应包不合法 result %d rx_len %d", 0, len(p))
		return
	}
	if q.queries++; q.queries > 1 {
		q.delay = (m.board.Now() - q.sentAt) / 2
	}
	q.valid = true
	q.offset = time.Duration(sec)*time.Second + time.Duration(ms)*time.Millisecond - m.board.Now()
	m.board.SetUnixTime(sec)
	m.logf(levelDebug, "sntp", "Unix timestamp: %d", sec)
	m.dropTimeQuery(q)
	q.running = false
	m.publishLater("NTP_UPDATE", glua.LNumber(0))
}

// socketNtptm returns what the queries have found out, in whole seconds and
// milliseconds.
func (m *Machine) socketNtptm(l *glua.LState, q *sntp) int {
	t := l.NewTable()
	set := func(name string, v time.Duration, unit time.Duration, wrap int64) {
		n := int64(v / unit)
		if wrap > 0 {
			n %= wrap
		}
		t.RawSetString(name, integerValue(m.wrap(n)))
	}
	now := m.board.Now()
	set("ndelay", q.delay, time.Millisecond, 0)
	set("ssec", q.offset, time.Second, 0)
	set("sms", q.offset, time.Millisecond, 1000)
	set("tsec", now+q.offset, time.Second, 0)
	set("tms", now+q.offset, time.Millisecond, 1000)
	set("lsec", now, time.Second, 0)
	set("lms", now, time.Millisecond, 1000)
	if q.valid {
		t.RawSetString("vaild", glua.LTrue) // as upstream spells it
	}
	l.Push(t)
	return 1
}
