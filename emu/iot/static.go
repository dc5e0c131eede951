package iot

import (
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"strings"

	"airlift/emu/link"
)

// Static is a self-made server: files at fixed paths, with or without a
// version check, and folders whose files are served as they are
// (iot-platform.md 4). Unlike the platform it closes the connection after
// every answer, as devices need.
type Static struct {
	routes []Route
	dirs   []dir
	// KeepOpen leaves connections open after answers that did not ask to close
	// them, as careless servers do.
	KeepOpen bool
}

// Route is one path with what it answers.
type Route struct {
	Path    string // "/update", compared with the undecoded path
	Status  int    // 0: 200 with Content; otherwise this status
	Content []byte
	// Version, if not empty, is compared with the query's version: the file is
	// sent if it is newer, else the answer is 304 (equal, with NotModified) or
	// 404 without a body.
	Version     string
	Comparator  Comparator // Auto means Tuple
	NotModified bool
}

type dir struct {
	prefix string
	files  fs.FS
}

// Add adds a route. A later one for the same path replaces an earlier one.
func (s *Static) Add(r Route) error {
	switch {
	case !strings.HasPrefix(r.Path, "/"):
		return fmt.Errorf("static path %s does not start with /", quote(r.Path))
	case r.Status != 0 && (r.Status < 200 || r.Status > 599):
		return fmt.Errorf("static path %s: status %d is not from 200 to 599", quote(r.Path), r.Status)
	case r.Version != "":
		if _, err := ParseVersion(r.Version); err != nil && r.Comparator != StringDiffers && r.Comparator != Always {
			return fmt.Errorf("static path %s: %w", quote(r.Path), err)
		}
	}
	if err := r.Comparator.Check(); err != nil {
		return fmt.Errorf("static path %s: %w", quote(r.Path), err)
	}
	for i := range s.routes {
		if s.routes[i].Path == r.Path {
			s.routes[i] = r
			return nil
		}
	}
	s.routes = append(s.routes, r)
	return nil
}

// AddDir serves the regular files of a file system below a path prefix that
// ends with a slash. Use os.Root.FS for a folder of the host, so that links
// cannot lead out of it.
func (s *Static) AddDir(prefix string, files fs.FS) error {
	if !strings.HasPrefix(prefix, "/") || !strings.HasSuffix(prefix, "/") {
		return fmt.Errorf("static folder %s does not start and end with /", quote(prefix))
	}
	s.dirs = append(s.dirs, dir{prefix, files})
	return nil
}

// Has reports whether a path is one of this server's.
func (s *Static) Has(path string) bool {
	for i := range s.routes {
		if s.routes[i].Path == path {
			return true
		}
	}
	for _, d := range s.dirs {
		if strings.HasPrefix(path, d.prefix) {
			return true
		}
	}
	return false
}

// Serve answers one request.
func (s *Static) Serve(req *link.Request) *link.Response {
	path, get := req.Path(), req.Method == "GET" || req.Method == "HEAD"
	for i := range s.routes {
		// A status answers every method: it may stand for a web hook.
		if r := &s.routes[i]; r.Path == path && (get || r.Status != 0) {
			return s.route(r, req)
		}
	}
	if !get {
		return s.bare(405)
	}
	for _, d := range s.dirs {
		if rest, ok := strings.CutPrefix(path, d.prefix); ok {
			if resp := s.fromDir(d, rest, req); resp != nil {
				return resp
			}
		}
	}
	return s.bare(404)
}

func (s *Static) bare(status int) *link.Response {
	return &link.Response{Status: status, Close: !s.KeepOpen}
}

func (s *Static) route(r *Route, req *link.Request) *link.Response {
	if r.Version != "" {
		c := r.Comparator
		if c == Auto {
			c = Tuple
		}
		device := Release{Version: link.ParseQuery(req.RawQuery()).Get("version")}
		switch order, _ := c.compare(device, Release{Version: r.Version}); {
		case order == same && r.NotModified:
			return s.bare(304)
		case order != newer:
			return s.bare(404)
		}
	}
	if r.Status != 0 && r.Status != 200 {
		resp := s.bare(r.Status)
		resp.Body = r.Content
		return resp
	}
	content := r.Content
	if content == nil {
		content = []byte{}
	}
	return bareFile(req, content, s.KeepOpen)
}

// fromDir serves a file of a folder, or returns nil if there is none. Names
// with "..", empty parts or backslashes are no files (fs.ValidPath).
func (s *Static) fromDir(d dir, rest string, req *link.Request) *link.Response {
	name, err := url.PathUnescape(rest)
	if err != nil || !fs.ValidPath(name) || strings.ContainsAny(name, "\\:\x00") {
		return nil
	}
	f, err := d.files.Open(name)
	if err != nil {
		return nil
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() > FirmwareMax {
		f.Close()
		return nil
	}
	r, ok := f.(io.ReaderAt)
	if !ok {
		return s.fromMemory(f, info.Size(), req)
	}
	resp := bareReader(req, r, info.Size(), nil, s.KeepOpen)
	resp.Done = func(link.Outcome) { f.Close() }
	return resp
}

// fromMemory serves a file that can only be read from its start.
func (s *Static) fromMemory(f fs.File, size int64, req *link.Request) *link.Response {
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, size))
	if err != nil {
		return s.bare(500)
	}
	return bareFile(req, content, s.KeepOpen)
}
