package lua

import (
	"errors"
	"io"
	"path"

	glua "github.com/yuin/gopher-lua"

	"airlift/flash/mount"
)

// openIo installs io.* (luatos-runtime.md 7.2).
func (m *Machine) openIo() {
	m.fileMeta = m.l.NewTable()
	methods := m.l.NewTable()
	m.fill(methods,
		fn("read", m.fileRead), fn("write", m.fileWrite), fn("seek", m.fileSeek), fn("close", m.fileClose),
		fn("flush", func(*glua.LState) int { return 0 }),
		fn("lines", m.fileLines),
		fn("fill", m.fileFill),
	)
	m.fileMeta.RawSetString("__index", methods)
	m.fileMeta.RawSetString("__name", glua.LString("FILE*"))
	m.fill(m.fileMeta, fn("__tostring", func(l *glua.LState) int {
		f := m.file(l, 1, false)
		if f.f == nil {
			return pushStr(l, "file (closed)")
		}
		return pushStr(l, "file ("+m.address(l.Get(1))+")")
	}))
	size := func(l *glua.LState) int {
		info, err := m.files.Stat(m.str(l, 1))
		m.checkPower()
		if err != nil || info.IsDir() {
			return pushInt(l, 0)
		}
		return pushInt(l, info.Size())
	}
	t := m.lib("io",
		fn("open", m.ioOpen),
		fn("exists", func(l *glua.LState) int {
			ok := m.files.exists(m.str(l, 1))
			m.checkPower()
			return pushBool(l, ok)
		}),
		fn("fileSize", size), fn("fsize", size),
		fn("readFile", m.ioReadFile),
		fn("writeFile", m.ioWriteFile),
		fn("lines", m.ioLines),
		fn("type", func(l *glua.LState) int {
			ud, ok := l.CheckAny(1).(*glua.LUserData)
			f, isFile := (*scriptFile)(nil), false
			if ok {
				f, isFile = ud.Value.(*scriptFile)
			}
			switch {
			case !isFile:
				l.Push(glua.LNil)
				return 1
			case f.f == nil:
				return pushStr(l, "closed file")
			}
			return pushStr(l, "file")
		}),
		fn("mkdir", func(l *glua.LState) int { return m.boolCode(l, m.files.Mkdir(m.str(l, 1), 0o777)) }),
		fn("rmdir", func(l *glua.LState) int { return m.boolCode(l, m.files.Rmdir(m.str(l, 1))) }),
		fn("mkfs", m.ioMkfs),
		fn("lsdir", m.ioLsdir),
		fn("lsmount", func(l *glua.LState) int {
			list := l.NewTable()
			for _, mt := range m.files.Mounts() {
				e := l.NewTable()
				e.RawSetString("path", glua.LString(mt.Path))
				e.RawSetString("fs", glua.LString(mt.Type))
				list.Append(e)
			}
			l.Push(list)
			return 1
		}),
		fn("dexist", func(l *glua.LState) int {
			info, err := m.files.Stat(m.str(l, 1))
			m.checkPower()
			return pushBool(l, err == nil && info.IsDir())
		}),
		fn("fsstat", func(l *glua.LState) int {
			u, kind, err := m.files.Usage(m.optStr(l, 1, "/"))
			m.checkPower()
			if err != nil {
				return pushBool(l, false)
			}
			l.Push(glua.LTrue)
			l.Push(glua.LNumber(u.Blocks))
			l.Push(glua.LNumber(u.Used))
			l.Push(glua.LNumber(u.BlockSize))
			l.Push(glua.LString(kind))
			return 5
		}),
	)
	constants(t, "FILE", 0, "DIR", 1)
	// The older name, under which firmware had fsstat and fsize.
	m.setGlobal("fs", t)
	m.loaded().RawSetString("fs", t)
}

// ioMkfs formats what is mounted at exactly this path. RAM and the firmware's
// own files cannot be formatted. The firmware formats under open files too,
// and what they write then ruins the new file system: that is not emulated.
func (m *Machine) ioMkfs(l *glua.LState) int {
	name := m.str(l, 1)
	err := m.files.Format(name)
	m.checkPower()
	var open *mount.StillOpenError
	switch {
	case err == nil:
		l.Push(glua.LTrue)
		l.Push(glua.LNumber(0))
		return 2
	case errors.As(err, &open):
		m.raise("io.mkfs of %s with open files is not emulated: close them first", name)
	case errors.Is(err, mount.ErrNoFormat) && !m.files.Mounted(name):
		m.logf(levelError, "vfs", "no such mount point %s", name)
	}
	l.Push(glua.LFalse)
	l.Push(glua.LNumber(-1))
	return 2
}

// boolCode pushes success and C's 0 or -1.
func (m *Machine) boolCode(l *glua.LState, err error) int {
	m.checkPower()
	l.Push(glua.LBool(err == nil))
	if err == nil {
		l.Push(glua.LNumber(0))
	} else {
		l.Push(glua.LNumber(-1))
	}
	return 2
}

func (m *Machine) ioReadFile(l *glua.LState) int {
	f, err := m.openFile(m.str(l, 1), m.optStr(l, 2, "rb"))
	if err != nil {
		return 0
	}
	defer f.f.Close()
	if off := m.optInt(l, 3, 0); off > 0 {
		if _, err := f.f.Seek(off, io.SeekStart); err != nil {
			return 0
		}
	}
	s, _ := m.readBytes(l, f, max(0, m.optInt(l, 4, 1<<62)))
	return pushStr(l, s)
}

func (m *Machine) ioWriteFile(l *glua.LState) int {
	data := m.str(l, 2)
	f, err := m.openFile(m.str(l, 1), m.optStr(l, 3, "wb+"))
	if err != nil {
		return 0
	}
	_, err = f.f.Write([]byte(data))
	m.checkPower()
	if cerr := f.f.Close(); err == nil {
		err = cerr
	}
	m.checkPower()
	return pushBool(l, err == nil)
}

// ioLsdir lists a folder: name, type and, of files, size.
func (m *Machine) ioLsdir(l *glua.LState) int {
	name := m.str(l, 1)
	count, offset := m.optInt(l, 2, 10), max(0, m.optInt(l, 3, 0))
	if count < 0 {
		count = 10
	}
	count = min(count, 100)
	fail := func() int {
		l.Push(glua.LFalse)
		l.Push(glua.LNumber(-1))
		return 2
	}
	dir, err := m.files.Open(name)
	m.checkPower()
	if err != nil {
		return fail()
	}
	defer dir.Close()
	list, err := dir.Readdir(-1)
	m.checkPower()
	if err != nil && !errors.Is(err, io.EOF) {
		return fail()
	}
	t := l.NewTable()
	for i := offset; i < int64(len(list)) && i < offset+count; i++ {
		e := l.NewTable()
		kind := 0
		if list[i].IsDir() {
			kind = 1
		}
		e.RawSetString("type", glua.LNumber(kind))
		e.RawSetString("name", glua.LString(path.Base(list[i].Name())))
		e.RawSetString("size", glua.LNumber(list[i].Size()))
		t.Append(e)
	}
	l.Push(glua.LTrue)
	l.Push(t)
	return 2
}
