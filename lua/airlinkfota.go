package lua

import (
	"io"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// Waits of airlink.sfota.
const (
	sfotaBlock     = 1024
	sfotaEraseAt   = 8 << 10 // after so many bytes the other end erases
	sfotaErase     = 8 * time.Second
	sfotaOldAt     = 5 << 10 // of firmware whose version is 0
	sfotaOldErase  = 15 * time.Second
	sfotaInit      = 500 * time.Millisecond
	sfotaData      = 10 * time.Millisecond
	sfotaSent      = 100 * time.Millisecond
	sfotaDone      = 600 * time.Millisecond
	sfotaEnd       = 3 * time.Second
	sfotaReboot    = 30 * time.Second
	sfotaPathBytes = 63
)

// airlinkUpgrade is sfota(path): firmware for the other end. It takes a minute
// or two, in which nothing else gets through; AIRLINK_SFOTA_DONE is the end.
func (m *Machine) airlinkUpgrade(l *glua.LState) int {
	path := m.str(l, 1)
	if m.airlink.fota {
		m.logf(levelError, "airlink", "sfota 启动失败!!! %s %d", path, -1)
		return pushBool(l, false)
	}
	if len(path) > sfotaPathBytes { // it would run over the end of a buffer
		m.raise("airlink.sfota: a path of %d bytes overruns the firmware's buffer of %d", len(path), sfotaPathBytes+1)
	}
	m.hardware(l, "airlink", "sfota")
	u := &sfota{m: m, other: m.scene().Coprocessor()}
	if u.other != nil && !m.airlinkReady() {
		u.other = nil // it hears nothing
	}
	m.airlink.fota = true
	m.after(0, func() { u.start(path) })
	return pushBool(l, true)
}

// sfota is an upgrade of the other end under way.
type sfota struct {
	m     *Machine
	other Coprocessor
	file  interface {
		io.Reader
		io.Closer
	}
	size, sent int64
}

func (u *sfota) start(path string) {
	if st, err := u.m.files.Stat(path); err == nil {
		u.size = st.Size()
	}
	u.log(levelInfo, "开始执行sFOTA file size %d", u.size)
	file, err := u.m.files.Open(path)
	u.m.checkPower()
	if err != nil {
		u.log(levelError, "打开sFOTA文件失败 %s", path)
		u.m.airlink.fota = false
		u.m.publishLater("AIRLINK_SFOTA_DONE", glua.LFalse, glua.LString("file_error"))
		return
	}
	u.file = file
	u.command(airlinkFotaInit, nil)
	u.log(levelInfo, "等待sFOTA初始化 %dms", sfotaInit.Milliseconds())
	u.m.after(sfotaInit, u.block)
}

// block sends the next piece of the file.
func (u *sfota) block() {
	p := make([]byte, sfotaBlock)
	n, err := io.ReadFull(u.file, p)
	u.m.checkPower()
	if n == 0 || err != nil && err != io.ErrUnexpectedEOF {
		u.finish()
		return
	}
	u.sent += int64(n)
	if u.sent%(4<<10) == 0 {
		u.log(levelDebug, "sfota sent %d/%d head %X", u.sent, u.size, p[:4])
	}
	u.command(airlinkFotaWrite, p[:n])
	wait := sfotaData
	switch {
	case u.sent == sfotaOldAt && (u.other == nil || u.other.Version() == 0):
		wait = sfotaOldErase
	case u.sent == sfotaEraseAt:
		wait = sfotaErase
	}
	u.m.after(wait, u.block)
}

func (u *sfota) finish() {
	u.log(levelInfo, "文件数据发送结束, 等待100ms,执行done操作")
	u.file.Close()
	u.m.checkPower()
	u.m.after(sfotaSent, func() {
		u.command(airlinkFotaDone, nil)
		u.log(levelInfo, "done发送结束, 等待100ms, 执行end操作")
		u.m.after(sfotaDone, func() {
			u.command(airlinkFotaEnd, nil)
			u.log(levelInfo, "end发送结束, 等待3000ms, 执行重启操作")
			u.m.after(sfotaEnd, u.reboot)
		})
	})
}

func (u *sfota) reboot() {
	u.log(levelInfo, "使用命令复位")
	u.command(airlinkReboot, nil)
	u.m.after(sfotaReboot, func() {
		u.log(levelInfo, "FOTA执行完毕")
		u.m.airlink.fota = false
		u.m.publishLater("AIRLINK_SFOTA_DONE", glua.LTrue)
	})
}

// command goes out whether or not anybody answers: the firmware does not ask.
func (u *sfota) command(id int, data []byte) {
	if u.other == nil {
		u.m.airlink.failed++
	} else {
		u.m.airlink.sent++
		u.other.Command(id, data)
		u.m.checkPower()
	}
}

func (u *sfota) log(level int, format string, args ...any) {
	u.m.logf(level, "airlink.fota", format, args...)
}
