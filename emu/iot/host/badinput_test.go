package host_test

import (
	"bytes"
	"crypto/tls"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"path/filepath"
	"slices"
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

// whole is the platform as airlift serve has it: devices and programs on one
// port.
type whole struct {
	t       *testing.T
	store   *store.Store
	tenant  iot.Tenant
	project iot.ProjectInfo
	token   string
	addr    string
}

func newWhole(t *testing.T, opt store.Options, o host.Options) *whole {
	t.Helper()
	return newWholeOn(t, must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0")), opt, o)
}

func newWholeOn(t *testing.T, ln net.Listener, opt store.Options, o host.Options) *whole {
	t.Helper()
	opt.Every = -1
	w := &whole{t: t, store: must[*store.Store](t)(store.Open(t.TempDir(), opt))}
	t.Cleanup(func() { w.store.Close() })
	w.tenant = w.store.Tenant(must[iot.Account](t)(w.store.SignUp("a", "a password")).ID, "test")
	w.project = must[iot.ProjectInfo](t)(w.tenant.CreateProject("p", ""))
	var err error
	if _, w.token, err = w.tenant.CreateToken("t"); err != nil {
		t.Fatal(err)
	}
	w.upload("1.0.1", "package")
	server := must[*iot.Server](t)(iot.NewServerOn(w.store, w.store.AnswerSet(), iot.DefaultSettings()))
	server.Wifi = &iot.Wifi{Version: "1", Content: []byte("wifi")}
	people := must[*api.API](t)(api.New(w.store, api.Options{PerSecond: -1, Error: func(err error) { t.Log(err) }}))
	o.Devices, o.People, o.IsDevice = server, people, server.IsDevice
	w.addr = frontOn(t, ln, o)
	return w
}

func (w *whole) upload(version, content string) iot.Firmware {
	w.t.Helper()
	return must[iot.Firmware](w.t)(w.tenant.CreateFirmware(w.project.ID, iot.FirmwareDraft{
		Name: "f", Version: version, FileName: "f.bin", ScriptVersion: version, Allow: true, All: true}, strings.NewReader(content)))
}

// ask asks as a device does.
func (w *whole) ask(path, query string) string {
	w.t.Helper()
	return raw(w.t, w.addr, "GET "+path+"?"+query+" HTTP/1.1\r\nHost: iot.openluat.com:80\r\nConnection: Close\r\n\r\n")
}

// call calls the API.
func (w *whole) call(method, path, kind, body string) string {
	w.t.Helper()
	return raw(w.t, w.addr, fmt.Sprintf("%s %s%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
		method, api.Prefix, path, w.token, kind, len(body), body))
}

// wrongWays are how a parameter can be wrong.
var wrongWays = map[string]func(name, value string) string{
	"missing":       func(string, string) string { return "" },
	"empty":         func(n, _ string) string { return n + "=" },
	"no value":      func(n, _ string) string { return n },
	"wrong case":    func(n, v string) string { return strings.ToUpper(n) + "=" + v },
	"nil":           func(string, string) string { return "nil" },
	"5000 bytes":    func(n, _ string) string { return n + "=" + strings.Repeat("x", 5000) },
	"invalid UTF-8": func(n, _ string) string { return n + "=%ff%fe" },
	"raw bytes":     func(n, _ string) string { return n + "=\xff\xfe" },
	"NUL":           func(n, _ string) string { return n + "=%00" },
	"bad escape":    func(n, _ string) string { return n + "=%zz" },
	"line end":      func(n, _ string) string { return n + "=%0d%0aX-Evil:%201" },
	"spaces":        func(n, _ string) string { return n + "=%20%20" },
	"plus signs":    func(n, _ string) string { return n + "=++" },
}

// wrongQueries are all queries in which one parameter is wrong in one way.
func wrongQueries(good map[string]string, wrong string, each func(way, query string)) {
	for way, broken := range wrongWays {
		var parts []string
		for _, n := range slices.Sorted(maps.Keys(good)) {
			part := n + "=" + good[n]
			if n == wrong {
				part = broken(n, good[n])
			}
			if part != "" {
				parts = append(parts, part)
			}
		}
		each(way, strings.Join(parts, "&"))
	}
}

// TestEveryParameterWrong sends each parameter of the question in each wrong way
// over a real socket. All answers are those of the code table; none is a crash,
// and the same device is served afterwards.
func TestEveryParameterWrong(t *testing.T) {
	w := newWhole(t, store.Options{Error: func(err error) { t.Error(err) }}, host.Options{})
	for _, who := range []string{"imei", "mac", "uid"} {
		// What a value that cannot be understood is answered with.
		code := map[string]string{who: "3", "project_key": "25", "firmware_name": "26", "version": "27"}
		good := map[string]string{who: "1", "project_key": w.project.Key, "firmware_name": "f", "version": "1.0.0"}
		for wrong := range code {
			wrongQueries(good, wrong, func(way, query string) {
				want, got := code[wrong], w.ask(iot.Path, query)
				if !strings.HasPrefix(got, "HTTP/1.1 400 BAD REQUEST\r\n") || !strings.Contains(got, "\r\n\r\n{\"code\": "+want+", ") || strings.Contains(got, "X-Evil") {
					t.Errorf("%s %s: %.300q, want code %s", wrong, way, got, want)
				}
			})
			// Of doubled ones the first counts.
			got := w.ask(iot.Path, who+"=1&project_key="+w.project.Key+"&firmware_name=f&version=1.0.1&"+wrong+"=other")
			if !strings.Contains(got, `{"code": 27, `) {
				t.Errorf("%s doubled: %.300q", wrong, got)
			}
			long := strings.Repeat("x", 1<<20)
			if got := w.ask(iot.Path, wrong+"="+long); !strings.HasPrefix(got, "HTTP/1.1 414 ") {
				t.Errorf("%s of 1 MB: %.200q", wrong, got)
			}
		}
		if got := w.ask(iot.Path, who+"=1 2&project_key="+w.project.Key); !strings.HasPrefix(got, "HTTP/1.1 400 ") {
			t.Errorf("a blank: %.200q", got)
		}
	}
	// Those that only some devices send do not keep the others from their file.
	for i, wrong := range []string{"core_version", "dfota", "need_oss_url", "project"} {
		good := map[string]string{"imei": fmt.Sprint(i), "project_key": w.project.Key, "firmware_name": "f", "version": "1.0.0", wrong: "x"}
		wrongQueries(good, wrong, func(way, query string) {
			query = strings.Replace(query, fmt.Sprintf("imei=%d&", i), "imei="+strings.ReplaceAll(wrong+way, " ", "")+"&", 1)
			if got := w.ask(iot.Path, query); !strings.HasSuffix(got, "\r\n\r\npackage") {
				t.Errorf("%s %s: %.300q", wrong, way, got)
			}
		})
	}
	if got := w.ask(iot.Path, "imei=nil&project_key="+w.project.Key+"&firmware_name=f&version=1.0.0"); !strings.HasSuffix(got, "\r\n\r\npackage") {
		t.Errorf("an identity nil: %q", got)
	}
	if l := must[iot.List[iot.LogEntry]](t)(w.tenant.Log(iot.LogFilter{Identity: "nil"}, iot.Page{})); len(l.Items) != 1 {
		t.Errorf("%+v", l)
	} else if e := must[iot.LogEntry](t)(w.tenant.LogEntry(l.Items[0].ID)); len(e.Notes) != 1 || !strings.Contains(e.Notes[0], "tostring(nil)") {
		t.Errorf("%q", e.Notes)
	}
}

// TestEveryTurnkeyParameterWrong does the same to the turnkey API, whose answers
// are always JSON with status 200.
func TestEveryTurnkeyParameterWrong(t *testing.T) {
	w := newWhole(t, store.Options{Error: func(err error) { t.Error(err) }}, host.Options{})
	good := map[string]string{"imei": "1", "project_key": w.project.Key, "script_name": "f", "model": "X", "script_version": "1.0.0", "core_version": "2016", "core_id": "1"}
	answer := func(got string) (code int, ok bool) {
		head, body, _ := strings.Cut(got, "\r\n\r\n")
		var a struct{ Code *int }
		if !strings.HasPrefix(head, "HTTP/1.1 200 ") || strings.Contains(head, "X-Evil") || json.Unmarshal([]byte(body), &a) != nil || a.Code == nil {
			return 0, false
		}
		return *a.Code, true
	}
	for wrong := range good {
		wrongQueries(good, wrong, func(way, query string) {
			optional := wrong == "core_version" || wrong == "core_id"
			if code, ok := answer(w.ask(iot.TurnkeyPath, query)); !ok || code == 0 && !optional {
				t.Errorf("check, %s %s: code %d", wrong, way, code)
			}
		})
	}
	result := map[string]string{"fota_sn": "X", "result_code": "1"}
	for wrong := range result {
		wrongQueries(result, wrong, func(way, query string) {
			if code, ok := answer(w.ask(iot.TurnkeyResultPath, query)); !ok || code == 0 {
				t.Errorf("result, %s %s: code %d", wrong, way, code)
			}
		})
	}
	for _, body := range []string{"", "{", "null", "[]", `{"fota_sn":1}`, `{"fota_sn":"X","result_code":{}}`, "\xff", strings.Repeat("[", 100_000)} {
		got := raw(t, w.addr, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", iot.TurnkeyResultPath, len(body), body))
		if code, ok := answer(got); !ok || code == 0 {
			t.Errorf("result with %.20q: %.200q", body, got)
		}
	}
	if got := raw(t, w.addr, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", iot.TurnkeyResultPath, 2<<20)); !strings.HasPrefix(got, "HTTP/1.1 413 ") {
		t.Errorf("a body of 2 MB: %.200q", got)
	}
}

// TestOversizedUploads announces more than is taken, and gets its answer before
// anything was sent.
func TestOversizedUploads(t *testing.T) {
	w := newWhole(t, store.Options{Error: func(err error) { t.Error(err) }}, host.Options{})
	for path, kind := range map[string]string{
		fmt.Sprintf("/projects/%d/firmware?name=f&version=1.0.2", w.project.ID): "application/octet-stream",
		"/projects": "application/json",
	} {
		got := raw(t, w.addr, fmt.Sprintf("POST %s%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n",
			api.Prefix, path, w.token, kind, int64(1)<<40))
		if !strings.HasPrefix(got, "HTTP/1.1 413 ") || !strings.Contains(got, `"too_large"`) {
			t.Errorf("%s: %.300q", path, got)
		}
	}
	if got := w.call("GET", "/log?identity="+strings.Repeat("x", 1<<20), "", ""); !strings.HasPrefix(got, "HTTP/1.1 431 ") {
		t.Errorf("a query of 1 MB: %.200q", got)
	}
}

// TestSlowClientsAreCutOff: a client that says nothing, half a line, half a
// request, one letter after the other, or nothing more after its answer, does not
// hold its place for ever. Time passes only where everybody waits.
func TestSlowClientsAreCutOff(t *testing.T) {
	cert := certificate(t)
	for name, encrypted := range map[string]*tls.Config{"plain": nil, "encrypted": {Certificates: []tls.Certificate{cert}}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { cutsOffSlowClients(t, encrypted) })
		})
	}
}

func cutsOffSlowClients(t *testing.T, encrypted *tls.Config) {
	ln := linktest.NewListener()
	newWholeOn(t, ln, store.Options{Error: func(err error) { t.Error(err) }}, host.Options{TLS: encrypted, Conns: 2})
	dial := func(begin string) net.Conn {
		c := ln.Dial()
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(time.Hour))
		if encrypted != nil {
			c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
		}
		io.WriteString(c, begin)
		return c
	}
	const device, people = "GET /api/site/firmware_upgrade?imei=1", "GET /api/v1/openapi.json"
	half := " HTTP/1.1\r\nHost:"
	for _, begin := range []string{"", "GET /api", device, device + half, people + half} {
		c := dial(begin)
		if got, err := io.ReadAll(c); bytes.Contains(got, []byte("200 OK")) || isTimeout(err) {
			t.Errorf("%q: %.100q %v", begin, got, err)
		}
		c.Close()
	}
	for _, begin := range []string{device + half, people + half} { // letter by letter
		c := dial(begin)
		go func() {
			for {
				if _, err := io.WriteString(c, "x"); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		if got, err := io.ReadAll(c); bytes.Contains(got, []byte("200 OK")) || isTimeout(err) {
			t.Errorf("letters after %q: %.100q %v", begin, got, err)
		}
		c.Close()
	}
	for _, whole := range []string{device + " HTTP/1.1\r\nHost: x\r\n\r\n", people + " HTTP/1.1\r\nHost: x\r\n\r\n"} { // and silent then
		c := dial(whole)
		if got, err := io.ReadAll(c); !bytes.HasPrefix(got, []byte("HTTP/1.1 ")) || isTimeout(err) {
			t.Errorf("silent after %q: %.100q %v", whole, got, err)
		}
		c.Close()
	}
}

// TestIdleReadersAreCutOff: nor does a client that takes nothing of what it asked
// for. Files leave real connections another way than others.
func TestIdleReadersAreCutOff(t *testing.T) {
	cert := certificate(t)
	for name, encrypted := range map[string]*tls.Config{"plain": nil, "encrypted": {Certificates: []tls.Certificate{cert}}} {
		w := newWhole(t, store.Options{Error: func(err error) { t.Error(err) }}, host.Options{TLS: encrypted, Write: 300 * time.Millisecond, Conns: 2})
		large := w.upload("1.0.2", strings.Repeat("x", 32<<20))
		dial := func() net.Conn {
			c := must[net.Conn](t)(net.Dial("tcp", w.addr))
			c.SetDeadline(time.Now().Add(patience))
			if encrypted != nil {
				c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
			}
			return c
		}
		// Both places are taken by clients that read nothing. The next one waits
		// for one of them to be cut off.
		var idle []net.Conn
		for _, path := range []string{"/download/" + large.SHA256 + "/f.bin", fmt.Sprintf("%s/firmware/%d/file", api.Prefix, large.ID)} {
			c := dial()
			fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", path, w.token)
			first := make([]byte, 12)
			if _, err := io.ReadFull(c, first); err != nil || string(first) != "HTTP/1.1 200" {
				t.Errorf("%s, %s: %q %v", name, path, first, err)
			}
			idle = append(idle, c)
		}
		for range 2 { // one alone could have been cut off
			c := dial()
			fmt.Fprintf(c, "GET /api/site/firmware_upgrade HTTP/1.0\r\n\r\n")
			if got, err := io.ReadAll(c); !bytes.Contains(got, []byte(`{"code": 3, `)) {
				t.Errorf("%s, afterwards: %.200q %v", name, got, err)
			}
			defer c.Close()
		}
		for _, c := range idle {
			n, err := io.Copy(io.Discard, c)
			if n >= large.Size || isTimeout(err) {
				t.Errorf("%s: one that read nothing got %d bytes in the end: %v", name, n, err)
			}
			c.Close()
		}
	}
}

func isTimeout(err error) bool {
	e, ok := err.(net.Error)
	return ok && e.Timeout()
}

// TestLockedDatabase asks while another process has the database.
func TestLockedDatabase(t *testing.T) {
	w := newWhole(t, store.Options{Busy: 100 * time.Millisecond}, host.Options{})
	unlock := lock(t, w.store.Dir())
	w.failing("locked", "503", "busy")
	unlock()
	w.wellAgain()
}

// failing checks what everybody is told while nothing can be written.
func (w *whole) failing(why, status, reason string) {
	w.t.Helper()
	if got := w.ask(iot.Path, "imei=1&project_key="+w.project.Key+"&firmware_name=f&version=1.0.0"); !strings.HasPrefix(got, "HTTP/1.1 500 ") || !strings.HasSuffix(got, "\r\n\r\n") {
		w.t.Errorf("%s, device: %.300q", why, got)
	}
	if got := w.call("POST", "/projects", "application/json", `{"name":"x"}`); !strings.HasPrefix(got, "HTTP/1.1 "+status+" ") || !strings.Contains(got, `"reason":"`+reason+`"`) {
		w.t.Errorf("%s, API: %.300q", why, got)
	}
	if got := w.call("GET", "/projects", "", ""); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		w.t.Errorf("%s, reading: %.300q", why, got)
	}
}

// wellAgain checks that nothing is left of what failed, and that all works.
func (w *whole) wellAgain() {
	w.t.Helper()
	if l := must[[]iot.ProjectInfo](w.t)(w.tenant.Projects()); len(l) != 1 || l[0].Firmware != 1 || l[0].Devices != 0 {
		w.t.Errorf("afterwards: %+v", l)
	}
	if got := w.ask(iot.Path, "imei=1&project_key="+w.project.Key+"&firmware_name=f&version=1.0.0"); !strings.HasSuffix(got, "\r\n\r\npackage") {
		w.t.Errorf("afterwards: %.300q", got)
	}
	if got := w.call("POST", "/projects", "application/json", `{"name":"x"}`); !strings.HasPrefix(got, "HTTP/1.1 201 ") {
		w.t.Errorf("afterwards: %.300q", got)
	}
	if l := must[iot.List[iot.LogEntry]](w.t)(w.tenant.Log(iot.LogFilter{}, iot.Page{})); l.Total != 1 {
		w.t.Errorf("afterwards: %d rows in the log", l.Total)
	}
}

// lock holds a folder's database as another process would.
func lock(t *testing.T, dir string) (unlock func()) {
	t.Helper()
	db := must[*sql.DB](t)(sql.Open("sqlite3", "file:"+filepath.ToSlash(filepath.Join(dir, store.DatabaseName))))
	conn := must[*sql.Conn](t)(db.Conn(t.Context()))
	if _, err := conn.ExecContext(t.Context(), "begin immediate"); err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := conn.ExecContext(t.Context(), "rollback"); err != nil {
			t.Error(err)
		}
		conn.Close()
		db.Close()
	}
}
