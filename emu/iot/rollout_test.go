package iot

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"airlift/emu/link"
)

func TestSettle(t *testing.T) {
	for _, tc := range []struct {
		from, to, now string
		whole         bool
		want          Outcome
	}{
		{"1.0.0", "1.0.1", "1.0.1", true, OutcomeNew},
		{"1.0.0", "1.0.1", "1.000.001", false, OutcomeNew}, // the end of the download was not seen
		{"1.0.0", "1.0.1", "1.0.0", true, OutcomeOld},
		{"1.0.0", "1.0.1", "1.0.0", false, OutcomeInterrupted},
		{"1.0.0", "1.0.1", "1.0.2", true, OutcomeNew},
		{"1.0.0", "1.0.1", "0.9.9", true, OutcomeOld},
		{"1.0.1", "1.0.0", "1.0.0", true, OutcomeNew}, // a roll-back
		{"1.0.1", "1.0.0", "1.0.1", true, OutcomeOld},
		{"x", "1.0.0", "x", true, OutcomeOld},
		{"x", "1.0.0", "", false, OutcomeInterrupted},
	} {
		v := Delivery{From: tc.from, To: tc.to, Whole: tc.whole}
		if got := v.Settle(Release{Version: tc.now}); got != tc.want {
			t.Errorf("%+v: %s", tc, got)
		}
	}
	v := Delivery{From: "0.0.0", FromCore: "0.0.1016", To: "0.0.0", ToCore: "0.0.1018", Whole: true}
	for core, want := range map[string]Outcome{"1018": OutcomeNew, "0.0.1016": OutcomeOld} {
		if got := v.Settle(Release{"0.0.0", core}); got != want {
			t.Errorf("core %s: %s", core, got)
		}
	}
}

func TestRolloutGroups(t *testing.T) {
	r := must[Rollout](t)(RolloutDraft{Name: "r", Firmware: 1, Groups: []Group{{Devices: []string{"canary"}}, {Percent: 10}, {Percent: 50}, {Percent: 100}}}.New(1, 1, noon))
	count := make([]int, 4)
	const n = 10_000
	for i := range n {
		g := r.GroupOf(fmt.Sprint("86000000", i))
		if g < 0 {
			t.Fatal("100 percent cover everybody")
		}
		count[g]++
	}
	for g, want := range []int{0, n / 10, n * 4 / 10, n / 2} {
		if diff := count[g] - want; diff < -n/50 || diff > n/50 {
			t.Errorf("group %d has %d of %d, want about %d", g, count[g], n, want)
		}
	}
	if g := r.GroupOf("CANARY"); g != 0 {
		t.Errorf("listed device in group %d", g)
	}
}

func TestRolloutDrafts(t *testing.T) {
	for name, d := range map[string]RolloutDraft{
		"no name":        {Groups: []Group{{Percent: 1}}},
		"no group":       {Name: "r"},
		"falls":          {Name: "r", Groups: []Group{{Percent: 10}, {Percent: 5}}},
		"over 100":       {Name: "r", Groups: []Group{{Percent: 101}}},
		"below 0":        {Name: "r", Groups: []Group{{Percent: -1}}},
		"error percent":  {Name: "r", Groups: []Group{{Percent: 1}}, ErrorPercent: 101},
		"silent":         {Name: "r", Groups: []Group{{Percent: 1}}, SilentAfterS: -1},
		"min outcomes":   {Name: "r", Groups: []Group{{Percent: 1}}, MinOutcomes: -1},
		"empty identity": {Name: "r", Groups: []Group{{Devices: []string{""}}}},
	} {
		if _, err := d.New(1, 1, noon); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// TestRolloutStopsItself sends a package that does not take to a tenth of the
// devices, which stops the roll-out, and another time one that takes, which
// goes on to everybody.
func TestRolloutStopsItself(t *testing.T) {
	for _, good := range []bool{false, true} {
		w := newWorld(t)
		old := w.add(Firmware{Name: "f", Version: "1.0.0", Allow: true, All: true})
		f := w.add(Firmware{Name: "f", Version: "1.0.1", Allow: true, All: true})
		r := must[Rollout](t)(w.mem.AddRollout(w.a1.ID, RolloutDraft{
			Name: "r", Firmware: f.ID, Groups: []Group{{Percent: 20}, {Percent: 100}}, AdvancePercent: 90, ErrorPercent: 50, MinOutcomes: 3,
		}, w.now))
		act := func(a RolloutAction) {
			t.Helper()
			w.now = w.now.Add(time.Second)
			if err := w.mem.ActRollout(r.ID, a, w.now); err != nil {
				t.Fatal(err)
			}
		}
		ask := func(i int, version string) Reason {
			w.now = w.now.Add(time.Second)
			resp, d := w.ask(q(fmt.Sprint("86", i), keyA1, "f", version))
			if resp.Done != nil {
				resp.Done(link.Outcome{Whole: true, Time: w.now})
			}
			return d.Reason
		}
		const n = 50
		if got := ask(0, "1.0.0"); got != UpToDate { // there is an older firmware for everybody
			t.Fatalf("not started: %s", got)
		}
		act(RolloutAction{Action: "start"})
		var first []int
		for i := range n {
			switch got := ask(i, "1.0.0"); got {
			case Deliver:
				first = append(first, i)
			case UpToDate:
			default:
				t.Fatalf("device %d: %s", i, got)
			}
		}
		if len(first) < 3 || len(first) > n/2 {
			t.Fatalf("%d of %d devices are in the first group", len(first), n)
		}
		version := map[bool]string{false: "1.0.0", true: "1.0.1"}[good]
		for _, i := range first {
			ask(i, version)
		}
		now, _ := w.mem.Rollout(f.ID)
		if good {
			if now.State != RolloutRunning || now.Released != 2 {
				t.Fatalf("%s, %d released: %s", now.State, now.Released, now.Why)
			}
			// What has it is sent back by a roll-back, and stays there.
			act(RolloutAction{Action: "rollback", RollbackTo: old.ID})
			if got := ask(first[0], "1.0.1"); got != Deliver {
				t.Fatalf("roll-back: %s", got)
			}
			if d, _ := w.mem.Device(fmt.Sprint("86", first[0])); d.Deliveries[len(d.Deliveries)-1].Firmware != old.ID {
				t.Errorf("roll-back sent %+v", d.Deliveries)
			}
			if got := ask(first[0], "1.0.0"); got != UpToDate {
				t.Errorf("after the roll-back: %s", got)
			}
			continue
		}
		if now.State != RolloutStopped || now.Released != 1 || !strings.Contains(now.Why, "failed, the limit is 50 %") {
			t.Fatalf("%s, %d released: %s", now.State, now.Released, now.Why)
		}
		if got := ask(first[0], "1.0.0"); got != UpToDate {
			t.Errorf("stopped: %s", got)
		}
		if err := w.mem.ActRollout(r.ID, RolloutAction{Action: "advance"}, w.now); err == nil {
			t.Error("a stopped roll-out was advanced")
		}
		act(RolloutAction{Action: "resume"})
		if got := ask(first[0], "1.0.0"); got != Deliver {
			t.Errorf("resumed: %s", got)
		}
	}
}
