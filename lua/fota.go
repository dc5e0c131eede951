package lua

import (
	"io"

	glua "github.com/yuin/gopher-lua"
)

// openFota installs fota.* if the firmware has it (luatos-runtime.md 6.1).
func (m *Machine) openFota() {
	f := m.board.Fota()
	if !m.fw.Fota {
		return
	}
	if m.fw.FotaRefusal != "" {
		m.refuseFota()
		return
	}
	if f == nil {
		return
	}
	m.lib("fota",
		fn("init", func(l *glua.LState) int {
			r := m.fotaInit(l, f)
			m.checkPower()
			return pushBool(l, r == 0)
		}),
		fn("wait", func(l *glua.LState) int {
			ok := f.WaitReady()
			m.checkPower()
			return pushBool(l, ok)
		}),
		fn("run", m.fotaRun),
		fn("file", m.fotaFile),
		fn("isDone", func(l *glua.LState) int {
			r := f.Done()
			m.checkPower()
			l.Push(glua.LBool(r >= 0))
			l.Push(glua.LBool(r <= 0))
			return 2
		}),
		fn("finish", func(l *glua.LState) int {
			r := f.End(m.optBool(l, 1, false))
			m.checkPower()
			return pushBool(l, r == 0)
		}),
		fn("emgsvc", m.refuse("fota.emgsvc")),
	)
}

// fotaNowhere is where an upgrade goes if a script does not say, and
// fotaNoPin the pin that switches nothing.
const (
	fotaNowhere = 0xFFFFFFFF
	fotaNoPin   = 0xFF
)

// fotaInit begins an upgrade, in a flash on an SPI bus if the script names one.
func (m *Machine) fotaInit(l *glua.LState, f Fota) int {
	start, given := int64(0), false
	if n, ok := m.number(l.Get(1)); ok {
		start, given = int64(n), true
	}
	length := m.optInt(l, 2, 0)
	ud, _ := l.Get(3).(*glua.LUserData)
	spi, canSPI := f.(SPIFota)
	if ud == nil || !canSPI {
		return f.Init(start, length)
	}
	b, ok := ud.Value.(*spiBus)
	if !ok {
		m.typeError(l, 3, spiDeviceName)
	}
	if !given {
		start = fotaNowhere
	}
	return spi.InitSPI(start&0xFFFFFFFF, length, b.id, b.cs, int(m.optInt(l, 4, fotaNoPin))&0xFF)
}

// refuseFota installs fota.* of firmware whose upgrades are not emulated.
func (m *Machine) refuseFota() {
	for _, name := range []string{"init", "wait", "run", "file", "isDone", "finish", "emgsvc"} {
		m.lib("fota", fn(name, func(*glua.LState) int {
			m.raiseFota("fota." + name)
			return 0
		}))
	}
}

// raiseFota refuses an upgrade by name.
func (m *Machine) raiseFota(what string) {
	m.board.Hardware(HardwareEvent{Unit: UnitRefused, Action: what})
	m.raise("%s is not emulated: %s", what, m.fw.FotaRefusal)
}

// fotaTriple pushes ok, finished, result: > 0 goes on, 0 is done, < 0 failed.
func fotaTriple(l *glua.LState, r int) int {
	l.Push(glua.LBool(r >= 0))
	l.Push(glua.LBool(r <= 0))
	l.Push(glua.LNumber(r))
	return 3
}

func (m *Machine) fotaRun(l *glua.LState) int {
	var data []byte
	if b := asZbuff(l.Get(1)); b != nil {
		off, n := m.optInt(l, 2, 0), m.optInt(l, 3, int64(b.used))
		if data = b.slice(off, n); off < 0 || n < 0 || int64(len(data)) != n {
			m.logf(levelError, "fota", "len too long")
			return fotaTriple(l, -1)
		}
	} else {
		data = []byte(m.str(l, 1))
	}
	r := m.board.Fota().Write(data)
	m.checkPower()
	return fotaTriple(l, r)
}

// fotaFile feeds a file in blocks of 4096 bytes and commits when the updater
// says that it has all (luatos-runtime.md 6.1, xt804.md 4.6).
func (m *Machine) fotaFile(l *glua.LState) int {
	name := m.str(l, 1)
	file, err := m.files.Open(name)
	m.checkPower()
	if err != nil {
		m.logf(levelError, "fota", "no such file for FOTA %s", name)
		l.Push(glua.LFalse)
		l.Push(glua.LFalse)
		l.Push(glua.LNumber(0))
		return 3
	}
	defer file.Close()
	f := m.board.Fota()
	buf := make([]byte, 4096)
	r := 0
	for {
		n, err := io.ReadFull(file, buf)
		m.checkPower()
		if n > 0 {
			r = f.Write(buf[:n])
			m.checkPower()
		}
		if err != nil || r < 0 {
			break
		}
	}
	if r == 0 {
		m.logf(levelInfo, "fota", "fota file write done, call fota.done()")
		if r = f.Done(); r == 0 {
			m.checkPower()
			m.logf(levelInfo, "fota", "fota done success, call fota.end()")
			r = f.End(true)
		} else {
			m.logf(levelError, "fota", "fota done fail %d", r)
		}
		m.checkPower()
	}
	return fotaTriple(l, r)
}
