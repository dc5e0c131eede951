// Package linktest stands in for a network in tests about time: within a bubble
// of testing/synctest, waiting for its connections lets time go on, which
// waiting for a real one does not, however slow the machine is.
package linktest

import (
	"context"
	"net"
	"sync"
)

// Listener accepts the connections that its Dial makes: they are those of
// [net.Pipe], which keep nothing back that was not read yet.
type Listener struct {
	conns chan net.Conn
	done  chan struct{}
	close func()
}

// NewListener returns a listener without connections.
func NewListener() *Listener {
	l := &Listener{conns: make(chan net.Conn), done: make(chan struct{})}
	l.close = sync.OnceFunc(func() { close(l.done) })
	return l
}

// Dial returns the client's end of a new connection at once. It may take a while
// until the server accepts the other one, as with a real listener.
func (l *Listener) Dial() net.Conn {
	client, server := net.Pipe()
	go func() {
		select {
		case l.conns <- server:
		case <-l.done:
			server.Close()
		}
	}()
	return client
}

// DialContext is Dial for an [net/http.Transport].
func (l *Listener) DialContext(context.Context, string, string) (net.Conn, error) {
	return l.Dial(), nil
}

// Accept returns the server's end of the next connection.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close ends Accept, and connections that were not accepted.
func (l *Listener) Close() error {
	l.close()
	return nil
}

// Addr is no address that could be dialled.
func (l *Listener) Addr() net.Addr { return addr{} }

type addr struct{}

func (addr) Network() string { return "pipe" }
func (addr) String() string  { return "pipe" }
