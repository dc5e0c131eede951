package lua

import (
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/afero"
	glua "github.com/yuin/gopher-lua"
)

// scriptFile is a file that a script holds.
type scriptFile struct {
	name string
	f    afero.File // nil when it is closed
	buf  []byte     // read ahead
}

// openFlags are those of fopen modes; an unknown mode reads
// (luatos-runtime.md 7.1).
func openFlags(mode string) int {
	switch strings.ReplaceAll(mode, "b", "") {
	case "r+":
		return os.O_RDWR
	case "w":
		return os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	case "w+":
		return os.O_RDWR | os.O_CREATE | os.O_TRUNC
	case "a":
		return os.O_WRONLY | os.O_CREATE | os.O_APPEND
	case "a+":
		return os.O_RDWR | os.O_CREATE | os.O_APPEND
	}
	return os.O_RDONLY
}

// validMode is what io.open takes: one of rwa, perhaps a plus, any b.
func validMode(mode string) bool {
	return mode != "" && strings.Contains("rwa", mode[:1]) && strings.Trim(strings.TrimPrefix(mode[1:], "+"), "b") == ""
}

// openFile opens a file, never a folder.
func (m *Machine) openFile(name, mode string) (*scriptFile, error) {
	f, err := m.files.OpenFile(name, openFlags(mode), 0o666)
	m.checkPower()
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		f.Close()
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &scriptFile{name: name, f: f}, nil
}

// failure pushes nil, message, errno.
func failure(l *glua.LState, name string, err error) int {
	text, code := errno(err)
	l.Push(glua.LNil)
	l.Push(glua.LString(name + ": " + text))
	l.Push(glua.LNumber(code))
	return 3
}

func (m *Machine) ioOpen(l *glua.LState) int {
	name, mode := m.str(l, 1), m.optStr(l, 2, "r")
	if !validMode(mode) {
		l.ArgError(2, "invalid mode")
	}
	f, err := m.openFile(name, mode)
	if err != nil {
		return failure(l, name, err)
	}
	ud := l.NewUserData()
	ud.Value, ud.Metatable = f, m.fileMeta
	l.Push(ud)
	return 1
}

// file is the file argument of a method.
func (m *Machine) file(l *glua.LState, n int, open bool) *scriptFile {
	ud, ok := l.Get(n).(*glua.LUserData)
	if ok {
		if f, ok := ud.Value.(*scriptFile); ok {
			if open && f.f == nil {
				m.raise("attempt to use a closed file")
			}
			return f
		}
	}
	m.typeError(l, n, "FILE*")
	return nil
}

func (m *Machine) fileClose(l *glua.LState) int {
	f := m.file(l, 1, true)
	err := f.f.Close()
	f.f = nil
	m.checkPower()
	if err != nil {
		return failure(l, f.name, err)
	}
	return pushBool(l, true)
}

func (m *Machine) fileWrite(l *glua.LState) int {
	f := m.file(l, 1, true)
	if len(f.buf) > 0 {
		// What was read ahead has to be given back first.
		if _, err := f.f.Seek(-int64(len(f.buf)), io.SeekCurrent); err != nil {
			return failure(l, f.name, err)
		}
		f.buf = nil
	}
	for i := 2; i <= l.GetTop(); i++ {
		var p []byte
		// Since 2025-09-30 (the function's documentation) also the used bytes
		// of a zbuff.
		if b := asZbuff(l.Get(i)); b != nil && m.core("2025-09-30") {
			p = b.filled()
		} else {
			p = []byte(m.str(l, i))
		}
		_, err := f.f.Write(p)
		m.checkPower()
		if err != nil {
			return failure(l, f.name, err)
		}
	}
	l.Push(l.Get(1))
	return 1
}

// fileFill is fill(zbuff, offset=0, length=what fits): the file's bytes to a
// place in the buffer, whose position stays. It returns whether it worked, and
// the number of bytes.
func (m *Machine) fileFill(l *glua.LState) int {
	f, b := m.file(l, 1, true), m.zbuff(l, 2)
	p := b.slice(m.optInt(l, 3, 0), m.optInt(l, 4, int64(len(b.data))))
	s, _ := m.readBytes(l, f, int64(len(p)))
	copy(p, s)
	l.Push(glua.LTrue)
	l.Push(glua.LNumber(len(s)))
	return 2
}

func (m *Machine) fileSeek(l *glua.LState) int {
	f := m.file(l, 1, true)
	whence, ok := map[string]int{"set": io.SeekStart, "cur": io.SeekCurrent, "end": io.SeekEnd}[m.optStr(l, 2, "cur")]
	if !ok {
		l.ArgError(2, "invalid option")
	}
	off := m.optInt(l, 3, 0)
	if whence == io.SeekCurrent {
		off -= int64(len(f.buf))
	}
	f.buf = nil
	if strings.HasPrefix(f.name, "/lua/") {
		off, whence = m.clamped(f, off, whence), io.SeekStart
	}
	pos, err := f.f.Seek(off, whence)
	m.checkPower()
	if err != nil {
		return failure(l, f.name, err)
	}
	return pushInt(l, pos)
}

// clamped is where a seek leads that stays within the file: so it is with the
// libraries in the firmware.
func (m *Machine) clamped(f *scriptFile, off int64, whence int) int64 {
	info, err := f.f.Stat()
	if err != nil {
		return 0
	}
	switch whence {
	case io.SeekCurrent:
		if at, err := f.f.Seek(0, io.SeekCurrent); err == nil {
			off += at
		}
	case io.SeekEnd:
		off += info.Size()
	}
	return max(0, min(off, info.Size()))
}

const readAhead = 512 // bytes

// more reads ahead; false at the end of the file.
func (m *Machine) more(f *scriptFile) bool {
	p := make([]byte, readAhead)
	n, err := f.f.Read(p)
	m.checkPower()
	f.buf = append(f.buf, p[:n]...)
	return n > 0 && (err == nil || err == io.EOF)
}

func (m *Machine) readLine(l *glua.LState, f *scriptFile, keep bool) (string, bool) {
	for from := 0; ; {
		if i := strings.IndexByte(string(f.buf[from:]), '\n'); i >= 0 {
			i += from
			line := string(f.buf[:i+1])
			f.buf = f.buf[i+1:]
			if !keep {
				line = line[:i]
			}
			return line, true
		}
		from = len(f.buf)
		m.allocate(int64(from))
		if !m.more(f) {
			line := string(f.buf)
			f.buf = nil
			return line, line != ""
		}
	}
}

func (m *Machine) readBytes(l *glua.LState, f *scriptFile, n int64) (string, bool) {
	for int64(len(f.buf)) < n {
		m.allocate(min(n, int64(len(f.buf))))
		if !m.more(f) {
			break
		}
	}
	n = min(n, int64(len(f.buf)))
	s := string(f.buf[:n])
	f.buf = f.buf[n:]
	if s != "" {
		return s, true
	}
	return "", false
}

// fileRead knows numbers, l, L and a; not n (luatos-runtime.md 7.2).
func (m *Machine) fileRead(l *glua.LState) int {
	return m.readFormats(l, m.file(l, 1, true), 2)
}

func (m *Machine) readFormats(l *glua.LState, f *scriptFile, first int) int {
	top := l.GetTop()
	if top < first {
		return m.pushRead(l, f, glua.LString("l"))
	}
	for i := first; i <= top; i++ {
		n := m.pushRead(l, f, l.Get(i))
		if l.Get(-1) == glua.LNil {
			return i - first + n
		}
	}
	return top - first + 1
}

func (m *Machine) pushRead(l *glua.LState, f *scriptFile, format glua.LValue) int {
	var s string
	var ok bool
	if n, isNumber := m.number(format); isNumber {
		if n == 0 {
			ok = len(f.buf) > 0 || m.more(f)
		} else {
			s, ok = m.readBytes(l, f, int64(n))
		}
	} else {
		text, _ := m.text(format)
		text = strings.TrimPrefix(text, "*")
		switch text[:min(1, len(text))] { // "all" is "a"
		case "l":
			s, ok = m.readLine(l, f, false)
		case "L":
			s, ok = m.readLine(l, f, true)
		case "a":
			s, _ = m.readBytes(l, f, 1<<62)
			ok = true
		default:
			l.ArgError(2, "invalid format")
		}
	}
	if !ok {
		l.Push(glua.LNil)
		return 1
	}
	return pushStr(l, s)
}

func (m *Machine) linesOf(l *glua.LState, f *scriptFile, formats []glua.LValue, closeAtEnd bool) int {
	l.Push(l.NewFunction(func(l *glua.LState) int {
		if f.f == nil {
			m.raise("file is already closed")
		}
		l.SetTop(0)
		for _, v := range formats {
			l.Push(v)
		}
		n := m.readFormats(l, f, 1)
		if l.Get(l.GetTop()-n+1) == glua.LNil && closeAtEnd {
			f.f.Close()
			f.f = nil
			m.checkPower()
		}
		return n
	}))
	return 1
}

func (m *Machine) args(l *glua.LState, first int) []glua.LValue {
	var list []glua.LValue
	for i := first; i <= l.GetTop(); i++ {
		list = append(list, l.Get(i))
	}
	return list
}

func (m *Machine) fileLines(l *glua.LState) int {
	return m.linesOf(l, m.file(l, 1, true), m.args(l, 2), false)
}

func (m *Machine) ioLines(l *glua.LState) int {
	name := m.str(l, 1)
	f, err := m.openFile(name, "r")
	if err != nil {
		text, _ := errno(err)
		m.raise("%s", name+": "+text)
	}
	return m.linesOf(l, f, m.args(l, 2), true)
}
