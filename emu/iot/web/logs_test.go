package web

import (
	"encoding/csv"
	"fmt"
	"html"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // Windows has no time zones

	"airlift/emu/iot"
)

// The export has every row that the filter lets through, whatever the page, and
// nothing in it is a formula.
func TestExportLog(t *testing.T) {
	s := newSite(t)
	p := s.signUp("13800000000")
	project, err := s.store.Tenant(p.account, "test").CreateProject("demo", "")
	if err != nil {
		t.Fatal(err)
	}
	const asked = 2*pageSize + 3
	for range asked {
		s.ask("860000000000017", project.Key, "=cmd()", "1.1.1")
	}
	s.ask("860000000000025", project.Key, "other,\"name\"", "1.1.1")
	rows := func(query string) [][]string {
		t.Helper()
		status, body := p.get("/log/export?" + query)
		text, ok := strings.CutPrefix(body, "\uFEFF")
		if status != 200 || !ok {
			t.Fatalf("%d %.100q", status, body)
		}
		list, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	if got := rows("imei=860000000000017&page=2"); len(got) != 1+asked || got[0][1] != "IMEI" || got[1][2] != "'=cmd()" || got[1][6] != "400" {
		t.Errorf("%d rows: %q", len(got), got[:2])
	}
	if got := rows("imei=860000000000025"); len(got) != 2 || got[1][2] != "other,\"name\"" {
		t.Errorf("%q", got)
	}
	if got := rows("reason=deliver"); len(got) != 1 {
		t.Errorf("%q", got)
	}
	if status, _ := p.get("/log/export?date=yesterday"); status != 422 {
		t.Errorf("a date that is none: %d", status)
	}
	p.get("/choose?language=zh&back=/log")
	if got := rows(""); len(got) != 2+asked || got[0][0] != "时间" {
		t.Errorf("%d rows: %q", len(got), got[0])
	}
}

// A request without identity is in the log of the key's owner, with the reason,
// and in nobody else's.
func TestLogWithoutIdentity(t *testing.T) {
	s := newSite(t)
	p, other := s.signUp("13800000000"), s.signUp("13900000000")
	tenant := s.store.Tenant(p.account, "test")
	project, err := tenant.CreateProject("demo", "")
	if err != nil {
		t.Fatal(err)
	}
	if status := s.ask("", project.Key, "nobody", "1.0.0"); status != 400 {
		t.Fatalf("status %d", status)
	}
	list, err := tenant.Log(iot.LogFilter{}, iot.Page{})
	if err != nil || list.Total != 1 {
		t.Fatalf("%+v: %v", list, err)
	}
	why := fmt.Sprintf("/log/%d", list.Items[0].ID)
	for path, want := range map[string]string{"/log": why, "/log?reason=no_identity": why, why: "send imei= (lower case)"} {
		if status, body := p.get(path); status != 200 || !strings.Contains(body, want) || !strings.Contains(body, "no identity") {
			t.Errorf("%s: %d without %q", path, status, want)
		}
		if status, body := other.get(path); strings.Contains(body, "nobody") || path == why && status != 404 {
			t.Errorf("somebody else gets %s: %d", path, status)
		}
	}
	if _, body := p.get("/log/export"); !strings.Contains(body, "no identity") {
		t.Errorf("the export has %q", body)
	}
}

// A file has the newest rows, and not more of them than allowed.
func TestExportIsBounded(t *testing.T) {
	s := newSite(t)
	s.pages.exportMax = iot.PageMax
	p := s.signUp("13800000000")
	project, err := s.store.Tenant(p.account, "test").CreateProject("demo", "")
	if err != nil {
		t.Fatal(err)
	}
	for i := range iot.PageMax + 1 {
		s.ask("860000000000017", project.Key, fmt.Sprint("row", i), "1.1.1")
	}
	_, body := p.get("/log/export")
	if n := strings.Count(body, "\n"); n != 1+iot.PageMax || strings.Contains(body, ",row0,") || !strings.Contains(body, fmt.Sprintf(",row%d,", iot.PageMax)) {
		t.Errorf("%d lines of %d rows", n, iot.PageMax+1)
	}
}

func TestPlainCell(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "fotademo": "fotademo", "1.1.1": "1.1.1", "a=b": "a=b", "=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)",
		"\t=1": "'\t=1", "\r=1": "'\r=1", "\n=1": "'\n=1", "＝1": "'＝1", "＋1": "'＋1", "－1": "'－1", "＠x": "'＠x", "\xff": "\xff", "固件": "固件",
	} {
		if got := plainCell(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

// Days are those of the server's clock, whatever their length, and pages say
// which clock that is.
func TestDays(t *testing.T) {
	was := time.Local
	defer func() { time.Local = was }()
	for _, zone := range []struct{ name, day, from, to string }{
		{"UTC", "2026-03-29", "2026-03-29T00:00:00Z", "2026-03-30T00:00:00Z"},
		{"Asia/Shanghai", "2026-03-29", "2026-03-28T16:00:00Z", "2026-03-29T16:00:00Z"},
		{"Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"}, // 23 hours
		{"Europe/Berlin", "2026-10-25", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"}, // 25 hours
		{"America/St_Johns", "2026-12-31", "2026-12-31T03:30:00Z", "2027-01-01T03:30:00Z"},
	} {
		var err error
		if time.Local, err = time.LoadLocation(zone.name); err != nil {
			t.Fatal(err)
		}
		c := &ctx{r: httptest.NewRequest("GET", "/log?date="+zone.day, nil)}
		f, err := c.logFilter()
		if from, to := f.From.UTC().Format(time.RFC3339), f.To.UTC().Format(time.RFC3339); err != nil || from != zone.from || to != zone.to {
			t.Errorf("%s in %s is %s to %s, want %s to %s; %v", zone.day, zone.name, from, to, zone.from, zone.to, err)
		}
	}
	time.Local = time.FixedZone("", 8*3600)
	var b strings.Builder
	at := time.Date(2026, 1, 31, 23, 0, 0, 0, time.UTC)
	if err := must(loadViews()).fragments["en"].ExecuteTemplate(&b, "moment", at); err != nil {
		t.Fatal(err)
	}
	if want := `<time datetime="2026-01-31T23:00:00Z" title="UTC+08:00">2026-02-01 07:00:00</time>`; html.UnescapeString(b.String()) != want {
		t.Errorf("%s, want %s", b.String(), want)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
