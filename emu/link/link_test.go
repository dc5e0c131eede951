package link

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"airlift/lua"
	"pgregory.net/rapid"
)

// recorder notes the events of one connection with their times.
type recorder struct {
	clock     *testClock
	lines     []string
	data      []byte
	dataAt    []time.Duration
	sizes     []int
	connected bool
	connErr   error
	closed    bool
	closedErr error
	closedAt  time.Duration
	onConnect func()
	onData    func()
}

func (r *recorder) events() lua.ConnEvents {
	return lua.ConnEvents{
		Connected: func(err error) {
			r.connected, r.connErr = err == nil, err
			r.lines = append(r.lines, fmt.Sprintf("%v connected %v", r.clock.now, err))
			if err == nil && r.onConnect != nil {
				r.onConnect()
			}
		},
		Data: func(p []byte) {
			r.data = append(r.data, p...)
			r.dataAt = append(r.dataAt, r.clock.now)
			r.sizes = append(r.sizes, len(p))
			r.lines = append(r.lines, fmt.Sprintf("%v data %d", r.clock.now, len(p)))
			if r.onData != nil {
				r.onData()
			}
		},
		Closed: func(err error) {
			r.closed, r.closedErr, r.closedAt = true, err, r.clock.now
			r.lines = append(r.lines, fmt.Sprintf("%v closed %v", r.clock.now, err))
		},
	}
}

// fetch runs one request over a fresh link.
func fetch(t testing.TB, m Model, seed uint64, h Handler, request string) *recorder {
	t.Helper()
	clock := new(testClock)
	n := NewNetwork()
	if err := n.Handle("srv", 80, h, HostOptions{}); err != nil {
		t.Fatal(err)
	}
	l, err := New(clock, n, Options{Model: m, Rand: rand.New(rand.NewPCG(seed, 1))})
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{clock: clock}
	c := l.Dial("srv", 80, nil, r.events())
	r.onConnect = func() { c.Send([]byte(request)) }
	clock.run()
	if l.Open() != 0 {
		t.Fatalf("%d connections are open at the end", l.Open())
	}
	return r
}

const getClose = "GET /f HTTP/1.1\r\nConnection: Close\r\nHost: srv:80\r\n\r\n"

func blob(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i*7 + i>>8)
	}
	return p
}

func serveBlob(p []byte) Handler {
	return HandlerFunc(func(*Request) *Response { return &Response{Status: 200, Body: p} })
}

func body(t testing.TB, raw []byte) []byte {
	t.Helper()
	_, b, ok := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !ok {
		t.Fatalf("no end of head in %q", raw)
	}
	return b
}

func TestExactBytesAndTimes(t *testing.T) {
	h := HandlerFunc(func(r *Request) *Response {
		if r.Host() != "srv" || r.Path() != "/f" || r.Remote != "10.0.0.2:49153" || r.Local != "srv:80" {
			t.Errorf("request %+v", r)
		}
		return &Response{Status: 400, Reason: "BAD REQUEST", Body: []byte("{}"),
			Header: Header{{"Date", "x"}, {"Content-Length", ""}, {"Connection", ""}, {"X", "a\r\nb"}}}
	})
	r := fetch(t, Model{Latency: 10 * time.Millisecond}, 1, h, getClose)
	want := "HTTP/1.1 400 BAD REQUEST\r\nDate: x\r\nContent-Length: 2\r\nConnection: close\r\nX: a  b\r\n\r\n{}"
	if string(r.data) != want {
		t.Errorf("got %q\nwant %q", r.data, want)
	}
	// A round trip for the name, one for the handshake, one for the request.
	lines := "40ms connected <nil>\n60ms data 86\n60ms closed <nil>"
	if got := strings.Join(r.lines, "\n"); got != lines {
		t.Errorf("got\n%s\nwant\n%s", got, lines)
	}
}

func TestSerialisation(t *testing.T) {
	// 1000 bit/ms: a full segment of 1000+40 bytes takes 8.32 ms.
	m := Model{Latency: 5 * time.Millisecond, BandwidthBps: 1_000_000, MSS: 1000}
	r := fetch(t, m, 1, serveBlob(blob(10_000)), getClose)
	for i := 1; i < len(r.dataAt); i++ {
		want := time.Duration(r.sizes[i]+40) * 8 * time.Microsecond
		if gap := r.dataAt[i] - r.dataAt[i-1]; gap != want {
			t.Errorf("segment %d of %d bytes came after %v, want %v", i, r.sizes[i], gap, want)
		}
	}
	if !bytes.Equal(body(t, r.data), blob(10_000)) {
		t.Error("wrong body")
	}
}

func TestModelProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Model{
			Latency:      time.Duration(rapid.IntRange(0, 500).Draw(t, "latency_ms")) * time.Millisecond,
			Jitter:       time.Duration(rapid.IntRange(0, 100).Draw(t, "jitter_ms")) * time.Millisecond,
			BandwidthBps: int64(rapid.SampledFrom([]int{0, 9600, 115200, 2_000_000}).Draw(t, "bps")),
			LossPermille: rapid.IntRange(0, 200).Draw(t, "loss"),
			MSS:          rapid.SampledFrom([]int{0, 64, 536, 1460}).Draw(t, "mss"),
		}
		size := rapid.IntRange(0, 20_000).Draw(t, "size")
		seed := rapid.Uint64().Draw(t, "seed")
		want := blob(size)
		r := fetchRapid(m, seed, serveBlob(want))
		again := fetchRapid(m, seed, serveBlob(want))
		if strings.Join(r.lines, "\n") != strings.Join(again.lines, "\n") {
			t.Fatal("the same seed gave other events")
		}
		if !r.connected || r.closedErr != nil {
			return // the model gave the connection up, as a bad link does
		}
		_, got, _ := bytes.Cut(r.data, []byte("\r\n\r\n"))
		if !bytes.Equal(got, want) {
			t.Fatal("wrong body")
		}
		wire, last := 0, time.Duration(0)
		for i, at := range r.dataAt {
			if at < last {
				t.Fatal("time went back")
			}
			last = at
			wire += r.sizes[i] + overheadBytes
		}
		if least := 6 * m.Latency; r.closedAt < least {
			t.Fatalf("ended after %v, which is less than three round trips of %v", r.closedAt, least)
		}
		if m.BandwidthBps > 0 && r.closedAt < m.serialise(wire) {
			t.Fatalf("%d bytes took %v: faster than the link", wire, r.closedAt)
		}
	})
}

func fetchRapid(m Model, seed uint64, h Handler) *recorder {
	clock := new(testClock)
	n := NewNetwork()
	n.Handle("srv", 80, h, HostOptions{})
	l, err := New(clock, n, Options{Model: m, Rand: rand.New(rand.NewPCG(seed, 1))})
	if err != nil {
		panic(err)
	}
	r := &recorder{clock: clock}
	c := l.Dial("srv", 80, nil, r.events())
	r.onConnect = func() { c.Send([]byte(getClose)) }
	clock.run()
	return r
}

func TestLossCostsTime(t *testing.T) {
	m := Model{Latency: 10 * time.Millisecond, BandwidthBps: 1_000_000}
	clean := fetch(t, m, 3, serveBlob(blob(100_000)), getClose)
	m.LossPermille = 50
	lossy := fetch(t, m, 3, serveBlob(blob(100_000)), getClose)
	if !bytes.Equal(clean.data, lossy.data) {
		t.Fatal("loss changed the bytes")
	}
	if lossy.closedAt <= clean.closedAt {
		t.Errorf("with loss %v, without %v", lossy.closedAt, clean.closedAt)
	}
	m.LossPermille = 1000
	if dead := fetch(t, m, 3, serveBlob(nil), getClose); dead.connErr == nil {
		t.Error("a link that loses everything connected")
	}
}

func TestTwoConnectionsShareTheLink(t *testing.T) {
	clock := new(testClock)
	n := NewNetwork()
	n.Handle("srv", 80, serveBlob(blob(50_000)), HostOptions{})
	l, _ := New(clock, n, Options{Model: Model{BandwidthBps: 1_000_000}})
	a, b := &recorder{clock: clock}, &recorder{clock: clock}
	for _, r := range []*recorder{a, b} {
		c := l.Dial("srv", 80, nil, r.events())
		r.onConnect = func() { c.Send([]byte(getClose)) }
	}
	clock.run()
	total := len(a.data) + len(b.data)
	if least := (Model{BandwidthBps: 1_000_000}).serialise(total); a.closedAt < least || b.closedAt < least {
		t.Errorf("both were complete at %v and %v, but the link needs %v", a.closedAt, b.closedAt, least)
	}
}

func TestDialFailures(t *testing.T) {
	n := NewNetwork()
	n.Handle("plain", 80, serveBlob(nil), HostOptions{})
	n.Handle("secure", 443, serveBlob(nil), HostOptions{TLS: true})
	n.Handle("192.168.1.5", 8000, serveBlob(nil), HostOptions{})
	for _, tc := range []struct {
		host string
		port int
		tls  *lua.TLS
		want error
		at   time.Duration
	}{
		{"plain", 80, nil, nil, 40 * time.Millisecond},
		{"PLAIN.", 80, nil, nil, 40 * time.Millisecond},
		{"192.168.1.5", 8000, nil, nil, 20 * time.Millisecond},
		{"198.18.0.1", 80, nil, nil, 20 * time.Millisecond},
		{"nowhere", 80, nil, lua.ErrResolve, 20 * time.Millisecond},
		{"plain", 81, nil, ErrRefused, 40 * time.Millisecond},
		{"plain", 80, &lua.TLS{}, ErrTLS, 80 * time.Millisecond},
		{"secure", 443, &lua.TLS{}, nil, 80 * time.Millisecond},
		{"secure", 443, &lua.TLS{CACert: "x"}, ErrTLS, 80 * time.Millisecond},
		{"secure", 443, &lua.TLS{ClientCert: "x"}, ErrTLS, 80 * time.Millisecond},
	} {
		clock := new(testClock)
		l, _ := New(clock, n, Options{Model: Model{Latency: 10 * time.Millisecond}})
		r := &recorder{clock: clock}
		c := l.Dial(tc.host, tc.port, tc.tls, r.events())
		if len(r.lines) != 0 {
			t.Error("an event came from within Dial")
		}
		clock.Step()
		if !errors.Is(r.connErr, tc.want) || clock.now != tc.at {
			t.Errorf("%s:%d: %v after %v, want %v after %v", tc.host, tc.port, r.connErr, clock.now, tc.want, tc.at)
		}
		c.Close()
		if clock.Step() || l.Open() != 0 {
			t.Errorf("%s:%d: something is left after Close", tc.host, tc.port)
		}
	}
}

func TestKeepAlive(t *testing.T) {
	clock := new(testClock)
	n := NewNetwork()
	served := 0
	n.Handle("srv", 80, HandlerFunc(func(r *Request) *Response {
		served++
		return &Response{Status: 200, Body: []byte(r.Target), KeepOpen: r.Target == "/stay"}
	}), HostOptions{KeepAlive: 5 * time.Second})
	l, _ := New(clock, n, Options{})
	r := &recorder{clock: clock}
	c := l.Dial("srv", 80, nil, r.events())
	// Two requests in one Send, the second cut in the middle; the rest later.
	c.Send([]byte("GET /a HTTP/1.1\r\n\r\nPOST /b HTTP/1.1\r\nContent-Length: 3\r\n\r\nx"))
	clock.After(time.Second, func() { c.Send([]byte("yz")) })
	clock.After(2*time.Second, func() { c.Send([]byte("GET /stay HTTP/1.1\r\nConnection: close\r\n\r\n")) })
	clock.run()
	if served != 3 || !bytes.HasSuffix(r.data, []byte("/stay")) || !bytes.Contains(r.data, []byte("\r\n\r\n/bHTTP/1.1 200")) {
		t.Errorf("served %d: %q", served, r.data)
	}
	if r.closedAt != 7*time.Second || r.closedErr != nil {
		t.Errorf("closed at %v: %v", r.closedAt, r.closedErr)
	}
}

func TestBadRequestIsAnswered(t *testing.T) {
	r := fetch(t, Model{}, 1, HandlerFunc(func(*Request) *Response {
		t.Error("the handler saw a bad request")
		return nil
	}), "GET /f?firmware_name=my demo_X HTTP/1.1\r\nHost: srv\r\n\r\nGET /second HTTP/1.1\r\n\r\n")
	if !bytes.HasPrefix(r.data, []byte("HTTP/1.1 400 Bad Request\r\n")) || !r.closed || bytes.Count(r.data, []byte("HTTP/1.1 ")) != 1 {
		t.Errorf("%q closed %v", r.data, r.closed)
	}
}

func TestOutcome(t *testing.T) {
	for _, tc := range []struct {
		name string
		stop func(l *Link, c lua.Conn, r *recorder)
		want Outcome
	}{
		{"complete", func(*Link, lua.Conn, *recorder) {}, Outcome{Bytes: 10_000, Whole: true}},
		{"closed by the device", func(_ *Link, c lua.Conn, r *recorder) { c.Close() }, Outcome{Bytes: 0}},
		{"power off", func(l *Link, _ lua.Conn, r *recorder) { l.PowerOff() }, Outcome{Bytes: 0}},
		{"link down", func(l *Link, _ lua.Conn, r *recorder) { l.SetUp(false) }, Outcome{Bytes: 0}},
	} {
		clock := new(testClock)
		n := NewNetwork()
		var got []Outcome
		n.Handle("srv", 80, HandlerFunc(func(*Request) *Response {
			return &Response{Status: 200, Body: blob(10_000), Done: func(o Outcome) { o.Time = time.Time{}; got = append(got, o) }}
		}), HostOptions{})
		l, _ := New(clock, n, Options{Model: Model{BandwidthBps: 100_000}})
		r := &recorder{clock: clock}
		c := l.Dial("srv", 80, nil, r.events())
		r.onConnect = func() { c.Send([]byte(getClose)) }
		var headBytes int64
		r.onData = func() {
			if len(r.sizes) == 3 {
				headBytes = int64(len(r.data) - len(body(t, r.data)))
				tc.stop(l, c, r)
			}
		}
		clock.run()
		want := tc.want
		if !want.Whole {
			want.Bytes = 3*mssDefault - headBytes
		}
		if len(got) != 1 || got[0] != want {
			t.Errorf("%s: outcome %+v, want %+v", tc.name, got, want)
		}
		if wantClosed := tc.name == "complete" || tc.name == "link down"; r.closed != wantClosed {
			t.Errorf("%s: closed event %v", tc.name, r.closed)
		}
		if l.Open() != 0 {
			t.Errorf("%s: open connections are left", tc.name)
		}
	}
}

func TestCloseInsideConnected(t *testing.T) {
	clock := new(testClock)
	n := NewNetwork()
	n.Handle("srv", 80, serveBlob(nil), HostOptions{})
	l, _ := New(clock, n, Options{})
	r := &recorder{clock: clock}
	c := l.Dial("srv", 80, nil, r.events())
	r.onConnect = func() { c.Send([]byte(getClose)); c.Close(); c.Send([]byte("x")); c.Close() }
	clock.run()
	if len(r.lines) != 1 || l.Open() != 0 {
		t.Errorf("events after Close: %q", r.lines)
	}
}

func post(n int) string {
	return fmt.Sprintf("POST /f HTTP/1.1\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", n, make([]byte, n))
}

func TestUploadTakesTime(t *testing.T) {
	m := Model{BandwidthBps: 100_000}
	request := post(50_000)
	whole := fetch(t, m, 1, serveBlob(nil), request)
	clock := new(testClock)
	n := NewNetwork()
	n.Handle("srv", 80, serveBlob(nil), HostOptions{})
	l, _ := New(clock, n, Options{Model: m})
	r := &recorder{clock: clock}
	c := l.Dial("srv", 80, nil, r.events())
	r.onConnect = func() { // the same bytes in full segments, one Send each
		for rest := request; rest != ""; rest = rest[min(len(rest), mssDefault):] {
			c.Send([]byte(rest[:min(len(rest), mssDefault)]))
		}
	}
	clock.run()
	if r.closedAt != whole.closedAt || r.closedAt < m.serialise(50_000) {
		t.Errorf("one Send took %v, many took %v, the link needs %v", whole.closedAt, r.closedAt, m.serialise(50_000))
	}
}

// TestLostSegmentDelaysUpload loses some segment of every upload, usually not
// the last one.
func TestLostSegmentDelaysUpload(t *testing.T) {
	clean := fetch(t, Model{}, 1, serveBlob(nil), post(150_000))
	for seed := range uint64(10) {
		lossy := fetch(t, Model{LossPermille: 100}, seed, serveBlob(nil), post(150_000))
		if lossy.connected && lossy.closedErr == nil && lossy.closedAt < clean.closedAt+rtoLater {
			t.Errorf("seed %d: 100 segments with 10 %% loss took %v, without loss %v", seed, lossy.closedAt, clean.closedAt)
		}
	}
}

func TestRetransmissionsBackOff(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	d, sends, lost := Model{Latency: time.Millisecond, LossPermille: 1000}.transit(r, rtoFirst)
	if want := (1+2+4+8+16+32+60+60)*time.Second + time.Millisecond; d != want || sends != sendsMax || !lost {
		t.Errorf("%v after %d sends, want %v", d, sends, want)
	}
}

func TestLongAnswerIsNotIdle(t *testing.T) {
	clock := new(testClock)
	n := NewNetwork()
	n.Handle("srv", 80, serveBlob(blob(100_000)), HostOptions{KeepAlive: time.Second})
	l, _ := New(clock, n, Options{Model: Model{BandwidthBps: 100_000}})
	r := &recorder{clock: clock}
	c := l.Dial("srv", 80, nil, r.events())
	r.onConnect = func() { c.Send([]byte("GET / HTTP/1.1\r\n\r\n")) }
	clock.run()
	if len(body(t, r.data)) != 100_000 {
		t.Errorf("%d bytes arrived before the end at %v", len(r.data), r.closedAt)
	}
	if last := r.dataAt[len(r.dataAt)-1]; r.closedAt != last+time.Second {
		t.Errorf("closed at %v, the last byte came at %v", r.closedAt, last)
	}
}

func TestSendingTooMuch(t *testing.T) {
	for _, early := range []bool{false, true} {
		clock := new(testClock)
		n := NewNetwork()
		n.Handle("srv", 80, serveBlob(nil), HostOptions{})
		l, _ := New(clock, n, Options{Model: Model{BandwidthBps: 9600}})
		r := &recorder{clock: clock}
		c := l.Dial("srv", 80, nil, r.events())
		flood := func() {
			for range 100 {
				c.Send(make([]byte, 1<<20))
			}
		}
		if early {
			flood()
		} else {
			r.onConnect = flood
		}
		clock.run()
		if !errors.Is(r.closedErr, ErrReset) && !errors.Is(r.connErr, ErrReset) || l.Open() != 0 {
			t.Errorf("early %v: %v", early, r.lines)
		}
	}
}

func TestSmallBodyStaysWhole(t *testing.T) {
	for pad := range 60 {
		h := HandlerFunc(func(*Request) *Response {
			return &Response{Status: 400, Body: blob(53), Header: Header{{"X", strings.Repeat("a", pad)}}}
		})
		r := fetch(t, Model{MSS: 128}, 1, h, getClose)
		if last := r.sizes[len(r.sizes)-1]; last < 53 {
			t.Fatalf("pad %d: the body came apart: segments %v", pad, r.sizes)
		}
	}
}

func TestNetworkFork(t *testing.T) {
	n := NewNetwork()
	n.Handle("a", 80, serveBlob([]byte("old")), HostOptions{})
	f := n.Fork(func(Handler) Handler { return serveBlob([]byte("new")) })
	for _, tc := range []struct {
		n    *Network
		want string
	}{{n, "old"}, {f, "new"}} {
		clock := new(testClock)
		l, _ := New(clock, tc.n, Options{})
		r := &recorder{clock: clock}
		c := l.Dial("a", 80, nil, r.events())
		c.Send([]byte(getClose))
		clock.run()
		if got := string(body(t, r.data)); got != tc.want {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
}

func BenchmarkDownload300K(b *testing.B) {
	p := blob(300 << 10)
	clock := new(testClock)
	n := NewNetwork()
	n.Handle("srv", 80, serveBlob(p), HostOptions{})
	m, _ := Preset("cat1")
	l, _ := New(clock, n, Options{Model: m, Rand: rand.New(rand.NewPCG(1, 2))})
	req := []byte(getClose)
	b.ReportAllocs()
	for b.Loop() {
		var c lua.Conn
		got := 0
		c = l.Dial("srv", 80, nil, lua.ConnEvents{
			Connected: func(error) { c.Send(req) },
			Data:      func(p []byte) { got += len(p) },
			Closed:    func(error) {},
		})
		clock.run()
		if got < len(p) {
			b.Fatal(got)
		}
	}
}
