package lua

import (
	"bytes"
	"fmt"
	"net/textproto"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/spf13/afero"
	glua "github.com/yuin/gopher-lua"
)

// Bounds of the server (luat_httpsrv_lwip.c).
const (
	httpsrvCount   = 16
	httpsrvBodyMax = 64 << 10 // bytes
	httpsrvHeadMax = 8 << 10  // bytes
	httpsrvPathMax = 200      // bytes of a path that may be a file's
)

// httpsrv is one server of the scripts.
type httpsrv struct {
	m        *Machine
	port     int
	adapter  int
	callback glua.LValue
	release  func()
	stop     func()
}

// openHttpsrv installs httpsrv.*: files of the script image and of the file
// system, and a function for everything else.
func (m *Machine) openHttpsrv() {
	if m.board.Net() == nil {
		return
	}
	debug := false
	m.lib("httpsrv",
		fn("start", m.httpsrvStart),
		fn("stop", func(l *glua.LState) int {
			port, id := int(m.integer(l, 1)), int(m.optInt(l, 3, int64(m.defaultAdapter())))
			for i, s := range m.httpsrvs {
				if s.port == port && s.adapter == id {
					s.stop()
					s.release()
					s.callback = glua.LNil
					m.httpsrvs = append(m.httpsrvs[:i], m.httpsrvs[i+1:]...)
					return pushBool(l, true)
				}
			}
			return pushBool(l, false)
		}),
		fn("debug", func(l *glua.LState) int {
			if b, ok := l.Get(1).(glua.LBool); ok {
				debug = bool(b)
			}
			return pushBool(l, debug)
		}))
}

// httpsrvStart is start(port, function, adapter).
func (m *Machine) httpsrvStart(l *glua.LState) int {
	port := int(uint16(m.integer(l, 1)))
	f, ok := l.Get(2).(*glua.LFunction)
	if !ok {
		m.logf(levelWarn, "httpsrv", "httpsrv need callback function!!!")
		return 0
	}
	id, ok := m.adapterArg(l, 3)
	if !ok || m.net.adapters[id] == nil {
		m.logf(levelWarn, "httpsrv", "该网络还没准备好 %d", id)
		return 0
	}
	if len(m.httpsrvs) == httpsrvCount {
		m.logf(levelWarn, "httpsrv", "httpsrv no free slot, max %d", httpsrvCount)
		return 0
	}
	s := &httpsrv{m: m, port: port, adapter: id, callback: f}
	stop, err := m.board.Net().Listen(port, s.accept)
	if err != nil {
		m.logf(levelWarn, "httpsrv", "httpsrv port %d already in use: %v", port, err)
		return 0
	}
	s.stop, s.release = stop, m.hold(f)
	m.httpsrvs = append(m.httpsrvs, s)
	ip, _, _, _ := m.adapterAddress(id)
	m.logf(levelInfo, "httpsrv", "http listen at %s:%d", ip, port)
	return pushBool(l, true)
}

// srvRequest is a request as the server's function gets it.
type srvRequest struct {
	method, uri string
	headers     []header
	body        []byte
}

// parseSrvRequest reads the request at the start of b; nil without an error
// means that it is not complete.
func parseSrvRequest(b []byte) (*srvRequest, error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		if len(b) > httpsrvHeadMax {
			return nil, fmt.Errorf("head of more than %d bytes", httpsrvHeadMax)
		}
		return nil, nil
	}
	lines := strings.Split(string(b[:end]), "\r\n")
	first := strings.Split(lines[0], " ")
	if len(first) != 3 || first[0] == "" || strings.Trim(first[0], "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "" ||
		!strings.HasPrefix(first[1], "/") || !strings.HasPrefix(first[2], "HTTP/1.") {
		return nil, fmt.Errorf("bad request line %.40q", lines[0])
	}
	r := &srvRequest{method: first[0], uri: first[1]}
	length := 0
	for _, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" {
			return nil, fmt.Errorf("bad header %.40q", line)
		}
		r.headers = append(r.headers, header{name, textproto.TrimString(value)})
		if strings.EqualFold(name, "Content-Length") {
			n, err := strconv.ParseUint(textproto.TrimString(value), 10, 31)
			if err != nil || n > httpsrvBodyMax {
				return nil, fmt.Errorf("body of %.20q bytes, limit %d", value, httpsrvBodyMax)
			}
			length = int(n)
		}
	}
	if len(b) < end+4+length {
		return nil, nil
	}
	r.body = b[end+4 : end+4+length]
	return r, nil
}

// srvClient is one connection to a server.
type srvClient struct {
	srv    *httpsrv
	conn   Conn
	buf    []byte
	asked  bool
	unsent int // bytes of the answer that have not arrived
	over   bool
}

func (s *httpsrv) accept(conn Conn) ConnEvents {
	c := &srvClient{srv: s, conn: conn}
	return ConnEvents{
		Connected: func(error) {},
		Data:      c.data,
		Closed:    func(error) { c.over = true },
		Sent: func(n int) {
			if c.unsent -= n; c.asked && c.unsent <= 0 {
				c.close()
			}
		},
	}
}

func (c *srvClient) close() {
	if !c.over {
		c.over = true
		c.conn.Close()
	}
}

// data takes bytes from the client. Each connection has one request.
func (c *srvClient) data(p []byte) {
	if c.asked || c.over {
		return
	}
	c.buf = append(c.buf, p...)
	r, err := parseSrvRequest(c.buf)
	m := c.srv.m
	if err != nil {
		m.logf(levelInfo, "httpsrv", "bad request, close socket: %v", err)
		c.close()
		return
	}
	if r == nil {
		return
	}
	c.asked = true
	if !c.file(r.uri) {
		m.post(func(l *glua.LState) int {
			c.call(l, r)
			return 0
		})
	}
}

func (c *srvClient) send(text string) {
	if !c.over {
		c.unsent += len(text)
		c.conn.Send([]byte(text))
	}
}

// srvTypes are the types of files by their ending, with the firmware's spelling.
var srvTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".txt": "text/txt; charset=utf-8", ".xml": "text/xml; charset=utf-8",
	".jpg": "image/jpeg", ".png": "image/png", ".gif": "image/gif", ".svg": "svg+xml",
	".json": "application/json; charset=utf-8", ".js": "application/javascript; charset=utf-8", ".css": "text/css",
	".wav": "audio/wave", ".ogg": "audio/ogg", ".webm": "video/webm", ".mp4": "video/mpeg4",
}

// srvShown are the endings of files that are no downloads.
var srvShown = map[string]bool{".html": true, ".htm": true, ".css": true, ".js": true}

// file answers with a file if there is one: of the script image, or of the
// file system.
func (c *srvClient) file(uri string) bool {
	m := c.srv.m
	if len(uri) > httpsrvPathMax || strings.Contains(uri, "..") {
		return false
	}
	if uri == "/" {
		uri = "/index.html"
	}
	for _, name := range []string{"/luadb" + uri, uri} {
		st, err := m.files.Stat(name)
		if err != nil || st.IsDir() || st.Size() < 1 {
			continue
		}
		f, err := m.files.OpenFile(name, os.O_RDONLY, 0)
		if err != nil {
			continue
		}
		content, err := afero.ReadAll(f)
		f.Close()
		if err != nil {
			continue
		}
		kind := srvTypes[path.Ext(name)]
		if kind == "" {
			kind = "application/octet-stream"
		}
		head := fmt.Sprintf("HTTP/1.0 200 OK\r\nContent-Length: %d\r\nX-Powered-By: LuatOS\r\nContent-Type: %s\r\n", len(content), kind)
		if !srvShown[path.Ext(name)] {
			head += fmt.Sprintf("Content-Disposition: attachment; filename=\"%s\"\r\n", path.Base(name))
		}
		c.send(head + "\r\n" + string(content))
		return true
	}
	return false
}

// srvReasons are the status texts that the firmware has (luat_http.h, cut to
// what scripts return); any other code becomes 200.
var srvReasons = map[int]string{
	100: "Continue", 101: "Switching Protocols", 200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 206: "Partial Content",
	301: "Moved Permanently", 302: "Found", 303: "See Other", 304: "Not Modified", 307: "Temporary Redirect",
	400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout",
	409: "Conflict", 411: "Length Required", 413: "Request Entity Too Large", 414: "Request-URI Too Long", 415: "Unsupported Media Type",
	429: "Too Many Requests", 500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
}

// call lets the script answer: function(client, method, uri, headers, body)
// returns code, headers, body.
func (c *srvClient) call(l *glua.LState, r *srvRequest) {
	m, f := c.srv.m, c.srv.callback
	if f == glua.LNil || c.over {
		c.close()
		return
	}
	headers := l.NewTable()
	for _, h := range r.headers {
		headers.RawSetString(h.name, glua.LString(h.value))
	}
	m.allocate(int64(len(r.body)))
	m.call(l, f, 3, glua.LNumber(c.srv.port), glua.LString(r.method), glua.LString(r.uri), headers, glua.LString(r.body))
	codeValue, headerValue, bodyValue := l.Get(-3), l.Get(-2), l.Get(-1)
	l.Pop(3)
	code := 404
	if n, ok := anInteger(codeValue); ok {
		code = int(max(-1, min(n, 1000)))
	}
	reason := srvReasons[code]
	if reason == "" {
		code, reason = 200, "Ok"
	}
	body, _ := m.text(bodyValue)
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP/1.0 %d %s\r\nContent-Length: %d\r\nConnection: close\r\n", code, reason, len(body))
	if t, ok := headerValue.(*glua.LTable); ok {
		m.eachPair(t, func(k, v glua.LValue) {
			name, okName := m.text(k)
			value, okValue := m.text(v)
			if okName && okValue {
				b.WriteString(name + ": " + value + "\r\n")
			}
		})
	}
	b.WriteString("\r\n")
	c.send(b.String() + body)
}
