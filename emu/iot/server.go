package iot

import (
	"errors"
	"fmt"
	"hash/adler32"
	"strconv"
	"strings"
	"sync"
	"time"

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

	mu    sync.Mutex
	store Store
}

var _ link.Handler = (*Server)(nil)

// NewServer returns a server.
func NewServer(store Store, answers *AnswerSet, s Settings) (*Server, error) {
	if s.Comparator == Auto {
		s.Comparator = answers.comparator
	}
	if err := s.Check(); err != nil {
		return nil, err
	}
	return &Server{answers: answers, settings: s, store: store}, nil
}

// Mount puts a handler on the platform's host and port of a network.
func Mount(n *link.Network, h link.Handler) error {
	return n.Handle(Host, 80, h, link.HostOptions{})
}

// Store calls fn with the store while no request is served.
func (s *Server) Store(fn func(Store)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn(s.store)
}

// Answers returns the server's answer set.
func (s *Server) Answers() *AnswerSet { return s.answers }

// Fork returns a server with a copy of the store and without an access log.
func (s *Server) Fork() (*Server, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.store.(Forker)
	if !ok {
		return nil, fmt.Errorf("a store of type %T cannot be forked", s.store)
	}
	return &Server{answers: s.answers, settings: s.settings, Static: s.Static, store: f.Fork()}, nil
}

// Explain decides about a request target without any effect.
func (s *Server) Explain(target string, now time.Time) (Query, Decision) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := ParseQuery(target)
	return q, Decide(q, s.store, s.settings, now)
}

// Serve answers one request.
func (s *Server) Serve(req *link.Request) *link.Response {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := Access{Time: req.Time, Remote: req.Remote, Method: req.Method, Target: req.Target}
	resp := s.route(req, &a)
	if s.OnAccess != nil {
		a.Status = resp.Status
		if a.Bytes = int64(len(resp.Body)); resp.File != nil {
			a.Bytes = resp.Length
		}
		s.OnAccess(a)
	}
	return resp
}

func (s *Server) route(req *link.Request, a *Access) *link.Response {
	path := req.Path()
	get := req.Method == "GET" || req.Method == "HEAD"
	switch {
	case path == Path && get:
		return s.firmware(req, a)
	case path == Path:
		return plain(req, 405, link.Field{Name: "Allow", Value: "GET, HEAD"})
	case strings.HasPrefix(path, downloadPath) && get:
		if resp := s.download(req, strings.TrimPrefix(path, downloadPath)); resp != nil {
			return resp
		}
	}
	if s.Static != nil {
		return s.Static.Serve(req)
	}
	return plain(req, 404)
}

// firmware answers the question that all this is about.
func (s *Server) firmware(req *link.Request, a *Access) *link.Response {
	q := ParseQuery(req.Target)
	kind, from, _ := link.ParseRange(req.Header.Get("Range"), FirmwareMax)
	if kind == link.RangePart && !s.settings.IgnoreRange {
		q.RangeFrom = from
	}
	d := Decide(q, s.store, s.settings, req.Time)
	resp, err := s.render(req, &d)
	if err != nil {
		d = Decision{Reason: ServerError, Steps: d.Steps, Notes: d.Notes, Effects: Effects{Identity: q.Identity, At: req.Time, Log: d.Effects.Log}}
		resp = s.failure(req, ServerError)
	}
	answer := s.answers.For(d.Reason)
	if d.Effects.Log != nil {
		d.Effects.Log.Reason, d.Effects.Log.Result = d.Reason, answer.Log
	}
	if err := s.store.Apply(d.Effects); err != nil {
		d.Reason, answer = ServerError, s.answers.For(ServerError)
		resp = s.failure(req, ServerError)
	}
	a.Decision, a.Result = &d, answer.Log
	return resp
}

func (s *Server) render(req *link.Request, d *Decision) (*link.Response, error) {
	if d.Reason != Deliver {
		return s.failure(req, d.Reason), nil
	}
	if d.Redirect {
		// "Location" in exactly this spelling (iot-platform.md 1.7.1).
		to := "http://" + Host + downloadPath + strconv.FormatInt(d.Firmware.ID, 10) + "/" + d.Firmware.FileName
		return plain(req, 302, link.Field{Name: "Location", Value: to}), nil
	}
	content, err := s.store.Content(d.Firmware.ID)
	if err != nil {
		return nil, err
	}
	resp := s.file(req, d.Firmware, content)
	if later := d.Delivered; later.Register != 0 {
		resp.Done = func(o link.Outcome) { s.delivered(later, o) }
	}
	return resp, nil
}

// delivered applies what a complete download changes.
func (s *Server) delivered(e Effects, o link.Outcome) {
	if !o.Whole {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.store.Device(e.Identity); known {
		e.Register = 0 // registered while the file was on its way
	}
	e.At = o.Time
	// A store that is full refuses the device: then nobody owns it, as before.
	_ = s.store.Apply(e)
}

// failure is the answer to a reason that sends no file (iot-platform.md 2.2).
func (s *Server) failure(req *link.Request, r Reason) *link.Response {
	a := s.answers.For(r)
	resp := plain(req, a.Status)
	resp.Body = a.Body()
	return resp
}

// file is the answer with a firmware's file (iot-platform.md 2.1).
func (s *Server) file(req *link.Request, f *Firmware, content []byte) *link.Response {
	resp := &link.Response{Status: 200, Body: content}
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
		link.Field{Name: "ETag", Value: fmt.Sprintf(`"%d.%06d-%d-%d"`, created.Unix(), created.Nanosecond()/1000, f.Size, adler32.Checksum([]byte(stored)))},
		link.Field{Name: "Air-UpgradeTime", Value: "0"},
		link.Field{Name: "Set-Cookie", Value: "SERVERID=airlift;Path=/"},
	)
	return resp
}

// downloadPath is where redirects of need_oss_url=1 lead; the file's id and
// name follow.
const downloadPath = "/download/"

// download serves a file by id, without any decision. nil means that there is
// no such file.
func (s *Server) download(req *link.Request, rest string) *link.Response {
	digits, _, _ := strings.Cut(rest, "/")
	id, ok := parseDigits(digits)
	if !ok {
		return nil
	}
	content, err := s.store.Content(int64(id))
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return s.failure(req, ServerError)
	}
	return bareFile(req, content, false)
}
