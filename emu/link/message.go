package link

import (
	"io"
	"strings"
	"time"
)

// Handler answers requests. A handler mounted by [Serve] is called from
// several goroutines at once; on a [Link] it is called from one. It must not
// keep or change the request's slices, and may not return nil.
type Handler interface {
	Serve(*Request) *Response
}

// HandlerFunc is a function that is a Handler.
type HandlerFunc func(*Request) *Response

// Serve calls f.
func (f HandlerFunc) Serve(r *Request) *Response { return f(r) }

// Field is one header line.
type Field struct{ Name, Value string }

// Header is a message's header lines in their order, names as written.
type Header []Field

// Get returns the value of the first line with this name, in any letter case.
func (h Header) Get(name string) string {
	for i := range h {
		if strings.EqualFold(h[i].Name, name) {
			return h[i].Value
		}
	}
	return ""
}

// Has reports whether there is a line with this name, in any letter case.
func (h Header) Has(name string) bool {
	for i := range h {
		if strings.EqualFold(h[i].Name, name) {
			return true
		}
	}
	return false
}

// Request is one HTTP request as it came.
type Request struct {
	Method string
	Target string // raw: path and query, nothing decoded
	Proto  string // "HTTP/1.1" or "HTTP/1.0"
	Header Header
	Body   []byte
	Remote string    // who asks: address and port, virtual on a Link
	Local  string    // virtual host and port that was dialled, or the listener's address
	TLS    bool      // came over an encrypted connection
	Time   time.Time // when the request was complete, UTC
}

// Path returns the target's path, not decoded.
func (r *Request) Path() string {
	p, _, _ := strings.Cut(r.origin(), "?")
	return p
}

// RawQuery returns what follows the first question mark of the target.
func (r *Request) RawQuery() string {
	_, q, _ := strings.Cut(r.origin(), "?")
	return q
}

// origin returns the target in origin form: a proxy's absolute form loses
// scheme and host.
func (r *Request) origin() string {
	_, rest, ok := strings.Cut(r.Target, "://")
	if !ok || strings.HasPrefix(r.Target, "/") {
		return r.Target
	}
	if i := strings.IndexAny(rest, "/?"); i >= 0 && rest[i] == '/' {
		return rest[i:]
	}
	return "/"
}

// Host returns the Host header without the port that LuatOS always sends
// (iot-platform.md 1.13, 8.1).
func (r *Request) Host() string {
	h := r.Header.Get("Host")
	if i := strings.LastIndexByte(h, ':'); i >= 0 && !strings.HasSuffix(h, "]") {
		h = h[:i]
	}
	return h
}

// WantsClose reports whether the client asks for the connection to be closed
// after the answer. "short", which RDA8910 scripts send, counts as close
// (iot-platform.md 8.1).
func (r *Request) WantsClose() bool {
	keep := r.Proto != "HTTP/1.0"
	for _, f := range r.Header {
		if !strings.EqualFold(f.Name, "Connection") {
			continue
		}
		for tok := range strings.SplitSeq(f.Value, ",") {
			switch strings.ToLower(strings.TrimSpace(tok)) {
			case "close", "short":
				return true
			case "keep-alive":
				keep = true
			}
		}
	}
	return !keep
}

// Response is the answer to a request. Its body is Body, or, if File is not
// nil, Length bytes of File from Offset.
//
// Header lines go out in their order. A Content-Length or Connection line with
// an empty value is filled in where it stands; where one is missing it is
// added at the end. A value that is given goes out even if it is wrong.
type Response struct {
	Status         int    // 100 to 999
	Reason         string // empty: the standard text of the status
	Header         Header
	Body           []byte // must not change before Done
	File           io.ReaderAt
	Offset, Length int64 // bytes
	Close          bool  // close after the answer, whatever the client asked
	KeepOpen       bool  // stay open, even if the client asked to close
	Chunked        bool  // transfer coding chunked instead of a length
	// Delay is how much longer than usual the server takes to answer. Only a
	// modelled link waits.
	Delay time.Duration
	// DripBytes, if not 0, are what the server sends at a time, every DripEvery.
	// Only a modelled link drips.
	DripBytes int
	DripEvery time.Duration
	// Upgrade, if not nil, takes the connection over after this answer, which
	// then is a 101. Only a modelled link can do that.
	Upgrade Peer
	// Done, if not nil, is called once when the answer has left or the
	// connection has ended.
	Done func(Outcome)
}

// Outcome is how the delivery of a response ended.
type Outcome struct {
	Bytes int64 // body bytes that the client got; on a real socket, that were sent
	Whole bool  // everything arrived
	Time  time.Time
}

// size returns the number of body bytes.
func (r *Response) size() int64 {
	if r.File != nil {
		return r.Length
	}
	return int64(len(r.Body))
}

// StatusText returns the standard reason phrase of a status, or "".
func StatusText(status int) string {
	switch status {
	case 200:
		return "OK"
	case 204:
		return "No Content"
	case 206:
		return "Partial Content"
	case 301:
		return "Moved Permanently"
	case 302:
		return "Found"
	case 303:
		return "See Other"
	case 304:
		return "Not Modified"
	case 307:
		return "Temporary Redirect"
	case 308:
		return "Permanent Redirect"
	case 400:
		return "Bad Request"
	case 401:
		return "Unauthorized"
	case 403:
		return "Forbidden"
	case 404:
		return "Not Found"
	case 405:
		return "Method Not Allowed"
	case 408:
		return "Request Timeout"
	case 413:
		return "Payload Too Large"
	case 414:
		return "URI Too Long"
	case 416:
		return "Range Not Satisfiable"
	case 429:
		return "Too Many Requests"
	case 431:
		return "Request Header Fields Too Large"
	case 500:
		return "Internal Server Error"
	case 501:
		return "Not Implemented"
	case 502:
		return "Bad Gateway"
	case 503:
		return "Service Unavailable"
	case 505:
		return "HTTP Version Not Supported"
	}
	return ""
}

// Text makes a plain-text answer, for handlers and their errors.
func Text(status int, body string) *Response {
	return &Response{
		Status: status,
		Header: Header{{"Content-Type", "text/plain; charset=utf-8"}, {"Content-Length", ""}, {"Connection", ""}},
		Body:   []byte(body),
	}
}
