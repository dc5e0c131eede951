package link

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"airlift/lua"
)

// Source is something outside the virtual world that brings events: real
// sockets. A device's clock that has a source works like this in Step:
//
//   - While Pending, it may not jump. It calls Wait with the real time that is
//     left until the next virtual thing is due (negative: nothing is due),
//     moves the virtual time forward by the real time that passed, and calls
//     Deliver if Wait returned true.
//   - While not Pending, it jumps as always.
//
// A run in which a source was ever Pending has a trace without a hash.
type Source interface {
	// Pending reports whether events may still come.
	Pending() bool
	// Wait blocks until an event is there (true) or most has passed (false).
	// A negative time means that it blocks until an event is there, or until
	// none can come any more.
	Wait(most time.Duration) bool
	// Deliver calls what is waiting, on the caller's goroutine.
	Deliver() int
}

// RealOptions are how a Real network behaves.
type RealOptions struct {
	// Redirect maps "host:port" as scripts say it to the address that is dialled
	// instead, so that "iot.openluat.com:80" can lead to a server on this host.
	Redirect map[string]string
	// Deny, if not nil, says why a connection is not allowed.
	Deny func(host string, port int) error
	// DialTimeout for name, connection and TLS together, default 30 s.
	DialTimeout time.Duration
	Trace       func(Event)
}

// Real is a lua.Net over the host's sockets, and a Source. Its methods are
// called from one goroutine, that of the clock.
type Real struct {
	opt   RealOptions
	names map[string]netip.Addr // of redirected hosts, whatever their names lead to outside
	dials int
	conns map[*realConn]bool
	// asked counts questions whose answer will come, and open UDP sockets.
	asked   int
	sockets map[*realPackets]bool

	mu    sync.Mutex
	queue []realEvent
	wake  chan struct{} // has one element while queue is not empty
}

var (
	_ lua.Net = (*Real)(nil)
	_ Source  = (*Real)(nil)
)

// realEvent is something that a goroutine found out.
type realEvent struct {
	conn *realConn
	kind int
	data []byte
	sent int
	err  error
	call func() // instead of an event of conn
}

const (
	eventConnected = iota
	eventData
	eventClosed
	eventSent
)

// NewReal returns a network over the host's sockets.
func NewReal(opt RealOptions) *Real {
	if opt.DialTimeout <= 0 {
		opt.DialTimeout = 30 * time.Second
	}
	return &Real{opt: opt, names: redirected(opt.Redirect), conns: map[*realConn]bool{}, sockets: map[*realPackets]bool{}, wake: make(chan struct{}, 1)}
}

// redirected gives each host that is redirected an address of its own, for
// modules that look names up before they connect. The network is TEST-NET-1 of
// RFC 5737, which is nobody's; more hosts than it has are looked up outside.
func redirected(redirect map[string]string) map[string]netip.Addr {
	names := map[string]netip.Addr{}
	ip := netip.AddrFrom4([4]byte{192, 0, 2, 1})
	for _, peer := range slices.Sorted(maps.Keys(redirect)) {
		host, _, err := net.SplitHostPort(peer)
		if _, known := names[canonical(host)]; err != nil || known || ip.As4()[3] == 255 {
			continue
		}
		names[canonical(host)] = ip
		ip = ip.Next()
	}
	return names
}

// target is where a connection really goes.
func (r *Real) target(host string, port int) (addr string, ok bool) {
	host = canonical(host)
	for name, ip := range r.names {
		if ip.String() == host {
			host = name
		}
	}
	addr, ok = r.opt.Redirect[host+":"+strconv.Itoa(port)]
	return addr, ok
}

// Ready reports true: whether the host has a network shows when dialling.
func (r *Real) Ready() bool { return true }

// LocalIP returns an address that says nothing about the host.
func (r *Real) LocalIP() (ip, mask, gateway string) { return "10.0.0.2", "255.255.255.0", "10.0.0.1" }

// Pending reports whether a connection is open or being made, or an event
// waits.
func (r *Real) Pending() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.conns) > 0 || len(r.queue) > 0 || r.asked > 0 || len(r.sockets) > 0
}

// Wait waits for an event.
func (r *Real) Wait(most time.Duration) bool {
	if !r.Pending() {
		return false
	}
	var late <-chan time.Time
	if most >= 0 {
		t := time.NewTimer(most)
		defer t.Stop()
		late = t.C
	}
	for {
		select {
		case <-r.wake:
			r.mu.Lock()
			n := len(r.queue)
			r.mu.Unlock()
			if n > 0 {
				r.signal()
				return true
			}
		case <-late:
			return false
		}
	}
}

// Deliver calls the functions of all events that wait.
func (r *Real) Deliver() int {
	r.mu.Lock()
	events := r.queue
	r.queue = nil
	r.mu.Unlock()
	for _, e := range events {
		if e.call != nil {
			e.call()
			continue
		}
		e.conn.handle(e)
	}
	return len(events)
}

// PowerOff drops all connections without another event.
func (r *Real) PowerOff() {
	for c := range r.conns {
		c.Close()
	}
	for s := range r.sockets {
		s.Close()
	}
}

func (r *Real) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// realConn is one real connection.
type realConn struct {
	real   *Real
	ctx    context.Context
	cancel context.CancelFunc
	room   chan struct{} // one element for every block of data that waits
	out    chan []byte   // what scripts sent

	// These belong to the clock's goroutine.
	ev     lua.ConnEvents
	number int
	peer   string
	remote netip.AddrPort
	dead   bool
}

const (
	readBlock     = 16 << 10
	blocksWaiting = 16   // per connection, so that a fast server cannot fill the memory
	sendsWaiting  = 1024 // Sends that are not written yet
)

// Dial starts to connect. A name that does not resolve, a refused connection
// and a failed TLS handshake are errors of Connected.
func (r *Real) Dial(host string, port int, t *lua.TLS, ev lua.ConnEvents) lua.Conn {
	r.dials++
	ctx, cancel := context.WithCancel(context.Background())
	c := &realConn{
		real: r, ctx: ctx, cancel: cancel, ev: ev, number: r.dials,
		peer: net.JoinHostPort(host, strconv.Itoa(port)),
		room: make(chan struct{}, blocksWaiting), out: make(chan []byte, sendsWaiting),
	}
	r.mu.Lock()
	r.conns[c] = true
	r.mu.Unlock()
	c.event("dial", 0, "")
	var cfg *tls.Config
	var err error
	if r.opt.Deny != nil {
		err = r.opt.Deny(host, port)
	}
	if t != nil && err == nil {
		cfg, err = tlsConfig(host, t)
	}
	if err != nil {
		r.put(realEvent{conn: c, kind: eventConnected, err: err})
		return c
	}
	addr := c.peer
	if to, ok := r.target(host, port); ok {
		addr = to
	}
	go c.run(addr, cfg)
	return c
}

// tlsConfig follows the firmware: without any certificate the server is not
// verified; with a CA or a client certificate it is (luatos-runtime.md 5.1).
func tlsConfig(host string, t *lua.TLS) (*tls.Config, error) {
	cfg := &tls.Config{ServerName: t.ServerName, MinVersion: tls.VersionTLS12}
	if cfg.ServerName == "" {
		cfg.ServerName = host
	}
	if t.CACert == "" && t.ClientCert == "" {
		cfg.InsecureSkipVerify = true
		return cfg, nil
	}
	cfg.RootCAs = x509.NewCertPool()
	if t.CACert != "" && !cfg.RootCAs.AppendCertsFromPEM([]byte(t.CACert)) {
		return nil, fmt.Errorf("%w: the server certificate is no PEM certificate", ErrTLS)
	}
	if t.ClientCert == "" {
		return cfg, nil
	}
	if t.ClientPass != "" {
		return nil, fmt.Errorf("%w: client keys with a password are not emulated; store the key without one", ErrTLS)
	}
	pair, err := tls.X509KeyPair([]byte(t.ClientCert), []byte(t.ClientKey))
	if err != nil {
		return nil, fmt.Errorf("%w: client certificate: %w", ErrTLS, err)
	}
	cfg.Certificates = []tls.Certificate{pair}
	return cfg, nil
}

// put queues an event.
func (r *Real) put(e realEvent) {
	r.mu.Lock()
	r.queue = append(r.queue, e)
	r.mu.Unlock()
	r.signal()
}

// run is the connection's goroutine: it connects, then reads.
func (c *realConn) run(addr string, cfg *tls.Config) {
	nc, err := c.connect(addr, cfg)
	e := realEvent{conn: c, kind: eventConnected, err: err}
	if err == nil {
		e.data = []byte(nc.RemoteAddr().String())
	}
	c.real.put(e)
	if err != nil {
		return
	}
	stop := context.AfterFunc(c.ctx, func() { nc.Close() })
	defer stop()
	defer nc.Close()
	go c.writeLoop(nc)
	for {
		select {
		case c.room <- struct{}{}:
		case <-c.ctx.Done():
			return
		}
		buf := make([]byte, readBlock)
		n, err := nc.Read(buf)
		if n > 0 {
			c.real.put(realEvent{conn: c, kind: eventData, data: buf[:n]})
		}
		if err != nil {
			c.real.put(realEvent{conn: c, kind: eventClosed, err: closedError(err)})
			return
		}
	}
}

func (c *realConn) connect(addr string, cfg *tls.Config) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(c.ctx, c.real.opt.DialTimeout)
	defer cancel()
	var d net.Dialer
	nc, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, dialError(err)
	}
	if cfg == nil {
		return nc, nil
	}
	tc := tls.Client(nc, cfg)
	if err := tc.HandshakeContext(ctx); err != nil {
		nc.Close()
		return nil, fmt.Errorf("%w: %w", ErrTLS, err)
	}
	return tc, nil
}

func dialError(err error) error {
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &dns):
		return fmt.Errorf("%w: %s", ErrNoHost, dns.Name)
	case errors.As(err, &timeout) && timeout.Timeout():
		return ErrTimeout
	}
	return fmt.Errorf("%w: %w", ErrRefused, err)
}

func closedError(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrReset, err)
}

func (c *realConn) writeLoop(nc net.Conn) {
	for {
		select {
		case p := <-c.out:
			if _, err := nc.Write(p); err != nil {
				nc.Close() // the reader reports it
				return
			}
			c.real.put(realEvent{conn: c, kind: eventSent, sent: len(p)})
		case <-c.ctx.Done():
			return
		}
	}
}

// handle runs on the clock's goroutine.
func (c *realConn) handle(e realEvent) {
	if e.kind == eventData {
		<-c.room
	}
	if c.dead {
		return
	}
	switch e.kind {
	case eventConnected:
		if e.err != nil {
			c.drop()
			c.event("failed", 0, e.err.Error())
		} else {
			c.remote, _ = netip.ParseAddrPort(string(e.data))
			c.event("connected", 0, "")
		}
		c.ev.Connected(e.err)
	case eventData:
		c.ev.Data(e.data)
	case eventSent:
		if c.ev.Sent != nil {
			c.ev.Sent(e.sent)
		}
	case eventClosed:
		c.drop()
		c.event("closed", 0, errText(e.err))
		c.ev.Closed(e.err)
	}
}

// Send queues bytes. A script that sends much faster than the connection
// takes it loses the connection rather than filling the memory.
func (c *realConn) Send(p []byte) {
	if c.dead || len(p) == 0 {
		return
	}
	select {
	case c.out <- append([]byte(nil), p...):
	default:
		c.real.put(realEvent{conn: c, kind: eventClosed, err: fmt.Errorf("%w: %d pieces wait to be sent", ErrReset, sendsWaiting)})
	}
}

// Close ends the connection. What was sent before is still written if the
// connection takes it at once.
func (c *realConn) Close() {
	if !c.dead {
		c.drop()
		c.event("closed", 0, "by the device")
	}
}

// Remote is the address that was dialled in the end.
func (c *realConn) Remote() netip.AddrPort { return c.remote }

func (c *realConn) drop() {
	c.dead = true
	c.cancel()
	c.real.mu.Lock()
	delete(c.real.conns, c)
	c.real.mu.Unlock()
}

func (c *realConn) event(kind string, n int64, text string) {
	if f := c.real.opt.Trace; f != nil {
		f(Event{Kind: kind, Conn: c.number, Peer: c.peer, Bytes: n, Text: text})
	}
}
