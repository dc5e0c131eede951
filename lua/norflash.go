package lua

import (
	"encoding/binary"

	glua "github.com/yuin/gopher-lua"
)

// norFlash is the driver of a flash chip on an SPI bus, what the libraries sfud
// and lf are in common: the chip says what it is by JEDEC's SFDP, and takes the
// commands that all such chips share.
//
// Assumed: a driver never waits longer than the operation takes; every erase
// goes sector by sector, which on the chip is the same as by blocks.
type norFlash struct {
	bus   *spiBus
	size  int64 // bytes
	erase int64 // bytes that an erase command erases
	cmd   byte  // that command
}

const (
	norPage    = 256  // bytes of a program
	norWinbond = 0xEF // a maker's number
)

// Commands that a driver sends.
const (
	norProgram     = 0x02
	norRead        = 0x03
	norWriteEnable = 0x06
	norParameters  = 0x5A
	norEnableReset = 0x66
	norReset       = 0x99
	norID          = 0x9F
	norEraseAll    = 0xC7
)

// norProbe asks a bus for a chip; nil: nobody says that he is one.
func (m *Machine) norProbe(b *spiBus) *norFlash {
	ask := func(at int, n int64) []byte {
		return m.spiExchange(b, []byte{norParameters, byte(at >> 16), byte(at >> 8), byte(at), 0xFF}, n)
	}
	head := ask(0, 16)
	if string(head[:4]) != "SFDP" || head[5] != 1 || head[8] != 0 || head[11] < 9 {
		return nil
	}
	table := ask(int(head[12])|int(head[13])<<8|int(head[14])<<16, 36)
	word := func(i int) uint32 { return binary.LittleEndian.Uint32(table[4*i:]) }
	// Word 1: erases of 4 KiB and their command; 2: the last bit, or its power of
	// two, which no chip that answers in three address bytes needs.
	if word(0)&3 != 1 || word(1)>>31 != 0 || word(1) >= 1<<27 {
		return nil
	}
	f := &norFlash{bus: b, size: (int64(word(1)) + 1) / 8, erase: 4096, cmd: byte(word(0) >> 8)}
	if f.size < f.erase {
		return nil
	}
	m.spiExchange(b, []byte{norEnableReset}, 0)
	m.spiExchange(b, []byte{norReset}, 0)
	return f
}

// inside reports whether a range lies on the chip.
func (f *norFlash) inside(at, n int64) bool { return at >= 0 && n >= 0 && at+n <= f.size }

func norCommand(c byte, at int64) []byte { return []byte{c, byte(at >> 16), byte(at >> 8), byte(at)} }

// norRead reads a range of the chip.
func (m *Machine) norRead(f *norFlash, at, n int64) []byte {
	m.allocate(n)
	p := make([]byte, 0, n)
	for int64(len(p)) < n {
		part := min(busReadMost, n-int64(len(p)))
		p = append(p, m.spiExchange(f.bus, norCommand(norRead, at+int64(len(p))), part)...)
		m.charge(int(part / 16))
	}
	return p
}

// norWrite programs a range of the chip, page by page.
func (m *Machine) norWrite(f *norFlash, at int64, p []byte) {
	for len(p) > 0 {
		n := min(int64(len(p)), norPage-at%norPage)
		m.spiExchange(f.bus, []byte{norWriteEnable}, 0)
		m.spiExchange(f.bus, append(norCommand(norProgram, at), p[:n]...), 0)
		p, at = p[n:], at+n
		m.charge(norPage)
	}
}

// norErase erases the sectors that a range touches.
func (m *Machine) norErase(f *norFlash, at, n int64) {
	if at == 0 && n == f.size {
		m.norEraseChip(f)
		return
	}
	if n == 0 {
		return
	}
	for sector := at - at%f.erase; sector < at+n; sector += f.erase {
		m.spiExchange(f.bus, []byte{norWriteEnable}, 0)
		m.spiExchange(f.bus, norCommand(f.cmd, sector), 0)
		m.charge(norPage)
	}
}

func (m *Machine) norEraseChip(f *norFlash) {
	m.spiExchange(f.bus, []byte{norWriteEnable}, 0)
	m.spiExchange(f.bus, []byte{norEraseAll}, 0)
}

// norInfo pushes what getInfo returns: the chip's size, that of a page and that
// of a sector, in bytes.
func (f *norFlash) norInfo(l *glua.LState) int {
	return pushInt(l, f.size) + pushInt(l, norPage) + pushInt(l, f.erase)
}

// norMount mounts a range of the chip as littlefs; size 0 is all from offset
// on. Whole sectors count.
func (m *Machine) norMount(f *norFlash, path string, offset, size int64) bool {
	if size <= 0 {
		size = f.size - offset
	}
	size -= size % f.erase
	chip, ok := m.scene().SPI(f.bus.id).(SPIFlash)
	if !ok || size <= 0 || offset%f.erase != 0 || !f.inside(offset, size) {
		return false
	}
	mt, err := chip.Mount(offset, size)
	m.checkPower()
	if err != nil {
		m.logf(levelError, "vfs", "%v", err)
		return false
	}
	mt.Path = path
	if err := m.files.Add(mt); err != nil {
		m.logf(levelError, "vfs", "%v", err)
		return false
	}
	return true
}

// norDevice is the spiBus in an argument, in half duplex as flash chips need it;
// nil if the argument is none.
func (m *Machine) norDevice(l *glua.LState, n int, tag string) *spiBus {
	ud, ok := l.Get(n).(*glua.LUserData)
	if !ok {
		return nil
	}
	b, ok := ud.Value.(*spiBus)
	if !ok {
		m.typeError(l, n, spiDeviceName)
	}
	if !b.half {
		m.logf(levelWarn, tag, "flash need half mode, spi_device mode is full mode, change to half mode")
		b.half = true
	}
	return b
}

// openSPIFlash installs sfud.* and lf.*.
func (m *Machine) openSPIFlash() {
	m.openSfud()
	m.openLittleFlash()
}
