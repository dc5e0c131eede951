package host_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"airlift/emu/iot"
	"airlift/emu/iot/host"
	"airlift/emu/iot/store"
	"airlift/emu/link"
)

// patience ends tests that would never end.
const patience = 2 * time.Minute

// front serves what is given on a real port.
func front(t *testing.T, o host.Options) string {
	t.Helper()
	return frontOn(t, must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0")), o)
}

func frontOn(t *testing.T, ln net.Listener, o host.Options) string {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() {
		if err := host.Serve(ctx, ln, o); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { stop(); group.Wait() })
	return ln.Addr().String()
}

var twoSides = host.Options{
	Devices:  link.HandlerFunc(func(r *link.Request) *link.Response { return link.Text(200, "device "+r.Target) }),
	People:   http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "people ", r.URL.Path) }),
	IsDevice: func(path string) bool { return strings.HasPrefix(path, "/api/site/") },
}

func raw(t *testing.T, addr string, pieces ...string) string {
	t.Helper()
	c := must[net.Conn](t)(net.Dial("tcp", addr))
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	for _, p := range pieces {
		if _, err := io.WriteString(c, p); err != nil {
			break // there may be an answer all the same
		}
	}
	got, _ := io.ReadAll(c)
	return string(got)
}

func TestOnePortForBoth(t *testing.T) {
	addr := front(t, twoSides)
	letters := func(s string) []string { return strings.Split(s, "") }
	const end = " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	for name, tc := range map[string]struct {
		send []string
		want string
	}{
		"device":               {[]string{"GET /api/site/firmware_upgrade?a=b" + end}, "device /api/site/firmware_upgrade?a=b"},
		"people":               {[]string{"GET /projects?x=1" + end}, "people /projects"},
		"root":                 {[]string{"GET /" + end}, "people /"},
		"letter by letter":     {letters("GET /api/site/x?y" + end), "device /api/site/x?y"},
		"people, by letters":   {letters("GET /log" + end), "people /log"},
		"a blank in the query": {[]string{"GET /api/site/firmware_upgrade?firmware_name=a b" + end}, "400"},
		"no request":           {[]string{"\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n"}, "400"},
		"long first line":      {[]string{"GET /" + strings.Repeat("x", 1<<20) + end}, "HTTP/1.1 4"},
		"huge query":           {[]string{"GET /api/site/firmware_upgrade?imei=" + strings.Repeat("x", 1<<20) + end}, "HTTP/1.1 4"},
	} {
		if got := raw(t, addr, tc.send...); !strings.Contains(got, tc.want) && !(strings.HasPrefix(tc.want, "HTTP/1.1 4") && got == "") {
			t.Errorf("%s: %.200q, want %q", name, got, tc.want)
		}
	}
}

// TestFilesGoOutWhole downloads a file that does not fit into one write, whole
// and in part, over plain and encrypted connections.
func TestFilesGoOutWhole(t *testing.T) {
	content := make([]byte, 5<<20+123)
	rand.Read(content)
	s := must[*store.Store](t)(store.Open(t.TempDir(), store.Options{Every: -1}))
	t.Cleanup(func() { s.Close() })
	tenant := s.Tenant(must[iot.Account](t)(s.SignUp("a", "a password")).ID, "test")
	p := must[iot.ProjectInfo](t)(tenant.CreateProject("p", ""))
	must[iot.Firmware](t)(tenant.CreateFirmware(p.ID, iot.FirmwareDraft{Name: "f", Version: "1.0.1", FileName: "f.bin", Allow: true, All: true}, bytes.NewReader(content)))
	server := must[*iot.Server](t)(iot.NewServerOn(s, s.AnswerSet(), iot.DefaultSettings()))
	cert := certificate(t)
	for name, encrypted := range map[string]*tls.Config{"plain": nil, "encrypted": {Certificates: []tls.Certificate{cert}}} {
		o := twoSides
		o.Devices, o.IsDevice, o.TLS = server, server.IsDevice, encrypted
		addr := front(t, o)
		scheme := "http"
		if encrypted != nil {
			scheme = "https"
		}
		client := http.Client{Transport: &http.Transport{DisableCompression: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
		for _, from := range []int{0, 1, 65536, 5 << 20} {
			req := must[*http.Request](t)(http.NewRequest("GET", scheme+"://"+addr+iot.Path+"?imei="+name+fmt.Sprint(from)+"&project_key="+p.Key+"&firmware_name=f&version=1.0.0", nil))
			if from > 0 {
				req.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
			}
			resp := must[*http.Response](t)(client.Do(req))
			got, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || sha256.Sum256(got) != sha256.Sum256(content[from:]) {
				t.Errorf("%s from %d: %d, %d bytes: %v", name, from, resp.StatusCode, len(got), err)
			}
		}
		client.CloseIdleConnections()
	}
	l := must[iot.List[iot.Delivery]](t)(tenant.Deliveries(iot.DeliveryFilter{}, iot.Page{}))
	if l.Total != 2 { // resumed downloads do not count
		t.Errorf("%d deliveries", l.Total)
	}
}

func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	der := must[[]byte](t)(x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1)}, &x509.Certificate{SerialNumber: big.NewInt(1)}, key.Public(), key))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestLocalOnly(t *testing.T) {
	h := host.LocalOnly(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }))
	for _, tc := range []struct {
		method, hostName, origin string
		status                   int
	}{
		{"GET", "127.0.0.1:8000", "", 204}, {"GET", "localhost", "", 204}, {"GET", "[::1]:8000", "", 204},
		{"GET", "evil.example:8000", "", 421}, {"GET", "127.0.0.1.evil.example", "", 421}, {"GET", "192.168.1.2", "", 421},
		{"POST", "127.0.0.1:8000", "http://evil.example", 403}, {"POST", "127.0.0.1:8000", "http://127.0.0.1:8000", 204}, {"POST", "127.0.0.1:8000", "", 204},
	} {
		req := httptest.NewRequest(tc.method, "/", nil)
		req.Host = tc.hostName
		if tc.origin != "" {
			req.Header.Set("Origin", tc.origin)
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, req)
		if rec.Code != tc.status {
			t.Errorf("%+v: %d", tc, rec.Code)
		}
	}
}
