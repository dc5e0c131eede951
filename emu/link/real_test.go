package link

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"airlift/emu/link/linktest"
	"airlift/lua"
)

// patience ends tests that would never end.
const patience = 2 * time.Minute

// listen serves a handler on a free port until the test ends.
func listen(t *testing.T, h Handler, opt ServeOptions) (addr string, stop func() error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip("no sockets here:", err)
	}
	return serveOn(t, ln, h, opt)
}

func serveOn(t *testing.T, ln net.Listener, h Handler, opt ServeOptions) (string, func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- Serve(ctx, ln, h, opt) }()
	stop := sync.OnceValue(func() error { cancel(); return <-result })
	t.Cleanup(func() { stop() })
	return ln.Addr().String(), stop
}

func dialTCP(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c
}

func readAll(t *testing.T, c net.Conn) string {
	t.Helper()
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestServe(t *testing.T) {
	big := blob(1 << 20)
	var mu sync.Mutex
	var outcomes []Outcome
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip("no sockets here:", err)
	}
	addr, stop := serveOn(t, ln, HandlerFunc(func(r *Request) *Response {
		if r.Target == "/big" {
			return &Response{Status: 200, Body: big, Done: func(o Outcome) {
				mu.Lock()
				defer mu.Unlock()
				outcomes = append(outcomes, o)
			}}
		}
		return &Response{Status: 200, Body: []byte(r.Target + string(r.Body))}
	}), ServeOptions{Now: func() time.Time { return Epoch }})
	c := dialTCP(t, addr)
	for _, part := range []string{"GET /a HT", "TP/1.1\r\n\r\nPOST /b HTTP/1.1\r\nContent-Length: 2\r\n\r\nh", "iGET /big HTTP/1.1\r\nConnection: Close\r\n\r\n"} {
		io.WriteString(c, part)
	}
	got := readAll(t, c)
	want := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n/a" +
		"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: keep-alive\r\n\r\n/bhi" +
		"HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\nConnection: close\r\n\r\n" + string(big)
	if got != want {
		t.Errorf("got %d bytes %q..., want %d", len(got), clip(got), len(want))
	}
	if err := stop(); err != nil {
		t.Errorf("Serve returned %v", err)
	}
	if len(outcomes) != 1 || outcomes[0] != (Outcome{1 << 20, true, Epoch}) {
		t.Errorf("outcomes %+v", outcomes)
	}
	if c, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener is open after the end: %v, %v", c, err)
	}
}

func TestServeEndsIdleConnections(t *testing.T) {
	addr, stop := listen(t, serveBlob(nil), ServeOptions{Grace: time.Hour})
	c := dialTCP(t, addr)
	io.WriteString(c, "GET / HTTP/1.1\r\n\r\n")
	io.ReadFull(c, make([]byte, 10)) // the connection is known to the server now
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	readAll(t, c) // fails at the deadline if the server does not close
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
}

// TestServeTimesOut: time is that of the bubble, which passes only where everybody
// waits.
func TestServeTimesOut(t *testing.T) {
	for _, start := range []string{"", "GET / HTTP/1.1\r\nA: b", "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nx"} {
		synctest.Test(t, func(t *testing.T) {
			ln := linktest.NewListener()
			serveOn(t, ln, serveBlob(nil), ServeOptions{KeepAlive: 20 * time.Millisecond, Head: 20 * time.Millisecond})
			began, c := time.Now(), ln.Dial()
			c.SetDeadline(time.Now().Add(patience))
			io.WriteString(c, start)
			if got := readAll(t, c); got != "" {
				t.Errorf("%q was answered %q", start, got)
			}
			if held := time.Since(began); held != 20*time.Millisecond {
				t.Errorf("%q held its place for %v", start, held)
			}
		})
	}
}

func TestServeLimitsConnections(t *testing.T) {
	release := make(chan bool)
	served := make(chan string, 2)
	addr, _ := listen(t, HandlerFunc(func(r *Request) *Response {
		served <- r.Target
		if r.Target == "/first" {
			<-release
		}
		return Text(200, "ok")
	}), ServeOptions{Conns: 1})
	first := dialTCP(t, addr)
	io.WriteString(first, strings.Replace(getClose, "/f", "/first", 1))
	<-served
	second := dialTCP(t, addr)
	io.WriteString(second, strings.Replace(getClose, "/f", "/second", 1))
	select { // a right server can never fail here, a wrong one has time to
	case <-served:
		t.Error("the second connection was served beside the first")
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	readAll(t, first)
	first.Close()
	readAll(t, second)
}

func TestServeGrace(t *testing.T) {
	begun := make(chan bool)
	addr, stop := listen(t, HandlerFunc(func(*Request) *Response {
		close(begun)
		return &Response{Status: 200, Body: blob(64 << 20)} // nobody reads that much
	}), ServeOptions{Grace: 20 * time.Millisecond})
	c := dialTCP(t, addr)
	io.WriteString(c, getClose)
	<-begun
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestServeRefusesBadRequests(t *testing.T) {
	errs := make(chan error, 1)
	addr, _ := listen(t, serveBlob(nil), ServeOptions{Error: func(_ string, err error) { errs <- err }})
	c := dialTCP(t, addr)
	io.WriteString(c, "GET /a b HTTP/1.1\r\n\r\n")
	if got := readAll(t, c); !strings.HasPrefix(got, "HTTP/1.1 400 Bad Request\r\n") || !strings.Contains(got, "PROJECT") {
		t.Errorf("%q", got)
	}
	var bad *BadRequest
	if err := <-errs; !errors.As(err, &bad) || bad.Line != "GET /a b HTTP/1.1" {
		t.Errorf("%v", err)
	}
}

func TestServeSurvivesPanics(t *testing.T) {
	errs := make(chan error, 1)
	addr, _ := listen(t, HandlerFunc(func(r *Request) *Response {
		if r.Target == "/panic" {
			panic(io.ErrUnexpectedEOF)
		}
		return Text(200, "fine")
	}), ServeOptions{Error: func(_ string, err error) { errs <- err }})
	c := dialTCP(t, addr)
	io.WriteString(c, "GET /panic HTTP/1.1\r\n\r\n")
	readAll(t, c)
	if err := <-errs; !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v", err)
	}
	c = dialTCP(t, addr)
	io.WriteString(c, getClose)
	if got := readAll(t, c); !strings.HasSuffix(got, "fine") {
		t.Errorf("%q", got)
	}
}

// runReal is the clock's part of the contract of Source.
func runReal(t *testing.T, r *Real) {
	t.Helper()
	for r.Pending() {
		if !r.Wait(patience) {
			t.Fatal("nothing came")
		}
		r.Deliver()
	}
}

func TestReal(t *testing.T) {
	content := blob(500_000)
	addr, _ := listen(t, serveBlob(content), ServeOptions{})
	r := NewReal(RealOptions{Redirect: map[string]string{"iot.openluat.com:80": addr}})
	rec := &recorder{clock: new(testClock)}
	c := r.Dial("IOT.openluat.com", 80, nil, rec.events())
	rec.onConnect = func() { c.Send([]byte(getClose)) }
	if len(rec.lines) != 0 {
		t.Error("an event came from within Dial")
	}
	runReal(t, r)
	if !rec.closed || rec.closedErr != nil || !bytes.Equal(body(t, rec.data), content) {
		t.Errorf("closed %v %v, %d bytes", rec.closed, rec.closedErr, len(rec.data))
	}
}

// TestRealLookedUp connects like a module that looks names up by itself: the
// address of a redirected name, which need not exist, leads to the same place.
func TestRealLookedUp(t *testing.T) {
	content := blob(1000)
	addr, _ := listen(t, serveBlob(content), ServeOptions{})
	r := NewReal(RealOptions{Redirect: map[string]string{"iot.invalid:80": addr, "iot.invalid:81": addr, "other.invalid:80": addr}})
	ips := map[string]netip.Addr{}
	for _, name := range []string{"IOT.invalid.", "other.invalid"} {
		r.Resolve(name, func(got []netip.Addr, err error) {
			if err != nil || len(got) != 1 {
				t.Fatalf("%s: %v, %v", name, got, err)
			}
			ips[name] = got[0]
		})
	}
	r.Resolve("other.invalid", func([]netip.Addr, error) { t.Error("called though it was cancelled") })()
	runReal(t, r)
	if len(ips) != 2 || ips["IOT.invalid."] == ips["other.invalid"] {
		t.Fatalf("addresses %v", ips)
	}
	rec := &recorder{clock: new(testClock)}
	c := r.Dial(ips["IOT.invalid."].String(), 81, nil, rec.events())
	rec.onConnect = func() { c.Send([]byte(getClose)) }
	runReal(t, r)
	if !rec.closed || !bytes.Equal(body(t, rec.data), content) {
		t.Errorf("closed %v, %d bytes", rec.closed, len(rec.data))
	}
}

func TestRealFailures(t *testing.T) {
	const dead = "127.0.0.1:1" // a port that no other test is given
	denied := errors.New("not allowed")
	r := NewReal(RealOptions{
		Redirect: map[string]string{"dead:80": dead},
		Deny: func(host string, port int) error {
			if host == "secret" {
				return denied
			}
			return nil
		},
	})
	for host, want := range map[string]error{"dead": ErrRefused, "secret": denied} {
		rec := &recorder{clock: new(testClock)}
		r.Dial(host, 80, nil, rec.events())
		runReal(t, r)
		if !errors.Is(rec.connErr, want) || len(rec.lines) != 1 {
			t.Errorf("%s: %v", host, rec.lines)
		}
	}
	rec := &recorder{clock: new(testClock)}
	r.Dial("dead", 80, nil, rec.events()).Close()
	runReal(t, r)
	if len(rec.lines) != 0 {
		t.Errorf("events after Close: %v", rec.lines)
	}
}

func TestRealPowerOff(t *testing.T) {
	addr, _ := listen(t, serveBlob(blob(1<<22)), ServeOptions{})
	r := NewReal(RealOptions{Redirect: map[string]string{"srv:80": addr}})
	rec := &recorder{clock: new(testClock)}
	c := r.Dial("srv", 80, nil, rec.events())
	rec.onConnect = func() { c.Send([]byte(getClose)) }
	rec.onData = r.PowerOff
	runReal(t, r)
	if len(rec.sizes) != 1 || rec.closed {
		t.Errorf("events after the power went: %v", rec.lines)
	}
}

func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "srv"}, DNSNames: []string{"srv"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestRealTLS(t *testing.T) {
	cert, ca := certificate(t)
	_, otherCA := certificate(t)
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Skip("no sockets here:", err)
	}
	addr, _ := serveOn(t, ln, serveBlob([]byte("secret")), ServeOptions{})
	for _, tc := range []struct {
		name, host string
		tls        lua.TLS
		ok         bool
	}{
		{"no CA, not verified", "srv", lua.TLS{}, true},
		{"no CA, wrong name", "other", lua.TLS{}, true},
		{"right CA", "srv", lua.TLS{CACert: ca}, true},
		{"right CA, wrong name", "other", lua.TLS{CACert: ca}, false},
		{"right CA, server name", "other", lua.TLS{CACert: ca, ServerName: "srv"}, true},
		{"wrong CA", "srv", lua.TLS{CACert: otherCA}, false},
		{"no PEM", "srv", lua.TLS{CACert: "x"}, false},
		{"password", "srv", lua.TLS{CACert: ca, ClientCert: "x", ClientPass: "p"}, false},
		{"client certificate broken", "srv", lua.TLS{CACert: ca, ClientCert: "x"}, false},
	} {
		r := NewReal(RealOptions{Redirect: map[string]string{"srv:443": addr, "other:443": addr}})
		rec := &recorder{clock: new(testClock)}
		c := r.Dial(tc.host, 443, &tc.tls, rec.events())
		rec.onConnect = func() { c.Send([]byte(getClose)) }
		runReal(t, r)
		if tc.ok && !strings.HasSuffix(string(rec.data), "secret") || !tc.ok && !errors.Is(rec.connErr, ErrTLS) {
			t.Errorf("%s: %v", tc.name, rec.lines)
		}
	}
}

func TestFallback(t *testing.T) {
	addr, _ := listen(t, serveBlob([]byte("outside")), ServeOptions{})
	n := NewNetwork()
	n.Handle("inside", 80, serveBlob([]byte("inside")), HostOptions{})
	r := NewReal(RealOptions{Redirect: map[string]string{"outside:80": addr}})
	clock := new(testClock)
	l, err := New(clock, n, Options{Fallback: r})
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"inside", "outside"} {
		rec := &recorder{clock: clock}
		c := l.Dial(host, 80, nil, rec.events())
		rec.onConnect = func() { c.Send([]byte(getClose)) }
		if r.Pending() != (host == "outside") {
			t.Errorf("%s: pending is %v", host, r.Pending())
		}
		clock.run()
		runReal(t, r)
		if !strings.HasSuffix(string(rec.data), host) {
			t.Errorf("%s: %q", host, rec.data)
		}
	}
}
