package lua

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"airlift/flash/explain"
)

// responseParser takes an HTTP/1.1 response apart as it arrives, in pieces of
// any size. It never keeps more than the head limit; body bytes are handed on
// at once. It is as strict as the parser in the firmware needs it to be, not
// more: a wrong status line or length is an error, unknown headers are not.
type responseParser struct {
	// headLimit bounds the status line and the headers together, in bytes.
	headLimit int
	// head is called once, when the headers are complete. If it returns false
	// the rest of the response is ignored.
	head func(*responseHead) bool
	// body is called for every piece of the body, without chunk framing. If it
	// returns false the rest is ignored.
	body func(p []byte) bool

	state   parseState
	line    []byte // of the head or of a chunk header, until its line feed
	headLen int
	off     int64 // bytes of the response so far
	resp    responseHead
	left    int64 // of the body or chunk
	err     error
}

// responseHead is status line and headers.
type responseHead struct {
	Status  int
	Headers []header // in the order of arrival, names as received
	// Length is the Content-Length, -1 if there is none.
	Length  int64
	Chunked bool
}

type header struct{ name, value string }

type parseState uint8

const (
	inStatus    parseState = iota
	inHeaders              // up to the blank line
	inBody                 // Content-Length bytes, left is what is missing
	inUntilEnd             // no length: until the connection closes
	inChunkSize            // a line with a hexadecimal size
	inChunk                // chunk data
	inChunkEnd             // the line end behind chunk data
	inTrailer              // headers behind the last chunk
	parsed                 // the response is complete
	ignored                // someone said that the rest does not matter
	failed
)

// errHeadTooLong is the head that does not fit into the firmware's buffer.
var errHeadTooLong = fmt.Errorf("response head is longer than the buffer")

// complete reports whether the whole response was seen.
func (p *responseParser) complete() bool { return p.state == parsed }

// feed takes the next bytes. The error is final: errHeadTooLong or an
// *explain.FormatError whose offset counts from the start of the response.
func (p *responseParser) feed(b []byte) error {
	for len(b) > 0 && p.err == nil {
		n := 0
		switch p.state {
		case inBody, inChunk, inUntilEnd:
			n = p.feedBody(b)
		case parsed, ignored, failed:
			return p.err
		default:
			n = p.feedLine(b)
		}
		p.off += int64(n)
		b = b[n:]
	}
	return p.err
}

func (p *responseParser) feedBody(b []byte) int {
	n := len(b)
	if p.state != inUntilEnd && int64(n) > p.left {
		n = int(p.left)
	}
	state := p.state
	if !p.body(b[:n]) {
		p.state = ignored
		return n
	}
	if state == inUntilEnd || p.state != state {
		return n
	}
	if p.left -= int64(n); p.left == 0 {
		p.state = parsed
		if state == inChunk {
			p.state = inChunkEnd
		}
	}
	return n
}

// feedLine collects a line and handles it at its line feed.
func (p *responseParser) feedLine(b []byte) int {
	n, ended := len(b), false
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		n, ended = i+1, true
	}
	limit := 256 // chunk sizes and their extensions
	if p.state == inStatus || p.state == inHeaders || p.state == inTrailer {
		if p.headLen += n; p.headLen > p.headLimit {
			return p.fail(n, errHeadTooLong)
		}
		limit = p.headLimit
	}
	if len(p.line)+n > limit {
		return p.fail(n, p.wrong("chunk size line", fmt.Sprintf("at most %d bytes", limit), "a longer one"))
	}
	p.line = append(p.line, b[:n]...)
	if !ended {
		return n
	}
	line := strings.TrimRight(string(p.line), "\r\n")
	p.line = p.line[:0]
	p.handleLine(line)
	return n
}

func (p *responseParser) fail(n int, err error) int {
	p.state, p.err = failed, err
	return n
}

func (p *responseParser) wrong(what, want, got string) error {
	return &explain.FormatError{Off: p.off, What: "HTTP response: " + what, Want: want, Got: got}
}

func (p *responseParser) handleLine(line string) {
	var err error
	switch p.state {
	case inStatus:
		err = p.statusLine(line)
	case inHeaders:
		if line == "" {
			p.headEnd()
		} else {
			err = p.headerLine(line)
		}
	case inTrailer:
		if line == "" {
			p.state = parsed
		}
	case inChunkSize:
		err = p.chunkSize(line)
	case inChunkEnd:
		p.state = inChunkSize
		if line != "" {
			err = p.wrong("end of chunk", "a line end", strconv.Quote(line))
		}
	}
	if err != nil {
		p.fail(0, err)
	}
}

func (p *responseParser) statusLine(line string) error {
	if line == "" {
		return nil // line ends in front of a response are skipped
	}
	version, rest, ok := strings.Cut(line, " ")
	if !ok || len(version) != 8 || !strings.HasPrefix(version, "HTTP/1.") {
		return p.wrong("status line", "HTTP/1.x", short(line))
	}
	code, _, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
	n, err := strconv.Atoi(code)
	if err != nil || len(code) != 3 || n < 100 {
		return p.wrong("status code", "three digits", short(code))
	}
	p.resp = responseHead{Status: n, Length: -1}
	p.state = inHeaders
	return nil
}

func (p *responseParser) headerLine(line string) error {
	name, value, ok := strings.Cut(line, ":")
	if !ok || name == "" {
		return p.wrong("header line", "name: value", short(line))
	}
	value = strings.TrimPrefix(value, " ")
	p.resp.Headers = append(p.resp.Headers, header{name, value})
	switch {
	case strings.EqualFold(name, "Content-Length"):
		n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 63)
		if err != nil {
			return p.wrong("Content-Length", "a decimal number", short(value))
		}
		if p.resp.Length >= 0 && p.resp.Length != int64(n) {
			return p.wrong("Content-Length", strconv.FormatInt(p.resp.Length, 10)+" again", short(value))
		}
		p.resp.Length = int64(n)
	case strings.EqualFold(name, "Transfer-Encoding"):
		p.resp.Chunked = strings.Contains(strings.ToLower(value), "chunked")
	}
	return nil
}

// headEnd decides how the body is framed.
func (p *responseParser) headEnd() {
	r := &p.resp
	if r.Status < 200 && r.Status != 101 {
		p.state, p.headLen = inStatus, 0 // an interim answer: the real one follows
		return
	}
	switch {
	case r.Chunked:
		p.state, r.Length = inChunkSize, -1
	case r.Status == 204 || r.Status == 304 || r.Length == 0:
		p.state = parsed
	case r.Length > 0:
		p.state, p.left = inBody, r.Length
	default:
		p.state = inUntilEnd
	}
	p.headLen = 0
	if !p.head(r) {
		p.state = ignored
	}
}

func (p *responseParser) chunkSize(line string) error {
	size, _, _ := strings.Cut(line, ";")
	n, err := strconv.ParseUint(strings.TrimSpace(size), 16, 62)
	if err != nil {
		return p.wrong("chunk size", "a hexadecimal number", short(line))
	}
	p.left = int64(n)
	p.state = inChunk
	if n == 0 {
		p.state = inTrailer
	}
	return nil
}

// short quotes at most 40 bytes of s.
func short(s string) string {
	if len(s) > 40 {
		s = s[:40] + "..."
	}
	return strconv.Quote(s)
}
