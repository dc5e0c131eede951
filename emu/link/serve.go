package link

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// ServeOptions bound what a listener accepts. Zero fields mean the defaults.
type ServeOptions struct {
	Limits    Limits
	Conns     int           // connections at a time, default 256; more wait in the listener's queue
	KeepAlive time.Duration // without a request, default 60 s
	Head      time.Duration // from the first byte of a request to its last, default 15 s
	Write     time.Duration // for each block of an answer, default 30 s
	Grace     time.Duration // for open answers after the context ends, default 5 s
	TLS       bool          // the listener's connections are encrypted
	// Now is the time that requests carry, default time.Now.
	Now func() time.Time
	// Error, if not nil, is told about bad requests and panics of the handler.
	// It is called from several goroutines.
	Error func(remote string, err error)
}

func (o ServeOptions) withDefaults() ServeOptions {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	if o.Conns <= 0 {
		o.Conns = 256
	}
	set(&o.KeepAlive, time.Minute)
	set(&o.Head, 15*time.Second)
	set(&o.Write, 30*time.Second)
	set(&o.Grace, 5*time.Second)
	if o.Now == nil {
		o.Now = func() time.Time { return time.Now().UTC() }
	}
	if o.Error == nil {
		o.Error = func(string, error) {}
	}
	return o
}

// Serve answers requests on a listener with the same codec as a [Link] until
// ctx ends; then it closes the listener, lets open answers finish for a while
// and returns nil. Other errors are the listener's.
func Serve(ctx context.Context, ln net.Listener, h Handler, opt ServeOptions) error {
	s := &server{handler: h, opt: opt.withDefaults(), conns: map[*serverConn]bool{}}
	stop := context.AfterFunc(ctx, func() {
		ln.Close()
		s.shutdown()
	})
	defer stop()
	err := s.accept(ctx, ln)
	if ctx.Err() == nil {
		ln.Close()
		s.shutdown()
	}
	s.wait()
	return err
}

type server struct {
	handler Handler
	opt     ServeOptions
	group   sync.WaitGroup

	mu      sync.Mutex
	closing bool
	conns   map[*serverConn]bool
}

// acceptTries is how many errors in a row a listener may have, for instance
// because the process has too many open files.
const acceptTries = 10

func (s *server) accept(ctx context.Context, ln net.Listener) error {
	failed := 0
	slots := make(chan struct{}, s.opt.Conns)
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		nc, err := ln.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			if failed++; failed > acceptTries || errors.Is(err, net.ErrClosed) {
				return err
			}
			time.Sleep(time.Duration(failed) * 10 * time.Millisecond)
			<-slots
			continue
		}
		failed = 0
		c := &serverConn{server: s, conn: nc}
		if !s.add(c) {
			nc.Close()
			return nil
		}
		go func() {
			defer func() { <-slots }()
			defer s.remove(c)
			c.run()
		}()
	}
}

func (s *server) add(c *serverConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.conns[c] = true
	s.group.Add(1)
	return true
}

func (s *server) remove(c *serverConn) {
	c.conn.Close()
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	s.group.Done()
}

// shutdown closes connections that are between requests and forbids new ones.
func (s *server) shutdown() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing = true
	for c := range s.conns {
		if !c.busy {
			c.conn.Close()
		}
	}
}

// wait waits for the connections, and closes what is left after the grace time.
func (s *server) wait() {
	done := make(chan struct{})
	go func() {
		s.group.Wait()
		close(done)
	}()
	select {
	case <-done:
		return
	case <-time.After(s.opt.Grace):
	}
	s.mu.Lock()
	for c := range s.conns {
		c.conn.Close()
	}
	s.mu.Unlock()
	<-done
}

// setBusy notes whether an answer is being made. It returns false if the
// connection has to end because the server is closing.
func (s *server) setBusy(c *serverConn, busy bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.busy = busy
	return !s.closing
}

// serverConn is one real connection.
type serverConn struct {
	server  *server
	conn    net.Conn
	session *session
	busy    bool // guarded by server.mu
}

// writeBlock is how many bytes of an answer are written at a time.
const writeBlock = 64 << 10

func (c *serverConn) run() {
	defer func() {
		if p := recover(); p != nil {
			c.server.opt.Error(c.conn.RemoteAddr().String(), &PanicError{p})
		}
	}()
	c.session = newSession(c.server.handler, c.server.opt.Limits, c.conn.RemoteAddr().String(), c.conn.LocalAddr().String(), c.server.opt.TLS, writeBlock)
	buf := make([]byte, 4096)
	for {
		if !c.readRequest(buf) {
			return
		}
		c.server.setBusy(c, true)
		for {
			x := c.session.next(c.server.opt.Now())
			if x == nil {
				break
			}
			if x.bad != nil {
				c.server.opt.Error(c.conn.RemoteAddr().String(), x.bad)
			}
			ok := c.write(x)
			x.done(c.server.opt.Now())
			if ok && x.end {
				c.linger()
			}
			if !ok || x.end {
				return
			}
		}
		if !c.server.setBusy(c, false) {
			return
		}
	}
}

// readRequest reads until something may be answered. A request that trickles
// in has to be complete within the head time, however often bytes come.
func (c *serverConn) readRequest(buf []byte) bool {
	wait := c.server.opt.KeepAlive
	if !c.session.idle() {
		wait = c.server.opt.Head
	}
	c.conn.SetReadDeadline(time.Now().Add(wait))
	for {
		fresh := c.session.idle()
		n, err := c.conn.Read(buf)
		if n > 0 {
			if !c.session.add(buf[:n]) {
				return false
			}
			if fresh {
				c.conn.SetReadDeadline(time.Now().Add(c.server.opt.Head))
			}
			if c.session.ready() {
				return true
			}
		}
		if err != nil {
			return false
		}
	}
}

func (c *serverConn) write(x *exchange) bool {
	if took, ok := c.sendFile(x); took {
		return ok
	}
	for {
		p := x.out.next(writeBlock)
		if p == nil {
			if x.out.err != nil {
				c.server.opt.Error(c.conn.RemoteAddr().String(), x.out.err)
			}
			return x.out.err == nil
		}
		c.conn.SetWriteDeadline(time.Now().Add(c.server.opt.Write))
		if _, err := c.conn.Write(p); err != nil {
			return false
		}
		x.delivered()
	}
}

// linger ends a connection so that the client can read the answer: closing
// while its bytes are unread would reset the connection.
func (c *serverConn) linger() {
	tc, ok := c.conn.(interface{ CloseWrite() error })
	if !ok || tc.CloseWrite() != nil {
		return
	}
	c.conn.SetReadDeadline(time.Now().Add(time.Second))
	io.CopyN(io.Discard, c.conn, 1<<20)
}

// PanicError is a panic of a handler.
type PanicError struct{ Value any }

func (e *PanicError) Error() string { return "the handler panicked" }

// Unwrap returns the panic's value if it is an error.
func (e *PanicError) Unwrap() error {
	if err, ok := e.Value.(error); ok {
		return err
	}
	return errors.New("no error value")
}
