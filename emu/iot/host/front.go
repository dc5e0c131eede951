// Package host puts the platform on ports: devices and people on one, or each
// on one of their own.
//
// Devices are served by package link, whose bytes are those of the platform;
// people by net/http. On a common port the path of a connection's first request
// decides. A client of the one kind that goes on with a path of the other on
// the same connection gets a 404 there; no device and no browser does that.
package host

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"airlift/emu/link"
)

// Options are what is served. Zero fields mean the defaults.
type Options struct {
	Devices link.Handler // nil: none here
	People  http.Handler // nil: none here
	// IsDevice says whether a path is one of devices, where both are served.
	IsDevice func(path string) bool
	TLS      *tls.Config   // nil: not encrypted
	Conns    int           // at a time, default 20,000
	Head     time.Duration // for the first line, and between two pieces of an upload, default 15 s
	Idle     time.Duration // without a request on an open connection, default 60 s
	Write    time.Duration // for a piece of an answer to be taken, default 30 s
	Error    func(remote string, err error)
}

// Serve serves a listener until ctx ends.
func Serve(ctx context.Context, ln net.Listener, o Options) error {
	if o.Conns <= 0 {
		o.Conns = 20_000
	}
	for _, d := range []struct {
		set *time.Duration
		to  time.Duration
	}{{&o.Head, 15 * time.Second}, {&o.Idle, time.Minute}, {&o.Write, 30 * time.Second}} {
		if *d.set <= 0 {
			*d.set = d.to
		}
	}
	if o.Error == nil {
		o.Error = func(string, error) {}
	}
	f := &front{Options: o, slots: make(chan struct{}, o.Conns), devices: newHanded(ln), people: newHanded(ln)}
	return f.serve(ctx, ln)
}

type front struct {
	Options
	slots           chan struct{}
	devices, people *handed
}

func (f *front) serve(ctx context.Context, ln net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var group sync.WaitGroup
	stop := context.AfterFunc(ctx, func() { ln.Close() })
	defer stop()
	people := f.server()
	if f.People != nil {
		group.Go(func() { people.Serve(f.people) })
		context.AfterFunc(ctx, func() { f.shutdown(people) })
	}
	if f.Devices != nil {
		group.Go(func() {
			link.Serve(ctx, f.devices, f.Devices, link.ServeOptions{
				Conns: f.Conns, Head: f.Head, KeepAlive: f.Idle, Write: f.Write, Error: f.Error, TLS: f.TLS != nil,
			})
		})
	}
	err := f.accept(ctx, ln)
	cancel()
	f.devices.Close()
	f.people.Close()
	group.Wait()
	return err
}

// server is what serves people. It has no limit on how long an answer may take,
// because pages stay connected to be told what happens.
func (f *front) server() *http.Server {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.TLS != nil {
			r.TLS = &tls.ConnectionState{HandshakeComplete: true, ServerName: r.Host} // the server does not see it itself
		}
		conn := http.NewResponseController(w)
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = &upload{r.Body, conn, f.Head}
		}
		f.People.ServeHTTP(&download{w, conn, f.Write}, r)
	})
	return &http.Server{
		Handler: h, ReadHeaderTimeout: f.Head, IdleTimeout: f.Idle, MaxHeaderBytes: 32 << 10,
		ErrorLog: log.New(errorWriter{f.Error}, "", 0),
	}
}

// grace is how long open answers may go on after the end.
const grace = 2 * time.Second

func (f *front) shutdown(s *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if s.Shutdown(ctx) != nil {
		s.Close()
	}
}

type errorWriter struct{ report func(string, error) }

func (w errorWriter) Write(p []byte) (int, error) {
	w.report("people", errors.New(strings.TrimSpace(string(p))))
	return len(p), nil
}

// acceptPause is how long a listener that fails is left alone: there may be too
// many open files.
const acceptPause = 20 * time.Millisecond

func (f *front) accept(ctx context.Context, ln net.Listener) error {
	for failed := 0; ; {
		select {
		case f.slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		c, err := ln.Accept()
		if err != nil {
			<-f.slots
			if ctx.Err() != nil {
				return nil
			}
			if failed++; failed > 100 || errors.Is(err, net.ErrClosed) {
				return err
			}
			time.Sleep(acceptPause)
			continue
		}
		failed = 0
		c = &counted{Conn: c, release: sync.OnceFunc(func() { <-f.slots })}
		go f.route(c)
	}
}

// route hands a connection to those whom it is for.
func (f *front) route(c net.Conn) {
	if f.TLS != nil {
		c = tls.Server(c, f.TLS)
	}
	switch {
	case f.People == nil:
		f.devices.put(c)
		return
	case f.Devices == nil:
		f.people.put(c)
		return
	}
	head, err := f.firstLine(c)
	if err != nil {
		c.Close()
		return
	}
	c.SetReadDeadline(time.Time{})
	c = &begun{Conn: c, head: head}
	if path, ok := pathOf(head); ok && !f.IsDevice(path) {
		f.people.put(c)
		return
	}
	f.devices.put(c)
}

// lineBytesMax is how much of a first line is looked at. Longer ones are for
// the devices' side, which knows what to answer.
const lineBytesMax = 4096

// firstLine reads until the path is there.
func (f *front) firstLine(c net.Conn) ([]byte, error) {
	c.SetReadDeadline(time.Now().Add(f.Head))
	head := make([]byte, 0, 512)
	for {
		if cap(head)-len(head) == 0 {
			head = append(head, make([]byte, cap(head))...)[:len(head)]
		}
		n, err := c.Read(head[len(head):cap(head)])
		head = head[:len(head)+n]
		if _, ok := pathOf(head); ok || len(head) >= lineBytesMax || bytes.IndexByte(head, '\n') >= 0 {
			return head, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// pathOf is the path of a request's first line. It is not ok as long as its end
// is not there, and for what is no request.
func pathOf(head []byte) (string, bool) {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	_, rest, ok := bytes.Cut(line, []byte(" "))
	if !ok {
		return "", false
	}
	end := bytes.IndexAny(rest, " ?")
	if end < 0 {
		return "", false
	}
	path := string(rest[:end])
	if !strings.HasPrefix(path, "/") {
		return "", false
	}
	return path, true
}

// begun is a connection whose first bytes have been read.
type begun struct {
	net.Conn
	head []byte
}

func (b *begun) Read(p []byte) (int, error) {
	if len(b.head) > 0 {
		n := copy(p, b.head)
		if b.head = b.head[n:]; len(b.head) == 0 {
			b.head = nil
		}
		return n, nil
	}
	return b.Conn.Read(p)
}

// ReadFrom lets files go out without being copied.
func (b *begun) ReadFrom(r io.Reader) (int64, error) { return readFrom(b.Conn, r) }

// CloseWrite ends what is sent.
func (b *begun) CloseWrite() error { return closeWrite(b.Conn) }

// counted is a connection that gives its slot back.
type counted struct {
	net.Conn
	release func()
}

func (c *counted) Close() error {
	defer c.release()
	return c.Conn.Close()
}

func (c *counted) ReadFrom(r io.Reader) (int64, error) { return readFrom(c.Conn, r) }
func (c *counted) CloseWrite() error                   { return closeWrite(c.Conn) }

func readFrom(c net.Conn, r io.Reader) (int64, error) {
	if to, ok := c.(io.ReaderFrom); ok {
		return to.ReadFrom(r)
	}
	return io.Copy(struct{ io.Writer }{c}, r)
}

func closeWrite(c net.Conn) error {
	if cw, ok := c.(interface{ CloseWrite() error }); ok {
		return cw.CloseWrite()
	}
	return errors.ErrUnsupported
}

// handed is a listener whose connections come from elsewhere.
type handed struct {
	addr  net.Addr
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newHanded(ln net.Listener) *handed {
	return &handed{addr: ln.Addr(), conns: make(chan net.Conn), done: make(chan struct{})}
}

func (h *handed) put(c net.Conn) {
	select {
	case h.conns <- c:
	case <-h.done:
		c.Close()
	}
}

func (h *handed) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

func (h *handed) Close() error {
	h.once.Do(func() { close(h.done) })
	return nil
}

func (h *handed) Addr() net.Addr { return h.addr }
