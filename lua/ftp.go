package lua

import (
	"os"
	"strings"

	"github.com/spf13/afero"
	glua "github.com/yuin/gopher-lua"
)

// Results of ftp functions that cannot start (luat_ftp.h).
const (
	ftpErrConnect = -4
	ftpErrFile    = -8
)

// ftpCommands are what ftp.command takes (luat_ftp_client.c).
var ftpCommands = []string{"NOOP", "SYST", "MKD", "CWD", "CDUP", "RMD", "PWD", "DELE", "TYPE", "SIZE", "LIST"}

// openFtp installs ftp.*: one connection at a time, every function returns an
// awaitable. Sequence of commands and results are those of luat_lib_ftp.c and
// luat_ftp_client.c.
func (m *Machine) openFtp() {
	if m.board.Net() == nil {
		return
	}
	m.lib("ftp",
		fn("login", m.ftpLogin), fn("command", m.ftpCommand), fn("pull", m.ftpPull), fn("push", m.ftpPush), fn("close", m.ftpClose),
		fn("debug", func(*glua.LState) int { return 0 }))
}

// ftpStart returns an awaitable, and begins what completes it.
func (m *Machine) ftpStart(l *glua.LState, begin func(c *ftpClient)) int {
	object, complete := m.cwait(l)
	c := m.ftp
	c.done = func(v glua.LValue) {
		c.done = func(glua.LValue) {}
		c.stopTimer()
		m.post(func(l *glua.LState) int {
			complete(l, v)
			return 0
		})
	}
	begin(c)
	l.Push(object)
	return 1
}

// ftpFail is an awaitable that failed at once.
func (m *Machine) ftpFail(l *glua.LState, code int, format string, args ...any) int {
	m.logf(levelError, "ftp", format, args...)
	return m.immediate(l, glua.LNumber(code))
}

// ftpLogin is login(adapter, host, port, user, password, tls).
func (m *Machine) ftpLogin(l *glua.LState) int {
	id, ok := m.adapterArg(l, 1)
	c := &ftpClient{
		m: m, adapter: id, host: m.str(l, 2), port: int(uint16(m.optInt(l, 3, 21))),
		user: m.optStr(l, 4, ""), password: m.optStr(l, 5, ""), done: func(glua.LValue) {},
	}
	switch v := l.Get(6).(type) {
	case glua.LBool:
		if v {
			c.tls = &TLS{ServerName: c.host}
		}
	case *glua.LTable:
		get := func(name string) string { s, _ := v.RawGetString(name).(glua.LString); return string(s) }
		c.tls = &TLS{ServerName: c.host, CACert: get("server_cert"), ClientCert: get("client_cert"), ClientKey: get("client_key"), ClientPass: get("client_password")}
	}
	const fieldMax = 63 // bytes
	switch {
	case m.ftp != nil:
		return m.ftpFail(l, ftpErrConnect, "ftp already login, please close first")
	case !ok || m.net.adapters[id] == nil:
		return m.ftpFail(l, ftpErrConnect, "bad network adapter index %d", id)
	case len(c.host) > fieldMax || len(c.user) > fieldMax || len(c.password) > fieldMax || strings.ContainsAny(c.user+c.password, "\r\n"):
		return m.ftpFail(l, ftpErrConnect, "invalid ip address, username or password")
	}
	m.ftp = c
	return m.ftpStart(l, (*ftpClient).login)
}

func (m *Machine) ftpCommand(l *glua.LState) int {
	command := m.optStr(l, 1, "")
	if m.ftp == nil {
		return m.ftpFail(l, ftpErrFile, "please login first")
	}
	known := false
	for _, p := range ftpCommands {
		known = known || strings.HasPrefix(command, p)
	}
	if !known || strings.ContainsAny(command, "\r\n") {
		return m.ftpFail(l, ftpErrFile, "not support cmd:%s", command)
	}
	return m.ftpStart(l, func(c *ftpClient) {
		if strings.HasPrefix(command, "LIST") {
			var list []byte
			c.receive(command, func(p []byte) bool {
				list = append(list, p...)
				return int64(len(list)) <= m.sysLimit()
			}, func() { c.done(glua.LString(list)) })
			return
		}
		c.ask(command, func(_ int, text string) { c.done(glua.LString(text)) })
	})
}

// ftpPull is pull(local name, remote name).
func (m *Machine) ftpPull(l *glua.LState) int {
	local, remote := m.optStr(l, 1, ""), m.optStr(l, 2, "")
	if m.ftp == nil {
		return m.ftpFail(l, ftpErrFile, "please login first")
	}
	f, err := m.files.OpenFile(local, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
	m.checkPower()
	if err != nil || strings.ContainsAny(remote, "\r\n") {
		return m.ftpFail(l, ftpErrFile, "open download file fail %s", local)
	}
	return m.ftpStart(l, func(c *ftpClient) { c.pull(f, remote) })
}

// ftpPush is push(local name, remote name).
func (m *Machine) ftpPush(l *glua.LState) int {
	local, remote := m.optStr(l, 1, ""), m.optStr(l, 2, "")
	if m.ftp == nil {
		return m.ftpFail(l, ftpErrConnect, "please login first")
	}
	f, err := m.files.Open(local)
	if err != nil || strings.ContainsAny(remote, "\r\n") {
		return m.ftpFail(l, ftpErrConnect, "open download file fail %s", local)
	}
	return m.ftpStart(l, func(c *ftpClient) { c.push(f, remote) })
}

func (m *Machine) ftpClose(l *glua.LState) int {
	if m.ftp == nil {
		return m.ftpFail(l, ftpErrConnect, "please login first")
	}
	return m.ftpStart(l, func(c *ftpClient) {
		c.ask("QUIT", func(code int, text string) {
			c.release()
			if code != 221 {
				c.done(glua.LFalse)
				return
			}
			c.done(glua.LString(text))
		})
	})
}

// readAll reads all of a file that is sent.
func (m *Machine) readAll(f afero.File) ([]byte, bool) {
	defer f.Close()
	p, err := afero.ReadAll(f)
	m.checkPower()
	return p, err == nil
}
