package web

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"airlift/emu/iot"
	"airlift/emu/iot/host"
	"airlift/emu/link/linktest"
)

// kept counts what uploads left behind: files of the platform, and temporary
// ones.
func (s *site) kept(folders ...string) (names []string) {
	s.t.Helper()
	for _, dir := range append(folders, filepath.Join(s.store.Dir(), "files")) {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				names = append(names, filepath.Base(path))
			}
			return err
		})
		if err != nil && !os.IsNotExist(err) {
			s.t.Fatal(err)
		}
	}
	return names
}

// formCase is a form that is none, or did not arrive as it was meant.
type formCase struct {
	kind, body string
	status     int
	says       string
}

// formCases are answered the same by every form.
func formCases() map[string]formCase {
	const (
		urlencoded = "application/x-www-form-urlencoded"
		multi      = "multipart/form-data; boundary=x"
		notForm    = "not a form"
		notWhole   = "did not arrive whole"
		tooLarge   = "too large"
		head       = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a_1.1.1_b.bin\"\r\n\r\n"
	)
	return map[string]formCase{
		"JSON":                       {"application/json", `{"name": "x"}`, 415, notForm},
		"plain text":                 {"text/plain", "name=x", 415, notForm},
		"bytes":                      {"application/octet-stream", "name=x", 415, notForm},
		"no type":                    {"", "name=x", 415, notForm},
		"type that is none":          {"multipart/form-data; boundary", "--x--", 415, notForm},
		"no boundary":                {"multipart/form-data", "--x--", 400, notWhole},
		"another boundary":           {"multipart/form-data; boundary=y", head + "abc\r\n--x--\r\n", 400, notWhole},
		"escapes that are none":      {urlencoded, "name=%zz", 400, notWhole},
		"nothing":                    {multi, "", 400, notWhole},
		"ends after a boundary":      {multi, "--x\r\n", 400, notWhole},
		"ends in a head":             {multi, head[:30], 400, notWhole},
		"ends in a file":             {multi, head + "abc", 400, notWhole},
		"ends before the last line":  {multi, head + "abc\r\n--x", 400, notWhole},
		"too many fields":            {multi, strings.Repeat("--x\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\n1\r\n", 1100) + "--x--\r\n", 413, tooLarge},
		"field of 4 MiB":             {urlencoded, "name=" + strings.Repeat("x", 4<<20), 413, tooLarge},
		"field of 4 MiB in parts":    {multi, "--x\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\n" + strings.Repeat("x", 4<<20) + "\r\n--x--\r\n", 413, tooLarge},
		"file of 4 MiB":              {multi, head + strings.Repeat("x", 4<<20) + "\r\n--x--\r\n", 413, tooLarge},
		"file of 4 MiB, interrupted": {multi, head + strings.Repeat("x", 4<<20), 413, tooLarge},
	}
}

// What is no form, ends early, or is too large gets an answer that says so, from
// every form that takes files and from others, and leaves nothing behind.
func TestBrokenForms(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	t.Setenv("TMP", temporary)
	s := newSite(t, func(o *Options) { o.UploadMax = 1 << 20 })
	p := s.signUp("13800000000")
	tenant := s.store.Tenant(p.account, "test")
	if _, err := tenant.CreateProject("demo", ""); err != nil {
		t.Fatal(err)
	}
	before := s.kept(temporary)
	for name, c := range formCases() {
		for _, path := range []string{"/firmware", "/bases", "/devices", "/projects", "/login"} {
			if path == "/login" && c.status == 413 && strings.HasPrefix(name, "file") {
				continue // see its own limit below
			}
			req, err := http.NewRequest("POST", s.http.URL+path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if c.kind != "" {
				req.Header.Set("Content-Type", c.kind)
			}
			req.Header.Set("X-CSRF-Token", p.csrf)
			req.Header.Set("HX-Request", "true")
			if status, body := p.do(req); status != c.status || !strings.Contains(body, c.says) {
				t.Errorf("%s to %s: %d %.300s, want %d with %q", name, path, status, body, c.status, c.says)
			}
		}
	}
	// A file that alone is above the limit, in a form that is not.
	body, kind := multipartForm(t, url.Values{"project": {"1"}}, "../../x_1.1.1_y.bin", make([]byte, 1<<20+1))
	for _, path := range []string{"/firmware", "/bases"} {
		req, err := http.NewRequest("POST", s.http.URL+path, strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", kind)
		req.Header.Set("X-CSRF-Token", p.csrf)
		if status, text := p.do(req); status != 413 {
			t.Errorf("a file above the limit to %s: %d\n%s", path, status, text)
		}
	}
	if list, err := tenant.Firmware(1, "", iot.Page{}); err != nil || list.Total != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	s.settled(len(before), temporary)
}

// settled waits until uploads have left n files behind: temporary ones go away a
// moment after the answer.
func (s *site) settled(n int, folders ...string) {
	s.t.Helper()
	late := time.After(patience)
	for len(s.kept(folders...)) != n {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-late:
			s.t.Fatalf("left behind: %q, want %d", s.kept(folders...), n)
		}
	}
}

// An upload whose sender closes its direction, goes away, or falls silent with
// the connection open ends with the documented answer, and leaves nothing
// behind; the next one is taken.
func TestCutUploads(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	t.Setenv("TMP", temporary)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u := newUploads(t, newSite(t), ln, func() (net.Conn, error) { return net.Dial("tcp", ln.Addr().String()) })
	before := u.s.kept(temporary)
	for _, n := range []int{100, len(u.body) / 2} { // in memory, and in a temporary file
		c := u.send(n)
		if err := c.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		u.refused(c, fmt.Sprintf("one direction closed after %d", n))
		u.send(n).Close()
	}
	u.taken()
	u.s.settled(len(before)+1, temporary)
}

func TestSilentUploads(t *testing.T) {
	temporary, dir := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", temporary)
	t.Setenv("TMP", temporary)
	synctest.Test(t, func(t *testing.T) {
		s, err := openSite(dir, linktest.NewListener())
		if err != nil {
			t.Fatal(err)
		}
		s.closedAfter(t)
		ln := linktest.NewListener()
		u := newUploads(t, s, ln, func() (net.Conn, error) { return ln.Dial(), nil })
		before := s.kept(temporary)
		for _, n := range []int{100, len(u.body) / 2} {
			u.refused(u.send(n), fmt.Sprintf("silent after %d", n))
		}
		u.taken()
		s.settled(len(before)+1, temporary)
	})
}

// uploads are sent to a site by hand.
type uploads struct {
	t      *testing.T
	s      *site
	person *person
	dial   func() (net.Conn, error)
	kind   string
	body   []byte
}

// newUploads serves a site the way airlift serve does.
func newUploads(t *testing.T, s *site, ln net.Listener, dial func() (net.Conn, error)) *uploads {
	t.Helper()
	u := &uploads{t: t, s: s, person: s.signUp("13800000000"), dial: dial}
	project, err := s.store.Tenant(u.person.account, "test").CreateProject("demo", "")
	if err != nil {
		t.Fatal(err)
	}
	u.body, u.kind = multipartForm(t, url.Values{"project": {fmt.Sprint(project.ID)}}, "x_1.1.1_y.bin", make([]byte, 3<<20))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- host.Serve(ctx, ln, host.Options{People: s.pages}) }()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return u
}

// send sends the first n bytes of an upload.
func (u *uploads) send(n int) net.Conn {
	u.t.Helper()
	c, err := u.dial()
	if err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		u.t.Fatal(err)
	}
	var cookie string
	for _, k := range u.person.client.Jar.Cookies(u.s.url) {
		cookie += k.Name + "=" + k.Value + "; "
	}
	fmt.Fprintf(c, "POST /firmware HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: %s\r\nX-CSRF-Token: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", cookie, u.person.csrf, u.kind, len(u.body))
	if _, err := c.Write(u.body[:n]); err != nil {
		u.t.Fatal(err)
	}
	return c
}

// refused reads the answer to an upload that did not arrive.
func (u *uploads) refused(c net.Conn, how string) {
	u.t.Helper()
	got, _ := io.ReadAll(c)
	if !strings.HasPrefix(string(got), "HTTP/1.1 400 ") || !strings.Contains(string(got), "did not arrive whole") {
		u.t.Errorf("%s: %.300q", how, got)
	}
}

// taken sends an upload whole, after those that were cut.
func (u *uploads) taken() {
	u.t.Helper()
	if list, err := u.s.store.Tenant(u.person.account, "test").Firmware(1, "", iot.Page{}); err != nil || list.Total != 0 {
		u.t.Errorf("%+v, %v", list, err)
	}
	if got, _ := io.ReadAll(u.send(len(u.body))); !strings.HasPrefix(string(got), "HTTP/1.1 303 ") {
		u.t.Errorf("a whole one: %.300q", got)
	}
}
