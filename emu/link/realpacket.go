package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"airlift/lua"
)

// What a [Real] network refuses.
var (
	errRealListen = errors.New("listening is not emulated on real sockets: nobody outside could reach the module's address")
	errRealPing   = errors.New("ping is not emulated on real sockets: it needs rights that an ordinary program has not")
)

// Listen refuses.
func (r *Real) Listen(int, func(lua.Conn) lua.ConnEvents) (func(), error) {
	return nil, errRealListen
}

// Ping reports an error.
func (r *Real) Ping(_ netip.Addr, _ int, done func(time.Duration, int, error)) (cancel func()) {
	over := false
	r.put(realEvent{call: func() {
		if !over {
			done(0, 0, errRealPing)
		}
	}})
	return func() { over = true }
}

// Resolve asks the host's resolver, unless the name is redirected.
func (r *Real) Resolve(name string, done func([]netip.Addr, error)) (cancel func()) {
	ctx, stop := context.WithTimeout(context.Background(), r.opt.DialTimeout)
	over := false
	finish := func(ips []netip.Addr, err error) {
		r.asked--
		stop()
		if !over {
			done(ips, err)
		}
	}
	r.asked++
	if ip, ok := r.names[canonical(name)]; ok {
		r.put(realEvent{call: func() { finish([]netip.Addr{ip}, nil) }})
		return func() { over = true }
	}
	go func() {
		ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip4", name)
		if err != nil || len(ips) == 0 {
			err = fmt.Errorf("%w: %s", ErrNoHost, name)
		}
		for i := range ips {
			ips[i] = ips[i].Unmap()
		}
		r.put(realEvent{call: func() { finish(ips, err) }})
	}()
	return func() {
		over = true
		stop()
	}
}

// realPackets is a UDP socket of the host.
type realPackets struct {
	real   *Real
	conn   *net.UDPConn
	room   chan struct{}
	closed bool // belongs to the clock's goroutine
}

// OpenUDP opens a socket on any port of the host: the module's own number is
// of no use outside.
func (r *Real) OpenUDP(_ int, receive func(netip.AddrPort, []byte)) (lua.PacketConn, error) {
	conn, err := net.ListenUDP("udp4", nil)
	if err != nil {
		return nil, err
	}
	s := &realPackets{real: r, conn: conn, room: make(chan struct{}, blocksWaiting)}
	r.sockets[s] = true
	if r.opt.Trace != nil {
		r.opt.Trace(Event{Kind: "udp", Peer: "outside"})
	}
	go s.read(receive)
	return s, nil
}

func (s *realPackets) read(receive func(netip.AddrPort, []byte)) {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := s.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		select {
		case s.room <- struct{}{}:
		default:
			continue // the module is too slow: the datagram is lost
		}
		p := append([]byte(nil), buf[:n]...)
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		s.real.put(realEvent{call: func() {
			<-s.room
			if !s.closed {
				receive(from, p)
			}
		}})
	}
}

func (s *realPackets) LocalPort() int { return s.conn.LocalAddr().(*net.UDPAddr).Port }

// Send sends at once; an address that is not allowed gets nothing.
func (s *realPackets) Send(to netip.AddrPort, p []byte) {
	if s.closed || s.real.opt.Deny != nil && s.real.opt.Deny(to.Addr().String(), int(to.Port())) != nil {
		return
	}
	_, _ = s.conn.WriteToUDPAddrPort(p, to) // what gets lost gets lost
}

func (s *realPackets) Close() {
	if !s.closed {
		s.closed = true
		delete(s.real.sockets, s)
		s.conn.Close()
	}
}
