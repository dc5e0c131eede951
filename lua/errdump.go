package lua

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/spf13/afero"
	glua "github.com/yuin/gopher-lua"
)

// What is recorded, and where it goes (luatos-runtime.md 9.10).
const (
	errDumpSys = 0
	errDumpUsr = 1

	errDumpFileMax = 4096 // bytes
	errDumpHost    = "dev_msg1.openluat.com"
	errDumpPort    = 12425

	errDumpSoon    = 2 * time.Second  // from a record to the upload
	errDumpAnswer  = 10 * time.Second // for the server's answer
	errDumpConnect = 30 * time.Second
	errDumpTries   = 3
)

var errDumpFiles = [2]string{"/\xAAserr", "/\xAAuerr"}

// errDump is what keeps errors for somebody to read.
type errDump struct {
	enabled bool
	period  time.Duration // of the upload; 0: the scripts read the files
	fresh   [2]bool       // recorded since the last errDump.dump
	user    string        // the user's mark
	hasUser bool
	id      string // instead of the module's own
	host    string
	port    int
	adapter int // -1: the default

	told      bool // the reason of the start was uploaded
	uploading bool
	socket    PacketConn
	cancels   []func()
	attempt   int
}

// openErrDump installs errDump.*.
func (m *Machine) openErrDump() {
	if m.board.Net() == nil {
		return
	}
	m.dump = errDump{host: errDumpHost, port: errDumpPort, adapter: -1}
	t := m.lib("errDump",
		fn("dump", m.errDumpDump),
		fn("record", func(l *glua.LState) int {
			if s, ok := l.Get(1).(glua.LString); ok && s != "" {
				m.recordError(errDumpUsr, string(s))
			}
			return 0
		}),
		fn("config", m.errDumpConfig))
	constants(t, "TYPE_SYS", errDumpSys, "TYPE_USR", errDumpUsr)
}

// errDumpConfig is config(on, period in seconds, user's mark, id, host, port,
// adapter).
func (m *Machine) errDumpConfig(l *glua.LState) int {
	d := &m.dump
	const fieldMax = 47 // bytes
	if on, ok := l.Get(1).(glua.LBool); ok {
		d.enabled = bool(on)
		d.period = milliseconds(max(0, m.optInt(l, 2, 600)) * 1000)
		m.dropUpload()
		if !d.enabled {
			for _, name := range errDumpFiles {
				m.removeDump(name)
			}
			d.hasUser = false
		} else if d.period > 0 {
			m.uploadAfter(errDumpSoon)
		}
	}
	if !d.enabled {
		return 0
	}
	if s, ok := l.Get(3).(glua.LString); ok {
		d.user, d.hasUser = string(s), true
	}
	if s, ok := l.Get(4).(glua.LString); ok && len(s) <= fieldMax {
		d.id = string(s)
	}
	if s, ok := l.Get(5).(glua.LString); ok {
		if len(s) <= fieldMax {
			d.host = string(s)
		}
		if n, ok := anInteger(l.Get(6)); ok && n > 0 && n <= 65535 {
			d.port = int(n)
		}
		m.logf(levelDebug, "errDump", "自定义服务器 %s %d", d.host, d.port)
	}
	if n, ok := anInteger(l.Get(7)); ok && n < adapterCount {
		d.adapter = int(n)
	}
	return 0
}

// errDumpDump is dump(zbuff, type, delete). It returns whether something was
// recorded since the last time: so the firmware does, against its own
// documentation, which luatos-runtime.md 9.10 repeats.
func (m *Machine) errDumpDump(l *glua.LState) int {
	kind := m.optInt(l, 2, errDumpUsr)
	if kind < 0 || kind > errDumpUsr {
		return pushBool(l, true)
	}
	fresh, name := m.dump.fresh[kind], errDumpFiles[kind]
	if b := asZbuff(l.Get(1)); b != nil {
		m.dump.fresh[kind] = false
		b.used = 0
		if text := m.readDump(name); m.dump.enabled && len(text) > 0 {
			m.put(b, 0, text)
		}
	}
	if l.Get(3) == glua.LTrue {
		m.removeDump(name)
	}
	return pushBool(l, fresh)
}

func (m *Machine) readDump(name string) []byte {
	f, err := m.files.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	p, err := afero.ReadAll(io.LimitReader(f, errDumpFileMax))
	if err != nil {
		return nil
	}
	return p
}

func (m *Machine) removeDump(name string) {
	if m.files.exists(name) {
		_ = m.files.Remove(name) // what cannot be removed is written over later
		m.checkPower()
	}
}

// recordError keeps a text; of both files only the newest 4096 bytes stay.
func (m *Machine) recordError(kind int, text string) {
	d := &m.dump
	d.fresh[kind] = true
	if !d.enabled {
		return
	}
	name := errDumpFiles[kind]
	old := m.readDump(name)
	flags := os.O_WRONLY | os.O_CREATE | os.O_APPEND
	if len(text) >= errDumpFileMax {
		text, flags = text[len(text)-errDumpFileMax:], os.O_WRONLY|os.O_CREATE|os.O_TRUNC
	} else if keep := errDumpFileMax - len(text); len(old) > keep {
		text, flags = string(old[len(old)-keep:])+text, os.O_WRONLY|os.O_CREATE|os.O_TRUNC
	}
	f, err := m.files.OpenFile(name, flags, 0o666)
	if err == nil {
		_, err = f.Write([]byte(text))
		f.Close()
	}
	m.checkPower()
	if err != nil {
		m.logf(levelError, "errDump", "record: %v", err)
	}
	if d.period > 0 && !d.uploading {
		m.uploadAfter(errDumpSoon)
	}
}

// uploadAfter plans the next upload instead of what was planned.
func (m *Machine) uploadAfter(wait time.Duration) {
	m.dropUpload()
	m.dump.cancels = append(m.dump.cancels, m.after(wait, m.upload))
}

func (m *Machine) dropUpload() {
	d := &m.dump
	for _, cancel := range d.cancels {
		cancel()
	}
	d.cancels, d.uploading = nil, false
	if d.socket != nil {
		d.socket.Close()
		d.socket = nil
	}
}

// uploadFailed tries again after the period.
func (m *Machine) uploadFailed(what string) {
	m.logf(levelError, "errDump", "%s, after %d second retry", what, int(m.dump.period.Seconds()))
	m.uploadAfter(m.dump.period)
}

// upload sends what is recorded, by UDP.
func (m *Machine) upload() {
	d := &m.dump
	if d.told && len(m.readDump(errDumpFiles[errDumpSys])) == 0 && len(m.readDump(errDumpFiles[errDumpUsr])) == 0 {
		m.logf(levelDebug, "errDump", "no info errdump stop")
		return
	}
	id := d.adapter
	if id <= 0 {
		id = m.defaultAdapter()
	}
	a := m.net.adapters[id]
	if a == nil {
		m.uploadFailed("no socket, errdump fail")
		return
	}
	d.uploading, d.attempt = true, 0
	d.cancels = append(d.cancels, m.after(errDumpConnect, func() { m.uploadFailed("errdump server connect or tx fail") }))
	if m.adapterReady(id) {
		m.connectDump()
	} else {
		d.cancels = append(d.cancels, a.whenReady(m.connectDump))
	}
}

func (m *Machine) connectDump() {
	d := &m.dump
	d.cancels = append(d.cancels, m.board.Net().Resolve(d.host, func(ips []netip.Addr, err error) {
		if !d.uploading {
			return
		}
		if err == nil {
			d.socket, err = m.board.Net().OpenUDP(0, func(_ netip.AddrPort, p []byte) { m.dumpAnswer(p) })
		}
		if err != nil {
			m.uploadFailed("errdump server connect or tx fail")
			return
		}
		m.sendDump(netip.AddrPortFrom(ips[0], uint16(d.port)))
	}))
}

// sendDump sends everything, and again if no answer comes.
func (m *Machine) sendDump(to netip.AddrPort) {
	d := &m.dump
	for _, cancel := range d.cancels {
		cancel()
	}
	d.cancels = nil
	if d.attempt++; d.attempt > errDumpTries {
		m.uploadFailed("errdump server connect or tx fail")
		return
	}
	d.socket.Send(to, []byte(m.dumpText()))
	d.cancels = append(d.cancels, m.after(errDumpAnswer, func() {
		m.logf(levelError, "errDump", "errdump tx fail %d cnt, retry", d.attempt)
		m.sendDump(to)
	}))
}

// dumpText is what is uploaded.
func (m *Machine) dumpText() string {
	d := &m.dump
	global := func(name string) string {
		if s, ok := m.text(m.vm.Globals().RawGetString(name)); ok {
			return s
		}
		return "unkown" // as the firmware spells it
	}
	id := m.board.Identity()
	self := d.id
	for _, s := range []string{id.IMEI, id.MAC, strings.ToUpper(hex.EncodeToString([]byte(id.MUID)))} {
		if self == "" {
			self = s
		}
	}
	mark := global("VERSION")
	if d.hasUser {
		mark = d.user
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s_LuatOS-SoC_%s_%s,%s,%s,%s,\r\n", global("PROJECT"), m.fw.Version, m.fw.BSP, global("VERSION"), self, mark)
	if !d.told {
		fmt.Fprintf(&b, "poweron reason:%d\r\n", m.board.Poweron()[2])
	}
	for kind, name := range errDumpFiles {
		if p := m.readDump(name); len(p) > 0 {
			b.Write(p)
			b.WriteString("\r\n")
			m.dump.fresh[kind] = false
		}
	}
	return b.String()
}

// dumpAnswer takes the server's answer. A wrong one of the length of a right
// one is ignored; anything else counts as new and right.
func (m *Machine) dumpAnswer(p []byte) {
	d := &m.dump
	if !d.uploading {
		return
	}
	switch text := string(p); {
	case len(p) == 8 && text != `{"r": 1}`, len(p) == 2 && text != "OK":
		m.logf(levelDebug, "errDump", "errdump response error %s", text)
		return
	case len(p) != 8 && len(p) != 2:
		m.logf(levelDebug, "errDump", "errdump response maybe new %.16q", text)
	}
	m.dropUpload()
	d.told = true
	if d.fresh[errDumpSys] || d.fresh[errDumpUsr] {
		m.logf(levelDebug, "errDump", "errdump need retry!")
		m.uploadAfter(0)
		return
	}
	m.logf(levelDebug, "errDump", "errdump ok!")
	for _, name := range errDumpFiles {
		m.removeDump(name)
	}
}
