package trace

import (
	"testing"
	"time"

	"airlift/chips"
	"airlift/flash"
)

// Everything that an event says is in the hash, and so is where one field ends
// and the next begins.
func TestHashSeesEverything(t *testing.T) {
	base := Event{Time: 5, Boot: 1, Kind: Step, Text: "ab", Step: chips.Step{Stage: "s", Kind: chips.KindDo, Text: "t", Level: "I", Tag: "g"}}
	seen := map[string]string{}
	check := func(name string, r *Recorder) {
		t.Helper()
		sum := r.Sum()
		if other, ok := seen[sum]; ok || sum == "" {
			t.Errorf("%s has the hash %q of %s", name, sum, other)
		}
		seen[sum] = name
	}
	one := func(name string, change func(e *Event)) {
		t.Helper()
		r, e := New(), base
		change(&e)
		r.Add(&e)
		check(name, r)
	}
	check("nothing", New())
	one("base", func(*Event) {})
	one("time", func(e *Event) { e.Time += time.Nanosecond })
	one("boot", func(e *Event) { e.Boot++ })
	one("kind", func(e *Event) { e.Kind = Log })
	one("text", func(e *Event) { e.Text = "a" })
	one("border", func(e *Event) { e.Text, e.Step.Stage = "a", "bs" })
	one("stage", func(e *Event) { e.Step.Stage = "x" })
	one("step kind", func(e *Event) { e.Step.Kind = chips.KindRead })
	one("step text", func(e *Event) { e.Step.Text = "x" })
	one("level", func(e *Event) { e.Step.Level = "E" })
	one("tag", func(e *Event) { e.Step.Tag = "x" })
	twice := New()
	twice.Add(&base)
	twice.Add(&base)
	check("twice", twice)
	mixed := New()
	mixed.Mix("a", []byte("bc"))
	check("mix", mixed)
	mixed = New()
	mixed.Mix("ab", []byte("c"))
	check("mix with another border", mixed)
}

func TestFlashOps(t *testing.T) {
	sums := map[string]bool{}
	for _, op := range []flash.Op{
		{Kind: flash.OpErase, Off: 4096, Len: 4096},
		{Kind: flash.OpErase, Off: 8192, Len: 4096},
		{Kind: flash.OpProgram, Off: 4096, Len: 4096},
		{Kind: flash.OpProgram, Off: 4096, Len: 1, Data: []byte{1}},
		{Kind: flash.OpProgram, Off: 4096, Len: 1, Data: []byte{2}},
		{Seq: 1, Kind: flash.OpProgram, Off: 4096, Len: 1, Data: []byte{2}},
	} {
		r := New()
		r.FlashOp(7, 2, &op)
		if sums[r.Sum()] || r.Events() != 1 || r.FlashOps() != 1 {
			t.Errorf("%+v: %d events, %d operations, hash %s", op, r.Events(), r.FlashOps(), r.Sum())
		}
		sums[r.Sum()] = true
	}
}

func TestSinksAndNoHash(t *testing.T) {
	r := New()
	var got []string
	for _, name := range []string{"a", "b"} {
		r.Sink(func(e *Event) { got = append(got, name+e.Text) })
	}
	r.Add(&Event{Kind: Log, Text: "1"})
	r.NoHash()
	r.Add(&Event{Kind: Log, Text: "2"})
	if want := []string{"a1", "b1", "a2", "b2"}; len(got) != 4 || got[0] != want[0] || got[1] != want[1] || got[3] != want[3] {
		t.Errorf("sinks saw %v", got)
	}
	if r.Sum() != "" {
		t.Errorf("hash %s of a run that cannot be repeated", r.Sum())
	}
}
