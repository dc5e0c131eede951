package lua

import (
	"bytes"
	"strings"
	"testing"
)

func FuzzFtpReply(f *testing.F) {
	for _, s := range []string{"220 hello\r\n", "230-a\r\n 230 b\r\n230 c\r\n", "227 (1,2,3,4,5,6)\r\n", "99 x\r\n", "2", "200\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		code, n, err := parseFtpReply(b)
		if err != nil || n == 0 {
			return
		}
		if n > len(b) || b[n-1] != '\n' || code < 100 || code > 599 {
			t.Fatalf("%q: %d %d", b, code, n)
		}
		if again, m, err := parseFtpReply(b[:n]); again != code || m != n || err != nil {
			t.Fatalf("%q: %d %d, alone %d %d %v", b, code, n, again, m, err)
		}
		parsePassive(string(b[:n]))
	})
}

func TestFtpReplies(t *testing.T) {
	for _, c := range []struct {
		in   string
		code int
		n    int
		bad  bool
	}{
		{"220 a\r\n221 b\r\n", 220, 7, false},
		{"220\n", 220, 4, false},
		{"220-a\r\n221 b\r\nx\r\n220 c\r\nrest", 220, 24, false},
		{"220-a\r\n", 0, 0, false},
		{"hello\r\n", 0, 0, true},
		{"600 x\r\n", 0, 0, true},
		{"220x\r\n", 0, 0, true},
	} {
		code, n, err := parseFtpReply([]byte(c.in))
		if code != c.code || n != c.n || (err != nil) != c.bad {
			t.Errorf("%q: %d %d %v", c.in, code, n, err)
		}
	}
	for in, want := range map[string]string{
		"227 Entering (1,2,3,4,5,6).": "1.2.3.4", "227 (1, 2,3,4,5,6)": "1.2.3.4", "227 (1,2,3,4,5)": "", "227 (1,2,3,4,5,256)": "", "227 )(": "",
	} {
		host, port, ok := parsePassive(in)
		if host != want || ok != (want != "") || ok && port != 5*256+6 {
			t.Errorf("%q: %q %d %v", in, host, port, ok)
		}
	}
}

func FuzzSrvRequest(f *testing.F) {
	for _, s := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "POST /a?b HTTP/1.0\r\ncontent-length: 3\r\n\r\nabcd", "GET / HTTP/1.1\r\nbad\r\n\r\n",
		"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseSrvRequest(b)
		if err != nil || r == nil {
			return
		}
		if len(r.body) > httpsrvBodyMax || !strings.HasPrefix(r.uri, "/") || !bytes.Contains(b, r.body) {
			t.Fatalf("%q: %+v", b, r)
		}
	})
}

func FuzzNtpAnswer(f *testing.F) {
	f.Add(make([]byte, 48))
	f.Add(make([]byte, 44))
	f.Fuzz(func(t *testing.T, p []byte) {
		sec, ms, err := parseTime(p)
		if (err == nil) != (len(p) >= ntpAnswerMin) || err == nil && (ms < 0 || ms > 999 || sec < 0 || sec > 1<<33) {
			t.Fatalf("%x: %d %d %v", p, sec, ms, err)
		}
	})
}

func FuzzWsURL(f *testing.F) {
	for _, s := range []string{"ws://a/b", "wss://a:1/", "a", "ws://", "ws://a:99999", "ws://[::1]:80/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := parseWsURL(s)
		if err == nil && (u.host == "" || u.port < 1 || u.port > 65535 || !strings.HasPrefix(u.path, "/") || strings.ContainsAny(u.host+u.path, "\r\n")) {
			t.Fatalf("%q: %+v", s, u)
		}
	})
}
