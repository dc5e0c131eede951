package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"airlift/emu/iot"
)

// TestPathIsKept checks that a decision path is read back as it was written,
// whatever is in it, and however often it comes: from the second time on it
// refers to kept texts, unless that transaction was undone.
func TestPathIsKept(t *testing.T) {
	w := newWorld(t)
	undone := errors.New("undone")
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ -~"\\\\\n]{0,20}`), rapid.SampledFrom([]string{"a text that is long enough", "another of them", "123456789"}))
		l := iot.LogEntry{
			Identity: rapid.SampledFrom([]string{"1", "text", "866"}).Draw(rt, "identity"),
			Steps: rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) iot.Step {
				return iot.Step{
					N: rapid.IntRange(0, 20).Draw(rt, "n"), Passed: rapid.Bool().Draw(rt, "passed"), Rule: text.Draw(rt, "rule"),
					Compared: text.Draw(rt, "compared"), Conclusion: text.Draw(rt, "conclusion"), Fix: text.Draw(rt, "fix"),
				}
			}), 1, 5).Draw(rt, "steps"),
			Notes: rapid.SliceOfN(text, 1, 3).Draw(rt, "notes"),
		}
		for _, keep := range []bool{true, false, true} {
			var path string
			err := w.s.hand(quickly(func(t *tx) (err error) {
				if path, err = encodePath(&l, t.textID); err == nil && !keep {
					err = undone
				}
				return err
			}))
			if !keep {
				if !errors.Is(err, undone) {
					rt.Fatal(err)
				}
				continue
			}
			steps, notes, err := decodePath(path, w.s.keptText)
			if err != nil || !slices.Equal(steps, l.Steps) || !slices.Equal(notes, l.Notes) {
				rt.Fatalf("%s: %+v %q: %v; want %+v %q", path, steps, notes, err, l.Steps, l.Notes)
			}
		}
	})
}

// TestTextsAreShared checks that the paths of many devices share their texts, and
// that those about one device are not kept for the others.
func TestTextsAreShared(t *testing.T) {
	w := newWorld(t)
	w.upload(iot.FirmwareDraft{Name: "f", Version: "1.0.1", FileName: "f.bin", Allow: true, All: true})
	for i := range 20 {
		w.ask(fmt.Sprintf("8660000000000%02d", i/2), w.pa.Key, "f", "1.0.1")
	}
	texts := must[[]string](t)(many(w.s, scanText, "select text from texts"))
	for _, s := range texts {
		if strings.Contains(s, "866") {
			t.Errorf("%q is kept", s)
		}
	}
	paths := must[[]string](t)(many(w.s, scanText, "select path from log order by id"))
	if first, last := len(paths[0]), len(paths[len(paths)-1]); len(texts) == 0 || last > first/3 {
		t.Errorf("%d texts are kept, the first path has %d bytes, the last one %d", len(texts), first, last)
	}
	if l := w.lastLog(); len(l.Steps) != 9 || l.Steps[8].Rule != "version: the highest one must be newer (tuple)" || !strings.Contains(l.Steps[8].Fix, "VERSION") {
		t.Errorf("%+v", l)
	}
}

// TestLogOfDevice finds a device's rows, whether the index has them or not, and
// after old ones were dropped.
func TestLogOfDevice(t *testing.T) {
	const asks, each = 2*logBlock + 500, 50
	w := newWorld(t, func(o *Options) { o.LogRows = logBlock + 24 })
	w.upload(iot.FirmwareDraft{Name: "f", Version: "1.0.1", FileName: "f.bin", Allow: true, All: true})
	for i := range asks {
		w.ask(fmt.Sprintf("dev%d", i%each), w.pa.Key, "f", "1.0.1")
	}
	check := func(from int64) {
		t.Helper()
		for d := range each {
			var want []int64
			for id := int64(asks); id > from; id-- {
				if (id-1)%each == int64(d) {
					want = append(want, id)
				}
			}
			l := must[iot.List[iot.LogEntry]](t)(w.a.Log(iot.LogFilter{Identity: fmt.Sprintf("DEV%d", d)}, iot.Page{Limit: iot.PageMax}))
			var got []int64
			for _, e := range l.Items {
				got = append(got, e.ID)
			}
			if l.Total != len(want) || !slices.Equal(got, want) {
				t.Fatalf("dev%d: %d rows %d, want %d", d, l.Total, got, want)
			}
		}
	}
	check(0)
	for range 2 { // nothing more goes the second time
		if err := w.s.Sweep(); err != nil {
			t.Fatal(err)
		}
		check(asks - logBlock - 24)
	}
	if n := must[int](t)(one(w.s, scanInt, "select count(*) from log_keys")); n != logBlock {
		t.Errorf("the index has %d rows", n)
	}
	if l := must[iot.List[iot.LogEntry]](t)(w.b.Log(iot.LogFilter{Identity: "dev1"}, iot.Page{})); l.Total != 0 {
		t.Errorf("somebody else sees %d rows", l.Total)
	}
}

func scanInt(r scanner) (n int, err error) { return n, r.Scan(&n) }

// TestLastOnline checks that when a device was last online is known at once,
// after it was written, and after each kind of end, without its row being written
// at every question.
func TestLastOnline(t *testing.T) {
	w := newWorld(t)
	dir, opt := w.s.dir, w.s.opt
	want := map[string]time.Time{}
	ask := func(identity, version string) {
		w.clock.add(time.Second)
		w.ask(identity, w.pa.Key, "f", version)
		want[identity] = w.clock.now()
	}
	check := func(s *Store, what string) {
		t.Helper()
		l := must[iot.List[iot.Device]](t)(s.Tenant(w.pa.Account, "test").Devices(w.pa.ID, iot.DeviceFilter{}, iot.Page{}))
		if len(l.Items) != len(want) {
			t.Errorf("%s: %d devices", what, len(l.Items))
		}
		for _, d := range l.Items {
			one := must[iot.Device](t)(s.Tenant(w.pa.Account, "test").Device(d.ID))
			if !d.LastOnline.Equal(want[d.Identity]) || !one.LastOnline.Equal(want[d.Identity]) {
				t.Errorf("%s: %s in the list %v, by itself %v, want %v", what, d.Identity, d.LastOnline, one.LastOnline, want[d.Identity])
			}
		}
	}
	inRow := func(identity string) time.Time {
		return moment(int64(must[int](t)(one(w.s, scanInt, "select last_online from devices where identity = ?", identity))))
	}
	for i := range 5 {
		ask(fmt.Sprint("d", i), "1.0.0")
	}
	first := want["d3"]
	ask("d3", "1.0.0")
	check(w.s, "at once")
	if !inRow("d3").Equal(first) {
		t.Error("the row was written by the second question, which told nothing new")
	}
	ask("d1", "2.0.0")
	if !inRow("d1").Equal(want["d1"]) {
		t.Error("the row was not written with the new version")
	}
	// Another process sees what is only in the log, as one after a crash does.
	look := func(what string) {
		t.Helper()
		s := must[*Store](t)(Open(dir, Options{Look: true}))
		defer s.Close()
		check(s, what)
	}
	look("not written")
	if err := w.s.Sweep(); err != nil {
		t.Fatal(err)
	}
	if !inRow("d3").Equal(want["d3"]) {
		t.Error("not written")
	}
	check(w.s, "written")
	look("written")
	ask("d4", "1.0.0")
	check(w.s, "in between")
	if err := w.s.Sweep(); err != nil {
		t.Fatal(err)
	}
	ask("d0", "1.0.0")
	look("in between")
	if err := w.s.Close(); err != nil {
		t.Fatal(err)
	}
	w.s = must[*Store](t)(Open(dir, opt))
	if !inRow("d0").Equal(want["d0"]) {
		t.Error("not written at the end")
	}
	check(w.s, "opened again")
	if len(w.s.online.recent) != 0 {
		t.Error("something had to be recovered")
	}
	if err := w.s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestLastOnlineWhenFull lets a round fail: what it did not write, the next one
// does.
func TestLastOnlineWhenFull(t *testing.T) {
	w := newWorld(t)
	for range 2 {
		w.clock.add(time.Second)
		for i := range 2 * onlineChunk {
			w.ask(fmt.Sprint("d", i), w.pa.Key, "f", "1.0.0")
		}
	}
	late := w.clock.now()
	n := 0
	full := errors.New("full")
	err := w.s.keepOnline(func(k *work) error {
		if n++; n == 2 {
			return full
		}
		return w.s.hand(k)
	})
	written := func() int {
		return must[int](t)(one(w.s, scanInt, "select count(*) from devices where last_online = ?", nano(late)))
	}
	if !errors.Is(err, full) || written() != onlineChunk {
		t.Errorf("%d written: %v", written(), err)
	}
	if before := must[int](t)(one(w.s, scanInt, "select log from online")); before != 0 {
		t.Errorf("%d rows of the log would not be looked at", before)
	}
	w.ask("d0", w.pa.Key, "f", "1.0.0")
	if err := w.s.Sweep(); err != nil || written() != 2*onlineChunk {
		t.Errorf("%d written: %v", written(), err)
	}
}

// FuzzDecodePath reads paths that are damaged.
func FuzzDecodePath(f *testing.F) {
	f.Add(`[[[1,1,"r","c","d","f"],[2,0,17,18,"d",1]],["n"]]`)
	f.Add("[[[1,2,3]],null]")
	f.Add(`[[[1,2,-3,1e99,null,{}]],[]]`)
	f.Add("")
	f.Fuzz(func(_ *testing.T, path string) {
		decodePath(path, func(id int64) (string, error) { return "", iot.ErrNotFound })
	})
}
