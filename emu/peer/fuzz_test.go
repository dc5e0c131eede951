package peer

import (
	"testing"
	"time"

	"airlift/emu/link"
)

// FuzzLab sends a client's bytes to every kind of server, in two pieces.
func FuzzLab(f *testing.F) {
	ports := []int{21, 80, 1883, 9999}
	for _, s := range []string{
		"USER a\r\nPASS b\r\nPWD\r\nMKD x\r\nCWD x\r\nPASV\r\nLIST\r\nSIZE /\r\nQUIT\r\n",
		"GET /anything?a=b HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n\x81\x85\x00\x00\x00\x00hello",
		"POST /post HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 69\r\n\r\n--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\nv\r\n--b--\r\n",
		"GET /resolve?name=a.b HTTP/1.1\r\n\r\nGET /bytes/99999999 HTTP/1.1\r\n\r\n",
		"\x10\x0e\x00\x04MQTT\x04\x02\x00\x00\x00\x02ab\x82\x06\x00\x01\x00\x01#\x02\x35\x06\x00\x01a\x00\x05x",
	} {
		f.Add(byte(0), []byte(s), 7)
		f.Add(byte(3), []byte(s), 40)
	}
	f.Fuzz(func(t *testing.T, which byte, data []byte, cut int) {
		if len(data) > 4096 {
			return
		}
		d := newDesk(t, link.Model{})
		d.net.SetEverywhere(NewLab(d.net))
		c := d.dial("h.test", ports[int(which)%len(ports)])
		cut = min(max(cut, 0), len(data))
		d.say(c, data[:cut])
		d.say(c, data[cut:])
		d.clock.run(2 * time.Minute)
		c.conn.Close()
		d.clock.run(time.Second)
		if d.link.Open() != 0 {
			t.Errorf("%d connections are open", d.link.Open())
		}
	})
}

func FuzzDNS(f *testing.F) {
	f.Add([]byte("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x04test\x00\x00\x01\x00\x01"))
	f.Fuzz(func(t *testing.T, q []byte) {
		p := dnsAnswer(q, func(string) (string, bool) { return "1.2.3.4", true })
		if p != nil && (len(p) < dnsHead || p[2]&0x80 == 0 || string(p[:2]) != string(q[:2])) {
			t.Errorf("%x: %x", q, p)
		}
	})
}

func FuzzNTP(f *testing.F) {
	f.Add(append([]byte{0x1B}, make([]byte, 47)...))
	f.Fuzz(func(t *testing.T, q []byte) {
		if p := ntpAnswer(q, time.Unix(1, 0)); p != nil && len(p) != ntpBytes {
			t.Errorf("%x", p)
		}
	})
}
