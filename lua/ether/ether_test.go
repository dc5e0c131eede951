package ether

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var (
	station = MAC{2, 0, 0, 0, 0, 1}
	router  = &Router{
		MAC: MAC{2, 0, 0, 0, 0, 9}, Address: addr("192.168.14.1"), Mask: addr("255.255.255.0"), Lease: addr("192.168.14.100"),
	}
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// TestRoundTrip: what was written is read, at every level, and a packet whose
// head was damaged is not.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := Datagram{rapid.Uint16().Draw(t, "from"), rapid.Uint16().Draw(t, "to"), rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "data")}
		from := netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "a")))
		to := netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "b")))
		udp := d.Encode(from, to)
		// The sum over pseudo head and datagram is zero.
		a, b := from.As4(), to.As4()
		pseudo := append(append(a[:], b[:]...), 0, UDP, byte(len(udp)>>8), byte(len(udp)))
		if len(udp)%2 == 1 {
			udp = append(udp, 0)
		}
		if c := checksum(append(pseudo, udp...), 0); c != 0 {
			t.Fatalf("checksum leaves %04X", c)
		}
		udp = d.Encode(from, to)
		k := Packet{From: from, To: to, Protocol: UDP, TTL: 7, Data: udp}
		f := Frame{To: station, From: router.MAC, Type: typeIPv4, Data: k.Encode()}
		f2, ok1 := ParseFrame(f.Encode())
		k2, ok2 := ParsePacket(f2.Data)
		d2, ok3 := ParseDatagram(k2.Data)
		if !ok1 || !ok2 || !ok3 || f2.To != f.To || f2.From != f.From || k2.From != from || k2.To != to || k2.TTL != 7 ||
			d2.From != d.From || d2.To != d.To || !bytes.Equal(d2.Data, d.Data) {
			t.Fatalf("%+v, %+v, %+v", f2, k2, d2)
		}
		bad := k.Encode()
		bad[rapid.IntRange(0, ipHead-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, ok := ParsePacket(bad); ok {
			t.Fatal("a damaged head is read")
		}
	})
}

func arpFor(ip string) []byte {
	a := addr(ip).As4()
	p := append([]byte{0, 1, 8, 0, 6, 4, 0, 1}, station[:]...)
	p = append(p, 192, 168, 14, 100, 0, 0, 0, 0, 0, 0)
	return Frame{To: Broadcast, From: station, Type: typeARP, Data: append(p, a[:]...)}.Encode()
}

func echo(to string, data string) []byte {
	p := append([]byte{8, 0, 0, 0, 0x12, 0x34, 0, 1}, data...)
	binary.BigEndian.PutUint16(p[2:], checksum(p, 0))
	return Frame{To: router.MAC, From: station, Type: typeIPv4, Data: Packet{From: addr("192.168.14.100"), To: addr(to), Protocol: 1, TTL: 64, Data: p}.Encode()}.Encode()
}

func dhcpFrame(kind byte, options ...byte) []byte {
	p := make([]byte, dhcpSize)
	p[0], p[1], p[2] = 1, 1, 6
	copy(p[4:], "xid!")
	copy(p[28:], station[:])
	binary.BigEndian.PutUint32(p[236:], dhcpMagic)
	p = append(append(append(p, 0, optType, 1, kind), options...), optEnd)
	all, none := addr("255.255.255.255"), addr("0.0.0.0")
	return Frame{To: Broadcast, From: station, Type: typeIPv4, Data: Packet{
		From: none, To: all, Protocol: UDP, TTL: 64, Data: Datagram{dhcpClient, dhcpServer, p}.Encode(none, all),
	}.Encode()}.Encode()
}

func TestRouter(t *testing.T) {
	a := router.Take(arpFor("192.168.14.1"))
	if want := "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x09\x08\x06\x00\x01\x08\x00\x06\x04\x00\x02" +
		"\x02\x00\x00\x00\x00\x09\xC0\xA8\x0E\x01\x02\x00\x00\x00\x00\x01\xC0\xA8\x0E\x64"; string(a.Reply) != want {
		t.Errorf("ARP: %x, %s", a.Reply, a.Dropped)
	}
	a = router.Take(echo("192.168.14.1", "hello"))
	f, _ := ParseFrame(a.Reply)
	k, ok := ParsePacket(f.Data)
	if !ok || f.To != station || k.From != router.Address || k.Data[0] != 0 || checksum(k.Data, 0) != 0 || string(k.Data[4:]) != "\x12\x34\x00\x01hello" {
		t.Errorf("echo: %+v", k)
	}
	if a = router.Take(echo("198.18.0.1", "x")); !a.Forward || a.Packet.To != addr("198.18.0.1") || a.Station != station {
		t.Errorf("echo outwards: %+v", a)
	}
	for _, c := range []struct {
		frame []byte
		kind  byte
	}{
		{dhcpFrame(discover), offer},
		{dhcpFrame(request, optServer, 4, 192, 168, 14, 1, optAsk, 4, 192, 168, 14, 100), acknowledge},
		{dhcpFrame(request, optAsk, 4, 10, 0, 0, 1), refuse},
	} {
		f, _ := ParseFrame(router.Take(c.frame).Reply)
		k, _ := ParsePacket(f.Data)
		d, ok := ParseDatagram(k.Data)
		if !ok || f.To != Broadcast || d.From != dhcpServer || d.To != dhcpClient || d.Data[0] != 2 || string(d.Data[4:8]) != "xid!" {
			t.Fatalf("DHCP %d: %+v %+v", c.kind, k, d)
		}
		o := dhcpOptions(d.Data[dhcpSize:])
		lease := netip.AddrFrom4([4]byte(d.Data[16:20]))
		if o[optType][0] != c.kind || (lease == router.Lease) == (c.kind == refuse) || (len(o[optMask]) == 4) == (c.kind == refuse) {
			t.Errorf("DHCP %d: %v, %v", c.kind, lease, o)
		}
	}
	for want, frame := range map[string][]byte{
		"not a frame":      make([]byte, 13),
		"neither ARP":      Frame{To: Broadcast, Type: 0x86DD}.Encode(),
		"another station":  Frame{To: MAC{1}, Type: typeIPv4}.Encode(),
		"damaged":          Frame{To: Broadcast, Type: typeIPv4, Data: make([]byte, 40)}.Encode(),
		"somebody else":    arpFor("192.168.14.7"),
		"not an ARP":       Frame{To: Broadcast, Type: typeARP}.Encode(),
		"another server":   dhcpFrame(request, optServer, 4, 1, 2, 3, 4),
		"neither DISCOVER": dhcpFrame(7),
		"not a DHCP":       dhcpReply(),
		"no such service":  Frame{To: router.MAC, From: station, Type: typeIPv4, Data: Packet{From: addr("1.2.3.4"), To: router.Address, Protocol: 6, Data: make([]byte, 20)}.Encode()}.Encode(),
	} {
		if a := router.Take(frame); !strings.Contains(a.Dropped, want) || a.Reply != nil || a.Forward {
			t.Errorf("%s: %+v", want, a)
		}
	}
}

// dhcpReply is a frame of another server.
func dhcpReply() []byte {
	p := dhcpFrame(discover)
	p[headSize+ipHead+udpHead] = 2
	return p
}

// TestOptions: padding is skipped, the end ends, what is cut short is left out.
func TestOptions(t *testing.T) {
	for _, tt := range []struct {
		p    string
		want string
	}{
		{"", "map[]"},
		{"\x35\x01\x03", "map[53:[3]]"},
		{"\x35\x01\x03\x36\x02\x01\x02", "map[53:[3] 54:[1 2]]"},
		{"\x00\x00\x35\x01\x03\xFF\x36\x01\x01", "map[53:[3]]"},
		{"\x35\x00\x36\x01\x01", "map[53:[] 54:[1]]"},
		{"\x35\x02\x03", "map[]"},
		{"\x35", "map[]"},
	} {
		if got := fmt.Sprint(dhcpOptions([]byte(tt.p))); got != tt.want {
			t.Errorf("% X: %s, want %s", tt.p, got, tt.want)
		}
	}
}

func FuzzRouter(f *testing.F) {
	for _, seed := range [][]byte{arpFor("192.168.14.1"), echo("1.1.1.1", "x"), dhcpFrame(discover), nil} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		a := router.Take(p)
		if n := len(a.Reply); n > FrameMost+100 || (a.Reply == nil) == (a.Dropped == "" && !a.Forward) {
			t.Fatalf("%+v", a)
		}
	})
}
