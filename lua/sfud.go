package lua

import glua "github.com/yuin/gopher-lua"

// The library sfud: flash chips on an SPI bus (arguments and results as the
// library's own documentation has them).
//
// Assumed: a chip must tell its parameters (SFDP); the library's own list of
// older chips is not kept. What on a module runs on with the parameters of no
// chip is an error that says so.

// Results of sfud functions.
const (
	sfudOK          = 0
	sfudOutOfBounds = 5
)

// sfudTable is what sfud.getDeviceTable returns: the one place for a chip.
type sfudTable struct{ flash *norFlash }

// openSfud installs sfud.*.
func (m *Machine) openSfud() {
	table := &sfudTable{}
	push := func(l *glua.LState) int {
		ud := l.NewUserData()
		ud.Value = table
		l.Push(ud)
		return 1
	}
	m.lib("sfud",
		fn("init", func(l *glua.LState) int { return m.sfudInit(l, table) }),
		fn("getDeviceNum", func(l *glua.LState) int { return pushInt(l, 1) }),
		fn("getDevice", func(l *glua.LState) int {
			if m.integer(l, 1) != 0 {
				return 0
			}
			return push(l)
		}),
		fn("getDeviceTable", push),
		fn("erase", m.sfudChange(func(l *glua.LState, f *norFlash) int64 {
			at, n := m.integer(l, 2), m.integer(l, 3)
			return sfudIn(f, at, n, func() { m.norErase(f, at, n) })
		})),
		fn("chipErase", m.sfudChange(func(_ *glua.LState, f *norFlash) int64 {
			m.norEraseChip(f)
			return sfudOK
		})),
		fn("read", m.sfudRead),
		fn("write", m.sfudChange(func(l *glua.LState, f *norFlash) int64 {
			at, p := m.integer(l, 2), []byte(m.str(l, 3))
			return sfudIn(f, at, int64(len(p)), func() { m.norWrite(f, at, p) })
		})),
		fn("eraseWrite", m.sfudChange(func(l *glua.LState, f *norFlash) int64 {
			at, p := m.integer(l, 2), []byte(m.str(l, 3))
			return sfudIn(f, at, int64(len(p)), func() {
				m.norErase(f, at, int64(len(p)))
				m.norWrite(f, at, p)
			})
		})),
		fn("getInfo", func(l *glua.LState) int { return m.sfudFlash(l).norInfo(l) }),
		fn("mount", func(l *glua.LState) int {
			f, path := m.sfudFlash(l), m.str(l, 2)
			return pushBool(l, m.norMount(f, path, m.optInt(l, 3, 0), m.optInt(l, 4, 0)))
		}),
	)
}

// sfudInit is init(device) or init(bus, cs, frequency).
func (m *Machine) sfudInit(l *glua.LState, table *sfudTable) int {
	b := m.norDevice(l, 1, "sfud")
	if b == nil {
		b = &spiBus{id: int(m.integer(l, 1)), cs: int(m.integer(l, 2)), half: true, open: true}
		m.integer(l, 3)
	}
	m.hardware(l, "sfud", "init")
	table.flash = m.norProbe(b)
	if table.flash == nil {
		m.logf(levelInfo, "sfud", "Warning: This flash device is not found or not supported.")
		m.logf(levelInfo, "sfud", "Error: LuatOS-sfud flash device initialization failed.")
		return pushBool(l, false)
	}
	maker := ""
	if id := m.spiExchange(b, []byte{norID}, 3); id[0] == norWinbond {
		maker = "Winbond "
	}
	m.logf(levelInfo, "sfud", "Found a %sflash chip. Size is %d bytes.", maker, table.flash.size)
	m.logf(levelInfo, "sfud", "LuatOS-sfud flash device initialized successfully.")
	return pushBool(l, true)
}

// sfudFlash is the chip in the first argument.
func (m *Machine) sfudFlash(l *glua.LState) *norFlash {
	if ud, ok := l.Get(1).(*glua.LUserData); ok {
		if t, ok := ud.Value.(*sfudTable); ok {
			if t.flash == nil {
				m.raise("sfud: no chip is initialized: a module goes on with one of 0 bytes")
			}
			return t.flash
		}
	}
	m.typeError(l, 1, "sfud flash")
	return nil
}

// sfudChange is a function that changes a chip and returns a result code.
func (m *Machine) sfudChange(change func(l *glua.LState, f *norFlash) int64) glua.LGFunction {
	return func(l *glua.LState) int {
		f := m.sfudFlash(l)
		result := change(l, f)
		if result == sfudOutOfBounds {
			m.logf(levelInfo, "sfud", "Error: Flash address is out of bound.")
		}
		return pushInt(l, result)
	}
}

// sfudIn does something to a range if it lies on the chip.
func sfudIn(f *norFlash, at, n int64, do func()) int64 {
	if !f.inside(at, n) {
		return sfudOutOfBounds
	}
	do()
	return sfudOK
}

func (m *Machine) sfudRead(l *glua.LState) int {
	f, at, n := m.sfudFlash(l), m.integer(l, 2), m.integer(l, 3)
	if !f.inside(at, n) {
		m.logf(levelInfo, "sfud", "Error: Flash address is out of bound.")
		m.logf(levelDebug, "sfud", "sfud_read re %d", sfudOutOfBounds)
		return pushStr(l, "")
	}
	return pushStr(l, string(m.norRead(f, at, n)))
}
