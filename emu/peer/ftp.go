package peer

import (
	"bytes"
	"fmt"
	"net"
	"path"
	"slices"
	"strconv"
	"strings"

	"airlift/emu/link"
)

// Bounds of an [FTP] server.
const (
	ftpLineMax    = 1024    // bytes of a command
	ftpFileMax    = 4 << 20 // bytes
	ftpEntriesMax = 1000    // files and folders
	// The ports on which it waits for data connections.
	ftpDataFirst = 60000
	ftpDataLast  = 60063
)

// FTP is a server of files in memory with passive transfers (RFC 959). Its
// answers read like vsftpd's, the server that LuatOS is tried with. It lets
// everybody in. It is a link.Peer; [FTP.Data] has to be behind the ports
// that [FTP.IsData] names.
type FTP struct {
	entries []*ftpEntry // but the root, in the order in which they were made
	waiting [ftpDataLast - ftpDataFirst + 1]*ftpSession
	next    int
}

// ftpEntry is a file or a folder.
type ftpEntry struct {
	path string // clean, from the root
	dir  bool
	data []byte
}

// Accept implements link.Peer.
func (f *FTP) Accept(c *link.PeerConn) link.PeerSession {
	s := &ftpSession{server: f, conn: c, dir: "/"}
	s.reply(220, "lab FTP")
	return s
}

// IsData reports whether a port is for data connections.
func (f *FTP) IsData(port int) bool { return port >= ftpDataFirst && port <= ftpDataLast }

// Data takes data connections.
func (f *FTP) Data() link.Peer {
	return link.PeerFunc(func(c *link.PeerConn) link.PeerSession {
		_, p, _ := net.SplitHostPort(c.Local())
		port, err := strconv.Atoi(p)
		d := &ftpData{conn: c}
		if err != nil || !f.IsData(port) || f.waiting[port-ftpDataFirst] == nil {
			c.Close()
			return d
		}
		d.session = f.waiting[port-ftpDataFirst]
		f.waiting[port-ftpDataFirst] = nil
		d.session.data = d
		d.session.transfer()
		return d
	})
}

// Put makes a file; it is for tests and for what a lab shall have.
func (f *FTP) Put(name string, data []byte) { f.write(clean("/", name), data) }

// Get returns a file's content.
func (f *FTP) Get(name string) ([]byte, bool) {
	if e := f.find(clean("/", name)); e != nil && !e.dir {
		return e.data, true
	}
	return nil, false
}

func (f *FTP) find(p string) *ftpEntry {
	if p == "/" {
		return &ftpEntry{path: "/", dir: true}
	}
	for _, e := range f.entries {
		if e.path == p {
			return e
		}
	}
	return nil
}

// isDir reports whether a folder is there.
func (f *FTP) isDir(p string) bool { e := f.find(p); return e != nil && e.dir }

func (f *FTP) write(p string, data []byte) bool {
	if e := f.find(p); e != nil {
		if e.dir {
			return false
		}
		e.data = data
		return true
	}
	if len(f.entries) >= ftpEntriesMax || !f.isDir(path.Dir(p)) {
		return false
	}
	f.entries = append(f.entries, &ftpEntry{path: p, data: data})
	return true
}

func (f *FTP) remove(e *ftpEntry) {
	f.entries = slices.DeleteFunc(f.entries, func(o *ftpEntry) bool { return o == e })
}

// children lists a folder, or a file itself.
func (f *FTP) children(p string) []*ftpEntry {
	if e := f.find(p); e != nil && !e.dir {
		return []*ftpEntry{e}
	}
	var list []*ftpEntry
	for _, e := range f.entries {
		if path.Dir(e.path) == p {
			list = append(list, e)
		}
	}
	return list
}

// clean makes a path from the root.
func clean(dir, name string) string {
	if !strings.HasPrefix(name, "/") {
		name = dir + "/" + name
	}
	return path.Clean("/" + name)
}

// ftpSession is one control connection.
type ftpSession struct {
	server *FTP
	conn   *link.PeerConn
	buf    []byte
	user   bool
	in     bool // logged in
	dir    string
	port   int      // of the data connection that is awaited, 0 for none
	data   *ftpData // the connection, once it is there
	do     func(*ftpData)
	over   bool
}

// ftpData is one data connection.
type ftpData struct {
	conn     *link.PeerConn
	session  *ftpSession
	received []byte
	done     func(whole bool) // nil unless something is received
}

// Data implements link.PeerSession.
func (d *ftpData) Data(p []byte) {
	if len(d.received)+len(p) > ftpFileMax {
		d.finish(false)
		d.conn.Close()
		return
	}
	d.received = append(d.received, p...)
}

// Closed implements link.PeerSession: the end of what the client sends.
func (d *ftpData) Closed() { d.finish(true) }

func (d *ftpData) finish(whole bool) {
	if d.done != nil {
		done := d.done
		d.done = nil
		done(whole)
	}
}

// Closed implements link.PeerSession.
func (s *ftpSession) Closed() { s.end() }

func (s *ftpSession) end() {
	s.over = true
	s.dropData()
}

// dropData forgets the data connection.
func (s *ftpSession) dropData() {
	if s.port > 0 && s.server.waiting[s.port-ftpDataFirst] == s {
		s.server.waiting[s.port-ftpDataFirst] = nil
	}
	if s.data != nil {
		s.data.done = nil
		s.data.conn.Close()
	}
	s.port, s.data, s.do = 0, nil, nil
}

// Data implements link.PeerSession.
func (s *ftpSession) Data(p []byte) {
	s.buf = append(s.buf, p...)
	for !s.over {
		i := bytes.IndexByte(s.buf, '\n')
		if i < 0 {
			if len(s.buf) > ftpLineMax {
				s.reply(500, "line too long")
				s.end()
				s.conn.Close()
			}
			return
		}
		line := strings.TrimRight(string(s.buf[:i]), "\r")
		s.buf = s.buf[i+1:]
		verb, arg, _ := strings.Cut(line, " ")
		s.command(strings.ToUpper(verb), arg)
	}
}

func (s *ftpSession) reply(code int, format string, args ...any) {
	s.conn.Send([]byte(fmt.Sprintf("%d %s\r\n", code, fmt.Sprintf(format, args...))))
}

func (s *ftpSession) command(verb, arg string) {
	switch verb {
	case "USER":
		s.user = true
		s.reply(331, "Please specify the password.")
	case "PASS":
		if !s.user {
			s.reply(503, "user first")
			return
		}
		s.in = true
		s.reply(230, "Login successful.")
	case "QUIT":
		s.reply(221, "Goodbye.")
		s.end()
		s.conn.Close()
	case "NOOP":
		s.reply(200, "NOOP ok.")
	case "SYST":
		s.reply(215, "UNIX Type: L8")
	default:
		if !s.in {
			s.reply(530, "log in first")
			return
		}
		s.fileCommand(verb, arg)
	}
}

func (s *ftpSession) fileCommand(verb, arg string) {
	f, p := s.server, clean(s.dir, arg)
	e := f.find(p)
	switch verb {
	case "TYPE":
		s.reply(200, "Switching to %s mode.", map[bool]string{true: "Binary", false: "ASCII"}[strings.HasPrefix(strings.ToUpper(arg), "I")])
	case "PWD":
		s.reply(257, "%q is the current directory", s.dir)
	case "CDUP":
		s.dir = path.Dir(s.dir)
		s.reply(250, "Directory successfully changed.")
	case "CWD":
		if !f.isDir(p) {
			s.reply(550, "no such folder")
			return
		}
		s.dir = p
		s.reply(250, "Directory successfully changed.")
	case "MKD":
		if e != nil || len(f.entries) >= ftpEntriesMax || !f.isDir(path.Dir(p)) {
			s.reply(550, "cannot make the folder")
			return
		}
		f.entries = append(f.entries, &ftpEntry{path: p, dir: true})
		s.reply(257, "%q created", p)
	case "RMD", "DELE":
		if e == nil || p == "/" || e.dir != (verb == "RMD") || e.dir && len(f.children(p)) > 0 {
			s.reply(550, "cannot remove it")
			return
		}
		f.remove(e)
		s.reply(250, "%s operation successful.", map[bool]string{true: "Remove directory", false: "Delete"}[verb == "RMD"])
	case "SIZE":
		if e == nil || e.dir {
			s.reply(550, "no such file")
			return
		}
		s.reply(213, "%d", len(e.data))
	case "PASV":
		s.passive()
	default:
		s.dataCommand(verb, p, e)
	}
}

// passive opens a port for the next transfer.
func (s *ftpSession) passive() {
	f := s.server
	s.dropData()
	for range f.waiting {
		i := f.next
		f.next = (f.next + 1) % len(f.waiting)
		if f.waiting[i] != nil {
			continue
		}
		f.waiting[i], s.port = s, ftpDataFirst+i
		a := s.conn.Address().As4()
		s.reply(227, "Entering Passive Mode (%d,%d,%d,%d,%d,%d).", a[0], a[1], a[2], a[3], s.port>>8, s.port&255)
		return
	}
	s.reply(425, "no port is free")
}

// dataCommand is one with a transfer.
func (s *ftpSession) dataCommand(verb, p string, e *ftpEntry) {
	f := s.server
	switch verb {
	case "RETR":
		if e == nil || e.dir {
			s.reply(550, "no such file")
			return
		}
		s.start(func(d *ftpData) { s.sendData(d, e.data) })
	case "LIST", "NLST":
		var b strings.Builder
		for _, c := range f.children(p) {
			b.WriteString(listing(c, verb == "NLST"))
		}
		s.start(func(d *ftpData) { s.sendData(d, []byte(b.String())) })
	case "STOR":
		if !f.isDir(path.Dir(p)) || e != nil && e.dir {
			s.reply(553, "no file can be there")
			return
		}
		s.start(func(d *ftpData) {
			d.done = func(whole bool) {
				if !whole || !f.write(p, d.received) {
					s.reply(552, "no room")
					return
				}
				s.reply(226, "Transfer complete.")
			}
		})
	default:
		s.reply(502, "%s is not known here", explainVerb(verb))
	}
}

// explainVerb shortens what came instead of a command.
func explainVerb(verb string) string {
	return strconv.QuoteToASCII(verb[:min(len(verb), 16)])
}

func listing(e *ftpEntry, short bool) string {
	name := path.Base(e.path)
	if short {
		return name + "\r\n"
	}
	mode := "-rw-r--r--"
	if e.dir {
		mode = "drwxr-xr-x"
	}
	return fmt.Sprintf("%s 1 lab lab %8d Apr 10  2024 %s\r\n", mode, len(e.data), name)
}

// start begins a transfer as soon as the data connection is there.
func (s *ftpSession) start(do func(*ftpData)) {
	if s.port == 0 {
		s.reply(425, "PASV first")
		return
	}
	s.do = do
	s.reply(150, "Ok to send data.")
	s.transfer()
}

// transfer runs when both the command and the connection are there.
func (s *ftpSession) transfer() {
	if s.do == nil || s.data == nil {
		return
	}
	do, d := s.do, s.data
	s.do, s.data, s.port = nil, nil, 0
	do(d)
}

func (s *ftpSession) sendData(d *ftpData, data []byte) {
	d.conn.Send(data)
	d.conn.Close()
	s.reply(226, "Transfer complete.")
}
