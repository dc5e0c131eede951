package iot

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/adler32"
	"net/url"
	"strings"
	"sync"
	"time"

	"airlift/emu/iot/internal/tap"
	"airlift/emu/link"
)

// Access is one request as the access log sees it.
type Access struct {
	Time     time.Time
	Remote   string
	Method   string
	Target   string
	Status   int
	Bytes    int64     // of the body
	Decision *Decision // nil unless it was a firmware request
	Result   string    // the answer set's log text
}

// Server is the IoT platform as a link.Handler. It may be used from several
// goroutines.
type Server struct {
	answers  *AnswerSet
	settings Settings
	// Static, if not nil, answers the paths that the platform does not have.
	Static *Static
	// OnAccess, if not nil, is called after every request, one at a time. It
	// must not call the server.
	OnAccess func(Access)

	// Wifi, if not nil, is the firmware of the Air8000's Wi-Fi co-processor.
	Wifi *Wifi

	db      Database
	turnkey *AnswerSet
	log     sync.Mutex // of OnAccess
}

// alone is a store that nobody else changes.
type alone struct {
	mu    sync.Mutex
	store Store
}

func (a *alone) Update(fn func(Store) error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return fn(a.store)
}

var _ link.Handler = (*Server)(nil)

// NewServer returns a server with a store of its own.
func NewServer(store Store, answers *AnswerSet, s Settings) (*Server, error) {
	return NewServerOn(&alone{store: store}, answers, s)
}

// NewServerOn returns a server on a database.
func NewServerOn(db Database, answers *AnswerSet, s Settings) (*Server, error) {
	if s.Comparator == Auto {
		s.Comparator = answers.comparator
	}
	if err := s.Check(); err != nil {
		return nil, err
	}
	turnkey, err := AnswersByName("turnkey")
	return &Server{answers: answers, settings: s, db: db, turnkey: turnkey}, err
}

// Mount puts a handler on the platform's host and port of a network.
func Mount(n *link.Network, h link.Handler) error {
	return n.Handle(Host, 80, h, link.HostOptions{})
}

// Store calls fn with the store while no request changes it.
func (s *Server) Store(fn func(Store)) error {
	return s.db.Update(func(st Store) error {
		fn(st)
		return nil
	})
}

// Answers returns the server's answer set.
func (s *Server) Answers() *AnswerSet { return s.answers }

// Settings returns the server's settings.
func (s *Server) Settings() Settings { return s.settings }

// Fork returns a server with a copy of the store and without an access log.
func (s *Server) Fork() (*Server, error) {
	a, ok := s.db.(*alone)
	if !ok {
		return nil, fmt.Errorf("a database of type %T cannot be forked", s.db)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	f, ok := a.store.(Forker)
	if !ok {
		return nil, fmt.Errorf("a store of type %T cannot be forked", a.store)
	}
	return &Server{answers: s.answers, settings: s.settings, Static: s.Static, Wifi: s.Wifi, turnkey: s.turnkey, db: &alone{store: f.Fork()}}, nil
}

// Explain decides about a request target without any effect.
func (s *Server) Explain(target string, now time.Time) (q Query, d Decision, err error) {
	q = ParseTarget(target)
	err = s.db.Update(func(st Store) error {
		d = Decide(q, st, s.settings, now)
		return nil
	})
	return q, d, err
}

// IsDevice reports whether a path is one that devices ask for: on a common port
// all others are for people.
func (s *Server) IsDevice(path string) bool {
	return strings.HasPrefix(path, "/api/site/") || strings.HasPrefix(path, downloadPath) || s.Wifi != nil && strings.HasPrefix(path, "/air8000/") ||
		s.Static != nil && s.Static.Has(path)
}

// Serve answers one request.
func (s *Server) Serve(req *link.Request) *link.Response {
	a := Access{Time: req.Time, Remote: req.Remote, Method: req.Method, Target: req.Target}
	resp := s.route(req, &a)
	switch {
	case resp != nil:
		tap.Device(req, resp)
	case s.Static != nil: // answers as whoever put it there wants
		resp = s.Static.Serve(req)
	default:
		resp = plain(req, 404)
	}
	if s.OnAccess != nil {
		a.Status = resp.Status
		if a.Bytes = int64(len(resp.Body)); resp.File != nil {
			a.Bytes = resp.Length
		}
		s.log.Lock()
		defer s.log.Unlock()
		s.OnAccess(a)
	}
	return resp
}

// route answers what is the platform's own; nil if it is not.
func (s *Server) route(req *link.Request, a *Access) *link.Response {
	path := req.Path()
	get := req.Method == "GET" || req.Method == "HEAD"
	switch {
	case path == Path && s.answers.turnkey:
	case path == Path && get:
		return s.firmware(req, a)
	case path == TurnkeyPath && get:
		return s.turnkeyCheck(req, a)
	case path == TurnkeyResultPath && (get || req.Method == "POST"):
		return s.turnkeyResult(req)
	case path == Path || path == TurnkeyPath || path == TurnkeyResultPath:
		return plain(req, 405, link.Field{Name: "Allow", Value: "GET, HEAD"})
	case strings.HasPrefix(path, downloadPath) && get:
		if resp := s.download(req, strings.TrimPrefix(path, downloadPath)); resp != nil {
			return resp
		}
	case s.Wifi != nil && get:
		if resp := s.Wifi.serve(s, req); resp != nil {
			return resp
		}
	}
	return nil
}

// firmware answers the question that all this is about.
func (s *Server) firmware(req *link.Request, a *Access) *link.Response {
	q := ParseQuery(req.Target)
	kind, from, _ := link.ParseRange(req.Header.Get("Range"), FirmwareMax)
	if kind == link.RangePart && !s.settings.IgnoreRange {
		q.RangeFrom = from
	}
	d, content := s.decide(req, q, a, s.answers)
	if d.Reason != Deliver {
		return s.failure(req, d.Reason)
	}
	if d.Redirect {
		content.Close()
		// "Location" in exactly this spelling (iot-platform.md 1.7.1).
		return plain(req, 302, link.Field{Name: "Location", Value: s.address(req) + downloadTarget(content, d.Firmware)})
	}
	resp := s.file(req, d.Firmware, content)
	resp.Done = s.whenDone(content, req.Method == "HEAD" || resp.Status >= 300, d.Delivered)
	return resp
}

// decide answers a question and keeps what follows from it. The answer may go
// out when it returns: everything is safe. The content is that of Deliver; the
// caller closes it.
func (s *Server) decide(req *link.Request, q Query, a *Access, answers *AnswerSet) (Decision, Content) {
	var d Decision
	var content Content
	err := s.db.Update(func(st Store) error {
		d = Decide(q, st, s.settings, req.Time)
		if d.Reason == Deliver {
			var err error
			if content, err = st.Content(d.Firmware.ID, d.Job); err != nil {
				d = Decision{Reason: ServerError, Steps: d.Steps, Notes: d.Notes, Effects: Effects{Identity: q.Identity, At: req.Time, Log: d.Effects.Log}}
			}
		}
		if l := d.Effects.Log; l != nil {
			answer := answers.For(d.Reason)
			l.Reason, l.Result, l.Status = d.Reason, answer.Log, answer.Status
		}
		return st.Apply(d.Effects)
	})
	if err != nil {
		content.Close()
		d.Reason, content = ServerError, Content{}
	}
	a.Decision, a.Result = &d, answers.For(d.Reason).Log
	return d, content
}

// whenDone closes the file when an answer has left, and keeps what follows from
// its arrival, unless it is without the file.
func (s *Server) whenDone(content Content, without bool, later Effects) func(link.Outcome) {
	return func(o link.Outcome) {
		content.Close()
		if !without && o.Whole {
			s.delivered(later, o)
		}
	}
}

// delivered applies what a complete download changes.
func (s *Server) delivered(e Effects, o link.Outcome) {
	e.At = o.Time
	// A store that is full refuses the device: then nobody owns it, as before.
	_ = s.db.Update(func(st Store) error {
		if _, known := st.Device(e.Identity); known {
			e.Register = 0 // registered while the file was on its way
		}
		return st.Apply(e)
	})
}

// failure is the answer to a reason that sends no file (iot-platform.md 2.2).
func (s *Server) failure(req *link.Request, r Reason) *link.Response {
	a := s.answers.For(r)
	resp := plain(req, a.Status)
	resp.Body, resp.Close = a.Body(), s.answers.close
	return resp
}

// file is the answer with a firmware's file (iot-platform.md 2.1).
func (s *Server) file(req *link.Request, f *Firmware, content Content) *link.Response {
	resp := &link.Response{Status: 200, Body: content.Bytes, Close: s.answers.close}
	if content.File != nil {
		resp.File, resp.Length = content.File, content.Size
	}
	var partial []link.Field
	if !s.settings.IgnoreRange {
		var ok bool
		if partial, ok = applyRange(req, resp); !ok {
			return resp
		}
	}
	resp.Reason = reasonPhrase(resp.Status)
	h := []link.Field{{Name: "Content-Type", Value: "application/octet-stream"}, {Name: "Content-Length"}}
	h = append(h, partial...)
	h = append(h, link.Field{Name: "Connection"})
	if s.settings.Minimal {
		resp.Header = h
		return resp
	}
	created := f.Created.UTC()
	local := created.Add(8 * time.Hour) // the platform's clock is China's
	stored := fmt.Sprintf("%s_%s%06d", f.FileName, local.Format("20060102150405"), local.Nanosecond()/1000)
	resp.Header = append([]link.Field{{Name: "Date", Value: httpDate(req.Time)}}, h...)
	resp.Header = append(resp.Header,
		link.Field{Name: "Content-Disposition", Value: "inline; filename=" + stored},
		link.Field{Name: "Last-Modified", Value: httpDate(created)},
		link.Field{Name: "Cache-Control", Value: "no-cache"},
		link.Field{Name: "ETag", Value: fmt.Sprintf(`"%d.%06d-%d-%d"`, created.Unix(), created.Nanosecond()/1000, content.Size, adler32.Checksum([]byte(stored)))},
		link.Field{Name: "Air-UpgradeTime", Value: "0"},
		link.Field{Name: "Set-Cookie", Value: "SERVERID=airlift;Path=/"},
	)
	return resp
}

// downloadPath is where redirects and the turnkey API lead; the file's SHA-256
// and its name follow. An id would be easy to guess: only who has been sent here
// knows the sum, or who has the file anyway.
const downloadPath = "/download/"

// downloadTarget is where a file is.
func downloadTarget(c Content, f *Firmware) string {
	return downloadPath + c.SHA256 + "/" + url.PathEscape(f.FileName)
}

// download serves a file by its sum, without any decision. nil means that there
// is no such file.
func (s *Server) download(req *link.Request, rest string) *link.Response {
	sum, _, _ := strings.Cut(rest, "/")
	if len(sum) != hex.EncodedLen(sha256.Size) {
		return nil
	}
	var content Content
	err := s.db.Update(func(st Store) (err error) {
		content, err = st.File(sum)
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return s.failure(req, ServerError)
	}
	var resp *link.Response
	if content.File == nil {
		resp = bareFile(req, content.Bytes, false)
	} else {
		resp = bareReader(req, content.File, content.Size, nil, false)
	}
	resp.Done = func(link.Outcome) { content.Close() }
	return resp
}
