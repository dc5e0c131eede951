package link

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"airlift/lua"
)

// upper answers in capitals.
var upper = PacketFunc(func(in *Packet) { in.Reply([]byte(strings.ToUpper(string(in.Data)))) })

// shout is upper by TCP.
var shout = PeerFunc(func(c *PeerConn) PeerSession { return shouting{c} })

type shouting struct{ c *PeerConn }

func (s shouting) Data(p []byte) { s.c.Send([]byte(strings.ToUpper(string(p)))) }
func (s shouting) Closed()       {}

func testLink(t *testing.T, m Model) (*Link, *Network, *testClock) {
	t.Helper()
	n, clock := NewNetwork(), &testClock{}
	l, err := New(clock, n, Options{Model: m, Rand: rand.New(rand.NewPCG(1, 1)), IP: "192.168.1.2"})
	if err != nil {
		t.Fatal(err)
	}
	return l, n, clock
}

func TestPackets(t *testing.T) {
	l, n, clock := testLink(t, Model{Latency: 20 * time.Millisecond, BandwidthBps: 80_000})
	if err := n.HandlePackets("up.test", 7, upper); err != nil {
		t.Fatal(err)
	}
	var lines []string
	s, err := l.OpenUDP(0, func(from netip.AddrPort, p []byte) {
		lines = append(lines, fmt.Sprintf("%v %v %s", clock.now, from, p))
	})
	if err != nil || s.LocalPort() != localPort {
		t.Fatal(err, s)
	}
	if _, err := l.OpenUDP(localPort, nil); !errors.Is(err, lua.ErrPortBusy) {
		t.Error(err)
	}
	for _, to := range []string{"198.18.0.1:7", "198.18.0.1:8", "198.18.0.9:7", "127.0.0.1:49153"} {
		s.Send(netip.MustParseAddrPort(to), []byte("abcdefghijkl")) // 40 bytes with its head: 4 ms
	}
	s.Send(netip.MustParseAddrPort("198.18.0.1:7"), make([]byte, datagramMax+1))
	clock.run()
	want := []string{"0s 127.0.0.1:49153 abcdefghijkl", "48ms 198.18.0.1:7 ABCDEFGHIJKL"}
	if !reflect.DeepEqual(lines, want) {
		t.Errorf("%q", lines)
	}
	s.Close()
	s.Send(netip.MustParseAddrPort("198.18.0.1:7"), []byte("x"))
	clock.run()
	if len(lines) != 2 {
		t.Error(lines)
	}
}

// TestPacketFlood sends more than a link gets rid of: the rest is lost, and
// what waits does not grow.
func TestPacketFlood(t *testing.T) {
	l, n, clock := testLink(t, Model{Latency: time.Millisecond, BandwidthBps: 1000})
	got := 0
	if err := n.HandlePackets("sink.test", 7, PacketFunc(func(*Packet) { got++ })); err != nil {
		t.Fatal(err)
	}
	s, err := l.OpenUDP(0, func(netip.AddrPort, []byte) { got++ })
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"198.18.0.1:7", "127.0.0.1:49153"} {
		for range 2 {
			got = 0
			for range 2000 {
				s.Send(netip.MustParseAddrPort(to), make([]byte, 1000))
			}
			clock.run()
			if want := waitingMax / (1000 + packetOverheadBytes); got != want {
				t.Errorf("%s: %d datagrams arrived, want %d", to, got, want)
			}
		}
	}
}

func TestPacketsGetLost(t *testing.T) {
	l, n, clock := testLink(t, Model{LossPermille: 500})
	if err := n.HandlePackets("up.test", 7, upper); err != nil {
		t.Fatal(err)
	}
	got := 0
	s, err := l.OpenUDP(0, func(netip.AddrPort, []byte) { got++ })
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		s.Send(netip.MustParseAddrPort("198.18.0.1:7"), []byte("x"))
	}
	clock.run()
	if got < 180 || got > 320 { // a quarter comes back
		t.Errorf("%d of 1000", got)
	}
}

func TestResolveAndPing(t *testing.T) {
	l, n, clock := testLink(t, Model{Latency: 10 * time.Millisecond})
	if err := n.HandlePackets("up.test", 7, upper); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, name := range []string{"UP.test.", "nobody.test", "1.2.3.4"} {
		l.Resolve(name, func(ips []netip.Addr, err error) {
			lines = append(lines, fmt.Sprintf("%v %s %v %v", clock.now, name, ips, errors.Is(err, lua.ErrResolve)))
		})
	}
	for _, to := range []string{"198.18.0.1", "192.168.1.2", "8.8.8.8"} {
		l.Ping(netip.MustParseAddr(to), 100, func(took time.Duration, ttl int, err error) {
			lines = append(lines, fmt.Sprintf("%v ping %s %v %d %v", clock.now, to, took, ttl, errors.Is(err, ErrTimeout)))
		})
	}
	l.Resolve("up.test", func([]netip.Addr, error) { t.Error("cancelled") })()
	clock.run()
	want := []string{
		"0s 1.2.3.4 [1.2.3.4] false", "0s ping 192.168.1.2 0s 64 false",
		"20ms UP.test. [198.18.0.1] false", "20ms nobody.test [] true", "20ms ping 198.18.0.1 20ms 52 false", "5s ping 8.8.8.8 0s 0 true",
	}
	if !reflect.DeepEqual(lines, want) {
		t.Errorf("%q", lines)
	}
}

// TestUpgrade speaks HTTP, then something else, on one connection.
func TestUpgrade(t *testing.T) {
	for _, how := range []string{"handler", "peer"} {
		l, n, clock := testLink(t, Model{Latency: 10 * time.Millisecond})
		h := HandlerFunc(func(r *Request) *Response {
			if r.Path() == "/plain" {
				return &Response{Status: 200, Body: []byte("hi"), Delay: time.Second}
			}
			return &Response{Status: 101, KeepOpen: true, Upgrade: shout, Header: Header{{"Connection", "Upgrade"}}}
		})
		var err error
		if how == "handler" {
			err = n.Handle("h.test", 80, h, HostOptions{})
		} else {
			err = n.HandlePeer("h.test", 80, HandlerPeer(h), HostOptions{})
		}
		if err != nil {
			t.Fatal(err)
		}
		r := &recorder{clock: clock}
		c := l.Dial("h.test", 80, nil, r.events())
		c.Send([]byte("GET /plain HTTP/1.1\r\n\r\n"))
		clock.run()
		if !strings.HasSuffix(string(r.data), "\r\n\r\nhi") || r.dataAt[0] != 1060*time.Millisecond {
			t.Errorf("%s: %q %v", how, r.data, r.dataAt)
		}
		if how == "handler" { // it ends idle connections
			r = &recorder{clock: clock}
			c = l.Dial("h.test", 80, nil, r.events())
		}
		r.data = nil
		c.Send([]byte("GET /up HTTP/1.1\r\n\r\nearly "))
		r.onData = func() {
			if strings.HasSuffix(string(r.data), "EARLY ") {
				c.Send([]byte("late"))
			}
		}
		clock.run()
		if !strings.HasPrefix(string(r.data), "HTTP/1.1 101 ") || !strings.HasSuffix(string(r.data), "\r\n\r\nEARLY LATE") {
			t.Errorf("%s: %q", how, r.data)
		}
		c.Close()
		if l.Open() != 0 {
			t.Errorf("%s: %d open", how, l.Open())
		}
	}
}

// runUntil lets a real network work until done or the time is up.
func runUntil(t *testing.T, r *Real, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); {
		if time.Now().After(end) {
			t.Fatal("nothing came")
		}
		r.Wait(time.Second)
		r.Deliver()
	}
}

func TestRealPackets(t *testing.T) {
	server, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Skip("no sockets here:", err)
	}
	defer server.Close()
	go func() {
		buf := make([]byte, 100)
		n, from, err := server.ReadFrom(buf)
		if err == nil {
			server.WriteTo([]byte(strings.ToUpper(string(buf[:n]))), from)
		}
	}()
	r := NewReal(RealOptions{})
	got := ""
	s, err := r.OpenUDP(5000, func(_ netip.AddrPort, p []byte) { got = string(p) })
	if err != nil {
		t.Fatal(err)
	}
	if !r.Pending() || s.LocalPort() == 0 {
		t.Error("not pending")
	}
	s.Send(netip.MustParseAddrPort(server.LocalAddr().String()), []byte("hello"))
	runUntil(t, r, func() bool { return got != "" })
	if got != "HELLO" {
		t.Errorf("%q", got)
	}
	r.PowerOff()
	if r.Pending() {
		t.Error("pending after power-off")
	}
}

func TestRealRefusals(t *testing.T) {
	r := NewReal(RealOptions{})
	if _, err := r.Listen(80, nil); err == nil {
		t.Error("listens")
	}
	var ping, name error
	asked := 0
	r.Ping(netip.MustParseAddr("127.0.0.1"), 10, func(_ time.Duration, _ int, err error) { ping, asked = err, asked+1 })
	r.Resolve("", func(_ []netip.Addr, err error) { name, asked = err, asked+1 })
	runUntil(t, r, func() bool { return asked == 2 })
	if !errors.Is(ping, errRealPing) || !errors.Is(name, lua.ErrResolve) || r.Pending() {
		t.Errorf("%v, %v", ping, name)
	}
	denied := NewReal(RealOptions{Deny: func(string, int) error { return errors.New("no") }})
	s, err := denied.OpenUDP(0, func(netip.AddrPort, []byte) {})
	if err != nil {
		t.Skip("no sockets here:", err)
	}
	s.Send(netip.MustParseAddrPort("127.0.0.1:9"), []byte("x"))
	denied.PowerOff()
}
