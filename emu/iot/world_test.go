package iot

import (
	"strings"
	"testing"
	"time"

	"airlift/emu/link"
)

const (
	keyA1 = "0123456789abcdefABCDEF0123456789" // project of account A
	keyA2 = "A2A2A2A2A2A2A2A2A2A2A2A2A2A2A2A2"
	keyB1 = "B1B1B1B1B1B1B1B1B1B1B1B1B1B1B1B1"
	imei  = "860000000000017"
)

var noon = time.Date(2024, 7, 18, 12, 0, 0, 0, time.UTC)

// world is a platform with two accounts and one firmware.
type world struct {
	t      testing.TB
	mem    *Mem
	s      Settings
	set    string
	now    time.Time
	server *Server
	a1, a2 Project
	b1     Project
	file   []byte
	access []Access
}

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, mem: NewMem(1), s: DefaultSettings(), set: "cloud", now: noon, file: []byte(strings.Repeat("firmware", 100))}
	a := must[Account](t)(w.mem.AddAccount("A"))
	b := must[Account](t)(w.mem.AddAccount("B"))
	w.a1 = must[Project](t)(w.mem.AddProject(a.ID, "demo", keyA1, noon))
	w.a2 = must[Project](t)(w.mem.AddProject(a.ID, "other", keyA2, noon))
	w.b1 = must[Project](t)(w.mem.AddProject(b.ID, "foreign", keyB1, noon))
	return w
}

func (w *world) add(f Firmware) Firmware {
	w.t.Helper()
	if f.Project == 0 {
		f.Project = w.a1.ID
	}
	if f.Created.IsZero() {
		f.Created = time.Date(2024, 7, 18, 7, 57, 49, 202132000, time.UTC)
	}
	return must[Firmware](w.t)(w.mem.AddFirmware(f, w.file))
}

func (w *world) serve(target string, headers ...link.Field) *link.Response {
	w.t.Helper()
	if w.server == nil {
		w.server = must[*Server](w.t)(NewServer(w.mem, must[*AnswerSet](w.t)(AnswersByName(w.set)), w.s))
		w.server.OnAccess = func(a Access) { w.access = append(w.access, a) }
	}
	return w.server.Serve(&link.Request{Method: "GET", Target: target, Proto: "HTTP/1.1", Header: headers, Time: w.now, Remote: "10.0.0.2:49153"})
}

// ask sends a firmware request and returns the decision.
func (w *world) ask(query string) (*link.Response, *Decision) {
	w.t.Helper()
	resp := w.serve(Path + "?" + query)
	d := w.access[len(w.access)-1].Decision
	if d == nil {
		w.t.Fatal("no decision in the access log")
	}
	return resp, d
}

func (w *world) lastLog() string {
	log := w.mem.Log()
	if len(log) == 0 {
		return ""
	}
	return log[len(log)-1].Result
}

func q(identity, key, name, version string) string {
	return "imei=" + identity + "&project_key=" + key + "&firmware_name=" + name + "&version=" + version
}
