package store

import (
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"airlift/emu/iot"
)

// TestWebhooks calls an address that fails first, and checks what it gets.
func TestWebhooks(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.PrivateWebhooks, o.Look = true, true }) // calls are made here, one by one
	type call struct {
		event iot.Event
		id    string
	}
	var got []call
	status := http.StatusInternalServerError
	var secret string
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(body)
		if r.Header.Get(SignatureHeader) != hex.EncodeToString(mac.Sum(nil)) {
			t.Errorf("signature %q", r.Header.Get(SignatureHeader))
		}
		c := call{id: r.Header.Get("X-Airlift-Call")}
		if err := json.Unmarshal(body, &c.event); err != nil {
			t.Error(err)
		}
		got = append(got, c)
		rw.WriteHeader(status)
	}))
	defer server.Close()
	h := must[iot.Webhook](t)(w.a.CreateWebhook(iot.WebhookDraft{URL: server.URL, Events: []iot.EventKind{iot.EventRegistered, iot.EventOutcome}}))
	secret = h.Secret
	w.upload(iot.FirmwareDraft{Name: "f", Version: "1.0.1", FileName: "f.bin", Allow: true, All: true})
	w.ask("1", w.pa.Key, "f", "1.0.0")
	client := w.s.webhookClient()
	due := func() {
		t.Helper()
		if _, err := w.s.callDue(client); err != nil {
			t.Fatal(err)
		}
	}
	due()
	due() // not due yet
	calls := must[iot.List[iot.WebhookCall]](t)(w.a.WebhookCalls(h.ID, iot.Page{}))
	if len(got) != 1 || got[0].event.Kind != iot.EventRegistered || got[0].event.Device != "1" || calls.Items[0].Tries != 1 || calls.Items[0].Done ||
		calls.Items[0].Status != 500 || !calls.Items[0].NextTry.Equal(w.clock.now().Add(pauses[0])) {
		t.Fatalf("%+v, calls %+v", got, calls)
	}
	w.clock.add(time.Minute)
	status = http.StatusNoContent
	w.ask("1", w.pa.Key, "f", "1.0.1")
	due()
	if len(got) != 3 || got[1].id != got[0].id || got[2].event.Kind != iot.EventOutcome || got[2].event.Outcome != iot.OutcomeNew {
		t.Fatalf("%+v", got)
	}
	status = http.StatusTeapot
	w.ask("2", w.pa.Key, "f", "1.0.1")
	for range pauses {
		due()
		w.clock.add(2 * time.Hour)
	}
	due()
	due()
	calls = must[iot.List[iot.WebhookCall]](t)(w.a.WebhookCalls(h.ID, iot.Page{}))
	if last := calls.Items[0]; calls.Total != 3 || !last.GaveUp || last.Tries != len(pauses)+1 || len(got) != 3+len(pauses)+1 {
		t.Errorf("%+v after %d calls", calls.Items[0], len(got))
	}
}

// TestSlowWebhook checks that an address that does not answer keeps nobody else's
// calls waiting, however many calls it has.
func TestSlowWebhook(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.PrivateWebhooks, o.Look = true, true })
	over, reached := make(chan struct{}), make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			select {
			case <-over:
			case <-r.Context().Done():
			}
		}
		reached <- r.URL.Path
	}))
	defer server.Close()
	slow := must[iot.Webhook](t)(w.a.CreateWebhook(iot.WebhookDraft{URL: server.URL + "/slow", Events: []iot.EventKind{iot.EventRegistered}}))
	quick := must[iot.Webhook](t)(w.b.CreateWebhook(iot.WebhookDraft{URL: server.URL + "/quick", Events: []iot.EventKind{iot.EventRegistered}}))
	for i := range 100 {
		w.ask(fmt.Sprint("d", i), w.pa.Key, "f", "1.0.0")
	}
	w.ask("q", w.pb.Key, "f", "1.0.0")
	done := make(chan error, 1)
	go func() {
		_, err := w.s.callDue(w.s.webhookClient())
		done <- err
	}()
	select {
	case path := <-reached:
		if path != "/quick" {
			t.Errorf("%s was answered first", path)
		}
	case err := <-done:
		t.Errorf("nobody was reached: %v", err)
	}
	close(over)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	made := func(v iot.Tenant, h iot.Webhook) (n int) {
		for _, c := range must[iot.List[iot.WebhookCall]](t)(v.WebhookCalls(h.ID, iot.Page{Limit: iot.PageMax})).Items {
			if c.Done {
				n++
			}
		}
		return n
	}
	if made(w.b, quick) != 1 || made(w.a, slow) == 0 {
		t.Errorf("%d and %d calls were made", made(w.b, quick), made(w.a, slow))
	}
}

// TestWebhookCallsAreBounded checks that so many calls of a webhook are kept,
// whatever became of them, and that those of others take no room from them.
func TestWebhookCallsAreBounded(t *testing.T) {
	const bound = 20
	w := newWorld(t, func(o *Options) { o.PrivateWebhooks, o.Look, o.CallRows = true, true, bound })
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/quiet" {
			rw.WriteHeader(http.StatusTeapot)
		}
	}))
	defer server.Close()
	hook := func(v iot.Tenant, path string) iot.Webhook {
		return must[iot.Webhook](t)(v.CreateWebhook(iot.WebhookDraft{URL: server.URL + path, Events: []iot.EventKind{iot.EventRegistered}}))
	}
	busy, waiting, quiet := hook(w.a, "/busy"), hook(w.a, "/waiting"), hook(w.b, "/quiet")
	check := func(v iot.Tenant, h iot.Webhook, want int, newest string) {
		t.Helper()
		l := must[iot.List[iot.WebhookCall]](t)(v.WebhookCalls(h.ID, iot.Page{Limit: iot.PageMax}))
		if l.Total != want || l.Items[0].Event.Device != newest {
			t.Errorf("%s: %d calls, want %d; the newest is %+v", h.URL, l.Total, want, l.Items[0])
		}
	}
	sweep := func() {
		t.Helper()
		if err := w.s.Sweep(); err != nil {
			t.Fatal(err)
		}
	}
	w.ask("q1", w.pb.Key, "f", "1.0.0")
	for i := range 10 * bound {
		w.ask(fmt.Sprint("d", i), w.pa.Key, "f", "1.0.0")
	}
	w.ask("q2", w.pb.Key, "f", "1.0.0")
	sweep()
	last := fmt.Sprint("d", 10*bound-1)
	check(w.a, busy, bound, last)
	check(w.a, waiting, bound, last)
	check(w.b, quiet, 2, "q2")
	client := w.s.webhookClient()
	for more := true; more; {
		var err error
		if more, err = w.s.callDue(client); err != nil {
			t.Fatal(err)
		}
	}
	sweep()
	check(w.a, busy, bound, last)
	check(w.b, quiet, 2, "q2")
	// Another start looks at what there is.
	dir, opt := w.s.dir, w.s.opt
	if err := w.s.Close(); err != nil {
		t.Fatal(err)
	}
	opt.CallRows = bound / 2
	w.s = must[*Store](t)(Open(dir, opt))
	defer w.s.Close()
	w.a = w.s.Tenant(w.pa.Account, "test")
	sweep()
	check(w.a, busy, bound/2, last)
}

func TestWebhooksStayOut(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Look = true })
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("reached") }))
	defer server.Close()
	for _, host := range []string{server.URL, strings.Replace(server.URL, "127.0.0.1", "localhost", 1), strings.Replace(server.URL, "127.0.0.1", "[::ffff:127.0.0.1]", 1)} {
		h := must[iot.Webhook](t)(w.a.CreateWebhook(iot.WebhookDraft{URL: host}))
		w.upload(iot.FirmwareDraft{Name: "f", Version: "1.0.1", FileName: "f.bin"})
		if _, err := w.s.callDue(w.s.webhookClient()); err != nil {
			t.Fatal(err)
		}
		calls := must[iot.List[iot.WebhookCall]](t)(w.a.WebhookCalls(h.ID, iot.Page{}))
		if calls.Total != 1 || calls.Items[0].Done || calls.Items[0].Tries != 1 {
			t.Errorf("%s: %+v", host, calls)
		}
	}
}

// TestMigrations opens a database again, and refuses one of a newer program.
func TestMigrations(t *testing.T) {
	dir := t.TempDir()
	s := must[*Store](t)(Open(dir, Options{Every: -1}))
	must[iot.Account](t)(s.SignUp("a", "a password"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SignUp("b", "a password"); !errors.Is(err, errClosed) {
		t.Errorf("after Close: %v", err)
	}
	s = must[*Store](t)(Open(dir, Options{Every: -1}))
	must[iot.Session](t)(s.LogIn("a", "a password"))
	if _, err := s.LogIn("a", "another one"); !errors.Is(err, iot.ErrCredentials) {
		t.Errorf("%v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db := must[*sql.DB](t)(sql.Open("sqlite3", dsn(filepath.Join(dir, DatabaseName), time.Second)))
	defer db.Close()
	if _, err := db.Exec("pragma user_version = 99"); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "schema 99") {
		t.Errorf("a newer schema: %v", err)
	}
}

// TestFoldersWithOddNames opens folders whose names mean something in URLs.
func TestFoldersWithOddNames(t *testing.T) {
	names := []string{"a b", "a%20b", "a#b", "项目"}
	if runtime.GOOS != "windows" {
		names = append(names, "a?b")
	}
	for _, name := range names {
		s, err := Open(filepath.Join(t.TempDir(), name), Options{Every: -1})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		must[iot.Account](t)(s.SignUp("a", "a password"))
		s.Close()
	}
}
