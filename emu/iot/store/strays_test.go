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

// anonymous asks without identity.
func (w *world) anonymous(key, more string) {
	w.t.Helper()
	if resp, _ := w.get(iot.Path + "?IMEI=1&project_key=" + key + more); resp.Status != 400 {
		w.t.Fatalf("status %d", resp.Status)
	}
}

func (w *world) log(v iot.Tenant, f iot.LogFilter, p iot.Page) iot.List[iot.LogEntry] {
	w.t.Helper()
	return must[iot.List[iot.LogEntry]](w.t)(v.Log(f, p))
}

// TestNoIdentityIsLogged checks that the owner of the key finds the request of a
// device that does not say who it is, with the decision path, and nobody else.
func TestNoIdentityIsLogged(t *testing.T) {
	w := newWorld(t)
	happened := w.a.Watch(t.Context())
	w.ask("1", w.pa.Key, "f", "1.0.0")
	w.anonymous(w.pa.Key, "&firmware_name=f&version=1.0.0")
	l := w.log(w.a, iot.LogFilter{}, iot.Page{})
	if l.Total != 2 || len(l.Items) != 2 {
		t.Fatalf("%+v", l)
	}
	e := must[iot.LogEntry](t)(w.a.LogEntry(l.Items[0].ID))
	if e.Reason != iot.NoIdentity || e.Identity != "" || e.Project != w.pa.ID || e.FirmwareName != "f" || e.DeviceVersion != "1.0.0" || e.Status != 400 ||
		!strings.Contains(e.URL, "IMEI=1") || len(e.Steps) != 1 || !strings.Contains(e.Steps[0].Fix, "write imei") || len(e.Notes) != 1 || !e.Time.Equal(w.clock.now()) {
		t.Errorf("%+v", e)
	}
	for _, kind := range []iot.EventKind{iot.EventRegistered, iot.EventRequest, iot.EventRequest} {
		if got := <-happened; got.Kind != kind {
			t.Errorf("event %+v, want %s", got, kind)
		} else if got.Reason == iot.NoIdentity && got.Log != e.ID {
			t.Errorf("event %+v is not about row %d", got, e.ID)
		}
	}
	if l := w.log(w.b, iot.LogFilter{}, iot.Page{}); l.Total != 0 {
		t.Errorf("somebody else sees %+v", l)
	}
	if _, err := w.b.LogEntry(e.ID); !errors.Is(err, iot.ErrNotFound) {
		t.Errorf("somebody else: %v", err)
	}
	if l := must[iot.List[iot.LogEntry]](t)(w.s.Unowned(iot.Page{})); l.Total != 0 {
		t.Errorf("without owner: %+v", l)
	}
	// It is still there after a start.
	if err := w.s.Close(); err != nil {
		t.Fatal(err)
	}
	w.s = must[*Store](t)(Open(w.s.dir, w.s.opt))
	defer w.s.Close()
	if again, err := w.s.Tenant(w.pa.Account, "test").LogEntry(e.ID); err != nil || again.URL != e.URL {
		t.Errorf("%+v: %v", again, err)
	}
}

// TestUnowned checks that a request that nobody owns is in nobody's log, unless
// there is an operator, and that what a device of somebody asks with a wrong key
// is in the log of its owner.
func TestUnowned(t *testing.T) {
	w := newWorld(t)
	w.ask("1", w.pa.Key, "f", "1.0.0")
	w.ask("1", "123", "f", "1.0.0")
	w.ask("2", "123", "f", "1.0.0")
	w.anonymous("456", "")
	for who, v := range map[string]iot.Tenant{"a": w.a, "b": w.b} {
		for _, e := range w.log(v, iot.LogFilter{}, iot.Page{}).Items {
			if e.Identity != "1" {
				t.Errorf("%s sees %+v", who, e)
			}
		}
	}
	l := must[iot.List[iot.LogEntry]](t)(w.s.Unowned(iot.Page{}))
	if l.Total != 2 || l.Items[0].Reason != iot.NoIdentity || l.Items[1].Reason != iot.UnknownProject || l.Items[1].Identity != "2" || len(l.Items[1].Steps) != 2 {
		t.Fatalf("%+v", l)
	}
	for _, e := range l.Items {
		if _, err := w.a.LogEntry(e.ID); !errors.Is(err, iot.ErrNotFound) {
			t.Errorf("row %d: %v", e.ID, err)
		}
	}
	w.s.SetOperator(w.pa.Account)
	w.ask("2", "123", "f", "1.0.0")
	w.anonymous("456", "")
	got := w.log(w.a, iot.LogFilter{}, iot.Page{Limit: 2}).Items
	if len(got) != 2 || got[0].Reason != iot.NoIdentity || got[1].Identity != "2" {
		t.Errorf("the operator sees %+v", got)
	}
	if of2 := w.log(w.a, iot.LogFilter{Identity: "2"}, iot.Page{}); of2.Total != 1 || of2.Items[0].ID != got[1].ID {
		t.Errorf("of one device: %+v", of2)
	}
	if l := w.log(w.b, iot.LogFilter{}, iot.Page{}); l.Total != 0 {
		t.Errorf("somebody else sees %+v", l)
	}
}

// TestStraysPushOutNothing lets a flood of them come: of each account the newest
// stay, all rows of devices do, and nothing of the texts that all rows share is
// used up.
func TestStraysPushOutNothing(t *testing.T) {
	const bound, flood = 20, 500
	w := newWorld(t, func(o *Options) { o.LogRows, o.StrayRows = 50, bound })
	for i := range 10 {
		w.ask(fmt.Sprint("d", i), w.pa.Key, "f", "1.0.0")
	}
	w.anonymous(w.pb.Key, "&n=b")
	texts := must[int](t)(one(w.s, scanInt, "select count(*) from texts"))
	for i := range flood {
		w.anonymous(w.pa.Key, fmt.Sprint("&n=", i))
		w.ask("stranger", fmt.Sprint("unknown", i/3), "f", "1.0.0")
	}
	if err := w.s.Sweep(); err != nil {
		t.Fatal(err)
	}
	l := w.log(w.a, iot.LogFilter{}, iot.Page{Limit: iot.PageMax})
	if l.Total != bound+10 || len(l.Items) != bound+10 {
		t.Fatalf("%d rows", l.Total)
	}
	for i, e := range l.Items[:bound] {
		if want := fmt.Sprintf("&n=%d", flood-1-i); !strings.HasSuffix(e.URL, want) {
			t.Errorf("row %d: %s, want %s", i, e.URL, want)
		}
	}
	if l := w.log(w.b, iot.LogFilter{}, iot.Page{}); l.Total != 1 {
		t.Errorf("somebody else has %d rows", l.Total)
	}
	if l := must[iot.List[iot.LogEntry]](t)(w.s.Unowned(iot.Page{Limit: 1})); l.Total != bound {
		t.Errorf("%d rows without owner", l.Total)
	}
	if now := must[int](t)(one(w.s, scanInt, "select count(*) from texts")); now != texts {
		t.Errorf("%d texts are kept, were %d", now, texts)
	}
}

// TestLogPages compares each page of a log with a list that is kept beside it.
func TestLogPages(t *testing.T) {
	const bound = 7
	w := newWorld(t, func(o *Options) { o.StrayRows = bound })
	type row struct {
		identity string
		reason   iot.Reason
		at       time.Time
	}
	var model []row // oldest first
	add := func(r row) {
		model = append(model, r)
		strays := 0
		for i := len(model) - 1; i >= 0; i-- {
			if model[i].identity != "" {
				continue
			}
			if strays++; strays > bound {
				model = slices.Delete(model, i, i+1)
			}
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		for range rapid.IntRange(0, 8).Draw(rt, "asks") {
			w.clock.add(time.Second)
			if rapid.Bool().Draw(rt, "anonymous") {
				w.anonymous(w.pa.Key, "")
				add(row{"", iot.NoIdentity, w.clock.now()})
				continue
			}
			r := row{rapid.SampledFrom([]string{"1", "2"}).Draw(rt, "identity"), iot.UnknownFirmware, w.clock.now()}
			w.ask(r.identity, w.pa.Key, "f", "1.0.0")
			add(r)
		}
		f := iot.LogFilter{Identity: rapid.SampledFrom([]string{"", "", "1"}).Draw(rt, "of"),
			Reason: rapid.SampledFrom([]iot.Reason{"", "", iot.NoIdentity, iot.UnknownFirmware}).Draw(rt, "reason")}
		if len(model) > 0 && rapid.Bool().Draw(rt, "from") {
			f.From = model[rapid.IntRange(0, len(model)-1).Draw(rt, "first")].at
		}
		var want []row
		for _, r := range slices.Backward(model) {
			if (f.Identity == "" || f.Identity == r.identity) && (f.Reason == "" || f.Reason == r.reason) && !r.at.Before(f.From) {
				want = append(want, r)
			}
		}
		p := iot.Page{Offset: rapid.IntRange(0, len(want)+2).Draw(rt, "offset"), Limit: rapid.IntRange(1, len(want)+2).Draw(rt, "limit")}
		l := w.log(w.a, f, p)
		var got []row
		for _, e := range l.Items {
			got = append(got, row{e.Identity, e.Reason, e.Time})
		}
		total := len(want)
		want = want[min(p.Offset, len(want)):]
		want = want[:min(p.Limit, len(want))]
		if l.Total != total || !slices.Equal(got, want) {
			rt.Fatalf("%+v %+v: %d rows %v, want %d %v", f, p, l.Total, got, total, want)
		}
	})
}
