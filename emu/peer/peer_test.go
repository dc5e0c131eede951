package peer

import (
	"container/heap"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"airlift/emu/link"
	"airlift/lua"
	"airlift/lua/mqtt"
)

// clock is virtual time for tests.
type clock struct {
	now   time.Duration
	seq   int
	queue events
}

type event struct {
	at  time.Duration
	seq int
	fn  func()
}

type events []*event

func (q events) Len() int { return len(q) }
func (q events) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].seq < q[j].seq
}
func (q events) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *events) Push(x any)   { *q = append(*q, x.(*event)) }
func (q *events) Pop() any {
	e := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return e
}

func (c *clock) Now() time.Duration { return c.now }
func (c *clock) After(d time.Duration, fn func()) func() {
	e := &event{c.now + max(d, 0), c.seq, fn}
	c.seq++
	heap.Push(&c.queue, e)
	return func() { e.fn = func() {} }
}

// run lets d pass.
func (c *clock) run(d time.Duration) {
	end := c.now + d
	for len(c.queue) > 0 && c.queue[0].at <= end {
		e := heap.Pop(&c.queue).(*event)
		c.now = e.at
		e.fn()
	}
	c.now = end
}

// desk is a device on a link to a network.
type desk struct {
	t     testing.TB
	clock *clock
	link  *link.Link
	net   *link.Network
}

func newDesk(t testing.TB, m link.Model) *desk {
	t.Helper()
	d := &desk{t: t, clock: &clock{}, net: link.NewNetwork()}
	var err error
	if d.link, err = link.New(d.clock, d.net, link.Options{Model: m, Rand: rand.New(rand.NewPCG(3, 4))}); err != nil {
		t.Fatal(err)
	}
	return d
}

// client is one connection of the device.
type client struct {
	conn   lua.Conn
	got    []byte
	open   bool
	err    error
	closed bool
	sent   int
}

func (d *desk) dial(host string, port int) *client {
	c := &client{}
	c.conn = d.link.Dial(host, port, nil, lua.ConnEvents{
		Connected: func(err error) { c.open, c.err = err == nil, err },
		Data:      func(p []byte) { c.got = append(c.got, p...) },
		Closed:    func(err error) { c.closed, c.err = true, err },
		Sent:      func(n int) { c.sent += n },
	})
	d.clock.run(time.Second)
	return c
}

// say sends and returns what came back within a second.
func (d *desk) say(c *client, p []byte) []byte {
	c.got = nil
	c.conn.Send(p)
	d.clock.run(time.Second)
	return c.got
}

func TestEchoWhateverTheLink(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := link.Model{
			Latency:      time.Duration(rapid.IntRange(0, 100).Draw(rt, "latency")) * time.Millisecond,
			Jitter:       time.Duration(rapid.IntRange(0, 50).Draw(rt, "jitter")) * time.Millisecond,
			BandwidthBps: rapid.SampledFrom([]int64{0, 100_000, 8_000_000}).Draw(rt, "bandwidth"),
			LossPermille: rapid.SampledFrom([]int{0, 0, 100}).Draw(rt, "loss"),
			MSS:          rapid.SampledFrom([]int{0, 64, 500}).Draw(rt, "mss"),
		}
		d := newDesk(t, m)
		if err := d.net.HandlePeer("echo.test", 7, Echo(), link.HostOptions{}); err != nil {
			rt.Fatal(err)
		}
		c := d.dial("echo.test", 7)
		d.clock.run(time.Minute)
		if !c.open {
			rt.Skip("lost for good")
		}
		var want []byte
		for range rapid.IntRange(1, 5).Draw(rt, "sends") {
			p := []byte(rapid.StringN(0, 3000, -1).Draw(rt, "data"))
			want = append(want, p...)
			c.conn.Send(p)
			d.clock.run(time.Duration(rapid.IntRange(0, 30).Draw(rt, "pause")) * time.Millisecond)
		}
		d.clock.run(10 * time.Minute)
		if c.closed {
			rt.Skip("broken by loss")
		}
		if string(c.got) != string(want) || c.sent != len(want) {
			rt.Fatalf("%d bytes sent, %d acknowledged, %d came back", len(want), c.sent, len(c.got))
		}
	})
}

func TestCloseKeepsWhatWasSent(t *testing.T) {
	d := newDesk(t, link.Model{Latency: 50 * time.Millisecond})
	var got []byte
	over := 0
	sink := link.PeerFunc(func(*link.PeerConn) link.PeerSession { return sinkSession{&got, &over} })
	if err := d.net.HandlePeer("sink.test", 9, sink, link.HostOptions{}); err != nil {
		t.Fatal(err)
	}
	c := d.dial("sink.test", 9)
	c.conn.Send([]byte("last words"))
	c.conn.Close()
	d.clock.run(time.Second)
	if string(got) != "last words" || over != 1 || d.link.Open() != 0 {
		t.Errorf("%q, %d closed, %d open", got, over, d.link.Open())
	}
}

type sinkSession struct {
	got  *[]byte
	over *int
}

func (s sinkSession) Data(p []byte) { *s.got = append(*s.got, p...) }
func (s sinkSession) Closed()       { *s.over++ }

func TestPowerOffTellsPeers(t *testing.T) {
	d := newDesk(t, link.Model{})
	b := NewBroker()
	if err := d.net.HandlePeer("b.test", 1883, b, link.HostOptions{}); err != nil {
		t.Fatal(err)
	}
	c := d.dial("b.test", 1883)
	d.say(c, mqtt.Append(nil, &mqtt.Packet{Type: mqtt.Connect, Protocol: "MQTT", Level: 4, CleanSession: true, ClientID: "x",
		Will: &mqtt.Message{Topic: "w", Payload: []byte("off"), Retain: true}}))
	d.link.PowerOff()
	if len(b.clients) != 0 || len(b.retained) != 1 {
		t.Errorf("%d clients, %d retained", len(b.clients), len(b.retained))
	}
}

// subscription is one that the model remembers.
type subscription struct {
	filter string
	qos    byte
}

// TestBrokerModel compares the broker with a list of subscriptions.
func TestBrokerModel(t *testing.T) {
	topics := []string{"a", "a/b", "a/c", "b/c"}
	filters := []string{"a", "a/+", "#", "+/c", "a/#"}
	rapid.Check(t, func(rt *rapid.T) {
		d := newDesk(t, link.Model{})
		b := NewBroker()
		if err := d.net.HandlePeer("b.test", 1883, b, link.HostOptions{}); err != nil {
			rt.Fatal(err)
		}
		c := d.dial("b.test", 1883)
		d.say(c, mqtt.Append(nil, &mqtt.Packet{Type: mqtt.Connect, Protocol: "MQTT", Level: 4, CleanSession: true, ClientID: "x"}))
		var subs []subscription
		retained := map[string]string{}
		for i := range rapid.IntRange(1, 12).Draw(rt, "steps") {
			switch rapid.IntRange(0, 3).Draw(rt, "step") {
			case 0:
				f, q := rapid.SampledFrom(filters).Draw(rt, "filter"), byte(rapid.IntRange(0, 2).Draw(rt, "qos"))
				got := d.packets(rt, c, &mqtt.Packet{Type: mqtt.Subscribe, ID: 1, Filters: []mqtt.Filter{{Topic: f, QoS: q}}})
				subs = append(drop(subs, f), subscription{f, q})
				n := 0
				for topic := range retained {
					if mqtt.Match(f, topic) {
						n++
					}
				}
				if len(got) != n+1 || got[0].Type != mqtt.Suback || got[0].Codes[0] != q {
					rt.Fatalf("subscribe %s: %+v, %d retained match", f, got, n)
				}
				d.confirm(rt, c, got[1:])
			case 1:
				f := rapid.SampledFrom(filters).Draw(rt, "filter")
				got := d.packets(rt, c, &mqtt.Packet{Type: mqtt.Unsubscribe, ID: 2, Filters: []mqtt.Filter{{Topic: f}}})
				subs = drop(subs, f)
				if len(got) != 1 || got[0].Type != mqtt.Unsuback {
					rt.Fatalf("unsubscribe: %+v", got)
				}
			default:
				m := mqtt.Message{
					Topic: rapid.SampledFrom(topics).Draw(rt, "topic"), Payload: []byte(fmt.Sprint(i)),
					QoS: byte(rapid.IntRange(0, 2).Draw(rt, "qos")), Retain: rapid.Bool().Draw(rt, "retain"),
				}
				if m.Retain {
					retained[m.Topic] = string(m.Payload)
				}
				d.publishAndCheck(rt, c, m, subs)
			}
		}
	})
}

func drop(subs []subscription, filter string) []subscription {
	var out []subscription
	for _, s := range subs {
		if s.filter != filter {
			out = append(out, s)
		}
	}
	return out
}

// packets sends one packet and reads the answers.
func (d *desk) packets(rt *rapid.T, c *client, p *mqtt.Packet) []*mqtt.Packet {
	b := d.say(c, mqtt.Append(nil, p))
	var out []*mqtt.Packet
	for len(b) > 0 {
		q, n, err := mqtt.Parse(b, 1<<16)
		if err != nil || q == nil {
			rt.Fatalf("answer %x: %v", b, err)
		}
		out = append(out, q)
		b = b[n:]
	}
	return out
}

// confirm answers what the broker has published.
func (d *desk) confirm(rt *rapid.T, c *client, got []*mqtt.Packet) {
	for _, p := range got {
		switch p.QoS {
		case 1:
			d.packets(rt, c, &mqtt.Packet{Type: mqtt.Puback, ID: p.ID})
		case 2:
			if a := d.packets(rt, c, &mqtt.Packet{Type: mqtt.Pubrec, ID: p.ID}); len(a) != 1 || a[0].Type != mqtt.Pubrel {
				rt.Fatalf("PUBREC: %+v", a)
			}
			d.packets(rt, c, &mqtt.Packet{Type: mqtt.Pubcomp, ID: p.ID})
		}
	}
}

func (d *desk) publishAndCheck(rt *rapid.T, c *client, m mqtt.Message, subs []subscription) {
	p := &mqtt.Packet{Type: mqtt.Publish, Message: m}
	var want []mqtt.Type
	if m.QoS > 0 {
		p.ID = 77
		want = []mqtt.Type{mqtt.Puback}
		if m.QoS == 2 {
			want[0] = mqtt.Pubrec
		}
	}
	qos, wanted := byte(0), false
	for _, s := range subs {
		if mqtt.Match(s.filter, m.Topic) {
			qos, wanted = max(qos, s.qos), true
		}
	}
	got := d.packets(rt, c, p)
	if wanted {
		want = append(want, mqtt.Publish)
	}
	if len(got) != len(want) {
		rt.Fatalf("publish %+v: got %+v, expected %v", m, got, want)
	}
	for i := range got {
		if got[i].Type != want[i] {
			rt.Fatalf("publish %+v: got %+v, expected %v", m, got, want)
		}
	}
	if wanted {
		last := got[len(got)-1]
		if last.QoS != min(qos, m.QoS) || string(last.Payload) != string(m.Payload) || last.Retain {
			rt.Fatalf("publish %+v: %+v", m, last)
		}
		d.confirm(rt, c, got[len(got)-1:])
	}
	if m.QoS == 2 {
		if a := d.packets(rt, c, &mqtt.Packet{Type: mqtt.Pubrel, ID: 77}); len(a) != 1 || a[0].Type != mqtt.Pubcomp {
			rt.Fatalf("PUBREL: %+v", a)
		}
	}
}

func TestBrokerSessions(t *testing.T) {
	d := newDesk(t, link.Model{})
	b := NewBroker()
	if err := d.net.HandlePeer("b.test", 1883, b, link.HostOptions{}); err != nil {
		t.Fatal(err)
	}
	hello := func(id string, clean bool) []byte {
		return mqtt.Append(nil, &mqtt.Packet{Type: mqtt.Connect, Protocol: "MQTT", Level: 4, CleanSession: clean, ClientID: id, KeepAlive: 10})
	}
	c := d.dial("b.test", 1883)
	d.say(c, hello("keeps", false))
	d.say(c, mqtt.Append(nil, &mqtt.Packet{Type: mqtt.Subscribe, ID: 1, Filters: []mqtt.Filter{{Topic: "t", QoS: 1}}}))
	d.clock.run(20 * time.Second) // no ping: the broker closes
	if !c.closed {
		t.Fatal("the keep-alive did not end the connection")
	}
	other := d.dial("b.test", 1883)
	d.say(other, hello("other", true))
	d.say(other, mqtt.Append(nil, &mqtt.Packet{Type: mqtt.Publish, ID: 5, Message: mqtt.Message{Topic: "t", Payload: []byte("while away"), QoS: 1}}))
	back := d.dial("b.test", 1883)
	got := d.say(back, hello("keeps", false))
	want := append([]byte{0x20, 2, 1, 0}, mqtt.Append(nil, &mqtt.Packet{Type: mqtt.Publish, ID: 1, Message: mqtt.Message{Topic: "t", Payload: []byte("while away"), QoS: 1}})...)
	if string(got) != string(want) {
		t.Errorf("%x, expected %x", got, want)
	}
	// Not confirmed: it comes again, as a duplicate.
	back.conn.Close()
	again := d.dial("b.test", 1883)
	if got := d.say(again, hello("keeps", false)); got[4]&8 == 0 {
		t.Errorf("%x", got)
	}
	// A clean session forgets.
	again.conn.Close()
	fresh := d.dial("b.test", 1883)
	if got := d.say(fresh, hello("keeps", true)); string(got) != "\x20\x02\x00\x00" {
		t.Errorf("%x", got)
	}
	for name, p := range map[string][]byte{
		"no CONNECT first": {0xC0, 0},
		"second CONNECT":   append(hello("z", true), hello("z", true)...),
		"garbage":          {0xFF, 0xFF, 0xFF, 0xFF, 0xFF},
	} {
		x := d.dial("b.test", 1883)
		d.say(x, p)
		if !x.closed {
			t.Errorf("%s: still open", name)
		}
	}
	x := d.dial("b.test", 1883)
	if got := d.say(x, mqtt.Append(nil, &mqtt.Packet{Type: mqtt.Connect, Protocol: "MQTT", Level: 5, CleanSession: true})); string(got) != "\x20\x02\x00\x01" || !x.closed {
		t.Errorf("%x %v", got, x.closed)
	}
}

func TestNTP(t *testing.T) {
	now := time.Date(2024, 4, 10, 5, 44, 46, 500e6, time.UTC)
	q := make([]byte, 48)
	q[0] = 0x1B
	copy(q[40:], "original")
	p := ntpAnswer(q, now)
	if len(p) != 48 || p[0] != 0x1C || string(p[24:32]) != "original" || binary.BigEndian.Uint32(p[40:]) != uint32(now.Unix()+2208988800) || p[44] != 0x80 {
		t.Errorf("%x", p)
	}
	for _, bad := range [][]byte{nil, q[:47], make([]byte, 48)} {
		if ntpAnswer(bad, now) != nil {
			t.Errorf("answered %x", bad)
		}
	}
}

func TestDNS(t *testing.T) {
	resolve := func(name string) (string, bool) { return "198.19.1.2", strings.HasSuffix(name, ".test") }
	q := "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x04test\x00\x00\x01\x00\x01"
	want := "\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\x01a\x04test\x00\x00\x01\x00\x01" + "\xC0\x0C\x00\x01\x00\x01\x00\x00\x00\x3C\x00\x04\xC6\x13\x01\x02"
	if got := string(dnsAnswer([]byte(q), resolve)); got != want {
		t.Errorf("%x", got)
	}
	if got := dnsAnswer([]byte(strings.Replace(q, "test", "nope", 1)), resolve); got[3]&15 != 3 {
		t.Errorf("%x", got)
	}
	if got := dnsAnswer([]byte(q[:len(q)-3]+"\x1C\x00\x01"), resolve); got[7] != 0 || got[3]&15 != 0 { // AAAA
		t.Errorf("%x", got)
	}
}

// TestLab asks one thing of every port.
func TestLab(t *testing.T) {
	d := newDesk(t, link.Model{Latency: time.Millisecond})
	lab := NewLab(d.net)
	d.net.SetEverywhere(lab)
	for _, c := range []struct {
		host    string
		port    int
		say     string
		want    string
		refused bool
	}{
		{host: "any.example.com", port: 80, say: "GET /ip HTTP/1.1\r\n\r\n", want: "HTTP/1.1 200 OK"},
		{host: "any.example.com", port: 2900, say: "GET /none HTTP/1.1\r\n\r\n", want: "HTTP/1.1 404 Not Found"},
		{host: "10.1.2.3", port: 21, say: "NOOP\r\n", want: "200 NOOP ok."},
		{host: "m.test", port: 1883, say: "\x10\x0e\x00\x04MQTT\x04\x02\x00\x00\x00\x02ab", want: "\x20\x02\x00\x00"},
		{host: "m.test", port: 9999, say: "\x10\x0e\x00\x04MQTT\x04\x02\x00\x00\x00\x02ab", want: "\x20\x02\x00\x00"},
		{host: "m.test", port: 9999, say: "hello", want: "hello"},
		{host: "m.test", port: 53, refused: true},
		{host: "192.0.2.1", port: 80, refused: true},
		{host: "255.255.255.255", port: 80, refused: true},
		{host: "invalid.test", port: 80, refused: true},
		{host: "nodot", port: 80, refused: true},
		{host: "a..b", port: 80, refused: true},
	} {
		k := d.dial(c.host, c.port)
		if c.refused != (k.err != nil) {
			t.Errorf("%s:%d: %v", c.host, c.port, k.err)
			continue
		}
		if !c.refused {
			if got := d.say(k, []byte(c.say)); !strings.HasPrefix(string(got), c.want) {
				t.Errorf("%s:%d: %q", c.host, c.port, got)
			}
		}
	}
	var got []string
	s, err := d.link.OpenUDP(0, func(from netip.AddrPort, p []byte) { got = append(got, fmt.Sprint(from, " ", len(p))) })
	if err != nil {
		t.Fatal(err)
	}
	q := make([]byte, 48)
	q[0] = 0x1B
	for _, to := range []string{"1.1.1.1:123", "1.1.1.1:7", "1.1.1.1:12425", "192.0.2.1:7", "255.255.255.255:7"} {
		s.Send(netip.MustParseAddrPort(to), q)
	}
	d.clock.run(time.Second)
	if fmt.Sprint(got) != "[1.1.1.1:123 48 1.1.1.1:7 48 1.1.1.1:12425 8]" {
		t.Error(got)
	}
}

// TestVisitor listens, and is visited.
func TestVisitor(t *testing.T) {
	d := newDesk(t, link.Model{})
	d.net.SetEverywhere(NewLab(d.net))
	var got []string
	for _, port := range []int{80, 5000} {
		_, err := d.link.Listen(port, func(c lua.Conn) lua.ConnEvents {
			got = append(got, fmt.Sprint(port, " from ", c.Remote()))
			return lua.ConnEvents{
				Connected: func(error) { t.Error("connected") },
				Data:      func(p []byte) { got = append(got, strings.SplitAfter(string(p), "\r\n")[0]) },
				Closed:    func(error) { got = append(got, "closed") },
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.link.Listen(80, nil); err == nil {
		t.Error("two listeners on one port")
	}
	d.clock.run(10 * time.Second)
	want := "80 from 198.18.255.1:40000|5000 from 198.18.255.1:40000|GET / HTTP/1.1\r\n|hello from the lab\r\n|closed|closed"
	if s := strings.Join(got, "|"); s != want {
		t.Errorf("%q", s)
	}
}
