package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"airlift/emu/iot"
)

// fill adds rows to the log whose times go back and forth a little, as those of
// requests that wait for each other do.
func (w *world) fill(n int, reasons []iot.Reason, projects ...iot.ProjectInfo) {
	w.t.Helper()
	err := w.s.do(func(t *tx) error {
		for i := range n {
			at := w.clock.now().Add(time.Duration(i)*time.Minute - time.Duration(i%7)*90*time.Second)
			l := iot.LogEntry{Time: at, Project: projects[i%len(projects)].ID, Identity: fmt.Sprint("dev", i%11), Reason: reasons[i*i%len(reasons)], Steps: []iot.Step{{N: 1, Rule: "x"}}}
			if err := t.log(iot.Effects{Log: &l}, iot.Device{}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestLogInBlocks checks that pages of the log are those of a plain query, for
// all filters, also after old rows were dropped.
func TestLogInBlocks(t *testing.T) {
	const rows = 4*logBlock + 300
	reasons := []iot.Reason{iot.Deliver, iot.UpToDate, iot.UpToDate, iot.UnknownFirmware, iot.LoopBan}
	w := newWorld(t, func(o *Options) { o.LogRows = 2*logBlock + 500 })
	second := must[iot.ProjectInfo](t)(w.a.CreateProject("second", ""))
	w.fill(rows, reasons, w.pa, w.pb, second)
	for i := range 5 { // among them are some of nobody's devices
		w.ask("", w.pa.Key, "f", fmt.Sprint("1.0.", i))
	}
	plain := func(f iot.LogFilter) []int64 {
		t.Helper()
		where, args := logClauses(f)
		list := must[[]iot.LogEntry](t)(many(w.s, scanLog, "select "+logColumns+" from log l where l.account = ?"+where+" order by l.id desc", append([]any{w.a.(*tenant).id}, args...)...))
		list = merge(list, must[[]stray](t)(w.s.strays(w.a.(*tenant).id, f)))
		var ids []int64
		for _, l := range list {
			ids = append(ids, l.ID)
		}
		return ids
	}
	check := func(rt *rapid.T) {
		moment := func(name string) time.Time {
			if rapid.Bool().Draw(rt, name+" open") {
				return time.Time{}
			}
			return w.clock.now().Add(time.Duration(rapid.IntRange(-10, rows+10).Draw(rt, name)) * time.Minute)
		}
		f := iot.LogFilter{
			Project: rapid.SampledFrom([]int64{0, w.pa.ID, second.ID, w.pb.ID, 99}).Draw(rt, "project"),
			Reason:  rapid.SampledFrom([]iot.Reason{"", iot.Deliver, iot.UpToDate, iot.NoIdentity, "none"}).Draw(rt, "reason"),
			From:    moment("from"), To: moment("to"),
		}
		p := iot.Page{Offset: rapid.IntRange(0, rows/2).Draw(rt, "offset"), Limit: rapid.IntRange(1, iot.PageMax).Draw(rt, "limit")}
		want := plain(f)
		l, err := w.a.Log(f, p)
		var got []int64
		for _, e := range l.Items {
			got = append(got, e.ID)
		}
		from := min(p.Offset, len(want))
		if err != nil || l.Total != len(want) || !slices.Equal(got, want[from:min(from+p.Limit, len(want))]) {
			rt.Fatalf("%+v %+v: %d rows of %d: %d, want %d of %d; %v", f, p, len(got), l.Total, got[:min(len(got), 5)], len(want)-from, len(want), err)
		}
	}
	rapid.Check(t, check)
	if err := w.s.Sweep(); err != nil {
		t.Fatal(err)
	}
	if n := must[int](t)(one(w.s, scanInt, "select count(*) from log")); n != 2*logBlock+500 {
		t.Fatalf("%d rows are left", n)
	}
	rapid.Check(t, check)
	if n := must[int](t)(one(w.s, scanInt, "select count(distinct block) from log_blocks")); n > 3 {
		t.Errorf("%d blocks are kept", n)
	}
}

// TestLogIsNotScanned checks that what the page of the log asks for is found by
// an index, within the ids of a block or two.
func TestLogIsNotScanned(t *testing.T) {
	w := newWorld(t)
	where, args := logClauses(iot.LogFilter{Project: 1, Reason: iot.Deliver, From: noon, To: noon.Add(time.Hour)})
	for query, args := range map[string][]any{
		"select " + logColumns + " " + fromSpan + where + " order by l.id desc limit 25": append([]any{1, 1024, 2048}, args...),
		"select count(*) " + fromSpan + where:                                            append([]any{1, 1024, 2048}, args...),
	} {
		plan := must[[]string](t)(many(w.s, func(r scanner) (line string, err error) {
			var a, b, c int
			return line, r.Scan(&a, &b, &c, &line)
		}, "explain query plan "+query, args...))
		if len(plan) != 1 || !strings.Contains(plan[0], "INDEX log_account (account=? AND id>? AND id<?)") && !strings.Contains(plan[0], "INDEX log_account (account=? AND rowid>? AND rowid<?)") {
			t.Errorf("%s: %q", query, plan)
		}
	}
}
