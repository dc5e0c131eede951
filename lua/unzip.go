package lua

import (
	"archive/zip"
	"io"
	"os"
	"path"
	"strings"

	"github.com/spf13/afero"
	glua "github.com/yuin/gopher-lua"
)

const (
	unzipTimeoutMS  = 30_000
	unzipEntriesMax = 10_000
)

// minizUnzip is unzip(file, folder [, debug, timeout in ms]): everything in
// the archive below the folder, whose name ends with a slash. Folders are made
// where they are missing. It is false after the first thing that goes wrong;
// what is unpacked by then stays.
func (m *Machine) minizUnzip(l *glua.LState) int {
	name, dir := m.str(l, 1), m.str(l, 2)
	timeout := milliseconds(m.optInt(l, 4, unzipTimeoutMS))
	f, err := m.files.Open(name)
	m.checkPower()
	if err != nil {
		m.logf(levelError, "miniz", "ZIP file is empty: %s", name)
		return pushBool(l, false)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() == 0 || info.IsDir() {
		m.logf(levelError, "miniz", "ZIP file is empty: %s", name)
		return pushBool(l, false)
	}
	if !strings.HasSuffix(dir, "/") {
		m.logf(levelError, "miniz", "target_dir must end with '/': %s", dir)
		return pushBool(l, false)
	}
	archive, err := zip.NewReader(powered{m, f}, info.Size())
	if archive == nil || err != nil && err != zip.ErrInsecurePath || len(archive.File) > unzipEntriesMax {
		m.logf(levelError, "miniz", "Failed to initialize ZIP reader")
		return pushBool(l, false)
	}
	end := m.board.Now() + timeout
	for i, entry := range archive.File {
		if timeout > 0 && m.board.Now() >= end {
			m.logf(levelError, "miniz", "Unzip timeout before file #%d, timeout=%d ms", i, timeout.Milliseconds())
			return pushBool(l, false)
		}
		if !m.unzipEntry(entry, dir) {
			return pushBool(l, false)
		}
	}
	return pushBool(l, m.mkdirs(dir))
}

// powered reads a file, and unwinds if the power goes.
type powered struct {
	m *Machine
	f afero.File
}

func (p powered) ReadAt(b []byte, off int64) (int, error) {
	n, err := p.f.ReadAt(b, off)
	p.m.checkPower()
	p.m.charge(n / 16)
	return n, err
}

func (m *Machine) unzipEntry(entry *zip.File, dir string) bool {
	if unsafePath(entry.Name) {
		m.logf(levelError, "miniz", "Unsafe ZIP entry path: %s", entry.Name)
		return false
	}
	to := dir + entry.Name
	if strings.HasSuffix(to, "/") {
		return m.mkdirs(to)
	}
	if !m.mkdirs(path.Dir(to) + "/") {
		return false
	}
	in, err := entry.Open()
	if err != nil {
		return false
	}
	defer in.Close()
	out, err := m.files.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	m.checkPower()
	if err != nil {
		m.logf(levelError, "miniz", "Failed to create %s", to)
		return false
	}
	good := m.copyOut(out, in)
	err = out.Close()
	m.checkPower()
	return good && err == nil
}

// copyOut copies to the end, block by block.
func (m *Machine) copyOut(out afero.File, in io.Reader) bool {
	block := make([]byte, 4096)
	for {
		n, err := io.ReadFull(in, block)
		m.charge(n)
		if n > 0 {
			_, werr := out.Write(block[:n])
			m.checkPower()
			if werr != nil {
				return false
			}
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return true
		}
		if err != nil {
			return false
		}
	}
}

// unsafePath reports a name that leads out of the folder.
func unsafePath(name string) bool {
	if name == "" || name[0] == '/' || strings.ContainsAny(name, "\\:") {
		return true
	}
	for _, part := range strings.Split(name, "/") {
		if part == ".." {
			return true
		}
	}
	return false
}

// mkdirs makes a folder, whose name ends with a slash, and those above it.
func (m *Machine) mkdirs(dir string) bool {
	for i := 1; i < len(dir); i++ {
		if dir[i] != '/' {
			continue
		}
		info, err := m.files.Stat(dir[:i])
		m.checkPower()
		if err == nil && info.IsDir() {
			continue
		}
		err = m.files.Mkdir(dir[:i], 0o777)
		m.checkPower()
		if err != nil {
			m.logf(levelError, "miniz", "Failed to create directory %s", dir[:i])
			return false
		}
	}
	return true
}
