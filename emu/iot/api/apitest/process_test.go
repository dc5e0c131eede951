package apitest

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"airlift/emu/iot/internal/tap"
	"airlift/emu/link"
)

// spec describes one path for devices and one for programs.
const spec = `{"openapi": "3.0.3", "info": {"title": "t", "version": "1"}, "paths": {
"/api/site/x": {"get": {"responses": {"200": {"description": "d", "content": {"text/html": {"schema": {"type": "string"}}}}}}},
"/api/v1/y": {"get": {"responses": {"200": {"description": "d", "content": {"application/json": {"schema": {"type": "object", "required": ["id"]}}}}}}}}}`

func describe() ([]byte, error) { return []byte(spec), nil }

// tests is a package's tests: some answers.
type tests struct {
	device, program string // body of an answer with status 200
	code            int
}

func (m tests) Run() int {
	if m.device != "" {
		resp := link.Text(200, m.device)
		resp.Header = link.Header{{Name: "Content-Type", Value: "text/html"}}
		if m.device == "wrong status" {
			resp.Status = 403
		}
		tap.Device(&link.Request{Method: "HEAD", Target: "/api/site/x?imei=1"}, resp)
		tap.Device(&link.Request{Method: "GET", Target: "/own/path"}, link.Text(200, "anything"))
	}
	if m.program != "" {
		h := tap.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Write([]byte(m.program))
		}))
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/api/v1/y", nil))
	}
	return m.code
}

// TestRunFinds checks that a wrong answer fails a package's tests, whoever got
// it, and that a right one does not.
func TestRunFinds(t *testing.T) {
	defer func() { tap.See = nil }()
	for name, tc := range map[string]struct {
		tests
		code int
		says bool
	}{
		"nothing":                 {tests{}, 0, false},
		"right":                   {tests{device: "d", program: `{"id": 1}`}, 0, false},
		"a test failed":           {tests{device: "d", code: 1}, 1, false},
		"wrong answer to device":  {tests{device: "wrong status"}, 1, true},
		"wrong answer to program": {tests{program: `{"name": "a"}`}, 1, true},
		"no JSON":                 {tests{program: `id`}, 1, true},
		"wrong, and out of time":  {tests{program: `id`, code: 2}, 2, true},
	} {
		var said bytes.Buffer
		if code := run(&said, tc.tests, describe); code != tc.code || (said.Len() > 0) != tc.says {
			t.Errorf("%s: exit code %d, want %d; %s", name, code, tc.code, &said)
		}
		// The same in a process of its own, which is killed at its end.
		folder := t.TempDir()
		cmd := exec.Command(os.Args[0], "-test.run=^TestRecordingProcess$")
		cmd.Env = append(os.Environ(), "APITEST_FOLDER="+folder, "APITEST_DEVICE="+tc.device, "APITEST_PROGRAM="+tc.program)
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "recorded") {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		said.Reset()
		if code := run(&said, tests{code: tc.tests.code}, describe, folder); code != tc.code || (said.Len() > 0) != tc.says {
			t.Errorf("%s, recorded: exit code %d, want %d; %s", name, code, tc.code, &said)
		}
		if has, err := Has(folder, "/api/v1/y"); err != nil || has != (tc.program != "") {
			t.Errorf("%s: recorded %v, %v", name, has, err)
		}
	}
}

// TestRecordingProcess is the process of TestRunFinds.
func TestRecordingProcess(t *testing.T) {
	folder := os.Getenv("APITEST_FOLDER")
	if folder == "" {
		t.Skip("only TestRunFinds has something to record")
	}
	Record(folder)
	for range 2 {
		tests{device: os.Getenv("APITEST_DEVICE"), program: os.Getenv("APITEST_PROGRAM")}.Run()
	}
	if err := os.WriteFile(filepath.Join(folder, "half.part"), []byte(`{"Meth`), 0o600); err != nil {
		t.Fatal(err)
	}
	os.Stdout.WriteString("recorded\n")
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		t.Fatal(err)
	}
	select {}
}

// TestKeepFails checks that what cannot be kept or read is no answer that is right.
func TestKeepFails(t *testing.T) {
	if err := keep(filepath.Join(t.TempDir(), "none"), tap.Answer{}); err == nil {
		t.Error("kept in a folder that is not there")
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "x"+recordExt), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	if code := run(&said, tests{}, describe, folder); code != 1 || said.Len() == 0 {
		t.Errorf("exit code %d for a damaged record: %s", code, &said)
	}
	tap.See = nil
}

// TestHandlerChangesNothing checks that an answer is the same with a tap.
func TestHandlerChangesNothing(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		w.WriteHeader(http.StatusAccepted)
		w.Write([]byte("file"))
	})
	var seen []tap.Answer
	tap.See = func(a tap.Answer) { seen = append(seen, a) }
	defer func() { tap.See = nil }()
	with := tap.Handler(h)
	tap.See = nil
	without := tap.Handler(h)
	tap.See = func(a tap.Answer) { seen = append(seen, a) }
	a, b := httptest.NewRecorder(), httptest.NewRecorder()
	with.ServeHTTP(a, httptest.NewRequest("GET", "/z", nil))
	without.ServeHTTP(b, httptest.NewRequest("GET", "/z", nil))
	if a.Code != b.Code || a.Code != http.StatusAccepted || !bytes.Equal(a.Body.Bytes(), b.Body.Bytes()) {
		t.Errorf("%d %q, without %d %q", a.Code, a.Body, b.Code, b.Body)
	}
	if len(seen) != 1 || seen[0].Status != http.StatusAccepted || seen[0].Body != nil {
		t.Errorf("seen %+v", seen)
	}
}
