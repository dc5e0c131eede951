package link

import (
	"time"
)

// session is the server's side of one connection: bytes in, answers out. Both
// the modelled and the real transport use it.
type session struct {
	handler Handler
	remote  string
	local   string
	tls     bool
	piece   int // bytes, see newStream
	p       parser
	buf     []byte
	broken  bool // a bad request came; nothing is read after it
	// asked, if not nil, is told about a request before the handler is.
	asked func(*Request)
}

// exchange is one request and its answer.
type exchange struct {
	req  *Request // nil if the request was bad
	bad  error    // a *BadRequest
	resp *Response
	out  *stream
	end  bool  // close the connection after the answer
	got  int64 // body bytes that have arrived
	head bool  // something has arrived
}

func newSession(h Handler, lim Limits, remote, local string, tls bool, piece int) *session {
	return &session{handler: h, remote: remote, local: local, tls: tls, piece: piece, p: parser{lim: lim.withDefaults()}}
}

// add takes bytes from the client. Bytes after a bad request are ignored. It
// returns false if more is waiting than one request may have: the client sends
// requests without reading the answers.
func (s *session) add(p []byte) bool {
	if s.broken {
		return true
	}
	if len(s.buf)+len(p) > 2*(s.p.lim.HeadBytes+s.p.lim.BodyBytes) {
		return false
	}
	s.buf = append(s.buf, p...)
	return true
}

// ready reports whether a complete request, or a bad one, is waiting.
func (s *session) ready() bool {
	if s.broken || len(s.buf) == 0 {
		return false
	}
	req, _, err := s.p.parse(s.buf)
	return req != nil || err != nil
}

// idle reports whether no part of a request is waiting.
func (s *session) idle() bool { return len(s.buf) == 0 }

// next answers the next complete request, or returns nil.
func (s *session) next(now time.Time) *exchange {
	if s.broken || len(s.buf) == 0 {
		return nil
	}
	req, n, err := s.p.parse(s.buf)
	if err != nil {
		return s.refuse(err.(*BadRequest))
	}
	if req == nil {
		return nil
	}
	s.p.reset()
	s.buf = s.buf[n:]
	if len(s.buf) == 0 {
		s.buf = nil
	}
	req.Remote, req.Local, req.TLS, req.Time = s.remote, s.local, s.tls, now
	if s.asked != nil {
		s.asked(req)
	}
	x := &exchange{req: req, resp: s.handler.Serve(req)}
	if x.resp == nil || x.resp.Status < 100 || x.resp.Status > 999 {
		x.resp = Text(500, "the handler gave no answer\n")
	}
	x.end = closes(req, x.resp)
	x.out = newStream(req, x.resp, x.end, s.piece)
	return x
}

// refuse answers a bad request by itself: no handler sees it.
func (s *session) refuse(bad *BadRequest) *exchange {
	s.broken, s.buf = true, nil
	resp := Text(bad.Status, bad.Error()+"\n")
	return &exchange{bad: bad, resp: resp, out: newStream(nil, resp, true, s.piece), end: true}
}

// delivered notes that all pieces taken so far have arrived.
func (x *exchange) delivered() { x.got, x.head = x.out.sent, true }

// done tells the handler how the delivery ended.
func (x *exchange) done(now time.Time) {
	if f := x.resp.Done; f != nil {
		x.resp.Done = nil
		f(Outcome{Bytes: x.got, Whole: x.head && x.got == x.out.size, Time: now})
	}
}
