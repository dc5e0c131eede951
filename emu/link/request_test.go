package link

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"airlift/flash/explain"
	"pgregory.net/rapid"
)

func TestParseRequest(t *testing.T) {
	raw := "GET /api/site/firmware_upgrade?imei=860000000000017&firmware_name=demo_\xE4\xB8\xAD HTTP/1.1\r\n" +
		"Connection: Close\r\nHost: iot.openluat.com:80\r\nX-Odd-CASE:  two  blanks \r\n\r\nrest"
	req, n, err := ParseRequest([]byte(raw), Limits{})
	if err != nil || n != len(raw)-4 {
		t.Fatalf("%d bytes, %v", n, err)
	}
	if req.Method != "GET" || req.Proto != "HTTP/1.1" || req.Path() != "/api/site/firmware_upgrade" ||
		req.RawQuery() != "imei=860000000000017&firmware_name=demo_\xE4\xB8\xAD" || req.Host() != "iot.openluat.com" || !req.WantsClose() {
		t.Errorf("%+v", req)
	}
	want := Header{{"Connection", "Close"}, {"Host", "iot.openluat.com:80"}, {"X-Odd-CASE", "two  blanks"}}
	if fmt.Sprint(req.Header) != fmt.Sprint(want) {
		t.Errorf("headers %v", req.Header)
	}
}

func TestParseRequestErrors(t *testing.T) {
	long := strings.Repeat("a", 9000)
	for _, tc := range []struct {
		name, raw string
		status    int
		off       int64
		text      string
	}{
		{"blank in the target", "GET /?firmware_name=my demo HTTP/1.1\r\n\r\n", 400, 22, "PROJECT"},
		{"no target", "GET\r\n\r\n", 400, 0, "method"},
		{"no protocol", "GET /\r\n\r\n", 400, 4, "HTTP/1.1"},
		{"relative target", "GET x HTTP/1.1\r\n\r\n", 400, 4, "starts with /"},
		{"control character", "GET /a\tb HTTP/1.1\r\n\r\n", 400, 6, "0x09"},
		{"HTTP/2", "GET / HTTP/2.0\r\n\r\n", 505, 6, "HTTP/2.0"},
		{"no HTTP", "GET / FTP/1.1\r\n\r\n", 400, 6, "FTP"},
		{"TLS hello", "\x16\x03\x01\x02\x00\x01", 400, 0, "TLS"},
		{"method too long", strings.Repeat("G", 21) + " / HTTP/1.1\r\n\r\n", 400, 0, "20 letters"},
		{"line too long", "GET /" + long, 414, 0, "8192"},
		{"line too long, complete", "GET /" + long + " HTTP/1.1\r\n\r\n", 414, 0, "8192"},
		{"head too long", "GET / HTTP/1.1\r\nA: " + long + "\r\nB: " + long, 431, 0, "16384"},
		{"head too long, complete", "GET / HTTP/1.1\r\nA: " + long + "\r\nB: " + long + "\r\n\r\n", 431, 0, "16384"},
		{"too many headers", "GET / HTTP/1.1\r\n" + strings.Repeat("A: b\r\n", 101) + "\r\n", 431, 616, "100"},
		{"header without colon", "GET / HTTP/1.1\r\nHost\r\n\r\n", 400, 16, "name: value"},
		{"blank before colon", "GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400, 16, "name: value"},
		{"folded header", "GET / HTTP/1.1\r\nHost: x\r\n y\r\n\r\n", 400, 25, "folded"},
		{"control in value", "GET / HTTP/1.1\r\nHost: a\x00b\r\n\r\n", 400, 21, "0x00"},
		{"length no number", "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400, 0, "a number"},
		{"length negative", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400, 0, "a number"},
		{"length empty", "POST / HTTP/1.1\r\nContent-Length:\r\n\r\n", 400, 0, "a number"},
		{"length huge", "POST / HTTP/1.1\r\nContent-Length: 9223372036854775807\r\n\r\n", 413, 0, "at most"},
		{"length beyond 64 bits", "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 400, 0, "a number"},
		{"two lengths", "POST / HTTP/1.1\r\nContent-Length: 1\r\ncontent-length: 2\r\n\r\n", 400, 0, "two different"},
		{"chunked", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 501, 0, "transfer codings"},
	} {
		_, _, err := ParseRequest([]byte(tc.raw), Limits{})
		var bad *BadRequest
		var fe *explain.FormatError
		if !errors.As(err, &bad) || !errors.As(err, &fe) {
			t.Errorf("%s: no BadRequest: %v", tc.name, err)
			continue
		}
		if bad.Status != tc.status || fe.Off != tc.off || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: status %d, %v; want %d at %d with %q", tc.name, bad.Status, err, tc.status, tc.off, tc.text)
		}
	}
}

func TestIncompleteRequests(t *testing.T) {
	raw := "\r\nPOST /x HTTP/1.1\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
	for i := range raw {
		if req, n, err := ParseRequest([]byte(raw[:i]), Limits{}); req != nil || n != 0 || err != nil {
			t.Fatalf("%q: %v %d %v", raw[:i], req, n, err)
		}
	}
	req, n, err := ParseRequest([]byte(raw), Limits{})
	if err != nil || n != len(raw) || string(req.Body) != "hello" {
		t.Fatalf("%v %d %v", req, n, err)
	}
}

// TestParserFeedsAgree feeds random requests whole and in pieces.
func TestParserFeedsAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := []byte(rapid.SampledFrom([]string{
			"GET /a HTTP/1.1\r\n\r\n", "POST /b HTTP/1.0\nContent-Length: 3\n\nabc", "GET /x y HTTP/1.1\r\n\r\n",
			"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "GET / HTTP/1.1\r\nA\r\n\r\n",
		}).Draw(t, "raw"))
		if rapid.Bool().Draw(t, "damage") {
			raw[rapid.IntRange(0, len(raw)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		}
		req, n, err := ParseRequest(raw, Limits{})
		p := parser{lim: Limits{}.withDefaults()}
		for i := range len(raw) + 1 {
			got, m, e := p.parse(raw[:i])
			if got == nil && e == nil {
				if i == len(raw) && (req != nil || err != nil) {
					t.Fatalf("%q: whole gives %v %v, pieces nothing", raw, req, err)
				}
				continue
			}
			if e != nil && err == nil || e == nil && (err != nil || m != n || got.Target != req.Target || !bytes.Equal(got.Body, req.Body)) {
				t.Fatalf("%q: whole gives %v %d %v, %d bytes give %v %d %v", raw, req, n, err, i, got, m, e)
			}
			again, m2, e2 := p.parse(raw[:i])
			if fmt.Sprint(again) != fmt.Sprint(got) || m2 != m || fmt.Sprint(e2) != fmt.Sprint(e) {
				t.Fatalf("%q: asking again gives %v %d %v", raw, again, m2, e2)
			}
			break
		}
	})
}

func TestWantsClose(t *testing.T) {
	for head, want := range map[string]bool{
		"HTTP/1.1\r\n":                                          false,
		"HTTP/1.1\r\nConnection: Close\r\n":                     true,
		"HTTP/1.1\r\nConnection: x, CLOSE\r\n":                  true,
		"HTTP/1.1\r\nConnection: short\r\n":                     true,
		"HTTP/1.1\r\nConnection: Keep-Alive\r\n":                false,
		"HTTP/1.0\r\n":                                          true,
		"HTTP/1.0\r\nConnection: keep-alive\r\n":                false,
		"HTTP/1.0\r\nconnection: keep-alive, close\r\nA: b\r\n": true,
	} {
		req, _, err := ParseRequest([]byte("GET / "+head+"\r\n"), Limits{})
		if err != nil || req.WantsClose() != want {
			t.Errorf("%q: %v %v", head, req, err)
		}
	}
}

func TestTargets(t *testing.T) {
	for target, want := range map[string][2]string{
		"/a?b?c":             {"/a", "b?c"},
		"/a":                 {"/a", ""},
		"http://h:80/a/b?c":  {"/a/b", "c"},
		"http://h":           {"/", ""},
		"http://h?x":         {"/", ""},
		"/a?u=http://x/y":    {"/a", "u=http://x/y"},
		"*":                  {"*", ""},
		"https://h/?imei=1&": {"/", "imei=1&"},
	} {
		r := Request{Target: target}
		if r.Path() != want[0] || r.RawQuery() != want[1] {
			t.Errorf("%s: %q %q", target, r.Path(), r.RawQuery())
		}
	}
}

func TestParseQuery(t *testing.T) {
	got := ParseQuery("a=1&a=2&b&=c&d=%e4%B8%ad+x&bad=%zz&e=%4&&f=a=b")
	want := Query{
		{"a", "1", "a", "1", false}, {"a", "2", "a", "2", false}, {"b", "", "b", "", false}, {"", "c", "", "c", false},
		{"d", "%e4%B8%ad+x", "d", "中 x", false}, {"bad", "%zz", "bad", "%zz", true}, {"e", "%4", "e", "%4", true}, {"f", "a=b", "f", "a=b", false},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if got.Get("a") != "1" || got.Get("bad") != "" || got.Get("none") != "" {
		t.Error("Get is wrong")
	}
	if n := len(ParseQuery(strings.Repeat("a&", 10_000))); n != QueryPairsMax {
		t.Errorf("%d pairs", n)
	}
}

func TestParseRange(t *testing.T) {
	for _, tc := range []struct {
		value  string
		size   int64
		kind   Range
		off, n int64
	}{
		{"", 100, RangeWhole, 0, 100},
		{"bytes=0-", 100, RangePart, 0, 100},
		{"bytes=10-", 100, RangePart, 10, 90},
		{"bytes=0-99", 100, RangePart, 0, 100},
		{"bytes=0-999", 100, RangePart, 0, 100},
		{"bytes=99-99", 100, RangePart, 99, 1},
		{"bytes=-5", 100, RangePart, 95, 5},
		{"bytes=-500", 100, RangePart, 0, 100},
		{"bytes=-0", 100, RangeBad, 0, 0},
		{"bytes=100-", 100, RangeBad, 0, 0},
		{"bytes=100-50", 100, RangeWhole, 0, 100},
		{"bytes=0-", 0, RangeBad, 0, 0},
		{"bytes=5-4", 100, RangeWhole, 0, 100},
		{"bytes=1-2,4-5", 100, RangeWhole, 0, 100},
		{"bytes=x-", 100, RangeWhole, 0, 100},
		{"bytes=99999999999999999999-", 100, RangeWhole, 0, 100},
		{"bytes=9223372036854775807-", 100, RangeBad, 0, 0},
		{"items=0-1", 100, RangeWhole, 0, 100},
	} {
		kind, off, n := ParseRange(tc.value, tc.size)
		if kind != tc.kind || off != tc.off || n != tc.n {
			t.Errorf("%q of %d: %v %d %d", tc.value, tc.size, kind, off, n)
		}
	}
}

// TestStreams checks that every way to give a body arrives, however it is cut.
func TestStreams(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		content := blob(rapid.SampledFrom([]int{0, 1, 53, 4095, 4096, 4097, 40_000, 70_000}).Draw(t, "size"))
		resp := &Response{Status: 200, Body: content, Chunked: rapid.Bool().Draw(t, "chunked")}
		if rapid.Bool().Draw(t, "file") {
			resp.Body, resp.File, resp.Offset, resp.Length = nil, bytes.NewReader(append([]byte("xx"), content...)), 2, int64(len(content))
		}
		piece := rapid.SampledFrom([]int{64, 536, 1460, 5000, 65536}).Draw(t, "piece")
		s := newStream(nil, resp, true, piece)
		var out []byte
		for p := s.next(piece); p != nil; p = s.next(piece) {
			if len(p) > piece || len(p) == 0 {
				t.Fatalf("piece of %d bytes", len(p))
			}
			out = append(out, p...)
		}
		head, got, _ := bytes.Cut(out, []byte("\r\n\r\n"))
		if resp.Chunked {
			got = unchunk(t, got)
			if bytes.Contains(head, []byte("Content-Length")) {
				t.Fatalf("chunked with a length: %s", head)
			}
		} else if !bytes.Contains(head, fmt.Appendf(nil, "Content-Length: %d", len(content))) {
			t.Fatalf("length missing: %s", head)
		}
		if !bytes.Equal(got, content) || s.sent != int64(len(content)) || s.err != nil {
			t.Fatalf("%d bytes of %d arrived, %d counted, %v", len(got), len(content), s.sent, s.err)
		}
	})
}

func unchunk(t *rapid.T, b []byte) (out []byte) {
	for {
		line, rest, ok := bytes.Cut(b, []byte("\r\n"))
		var n int
		if _, err := fmt.Sscanf(string(line), "%x", &n); err != nil || !ok {
			t.Fatalf("chunk line %q", line)
		}
		if n == 0 {
			if string(rest) != "\r\n" {
				t.Fatalf("end of chunks %q", rest)
			}
			return out
		}
		out = append(out, rest[:n]...)
		b = rest[n+2:]
	}
}

func TestStreamOfShortFile(t *testing.T) {
	s := newStream(nil, &Response{Status: 200, File: bytes.NewReader(blob(100)), Length: 200}, true, 1460)
	n := 0
	for s.next(1460) != nil && n < 10 {
		n++
	}
	if s.err == nil || n == 10 {
		t.Error("a file that ends early must break the answer")
	}
}

func TestStatusesWithoutBody(t *testing.T) {
	for status, want := range map[int]string{
		304: "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n",
		204: "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
		404: "HTTP/1.1 404 Not Found\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx",
		299: "HTTP/1.1 299 \r\nContent-Length: 1\r\nConnection: close\r\n\r\nx",
	} {
		s := newStream(nil, &Response{Status: status, Body: []byte("x")}, true, 1460)
		if got := string(s.next(1460)); got != want {
			t.Errorf("%d: %q", status, got)
		}
	}
	s := newStream(&Request{Method: "HEAD"}, &Response{Status: 200, Body: []byte("x")}, true, 1460)
	if got := string(s.next(1460)); got != "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n" {
		t.Errorf("HEAD: %q", got)
	}
}

func FuzzRequest(f *testing.F) {
	for _, s := range []string{
		getClose, "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.0\n\n", "GET http://a/b?c=%zz HTTP/1.1\r\n\r\n",
		"GET /?firmware_name=my demo HTTP/1.1\r\n\r\n", "\x16\x03\x01", "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"GET / HTTP/1.1\r\nRange: bytes=5-\r\nHost: [::1]:80\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	lim := Limits{LineBytes: 256, HeadBytes: 512, Headers: 8, BodyBytes: 64}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := newSession(HandlerFunc(func(r *Request) *Response {
			r.Path()
			r.Host()
			for _, p := range ParseQuery(r.RawQuery()) {
				if !strings.ContainsAny(p.RawName+p.RawValue, "%+") && (p.Bad || p.Name != p.RawName || p.Value != p.RawValue) {
					t.Fatalf("a pair without escapes was changed: %+v", p)
				}
			}
			if _, off, n := ParseRange(r.Header.Get("Range"), 100); off < 0 || n < 0 || off+n > 100 {
				t.Fatalf("range %d+%d of 100", off, n)
			}
			return &Response{Status: 200, Body: r.Body, Header: r.Header}
		}), lim, "", "", false, 128)
		if !s.add(data) {
			return
		}
		for x := s.next(Epoch); x != nil; x = s.next(Epoch) {
			n := 0
			for p := x.out.next(128); p != nil; p = x.out.next(128) {
				if n += len(p); n > 4*len(data)+4096 {
					t.Fatal("the answer does not end")
				}
			}
			if x.bad != nil && !x.end {
				t.Fatal("connection stays open after a bad request")
			}
		}
		if len(s.buf) > lim.HeadBytes+lim.BodyBytes {
			t.Fatalf("%d bytes are waiting for more", len(s.buf))
		}
	})
}
