package scene

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"airlift/lua"
)

// TestStream: the pieces of a file are the file, in order and on time.
func TestStream(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(rapid.Byte(), 0, 3000).Draw(t, "data")
		chunk := rapid.IntRange(1, 512).Draw(t, "chunk")
		s := Stream{Data: data, Chunk: chunk, Gap: 7 * time.Millisecond, Each: func(p []byte) Happening { return Bytes{1, p} }}
		var got []byte
		for i, e := range s.spread(time.Second) {
			p := e.What.(Bytes).Data
			if want := time.Second + time.Duration(i)*s.Gap; e.At != want || len(p) == 0 || len(p) > chunk {
				t.Fatalf("piece %d: %d bytes at %v, want at most %d at %v", i, len(p), e.At, chunk, want)
			}
			got = append(got, p...)
		}
		if string(got) != string(data) {
			t.Fatalf("%d bytes, want %d", len(got), len(data))
		}
	})
}

func TestFiles(t *testing.T) {
	files := func(name string) ([]byte, error) {
		if name == "big" {
			return make([]byte, 9<<20), nil
		}
		if name != "a/b.bin" {
			return nil, errors.New("no such file")
		}
		return []byte{0, 1, 2, 0xFF, 4}, nil
	}
	s, err := ParseWith([]byte("events: [{at: 1s, uart: {port: 3, file: a/b.bin, chunk: 2, gap: 1s}}, {ble: {to: F000/F001, file: a/b.bin, chunk: 4}}]"), files)
	if err != nil {
		t.Fatal(err)
	}
	var at []string
	for _, e := range s.Events {
		switch w := e.What.(type) {
		case Bytes:
			at = append(at, e.At.String()+" "+short(string(w.Data)))
		case Write:
			at = append(at, e.At.String()+" "+w.Place.String()+" "+short(string(w.Value)))
		}
	}
	if got, want := strings.Join(at, ", "), "0s f000/f001 000102ff, 25ms f000/f001 04, 1s 0001, 2s 02ff, 3s 04"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for text, want := range map[string]string{
		"events: [{uart: {port: 3, file: c}}]":                                         "line 1: file: no such file",
		"events: [{uart: {port: 3, file: [a]}}]":                                       "file: a list, expected a text",
		"events: [{uart: {port: 3, file: big, chunk: 1}}]":                             "more than 10000 events",
		"events: [{uart: {port: 3, file: a/b.bin, gap: 1h}}]":                          "gap: 1h0m0s, at most 10s",
		"events: [{uart: {port: 3, file: big}},\n{uart: {port: 3, file: big}}]":        "line 2: file: more than 16777216 bytes in all",
		"events: [{uart: {port: 3, file: a/b.bin, chunk: 1}, every: 1s, times: 9999}]": "more than 10000",
		"sim: {file: a/b.bin}":                                                         "sim has no \"file\"",
		"events: [{uart: {port: 3, text: !contents x}}]\nwires: [{file: a/b.bin}]":     "expected a list",
	} {
		if _, err := ParseWith([]byte(text), files); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if s.Source == nil || !strings.HasSuffix(string(s.Source), "\x04") {
		t.Error("the trace does not depend on the files")
	}
}

// TestCentralAfterReset: the central connects again whenever the module
// advertises, and only then.
func TestCentralAfterReset(t *testing.T) {
	s, err := Parse([]byte("events: [{at: 1s, ble: connect}, {at: 20s, ble: disconnect}]"))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{}
	b := New(s, w)
	var got []string
	start := func() {
		w.queue, w.at = nil, nil
		b.PowerOn()
		b.Listen(func(e lua.SceneEvent) {
			if e.Kind == lua.SceneBLE {
				got = append(got, e.BLE.What.String())
			}
		})
	}
	start()
	w.run(5 * time.Second)
	b.BLEAdvertises(true)
	w.run(10 * time.Second)
	start() // a reset while connected
	b.BLEAdvertises(true)
	w.run(15 * time.Second)
	b.BLEAdvertises(true)
	b.BLEAdvertises(false) // changes its mind
	w.run(30 * time.Second)
	if want := "connects connects leaves"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// run lets everything happen that is due until then.
func (w *world) run(until time.Duration) {
	for {
		due := false
		for _, at := range w.at {
			due = due || at <= until
		}
		if !due {
			w.now = until
			return
		}
		w.step()
	}
}
