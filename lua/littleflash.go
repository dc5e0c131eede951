package lua

import glua "github.com/yuin/gopher-lua"

// The library lf, little_flash: flash chips on an SPI bus (arguments and results
// as the library's own documentation has them).
//
// Assumed: a chip must tell its parameters (SFDP), so NAND chips are not known;
// lf.mount makes littlefs only, pgfs and tfs are refused.

const lfTag = "little_flash"

// openLittleFlash installs lf.*.
func (m *Machine) openLittleFlash() {
	m.lib("lf",
		fn("init", m.lfInit),
		fn("erase", m.lfChange(func(l *glua.LState, f *norFlash) bool {
			at, n := m.integer(l, 2), m.integer(l, 3)
			return m.lfIn(f, at, n, func() { m.norErase(f, at, n) })
		})),
		fn("chipErase", m.lfChange(func(_ *glua.LState, f *norFlash) bool {
			m.norEraseChip(f)
			return true
		})),
		fn("read", m.lfUse(func(l *glua.LState, f *norFlash) int {
			at, n := m.integer(l, 2), m.integer(l, 3)
			var p []byte
			m.lfIn(f, at, n, func() { p = m.norRead(f, at, n) })
			return pushStr(l, string(p))
		})),
		fn("write", m.lfChange(func(l *glua.LState, f *norFlash) bool {
			at, p := m.integer(l, 2), []byte(m.str(l, 3))
			return m.lfIn(f, at, int64(len(p)), func() { m.norWrite(f, at, p) })
		})),
		fn("eraseWrite", m.lfChange(func(l *glua.LState, f *norFlash) bool {
			at, p := m.integer(l, 2), []byte(m.str(l, 3))
			return m.lfIn(f, at, int64(len(p)), func() {
				m.norErase(f, at, int64(len(p)))
				m.norWrite(f, at, p)
			})
		})),
		fn("getInfo", m.lfUse(func(l *glua.LState, f *norFlash) int { return f.norInfo(l) })),
		fn("mount", m.lfChange(m.lfMount)),
		fn("unmount", func(l *glua.LState) int {
			if m.files.Unmount(m.str(l, 1)) {
				l.Push(glua.LTrue)
				return 1 + pushInt(l, 0)
			}
			l.Push(glua.LFalse)
			return 1 + pushInt(l, -1)
		}),
	)
}

func (m *Machine) lfInit(l *glua.LState) int {
	b := m.norDevice(l, 1, lfTag)
	m.hardware(l, "lf", "init")
	if b == nil {
		m.logf(levelWarn, lfTag, "little_flash init spi_device is nil")
		return 0
	}
	f := m.norProbe(b)
	if f == nil {
		return 0
	}
	ud := l.NewUserData()
	ud.Value = f
	l.Push(ud)
	return 1
}

// lfUse is a function of the chip in the first argument.
func (m *Machine) lfUse(use func(l *glua.LState, f *norFlash) int) glua.LGFunction {
	return func(l *glua.LState) int {
		if ud, ok := l.Get(1).(*glua.LUserData); ok {
			if f, ok := ud.Value.(*norFlash); ok {
				return use(l, f)
			}
		}
		if l.Get(1) != glua.LNil {
			m.typeError(l, 1, "little_flash")
		}
		m.logf(levelError, lfTag, "little_flash mount flash is nil")
		return 0
	}
}

// lfChange is a function that says whether it worked.
func (m *Machine) lfChange(change func(l *glua.LState, f *norFlash) bool) glua.LGFunction {
	return m.lfUse(func(l *glua.LState, f *norFlash) int { return pushBool(l, change(l, f)) })
}

// lfIn does something to a range if it lies on the chip.
func (m *Machine) lfIn(f *norFlash, at, n int64, do func()) bool {
	if !f.inside(at, n) {
		m.logf(levelError, lfTag, "Error: Flash address is out of bound.")
		return false
	}
	do()
	return true
}

// lfMount is mount(flash, path, offset, size, options).
func (m *Machine) lfMount(l *glua.LState, f *norFlash) bool {
	path, offset, size := m.str(l, 2), m.optInt(l, 3, 0), m.optInt(l, 4, 0)
	kind := l.Get(5)
	if t, ok := kind.(*glua.LTable); ok {
		kind = t.RawGetString("fs")
	}
	switch name, _ := kind.(glua.LString); name {
	case "", "lfs2":
	case "pgfs", "tfs":
		m.refuse("lf.mount " + string(name))(l)
	default:
		return false
	}
	return m.norMount(f, path, offset, size)
}
