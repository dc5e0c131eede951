package lua_test

import (
	"encoding/hex"
	"testing"

	"airlift/emu/link"
)

// dtlsServer listens on port 5684 of h.test and answers with what answer
// returns for the n-th datagram.
func dtlsServer(t *testing.T, got *[]string, answer func(n int) []byte) func(*link.Network) {
	return func(n *link.Network) {
		err := n.HandlePackets("h.test", 5684, link.PacketFunc(func(in *link.Packet) {
			*got = append(*got, hex.EncodeToString(in.Data[:25])+" "+hex.EncodeToString(in.Data[25+34:25+34+2]))
			if p := answer(len(*got)); p != nil {
				in.Reply(p)
			}
		}))
		if err != nil {
			t.Fatal(err)
		}
	}
}

// dtlsRecord is a DTLS record with a handshake message, or an alert.
func dtlsRecord(kind byte, body []byte) []byte {
	return append([]byte{kind, 0xFE, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0, byte(len(body))}, body...)
}

func TestDTLS(t *testing.T) {
	verify := dtlsRecord(22, append(append([]byte{3}, make([]byte, 11)...), 0xFE, 0xFF, 3, 'c', 'o', 'o'))
	for name, c := range map[string]struct {
		answer func(n int) []byte
		hellos int
		cookie string
		want   []string
	}{
		"nobody answers": {func(int) []byte { return nil }, 7, "0000", []string{"true", "result false 123"}},
		"a cookie, then nothing": {func(n int) []byte {
			if n == 1 {
				return verify
			}
			return nil
		}, 8, "0003", []string{"true", "result false 123"}},
		"an alert":            {func(int) []byte { return dtlsRecord(21, []byte{2, 40}) }, 1, "0000", []string{"true", "result false 0"}},
		"a ServerHello":       {func(int) []byte { return dtlsRecord(22, append([]byte{2}, make([]byte, 50)...)) }, 1, "0000", []string{"true", "result false 0"}},
		"an echo":             {func(int) []byte { return dtlsRecord(22, append([]byte{1}, make([]byte, 50)...)) }, 1, "0000", []string{"true", "result false 0"}},
		"noise, then nothing": {func(int) []byte { return []byte("??") }, 7, "0000", []string{"true", "result false 123"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			b, _ := netBoard(t, task(`
local s = socket.create(nil, "T")
t(socket.config(s, nil, true, true, nil, nil, nil, "key", "identity"))
local at = mcu.ticks()
t("result", libnet.connect("T", 200000, s, "h.test", 5684), (mcu.ticks() - at) // 1000)
socket.release(s)`), dtlsServer(t, &got, c.answer))
			checkLines(t, b, append(c.want, "end")...)
			if len(got) != c.hellos {
				t.Fatalf("%d datagrams, expected %d: %q", len(got), c.hellos, got)
			}
			if first := got[0]; first[:10] != "16feff0000" || first[26:28] != "01" || first[len(first)-4:] != "0000" {
				t.Errorf("first ClientHello %s", first)
			}
			if last := got[len(got)-1]; last[len(last)-4:] != c.cookie {
				t.Errorf("last ClientHello %s, expected a cookie %s", last, c.cookie)
			}
			refused := false
			for _, e := range b.Events {
				refused = refused || e.Unit == "refused"
			}
			if refused != (name == "a ServerHello") {
				t.Errorf("refused: %t", refused)
			}
		})
	}
}
