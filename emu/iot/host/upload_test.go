package host_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"airlift/emu/iot"
	"airlift/emu/iot/api"
	"airlift/emu/iot/host"
	"airlift/emu/iot/store"
)

// TestCutUploads ends uploads early: by closing one direction, and by falling
// silent with the connection open. The answer is the documented one, nothing of
// the upload is kept, and the next one is taken.
func TestCutUploads(t *testing.T) {
	s := must[*store.Store](t)(store.Open(t.TempDir(), store.Options{Every: -1, Error: func(err error) { t.Error(err) }}))
	defer s.Close()
	account := must[iot.Account](t)(s.SignUp("a", "a password"))
	tenant := s.Tenant(account.ID, "test")
	p := must[iot.ProjectInfo](t)(tenant.CreateProject("p", ""))
	_, secret, err := tenant.CreateToken("t")
	if err != nil {
		t.Fatal(err)
	}
	rest := must[*api.API](t)(api.New(s, api.Options{Error: func(err error) { t.Error(err) }}))
	addr := front(t, host.Options{People: rest, Head: 300 * time.Millisecond})
	send := func(size int, body string, half bool) string {
		c := must[net.Conn](t)(net.Dial("tcp", addr))
		defer c.Close()
		fmt.Fprintf(c, "POST %s/projects/%d/firmware?name=f&version=1.0.%d HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer %s\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n%s",
			api.Prefix, p.ID, size, secret, size, body)
		if half {
			c.(*net.TCPConn).CloseWrite()
		}
		c.SetReadDeadline(time.Now().Add(20 * time.Second))
		got, _ := io.ReadAll(c)
		return string(got)
	}
	for name, tc := range map[string]struct {
		size int
		half bool
	}{"one direction closed": {100, true}, "silent": {101, false}, "silent, large": {1 << 20, false}} {
		if got := send(tc.size, strings.Repeat("x", tc.size/2), tc.half); !strings.HasPrefix(got, "HTTP/1.1 400 ") || !strings.Contains(got, `"truncated"`) {
			t.Errorf("%s: %q", name, got)
		}
	}
	list := must[iot.List[iot.Firmware]](t)(tenant.Firmware(p.ID, "", iot.Page{}))
	if list.Total != 0 {
		t.Errorf("%d cut uploads were kept", list.Total)
	}
	if got := send(7, "content", false); !strings.HasPrefix(got, "HTTP/1.1 201 ") {
		t.Errorf("a whole one: %q", got)
	}
	list = must[iot.List[iot.Firmware]](t)(tenant.Firmware(p.ID, "", iot.Page{}))
	if list.Total != 1 {
		t.Fatalf("%d", list.Total)
	}
	r, _, err := tenant.OpenFirmware(list.Items[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got := must[[]byte](t)(io.ReadAll(r)); !bytes.Equal(got, []byte("content")) {
		t.Errorf("%q", got)
	}
}
