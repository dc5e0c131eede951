package host_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"airlift/emu/iot"
	"airlift/emu/iot/api"
	"airlift/emu/iot/host"
	"airlift/emu/iot/store"
	"airlift/emu/link/linktest"
)

// TestCutUploads ends uploads early: by closing one direction, and by falling
// silent with the connection open. The answer is the documented one, nothing of
// the upload is kept, and the next one is taken.
func TestCutUploads(t *testing.T) {
	t.Run("one direction closed", func(t *testing.T) {
		ln := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
		cutUpload(t, ln, 100, func() net.Conn { return must[net.Conn](t)(net.Dial("tcp", ln.Addr().String())) }, func(c net.Conn) { c.(*net.TCPConn).CloseWrite() })
	})
	for name, size := range map[string]int{"silent": 101, "silent, large": 1 << 20} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ln := linktest.NewListener()
				cutUpload(t, ln, size, ln.Dial, func(net.Conn) {})
			})
		})
	}
}

// cutUpload sends half of an upload and does then what cut does.
func cutUpload(t *testing.T, ln net.Listener, size int, dial func() net.Conn, cut func(net.Conn)) {
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
	frontOn(t, ln, host.Options{People: rest})
	send := func(size int, body string) string {
		c := dial()
		defer c.Close()
		c.SetDeadline(time.Now().Add(patience))
		fmt.Fprintf(c, "POST %s/projects/%d/firmware?name=f&version=1.0.%d HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer %s\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n%s",
			api.Prefix, p.ID, size, secret, size, body)
		if len(body) < size {
			cut(c)
		}
		got, _ := io.ReadAll(c)
		return string(got)
	}
	if got := send(size, strings.Repeat("x", size/2)); !strings.HasPrefix(got, "HTTP/1.1 400 ") || !strings.Contains(got, `"truncated"`) {
		t.Errorf("%q", got)
	}
	list := must[iot.List[iot.Firmware]](t)(tenant.Firmware(p.ID, "", iot.Page{}))
	if list.Total != 0 {
		t.Errorf("%d cut uploads were kept", list.Total)
	}
	if got := send(7, "content"); !strings.HasPrefix(got, "HTTP/1.1 201 ") {
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
