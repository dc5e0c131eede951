package link

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"airlift/flash/explain"
)

// Limits bound what a server accepts. Zero fields mean the defaults.
type Limits struct {
	LineBytes int // request line, default 8192
	HeadBytes int // request line and headers, default 16384
	Headers   int // header lines, default 100
	BodyBytes int // default 1 MiB
}

func (l Limits) withDefaults() Limits {
	if l.LineBytes <= 0 {
		l.LineBytes = 8192
	}
	if l.HeadBytes <= 0 {
		l.HeadBytes = 16384
	}
	if l.Headers <= 0 {
		l.Headers = 100
	}
	if l.BodyBytes <= 0 {
		l.BodyBytes = 1 << 20
	}
	return l
}

// BadRequest is a request that a server refuses before any handler sees it.
type BadRequest struct {
	Status int                  // what to answer: 400, 413, 414, 431, 501, 505
	Format *explain.FormatError // offsets count from the start of the request
	Line   string               // the request line as far as it is known
}

func (e *BadRequest) Error() string { return "bad request: " + e.Format.Error() }

// Unwrap returns the format error.
func (e *BadRequest) Unwrap() error { return e.Format }

func refuse(status int, off int, what, want, got, hint string) *BadRequest {
	return &BadRequest{Status: status, Format: &explain.FormatError{Off: int64(off), What: what, Want: want, Got: got, Hint: hint}}
}

// ParseRequest takes one request from the start of buf. It returns the number
// of bytes that the request takes, or 0 without an error if more bytes are
// needed. The error is a *[BadRequest]; the connection is then beyond repair.
// Lines end with CR LF; a lone LF is taken too. The request shares no memory
// with buf.
func ParseRequest(buf []byte, lim Limits) (req *Request, n int, err error) {
	p := parser{lim: lim.withDefaults()}
	return p.parse(buf)
}

// parser remembers how far it looked for the end of the head, so that a client
// that sends single bytes costs no more than others.
type parser struct {
	lim  Limits
	seen int
	head *Request // parsed head of a request whose body is incomplete
	body int      // its length in bytes
	off  int      // where the body starts
}

// reset makes p ready for the next request.
func (p *parser) reset() { *p = parser{lim: p.lim} }

func (p *parser) parse(buf []byte) (*Request, int, error) {
	if p.head == nil {
		end, bad := p.findHead(buf)
		if bad == nil && end == 0 {
			return nil, 0, nil
		}
		if bad == nil {
			bad = p.parseHead(buf[:end])
		}
		if bad != nil {
			return nil, 0, bad
		}
		p.off = end
	}
	if len(buf)-p.off < p.body {
		return nil, 0, nil
	}
	req := p.head
	if p.body > 0 {
		req.Body = bytes.Clone(buf[p.off : p.off+p.body])
	}
	return req, p.off + p.body, nil
}

// leadingBlank is how many bytes of empty lines before a request are skipped.
const leadingBlank = 8

func skipBlank(buf []byte) int {
	i := 0
	for i < len(buf) && i < leadingBlank && (buf[i] == '\r' || buf[i] == '\n') {
		i++
	}
	return i
}

// findHead returns the length of the head with its empty line, or 0 if it is
// not complete yet.
func (p *parser) findHead(buf []byte) (int, *BadRequest) {
	start := skipBlank(buf)
	if start < len(buf) && !isToken(buf[start]) {
		return 0, refuse(400, start, "request line", "a method such as GET", describe(buf[start:]),
			"is the client speaking TLS or another protocol?")
	}
	for from := max(p.seen, start); ; {
		i := bytes.IndexByte(buf[from:], '\n')
		if i < 0 {
			break
		}
		from += i + 1
		rest := buf[from:]
		switch {
		case len(rest) > 0 && rest[0] == '\n':
			return p.checkHead(from + 1)
		case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
			return p.checkHead(from + 2)
		}
		p.seen = from - 1 // look at this line end again when more has come
	}
	if len(buf)-start > p.lim.LineBytes && bytes.IndexByte(buf[start:start+p.lim.LineBytes], '\n') < 0 {
		return 0, refuse(414, start, "request line", fmt.Sprintf("at most %d bytes", p.lim.LineBytes), "no end of line", "")
	}
	if len(buf) > p.lim.HeadBytes {
		return 0, p.headTooLong(len(buf))
	}
	return 0, nil
}

func (p *parser) checkHead(end int) (int, *BadRequest) {
	if end > p.lim.HeadBytes {
		return 0, p.headTooLong(end)
	}
	return end, nil
}

func (p *parser) headTooLong(n int) *BadRequest {
	return refuse(431, 0, "request head", fmt.Sprintf("at most %d bytes", p.lim.HeadBytes), fmt.Sprintf("%d bytes or more", n), "")
}

// parseHead takes the request line and the headers apart.
func (p *parser) parseHead(head []byte) *BadRequest {
	off := skipBlank(head)
	line, next := cutLine(head, off)
	if len(line) > p.lim.LineBytes {
		return refuse(414, off, "request line", fmt.Sprintf("at most %d bytes", p.lim.LineBytes), fmt.Sprintf("%d bytes", len(line)), "")
	}
	req := new(Request)
	if bad := parseLine(req, string(line), off); bad != nil {
		bad.Line = string(line)
		return bad
	}
	for off = next; ; off = next {
		line, next = cutLine(head, off)
		if len(line) == 0 {
			break
		}
		if len(req.Header) == p.lim.Headers {
			return refuse(431, off, "headers", fmt.Sprintf("at most %d lines", p.lim.Headers), "more", "")
		}
		f, bad := parseField(string(line), off)
		if bad != nil {
			bad.Line = req.Method + " " + req.Target + " " + req.Proto
			return bad
		}
		req.Header = append(req.Header, f)
	}
	n, bad := p.bodyLength(req.Header)
	if bad != nil {
		return bad
	}
	p.head, p.body = req, n
	return nil
}

// cutLine returns the line that starts at off and where the next one starts.
func cutLine(b []byte, off int) (line []byte, next int) {
	i := bytes.IndexByte(b[off:], '\n')
	if i < 0 {
		return b[off:], len(b)
	}
	return bytes.TrimSuffix(b[off:off+i], []byte{'\r'}), off + i + 1
}

const methodBytesMax = 20

func parseLine(req *Request, line string, off int) *BadRequest {
	method, rest, ok := strings.Cut(line, " ")
	if !ok || method == "" || len(method) > methodBytesMax || !allToken(method) {
		return refuse(400, off, "request line", "a method of at most 20 letters and a blank", strconv.QuoteToASCII(clip(method)), "")
	}
	off += len(method) + 1
	target, proto, ok := strings.Cut(rest, " ")
	if !ok {
		return refuse(400, off, "request line", "method, target and HTTP/1.1", strconv.QuoteToASCII(clip(rest)), "")
	}
	if i := strings.IndexByte(proto, ' '); i >= 0 {
		return refuse(400, off+len(target), "request line", "no blank within the target", strconv.QuoteToASCII(clip(rest)),
			"LuatOS libraries encode nothing: a blank in PROJECT or a version breaks the request line")
	}
	if target == "" || !(target[0] == '/' || target == "*" || strings.HasPrefix(target, "http://") || strings.HasPrefix(target, "https://")) {
		return refuse(400, off, "request target", "a path that starts with /", strconv.QuoteToASCII(clip(target)), "")
	}
	for i := range len(target) {
		if target[i] < 0x20 || target[i] == 0x7F {
			return refuse(400, off+i, "request target", "no control characters", fmt.Sprintf("0x%02X", target[i]), "")
		}
	}
	if proto != "HTTP/1.1" && proto != "HTTP/1.0" {
		status := 400
		if strings.HasPrefix(proto, "HTTP/") {
			status = 505
		}
		return refuse(status, off+len(target)+1, "protocol", "HTTP/1.1 or HTTP/1.0", strconv.QuoteToASCII(clip(proto)), "")
	}
	req.Method, req.Target, req.Proto = method, target, proto
	return nil
}

func parseField(line string, off int) (Field, *BadRequest) {
	if line[0] == ' ' || line[0] == '\t' {
		return Field{}, refuse(400, off, "header", "a name", "a continued line", "folded headers are not accepted")
	}
	name, value, ok := strings.Cut(line, ":")
	if !ok || name == "" || !allToken(name) {
		return Field{}, refuse(400, off, "header", "name: value", strconv.QuoteToASCII(clip(line)), "")
	}
	value = strings.Trim(value, " \t")
	for i := range len(value) {
		if c := value[i]; c < 0x20 && c != '\t' || c == 0x7F {
			return Field{}, refuse(400, off+len(name)+1, "value of header "+name, "no control characters", fmt.Sprintf("0x%02X", c), "")
		}
	}
	return Field{name, value}, nil
}

// bodyLength reads how many body bytes follow the head.
func (p *parser) bodyLength(h Header) (int, *BadRequest) {
	if h.Has("Transfer-Encoding") {
		return 0, refuse(501, 0, "header Transfer-Encoding", "Content-Length", strconv.QuoteToASCII(clip(h.Get("Transfer-Encoding"))),
			"transfer codings of requests are not emulated")
	}
	length, known := 0, false
	for _, f := range h {
		if !strings.EqualFold(f.Name, "Content-Length") {
			continue
		}
		n, err := strconv.ParseUint(f.Value, 10, 63)
		if err != nil {
			return 0, refuse(400, 0, "header Content-Length", "a number", strconv.QuoteToASCII(clip(f.Value)), "")
		}
		if n > uint64(p.lim.BodyBytes) {
			return 0, refuse(413, 0, "body", fmt.Sprintf("at most %d bytes", p.lim.BodyBytes), fmt.Sprintf("%d bytes", n), "")
		}
		if known && int(n) != length {
			return 0, refuse(400, 0, "header Content-Length", "one value", "two different ones", "")
		}
		length, known = int(n), true
	}
	return length, nil
}

func isToken(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

func allToken(s string) bool {
	for i := range len(s) {
		if !isToken(s[i]) {
			return false
		}
	}
	return true
}

// clip shortens text for an error.
func clip(s string) string {
	const most = 60
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}

func describe(b []byte) string { return fmt.Sprintf("% X", b[:min(len(b), 8)]) }
