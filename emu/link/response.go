package link

import (
	"fmt"
	"strconv"
	"strings"
)

// noBody reports whether a status never has a body.
func noBody(status int) bool { return status < 200 || status == 204 || status == 304 }

// closes decides whether the connection is closed after the answer.
func closes(req *Request, resp *Response) bool {
	switch {
	case resp.Close:
		return true
	case resp.KeepOpen:
		return false
	}
	return req == nil || req.WantsClose()
}

// appendHead appends the status line, the headers and the empty line.
func appendHead(b []byte, resp *Response, close bool) []byte {
	reason := resp.Reason
	if reason == "" {
		reason = StatusText(resp.Status)
	}
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(resp.Status), 10)
	b = append(b, ' ')
	b = appendClean(b, reason)
	b = append(b, '\r', '\n')
	length, connection := noBody(resp.Status) || resp.Chunked, false
	for _, f := range resp.Header {
		value := f.Value
		switch {
		case strings.EqualFold(f.Name, "Content-Length"):
			if value == "" && (resp.Chunked || noBody(resp.Status)) {
				continue
			}
			if value == "" {
				value = strconv.FormatInt(resp.size(), 10)
			}
			length = true
		case strings.EqualFold(f.Name, "Connection"):
			if value == "" {
				value = connectionValue(close)
			}
			connection = true
		}
		b = appendField(b, f.Name, value)
	}
	if resp.Chunked && !noBody(resp.Status) {
		b = appendField(b, "Transfer-Encoding", "chunked")
	}
	if !length {
		b = appendField(b, "Content-Length", strconv.FormatInt(resp.size(), 10))
	}
	if !connection {
		b = appendField(b, "Connection", connectionValue(close))
	}
	return append(b, '\r', '\n')
}

func connectionValue(close bool) string {
	if close {
		return "close"
	}
	return "keep-alive"
}

func appendField(b []byte, name, value string) []byte {
	b = appendClean(b, name)
	b = append(b, ':', ' ')
	b = appendClean(b, value)
	return append(b, '\r', '\n')
}

// appendClean appends s without line ends: a value from outside must not be
// able to add header lines.
func appendClean(b []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if c == '\r' || c == '\n' || c == 0 {
			c = ' '
		}
		b = append(b, c)
	}
	return b
}

// chunkBytes is the size of the chunks of a chunked body.
const chunkBytes = 4096

// stream is the bytes of one answer, cut into pieces on demand. Long bodies in
// memory are never copied.
type stream struct {
	resp    *Response
	cur     []byte // what comes next
	inBody  bool   // cur is body
	off     int64  // body bytes taken out of resp
	size    int64  // body bytes in all
	tail    bool   // the last chunk has been written
	head    int    // bytes of cur that must be a piece of their own, or 0
	scratch []byte // one piece that has several sources
	file    []byte // block read from resp.File
	sent    int64  // body bytes handed out
	err     error  // the file could not be read
}

// newStream starts the answer. piece is the usual size of a piece: a small
// body stays in one piece, because RDA8910 scripts need that
// (iot-platform.md 2.2).
func newStream(req *Request, resp *Response, close bool, piece int) *stream {
	s := &stream{resp: resp, size: resp.size()}
	if s.size < 0 {
		s.size = 0
	}
	s.cur = appendHead(make([]byte, 0, 512), resp, close)
	if noBody(resp.Status) || req != nil && req.Method == "HEAD" {
		s.size, s.tail = 0, true
	}
	if !resp.Chunked {
		s.tail = true
	}
	if s.size <= int64(piece) && s.size+int64(len(s.cur)) > int64(piece) {
		s.head = len(s.cur)
	}
	return s
}

// next returns the next piece of at most n bytes, or nil at the end. It is
// valid until the next call.
func (s *stream) next(n int) []byte {
	if s.head > 0 && s.head <= n {
		n, s.head = s.head, 0
	}
	s.refill()
	if len(s.cur) >= n || s.atEnd() {
		return s.take(n)
	}
	if need := s.left(n); cap(s.scratch) < need {
		s.scratch = make([]byte, 0, need)
	}
	out := s.scratch[:0]
	for len(out) < n && s.err == nil {
		s.refill()
		if len(s.cur) == 0 {
			break
		}
		out = append(out, s.take(n-len(out))...)
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// left bounds what is still to come by n: most answers are far shorter than the
// pieces that they may come in.
func (s *stream) left(n int) int {
	if s.resp.Chunked {
		return n
	}
	return int(min(int64(n), int64(len(s.cur))+s.size-s.off))
}

func (s *stream) atEnd() bool { return s.off >= s.size && s.tail }

func (s *stream) take(n int) []byte {
	n = min(n, len(s.cur))
	p := s.cur[:n]
	s.cur = s.cur[n:]
	if s.inBody {
		s.sent += int64(n)
	}
	if n == 0 {
		return nil
	}
	return p
}

// refill puts the next source into cur when it is used up.
func (s *stream) refill() {
	if len(s.cur) > 0 || s.err != nil {
		return
	}
	if s.resp.Chunked && !(s.tail && s.off >= s.size) {
		s.refillChunk()
		return
	}
	s.inBody = true
	s.cur = s.body(s.size - s.off)
}

// refillChunk writes a chunk with its frame. Chunked answers are rare, so they
// may cost a copy.
func (s *stream) refillChunk() {
	s.inBody = false
	n := min(s.size-s.off, chunkBytes)
	if n == 0 {
		s.cur, s.tail = []byte("0\r\n\r\n"), true
		return
	}
	p := s.body(n)
	s.sent += int64(len(p))
	s.cur = fmt.Appendf(make([]byte, 0, len(p)+16), "%x\r\n%s\r\n", len(p), p)
}

// fileBlock is how much of a file is read at a time, in bytes.
const fileBlock = 32 << 10

// body takes up to n bytes of the body, at least one unless n is 0.
func (s *stream) body(n int64) []byte {
	if n <= 0 {
		return nil
	}
	if s.resp.File == nil {
		p := s.resp.Body[s.off:min(s.off+n, int64(len(s.resp.Body)))]
		s.off += int64(len(p))
		return p
	}
	if s.file == nil {
		s.file = make([]byte, min(fileBlock, s.size))
	}
	p := s.file[:min(n, int64(len(s.file)))]
	if got, err := s.resp.File.ReadAt(p, s.resp.Offset+s.off); got < len(p) {
		s.err = fmt.Errorf("read body at %d: %w", s.resp.Offset+s.off, err)
		return nil
	}
	s.off += int64(len(p))
	return p
}

// statusLine returns an answer's first line, for people.
func statusLine(resp *Response) string {
	reason := resp.Reason
	if reason == "" {
		reason = StatusText(resp.Status)
	}
	return fmt.Sprintf("HTTP/1.1 %d %s", resp.Status, reason)
}
