package lua_test

import (
	"net/netip"
	"testing"
	"time"

	"airlift/emu/link"
	"airlift/emu/peer"
	"airlift/lua/luatest"
)

// report makes IPERF_REPORT visible.
const report = `sys.subscribe("IPERF_REPORT", function(...) t("report", ...) end)
`

func iperfBoard(t *testing.T, body string) (*luatest.Board, *link.Link) {
	b, l := netBoard(t, task(report+body), func(n *link.Network) { n.SetEverywhere(peer.NewLab(n)) })
	b.FW.Wlan = true
	return b, l
}

// TestIperfClient: a window of 11680 bytes, and 20 ms until it has arrived and
// is acknowledged: 584 bytes a millisecond for a minute.
func TestIperfClient(t *testing.T) {
	b, _ := iperfBoard(t, `
t(iperf.abort(), iperf.client(9, "198.18.0.1"), iperf.client(99, "198.18.0.1"), iperf.client(4, "host.test"), pcall(iperf.client, 2))
t(iperf.client(2, "198.18.0.1")) t(iperf.abort())
t(sys.waitUntil("IPERF_REPORT", 70000))
t(iperf.client(2, "192.0.2.1", 5001)) sys.wait(1000)`)
	checkLines(t, b, "nil nil nil nil false bad argument #2 to 'iperf.client' (string expected, got no value)",
		"true", "", "report 35040000 60000 4672", "true 35040000 60000 4672", "true", "report 0 20 0", "end")
}

// TestIperfBandwidth: the report follows the link's bandwidth where that is
// the limit. 1460 of 1500 bytes of a segment are data: 97.3 of the link's 100
// bytes a millisecond. Where nothing is the limit the module is, so that time
// passes.
func TestIperfBandwidth(t *testing.T) {
	for _, c := range []struct {
		bps  int64
		body string
		want []string
	}{
		{800_000, `iperf.client(2, "198.18.0.1") sys.waitUntil("IPERF_REPORT", 70000)`, []string{"report 5840000 60000 776", "end"}},
		{0, `iperf.server(2) socket.create(2, "T") local s = socket.create(2, "T") socket.config(s) libnet.connect("T", 1000, s, "127.0.0.1", 5001)
libnet.tx("T", 100, s, string.pack(">I4I4I4I4I4i4", 0x80000001, 1, 5001, 0, 0, -100)) sys.wait(1500)`,
			[]string{"report 12509280 1000 100072", "report 12507844 1000 100056", "end"}},
	} {
		b := luatest.New(task(report + c.body))
		b.FW.Wlan, b.Limit, b.FW.CoreDate, b.FW.LuaMemory, b.FW.SysMemory = true, 5*time.Minute, "2026-07-01", 4<<20, 4<<20
		n := link.NewNetwork()
		if c.bps > 0 {
			n.SetEverywhere(peer.NewLab(n))
		}
		l, err := link.New(b, n, link.Options{Model: link.Model{BandwidthBps: c.bps}, Rand: b.Rand("link"), IP: "192.168.1.23"})
		if err != nil {
			t.Fatal(err)
		}
		b.Link = l
		checkLines(t, b, c.want...)
	}
}

func TestIperfServer(t *testing.T) {
	b, _ := iperfBoard(t, `
t(iperf.server(4), iperf.server(2), iperf.server(2), iperf.client(2, "198.18.0.1"))
t(sys.waitUntil("IPERF_REPORT", 5000))
t(iperf.abort(), iperf.abort(), iperf.server(2, 6001))
sys.wait(3000)`)
	checkLines(t, b, "nil true nil", "report 1048576 0 0", "true 1048576 0 0", "true nil true", "report 0 10 0", "end")
}

// TestIperfPeers: servers and clients that are not those of the lab, on the
// module's own address.
func TestIperfPeers(t *testing.T) {
	const connect = `t(iperf.server(2))
local s = socket.create(2, "T") socket.config(s) libnet.connect("T", 1000, s, "127.0.0.1", 5001)
local function tx(...) libnet.tx("T", 100, s, ...) end
local function head(flags, amount) return string.pack(">I4I4I4I4I4i4", flags, 1, 5001, 0, 0, amount) end
`
	for _, c := range []struct {
		name, body string
		want       []string
	}{
		{"silence", `tx(head(0, 1) .. "does not count") tx(("x"):rep(24)) tx("yy") sys.wait(15000)`, []string{"true", "report 50 10040 0", "end"}},
		{"half a head", `tx(head(0, 1):sub(1, 23)) sys.wait(1000)`, []string{"true", "report 0 20 0", "end"}},
		{"a second head that is too short", `tx(head(0, 1)) tx("x") sys.wait(1000)`, []string{"true", "report 24 20 8", "end"}},
		{"a second head that differs", `tx(head(0x80000000, 1)) tx(head(0x80000000, 2)) sys.wait(1000)`, []string{"true", "report 24 20 8", "end"}},
		// Both directions at once: the module sends to its own server, which hears
		// the first bytes 20 ms later and does not count the rest of the first
		// segment.
		{"dual", `tx(head(0x80000001, -100)) sys.wait(15000)`,
			[]string{"true", "report 584000 1000 4672", "report 582564 980 4752", "report 24 10000 0", "end"}},
		{"one after the other", `tx(head(0x80000000, -100)) socket.close(s) sys.wait(15000)`,
			[]string{"true", "report 24 10 16", "report 584000 1000 4672", "report 582564 980 4752", "end"}},
		{"a number of bytes", `tx(head(0x80000001, 1000)) socket.close(s) sys.wait(1000)`, []string{"true", "report 0 0 0", "report 24 10 16", "report 0 10 0", "end"}},
		{"abort", `tx(head(0, 1)) t(iperf.abort()) sys.wait(15000)`, []string{"true", "true", "end"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, _ := netBoard(t, task(report+connect+c.body), nil)
			b.FW.Wlan = true
			checkLines(t, b, c.want...)
		})
	}
}

func FuzzIperfServer(f *testing.F) {
	f.Add([]byte("\x80\x00\x00\x01\x00\x00\x00\x01\x00\x00\x13\x89\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\x9c"), []byte("0123456789"))
	f.Add([]byte("\x00"), []byte{})
	f.Fuzz(func(t *testing.T, first, second []byte) {
		b, l := netBoard(t, task(`iperf.server(2) sys.wait(20000)`), func(n *link.Network) {})
		b.FW.Wlan = true
		l.After(time.Second, func() {
			l.Accept(netip.MustParseAddrPort("198.18.0.9:99"), 5001, link.PeerFunc(func(c *link.PeerConn) link.PeerSession {
				c.Send(first)
				c.After(time.Second, func() { c.Send(second); c.Close() })
				return quietSession{}
			}))
		})
		runNet(t, b)
	})
}

type quietSession struct{}

func (quietSession) Data([]byte) {}
func (quietSession) Closed()     {}
